//! The random source of the machine: the only place that reads it.
use crate::failure::Failure;

/// Fresh octets that nobody can guess.
pub(crate) fn octets<const N: usize>() -> Result<[u8; N], Failure> {
    let mut octets = [0; N];
    aws_lc_rs::rand::fill(&mut octets)
        .map_err(|_| Failure::usage("the machine's random source gives nothing"))?;
    Ok(octets)
}
