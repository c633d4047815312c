//! The command line: commands, arguments and what each says of itself.
use clap::{Args, Parser, Subcommand, ValueEnum};
use pkic_evidence::formats::by_name;
use pkic_vocab::{Purpose, Type, Value, time};
use request::{Answered, Requested};
use std::path::PathBuf;

pub(crate) mod ca;
pub(crate) mod request;

/// Policy as code for public-key infrastructures: what must hold the key, proven by evidence.
#[derive(Debug, Parser)]
#[command(
    name = "pkic",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(after_help = "Exit codes: 0 holds or permit; 1 a finding or refuse; 2 usage or unreadable input; \
                        3 a device or I/O failure.")]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check policies and say what is wrong with them
    Check(Check),
    /// Compile a policy to a bundle, signed if a key is given
    Build(Build),
    /// Show a bundle, or verify its signature
    #[command(subcommand)]
    Bundle(Bundle),
    /// Sign and show statements of people: ceremonies, audits, contracts, key transfers
    #[command(subcommand)]
    Statement(Statement),
    /// Seal, show and verify catalogues of modules
    #[command(subcommand)]
    Catalogue(Catalogue),
    /// Check a deployment file
    #[command(subcommand)]
    Config(Config),
    /// See what a key store holds, and whether it does what it should
    #[command(subcommand)]
    Store(Store),
    /// Run the tests that stand in policies
    Test(Test),
    /// Lay out policy files in the one form of the language
    Fmt(Fmt),
    /// Explain a code, a fact, a type, or a name of a policy
    Explain(Explain),
    /// Write the CP/CPS tables of a policy, or check that they are current
    Doc(Doc),
    /// Appraise evidence without a policy
    #[command(subcommand)]
    Evidence(Evidence),
    /// Decide a request by a policy
    Evaluate(Box<Evaluate>),
    /// Decide a request, have the certificate signed, and record both
    Issue(Box<ca::Issue>),
    /// Make a lab CA, or certify the keys of authorities
    #[command(subcommand)]
    Ca(ca::Ca),
    /// Revoke a certificate
    Revoke(Box<ca::Revoke>),
    /// Sign a list of revoked certificates
    CrlSign(Box<ca::CrlSign>),
    /// Prove, verify and search the record
    #[command(subcommand)]
    Audit(Box<ca::Audit>),
    /// Decide a recorded request again, and compare
    Replay(ca::Replay),
    /// Print a policy, or the language, in another form
    #[command(subcommand)]
    Emit(Emit),
}

/// `pkic check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Policy files, or folders with `.pki` files
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) paths: Vec<PathBuf>,
    /// How to report
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    pub(crate) format: CheckFormat,
    /// Check as of this day: `2027-03-15` or `2027-03-15T00:00:00Z`
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) at: Option<i64>,
    /// Show which mandates bind which profiles, and why; human or json
    #[arg(long)]
    pub(crate) mandates: bool,
}

/// Formats of `pkic check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For a terminal.
    Human,
    /// As docs/check.schema.json describes.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// JUnit XML: one case a file.
    Junit,
    /// GitHub workflow commands.
    Github,
}

/// Formats for a person and for a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowFormat {
    /// For a terminal.
    Human,
    /// Versioned JSON.
    Json,
}

/// `pkic build`.
#[derive(Debug, Args)]
#[command(
    after_help = "Make a signing key with `openssl genpkey -algorithm ed25519 -out key.pem` and the public half \
                        for `bundle verify --trust-key` with `openssl pkey -in key.pem -pubout -out key.pub`."
)]
pub(crate) struct Build {
    /// The policy
    #[arg(value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// The bundle to write
    #[arg(short, long, value_name = "FILE.pkib")]
    pub(crate) output: PathBuf,
    /// Sign with this Ed25519 private key (PKCS#8, PEM)
    #[arg(long, value_name = "KEY.pem")]
    pub(crate) sign: Option<PathBuf>,
    /// Sequence number: verifiers refuse one below the last that they saw
    #[arg(long, value_name = "N", default_value_t = 0, requires = "sign")]
    pub(crate) sequence: u64,
    /// Last moment at which the bundle counts [default: 365 days after it was made]
    #[arg(long, value_name = "DATE", value_parser = date, requires = "sign")]
    pub(crate) stale_after: Option<i64>,
    /// When it was made [default: the system clock]
    #[arg(long, value_name = "DATE", value_parser = date, requires = "sign")]
    pub(crate) at: Option<i64>,
}

