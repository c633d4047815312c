//! A CA that is killed again and again, at any moment and at each step of an issuance: no certificate is outside without
//! its record, no record is lost or torn, and what was left open is void and never signed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]
mod bench;

use bench::{Bench, Fault, NOW};
use pkic_audit::{Checkpoint, Reader, Receipt};
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::Sha256Digest;
use pkic_runtime::authority::Authority;
use pkic_runtime::ca::{Ca, IssueError, Issued, Outside, Place};
use pkic_runtime::record::{Intent, Outcome};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const DIR: &str = "PKIC_KILL_TEST_DIR";
const STEP: &str = "PKIC_KILL_TEST_STEP";
const THREADS: usize = 4;
const ROUNDS: usize = 25;
/// Serial numbers are drawn after appraisal, and before the intent is written.
const SERIAL_LEN_BYTES: usize = 20;

/// Where a process ends itself, and how many intents that leaves open.
const STEPS: [(&str, usize); 5] = [
    ("before the intent", 0),
    ("after the intent, before the signature", 1),
    ("in the signature", 1),
    ("after the signature, before the outcome", 1),
    ("after the outcome, before the release", 0),
];

/// An outside with the system's generator, which ends the process at a step.
struct World {
    step: String,
    /// How often the clock was read since the order; far more before it.
    asked: Arc<AtomicUsize>,
}

impl Outside for World {
    fn now(&self) -> i64 {
        // The clock is read for the decision, when the permit is spent, and for the outcome.
        match (self.asked.fetch_add(1, Ordering::SeqCst), self.step.as_str()) {
            (1, "after the intent, before the signature") => std::process::abort(),
            (2, "after the signature, before the outcome") => std::process::abort(),
            _ => NOW,
        }
    }

    fn random(&self, octets: &mut [u8]) -> Result<(), String> {
        if octets.len() == SERIAL_LEN_BYTES && self.step == "before the intent" {
            std::process::abort();
        }
        let mut source = std::fs::File::open("/dev/urandom").map_err(|error| error.to_string())?;
        source.read_exact(octets).map_err(|error| error.to_string())
    }
}

/// In a process of its own: a CA on the directory that the test made.
fn child() -> Option<(Bench, Ca, Authority, Arc<AtomicUsize>, String)> {
    let directory = std::env::var(DIR).ok()?;
    let step = std::env::var(STEP).unwrap_or_default();
    let bench = Bench::again(Path::new(&directory));
    let asked = Arc::new(AtomicUsize::new(1 << 20));
    let world = World { step: step.clone(), asked: Arc::clone(&asked) };
    let (ca, _) = bench.open_in(Place::Lab, Box::new(world)).unwrap();
    let issuing = authority(&bench);
    Some((bench, ca, issuing, asked, step))
}

fn authority(bench: &Bench) -> Authority {
    let certificate = std::fs::read(bench.directory().join("issuing.pem")).unwrap();
    bench.authority("bench.issuing", &certificate, "issuing.pem").unwrap()
}

/// Lets a certificate out: it stands under its final name at once, after its receipt.
fn release(directory: &Path, issued: &Issued) {
    let path = directory.join("released").join(Sha256Digest::of(&issued.certificate).to_string());
    std::fs::write(path.with_extension("receipt"), issued.receipt.encode()).unwrap();
    std::fs::write(path.with_extension("entry"), &issued.entry).unwrap();
    std::fs::write(path.with_extension("tmp"), &issued.certificate).unwrap();
    std::fs::rename(path.with_extension("tmp"), path.with_extension("der")).unwrap();
}

fn say(what: &str) {
    writeln!(std::io::stdout().lock(), "said {what}").unwrap();
}

#[test]
fn child_that_issues() {
    let Some((bench, ca, issuing, ..)) = child() else { return };
    let request = bench.request("www.example");
    say("open");
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let order = bench.order("bench.server", "issue", &request);
                    release(bench.directory(), &ca.issue(&issuing, &order).unwrap());
                    say("issued");
                }
            });
        }
    });
}

