//! Cryptographic Message Syntax (RFC 5652), as far as formats use it: a SignedData taken apart. Nothing is checked.
use pkic_facts::der;
use pkic_facts::reject::Reject;

/// id-signedData.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// Certificates and signers of one message: the largest sample has five certificates.
const ITEMS_MAX: usize = 32;
/// Fields of SignedData, the optional ones included.
const FIELDS_MAX: usize = 6;

/// A SignedData (RFC 5652 section 5.1).
#[derive(Debug, Default)]
pub(crate) struct SignedData<'a> {
    /// eContentType, as the content octets of an OBJECT IDENTIFIER. Not covered by the signature by itself.
    pub(crate) content_type: &'a [u8],
    /// eContent, where it is inside.
    pub(crate) content: Option<&'a [u8]>,
    /// The certificates as they stand.
    pub(crate) certificates: Vec<&'a [u8]>,
    /// The content octets of each SignerInfo.
    pub(crate) signers: Vec<&'a [u8]>,
}

impl<'a> SignedData<'a> {
    /// Whether the bytes are a ContentInfo of this kind, as far as its head says.
    pub(crate) fn is_at(bytes: &[u8]) -> bool {
        let head = der::only("ContentInfo", der::SEQUENCE, bytes);
        let kind = head.and_then(|body| der::expect("ContentInfo", der::OBJECT_IDENTIFIER, body));
        kind.is_ok_and(|(kind, _)| kind == SIGNED_DATA)
    }

    /// Reads a ContentInfo with a SignedData inside.
    ///
    /// # Errors
    /// [`Reject::Malformed`], [`Reject::TrailingBytes`], [`Reject::TooLarge`].
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Reject> {
        let what = "SignedData";
        let malformed = || Reject::Malformed { what };
        let body = der::only(what, der::SEQUENCE, bytes)?;
        let (kind, rest) = der::expect(what, der::OBJECT_IDENTIFIER, body)?;
        if kind != SIGNED_DATA {
            return Err(malformed());
        }
        let fields = der::only(what, der::SEQUENCE, der::only(what, EXPLICIT_0, rest)?)?;
        let fields = der::elements(what, fields, FIELDS_MAX)?;
        let [version, digests, content, optional @ .., signers] = fields.as_slice() else {
            return Err(malformed());
        };
        let tags = (version.tag, digests.tag, content.tag, signers.tag);
        if tags != (der::INTEGER, der::SET, der::SEQUENCE, der::SET) {
            return Err(malformed());
        }
        let (content_type, content) = e_content(content.content)?;
        let mut message = Self { content_type, content, ..Self::default() };
        if let Some(certificates) = optional.iter().find(|field| field.tag == EXPLICIT_0) {
            let certificates = der::elements(what, certificates.content, ITEMS_MAX)?;
            message.certificates = certificates.iter().map(|certificate| certificate.raw).collect();
        }
        let signers = der::elements(what, signers.content, ITEMS_MAX)?;
        message.signers = signers.iter().map(|signer| signer.content).collect();
        Ok(message)
    }

    /// Whether eContentType is this one, in dotted form.
    pub(crate) fn is_of(&self, content_type: &str) -> bool {
        der::oid_text(self.content_type).as_deref() == Some(content_type)
    }
}

/// `[0]` constructed.
const EXPLICIT_0: u32 = 0xa0;

/// EncapsulatedContentInfo: a type, and the content if it is not detached.
fn e_content(body: &[u8]) -> Result<(&[u8], Option<&[u8]>), Reject> {
    let what = "EncapsulatedContentInfo";
    let (kind, rest) = der::expect(what, der::OBJECT_IDENTIFIER, body)?;
    if rest.is_empty() {
        return Ok((kind, None));
    }
    Ok((kind, Some(der::only(what, der::OCTET_STRING, der::only(what, EXPLICIT_0, rest)?)?)))
}
