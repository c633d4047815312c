//! Synthetic Matter devices, with declarations and answers to a commissioner, each with one thing changed. No sample is from
//! a device: those of the expectations are the test vectors of the reference implementation.

use crate::support;

use pkic_evidence::container;
use pkic_facts::crypto::Sha256Digest;
use rcgen::{CertificateParams, DnType, IsCa};
use support::chain::{Made, Node, anchors, authority, critical, element, listed, name, named};

const FORMAT: &str = "matter-dac";
const VENDOR: [u64; 8] = [1, 3, 6, 1, 4, 1, 37244, 2];
const NONCE: [u8; 32] = [7; 32];
const CHALLENGE: [u8; 16] = [9; 16];

fn matter(common_name: &str, vendor: Option<&str>, product: Option<&str>) -> CertificateParams {
    let kind = |arc: u64| DnType::CustomDnType([&VENDOR[..], &[arc]].concat());
    let mut attributes = vec![(DnType::CommonName, common_name)];
    attributes.extend(vendor.map(|vendor| (kind(1), vendor)));
    attributes.extend(product.map(|product| (kind(2), product)));
    name(&attributes)
}

fn dac() -> CertificateParams {
    matter("DAC", Some("FFF1"), Some("8000"))
}

fn with_key_id(mut params: CertificateParams) -> CertificateParams {
    params.use_authority_key_identifier_extension = true;
    params
}

struct Chain {
    paa: Node,
    pai: Node,
    /// The key that signs declarations.
    alliance: Node,
}

fn chain_of(paa: CertificateParams, pai: CertificateParams) -> Chain {
    let paa = Node::root(authority(paa));
    let pai = paa.issue(authority(with_key_id(pai)));
    Chain { paa, pai, alliance: Node::root(named("declarations")) }
}

fn chain() -> Chain {
    chain_of(matter("PAA", Some("FFF1"), None), matter("PAI", Some("FFF1"), Some("8000")))
}

impl Chain {
    /// The root, and the key that signs declarations, as this.
    fn anchors(&self, formats: &str) -> pkic_facts::anchors::AnchorSet {
        let key = Sha256Digest::of(&self.alliance.spki());
        let entry =
            format!("[[key]]\nname = \"declarations\"\nspki = \"{key}\"\npurpose = \"test\"\n{formats}");
        listed(&[&self.paa], &entry)
    }

    /// Subject key identifier of the root: rcgen makes it of the key.
    fn root_key_id(&self) -> Vec<u8> {
        let certificate = pkic_facts::certificate::Certificate::from_der(&self.pai.der).unwrap();
        let value = certificate.tbs().extension("2.5.29.35").unwrap().value.clone();
        value[4..].to_vec()
    }
}

fn refusal(chain: &Chain, dac: CertificateParams) -> (&'static str, &'static str) {
    let dac = chain.pai.issue(dac);
    Made::new(&[&dac.der, &chain.pai.der], anchors(&[&chain.paa])).refusal(FORMAT)
}

/// What a declaration says.
#[derive(Clone)]
struct Said {
    version: u8,
    vendor: u16,
    products: Vec<u16>,
    kind: u8,
    origin: (Option<u16>, Option<u16>),
    roots: Vec<Vec<u8>>,
}

impl Default for Said {
    fn default() -> Said {
        let (origin, roots) = ((None, None), Vec::new());
        Said { version: 1, vendor: 0xfff1, products: vec![0x7fff, 0x8000], kind: 2, origin, roots }
    }
}

impl Said {
    fn tlv(&self) -> Vec<u8> {
        let short = |tag: u8, value: u16| [&[0x25, tag][..], &value.to_le_bytes()].concat();
        let mut out = vec![0x15, 0x24, 0, self.version];
        out.extend(short(1, self.vendor));
        out.extend([0x36, 2]);
        out.extend(self.products.iter().flat_map(|product| [&[0x05][..], &product.to_le_bytes()].concat()));
        out.extend([0x18, 0x26, 3, 0, 1, 0, 0, 0x2c, 4, 2, b'Z', b'I', 0x24, 8, self.kind]);
        out.extend(self.origin.0.into_iter().flat_map(|vendor| short(9, vendor)));
        out.extend(self.origin.1.into_iter().flat_map(|product| short(10, product)));
        if !self.roots.is_empty() {
            out.extend([0x36, 11]);
            out.extend(self.roots.iter().flat_map(|root| [&[0x10, root.len() as u8][..], root].concat()));
            out.push(0x18);
        }
        out.push(0x18);
        out
    }

