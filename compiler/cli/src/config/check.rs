//! A deployment file against the disk, its policy and, where that is asked for, its stores.
use super::FILE_LEN_BYTES_MAX;
use super::data::{At, Authority, Deployment, Inputs, Setting, Store, Unloaded};
use super::peers;
use super::read::{self, Parsed};
use super::schema::{Form, StoreKind};
use super::values::{finding, listed};
use crate::World;
use crate::failure::Failure;
use crate::output::inert;
use crate::report::{Finding, Sources};
use crate::stores::{self, Stores};
use crate::suggest::nearest;
use crate::{challenge, ct, files, plugins};
use pkic_backend::error::Problem;
use pkic_backend::secret::SecretSource;
use pkic_backend::store::Signer as _;
use pkic_backend::uri::UriScheme;
use pkic_evidence::plugin::Plugin;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::envelope::{self, Kind};
use pkic_ir::Program;
use pkic_runtime::bundle::Loaded;
use pkic_vocab::time;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How far a check goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The file, what it names, and the policy.
    Files,
    /// The key stores as well.
    Stores,
}

/// What a check found.
pub(crate) struct Checked {
    /// Everything that is wrong, in the order of the file.
    pub(crate) findings: Vec<Finding>,
    /// The deployment file, without secrets.
    pub(crate) sources: Sources,
    /// The deployment, where it reads.
    pub(crate) deployment: Option<Deployment>,
    /// Its policy, where that loads.
    pub(crate) loaded: Option<Loaded>,
}

/// Checks a deployment file.
///
/// # Errors
/// [`Failure`] where the file itself cannot be read.
pub(crate) fn check(path: &Path, reach: Reach, world: World) -> Result<Checked, Failure> {
    let text = files::read_text(path, FILE_LEN_BYTES_MAX)?;
    let Parsed { deployment, findings, sources, files } = read::read(path, &text);
    let mut check = Check { findings, unusable: BTreeSet::new() };
    for (form, path) in &files {
        check.file(*form, path);
    }
    let mut loaded = None;
    if let Some(deployment) = &deployment {
        check.inputs(&deployment.inputs, world.now);
        if let Some(key) = deployment.challenge_key.as_ref().filter(|key| !check.is_unusable(key)) {
            check.unless(challenge::key(key).map(drop), &key.span);
        }
        deployment.stores.values().for_each(|store| check.store(store, deployment));
        deployment.authorities.values().for_each(|authority| check.certificates(authority));
        check.log_key(deployment);
        loaded = check.policy(deployment, world);
        for log in deployment.ct.iter().filter(|log| !check.is_unusable(&log.key)).collect::<Vec<_>>() {
            check.unless(ct::key(&log.key).map(drop), &log.key.span);
        }
        check.findings.extend(peers::check(deployment, loaded.as_ref().map(Loaded::program)));
        check.plugins(&deployment.inputs, loaded.as_ref().map(Loaded::program));
        if reach == Reach::Stores {
            let stores = Stores::default();
            deployment.authorities.keys().for_each(|name| check.key(&stores, deployment, name));
        }
    }
    let mut findings = check.findings;
    findings.sort_by_key(|finding| finding.place.map_or(0, |place| place.start));
    Ok(Checked { findings, sources, deployment, loaded })
}

/// "Did you mean", or all that there is.
pub(crate) fn near<'n>(name: &str, names: impl Iterator<Item = &'n str> + Clone) -> String {
    match nearest(name, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => match listed(names) {
            none if none.is_empty() => "there are none".to_owned(),
            names => format!("there are {names}"),
        },
    }
}

struct Check {
    findings: Vec<Finding>,
    /// Files that are reported already.
    unusable: BTreeSet<PathBuf>,
}

impl Check {
    fn say(&mut self, code: &str, span: &Range<usize>, message: String, help: impl Into<String>) {
        self.findings.push(finding(code, span, message, help));
    }

