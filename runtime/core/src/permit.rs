//! The permit: leave to sign these bytes, once, with this key, until a moment (design D14).
use crate::report::{Report, Warning};
use pkic_facts::crypto::Sha256Digest;
use pkic_vocab::FactTable;
use pkic_vocab::time::format_date;
use std::fmt;
use std::sync::Arc;

/// Leave to sign the bytes that it owns. [`crate::authorize::authorize`] alone makes it; it cannot be copied, and
/// spending takes it.
#[must_use = "a permit that is dropped signs nothing"]
pub struct Permit {
    tbs: Vec<u8>,
    signer: Sha256Digest,
    not_before: i64,
    not_after: i64,
    account: Arc<Account>,
}

/// What a decision was computed from and what it said, for the record. It permits nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The decision, for people.
    pub report: Report,
    /// What was known of request, key, module, platform and the certificate.
    pub facts: FactTable,
    /// What was known of the key that would sign.
    pub signer_facts: FactTable,
}

impl Account {
    /// The exception that the decision used: one use of it is spent.
    pub(crate) fn exception(&self) -> Option<&str> {
        self.report.exception.as_ref().map(|exception| exception.name.as_str())
    }
}

/// Bytes that a spent permit leaves to be signed. Only [`Permit::spend`] makes it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the permit is spent and these bytes are not signed"]
pub struct TbsBytes {
    tbs: Vec<u8>,
    signer: Sha256Digest,
}

/// A permit was spent at a moment for which it was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// The moment of the decision, in seconds since 1970-01-01T00:00:00Z.
    pub not_before: i64,
    /// The earliest end of what the decision rests on, in seconds since 1970-01-01T00:00:00Z.
    pub not_after: i64,
    /// The moment at which it was spent, in seconds since 1970-01-01T00:00:00Z.
    pub now: i64,
}

impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to, now) =
            (format_date(self.not_before), format_date(self.not_after), format_date(self.now));
        write!(f, "the permit holds from {from} to {to}, and now is {now}")
    }
}

impl std::error::Error for Expired {}

/// What a permit is made of.
pub(crate) struct Terms {
    pub(crate) tbs: Vec<u8>,
    pub(crate) signer: Sha256Digest,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    pub(crate) account: Box<Account>,
}

impl Permit {
    pub(crate) fn new(terms: Terms) -> Permit {
        let Terms { tbs, signer, not_before, not_after, account } = terms;
        Permit { tbs, signer, not_before, not_after, account: Arc::from(account) }
    }

    /// SHA-256 of the tbsCertificate, for the intent record.
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(&self.tbs)
    }

    /// SHA-256 of the subjectPublicKeyInfo of the key that must sign.
    pub fn signer(&self) -> Sha256Digest {
        self.signer
    }

    /// The last second at which it can be spent: the earliest end of evidence, exception, dated rule, bundle, issuer
    /// and of what is known of the signer's key.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// The tbsCertificate, to be looked at before it is signed.
    pub fn tbs(&self) -> &[u8] {
        &self.tbs
    }

    /// The decision, for people.
    pub fn report(&self) -> &Report {
        &self.account.report
    }

    /// What the decision was computed from, for the record.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The same, to be kept when the permit is spent.
    pub(crate) fn shared_account(&self) -> Arc<Account> {
        Arc::clone(&self.account)
    }

    /// The same permit, ending no later than that moment.
    pub(crate) fn until(self, not_after: Option<i64>) -> Permit {
        Permit { not_after: not_after.map_or(self.not_after, |end| end.min(self.not_after)), ..self }
    }

    /// The same permit, with more to know in its account.
    pub(crate) fn warned(mut self, warnings: Vec<Warning>) -> Permit {
        if !warnings.is_empty() {
            Arc::make_mut(&mut self.account).report.warnings.extend(warnings);
        }
        self
    }

    /// Takes the bytes to be signed. The permit is gone afterwards, whatever comes out.
    ///
    /// # Errors
    /// [`Expired`] where `now` is before the decision or past [`Permit::not_after`].
    pub fn spend(self, now: i64) -> Result<TbsBytes, Expired> {
        let Permit { tbs, signer, not_before, not_after, .. } = self;
        if (not_before..=not_after).contains(&now) {
            Ok(TbsBytes { tbs, signer })
        } else {
            Err(Expired { not_before, not_after, now })
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({} until {})", self.digest(), format_date(self.not_after))
    }
}

impl TbsBytes {
    /// The tbsCertificate to be signed, to the byte.
    pub fn as_bytes(&self) -> &[u8] {
        &self.tbs
    }

    /// SHA-256 of the subjectPublicKeyInfo of the key that must sign.
    pub fn signer(&self) -> Sha256Digest {
        self.signer
    }
}
