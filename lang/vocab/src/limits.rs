//! Every limit of the system, with the source of its number. Applied before parsing.

/// Bytes of one `.pki` file: regorus takes the same; a thousand profiles need a third of it.
pub const SOURCE_LEN_BYTES_MAX: usize = 1 << 20;
/// Levels of nested brackets, blocks and negations in a policy (language.md section 2).
pub const NESTING_MAX: usize = 16;
/// Elements of one list in a policy (language.md section 2).
pub const LIST_LEN_MAX: usize = 256;
/// Values of one list fact: the longest in public use is the SAN list of a multi-tenant certificate (100 names).
pub const FACT_LIST_LEN_MAX: usize = 256;
/// Requirements that bind one profile, inherited and mandated ones included: one result byte each fits a stack frame.
pub const PROFILE_REQUIREMENTS_MAX: usize = 512;
/// Steps of one decision, nodes and list members: two nested folds over full lists against a full list of constants,
/// four times. At a few nanoseconds a step that is a fraction of a second, and refuses instead of hanging.
pub const PROFILE_COST_MAX: u64 = 1 << 26;
/// Exceptions of one profile: one bit each of a 64-bit word; a profile with more of them is itself the exception.
pub const EXCEPTIONS_MAX: usize = 64;
/// Approvals that one decision counts: one bit each of a 64-bit word. Further ones are left out, which only refuses.
pub const APPROVALS_MAX: usize = 64;
/// Approval lines that one decision counts: two persons a line use up [`APPROVALS_MAX`]. With more lines none is filled.
pub const APPROVAL_LINES_MAX: usize = 32;
/// Profiles of one program: the largest estate that we know of has a few hundred; the benches run at 10,000.
pub const PROFILES_MAX: usize = 65_536;
/// Nodes of all conditions of one program.
pub const EXPRESSIONS_MAX: usize = 1 << 22;
/// Depth of one lowered condition: the 16 levels of the source, each at most three nodes deep once lowered.
pub const EXPRESSION_DEPTH_MAX: usize = 64;
/// Bytes of a compiled program: 10,000 profiles of forty lines take about 20 MiB.
pub const PROGRAM_LEN_BYTES_MAX: usize = 64 << 20;
/// Bytes of one text in a program or fact: an RFC 5280 directory string is at most 32,768 characters.
pub const TEXT_LEN_BYTES_MAX: usize = 32_768;
/// Refinement steps from a profile to its farthest base: deeper chains cannot be read by a person.
pub const REFINES_DEPTH_MAX: usize = 16;
/// Bytes of one item of evidence: the largest sample (a Windows event log) has 61 kB; certificate bundles stay below 512 KiB.
pub const EVIDENCE_LEN_BYTES_MAX: usize = 1 << 20;
/// Bytes of one certificate: the largest sample has 4 kB, ML-DSA-87 chains stay below 16 kB.
pub const CERTIFICATE_LEN_BYTES_MAX: usize = 64 << 10;
/// Bytes of one PKCS#10 request, with the evidence that it carries.
pub const CSR_LEN_BYTES_MAX: usize = 256 << 10;
/// Certificates on one path, anchor included: the longest sample (Android RKP) has six.
pub const PATH_LEN_MAX: usize = 10;
/// Signature checks spent on one path search (rustls-webpki spends at most 100).
pub const PATH_SIGNATURES_MAX: usize = 100;
/// Candidate certificates considered beside one item of evidence: vendor bundles hold about 170.
pub const PATH_CANDIDATES_MAX: usize = 1024;
/// Items of evidence with one request.
pub const EVIDENCE_ITEMS_MAX: usize = 16;
/// Bytes of a nonce: RFC 9711 allows 64; a key authorization digest has 32.
pub const NONCE_LEN_BYTES_MAX: usize = 64;
/// Rows of one catalogue: the CMVP has issued about 5,000 certificates, and no estate has more kinds of module.
pub const CATALOGUE_ROWS_MAX: usize = 16_384;
/// Lists of revoked certificates beside one decision: a vendor has one for each of its authorities, and a deployment
/// trusts a dozen vendors.
pub const REVOCATION_LISTS_MAX: usize = 64;
/// Bytes of one list: those of attestation authorities stay below 1 MiB, and the largest that the Web has seen, after
/// Heartbleed, had 5 MB.
pub const REVOCATION_LEN_BYTES_MAX: usize = 32 << 20;
/// Entries of one list: five times those of the largest that the Web has seen.
pub const REVOCATION_ENTRIES_MAX: usize = 1_000_000;
/// Age at which a fetched status list stops counting: nobody signs one, and whoever runs one changes it at any time, so
/// that a day is what a daily job keeps up with.
pub const STATUS_LIST_AGE_S_MAX: i64 = 86_400;
/// Octets of a serial number. Source: RFC 5280 section 4.1.2.2.
pub const SERIAL_LEN_BYTES_MAX: usize = 20;
