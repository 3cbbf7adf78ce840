//! What is to be run, what was, and which alerts were seen: the one state of the responder.

use super::metrics::{Gauges, Metrics};
use super::notification::{AlertOf, Notification};
use super::pages::Pages;
use super::report::{Progress, Report, Run};
use super::store::Store;
use crate::gameday::At;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Firing alerts that are remembered, so that each is answered once: some megabytes.
const MAX_SEEN: usize = 100_000;

type Key = [u8; 16];

/// What came of a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// A script will run; its report has this id.
    Queued(String),
    /// All its alerts were seen before.
    Repeated,
    /// The group is over; so many reports are closed.
    Resolved(usize),
    /// No alert of it has a severity that is answered.
    Ignored,
    /// Too many wait: Alertmanager must come again.
    Full,
    /// The responder ends: Alertmanager must come again.
    Stopping,
}

/// The alerts that were seen, the oldest forgotten first.
#[derive(Debug, Default)]
struct Seen {
    keys: HashSet<Key>,
    order: VecDeque<Key>,
}

impl Seen {
    fn add(&mut self, key: Key) {
        if self.keys.insert(key) {
            self.order.push_back(key);
        }
        if self.order.len() > MAX_SEEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }
}

#[derive(Debug, Default)]
struct State {
    /// By id, so in the order of time.
    reports: BTreeMap<String, Report>,
    waiting: VecDeque<String>,
    seen: Seen,
    n_running: usize,
    stopping: bool,
    /// Whether it was said that the queue is full, or the disk cannot be written to.
    said_full: bool,
    said_unwritten: bool,
}

/// How much the desk takes.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    pub(super) severities: Vec<String>,
    pub(super) queue: usize,
    pub(super) keep: usize,
}

/// Where notifications come in, and workers take them up.
#[derive(Debug)]
pub struct Desk {
    state: Mutex<State>,
    wake: Condvar,
    /// Held while a report is written, so that an older state never replaces a newer one.
    saving: Mutex<()>,
    store: Store,
    bounds: Bounds,
    pub(super) pages: Pages,
    pub(super) metrics: Metrics,
    log: Mutex<Sender<String>>,
}