    fn signed_by(&self, key: &Node) -> Vec<u8> {
        cms(&self.tlv(), &key.sign(&self.tlv()), &[])
    }
}

/// A SignedData with one signer, with what stands between digest and signature algorithm.
fn cms(content: &[u8], signature: &[u8], signed_attributes: &[u8]) -> Vec<u8> {
    let oid = |last: u8| element(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, last]);
    let sha256 = element(0x30, &element(6, &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1]));
    let ecdsa = element(0x30, &element(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]));
    let content = element(0x30, &[oid(1), element(0xa0, &element(4, content))].concat());
    let signer = [
        &[2, 1, 3][..],
        &element(0x80, &[1; 20]),
        &sha256,
        signed_attributes,
        &ecdsa,
        &element(4, signature),
    ];
    let signers = element(0x31, &element(0x30, &signer.concat()));
    let fields = [&[2, 1, 3][..], &element(0x31, &sha256), &content, &signers].concat();
    element(0x30, &[oid(2), element(0xa0, &element(0x30, &fields))].concat())
}

fn public_key(spki: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(spki);
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n").into_bytes()
}

/// DAC, PAI, declaration and the key of it, as files.
fn declared_as(chain: &Chain, message: &[u8]) -> Made {
    let dac = chain.pai.issue(dac());
    let key = public_key(&chain.alliance.spki());
    Made::new(&[&dac.der, &chain.pai.der, message, &key], chain.anchors(""))
}

fn declared(chain: &Chain, said: &Said) -> Made {
    declared_as(chain, &said.signed_by(&chain.alliance))
}

/// Elements as a device writes them.
fn elements(declaration: &[u8], nonce: &[u8]) -> Vec<u8> {
    let len = (declaration.len() as u16).to_le_bytes();
    let head = [&[0x15, 0x31, 1][..], &len, declaration, &[0x30, 2, nonce.len() as u8], nonce];
    [head.concat(), vec![0x26, 3, 0, 0, 0, 0, 0x18]].concat()
}

/// The 64 octets of an ECDSA signature that DER has as two integers.
fn fixed(signature: &[u8]) -> Vec<u8> {
    let parts = pkic_facts::der::elements("signature", &signature[2..], 2).unwrap();
    let padded = |octets: &[u8]| {
        let significant: Vec<u8> = octets.iter().copied().skip_while(|octet| *octet == 0).collect();
        [vec![0; 32 - significant.len()], significant].concat()
    };
    parts.iter().flat_map(|part| padded(part.content)).collect()
}

/// An answer to a commissioner, signed by this node over these.
fn answer(chain: &Chain, signer: &Node, elements: &[u8], challenge: &[u8]) -> Made {
    let dac = chain.pai.issue(dac());
    answer_of(chain, &dac, signer, elements, challenge)
}

fn answer_of(chain: &Chain, dac: &Node, signer: &Node, elements: &[u8], challenge: &[u8]) -> Made {
    let signature = fixed(&signer.sign(&[elements, challenge].concat()));
    let key = chain.alliance.spki();
    let members: [(&str, &[u8]); 4] = [
        ("attestation-elements", elements),
        ("attestation-challenge", challenge),
        ("attestation-signature", &signature),
        ("certification-declaration-key", &key),
    ];
    let certificates: [&[u8]; 2] = [&dac.der, &chain.pai.der];
    let item = container::write(FORMAT, &members, &[("certificates", &certificates)]);
    Made { nonce: Some(NONCE.to_vec()), ..Made::new(&[&item], chain.anchors("")) }
}

fn good_answer(chain: &Chain) -> Made {
    let dac = chain.pai.issue(dac());
    let elements = elements(&Said::default().signed_by(&chain.alliance), &NONCE);
    let made = answer_of(chain, &dac, &dac, &elements, &CHALLENGE);
    Made { request: Some(dac.request()), ..made }
}

#[test]
fn the_unchanged_ones_are_verified() {
    let chain = chain();
    let dac = chain.pai.issue(dac());
    let bare = Made::new(&[&chain.pai.der, &dac.der], anchors(&[&chain.paa]));
    assert_eq!(bare.fact("module.vendor-id").as_deref(), Some("65521"));
    assert_eq!(bare.fact("module.product-id").as_deref(), Some("32768"));
    assert_eq!(bare.fact("evidence.freshness").as_deref(), Some("none"));
    assert_eq!(bare.fact("module.matter-certification"), None);
    assert_eq!(bare.fact("key.storage"), None, "a rule of the certification, no evidence");
    let bound = Made { request: Some(dac.request()), ..bare };
    assert_eq!(bound.fact("evidence.bound").as_deref(), Some("true"));
    let declared = declared(&chain, &Said::default());
    assert_eq!(declared.fact("module.matter-certification").as_deref(), Some("official"));
    let answered = good_answer(&chain);
    assert_eq!(answered.fact("evidence.freshness").as_deref(), Some("nonce"));
    assert_eq!(answered.fact("evidence.bound").as_deref(), Some("true"));
    assert_eq!(answered.fact("module.matter-certification").as_deref(), Some("official"));
    assert_eq!(answered.fact("evidence.anchor.purpose").as_deref(), Some("simulator"), "the farther of two");
}

