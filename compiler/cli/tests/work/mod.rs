//! A folder to run `pkic` and `openssl` in.
#![allow(dead_code)]

use std::path::PathBuf;
use std::process::Command;

/// A folder with a key that seals, and `pkic` and `openssl` to run in it; gone when dropped.
pub struct Work(pub PathBuf);

impl Drop for Work {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Work {
    pub fn new(name: &str) -> Work {
        let work = Work(std::env::temp_dir().join(format!("pkic-{name}-{}", std::process::id())));
        std::fs::create_dir_all(&work.0).unwrap();
        work.openssl("genpkey -algorithm ed25519 -out key.pem");
        work
    }

    pub fn openssl(&self, arguments: &str) -> Vec<u8> {
        let mut command = Command::new("openssl");
        let output = command.current_dir(&self.0).args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Exit code and what is printed on either stream.
    pub fn pkic(&self, arguments: &str) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pkic"));
        let output = command.current_dir(&self.0).args(arguments.split(' ')).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), text)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.0.join(name), bytes).unwrap();
    }

    pub fn base64(&self, bytes: impl AsRef<[u8]>) -> String {
        self.write("bytes", bytes);
        String::from_utf8(self.openssl("base64 -A -in bytes")).unwrap()
    }

    pub fn base64_url(&self, bytes: impl AsRef<[u8]>) -> String {
        self.base64(bytes).replace('+', "-").replace('/', "_").replace('=', "")
    }

    /// A JWS by the RSA key in a file.
    pub fn jws(&self, header: &str, payload: &str, key: &str) -> String {
        let message = format!("{}.{}", self.base64_url(header), self.base64_url(payload));
        self.write("message", &message);
        let signature = self.openssl(&format!("dgst -sha256 -sign {key} message"));
        format!("{message}.{}", self.base64_url(signature))
    }
}