/// `pkic bundle`.
#[derive(Debug, Subcommand)]
pub(crate) enum Bundle {
    /// Show what a bundle says of itself, and what it holds
    Show {
        /// The bundle
        #[arg(value_name = "FILE")]
        bundle: PathBuf,
        /// How to report
        #[arg(long, value_enum, default_value_t = ShowFormat::Human)]
        format: ShowFormat,
    },
    /// Verify signature, kind, version and sequence of a bundle
    Verify {
        /// The bundle
        #[arg(value_name = "FILE")]
        bundle: PathBuf,
        /// SHA-256 of the signer's SubjectPublicKeyInfo
        #[arg(long, value_name = "sha256:HEX")]
        trust: Option<String>,
        /// The signer's public key (SubjectPublicKeyInfo, PEM or DER)
        #[arg(long, value_name = "FILE")]
        trust_key: Option<PathBuf>,
        /// The last sequence number that was accepted: a lower one is refused
        #[arg(long, value_name = "N")]
        last_sequence: Option<u64>,
        /// Verify as of this moment [default: the system clock]
        #[arg(long, value_name = "DATE", value_parser = date)]
        at: Option<i64>,
        /// How to report
        #[arg(long, value_enum, default_value_t = ShowFormat::Human)]
        format: ShowFormat,
    },
}

/// `pkic statement`.
#[derive(Debug, Subcommand)]
pub(crate) enum Statement {
    /// Sign what somebody states (TOML, docs/statement.md)
    Sign(StatementSign),
    /// Show what a statement says, and who signed it
    Show {
        /// The statement
        #[arg(value_name = "FILE")]
        statement: PathBuf,
        /// How to report
        #[arg(long, value_enum, default_value_t = ShowFormat::Human)]
        format: ShowFormat,
    },
}

/// `pkic statement sign`.
#[derive(Debug, Args)]
pub(crate) struct StatementSign {
    /// What is stated (docs/statement.md)
    #[arg(value_name = "FROM.toml")]
    pub(crate) from: PathBuf,
    /// Where to write the statement
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// The key that signs it: Ed25519 or P-256, PKCS#8 in PEM
    #[arg(long, value_name = "KEY.pem")]
    pub(crate) sign: PathBuf,
    /// When it stops counting
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) until: i64,
    /// Its sequence number among the signer's statements of its kind
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) sequence: u64,
    /// When it was signed [default: the system clock]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) at: Option<i64>,
}

/// `pkic catalogue`.
#[derive(Debug, Subcommand)]
pub(crate) enum Catalogue {
    /// Seal rows about modules (TOML) into a catalogue
    Build(CatalogueBuild),
    /// Show what a catalogue says of itself, and its rows
    Show {
        /// The catalogue
        #[arg(value_name = "FILE")]
        catalogue: PathBuf,
        /// How to report
        #[arg(long, value_enum, default_value_t = ShowFormat::Human)]
        format: ShowFormat,
    },
    /// Verify signature, name, age and sequence of a catalogue
    Verify(CatalogueVerify),
}

