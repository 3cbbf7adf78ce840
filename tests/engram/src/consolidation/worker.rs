//! The worker, and cycles over all open spaces.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::cycle::{self, Consolidated};
use super::{Failure, State, Stats, lock};
use crate::config::{Config, ConsolidationConfig};
use crate::error_chain::one_line;
use crate::space::{Registry, Space, SpaceId};

/// A lag above this is worth a line in the log.
const LAG_THRESHOLD: Duration = Duration::from_secs(10);
/// How often the same space has such a line.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// How often the lag is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Consolidates the open spaces.
#[derive(Debug)]
pub(crate) struct Consolidator {
    registry: Arc<Registry>,
    /// The configuration, as it was at the start.
    pub(crate) config: ConsolidationConfig,
    stats: Mutex<Stats>,
    /// Held during a cycle.
    running: Mutex<()>,
    stop: AtomicBool,
    pause: Mutex<()>,
    wake: Condvar,
    worker: Mutex<Option<JoinHandle<()>>>,
}

/// Why a cycle was not begun.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// One is at work.
    #[error("Compaction already in progress")]
    Running,
    /// Another process does not want log files to go away.
    #[error("Compaction already in progress: the lock {0} is held by another process")]
    Locked(String),
    /// The lock file cannot be used.
    #[error("I/O error: {0}")]
    Io(#[from] io::Error),
}

/// What a cycle came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What was done, by space.
    pub(crate) done: Vec<(SpaceId, Consolidated)>,
    /// The first failure, as text.
    pub(crate) failed: Option<String>,
}

impl Consolidator {
    /// Consolidation of the spaces of a registry, which has not begun.
    pub(crate) fn new(registry: &Arc<Registry>, config: &Config) -> Arc<Self> {
        let config = config.consolidation.clone();
        let state = if config.enabled {
            State::Idle
        } else {
            State::Disabled
        };
        Arc::new(Self {
            registry: Arc::clone(registry),
            config,
            stats: Mutex::new(Stats::new(state)),
            running: Mutex::default(),
            stop: AtomicBool::new(false),
            pause: Mutex::default(),
            wake: Condvar::new(),
            worker: Mutex::default(),
        })
    }

    /// Starts to watch the lag, and starts the worker, unless the configuration does not want one.
    /// Its thread has the name `consolidation`.
    pub(crate) fn start(self: &Arc<Self>) -> io::Result<()> {
        let path = lock::path(self.registry.data_dir());
        if let Err(error) = lock::prepare(&path) {
            tracing::warn!(target: "engram_core::consolidation", "Failed to make {}: {error}", path.display());
        }
        tokio::spawn(watch_lag(Arc::clone(self)));
        if !self.config.enabled {
            tracing::warn!(target: "engram_core::consolidation", "Consolidation is disabled: consolidation.enabled = false");
            return Ok(());
        }
        let this = Arc::clone(self);
        let worker = std::thread::Builder::new().name("consolidation".into());
        *guard(&self.worker) = Some(worker.spawn(move || this.work())?);
        Ok(())
    }

