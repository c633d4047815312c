//! The fact catalogue: every fact that a policy may speak of (design D1, D4, D5).
//!
//! Add a fact by adding a row. A row says whom the fact is about, its type, the grade below which it counts as
//! unknown unless the policy names a lower one, and whether its absence can be known.
use crate::basis::Grade;
use crate::types::{NameKind, RecordField, Type};
use crate::words::Words;

/// Whom a fact is about (design D1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The key to be certified, or the signer's key where a signer is judged.
    Key,
    /// The device or service that holds the key.
    Module,
    /// The machine around the module: boot state, layers, node.
    Platform,
    /// The evidence itself.
    Evidence,
    /// Who asks, and what for.
    Requester,
    /// The certificate to be signed.
    Certificate,
    /// What the policy itself knows: profile, authority, reference values.
    Policy,
    /// Certificates that we issued before: predecessor, companion.
    Record,
}

impl Subject {
    /// The word for this subject in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Subject::Key => "key",
            Subject::Module => "module",
            Subject::Platform => "platform",
            Subject::Evidence => "evidence",
            Subject::Requester => "requester",
            Subject::Certificate => "certificate",
            Subject::Policy => "policy",
            Subject::Record => "record",
        }
    }
}

/// What is known when no value of a fact was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Openness {
    /// Decoded from something complete: that a value is absent is itself known.
    Closed,
    /// Appraised: that a value is absent means nothing.
    Open,
}

/// A row of the catalogue.
pub struct FactDef {
    /// Path in kebab-case: `key.storage`. A last segment `*` stands for a declared name.
    pub path: &'static str,
    /// Whom it is about.
    pub subject: Subject,
    /// Type of its value.
    pub ty: Type,
    /// The grade below which it is unknown, unless the requirement names a lower one.
    pub floor: Grade,
    /// What absence means.
    pub openness: Openness,
    /// What it means.
    pub doc: &'static str,
    /// Where its meaning is defined.
    pub source: &'static str,
}

impl FactDef {
    /// Whether only evidence under a production anchor may satisfy a requirement on it (design D1).
    pub const fn is_hardware(&self) -> bool {
        matches!(self.floor, Grade::Attested)
    }

    /// Whether a policy states a grade for it: the certificate and the policy itself are ours and have none.
    pub const fn is_graded(&self) -> bool {
        !matches!(self.subject, Subject::Certificate | Subject::Policy)
    }

    /// Whether its last segment is a declared name.
    pub fn is_keyed(&self) -> bool {
        self.path.ends_with(".*")
    }
}

/// Index of a row of [`CATALOGUE`]. Indices are no part of any stored form: programs name facts by path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactId(u16);

impl FactId {
    /// The fact of that path. A declared name is looked up as `certificate.subject.*`.
    pub const fn from_path(path: &str) -> Option<FactId> {
        let mut rows = CATALOGUE;
        let mut index = 0;
        while let [def, more @ ..] = rows {
            if is_same(def.path.as_bytes(), path.as_bytes()) {
                return Some(FactId(index));
            }
            rows = more;
            index += 1;
        }
        None
    }

    /// The fact of a path that stands in this crate: for constants, where one that does not exist does not compile.
    pub(crate) const fn of(path: &str) -> FactId {
        match FactId::from_path(path) {
            Some(id) => id,
            None => unreachable!(),
        }
    }

    /// Its place in [`CATALOGUE`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Its row.
    #[inline]
    pub fn def(self) -> &'static FactDef {
        // A `FactId` comes from `from_path` or `all` alone, so the index is always in range.
        const NOTHING: FactDef = policy("", Type::Bool, "", "");
        CATALOGUE.get(self.index()).unwrap_or(&NOTHING)
    }

    /// Every fact.
    pub fn all() -> impl Iterator<Item = FactId> {
        (0u16..).zip(CATALOGUE).map(|(index, _)| FactId(index))
    }
}

const fn is_same(mut a: &[u8], mut b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    while let ([x, more_a @ ..], [y, more_b @ ..]) = (a, b) {
        if *x != *y {
            return false;
        }
        (a, b) = (more_a, more_b);
    }
    true
}

const fn fact(
    path: &'static str,
    subject: Subject,
    ty: Type,
    floor: Grade,
    doc: &'static str,
    source: &'static str,
) -> FactDef {
    FactDef { path, subject, ty, floor, openness: Openness::Open, doc, source }
}

