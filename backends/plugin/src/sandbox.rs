//! The sandbox: compiles a module and calls it, each time in an instance of its own, within limits.
//!
//! It installs no signal handlers, so that nothing of the process changes by its being there, and every engine is its own.
//! Steps are counted, so that the same payload has the same answer on every machine; the clock is for the case that a step
//! does not end.
use crate::error::LoadError;
use crate::limits::{Limits, STACK_LEN_BYTES_MAX, TABLES_MAX, THREAD_STACK_LEN_BYTES};
use pkic_facts::reject::PluginFault;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use wasmtime::{
    Config, Engine, ExternType, Instance, Memory, Module, ResourceLimiter, Store, Trap, ValType, WasmFeatures,
};

/// The version of the interface.
pub(crate) const ABI_VERSION: i32 = 1;

/// What differs from one machine to another, or that no plugin needs.
const SWITCHED_OFF: WasmFeatures = WasmFeatures::SIMD
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::THREADS)
    .union(WasmFeatures::SHARED_EVERYTHING_THREADS)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::MEMORY64)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::EXCEPTIONS)
    .union(WasmFeatures::GC)
    .union(WasmFeatures::FUNCTION_REFERENCES)
    .union(WasmFeatures::CUSTOM_PAGE_SIZES)
    .union(WasmFeatures::WIDE_ARITHMETIC)
    .union(WasmFeatures::STACK_SWITCHING)
    .union(WasmFeatures::COMPONENT_MODEL);

/// The functions of the interface, with their types.
const FUNCTIONS: [(&str, &[Scalar], Scalar, &str); 4] = [
    ("pkic_abi_version", &[], Scalar::I32, "a function () -> i32"),
    ("pkic_describe", &[], Scalar::I64, "a function () -> i64"),
    ("pkic_alloc", &[Scalar::I32], Scalar::I32, "a function (i32) -> i32"),
    ("pkic_decode", &[Scalar::I32, Scalar::I32], Scalar::I64, "a function (i32, i32) -> i64"),
];

#[derive(Clone, Copy)]
enum Scalar {
    I32,
    I64,
}

impl Scalar {
    fn is(self, ty: &ValType) -> bool {
        matches!((self, ty), (Scalar::I32, ValType::I32) | (Scalar::I64, ValType::I64))
    }
}

/// A compiled module.
pub(crate) struct Sandbox {
    engine: Engine,
    module: Module,
    limits: Limits,
    /// One call at a time: the clock stops whatever runs in the engine.
    turn: Mutex<()>,
}

impl Sandbox {
    /// Compiles a module. Nothing of it runs.
    ///
    /// # Errors
    /// [`LoadError`].
    pub(crate) fn new(wasm: &[u8], limits: Limits) -> Result<Sandbox, LoadError> {
        let failed = |error: wasmtime::Error| LoadError::Engine { why: shown(&error) };
        let engine = Engine::new(&config()).map_err(failed)?;
        let compiled = on_thread(|| Module::from_binary(&engine, wasm), |_| {});
        let compiled = compiled.unwrap_or_else(|| Err(wasmtime::Error::msg("the compiler failed")));
        let module = compiled.map_err(|error| LoadError::Invalid { why: shown(&error) })?;
        check_interface(&module)?;
        Ok(Sandbox { engine, module, limits, turn: Mutex::new(()) })
    }

    /// The version of the interface that the module is for.
    pub(crate) fn abi_version(&self) -> Result<i32, PluginFault> {
        self.call(|guest| {
            let version = guest.instance.get_typed_func::<(), i32>(&mut guest.store, "pkic_abi_version");
            version
                .and_then(|version| version.call(&mut guest.store, ()))
                .map_err(|error| guest.fault(&error))
        })
    }

