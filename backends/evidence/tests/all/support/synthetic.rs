//! Synthetic chains in Yubico's shape, made afresh for each test: for negatives that each change one thing.
//!
//! Nothing here was made by a device. Keys are ECDSA P-256, where Yubico's are RSA: the shape is what matters.
use super::chain::{authority_of, named};
use pkic_facts::anchors::{AnchorFile, AnchorSet};
use pkic_facts::certificate::Certificate;
use rcgen::{CustomExtension, Issuer, KeyPair};

const YUBICO: [u64; 8] = [1, 3, 6, 1, 4, 1, 41482, 3];

/// What a synthetic token says, and who signs what. The default is a good one.
pub struct Token {
    pub slot: String,
    pub device: String,
    pub firmware: Vec<u8>,
    pub device_firmware: Vec<u8>,
    /// PIN and touch policy.
    pub policies: Option<Vec<u8>>,
    pub serial: Option<Vec<u8>>,
    pub form_factor: Option<Vec<u8>>,
    /// A user-loaded f9 key: its certificate bears the root's name as issuer, and another key signed it.
    pub is_f9_user_loaded: bool,
    /// The request asks for another key than the attested one.
    pub is_request_for_other_key: bool,
    /// The f9 certificate has a critical extension that nobody knows.
    pub has_unknown_critical: bool,
    /// Purpose of the root in the listing; without one it is not listed.
    pub purpose: Option<&'static str>,
}

impl Default for Token {
    fn default() -> Token {
        Token {
            slot: "YubiKey PIV Attestation 9c".to_owned(),
            device: "Yubico PIV Attestation".to_owned(),
            firmware: vec![5, 7, 1],
            device_firmware: vec![5, 7, 1],
            policies: Some(vec![2, 1]),
            serial: Some(vec![2, 2, 0x30, 0x39]),
            form_factor: Some(vec![3]),
            is_f9_user_loaded: false,
            is_request_for_other_key: false,
            has_unknown_critical: false,
            purpose: Some("simulator"),
        }
    }
}

/// A request that carries its attestation, and the anchors to appraise it with.
pub struct Made {
    pub request: Vec<u8>,
    pub anchors: AnchorSet,
    /// The root, to sign lists with.
    pub root: Issuer<'static, KeyPair>,
    /// The serial number of the f9 certificate.
    pub device_serial: Vec<u8>,
}

impl Token {
    pub fn make(&self) -> Made {
        let keys: Vec<KeyPair> = (0..5).map(|_| KeyPair::generate().unwrap()).collect();
        let [root_key, f9_key, slot_key, forger_key, other_key] = keys.as_slice() else { unreachable!() };
        let root_params = authority_of("Synthetic PIV Root");
        let root = root_params.self_signed(root_key).unwrap();
        let mut f9_params = authority_of(&self.device);
        f9_params.custom_extensions.push(extension(3, &self.device_firmware));
        if self.has_unknown_critical {
            let mut critical = extension(99, &[5, 0]);
            critical.set_criticality(true);
            f9_params.custom_extensions.push(critical);
        }
        let f9_signer = if self.is_f9_user_loaded { forger_key } else { root_key };
        let f9 = f9_params.signed_by(f9_key, &Issuer::from_params(&root_params, f9_signer)).unwrap();
        let mut slot_params = named(&self.slot);
        let optional = [(7, &self.serial), (8, &self.policies), (9, &self.form_factor)];
        let said = optional.into_iter().filter_map(|(arc, value)| Some(extension(arc, value.as_ref()?)));
        slot_params.custom_extensions = [extension(3, &self.firmware)].into_iter().chain(said).collect();
        let slot = slot_params.signed_by(slot_key, &Issuer::from_params(&f9_params, f9_key)).unwrap();
        let mut request = named("subscriber");
        request.custom_extensions = vec![extension(11, slot.der()), extension(2, f9.der())];
        let request_key = if self.is_request_for_other_key { other_key } else { slot_key };
        Made {
            request: request.serialize_request(request_key).unwrap().der().to_vec(),
            anchors: anchors(root.der(), self.purpose),
            device_serial: Certificate::from_der(f9.der()).unwrap().tbs().serial().to_vec(),
            root: Issuer::new(root_params, keys.into_iter().next().unwrap()),
        }
    }
}

fn anchors(root: &[u8], purpose: Option<&str>) -> AnchorSet {
    let spki = Certificate::from_der(root).unwrap().tbs().spki_digest();
    let entry = |purpose| {
        format!("[[anchor]]\nname = \"synthetic root\"\nspki = \"{spki}\"\npurpose = \"{purpose}\"\n")
    };
    let listing = purpose.map(entry).unwrap_or_default();
    AnchorSet::load(&[AnchorFile { name: "root.der", bytes: root }], &listing).unwrap()
}

fn extension(arc: u64, value: &[u8]) -> CustomExtension {
    let oid: Vec<u64> = YUBICO.into_iter().chain([arc]).collect();
    CustomExtension::from_oid_content(&oid, value.to_vec())
}
