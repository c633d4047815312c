//! What an attester signed: the elements of a TbsEvidence and their claims.
use super::oids::{self, CLAIMS, ClaimType, ID_EVIDENCE};
use pkic_facts::der::{self, Element};
use pkic_facts::facts::{Carried, Emission, Statement};
use pkic_facts::reject::Reject;
use pkic_vocab::Value;
use pkic_vocab::words::Words;

/// Elements of one token: a token reports keys one by one as a presenter asks for them; the samples have four.
const ELEMENTS_MAX: usize = 128;
/// Claims of one element: the draft defines fourteen for a platform.
const CLAIMS_MAX: usize = 64;
const WHAT: &str = "TbsEvidence";

/// A token: one attester, what was asked of it, and the keys that it reports on.
#[derive(Debug, Clone, Default)]
pub(super) struct Token {
    transaction: Transaction,
    platform: Platform,
    keys: Vec<Key>,
}

#[derive(Debug, Clone, Default)]
struct Transaction {
    nonce: Option<Vec<u8>>,
    has_timestamp: bool,
    ak_spkis: Vec<Vec<u8>>,
}

#[derive(Debug, Clone, Default)]
struct Platform {
    vendor: Option<String>,
    model: Option<String>,
    serial: Option<String>,
    firmware: Option<String>,
    is_debug_enabled: Option<bool>,
    is_fips_mode: Option<bool>,
}

#[derive(Debug, Clone, Default)]
struct Key {
    identifiers: Vec<String>,
    spki: Vec<u8>,
    is_extractable: Option<bool>,
    is_sensitive: Option<bool>,
    was_never_extractable: Option<bool>,
    is_local: Option<bool>,
}

impl Token {
    /// Whether these bytes begin like a TbsEvidence: an element type of the draft is among its elements.
    pub(super) fn is_present(tbs: &[u8]) -> bool {
        let is_known = |element: &Element<'_>| {
            let arcs = element_type(element).map(|(arcs, _)| arcs);
            matches!(arcs, Ok(Some([0, 0..=2])))
        };
        elements(tbs).is_ok_and(|(_, elements)| elements.iter().any(is_known))
    }

    /// Reads a TbsEvidence. Elements and claims of other types say nothing to us.
    pub(super) fn decode(tbs: &[u8]) -> Result<Self, Reject> {
        let mut token = Self::default();
        let (found, elements) = elements(tbs)?;
        if found != 1 {
            return Err(Reject::VersionUnsupported { supported: 1, found });
        }
        let (mut transactions, mut platforms) = (0usize, 0usize);
        for element in elements {
            let (arcs, claims) = element_type(&element)?;
            let Some(arcs) = arcs else { continue };
            if arcs == oids::TRANSACTION {
                token.transaction = Transaction::read(&Claims::read(claims)?)?;
                transactions = transactions.saturating_add(1);
            } else if arcs == oids::PLATFORM {
                token.platform = Platform::read(&Claims::read(claims)?)?;
                platforms = platforms.saturating_add(1);
            } else if arcs == oids::KEY {
                token.keys.push(Key::read(&Claims::read(claims)?)?);
            }
        }
        let repeated = [(transactions, "transaction element"), (platforms, "platform element")];
        if let Some((_, field)) = repeated.into_iter().find(|(count, _)| *count > 1) {
            return Err(Reject::FieldRepeated { field });
        }
        let mut identifiers: Vec<&String> = token.keys.iter().flat_map(|key| &key.identifiers).collect();
        identifiers.sort();
        match identifiers.array_windows().any(|[one, next]| one == next) {
            true => Err(Reject::FieldRepeated { field: "key-identifier" }),
            false => Ok(token),
        }
    }

    /// The keys that the attester says it signs with; none where it does not say.
    pub(super) fn ak_spkis(&self) -> &[Vec<u8>] {
        &self.transaction.ak_spkis
    }

    /// How many keys are reported on.
    pub(super) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// What the token says of its first key, or of the platform alone where there is none.
    #[expect(clippy::unnecessary_wraps, reason = "the mint's signature")]
    pub(super) fn first(&self) -> Result<Said, Reject> {
        let (transaction, platform) = (self.transaction.clone(), self.platform.clone());
        Ok(Said { transaction, platform, key: self.keys.first().cloned().unwrap_or_default() })
    }

    /// The token without its first key.
    #[expect(clippy::unnecessary_wraps, reason = "the mint's signature")]
    pub(super) fn others(&self) -> Result<Self, Reject> {
        Ok(Self { keys: self.keys.iter().skip(1).cloned().collect(), ..self.clone() })
    }
}

