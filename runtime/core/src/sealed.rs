//! Signed artefacts of a deployment: the policy says whose count.
use pkic_facts::crypto::Sha256Digest;
use pkic_ir::Program;

/// A signed artefact as a deployment has it: nothing of it is checked.
#[derive(Debug, Clone, Copy)]
pub struct SealedFile<'a> {
    /// Its name in messages.
    pub file: &'a str,
    /// The sealed envelope.
    pub bytes: &'a [u8],
    /// The highest sequence number seen of that artefact, where artefacts of its kind succeed each other.
    pub last_seen: Option<u64>,
}

/// Who may sign artefacts of a kind and name, and how old they may be: `signers KIND "NAME" { … }` of the policy.
pub(crate) fn signers(
    program: &Program,
    kind: &str,
    name: &str,
) -> Result<(Vec<Sha256Digest>, Option<i64>), String> {
    let set = program.signers.iter().find(|set| set.kind == kind && set.name == name);
    let Some(set) = set else {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        return Err(format!("the policy names no signers of {kind} `{shown}`"));
    };
    Ok((set.signers.iter().map(|(_, spki)| Sha256Digest(*spki)).collect(), set.age_s_max))
}
