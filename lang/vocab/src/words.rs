//! Enumerations and trees: the closed sets of words that a fact of type [`Words`] may take.
use core::fmt;

/// One word of an enumeration.
pub struct WordDef {
    /// The word as policies spell it, with its parents: `tpm.discrete`. Algorithms go without theirs: `rsa-3072`.
    pub name: &'static str,
    /// Index of the parent word, which stands before it.
    pub parent: Option<u8>,
    /// Left out of a parent's set unless it is named itself, as a virtual TPM is of `tpm`.
    pub named_only: bool,
    /// What the word means.
    pub doc: &'static str,
}

/// The enumerations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Words {
    /// Where a private key lives (design D4).
    Storage,
    /// Signature algorithm of a key, with its size or parameter set.
    Algorithm,
    /// How a key came to where it lives.
    Origin,
    /// In which form a private key may leave, least first (design D4).
    Export,
    /// Who controls the device that holds a key.
    Custody,
    /// What a person must do before the key signs.
    UserPresence,
    /// Mode of a cryptographic module.
    ModuleMode,
    /// Vendor of a module.
    Vendor,
    /// Evidence format.
    Format,
    /// How evidence is tied to this request in time.
    Freshness,
    /// Purpose of a trust anchor.
    Purpose,
    /// What a certificate of a profile is for.
    Role,
    /// What is asked of the CA.
    Operation,
    /// Who trusts an authority.
    Trust,
    /// Whether an authority's key is online.
    AuthorityState,
    /// Status of a certificate or advisory.
    Status,
    /// Status of a module's validation or certificate.
    Validation,
    /// Severity of an advisory, least first.
    Severity,
    /// Mode of a boot layer (Open DICE).
    LayerMode,
    /// Bits of the key usage extension (RFC 5280 section 4.2.1.3).
    KeyUsage,
    /// What has booted (Android Keymaster, verified boot state).
    Boot,
    /// Where a device stands in its life (RFC 9783 section 4.3.1).
    Lifecycle,
    /// What an external verifier concludes (AR4SI tiers).
    VerifierStatus,
    /// What is known of revocation along the evidence's path.
    Revocation,
    /// Kind of a certification declaration (Matter core specification 6.3).
    MatterCertification,
}

const fn word(name: &'static str, doc: &'static str) -> WordDef {
    WordDef { name, parent: None, named_only: false, doc }
}

const fn child(parent: u8, name: &'static str, doc: &'static str) -> WordDef {
    WordDef { name, parent: Some(parent), named_only: false, doc }
}

const STORAGE: &[WordDef] = &[
    word("hsm", "hardware security module"),
    child(0, "hsm.network", "appliance reached over the network"),
    child(0, "hsm.pcie", "card in a host"),
    child(0, "hsm.usb", "module on a USB port, such as YubiHSM 2"),
    word("cloud-kms", "key service of a cloud provider"),
    child(4, "cloud-kms.shared", "modules shared between tenants"),
    child(4, "cloud-kms.dedicated", "modules of one tenant, such as CloudHSM"),
    child(4, "cloud-kms.managed-hsm", "managed HSM pool of one tenant"),
    child(4, "cloud-kms.external", "key held outside the provider (XKS, EKM)"),
    word("tpm", "Trusted Platform Module"),
    child(9, "tpm.discrete", "a chip of its own"),
    child(9, "tpm.integrated", "inside another chip, apart from its main processor"),
    child(9, "tpm.firmware", "firmware in a processor's trusted environment"),
    WordDef {
        name: "tpm.virtual",
        parent: Some(9),
        named_only: true,
        doc: "software: a hypervisor's vTPM or swtpm",
    },
    word("se", "secure element"),
    child(14, "se.discrete", "a chip of its own"),
    child(14, "se.integrated", "inside a system on chip (Secure Enclave, StrongBox)"),
    child(14, "se.token", "a token that a person carries"),
    child(14, "se.uicc", "SIM card"),
    child(14, "se.euicc", "embedded SIM"),
    word("tee", "trusted execution environment"),
    child(20, "tee.trustzone", "Arm TrustZone"),
    child(20, "tee.sgx", "Intel SGX enclave"),
    child(20, "tee.sev", "AMD SEV guest"),
    child(20, "tee.tdx", "Intel TDX guest"),
    child(20, "tee.nitro", "AWS Nitro enclave"),
    word("software", "software alone"),
    child(26, "software.file", "a file"),
    child(26, "software.os-keystore", "key store of an operating system"),
    child(26, "software.kernel-keyring", "kernel keyring"),
    child(26, "software.memory", "memory of a process"),
];

