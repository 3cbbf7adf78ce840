//! What was run, with which inputs, how it ended; and whether it may be shown again.
//!
//! One JSON file per drill or doc test, below the book's state folder.

mod live;
mod log;
mod past;
mod remark;
mod state;
mod store;
mod walk;

pub use live::LiveRecord;
pub use log::{Log, LogLine};
pub use past::{Before, PastRun};
pub use remark::Remark;
pub use state::{Freshness, State};
pub use store::{Store, StoreError};
pub use walk::{TurnRecord, WalkEnd, WalkRecord};

use crate::metrics::Metrics;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The ten parts of a drill, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The instance starts in a fresh sandbox, gets ready, and is seeded.
    Start,
    /// *Verification* passes.
    Baseline,
    /// *Drill* induces the cause.
    Induce,
    /// *Verification* fails.
    Detect,
    /// A decision tree is walked by the outcomes of its commands.
    Walk,
    /// *Diagnosis* runs.
    Diagnose,
    /// *Resolution* runs.
    Resolve,
    /// *Verification* passes again.
    Verify,
    /// The invariant is as it was.
    Invariant,
    /// The instance stops; nothing is left.
    Stop,
}

impl Stage {
    /// Its name, as in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Baseline => "baseline",
            Self::Induce => "induce",
            Self::Detect => "detect",
            Self::Walk => "walk",
            Self::Diagnose => "diagnose",
            Self::Resolve => "resolve",
            Self::Verify => "verify",
            Self::Invariant => "invariant",
            Self::Stop => "stop",
        }
    }
}

/// How a drill or a doc test ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Verdict {
    /// The drill's fault was removed and *Verification* passes.
    Recovered {
        /// Milliseconds from the start of *Resolution* until *Verification* passed.
        ms: u64,
    },
    /// Every block of the doc test did what it must.
    Passed,
    /// The instance never got ready.
    NotReady,
    /// *Verification* fails on a healthy instance.
    BaselineRed,
    /// The drill could not induce its fault.
    FaultIneffective,
    /// *Verification* passes under the fault.
    VerifyVacuous,
    /// A decision tree does not lead to the issue's page, and the page does not say so.
    Astray,
    /// A decision tree leads to the issue's page, though the page says that it does not.
    AstrayUntrue,
    /// In a doc test: the chapter's decision tree finds a cause on a healthy instance.
    TreeAccusesHealthy,
    /// A block did not do what it must.
    StepFailed,
    /// *Verification* did not pass within the time.
    NotRecovered,
    /// The invariant prints something else than before.
    DataLost,
    /// It recovered without the resolution.
    SelfHealed,
    /// In a control experiment: the fault stays, as it must.
    StaysRed,
    /// In a control experiment: another cause's resolution removes the fault, and the page says so.
    CuredAsSaid,
    /// In a control experiment: another cause's resolution removes the fault.
    CuredByOther,
    /// In a control experiment: another cause's resolution does not remove the fault, though the
    /// page says that it does.
    AlsoUntrue,
    /// In a mutation: the step is missed, as it must be.
    StepNeeded {
        /// The verdict of the drill without it.
        without: String,
    },
    /// In a mutation: the step is not missed, and the page says so.
    NotNeededAsSaid,
    /// In a mutation: the step is not missed.
    StepDoesNothing,
    /// In a mutation: the step is missed, though the page says that it is not.
    NeededAfterAll,
    /// One of the alerts that must fire is active on a healthy instance.
    AlertAtRest,
    /// No alert of the page fired, or it did not arrive in Alertmanager.
    AlertSilent,
    /// The link of the alert does not open the page.
    LinkDead,
    /// The alert stays although *Verification* passes.
    AlertUnresolved,
    /// Processes were left running after the instance had stopped.
    Leaked,
    /// The instance lacks a capability.
    NotApplicable {
        /// The capability.
        missing: String,
    },
    /// The run was stopped by a signal.
    Interrupted,
}

impl Verdict {
    /// Whether a run with this verdict may be green. What did not run is never good.
    pub fn is_good(&self) -> bool {
        matches!(
            self,
            Self::Recovered { .. }
                | Self::Passed
                | Self::StaysRed
                | Self::CuredAsSaid
                | Self::StepNeeded { .. }
                | Self::NotNeededAsSaid
        )
    }

    /// Milliseconds from the start of *Resolution* until *Verification* passed; `None` of all else.
    pub fn recovery(&self) -> Option<u64> {
        match self {
            Self::Recovered { ms } => Some(*ms),
            _ => None,
        }
    }

