//! A small policy built by hand, and requests and issuers made for the test.
#![allow(dead_code)]
use pkic_ir::{
    AnchorDef, AnchorSet, Atom, Authority, Body, Constant, Expr, ExprId, Field, Guard, Operand, Origin,
    Profile, Program, Relation, Requirement, RequirementId, Strength, Test,
};
use pkic_vocab::fields::FieldDef;
use pkic_vocab::time::Span;
use pkic_vocab::{FactId, Path, Purpose, Value, Word, Words};
use rcgen::{
    CertificateParams, CustomExtension, DnType, IsCa, KeyPair, PublicKeyData, SanType, SerialNumber,
};

pub const NOW: i64 = 1_800_000_000;
pub const DAY: i64 = 86_400;

pub fn path(name: &str) -> Path {
    Path::from(FactId::from_path(name).unwrap())
}

pub fn word(words: Words, name: &str) -> Word {
    words.word(name).unwrap()
}

pub fn origin() -> Origin {
    Origin { file: 0, line: 7, column: 5 }
}

/// A field that takes what the request gives.
pub fn field(name: &str) -> Field {
    let def = FieldDef::from_name(name).unwrap();
    Field {
        name: name.into(),
        path: path(def.fact),
        extension: def.extension().map(Into::into),
        min: 0,
        max: if matches!(path(def.fact).fact.def().ty, pkic_vocab::Type::List(_)) { 100 } else { 1 },
        critical: false,
        constraint: None,
        fixed: None,
        default: None,
        span_s_max: None,
        filler: def.filler,
        text: name.into(),
        cites: None,
        origin: origin(),
    }
}

pub fn fixed(name: &str, value: Constant) -> Field {
    Field { fixed: Some(value), min: 1, ..field(name) }
}

pub fn text(value: &str) -> Constant {
    Constant::Value(Value::Text(value.into()))
}

pub fn usage(names: &[&str]) -> Constant {
    Constant::Words {
        words: Words::KeyUsage,
        named: names.iter().map(|name| word(Words::KeyUsage, name)).collect(),
    }
}

pub fn validity(days: i64) -> Field {
    Field { min: 1, span_s_max: Some(days * DAY), ..field("validity") }
}

pub fn compare(fact: &str, relation: Relation, value: Constant) -> Expr {
    Expr::Atom(Atom {
        left: Operand::Fact(path(fact)),
        test: Test::Compare(relation, value),
        guard: Guard::FLOOR,
    })
}

pub fn is_in(fact: &str, value: Constant) -> Expr {
    Expr::Atom(Atom { left: Operand::Fact(path(fact)), test: Test::In(value), guard: Guard::FLOOR })
}

pub fn requirement(id: &str, body: u32) -> Requirement {
    Requirement {
        id: id.into(),
        strength: Strength::Must,
        from: None,
        before: None,
        when: Vec::new(),
        body: Body::Expr(ExprId(body)),
        text: id.into(),
        doc: None,
        cites: None,
        origin: origin(),
        mandate: None,
    }
}

pub fn profile(name: &str, contents: Vec<Field>) -> Profile {
    Profile {
        name: name.into(),
        doc: None,
        role: Some(word(Words::Role, "tls-server")),
        tags: Vec::new(),
        operations: vec![word(Words::Operation, "issue")],
        issued_by: Vec::new(),
        refines: None,
        contents,
        requirements: Vec::new(),
        obligations: Vec::new(),
        exceptions: Vec::new(),
        mandates: Vec::new(),
        cost: 0,
        origin: origin(),
    }
}

/// `acme.tls`: storage in [tpm.discrete, se] attested, validity at most 47 days; signed by `acme.ca`, whose key is
/// judged by `acme.ca-key`: an ECDSA key.
pub fn program() -> Program {
    let storage = Constant::Words {
        words: Words::Storage,
        named: vec![word(Words::Storage, "tpm.discrete"), word(Words::Storage, "se")],
    };
    let algorithm =
        Constant::Words { words: Words::Algorithm, named: vec![word(Words::Algorithm, "ecdsa-p256")] };
    let validity_max = Constant::Span(Span::exact(47 * DAY));
    let contents = vec![
        Field { constraint: Some(ExprId(2)), ..validity(47) },
        field("subject.common-name"),
        fixed("subject.organization", text("Acme")),
        fixed("subject.country", text("DE")),
        field("san.dns"),
        Field { critical: true, ..fixed("basic-constraints.ca", Constant::Value(Value::Bool(false))) },
        Field { critical: true, ..fixed("key-usage", usage(&["digital-signature"])) },
        Field { min: 1, ..field("subject-key-identifier") },
        Field { min: 1, ..field("authority-key-identifier") },
    ];
    let mut tls = profile("acme.tls", contents);
    tls.requirements = vec![RequirementId(0)];
    tls.issued_by = vec![0];
    let mut ca_key = profile("acme.ca-key", Vec::new());
    ca_key.role = Some(word(Words::Role, "issuing-ca"));
    ca_key.requirements = vec![RequirementId(1)];
    let mut program = Program {
        policy: "acme".into(),
        version: "1.0.0".into(),
        files: vec![("acme.pki".into(), [7; 32])],
        exprs: vec![
            is_in("key.storage", storage),
            is_in("key.algorithm", algorithm),
            compare("certificate.validity", Relation::LessOrEqual, validity_max),
        ],
        requirements: vec![requirement("key.storage", 0), requirement("key.algorithm", 1)],
        profiles: vec![ca_key, tls],
        authorities: vec![Authority {
            name: "acme.ca".into(),
            title: "Acme CA".into(),
            certified_as: Some(0),
            parent: None,
            trust: Some(word(Words::Trust, "private")),
            state: Some(word(Words::AuthorityState, "online")),
            origin: origin(),
        }],
        ..Program::default()
    };
    program.fill_costs();
    pkic_ir::check(&program).unwrap();
    program
}

