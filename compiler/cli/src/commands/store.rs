//! `pkic store probe`: what key stores hold, what each says of its keys, and whether it keeps the promises of one.
use crate::World;
use crate::cli::{ShowFormat, Store as Command, StoreProbe};
use crate::config::{Deployment, Store};
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page, inert};
use crate::report::human::number;
use crate::stores::{self, Opened, Stores};
use crate::{clock, inputs, randomness};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::store::{Identity, Signer as _};
use pkic_backend::suite;
use pkic_backend::uri::{Dialect, KeyUri};
use pkic_evidence::{Input, appraise};
use pkic_facts::anchors::AnchorSet;
use pkic_facts::crypto::Sha256Digest;
use pkic_facts::verified::Evidence;
use serde::Serialize;

/// Octets of a nonce that nobody gave: what SHA-256 has.
const NONCE_LEN_BYTES: usize = 32;

/// Runs the command.
pub(crate) fn run(what: &Command, world: World) -> Outcome {
    match what {
        Command::Probe(arguments) => probe(arguments, world),
    }
}

fn probe(arguments: &StoreProbe, world: World) -> Outcome {
    let stores = Stores::default();
    let mut probed = Vec::new();
    let nonce = match inputs::nonce(arguments.nonce.as_deref())? {
        Some(nonce) => nonce,
        None => randomness::octets::<NONCE_LEN_BYTES>()?.to_vec(),
    };
    let now = inputs::moment(None, world.now.or_else(clock::now))?;
    if let Some(text) = &arguments.uri {
        let uri = KeyUri::parse(text, Dialect::Rfc7512)?;
        let store = stores::of_uri(&uri)?;
        let against = Against { anchors: AnchorSet::default(), nonce, now };
        probed.push(one(&stores, &store, std::slice::from_ref(&uri), &against, arguments.suite));
    } else {
        let deployment = Deployment::load(&arguments.config, world)?;
        let against = Against { anchors: deployment.inputs.trust()?, nonce, now };
        let chosen: Vec<&Store> = match &arguments.name {
            Some(name) => vec![deployment.store(name)?],
            None => deployment.stores.values().collect(),
        };
        if chosen.is_empty() {
            let help = "add a table `[store.NAME]` (docs/deployment.md)";
            return Err(Failure::usage_with_help("the deployment has no store", help));
        }
        for store in chosen {
            let key = arguments.key.as_deref().map(|text| KeyUri::parse(text, store.dialect)).transpose()?;
            let wanted: Vec<KeyUri> = match key {
                Some(key) => vec![key],
                None => own_keys(&deployment, store),
            };
            let is_all = arguments.key.is_none();
            probed.push(if is_all {
                whole(&stores, store, &wanted, &against, arguments.suite)
            } else {
                one(&stores, store, &wanted, &against, arguments.suite)
            });
        }
    }
    let exit = probed.iter().map(Probed::exit).max_by_key(|exit| exit.code()).unwrap_or(Exit::Holds);
    match arguments.format {
        ShowFormat::Json => Answer::json(&Report { version: 1, stores: probed }, exit),
        ShowFormat::Human => {
            let mut page = Page::default();
            probed.iter().for_each(|store| store.show(&mut page));
            Ok(Answer::new(page, exit))
        }
    }
}

/// The keys that authorities have in a store.
fn own_keys(deployment: &Deployment, store: &Store) -> Vec<KeyUri> {
    let own = deployment.authorities.values().filter(|authority| authority.store.value == store.name.value);
    own.map(|authority| authority.key.value.clone()).collect()
}

/// Every key that the store lists; the suite runs with `wanted`.
fn whole(stores: &Stores, store: &Store, wanted: &[KeyUri], against: &Against, is_suite: bool) -> Probed {
    let mut probed = Probed::of(store);
    let Some(opened) = probed.open(stores, store) else { return probed };
    match opened.list() {
        Ok(listed) => {
            let keys = listed.iter().map(|listed| Key::of(store, &opened, &listed.uri, against));
            probed.keys = keys.collect();
        }
        Err(error) => probed.fail(&error),
    }
    if is_suite {
        probed.suites = wanted.iter().map(|uri| Suite::of(&opened, uri)).collect();
    }
    probed
}