const fn key(path: &'static str, ty: Type, doc: &'static str, source: &'static str) -> FactDef {
    fact(path, Subject::Key, ty, Grade::Attested, doc, source)
}

const fn module(path: &'static str, ty: Type, doc: &'static str, source: &'static str) -> FactDef {
    fact(path, Subject::Module, ty, Grade::Attested, doc, source)
}

const fn platform(path: &'static str, ty: Type, doc: &'static str, source: &'static str) -> FactDef {
    fact(path, Subject::Platform, ty, Grade::Attested, doc, source)
}

const fn evidence(path: &'static str, ty: Type, doc: &'static str, source: &'static str) -> FactDef {
    fact(path, Subject::Evidence, ty, Grade::Attested, doc, source)
}

/// What people state about a key's keeping, where nothing that a device signs could show it.
const fn witness(path: &'static str, doc: &'static str, source: &'static str) -> FactDef {
    fact(path, Subject::Key, Type::Bool, Grade::Witnessed, doc, source)
}

const fn request(
    path: &'static str,
    ty: Type,
    floor: Grade,
    doc: &'static str,
    source: &'static str,
) -> FactDef {
    fact(path, Subject::Requester, ty, floor, doc, source)
}

const fn certificate(path: &'static str, ty: Type, doc: &'static str, source: &'static str) -> FactDef {
    FactDef {
        path,
        subject: Subject::Certificate,
        ty,
        floor: Grade::Claimed,
        openness: Openness::Closed,
        doc,
        source,
    }
}

const fn policy(path: &'static str, ty: Type, doc: &'static str, source: &'static str) -> FactDef {
    fact(path, Subject::Policy, ty, Grade::Claimed, doc, source)
}

const fn record(path: &'static str, ty: Type, doc: &'static str, source: &'static str) -> FactDef {
    fact(path, Subject::Record, ty, Grade::Observed, doc, source)
}

const PKIX_EVIDENCE: &str = "draft-ietf-rats-pkix-key-attestation";
const RFC_5280: &str = "RFC 5280";
const DESIGN_D4: &str = "storage tree and axes of pkic";

const ADVISORY: &[RecordField] = &[
    RecordField { name: "id", ty: Type::Text },
    RecordField { name: "status", ty: Type::Word(Words::Status) },
    RecordField { name: "severity", ty: Type::Word(Words::Severity) },
];
const LAYER: &[RecordField] = &[
    RecordField { name: "mode", ty: Type::Word(Words::LayerMode) },
    RecordField { name: "code-hash", ty: Type::Bytes },
];
const MEASUREMENT: &[RecordField] =
    &[RecordField { name: "name", ty: Type::Text }, RecordField { name: "digest", ty: Type::Bytes }];