/// `pkic catalogue build`.
#[derive(Debug, Args)]
pub(crate) struct CatalogueBuild {
    /// Files of rows (docs/catalogue.md)
    #[arg(required_unless_present = "mds", value_name = "FROM.toml")]
    pub(crate) from: Vec<PathBuf>,
    /// A BLOB of the FIDO Metadata Service, whose models become rows
    #[arg(long, value_name = "BLOB.jwt", requires = "mds_root")]
    pub(crate) mds: Option<PathBuf>,
    /// Certificate of the root that the BLOB must lead to
    #[arg(long, value_name = "ROOT", requires = "mds")]
    pub(crate) mds_root: Option<PathBuf>,
    /// A list of validations that rows take their status from (dataset of sec-certs, JSON); may be given several times
    #[arg(long, value_name = "LIST.json")]
    pub(crate) list: Vec<PathBuf>,
    /// Where to write the catalogue
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// The key that seals it: Ed25519 or P-256, PKCS#8 in PEM
    #[arg(long, value_name = "KEY.pem")]
    pub(crate) sign: PathBuf,
    /// Its name, which policies take it by
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// Its sequence number: higher than that of every edition before
    #[arg(long, value_name = "N")]
    pub(crate) sequence: u64,
    /// The edition before
    #[arg(long, value_name = "FILE")]
    pub(crate) previous: Option<PathBuf>,
    /// When it was made [default: the system clock]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) at: Option<i64>,
    /// When it stops counting [default: 90 days after it was made]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) stale_after: Option<i64>,
}

/// `pkic catalogue verify`.
#[derive(Debug, Args)]
pub(crate) struct CatalogueVerify {
    /// The catalogue
    #[arg(value_name = "FILE")]
    pub(crate) catalogue: PathBuf,
    /// SHA-256 of the signer's SubjectPublicKeyInfo
    #[arg(long, value_name = "sha256:HEX")]
    pub(crate) trust: Option<String>,
    /// The signer's public key (SubjectPublicKeyInfo, PEM or DER)
    #[arg(long, value_name = "FILE")]
    pub(crate) trust_key: Option<PathBuf>,
    /// The name that it must have [default: its own]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The oldest that it may be, such as `30d` [default: until it is stale by its own word]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub(crate) max_age: Option<i64>,
    /// The last sequence number that was accepted: a lower one is refused
    #[arg(long, value_name = "N")]
    pub(crate) last_sequence: Option<u64>,
    /// Verify as of this moment [default: the system clock]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) at: Option<i64>,
    /// How to report
    #[arg(long, value_enum, default_value_t = ShowFormat::Human)]
    pub(crate) format: ShowFormat,
}

/// `pkic config`.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Check a deployment file, what it names, and whether it fits its policy
    Check(ConfigCheck),
}

/// `pkic config check`.
#[derive(Debug, Args)]
pub(crate) struct ConfigCheck {
    /// The deployment file (docs/deployment.md)
    #[arg(value_name = "FILE", default_value = crate::config::FILE)]
    pub(crate) file: PathBuf,
    /// Also open the stores, and compare each authority's key with its certificate
    #[arg(long)]
    pub(crate) probe: bool,
    /// Check as of this moment [default: the system clock]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) at: Option<i64>,
    /// How to report
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    pub(crate) format: CheckFormat,
}

/// `pkic store`.
#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Open stores, and list their keys with what each store says of them
    Probe(StoreProbe),
}

/// `pkic store probe`.
#[derive(Debug, Args)]
pub(crate) struct StoreProbe {
    /// A store of the deployment file [default: all of them]
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The deployment file (docs/deployment.md)
    #[arg(long, value_name = "FILE", default_value = crate::config::FILE)]
    pub(crate) config: PathBuf,
    /// A key's URI that says by itself how to reach its store; no deployment file is read
    #[arg(long, value_name = "URI", conflicts_with_all = ["name", "config", "key"])]
    pub(crate) uri: Option<String>,
    /// One key alone
    #[arg(long, value_name = "URI", requires = "name")]
    pub(crate) key: Option<String>,
    /// What evidence of the keys answers, in hexadecimal digits [default: fresh random octets]
    #[arg(long, value_name = "HEX")]
    pub(crate) nonce: Option<String>,
    /// Hold the store against everything that pkic expects of one, by signing with the key
    #[arg(long)]
    pub(crate) suite: bool,
    /// How to report
    #[arg(long, value_enum, default_value_t = ShowFormat::Human)]
    pub(crate) format: ShowFormat,
}