    /// What the module says of itself.
    pub(crate) fn describe(&self) -> Result<Vec<u8>, PluginFault> {
        self.call(|guest| {
            let describe = guest.instance.get_typed_func::<(), i64>(&mut guest.store, "pkic_describe");
            let said = describe.and_then(|describe| describe.call(&mut guest.store, ()));
            let said = said.map_err(|error| guest.fault(&error))?;
            guest.output(said)
        })
    }

    /// What the module says of a payload.
    pub(crate) fn decode(&self, payload: &[u8]) -> Result<Vec<u8>, PluginFault> {
        let len_bytes = i32::try_from(payload.len())
            .map_err(|_| PluginFault::OutputMalformed { why: "the payload is too large".to_owned() })?;
        self.call(|guest| {
            let alloc = guest.instance.get_typed_func::<i32, i32>(&mut guest.store, "pkic_alloc");
            let at = alloc.and_then(|alloc| alloc.call(&mut guest.store, len_bytes));
            let at = at.map_err(|error| guest.fault(&error))?;
            guest.input(at, payload)?;
            let decode = guest.instance.get_typed_func::<(i32, i32), i64>(&mut guest.store, "pkic_decode");
            let said = decode.and_then(|decode| decode.call(&mut guest.store, (at, len_bytes)));
            let said = said.map_err(|error| guest.fault(&error))?;
            guest.output(said)
        })
    }

    /// Runs in a new instance, on a thread whose stack is known, and stops it when its time is over.
    fn call<T: Send>(
        &self,
        work: impl FnOnce(&mut Guest) -> Result<T, PluginFault> + Send,
    ) -> Result<T, PluginFault> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let run = || Guest::new(self).and_then(|mut guest| work(&mut guest));
        let wait = |is_done: &std::sync::mpsc::Receiver<()>| {
            let limit = Duration::from_millis(self.limits.wall_ms);
            if is_done.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                self.engine.increment_epoch();
            }
        };
        let trap = || PluginFault::Trapped { trap: "the engine failed".to_owned() };
        on_thread(run, wait).unwrap_or_else(|| Err(trap()))
    }
}

/// Works on a thread with a stack of its own while the caller waits. Nothing where the thread does not start or panics.
fn on_thread<T: Send>(
    work: impl FnOnce() -> T + Send,
    wait: impl FnOnce(&std::sync::mpsc::Receiver<()>),
) -> Option<T> {
    thread::scope(|scope| {
        let (done, is_done) = channel::<()>();
        let run = move || {
            // Dropped at the end, and when the work panics: the receiver hears of both.
            let _done = done;
            work()
        };
        let worker =
            thread::Builder::new().stack_size(THREAD_STACK_LEN_BYTES).spawn_scoped(scope, run).ok()?;
        wait(&is_done);
        worker.join().ok()
    })
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_LEN_BYTES_MAX)
        .signals_based_traps(false)
        .cranelift_nan_canonicalization(true)
        .memory_reservation(0)
        .memory_reservation_for_growth(0)
        .memory_guard_size(0)
        .memory_init_cow(false)
        .wasm_features(SWITCHED_OFF, false);
    config
}

/// No imports, and every export of the interface with its type.
fn check_interface(module: &Module) -> Result<(), LoadError> {
    if let Some(import) = module.imports().next() {
        let (module, name) = (import.module().to_owned(), import.name().to_owned());
        return Err(LoadError::Import { module, name });
    }
    let of_name =
        |wanted: &str| module.exports().find(|export| export.name() == wanted).map(|export| export.ty());
    if !matches!(of_name("memory"), Some(ExternType::Memory(_))) {
        return Err(LoadError::Export { name: "memory", expected: "a memory" });
    }
    for (name, parameters, result, expected) in FUNCTIONS {
        let is_such = match of_name(name) {
            Some(ExternType::Func(ty)) => {
                ty.params().len() == parameters.len()
                    && ty.params().zip(parameters).all(|(found, wanted)| wanted.is(&found))
                    && ty.results().len() == 1
                    && ty.results().all(|found| result.is(&found))
            }
            _ => false,
        };
        if !is_such {
            return Err(LoadError::Export { name, expected });
        }
    }
    Ok(())
}

