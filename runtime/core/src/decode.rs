//! Certificate facts, from the exact bytes of a tbsCertificate (design D13, D14).
//!
//! The draft writes with one library and this module reads with another, so a mistake in either shows as a
//! difference and never as a certificate that nobody decided on.
use crate::extension::{self, Spelling};
use crate::name;
use crate::unfit::Unfit;
use pkic_facts::certificate::{Extension, Tbs};
use pkic_facts::der;
use pkic_vocab::names::Dn;
use pkic_vocab::time::FOREVER_DATE;
use pkic_vocab::{BasisSet, Fact, FactId, FactTable, Grade, Path, Value, limits};

/// The first second that a Time writes as GeneralizedTime: 2050-01-01T00:00:00Z (RFC 5280 section 4.1.2.5).
const GENERALIZED_FROM: i64 = 2_524_608_000;

/// Puts the facts of a tbsCertificate into a table, in place of what it holds of certificates, and closes it: a fact
/// that the bytes do not say is then known to be absent.
///
/// The issuer of a draft that has none yet stays unknown.
///
/// # Errors
/// [`Unfit`] for bytes that are no strict DER of version 3, and for any part that no fact can stand for.
pub fn certificate_facts(tbs: &[u8], table: &mut FactTable) -> Result<(), Unfit> {
    facts_of(&read_tbs(tbs)?, table)
}

/// Reads a tbsCertificate of strict DER.
pub(crate) fn read_tbs(tbs: &[u8]) -> Result<Tbs, Unfit> {
    if tbs.len() > limits::CERTIFICATE_LEN_BYTES_MAX {
        return Err(Unfit::new("tbsCertificate", "it is over the limit of certificates"));
    }
    if !der::is_strict(tbs) {
        return Err(Unfit::new("tbsCertificate", "it is no strict DER"));
    }
    Tbs::from_der(tbs).map_err(|_| Unfit::new("tbsCertificate", "it does not decode"))
}

/// As [`certificate_facts`], of what [`read_tbs`] read.
pub(crate) fn facts_of(read: &Tbs, table: &mut FactTable) -> Result<(), Unfit> {
    let issuer = name::read(read.issuer())?;
    let mut facts = outer_facts(read)?;
    facts.extend(name_facts(read, issuer.clone())?);
    facts.extend(extension_facts(read.extensions())?);
    for (path, value) in facts {
        let shown = path.fact.def().path;
        // What we write ourselves needs no grade: the highest one, resting on nothing, passes every guard.
        let fact = Fact::new(value, Grade::Attested, BasisSet::EMPTY);
        table.set(path, fact).map_err(|_| Unfit::new(shown, "its value is over a limit"))?;
    }
    table.close();
    if issuer.rdns().is_empty() {
        forget(table, "certificate.issuer")?;
    }
    Ok(())
}

/// Makes a fact unknown that a closed table holds as absent.
pub(crate) fn forget(table: &mut FactTable, path: &str) -> Result<(), Unfit> {
    let fact = FactId::from_path(path).ok_or_else(|| Unfit::new(path, "there is no such fact"))?;
    table.forget(Path::from(fact)).map_err(|_| Unfit::new(path, "it needs a declared name"))
}

fn say(path: &'static str, value: Value) -> Result<(Path, Value), Unfit> {
    let fact = FactId::from_path(path).ok_or_else(|| Unfit::new(path, "there is no such fact"))?;
    Ok((Path::from(fact), value))
}

/// Version, validity, and that the certificate has no unique identifiers, which no fact stands for.
fn outer_facts(tbs: &Tbs) -> Result<Vec<(Path, Value)>, Unfit> {
    let unfit = |why| Unfit::new("tbsCertificate", why);
    let body =
        der::only("tbsCertificate", der::SEQUENCE, tbs.raw()).map_err(|_| unfit("it does not decode"))?;
    let parts = der::elements("tbsCertificate", body, 10).map_err(|_| unfit("it does not decode"))?;
    let tags: Vec<u32> = parts.iter().map(|part| part.tag).collect();
    if !matches!(
        tags.as_slice(),
        [0xa0, 0x02, 0x30, 0x30, 0x30, 0x30, 0x30] | [0xa0, 0x02, 0x30, 0x30, 0x30, 0x30, 0x30, 0xa3]
    ) || tbs.version() != 2
    {
        return Err(unfit("it is not of version 3, or has unique identifiers"));
    }
    let validity = parts.get(4).map(|part| part.content).unwrap_or_default();
    let times = der::elements("validity", validity, 2).map_err(|_| unfit("its validity does not decode"))?;
    let forms_hold = times.iter().zip([tbs.not_before(), tbs.not_after()]).all(|(time, moment)| {
        let (tag, len_bytes) = if moment < GENERALIZED_FROM { (0x17, 13) } else { (0x18, 15) };
        time.tag == tag && time.content.len() == len_bytes && time.content.last() == Some(&b'Z')
    });
    if times.len() != 2 || !forms_hold {
        return Err(unfit("a time is not in the form of RFC 5280 section 4.1.2.5"));
    }
    let (not_before, not_after) = (tbs.not_before(), tbs.not_after());
    let seconds = not_after.checked_sub(not_before).and_then(|seconds| seconds.checked_add(1));
    let validity = match seconds {
        _ if not_after == FOREVER_DATE => i64::MAX,
        Some(seconds) if seconds > 0 => seconds,
        _ => return Err(unfit("notAfter comes before notBefore")),
    };
    Ok(vec![
        say("certificate.validity", Value::Span(validity))?,
        say("certificate.not-before", Value::Date(not_before))?,
        say("certificate.not-after", Value::Date(not_after))?,
    ])
}

fn name_facts(tbs: &Tbs, issuer: Dn) -> Result<Vec<(Path, Value)>, Unfit> {
    let subject = name::read(tbs.subject())?;
    let mut facts = name::subject_facts(&subject).into_iter().collect::<Result<Vec<_>, Unfit>>()?;
    facts.push(say("certificate.subject", Value::Dn(subject))?);
    facts.push(say("certificate.issuer", Value::Dn(issuer))?);
    Ok(facts)
}

fn extension_facts(extensions: &[Extension]) -> Result<Vec<(Path, Value)>, Unfit> {
    let mut facts = Vec::new();
    let mut critical = Vec::new();
    for extension in extensions {
        let said = extension::read(extension, Spelling::Normal)?;
        if extension.critical {
            critical.push(Value::Oid(extension.oid.clone()));
        }
        facts.extend(said);
    }
    facts.push(say("certificate.critical", Value::List(critical))?);
    // Every extension has a fact of its own, a declared name at least; what has none was refused.
    facts.push(say("certificate.other-extensions", Value::List(Vec::new()))?);
    Ok(facts)
}