    /// Ends the worker, and waits for that. A search for patterns is given up; nothing is lost by that.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        {
            let _pause = guard(&self.pause);
            self.wake.notify_all();
        }
        let worker = guard(&self.worker).take();
        if worker.is_some_and(|worker| worker.join().is_err()) {
            tracing::error!(target: "engram_core::consolidation", "The consolidation worker has panicked");
        }
    }

    /// What was done so far.
    pub(crate) fn stats(&self) -> MutexGuard<'_, Stats> {
        guard(&self.stats)
    }

    /// Consolidates one batch of each space now, whether it is due or not. Blocks.
    pub(crate) fn run_now(&self) -> Result<Outcome, Refused> {
        let Ok(_running) = self.running.try_lock() else {
            return Err(Refused::Running);
        };
        let path = lock::path(self.registry.data_dir());
        let Some(_lock) = lock::try_take(&path)? else {
            return Err(Refused::Locked(path.display().to_string()));
        };
        Ok(self.cycle(true))
    }

    /// The first cycle is not at once: a server that has just started has other things to do.
    fn work(&self) {
        loop {
            let pause = guard(&self.pause);
            if !self.stop.load(Ordering::Relaxed) {
                // Woken too early it does a cycle too early, which does no harm.
                drop(self.wake.wait_timeout(pause, self.config.check_interval));
            }
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            // One that somebody has asked for is as good.
            if let Ok(_running) = self.running.try_lock() {
                self.scheduled_cycle();
            }
        }
    }

    fn scheduled_cycle(&self) {
        let path = lock::path(self.registry.data_dir());
        let waits = || self.stats().state = State::WaitingForLock;
        match lock::take(&path, &self.stop, waits) {
            Ok(Some(_lock)) => {
                self.cycle(false);
            }
            Ok(None) => {}
            Err(error) => {
                self.failed(None, &Failure::Storage(error));
            }
        }
    }

    fn cycle(&self, forced: bool) -> Outcome {
        let resting = if self.config.enabled {
            State::Idle
        } else {
            State::Disabled
        };
        self.stats().state = State::Running;
        let mut outcome = Outcome::default();
        for space in self.registry.loaded() {
            let started = Instant::now();
            match cycle::consolidate(&space, &self.config, forced, &self.stop) {
                Ok(Some(done)) => {
                    self.done(&space, &done, started.elapsed());
                    outcome.done.push((space.id.clone(), done));
                }
                Ok(None) => {}
                Err(failure) => {
                    let text = self.failed(Some(&space), &failure);
                    outcome.failed.get_or_insert(text);
                }
            }
        }
        let mut stats = self.stats();
        stats.state = resting;
        if outcome.failed.is_none() {
            stats.cycles += 1;
            stats.last_success = Some(Timestamp::now());
            stats.last_error = None;
        }
        outcome
    }

    fn done(&self, space: &Space, done: &Consolidated, took: Duration) {
        self.stats()
            .consolidated(&space.id, done.records, done.patterns.clone());
        tracing::info!(
            target: "engram_core::consolidation",
            space = %space.id,
            records = done.records,
            files = done.files,
            bytes = done.bytes,
            patterns = done.patterns.len(),
            duration_ms = took.as_millis(),
            "Consolidation cycle complete"
        );
    }

    fn failed(&self, space: Option<&Space>, failure: &Failure) -> String {
        let text = format!("Consolidation cycle failed: {}", one_line(failure));
        let Some(reason) = failure.reason() else {
            return text;
        };
        let space = space.map(|space| space.id.as_str()).unwrap_or_default();
        if matches!(failure, Failure::Memory) {
            tracing::error!(target: "engram_core::consolidation", "Memory allocation failed: out of memory");
        }
        if matches!(failure, Failure::Timeout) {
            tracing::warn!(target: "engram_core::consolidation", space, "{text}");
        } else {
            tracing::error!(target: "engram_core::consolidation", space, "{text}");
        }
        let mut stats = self.stats();
        *stats.failures.entry(reason).or_default() += 1;
        stats.last_error = Some(text.clone());
        text
    }
}

/// Tells the log of spaces that lag, for as long as the server runs.
async fn watch_lag(this: Arc<Consolidator>) {
    let mut told: BTreeMap<SpaceId, Instant> = BTreeMap::new();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        for space in this.registry.loaded() {
            let lag = this.config.lag(space.log().oldest_ns);
            let recent = told
                .get(&space.id)
                .is_some_and(|told| told.elapsed() < TELL_EVERY);
            if lag > LAG_THRESHOLD && !recent {
                tracing::warn!(target: "engram_core::consolidation", space = %space.id,
                    "WAL lag {:.1}s exceeds threshold ({}s)", lag.as_secs_f64(), LAG_THRESHOLD.as_secs());
                told.insert(space.id.clone(), Instant::now());
            }
        }
    }
}

/// A panic elsewhere does not make these values wrong: each is changed in one step.
fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