/// The memory and tables of an instance, and what it wanted beyond its limits.
struct Meter {
    limits: Limits,
    over: Option<PluginFault>,
}

impl Meter {
    fn within(&mut self, what: &'static str, wanted: usize, limit: usize) -> wasmtime::Result<bool> {
        if wanted <= limit {
            return Ok(true);
        }
        self.over = Some(PluginFault::OutOfMemory { what, wanted, limit });
        Err(wasmtime::Error::msg("over a limit"))
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.within("memory", desired, self.limits.memory_len_bytes)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.within("table", desired, self.limits.table_elements)
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        1
    }
}

/// One instance.
struct Guest {
    store: Store<Meter>,
    instance: Instance,
    memory: Memory,
}

impl Guest {
    fn new(sandbox: &Sandbox) -> Result<Guest, PluginFault> {
        let limits = sandbox.limits;
        let mut store = Store::new(&sandbox.engine, Meter { limits, over: None });
        store.limiter(|meter| meter);
        store.set_epoch_deadline(1);
        let started = store.set_fuel(limits.fuel);
        let instance = started.and_then(|()| Instance::new(&mut store, &sandbox.module, &[]));
        let instance = instance.map_err(|error| fault(&store, &error))?;
        let memory = instance.get_memory(&mut store, "memory");
        let memory = memory.ok_or(PluginFault::OutputMalformed { why: "there is no memory".to_owned() })?;
        Ok(Guest { store, instance, memory })
    }

    fn fault(&self, error: &wasmtime::Error) -> PluginFault {
        fault(&self.store, error)
    }

    /// Puts the payload where the module wants it.
    fn input(&mut self, at: i32, payload: &[u8]) -> Result<(), PluginFault> {
        let (offset, len_bytes) = (at.cast_unsigned(), u32::try_from(payload.len()).unwrap_or(u32::MAX));
        let place = usize::try_from(offset).unwrap_or(usize::MAX);
        let written = self.memory.write(&mut self.store, place, payload);
        written.map_err(|_| PluginFault::OutsideMemory { offset, len_bytes })
    }

    /// What the module points at: offset in the upper half, length in the lower.
    fn output(&self, said: i64) -> Result<Vec<u8>, PluginFault> {
        let said = said.cast_unsigned();
        let (offset, len_bytes) = ((said >> 32) as u32, said as u32);
        let (size, limit) =
            (usize::try_from(len_bytes).unwrap_or(usize::MAX), self.store.data().limits.output_len_bytes);
        if size > limit {
            return Err(PluginFault::OutputTooLarge { size, limit });
        }
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let range = start.checked_add(size).map(|end| start..end);
        let bytes = range.and_then(|range| self.memory.data(&self.store).get(range));
        bytes.map(<[u8]>::to_vec).ok_or(PluginFault::OutsideMemory { offset, len_bytes })
    }
}

/// Why the engine stopped a module.
fn fault(store: &Store<Meter>, error: &wasmtime::Error) -> PluginFault {
    let Meter { limits, over } = store.data();
    if let Some(over) = over {
        return over.clone();
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => PluginFault::OutOfFuel { limit: limits.fuel },
        Some(Trap::Interrupt) => PluginFault::OutOfTime { limit_ms: limits.wall_ms },
        Some(trap) => {
            let trap = trap.to_string();
            PluginFault::Trapped { trap: trap.strip_prefix("wasm trap: ").unwrap_or(&trap).to_owned() }
        }
        None => PluginFault::Trapped { trap: shown(error) },
    }
}

/// The innermost words of an error of the engine, in one line.
fn shown(error: &wasmtime::Error) -> String {
    let text = error.root_cause().to_string();
    text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect()
}
