//! Issuing on the software store with the log on a disk, beside a bare loop of the same signature operations: the
//! request's signature checked, the certificate signed, and its signature checked again.
//!
//! Every thread issues 32 certificates of P-256 keys. Both sides have the same library, store and threads; the bare loop
//! has no log, no policy and no certificate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]
#[path = "../tests/bench/mod.rs"]
mod bench;

use bench::Bench;
use divan::Bencher;
use divan::counter::ItemsCount;
use pkic_backend::store::KeyStore;
use pkic_backend::uri::KeyUri;
use pkic_backend_software::SoftwareStore;
use pkic_facts::certificate::Certificate;
use pkic_facts::crypto::{Hash, Scheme, Strength, verify_signature};
use pkic_facts::request::CertificationRequest;

const EACH: usize = 32;
const THREADS: [usize; 3] = [1, 8, 32];
const SCHEME: Scheme = Scheme::Ecdsa(Hash::Sha256);

fn main() {
    divan::main();
}

/// Runs the work so often on each of that many threads.
fn on(threads: usize, work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..EACH).for_each(|_| work()));
        }
    });
}

#[divan::bench(args = THREADS, sample_count = 10, sample_size = 1)]
fn issue(bencher: Bencher<'_, '_>, threads: usize) {
    let bench = Bench::new();
    let (ca, _, issuing) = bench.hierarchy();
    let request = bench.request("www.example").der().to_vec();
    let count = ItemsCount::new(threads * EACH);
    bencher.counter(count).bench_local(|| {
        on(threads, || {
            let request = CertificationRequest::from_bytes(&request).unwrap();
            ca.issue(&issuing, &bench.order("bench.server", "issue", &request)).unwrap();
        });
    });
}

#[divan::bench(args = THREADS, sample_count = 10, sample_size = 1)]
fn bare_loop(bencher: Bencher<'_, '_>, threads: usize) {
    let bench = Bench::new();
    let (ca, _, issuing) = bench.hierarchy();
    let request = bench.request("www.example");
    // Any message of a request's length will do, signed by the server's key.
    let keys = SoftwareStore::new(bench.directory().join("keys"), None);
    let server = keys.signer(&KeyUri::of_file("server.pem")).unwrap();
    let signer = keys.signer(&KeyUri::of_file("issuing.pem")).unwrap();
    let (asked, of_server) = (request.der(), server.spki().unwrap());
    let proof = server.sign(SCHEME, asked).unwrap();
    let issued = ca.issue(&issuing, &bench.order("bench.server", "issue", &request)).unwrap();
    let certificate = Certificate::from_der(&issued.certificate).unwrap();
    let (tbs, spki) = (certificate.tbs().raw(), signer.spki().unwrap());
    bencher.counter(ItemsCount::new(threads * EACH)).bench_local(|| {
        on(threads, || {
            verify_signature(&of_server, SCHEME, Strength::Current, asked, &proof).unwrap();
            let signature = signer.sign(SCHEME, tbs).unwrap();
            verify_signature(&spki, SCHEME, Strength::Current, tbs, &signature).unwrap();
        });
    });
}
