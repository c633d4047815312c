//! What the TPM tells of itself and of a key, as observed facts.
//!
//! Source: TPM 2.0 Library, Part 2, sections 6.13 (TPM_PT) and 8.3 (TPMA_OBJECT).
use crate::error::Failure;
use pkic_backend::observed::Observed;
use pkic_evidence::tpm::ek::Device;
use pkic_evidence::tpm::key::{Certification, Key};
use pkic_evidence::tpm::public::Public;
use pkic_vocab::words::Words;
use tss_esapi::Context;
use tss_esapi::constants::PropertyTag;

/// What TPMs of software alone call themselves, but for those that `pkic-evidence` knows by their certificates: libtpms
/// (swtpm) and the reference implementation.
const SOFTWARE_MODELS: [&str; 2] = ["SW   TPM", "xCG fTPM"];
/// Makers of virtual TPMs alone: Amazon, Google, VMware. Source: TCG Vendor ID Registry.
const VIRTUAL_MAKERS: [&str; 3] = ["AMZN", "GOOG", "VMW"];

/// A TPM by its own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Module {
    manufacturer: String,
    device: Device,
}

impl Module {
    /// Asks the TPM.
    pub(crate) fn ask(context: &mut Context) -> Result<Module, Failure> {
        let mut property = |tag| context.get_tpm_property(tag).map(Option::unwrap_or_default);
        let maker = property(PropertyTag::Manufacturer)?;
        let model = [
            property(PropertyTag::VendorString1)?,
            property(PropertyTag::VendorString2)?,
            property(PropertyTag::VendorString3)?,
            property(PropertyTag::VendorString4)?,
        ];
        let firmware = property(PropertyTag::FirmwareVersion1)?;
        let model: String = model.into_iter().map(characters).collect();
        // In the form of the maker's certificates, so that catalogues have one spelling of both.
        let device = Device {
            manufacturer: Some(format!("id:{maker:08X}")),
            model: Some(model.trim().to_owned()),
            version: Some(format!("id:{firmware:08X}")),
            ..Device::default()
        };
        Ok(Module { manufacturer: characters(maker), device })
    }

    /// Whether the TPM calls itself software, or a maker of virtual ones its own. Only a lowering is taken from a name.
    fn is_virtual(&self) -> bool {
        let model = self.device.model.as_deref().unwrap_or_default();
        self.device.is_named_virtual()
            || SOFTWARE_MODELS.contains(&model)
            || VIRTUAL_MAKERS.contains(&self.manufacturer.as_str())
    }

    /// Says what is known of the module, and of a key with that public area inside it.
    pub(crate) fn observe(&self, public: &Public) -> Observed {
        let mut observed = Observed::new();
        let storage = if self.is_virtual() { "tpm.virtual" } else { "tpm" };
        observed.word("key.storage", Words::Storage, storage);
        if let Ok(key) = Key::from_public_area(public.bytes()) {
            if let Some(origin) = key.origin(Certification::Loaded) {
                observed.word("key.origin", Words::Origin, origin);
            }
            observed.word("key.export", Words::Export, key.export());
        }
        // Its authorisation value is enough, and this store has it: no person is asked. What a policy asks is unknown.
        if public.attributes().user_with_auth() {
            observed.word("key.user-presence", Words::UserPresence, "none");
        }
        if let Some(vendor) = self.device.vendor() {
            observed.word("module.vendor", Words::Vendor, vendor);
        }
        observed.text("module.manufacturer", &self.manufacturer);
        observed.text("module.model", self.device.model.as_deref().unwrap_or_default());
        observed.text("module.firmware", self.device.version.as_deref().unwrap_or_default());
        observed
    }

    /// Maker and model, for people.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.manufacturer, self.device.model.as_deref().unwrap_or_default())
    }
}

/// The printable characters of a property that holds four.
fn characters(value: u32) -> String {
    let characters = value.to_be_bytes().into_iter().map(char::from);
    characters.filter(|c| c.is_ascii_graphic() || *c == ' ').collect::<String>()
}
