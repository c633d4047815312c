//! Modules: shared objects that are loaded once in a process, and initialised once.
use crate::failure::Failure;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use pkic_backend::error::{Problem, StoreError};
use pkic_backend::store::ModuleFile;
use pkic_facts::crypto::Sha256Digest;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

/// Bytes of a module: vendors' clients with their own cryptography and network code have some tens of megabytes.
const MODULE_LEN_BYTES_MAX: u64 = 256 << 20;
/// Modules that one process loads.
const MODULES_MAX: usize = 64;

type Entry = Arc<Mutex<Option<Arc<Module>>>>;

/// The modules that a process has loaded. Stores of one module share its context, as PKCS #11 has one per process: hand
/// the same value to all of them. A module stays initialised as long as this value or a store of it; it is never unloaded,
/// since threads of its own, and what it keeps by thread, may outlive it.
#[derive(Clone, Default)]
pub struct Modules(Arc<Mutex<BTreeMap<PathBuf, Entry>>>);

impl Modules {
    /// No module is loaded yet.
    pub fn new() -> Modules {
        Modules::default()
    }

    /// The module of this file, loaded now or before.
    pub(crate) fn load(&self, path: &Path) -> Result<Arc<Module>, StoreError> {
        let path = std::fs::canonicalize(path).map_err(|error| {
            let help = "give the path of the token's PKCS #11 module";
            StoreError::new(Problem::Configuration, path.display(), error.to_string(), help)
        })?;
        // Only this module waits while it is being loaded.
        let entry = self.entry(&path)?;
        let mut loaded = entry.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = loaded.as_ref() {
            return Ok(Arc::clone(module));
        }
        Ok(Arc::clone(loaded.insert(Arc::new(Module::load(&path)?))))
    }

    fn entry(&self, path: &Path) -> Result<Entry, StoreError> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MODULES_MAX && !entries.contains_key(path) {
            let what = format!("{MODULES_MAX} modules are loaded");
            let help = "use one module for several tokens";
            return Err(StoreError::new(Problem::Configuration, path.display(), what, help));
        }
        Ok(Arc::clone(entries.entry(path.to_owned()).or_default()))
    }
}

/// A loaded module.
pub(crate) struct Module {
    file: ModuleFile,
    context: Pkcs11,
    /// Whether C_Initialize was ours, and C_Finalize is.
    is_ours: AtomicBool,
    /// How often it was initialised: sessions of an earlier time are gone.
    epoch: AtomicU64,
    /// Held by every call, so that the module is not finalised under one.
    calls: RwLock<()>,
}

impl Module {
    fn load(path: &Path) -> Result<Module, StoreError> {
        let octets = read(path)?;
        let file = ModuleFile { path: path.display().to_string(), digest: Sha256Digest::of(&octets) };
        drop(octets);
        let context = Pkcs11::new(path).map_err(|error| Failure::Module(error).at(&path.display()))?;
        std::mem::forget(context.clone());
        let is_ours = match initialize(&context) {
            Ok(()) => true,
            // Another part of this program uses the module.
            Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => false,
            Err(error) => return Err(Failure::Module(error).at(&path.display())),
        };
        let is_ours = AtomicBool::new(is_ours);
        Ok(Module { file, context, is_ours, epoch: AtomicU64::new(0), calls: RwLock::new(()) })
    }

    /// The file, for the record.
    pub(crate) fn file(&self) -> &ModuleFile {
        &self.file
    }

    /// Its functions.
    pub(crate) fn context(&self) -> &Pkcs11 {
        &self.context
    }

    /// The time between two initialisations.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// To be held during every call.
    pub(crate) fn call(&self) -> RwLockReadGuard<'_, ()> {
        self.calls.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Initialises the module anew, unless that was done since `epoch` or a call is under way. Whether it is of use to
    /// try again.
    pub(crate) fn restart(&self, epoch: u64) -> bool {
        let Ok(_alone) = self.calls.try_write() else { return false };
        if self.epoch() != epoch {
            return true;
        }
        if self.is_ours.load(Ordering::Acquire) {
            // A module that has lost its state answers that it is not initialised, which is as good.
            let _ = self.context.clone().finalize();
        }
        let is_restarted = initialize(&self.context).is_ok();
        if is_restarted {
            self.is_ours.store(true, Ordering::Release);
            self.epoch.fetch_add(1, Ordering::AcqRel);
        }
        is_restarted
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        if self.is_ours.load(Ordering::Acquire) {
            // Nobody is left to be told.
            let _ = self.context.clone().finalize();
        }
    }
}

fn initialize(context: &Pkcs11) -> Result<(), Error> {
    context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
}

/// The octets of a module's file. Whoever may write it runs code in this process.
fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    let unfit =
        |what: String, help: &str| StoreError::new(Problem::Configuration, path.display(), what, help);
    let unread = |error: std::io::Error| unfit(error.to_string(), "give a file that this user can read");
    let metadata = std::fs::metadata(path).map_err(unread)?;
    if !metadata.is_file() {
        let help = "give the path of the token's PKCS #11 module";
        return Err(unfit("it is not a regular file".to_owned(), help));
    }
    if metadata.len() > MODULE_LEN_BYTES_MAX {
        let help = "give the path of the token's PKCS #11 module";
        return Err(unfit(format!("it is longer than {MODULE_LEN_BYTES_MAX} bytes"), help));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o022 != 0 {
            let what = format!("others than its owner may write it (mode {mode:03o})");
            return Err(unfit(what, "`chmod go-w` it"));
        }
    }
    std::fs::read(path).map_err(unread)
}
