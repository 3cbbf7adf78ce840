//! The runs of a drill or a doc test on record, one below the other: has it become slower?

use crate::evidence::{Before, Evidence, PastRun, Verdict};
use crate::site::evidence_view::moment;
use crate::site::text::time;
use crate::site::time_picture::{Marks, Scale, Shape};
use serde::Serialize;

/// A row of the table.
#[derive(Serialize)]
pub(super) struct Run {
    when: String,
    /// The instance's, where it is not that of the run before.
    version: Option<String>,
    /// How long it took, or how else it ended.
    how: String,
    marks: Marks,
}

/// What the picture shows of a run, in milliseconds: the recovery of a drill, the whole of a doc test.
pub(super) fn length(run: &PastRun) -> Option<u64> {
    match run.verdict {
        Verdict::Passed => Some(run.total_ms),
        _ => run.verdict.recovery(),
    }
}

/// This run and those before, the newest first.
pub(super) fn runs(evidence: &Evidence, target: Option<u64>, scale: Scale) -> Vec<Run> {
    let this = PastRun::of(evidence);
    let all: Vec<&PastRun> = std::iter::once(&this).chain(&evidence.past).collect();
    let before = all.iter().skip(1).map(Some).chain([None]);
    all.iter()
        .zip(before)
        .map(|(run, before)| shown(run, before.copied(), target, scale))
        .collect()
}

fn shown(run: &PastRun, before: Option<&PastRun>, target: Option<u64>, scale: Scale) -> Run {
    let length = length(run);
    // What failed has no time: its cross stands at the target, which it has not met.
    let (shape, ms) = match length {
        Some(ms) => (Shape::Good, ms),
        None => (Shape::Bad, target.unwrap_or(run.total_ms)),
    };
    let version = run.instance_version.clone();
    Run {
        when: moment(&run.finished_at),
        version: version.filter(|version| {
            before.and_then(|before| before.instance_version.as_ref()) != Some(version)
        }),
        how: length.map_or_else(|| run.verdict.name().replace('-', " "), time),
        marks: scale.marks(shape, Some(ms), target),
    }
}

/// `0.41 s to 0.60 s in 5 runs`: recoveries before this one.
pub(in super::super) fn before(evidence: &Evidence) -> Option<String> {
    let Before {
        fastest,
        slowest,
        n,
    } = Before::of(evidence)?;
    Some(if n == 1 {
        format!("{}, in one run", time(fastest))
    } else {
        format!("{} to {}, in {n} runs", time(fastest), time(slowest))
    })
}