#[test]
fn child_that_ends_at_a_step() {
    let Some((bench, ca, issuing, asked, step)) = child() else { return };
    let (issuing, _fuse) = match step.as_str() {
        "in the signature" => bench.faulty(&issuing, Fault::Abort),
        _ => bench.faulty(&issuing, Fault::None),
    };
    asked.store(0, Ordering::SeqCst);
    bench.issue(&ca, &issuing, "bench.server", "www.example").unwrap();
    assert_eq!(step, "after the outcome, before the release");
    std::process::abort();
}

#[test]
fn child_on_a_disk_that_fills() {
    let Some((bench, ca, issuing, ..)) = child() else { return };
    let issue = || bench.issue(&ca, &issuing, "bench.server", "www.example");
    let failed = std::iter::repeat_with(issue).find_map(|issued| match issued {
        Ok(issued) => {
            release(bench.directory(), &issued);
            None
        }
        Err(error) => Some(error),
    });
    assert!(matches!(failed, Some(IssueError::Log(_))), "{failed:?}");
    let again = issue().unwrap_err();
    assert!(matches!(again, IssueError::Log(_)), "{again}");
    say("full");
}

/// A bench with a hierarchy, and a folder for what is released.
fn founded() -> Bench {
    let bench = Bench::new();
    let (_, _, issuing) = bench.hierarchy();
    bench.write("issuing.pem", &bench::pem("CERTIFICATE", issuing.certificate()));
    std::fs::create_dir(bench.directory().join("released")).unwrap();
    bench
}

fn start(bench: &Bench, test: &str, step: &str, before: &str) -> Child {
    let script = format!("{before} exec \"$0\" --exact {test} --nocapture --test-threads=1");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(std::env::current_exe().unwrap());
    command.env(DIR, bench.directory()).env(STEP, step).stdout(Stdio::piped()).spawn().unwrap()
}

/// Intents with their bytes, by index.
type Intents = BTreeMap<u64, (Vec<u8>, Intent)>;

/// What the log and the released certificates have to agree on, whatever happened.
#[derive(Default)]
struct Auditor {
    /// Checkpoints of receipts that left the CA.
    seen: Vec<Checkpoint>,
    /// How each intent ended, once it did.
    ended: BTreeMap<u64, String>,
    released: usize,
    void: usize,
}

impl Auditor {
    /// Opens the CA again, and holds what it finds against what was outside. How many intents were open comes back.
    fn visit(&mut self, bench: &Bench) -> usize {
        let open = bench.open_log().open_entries();
        let (ca, closed) = bench.open(Place::Lab).unwrap();
        assert_eq!((closed, ca.log().open_entries().len()), (open.len(), 0));
        ca.log().publish().unwrap();
        let log = Reader::open(&bench.log_directory(), bench.log_key()).unwrap();
        log.verify().unwrap();
        self.seen.iter().for_each(|checkpoint| log.continues(checkpoint).unwrap());
        let (intents, outcomes) = self.read(&log, &open);
        self.void += open.len();
        self.released = self.check_released(bench, &intents, &outcomes);
        open.len()
    }

    /// The intents by index, and the intents of certificates by digest.
    fn read(&mut self, log: &Reader, open: &[u64]) -> (Intents, BTreeMap<String, u64>) {
        let (mut intents, mut outcomes, mut ended) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (place, record) in (0u64..).zip(log.entries(0..u64::MAX).map(Result::unwrap)) {
            assert_eq!(record.index, place);
            if record.entry.kind == "intent" {
                let intent = serde_json::from_slice(&record.entry.payload).unwrap();
                intents.insert(place, (record.bytes, intent));
                continue;
            }
            let outcome: Outcome = serde_json::from_slice(&record.entry.payload).unwrap();
            outcomes.extend(outcome.certificate.map(|certificate| (certificate, outcome.intent)));
            let twice = ended.insert(outcome.intent, record.entry.kind);
            assert_eq!(twice, None, "the intent {} ended twice", outcome.intent);
        }
        assert!(ended.keys().eq(intents.keys()), "every intent has its outcome");
        assert!(open.iter().all(|intent| ended[intent] == "void"), "what was open is void");
        assert!(self.ended.iter().all(|(intent, kind)| ended[intent] == *kind), "no outcome changes");
        self.ended = ended;
        (intents, outcomes)
    }

