//! The stage of a game day: a fault induced as in a drill and left alone, and the judgement.

use super::door::Door;
use super::drill::{Drill, Polled, Wanted, poll};
use super::expectation::Unmet;
use super::record::{BadStep, Failed, Recorder};
use super::sandbox::{Sandbox, SandboxError};
use super::scheduler::Limits;
use super::session::Session;
use super::stop::Stop;
use crate::config::Instance;
use crate::evidence::{StageRecord, Verdict};
use crate::finding::Finding;
use crate::page::{Cause, IssuePage};
use jiff::Timestamp;
use std::time::Duration;

/// Lines of a step's output that the record of a judgement shows.
const SHOWN_LINES: usize = 20;

/// A game day has one sandbox, and whatever `resolve-within` says is its target.
const LIMITS: Limits = Limits {
    jobs: 1,
    fail_fast: false,
    bless: false,
    patience: None,
};

/// What is played, and how it is judged.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The issue.
    pub issue: &'a IssuePage,
    /// What is wrong.
    pub cause: &'a Cause,
    /// The service.
    pub instance: Option<&'a Instance>,
}

/// Why there is no game.
#[derive(Debug)]
pub enum NoGame {
    /// This machine gives us no sandbox, or none that can be entered.
    Sandbox(SandboxError),
    /// The instance or its fault is not as the book says.
    Book(Box<Finding>),
    /// A signal to this tool.
    Interrupted,
}

impl From<SandboxError> for NoGame {
    fn from(error: SandboxError) -> Self {
        Self::Sandbox(error)
    }
}

impl From<Failed> for NoGame {
    fn from(failed: Failed) -> Self {
        match failed.finding {
            Some(finding) => Self::Book(finding),
            None => Self::Interrupted,
        }
    }
}

/// A sandbox with a fault in it. Dropping it ends everything in there.
pub struct Game<'a> {
    recorder: Recorder<'a>,
    door: Door,
    before: Option<String>,
    induced_at: Timestamp,
}

/// What became of the data.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Data {
    /// The invariant prints what it printed before the fault.
    Kept,
    /// It prints something else; the difference.
    Lost(String),
    /// The page declares this loss.
    Declared(String),
    /// Nothing to compare: there is no invariant, or the service has not recovered.
    NotCompared,
}

/// How it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// When it was made: at the first round that passed, or at the last.
    pub at: Timestamp,
    /// What does not hold of *Verification*; `None` where it passes.
    pub wrong: Option<String>,
    /// *Verification* as a terminal would show it.
    pub transcript: String,
    /// The data.
    pub data: Data,
}

impl Judgement {
    /// The service is well, and nothing is lost that the page does not give up.
    pub fn is_good(&self) -> bool {
        self.wrong.is_none() && !matches!(self.data, Data::Lost(_))
    }
}

impl<'a> Game<'a> {
    /// Starts the instance, induces the fault, and requires that *Verification* sees it.
    pub fn start(sandbox: &Sandbox, scene: &Scene<'_>, stop: &'a Stop) -> Result<Self, NoGame> {
        let mut session = Session::start(sandbox, std::path::Path::new("/"), stop)?;
        let ready = session.ready("bash");
        if stop.is_set() {
            return Err(NoGame::Interrupted);
        }
        ready?;
        let bash = session.bash();
        let mut recorder = Recorder::new(session, false);
        let before = drill(scene).induce(&mut recorder)?;
        let door = bash.map_or_else(
            || Err(SandboxError::NoEntry("it has no process".to_owned())),
            Door::to,
        )?;
        Ok(Self {
            recorder,
            door,
            before: before.printed,
            induced_at: before.at,
        })
    }

    /// The way into its sandbox.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// What the invariant printed before the fault.
    pub fn before(&self) -> Option<&str> {
        self.before.as_deref()
    }

    /// When the fault was there.
    pub fn induced_at(&self) -> Timestamp {
        self.induced_at
    }

    /// Looks at it until *Verification* passes, but no longer than `within`. `None` where a signal
    /// ended that.
    pub fn judge(&mut self, scene: &Scene<'_>, within: Duration) -> Option<Judgement> {
        judge(&mut self.recorder, scene, self.before.clone(), within)
    }
}

/// The same from another process.
pub fn judge_from_outside(
    door: &Door,
    scene: &Scene<'_>,
    before: Option<String>,
    (within, stop): (Duration, &Stop),
) -> Result<Option<Judgement>, SandboxError> {
    let session = Session::enter(door, stop)?;
    let mut recorder = Recorder::new(session, false);
    Ok(judge(&mut recorder, scene, before, within))
}

fn drill<'a>(scene: &Scene<'a>) -> Drill<'a> {
    Drill {
        live: None,
        issue: scene.issue,
        cause: scene.cause,
        instance: scene.instance,
        limits: &LIMITS,
        trees: &[],
    }
}

fn judge(
    recorder: &mut Recorder<'_>,
    scene: &Scene<'_>,
    before: Option<String>,
    within: Duration,
) -> Option<Judgement> {
    recorder.begin(crate::evidence::Stage::Verify);
    let polled = poll(recorder, &scene.issue.verification, within, Wanted::Pass).ok()?;
    let mut judgement = Judgement {
        at: Timestamp::now(),
        wrong: match polled {
            Polled::Met => None,
            Polled::Bad(bad) => Some(in_words(&bad)),
        },
        transcript: recorder.last_stage().map(transcript).unwrap_or_default(),
        data: Data::NotCompared,
    };
    if judgement.wrong.is_none() && before.is_some() {
        recorder.begin(crate::evidence::Stage::Invariant);
        judgement.data = compare(recorder, scene, before)?;
    }
    Some(judgement)
}

/// What became of the data. A loss that the page declares counts as one only if there was one.
fn compare(recorder: &mut Recorder<'_>, scene: &Scene<'_>, before: Option<String>) -> Option<Data> {
    let mut cause = scene.cause.clone();
    let declared = cause.loss.take();
    let strict = Scene {
        cause: &cause,
        ..*scene
    };
    match (drill(&strict).compare(recorder, before), declared) {
        (Ok(()), _) => Some(Data::Kept),
        (Err(failed), Some(loss)) if failed.verdict == Verdict::DataLost => {
            Some(Data::Declared(loss))
        }
        (Err(failed), None) if failed.verdict == Verdict::DataLost => {
            let finding = failed.finding.and_then(|finding| finding.detail);
            Some(Data::Lost(finding.unwrap_or_default()))
        }
        (Err(_), _) => None,
    }
}

fn in_words(bad: &BadStep<'_>) -> String {
    let code = bad.step.code.trim().lines().next().unwrap_or_default();
    match &bad.unmet {
        Unmet::Outcome(words) => format!("`{code}`: {words}"),
        Unmet::Output(_) => format!("`{code}` prints something else than the page says"),
        Unmet::Silent => format!("`{code}` prints nothing"),
    }
}

fn transcript(stage: &StageRecord) -> String {
    let mut text = String::new();
    for step in &stage.steps {
        for line in step.code.trim_end().lines() {
            text.push_str(&format!("$ {line}\n"));
        }
        let lines: Vec<&str> = step.output.lines().collect();
        for line in lines.iter().take(SHOWN_LINES) {
            text.push_str(&format!("{line}\n"));
        }
        if lines.len() > SHOWN_LINES {
            text.push_str(&format!("[… {} lines …]\n", lines.len() - SHOWN_LINES));
        }
    }
    text
}
