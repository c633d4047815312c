//! A small policy built by hand, and requests and issuers made for the test.
#![allow(dead_code)]
use pkic_evidence::Input;
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::certificate::Certificate;
use pkic_facts::facts::Facts;
use pkic_facts::request::CertificationRequest;
use pkic_facts::revocation::RevocationData;
use pkic_facts::verified::Evidence;
use pkic_ir::{
    AnchorDef, AnchorSet as PolicyAnchors, Atom, Authority, Body, Constant, Expr, ExprId, Field, Guard,
    Operand, Origin, Profile, Program, Relation, Requirement, RequirementId, Strength, Test,
};
use pkic_vocab::fields::FieldDef;
use pkic_vocab::time::Span;
use pkic_vocab::{FactId, Path, Purpose, Value, Word, Words};
use rcgen::{CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, SanType, SerialNumber};
use std::time::Duration;

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

/// `acme.tls`: storage in [tpm.discrete, se, se.token] attested, validity at most 47 days; signed by `acme.ca`, whose key is
/// judged by `acme.ca-key`: an ECDSA key.
pub fn program() -> Program {
    let storage = Constant::Words {
        words: Words::Storage,
        named: vec![
            word(Words::Storage, "tpm.discrete"),
            word(Words::Storage, "se"),
            word(Words::Storage, "se.token"),
        ],
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
        vec![PolicyAnchors { name: "acme.vendors".into(), title: "Vendors".into(), anchors: vec![anchor] }];
    pkic_ir::check(&program).unwrap();
    program
}

pub fn key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap()
}

/// A request for a name, with more wishes than the policy grants.
pub fn csr(key: &KeyPair, names: &[&str]) -> Vec<u8> {
    csr_with(key, names, Vec::new())
}

/// A request that carries a nonce as its challengePassword, in hexadecimal digits.
pub fn csr_answering(key: &KeyPair, nonce: &[u8]) -> Vec<u8> {
    let digits: String = nonce.iter().map(|octet| format!("{octet:02x}")).collect();
    let len = u8::try_from(digits.len()).unwrap();
    let values = [&[0x31, len + 2, 0x13, len][..], digits.as_bytes()].concat();
    csr_with(key, &["a.example"], vec![rcgen::Attribute { oid: &[1, 2, 840, 113549, 1, 9, 7], values }])
}

fn csr_with(key: &KeyPair, names: &[&str], attributes: Vec<rcgen::Attribute>) -> Vec<u8> {
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
    params.serialize_request_with_attributes(key, attributes).unwrap().der().to_vec()
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

/// A maker of tokens in Yubico's shape: its root, and a token whose f9 key attests the keys of slots.
pub struct Device {
    root: Vec<u8>,
    f9: Vec<u8>,
    f9_issuer: Issuer<'static, KeyPair>,
    root_issuer: Issuer<'static, KeyPair>,
    pub anchors: AnchorSet,
}

impl Device {
    /// A maker whose root the deployment lists with that purpose.
    pub fn new(purpose: &str) -> Device {
        let (root_key, f9_key) = (key(), key());
        let root_params = yubico("Root");
        let root = root_params.self_signed(&root_key).unwrap().der().to_vec();
        let mut f9_params = yubico("Yubico PIV Attestation");
        f9_params.custom_extensions = vec![said(3, &[5, 7, 1])];
        let f9 = f9_params.signed_by(&f9_key, &Issuer::from_params(&root_params, &root_key)).unwrap();
        let spki = Certificate::from_der(&root).unwrap().tbs().spki_digest();
        let listing = format!("[[anchor]]\nname = \"maker\"\nspki = \"{spki}\"\npurpose = \"{purpose}\"\n");
        let anchors = AnchorSet::load(&[AnchorFile { name: "root.der", bytes: &root }], &listing).unwrap();
        Device {
            root,
            f9: f9.der().to_vec(),
            f9_issuer: Issuer::new(f9_params, f9_key),
            root_issuer: Issuer::new(root_params, root_key),
            anchors,
        }
    }

    /// The deployment knows a list of the root, of the hour before [`NOW`], that names the token's certificate or nobody.
    pub fn with_list(mut self, until: i64, is_revoked: bool) -> Device {
        let moment = |at: i64| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(at.unsigned_abs());
        let serial = Certificate::from_der(&self.f9).unwrap().tbs().serial().to_vec();
        let revoked = rcgen::RevokedCertParams {
            serial_number: SerialNumber::from_slice(&serial),
            revocation_time: moment(NOW - 7200),
            reason_code: None,
            invalidity_date: None,
        };
        let list = rcgen::CertificateRevocationListParams {
            this_update: moment(NOW - 3600),
            next_update: moment(until),
            crl_number: SerialNumber::from(1u64),
            issuing_distribution_point: None,
            revoked_certs: if is_revoked { vec![revoked] } else { Vec::new() },
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        let mut data = RevocationData::default();
        data.add_crls("root.crl", list.signed_by(&self.root_issuer).unwrap().der()).unwrap();
        self.anchors = self.anchors.with_revocation(data);
        self
    }

    /// SHA-256 of the root's subjectPublicKeyInfo.
    pub fn spki_sha256(&self) -> [u8; 32] {
        Certificate::from_der(&self.root).unwrap().tbs().spki_digest().0
    }

    /// What the token attests of a key: that it generated it.
    pub fn evidence(&self, attested: &KeyPair) -> Evidence {
        let mut slot = yubico("YubiKey PIV Attestation 9a");
        slot.is_ca = IsCa::NoCa;
        slot.custom_extensions = vec![said(3, &[5, 7, 1]), said(8, &[2, 1])];
        let slot = slot.signed_by(attested, &self.f9_issuer).unwrap();
        Evidence::new("token.der", &[slot.der(), &self.f9]).unwrap()
    }

    /// Facts of a request, or of none, with what the token attests of a key.
    pub fn facts(&self, attested: &KeyPair, request: Option<&CertificationRequest>) -> Facts {
        let evidence = self.evidence(attested);
        let anchors = &self.anchors;
        let input = Input { evidence: &evidence, request, anchors, now: NOW, nonce: None, activation: None };
        let appraisal = pkic_evidence::appraise(&input);
        assert_eq!(appraisal.verdict, pkic_evidence::Verdict::Verified);
        appraisal.facts
    }
}

fn yubico(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params
}

fn said(arc: u64, value: &[u8]) -> CustomExtension {
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 41482, 3, arc], value.to_vec())
}
