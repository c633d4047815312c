//! The first certificate of an authority that nobody is above: signed by its own key, by the policy's leave.
//!
//! Until it is there, the authority stands in for itself with an unsigned certificate (RFC 9925): its name, its key and
//! its extensions, as the profile grants them, and no signature. That one is kept in the log as its issuer, and never
//! leaves.
use super::{Ca, IssueError, Issued, Order, Signed};
use crate::authority::{Authority, AuthorityError};
use crate::certificate;
use crate::challenge::Nonce;
use crate::decide::find_profile;
use crate::draft::{Draft, DraftInput, Serial};
use crate::input::{Given, InputError};
use crate::possession;
use crate::record::Locations;
use crate::unfit::Unfit;
use crate::wishes::Wishes;
use der::Encode;
use pkic_backend::store::{KeyStore, Signer};
use pkic_backend::uri::KeyUri;
use pkic_facts::crypto::{PublicKey, Sha256Digest};
use pkic_facts::request::CertificationRequest;
use std::str::FromStr;
use x509_cert::name::Name;

/// An authority to be founded.
#[derive(Clone, Copy)]
pub struct Founding<'a> {
    /// Its qualified name in the policy.
    pub authority: &'a str,
    /// Qualified or short name of the profile of its certificate.
    pub profile: &'a str,
    /// Its subject, as RFC 4514 writes it.
    pub subject: &'a str,
    /// The store of its key.
    pub store: &'a dyn KeyStore,
    /// Its key.
    pub key: &'a KeyUri,
}

impl Ca {
    /// Issues the certificate of an authority to itself.
    ///
    /// # Errors
    /// [`IssueError`], as for any certificate.
    pub fn found(&self, founding: &Founding<'_>) -> Result<Issued, IssueError> {
        let now = self.now()?;
        let signer = founding.store.signer(founding.key).map_err(AuthorityError::Store)?;
        let request = request_of(signer.as_ref(), founding.subject)?;
        let (_, profile) = find_profile(&self.loaded, founding.profile)?;
        let digest = Sha256Digest::of(request.der());
        let draft = Draft::new(&DraftInput {
            profile,
            wishes: &Wishes::of_request(&request),
            spki: request.spki(),
            issuer: None,
            serial: Serial::derived(self.loaded.digest(), digest, now),
            now,
        });
        let unfit =
            |what: String| InputError::new("profile", what, "let it grant what a CA's certificate says");
        let draft = draft.map_err(|error| unfit(error.to_string()))?;
        let unsigned = certificate::unsigned(draft.tbs()).map_err(|error| unfit(error.to_string()))?;
        let locations = Locations::default();
        let authority =
            Authority::new(founding.authority, &unsigned, &locations, founding.store, founding.key)?;
        let given = Given::default();
        let operation = pkic_eval::operation("ca-sign");
        let order = Order {
            profile: founding.profile,
            operation: operation.ok_or_else(|| unfit("there is no operation `ca-sign`".to_owned()))?,
            csr: &request,
            evidence: &[],
            claims: &given,
            requester: &given,
            nonce: Nonce::None,
            activation: None,
            signed: Signed::default(),
        };
        self.issue_at(&authority, &order, now)
    }
}

/// A certification request of that subject (RFC 4514) for a store's key, signed with it.
///
/// # Errors
/// [`AuthorityError`] where the store fails, or the subject is none.
pub fn request_of(signer: &dyn Signer, subject: &str) -> Result<CertificationRequest, AuthorityError> {
    let unfit = |what| AuthorityError::Certificate(Unfit::new("subject", what));
    let name = Name::from_str(subject).map_err(|_| unfit("it is no name by RFC 4514"))?;
    let name = name.to_der().map_err(|_| unfit("it cannot be encoded"))?;
    let spki = signer.spki()?;
    let kind = PublicKey::from_spki(&spki).map_err(AuthorityError::Facts)?.kind;
    let sign = |scheme, message: &[u8]| Ok::<_, AuthorityError>(signer.sign(scheme, message)?);
    let der = possession::request(&name, &spki, kind, None, sign)?;
    CertificationRequest::from_bytes(&der).map_err(AuthorityError::Facts)
}