/// The version, and the elements.
fn elements(tbs: &[u8]) -> Result<(u64, Vec<Element<'_>>), Reject> {
    let (version, elements) = der::expect(WHAT, der::INTEGER, der::only(WHAT, der::SEQUENCE, tbs)?)?;
    let version =
        u64::try_from(der::integer(WHAT, version)?).map_err(|_| Reject::Malformed { what: WHAT })?;
    Ok((version, der::elements(WHAT, der::only(WHAT, der::SEQUENCE, elements)?, ELEMENTS_MAX)?))
}

/// The arcs of an element's type below `id-evidence`, if it is there, and the content of its claims.
fn element_type<'a>(element: &Element<'a>) -> Result<(Option<&'a [u8]>, &'a [u8]), Reject> {
    let body = der::only(WHAT, der::SEQUENCE, element.raw)?;
    let (oid, claims) = der::expect(WHAT, der::OBJECT_IDENTIFIER, body)?;
    Ok((oid.strip_prefix(ID_EVIDENCE), der::only(WHAT, der::SEQUENCE, claims)?))
}

/// The known claims of one element, each in the form that the draft prescribes.
struct Claims<'a>(Vec<(ClaimType, &'a [u8])>);

impl<'a> Claims<'a> {
    fn read(content: &'a [u8]) -> Result<Self, Reject> {
        let what = "ReportedClaim";
        let mut found: Vec<(ClaimType, &[u8])> = Vec::new();
        for claim in der::elements(what, content, CLAIMS_MAX)? {
            let body = der::only(what, der::SEQUENCE, claim.raw)?;
            let (oid, value) = der::expect(what, der::OBJECT_IDENTIFIER, body)?;
            let arcs = oid.strip_prefix(ID_EVIDENCE);
            let Some(kind) = CLAIMS.iter().find(|kind| arcs == Some(&kind.arcs)) else { continue };
            if !kind.is_repeatable && found.iter().any(|(seen, _)| seen == kind) {
                return Err(Reject::FieldRepeated { field: kind.name });
            }
            if value.is_empty() {
                return Err(Reject::FieldMissing { field: kind.name });
            }
            found.push((*kind, der::only(kind.name, kind.tag, value)?));
        }
        Ok(Self(found))
    }

    fn all(&self, kind: ClaimType) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(found, _)| *found == kind).map(|(_, value)| *value)
    }

    fn get(&self, kind: ClaimType) -> Option<&'a [u8]> {
        self.all(kind).next()
    }

    fn text(&self, kind: ClaimType) -> Result<Option<String>, Reject> {
        let malformed = Reject::Malformed { what: kind.name };
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).map_err(|_| malformed);
        self.get(kind).map(text).transpose()
    }

    fn flag(&self, kind: ClaimType) -> Result<Option<bool>, Reject> {
        match self.get(kind) {
            None => Ok(None),
            Some([0x00]) => Ok(Some(false)),
            Some([0xff]) => Ok(Some(true)),
            Some(_) => Err(Reject::Malformed { what: kind.name }),
        }
    }
}

impl Transaction {
    #[expect(clippy::unnecessary_wraps, reason = "like its siblings")]
    fn read(claims: &Claims<'_>) -> Result<Self, Reject> {
        Ok(Self {
            nonce: claims.get(oids::NONCE).map(<[u8]>::to_vec),
            has_timestamp: claims.get(oids::TIMESTAMP).is_some(),
            ak_spkis: claims.all(oids::AK_SPKI).map(<[u8]>::to_vec).collect(),
        })
    }
}

impl Platform {
    /// `fipslevel` and its siblings are the attester's own words on a certification: they are left out.
    fn read(claims: &Claims<'_>) -> Result<Self, Reject> {
        let status = |value| der::integer(oids::DEBUGSTAT.name, value);
        let status = claims.get(oids::DEBUGSTAT).map(status).transpose()?;
        Ok(Self {
            vendor: claims.text(oids::VENDOR)?,
            model: claims.get(oids::HWMODEL).and_then(printable),
            serial: claims.text(oids::HWSERIAL)?,
            firmware: claims.text(oids::SWVERSION)?,
            is_debug_enabled: status.filter(|status| (0..=4).contains(status)).map(|status| status == 0),
            is_fips_mode: claims.flag(oids::FIPSBOOT)?,
        })
    }

