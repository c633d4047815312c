//! Object identifiers that policies may name by a word.

/// A word and the dotted OID that it stands for, with the source of the assignment.
pub struct NamedOid {
    /// The word, in kebab-case.
    pub name: &'static str,
    /// The object identifier in dotted form.
    pub oid: &'static str,
}

const fn named(name: &'static str, oid: &'static str) -> NamedOid {
    NamedOid { name, oid }
}

/// Extended key usages (RFC 5280 section 4.2.1.12; TCG) and certificate policies (CA/Browser Forum 7.1.6.1).
pub const NAMED: &[NamedOid] = &[
    named("server-auth", "1.3.6.1.5.5.7.3.1"),
    named("client-auth", "1.3.6.1.5.5.7.3.2"),
    named("code-signing", "1.3.6.1.5.5.7.3.3"),
    named("email-protection", "1.3.6.1.5.5.7.3.4"),
    named("time-stamping", "1.3.6.1.5.5.7.3.8"),
    named("ocsp-signing", "1.3.6.1.5.5.7.3.9"),
    named("tcg-ek", "2.23.133.8.1"),
    named("tcg-aik", "2.23.133.8.3"),
    named("cabf-ev", "2.23.140.1.1"),
    named("cabf-dv", "2.23.140.1.2.1"),
    named("cabf-ov", "2.23.140.1.2.2"),
    named("cabf-iv", "2.23.140.1.2.3"),
    named("cabf-code-signing", "2.23.140.1.4.1"),
    named("cabf-ev-code-signing", "2.23.140.1.3"),
    named("any-policy", "2.5.29.32.0"),
];

/// The dotted OID that a word stands for.
pub fn by_name(name: &str) -> Option<&'static str> {
    NAMED.iter().find(|entry| entry.name == name).map(|entry| entry.oid)
}

/// The word for a dotted OID, where there is one.
pub fn name_of(oid: &str) -> Option<&'static str> {
    NAMED.iter().find(|entry| entry.oid == oid).map(|entry| entry.name)
}

/// Whether `text` is a dotted OID: at least two arcs, no leading zeros, the first arc at most 2.
pub fn is_dotted(text: &str) -> bool {
    let mut arcs = 0usize;
    for (index, arc) in text.split('.').enumerate() {
        let digits = !arc.is_empty() && arc.len() <= 39 && arc.bytes().all(|byte| byte.is_ascii_digit());
        if !digits
            || (arc.len() > 1 && arc.starts_with('0'))
            || (index == 0 && !matches!(arc, "0" | "1" | "2"))
        {
            return false;
        }
        arcs += 1;
    }
    arcs >= 2 && text.len() <= 256
}
