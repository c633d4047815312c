//! Authorities, groups, anchors and signers.
use crate::context::Cx;
use crate::suggest;
use pkic_ir::{AnchorDef, AnchorSet, Authority, Group, Member, Program, SignerSet};
use pkic_syntax::ast;
use pkic_vocab::time::Span;
use pkic_vocab::{Purpose, Word, Words};
use std::collections::BTreeMap;

/// The kinds after `signers`.
const SIGNED: [&str; 4] = ["catalogues", "plugins", "statements", "verifiers"];

impl<'a> Cx<'a> {
    /// Lowers everything that names a key or a person, into the program.
    pub(crate) fn parties(&mut self, program: &mut Program) {
        for index in self.names.authorities.sorted() {
            let authority = self.authority(index);
            program.authorities.extend(authority);
        }
        for index in self.groups_in_order() {
            let group = self.group(index);
            program.groups.extend(group);
        }
        for index in self.names.anchors.sorted() {
            let is_of_root = self
                .names
                .anchors
                .entry(index)
                .is_some_and(|entry| entry.module.saturating_add(1) == self.modules.len());
            if !is_of_root && !self.anchors_adopted.contains(&index) {
                continue;
            }
            let anchors = self.anchor_set(index);
            program.anchors.extend(anchors);
        }
        program.signers = self.signer_sets();
    }

    fn authority(&mut self, index: usize) -> Option<Authority> {
        let entry = self.names.authorities.entry(index)?;
        let (module, node, name, span) = (entry.module, entry.node, entry.name.clone(), entry.span);
        let mut authority = Authority {
            name,
            title: node.title.text.clone().into_owned(),
            certified_as: None,
            parent: None,
            trust: None,
            state: None,
            origin: self.origin(module, span),
        };
        for item in &node.items {
            let is_repeated = match &item.kind {
                ast::AuthorityItemKind::Error => false,
                ast::AuthorityItemKind::CertifiedAs(path) => {
                    let found = self.find_profile(module, path);
                    let place = found.and_then(|found| self.names.profile_places.get(found).copied());
                    std::mem::replace(&mut authority.certified_as, place).is_some()
                }
                ast::AuthorityItemKind::Parent(path) => {
                    let found = self.find_authority(module, path);
                    let name = found
                        .and_then(|found| self.names.authorities.entry(found))
                        .map(|entry| entry.name.clone());
                    std::mem::replace(&mut authority.parent, name).is_some()
                }
                ast::AuthorityItemKind::Trust(word) => {
                    let word = self.setting(module, *word, Words::Trust);
                    std::mem::replace(&mut authority.trust, word).is_some()
                }
                ast::AuthorityItemKind::State(word) => {
                    let word = self.setting(module, *word, Words::AuthorityState);
                    std::mem::replace(&mut authority.state, word).is_some()
                }
            };
            if is_repeated {
                self.repeated(module, item.span);
            }
        }
        let has_error = node.items.iter().any(|item| matches!(item.kind, ast::AuthorityItemKind::Error));
        if !has_error
            && !node.items.iter().any(|item| matches!(item.kind, ast::AuthorityItemKind::CertifiedAs(_)))
        {
            let message =
                format!("authority `{}` does not say by which profile its own key is judged", node.name.text);
            self.error(module, "E0215", node.name.span, message, |diagnostic| {
                diagnostic.with_help("add `certified-as PROFILE`")
            });
        }
        Some(authority)
    }

    /// Reports a setting that stands twice.
    pub(crate) fn repeated(&mut self, module: usize, span: ast::Span) {
        self.error(module, "E0214", span, "this setting stands twice", |diagnostic| {
            diagnostic.with_help("keep one of the two")
        });
    }

    fn setting(&mut self, module: usize, name: ast::Name<'_>, words: Words) -> Option<Word> {
        let word = words.word(name.text);
        if word.is_none() {
            let known = words.words().iter().map(|def| def.name);
            self.unknown_word(module, name.span, &format!("word of `{}`", words.name()), name.text, known);
        }
        word
    }

