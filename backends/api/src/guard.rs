//! A store that hangs does not hang its caller.
//!
//! Calls into a device run on threads of their own and have a deadline. A call that misses it is left behind with its
//! thread, its answer, should it come, goes nowhere, and the next call starts a new thread on a signer opened anew.
use crate::error::{Problem, StoreError};
use crate::observed::Observed;
use crate::store::{Attester, Signer};
use crate::uri::KeyUri;
use pkic_facts::crypto::Scheme;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Calls that may be left behind before the store counts as gone: each holds a thread and a session.
pub const ABANDONED_MAX: usize = 16;

/// Opens the signer again after a call was left behind.
pub type Reopen = dyn Fn() -> Result<Arc<dyn Signer>, StoreError> + Send + Sync;

type Job = Box<dyn FnOnce() + Send>;

/// A thread that waits for jobs.
struct Worker {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
}

/// Threads on which a store's calls run, each for at most a time. When it is dropped, all threads have ended but those
/// whose calls were left behind: libraries of devices keep things by thread, and may not be unloaded under one that ends.
pub struct Guard {
    timeout: Duration,
    idle: Mutex<Vec<Worker>>,
    abandoned: Arc<AtomicUsize>,
}

impl Guard {
    /// Calls of at most this long.
    pub fn new(timeout: Duration) -> Guard {
        Guard { timeout, idle: Mutex::default(), abandoned: Arc::default() }
    }

    /// Runs a call into the store. `at` is the key or store that errors name.
    ///
    /// # Errors
    /// Those of the call; [`StoreError`] of the problem `TimedOut` where it has no answer in time, and `Unreachable` where
    /// it ends without one, or where [`ABANDONED_MAX`] earlier calls have not come back.
    pub fn call<T: Send + 'static>(
        &self,
        at: &dyn fmt::Display,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let worker = self.worker(at)?;
        let (answer, answered) = mpsc::sync_channel(1);
        let ended = Arc::new(AtomicBool::new(false));
        let ending = Ending { has_ended: Arc::clone(&ended), abandoned: Arc::clone(&self.abandoned) };
        let job: Job = Box::new(move || {
            let _ending = ending;
            // Nobody waits for an answer that is late.
            let _ = answer.send(work());
        });
        let lost = |what: &str| {
            StoreError::new(Problem::Unreachable, at, what, "see the store's own log, and try again")
        };
        worker.jobs.send(job).map_err(|_| lost("the call could not be started"))?;
        match answered.recv_timeout(self.timeout) {
            Ok(answer) => {
                self.idle().push(worker);
                answer
            }
            Err(RecvTimeoutError::Timeout) => {
                self.abandoned.fetch_add(1, Ordering::AcqRel);
                if ended.swap(true, Ordering::AcqRel) {
                    self.abandoned.fetch_sub(1, Ordering::AcqRel);
                }
                let what = format!("the store did not answer within {} ms", self.timeout.as_millis());
                let help = "see whether the device works; the next call tries anew";
                Err(StoreError::new(Problem::TimedOut, at, what, help))
            }
            Err(RecvTimeoutError::Disconnected) => Err(lost("the call ended without an answer")),
        }
    }

    fn worker(&self, at: &dyn fmt::Display) -> Result<Worker, StoreError> {
        if let Some(worker) = self.idle().pop() {
            return Ok(worker);
        }
        if self.abandoned.load(Ordering::Acquire) >= ABANDONED_MAX {
            let what = format!("{ABANDONED_MAX} calls have not come back");
            let help = "mend the device; calls are taken again when it answers";
            return Err(StoreError::new(Problem::Unreachable, at, what, help));
        }
        let (jobs, taken) = mpsc::channel::<Job>();
        let run = move || taken.into_iter().for_each(|job| job());
        let thread = thread::Builder::new().name("pkic-store".to_owned()).spawn(run).map_err(|error| {
            StoreError::new(Problem::Unreachable, at, error.to_string(), "the machine has no thread left")
        })?;
        Ok(Worker { jobs, thread })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Worker>> {
        lock(&self.idle)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let idle = std::mem::take(self.idle.get_mut().unwrap_or_else(PoisonError::into_inner));
        let threads: Vec<JoinHandle<()>> = idle.into_iter().map(|worker| worker.thread).collect();
        for thread in threads.into_iter().filter(|thread| thread.thread().id() != thread::current().id()) {
            // A thread that panicked has ended as well.
            let _ = thread.join();
        }
    }
}

