//! EAT Attestation Result: what an external verifier concludes from evidence that it saw and we did not.
//!
//! The verifier's key is enrolled, and stands as a file among the anchors; a key that the token carries in its own header counts for
//! nothing. Whatever it says is known as `witnessed`, and rests on `verifier`: its status, its policy, and the key that it
//! appraised, where it names one. Whom a policy takes for a verifier, its `signers verifiers` say. A trustworthiness vector
//! is summed up in the status, and is not read; a result about several attesters is refused, since it leaves open which of
//! them holds the key. Its time is `iat`; where it has no nonce, that time alone says how fresh it is.
//!
//! Source: draft-ietf-rats-ear-01 (claims, submodules), draft-ietf-rats-ar4si (tiers of the status), RFC 7515 (JWS).
use crate::appraise::{Appraised, Input, NotVerified};
use crate::formats::Format;
use crate::jose::{Jws, payload_of};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pkic_facts::crypto::Strength;
use pkic_facts::facts::{Carried, Emission, Speaker, Statement};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{TrustedKey, Verified, mint};
use pkic_vocab::Value as FactValue;
use pkic_vocab::words::Words;
use serde_json::Value;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "draft-ietf-rats-ear-01",
    proves: "what an external verifier concludes: `witnessed`",
    leaves_open: "anything itself",
    unsigned: "a key in the header (`jwk`, `x5c`), which is not looked at; the evidence that the verifier saw",
    detect: |input| peek(input).is_some(),
    appraise,
};

const NAME: &str = "ear";
const WHAT: &str = "EAT Attestation Result";
/// Seconds by which the verifier's clock may be ahead of ours.
const CLOCK_SKEW_S_MAX: i64 = 300;

/// Whether the payload has an EAR's claims, of this draft or of the first.
fn peek(input: &Input<'_>) -> Option<()> {
    let [token] = input.evidence.parts() else { return None };
    let text = std::str::from_utf8(token.trim_ascii()).ok()?;
    let (message, _) = text.rsplit_once('.')?;
    let payload = payload_of(WHAT, message.as_bytes()).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    ["ear.verifier-id", "appraisal-policy-id"].iter().any(|claim| claims.get(claim).is_some()).then_some(())
}

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let jws = Jws::read(WHAT, input.evidence.bytes())?;
    let result = verify(input, &jws)?;
    let (issued, now) = (result.value().issued, input.now);
    if issued > now.saturating_add(CLOCK_SKEW_S_MAX) {
        return Err(Reject::CreatedLater { created: issued, now }.into());
    }
    match result.value().ends.filter(|ends| now > *ends) {
        Some(stale_after) => Err(Reject::Stale { stale_after, now }.into()),
        None => input.conclude(&result),
    }
}

/// Mints the result with the enrolled key that signed it.
fn verify(input: &Input<'_>, jws: &Jws) -> Result<Verified<AttestationResult>, NotVerified> {
    let mut refusal = None;
    for spki in input.anchors.public_keys() {
        let enrolled = TrustedKey::enrolled(input.anchors, spki, NAME, input.evidence, input.now);
        let Ok(key) = enrolled else { continue };
        match mint(jws.signed(), &key, Strength::Current, AttestationResult::read) {
            Err(reject @ (Reject::SignatureInvalid { .. } | Reject::AlgorithmKeyMismatch { .. })) => {
                refusal = Some(reject);
            }
            answer => return Ok(answer?),
        }
    }
    Err(match refusal {
        Some(reject) => NotVerified::Refused(reject),
        None => NotVerified::Unproven(Reject::FieldMissing { field: "the verifier's key among the anchors" }),
    })
}

/// What a verifier says of one attester.
#[derive(Debug)]
struct AttestationResult {
    verifier: String,
    status: &'static str,
    policy: Option<String>,
    key: Vec<u8>,
    nonce: Option<Vec<u8>>,
    issued: i64,
    ends: Option<i64>,
}

