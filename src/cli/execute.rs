//! Runs what must be run of a book, and keeps evidence of it.

use super::CliError;
use super::args::{RunArgs, SandboxMode};
use super::open::Opened;
use super::output::Output;
use super::site::Purpose;
use crate::config::Config;
use crate::evidence::{Store, Subject, Verdict};
use crate::plan::{Job, controls};
use crate::run::{
    Event, Isolation, Limits, LiveFiles, LiveGround, Played, Probed, Sandbox, Staging, Stop,
    Surroundings, prepare,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

/// What `execute` is asked to do.
pub(super) struct Request<'a> {
    pub(super) run: &'a RunArgs,
    /// Show good evidence with the same inputs instead of running again.
    pub(super) reuse: bool,
    pub(super) bless: bool,
}

/// What came of it.
pub(super) struct Executed {
    /// In the order of the book.
    pub(super) played: Vec<Played>,
    /// Hashes of the inputs of every job, as they are now.
    pub(super) inputs: BTreeMap<Subject, String>,
    pub(super) interrupted: bool,
}

/// Runs `jobs`, all of them of `opened`'s book.
pub(super) fn execute(
    opened: &Opened,
    jobs: Vec<Job>,
    store: &mut Store,
    request: &Request<'_>,
    output: &mut Output,
) -> Result<Executed, CliError> {
    let _lock = lock_file(&opened.config.state_dir().join("lock"))?;
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    let config = &opened.config;
    let instance = config.instance.as_ref();
    if let Some(instance) = instance.filter(|_| !request.run.no_prepare) {
        prepare(instance, &config.root).map_err(CliError::Prepare)?;
    }
    let mut staging = Staging::collect(config)?;
    let hash = *staging.hash();
    let isolation = isolation(request.run.sandbox, output);
    let sandbox = Sandbox::new(isolation, instance, Some(staging.copy()?));
    let mut probed = versions(config, &services(&jobs), (&sandbox, &staging), &stop)?;
    let live_files = LiveFiles::collect(config)?;
    let live_hash = live_files.hash(&probed.services);
    let surroundings = surroundings(opened, &hash, &probed, isolation);
    let order: Vec<Subject> = jobs.iter().map(Job::subject).collect();
    let inputs = hashes(&jobs, &surroundings, &live_hash);
    let jobs: Vec<(Job, String)> = jobs
        .into_iter()
        .map(|job| {
            let own = inputs[&job.subject()].clone();
            (job, own)
        })
        .collect();
    let (reused, fresh) = split(jobs, store, request);
    let needs_probing = fresh.iter().any(|(job, _)| !job.needs().is_empty());
    if let Some(instance) = instance.filter(|_| needs_probing) {
        probed.capabilities(&sandbox, instance, &stop)?;
    }
    let ground = live_ground(opened, &live_files, &fresh, &staging)?;
    let sandbox = match &ground {
        Some(ground) => sandbox.with_live(ground),
        None => sandbox,
    };
    let mut played = run_fresh(
        &Surroundings {
            sandbox: &sandbox,
            instance,
            probed: &probed,
            limits: &limits(request, isolation),
            live: ground.as_ref(),
            stop: &stop,
        },
        fresh,
        store,
        output,
    )?;
    for reused in reused {
        output.ended(&reused);
        played.insert(reused.evidence.subject.clone(), reused);
    }
    let in_order = order.iter().filter_map(|subject| played.remove(subject));
    Ok(Executed {
        played: in_order.collect(),
        inputs,
        interrupted: stop.is_set(),
    })
}

/// Hashes of the inputs of `jobs`, and of the control experiments on them: pages say of these, too,
/// whether they were made with the book as it is now.
fn hashes(
    jobs: &[Job],
    surroundings: &blake3::Hash,
    live: &blake3::Hash,
) -> BTreeMap<Subject, String> {
    let experiments = controls(jobs, |_, _| Duration::ZERO);
    jobs.iter()
        .chain(&experiments)
        .map(|job| (job.subject(), job.inputs(surroundings, live)))
        .collect()
}

/// The versions of the instance and of `services`.
fn versions(
    config: &Config,
    services: &BTreeSet<&str>,
    (sandbox, staging): (&Sandbox, &Staging),
    stop: &Stop,
) -> Result<Probed, CliError> {
    let mut probed = Probed::version(sandbox, config.instance.as_ref(), stop)?;
    // A service that is not installed is told of where it is needed.
    if LiveGround::installed(&config.live, services, staging).is_ok() {
        probed.services(sandbox, (&config.live, services), stop)?;
    }
    match probed.failure {
        Some(failure) => Err(CliError::Probe(failure)),
        None => Ok(probed),
    }
}

/// The services of the live drills among `jobs`.
fn services<'j>(jobs: impl IntoIterator<Item = &'j Job>) -> BTreeSet<&'j str> {
    let live = jobs.into_iter().filter(|job| job.is_live());
    live.filter_map(Job::drill)
        .flat_map(|(issue, _)| issue.services.iter().map(String::as_str))
        .collect()
}

