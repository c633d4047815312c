//! PKCS#10 requests: any bytes are answered, and possession is proven for nothing that does not verify.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pkic_facts::request::CertificationRequest;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = CertificationRequest::from_bytes(bytes) {
        let again = CertificationRequest::from_bytes(request.der());
        assert_eq!(again.map(|again| again.is_possession_proven()), Ok(request.is_possession_proven()));
    }
});
