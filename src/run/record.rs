//! The protocol of one job while it runs: stages, steps, and why it ended.

use super::capture::for_evidence;
use super::expectation::{Unmet, judge, seconds};
use super::leftovers::LIST;
use super::session::{Manner, Reply, Request, Session, millis};
use crate::evidence::{
    Evidence, LiveRecord, Log, Outcome, Stage, StageRecord, StepRecord, Verdict, WalkRecord,
};
use crate::finding::Finding;
use crate::markdown::Exit;
use crate::metrics::Metrics;
use crate::page::{DEFAULT_TIMEOUT, Expectation, Step};
use crate::plan::Control;
use crate::source::Place;
use std::path::Path;
use std::time::{Duration, Instant};

/// What came of a job.
#[derive(Debug, Clone)]
pub struct Played {
    /// The record.
    pub evidence: Evidence,
    /// Why it is not good; empty where it is.
    pub findings: Vec<Finding>,
    /// Fences to be rewritten, where that was asked for.
    pub blessings: Vec<Blessing>,
    /// It was not run: stored evidence has the same inputs.
    pub reused: bool,
    /// What was done instead of the resolution, where it was an experiment.
    pub control: Option<Control>,
}

/// An `{output}` fence, and what was printed instead of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blessing {
    /// The text of the fence.
    pub place: Place,
    /// What it should be.
    pub text: String,
}

/// Why a job cannot go on.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) verdict: Verdict,
    pub(super) finding: Option<Box<Finding>>,
}

impl Failed {
    /// A verdict with what to tell the author.
    pub(super) fn new(verdict: Verdict, finding: Finding) -> Self {
        Self {
            verdict,
            finding: Some(Box::new(finding)),
        }
    }

    /// The same, with what `other` has to say added to it.
    pub(super) fn with(mut self, other: Self) -> Self {
        if let (Some(finding), Some(other)) = (&mut self.finding, other.finding) {
            let detail = finding.detail.get_or_insert_default();
            detail.push_str(&format!("\nand {}: {}\n", other.locator(), other.title));
            detail.push_str(other.detail.as_deref().unwrap_or_default());
        }
        self
    }

    /// The instance lacks the capability `missing`.
    pub(super) fn not_applicable(missing: &str) -> Self {
        Self {
            verdict: Verdict::NotApplicable {
                missing: missing.to_owned(),
            },
            finding: None,
        }
    }

    /// A signal to this tool ended it.
    pub(super) fn interrupted() -> Self {
        Self {
            verdict: Verdict::Interrupted,
            finding: None,
        }
    }
}

/// A step of the page that did not do what it must.
pub(super) struct BadStep<'a> {
    pub(super) step: &'a Step,
    pub(super) unmet: Unmet,
    pub(super) printed: String,
}

impl BadStep<'_> {
    /// The finding about it: what `title` says, at the block.
    pub(super) fn finding(&self, check: &'static str, title: impl Into<String>) -> Finding {
        let place = match (&self.unmet, &self.step.expectation.output) {
            (Unmet::Output(_), Some(output)) => output.place.clone(),
            _ => self.step.place.clone(),
        };
        let finding = Finding::error(check, place, title);
        match &self.unmet {
            Unmet::Outcome(words) => finding
                .note(words.clone())
                .detail(printed(&self.step.code, &self.printed)),
            Unmet::Output(diff) => finding
                .note("it printed something else")
                .detail(diff.clone()),
            Unmet::Silent => finding
                .note("it had printed nothing when it got Ctrl-C")
                .detail(printed(&self.step.code, &self.printed)),
        }
    }
}

