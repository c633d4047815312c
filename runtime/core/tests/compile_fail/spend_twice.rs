//! A permit is spent once.
use pkic_runtime::permit::Permit;

fn attempt(permit: Permit) {
    let _ = permit.spend(0);
    let _ = permit.spend(0);
}

fn main() {}
