//! Mutations: a resolution without one of its steps. If that is not missed, the step does nothing.

use super::drill::Drill;
use super::record::{Failed, Recorder, in_seconds};
use crate::evidence::Verdict;
use crate::finding::Finding;
use crate::markdown::NotNeeded;
use crate::page::Step;
use crate::source::Place;
use std::time::Duration;

impl Drill<'_> {
    /// With the fault induced, follows the resolution without the step that is `block`, and judges as
    /// in any drill. `before` is what the invariant printed.
    pub(super) fn without(
        &self,
        block: usize,
        within: Duration,
        before: Option<String>,
        recorder: &mut Recorder<'_>,
    ) -> Result<Verdict, Failed> {
        let steps = self.cause.resolution.iter().cloned();
        let (left_out, rest): (Vec<Step>, Vec<Step>) = steps.partition(|step| step.block == block);
        let within = within.min(self.issue.resolve_within);
        let ended = self.resolve((&rest, within), before, recorder);
        let step = &left_out[0];
        match (ended, &step.not_needed) {
            (Err(failed), _) if failed.verdict == Verdict::Interrupted => Err(failed),
            (Ok(_), Some(_)) => Ok(Verdict::NotNeededAsSaid),
            (Err(failed), None) => Ok(needed(&failed)),
            // What must not be skipped may stand there for other causes than this one.
            (Err(failed), Some(NotNeeded::Guard(_))) if is_of_all_causes(step) => {
                Ok(needed(&failed))
            }
            (Ok(time), None) => Err(self.does_nothing(step, time)),
            (Err(failed), Some(said)) => Err(self.needed_after_all(step, said, &failed)),
        }
    }

    fn does_nothing(&self, step: &Step, time: Duration) -> Failed {
        let place = if is_of_all_causes(step) {
            "it belongs to every cause of the page: put it below the headings of those that need it. "
        } else {
            ""
        };
        Failed::new(
            Verdict::StepDoesNothing,
            Finding::error(
                "step-does-nothing",
                step.place.clone(),
                format!("`{}` recovers without this step", self.cause.name),
            )
            .related(code(step), format!("left out: it recovered in {}", in_seconds(time)))
            .help(format!(
                "{place}take it out, or say why it stands there: `{{optional=\"what it is good for\"}}` \
                 if it may be skipped, `{{guard=\"what it protects\"}}` if not. \
                 Where two steps do the same, take out one and run `mutate` again"
            )),
        )
    }

    fn needed_after_all(&self, step: &Step, said: &NotNeeded, failed: &Failed) -> Failed {
        let attribute = said.attribute();
        let without = failed
            .finding
            .as_deref()
            .map_or_else(String::new, |finding| {
                let detail = finding.detail.as_deref().unwrap_or_default();
                format!(
                    "without it: {}: {}\n{detail}",
                    finding.locator(),
                    finding.title
                )
            });
        let finding = Finding::error(
            "needed-after-all",
            step.place.clone(),
            format!("`{}` does not recover without this step", self.cause.name),
        )
        .note(format!("though its `{attribute}` says that it does"))
        .detail(without)
        .help(format!(
            "take `{attribute}` off: whoever skips the step is not helped"
        ));
        Failed::new(Verdict::NeededAfterAll, finding)
    }
}

fn needed(failed: &Failed) -> Verdict {
    Verdict::StepNeeded {
        without: failed.verdict.name().to_owned(),
    }
}

/// Whether it stands directly under *Resolution*.
fn is_of_all_causes(step: &Step) -> bool {
    step.part.is_none()
}

/// Its first line of code.
fn code(step: &Step) -> Place {
    Place::line_of(&step.place.file, step.first_line)
}