const ALGORITHM: &[WordDef] = &[
    word("rsa", "RSA (RFC 8017)"),
    child(0, "rsa-1024", "modulus of 1024 bits"),
    child(0, "rsa-2048", "modulus of 2048 bits"),
    child(0, "rsa-3072", "modulus of 3072 bits"),
    child(0, "rsa-4096", "modulus of 4096 bits"),
    child(0, "rsa-other", "modulus of another size: see key.size"),
    word("ecdsa", "ECDSA (FIPS 186-5)"),
    child(6, "ecdsa-p256", "curve P-256"),
    child(6, "ecdsa-p384", "curve P-384"),
    child(6, "ecdsa-p521", "curve P-521"),
    child(6, "ecdsa-secp256k1", "curve secp256k1"),
    child(6, "ecdsa-brainpool", "a Brainpool curve"),
    word("eddsa", "EdDSA (RFC 8032)"),
    child(12, "ed25519", "Ed25519"),
    child(12, "ed448", "Ed448"),
    word("ml-dsa", "ML-DSA (FIPS 204)"),
    child(15, "ml-dsa-44", "parameter set 44"),
    child(15, "ml-dsa-65", "parameter set 65"),
    child(15, "ml-dsa-87", "parameter set 87"),
    word("slh-dsa", "SLH-DSA (FIPS 205)"),
    word("lms", "LMS and HSS (SP 800-208)"),
    word("xmss", "XMSS (SP 800-208)"),
];

const ORIGIN: &[WordDef] = &[
    word("generated", "generated inside the device"),
    word("imported", "imported in plain form"),
    word("imported-wrapped", "imported under a wrapping key"),
    word("derived", "derived inside the device from a secret that it holds"),
    word("puf", "from a physically unclonable function"),
];

const EXPORT: &[WordDef] = &[
    word("never", "never leaves the device"),
    word("domain", "clone or backup within the owner's own devices"),
    word("wrapped", "leaves under a wrapping key"),
    word("plain", "may leave in plain form"),
];

const CUSTODY: &[WordDef] = &[word("customer", "the customer"), word("provider", "a service provider")];

const USER_PRESENCE: &[WordDef] = &[
    word("none", "nothing"),
    word("pin", "a PIN or password"),
    word("touch", "a touch"),
    word("pin-and-touch", "a PIN and a touch"),
    word("biometric", "a biometric match"),
];

const MODULE_MODE: &[WordDef] = &[
    word("fips", "FIPS-approved mode"),
    word("non-fips", "not in FIPS-approved mode"),
    word("debug", "debugging allowed"),
];

const VENDOR: &[WordDef] = &[
    word("amd", "AMD"),
    word("amazon", "Amazon Web Services"),
    word("apple", "Apple"),
    word("arm", "Arm"),
    word("crypto4a", "Crypto4A"),
    word("entrust", "Entrust"),
    word("fortanix", "Fortanix"),
    word("google", "Google"),
    word("hpe", "Hewlett Packard Enterprise"),
    word("ibm", "IBM, also the libtpms software TPM"),
    word("infineon", "Infineon"),
    word("intel", "Intel"),
    word("marvell", "Marvell"),
    word("microchip", "Microchip"),
    word("microsoft", "Microsoft"),
    word("nationz", "Nationz"),
    word("nsing", "NSING"),
    word("nuvoton", "Nuvoton"),
    word("nvidia", "NVIDIA"),
    word("nxp", "NXP"),
    word("oxide", "Oxide Computer"),
    word("qualcomm", "Qualcomm"),
    word("samsung", "Samsung"),
    word("securosys", "Securosys"),
    word("stmicro", "STMicroelectronics"),
    word("thales", "Thales"),
    word("utimaco", "Utimaco"),
    word("vmware", "VMware"),
    word("yubico", "Yubico"),
];