/// What live drills need, if one is to be run: the site, built as for readers, and the services' files.
fn live_ground(
    opened: &Opened,
    files: &LiveFiles,
    fresh: &[(Job, String)],
    staging: &Staging,
) -> Result<Option<LiveGround>, CliError> {
    let services = services(fresh.iter().map(|(job, _)| job));
    if services.is_empty() {
        return Ok(None);
    }
    LiveGround::installed(&opened.config.live, &services, staging)?;
    let folder = LiveGround::folder()?;
    let built = super::site::build(opened, folder.path(), None, Purpose::Inspect)?;
    Ok(Some(files.lay_out(&opened.config, folder, built.root)?))
}

/// Runs what has no evidence, longest first, and keeps evidence of it.
fn run_fresh(
    surroundings: &Surroundings<'_>,
    mut fresh: Vec<(Job, String)>,
    store: &mut Store,
    output: &mut Output,
) -> Result<BTreeMap<Subject, Played>, CliError> {
    fresh.sort_by_key(|(job, _)| {
        let last = store.last(&job.own_subject());
        let known = last.map(|evidence| Duration::from_millis(evidence.total_ms));
        std::cmp::Reverse(known.unwrap_or_else(|| guess(job)))
    });
    output.expect(fresh.len());
    let mut played = BTreeMap::new();
    let mut kept = Ok(());
    let mut on_event = |event| match event {
        Event::Started(subject) => output.started(&subject),
        Event::Finished(ended) => {
            output.ended(&ended);
            // A broken-off run says nothing, and one without a step nothing that pages show.
            let shown = ended.control.is_none_or(|control| !control.is_mutation());
            if shown && ended.evidence.verdict != Verdict::Interrupted && kept.is_ok() {
                let evidence = ended.evidence.clone();
                kept = match ended.control {
                    Some(_) => store.keep_control(evidence),
                    None => store.keep(evidence),
                };
            }
            played.insert(ended.evidence.subject.clone(), *ended);
        }
    };
    let (alone, together): (Vec<_>, Vec<_>) = fresh
        .into_iter()
        .partition(|(job, _)| job.page().front_matter.alone);
    let one_by_one = Limits {
        jobs: 1,
        ..surroundings.limits.clone()
    };
    crate::run::run(surroundings, together, &mut on_event)?;
    let surroundings = Surroundings {
        limits: &one_by_one,
        ..*surroundings
    };
    crate::run::run(&surroundings, alone, &mut on_event)?;
    kept?;
    Ok(played)
}

/// How long a job may take that was never run: a live drill waits until Prometheus looks for the
/// first time, and then for its alert to come and to go.
fn guess(job: &Job) -> Duration {
    let interrupts = job.steps().into_iter().filter_map(|step| step.interrupt);
    let rest = match (job.is_live(), job.drill()) {
        (true, _) => 20,
        (false, Some(_)) => 5,
        (false, None) => 2,
    };
    interrupts.sum::<Duration>() + Duration::from_secs(rest)
}

/// One run of a book at a time; the kernel frees the lock however this one ends.
pub(super) fn lock_file(path: &Path) -> Result<File, CliError> {
    let failed = |source| CliError::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(failed)?;
    }
    let file = File::create(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CliError::Busy(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn limits(request: &Request<'_>, isolation: Isolation) -> Limits {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Limits {
        // On the bare host ports and files are shared by all.
        jobs: match isolation {
            // Drills wait more than they work: for answers that do not come, and for alerts.
            Isolation::Full => request.run.jobs.unwrap_or(2 * processors),
            Isolation::None => 1,
        },
        fail_fast: request.run.fail_fast,
        bless: request.bless,
        patience: request.run.patience,
    }
}

fn isolation(mode: SandboxMode, output: &mut Output) -> Isolation {
    match mode {
        SandboxMode::Auto => Isolation::Full,
        SandboxMode::None => {
            output.warn(
                "--sandbox none: blocks run on this machine itself, with all that you may do",
            );
            Isolation::None
        }
    }
}

/// Good evidence with the same inputs, and the jobs without it.
fn split(
    jobs: Vec<(Job, String)>,
    store: &Store,
    request: &Request<'_>,
) -> (Vec<Played>, Vec<(Job, String)>) {
    let mut reused = Vec::new();
    let mut fresh = Vec::new();
    for (job, inputs) in jobs {
        let subject = job.subject();
        match store.reusable(&subject, &inputs).filter(|_| request.reuse) {
            Some(evidence) => reused.push(Played {
                evidence: evidence.clone(),
                findings: Vec::new(),
                blessings: Vec::new(),
                reused: true,
                control: job.control(),
            }),
            None => fresh.push((job, inputs)),
        }
    }
    (reused, fresh)
}

/// Hash of everything that a job depends on beside its own page.
fn surroundings(
    opened: &Opened,
    programs: &blake3::Hash,
    probed: &Probed,
    isolation: Isolation,
) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(programs.as_bytes());
    let rest = (
        this_program(),
        &opened.config.instance,
        &probed.version,
        isolation.name(),
    );
    hasher.update(format!("{rest:?}").as_bytes());
    hasher.finalize()
}

/// Tells one build of this tool from another: the version alone would hide a changed runner.
fn this_program() -> String {
    let metadata = std::env::current_exe().and_then(std::fs::metadata);
    let build = metadata.and_then(|meta| Ok((meta.len(), meta.modified()?)));
    format!("{} {:?}", env!("CARGO_PKG_VERSION"), build.ok())
}
