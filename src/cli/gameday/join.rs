//! Other terminals and scripts: they enter the sandbox of a running game day, or judge it.

use super::super::args::GamedayArgs;
use super::super::output::Output;
use super::super::{CliError, Exit};
use super::operate::Operator;
use super::running;
use crate::gameday::What;
use crate::run::{Left, Scene, Stop, judge_from_outside};
use std::time::Duration;

/// A shell, or commands from standard input. It ends nothing.
pub(super) fn join(args: &GamedayArgs, output: &Output) -> Result<Exit, CliError> {
    let (_, files, state, candidate) = running(args)?;
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    let operator = Operator {
        door: &state.door,
        candidate: &candidate,
        journal: &files.journal(),
        elsewhere: true,
        stop: &stop,
        output,
    };
    let left = operator.work()?;
    if !state.door.is_open() {
        output.line("the game day has ended");
    }
    Ok(match left {
        Left::Ended => Exit::Good,
        Left::Stopped => Exit::Interrupted,
    })
}

/// Whether it has recovered.
pub(super) fn check(args: &GamedayArgs, output: &Output) -> Result<Exit, CliError> {
    let (opened, files, state, candidate) = running(args)?;
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    let instance = opened.config.instance.as_ref();
    let scene = Scene {
        issue: candidate.issue(),
        cause: candidate.cause(),
        instance,
    };
    let settle = instance.map_or(Duration::ZERO, |instance| instance.settle);
    let within = args.patience.unwrap_or(settle);
    let judged = judge_from_outside(&state.door, &scene, state.before, (within, &stop))?;
    let Some(judgement) = judged else {
        return Ok(Exit::Interrupted);
    };
    let wrong = match (&judgement.wrong, judgement.is_good()) {
        (Some(wrong), _) => Some(wrong.clone()),
        (None, true) => None,
        (None, false) => Some("data was lost".to_owned()),
    };
    let journal = files.journal();
    let what = What::Check {
        wrong: wrong.clone(),
    };
    journal
        .add(judgement.at.into(), what)
        .map_err(CliError::Journal)?;
    match wrong {
        None => {
            output.line("recovered: the verification passes");
            Ok(Exit::Good)
        }
        // The block that fails would tell the issue.
        Some(_) if !state.announced => {
            output.line("not recovered");
            Ok(Exit::Findings)
        }
        Some(wrong) => {
            output.line(&format!("not recovered: {wrong}"));
            Ok(Exit::Findings)
        }
    }
}