/// `pkic test`.
#[derive(Debug, Args)]
#[command(
    after_help = "The request of a test is a file relative to its policy file. Beside `NAME.csr` these are read \
                        where they exist: `NAME.evidence.*` (the parts of one item), `NAME.claims.json`, \
                        `NAME.requester.json`, `NAME.activation.json`, `NAME.nonce` and the folder `anchors/` (trust \
                        anchors)."
)]
pub(crate) struct Test {
    /// Policy files, or folders with `.pki` files
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) paths: Vec<PathBuf>,
    /// Run the tests whose name holds this text; none is an error
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// How to report
    #[arg(long, value_enum, default_value_t = TestFormat::Human)]
    pub(crate) format: TestFormat,
    /// Fail below this percentage of covered outcomes and dates
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) min_coverage: Option<u8>,
    /// Fail unless every requirement of these files was seen satisfied, violated and unknown, and each date from both sides
    #[arg(long, conflicts_with = "filter")]
    pub(crate) require_coverage: bool,
    /// Time of decisions whose test names none [default: the system clock]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) at: Option<i64>,
}

/// Formats of `pkic test`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestFormat {
    /// For a terminal.
    Human,
    /// Versioned JSON.
    Json,
    /// JUnit XML: one suite a file.
    Junit,
}

/// `pkic fmt`.
#[derive(Debug, Args)]
pub(crate) struct Fmt {
    /// Policy files, or folders with `.pki` files
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) paths: Vec<PathBuf>,
    /// Write nothing; list what would change, and exit with 1 if anything would
    #[arg(long)]
    pub(crate) check: bool,
}

/// `pkic explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A code (`E0101`), a fact (`key.storage`), a type (`storage`), or a profile, mandate or source, with the id of a
    /// requirement behind it if need be (`std.ca-signing.key.storage`) [default: list all codes]
    #[arg(value_name = "CODE|FACT|TYPE|NAME")]
    pub(crate) subject: Option<String>,
    /// Look names up in this policy and what it uses [default: the policies that come with pkic]
    #[arg(long, value_name = "FILE", requires = "subject")]
    pub(crate) policy: Option<PathBuf>,
}

/// `pkic doc`.
#[derive(Debug, Args)]
pub(crate) struct Doc {
    /// The policy
    #[arg(value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// The page to write [default: standard output]
    #[arg(short, long, value_name = "FILE.md")]
    pub(crate) output: Option<PathBuf>,
    /// Write nothing; exit with 1 if this page is not what the policy says today
    #[arg(long, value_name = "FILE.md", conflicts_with = "output")]
    pub(crate) check: Option<PathBuf>,
}

/// `pkic evidence`.
#[derive(Debug, Subcommand)]
pub(crate) enum Evidence {
    /// Appraise items of evidence and say what each proves and what it does not
    Show(Box<EvidenceShow>),
    /// List the formats that are built in
    Formats(Plugins),
    /// Make a nonce for one requester, which is recognised when evidence answers it
    Challenge(EvidenceChallenge),
    /// Write the attestation keys that a CoRIM endorses as entries for your `anchors.toml`
    Enrol(EvidenceEnrol),
}

/// `pkic evidence enrol`.
#[derive(Debug, Args)]
#[command(
    after_help = "Read what is printed before you add it to `anchors.toml`: who is listed there is trusted."
)]
pub(crate) struct EvidenceEnrol {
    /// The manifest, in CBOR
    #[arg(value_name = "FILE")]
    pub(crate) manifest: PathBuf,
    /// Who has to have signed it: a public key in PEM; without one the manifest is a file of your own, unsigned
    #[arg(long, value_name = "FILE")]
    pub(crate) signer: Option<PathBuf>,
    /// What the keys are for: production, preview, test, simulator or unspecified
    #[arg(long, value_name = "PURPOSE", value_parser = purpose)]
    pub(crate) purpose: Purpose,
    /// The format of evidence that they sign, by its name in `pkic evidence formats`; may be repeated
    #[arg(long = "for", value_name = "FORMAT", required = true, value_parser = built_in_format)]
    pub(crate) formats: Vec<&'static str>,
    /// The keys in PEM, to be put beside `anchors.toml`
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// The moment at which the manifest has to be in force; without one the clock is read
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) at: Option<i64>,
}

