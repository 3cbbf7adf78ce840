//! Jobs side by side: longest first, each in its own sandbox.

use super::doc_test;
use super::drill::Drill;
use super::probe::Probed;
use super::record::{Blessing, Failed, Played, Recorder};
use super::sandbox::{Sandbox, SandboxError};
use super::session::{Session, millis};
use super::stop::Stop;
use crate::config::Instance;
use crate::evidence::{Evidence, SCHEMA, StageRecord, Subject, Verdict};
use crate::finding::Finding;
use crate::plan::Job;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

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
    /// Leave the resolutions out; a drill that recovers all the same is `self-healed`.
    pub control: bool,
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
    let queue = Mutex::new(VecDeque::from(jobs));
    let halt = AtomicBool::new(false);
    let (sender, receiver): (Sender<_>, Receiver<_>) = channel();
    let mut result = Ok(());
    thread::scope(|scope| {
        for _ in 0..surroundings.limits.jobs.max(1) {
            let sender = sender.clone();
            let (queue, halt) = (&queue, &halt);
            scope.spawn(move || work(surroundings, queue, halt, &sender));
        }
        drop(sender);
        for message in receiver {
            match message {
                Ok(event) => {
                    if let Event::Finished(played) = &event
                        && surroundings.limits.fail_fast
                        && !played.findings.is_empty()
                    {
                        halt.store(true, Ordering::Relaxed);
                    }
                    on_event(event);
                }
                Err(error) => {
                    halt.store(true, Ordering::Relaxed);
                    result = Err(error);
                }
            }
        }
    });
    result
}

fn work(
    surroundings: &Surroundings<'_>,
    queue: &Mutex<VecDeque<(Job, String)>>,
    halt: &AtomicBool,
    sender: &Sender<Result<Event, SandboxError>>,
) {
    while !halt.load(Ordering::Relaxed) && !surroundings.stop.is_set() {
        let next = queue
            .lock()
            .expect("no worker panics holding it")
            .pop_front();
        let Some((job, inputs)) = next else {
            return;
        };
        let played = sender
            .send(Ok(Event::Started(job.subject())))
            .map_err(|_| ())
            .and_then(|()| {
                sender
                    .send(play(surroundings, &job, inputs))
                    .map_err(|_| ())
            });
        if played.is_err() {
            return;
        }
    }
}

fn play(surroundings: &Surroundings<'_>, job: &Job, inputs: String) -> Result<Event, SandboxError> {
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
        leftovers: Vec::new(),
        total_ms: 0,
    };
    let mut blessings = Vec::new();
    let missing = job
        .needs()
        .into_iter()
        .find(|need| !surroundings.probed.capabilities.contains(*need));
    let ended = match missing {
        Some(missing) => Err(Failed {
            verdict: Verdict::NotApplicable {
                missing: missing.to_owned(),
            },
            finding: None,
        }),
        None => {
            let (ended, recorded) = play_in_sandbox(surroundings, job)?;
            (evidence.stages, blessings) = recorded;
            ended
        }
    };
    let findings = conclude(&mut evidence, ended, job);
    evidence.total_ms = millis(begin.elapsed());
    evidence.finished_at = now();
    Ok(Event::Finished(Box::new(Played {
        evidence,
        findings,
        blessings,
        reused: false,
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

fn play_in_sandbox(
    surroundings: &Surroundings<'_>,
    job: &Job,
) -> Result<(Ended, (Vec<StageRecord>, Vec<Blessing>)), SandboxError> {
    let home = tempfile::tempdir().map_err(SandboxError::Spawn)?;
    let name = job.page().path.display().to_string();
    let started = Session::start(surroundings.sandbox, &name, home.path(), surroundings.stop);
    if surroundings.stop.is_set() {
        return Ok((Err(Failed::interrupted()), Default::default()));
    }
    let mut recorder = Recorder::new(started?, surroundings.limits.bless);
    let instance = surroundings.instance;
    let ended = match job.drill() {
        Some((issue, cause)) => Drill {
            issue,
            cause,
            instance,
            limits: surroundings.limits,
        }
        .play(&mut recorder)
        .map(|verdict| (verdict, Vec::new())),
        None => doc_test::play(&job.page().doc_test, instance, &mut recorder),
    };
    let stages = recorder.take();
    Ok((ended, (stages, std::mem::take(&mut recorder.blessings))))
}

/// RFC 3339, UTC, to the second.
fn now() -> String {
    let seconds = jiff::Timestamp::now().as_second();
    jiff::Timestamp::from_second(seconds).map_or_else(|_| String::new(), |now| now.to_string())
}
