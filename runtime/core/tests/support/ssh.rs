//! SSH keys and the signatures that they make: by `ssh-keygen`, and by security keys in software.
use super::{Directory, require};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkic_facts::crypto::Sha256Digest;
use rcgen::{KeyPair, SigningKey};

/// People's keys in files, and the signatures that `ssh-keygen` makes with them.
pub struct People(Directory);

impl People {
    pub fn new(keys: &[(&str, &str)]) -> People {
        let directory = Directory::new();
        for (name, kind) in keys {
            let mut arguments = vec!["-q", "-N", "", "-C", name, "-f", name];
            let kind: Vec<&str> = kind.split(' ').collect();
            arguments.extend(["-t", kind[0]]);
            arguments.extend(kind.get(1).into_iter().flat_map(|bits| ["-b", *bits]));
            require(&directory.0, "ssh-keygen", &arguments);
        }
        People(directory)
    }

    pub fn line(&self, name: &str) -> String {
        String::from_utf8(self.0.read(&format!("{name}.pub"))).unwrap().trim().to_owned()
    }

    pub fn sign(&self, name: &str, namespace: &str, text: &str) -> Vec<u8> {
        self.sign_with(name, namespace, text, &[])
    }

    pub fn sign_with(&self, name: &str, namespace: &str, text: &str, options: &[&str]) -> Vec<u8> {
        let file = format!("{name}.txt");
        self.0.write(&file, text);
        let _ = std::fs::remove_file(self.0.0.join(format!("{file}.sig")));
        let arguments = [&["-q", "-Y", "sign", "-f", name, "-n", namespace], options, &[&file]].concat();
        require(&self.0.0, "ssh-keygen", &arguments);
        self.0.read(&format!("{file}.sig"))
    }
}

/// A security key in software: what it signs is what PROTOCOL.u2f says, and `ssh-keygen -Y verify` agrees.
pub struct SecurityKey {
    kind: &'static str,
    key: KeyPair,
    blob: Vec<u8>,
}

fn string(octets: &[u8]) -> Vec<u8> {
    [&u32::try_from(octets.len()).unwrap().to_be_bytes()[..], octets].concat()
}

impl SecurityKey {
    pub fn new(kind: &'static str) -> SecurityKey {
        let is_ed25519 = kind.starts_with("sk-ssh");
        let algorithm = if is_ed25519 { &rcgen::PKCS_ED25519 } else { &rcgen::PKCS_ECDSA_P256_SHA256 };
        let key = KeyPair::generate_for(algorithm).unwrap();
        let curve = if is_ed25519 { Vec::new() } else { string(b"nistp256") };
        let blob = [string(kind.as_bytes()), curve, string(key.public_key_raw()), string(b"ssh:")].concat();
        SecurityKey { kind, key, blob }
    }

    pub fn line(&self) -> String {
        format!("{} {}", self.kind, STANDARD.encode(&self.blob))
    }

    pub fn sign(&self, namespace: &str, text: &str, flags: u8) -> Vec<u8> {
        let digest = |bytes: &[u8]| Sha256Digest::of(bytes).0.to_vec();
        let parts = [namespace.as_bytes(), b"", b"sha256", &digest(text.as_bytes())].map(string).concat();
        let given = [b"SSHSIG".to_vec(), parts].concat();
        let trailer = [&[flags][..], &7u32.to_be_bytes()].concat();
        let message = [digest(b"ssh:"), trailer.clone(), digest(&given)].concat();
        let raw = self.key.sign(&message).unwrap();
        let raw = if self.kind.starts_with("sk-ssh") {
            raw
        } else {
            // An mpint has the content octets of a DER INTEGER.
            let r_len = usize::from(raw[3]);
            [string(&raw[4..4 + r_len]), string(&raw[6 + r_len..])].concat()
        };
        let signature = [string(self.kind.as_bytes()), string(&raw), trailer].concat();
        let rest = [namespace.as_bytes(), b"", b"sha256", &signature].map(string).concat();
        let whole = [b"SSHSIG".to_vec(), 1u32.to_be_bytes().to_vec(), string(&self.blob), rest].concat();
        let body = STANDARD.encode(whole);
        let lines: Vec<&str> = body.as_bytes().chunks(70).map(|l| std::str::from_utf8(l).unwrap()).collect();
        let (begin, end) = ("-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----");
        format!("{begin}\n{}\n{end}\n", lines.join("\n")).into_bytes()
    }
}