const FORMAT: &[WordDef] = &[
    word("yubikey-piv", "Yubico PIV attestation"),
    word("tpm2-certify", "TPM2_Certify over a key"),
    word("tpm2-certify-creation", "TPM2_CertifyCreation over a key"),
    word("webauthn-tpm", "WebAuthn attestation statement `tpm`"),
    word("tcg-csr-idevid", "TCG-CSR-IDEVID (TCG IDevID/IAK profile)"),
    word("lamps-csr-attestation", "attestation attribute of a CSR (draft-ietf-lamps-csr-attestation)"),
    word("yubihsm2", "YubiHSM 2 attestation"),
    word("android-key", "Android Key Attestation"),
    word("apple-mda", "Apple managed device attestation"),
    word("marvell-liquidsecurity", "Marvell LiquidSecurity key attestation"),
    word("aws-nitro", "AWS Nitro Enclaves attestation document"),
    word("luna-pkc", "Thales Luna public key confirmation"),
    word("nshield-kgc", "Entrust nShield key generation certificate"),
    word("securosys-primus", "Securosys Primus attestation"),
    word("fortanix-dsm", "Fortanix DSM key attestation"),
    word("crypto4a-qasm", "Crypto4A QASM attestation"),
    word("pkix-key-attestation", "draft-ietf-rats-pkix-key-attestation"),
    word("eat", "Entity Attestation Token (RFC 9711)"),
    word("psa-token", "PSA attestation token (RFC 9783)"),
    word("arm-cca", "Arm CCA attestation token"),
    word("open-dice", "Open DICE certificates"),
    word("tcg-dice", "TCG DICE certificates"),
    word("microchip-tng", "Microchip Trust&GO certificates"),
    word("matter-dac", "Matter device attestation"),
    word("webauthn-packed", "WebAuthn attestation statement `packed`"),
    word("ear", "EAT attestation result of an external verifier"),
    word("tpm2-quote", "TPM2_Quote over platform configuration registers; says nothing about a key"),
    word("tpm2-certificate", "certificate of a TPM's endorsement or attestation key (TCG EK profile)"),
    word("ieee-8021ar", "device identity certificate (IEEE 802.1AR, TCG DevID profile)"),
    word("parsec-tpm", "Parsec key and platform attestation by a TPM"),
    word("webauthn-u2f", "WebAuthn attestation statement `fido-u2f`"),
    word("webauthn-apple", "WebAuthn attestation statement `apple`"),
    word("webauthn-android-key", "WebAuthn attestation statement `android-key`"),
    word("apple-app-attest", "Apple App Attest; its keys sign no certification request"),
    word("azure-managed-hsm", "Azure Managed HSM key attestation"),
    word("nxp-se05x", "NXP EdgeLock SE05x attested read of an object"),
    word("optiga-trust-m", "Infineon OPTIGA Trust M device certificate"),
    word("cmw", "conceptual message wrapper (RFC 9999); what is inside has its own format"),
    word("gsma-euicc", "GSMA eUICC certificate chain (SGP.22)"),
    word("plugin", "a format that a sandboxed module decodes; the policy names the module"),
];

const FRESHNESS: &[WordDef] = &[
    word("nonce", "our nonce is under the device's signature"),
    word("request-nonce", "our nonce is in the signed request"),
    word("time", "a signed time alone"),
    word("none", "the format has neither"),
    word("constant", "a known constant stands where a nonce should"),
];

const PURPOSE: &[WordDef] = &[
    word("production", "production devices"),
    word("preview", "preview devices"),
    word("test", "tests"),
    word("simulator", "a simulator"),
    word("unspecified", "nobody said"),
];

const ROLE: &[WordDef] = &[
    word("root-ca", "root certification authority"),
    word("issuing-ca", "subordinate certification authority"),
    word("tls-server", "TLS server"),
    word("tls-client", "TLS client"),
    word("code-signing", "software signing"),
    word("document-signing", "document signing"),
    word("time-stamping", "time-stamping authority"),
    word("workload", "workload identity"),
    word("device-initial", "initial device identity (IEEE 802.1AR IDevID)"),
    word("device-local", "locally significant device identity (IEEE 802.1AR LDevID)"),
    word("subscriber", "subscriber of a network operator"),
    word("user", "a person"),
];

const OPERATION: &[WordDef] = &[
    word("issue", "a first certificate"),
    word("renew", "a new certificate for the same key"),
    word("rekey", "a new certificate for a new key"),
    word("ca-sign", "a certificate for a certification authority"),
    word("revoke", "a revocation"),
    word("crl-sign", "a certificate revocation list"),
];

const TRUST: &[WordDef] = &[
    word("public", "relying parties outside, through root programmes"),
    word("private", "the owner's relying parties"),
];