#[test]
fn vendor_and_product_agree() {
    let mismatch = ("format", "field-mismatch");
    let good = chain();
    assert_eq!(refusal(&good, matter("DAC", Some("FFF2"), Some("8000"))), mismatch);
    assert_eq!(refusal(&good, matter("DAC", Some("FFF1"), Some("8001"))), mismatch);
    assert_eq!(refusal(&good, matter("DAC", None, Some("8000"))), ("format", "field-missing"));
    assert_eq!(refusal(&good, matter("DAC", Some("fff1"), Some("8000"))), ("parse", "malformed"));
    let paa = |vendor| matter("PAA", vendor, None);
    let other_root = chain_of(paa(Some("FFF2")), matter("PAI", Some("FFF1"), None));
    assert_eq!(refusal(&other_root, dac()), mismatch, "a root of another vendor");
    let other_pai = chain_of(paa(None), matter("PAI", Some("FFF2"), None));
    assert_eq!(refusal(&other_pai, dac()), mismatch);
    let nameless = chain_of(paa(None), matter("PAI", None, None));
    assert_eq!(refusal(&nameless, dac()), ("format", "field-missing"));
    let open = chain_of(paa(None), matter("PAI", Some("FFF1"), None));
    let leaf = open.pai.issue(named("ACME Mvid:FFF1 Mpid:00B1"));
    let made = Made::new(&[&leaf.der, &open.pai.der], anchors(&[&open.paa]));
    assert_eq!(made.fact("module.product-id").as_deref(), Some("177"), "inside the common name");
}

#[test]
fn each_wrong_certificate_is_refused_by_its_stage() {
    let (good, other) = (chain(), chain());
    let leaf = good.pai.issue(dac());
    let with = |parts: &[&[u8]]| Made::new(parts, anchors(&[&good.paa])).refusal(FORMAT);
    assert_eq!(with(&[&leaf.der, &other.pai.der]), ("path", "link-signature"));
    assert_eq!(with(&[&leaf.der]), ("path", "issuer-unknown"));
    let forged = good.pai.impostor().issue(dac());
    assert_eq!(with(&[&forged.der, &good.pai.der]), ("path", "link-signature"));
    let second = good.pai.issue(dac());
    assert_eq!(with(&[&leaf.der, &second.der, &good.pai.der]), ("format", "field-repeated"));
    let direct = good.paa.issue(dac());
    assert_eq!(with(&[&direct.der]), ("format", "field-missing"), "without a PAI");
    let elsewhere = Made::new(&[&leaf.der, &good.pai.der], anchors(&[&other.paa]));
    assert_eq!(elsewhere.refusal(FORMAT), ("path", "link-signature"), "same name, other key");
    let mut no_authority = matter("PAI", Some("FFF1"), None);
    no_authority.is_ca = IsCa::ExplicitNoCa;
    let pai = good.paa.issue(no_authority);
    let leaf = pai.issue(dac());
    assert_eq!(with(&[&leaf.der, &pai.der]), ("path", "not-an-authority"));
    let mut unknown = dac();
    unknown.custom_extensions.push(critical(&[1, 3, 6, 1, 4, 1, 99], &[5, 0]));
    assert_eq!(refusal(&good, unknown), ("path", "critical-extension"));
}

