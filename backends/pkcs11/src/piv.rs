//! Keys of a YubiKey's PIV application, as its PKCS #11 module YKCS11 shows them.
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::uri::{KeyUri, UriScheme};

/// The manufacturer of YKCS11's tokens.
const MANUFACTURER: &str = "Yubico (www.yubico.com)";

/// The PKCS #11 URI of a `yubikey:slot-id=…` URI: the token by its serial number, the key by the CKA_ID that YKCS11 gives
/// to its slot. Source: Yubico, YKCS11, "Key alias per slot and object type". Not tried on a device.
///
/// # Errors
/// [`StoreError`] of the problem `Configuration` for a URI of another scheme, or a slot that signs nothing.
pub fn piv(uri: &KeyUri) -> Result<KeyUri, StoreError> {
    if uri.scheme() != UriScheme::YubiKey {
        return Err(StoreError::wrong_scheme(uri, "YubiKey"));
    }
    let slot = uri.text("slot-id").unwrap_or_default();
    let digits = slot.strip_prefix("0x").unwrap_or(slot);
    let is_slot = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let slot = u8::from_str_radix(digits, 16).ok().filter(|_| is_slot);
    let id = match slot {
        Some(0x9a) => Some(1),
        Some(0x9c) => Some(2),
        Some(0x9d) => Some(3),
        Some(0x9e) => Some(4),
        // Retired key management keys 1 to 20.
        Some(retired @ 0x82..=0x95) => retired.checked_sub(0x82).and_then(|index| index.checked_add(5)),
        Some(0xf9) => Some(25),
        _ => None,
    };
    let id = [id.ok_or_else(|| {
        let help = "one of 9a, 9c, 9d, 9e, 82 to 95, f9";
        StoreError::new(Problem::Configuration, uri, "it names no slot of PIV that holds a key", help)
    })?];
    let mut attributes: Vec<(&str, &[u8])> = vec![("manufacturer", MANUFACTURER.as_bytes()), ("id", &id)];
    attributes.extend(uri.octets("serial").map(|serial| ("serial", serial)));
    Ok(KeyUri::of(UriScheme::Pkcs11, &attributes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use pkic_backend::uri::Dialect;

    fn mapped(text: &str) -> Result<String, Problem> {
        let uri = KeyUri::parse(text, Dialect::Rfc7512).unwrap();
        piv(&uri).map(|uri| uri.to_string()).map_err(|error| error.problem)
    }

    #[test]
    fn a_slot_of_piv_is_an_id_of_ykcs11() {
        let token = "pkcs11:manufacturer=Yubico%20%28www.yubico.com%29";
        for (slot, id) in [
            ("9a", "01"),
            ("9c", "02"),
            ("9d", "03"),
            ("9E", "04"),
            ("82", "05"),
            ("0x95", "18"),
            ("f9", "19"),
        ] {
            assert_eq!(mapped(&format!("yubikey:slot-id={slot}")), Ok(format!("{token};id=%{id}")), "{slot}");
        }
        let one = mapped("yubikey:slot-id=9a;serial=12345678");
        assert_eq!(one, Ok(format!("{token};serial=12345678;id=%01")));
        for slot in ["9b", "81", "96", "0", "+9a", "9a0", "zz"] {
            assert_eq!(mapped(&format!("yubikey:slot-id={slot}")), Err(Problem::Configuration), "{slot}");
        }
        assert_eq!(mapped("pkcs11:id=%01"), Err(Problem::Configuration));
    }
}
