//! Sessions with a token: shared by its keys, opened anew when they are lost.
use crate::failure::{Answer, Failure, Loss};
use crate::key::Handles;
use crate::token::Token;
use cryptoki::error::{Error, RvError};
use cryptoki::session::Session;
use pkic_backend::error::{Problem, StoreError};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Sessions with one token: more callers wait for one of them.
const SESSIONS_MAX: usize = 32;
/// Keys whose handles one session remembers.
const HANDLES_MAX: usize = 256;

/// A session that is logged in, with the handles that it has of keys.
pub(crate) struct Held {
    /// The session. It is closed by hand: the handle of a lost one may by now be another's.
    pub(crate) session: Session,
    keys: HashMap<u64, Handles>,
    age: (u64, u64),
}

impl Held {
    /// The handles that this session has of a key.
    pub(crate) fn handles(&self, key: u64) -> Option<Handles> {
        self.keys.get(&key).cloned()
    }

    /// Remembers the handles of a key.
    pub(crate) fn remember(&mut self, key: u64, handles: Handles) {
        if self.keys.len() >= HANDLES_MAX {
            self.keys.clear();
        }
        self.keys.insert(key, handles);
    }
}

struct Idle {
    sessions: Vec<Held>,
    /// Sessions that are open, idle or not.
    open: usize,
    /// As many as the token gives.
    open_max: usize,
    /// Counts the losses of all sessions.
    generation: u64,
}

/// The sessions with one token.
pub(crate) struct Pool {
    token: Token,
    idle: Mutex<Idle>,
    returned: Condvar,
    patience: Duration,
    numbers: AtomicU64,
}

impl Pool {
    /// No session yet. A caller waits for one at most that long.
    pub(crate) fn new(token: Token, patience: Duration) -> Pool {
        let idle = Idle { sessions: Vec::new(), open: 0, open_max: SESSIONS_MAX, generation: 0 };
        Pool { token, idle: Mutex::new(idle), returned: Condvar::new(), patience, numbers: AtomicU64::new(0) }
    }

    /// The token.
    pub(crate) fn token(&self) -> &Token {
        &self.token
    }

    /// A number for a key, by which sessions remember its handles.
    pub(crate) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Does some work in a session; where the session turns out lost, once more in a new one, and where the module has
    /// lost its state or device, once more after it was initialised anew.
    pub(crate) fn with<T>(
        &self,
        at: &dyn fmt::Display,
        mut work: impl FnMut(&mut Held) -> Answer<T>,
    ) -> Result<T, StoreError> {
        let epoch = self.token.module().epoch();
        let pooled = || self.take();
        let first = self.attempt(&pooled, &mut work);
        let Some(_) = loss(&first) else { return first.map_err(|failure| failure.at(at)) };
        let fresh = || self.take_new();
        let second = self.attempt(&fresh, &mut work);
        if loss(&second) != Some(Loss::Device) || !self.restart(&second, epoch) {
            return second.map_err(|failure| failure.at(at));
        }
        self.attempt(&fresh, &mut work).map_err(|failure| failure.at(at))
    }

    /// Does some work that must not be done twice, in a session of its own that may write.
    pub(crate) fn once<T>(
        &self,
        at: &dyn fmt::Display,
        work: impl FnOnce(&Session) -> Answer<T>,
    ) -> Result<T, StoreError> {
        let run = || {
            let _call = self.token.module().call();
            let slot = self.token.slot()?;
            let session = self.token.module().context().open_rw_session_no_drop(slot)?;
            let answer = self.token.log_in(&session, slot).and_then(|()| work(&session));
            // The answer counts, not how the session ended.
            let _ = session.close();
            answer
        };
        run().map_err(|failure: Failure| failure.at(at))
    }

    /// Initialises the module anew where that harms nobody: it has lost its state, or no other store uses it.
    fn restart<T>(&self, answer: &Answer<T>, epoch: u64) -> bool {
        let has_no_state =
            matches!(answer, Err(Failure::Module(Error::Pkcs11(RvError::CryptokiNotInitialized, _))));
        // One is the registry's, one this token's.
        let is_alone = Arc::strong_count(self.token.module()) <= 2;
        (has_no_state || is_alone) && self.token.module().restart(epoch)
    }

