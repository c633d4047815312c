//! The BLOB of the FIDO Metadata Service: what the FIDO Alliance says of authenticator models, as rows of a catalogue are made of.
//!
//! It is an endorsement and no evidence: it says nothing about any key. The BLOB is a JWS whose certificates must lead to the service's
//! root, which the caller names. A BLOB past its `nextUpdate` is stale and refused. What it says of a model, it says of the model's
//! AAGUID; entries for U2F and UAF, which have none, are left out.
//!
//! Source: FIDO Metadata Service 3.0, section 3.1 (BLOB), 3.2 (processing); FIDO Metadata Statement 3.0 (keyProtection).
use crate::jose::{Jws, payload_of};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkic_facts::anchors::AnchorSet;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Strength;
use pkic_facts::path::{PathInput, PathProfile, verify_path};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{Evidence, TrustedKey, Verified, mint};
use pkic_vocab::time::parse_date;
use serde_json::Value;

const WHAT: &str = "FIDO metadata BLOB";
/// Bytes of a BLOB: that of 2026 has some 8 MB.
pub const BLOB_LEN_BYTES_MAX: usize = 64 << 20;
/// Certificates in `x5c`: the service sends two.
const CHAIN_LEN_MAX: usize = 5;

const PROFILE: PathProfile =
    PathProfile { critical_known: &["2.5.29.32"], ..PathProfile::strict("fido-mds", CHAIN_LEN_MAX) };

/// A BLOB.
#[derive(Debug)]
pub struct Blob {
    /// `no`: higher with each edition.
    pub number: u64,
    /// `nextUpdate`: the moment from which on it is stale, in seconds since 1970-01-01T00:00:00Z.
    pub next_update: i64,
    /// What it says of FIDO2 authenticators.
    pub models: Vec<Model>,
}

/// What a BLOB says of one model.
#[derive(Debug)]
pub struct Model {
    /// Its AAGUID, 8-4-4-4-12 digits.
    pub aaguid: String,
    /// Its name.
    pub description: String,
    /// `keyProtection`: `software`, `hardware`, `tee`, `secure_element`, `remote_handle`.
    pub key_protection: Vec<String>,
    /// `attachmentHint`, such as `internal` or `external`.
    pub attachment: Vec<String>,
    /// `timeOfLastStatusChange`, the beginning of that day.
    pub changed: i64,
    /// `statusReports`.
    pub reports: Vec<StatusReport>,
}

/// A status that a model has or had.
#[derive(Debug)]
pub struct StatusReport {
    /// Such as `REVOKED` or `FIDO_CERTIFIED_L1`.
    pub status: String,
    /// `certificateNumber`, where the status is a certification.
    pub certificate: Option<String>,
}

/// Checks a BLOB against the service's root, at a moment in seconds since 1970-01-01T00:00:00Z.
///
/// # Errors
/// [`Reject::TooLarge`]; [`Reject::Malformed`] and [`Reject::FieldMissing`] for what is no BLOB; the errors of [`verify_path`]
/// and [`mint`]; [`Reject::Stale`] past `nextUpdate`.
pub fn open(bytes: &[u8], anchors: &AnchorSet, now: i64) -> Result<Verified<Blob>, Reject> {
    if bytes.len() > BLOB_LEN_BYTES_MAX {
        return Err(Reject::TooLarge { what: WHAT, size: bytes.len(), limit: BLOB_LEN_BYTES_MAX });
    }
    let jws = Jws::read(WHAT, bytes)?;
    let chain = certificates(jws.header())?;
    let (leaf, carried) = chain.split_first().ok_or(Reject::FieldMissing { field: "x5c" })?;
    let evidence = Evidence::new(WHAT, &[leaf.raw()])?;
    let (evidence, profile) = (&evidence, &PROFILE);
    let path = verify_path(&PathInput { evidence, leaf, carried, anchors, profile, now })?;
    let blob = mint(jws.signed(), &TrustedKey::of_path(&path), Strength::Current, Blob::read)?;
    match blob.value().next_update {
        stale_after if now > stale_after => Err(Reject::Stale { stale_after, now }),
        _ => Ok(blob),
    }
}

fn certificates(header: &Value) -> Result<Vec<Certificate>, Reject> {
    let malformed = || Reject::Malformed { what: "x5c" };
    let chain = header.get("x5c").and_then(Value::as_array).ok_or(Reject::FieldMissing { field: "x5c" })?;
    if chain.len() > CHAIN_LEN_MAX {
        return Err(Reject::TooLarge { what: "x5c", size: chain.len(), limit: CHAIN_LEN_MAX });
    }
    let certificate = |item: &Value| {
        let der = STANDARD.decode(item.as_str().ok_or_else(malformed)?).map_err(|_| malformed())?;
        Certificate::from_der(&der)
    };
    chain.iter().map(certificate).collect()
}

impl Blob {
    fn read(message: &[u8]) -> Result<Self, Reject> {
        let payload = payload_of(WHAT, message)?;
        let json: Value = serde_json::from_slice(&payload).map_err(|_| Reject::Malformed { what: WHAT })?;
        let number = json.get("no").and_then(Value::as_u64).ok_or(Reject::FieldMissing { field: "no" })?;
        let entries = json.get("entries").and_then(Value::as_array);
        let entries = entries.ok_or(Reject::FieldMissing { field: "entries" })?;
        let models = entries.iter().filter_map(|entry| Some((entry.get("aaguid")?.as_str()?, entry)));
        let models = models.map(|(aaguid, entry)| Model::read(aaguid, entry)).collect::<Result<_, _>>()?;
        Ok(Self { number, next_update: date("nextUpdate", &json)?, models })
    }
}

impl Model {
    fn read(aaguid: &str, entry: &Value) -> Result<Self, Reject> {
        let is_aaguid = aaguid.len() == 36
            && aaguid.split('-').map(str::len).eq([8, 4, 4, 4, 12])
            && aaguid.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
        if !is_aaguid {
            let (expected, found) = (Operand::Word("8-4-4-4-12 digits"), Operand::text(aaguid));
            return Err(Reject::FieldMismatch { field: "aaguid", expected, found });
        }
        let statement = entry.get("metadataStatement");
        let texts = |name: &str| {
            let list = statement.and_then(|statement| statement.get(name)?.as_array());
            list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let description = statement.and_then(|statement| statement.get("description")?.as_str());
        let reports = entry.get("statusReports").and_then(Value::as_array);
        let reports = reports.ok_or(Reject::FieldMissing { field: "statusReports" })?;
        Ok(Self {
            aaguid: aaguid.to_ascii_lowercase(),
            description: description.unwrap_or(aaguid).to_owned(),
            key_protection: texts("keyProtection"),
            attachment: texts("attachmentHint"),
            changed: date("timeOfLastStatusChange", entry)?,
            reports: reports.iter().map(StatusReport::read).collect::<Result<_, _>>()?,
        })
    }
}

impl StatusReport {
    fn read(report: &Value) -> Result<Self, Reject> {
        let text = |name: &str| report.get(name).and_then(Value::as_str).map(str::to_owned);
        let status = text("status").ok_or(Reject::FieldMissing { field: "status" })?;
        Ok(Self { status, certificate: text("certificateNumber") })
    }
}

fn date(field: &'static str, of: &Value) -> Result<i64, Reject> {
    let text = of.get(field).and_then(Value::as_str).ok_or(Reject::FieldMissing { field })?;
    parse_date(text).ok_or(Reject::Malformed { what: field })
}
