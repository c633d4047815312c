//! Appraising a record's evidence again, with that day's inputs and clock: level 2 of a replay.
//!
//! It gives the facts that the decision must have been computed from, and says where those of the record are others. What
//! was known of the signer's key is no part of it: a store cannot be asked again what it answered then. Nor is what our
//! own log knew of a certificate that was to be replaced: both stand in the record.
use super::day::{Day, Missing, Objects, Unread};
use super::kept::{Kept, KeptNonce};
use super::{Apart, Decided, Intent, Particulars, Table};
use crate::acts::Predecessor;
use crate::appraise::{self, Appraised, Known};
use crate::bundle::Loaded;
use crate::challenge::Nonce;
use crate::decode::certificate_facts;
use crate::draft::Draft;
use crate::issuer::Issuer;
use crate::report::{self, Inputs};
use pkic_evidence::plugin::Plugin;
use pkic_facts::request::CertificationRequest;
use pkic_vocab::FactTable;
use std::fmt;

/// Why a replay goes back to the recorded facts and no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unkept {
    /// The evidence answered a challenge that was refused, and the key that tells so is in no record.
    Challenge,
    /// What stood beside the record was erased.
    Erased,
    /// The deployment kept no evidence.
    Evidence,
    /// An input of that day is not kept, or was erased.
    Input(Missing),
    /// A sandboxed format read the evidence, and its module is not at hand.
    Plugin {
        /// Its name.
        name: String,
        /// SHA-256 of the module.
        module: String,
    },
}

impl fmt::Display for Unkept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unkept::Challenge => {
                f.write_str("it brought a challenge that was refused, and the key is not kept")
            }
            Unkept::Erased => f.write_str("what stood beside the record was erased"),
            Unkept::Evidence => f.write_str("the deployment kept no evidence"),
            Unkept::Input(Missing { what, digest }) => write!(f, "{what} {digest} is not kept"),
            Unkept::Plugin { name, module } => {
                write!(
                    f,
                    "the sandboxed format `{name}` read the evidence, and its module {module} is not given"
                )
            }
        }
    }
}

/// What is appraised again.
pub(super) struct Again<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) intent: &'a Intent,
    pub(super) particulars: &'a Particulars,
    pub(super) request: &'a CertificationRequest,
    pub(super) draft: &'a Draft,
    pub(super) issuer: &'a Issuer,
    pub(super) objects: &'a Objects<'a>,
    pub(super) plugins: &'a [&'a dyn Plugin],
}

impl Again<'_> {
    /// The facts, and where those of the record differ.
    ///
    /// # Errors
    /// In words, where the record or an object of the log does not read.
    pub(super) fn facts(&self) -> Result<Result<(FactTable, Vec<String>), Unkept>, String> {
        let Some(kept) = &self.particulars.kept else { return Ok(Err(Unkept::Evidence)) };
        let Some(day) = &self.intent.day else { return Ok(Err(Unkept::Evidence)) };
        if let Some(unkept) = self.unkept(kept) {
            return Ok(Err(unkept));
        }
        let trusted = match Day::read(day, self.objects) {
            Ok(trusted) => trusted,
            Err(Unread::Missing(missing)) => return Ok(Err(Unkept::Input(missing))),
            Err(Unread::Damaged(what)) => return Err(what),
        };
        let decided = &self.intent.decided;
        let evidence = kept.items()?;
        let activation = kept.credential()?;
        let nonce = kept.nonce.octets()?;
        let (claims, requester) = kept.given().map_err(|error| error.to_string())?;
        let operation = pkic_eval::operation(&decided.operation);
        let predecessor = self.predecessor()?;
        let known = Known {
            request: self.request,
            predecessor: &predecessor,
            operation: operation.ok_or_else(|| format!("there is no operation `{}`", decided.operation))?,
            profile: &decided.profile,
            authority: Some(&decided.authority),
            evidence: &evidence,
            plugins: self.plugins,
            anchors: &trusted.anchors,
            catalogues: &trusted.catalogues(),
            statements: &trusted.statements(),
            claims: &claims,
            requester: &requester,
            nonce: nonce.as_deref().map_or(Nonce::None, Nonce::Remembered),
            activation: activation.as_ref(),
            now: decided.at,
        };
        let appraised = appraise::facts(self.loaded.program(), &known).map_err(|error| error.to_string())?;
        let table = self.table(&appraised)?;
        let mut differences = self.other_inputs(&appraised);
        differences.extend(self.other_facts(&table)?);
        Ok(Ok((table, differences)))
    }

    /// What our log knew of the certificate that was to be replaced, as the record has it.
    fn predecessor(&self) -> Result<Predecessor, String> {
        let salt = self.particulars.salt();
        let (recorded, _) = self.intent.decided.facts.restore(salt.as_deref(), &self.particulars.values)?;
        let named = recorded.known().map(|(path, fact)| (path.fact.def().path, fact.value.clone()));
        Ok(Predecessor { facts: named.filter(|(path, _)| path.starts_with("predecessor.")).collect() })
    }

    fn unkept(&self, kept: &Kept) -> Option<Unkept> {
        if kept.nonce == KeptNonce::Refused {
            return Some(Unkept::Challenge);
        }
        let given: Vec<String> = self.plugins.iter().map(|plugin| plugin.digest().to_string()).collect();
        let asked = kept.evidence.iter().filter_map(|item| item.plugin.as_ref());
        let (name, module) = asked.into_iter().find(|(_, module)| !given.contains(module))?;
        Some(Unkept::Plugin { name: name.clone(), module: module.clone() })
    }

    /// The table that is decided on: of evidence, draft and issuer.
    fn table(&self, appraised: &Appraised) -> Result<FactTable, String> {
        let mut table = appraise::table(self.loaded.program(), appraised.facts());
        certificate_facts(self.draft.tbs(), &mut table)
            .and_then(|()| self.issuer.describe(&mut table))
            .map_err(|unfit| unfit.to_string())?;
        Ok(table)
    }

    fn other_inputs(&self, appraised: &Appraised) -> Vec<String> {
        let Decided { inputs: of, .. } = &self.intent.decided;
        let found: Inputs = report::inputs(self.loaded, Some(appraised), None, Some(self.draft.digest()));
        let one = |digest: &Option<String>| digest.clone().into_iter().collect::<Vec<_>>();
        let pairs = [
            ("evidence", found.evidence, of.evidence.clone()),
            ("the anchor set", one(&found.anchors), one(&of.anchors)),
            ("the lists of revocation", one(&found.revocation), one(&of.revocation)),
            ("the catalogues taken", found.catalogues, of.catalogues.clone()),
            ("the statements taken", found.statements, of.statements.clone()),
        ];
        let shown = |digests: &[String]| match digests {
            [] => "nothing".to_owned(),
            digests => digests.join(", "),
        };
        let differing = pairs.iter().filter(|(_, found, recorded)| found != recorded);
        let told = differing.map(|(what, found, recorded)| {
            format!("{what}: kept is {}, recorded is {}", shown(found), shown(recorded))
        });
        told.collect()
    }

    fn other_facts(&self, table: &FactTable) -> Result<Vec<String>, String> {
        let salt = self.particulars.salt().ok_or("the salt is no base64")?;
        let found = Table::of(table, &salt, &mut Apart::new());
        Ok(found.differences(&self.intent.decided.facts))
    }
}