    fn is_unusable(&self, path: &Path) -> bool {
        self.unusable.contains(path)
    }

    /// Adds a finding for a file that does not hold what it should.
    fn unless(&mut self, result: Result<(), Failure>, span: &Range<usize>) {
        if let Err(failure) = result {
            let help = failure.help().unwrap_or("give another file").to_owned();
            self.say("E0608", span, failure.to_string(), help);
        }
    }

    fn file(&mut self, form: Form, path: &At<PathBuf>) {
        let result = match form {
            Form::Folder => files::listable(path),
            Form::NewFolder if path.exists() => files::listable(path),
            Form::NewFolder => files::listable(&files::folder(path)),
            Form::PrivateFile => files::readable(path).and_then(|()| private(path)),
            _ => files::readable(path),
        };
        if result.is_err() {
            self.unusable.insert(path.value.clone());
        }
        let help = match &result {
            Err(Failure::Read { .. }) => "paths count from the folder of the deployment file",
            _ => "take the leave away with `chmod 600`, or make a new key",
        };
        if let Err(failure) = result {
            self.say("E0608", &path.span, failure.to_string(), help);
        }
    }

    fn inputs(&mut self, inputs: &Inputs, now: Option<i64>) {
        let mut parts = Vec::new();
        if let Some(anchors) = &inputs.anchors {
            parts.push((anchors, Inputs { anchors: Some(anchors.clone()), ..Inputs::default() }));
        }
        for crl in &inputs.crls {
            parts.push((crl, Inputs { crls: vec![crl.clone()], ..Inputs::default() }));
        }
        if let Some(list) = &inputs.status_list {
            let status_list_age_s_max = inputs.status_list_age_s_max.clone();
            let status_list = Some(list.clone());
            parts.push((list, Inputs { status_list, status_list_age_s_max, ..Inputs::default() }));
        } else if let Some(age) = &inputs.status_list_age_s_max {
            let message = "`status-list-max-age` without a `status-list`".to_owned();
            self.say("W0612", &age.span, message, "name the list, or leave its age out");
        }
        for (path, part) in parts {
            if !self.is_unusable(path) {
                self.unless(part.trust().map(drop), &path.span);
            }
        }
        let sealed = [(&inputs.catalogues, Kind::Catalogue), (&inputs.statements, Kind::Statement)];
        for (paths, kind) in sealed {
            for path in paths {
                self.sealed(path, kind, now);
            }
        }
    }

    /// Sandboxed formats: that they are such, and that the policy names each; one that it does not name yields nothing.
    fn plugins(&mut self, inputs: &Inputs, program: Option<&Program>) {
        let is_named = |program: &Program, plugin: &dyn Plugin| {
            let mut sets = program.signers.iter().filter(|set| set.kind == "plugins");
            let digest = plugin.digest().0;
            sets.any(|set| set.name == plugin.name() && set.signers.iter().any(|(_, named)| *named == digest))
        };
        for path in &inputs.plugins {
            if self.is_unusable(path) {
                continue;
            }
            if !plugins::ARE_BUILT {
                let message = "this pkic was not built with plugins".to_owned();
                self.say("W0613", &path.span, message, "it opens no CA with this file (docs/plugins.md)");
                continue;
            }
            let only = Inputs { plugins: vec![path.clone()], ..Inputs::default() };
            let read = only.read_plugins();
            let unnamed = read
                .iter()
                .flatten()
                .find(|plugin| program.is_some_and(|program| !is_named(program, plugin.as_ref())));
            if let Some(plugin) = unnamed {
                let message =
                    format!("the policy names no plugin `{}` of {}", inert(plugin.name()), plugin.digest());
                let help = "add it to `signers plugins` of the policy, or leave the file out";
                self.say("W0612", &path.span, message, help);
            }
            self.unless(read.map(drop), &path.span);
        }
    }

