//! What dated lists say of the certificates on a path. The lists are inputs: nothing here fetches anything.
//!
//! Two kinds: revocation lists of X.509, signed by whoever issued the certificate (`crl`), and the status list that
//! Google publishes for Android's attestation certificates, signed by nobody (`status_list`). One rule for both:
//!
//! * A list that names a certificate refuses it, whatever the list's dates. Revocation does not lapse with the list that
//!   told of it, and a list from after the moment of appraisal is no reason to trust what it names.
//! * Only lists in force make a path `not-revoked`, and only where each certificate below the anchor is covered by one.
//! * All else is unknown, which is no fact. `unpublished` is the operator's word about an anchor, and is not taken where
//!   a list turns up that speaks of the path after all.
//!
//! So a list can be left out, be cut or go stale, and the answer gets no better by it.
use crate::certificate::Tbs;
use crate::crypto::{Sha256Digest, Strength};
use crate::reject::{Operand, Reject};
use pkic_vocab::limits;

mod crl;
mod status_list;

use crl::Crl;
pub use status_list::Fetched;
use status_list::StatusList;

/// What is known of revocation along a path; later ones are worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Revocation {
    /// Lists in force cover every certificate below the anchor and name none.
    Good,
    /// The operator says that there is no list, and none was given.
    Unpublished,
    /// Some certificate is covered by no list in force.
    Unknown,
}

impl Revocation {
    /// Its word in the vocabulary. What is unknown has none.
    pub const fn word(self) -> Option<&'static str> {
        match self {
            Revocation::Good => Some("not-revoked"),
            Revocation::Unpublished => Some("unpublished"),
            Revocation::Unknown => None,
        }
    }
}

/// The lists of a deployment. Reading one says nothing about trust: each is held against the path that it is to cover.
#[derive(Debug, Clone, Default)]
pub struct RevocationData {
    crls: Vec<Crl>,
    status_lists: Vec<StatusList>,
}

/// A list as it was given: whoever has it adds it again.
#[derive(Debug, Clone, Copy)]
pub enum ListSource<'a> {
    /// For [`RevocationData::add_crls`].
    Crl {
        /// The name that it was given under.
        name: &'a str,
        /// The list in DER.
        der: &'a [u8],
    },
    /// For [`RevocationData::add_status_list`].
    StatusList(Fetched<'a>),
}

/// A list, for reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// `crl` or `status-list`.
    pub kind: &'static str,
    /// The name that it was given under.
    pub name: String,
    /// SHA-256 of the list: of a revocation list in DER, of a status list as fetched.
    pub digest: Sha256Digest,
    /// When it was made, or fetched where it does not say.
    pub from: i64,
    /// The last moment at which it counts.
    pub until: i64,
}

impl RevocationData {
    /// Reads the revocation lists of a file: PEM blocks `X509 CRL` with any text between them, or one in DER.
    ///
    /// # Errors
    /// [`Reject::TooLarge`] beyond [`limits::REVOCATION_LEN_BYTES_MAX`], [`limits::REVOCATION_ENTRIES_MAX`] or
    /// [`limits::REVOCATION_LISTS_MAX`]; [`Reject::Malformed`], [`Reject::TrailingBytes`]; [`Reject::FieldMissing`]
    /// without `nextUpdate`; [`Reject::CriticalExtension`] for one that is not known here, such as that of a delta list;
    /// [`Reject::FieldMismatch`] for an indirect list.
    pub fn add_crls(&mut self, name: &str, bytes: &[u8]) -> Result<(), Reject> {
        for crl in crl::all_from_file(name, bytes)? {
            self.crls.push(crl);
            self.check_count()?;
        }
        Ok(())
    }

    /// Reads a status list.
    ///
    /// # Errors
    /// [`Reject::TooLarge`] as for [`Self::add_crls`]; [`Reject::Malformed`] for JSON of another form, a serial number
    /// that is not written as the list's schema has it, one that stands twice, and an unknown status: whoever cannot read
    /// an entry does not know whom it revokes.
    pub fn add_status_list(&mut self, fetched: &Fetched<'_>) -> Result<(), Reject> {
        self.status_lists.push(StatusList::read(fetched)?);
        self.check_count()
    }

    fn check_count(&self) -> Result<(), Reject> {
        let (size, limit) =
            (self.crls.len().saturating_add(self.status_lists.len()), limits::REVOCATION_LISTS_MAX);
        if size > limit { Err(Reject::TooLarge { what: "revocation lists", size, limit }) } else { Ok(()) }
    }

    /// Every list, for reports.
    pub fn lists(&self) -> impl Iterator<Item = List> {
        self.crls.iter().map(Crl::describe).chain(self.status_lists.iter().map(StatusList::describe))
    }