    fn check_released(
        &mut self,
        bench: &Bench,
        intents: &Intents,
        outcomes: &BTreeMap<String, u64>,
    ) -> usize {
        let mut count = 0;
        for file in std::fs::read_dir(bench.directory().join("released")).unwrap() {
            let path = file.unwrap().path();
            if path.extension().unwrap() != "der" {
                continue;
            }
            count += 1;
            let certificate = std::fs::read(&path).unwrap();
            let intent = outcomes[&Sha256Digest::of(&certificate).to_string()];
            let (entry, record) = &intents[&intent];
            assert_eq!(self.ended[&intent], "issued");
            let certificate = Certificate::from_der(&certificate).unwrap();
            assert_eq!(Sha256Digest::of(certificate.tbs().raw()).to_string(), record.tbs);
            assert_eq!(std::fs::read(path.with_extension("entry")).unwrap(), *entry);
            let receipt = Receipt::decode(&std::fs::read(path.with_extension("receipt")).unwrap()).unwrap();
            let checkpoint = receipt.verify(entry, &bench.log_key()).unwrap();
            if count % 16 == 1 {
                self.seen.push(checkpoint);
            }
        }
        count
    }
}

#[test]
fn no_kill_lets_a_certificate_out_without_its_record() {
    let bench = founded();
    let mut auditor = Auditor::default();
    for round in 0..ROUNDS {
        let mut child = start(&bench, "child_that_issues", "", "");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // From right after the opening to well under way.
        let mut left = 1 + round * 5 % 17;
        for line in lines {
            left = left.saturating_sub(usize::from(line.unwrap().contains("said ")));
            if left == 0 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        auditor.visit(&bench);
    }
    let (released, void) = (auditor.released, auditor.void);
    assert!(released > ROUNDS && void > 0, "{released} released and {void} void are no load");
    let (ca, _) = bench.open(Place::Lab).unwrap();
    bench.issue(&ca, &authority(&bench), "bench.server", "www.example").unwrap();
}

#[test]
fn an_end_at_any_step_leaves_what_it_should() {
    let bench = founded();
    let mut auditor = Auditor::default();
    for (step, open) in STEPS {
        let before = bench.open_log().size();
        let output =
            start(&bench, "child_that_ends_at_a_step", step, "ulimit -c 0;").wait_with_output().unwrap();
        assert_eq!(output.status.code(), None, "{step}: {}", String::from_utf8_lossy(&output.stdout));
        let written = bench.open_log().size() - before;
        assert_eq!(auditor.visit(&bench), open, "{step}");
        let expected = match step {
            "before the intent" => 0,
            "after the outcome, before the release" => 2,
            _ => 1,
        };
        assert_eq!((written, auditor.released), (expected, 0), "{step}");
    }
}

#[test]
fn a_full_disk_lets_nothing_out_and_the_next_ca_issues() {
    let bench = founded();
    let mut auditor = Auditor::default();
    // No file of the child gets longer than that: the journal does after some issuances.
    let journal = std::fs::metadata(bench.log_directory().join("journal")).unwrap().len();
    let blocks = journal.div_ceil(512) + 64;
    let limit = format!("trap '' XFSZ; ulimit -f {blocks};");
    let output = start(&bench, "child_on_a_disk_that_fills", "", &limit).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("said full"), "{said}");
    auditor.visit(&bench);
    assert!(auditor.released > 0, "it was full at once");
    let (ca, _) = bench.open(Place::Lab).unwrap();
    let issued = bench.issue(&ca, &authority(&bench), "bench.server", "www.example").unwrap();
    release(bench.directory(), &issued);
    drop(ca);
    let before = auditor.released;
    auditor.visit(&bench);
    assert_eq!(auditor.released, before + 1);
}
