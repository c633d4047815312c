//! An external verifier's result by the binary: it counts where the policy names the verifier, and for its own key and nonce.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(unreachable_pub)]
mod work;

use work::Work;

const POLICY: &str = r#"edition 2026
policy example.told "1.0.0"
SIGNERS
profile device {
    role device-local
    operations [issue]
    key.storage in any
    told: evidence.verifier.status == affirming @ GRADE
    bound: evidence.bound == true @ GRADE
    contents {
        validity <= 1y default 90d
        subject.common-name
        key-usage critical == [digital-signature]
    }
}
"#;

const WITNESSED: &str = "witnessed by verifier";
const NONCE: &str = "00112233445566778899aabbccddeeff";

fn digest_of(work: &Work, key: &str) -> String {
    work.openssl(&format!("pkey -in {key} -pubout -outform DER -out spki.der"));
    let hex = String::from_utf8(work.openssl("dgst -sha256 -r spki.der")).unwrap();
    format!("sha256:{}", hex.split(' ').next().unwrap())
}

#[test]
fn a_verifiers_result_counts_where_the_policy_names_the_verifier() {
    let work = Work::new("verifier");
    work.openssl("genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048 -out verifier.key");
    for name in ["own", "other"] {
        let request = "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=unit";
        work.openssl(&format!("{request} -keyout {name}.key -out {name}.csr.pem"));
    }
    let verifier = digest_of(&work, "verifier.key");
    digest_of(&work, "own.key");
    let key = work.base64_url(std::fs::read(work.0.join("spki.der")).unwrap());
    let payload = format!(
        r#"{{"iat":1795000000,"eat_nonce":"{}","ear.verifier-id":{{"developer":"V"}},"submods":{{"unit":
        {{"ear.status":"affirming","ear.veraison.key-attestation":{{"akpub":"{key}"}}}}}}}}"#,
        work.base64_url((0..16).map(|digit| digit * 0x11).collect::<Vec<u8>>())
    );
    work.write("result.jwt", work.jws(r#"{"alg":"RS256"}"#, &payload, "verifier.key"));
    std::fs::create_dir_all(work.0.join("anchors")).unwrap();
    work.openssl("pkey -in verifier.key -pubout -out anchors/verifier.pem");
    let listing = format!(
        "[[key]]\nname = \"V\"\nspki = \"{verifier}\"\npurpose = \"production\"\nformats = [\"ear\"]\n"
    );
    work.write("anchors/anchors.toml", listing);
    let decide = |signers: &str, grade: &str, request: &str, nonce: Option<&str>| {
        work.write("told.pki", POLICY.replace("SIGNERS", signers).replace("GRADE", grade));
        let nonce = nonce.map(|nonce| format!(" --nonce {nonce}")).unwrap_or_default();
        let what = "evaluate --policy told.pki --profile device --evidence result.jwt --anchors anchors";
        let (code, text) =
            work.pkic(&format!("{what} --csr {request}.csr.pem --at 2026-11-18T12:00:00Z{nonce}"));
        assert!(code == 0 || code == 1, "{text}");
        code == 0
    };
    let named = |line: &str, key: &str| {
        format!("signers verifiers \"v\" {{\n{line}    signer \"V\" spki \"{key}\"\n}}")
    };
    let (ours, aged) = (named("", &verifier), named("    max-age 1d\n", &verifier));
    let nobody = named("", &format!("sha256:{}", "0".repeat(64)));
    assert!(decide(&ours, WITNESSED, "own", Some(NONCE)));
    assert!(decide(&ours, WITNESSED, "own", None));
    assert!(decide(&aged, WITNESSED, "own", Some(NONCE)));
    assert!(!decide(&aged, WITNESSED, "own", None), "nothing shows how old the result is");
    assert!(!decide("", WITNESSED, "own", Some(NONCE)), "nobody is named");
    assert!(!decide(&nobody, WITNESSED, "own", Some(NONCE)), "another verifier is named");
    assert!(!decide(&ours, "attested", "own", Some(NONCE)), "it is told, not attested");
    assert!(!decide(&ours, WITNESSED, "other", Some(NONCE)), "it is about another key");
    assert!(!decide(&ours, WITNESSED, "own", Some("0102")), "it answers another nonce");
}
