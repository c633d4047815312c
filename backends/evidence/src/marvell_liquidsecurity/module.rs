//! The certificates of a LiquidSecurity module: its maker's and its owner's, each for the card and for one partition of it.
//!
//! Marvell certifies the key of the card, the card that of its partition. The owner certifies both keys under a root of its
//! own, and names them as Marvell does. Certificates are told apart by their names, in any order; what the names are worth,
//! paths and keys decide. Roots that come along are dropped: a public tool takes any self-signed one of them for the owner's.
use crate::appraise::Input;
use pkic_facts::certificate::{Certificate, Tbs};
use pkic_facts::crypto::Scheme;
use pkic_facts::facts::Emission;
use pkic_facts::path::{CaBit, PathInput, PathProfile, VerifiedPath, verify_path};
use pkic_facts::reject::{Operand, Reject};
use pkic_facts::verified::{TrustedKey, Verified, join};
use pkic_vocab::Value;
use pkic_vocab::words::Words;

/// Common names of Marvell's roots, with the product that each certifies. Each was issued anew on the same key in 2024.
const MAKER_ROOTS: [(&str, &str); 2] = [
    ("localca.liquidsecurity.cavium.com", "LiquidSecurity"),
    ("cavium-liquidsecurity-ls2", "LiquidSecurity 2"),
];
/// What the names of Google's roots for Cloud HSM start with.
const GOOGLE_ROOTS: &str = "Hawksbill Root ";
/// What stands before and behind the serial number in the common name of a card. The mode in it is what the certificate is
/// for, not what the module runs in.
const CARD_NAME: (&str, &str) = ("HSM:", ", for FIPS mode");

/// Certificates of the maker: cards have version 1 and so no basicConstraints.
const fn maker_profile(format: &'static str) -> PathProfile {
    PathProfile { ca_bit: CaBit::AbsentTolerated, ..PathProfile::strict(format, 2) }
}

/// Certificates of the owner: its root signs both itself.
const fn owner_profile(format: &'static str) -> PathProfile {
    PathProfile { certificates_max: 1, ca_bit: CaBit::Required, ..maker_profile(format) }
}

/// The certificates that came along, told apart. Nothing is trusted yet.
#[derive(Debug)]
pub(crate) struct Certificates {
    card: Certificate,
    partition: Certificate,
    owner_card: Option<Certificate>,
    owner_partition: Option<Certificate>,
}

impl Certificates {
    /// Tells apart the certificates of a file, `all`.
    ///
    /// # Errors
    /// [`Reject::FieldMissing`] where one of the maker's is not there; [`Reject::FieldRepeated`].
    pub(crate) fn of(all: &[Certificate]) -> Result<Self, Reject> {
        let one = |field: &'static str, is_it: &dyn Fn(&Tbs) -> bool| {
            let mut found =
                all.iter().filter(|one| one.tbs().issuer() != one.tbs().subject() && is_it(one.tbs()));
            match (found.next(), found.next()) {
                (found, None) => Ok(found.cloned()),
                (_, Some(_)) => Err(Reject::FieldRepeated { field }),
            }
        };
        let missing = |field| Reject::FieldMissing { field };
        let is_of_maker = |tbs: &Tbs| product(tbs.issuer()).is_some();
        let field = "manufacturer card certificate";
        let card = one(field, &is_of_maker)?.ok_or(missing(field))?;
        let (card_name, is_of_card) =
            (card.tbs().subject(), |tbs: &Tbs| tbs.issuer() == card.tbs().subject());
        let field = "manufacturer partition certificate";
        let partition = one(field, &is_of_card)?.ok_or(missing(field))?;
        let partition_name = partition.tbs().subject();
        let is_of_owner = |tbs: &Tbs| !is_of_maker(tbs) && !is_of_card(tbs);
        Ok(Self {
            owner_card: one("owner card certificate", &|tbs| is_of_owner(tbs) && tbs.subject() == card_name)?,
            owner_partition: one("owner partition certificate", &|tbs| {
                is_of_owner(tbs) && tbs.subject() == partition_name
            })?,
            partition: partition.clone(),
            card: card.clone(),
        })
    }

    /// The algorithm that the partition signs with: that of its own certificate.
    ///
    /// # Errors
    /// Those of [`Certificate::scheme`].
    pub(crate) fn scheme(&self) -> Result<Scheme, Reject> {
        self.partition.scheme()
    }

    /// The partition's key and the module, as far as Marvell vouches for them.
    ///
    /// # Errors
    /// Those of [`verify_path`]; [`Reject::FieldMissing`] where the path goes by no card of the maker's.
    pub(crate) fn made(
        &self,
        format: &'static str,
        input: &Input<'_>,
    ) -> Result<(TrustedKey, Verified<Module>), Reject> {
        let profile = maker_profile(format);
        let partition = reach(&self.partition, std::slice::from_ref(&self.card), &profile, input)?;
        Ok((TrustedKey::of_path(&partition), partition.decode_all(Module::of_path)?))
    }

    /// The module, as far as its owner vouches for the same card and partition. Both certificates must be there.
    ///
    /// # Errors
    /// [`Reject::FieldMissing`]; those of [`verify_path`]; [`Reject::FieldMismatch`] where they are for other keys or
    /// of two owners.
    pub(crate) fn owned(
        &self,
        format: &'static str,
        module: &Verified<Module>,
        input: &Input<'_>,
    ) -> Result<Verified<Module>, Reject> {
        let field = "owner card certificate";
        let card = self.owner_card.as_ref().ok_or(Reject::FieldMissing { field })?;
        let field = "owner partition certificate";
        let partition = self.owner_partition.as_ref().ok_or(Reject::FieldMissing { field })?;
        // The card of one owner and the partition of another make no module.
        let roots = (card.tbs().issuer(), partition.tbs().issuer());
        if roots.0 != roots.1 {
            let (expected, found) = (Operand::bytes(roots.0), Operand::bytes(roots.1));
            return Err(Reject::FieldMismatch { field: "owner", expected, found });
        }
        let profile = owner_profile(format);
        let card = reach(card, &[], &profile, input)?.decode_leaf(Owned::read)?;
        let partition = reach(partition, &[], &profile, input)?.decode_leaf(Owned::read)?;
        let module = join(module, &card, |module, owned| {
            same_key("owner card key", &module.card_key, &owned.key)?;
            Ok(module.clone())
        })?;
        join(&module, &partition, |module, owned| {
            same_key("owner partition key", &module.partition_key, &owned.key)?;
            Ok(Module { owner: Some(owned.owner), ..module.clone() })
        })
    }
}

