//! Control experiments: a fault that goes away without its resolution proves nothing about it, and
//! one that goes away without a step of it proves nothing about that step.

use super::drill::{Drill, Polled, Wanted, poll};
use super::record::{Failed, Recorder};
use crate::evidence::{Stage, Verdict};
use crate::finding::Finding;
use crate::page::Cause;
use crate::plan::{Control, Instead};

impl Drill<'_> {
    /// Induces the fault, does `control` instead of the resolution, and requires that the fault
    /// stays. A verification that passes although data was lost counts as red.
    /// Where `control` leaves out a step, whether the page says that it is not needed must be true.
    pub(super) fn experiment(
        &self,
        control: Control,
        recorder: &mut Recorder<'_>,
    ) -> Result<Verdict, Failed> {
        let before = self.break_and_diagnose(recorder)?;
        if let Instead::Without(block) = control.instead {
            return self.without(block, control.within, before, recorder);
        }
        let other = control.other().map(|other| &self.issue.causes[other]);
        recorder.begin(Stage::Resolve);
        if let Some(other) = other {
            // Whoever follows the wrong section stops where it does not go on.
            recorder.steps(&other.resolution)?;
        }
        recorder.begin(Stage::Verify);
        let within = self
            .limits
            .patience(control.within.min(self.issue.resolve_within));
        let met = poll(recorder, &self.issue.verification, within, Wanted::Pass)?;
        let mut cured = matches!(met, Polled::Met);
        if cured {
            recorder.begin(Stage::Invariant);
            cured = self.compare(recorder, before).is_ok();
        }
        match other {
            None if cured => Err(self.self_healed()),
            Some(other) => self.with_other(other, cured),
            None => {
                self.still_raised(recorder)?;
                Ok(Verdict::StaysRed)
            }
        }
    }

    fn with_other(&self, other: &Cause, cured: bool) -> Result<Verdict, Failed> {
        let own = &self.cause.name;
        match (other.also.iter().any(|(name, _)| name == own), cured) {
            (true, true) => Ok(Verdict::CuredAsSaid),
            (false, false) => Ok(Verdict::StaysRed),
            (false, true) => Err(Failed::new(
                Verdict::CuredByOther,
                Finding::error(
                    "cured-by-other",
                    other.place.clone(),
                    format!("the resolution of `{}` removes `{own}` too", other.name),
                )
                .note("and the page does not say so")
                .help(format!("say on its first block why: `{{also=\"{own}: why\"}}`, or induce a fault that only its own resolution removes")),
            )),
            (true, false) => Err(Failed::new(
                Verdict::AlsoUntrue,
                Finding::error(
                    "also-untrue",
                    other.place.clone(),
                    format!("the resolution of `{}` does not remove `{own}`", other.name),
                )
                .note("though its `also` says that it does")
                .help("take the cause out of `also`"),
            )),
        }
    }

    fn self_healed(&self) -> Failed {
        Failed::new(
            Verdict::SelfHealed,
            Finding::error(
                "self-healed",
                self.cause.place.clone(),
                format!("`{}` heals without its resolution", self.cause.name),
            )
            .note("so this drill does not prove that the resolution works")
            .help("induce a fault that stays"),
        )
    }
}