    fn attempt<T>(
        &self,
        take: &dyn Fn() -> Answer<Held>,
        work: &mut impl FnMut(&mut Held) -> Answer<T>,
    ) -> Answer<T> {
        let _call = self.token.module().call();
        let taken = take();
        if loss(&taken) == Some(Loss::Device) {
            self.forget_all();
        }
        let mut held = taken?;
        let answer = work(&mut held);
        match (&answer, loss(&answer)) {
            (_, Some(Loss::Device)) => {
                self.ended();
                self.forget_all();
            }
            // Nobody knows what an operation that failed has left behind in its session.
            (Err(Failure::Module(_)), _) => self.close(held),
            _ => self.give_back(held),
        }
        answer
    }

    /// An idle session, or a new one; at the limit, the next that is given back.
    fn take(&self) -> Answer<Held> {
        let mut idle = self.lock();
        loop {
            let now = self.age(&idle);
            while let Some(held) = idle.sessions.pop() {
                if held.age == now {
                    return Ok(held);
                }
                idle.open = idle.open.saturating_sub(1);
            }
            if idle.open < idle.open_max {
                idle.open = idle.open.saturating_add(1);
                drop(idle);
                match self.open() {
                    Err(Failure::Module(Error::Pkcs11(RvError::SessionCount, function))) => {
                        idle = self.lock();
                        idle.open = idle.open.saturating_sub(1);
                        if idle.open == 0 {
                            return Err(Error::Pkcs11(RvError::SessionCount, function).into());
                        }
                        idle.open_max = idle.open;
                        continue;
                    }
                    Err(failure) => {
                        self.ended();
                        return Err(failure);
                    }
                    opened => return opened,
                }
            }
            let waited = self.returned.wait_timeout(idle, self.patience);
            let (again, waiting) = waited.unwrap_or_else(PoisonError::into_inner);
            idle = again;
            if waiting.timed_out() {
                let what = format!("all {} sessions with the token are busy", idle.open_max);
                let help = "ask for fewer signatures at once";
                return Err(StoreError::new(Problem::Throttled, self.token.uri(), what, help).into());
            }
        }
    }

    /// A new session, whatever is idle: those may be lost as well.
    fn take_new(&self) -> Answer<Held> {
        {
            let mut idle = self.lock();
            idle.open = idle.open.saturating_add(1);
        }
        self.open().inspect_err(|_| self.ended())
    }

    fn open(&self) -> Answer<Held> {
        let age = self.age(&self.lock());
        let slot = self.token.slot()?;
        let session = self.token.module().context().open_ro_session_no_drop(slot)?;
        if let Err(failure) = self.token.log_in(&session, slot) {
            // The failure to log in counts, not how the session ended.
            let _ = session.close();
            return Err(failure);
        }
        Ok(Held { session, keys: HashMap::new(), age })
    }

    fn give_back(&self, held: Held) {
        let mut idle = self.lock();
        match held.age == self.age(&idle) {
            true => idle.sessions.push(held),
            false => idle.open = idle.open.saturating_sub(1),
        }
        self.returned.notify_one();
    }

    fn close(&self, held: Held) {
        if held.age == self.age(&self.lock()) {
            // It failed before; that it may fail again changes nothing.
            let _ = held.session.close();
        }
        self.ended();
    }

    fn ended(&self) {
        let mut idle = self.lock();
        idle.open = idle.open.saturating_sub(1);
        self.returned.notify_one();
    }

    /// Lets go of all sessions without closing them.
    fn forget_all(&self) {
        let mut idle = self.lock();
        idle.generation = idle.generation.wrapping_add(1);
        idle.open = idle.open.saturating_sub(idle.sessions.len());
        idle.sessions.clear();
        idle.open_max = SESSIONS_MAX;
        self.returned.notify_all();
    }

    fn age(&self, idle: &Idle) -> (u64, u64) {
        (self.token.module().epoch(), idle.generation)
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let _call = self.token.module().call();
        let idle = self.idle.get_mut().unwrap_or_else(PoisonError::into_inner);
        let now = (self.token.module().epoch(), idle.generation);
        for held in idle.sessions.drain(..).filter(|held| held.age == now) {
            // Nobody is left to be told.
            let _ = held.session.close();
        }
    }
}

fn loss<T>(answer: &Answer<T>) -> Option<Loss> {
    match answer {
        Err(Failure::Module(error)) => Loss::of(error),
        _ => None,
    }
}
