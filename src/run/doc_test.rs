//! The blocks of a chapter, in order, on a healthy instance.

use super::drill::{leftovers, start, stop};
use super::record::{Failed, Recorder};
use super::walk::on_healthy;
use crate::config::Instance;
use crate::evidence::{Stage, Verdict};
use crate::plan::Job;

/// Runs the blocks of `job`'s chapter, and walks its decision tree; `Ok` with the processes that were left, which are killed and reported but are no
/// fault: a tutorial may well leave its server running.
pub(super) fn play(
    job: &Job,
    instance: Option<&Instance>,
    recorder: &mut Recorder<'_>,
) -> Result<(Verdict, Vec<String>), Failed> {
    start(instance, recorder)?;
    recorder.begin(Stage::Verify);
    if let Some(bad) = recorder.steps(&job.page().doc_test)? {
        let finding = bad
            .finding("step-failed", "this block does not do what the page says")
            .help("correct the block, or say what it must do: `{exit=1}`, `{nonzero}`, `{any}`");
        return Err(Failed::new(Verdict::StepFailed, finding));
    }
    for tree in job.trees() {
        on_healthy(tree, recorder)?;
    }
    let left = match instance {
        Some(instance) => stop(Some(instance), recorder)?,
        None => leftovers(recorder)?,
    };
    Ok((Verdict::Passed, left))
}