/// `pkic evidence challenge`.
#[derive(Debug, Args)]
#[command(
    after_help = "Make an edge key with `(umask 077; openssl rand -out edge.key 32)`, and keep it: challenges \
                        of another key are not recognised."
)]
pub(crate) struct EvidenceChallenge {
    /// The edge key: 32 random bytes or more, in a file that its owner alone may read
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The authority that would sign, by its qualified name
    #[arg(long, value_name = "NAME")]
    pub(crate) authority: String,
    /// The profile that will be asked for, by its qualified name
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: String,
    /// The requester: what `request.requester.id` will be
    #[arg(long, value_name = "ID")]
    pub(crate) requester: String,
    /// Last moment at which an answer counts
    #[arg(long, value_name = "DATE", value_parser = date, required_unless_present = "lifetime")]
    pub(crate) expires: Option<i64>,
    /// How long an answer counts, such as `10min`
    #[arg(long = "for", value_name = "SPAN", value_parser = span, conflicts_with = "expires")]
    pub(crate) lifetime: Option<i64>,
    /// When it is made [default: the system clock]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) at: Option<i64>,
    /// How to report; `json` is the record that comes back with `--challenge`
    #[arg(long, value_enum, default_value_t = ShowFormat::Human)]
    pub(crate) format: ShowFormat,
}

/// `pkic evidence show`.
#[derive(Debug, Args)]
pub(crate) struct EvidenceShow {
    /// Evidence; several files with certificates are taken for one item
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) circumstances: Circumstances,
    /// The request whose key should be the attested one
    #[arg(long, value_name = "FILE")]
    pub(crate) csr: Option<PathBuf>,
    /// The authority that the challenge must be for, by its qualified name
    #[arg(long, value_name = "NAME", requires = "challenge")]
    pub(crate) authority: Option<String>,
    /// The profile that the challenge must be for, by its qualified name
    #[arg(long, value_name = "NAME", requires = "challenge")]
    pub(crate) profile: Option<String>,
    /// The requester that the challenge must be for
    #[arg(long, value_name = "ID", requires = "challenge")]
    pub(crate) requester: Option<String>,
    /// How to report
    #[arg(long, value_enum, default_value_t = ShowFormat::Human)]
    pub(crate) format: ShowFormat,
}

/// Sandboxed formats.
#[derive(Debug, Args)]
pub(crate) struct Plugins {
    /// A sandboxed evidence format (WebAssembly, docs/plugins.md), for evidence that no built-in format recognises; may be
    /// given several times
    #[cfg(feature = "plugins")]
    #[arg(long, value_name = "FILE.wasm")]
    pub(crate) plugin: Vec<PathBuf>,
}

impl Plugins {
    /// The files that are named.
    pub(crate) fn files(&self) -> &[PathBuf] {
        #[cfg(feature = "plugins")]
        return &self.plugin;
        #[cfg(not(feature = "plugins"))]
        return &[];
    }
}

/// What evidence is appraised against.
#[derive(Debug, Args)]
pub(crate) struct Circumstances {
    /// Folder with trust anchors and `anchors.toml`; folders below it are not read
    #[arg(long, value_name = "DIR")]
    pub(crate) anchors: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) revocation: Revocation,
    #[command(flatten)]
    pub(crate) answered: Answered,
    #[command(flatten)]
    pub(crate) plugins: Plugins,
    /// As of this moment [default: the system clock]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) at: Option<i64>,
}