/// The keys at these URIs alone.
fn one(stores: &Stores, store: &Store, wanted: &[KeyUri], against: &Against, is_suite: bool) -> Probed {
    let mut probed = Probed::of(store);
    let Some(opened) = probed.open(stores, store) else { return probed };
    probed.keys = wanted.iter().map(|uri| Key::of(store, &opened, uri, against)).collect();
    if is_suite {
        probed.suites = wanted.iter().map(|uri| Suite::of(&opened, uri)).collect();
    }
    probed
}

/// What the evidence of keys is held against.
struct Against {
    anchors: AnchorSet,
    nonce: Vec<u8>,
    now: i64,
}

/// `docs/store-probe.schema.json`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report {
    version: u32,
    stores: Vec<Probed>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Probed {
    name: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Is>,
    keys: Vec<Key>,
    suites: Vec<Suite>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Trouble>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Is {
    name: String,
    tried_on_hardware: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    module: Option<Module>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Module {
    path: String,
    sha256: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Key {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    spki: Option<String>,
    schemes: Vec<&'static str>,
    facts: Vec<Observation>,
    attests: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Made>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Trouble>,
}

/// Evidence that the device made about a key, and what the deployment's anchors make of it.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Made {
    format: Option<&'static str>,
    digest: String,
    nonce: String,
    /// Base64.
    parts: Vec<String>,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    freshness: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Observation {
    path: &'static str,
    value: String,
    grade: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Suite {
    key: String,
    broken: Vec<Promise>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Promise {
    promise: &'static str,
    seen: String,
}

/// What a store refused, or failed at.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Trouble {
    problem: &'static str,
    at: String,
    what: String,
    help: String,
    #[serde(skip)]
    exit: Exit,
}

impl Trouble {
    fn of(error: &StoreError) -> Trouble {
        let StoreError { problem, at, what, help } = error.clone();
        Trouble { problem: problem.name(), at, what, help, exit: Exit::of_store(problem) }
    }

    fn show(&self, page: &mut Page, indent: &str) {
        page.hanging(&format!("{indent}error: "), &inert(&format!("{}: {}", self.at, self.what)));
        page.hanging(&format!("{indent}help:  "), &inert(&self.help));
    }
}

impl Probed {
    fn of(store: &Store) -> Probed {
        let (name, kind) = (store.name.value.clone(), store.kind.name());
        Probed { name, kind, identity: None, keys: Vec::new(), suites: Vec::new(), error: None }
    }

    fn open(&mut self, stores: &Stores, store: &Store) -> Option<Opened> {
        let opened = stores.open(store).map_err(|error| self.fail(&error)).ok()?;
        self.identity = Some(Is::of(opened.identity()));
        Some(opened)
    }

    fn fail(&mut self, error: &StoreError) {
        self.error = Some(Trouble::of(error));
    }

    fn exit(&self) -> Exit {
        let troubles = self.error.iter().chain(self.keys.iter().filter_map(|key| key.error.as_ref()));
        let worst = troubles.map(|trouble| trouble.exit).max_by_key(|exit| exit.code());
        let is_broken = self.suites.iter().any(|suite| !suite.broken.is_empty());
        worst.unwrap_or(Exit::finding_if(is_broken))
    }

    fn show(&self, page: &mut Page) {
        let identity = self.identity.as_ref();
        let name = identity.map(|is| format!(", {}", inert(&is.name))).unwrap_or_default();
        let mark =
            if identity.is_some_and(|is| !is.tried_on_hardware) { "; untested on hardware" } else { "" };
        page.line(format_args!("store {}: {}{name}{mark}", inert(&self.name), self.kind));
        if let Some(module) = identity.and_then(|is| is.module.as_ref()) {
            page.line(format_args!("  module {} ({})", inert(&module.path), module.sha256));
        }
        if let Some(error) = &self.error {
            error.show(page, "  ");
        } else {
            page.line(format_args!("  {}", number(self.keys.len(), "key")));
        }
        self.keys.iter().for_each(|key| key.show(page));
        self.suites.iter().for_each(|suite| suite.show(page));
        page.gap();
    }
}

impl Is {
    fn of(identity: Identity) -> Is {
        let Identity { name, module, is_tried, .. } = identity;
        let module = module.map(|module| Module { path: module.path, sha256: module.digest.to_string() });
        Is { name, tried_on_hardware: is_tried, module }
    }
}

impl Key {
    fn of(store: &Store, opened: &Opened, uri: &KeyUri, against: &Against) -> Key {
        let mut key = Key {
            uri: uri.to_string(),
            spki: None,
            schemes: Vec::new(),
            facts: Vec::new(),
            attests: false,
            evidence: None,
            error: None,
        };
        key.error = key.ask(store, opened, uri, against).err().map(|error| Trouble::of(&error));
        key
    }

    fn ask(
        &mut self,
        store: &Store,
        opened: &Opened,
        uri: &KeyUri,
        against: &Against,
    ) -> Result<(), StoreError> {
        let signer = stores::signer(opened, uri, store.timeout)?;
        self.attests = signer.attester().is_some();
        self.spki = Some(Sha256Digest::of(&signer.spki()?).to_string());
        self.schemes = signer.schemes()?.iter().map(|scheme| scheme.name()).collect();
        let observed = signer.observed()?;
        let facts = observed.entries().iter().map(|(path, value)| Observation {
            path,
            value: value.to_string(),
            grade: pkic_vocab::Grade::Observed.name(),
        });
        self.facts = facts.collect();
        if let Some(attester) = signer.attester() {
            self.evidence = Some(Made::of(&attester.evidence(&against.nonce)?, uri, against)?);
        }
        Ok(())
    }

    fn show(&self, page: &mut Page) {
        page.line(format_args!("  key {}", inert(&self.uri)));
        if let Some(spki) = &self.spki {
            page.line(format_args!("    spki {spki}"));
        }
        if !self.schemes.is_empty() {
            page.hanging("    signs with ", &self.schemes.join(", "));
        }
        if self.attests {
            page.line("    makes evidence about itself");
        }
        let rows = self
            .facts
            .iter()
            .map(|fact| vec![fact.path.to_owned(), inert(&fact.value), fact.grade.to_owned()]);
        page.table("    ", &rows.collect::<Vec<_>>());
        if let Some(made) = &self.evidence {
            made.show(page);
        }
        if let Some(error) = &self.error {
            error.show(page, "    ");
        }
    }
}

impl Made {
    fn of(parts: &[Vec<u8>], uri: &KeyUri, against: &Against) -> Result<Made, StoreError> {
        let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let evidence = Evidence::new("store", &slices).map_err(|reject| {
            StoreError::new(Problem::Answer, uri, reject.to_string(), "its evidence is over pkic's limits")
        })?;
        let Against { anchors, nonce, now } = against;
        // Whether it is about this key is asked with a request, which this command has nobody sign.
        let (request, nonce, activation) = (None, Some(nonce.as_slice()), None);
        let appraisal =
            appraise(&Input { evidence: &evidence, request, anchors, now: *now, nonce, activation });
        Ok(Made {
            format: appraisal.format,
            digest: evidence.digest().to_string(),
            nonce: against.nonce.iter().map(|octet| format!("{octet:02x}")).collect(),
            parts: parts.iter().map(|part| STANDARD.encode(part)).collect(),
            verdict: appraisal.verdict.name(),
            why: appraisal.verdict.reason().map(ToString::to_string),
            freshness: appraisal.freshness(),
        })
    }

    fn show(&self, page: &mut Page) {
        let freshness = self.freshness.map(|word| format!(", freshness {word}")).unwrap_or_default();
        let why = self.why.as_ref().map(|why| format!(": {}", inert(why))).unwrap_or_default();
        let format = self.format.unwrap_or("of no known format");
        page.hanging("    evidence ", &format!("{format}, {}{freshness}{why}", self.verdict));
        page.line(format_args!("    {}", self.digest));
    }
}

impl Suite {
    fn of(opened: &Opened, uri: &KeyUri) -> Suite {
        let broken = suite::check(opened.as_ref(), uri, &stores::unknown(uri));
        let broken = broken.into_iter().map(|broken| Promise { promise: broken.promise, seen: broken.seen });
        Suite { key: uri.to_string(), broken: broken.collect() }
    }

    fn show(&self, page: &mut Page) {
        if self.broken.is_empty() {
            page.line(format_args!("  suite with {}: every promise is kept", inert(&self.key)));
            return;
        }
        let count = number(self.broken.len(), "broken promise");
        page.line(format_args!("  suite with {}: {count}", inert(&self.key)));
        for broken in &self.broken {
            page.hanging("    ", &inert(&format!("{}: {}", broken.promise, broken.seen)));
        }
    }
}
