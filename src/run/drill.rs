//! One cause played through: start, baseline, induce, detect, walk, diagnose, resolve, verify,
//! invariant, stop.

use super::live::Live;
use super::record::{BadStep, Failed, Recorder, in_seconds};
use super::scheduler::Limits;
use crate::config::Instance;
use crate::evidence::{Outcome, Stage, Verdict};
use crate::finding::Finding;
use crate::page::{Cause, IssuePage, Step};
use crate::tree::Tree;
use similar::TextDiff;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The first wait between two rounds of a polled check; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// An operator who waits looks about once a second.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The time that the instance's `explain` may take.
const EXPLAIN_LIMIT: Duration = Duration::from_secs(20);

/// Everything that one drill needs to know.
pub(super) struct Drill<'a> {
    pub(super) issue: &'a IssuePage,
    pub(super) cause: &'a Cause,
    pub(super) instance: Option<&'a Instance>,
    pub(super) limits: &'a Limits,
    /// To be walked with the fault induced.
    pub(super) trees: &'a [Arc<Tree>],
    /// Set where the alerting programs run, too.
    pub(super) live: Option<Live<'a>>,
}

/// A fault that is there.
pub(super) struct Induced {
    /// What the invariant printed before.
    pub(super) printed: Option<String>,
    /// When the last step of the induction had ended.
    pub(super) at: jiff::Timestamp,
}