impl AttestationResult {
    fn read(message: &[u8]) -> Result<Self, Reject> {
        let malformed = || Reject::Malformed { what: WHAT };
        let claims: Value = serde_json::from_slice(&payload_of(WHAT, message)?).map_err(|_| malformed())?;
        let missing = |field| Reject::FieldMissing { field };
        let submodules = claims.get("submods").and_then(Value::as_object).ok_or(missing("submods"))?;
        let mut submodules = submodules.values();
        let attester = submodules.next().ok_or(missing("submods"))?;
        if submodules.next().is_some() {
            return Err(Reject::FieldRepeated { field: "submods" });
        }
        let verifier = claims.get("ear.verifier-id").and_then(|id| id.get("developer")?.as_str());
        let policy = attester.get("ear.appraisal-policy-id").and_then(Value::as_str);
        let key = attester.get("ear.veraison.key-attestation").and_then(|key| key.get("akpub")?.as_str());
        let key = key.map(|key| URL_SAFE_NO_PAD.decode(key).map_err(|_| malformed())).transpose()?;
        let status = attester.get("ear.status").ok_or(missing("ear.status"))?;
        Ok(Self {
            verifier: verifier.ok_or(missing("ear.verifier-id"))?.to_owned(),
            status: read_status(status)?,
            policy: policy.map(str::to_owned),
            key: key.unwrap_or_default(),
            nonce: claims.get("eat_nonce").and_then(Value::as_str).map(nonce),
            issued: claims.get("iat").and_then(Value::as_i64).ok_or(missing("iat"))?,
            ends: claims.get("exp").and_then(Value::as_i64),
        })
    }
}

/// The word of a status, which is a word or a number of a tier.
fn read_status(status: &Value) -> Result<&'static str, Reject> {
    let name = match (status.as_str(), status.as_i64()) {
        (Some(word), _) => Words::VerifierStatus.word(word).map(|word| word.name()),
        (None, Some(0 | 1)) => Some("none"),
        (None, Some(2..=31)) => Some("affirming"),
        (None, Some(32..=95)) => Some("warning"),
        (None, Some(96..=127)) => Some("contraindicated"),
        _ => None,
    };
    name.ok_or_else(|| Reject::FieldMismatch {
        field: "ear.status",
        expected: Operand::Word("none, affirming, warning or contraindicated"),
        found: Operand::text(&status.to_string()),
    })
}

/// A nonce is text, in which ours stands as base64url; other text stands for itself.
fn nonce(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap_or_else(|_| text.as_bytes().to_vec())
}

impl Statement for AttestationResult {
    const FORMAT: &'static str = NAME;
    const SPEAKER: Speaker = Speaker::Verifier;

    fn attested_key(&self) -> &[u8] {
        &self.key
    }

    fn freshness(&self) -> Carried<'_> {
        self.nonce.as_deref().map_or(Carried::Time, Carried::Nonce)
    }

    fn emit(&self, to: &mut Emission) {
        to.statement("evidence.verifier.name", FactValue::Text(self.verifier.clone()));
        to.statement_word("evidence.verifier.status", Words::VerifierStatus, self.status);
        if let Some(policy) = &self.policy {
            to.statement("evidence.verifier.policy", FactValue::Text(policy.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_have_words() {
        for (status, word) in
            [("0", "none"), ("2", "affirming"), ("32", "warning"), ("96", "contraindicated")]
        {
            let status: Value = serde_json::from_str(status).unwrap();
            assert_eq!(read_status(&status), Ok(word));
        }
        assert_eq!(read_status(&Value::from("warning")), Ok("warning"));
        assert!(read_status(&Value::from(200)).is_err() && read_status(&Value::from("fine")).is_err());
        assert!(read_status(&Value::from(-1)).is_err());
    }

    #[test]
    fn a_nonce_is_base64url_where_it_can_be() {
        assert_eq!(nonce("AAEC"), [0, 1, 2]);
        assert_eq!(nonce("not base64!"), b"not base64!");
    }
}