impl Desk {
    pub(super) fn new(
        store: Store,
        kept: Vec<Report>,
        bounds: Bounds,
        pages: Pages,
        log: Sender<String>,
    ) -> Self {
        let desk = Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            saving: Mutex::default(),
            store,
            bounds,
            pages,
            metrics: Metrics::default(),
            log: Mutex::new(log),
        };
        for id in desk.restore(kept) {
            desk.save(&id);
        }
        desk
    }

    /// Takes up what an earlier responder left. Alertmanager was told that the queued are taken, so
    /// they are run now; what was broken off is not, for it may be what ended that responder.
    fn restore(&self, kept: Vec<Report>) -> Vec<String> {
        let mut state = self.state();
        let mut changed = Vec::new();
        for mut report in kept {
            for alert in report.alerts.iter().filter(|alert| alert.is_firing()) {
                state.seen.add(key(&report.group_key, alert));
            }
            let id = report.id.clone();
            let has_room = state.waiting.len() < self.bounds.queue;
            match report.progress {
                Progress::Queued if has_room => state.waiting.push_back(id.clone()),
                Progress::Queued | Progress::Running => {
                    report.progress = Progress::Interrupted;
                    changed.push(id.clone());
                }
                Progress::Done | Progress::Interrupted => {}
            }
            state.reports.insert(id, report);
        }
        changed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says something to whoever runs the responder.
    pub(super) fn say(&self, text: String) {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody listens any more: then there is nobody to tell.
        let _ = log.send(text);
    }

    /// Takes a notification.
    pub fn receive(&self, notification: &Notification) -> Accepted {
        let is_answered =
            |alert: &&AlertOf| alert.is_firing() && self.answers_severity(alert.severity());
        let is_over = !notification.alerts.iter().any(AlertOf::is_firing);
        if is_over && !notification.alerts.is_empty() {
            return self.resolve(&notification.group_key);
        }
        let answered: Vec<&AlertOf> = notification.alerts.iter().filter(is_answered).collect();
        let keys: Vec<Key> = answered
            .iter()
            .map(|alert| key(&notification.group_key, alert))
            .collect();
        let mut state = self.state();
        let new = keys.iter().position(|key| !state.seen.keys.contains(key));
        let Some(first) = new.map(|at| answered[at]) else {
            if answered.is_empty() {
                return Accepted::Ignored;
            }
            if let Some(report) = open_report(&mut state, &notification.group_key) {
                report.n_repeated += 1;
            }
            return Accepted::Repeated;
        };
        if state.stopping {
            return Accepted::Stopping;
        }
        if state.waiting.len() >= self.bounds.queue {
            if !std::mem::replace(&mut state.said_full, true) {
                self.say("the queue is full: Alertmanager is asked to come again".to_owned());
            }
            return Accepted::Full;
        }
        let hash = hash_of(&keys);
        let page = self.pages.of(first.name()).cloned();
        let report = Report::new(notification, first, &hash, page);
        let id = report.id.clone();
        self.say(format!(
            "{id}: {} fires, queued",
            first.name().escape_debug()
        ));
        for key in keys {
            state.seen.add(key);
        }
        state.reports.insert(id.clone(), report);
        state.waiting.push_back(id.clone());
        let surplus = take_surplus(&mut state, self.bounds.keep);
        drop(state);
        self.save(&id);
        self.wake.notify_one();
        for id in &surplus {
            self.remove(id);
        }
        Accepted::Queued(id)
    }

    fn answers_severity(&self, severity: &str) -> bool {
        self.bounds.severities.iter().any(|one| one == severity)
    }

    /// Closes the reports of a group.
    fn resolve(&self, group_key: &str) -> Accepted {
        let mut closed = Vec::new();
        let group_key = super::report::cut(group_key);
        for report in self.state().reports.values_mut() {
            if report.group_key == group_key && report.resolved.is_none() {
                report.resolved = Some(At::now());
                closed.push(report.id.clone());
            }
        }
        for id in &closed {
            self.save(id);
            self.say(format!("{id}: resolved"));
        }
        Accepted::Resolved(closed.len())
    }

    /// The next report to work on, as soon as there is one; `None` once the responder ends.
    pub(super) fn next(&self) -> Option<Report> {
        let mut state = self.state();
        loop {
            if state.stopping {
                return None;
            }
            if let Some(id) = state.waiting.pop_front() {
                state.said_full = false;
                if let Some(report) = state.reports.get_mut(&id) {
                    report.progress = Progress::Running;
                    report.started = Some(At::now());
                    let report = report.clone();
                    state.n_running += 1;
                    drop(state);
                    self.save(&id);
                    return Some(report);
                }
                continue;
            }
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A script has ended.
    pub(super) fn add_run(&self, id: &str, run: Run) {
        if let Some(report) = self.state().reports.get_mut(id) {
            report.runs.push(run);
        }
        self.save(id);
    }

    /// Nothing more will be run for a report.
    pub(super) fn finish(&self, id: &str, progress: Progress) {
        let mut state = self.state();
        state.n_running -= 1;
        if let Some(report) = state.reports.get_mut(id) {
            report.progress = progress;
            report.ended = Some(At::now());
        }
        drop(state);
        self.save(id);
    }

    /// Nothing is taken, and nothing started any more. What is queued stays so on disk.
    pub(super) fn stop(&self) {
        self.state().stopping = true;
        self.wake.notify_all();
    }

    /// A report's folder for what scripts leave; elsewhere where the disk has no room for one.
    pub(super) fn folder(&self, id: &str) -> PathBuf {
        let made = self.store.make_folder(id);
        made.unwrap_or_else(|_| std::env::temp_dir())
    }

    /// What scripts have left in it.
    pub(super) fn files(&self, id: &str) -> Vec<String> {
        self.store.files(id)
    }

    /// A report.
    pub fn report(&self, id: &str) -> Option<Report> {
        self.state().reports.get(id).cloned()
    }

    /// All of them, the newest first.
    pub fn reports(&self) -> Vec<Report> {
        self.state().reports.values().rev().cloned().collect()
    }

    /// The counters, as text.
    pub(super) fn metrics_text(&self) -> String {
        let state = self.state();
        let gauges = Gauges {
            queued: state.waiting.len(),
            queue_limit: self.bounds.queue,
            running: state.n_running,
            reports: state.reports.len(),
        };
        drop(state);
        self.metrics.text(gauges)
    }

    /// Writes a report as it is now. On a full disk the script runs all the same, for a full disk
    /// may be what the alert is about; the report is then served from memory.
    fn save(&self, id: &str) {
        let _one_at_a_time = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(report) = self.report(id) else {
            return;
        };
        let result = self.store.save(&report);
        let failed = result.is_err();
        let said = std::mem::replace(&mut self.state().said_unwritten, failed);
        if let Err(error) = result {
            self.metrics.unwritten();
            if !said {
                self.say(format!("cannot write the report {id}: {error}"));
            }
        }
    }

    fn remove(&self, id: &str) {
        let _one_at_a_time = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        // It may never have been written.
        let _ = self.store.remove(id);
    }
}

/// The newest report of a group that is not closed.
fn open_report<'a>(state: &'a mut State, group_key: &str) -> Option<&'a mut Report> {
    let group_key = super::report::cut(group_key);
    let mut reports = state.reports.values_mut().rev();
    reports.find(|report| report.group_key == group_key && report.resolved.is_none())
}

/// Takes out what is over and more than is kept.
fn take_surplus(state: &mut State, keep: usize) -> Vec<String> {
    let n_surplus = state.reports.len().saturating_sub(keep);
    let over = state.reports.values().filter(|report| report.is_over());
    let surplus: Vec<String> = over
        .take(n_surplus)
        .map(|report| report.id.clone())
        .collect();
    for id in &surplus {
        state.reports.remove(id);
    }
    surplus
}

/// What makes an alert the same: its group, its labels and when it began to fire.
fn key(group_key: &str, alert: &AlertOf) -> Key {
    let mut hasher = blake3::Hasher::new();
    let mut add = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    // As reports keep it, so that it is the same after a restart.
    add(&super::report::cut(group_key));
    add(&alert.starts_at);
    add(&alert.fingerprint);
    if alert.fingerprint.is_empty() {
        for (name, value) in &alert.labels {
            add(&super::report::cut(name));
            add(&super::report::cut(value));
        }
    }
    let mut key = Key::default();
    hasher.finalize_xof().fill(&mut key);
    key
}

fn hash_of(keys: &[Key]) -> String {
    let mut hasher = blake3::Hasher::new();
    for key in keys {
        hasher.update(key);
    }
    hasher.finalize().to_hex()[..12].to_owned()
}
