//! Jobs side by side: longest first, each in its own sandbox.

use super::doc_test;
use super::drill::Drill;
use super::live::{Live, LiveGround};
use super::probe::Probed;
use super::record::{Failed, Played, Recorded, Recorder};
use super::sandbox::{Isolation, Sandbox, SandboxError};
use super::session::{Session, millis};
use super::stop::Stop;
use crate::config::Instance;
use crate::evidence::{Evidence, Remark, SCHEMA, Subject, Verdict};
use crate::finding::Finding;
use crate::plan::Job;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What the runner tells while it runs.
#[derive(Debug)]
pub enum Event {
    /// A job has begun.
    Started(Subject),
    /// A job has ended.
    Finished(Box<Played>),
}

/// How the run is done.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Sandboxes at a time.
    pub jobs: usize,
    /// Start no job after the first that is not good.
    pub fail_fast: bool,
    /// Take what is printed for what `{output}` fences should hold.
    pub bless: bool,
    /// Upper bound of every `resolve-within`.
    pub patience: Option<Duration>,
}

impl Limits {
    /// The time to wait where the page says `within`.
    pub(super) fn patience(&self, within: Duration) -> Duration {
        self.patience
            .map_or(within, |patience| patience.min(within))
    }
}

/// What all jobs share.
pub struct Surroundings<'a> {
    /// The recipe for their sandboxes.
    pub sandbox: &'a Sandbox,
    /// The service under test.
    pub instance: Option<&'a Instance>,
    /// What is known of it.
    pub probed: &'a Probed,
    /// How to run.
    pub limits: &'a Limits,
    /// What live drills need, if there are any.
    pub live: Option<&'a LiveGround>,
    /// Ctrl-C.
    pub stop: &'a Stop,
}

/// Runs `jobs`, each with the hash of its inputs, in the given order; tells `on_event` from the
/// calling thread. `Err` if a sandbox could not be made: nothing is run on the host instead.
pub fn run(
    surroundings: &Surroundings<'_>,
    jobs: Vec<(Job, String)>,
    mut on_event: impl FnMut(Event),
) -> Result<(), SandboxError> {
    let (undertaker, ended): (Sender<Prepared<'_>>, Receiver<_>) = channel();
    let shared = Arc::new(Shared {
        queue: Mutex::new(VecDeque::from(jobs)),
        halt: AtomicBool::new(false),
        undertaker,
    });
    let halt = Halt(Arc::downgrade(&shared));
    let (sender, receiver): (Sender<_>, Receiver<_>) = channel();
    let mut result = Ok(());
    thread::scope(|scope| {
        scope.spawn(move || ended.into_iter().for_each(drop));
        for _ in 0..surroundings.limits.jobs.max(1) {
            let sender = sender.clone();
            let shared = Arc::clone(&shared);
            scope.spawn(move || work(surroundings, &shared, &sender));
        }
        // The undertaker goes home when the last worker has let go of its door.
        drop((sender, shared));
        for message in receiver {
            match message {
                Ok(event) => {
                    if let Event::Finished(played) = &event
                        && surroundings.limits.fail_fast
                        && !played.findings.is_empty()
                    {
                        halt.set();
                    }
                    on_event(event);
                }
                Err(error) => {
                    halt.set();
                    result = Err(error);
                }
            }
        }
    });
    result
}

/// A sandbox that is starting, with the folder that stands for its home on the bare host.
struct Prepared<'a> {
    session: Session<'a>,
    home: Option<TempDir>,
}

impl<'a> Prepared<'a> {
    fn start(surroundings: &Surroundings<'a>) -> Result<Self, SandboxError> {
        let home = match surroundings.sandbox.isolation() {
            Isolation::Full => None,
            Isolation::None => Some(tempfile::tempdir().map_err(SandboxError::Spawn)?),
        };
        let path = home.as_ref().map_or(Path::new("/"), TempDir::path);
        let session = Session::start(surroundings.sandbox, path, surroundings.stop)?;
        Ok(Self { session, home })
    }
}

/// Tells the workers to take no further job, without keeping them in work.
struct Halt<'a>(Weak<Shared<'a>>);

impl Halt<'_> {
    fn set(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.halt.store(true, Ordering::Relaxed);
        }
    }
}

/// What a worker shares with the others.
struct Shared<'a> {
    queue: Mutex<VecDeque<(Job, String)>>,
    halt: AtomicBool,
    /// Ended sandboxes: the kernel takes its time to take one down, and nobody needs to wait.
    undertaker: Sender<Prepared<'a>>,
}

impl Shared<'_> {
    fn next(&self) -> (Option<(Job, String)>, bool) {
        let mut queue = self.queue.lock().expect("no worker panics holding it");
        let job = queue.pop_front();
        (job, !queue.is_empty())
    }
}

fn work<'a>(
    surroundings: &Surroundings<'a>,
    shared: &Shared<'a>,
    sender: &Sender<Result<Event, SandboxError>>,
) {
    let mut prepared = None;
    while !shared.halt.load(Ordering::Relaxed) && !surroundings.stop.is_set() {
        let (next, more) = shared.next();
        let Some((job, inputs)) = next else {
            return;
        };
        if sender.send(Ok(Event::Started(job.subject()))).is_err() {
            return;
        }
        let own = match prepared.take() {
            Some(own) => Ok(own),
            None => Prepared::start(surroundings),
        };
        // While this job runs, the kernel makes the next sandbox. On the bare host they would meet.
        if more && surroundings.sandbox.isolation() == Isolation::Full {
            prepared = Prepared::start(surroundings).ok();
        }
        let event = own.and_then(|own| play(surroundings, &job, inputs, (own, shared)));
        if sender.send(event).is_err() {
            return;
        }
    }
}

