//! Payloads in every envelope: opened and verified by pkic, decoded by a module, bound and fresh by what pkic reads itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]
#![allow(missing_docs, unreachable_pub)]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value;
use pkic_evidence::Verdict;
use pkic_facts::facts::Binding;
use pkic_plugin::Module;
use std::process::Command;
use support::chain::{NOW, Node, anchors, authority_of, named};
use support::{Guest, Item, attested, detached, enrolled};

const NONCE: &[u8] = b"sixteen octets!!";

fn module(envelope: &str) -> Module {
    Guest { envelope: envelope.into(), ..Guest::default() }.load().unwrap()
}

/// r and s of a P-256 signature in DER, at their width.
fn fixed(der: &[u8]) -> Vec<u8> {
    let r_len = usize::from(der[3]);
    let (r, s) = (&der[4..4 + r_len], &der[6 + r_len..]);
    let padded = |octets: &[u8]| {
        let octets: Vec<u8> = octets.iter().copied().skip_while(|octet| *octet == 0).collect();
        [vec![0; 32 - octets.len()], octets].concat()
    };
    [padded(r), padded(s)].concat()
}

fn point(node: &Node) -> (Vec<u8>, Vec<u8>) {
    let spki = node.spki();
    let (_, point) = spki.split_at(spki.len() - 64);
    (point[..32].to_vec(), point[32..].to_vec())
}

