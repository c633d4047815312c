//! The issuer of a draft, from its own certificate.
use crate::name;
use crate::unfit::Unfit;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::{KeyKind, PublicKey, Sha256Digest};
use pkic_facts::der;
use pkic_vocab::names::Dn;
use pkic_vocab::words::Words;
use pkic_vocab::{BasisSet, Fact, FactId, FactTable, Grade, Path, Value, Word, limits};

/// What a draft takes from the certificate of the authority that would sign, and from its deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    subject: Vec<u8>,
    name: Dn,
    key_id: Option<Vec<u8>>,
    kind: KeyKind,
    algorithm: Option<Word>,
    not_after: i64,
    spki: Sha256Digest,
    /// Where the issuer's certificate is: `caIssuers` of authorityInfoAccess.
    pub ca_issuers: Vec<String>,
    /// Where its OCSP responder is: `ocsp` of authorityInfoAccess.
    pub ocsp: Vec<String>,
    /// Where its CRL is.
    pub crl_distribution_points: Vec<String>,
}

impl Issuer {
    /// Reads the issuer's certificate, in PEM or DER. Locations are empty until they are set.
    ///
    /// # Errors
    /// [`Unfit`] where it does not read as one certificate of an authority with a key that pkic can sign for.
    pub fn from_certificate(bytes: &[u8]) -> Result<Issuer, Unfit> {
        let part = "issuer certificate";
        if bytes.len() > limits::CERTIFICATE_LEN_BYTES_MAX.saturating_mul(2) {
            return Err(Unfit::new(part, "it is over the limit of certificates"));
        }
        let found = Certificate::all_from_file(bytes).map_err(|_| Unfit::new(part, "it does not decode"))?;
        let [certificate] = found.as_slice() else {
            return Err(Unfit::new(part, "the file holds more than one certificate"));
        };
        let tbs = certificate.tbs();
        if tbs.is_authority() != Some(true) {
            return Err(Unfit::new(part, "its basicConstraints do not say cA"));
        }
        let key = PublicKey::from_spki(tbs.spki())
            .map_err(|_| Unfit::new(part, "its key is of an unknown kind"))?;
        let key_id = tbs.extension("2.5.29.14").and_then(|extension| {
            der::only("subjectKeyIdentifier", der::OCTET_STRING, &extension.value).ok()
        });
        let name = name::read(tbs.subject())?;
        if name.rdns().is_empty() {
            return Err(Unfit::new(part, "it has no subject name"));
        }
        Ok(Issuer {
            subject: tbs.subject().to_vec(),
            name,
            key_id: key_id.map(<[u8]>::to_vec),
            kind: key.kind,
            algorithm: algorithm_word(&key),
            not_after: tbs.not_after(),
            spki: tbs.spki_digest(),
            ca_issuers: Vec::new(),
            ocsp: Vec::new(),
            crl_distribution_points: Vec::new(),
        })
    }

    /// Its subject name in DER: the issuer field of what it signs.
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// Its subject name.
    pub fn name(&self) -> &Dn {
        &self.name
    }

    /// Its subjectKeyIdentifier, where it has one.
    pub fn key_id(&self) -> Option<&[u8]> {
        self.key_id.as_deref()
    }

    /// Kind of its key.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Algorithm of its key, as policies name it.
    pub fn algorithm(&self) -> Option<Word> {
        self.algorithm
    }

    /// Its notAfter, in seconds since 1970-01-01T00:00:00Z.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// Puts what its certificate says of the authority into a table.
    pub(crate) fn describe(&self, table: &mut FactTable) -> Result<(), Unfit> {
        let mut facts = vec![(path("authority.not-after", None)?, Value::Date(self.not_after))];
        if let Some(word) = self.algorithm {
            facts.push((path("authority.algorithm", None)?, Value::Word(word)));
        }
        // Of an attribute that stands twice no single value is known.
        for attribute in self.name.rdns().iter().flatten().filter(|attribute| self.count(&attribute.oid) == 1)
        {
            let value = Value::Text(attribute.value.clone());
            facts.push((path("authority.subject.*", Some(attribute.oid.clone()))?, value));
        }
        for (path, value) in facts {
            let fact = Fact::new(value, Grade::Attested, BasisSet::EMPTY);
            table.set(path, fact).map_err(|_| Unfit::new("issuer certificate", "a value is over a limit"))?;
        }
        Ok(())
    }

    fn count(&self, oid: &str) -> usize {
        self.name.rdns().iter().flatten().filter(|attribute| attribute.oid == oid).count()
    }

    /// SHA-256 of its subjectPublicKeyInfo: what the store of the signing key must yield.
    pub fn spki(&self) -> Sha256Digest {
        self.spki
    }
}

fn path(name: &str, declared: Option<String>) -> Result<Path, Unfit> {
    let fact = FactId::from_path(name).ok_or_else(|| Unfit::new(name, "there is no such fact"))?;
    Ok(Path { fact, name: declared })
}

fn algorithm_word(key: &PublicKey<'_>) -> Option<Word> {
    let name = match key.kind {
        KeyKind::Rsa => match key.bits().ok()? {
            2048 => "rsa-2048",
            3072 => "rsa-3072",
            4096 => "rsa-4096",
            _ => "rsa-other",
        },
        KeyKind::P256 => "ecdsa-p256",
        KeyKind::P384 => "ecdsa-p384",
        KeyKind::P521 => "ecdsa-p521",
        KeyKind::Ed25519 => "ed25519",
        KeyKind::MlDsa44 => "ml-dsa-44",
        KeyKind::MlDsa65 => "ml-dsa-65",
        KeyKind::MlDsa87 => "ml-dsa-87",
        KeyKind::HssLms => "lms",
        KeyKind::Dsa => return None,
    };
    Words::Algorithm.word(name)
}
