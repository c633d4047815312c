//! Makes a credential for `tpm2_activatecredential`: the registrar's half, as `record/swtpm.sh` uses it.
//!
//! `make_credential EK-CERTIFICATE NAME-HEX SECRET-FILE RANDOMNESS-FILE CREDENTIAL-FILE` draws a secret and the credential's randomness, and
//! writes both and the credential that only the TPM with that endorsement key can open, if an object with that Name is loaded there.
//! The randomness is written so that tests can make the credential again; a registrar keeps the secret alone.
use aws_lc_rs::rand;
use pkic_evidence::tpm::activation::{EndorsementKey, SECRET_LEN_BYTES_MAX, make_credential};
use pkic_evidence::tpm::ek::without_padding;
use pkic_facts::certificate::Certificate;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [certificate, name, secret_file, randomness_file, credential_file] = arguments.as_slice() else {
        return Err(
            "usage: make_credential EK-CERTIFICATE NAME-HEX SECRET-FILE RANDOMNESS-FILE CREDENTIAL-FILE"
                .into(),
        );
    };
    let certificate = std::fs::read(certificate)?;
    let certificate = Certificate::from_der(without_padding(&certificate)?.0)?;
    let key = EndorsementKey::from_spki(certificate.tbs().spki())?;
    let mut secret = [0; SECRET_LEN_BYTES_MAX];
    rand::fill(&mut secret)?;
    let mut randomness = vec![0; key.randomness_len_bytes()];
    rand::fill(&mut randomness)?;
    let credential = make_credential(&key, &hex(name)?, &secret, &randomness)?;
    std::fs::write(secret_file, secret)?;
    std::fs::write(randomness_file, randomness)?;
    std::fs::write(credential_file, credential.to_tpm2_tools())?;
    Ok(())
}

fn hex(digits: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let octet = |pair: &[u8]| Ok(u8::from_str_radix(str::from_utf8(pair)?, 16)?);
    digits.as_bytes().chunks(2).map(octet).collect()
}