/// Every fact, in the order of its subject.
pub const CATALOGUE: &[FactDef] = &[
    key("key.storage", Type::Word(Words::Storage), "where the private key lives", DESIGN_D4),
    key("key.origin", Type::Word(Words::Origin), "how the private key came to be there", PKIX_EVIDENCE),
    key(
        "key.export",
        Type::Word(Words::Export),
        "in which form the private key may leave, `never` least",
        PKIX_EVIDENCE,
    ),
    key("key.custody", Type::Word(Words::Custody), "who controls the device that holds the key", DESIGN_D4),
    key(
        "key.user-presence",
        Type::Word(Words::UserPresence),
        "what a person must do before the key signs",
        DESIGN_D4,
    ),
    key("key.created", Type::Date, "when the key was made", PKIX_EVIDENCE),
    key(
        "key.access-logged",
        Type::Bool,
        "whether each use of the key is logged",
        "CA/Browser Forum Code Signing BR 6.2.7.4",
    ),
    key(
        "key.advisories",
        Type::List(&Type::Record(ADVISORY)),
        "published weaknesses of the module that made the key",
        DESIGN_D4,
    ),
    fact(
        "key.algorithm",
        Subject::Key,
        Type::Word(Words::Algorithm),
        Grade::Claimed,
        "algorithm and parameter set of the public key, decoded from the request",
        RFC_5280,
    ),
    fact(
        "key.size",
        Subject::Key,
        Type::Int,
        Grade::Claimed,
        "bits of the RSA modulus or curve order",
        RFC_5280,
    ),
    fact(
        "key.strength",
        Subject::Key,
        Type::Int,
        Grade::Claimed,
        "bits of classical security",
        "NIST SP 800-57 part 1, 5.6.1",
    ),
    module("module.vendor", Type::Word(Words::Vendor), "who made the module", PKIX_EVIDENCE),
    module(
        "module.manufacturer",
        Type::Text,
        "maker, as the module's own interface spells it",
        "PKCS #11 CK_TOKEN_INFO",
    ),
    module("module.model", Type::Text, "model, as the vendor spells it", PKIX_EVIDENCE),
    module(
        "module.aaguid",
        Type::Text,
        "model of an authenticator, 8-4-4-4-12 digits",
        "WebAuthn level 2, 6.5.1",
    ),
    module("module.serial", Type::Text, "serial number", PKIX_EVIDENCE),
    module("module.firmware", Type::Text, "firmware version", PKIX_EVIDENCE),
    module(
        "module.vendor-id",
        Type::Int,
        "vendor of the product, by the Connectivity Standards Alliance",
        "Matter core specification 6.2",
    ),
    module("module.product-id", Type::Int, "product of that vendor", "Matter core specification 6.2"),
    module(
        "module.matter-certification",
        Type::Word(Words::MatterCertification),
        "kind of the product's certification declaration",
        "Matter core specification 6.3",
    ),
    module("module.mode", Type::Word(Words::ModuleMode), "mode that the module runs in", PKIX_EVIDENCE),
    module("module.fips-140-2.level", Type::Int, "level of its FIPS 140-2 validation, by catalogue", "CMVP"),
    module("module.fips-140-2.status", Type::Word(Words::Validation), "status of that validation", "CMVP"),
    module("module.fips-140-2.certificate", Type::Text, "number of that validation", "CMVP"),
    module("module.fips-140-3.level", Type::Int, "level of its FIPS 140-3 validation, by catalogue", "CMVP"),
    module("module.fips-140-3.status", Type::Word(Words::Validation), "status of that validation", "CMVP"),
    module("module.fips-140-3.certificate", Type::Text, "number of that validation", "CMVP"),
    module(
        "module.cc.eal",
        Type::Int,
        "evaluation assurance level of its Common Criteria certificate, by catalogue",
        "ISO/IEC 15408",
    ),
    module(
        "module.cc.status",
        Type::Word(Words::Validation),
        "status of its Common Criteria certificate",
        "ISO/IEC 15408",
    ),
    module("module.cc.certificate", Type::Text, "identifier of that certificate", "ISO/IEC 15408"),
    module(
        "module.cc.profiles",
        Type::List(&Type::Text),
        "protection profiles that the certificate claims",
        "ISO/IEC 15408",
    ),
    module(
        "module.fido.level",
        Type::Int,
        "level of its FIDO certification, by catalogue",
        "FIDO Metadata Service 3.0",
    ),
    module(
        "module.fido.status",
        Type::Word(Words::Validation),
        "status of that certification",
        "FIDO Metadata Service 3.0",
    ),
    module(
        "module.fido.certificate",
        Type::Text,
        "number of that certification",
        "FIDO Metadata Service 3.0",
    ),
    module(
        "module.qscd",
        Type::Bool,
        "whether it is on the Commission's list of qualified signature creation devices, by catalogue",
        "Regulation (EU) 910/2014, article 31",
    ),
    module(
        "module.weak-hash",
        Type::Bool,
        "whether the module signed its statement with SHA-1",
        "NIST SP 800-131A",
    ),
    platform(
        "platform.layers",
        Type::List(&Type::Record(LAYER)),
        "boot layers, first to last",
        "Open Profile for DICE",
    ),
    platform(
        "platform.measurements",
        Type::List(&Type::Record(MEASUREMENT)),
        "digests of what runs on the platform, by the name that the format gives them, such as `pcr0`",
        "RFC 9711; AWS Nitro Enclaves",
    ),
    platform("platform.debug", Type::Bool, "whether the platform is open to debugging", "RFC 9711, 4.2.9"),
    platform("platform.lifecycle", Type::Word(Words::Lifecycle), "state of its life", "RFC 9783, 4.3.1"),
    platform(
        "platform.boot",
        Type::Word(Words::Boot),
        "what has booted",
        "Android Key Attestation, RootOfTrust",
    ),
    platform(
        "platform.boot-key",
        Type::Bytes,
        "digest of the key that verified what has booted",
        "Android Key Attestation, RootOfTrust",
    ),
    platform(
        "platform.locked",
        Type::Bool,
        "whether the boot loader takes only signed software",
        "Android Key Attestation, RootOfTrust",
    ),
    platform("platform.os-version", Type::Text, "version of the operating system", "Android Key Attestation"),
    platform(
        "platform.os-patch",
        Type::Date,
        "security patch level of the operating system; a month stands for its first day",
        "Android Key Attestation",
    ),
    platform(
        "platform.boot-patch",
        Type::Date,
        "security patch level of the boot image",
        "Android Key Attestation",
    ),
    platform(
        "platform.vendor-patch",
        Type::Date,
        "security patch level of the vendor image",
        "Android Key Attestation",
    ),
    platform(
        "platform.integrity-protection",
        Type::Bool,
        "whether the system's files are protected from its administrator",
        "Apple managed device attestation",
    ),
    platform(
        "platform.third-party-kernel",
        Type::Bool,
        "whether kernel extensions of others may load",
        "Apple managed device attestation",
    ),
    platform("node.attested", Type::Bool, "whether the workload's node was attested", "SPIFFE"),
    platform("node.storage", Type::Word(Words::Storage), "where the node's attestation key lives", DESIGN_D4),
    platform("node.freshness", Type::Word(Words::Freshness), "freshness of the node's evidence", DESIGN_D4),
    platform("node.pcr.boot", Type::Bytes, "digest over the node's boot PCRs", "TCG PC Client Platform"),
    fact(
        "workload.identity",
        Subject::Platform,
        Type::Uri,
        Grade::Attested,
        "SPIFFE ID that somebody else says the workload has",
        "SPIFFE ID",
    ),
    fact(
        "workload.image-digest",
        Subject::Platform,
        Type::Bytes,
        Grade::Attested,
        "digest of the workload's image",
        "SPIFFE",
    ),
    evidence(
        "evidence.format",
        Type::Word(Words::Format),
        "format of the evidence that the key facts rest on",
        DESIGN_D4,
    ),
    evidence(
        "evidence.freshness",
        Type::Word(Words::Freshness),
        "how the evidence is tied to this request in time",
        "RFC 9334 section 10",
    ),
    evidence("evidence.bound", Type::Bool, "whether the attested key is the key of the request", "RFC 9334"),
    evidence("evidence.anchor.name", Type::Text, "name of the trust anchor", "RFC 9334"),
    fact(
        "evidence.anchor.purpose",
        Subject::Evidence,
        Type::Word(Words::Purpose),
        Grade::Attested,
        "purpose of the trust anchor",
        DESIGN_D4,
    ),
    evidence(
        "evidence.revocation",
        Type::Word(Words::Revocation),
        "what dated lists say of the certificates on the evidence's path; revoked ones are refused",
        "RFC 5280 section 5; Android Key Attestation status list",
    ),
    fact(
        "evidence.verifier.name",
        Subject::Evidence,
        Type::Text,
        Grade::Witnessed,
        "the external verifier whose result this is",
        "draft-ietf-rats-ear",
    ),
    fact(
        "evidence.verifier.status",
        Subject::Evidence,
        Type::Word(Words::VerifierStatus),
        Grade::Witnessed,
        "what the external verifier concludes",
        "draft-ietf-rats-ar4si",
    ),
    fact(
        "evidence.verifier.policy",
        Subject::Evidence,
        Type::Text,
        Grade::Witnessed,
        "policy that the external verifier appraised by",
        "draft-ietf-rats-ear",
    ),
    witness("witness.split-knowledge.present", "whether people hold the key in parts", "PCI DSS 3.7.6"),
    witness(
        "witness.risk-analysis.present",
        "whether there is a risk analysis that covers the key's use",
        "Regulation (EU) 2024/2847, article 13 (2); 45 CFR 164.308(a)(1)(ii)(A)",
    ),
    witness(
        "witness.key-management-policy.present",
        "whether a policy on key management covers the key",
        "Implementing Regulation (EU) 2024/2690, annex, 9.1.2 (c)",
    ),
    witness(
        "witness.conformity-assessment.present",
        "whether a conformity assessment of the CA that holds the key is in force",
        "Regulation (EU) 910/2014, article 20 (1)",
    ),
    witness(
        "witness.site-accreditation.present",
        "whether the site that made the module is accredited",
        "GSMA FS.04 (SAS-UP)",
    ),
    request(
        "request.operation",
        Type::Word(Words::Operation),
        Grade::Claimed,
        "what is asked of the CA",
        DESIGN_D4,
    ),
    request(
        "request.proof-of-possession",
        Type::Bool,
        Grade::Claimed,
        "whether the request's signature verifies under its own key",
        "RFC 2986",
    ),
    request(
        "request.public-key",
        Type::Bytes,
        Grade::Claimed,
        "SHA-256 of the request's SubjectPublicKeyInfo",
        RFC_5280,
    ),
    request(
        "request.tags",
        Type::List(&Type::Name(NameKind::Tag)),
        Grade::Observed,
        "tags that the inventory has for the subject",
        DESIGN_D4,
    ),
    request(
        "request.requester.id",
        Type::Text,
        Grade::Observed,
        "authenticated identity of the requester",
        DESIGN_D4,
    ),
    request(
        "request.requester.authenticated",
        Type::Bool,
        Grade::Observed,
        "whether the requester was authenticated",
        DESIGN_D4,
    ),
    request(
        "request.authenticated-by",
        Type::Name(NameKind::Profile),
        Grade::Observed,
        "profile of the certificate that authenticated the request",
        DESIGN_D4,
    ),
    request(
        "request.domain-validation.age",
        Type::Span,
        Grade::Observed,
        "age of the oldest domain validation that the request rests on",
        "CA/Browser Forum TLS BR 4.2.1",
    ),
    certificate("certificate.validity", Type::Span, "notAfter − notBefore + 1 s", "RFC 5280 section 4.1.2.5"),
    certificate("certificate.not-before", Type::Date, "first second of validity", "RFC 5280 section 4.1.2.5"),
    certificate("certificate.not-after", Type::Date, "last second of validity", "RFC 5280 section 4.1.2.5"),
    certificate("certificate.subject", Type::Dn, "subject name", "RFC 5280 section 4.1.2.6"),
    certificate("certificate.issuer", Type::Dn, "issuer name", "RFC 5280 section 4.1.2.4"),
    certificate("certificate.subject.common-name", Type::Text, "CN", "X.520"),
    certificate("certificate.subject.organization", Type::Text, "O", "X.520"),
    certificate("certificate.subject.organizational-unit", Type::Text, "OU", "X.520"),
    certificate("certificate.subject.country", Type::Text, "C: two letters of ISO 3166-1", "X.520"),
    certificate("certificate.subject.state", Type::Text, "ST", "X.520"),
    certificate("certificate.subject.locality", Type::Text, "L", "X.520"),
    certificate(
        "certificate.subject.serial-number",
        Type::Text,
        "serialNumber attribute of the subject",
        "X.520",
    ),
    certificate("certificate.subject.user-id", Type::Text, "UID", "RFC 4519"),
    certificate("certificate.subject.*", Type::Text, "a declared attribute of the subject", "X.501"),
    certificate(
        "certificate.san",
        Type::List(&Type::Text),
        "every subject alternative name in text form",
        "RFC 5280 section 4.2.1.6",
    ),
    certificate("certificate.san.dns", Type::List(&Type::DnsName), "DNS names", "RFC 5280 section 4.2.1.6"),
    certificate("certificate.san.ip", Type::List(&Type::Ip), "IP addresses", "RFC 5280 section 4.2.1.6"),
    certificate("certificate.san.uri", Type::List(&Type::Uri), "URIs", "RFC 5280 section 4.2.1.6"),
    certificate(
        "certificate.san.email",
        Type::List(&Type::Email),
        "mail addresses",
        "RFC 5280 section 4.2.1.6",
    ),
    certificate(
        "certificate.san.hardware-module-name",
        Type::List(&Type::Text),
        "hardware module names, `type:serial`",
        "RFC 4108 section 5",
    ),
    certificate("certificate.basic-constraints.ca", Type::Bool, "cA", "RFC 5280 section 4.2.1.9"),
    certificate(
        "certificate.basic-constraints.path-length",
        Type::Int,
        "pathLenConstraint",
        "RFC 5280 section 4.2.1.9",
    ),
    certificate(
        "certificate.key-usage",
        Type::List(&Type::Word(Words::KeyUsage)),
        "key usage bits",
        "RFC 5280 section 4.2.1.3",
    ),
    certificate(
        "certificate.extended-key-usage",
        Type::List(&Type::Oid),
        "key purposes",
        "RFC 5280 section 4.2.1.12",
    ),
    certificate(
        "certificate.certificate-policies",
        Type::List(&Type::Oid),
        "policy identifiers",
        "RFC 5280 section 4.2.1.4",
    ),
    certificate(
        "certificate.name-constraints",
        Type::List(&Type::DnsName),
        "permitted DNS subtrees",
        "RFC 5280 section 4.2.1.10",
    ),
    certificate(
        "certificate.authority-key-identifier",
        Type::Bytes,
        "key identifier of the issuer",
        "RFC 5280 section 4.2.1.1",
    ),
    certificate(
        "certificate.subject-key-identifier",
        Type::Bytes,
        "key identifier of the subject",
        "RFC 5280 section 4.2.1.2",
    ),
    certificate(
        "certificate.authority-information-access",
        Type::List(&Type::Uri),
        "where the issuer's certificate and OCSP are",
        "RFC 5280 section 4.2.2.1",
    ),
    certificate(
        "certificate.crl-distribution-points",
        Type::List(&Type::Uri),
        "where the CRL is",
        "RFC 5280 section 4.2.1.13",
    ),
    certificate("certificate.sct-list", Type::Bytes, "signed certificate timestamps", "RFC 6962 section 3.3"),
    certificate(
        "certificate.related-certificate",
        Type::Bytes,
        "digest of the related certificate",
        "RFC 9763",
    ),
    certificate(
        "certificate.tcg-dice-tcb-info",
        Type::Bytes,
        "TcbInfo extension",
        "TCG DICE Attestation Architecture",
    ),
    certificate("certificate.extension.*", Type::Bytes, "a declared extension's value", RFC_5280),
    certificate(
        "certificate.other-extensions",
        Type::List(&Type::Oid),
        "extensions that no other fact stands for",
        RFC_5280,
    ),
    certificate(
        "certificate.critical",
        Type::List(&Type::Oid),
        "extensions that are marked critical",
        RFC_5280,
    ),
    policy("profile.role", Type::Word(Words::Role), "what certificates of the profile are for", DESIGN_D4),
    policy("profile.tags", Type::List(&Type::Name(NameKind::Tag)), "tags of the profile", DESIGN_D4),
    policy("authority.name", Type::Name(NameKind::Authority), "the authority that would sign", DESIGN_D4),
    policy("authority.trust", Type::Word(Words::Trust), "who trusts it", DESIGN_D4),
    policy("authority.state", Type::Word(Words::AuthorityState), "whether its key is online", DESIGN_D4),
    policy("authority.algorithm", Type::Word(Words::Algorithm), "algorithm of its key", RFC_5280),
    policy("authority.not-after", Type::Date, "end of its certificate", RFC_5280),
    policy("authority.subject.*", Type::Text, "a declared attribute of its subject", "X.501"),
    policy(
        "reference.*",
        Type::List(&Type::Bytes),
        "a declared, signed list of reference values",
        "RFC 9334",
    ),
    record(
        "predecessor.public-key",
        Type::Bytes,
        "SHA-256 of the SubjectPublicKeyInfo of the certificate to be replaced",
        DESIGN_D4,
    ),
    record("predecessor.status", Type::Word(Words::Status), "its status", DESIGN_D4),
    record("predecessor.profile", Type::Name(NameKind::Profile), "its profile", DESIGN_D4),
    record("predecessor.subject.serial-number", Type::Text, "serialNumber attribute of its subject", "X.520"),
    record("companion.subject", Type::Dn, "subject of the related certificate", "RFC 9763"),
    record(
        "companion.san",
        Type::List(&Type::Text),
        "subject alternative names of the related certificate",
        "RFC 9763",
    ),
    record(
        "companion.profile",
        Type::Name(NameKind::Profile),
        "profile of the related certificate",
        DESIGN_D4,
    ),
    record("companion.status", Type::Word(Words::Status), "status of the related certificate", DESIGN_D4),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_unique_and_documented() {
        for id in FactId::all() {
            let def = id.def();
            assert_eq!(FactId::from_path(def.path), Some(id), "{} stands twice", def.path);
            assert!(!def.doc.is_empty() && !def.source.is_empty(), "{} says nothing", def.path);
        }
    }

    #[test]
    fn what_protects_a_key_is_never_taken_on_trust() {
        for def in CATALOGUE {
            let protects = matches!(def.subject, Subject::Module | Subject::Platform | Subject::Evidence);
            let is_told = def.path.starts_with("evidence.verifier.");
            let floor = if is_told { Grade::Witnessed } else { Grade::Attested };
            assert!(!protects || def.floor == floor, "{}", def.path);
            assert!(def.openness == Openness::Open || def.subject == Subject::Certificate, "{}", def.path);
        }
        for path in ["key.storage", "key.origin", "key.export"] {
            assert_eq!(FactId::from_path(path).unwrap().def().floor, Grade::Attested);
        }
    }
}
