//! A deployment put to work: its policy, its log and its authorities as a CA.
use crate::World;
use crate::cli::ca::{Approvals, Deployed};
use crate::config::{Deployment, Unloaded};
use crate::failure::Failure;
use crate::output::inert;
use crate::stores::Stores;
use crate::{clock, ct, files, inputs};
use pkic_audit::{KeyKind, Log, NoteKey, VerifierKey};
use pkic_backend::secret::check_private;
use pkic_facts::envelope::ENVELOPE_LEN_BYTES_MAX;
use pkic_runtime::approvals::{ApprovalRequest, SIGNATURE_LEN_BYTES_MAX, TEXT_LEN_BYTES_MAX};
use pkic_runtime::authority::Authority;
use pkic_runtime::bundle::{self, Loaded};
use pkic_runtime::ca::{Ca, IssueError, Outside, Place};
use pkic_runtime::record::Locations;
use pkic_runtime::trust::{Held, Trusted, sequence_name};
use pkic_vocab::limits;
use std::path::Path;

/// Bytes of the file of a log's key: its seed in hexadecimal digits.
const LOG_KEY_LEN_BYTES_MAX: usize = 1024;

/// The machine: its clock, unless a lab says the time, and its random source.
struct Machine {
    at: Option<i64>,
}

impl Outside for Machine {
    fn now(&self) -> i64 {
        // A clock that does not tell the time stands before every record of the log, and issues nothing.
        self.at.or_else(clock::now).unwrap_or(i64::MIN)
    }

    fn random(&self, octets: &mut [u8]) -> Result<(), String> {
        aws_lc_rs::rand::fill(octets).map_err(|_| "the machine's random source gives nothing".to_owned())
    }
}

/// A CA with the deployment that it runs on.
pub(crate) struct Running {
    pub(crate) ca: Ca,
    pub(crate) deployment: Deployment,
    pub(crate) stores: Stores,
}

impl Running {
    /// Opens the CA of a deployment.
    pub(crate) fn open(deployed: &Deployed, world: World) -> Result<Running, Failure> {
        let deployment = Deployment::load(&deployed.config, world)?;
        if deployed.at.is_some() && !deployment.lab.value {
            let help = "leave `--at` out: outside a lab the clock alone tells the time";
            return Err(Failure::usage_with_help("`--at` is for labs", help));
        }
        let log = open_log(&deployment)?;
        let loaded = load_policy(&deployment, &log, deployed.at, world)?;
        let bundle = match loaded.seal() {
            Some(_) => files::read_bytes(&deployment.policy, ENVELOPE_LEN_BYTES_MAX)?,
            None => bundle::write_unsigned(loaded.program())
                .map_err(|error| Failure::content(&deployment.policy, error))?,
        };
        let place = if deployment.lab.value { Place::Lab } else { Place::Production };
        let outside = Box::new(Machine { at: deployed.at });
        let opened = Ca::open(loaded, &bundle, place, trusted(&deployment)?, log, outside);
        // Intents that a crash left open were closed: the record says so.
        let (mut ca, _) = opened.map_err(|error| failure(&error))?;
        if deployment.log.as_ref().is_some_and(|log| log.keeps_evidence) {
            ca = ca.keeping_evidence();
        }
        let ca = ca.logging_to(ct::logs(&deployment)?);
        Ok(Running { ca, deployment, stores: Stores::default() })
    }

    /// The authority of that name; without one, the first that the profile names.
    pub(crate) fn authority(&self, name: Option<&str>, profile: &str) -> Result<Authority, Failure> {
        let name = match name {
            Some(name) => name.to_owned(),
            None => self.first_authority(profile)?,
        };
        let (of, store) = self.deployment.authority(&name)?;
        let opened = self.stores.open(store).map_err(Failure::Store)?;
        let certificate = files::read_bytes(&of.certificate, limits::CERTIFICATE_LEN_BYTES_MAX)?;
        let locations = Locations {
            ca_issuers: of.ca_issuers.clone(),
            ocsp: of.ocsp.clone(),
            crl: of.crl_distribution_points.clone(),
        };
        let authority = Authority::new(&name, &certificate, &locations, opened.as_ref(), &of.key);
        let authority = authority.map_err(|error| failure(&IssueError::Authority(error)))?;
        if self.deployment.ct.is_empty() {
            return Ok(authority);
        }
        let above = of.read_chain()?;
        Ok(authority.under(above.iter().map(|certificate| certificate.raw().to_vec()).collect()))
    }

    fn first_authority(&self, profile: &str) -> Result<String, Failure> {
        let program = self.ca.loaded().program();
        let index = self.ca.loaded().profile(profile).and_then(|index| usize::try_from(index).ok());
        let profile_of = index.and_then(|index| program.profiles.get(index));
        let authority =
            profile_of.and_then(|of| of.issued_by.first()).and_then(|index| usize::try_from(*index).ok());
        let named = authority.and_then(|index| program.authorities.get(index));
        named.map(|of| of.name.clone()).ok_or_else(|| {
            let what =
                format!("the policy `{}` has no profile `{profile}` that an authority signs", program.policy);
            Failure::usage_with_help(what, "`pkic check` lists the profiles")
        })
    }
}

/// The key that signs the log's checkpoints.
fn log_key(deployment: &Deployment) -> Result<NoteKey, Failure> {
    let log = deployment.log.as_ref().ok_or_else(|| {
        Failure::usage_with_help(
            "the deployment has no log",
            "add `[log]` with `directory`, `key` and `origin`",
        )
    })?;
    check_private(&log.key.value).map_err(|what| Failure::content(&log.key, what))?;
    let text = files::read_text(&log.key, LOG_KEY_LEN_BYTES_MAX)?;
    let unfit = |what: &str| Failure::content(&log.key, what);
    let key = NoteKey::parse(text.trim()).map_err(|_| unfit("it holds no key of a log"))?;
    match key.verifier().name() == log.origin.value && key.verifier().kind() == KeyKind::Log {
        true => Ok(key),
        false => Err(unfit("it is the key of another log than `origin` names")),
    }
}