impl Drill<'_> {
    /// Plays the drill in a fresh session; `Ok` is always [`Verdict::Recovered`].
    pub(super) fn play(&self, recorder: &mut Recorder<'_>) -> Result<Verdict, Failed> {
        let before = self.break_and_diagnose(recorder)?;
        let resolution = (&self.cause.resolution[..], self.issue.resolve_within);
        let recovered = self.resolve(resolution, before, recorder)?;
        Ok(Verdict::Recovered {
            ms: super::session::millis(recovered),
        })
    }

    /// Everything from the resolution on, which is `steps`; how long it took.
    pub(super) fn resolve(
        &self,
        (steps, within): (&[Step], Duration),
        before: Option<String>,
        recorder: &mut Recorder<'_>,
    ) -> Result<Duration, Failed> {
        let recovered = self.recover(steps, within, recorder)?;
        recorder.begin(Stage::Invariant);
        self.compare(recorder, before)?;
        self.stop(recorder)?;
        Ok(recovered)
    }

    /// All that comes before the resolution; what the invariant printed.
    pub(super) fn break_and_diagnose(
        &self,
        recorder: &mut Recorder<'_>,
    ) -> Result<Option<String>, Failed> {
        let before = self.induce(recorder)?.printed;
        self.walk(self.trees, recorder)?;
        recorder.begin(Stage::Diagnose);
        if let Some(bad) = recorder.steps(&self.issue.diagnosis)? {
            return Err(self.bad(
                &bad,
                Verdict::StepFailed,
                "a diagnosis step did not do what the page says",
            ));
        }
        super::metrics::take(self.instance, recorder)?;
        Ok(before)
    }

    /// From the start until the verification has seen the fault.
    pub(super) fn induce(&self, recorder: &mut Recorder<'_>) -> Result<Induced, Failed> {
        // They need some seconds until they look for the first time, and the instance its own.
        self.start_services(recorder)?;
        start(self.instance, recorder)?;
        self.await_services(recorder)?;
        let (before_it, drill) = self.cause.drill_steps();
        if let Some(bad) = recorder.steps(before_it)? {
            return Err(self.bad(
                &bad,
                Verdict::FaultIneffective,
                "what comes before the fault does not work on a healthy instance",
            ));
        }
        let settle = self.instance.map_or(Duration::ZERO, |i| i.settle);
        recorder.begin(Stage::Baseline);
        self.baseline(recorder, settle)?;
        self.quiet_at_rest(recorder)?;
        let before = self.invariant(recorder)?;
        recorder.begin(Stage::Induce);
        if let Some(bad) = recorder.steps(drill)? {
            return Err(self.bad(
                &bad,
                Verdict::FaultIneffective,
                "the drill could not induce its fault",
            ));
        }
        let at = jiff::Timestamp::now();
        recorder.begin(Stage::Detect);
        self.detect(recorder, settle)?;
        self.alarm(at, recorder)?;
        Ok(Induced {
            printed: before,
            at,
        })
    }

    fn bad(&self, bad: &BadStep<'_>, verdict: Verdict, title: &str) -> Failed {
        let finding = bad.finding(verdict_check(&verdict), title).related(
            self.cause.place.clone(),
            format!("in the drill of `{}`", self.cause.name),
        );
        let help = match verdict {
            Verdict::BaselineRed => {
                "the page is wrong about health, or the instance is not ready when it says so; correct the block"
            }
            Verdict::FaultIneffective => {
                "correct the block under *Drill*: every block of it must succeed"
            }
            Verdict::NotRecovered => {
                "correct the resolution, or raise `resolve-within` if it only needs longer"
            }
            _ => "run the block by hand in the state that the page describes, and correct it",
        };
        Failed::new(verdict, finding.help(help))
    }

    fn baseline(&self, recorder: &mut Recorder<'_>, settle: Duration) -> Result<(), Failed> {
        match poll(recorder, &self.issue.verification, settle, Wanted::Pass)? {
            Polled::Met => Ok(()),
            Polled::Bad(bad) => Err(self.bad(
                &bad,
                Verdict::BaselineRed,
                "the verification fails on a healthy instance",
            )),
        }
    }

    fn detect(&self, recorder: &mut Recorder<'_>, settle: Duration) -> Result<(), Failed> {
        let met = poll(recorder, &self.issue.verification, settle, Wanted::Fail)?;
        let Polled::Met = met else {
            let step = &self.issue.verification[0];
            let induction = self.cause.drill_steps().1.first();
            let induced_at = induction.map_or(&self.cause.place, |step| &step.place);
            let finding = Finding::error(
                "verify-vacuous",
                step.place.clone(),
                format!("the verification of `{}` cannot fail", self.cause.name),
            )
            .note("it passes while the fault is induced")
            .related(induced_at.clone(), "induced here")
            .help("check the answer with an `{output}` block, let curl fail on errors (`-f`), and drop `|| true`");
            return Err(Failed::new(Verdict::VerifyVacuous, finding));
        };
        if recorder.session.is_alive() {
            return Ok(());
        }
        let step = &self.issue.verification[0];
        let finding = Finding::error(
            "step-failed",
            step.place.clone(),
            "the verification hangs under the fault and had to be killed with its session",
        )
        .help("give its commands a time limit, such as `curl --max-time 5`");
        Err(Failed::new(Verdict::StepFailed, finding))
    }

    /// Resolves and waits until *Verification* passes; the time from the first resolution step.
    fn recover(
        &self,
        resolution: &[Step],
        within: Duration,
        recorder: &mut Recorder<'_>,
    ) -> Result<Duration, Failed> {
        recorder.begin(Stage::Resolve);
        let start = Instant::now();
        if let Some(bad) = recorder.steps(resolution)? {
            return Err(self.bad(
                &bad,
                Verdict::StepFailed,
                "a resolution step did not do what the page says",
            ));
        }
        recorder.begin(Stage::Verify);
        let within = self.limits.patience(within);
        let left = within.saturating_sub(start.elapsed());
        match poll(recorder, &self.issue.verification, left, Wanted::Pass)? {
            Polled::Met => {
                let fixed = start.elapsed();
                self.all_clear(fixed, recorder)?;
                Ok(fixed)
            }
            Polled::Bad(bad) => {
                let title = format!(
                    "`{}` was not recovered within {}",
                    self.cause.name,
                    in_seconds(within)
                );
                Err(self.bad(&bad, Verdict::NotRecovered, &title))
            }
        }
    }

    fn invariant(&self, recorder: &mut Recorder<'_>) -> Result<Option<String>, Failed> {
        let Some(command) = self.instance.and_then(|i| i.invariant.as_deref()) else {
            return Ok(None);
        };
        match recorder.command(command)? {
            Ok(printed) => Ok(Some(printed)),
            Err(words) => Err(Failed::new(
                Verdict::BaselineRed,
                Finding::error(
                    "baseline-red",
                    self.cause.place.clone(),
                    "the invariant's command fails on a healthy instance",
                )
                .detail(words)
                .help("correct `invariant` in book.toml"),
            )),
        }
    }

    /// Fails if the invariant no longer prints what it printed `before`.
    pub(super) fn compare(
        &self,
        recorder: &mut Recorder<'_>,
        before: Option<String>,
    ) -> Result<(), Failed> {
        let (Some(before), Some(command)) =
            (before, self.instance.and_then(|i| i.invariant.as_deref()))
        else {
            return Ok(());
        };
        let after = recorder.command(command)?;
        if self.cause.loss.is_some() || after.as_ref() == Ok(&before) {
            return Ok(());
        }
        let detail = match after {
            Ok(after) => super::expectation::shortened(
                &TextDiff::from_lines(&before, &after)
                    .unified_diff()
                    .header("before the fault", "after the recovery")
                    .to_string(),
            ),
            Err(words) => words,
        };
        let finding = Finding::error(
            "data-lost",
            self.cause.place.clone(),
            format!("the recovery from `{}` loses data", self.cause.name),
        )
        .note("the invariant prints something else than before the fault")
        .detail(detail)
        .help(self.known(recorder)?.unwrap_or_else(|| {
            "correct the resolution, or declare the loss on its first block: `{loss=\"what and why\"}`".to_owned()
        }));
        Err(Failed::new(Verdict::DataLost, finding))
    }

    /// What the instance's `explain` knows of a loss; `None` if nothing.
    fn known(&self, recorder: &mut Recorder<'_>) -> Result<Option<String>, Failed> {
        let Some(command) = self.instance.and_then(|i| i.explain.as_deref()) else {
            return Ok(None);
        };
        let (outcome, printed) = recorder.quiet_command(command, EXPLAIN_LIMIT)?;
        let printed = printed.trim();
        let is_known = outcome == Outcome::Exited { status: 0 } && !printed.is_empty();
        Ok(is_known.then(|| printed.to_owned()))
    }

    fn stop(&self, recorder: &mut Recorder<'_>) -> Result<(), Failed> {
        self.stop_services(recorder)?;
        let left = stop(self.instance, recorder)?;
        if left.is_empty() {
            return Ok(());
        }
        let finding = Finding::error(
            "leaked",
            self.cause.place.clone(),
            format!(
                "processes are left after `{}` was resolved and the instance stopped",
                self.cause.name
            ),
        )
        .detail(left.join("\n"))
        .help("end them in the resolution: whoever follows the page would leave them running too");
        Err(Failed::new(Verdict::Leaked, finding))
    }
}

