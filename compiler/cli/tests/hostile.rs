//! Any file is answered by the binary, in bounded time on a small stack, whatever command it is given to.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]
#[path = "../../../lang/syntax/tests/nasty/mod.rs"]
mod nasty;

use nasty::policy::{HEAD, meant, repeated, shuffled};
use nasty::{LIMIT, Nasty, SIZE, STACK, cbor, der, filled, json, noise, pem};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Runs the binary on a small stack, and gives its exit code with the processor time that it took. A process that
/// takes far too long is ended.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, Duration) {
    let script = format!("ulimit -s {}; ulimit -t 60; exec \"$0\" \"$@\"", STACK / 1024);
    let before = children_time();
    let status = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_pkic")])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    (status.code(), children_time() - before)
}

/// What all ended children had of a processor. The tests of this file run in one thread, so that differences count.
fn children_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = text.rsplit_once(") ").unwrap();
    let ticks: u64 = fields.split(' ').skip(13).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    // Linux tells hundredths of a second there, whatever its own clock does.
    Duration::from_millis(ticks * 10)
}

/// Writes each input to `name` and runs a command on it.
fn answers(folder: &Path, name: &str, inputs: impl IntoIterator<Item = Nasty>, arguments: &[&str]) {
    let mut slowest = (Duration::ZERO, String::new());
    let (mut count, mut total, mut wrong) = (0, Duration::ZERO, Vec::new());
    for (shape, bytes) in inputs {
        std::fs::write(folder.join(name), bytes).unwrap();
        let (exit, took) = run(folder, arguments);
        if took >= LIMIT || !matches!(exit, Some(0..=2)) {
            wrong.push(format!("{shape}: exit {exit:?} in {took:?}"));
        }
        slowest = slowest.max((took, shape));
        count += 1;
        total += took;
    }
    assert!(wrong.is_empty(), "pkic {}\n{}", arguments.join(" "), wrong.join("\n"));
    assert!(count > 0, "{arguments:?} was given nothing");
    println!(
        "pkic {}: {count} files in {total:?}, at most {:?} ({})",
        arguments.join(" "),
        slowest.0,
        slowest.1
    );
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// One of each `step` inputs, from that one on.
fn some(inputs: Vec<Nasty>, first: usize, step: usize) -> impl Iterator<Item = Nasty> {
    inputs.into_iter().skip(first).step_by(step)
}

#[test]
fn any_file_is_answered_by_every_command() {
    policies();
    requests_and_evidence();
    bundles();
    deployments();
}

/// A deployment file of every shape that costs something: many tables, settings, secrets and names that are near others.
fn deployments() {
    let folder = folder("deployments");
    let many = |line: &dyn Fn(usize) -> String| -> Vec<u8> {
        let mut text = String::from("version = 1\npolicy = \"a\"\n");
        (0..)
            .take_while(|index| {
                text.push_str(&line(*index));
                text.len() < SIZE - 200
            })
            .for_each(drop);
        text.into_bytes()
    };
    let shapes: [(&str, &dyn Fn(usize) -> String); 6] = [
        ("secrets", &|index| format!("[a{index}]\npin = 1\n")),
        ("settings", &|index| format!("polic{index} = 1\n")),
        ("stores", &|index| format!("[store.s{index}]\nkind = \"software\"\ndirectory = \".\"\n")),
        ("authorities", &|index| format!("[authority.a{index}]\nstore = \"none{index}\"\n")),
        ("lines", &|_| "\n".to_owned()),
        ("errors", &|_| "= \n".to_owned()),
    ];
    let shapes = shapes.map(|(name, line)| (name.to_owned(), many(line)));
    let nested = ("nested".to_owned(), [b"a = ".to_vec(), vec![b'['; SIZE - 8]].concat());
    answers(&folder, "pkic.toml", shapes.into_iter().chain([nested]), &["config", "check"]);
    answers(&folder, "pkic.toml", some(noise(SIZE), 0, 3), &["store", "probe"]);
}

/// The tests of parser and compiler give all of these to what stands behind the commands: here some of each suffice.
fn policies() {
    let folder = folder("policies");
    let name = "a.pki";
    answers(&folder, name, some(meant(SIZE), 0, 4), &["check", name]);
    answers(&folder, name, some(repeated(SIZE), 0, 11), &["check", name]);
    answers(&folder, name, some(noise(SIZE), 0, 2).chain(shuffled(SIZE)), &["check", name]);
    for (first, format) in ["json", "sarif", "junit", "github"].into_iter().enumerate() {
        answers(&folder, name, some(meant(SIZE), first * 3, 26), &["check", name, "--format", format]);
    }
    answers(&folder, name, some(noise(SIZE), 0, 5).chain(some(meant(SIZE), 1, 11)), &["fmt", name]);
    answers(&folder, name, some(meant(SIZE), 15, 26), &["test", name]);
    answers(&folder, name, some(meant(SIZE), 18, 26), &["emit", "cel", name]);
    answers(&folder, name, some(meant(SIZE), 21, 26), &["build", name, "-o", "a.pkib"]);
}

fn requests_and_evidence() {
    let folder = folder("requests");
    let policy = format!("{HEAD}profile p {{\n    operations [issue]\n    key.export == never\n}}\n");
    std::fs::write(folder.join("a.pki"), policy).unwrap();
    let csr = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/device.csr");
    std::fs::copy(csr, folder.join("good.csr")).unwrap();
    std::fs::create_dir(folder.join("anchors")).unwrap();
    let at = ["--at", "2026-12-01"];
    let evaluate = |more: &[&'static str]| {
        let fixed = ["evaluate", "--policy", "a.pki", "--profile", "p"];
        [&fixed[..], &at, more].concat()
    };
    let len = 256 << 10;
    let requests = || noise(len).into_iter().chain(der(len)).chain(pem("CERTIFICATE REQUEST", len));
    answers(&folder, "a.csr", requests().step_by(2), &evaluate(&["--csr", "a.csr"]));
    answers(&folder, "a.csr", some(der(SIZE), 0, 9), &evaluate(&["--csr", "a.csr"]));
    for speaker in ["--claims", "--requester"] {
        for (len, step) in [(len, 1), (SIZE, 9)] {
            let inputs = json(len).into_iter().chain(noise(len)).step_by(step);
            answers(&folder, "a.json", inputs, &evaluate(&["--csr", "good.csr", speaker, "a.json"]));
        }
    }
    let items = || noise(SIZE).into_iter().chain(der(SIZE)).chain(cbor(SIZE)).chain(json(SIZE));
    answers(&folder, "a.bin", items().step_by(3), &[&["evidence", "show", "a.bin"][..], &at].concat());
    let two = [&["evidence", "show", "a.bin", "good.csr", "--format", "json"][..], &at].concat();
    answers(&folder, "a.bin", items().skip(1).step_by(9), &two);
    answers(&folder, "a.bin", items().step_by(9), &evaluate(&["--csr", "good.csr", "--evidence", "a.bin"]));
    let anchored = [&["evidence", "show", "good.csr", "--anchors", "anchors"][..], &at].concat();
    let entry =
        |index: usize| format!("[[key]]\nname=\"\"\nspki=\"sha256:{index:064x}\"\npurpose=\"test\"\n");
    let keys = ("keys".to_owned(), nasty::numbered("", entry, "", SIZE).into_bytes());
    answers(&folder, "anchors/anchors.toml", noise(SIZE).into_iter().step_by(3).chain([keys]), &anchored);
    std::fs::remove_file(folder.join("anchors/anchors.toml")).unwrap();
    let listed = |more: &[&'static str]| [&["evidence", "show", "good.csr"][..], &at, more].concat();
    let lists = noise(SIZE).into_iter().chain(der(SIZE)).chain(pem("X509 CRL", SIZE));
    answers(&folder, "a.crl", lists.step_by(5), &listed(&["--crl", "a.crl"]));
    let status = ["--status-list", "a.json", "--status-list-fetched", "2026-12-01"];
    answers(&folder, "a.json", noise(SIZE).into_iter().chain(json(SIZE)).step_by(5), &listed(&status));
    answers(
        &folder,
        "anchors/a.pem",
        pem("CERTIFICATE", SIZE).into_iter().chain(der(SIZE)).step_by(2),
        &anchored,
    );
}

fn bundles() {
    let folder = folder("bundles");
    let unsigned = |(name, bytes): Nasty| {
        let head = b"pkic unsigned bundle 1\n\x83\x01\x642026";
        (format!("{name} in an unsigned bundle"), [&head[..], &bytes].concat())
    };
    let inputs =
        || noise(SIZE).into_iter().chain(cbor(SIZE)).chain(cbor(SIZE - 99).into_iter().map(unsigned));
    answers(&folder, "a.pkib", inputs().step_by(3), &["bundle", "show", "a.pkib"]);
    let digest = format!("sha256:{}", "0".repeat(64));
    answers(&folder, "a.pkib", inputs().step_by(9), &["bundle", "verify", "a.pkib", "--trust", &digest]);
    let many: String = (0..10_000).map(|index| format!("profile p{index} {{\n}}\n")).collect();
    std::fs::write(folder.join("a.pki"), format!("{HEAD}{many}")).unwrap();
    assert_eq!(run(&folder, &["build", "a.pki", "-o", "good.pkib"]).0, Some(0));
    let good = std::fs::read(folder.join("good.pkib")).unwrap();
    let bundles = [("a good one", good.clone()), ("one that is cut", good[..good.len() / 2].to_vec())];
    let longer = ("one that goes on", filled(&good, [0], SIZE.max(good.len() + 9)));
    let bundles = bundles.into_iter().chain([longer]).map(|(name, bytes)| (name.to_owned(), bytes));
    answers(&folder, "a.pkib", bundles, &["bundle", "show", "a.pkib"]);
}
