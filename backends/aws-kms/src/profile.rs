//! The files of the AWS tools: `~/.aws/credentials` and `~/.aws/config`, the static part of one profile.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files", "Location of the shared files".
use pkic_backend::error::{Problem, StoreError};
use pkic_backend_rest::machine::Machine;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Bytes of each file: a thousand profiles.
const FILE_LEN_BYTES_MAX: u64 = 1 << 20;
/// Settings by which a profile gets its credentials elsewhere.
const ELSEWHERE: [&str; 7] = [
    "credential_process",
    "credential_source",
    "login_session",
    "role_arn",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
];

/// What both files say of a profile.
pub(crate) struct Profile {
    /// Its name.
    pub(crate) name: String,
    settings: BTreeMap<String, Zeroizing<String>>,
    is_there: bool,
}

impl Profile {
    /// Reads a profile: the one that is named, that of `AWS_PROFILE`, or `default`.
    ///
    /// # Errors
    /// [`StoreError`] where a profile that is named is in neither file, or a file cannot be read.
    pub(crate) fn read(machine: &dyn Machine, named: Option<&str>) -> Result<Profile, StoreError> {
        let asked = named.map(str::to_owned).or_else(|| machine.variable("AWS_PROFILE"));
        let name = asked.clone().unwrap_or_else(|| "default".to_owned());
        let mut profile = Profile { name, settings: BTreeMap::new(), is_there: false };
        profile.add(&path(machine, "AWS_CONFIG_FILE", "config"), "profile ")?;
        // Where both say something, the credentials file counts.
        profile.add(&path(machine, "AWS_SHARED_CREDENTIALS_FILE", "credentials"), "")?;
        if asked.is_some() && !profile.is_there {
            let what = format!("there is no profile `{}`", profile.name);
            let help = "add it to `~/.aws/config` or `~/.aws/credentials`, or name another";
            return Err(StoreError::new(Problem::Configuration, "AWS profile", what, help));
        }
        Ok(profile)
    }

    /// A setting.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(|value| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The setting by which it gets its credentials elsewhere, where it does.
    pub(crate) fn elsewhere(&self) -> Option<&'static str> {
        ELSEWHERE.into_iter().find(|name| self.setting(name).is_some())
    }

    fn add(&mut self, file: &Path, prefix: &str) -> Result<(), StoreError> {
        let Some(text) = read(file)? else { return Ok(()) };
        let is_default = self.name == "default";
        let mut is_ours = false;
        for line in text.lines() {
            if let Some(section) = line.trim_end().strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                let section = section.trim();
                let named = section.strip_prefix(prefix).map(str::trim);
                is_ours = named == Some(self.name.as_str()) || (is_default && section == "default");
                self.is_there |= is_ours;
                continue;
            }
            // An indented line belongs to a nested setting, of which none is read.
            let is_plain = !line.starts_with([' ', '\t', '#', ';']);
            if let Some((name, value)) = line.split_once('=').filter(|_| is_ours && is_plain) {
                let value = value.split(" #").next().unwrap_or_default().trim();
                self.settings.insert(name.trim().to_owned(), Zeroizing::new(value.to_owned()));
            }
        }
        Ok(())
    }
}

fn path(machine: &dyn Machine, variable: &str, name: &str) -> PathBuf {
    let home = || machine.variable("HOME").or_else(|| machine.variable("USERPROFILE")).unwrap_or_default();
    machine.variable(variable).map_or_else(|| Path::new(&home()).join(".aws").join(name), PathBuf::from)
}

/// The text of a file; nothing where there is none.
fn read(file: &Path) -> Result<Option<Zeroizing<String>>, StoreError> {
    let unfit = |what: String| {
        let help = "give a file of the AWS tools that this user can read";
        StoreError::new(Problem::File, file.display(), what, help)
    };
    let length = match std::fs::metadata(file) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unfit(error.to_string())),
    };
    if length > FILE_LEN_BYTES_MAX {
        return Err(unfit(format!("it is longer than {FILE_LEN_BYTES_MAX} bytes")));
    }
    std::fs::read_to_string(file)
        .map(|text| Some(Zeroizing::new(text)))
        .map_err(|error| unfit(error.to_string()))
}
