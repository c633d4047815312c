//! A CA that stays up while its disk is full: nothing is released, and it goes on once there is room.
//!
//! A limit on the size of files stands for the disk: a write gets through as far as it fits, as on a full one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]
mod bench;

use bench::Bench;
use pkic_audit::{LogError, Reader};
use pkic_runtime::ca::{Ca, IssueError};
use std::process::Command;

const CHILD: &str = "PKIC_FULL_TEST_CHILD";

/// Lets this process write files up to that length, or any.
fn limit(len_bytes: Option<u64>) {
    let soft = len_bytes.map_or("unlimited".to_owned(), |len_bytes| len_bytes.to_string());
    let process = std::process::id().to_string();
    let run =
        Command::new("prlimit").args(["--pid", &process, &format!("--fsize={soft}:unlimited")]).status();
    assert!(run.unwrap().success(), "prlimit of util-linux is needed");
}

fn is_poisoned(error: &IssueError) -> bool {
    matches!(error, IssueError::Log(LogError::Poisoned { .. }))
}

#[test]
fn a_ca_whose_disk_was_full_goes_on_when_there_is_room() {
    if std::env::var_os(CHILD).is_some() {
        return;
    }
    // A process that does not ignore the signal of the limit ends by it.
    let run = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" --exact child --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, "1")
        .output()
        .unwrap();
    let shown = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && shown.contains("1 passed"), "{shown}");
}

#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let bench = Bench::new();
    let (ca, _, issuing) = bench.hierarchy();
    let issue = |ca: &Ca| bench.issue(ca, &issuing, "bench.server", "www.example");
    let mut released = vec![issue(&ca).unwrap()];
    let journal = bench.log_directory().join("journal");
    for more_len_bytes in [0, 100, 3_000, 9_000, 14_000, 20_000, 40_000] {
        limit(Some(std::fs::metadata(&journal).unwrap().len() + more_len_bytes));
        let first = std::iter::repeat_with(|| issue(&ca))
            .find_map(|issued| issued.map(|one| released.push(one)).err());
        let error = first.unwrap();
        assert!(is_poisoned(&error), "{error}");
        assert!(error.to_string().contains("nothing was released"), "{error}");
        assert!(is_poisoned(&issue(&ca).unwrap_err()));
        limit(Some(0));
        assert!(matches!(ca.resume(), Err(IssueError::Log(_))), "there is no room yet");
        assert!(is_poisoned(&issue(&ca).unwrap_err()));
        limit(None);
        assert!(ca.resume().unwrap() <= 1);
        assert_eq!(ca.log().open_entries(), Vec::<u64>::new());
        released.push(issue(&ca).unwrap());
    }
    ca.log().publish().unwrap();
    let reader = Reader::open(&bench.log_directory(), bench.log_key()).unwrap();
    reader.verify().unwrap();
    for issued in &released {
        issued.receipt.verify(&issued.entry, &bench.log_key()).unwrap();
        assert_eq!(
            reader.entries(issued.index..issued.index + 1).next().unwrap().unwrap().bytes,
            issued.entry
        );
    }
}