const AUTHORITY_STATE: &[WordDef] =
    &[word("online", "the key is reachable by machines"), word("offline", "people must bring the key")];

const STATUS: &[WordDef] = &[
    word("valid", "in force"),
    word("revoked", "revoked"),
    word("expired", "past its end"),
    word("fixed", "an advisory that does not affect this firmware"),
    word("affected", "an advisory that affects this firmware"),
];

const VALIDATION: &[WordDef] = &[
    word("active", "on the list of what new systems may use"),
    word("historical", "kept for systems that have it already"),
    word("revoked", "withdrawn by the scheme"),
];

const SEVERITY: &[WordDef] = &[word("low", ""), word("medium", ""), word("high", ""), word("critical", "")];

const LAYER_MODE: &[WordDef] = &[
    word("normal", "as shipped"),
    word("not-configured", "no security configured"),
    word("debug", "debugging allowed"),
    word("recovery", "recovery or maintenance"),
];

const BOOT: &[WordDef] = &[
    word("verified", "the vendor's software alone has booted"),
    word("self-signed", "software that the owner signed has booted"),
    word("unchecked", "anything may have booted"),
    word("failed", "verification of the boot chain failed"),
];

const LIFECYCLE: &[WordDef] = &[
    word("assembly-and-test", "being made"),
    word("provisioning", "being given its secrets"),
    word("secured", "in the field, its root of trust closed"),
    word("debug", "open to debugging outside its root of trust"),
    word("recoverable-debug", "its root of trust open to debugging, and able to return"),
    word("decommissioned", "out of service"),
];

const VERIFIER_STATUS: &[WordDef] = &[
    word("affirming", "the verifier affirms"),
    word("none", "the verifier makes no claim"),
    word("warning", "the verifier warns"),
    word("contraindicated", "the verifier advises against trust"),
];

const REVOCATION: &[WordDef] = &[
    word("not-revoked", "a list in force has none of the evidence's certificates"),
    word("unpublished", "the vendor publishes no list for them, and the deployment says so"),
];

const MATTER_CERTIFICATION: &[WordDef] = &[
    word("development", "for development and test"),
    word("provisional", "provisional, before certification ends"),
    word("official", "certified"),
];

const KEY_USAGE: &[WordDef] = &[
    word("digital-signature", "bit 0"),
    word("non-repudiation", "bit 1"),
    word("key-encipherment", "bit 2"),
    word("data-encipherment", "bit 3"),
    word("key-agreement", "bit 4"),
    word("key-cert-sign", "bit 5"),
    word("crl-sign", "bit 6"),
    word("encipher-only", "bit 7"),
    word("decipher-only", "bit 8"),
];

impl Words {
    /// All enumerations.
    pub const ALL: [Words; 25] = [
        Words::Storage,
        Words::Algorithm,
        Words::Origin,
        Words::Export,
        Words::Custody,
        Words::UserPresence,
        Words::ModuleMode,
        Words::Vendor,
        Words::Format,
        Words::Freshness,
        Words::Purpose,
        Words::Role,
        Words::Operation,
        Words::Trust,
        Words::AuthorityState,
        Words::Status,
        Words::Validation,
        Words::Severity,
        Words::LayerMode,
        Words::KeyUsage,
        Words::Boot,
        Words::Lifecycle,
        Words::VerifierStatus,
        Words::Revocation,
        Words::MatterCertification,
    ];