/// The program with an anchor set that gives this key that purpose.
pub fn anchored(mut program: Program, spki_sha256: [u8; 32], purpose: Purpose) -> Program {
    let anchor = AnchorDef { name: "vendor root".into(), spki_sha256, purpose, formats: Vec::new() };
    program.anchors =
        vec![AnchorSet { name: "acme.vendors".into(), title: "Vendors".into(), anchors: vec![anchor] }];
    pkic_ir::check(&program).unwrap();
    program
}

pub fn key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap()
}

/// A request for a name, with more wishes than the policy grants.
pub fn csr(key: &KeyPair, names: &[&str]) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, names[0]);
    params.distinguished_name.push(DnType::OrganizationName, "Mallory");
    params.distinguished_name.push(DnType::LocalityName, "Elsewhere");
    params.subject_alt_names = names
        .iter()
        .map(|name| SanType::DnsName(rcgen::string::Ia5String::try_from(*name).unwrap()))
        .collect();
    params
        .custom_extensions
        .push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]));
    params.serialize_request(key).unwrap().der().to_vec()
}

/// A self-signed certificate of an authority, in DER.
pub fn authority(key: &KeyPair) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Acme CA");
    params.serial_number = Some(SerialNumber::from(7u64));
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.not_after = rcgen::date_time_ymd(2040, 1, 1);
    params.self_signed(key).unwrap().der().to_vec()
}

/// A statement of a test device: the storage word, a NUL, and the subjectPublicKeyInfo of the attested key.
pub struct Saying {
    storage: String,
    spki: Vec<u8>,
}

impl pkic_facts::facts::Statement for Saying {
    const FORMAT: &'static str = "tpm2-certify";

    fn attested_key(&self) -> &[u8] {
        &self.spki
    }

    fn freshness(&self) -> pkic_facts::facts::Carried<'_> {
        pkic_facts::facts::Carried::Nothing
    }

    fn emit(&self, to: &mut pkic_facts::facts::Emission) {
        to.statement_word("key.storage", Words::Storage, &self.storage);
    }
}

#[allow(clippy::result_large_err, reason = "the error type is the one that `mint` asks for")]
fn decode_saying(bytes: &[u8]) -> Result<Saying, pkic_facts::reject::Reject> {
    let at = bytes.iter().position(|byte| *byte == 0).unwrap();
    let storage = String::from_utf8(bytes[..at].to_vec()).unwrap();
    Ok(Saying { storage, spki: bytes[at + 1..].to_vec() })
}

/// A device that signs statements, enrolled by its key.
pub struct Device {
    key: KeyPair,
    pub anchors: pkic_facts::anchors::AnchorSet,
}

impl Device {
    pub fn new(purpose: &str) -> Device {
        let key = key();
        let spki = pkic_facts::crypto::Sha256Digest::of(&key.subject_public_key_info());
        let listing = format!("[[key]]\nname = \"device\"\nspki = \"{spki}\"\npurpose = \"{purpose}\"\n");
        let anchors = pkic_facts::anchors::AnchorSet::load(&[], &listing).unwrap();
        Device { key, anchors }
    }

    pub fn spki_sha256(&self) -> [u8; 32] {
        pkic_facts::crypto::Sha256Digest::of(&self.key.subject_public_key_info()).0
    }

    /// What the device attests of the request's key, appraised as a format of evidence would be.
    pub fn attest(&self, storage: &str, csr: &[u8]) -> pkic_runtime::appraise::Appraised {
        use pkic_facts::crypto::{Hash, Scheme, Sha256Digest, Strength};
        use pkic_facts::verified::{Evidence, SignedBytes, TrustedKey, mint};
        use rcgen::SigningKey;
        let request = pkic_facts::request::CertificationRequest::from_bytes(csr).unwrap();
        let message = [storage.as_bytes(), &[0], request.spki()].concat();
        let evidence = Evidence::new("device.bin", &[&message]).unwrap();
        let spki = self.key.subject_public_key_info();
        let trusted = TrustedKey::enrolled(&self.anchors, &spki, "tpm2-certify", &evidence, NOW).unwrap();
        let signature = self.key.sign(&message).unwrap();
        let signed = SignedBytes { message, scheme: Scheme::Ecdsa(Hash::Sha256), signature };
        let said = mint(&signed, &trusted, Strength::Current, decode_saying).unwrap();
        let mut facts = pkic_facts::facts::Facts::of_request(&request).unwrap();
        facts.attest(&evidence, &said, Some(&request), None).unwrap();
        pkic_runtime::appraise::Appraised {
            facts,
            items: Vec::new(),
            csr: Sha256Digest::of(request.der()),
            anchors: Some(self.anchors.digest()),
        }
    }
}