fn bytes_of(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

/// Claims in CBOR that confirm this key and answer this nonce.
fn cbor_claims(key: &Node) -> Vec<u8> {
    let (x, y) = point(key);
    let int = |number: i64| Value::Integer(number.into());
    let key = Value::Map(vec![
        (int(1), int(2)),
        (int(-1), int(1)),
        (int(-2), Value::Bytes(x)),
        (int(-3), Value::Bytes(y)),
    ]);
    bytes_of(&Value::Map(vec![
        (int(8), Value::Map(vec![(int(1), key)])),
        (int(10), Value::Bytes(NONCE.to_vec())),
        (int(-70_000), Value::Text("what the maker says".into())),
    ]))
}

fn cose(signer: &Node, content_type: &str, payload: &[u8]) -> Vec<u8> {
    let int = |number: i64| Value::Integer(number.into());
    let protected =
        bytes_of(&Value::Map(vec![(int(1), int(-7)), (int(3), Value::Text(content_type.to_owned()))]));
    let (protected, payload) = (Value::Bytes(protected), Value::Bytes(payload.to_vec()));
    let structure =
        [Value::Text("Signature1".into()), protected.clone(), Value::Bytes(vec![]), payload.clone()];
    let signature = fixed(&signer.sign(&bytes_of(&Value::Array(structure.to_vec()))));
    let message = [protected, Value::Map(vec![]), payload, Value::Bytes(signature)];
    bytes_of(&Value::Tag(18, Box::new(Value::Array(message.to_vec()))))
}

fn jws(signer: &Node, typ: &str, payload: &str) -> Vec<u8> {
    let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#));
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(fixed(&signer.sign(message.as_bytes())));
    format!("{message}.{signature}").into_bytes()
}

/// A message of a signer under a root, about the key of a request.
struct Signed {
    root: Node,
    signer: Node,
    device: Node,
}

impl Signed {
    fn new() -> Signed {
        let root = Node::root(authority_of("root"));
        let signer = root.issue(named("attestation key"));
        let device = root.issue(named("device key"));
        Signed { root, signer, device }
    }

    fn item(&self, message: Vec<u8>) -> Item {
        Item {
            parts: vec![message, self.signer.der.clone()],
            request: Some(self.device.request()),
            anchors: anchors(&[&self.root]),
            nonce: Some(NONCE.to_vec()),
            now: NOW,
        }
    }
}

/// Verified, bound and fresh by our own reading, with the facts of the module.
fn holds(item: &Item, module: &Module) {
    let answer = item.by(module);
    assert_eq!(answer.verdict, Verdict::Verified);
    assert_eq!((answer.binding, answer.freshness()), (Some(Binding::RequestKey), Some("nonce")));
    let facts = attested(answer.facts.table());
    assert_eq!(facts["key.storage"], ("plugin".to_owned(), "se.token".to_owned()));
    assert_eq!(facts["evidence.format"].1, "plugin");
}

/// What must not hold of an item that holds: another key, another nonce, another root, nobody for the signer.
fn refuses_the_rest(signed: &Signed, module: &Module, message: &[u8]) {
    let good = || signed.item(message.to_vec());
    let other_key = Item { request: Some(signed.signer.request()), ..good() };
    assert_eq!(other_key.refusal(module), ("binding", "key-mismatch"));
    let other_nonce = Item { nonce: Some(b"another".to_vec()), ..good() };
    assert_eq!(other_nonce.refusal(module), ("freshness", "nonce-mismatch"));
    let other_root = Item { anchors: anchors(&[&Signed::new().root]), ..good() };
    assert_eq!(other_root.refusal(module), ("path", "link-signature"));
    let other_signer = Item { parts: vec![message.to_vec(), signed.device.der.clone()], ..good() };
    assert_eq!(other_signer.refusal(module), ("signature", "signature-invalid"));
    let nobody = Item { parts: vec![message.to_vec()], ..good() };
    assert_eq!(nobody.by(module).verdict.name(), "unproven");
    assert!(attested(nobody.by(module).facts.table()).is_empty());
}

#[test]
fn a_payload_in_a_cose_sign1() {
    let (signed, module) = (Signed::new(), module(r#"{"cose-sign1":{"content-type":"application/widget"}}"#));
    let message = cose(&signed.signer, "application/widget", &cbor_claims(&signed.device));
    holds(&signed.item(message.clone()), &module);
    refuses_the_rest(&signed, &module, &message);
    let other = signed.item(cose(&signed.signer, "application/gadget", &cbor_claims(&signed.device)));
    assert!(!other.ask(|input| pkic_evidence::plugin::Plugin::envelope(&module).is_present(input)));
    let keyless = signed.item(cose(&signed.signer, "application/widget", b"payload"));
    assert_eq!(keyless.refusal(&module), ("format", "field-missing"));
}

#[test]
fn a_payload_in_a_jws() {
    let (signed, module) = (Signed::new(), module(r#"{"jws":{"typ":"widget+jwt"}}"#));
    let (x, y) = point(&signed.device);
    let jwk = format!(
        r#"{{"kty":"EC","crv":"P-256","x":"{}","y":"{}"}}"#,
        URL_SAFE_NO_PAD.encode(x),
        URL_SAFE_NO_PAD.encode(y)
    );
    let nonce = URL_SAFE_NO_PAD.encode(NONCE);
    let claims = format!(r#"{{"cnf":{{"jwk":{jwk}}},"eat_nonce":"{nonce}"}}"#);
    let message = jws(&signed.signer, "widget+jwt", &claims);
    holds(&signed.item(message.clone()), &module);
    refuses_the_rest(&signed, &module, &message);
    let stale = claims.replace("{\"cnf\"", "{\"exp\":1700000000,\"cnf\"");
    let stale = signed.item(jws(&signed.signer, "widget+jwt", &stale));
    assert_eq!(stale.refusal(&module), ("freshness", "stale"));
}

#[test]
fn a_payload_with_a_detached_signature() {
    let signed = Signed::new();
    let claims = cbor_claims(&signed.device);
    let prefix: String = claims[..3].iter().map(|octet| format!("{octet:02x}")).collect();
    let module = module(&format!(r#"{{"detached":{{"prefix":"{prefix}"}}}}"#));
    let mut item = signed.item(claims.clone());
    item.parts.insert(1, signed.signer.sign(&claims));
    holds(&item, &module);
    item.parts[1] = signed.device.sign(&claims);
    assert_eq!(item.refusal(&module), ("signature", "signature-invalid"));
}

#[test]
fn an_enrolled_key_stands_for_the_signer() {
    let module = module(support::DETACHED);
    let item = detached(b"payload");
    assert_eq!(item.by(&module).verdict, Verdict::Verified);
    assert_eq!(item.by(&module).binding, Some(Binding::NoRequest));
    let other = Item { anchors: enrolled(&Node::root(named("other")).spki()), ..detached(b"payload") };
    assert_eq!(other.by(&module).verdict.name(), "unproven");
    let keyless = Item { request: Some(Node::root(named("device")).request()), ..detached(b"payload") };
    assert_eq!(keyless.refusal(&module), ("format", "field-missing"));
}

#[test]
fn a_payload_in_a_cms_message() {
    let (signed, module) = (Signed::new(), module(r#"{"cms":{"content-type":"1.3.6.1.4.1.55555.1"}}"#));
    let folder = std::env::temp_dir().join(format!("pkic-plugin-cms-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    write("claims", &cbor_claims(&signed.device));
    write("signer.der", &signed.signer.der);
    write("signer.pem", signed.signer.key.serialize_pem().as_bytes());
    let openssl = |arguments: &str| {
        let run = Command::new("openssl").args(arguments.split(' ')).current_dir(&folder).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    };
    openssl("x509 -inform DER -in signer.der -out signer.crt");
    let sign = |more: &str, to: &str| {
        let what = "cms -sign -binary -nodetach -md sha256 -in claims -signer signer.crt -inkey signer.pem";
        openssl(&format!("{what} -outform DER -out {to}{more}"));
        std::fs::read(folder.join(to)).unwrap()
    };
    let message = sign(" -econtent_type 1.3.6.1.4.1.55555.1", "widget.der");
    holds(&signed.item(message.clone()), &module);
    refuses_the_rest(&signed, &module, &message);
    let data = signed.item(sign("", "data.der"));
    assert_eq!(data.refusal(&module), ("format", "field-mismatch"));
    let bare = signed.item(sign(" -econtent_type 1.3.6.1.4.1.55555.1 -noattr", "bare.der"));
    assert!(["field-missing", "malformed"].contains(&bare.refusal(&module).1));
    let at = message.windows(4).position(|octets| octets == b"what").unwrap();
    let mut changed = message.clone();
    changed[at] ^= 1;
    assert_eq!(signed.item(changed).refusal(&module), ("signature", "digest-mismatch"));
    std::fs::remove_dir_all(&folder).unwrap();
}
