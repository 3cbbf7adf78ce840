//! The blocks of a chapter, in order, on a healthy instance.

use super::drill::{leftovers, start, stop};
use super::record::{Failed, Recorder};
use crate::config::Instance;
use crate::evidence::{Stage, Verdict};
use crate::page::Step;

/// Runs `steps`; `Ok` with the processes that were left, which are killed and reported but are no
/// fault: a tutorial may well leave its server running.
pub(super) fn play(
    steps: &[Step],
    instance: Option<&Instance>,
    recorder: &mut Recorder<'_>,
) -> Result<(Verdict, Vec<String>), Failed> {
    start(instance, recorder)?;
    recorder.begin(Stage::Verify);
    if let Some(bad) = recorder.steps(steps)? {
        let finding = bad
            .finding("step-failed", "this block does not do what the page says")
            .help("correct the block, or say what it must do: `{exit=1}`, `{nonzero}`, `{any}`");
        return Err(Failed::new(Verdict::StepFailed, finding));
    }
    let left = match instance {
        Some(instance) => stop(Some(instance), recorder)?,
        None => leftovers(recorder)?,
    };
    Ok((Verdict::Passed, left))
}