/// Lists of revoked certificates.
#[derive(Debug, Args)]
pub(crate) struct Revocation {
    /// Certificate revocation lists (PEM or DER); may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) crl: Vec<PathBuf>,
    /// Android's attestation status list (JSON, as Google serves it)
    #[arg(long, value_name = "FILE", requires = "status_list_fetched")]
    pub(crate) status_list: Option<PathBuf>,
    /// When the status list was fetched: it does not say so itself
    #[arg(long, value_name = "DATE", value_parser = date, requires = "status_list")]
    pub(crate) status_list_fetched: Option<i64>,
    /// How long the status list counts from then on, such as `6h` [default: a day, which is also the most]
    #[arg(long, value_name = "SPAN", value_parser = span, requires = "status_list")]
    pub(crate) status_list_max_age: Option<i64>,
}

/// `pkic evaluate`.
#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    /// The policy: a `.pki` text or a `.pkib` bundle
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    #[command(flatten)]
    pub(crate) requested: Requested,
    /// A statement of people (`pkic statement`); may be given several times. The policy says whose count
    #[arg(long, value_name = "FILE")]
    pub(crate) statement: Vec<PathBuf>,
    /// A catalogue of modules; may be given several times. The policy says whose counts
    #[arg(long, value_name = "FILE")]
    pub(crate) catalogue: Vec<PathBuf>,
    /// For a bundle: SHA-256 of the SubjectPublicKeyInfo of the signer that counts [default: any]
    #[arg(long, value_name = "sha256:HEX")]
    pub(crate) trust: Option<String>,
    /// For a bundle: the public key of the signer that counts (SubjectPublicKeyInfo, PEM or DER)
    #[arg(long, value_name = "FILE")]
    pub(crate) trust_key: Option<PathBuf>,
    /// For a bundle: the last sequence number that was accepted; a lower one is refused
    #[arg(long, value_name = "N")]
    pub(crate) last_sequence: Option<u64>,
    /// The issuing CA's certificate, for a complete draft
    #[arg(long, value_name = "FILE")]
    pub(crate) issuer: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) circumstances: Circumstances,
    /// How to report
    #[arg(long, value_enum, default_value_t = ShowFormat::Human)]
    pub(crate) format: ShowFormat,
}

/// `pkic emit`.
#[derive(Debug, Subcommand)]
pub(crate) enum Emit {
    /// The fact catalogue, in Markdown
    Facts,
    /// The policies that come with pkic, in Markdown
    Std,
    /// The conditions of a policy, in CEL
    Cel {
        /// The policy
        #[arg(value_name = "FILE")]
        policy: PathBuf,
        /// One profile alone
        #[arg(long, value_name = "NAME")]
        profile: Option<String>,
    },
}

fn purpose(text: &str) -> Result<Purpose, String> {
    let names: Vec<&str> = Purpose::ALL.map(Purpose::name).to_vec();
    Purpose::from_name(text).ok_or_else(|| format!("a purpose is one of {}", names.join(", ")))
}

fn built_in_format(text: &str) -> Result<&'static str, String> {
    let unknown = || "`pkic evidence formats` lists the formats".to_owned();
    by_name(text).map(|format| format.name).ok_or_else(unknown)
}

fn date(text: &str) -> Result<i64, String> {
    time::parse_date(text).ok_or_else(|| "write `2027-03-15` or `2027-03-15T00:00:00Z`".to_owned())
}

fn span(text: &str) -> Result<i64, String> {
    match Value::parse(Type::Span, text) {
        Ok(Value::Span(seconds)) => Ok(seconds),
        _ => Err("write a span such as `30d` or `12h`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_bare_date_is_midnight() {
        assert_eq!(date("2027-03-15"), date("2027-03-15T00:00:00Z"));
        assert!(date("2027-03-15").is_ok() && date("15.3.2027").is_err() && date("2027-02-30").is_err());
    }
}
