//! Every setting that a deployment file may have. What is not in these tables cannot be read, and what is in them is
//! held against design D11 by the tests.
use pkic_backend::uri::UriScheme;

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `true` or `false`.
    Boolean,
    /// A digest of a subjectPublicKeyInfo, in a list.
    Digests,
    /// A file that is read.
    File,
    /// Files that are read, in a list.
    Files,
    /// A folder.
    Folder,
    /// A folder that is made where it does not exist.
    NewFolder,
    /// A number, from 1.
    Natural,
    /// A file that its owner alone may use.
    PrivateFile,
    /// Where a secret comes from: `env:NAME` or `file:PATH`.
    SecretSource,
    /// A span of time: `6h`.
    Span,
    /// A text.
    Text,
    /// Texts, in a list.
    Texts,
}

/// Whether a table must have a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// It must.
    Needed,
    /// It may.
    Optional,
}

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it takes.
    pub(crate) form: Form,
    /// Whether it must be there.
    pub(crate) need: Need,
}

const fn needed(name: &'static str, form: Form) -> Key {
    Key { name, form, need: Need::Needed }
}

const fn optional(name: &'static str, form: Form) -> Key {
    Key { name, form, need: Need::Optional }
}

/// A table of the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Section {
    /// Its name; empty for what stands before the first table.
    pub(crate) name: &'static str,
    /// Whether there is one for each name: `[store.NAME]`.
    pub(crate) is_named: bool,
    /// Its settings.
    pub(crate) keys: &'static [Key],
}

/// What stands before the first table.
pub(crate) const TOP: Section = Section {
    name: "",
    is_named: false,
    keys: &[
        needed("version", Form::Natural),
        optional("lab", Form::Boolean),
        needed("policy", Form::File),
        optional("bundle-signers", Form::Digests),
    ],
};

/// What requests are judged with; which of it counts is the policy's to say.
pub(crate) const INPUTS: Section = Section {
    name: "inputs",
    is_named: false,
    keys: &[
        optional("anchors", Form::Folder),
        optional("catalogues", Form::Files),
        optional("statements", Form::Files),
        optional("plugins", Form::Files),
        optional("crls", Form::Files),
        optional("status-list", Form::File),
        optional("status-list-max-age", Form::Span),
    ],
};

/// Challenges of the edge.
pub(crate) const CHALLENGES: Section =
    Section { name: "challenges", is_named: false, keys: &[needed("key", Form::PrivateFile)] };

/// The log of issuance.
pub(crate) const LOG: Section = Section {
    name: "log",
    is_named: false,
    keys: &[
        needed("directory", Form::NewFolder),
        needed("key", Form::PrivateFile),
        needed("origin", Form::Text),
        optional("keep-evidence", Form::Boolean),
    ],
};

/// The HTTP service.
pub(crate) const SERVER: Section =
    Section { name: "server", is_named: false, keys: &[needed("listen", Form::Texts)] };

/// A log of certificate transparency. How many are needed, the policy says.
pub(crate) const CT: Section = Section {
    name: "ct",
    is_named: true,
    keys: &[needed("url", Form::Text), needed("key", Form::File), optional("timeout-ms", Form::Natural)],
};

/// A witness of the log of issuance.
pub(crate) const WITNESS: Section = Section {
    name: "witness",
    is_named: true,
    keys: &[needed("url", Form::Text), needed("key", Form::Text), optional("timeout-ms", Form::Natural)],
};

/// An authority of the policy: where its key is.
pub(crate) const AUTHORITY: Section = Section {
    name: "authority",
    is_named: true,
    keys: &[
        optional("store", Form::Text),
        needed("key", Form::Text),
        needed("certificate", Form::File),
        optional("chain", Form::File),
        optional("ca-issuers", Form::Texts),
        optional("ocsp", Form::Texts),
        optional("crl-distribution-points", Form::Texts),
    ],
};

/// A key store: what every kind has. The rest is in [`StoreKind::keys`].
pub(crate) const STORE: Section = Section {
    name: "store",
    is_named: true,
    keys: &[
        needed("kind", Form::Text),
        optional("dialect", Form::Text),
        optional("timeout-ms", Form::Natural),
    ],
};

/// All tables, in the order in which they are documented.
pub(crate) const SECTIONS: [&Section; 9] =
    [&TOP, &INPUTS, &CHALLENGES, &LOG, &WITNESS, &CT, &SERVER, &STORE, &AUTHORITY];

/// A kind of key store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreKind {
    /// Amazon's KMS.
    AwsKms,
    /// Azure Key Vault and Managed HSM.
    AzureKeyVault,
    /// Google Cloud KMS.
    GcpKms,
    /// A PKCS#11 module.
    Pkcs11,
    /// PKCS#8 files.
    Software,
    /// A TPM 2.0.
    Tpm,
    /// A YubiHSM 2.
    YubiHsm,
}

impl StoreKind {
    /// All kinds.
    pub(crate) const ALL: [StoreKind; 7] = [
        StoreKind::AwsKms,
        StoreKind::AzureKeyVault,
        StoreKind::GcpKms,
        StoreKind::Pkcs11,
        StoreKind::Software,
        StoreKind::Tpm,
        StoreKind::YubiHsm,
    ];