    fn group(&mut self, index: usize) -> Option<Group> {
        let entry = self.names.groups.entry(index)?;
        let (module, node) = (entry.module, entry.node);
        let name = self.group_name(index);
        let mut members: BTreeMap<&str, (String, ast::Span)> = BTreeMap::new();
        for member in node.members.iter().flatten() {
            let ast::MemberKind::Key { name, public_key } = &member.kind else { continue };
            if !is_ssh_key_line(&public_key.text) {
                self.error(
                    module,
                    "E0208",
                    public_key.span,
                    "this is no OpenSSH public key line",
                    |diagnostic| {
                        diagnostic.with_help(
                            "write what `ssh-keygen` puts into the `.pub` file: `ssh-ed25519 AAAA…`",
                        )
                    },
                );
            }
            let key = public_key.text.clone().into_owned();
            if let Some((_, first)) = members.insert(name.text, (key, name.span)) {
                crate::collect::duplicate(self, module, "member", *name, first);
            }
        }
        let members =
            members.into_iter().map(|(name, (key, _))| Member { name: name.to_owned(), key }).collect();
        Some(Group { name, title: node.meaning.text.clone().into_owned(), members })
    }

    pub(crate) fn anchor_set(&mut self, index: usize) -> Option<AnchorSet> {
        let entry = self.names.anchors.entry(index)?;
        let (module, node, name) = (entry.module, entry.node, entry.name.clone());
        let mut anchors = Vec::new();
        for item in &node.items {
            let ast::AnchorKind::Key { name, spki, purpose, formats } = &item.kind else { continue };
            let known = Purpose::ALL.into_iter().filter(|purpose| *purpose != Purpose::Unspecified);
            let Some(found) = Purpose::from_name(purpose.text).filter(|found| *found != Purpose::Unspecified)
            else {
                self.unknown_word(
                    module,
                    purpose.span,
                    "purpose of an anchor",
                    purpose.text,
                    known.map(Purpose::name),
                );
                continue;
            };
            let mut words = Vec::new();
            for element in formats.iter().flat_map(|formats| &formats.elements) {
                words.extend(self.format(module, element));
            }
            anchors.push(AnchorDef {
                name: name.text.clone().into_owned(),
                spki_sha256: spki.sha256,
                purpose: found,
                formats: words,
            });
        }
        Some(AnchorSet { name, title: node.title.text.clone().into_owned(), anchors })
    }

    fn format(&mut self, module: usize, element: &ast::Element<'_>) -> Option<Word> {
        let text = element.span.text(self.module(module)?.text);
        self.setting(module, ast::Name { text, span: element.span }, Words::Format)
    }