/// The check of the findings of a verdict has the verdict's own name.
fn verdict_check(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::BaselineRed => "baseline-red",
        Verdict::FaultIneffective => "fault-ineffective",
        Verdict::NotRecovered => "not-recovered",
        _ => "step-failed",
    }
}

/// What a polled verification is to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Pass,
    Fail,
}

/// Whether it did.
pub(super) enum Polled<'s> {
    Met,
    Bad(Box<BadStep<'s>>),
}

/// Runs the verification again and again until it does what is wanted, or the time is up.
pub(super) fn poll<'s>(
    recorder: &mut Recorder<'_>,
    steps: &'s [Step],
    within: Duration,
    wanted: Wanted,
) -> Result<Polled<'s>, Failed> {
    let deadline = Instant::now() + within;
    let mut pause = FIRST_PAUSE;
    loop {
        recorder.restart_stage();
        let bad = recorder.steps(steps)?;
        let gone = !recorder.session.is_alive();
        match (bad, wanted) {
            (None, Wanted::Pass) | (Some(_), Wanted::Fail) => return Ok(Polled::Met),
            (Some(bad), Wanted::Pass) if gone || Instant::now() >= deadline => {
                return Ok(Polled::Bad(Box::new(bad)));
            }
            (None, Wanted::Fail) if Instant::now() >= deadline => {
                return Ok(Polled::Bad(Box::new(passed(&steps[0]))));
            }
            _ => {}
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if !recorder.session.pause(pause.min(left)) {
            return Err(Failed::interrupted());
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn passed(step: &Step) -> BadStep<'_> {
    BadStep {
        step,
        unmet: super::expectation::Unmet::Outcome("it passes".to_owned()),
        printed: String::new(),
    }
}

/// Starts the instance and waits until it is ready and seeded.
pub(super) fn start(
    instance: Option<&Instance>,
    recorder: &mut Recorder<'_>,
) -> Result<(), Failed> {
    recorder.begin(Stage::Start);
    let Some(instance) = instance else {
        return Ok(());
    };
    if let Some(command) = &instance.start
        && let Err(words) = recorder.command(command)?
    {
        return Err(not_ready(instance, recorder, "start", &words));
    }
    await_ready(instance, recorder)?;
    if let Some(command) = &instance.seed {
        if let Err(words) = recorder.command(command)? {
            return Err(not_ready(instance, recorder, "seed", &words));
        }
        await_ready(instance, recorder)?;
    }
    Ok(())
}

/// Waits until the instance's `ready` succeeds.
pub(super) fn await_ready(instance: &Instance, recorder: &mut Recorder<'_>) -> Result<(), Failed> {
    let Some(command) = &instance.ready else {
        return Ok(());
    };
    let deadline = Instant::now() + instance.ready_within;
    let mut pause = Duration::from_millis(5);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = left.max(Duration::from_millis(100));
        let (outcome, printed) = recorder.quiet_command(command, limit)?;
        if outcome == (crate::evidence::Outcome::Exited { status: 0 }) {
            return Ok(());
        }
        if Instant::now() + pause >= deadline || !recorder.session.is_alive() {
            let words = format!(
                "not ready within {}: {}\n{printed}",
                in_seconds(instance.ready_within),
                super::expectation::in_words(&outcome)
            );
            return Err(not_ready(instance, recorder, "ready", &words));
        }
        if !recorder.session.pause(pause) {
            return Err(Failed::interrupted());
        }
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

fn not_ready(
    instance: &Instance,
    recorder: &mut Recorder<'_>,
    command: &str,
    words: &str,
) -> Failed {
    let mut detail = format!("`{command}`: {words}\n");
    if let Some(log) = &instance.log
        && let Ok((_, printed)) = recorder.quiet_command(log, Duration::from_secs(10))
    {
        detail.push_str("the instance's log:\n");
        detail.push_str(&printed);
    }
    let finding = Finding::error_in(
        "not-ready",
        "book.toml",
        format!("the instance never got ready: its `{command}` command fails"),
    )
    .detail(detail)
    .help("correct `[preprocessor.runbook.instance]`, or the instance");
    Failed::new(Verdict::NotReady, finding)
}

/// Stops the instance; the processes that are still there.
pub(super) fn stop(
    instance: Option<&Instance>,
    recorder: &mut Recorder<'_>,
) -> Result<Vec<String>, Failed> {
    super::metrics::take(instance, recorder)?;
    recorder.begin(Stage::Stop);
    if let Some(command) = instance.and_then(|i| i.stop.as_deref())
        && let Err(words) = recorder.command(command)?
    {
        return Ok(vec![format!("the `stop` command failed: {words}")]);
    }
    leftovers(recorder)
}

/// Processes of the sandbox besides the session; what is just ending gets a moment.
pub(super) fn leftovers(recorder: &mut Recorder<'_>) -> Result<Vec<String>, Failed> {
    if recorder.session.isolation() == super::Isolation::None {
        return Ok(Vec::new());
    }
    let mut pause = Duration::from_millis(2);
    loop {
        if recorder.session.is_alone() {
            return Ok(Vec::new());
        }
        let left = recorder.processes()?;
        if left.is_empty() || pause > Duration::from_millis(200) {
            return Ok(left);
        }
        if !recorder.session.pause(pause) {
            return Err(Failed::interrupted());
        }
        pause *= 2;
    }
}