    /// The word in the file.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            StoreKind::AwsKms => "aws-kms",
            StoreKind::AzureKeyVault => "azure-key-vault",
            StoreKind::GcpKms => "gcp-kms",
            StoreKind::Pkcs11 => "pkcs11",
            StoreKind::Software => "software",
            StoreKind::Tpm => "tpm",
            StoreKind::YubiHsm => "yubihsm",
        }
    }

    /// Schemes of the URIs that its keys have.
    pub(crate) const fn schemes(self) -> &'static [UriScheme] {
        match self {
            StoreKind::AwsKms => &[UriScheme::AwsKms],
            StoreKind::AzureKeyVault => &[UriScheme::AzureKms],
            StoreKind::GcpKms => &[UriScheme::CloudKms],
            StoreKind::Pkcs11 => &[UriScheme::Pkcs11],
            StoreKind::Software => &[UriScheme::File],
            StoreKind::Tpm => &[UriScheme::Tpm2, UriScheme::TpmKms],
            StoreKind::YubiHsm => &[UriScheme::YubiHsm],
        }
    }

    /// The settings that it has beside those of [`STORE`].
    pub(crate) const fn keys(self) -> &'static [Key] {
        match self {
            StoreKind::AwsKms => {
                const {
                    &[
                        needed("region", Form::Text),
                        optional("endpoint", Form::Text),
                        optional("profile", Form::Text),
                    ]
                }
            }
            StoreKind::AzureKeyVault => {
                const { &[optional("vault", Form::Text), optional("endpoint", Form::Text)] }
            }
            StoreKind::GcpKms => {
                const { &[optional("key-ring", Form::Text), optional("endpoint", Form::Text)] }
            }
            StoreKind::Pkcs11 => {
                const {
                    &[
                        needed("module", Form::File),
                        optional("token", Form::Text),
                        optional("pin-source", Form::SecretSource),
                    ]
                }
            }
            StoreKind::Software => {
                const { &[needed("directory", Form::Folder), optional("pin-source", Form::SecretSource)] }
            }
            StoreKind::Tpm => {
                const {
                    &[
                        needed("device", Form::Text),
                        optional("directory", Form::Folder),
                        optional("attestation-key", Form::Text),
                        optional("attestation-chain", Form::File),
                        optional("pin-source", Form::SecretSource),
                    ]
                }
            }
            StoreKind::YubiHsm => {
                const {
                    &[
                        needed("connector", Form::Text),
                        needed("auth-key-id", Form::Natural),
                        needed("pin-source", Form::SecretSource),
                    ]
                }
            }
        }
    }
}

/// Whether a setting of that name would hold a secret itself, and not say where one comes from.
pub(crate) fn is_secret(name: &str) -> bool {
    const SECRETS: [&str; 7] =
        ["pin", "password", "passphrase", "secret", "credential", "access-key", "passwd"];
    let name = name.to_ascii_lowercase().replace('_', "-");
    let says_where = name.ends_with("-source") || name.ends_with("-file") || name == "credentials";
    let parts = || name.split('-');
    let holds = SECRETS.iter().any(|secret| parts().any(|part| part == *secret) || name.contains("password"));
    (holds || name.ends_with("access-key")) && !says_where
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_setting_is_documented() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/deployment.md");
        let text = std::fs::read_to_string(path).unwrap();
        let part = |heading: &str| {
            let (_, rest) = text.split_once(heading).unwrap_or_else(|| panic!("{heading}"));
            rest.split_once("\n### ").map_or(rest, |(part, _)| part)
        };
        for section in SECTIONS {
            let heading = match (section.name, section.is_named) {
                ("", _) => "### Before the first table".to_owned(),
                (name, false) => format!("### `[{name}]`"),
                (name, true) => format!("### `[{name}."),
            };
            for key in section.keys {
                let row = format!("| `{}` |", key.name);
                assert!(part(&heading).contains(&row), "{row} under {heading}");
            }
        }
        for kind in StoreKind::ALL {
            let head = format!("| `{}` |", kind.name());
            let row = part("### `[store.").lines().find(|line| line.starts_with(&head)).unwrap().to_owned();
            for name in kind.keys().iter().map(|key| key.name) {
                assert!(row.contains(&format!("`{name}`")), "{name} of {}", kind.name());
            }
        }
    }

    #[test]
    fn what_holds_a_secret_is_told_from_what_says_where_one_is() {
        for name in ["pin", "user-pin", "so_pin", "password", "PASSPHRASE", "secret-access-key", "dbpassword"]
        {
            assert!(is_secret(name), "{name}");
        }
        let settings = SECTIONS.iter().flat_map(|section| section.keys);
        let settings = settings.chain(StoreKind::ALL.iter().flat_map(|kind| kind.keys()));
        for name in settings.map(|key| key.name).chain(["pin-file", "spinning", "mapping"]) {
            assert!(!is_secret(name), "{name}");
        }
    }
}