/// Code and output as a terminal would show them, the last lines of it.
fn printed(code: &str, output: &str) -> String {
    let mut text: String = code.lines().map(|line| format!("$ {line}\n")).collect();
    let lines: Vec<&str> = output.lines().collect();
    let skipped = lines.len().saturating_sub(20);
    if skipped > 0 {
        text.push_str(&format!("[… {skipped} lines …]\n"));
    }
    for line in &lines[skipped..] {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// What a recorder has recorded.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) stages: Vec<StageRecord>,
    pub(super) walks: Vec<WalkRecord>,
    pub(super) log: Option<Log>,
    pub(super) metrics: Option<Metrics>,
    pub(super) live: Option<LiveRecord>,
    /// Fences to rewrite.
    pub(super) blessings: Vec<Blessing>,
}

/// A session together with the record of what runs in it.
pub(super) struct Recorder<'a> {
    pub(super) session: Session<'a>,
    pub(super) walks: Vec<WalkRecord>,
    pub(super) log: Option<Log>,
    pub(super) metrics: Option<Metrics>,
    pub(super) live: Option<LiveRecord>,
    stages: Vec<StageRecord>,
    stage_start: Instant,
    bless: bool,
    blessings: Vec<Blessing>,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(session: Session<'a>, bless: bool) -> Self {
        Self {
            bless,
            blessings: Vec::new(),
            walks: Vec::new(),
            log: None,
            metrics: None,
            live: None,
            session,
            stages: Vec::new(),
            stage_start: Instant::now(),
        }
    }

    /// Ends the stage before and begins `stage`.
    pub(super) fn begin(&mut self, stage: Stage) {
        self.end_stage();
        self.stage_start = Instant::now();
        self.stages.push(StageRecord {
            stage,
            steps: Vec::new(),
            ms: 0,
        });
    }

    fn end_stage(&mut self) {
        if let Some(last) = self.stages.last_mut() {
            last.ms = millis(self.stage_start.elapsed());
        }
    }

    /// The session, and all that was recorded.
    pub(super) fn finish(mut self) -> (Session<'a>, Recorded) {
        self.end_stage();
        let recorded = Recorded {
            stages: self.stages,
            walks: self.walks,
            log: self.log,
            metrics: self.metrics,
            live: self.live,
            blessings: self.blessings,
        };
        (self.session, recorded)
    }

    /// The stage that is under way.
    pub(super) fn last_stage(&self) -> Option<&StageRecord> {
        self.stages.last()
    }

    fn note(&mut self, record: StepRecord) {
        if let Some(stage) = self.stages.last_mut() {
            stage.steps.push(record);
        }
    }

    /// Forgets the steps of this stage: a polled check is recorded by its last round.
    pub(super) fn restart_stage(&mut self) {
        if let Some(stage) = self.stages.last_mut() {
            stage.steps.clear();
        }
    }

    /// Runs `steps` until one is bad; the others are recorded as not run.
    pub(super) fn steps<'s>(&mut self, steps: &'s [Step]) -> Result<Option<BadStep<'s>>, Failed> {
        let mut bad = None;
        for step in steps {
            if bad.is_some() {
                self.note(not_run(step));
                continue;
            }
            bad = self.step(step)?;
        }
        Ok(bad)
    }

    fn step<'s>(&mut self, step: &'s Step) -> Result<Option<BadStep<'s>>, Failed> {
        let reply = self.session.run(&request(step));
        let printed = reply.capture.text();
        let mut judged = judge(&step.expectation, &reply.outcome, &printed);
        if let (true, Err(Unmet::Output(_)), Some(output)) =
            (self.bless, &judged, &step.expectation.output)
            && output.rewritable
        {
            self.blessings.push(Blessing {
                place: output.text.clone(),
                text: ended_by_newline(&printed),
            });
            judged = Ok(());
        }
        self.note(record(step.first_line, &step.code, &reply, judged.is_ok()));
        if reply.stopped {
            return Err(Failed::interrupted());
        }
        Ok(judged.err().map(|unmet| BadStep {
            step,
            unmet,
            printed,
        }))
    }

    /// Runs a step of another chapter, `page`, whatever it prints; `Ok` with that and its exit status
    /// if it could be run and came to an end.
    pub(super) fn ask<'s>(
        &mut self,
        step: &'s Step,
        page: &Path,
    ) -> Result<Result<(String, Option<u8>), BadStep<'s>>, Failed> {
        let reply = self.session.run(&request(step));
        let printed = reply.capture.text();
        let asked = Expectation {
            exit: Exit::Runs,
            output: None,
        };
        let judged = judge(&asked, &reply.outcome, &printed);
        self.note(StepRecord {
            page: Some(page.to_owned()),
            ..record(step.first_line, &step.code, &reply, judged.is_ok())
        });
        if reply.stopped {
            return Err(Failed::interrupted());
        }
        let status = match reply.outcome {
            Outcome::Exited { status } => Some(status),
            _ => None,
        };
        Ok(match judged {
            // What prints nothing until Ctrl-C has answered, too.
            Ok(()) | Err(Unmet::Silent) => Ok((printed, status)),
            Err(unmet) => Err(BadStep {
                step,
                unmet,
                printed,
            }),
        })
    }

    /// Runs a command of `book.toml`; `Ok` with its output if it exits 0, `Err` in words.
    pub(super) fn command(&mut self, code: &str) -> Result<Result<String, String>, Failed> {
        let (status, printed) = self.quiet_command(code, DEFAULT_TIMEOUT)?;
        self.note(StepRecord {
            page: None,
            line: 0,
            code: code.to_owned(),
            good: status == (Outcome::Exited { status: 0 }),
            output: for_evidence(&printed).0,
            cut_bytes: for_evidence(&printed).1,
            outcome: status.clone(),
            ms: 0,
        });
        Ok(match status {
            Outcome::Exited { status: 0 } => Ok(printed),
            other => Err(format!(
                "{}\n{printed}",
                super::expectation::in_words(&other)
            )),
        })
    }

    /// The same, without a record.
    pub(super) fn quiet_command(
        &mut self,
        code: &str,
        timeout: Duration,
    ) -> Result<(Outcome, String), Failed> {
        self.unrecorded(code, timeout, Manner::Apart)
    }

    /// Processes of the sandbox besides the session. Asked without a subshell, which would be one.
    pub(super) fn processes(&mut self) -> Result<Vec<String>, Failed> {
        let (_, printed) = self.unrecorded(LIST, Duration::from_secs(10), Manner::Typed)?;
        Ok(printed
            .lines()
            .map(|line| line.chars().take(100).collect())
            .collect())
    }

    fn unrecorded(
        &mut self,
        code: &str,
        timeout: Duration,
        manner: Manner,
    ) -> Result<(Outcome, String), Failed> {
        let reply = self.session.run(&Request {
            code,
            line: 1,
            timeout,
            manner,
        });
        if reply.stopped {
            return Err(Failed::interrupted());
        }
        Ok((reply.outcome, reply.capture.text()))
    }
}

fn request(step: &Step) -> Request<'_> {
    Request {
        code: &step.code,
        line: step.first_line,
        timeout: step.timeout,
        manner: step.interrupt.map_or(Manner::Typed, Manner::Interrupted),
    }
}

fn ended_by_newline(printed: &str) -> String {
    let newline = if printed.is_empty() || printed.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{printed}{newline}")
}

fn record(line: usize, code: &str, reply: &Reply, good: bool) -> StepRecord {
    let (output, cut) = for_evidence(&reply.capture.text());
    StepRecord {
        page: None,
        line,
        code: code.to_owned(),
        outcome: reply.outcome.clone(),
        good,
        output,
        cut_bytes: cut + reply.capture.cut(),
        ms: millis(reply.time),
    }
}

fn not_run(step: &Step) -> StepRecord {
    StepRecord {
        page: None,
        line: step.first_line,
        code: step.code.clone(),
        outcome: Outcome::NotRun,
        good: false,
        output: String::new(),
        cut_bytes: 0,
        ms: 0,
    }
}

/// `2.1 s`, for messages.
pub(super) fn in_seconds(time: Duration) -> String {
    seconds(millis(time))
}