/// Opens the log of a deployment, to write to it.
pub(crate) fn open_log(deployment: &Deployment) -> Result<Log, Failure> {
    let key = log_key(deployment)?;
    let directory = deployment.log.as_ref().map(|log| log.directory.value.clone()).unwrap_or_default();
    Log::open(&directory, key).map_err(|error| failure(&IssueError::Log(error)))
}

/// The log's verifier key and folder, of a deployment or as named.
pub(crate) fn verifier(deployment: &Deployment) -> Result<VerifierKey, Failure> {
    Ok(log_key(deployment)?.verifier().clone())
}

fn load_policy(deployment: &Deployment, log: &Log, at: Option<i64>, world: World) -> Result<Loaded, Failure> {
    let world = World { now: at.or(world.now), ..world };
    let path: &Path = &deployment.policy;
    let sequence = files::read_bytes(path, ENVELOPE_LEN_BYTES_MAX).ok().and_then(|bytes| {
        let peeked = pkic_facts::envelope::peek(&bytes).ok()?;
        let name = sequence_name(peeked.manifest.kind.name(), &peeked.manifest.name);
        log.view(|view| view.sequence(&name))
    });
    deployment.load_policy(sequence, world).map_err(|unloaded| match unloaded {
        Unloaded::Failed(failure) => failure,
        Unloaded::LabUndeclared { policy } => Failure::usage_with_help(
            format!("`{policy}` is a lab policy, and the deployment is no lab"),
            "deploy a policy that is none, or say `lab = true` on a bench",
        ),
        Unloaded::Unsigned { policy, signer } => Failure::usage_with_help(
            match signer {
                None => format!("the policy `{policy}` is not signed"),
                Some(signer) => {
                    format!("the policy `{policy}` is signed by {signer}, whom the deployment does not list")
                }
            },
            "deploy a bundle of `pkic build --sign`, and list its signer in `bundle-signers`",
        ),
    })
}

fn trusted(deployment: &Deployment) -> Result<Trusted, Failure> {
    let held = |files: Vec<inputs::SealedBytes>| -> Vec<Held> {
        let held = files.iter().map(|file| {
            let sealed = file.file();
            Held { file: sealed.file.to_owned(), bytes: sealed.bytes.to_vec(), last_seen: None }
        });
        held.collect()
    };
    Ok(Trusted {
        anchors: deployment.inputs.trust()?,
        catalogues: held(deployment.inputs.read_catalogues()?),
        statements: held(deployment.inputs.read_statements()?),
        plugins: deployment.inputs.read_plugins()?,
    })
}

/// What people signed, as it was read.
pub(crate) struct SignedFiles {
    approval: Option<(ApprovalRequest, Vec<Vec<u8>>)>,
    exceptions: Vec<(String, Vec<u8>)>,
}

impl SignedFiles {
    /// Reads the files.
    pub(crate) fn read(arguments: &Approvals) -> Result<SignedFiles, Failure> {
        let signature = |path: &Path| files::read_bytes(path, SIGNATURE_LEN_BYTES_MAX);
        let approval = match &arguments.approval {
            None => None,
            Some(path) => {
                let text = files::read_bytes(path, TEXT_LEN_BYTES_MAX)?;
                let request = ApprovalRequest::from_text(&files::shown(path), &text);
                let signatures = arguments.approval_signature.iter().map(|path| signature(path));
                Some((request.map_err(|error| Failure::from(&error))?, signatures.collect::<Result<_, _>>()?))
            }
        };
        let exceptions = arguments.exception.iter().map(|given| {
            let (name, path) = given.split_once('=').ok_or_else(|| {
                Failure::usage_with_help(
                    format!("`{}` is no exception", inert(given)),
                    "write `NAME=FILE.sig`",
                )
            })?;
            Ok((name.to_owned(), signature(Path::new(path))?))
        });
        Ok(SignedFiles { approval, exceptions: exceptions.collect::<Result<_, Failure>>()? })
    }

    /// Hands what was read to `with`, in the form in which the CA takes it.
    pub(crate) fn with<T>(&self, with: impl FnOnce(pkic_runtime::ca::Signed<'_>) -> T) -> T {
        let signatures: Vec<&[u8]> =
            self.approval.iter().flat_map(|(_, signatures)| signatures.iter().map(Vec::as_slice)).collect();
        let approval = self.approval.as_ref().map(|(request, _)| (request, signatures.as_slice()));
        let mut names: Vec<&str> = self.exceptions.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let of = |name: &str| -> Vec<&[u8]> {
            self.exceptions.iter().filter(|(of, _)| of == name).map(|(_, bytes)| bytes.as_slice()).collect()
        };
        let by_name: Vec<(&str, Vec<&[u8]>)> = names.into_iter().map(|name| (name, of(name))).collect();
        let exceptions: Vec<(&str, &[&[u8]])> =
            by_name.iter().map(|(name, signatures)| (*name, signatures.as_slice())).collect();
        with(pkic_runtime::ca::Signed { approval, exceptions: &exceptions })
    }
}

/// Why nothing was issued, with the exit code of its kind. A refusal of the policy is no failure: callers show it.
pub(crate) fn failure(error: &IssueError) -> Failure {
    Failure::Issue { exit: crate::failure::Exit::of_issue(error), what: error.to_string() }
}