    fn emit(&self, to: &mut Emission) {
        let texts = [
            ("module.manufacturer", &self.vendor),
            ("module.model", &self.model),
            ("module.serial", &self.serial),
            ("module.firmware", &self.firmware),
        ];
        for (path, text) in texts {
            if let Some(text) = text {
                to.statement(path, Value::Text(text.clone()));
            }
        }
        if let Some(is_enabled) = self.is_debug_enabled {
            to.statement("platform.debug", Value::Bool(is_enabled));
        }
        if let Some(is_fips) = self.is_fips_mode {
            let mode = if is_fips { "fips" } else { "non-fips" };
            to.statement_word("module.mode", Words::ModuleMode, mode);
        }
    }
}

/// A model is bytes, of which vendors make text. Others have no spelling that a catalogue could name.
fn printable(bytes: &[u8]) -> Option<String> {
    let is_text = !bytes.is_empty() && bytes.iter().all(|byte| (0x20..0x7f).contains(byte));
    is_text.then(|| String::from_utf8_lossy(bytes).into_owned())
}

impl Key {
    fn read(claims: &Claims<'_>) -> Result<Self, Reject> {
        let malformed = |_| Reject::Malformed { what: oids::IDENTIFIER.name };
        let identifiers = claims.all(oids::IDENTIFIER).map(|value| String::from_utf8(value.to_vec()));
        let identifiers: Vec<String> = identifiers.collect::<Result<_, _>>().map_err(malformed)?;
        if identifiers.is_empty() {
            return Err(Reject::FieldMissing { field: oids::IDENTIFIER.name });
        }
        Ok(Self {
            identifiers,
            spki: claims.get(oids::SPKI).unwrap_or_default().to_vec(),
            is_extractable: claims.flag(oids::EXTRACTABLE)?,
            is_sensitive: claims.flag(oids::SENSITIVE)?,
            was_never_extractable: claims.flag(oids::NEVER_EXTRACTABLE)?,
            is_local: claims.flag(oids::LOCAL)?,
        })
    }

    /// In which form the key may leave. One that cannot leave now, and is not said never to have been able to, may
    /// have left before: unknown.
    fn export(&self) -> Option<&'static str> {
        match (self.is_extractable?, self.was_never_extractable, self.is_sensitive) {
            (false, Some(true), _) => Some("never"),
            (true, Some(false) | None, Some(true)) => Some("wrapped"),
            (true, Some(false) | None, Some(false)) => Some("plain"),
            _ => None,
        }
    }
}

/// What a token says of one of its keys, and of the platform that holds it.
#[derive(Debug, Clone)]
pub(super) struct Said {
    transaction: Transaction,
    platform: Platform,
    key: Key,
}

impl Said {
    /// A token that reports on no key is about the platform, of which only the attestation key is known.
    #[expect(clippy::unnecessary_wraps, clippy::ptr_arg, reason = "the mint's signature")]
    pub(super) fn of_platform(&self, signer: &Vec<u8>) -> Result<Self, Reject> {
        Ok(Self { key: Key { spki: signer.clone(), ..Key::default() }, ..self.clone() })
    }
}

impl Statement for Said {
    const FORMAT: &'static str = super::NAME;

    fn attested_key(&self) -> &[u8] {
        &self.key.spki
    }

    fn freshness(&self) -> Carried<'_> {
        match &self.transaction.nonce {
            Some(nonce) => Carried::Nonce(nonce),
            None if self.transaction.has_timestamp => Carried::Time,
            None => Carried::Nothing,
        }
    }

    fn emit(&self, to: &mut Emission) {
        self.platform.emit(to);
        if let Some(export) = self.key.export() {
            to.statement_word("key.export", Words::Export, export);
        }
        // A key that was not made here was imported in some form, or derived: which of them is not said.
        if self.key.is_local == Some(true) {
            to.statement_word("key.origin", Words::Origin, "generated");
        }
    }
}