    /// The stable kebab-case name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Recovered { .. } => "recovered",
            Self::Passed => "passed",
            Self::NotReady => "not-ready",
            Self::BaselineRed => "baseline-red",
            Self::FaultIneffective => "fault-ineffective",
            Self::VerifyVacuous => "verify-vacuous",
            Self::Astray => "astray",
            Self::AstrayUntrue => "astray-untrue",
            Self::TreeAccusesHealthy => "tree-accuses-healthy",
            Self::StepFailed => "step-failed",
            Self::NotRecovered => "not-recovered",
            Self::DataLost => "data-lost",
            Self::SelfHealed => "self-healed",
            Self::StaysRed => "stays-red",
            Self::CuredAsSaid => "cured-as-said",
            Self::CuredByOther => "cured-by-other",
            Self::AlsoUntrue => "also-untrue",
            Self::StepNeeded { .. } => "step-needed",
            Self::NotNeededAsSaid => "not-needed-as-said",
            Self::StepDoesNothing => "step-does-nothing",
            Self::NeededAfterAll => "needed-after-all",
            Self::AlertAtRest => "alert-at-rest",
            Self::AlertSilent => "alert-silent",
            Self::LinkDead => "link-dead",
            Self::AlertUnresolved => "alert-unresolved",
            Self::Leaked => "leaked",
            Self::NotApplicable { .. } => "not-applicable",
            Self::Interrupted => "interrupted",
        }
    }
}

/// How one step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Outcome {
    /// It returned to the session with this exit status.
    Exited {
        /// 0 to 255.
        status: u8,
    },
    /// It got Ctrl-C after its `interrupt` time.
    Interrupted,
    /// It was killed after its time limit.
    TimedOut {
        /// The limit in milliseconds.
        limit_ms: u64,
    },
    /// It ended the session itself: `exit`, `exec`, `set -e`, or a signal to its own shell.
    SessionEnded {
        /// The shell's exit status, where it had one.
        status: Option<i32>,
        /// The signal that ended the shell.
        signal: Option<i32>,
    },
    /// It left with `break` or `continue` outside of any loop; its rest did not run.
    LeftEarly,
    /// It printed more than the hard limit and was killed.
    OutputLimit {
        /// The limit in bytes.
        limit: u64,
    },
    /// It was not executed: something before it failed.
    NotRun,
}

/// One step as it ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The chapter of the block, where it is not the subject's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<PathBuf>,
    /// The line of the block's first line of code, counted from 1; 0 for commands of `book.toml`.
    pub line: usize,
    /// What bash was given.
    pub code: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it did what it must.
    pub good: bool,
    /// What it printed, as text, cut to the evidence limit, without escape sequences.
    pub output: String,
    /// Bytes of output that were dropped from the middle.
    pub cut_bytes: u64,
    /// Milliseconds.
    pub ms: u64,
}

/// One stage as it ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageRecord {
    /// Which.
    pub stage: Stage,
    /// Its steps in order; of a polled *Verification* the last round.
    pub steps: Vec<StepRecord>,
    /// Milliseconds.
    pub ms: u64,
}

/// What evidence is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// The chapter's path below `src`.
    pub page: PathBuf,
    /// The issue's number, for drills.
    pub issue: Option<u32>,
    /// The cause's name; `None` for a doc test.
    pub cause: Option<String>,
}

impl Subject {
    /// `issues/wont-start.md: Port conflict`, or the page alone.
    pub fn title(&self) -> String {
        match &self.cause {
            Some(cause) => format!("{}: {cause}", self.page.display()),
            None => self.page.display().to_string(),
        }
    }
}

/// The record of one drill or doc test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The format of this record.
    pub schema: u32,
    /// What was played through.
    pub subject: Subject,
    /// Hash of everything that it depends on: blocks, programs, configuration, tool.
    pub inputs: String,
    /// How it ended.
    pub verdict: Verdict,
    /// When it ended: RFC 3339, UTC, to the second.
    pub finished_at: String,
    /// This tool's version.
    pub tool_version: String,
    /// What the instance's `version` command printed.
    pub instance_version: Option<String>,
    /// How far it was kept from the host: `full` or `none`.
    pub isolation: String,
    /// The stages that ran, in order.
    pub stages: Vec<StageRecord>,
    /// The decision trees that were walked, in the order of the book.
    #[serde(default)]
    pub walks: Vec<WalkRecord>,
    /// Processes that outlived the instance, as `pid command`.
    pub leftovers: Vec<String>,
    /// What the instance logged; `None` where nobody has asked.
    #[serde(default)]
    pub log: Option<Log>,
    /// What the instance exported; empty where it did not answer, `None` where nobody has asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Metrics>,
    /// What the alerting programs did; `None` where the drill was not live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveRecord>,
    /// What was said of it, where it was not good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
    /// Milliseconds from sandbox to sandbox.
    pub total_ms: u64,
    /// Runs before this one, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<PastRun>,
}

impl Evidence {
    /// How long a stage took, in milliseconds; `None` where it was not reached.
    pub fn took(&self, stage: Stage) -> Option<u64> {
        let of_stage = self.stages.iter().filter(|record| record.stage == stage);
        of_stage.map(|record| record.ms).reduce(|sum, ms| sum + ms)
    }
}

/// The format that this version writes and reads.
pub const SCHEMA: u32 = 1;
