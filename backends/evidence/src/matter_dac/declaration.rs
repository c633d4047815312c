//! The certification declaration: a CMS message of the alliance about a product.
use super::tlv::{Structure, Value};
use crate::cms::SignedData;
use crate::x509::one;
use pkic_facts::crypto::Scheme;
use pkic_facts::der;
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::SignedBytes;

/// Octets of a subject key identifier.
const KEY_ID_LEN_BYTES: usize = 20;

/// What the alliance signed about a product.
#[derive(Debug)]
pub(super) struct Declaration {
    pub(super) vendor: u16,
    pub(super) products: Vec<u16>,
    /// A word of `Words::MatterCertification`.
    pub(super) certification: &'static str,
    /// Vendor and product of the DAC, where they are another maker's.
    pub(super) dac_origin: Option<(u16, u16)>,
    /// Key identifiers of the roots that may stand behind the DAC; any, where there is none.
    pub(super) authorized_roots: Vec<Vec<u8>>,
}

impl Declaration {
    pub(super) fn decode(content: &[u8]) -> Result<Declaration, Reject> {
        let read = Structure::read("certification declaration", content)?;
        let number = |tag, field| read.number(tag, field)?.ok_or(Reject::FieldMissing { field });
        let version = number(0, "format_version")?;
        if version != 1 {
            return Err(Reject::VersionUnsupported { supported: 1, found: u64::from(version) });
        }
        let what = "product_id_array";
        let products = read.items(2, what)?.iter().map(|item| item.number(what)).collect::<Result<_, _>>()?;
        let dac_origin =
            match (read.number(9, "dac_origin_vendor_id")?, read.number(10, "dac_origin_product_id")?) {
                (Some(vendor), Some(product)) => Some((vendor, product)),
                (None, None) => None,
                _ => {
                    return Err(Reject::FieldMissing {
                        field: "dac_origin_vendor_id or dac_origin_product_id",
                    });
                }
            };
        let certification = match number(8, "certification_type")? {
            0 => "development",
            1 => "provisional",
            2 => "official",
            other => {
                let (expected, found) = (Operand::Word("0, 1 or 2"), Operand::Number(i128::from(other)));
                return Err(Reject::FieldMismatch { field: "certification_type", expected, found });
            }
        };
        let roots = read.items(11, "authorized_paa_list")?.iter().map(key_id);
        Ok(Declaration {
            vendor: number(1, "vendor_id")?,
            products,
            certification,
            dac_origin,
            authorized_roots: roots.collect::<Result<_, _>>()?,
        })
    }
}

fn key_id(item: &Value<'_>) -> Result<Vec<u8>, Reject> {
    match item {
        Value::Octets(octets) if octets.len() == KEY_ID_LEN_BYTES => Ok(octets.to_vec()),
        _ => Err(Reject::Malformed { what: "authorized_paa_list" }),
    }
}

/// The content and the signature of the one signer. Signed attributes are not part of this format: with them the
/// signature would be over something else than the content.
pub(super) fn signed(message: &[u8]) -> Result<SignedBytes, Reject> {
    let what = "certification declaration";
    let message = SignedData::read(message)?;
    let signer = one(message.signers, "declaration signer")?;
    let fields = der::elements(what, signer, 7)?;
    let [_, _, _, algorithm, signature] = fields.as_slice() else { return Err(Reject::Malformed { what }) };
    if (algorithm.tag, signature.tag) != (der::SEQUENCE, der::OCTET_STRING) {
        return Err(Reject::Malformed { what });
    }
    Ok(SignedBytes {
        what: "certification declaration",
        message: message.content.ok_or(Reject::FieldMissing { field: "eContent" })?.to_vec(),
        scheme: Scheme::from_algorithm_identifier(algorithm.raw)?,
        signature: signature.content.to_vec(),
    })
}