    /// One set of signers for each kind and name, of the root policy alone: whom to trust is not imported. Of several
    /// ages the shortest counts.
    fn signer_sets(&mut self) -> Vec<SignerSet> {
        let root = self.modules.len().saturating_sub(1);
        let mut sets: BTreeMap<(&'static str, String), SignerSet> = BTreeMap::new();
        for decl in self.modules.get(root).into_iter().flat_map(|module| &module.ast.decls) {
            let ast::DeclKind::Signers(signers) = &decl.kind else { continue };
            let written = signers.kind;
            let Some(kind) = SIGNED.into_iter().find(|kind| *kind == written.text) else {
                self.unknown_word(
                    root,
                    written.span,
                    "kind of signed things",
                    written.text,
                    SIGNED.into_iter(),
                );
                continue;
            };
            let name = signers.title.text.clone().into_owned();
            let set = sets.entry((kind, name.clone())).or_insert_with(|| SignerSet {
                kind: kind.to_owned(),
                name,
                age_s_max: None,
                signers: Vec::new(),
            });
            for item in &signers.items {
                match &item.kind {
                    ast::SignersItemKind::Error => {}
                    ast::SignersItemKind::MaxAge(age) if kind == "plugins" => {
                        let message = "a plugin is named by what it is, so that it has no age";
                        self.error(root, "E0208", age.span, message, |diagnostic| {
                            diagnostic.with_help("leave `max-age` out, and name the modules that count")
                        });
                    }
                    ast::SignersItemKind::MaxAge(age) => match Span::of(age.count, age.unit.as_str()) {
                        Some(span) => {
                            set.age_s_max = set.age_s_max.into_iter().chain([span.min_s]).min();
                        }
                        None => self.error(root, "E0208", age.span, "a span is at most 400 years", |d| d),
                    },
                    ast::SignersItemKind::Signer { name, spki } => {
                        set.signers.push((name.text.clone().into_owned(), spki.sha256));
                    }
                }
            }
        }
        sets.into_values().collect()
    }

    /// Puts an anchor set in force where an `adopt` names one. Whom to trust is said by the policy that is compiled:
    /// an `adopt` in a policy that it uses adds nothing.
    pub(crate) fn adopt_anchors(&mut self, module: usize, adopt: &ast::Adopt<'a>, span: ast::Span) -> bool {
        let Some(set) = self.seek_anchors(module, adopt.mandate.text) else { return false };
        if adopt.with.is_some() || adopt.as_advice.is_some() {
            let message =
                format!("`{}` is an anchor set: it has no readings, and is no advice", adopt.mandate.text);
            self.error(module, "E0406", span, message, |diagnostic| {
                diagnostic.with_help(format!("adopt {}", adopt.mandate.text))
            });
        }
        let is_root = module.saturating_add(1) == self.modules.len();
        if is_root && !self.anchors_adopted.insert(set) {
            self.repeated(module, span);
        }
        true
    }

    /// Checks what declarations say that become no part of the program by themselves: sources.
    pub(crate) fn sources(&mut self) {
        const STATUSES: [&str; 4] = ["in-force", "draft", "superseded", "withdrawn"];
        for index in 0..self.names.sources.entries().len() {
            let Some(entry) = self.names.sources.entry(index) else { continue };
            let (module, node) = (entry.module, entry.node);
            let mut seen = [false; 3];
            for item in &node.items {
                let slot = match &item.kind {
                    ast::SourceItemKind::Error => continue,
                    ast::SourceItemKind::Edition(_) => 0,
                    ast::SourceItemKind::Status(status) => {
                        if !STATUSES.contains(&status.text) {
                            let known = STATUSES.into_iter();
                            self.unknown_word(module, status.span, "status of a source", status.text, known);
                        }
                        1
                    }
                    ast::SourceItemKind::Unverified => 2,
                };
                if let Some(seen) = seen.get_mut(slot)
                    && std::mem::replace(seen, true)
                {
                    self.repeated(module, item.span);
                }
            }
            let has_error = node.items.iter().any(|item| matches!(item.kind, ast::SourceItemKind::Error));
            let missing: Vec<&str> = [("edition", 0), ("status", 1)]
                .iter()
                .filter(|(_, at)| !seen.get(*at).copied().unwrap_or(true))
                .map(|(word, _)| *word)
                .collect();
            if !has_error && !missing.is_empty() {
                let message =
                    format!("source `{}` does not state its {}", node.name.text, missing.join(" and "));
                self.error(module, "E0215", node.name.span, message, |diagnostic| {
                    diagnostic
                        .with_help(format!("`{{ edition \"…\" status {} }}`", suggest::choices(STATUSES)))
                        .with_note("a clause number means nothing without the edition that it counts in")
                });
            }
        }
    }
}

/// Whether a text has the form of an OpenSSH public key line: type, base64 of a blob that begins with the same type.
fn is_ssh_key_line(line: &str) -> bool {
    const TYPES: [&str; 7] = [
        "ssh-ed25519",
        "sk-ssh-ed25519@openssh.com",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "ssh-rsa",
    ];
    let mut parts = line.split(' ');
    let (Some(name), Some(blob)) = (parts.next(), parts.next()) else { return false };
    let Some(bytes) = base64(blob) else { return false };
    let wanted: Vec<u8> =
        u32::try_from(name.len()).unwrap_or(0).to_be_bytes().into_iter().chain(name.bytes()).collect();
    TYPES.contains(&name) && bytes.starts_with(&wanted) && bytes.len() > wanted.len().saturating_add(32)
}

/// The bytes of padded base64 (RFC 4648 section 4).
fn base64(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let (mut bits, mut count, mut bytes) = (0u32, 0u32, Vec::new());
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_line_names_its_type_twice() {
        let key =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPnOBB0rzQqF3nKjEeaBXqZvJ8z0Xvn3xQ0uS3sW7cV alice@bank";
        assert!(is_ssh_key_line(key));
        assert!(!is_ssh_key_line(&key.replace("ssh-ed25519 ", "ssh-rsa ")));
        assert!(!is_ssh_key_line("ssh-ed25519 AAAA"));
        assert!(!is_ssh_key_line("ssh-ed25519"));
    }
}