/// The end of a call, however it ends. Whichever comes second, the end or the deadline, finds the flag set.
struct Ending {
    has_ended: Arc<AtomicBool>,
    abandoned: Arc<AtomicUsize>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if self.has_ended.swap(true, Ordering::AcqRel) {
            self.abandoned.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// A signer whose every call ends within a time.
pub struct Guarded {
    uri: KeyUri,
    guard: Arc<Guard>,
    reopen: Arc<Reopen>,
    opened: Arc<Mutex<Option<Arc<dyn Signer>>>>,
    has_attester: bool,
}

impl Guarded {
    /// Guards the signer that `reopen` opens.
    ///
    /// # Errors
    /// That of the first opening.
    pub fn new(timeout: Duration, reopen: Box<Reopen>) -> Result<Guarded, StoreError> {
        Guarded::on(Arc::new(Guard::new(timeout)), &"key store", reopen)
    }

    /// Guards the signer that `reopen` opens, on threads that it shares with other signers of its store. `at` is what an
    /// error of the first opening names.
    ///
    /// # Errors
    /// That of the first opening.
    pub fn on(guard: Arc<Guard>, at: &dyn fmt::Display, reopen: Box<Reopen>) -> Result<Guarded, StoreError> {
        let reopen: Arc<Reopen> = reopen.into();
        let opening = Arc::clone(&reopen);
        let first = guard.call(at, move || opening())?;
        let (uri, has_attester) = (first.uri().clone(), first.attester().is_some());
        Ok(Guarded { uri, guard, reopen, opened: Arc::new(Mutex::new(Some(first))), has_attester })
    }

    fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&(dyn Signer + 'static)) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (opened, reopen) = (Arc::clone(&self.opened), Arc::clone(&self.reopen));
        let answer = self.guard.call(&self.uri, move || {
            let held = lock(&opened).clone();
            let signer = match held {
                Some(signer) => signer,
                None => {
                    let again = reopen()?;
                    Arc::clone(lock(&opened).insert(again))
                }
            };
            work(signer.as_ref())
        });
        if matches!(&answer, Err(error) if error.problem == Problem::TimedOut) {
            *lock(&self.opened) = None;
        }
        answer
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Signer for Guarded {
    fn uri(&self) -> &KeyUri {
        &self.uri
    }

    fn spki(&self) -> Result<Vec<u8>, StoreError> {
        self.call(|signer| signer.spki())
    }

    fn schemes(&self) -> Result<Vec<Scheme>, StoreError> {
        self.call(|signer| signer.schemes())
    }

    fn observed(&self) -> Result<Observed, StoreError> {
        self.call(|signer| signer.observed())
    }

    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, StoreError> {
        let message = message.to_vec();
        self.call(move |signer| signer.sign(scheme, &message))
    }

    fn attester(&self) -> Option<&dyn Attester> {
        self.has_attester.then_some(self)
    }
}

impl Attester for Guarded {
    fn evidence(&self, nonce: &[u8]) -> Result<Vec<u8>, StoreError> {
        let (nonce, uri) = (nonce.to_vec(), self.uri.clone());
        self.call(move |signer| match signer.attester() {
            Some(attester) => attester.evidence(&nonce),
            None => {
                let what = "the key attests to nothing any more";
                Err(StoreError::new(Problem::Unsupported, uri, what, "see the device"))
            }
        })
    }
}
