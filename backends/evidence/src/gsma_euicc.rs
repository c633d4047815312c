//! GSMA eUICC certificates: an eUICC manufacturer (EUM) certifies the key of an eUICC, under a GSMA certificate issuer (CI).
//!
//! The item is the certificates of the eUICC and of its EUM, each of which must have the role that SGP.22 gives it: a
//! policy identifier, critical. The eUICC's subject has its identifier, the EID. An EUM's name constraints limit it to its
//! own organization and to EIDs with its own prefix, and no certificate of another EUM's eUICC passes. By RFC 5280 they
//! would permit no eUICC at all, since its whole EID is not the prefix: SGP.22 has a meaning of its own for them.
//!
//! That the key lives in an eUICC is the practice of those whom the GSMA accredits. No field says how the key came to be or
//! that it may not leave; certified protection profiles and accredited sites ask for that, and no certificate shows it. An
//! eUICC signs profile downloads and no requests, so a request is seldom bound; there is no nonce and no time.
//!
//! The roles are those of version 2, which version 3 calls variant O; the longer chains of version 3 have roles of their
//! own and are not read.
//!
//! A test CI (SGP.26) has the same shape as a production one. Its keys are public: its purpose must be `test`, or better
//! it is not listed. Brainpool keys are not verified.
//!
//! No sample from a device: the rules were held against the GSMA's test set of 2017 alone.
//! Source: GSMA SGP.22 v2.5, section 4.5.2.1 (certificate profiles).
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use crate::x509;
use pkic_facts::certificate::Tbs;
use pkic_facts::der;
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::path::PathProfile;
use pkic_facts::reject::{Operand, Reject};
use pkic_vocab::Value;
use pkic_vocab::words::Words;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "GSMA SGP.22",
    proves: "the key is an eUICC's, with its EID",
    leaves_open: "origin and export: accreditation asks for them",
    unsigned: "which certificate comes first",
    detect: is_present,
    appraise,
};

const NAME: &str = "gsma-euicc";

/// id-rspRole-euicc.
const EUICC_ROLE: &str = "2.23.146.1.2.1.1";
/// id-rspRole-eum.
const EUM_ROLE: &str = "2.23.146.1.2.1.2";

/// nameConstraints.
const NAME_CONSTRAINTS: &str = "2.5.29.30";
/// organizationName.
const ORGANIZATION: &str = "2.5.4.10";
/// serialNumber: the EID in the eUICC's subject, and the start of it in the EUM's name constraints.
const SERIAL: &str = "2.5.4.5";

/// Decimal digits of an EID.
const EID_LEN: usize = 32;
/// Permitted subtrees of an EUM: SGP.22 asks for one.
const SUBTREES_MAX: usize = 16;

/// The eUICC, its EUM, and a CI of the second level where there is one.
const PROFILE: PathProfile = PathProfile {
    critical_known: &[x509::CERTIFICATE_POLICIES, NAME_CONSTRAINTS],
    ..PathProfile::strict(NAME, 3)
};

fn is_present(input: &Input<'_>) -> bool {
    x509::has(input, is_euicc)
}

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let path = x509::path_of(input, x509::certificates(input)?, is_euicc, "eUICC certificate", &PROFILE)?;
    input.conclude(&path.decode_all(EuiccKey::decode)?)
}

fn is_euicc(tbs: &Tbs) -> bool {
    x509::policies(tbs).is_ok_and(|policies| policies.iter().any(|policy| policy == EUICC_ROLE))
}

/// The key of an eUICC.
#[derive(Debug)]
struct EuiccKey {
    spki: Vec<u8>,
    eid: String,
}

impl EuiccKey {
    fn decode(path: &[&Tbs]) -> Result<EuiccKey, Reject> {
        let [euicc, eum, ..] = path else { return Err(Reject::FieldMissing { field: "EUM certificate" }) };
        let roles = x509::policies(eum)?;
        if !roles.iter().any(|role| role == EUM_ROLE) {
            let found = roles.first().map_or(Operand::Absent, |role| Operand::Oid(role.clone()));
            return Err(Reject::FieldMismatch {
                field: "EUM role",
                expected: Operand::Word(EUM_ROLE),
                found,
            });
        }
        let eid =
            x509::attribute(euicc.subject(), SERIAL, "EID")?.ok_or(Reject::FieldMissing { field: "EID" })?;
        check_eid(&eid)?;
        let organization = x509::attribute(euicc.subject(), ORGANIZATION, "organizationName")?;
        if !permits(eum, organization.as_deref(), &eid)? {
            let (expected, found) = (Operand::Word("a name that the EUM may certify"), Operand::text(&eid));
            return Err(Reject::FieldMismatch { field: "EUM name constraints", expected, found });
        }
        Ok(EuiccKey { spki: euicc.spki().to_vec(), eid })
    }
}

/// 32 decimal digits whose last two make the whole 1 modulo 97 (SGP.02 section 2.2.2, ISO/IEC 7064).
fn check_eid(eid: &str) -> Result<(), Reject> {
    let is_decimal = eid.len() == EID_LEN && eid.bytes().all(|digit| digit.is_ascii_digit());
    let rest = eid.bytes().fold(0u32, |rest, digit| {
        rest.wrapping_mul(10).wrapping_add(u32::from(digit.wrapping_sub(b'0'))) % 97
    });
    if is_decimal && rest == 1 {
        return Ok(());
    }
    Err(Reject::FieldMismatch { field: "EID", expected: Operand::Word("an EID"), found: Operand::text(eid) })
}

/// Whether a permitted subtree of the EUM has this organization and the start of this EID. SGP.22 has an EUM without name
/// constraints refused.
fn permits(eum: &Tbs, organization: Option<&str>, eid: &str) -> Result<bool, Reject> {
    let what = "nameConstraints";
    let value = x509::extension(eum, NAME_CONSTRAINTS, "EUM name constraints")?;
    let fields = der::elements(what, der::only(what, der::SEQUENCE, value)?, 2)?;
    let permitted =
        fields.iter().find(|field| field.tag == 0xa0).ok_or(Reject::FieldMissing { field: what })?;
    for subtree in der::elements(what, permitted.content, SUBTREES_MAX)? {
        let (base, _) = der::read(what, subtree.content)?;
        // directoryName, explicit.
        if base.tag != 0xa4 {
            continue;
        }
        let of_eum = x509::attribute(base.content, ORGANIZATION, "organizationName")?;
        let start = x509::attribute(base.content, SERIAL, "EID prefix")?;
        let is_own = of_eum.is_some() && of_eum.as_deref() == organization;
        if is_own && start.is_some_and(|start| !start.is_empty() && eid.starts_with(&start)) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Statement for EuiccKey {
    const FORMAT: &'static str = NAME;

    fn attested_key(&self) -> &[u8] {
        &self.spki
    }

    fn freshness(&self) -> Carried<'_> {
        Carried::Nothing
    }

    fn emit(&self, to: &mut Emission) {
        to.practice_word("key.storage", Words::Storage, "se.euicc");
        to.statement("module.serial", Value::Text(self.eid.clone()));
    }
}
