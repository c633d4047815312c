//! The pkic binary.
fn main() {}
