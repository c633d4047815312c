//! A software TPM of a test's own: swtpm on a port pair that nobody else has, gone when the test ends.
#![allow(dead_code)]
use pkic_backend_tpm::{Config, TpmStore};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

static NEXT: AtomicU16 = AtomicU16::new(0);
/// Starts that are tried: another process may take a port between the look and the start.
const STARTS_MAX: usize = 20;

/// A running software TPM with a folder of its own.
pub struct Swtpm {
    pub folder: PathBuf,
    port: u16,
}

impl Swtpm {
    /// A TPM fresh from the factory, which has no certificates.
    pub fn start() -> Swtpm {
        Swtpm::of(folder())
    }

    /// A TPM whose maker certified its endorsement keys: its authority is in the folder `ca`.
    pub fn start_certified() -> Swtpm {
        let folder = folder();
        let at = folder.display();
        for name in ["ca", "state"] {
            std::fs::create_dir_all(folder.join(name)).unwrap();
        }
        let localca = format!(
            "statedir = {at}/ca\nsigningkey = {at}/ca/signkey.pem\nissuercert = {at}/ca/issuercert.pem\n\
             certserial = {at}/ca/certserial\n"
        );
        std::fs::write(folder.join("localca.conf"), localca).unwrap();
        std::fs::write(folder.join("localca.options"), "").unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let tool = std::env::split_paths(&path).map(|folder| folder.join("swtpm_localca"));
        let tool = tool.into_iter().find(|tool| tool.is_file()).expect("swtpm_localca is installed");
        let setup = format!(
            "create_certs_tool = {}\ncreate_certs_tool_config = {at}/localca.conf\n\
             create_certs_tool_options = {at}/localca.options\n",
            tool.display()
        );
        std::fs::write(folder.join("setup.conf"), setup).unwrap();
        let state = format!("{at}/state");
        let conf = format!("{at}/setup.conf");
        let arguments =
            ["--tpm2", "--tpmstate", &state, "--config", &conf, "--create-ek-cert", "--overwrite"];
        run(Command::new("swtpm_setup").args(arguments));
        Swtpm::of(folder)
    }

    fn of(folder: PathBuf) -> Swtpm {
        std::fs::create_dir_all(folder.join("state")).unwrap();
        std::fs::create_dir_all(folder.join("keys")).unwrap();
        let mut swtpm = Swtpm { folder, port: 0 };
        for _ in 0..STARTS_MAX {
            swtpm.port = free_pair();
            if swtpm.launch() {
                return swtpm;
            }
        }
        panic!("swtpm does not start");
    }

    /// Starts the program, which answers once its parent has returned.
    fn launch(&self) -> bool {
        let at = self.folder.display();
        let mut start = Command::new("swtpm");
        start.args(["socket", "--tpm2", "--tpmstate", &format!("dir={at}/state")]);
        for (name, port) in [("--server", self.port), ("--ctrl", self.port + 1)] {
            start.args([name, &format!("type=tcp,port={port},bindaddr=127.0.0.1")]);
        }
        start.args(["--flags", "not-need-init,startup-clear", "--daemon"]);
        start.args(["--pid", &format!("file={at}/pid")]);
        start.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }

    /// Ends the program as a power cut does, and waits until it is gone.
    pub fn stop(&self) {
        let Ok(pid) = std::fs::read_to_string(self.folder.join("pid")) else { return };
        let pid = pid.trim();
        let _ = Command::new("kill").args(["-KILL", pid]).stderr(Stdio::null()).status();
        while is_running(pid) {
            std::thread::yield_now();
        }
        let _ = std::fs::remove_file(self.folder.join("pid"));
    }

    /// Cuts the power and gives it back.
    pub fn restart(&self) {
        self.stop();
        assert!((0..STARTS_MAX).any(|_| self.launch()), "swtpm does not start again");
    }

    pub fn tcti(&self) -> String {
        format!("swtpm:host=127.0.0.1,port={}", self.port)
    }

    pub fn config(&self) -> Config {
        Config { tcti: self.tcti(), directory: Some(self.folder.join("keys")), ..Config::default() }
    }

    pub fn store(&self) -> TpmStore {
        TpmStore::open(self.config()).unwrap()
    }

    /// Runs OpenSSL with its TPM provider, in the folder of the keys.
    pub fn openssl(&self, arguments: &str) {
        let mut openssl = Command::new("openssl");
        openssl.args(arguments.split_whitespace()).current_dir(self.folder.join("keys"));
        openssl.env("TPM2OPENSSL_TCTI", self.tcti()).env("TSS2_LOG", "all+NONE");
        run(&mut openssl);
    }
}

impl Drop for Swtpm {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn folder() -> PathBuf {
    let name = format!("pkic-tpm-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    std::env::temp_dir().join(name)
}

/// Two ports in a row that nobody listens on.
fn free_pair() -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}

fn is_running(pid: &str) -> bool {
    // A dead child of somebody who does not look is a zombie for good.
    let state = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    state.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

fn run(command: &mut Command) {
    let run = command.output().unwrap();
    let said = [run.stdout, run.stderr].concat();
    assert!(run.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
}
