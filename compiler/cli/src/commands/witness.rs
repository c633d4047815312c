//! `pkic audit witness`: has the deployment's witnesses cosign the log; and what `prove` and `verify` say of those that did.
use crate::World;
use crate::ca::open_log;
use crate::cli::ShowFormat;
use crate::cli::ca::Witnesses;
use crate::config::{Deployment, Peer};
use crate::failure::{Exit, Failure};
use crate::http::Service;
use crate::output::{Answer, Outcome, Page, inert};
use crate::records::{Opened, unread};
use pkic_audit::{Cosignature, LogError, VerifierKey, Witness, WitnessError};
use pkic_runtime::report::moment;
use serde::Serialize;
use std::path::Path;

/// `pkic audit witness` in JSON: docs/audit.schema.json.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Asked {
    version: u32,
    log: String,
    size: u64,
    root: String,
    witnesses: Vec<Answered>,
}

/// What came of asking one witness.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Answered {
    name: String,
    key: String,
    cosigned: Option<String>,
    why_not: Option<String>,
}

/// A witness of the deployment, over HTTP.
struct HttpWitness<'a> {
    peer: &'a Peer<VerifierKey>,
    service: Service,
}

impl<'a> HttpWitness<'a> {
    fn new(peer: &'a Peer<VerifierKey>) -> Result<HttpWitness<'a>, Failure> {
        Ok(HttpWitness { peer, service: Service::new(peer)? })
    }
}

impl Witness for HttpWitness<'_> {
    fn key(&self) -> &VerifierKey {
        &self.peer.key
    }

    fn add_checkpoint(&self, body: Vec<u8>) -> Result<pkic_audit::Answer, String> {
        let reply = self.service.post("/add-checkpoint", "text/plain; charset=utf-8", body)?;
        Ok(pkic_audit::Answer { status: reply.status, media_type: reply.media_type, body: reply.body })
    }
}

/// Runs the command.
pub(crate) fn run(config: &Path, format: ShowFormat, world: World) -> Outcome {
    let deployment = Deployment::load(config, world)?;
    if deployment.witnesses.is_empty() {
        let help = "add `[witness.NAME]` with `url` and `key`: docs/deployment.md";
        return Err(Failure::usage_with_help("the deployment has no witness", help));
    }
    let witnesses = deployment.witnesses.iter().map(HttpWitness::new);
    let witnesses = witnesses.collect::<Result<Vec<_>, Failure>>()?;
    let log = open_log(&deployment)?;
    let asked: Vec<&dyn Witness> = witnesses.iter().map(|witness| witness as &dyn Witness).collect();
    let found = log.ask_witnesses(&asked).map_err(|error| unread(&error))?;
    let mut answered = Vec::new();
    for (witness, found) in witnesses.iter().zip(found) {
        let (cosigned, why_not) = match found {
            Ok(cosignature) => (Some(time(&cosignature)), None),
            // What this log is, and whether it can be written, is no witness's affair.
            Err(WitnessError::Log(error)) => return Err(unread(&error)),
            Err(error) => (None, Some(error.to_string())),
        };
        let (name, key) = (witness.peer.name.value.clone(), witness.key().name().to_owned());
        answered.push(Answered { name, key, cosigned, why_not });
    }
    let reader = log.reader().map_err(|error| unread(&error))?;
    let asked = Asked {
        version: 1,
        log: reader.checkpoint().origin().to_owned(),
        size: reader.checkpoint().size(),
        root: reader.checkpoint().root().to_string(),
        witnesses: answered,
    };
    let count = asked.witnesses.iter().filter(|each| each.cosigned.is_some()).count();
    let exit = Exit::finding_if(count < asked.witnesses.len());
    if format == ShowFormat::Json {
        return Answer::json(&asked, exit);
    }
    let mut page = Page::default();
    for Answered { name, cosigned, why_not, .. } in &asked.witnesses {
        let (name, why_not) = (inert(name), why_not.as_deref().map(inert));
        match (cosigned, why_not) {
            (Some(at), _) => page.line(format_args!("{name}: cosigned at {at}")),
            (None, why) => page.line(format_args!("{name}: NO COSIGNATURE: {}", why.unwrap_or_default())),
        }
    }
    let (all, size) = (asked.witnesses.len(), asked.size);
    page.line(format_args!(
        "{count} of {all} witnesses cosigned the log of {size} entries, root {}",
        asked.root
    ));
    Ok(Answer::new(page, exit))
}

/// Who cosigned the latest checkpoint that was cosigned at all.
#[derive(Default)]
pub(super) struct Witnessed {
    /// Entries of that checkpoint.
    pub(super) size: Option<u64>,
    /// Those of the witnesses that count, each once.
    pub(super) by: Vec<Cosignature>,
}

impl Witnessed {
    /// By the witnesses that are named; where none is, by those of the deployment.
    ///
    /// # Errors
    /// [`LogError`] where that checkpoint does not hold: the log does not either.
    pub(super) fn of(opened: &Opened, keys: &[VerifierKey]) -> Result<Witnessed, LogError> {
        let Some(signed) = opened.reader.witnessed_checkpoint()? else { return Ok(Witnessed::default()) };
        let unfit = |source| LogError::Note { path: "checkpoint.witnessed".into(), source };
        let by = signed.cosignatures(keys).map_err(unfit)?;
        let checkpoint = signed.verify(&opened.key).map_err(unfit)?;
        Ok(Witnessed { size: Some(checkpoint.size()), by })
    }

    /// Their names.
    pub(super) fn names(&self) -> Vec<String> {
        self.by.iter().map(|cosignature| cosignature.witness.clone()).collect()
    }

    /// That more were asked for.
    pub(super) fn shortfall(&self, asked: &Witnesses) -> Option<String> {
        let (min, found) = (asked.witnesses_min, self.by.len());
        (found < min).then(|| format!("{min} witnesses are asked for, {found} cosigned"))
    }

    /// Names and times, or `unwitnessed`.
    pub(super) fn shown(&self) -> String {
        let shown = self.by.iter().map(|each| format!("{} at {}", each.witness, time(each)));
        let shown: Vec<String> = shown.collect();
        match self.size.filter(|_| !shown.is_empty()) {
            Some(size) => format!("{size} entries, by {}", shown.join(", ")),
            None => "unwitnessed".to_owned(),
        }
    }
}

/// The keys of the witnesses that count: those that are named, or else the deployment's.
pub(super) fn keys(named: &Witnesses, opened: &Opened) -> Result<Vec<VerifierKey>, Failure> {
    if named.witness.is_empty() {
        return Ok(opened.witnesses.clone());
    }
    let parse = |text: &String| {
        VerifierKey::parse(text).map_err(|_| {
            Failure::usage_with_help("`--witness` is no verifier key", "write `<name>+<hash>+<base64>`")
        })
    };
    named.witness.iter().map(parse).collect()
}

fn time(cosignature: &Cosignature) -> String {
    // A cosignature of a later time does not verify.
    moment(i64::try_from(cosignature.time).unwrap_or(i64::MAX))
}