    /// Every list as it was given.
    pub fn sources(&self) -> impl Iterator<Item = ListSource<'_>> {
        let crls = self.crls.iter().map(|crl| ListSource::Crl { name: crl.name(), der: crl.raw() });
        crls.chain(self.status_lists.iter().map(|list| ListSource::StatusList(list.fetched())))
    }

    /// SHA-256 over kind, digest and dates of every list, for the record of a decision; nothing where there is none.
    pub fn digest(&self) -> Option<Sha256Digest> {
        let line = |list: List| format!("{} {} {} {}\n", list.kind, list.digest, list.from, list.until);
        let mut lines: Vec<String> = self.lists().map(line).collect();
        lines.sort();
        (!lines.is_empty()).then(|| Sha256Digest::of(lines.concat().as_bytes()))
    }

    /// Holds the lists against a path.
    ///
    /// # Errors
    /// [`Reject::Revoked`] where a list names one of its certificates.
    pub(crate) fn check(&self, path: &Checked<'_>) -> Result<Standing, Reject> {
        let mut standing = Standing { state: Revocation::Good, until: None };
        let mut is_heard = false;
        for link in path.links {
            let mut covered_until = None;
            for said in self.said_of(link, path) {
                is_heard = true;
                if let Some(named) = said.named {
                    return Err(revoked(link, &said.list, named));
                }
                if said.covers && (said.list.from..=said.list.until).contains(&path.now) {
                    covered_until = covered_until.max(Some(said.list.until));
                }
            }
            match covered_until {
                Some(until) => {
                    standing.until = Some(standing.until.map_or(until, |held: i64| held.min(until)))
                }
                None => standing.state = Revocation::Unknown,
            }
        }
        if standing.state == Revocation::Good && standing.until.is_some() {
            return Ok(standing);
        }
        let state =
            if path.is_unpublished && !is_heard { Revocation::Unpublished } else { Revocation::Unknown };
        Ok(Standing { state, until: None })
    }

    /// What each list that speaks for a certificate says of it.
    fn said_of(&self, link: &Link<'_>, path: &Checked<'_>) -> impl Iterator<Item = Said> {
        let serial = magnitude(link.tbs.serial());
        let speaks = |crl: &&Crl| {
            crl.issuer() == link.tbs.issuer() && crl.is_signed_by(link.issuer_spki, path.strength)
        };
        let of_issuer = self.crls.iter().filter(speaks).map(move |crl| Said {
            list: crl.describe(),
            named: crl.find(serial).map(|since| Named { status: "revoked", since: Some(since) }),
            covers: !crl.is_partial() && link.may_issuer_sign_lists,
        });
        let of_format =
            self.status_lists.iter().filter(|list| list.serves(path.format)).map(move |list| Said {
                list: list.describe(),
                named: list.find(serial).map(|status| Named { status, since: None }),
                covers: true,
            });
        of_issuer.chain(of_format).collect::<Vec<_>>().into_iter()
    }
}

/// A path whose signatures hold, to hold lists against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked<'a> {
    /// From the leaf up, the anchor left out.
    pub(crate) links: &'a [Link<'a>],
    /// The evidence format.
    pub(crate) format: &'a str,
    /// The weak cryptography that the format puts up with.
    pub(crate) strength: Strength,
    /// Whether the operator says that nobody publishes a list below this anchor.
    pub(crate) is_unpublished: bool,
    /// The time of appraisal.
    pub(crate) now: i64,
}

/// A certificate of a path with the key that issued it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link<'a> {
    /// The certificate.
    pub(crate) tbs: &'a Tbs,
    /// The subjectPublicKeyInfo of its issuer on this path: no other key speaks for it.
    pub(crate) issuer_spki: &'a [u8],
    /// Whether the issuer's certificate lets it sign lists.
    pub(crate) may_issuer_sign_lists: bool,
}

/// What the lists say of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The answer.
    pub(crate) state: Revocation,
    /// The last moment at which it holds, where it is good.
    pub(crate) until: Option<i64>,
}

/// What one list says of one certificate.
struct Said {
    list: List,
    named: Option<Named>,
    covers: bool,
}

/// How a list names a certificate.
struct Named {
    status: &'static str,
    since: Option<i64>,
}

fn revoked(link: &Link<'_>, list: &List, named: Named) -> Reject {
    Reject::Revoked {
        serial: Operand::bytes(link.tbs.serial()),
        status: named.status,
        since: named.since,
        list: list.name.clone(),
        dated: list.from,
    }
}

/// A serial number without leading zeros. The sign is left alone: certificates whose number lacks the zero octet that
/// would make it positive are named by lists either way, and no issuer has numbers that differ in that alone.
fn magnitude(octets: &[u8]) -> &[u8] {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    octets.get(zeros..).unwrap_or_default()
}
