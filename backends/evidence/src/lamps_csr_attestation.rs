//! The attestation attribute of a certification request: a bundle of statements, with certificates beside them.
//!
//! The item of evidence is the request itself. The bundle is no evidence: each of its statements is of a format of its
//! own, and is appraised by that format alone. The first that proves something about the request's key is taken, and
//! the others are left out. Statements of unknown types are passed over. The key to be certified must prove possession
//! like any other: good evidence in a request that somebody changed after signing is worth nothing.
//!
//! Both layouts are read: AttestationBundle, and the older EvidenceBundle, whose statements may end with a hint.
//!
//! Source: draft-ietf-lamps-csr-attestation-29, sections 4 and 5 and appendix B; -10 for the older layout.
use crate::appraise::{Appraised, Input, NotVerified};
use crate::carriage::{CERTIFICATES_MAX, appraise_inside, carrying_request, farther};
use crate::cmw::{ID_PE_CMW, appraise_message, of_choice};
use crate::formats::Format;
use crate::tpm::csr_attestation;
use pkic_facts::certificate::Certificate;
use pkic_facts::der;
use pkic_facts::reject::Reject;
use pkic_facts::request::Attribute;

/// The line of this format in the table.
pub const FORMAT: Format = Format {
    name: NAME,
    source: "draft-ietf-lamps-csr-attestation-29",
    proves: "carries statements inside a request",
    leaves_open: "by itself nothing",
    unsigned: "hints and media types of the attribute, but by the request's own key",
    detect: |input| attribute(input).is_some(),
    appraise,
};

/// This format's word.
pub(crate) const NAME: &str = "lamps-csr-attestation";
/// `id-aa-attestation`, once `id-aa-evidence`.
const ID_AA_ATTESTATION: &str = "1.2.840.113549.1.9.16.2.59";
/// `tcg-attest-tpm-certify`.
const TCG_ATTEST_TPM_CERTIFY: &str = "2.23.133.20.1";
/// `id-evidence` of draft-ietf-rats-pkix-key-attestation, temporary; the draft names no type of statement yet.
const ID_EVIDENCE: &str = "1.3.6.1.5.5.999";
/// `tcg-dice-conceptual-message-wrapper`.
const TCG_DICE_CMW: &str = "2.23.133.5.4.9";
/// Statements of one bundle: the sample has one, the draft's largest example three.
const STATEMENTS_MAX: usize = 16;
const WHAT: &str = "AttestationBundle";

fn appraise(input: &Input<'_>) -> Result<Appraised, NotVerified> {
    let attribute = attribute(input).ok_or(Reject::FieldMissing { field: "id-aa-attestation" })?;
    let [value] = attribute.values.as_slice() else {
        return Err(Reject::FieldRepeated { field: "id-aa-attestation" }.into());
    };
    let bundle = Bundle::read(value)?;
    let mut refusal = None;
    for statement in &bundle.statements {
        match statement.appraise(&bundle.certificates, input) {
            None => {}
            Some(Ok(appraised)) => return Ok(appraised),
            Some(Err(other)) => refusal = Some(farther(refusal, other)),
        }
    }
    Err(refusal.unwrap_or(Reject::FieldMissing { field: "statement of a known type" }.into()))
}

/// The attribute of the request that the item is, if it is the request.
fn attribute<'a>(input: &Input<'a>) -> Option<&'a Attribute> {
    carrying_request(input)?.attribute(ID_AA_ATTESTATION)
}

struct Bundle {
    statements: Vec<Statement>,
    certificates: Vec<Certificate>,
}

impl Bundle {
    fn read(value: &[u8]) -> Result<Self, Reject> {
        let (statements, rest) = der::expect(WHAT, der::SEQUENCE, der::only(WHAT, der::SEQUENCE, value)?)?;
        let certificates = if rest.is_empty() { rest } else { der::only(WHAT, der::SEQUENCE, rest)? };
        let mut found = Vec::new();
        for choice in der::elements(WHAT, certificates, CERTIFICATES_MAX)? {
            match choice.tag {
                der::SEQUENCE => found.push(Certificate::from_der(choice.raw)?),
                OTHER_CERTIFICATE_FORMAT => {}
                _ => return Err(Reject::Malformed { what: "CertificateChoices" }),
            }
        }
        let statements = der::elements(WHAT, statements, STATEMENTS_MAX)?;
        let statements = statements.iter().map(|element| Statement::read(element.raw));
        Ok(Self { statements: statements.collect::<Result<_, _>>()?, certificates: found })
    }
}

/// `other [3] IMPLICIT` of CertificateChoices (RFC 5652 section 10.2.2).
const OTHER_CERTIFICATE_FORMAT: u32 = 0xa3;

/// `AttestationStatement` or `EvidenceStatement`.
struct Statement {
    kind: Option<String>,
    content: Vec<u8>,
}

impl Statement {
    fn read(bytes: &[u8]) -> Result<Self, Reject> {
        let what = "AttestationStatement";
        let fields = der::elements(what, der::only(what, der::SEQUENCE, bytes)?, 3)?;
        let (kind, content) = match fields.as_slice() {
            [kind, content] => (kind, content),
            [kind, content, hint] if matches!(hint.tag, IA5_STRING | UTF8_STRING) => (kind, content),
            _ => return Err(Reject::Malformed { what }),
        };
        if kind.tag != der::OBJECT_IDENTIFIER {
            return Err(Reject::Malformed { what });
        }
        Ok(Self { kind: der::oid_text(kind.content), content: content.raw.to_vec() })
    }

    /// Appraises the statement by its own format; nothing where its type is not known.
    fn appraise(
        &self,
        certificates: &[Certificate],
        input: &Input<'_>,
    ) -> Option<Result<Appraised, NotVerified>> {
        let further: Vec<&[u8]> = certificates.iter().map(Certificate::raw).collect();
        let wrapped = |message: Result<Vec<u8>, Reject>| appraise_message(&message?, &further, input);
        Some(match self.kind.as_deref()? {
            TCG_ATTEST_TPM_CERTIFY => csr_attestation::appraise(&self.content, certificates, input),
            ID_EVIDENCE => appraise_inside(input, &self.content, &further, &["pkix-key-attestation"]),
            ID_PE_CMW => wrapped(of_choice(&self.content)),
            TCG_DICE_CMW => wrapped(only_octets(&self.content)),
            _ => return None,
        })
    }
}

/// `DiceConceptualMessageWrapper`: a SEQUENCE of one OCTET STRING.
fn only_octets(content: &[u8]) -> Result<Vec<u8>, Reject> {
    let what = "DiceConceptualMessageWrapper";
    Ok(der::only(what, der::OCTET_STRING, der::only(what, der::SEQUENCE, content)?)?.to_vec())
}

const UTF8_STRING: u32 = 0x0c;
const IA5_STRING: u32 = 0x16;