fn reach(
    leaf: &Certificate,
    carried: &[Certificate],
    profile: &PathProfile,
    input: &Input<'_>,
) -> Result<VerifiedPath, Reject> {
    let (evidence, anchors, now) = (input.evidence, input.anchors, input.now);
    verify_path(&PathInput { evidence, leaf, carried, anchors, profile, now })
}

fn same_key(field: &'static str, expected: &[u8], found: &[u8]) -> Result<(), Reject> {
    if expected == found {
        return Ok(());
    }
    Err(Reject::FieldMismatch { field, expected: Operand::bytes(expected), found: Operand::bytes(found) })
}

/// The product that a root of Marvell's certifies, by the root's name.
fn product(root: &[u8]) -> Option<&'static str> {
    let name = Tbs::common_name(root)?;
    MAKER_ROOTS.iter().find(|(root, _)| *root == name).map(|(_, product)| *product)
}

/// Who owns a module, by the name of the root that an anchor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Google: its root certifies the modules of its key service.
    Google,
    /// Somebody whom the operator has listed.
    Other,
}

/// What an owner's certificate says.
#[derive(Debug)]
struct Owned {
    key: Vec<u8>,
    owner: Owner,
}

impl Owned {
    fn read(tbs: &Tbs) -> Result<Self, Reject> {
        let root = Tbs::common_name(tbs.issuer()).unwrap_or_default();
        let owner = if root.starts_with(GOOGLE_ROOTS) { Owner::Google } else { Owner::Other };
        Ok(Self { key: tbs.spki().to_vec(), owner })
    }
}

/// A module, as its certificates have it.
#[derive(Clone, Debug)]
pub(crate) struct Module {
    product: &'static str,
    serial: Option<String>,
    card_key: Vec<u8>,
    partition_key: Vec<u8>,
    owner: Option<Owner>,
}

impl Module {
    /// The module of a partition's path. Its card is the certificate that the path went by, which signed the partition's:
    /// the operator may have others of that name.
    fn of_path(path: &[&Tbs]) -> Result<Self, Reject> {
        let missing = || Reject::FieldMissing { field: "manufacturer card certificate" };
        let [partition, card] = path else { return Err(missing()) };
        let name = Tbs::common_name(card.subject()).unwrap_or_default();
        let serial = name.strip_prefix(CARD_NAME.0).and_then(|name| name.strip_suffix(CARD_NAME.1));
        Ok(Self {
            product: product(card.issuer()).ok_or_else(missing)?,
            serial: serial.map(str::to_owned),
            card_key: card.spki().to_vec(),
            partition_key: partition.spki().to_vec(),
            owner: None,
        })
    }

    /// Its owner, where an anchor vouches for one.
    pub(crate) const fn owner(&self) -> Option<Owner> {
        self.owner
    }

    /// Says the facts of the module.
    pub(crate) fn emit(&self, to: &mut Emission) {
        to.practice_word("module.vendor", Words::Vendor, "marvell");
        to.practice("module.model", Value::Text(self.product.to_owned()));
        if let Some(serial) = &self.serial {
            to.statement("module.serial", Value::Text(serial.clone()));
        }
    }
}