    /// The name of this type in policies (`let x : storage = …`) and in the IR.
    pub const fn name(self) -> &'static str {
        match self {
            Words::Storage => "storage",
            Words::Algorithm => "algorithm",
            Words::Origin => "origin",
            Words::Export => "export",
            Words::Custody => "custody",
            Words::UserPresence => "user-presence",
            Words::ModuleMode => "module-mode",
            Words::Vendor => "vendor",
            Words::Format => "format",
            Words::Freshness => "freshness",
            Words::Purpose => "purpose",
            Words::Role => "role",
            Words::Operation => "operation",
            Words::Trust => "trust",
            Words::AuthorityState => "authority-state",
            Words::Status => "status",
            Words::Validation => "validation-status",
            Words::Severity => "severity",
            Words::LayerMode => "layer-mode",
            Words::KeyUsage => "key-usage",
            Words::Boot => "boot",
            Words::Lifecycle => "lifecycle",
            Words::VerifierStatus => "verifier-status",
            Words::Revocation => "revocation",
            Words::MatterCertification => "matter-certification",
        }
    }

    /// The words, parents before their children. At most 64.
    pub const fn words(self) -> &'static [WordDef] {
        match self {
            Words::Storage => STORAGE,
            Words::Algorithm => ALGORITHM,
            Words::Origin => ORIGIN,
            Words::Export => EXPORT,
            Words::Custody => CUSTODY,
            Words::UserPresence => USER_PRESENCE,
            Words::ModuleMode => MODULE_MODE,
            Words::Vendor => VENDOR,
            Words::Format => FORMAT,
            Words::Freshness => FRESHNESS,
            Words::Purpose => PURPOSE,
            Words::Role => ROLE,
            Words::Operation => OPERATION,
            Words::Trust => TRUST,
            Words::AuthorityState => AUTHORITY_STATE,
            Words::Status => STATUS,
            Words::Validation => VALIDATION,
            Words::Severity => SEVERITY,
            Words::LayerMode => LAYER_MODE,
            Words::KeyUsage => KEY_USAGE,
            Words::Boot => BOOT,
            Words::Lifecycle => LIFECYCLE,
            Words::VerifierStatus => VERIFIER_STATUS,
            Words::Revocation => REVOCATION,
            Words::MatterCertification => MATTER_CERTIFICATION,
        }
    }

    /// The enumeration of that name.
    pub fn from_name(name: &str) -> Option<Words> {
        Words::ALL.into_iter().find(|words| words.name() == name)
    }

    /// Whether `<` and its kin have a meaning: export and severity have an order.
    pub const fn is_ordered(self) -> bool {
        matches!(self, Words::Export | Words::Severity)
    }

    /// The word that policies spell `name` (`tpm.discrete`, `rsa-3072`).
    pub fn word(self, name: &str) -> Option<Word> {
        let index = self.words().iter().position(|def| def.name == name)?;
        Some(Word { words: self, index: u8::try_from(index).ok()? })
    }

    /// Every word of this enumeration.
    pub fn all(self) -> impl Iterator<Item = Word> {
        (0u8..).zip(self.words()).map(move |(index, _)| Word { words: self, index })
    }
}

/// One word of an enumeration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word {
    words: Words,
    index: u8,
}

impl Word {
    /// The enumeration that it belongs to.
    pub const fn words(self) -> Words {
        self.words
    }

    /// Its place among the words of its enumeration, which is its order where that has one.
    pub const fn index(self) -> u8 {
        self.index
    }

    /// Its definition.
    pub fn def(self) -> &'static WordDef {
        // Words are made by `Words::word` and `Words::all` alone, so the index is always in range.
        const NOWHERE: WordDef = WordDef { name: "", parent: None, named_only: true, doc: "" };
        self.words.words().get(usize::from(self.index)).unwrap_or(&NOWHERE)
    }

    /// The word with its parents, as policies and reports spell it.
    pub fn name(self) -> &'static str {
        self.def().name
    }

    /// Whether this word is `other` or stands below it.
    pub fn is_within(self, other: Word) -> bool {
        let mut at = Some(self);
        while let Some(word) = at {
            if word == other {
                return true;
            }
            at = word.def().parent.map(|index| Word { words: word.words, index });
        }
        false
    }

    /// Every leaf that a *value* of this word may turn out to be: an inner word says that the leaf is not known.
    #[inline]
    pub fn possible(self) -> WordSet {
        self.leaves().possible
    }

    /// Every leaf that a *policy* accepts by naming this word: its subtree, less what must be named itself.
    #[inline]
    pub fn accepted(self) -> WordSet {
        self.leaves().accepted
    }

    #[inline]
    fn leaves(self) -> Leaves {
        let row = LEAVES.get(self.words as usize).and_then(|row| row.get(usize::from(self.index)));
        row.copied().unwrap_or(Leaves::NONE)
    }
}

/// The leaves below a word.
#[derive(Clone, Copy)]
struct Leaves {
    possible: WordSet,
    accepted: WordSet,
}

impl Leaves {
    const NONE: Leaves = Leaves { possible: WordSet::EMPTY, accepted: WordSet::EMPTY };
}

/// Words of the longest enumeration; a test compares.
const WORDS_LEN_MAX: usize = 64;

