//! The certificate that an order replaces, as our own log has it: what is renewed, and what is rekeyed.
use super::{Ca, IssueError, Order};
use crate::acts::Predecessor;
use crate::authority::Authority;
use crate::input::InputError;
use crate::ledger::{Certified, Ledger, State};
use crate::name;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Sha256Digest;
use pkic_vocab::hex::Hex;
use pkic_vocab::words::Words;
use pkic_vocab::{Value, Word};
use std::sync::{RwLockReadGuard, RwLockWriteGuard};

/// Type of the serialNumber attribute. Source: X.520.
const SERIAL_NUMBER: &str = "2.5.4.5";

impl Ca {
    /// Facts of the certificate that an order replaces, from its record; none where it replaces none. Nobody revokes it as
    /// long as the ledger is held.
    ///
    /// # Errors
    /// [`IssueError::Input`] for an operation that replaces nothing, for a certificate that this authority did not
    /// issue or that is revoked, and for a key that renewing changes or rekeying keeps.
    pub(super) fn predecessor(
        &self,
        authority: &Authority,
        order: &Order<'_>,
        now: i64,
    ) -> Result<(Predecessor, Option<RwLockReadGuard<'_, Ledger>>), IssueError> {
        let Some(certificate) = order.predecessor else { return Ok((Predecessor::default(), None)) };
        let unfit = |what: String, help: &str| IssueError::Input(InputError::new("predecessor", what, help));
        let is_kept = certificate.tbs().spki() == order.csr.spki();
        match order.operation.name() {
            "renew" if !is_kept => {
                return Err(unfit("its key is not that of the request".to_owned(), "ask for `rekey`"));
            }
            "rekey" if is_kept => {
                return Err(unfit("its key is that of the request".to_owned(), "ask for `renew`"));
            }
            "renew" | "rekey" => {}
            other => return Err(unfit(format!("`{other}` replaces no certificate"), "leave it out")),
        }
        let ledger = RwLockWriteGuard::downgrade(self.ledger()?);
        let serial = Hex(certificate.tbs().serial()).to_string();
        let digest = Sha256Digest::of(certificate.raw());
        let is_it = |held: &&Certified| held.certificate == Some(digest);
        let standing = ledger.of(authority.name());
        let held =
            standing.and_then(|standing| standing.certificate(&serial)).filter(is_it).ok_or_else(|| {
                let what = format!("the log has no record that `{}` issued it", authority.name());
                unfit(what, "name the certificate that this authority issued")
            })?;
        if let State::Revoked { .. } = held.state {
            return Err(unfit("it is revoked".to_owned(), "ask for a new certificate"));
        }
        let status = if now > certificate.tbs().not_after() { "expired" } else { "valid" };
        let facts = facts(certificate, held, Words::Status.word(status));
        Ok((facts, Some(ledger)))
    }
}

fn facts(certificate: &Certificate, held: &Certified, status: Option<Word>) -> Predecessor {
    let key = certificate.tbs().spki_digest().0.to_vec();
    let facts = [
        Some(("predecessor.public-key", Value::Bytes(key))),
        status.map(|status| ("predecessor.status", Value::Word(status))),
        Some(("predecessor.profile", Value::Name(held.profile.clone()))),
        serial_number(certificate).map(|text| ("predecessor.subject.serial-number", Value::Text(text))),
    ];
    Predecessor { facts: facts.into_iter().flatten().collect() }
}

/// The serialNumber attribute of a subject that has one.
fn serial_number(certificate: &Certificate) -> Option<String> {
    let subject = name::read(certificate.tbs().subject()).ok()?;
    let mut found = subject.rdns().iter().flatten().filter(|attribute| attribute.oid == SERIAL_NUMBER);
    let only = found.next()?;
    found.next().is_none().then(|| only.value.clone())
}