fn play<'a>(
    surroundings: &Surroundings<'a>,
    job: &Job,
    inputs: String,
    (prepared, shared): (Prepared<'a>, &Shared<'a>),
) -> Result<Event, SandboxError> {
    let begin = Instant::now();
    let mut evidence = Evidence {
        schema: SCHEMA,
        subject: job.subject(),
        inputs,
        verdict: Verdict::Interrupted,
        finished_at: String::new(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        instance_version: surroundings.probed.version.clone(),
        isolation: surroundings.sandbox.isolation().name().to_owned(),
        stages: Vec::new(),
        walks: Vec::new(),
        leftovers: Vec::new(),
        log: None,
        metrics: None,
        live: None,
        remarks: Vec::new(),
        total_ms: 0,
        past: Vec::new(),
    };
    let mut blessings = Vec::new();
    let missing = job
        .needs()
        .into_iter()
        .find(|need| !surroundings.probed.capabilities.contains(*need));
    let ended = if let Some(missing) = missing {
        Err(Failed::not_applicable(missing))
    } else {
        let (ended, recorded) = play_in_sandbox(surroundings, job, prepared, shared)?;
        evidence.stages = recorded.stages;
        evidence.walks = recorded.walks;
        evidence.log = recorded.log;
        evidence.metrics = recorded.metrics;
        evidence.live = recorded.live;
        blessings = recorded.blessings;
        ended
    };
    let findings = conclude(&mut evidence, ended, job);
    evidence.remarks = findings.iter().map(Remark::of).collect();
    evidence.total_ms = millis(begin.elapsed());
    evidence.finished_at = now();
    Ok(Event::Finished(Box::new(Played {
        evidence,
        findings,
        blessings,
        reused: false,
        control: job.control(),
    })))
}

/// The verdict and what was left, and the stages that ran, into `evidence`.
fn conclude(
    evidence: &mut Evidence,
    ended: Result<(Verdict, Vec<String>), Failed>,
    job: &Job,
) -> Vec<Finding> {
    match ended {
        Ok((verdict, leftovers)) => {
            evidence.verdict = verdict;
            evidence.leftovers = leftovers;
            Vec::new()
        }
        Err(failed) => {
            let mut findings = Vec::new();
            if let Some(finding) = failed.finding {
                findings.push(*finding);
            } else if let Verdict::NotApplicable { missing } = &failed.verdict {
                findings.push(not_applicable(job, missing));
            }
            evidence.verdict = failed.verdict;
            findings
        }
    }
}

fn not_applicable(job: &Job, missing: &str) -> Finding {
    let place = job.drill().map_or_else(
        || job.page().doc_test[0].place.clone(),
        |(_, cause)| cause.place.clone(),
    );
    Finding::error(
        "not-applicable",
        place,
        format!("not run: the instance lacks the capability `{missing}`"),
    )
    .warning()
    .help("its probe in `[preprocessor.runbook.instance.capabilities]` fails or is not declared")
}

type Ended = Result<(Verdict, Vec<String>), Failed>;

fn play_in_sandbox<'a>(
    surroundings: &Surroundings<'a>,
    job: &Job,
    prepared: Prepared<'a>,
    shared: &Shared<'a>,
) -> Result<(Ended, Recorded), SandboxError> {
    let Prepared { mut session, home } = prepared;
    let name = job.page().path.display().to_string();
    let ready = session.ready(&name);
    if surroundings.stop.is_set() {
        return Ok((Err(Failed::interrupted()), Recorded::default()));
    }
    ready?;
    let mut recorder = Recorder::new(session, surroundings.limits.bless);
    let instance = surroundings.instance;
    let ended = match job.drill() {
        Some((issue, cause)) => {
            let drill = Drill {
                issue,
                cause,
                instance,
                limits: surroundings.limits,
                trees: job.trees(),
                live: Live::of(
                    (issue, cause),
                    job.page().html_path(),
                    (
                        surroundings.live.filter(|_| job.is_live()),
                        &surroundings.probed.services,
                    ),
                ),
            };
            match job.control() {
                None => drill.play(&mut recorder),
                Some(control) => drill.experiment(control, &mut recorder),
            }
            .map(|verdict| (verdict, Vec::new()))
        }
        None => doc_test::play(job, instance, &mut recorder),
    };
    // After the stop: what is logged while it stops counts too.
    let ended = match ended {
        Ok(ended) if job.control().is_none() => {
            super::log::take(instance, &mut recorder).map(|()| ended)
        }
        ended => ended,
    };
    let (session, protocol) = recorder.finish();
    bury(Prepared { session, home }, shared);
    Ok((ended, protocol))
}

/// On the bare host the next job must not meet what this one left.
fn bury<'a>(prepared: Prepared<'a>, shared: &Shared<'a>) {
    if prepared.session.isolation() == Isolation::Full {
        // Without an undertaker it is dropped here, which kills it too.
        let _ = shared.undertaker.send(prepared);
    }
}

/// RFC 3339, UTC, to the second.
fn now() -> String {
    let seconds = jiff::Timestamp::now().as_second();
    jiff::Timestamp::from_second(seconds).map_or_else(|_| String::new(), |now| now.to_string())
}