/// The leaves below every word, by enumeration and index: decisions look them up by the million.
static LEAVES: [[Leaves; WORDS_LEN_MAX]; Words::ALL.len()] = leaves_of_all();

#[allow(clippy::indexing_slicing)] // run by the compiler alone, which refuses an index out of range
const fn leaves_of_all() -> [[Leaves; WORDS_LEN_MAX]; Words::ALL.len()] {
    let mut all = [[Leaves::NONE; WORDS_LEN_MAX]; Words::ALL.len()];
    let mut enumeration = 0;
    while enumeration < all.len() {
        let defs = Words::ALL[enumeration].words();
        let mut index = 0;
        while index < defs.len() {
            all[Words::ALL[enumeration] as usize][index] = leaves_of(defs, index);
            index += 1;
        }
        enumeration += 1;
    }
    all
}

#[allow(clippy::indexing_slicing)] // run by the compiler alone, which refuses an index out of range
const fn leaves_of(defs: &[WordDef], top: usize) -> Leaves {
    let (mut possible, mut accepted) = (0u128, 0u128);
    let mut at = 0;
    while at < defs.len() {
        if is_leaf(defs, at) && is_below(defs, at, top) {
            possible |= 1 << at;
            if at == top || !defs[at].named_only {
                accepted |= 1 << at;
            }
        }
        at += 1;
    }
    Leaves { possible: WordSet(possible), accepted: WordSet(accepted) }
}

#[allow(clippy::indexing_slicing)] // run by the compiler alone, which refuses an index out of range
const fn is_leaf(defs: &[WordDef], index: usize) -> bool {
    let mut at = 0;
    while at < defs.len() {
        if matches!(defs[at].parent, Some(parent) if parent as usize == index) {
            return false;
        }
        at += 1;
    }
    true
}

#[allow(clippy::indexing_slicing)] // run by the compiler alone, which refuses an index out of range
const fn is_below(defs: &[WordDef], mut index: usize, top: usize) -> bool {
    while index != top {
        match defs[index].parent {
            Some(parent) => index = parent as usize,
            None => return false,
        }
    }
    true
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.words.name(), self.name())
    }
}

/// A set of leaves of one enumeration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct WordSet(u128);

impl WordSet {
    /// The set without a word.
    pub const EMPTY: WordSet = WordSet(0);

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: WordSet) -> WordSet {
        WordSet(self.0 | other.0)
    }

    /// What is in both sets.
    #[must_use]
    pub const fn intersection(self, other: WordSet) -> WordSet {
        WordSet(self.0 & other.0)
    }

    /// Whether everything in `self` is also in `other`.
    pub const fn within(self, other: WordSet) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether the sets share no word.
    pub const fn disjoint(self, other: WordSet) -> bool {
        self.0 & other.0 == 0
    }

    /// Whether there is no word in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether there is just one word in the set: a value of which nothing is left open.
    pub const fn is_single(self) -> bool {
        self.0.is_power_of_two()
    }

    /// Whether the word is one of the leaves in the set.
    pub fn contains(self, word: Word) -> bool {
        self.0 >> word.index & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage(name: &str) -> Word {
        Words::Storage.word(name).unwrap()
    }

    #[test]
    fn enumerations_are_well_formed() {
        for words in Words::ALL {
            assert_eq!(Words::from_name(words.name()), Some(words));
            assert!(words.words().len() <= WORDS_LEN_MAX);
            assert_eq!(Words::ALL.get(words as usize), Some(&words));
            for word in words.all() {
                assert_eq!(words.word(word.name()), Some(word), "{word:?} is spelled twice");
                if let Some(parent) = word.def().parent {
                    assert!(parent < word.index(), "{word:?} stands before its parent");
                }
            }
        }
    }

    #[test]
    fn a_tpm_is_not_virtual_unless_named() {
        let asked = storage("tpm").accepted();
        assert!(storage("tpm.discrete").possible().within(asked));
        assert!(storage("tpm.virtual").possible().disjoint(asked));
        let unresolved = storage("tpm").possible();
        assert!(
            !unresolved.within(asked) && !unresolved.disjoint(asked),
            "a TPM of unknown kind is undecided"
        );
        assert!(unresolved.within(asked.union(storage("tpm.virtual").accepted())));
        assert!(storage("tpm.discrete").possible().is_single() && !unresolved.is_single());
        assert!(unresolved.intersection(storage("hsm").possible()).is_empty() && !unresolved.is_empty());
    }
}
