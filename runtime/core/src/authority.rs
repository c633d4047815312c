//! An authority of a deployment: its certificate, and the key of a store that signs for it.
use crate::appraise;
use crate::authorize::SignerFacts;
use crate::issuer::Issuer;
use crate::possession;
use crate::record::{Key, Locations};
use crate::signature;
use crate::trust::Trusted;
use crate::unfit::Unfit;
use crate::{catalogues, statements};
use pkic_backend::error::StoreError;
use pkic_backend::store::{Identity, KeyStore, Signer};
use pkic_backend::uri::KeyUri;
use pkic_evidence::{Input, Verdict};
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::{Scheme, Sha256Digest, Strength, verify_signature};
use pkic_facts::facts::{Binding, Facts};
use pkic_facts::reject::Reject;
use pkic_facts::request::CertificationRequest;
use pkic_facts::verified::Evidence;
use pkic_ir::Program;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Seconds for which an authority keeps what its store said of the key: half of what [`crate::authorize`] takes, so that
/// a permit that is made last thing can still be spent.
const SIGNER_FACTS_AGE_S_MAX: i64 = crate::authorize::SIGNER_AGE_S_MAX / 2;

/// An authority that can sign.
pub struct Authority {
    name: String,
    certificate: Certificate,
    issuer: Issuer,
    signer: Arc<dyn Signer>,
    store: Identity,
    scheme: Scheme,
    known: Mutex<Option<Arc<SignerFacts>>>,
    chain: Vec<Vec<u8>>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({}, {})", self.name, self.signer.uri())
    }
}

/// Why an authority cannot sign.
#[derive(Debug, Clone, PartialEq)]
pub enum AuthorityError {
    /// Its certificate is not fit.
    Certificate(Unfit),
    /// Its store failed.
    Store(StoreError),
    /// The store's key is another than the certificate's.
    Key {
        /// SHA-256 of the certificate's subjectPublicKeyInfo.
        certificate: Sha256Digest,
        /// SHA-256 of the store's.
        store: Sha256Digest,
    },
    /// The store's key does not sign as the certificate's kind of key has to.
    Scheme {
        /// The scheme that is needed.
        needed: &'static str,
    },
    /// The signature does not verify with the certificate's key.
    Signature(Reject),
    /// What the store says of its key is not to be said by a store.
    Facts(Reject),
    /// An input about the signer's key was not fit.
    Input(String),
}

impl fmt::Display for AuthorityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuthorityError::Certificate(unfit) => write!(f, "the authority's certificate: {unfit}"),
            AuthorityError::Store(error) => write!(f, "the authority's key: {error}"),
            AuthorityError::Key { certificate, store } => {
                write!(f, "the store has the key {store}, the authority's certificate {certificate}")
            }
            AuthorityError::Scheme { needed } => write!(f, "the store's key does not sign with `{needed}`"),
            AuthorityError::Signature(reject) => write!(f, "the store's signature does not hold: {reject}"),
            AuthorityError::Facts(reject) => write!(f, "what the store says of its key: {reject}"),
            AuthorityError::Input(what) => write!(f, "what is known of the authority's key: {what}"),
        }
    }
}

impl std::error::Error for AuthorityError {}

impl From<StoreError> for AuthorityError {
    fn from(error: StoreError) -> AuthorityError {
        AuthorityError::Store(error)
    }
}

impl From<Unfit> for AuthorityError {
    fn from(unfit: Unfit) -> AuthorityError {
        AuthorityError::Certificate(unfit)
    }
}

impl Authority {
    /// Puts the key at `uri` behind an authority's certificate, in PEM or DER.
    ///
    /// # Errors
    /// [`AuthorityError`] where the certificate is no CA's, or the key is not the certificate's.
    pub fn new(
        name: &str,
        certificate: &[u8],
        locations: &Locations,
        store: &dyn KeyStore,
        uri: &KeyUri,
    ) -> Result<Authority, AuthorityError> {
        let mut issuer = Issuer::from_certificate(certificate)?;
        issuer.ca_issuers.clone_from(&locations.ca_issuers);
        issuer.ocsp.clone_from(&locations.ocsp);
        issuer.crl_distribution_points.clone_from(&locations.crl);
        let none = || AuthorityError::Certificate(Unfit::new("issuer certificate", "it does not decode"));
        let unread = |_| none();
        let read = Certificate::all_from_file(certificate).map_err(unread)?;
        let certificate = read.into_iter().next().ok_or_else(none)?;
        let signer = store.signer(uri)?;
        let spki = signer.spki()?;
        check_key(&issuer, &spki)?;
        let scheme = signature::scheme(issuer.kind())?;
        if !signer.schemes()?.contains(&scheme) {
            return Err(AuthorityError::Scheme { needed: scheme.name() });
        }
        let (name, store) = (name.to_owned(), store.identity());
        let (known, chain) = (Mutex::new(None), Vec::new());
        Ok(Authority { name, certificate, issuer, signer, store, scheme, known, chain })
    }

