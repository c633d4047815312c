//! What a certification request asks the certificate to say: wishes, each checked before it is granted.
use crate::extension::{self, Spelling};
use crate::name;
use crate::unfit::Unfit;
use pkic_facts::request::CertificationRequest;
use pkic_vocab::{Path, Value};

/// The wishes of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// What is asked for, as facts of the certificate.
    pub wanted: Vec<(Path, Value)>,
    /// What is asked for and cannot be read as a fact. It is never granted.
    pub unfit: Vec<Unfit>,
}

impl Wishes {
    /// Reads the subject and the requested extensions. What does not read is kept as unfit: it asks for nothing.
    pub fn of_request(request: &CertificationRequest) -> Wishes {
        let mut wishes = Wishes::default();
        match name::read(request.subject()) {
            Ok(subject) => wishes.take(name::subject_facts(&subject)),
            Err(unfit) => wishes.unfit.push(unfit),
        }
        for extension in request.extensions() {
            match extension::read(extension, Spelling::Any) {
                Ok(said) => wishes.wanted.extend(said),
                Err(unfit) => wishes.unfit.push(unfit),
            }
        }
        // The list of all alternative names follows from the lists of each kind.
        wishes.wanted.retain(|(path, _)| path.fact.def().path != "certificate.san");
        wishes
    }

    /// The value that is asked for on a path.
    pub fn value(&self, path: &Path) -> Option<&Value> {
        self.wanted.iter().find(|(wanted, _)| wanted == path).map(|(_, value)| value)
    }

    fn take(&mut self, facts: Vec<Result<(Path, Value), Unfit>>) {
        for fact in facts {
            match fact {
                Ok(said) => self.wanted.push(said),
                Err(unfit) => self.unfit.push(unfit),
            }
        }
    }
}
