//! Directories of a test's own, tools that others wrote, and DER octet by octet.
#![allow(dead_code)]
pub mod ssh;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

static NEXT: AtomicUsize = AtomicUsize::new(0);

/// A directory of this test's own, gone afterwards.
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new() -> Directory {
        let name = format!("pkic-runtime-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.join(name)).unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a tool in a directory, and says whether it was content and what it said.
pub fn run(directory: &Path, tool: &str, arguments: &[&str]) -> (bool, String) {
    let run = Command::new(tool).args(arguments).current_dir(directory).output().unwrap();
    let said = [run.stdout, run.stderr].concat();
    (run.status.success(), String::from_utf8_lossy(&said).into_owned())
}

pub fn require(directory: &Path, tool: &str, arguments: &[&str]) {
    let (is_content, said) = run(directory, tool, arguments);
    assert!(is_content, "{tool} {arguments:?}: {said}");
}

/// One element in the shortest form.
pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let head = match len {
        0..=0x7f => vec![tag, len as u8],
        0x80..=0xff => vec![tag, 0x81, len as u8],
        _ => vec![tag, 0x82, (len >> 8) as u8, len as u8],
    };
    [head, content.to_vec()].concat()
}