    /// A catalogue or statement: that it is one, and not past its end.
    fn sealed(&mut self, path: &At<PathBuf>, kind: Kind, now: Option<i64>) {
        let only = vec![path.clone()];
        let read = match kind {
            Kind::Catalogue => Inputs { catalogues: only, ..Inputs::default() }.read_catalogues(),
            _ => Inputs { statements: only, ..Inputs::default() }.read_statements(),
        };
        // What cannot be read was said already.
        for sealed in read.unwrap_or_default() {
            match envelope::peek(sealed.bytes()) {
                Err(reject) => self.unless(Err(Failure::content(path, reject)), &path.span),
                Ok(peeked) if peeked.manifest.kind != kind => {
                    let what = format!("it is a {}, no {}", peeked.manifest.kind.name(), kind.name());
                    self.unless(Err(Failure::content(path, what)), &path.span);
                }
                Ok(peeked) if now.is_some_and(|now| peeked.manifest.stale_after < now) => {
                    let end = time::format_date(peeked.manifest.stale_after);
                    let message = format!("`{}` counts no more since {end}", files::shown(path));
                    self.say("W0612", &path.span, message, "give the next edition");
                }
                Ok(_) => {}
            }
        }
    }

    fn store(&mut self, store: &Store, deployment: &Deployment) {
        if let Some(At { value: Setting::Secret(source), span }) = store.settings.get("pin-source") {
            match (source.read(), source) {
                (Ok(_), _) => {}
                (Err(error), SecretSource::Environment(_)) => {
                    let message = format!("`{source}` gives no secret here: {}", error.what);
                    self.say("W0613", span, message, error.help);
                }
                (Err(error), SecretSource::File(_)) => {
                    self.say(
                        "E0608",
                        span,
                        format!("`{source}` gives no secret: {}", error.what),
                        error.help,
                    );
                }
            }
        }
        if !stores::is_built(store.kind) {
            let message = format!("this pkic was not built with stores of the kind `{}`", store.kind.name());
            let built = StoreKind::ALL.into_iter().filter(|kind| stores::is_built(*kind));
            let help = format!("it opens {}", listed(built.map(StoreKind::name)));
            self.say("W0613", &store.name.span, message, help);
        }
        if !deployment.authorities.values().any(|authority| authority.store.value == store.name.value) {
            let message = format!("no authority has its key in the store `{}`", store.name.value);
            self.say(
                "W0612",
                &store.name.span,
                message,
                "name it as `store` of an authority, or leave it out",
            );
        }
    }

    fn certificates(&mut self, authority: &Authority) {
        if !self.is_unusable(&authority.certificate) {
            self.unless(authority.issuer().map(drop), &authority.certificate.span);
        }
        if let Some(chain) = authority.chain.as_ref().filter(|chain| !self.is_unusable(chain)) {
            self.unless(authority.read_chain().map(drop), &chain.span);
        }
    }

    /// The log's key is no key of a CA (design D16).
    fn log_key(&mut self, deployment: &Deployment) {
        let Some(log) = &deployment.log else { return };
        let same = deployment.authorities.values().find(|authority| {
            let store = deployment.stores.get(&authority.store.value);
            let folder = store.and_then(|store| store.path("directory"));
            let file = authority.key.text("path").filter(|_| authority.key.scheme() == UriScheme::File);
            let path = folder.zip(file).map(|(folder, file)| folder.join(file));
            path.is_some_and(|path| canonical(&path) == canonical(&log.key))
        });
        if let Some(authority) = same {
            let message = format!("the log would sign with the key of `{}`", authority.name.value);
            self.say("E0608", &log.key.span, message, "give the log a key of its own");
        }
    }

    fn policy(&mut self, deployment: &Deployment, world: World) -> Option<Loaded> {
        if self.is_unusable(&deployment.policy) {
            return None;
        }
        match deployment.load_policy(None, world) {
            Ok(loaded) => {
                self.authorities(deployment, loaded.program());
                if deployment.lab.value && !loaded.program().lab {
                    let message = format!("`{}` is no lab policy", loaded.program().policy);
                    self.say("W0612", &deployment.lab.span, message, "leave `lab = true` out");
                }
                Some(loaded)
            }
            Err(unloaded) => {
                self.unloaded(deployment, unloaded);
                None
            }
        }
    }