#[test]
fn a_declaration_is_of_this_device() {
    let chain = chain();
    let mismatch = ("format", "field-mismatch");
    let refused = |said: Said| declared(&chain, &said).refusal(FORMAT);
    let good = Said::default;
    assert_eq!(refused(Said { vendor: 0xfff2, ..good() }), mismatch);
    assert_eq!(refused(Said { products: vec![0x8001], ..good() }), mismatch);
    assert_eq!(refused(Said { kind: 3, ..good() }), mismatch);
    assert_eq!(refused(Said { version: 2, ..good() }), ("parse", "version-unsupported"));
    assert_eq!(refused(Said { roots: vec![vec![1; 20]], ..good() }), mismatch);
    assert_eq!(refused(Said { roots: vec![vec![1; 19]], ..good() }), ("parse", "malformed"));
    assert_eq!(refused(Said { origin: (Some(0xfff2), Some(0x8000)), ..good() }), mismatch);
    assert_eq!(refused(Said { origin: (Some(0xfff1), Some(0x8001)), ..good() }), mismatch);
    assert_eq!(refused(Said { origin: (Some(0xfff1), None), ..good() }), ("format", "field-missing"));
    let kind = |said: Said| declared(&chain, &said).fact("module.matter-certification").unwrap();
    assert_eq!(kind(Said { kind: 0, ..good() }), "development");
    assert_eq!(kind(Said { kind: 1, ..good() }), "provisional");
    assert_eq!(kind(Said { roots: vec![vec![1; 20], chain.root_key_id()], ..good() }), "official");
    let of_other = Said { vendor: 0xfff4, origin: (Some(0xfff1), Some(0x8000)), ..good() };
    assert_eq!(kind(of_other), "official", "a product with another maker's DAC");
}

#[test]
fn a_declaration_is_signed_by_an_enrolled_key() {
    let (chain, other) = (chain(), chain());
    let said = Said::default();
    let forged = declared_as(&chain, &said.signed_by(&other.alliance));
    assert_eq!(forged.refusal(FORMAT), ("signature", "signature-invalid"));
    let unlisted = Made { anchors: anchors(&[&chain.paa]), ..declared(&chain, &said) };
    assert_eq!(unlisted.appraise().verdict.name(), "unproven");
    assert_eq!(unlisted.refusal(FORMAT), ("path", "key-not-enrolled"));
    let elsewhere = chain.anchors("formats = [\"open-dice\"]\n");
    let elsewhere = Made { anchors: elsewhere, ..declared(&chain, &said) };
    assert_eq!(elsewhere.refusal(FORMAT), ("path", "key-not-enrolled"), "enrolled for another format");
    let attributes = element(0xa0, &[5, 0]);
    let with_attributes = cms(&said.tlv(), &chain.alliance.sign(&said.tlv()), &attributes);
    assert_eq!(declared_as(&chain, &with_attributes).refusal(FORMAT), ("parse", "malformed"));
    let dac = chain.pai.issue(dac());
    let message = said.signed_by(&other.alliance);
    let without_key = Made::new(&[&dac.der, &chain.pai.der, &message], chain.anchors(""));
    assert_eq!(without_key.fact("module.matter-certification"), None, "nobody checked it");
    let twice = Made::new(&[&dac.der, &chain.pai.der, &message, &message], chain.anchors("")).appraise();
    assert_eq!(twice.verdict.reason().unwrap().code(), "format-unknown");
}

#[test]
fn an_answer_is_the_devices_to_our_nonce() {
    let chain = chain();
    let good = good_answer(&chain);
    let other_nonce = Made { nonce: Some(vec![8; 32]), ..good };
    assert_eq!(other_nonce.refusal(FORMAT), ("freshness", "nonce-mismatch"));
    let declaration = Said::default().signed_by(&chain.alliance);
    let elements_of = |nonce: &[u8]| elements(&declaration, nonce);
    let stranger = chain.pai.issue(dac());
    let by_stranger = answer(&chain, &stranger, &elements_of(&NONCE), &CHALLENGE);
    assert_eq!(by_stranger.refusal(FORMAT), ("signature", "signature-invalid"), "another device's signature");
    let leaf = chain.pai.issue(dac());
    let own = |elements: &[u8], challenge: &[u8]| answer_of(&chain, &leaf, &leaf, elements, challenge);
    assert_eq!(own(&elements_of(&[7; 31]), &CHALLENGE).refusal(FORMAT), ("parse", "malformed"));
    assert_eq!(own(&elements_of(&NONCE), &[9; 15]).refusal(FORMAT), ("parse", "malformed"));
    assert_eq!(own(&[0x15, 0x18], &CHALLENGE).refusal(FORMAT), ("format", "field-missing"));
    let no_nonce = Made { nonce: None, ..own(&elements_of(&NONCE), &CHALLENGE) };
    assert_eq!(no_nonce.fact("evidence.freshness").as_deref(), Some("none"), "we gave out none");
    let other_request = Made { request: Some(stranger.request()), ..own(&elements_of(&NONCE), &CHALLENGE) };
    assert_eq!(other_request.refusal(FORMAT), ("binding", "key-mismatch"));
    let foreign = Said { vendor: 0xfff2, ..Said::default() }.signed_by(&chain.alliance);
    assert_eq!(own(&elements(&foreign, &NONCE), &CHALLENGE).refusal(FORMAT), ("format", "field-mismatch"));
}
