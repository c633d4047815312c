//! The lint before signing: RFC 5280 basics over the exact tbsCertificate and the certificate of who would sign it.
//!
//! It judges the bytes, whoever wrote them, and reads them with code of its own: a mistake of the draft shows here.
//! What a certificate may say is the policy's; the lint holds what is true of every certificate. Of RFC 5280 it takes
//! what is a MUST and shows without a clock or a network.
mod basics;
mod extensions;
mod subject;

use pkic_facts::certificate::Certificate;
use std::fmt;

pub use subject::EXTENSIONS_MAX;
use subject::Subject;

/// A rule: one thing that is true of every certificate.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Its id, in reports and records.
    pub id: &'static str,
    /// Where it comes from.
    pub cites: &'static str,
    /// What it asks, as a sentence.
    pub asks: &'static str,
    /// What is wrong, where something is.
    check: fn(&Subject<'_>) -> Option<String>,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({})", self.id)
    }
}

/// Something that is wrong with a tbsCertificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Id of the rule.
    pub rule: &'static str,
    /// Where the rule comes from.
    pub cites: &'static str,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.rule, self.cites, self.why)
    }
}

/// Who would sign.
#[derive(Debug, Clone, Copy)]
pub enum SignedBy<'a> {
    /// The authority with this certificate.
    Authority(&'a Certificate),
    /// The key of the certificate itself: a root.
    Itself,
}

const fn rule(
    id: &'static str,
    cites: &'static str,
    asks: &'static str,
    check: fn(&Subject<'_>) -> Option<String>,
) -> Rule {
    Rule { id, cites, asks, check }
}

/// The rule of bytes that do not read as a tbsCertificate: nothing more can be asked of them.
const SHAPE: Rule = rule(
    "tbs-shape",
    "RFC 5280 section 4.1",
    "the bytes are a tbsCertificate within the limits of size",
    |_| None,
);

/// All rules, in the order in which they are asked.
pub const RULES: &[Rule] = &[
    SHAPE,
    rule("der", "RFC 5280 section 4.1; X.690 section 10", "the bytes are strict DER", basics::der),
    rule("version", "RFC 5280 section 4.1.2.1", "the version is 3", basics::version),
    rule(
        "serial-number",
        "RFC 5280 section 4.1.2.2",
        "the serial number is positive and has at most 20 octets",
        basics::serial_number,
    ),
    rule(
        "signature-algorithm",
        "RFC 5280 sections 4.1.1.2 and 4.1.2.3; RFC 4055; RFC 5758; RFC 8410; RFC 9881",
        "the algorithm is one of the issuer's key, with the parameters that it has",
        basics::signature_algorithm,
    ),
    rule(
        "issuer-name",
        "RFC 5280 sections 4.1.2.4 and 6.1.3 (a)(4)",
        "the issuer is the subject of the issuer's certificate, byte for byte, and not empty",
        basics::issuer_name,
    ),
    rule(
        "validity-form",
        "RFC 5280 section 4.1.2.5",
        "moments up to 2049 are UTCTime, later ones GeneralizedTime, in seconds and Zulu",
        basics::validity_form,
    ),
    rule(
        "validity-order",
        "RFC 5280 section 4.1.2.5",
        "notAfter is not before notBefore",
        basics::validity_order,
    ),
    rule(
        "validity-within-issuer",
        "RFC 5280 section 6.1.3 (a)(2)",
        "the certificate is valid only while the issuer's is",
        basics::validity_within_issuer,
    ),
    rule(
        "public-key",
        "RFC 5280 section 4.1.2.7",
        "the key reads as one of a known kind",
        basics::public_key,
    ),
    rule(
        "unique-identifiers",
        "RFC 5280 section 4.1.2.8",
        "there are no unique identifiers",
        basics::unique_identifiers,
    ),
    rule(
        "issuer-authority",
        "RFC 5280 sections 4.2.1.3, 4.2.1.9 and 6.1.4 (k), (n)",
        "the issuer may sign certificates",
        basics::issuer_authority,
    ),
    rule(
        "issuer-path-length",
        "RFC 5280 sections 4.2.1.9 and 6.1.4 (l), (m)",
        "the issuer's pathLenConstraint leaves room",
        basics::issuer_path_length,
    ),
    rule("extension-repeated", "RFC 5280 section 4.2", "each extension stands once", extensions::repeated),
    rule(
        "extension-critical-unknown",
        "RFC 5280 section 4.2",
        "no extension is critical that neither pkic nor the policy knows",
        extensions::critical_unknown,
    ),
    rule(
        "extension-critical",
        "RFC 5280 sections 4.2.1.10, 4.2.1.11 and 4.2.1.14",
        "name constraints, policy constraints and inhibitAnyPolicy are critical",
        extensions::must_be_critical,
    ),
    rule(
        "extension-not-critical",
        "RFC 5280 sections 4.2.1.1, 4.2.1.2, 4.2.1.8, 4.2.1.15, 4.2.2.1 and 4.2.2.2",
        "key identifiers, directory attributes, freshest CRL and access descriptions are not critical",
        extensions::must_not_be_critical,
    ),
    rule(
        "subject-name",
        "RFC 5280 section 4.1.2.6",
        "an authority has a subject name",
        extensions::subject_name,
    ),
    rule(
        "subject-alt-name",
        "RFC 5280 sections 4.1.2.6 and 4.2.1.6",
        "a certificate without a subject name has critical alternative names, at least one",
        extensions::subject_alt_name,
    ),
    rule(
        "basic-constraints",
        "RFC 5280 section 4.2.1.9",
        "basicConstraints reads, and is critical for an authority",
        extensions::basic_constraints,
    ),
    rule(
        "path-length",
        "RFC 5280 section 4.2.1.9",
        "pathLenConstraint stands with cA and keyCertSign alone",
        extensions::path_length,
    ),
    rule("key-usage", "RFC 5280 section 4.2.1.3", "keyUsage reads, and has a bit set", extensions::key_usage),
    rule(
        "key-cert-sign",
        "RFC 5280 sections 4.2.1.3 and 4.2.1.9",
        "an authority has keyCertSign, and nobody else does",
        extensions::key_cert_sign,
    ),
    rule(
        "extended-key-usage",
        "RFC 5280 section 4.2.1.12",
        "extKeyUsage has at least one purpose",
        extensions::extended_key_usage,
    ),
    rule(
        "name-constraints",
        "RFC 5280 section 4.2.1.10",
        "name constraints stand with an authority alone, and are not empty",
        extensions::name_constraints,
    ),
    rule(
        "authority-key-identifier",
        "RFC 5280 section 4.2.1.1",
        "the key identifier is that of the issuer; a root may have none",
        extensions::authority_key_identifier,
    ),
    rule(
        "subject-key-identifier",
        "RFC 5280 section 4.2.1.2",
        "an authority has a key identifier",
        extensions::subject_key_identifier,
    ),
];

/// What is wrong with a tbsCertificate, in the order of [`RULES`]; empty where nothing is.
///
/// `declared` are the object identifiers of extensions that the policy declares and grants as critical: they are known.
pub fn lint(tbs: &[u8], signed_by: SignedBy<'_>, declared: &[&str]) -> Vec<Finding> {
    let finding = |rule: &Rule, why: String| Finding { rule: rule.id, cites: rule.cites, why };
    match Subject::read(tbs, signed_by, declared) {
        Err(why) => vec![finding(&SHAPE, why.to_owned())],
        Ok(subject) => {
            RULES.iter().filter_map(|rule| (rule.check)(&subject).map(|why| finding(rule, why))).collect()
        }
    }
}