    /// The same, with the certificates above its own, each in DER and certified by the next: logs of certificate
    /// transparency want them up to a root that they know (RFC 6962 section 4.2). They go to logs and nowhere else.
    #[must_use]
    pub fn under(self, chain: Vec<Vec<u8>>) -> Authority {
        Authority { chain, ..self }
    }

    /// The certificates above its own.
    pub(crate) fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// Its qualified name in the policy.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its certificate in DER.
    pub fn certificate(&self) -> &[u8] {
        self.certificate.raw()
    }

    /// Its certificate, read.
    pub(crate) fn read(&self) -> &Certificate {
        &self.certificate
    }

    /// What drafts take of it.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The scheme that its key signs with.
    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Where the deployment says that its certificate, responder and list are.
    pub(crate) fn locations(&self) -> Locations {
        Locations {
            ca_issuers: self.issuer.ca_issuers.clone(),
            ocsp: self.issuer.ocsp.clone(),
            crl: self.issuer.crl_distribution_points.clone(),
        }
    }

    /// Its key, for the record.
    pub(crate) fn key(&self) -> Key {
        let uri = self.signer.uri().without_access().to_string();
        Key::new(self.issuer.spki().to_string(), uri, self.scheme.name(), &self.store)
    }

    /// Signs, and checks the signature with the key of the certificate: a store that answers with a wrong signature, or
    /// with another key's, is found out here.
    ///
    /// # Errors
    /// [`AuthorityError::Store`], [`AuthorityError::Signature`].
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, AuthorityError> {
        let spki = self.certificate.tbs().spki();
        let signature = self.signer.sign(self.scheme, message)?;
        verify_signature(spki, self.scheme, Strength::Current, message, &signature)
            .map_err(AuthorityError::Signature)?;
        Ok(signature)
    }

    /// What is known of the key at that moment: what its store says, evidence that its device makes, and what the
    /// deployment's statements and catalogues say of it. It is kept for half a minute.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub(crate) fn signer_facts(
        &self,
        program: &Program,
        trusted: &Trusted,
        nonce: &[u8],
        now: i64,
    ) -> Result<Arc<SignerFacts>, AuthorityError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |facts: &&Arc<SignerFacts>| {
            now.checked_sub(facts.at()).is_some_and(|age_s| (0..=SIGNER_FACTS_AGE_S_MAX).contains(&age_s))
        };
        if let Some(facts) = known.as_ref().filter(is_recent) {
            return Ok(Arc::clone(facts));
        }
        let facts = Arc::new(self.ask_store(program, trusted, nonce, now)?);
        *known = Some(Arc::clone(&facts));
        Ok(facts)
    }

    fn ask_store(
        &self,
        program: &Program,
        trusted: &Trusted,
        nonce: &[u8],
        now: i64,
    ) -> Result<SignerFacts, AuthorityError> {
        let spki = self.signer.spki()?;
        check_key(&self.issuer, &spki)?;
        let sign = |_: Scheme, message: &[u8]| self.sign(message);
        let der = possession::request(self.issuer.subject(), &spki, self.issuer.kind(), Some(nonce), sign)?;
        let request = CertificationRequest::from_bytes(&der).map_err(AuthorityError::Facts)?;
        let mut facts = self.attested(&request, program, trusted, nonce, now)?;
        for (path, value) in self.signer.observed()?.entries() {
            facts.observe(path, value.clone()).map_err(AuthorityError::Facts)?;
        }
        statements::hear(program, &trusted.statements(), &mut facts, now);
        catalogues::endorse(program, &trusted.catalogues(), &mut facts, now)
            .map_err(|error| AuthorityError::Input(error.to_string()))?;
        Ok(SignerFacts::new(Sha256Digest::of(&spki), facts, now))
    }

    /// Facts of the request, with those of the device's own evidence where it makes any that holds.
    fn attested(
        &self,
        request: &CertificationRequest,
        program: &Program,
        trusted: &Trusted,
        nonce: &[u8],
        now: i64,
    ) -> Result<Facts, AuthorityError> {
        let plain = || Facts::of_request(request).map_err(AuthorityError::Facts);
        let Some(attester) = self.signer.attester() else { return plain() };
        let parts = attester.evidence(nonce)?;
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let evidence = Evidence::new("store", &parts).map_err(AuthorityError::Facts)?;
        let input = Input {
            evidence: &evidence,
            request: Some(request),
            anchors: &trusted.anchors,
            now,
            nonce: Some(nonce),
            activation: None,
        };
        let appraisal = appraise::answer(program, &trusted.plugins(), &input, None);
        let holds = appraisal.verdict == Verdict::Verified && appraisal.binding == Some(Binding::RequestKey);
        if holds { Ok(appraisal.facts) } else { plain() }
    }
}

fn check_key(issuer: &Issuer, spki: &[u8]) -> Result<(), AuthorityError> {
    let (certificate, store) = (issuer.spki(), Sha256Digest::of(spki));
    if certificate == store { Ok(()) } else { Err(AuthorityError::Key { certificate, store }) }
}