    fn unloaded(&mut self, deployment: &Deployment, unloaded: Unloaded) {
        let span = &deployment.policy.span;
        match unloaded {
            Unloaded::Failed(failure) => {
                let path = files::shown(&deployment.policy);
                let help = match &failure {
                    Failure::Findings { .. } => format!("`pkic check {path}` says why"),
                    failure => failure.help().unwrap_or("`pkic bundle show` says what it is").to_owned(),
                };
                self.say("E0608", span, failure.to_string(), help);
            }
            Unloaded::LabUndeclared { policy } => {
                let message = format!("`{policy}` is a lab policy, and this deployment is no lab");
                let help = "name another policy; or, if nobody outside of a lab relies on what is issued here, write `lab = true`";
                self.say("E0609", span, message, help);
            }
            Unloaded::Unsigned { policy, signer } => {
                let (why, help) = unsigned(signer);
                self.say("E0609", span, format!("`{policy}` is no lab policy, and {why}"), help);
            }
        }
    }

    /// The authorities of policy and deployment are the same ones.
    fn authorities(&mut self, deployment: &Deployment, program: &Program) {
        let names = program.authorities.iter().map(|authority| authority.name.as_str());
        for authority in deployment.authorities.values() {
            if !names.clone().any(|name| name == authority.name.value) {
                let message =
                    format!("the policy `{}` has no authority `{}`", program.policy, authority.name.value);
                let help = near(&authority.name, names.clone());
                self.say("E0607", &authority.name.span, message, help);
            }
        }
        let is_online =
            |authority: &&pkic_ir::Authority| authority.state.is_none_or(|state| state.name() == "online");
        for authority in program.authorities.iter().filter(is_online) {
            if !deployment.authorities.contains_key(&authority.name) {
                let message = format!("the authority `{}` has no key here", authority.name);
                let help = format!("add `[authority.\"{}\"]`, if it is to sign here", authority.name);
                self.say("W0612", &deployment.policy.span, message, help);
            }
        }
    }

    /// The store has the key, and it is that of the certificate.
    fn key(&mut self, stores: &Stores, deployment: &Deployment, name: &str) {
        let Ok((authority, store)) = deployment.authority(name) else { return };
        let span = &authority.key.span;
        let spki = stores
            .open(store)
            .and_then(|opened| stores::signer(&opened, &authority.key, store.timeout)?.spki())
            .map(|spki| Sha256Digest::of(&spki));
        match (spki, authority.issuer()) {
            (Ok(store), Ok(issuer)) if store != issuer.spki() => {
                let message = format!("the store's key is `{store}`, the certificate's `{}`", issuer.spki());
                self.say("E0610", span, message, "name the key that was certified, or its certificate");
            }
            (Ok(_), _) => {}
            (Err(error), _) => {
                let code = if error.problem == Problem::Configuration { "E0606" } else { "E0610" };
                self.say(code, span, error.what, error.help);
            }
        }
    }
}

fn unsigned(signer: Option<Sha256Digest>) -> (String, String) {
    match signer {
        Some(signer) => (
            format!("nobody listed its signer `{signer}`"),
            "add the signer to `bundle-signers`, if you know whose key it is".to_owned(),
        ),
        None => (
            "nobody signed it".to_owned(),
            "sign it with `pkic build --sign`, and list the signer in `bundle-signers`".to_owned(),
        ),
    }
}

fn private(path: &Path) -> Result<(), Failure> {
    match files::is_open_to_others(path)? {
        true => Err(Failure::content(path, "others than its owner may use it")),
        false => Ok(()),
    }
}

fn canonical(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}
