//! Experiments on drills: the same fault, with something else than its whole resolution.

use super::Job;
use crate::page::{Cause, IssuePage};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What is done instead of a cause's resolution, and for how long it is looked whether that helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    /// What is done.
    pub instead: Instead,
    /// How long the fault must stay.
    pub within: Duration,
}

/// What is done instead of a cause's resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instead {
    /// Nothing at all.
    Nothing,
    /// The resolution of the page's cause with this index.
    Other(usize),
    /// The resolution without the step that is the block with this index in the document.
    Without(usize),
}

impl Control {
    /// The index of the cause whose resolution is followed instead.
    pub fn other(&self) -> Option<usize> {
        match self.instead {
            Instead::Other(other) => Some(other),
            Instead::Nothing | Instead::Without(_) => None,
        }
    }

    /// Whether a single step is left out.
    pub fn is_mutation(&self) -> bool {
        matches!(self.instead, Instead::Without(_))
    }
}

/// The control experiments to the drills among `jobs`: each drill once without its resolution, and
/// once with that of each other cause of its page. `recovery` is how long the recovery of a cause is
/// known to take.
pub fn controls(jobs: &[Job], recovery: impl Fn(&IssuePage, &Cause) -> Duration) -> Vec<Job> {
    let mut experiments = Vec::new();
    for job in jobs {
        let (Job::Drill { cause, .. }, Some((issue, own))) = (job, job.drill()) else {
            continue;
        };
        let others = (0..issue.causes.len()).filter(|other| other != cause);
        for other in std::iter::once(None).chain(others.map(Some)) {
            let longest = other
                .map(|other| recovery(issue, &issue.causes[other]))
                .max(Some(recovery(issue, own)))
                .unwrap_or_default();
            let control = Control {
                instead: other.map_or(Instead::Nothing, Instead::Other),
                within: watched(longest, LEAST),
            };
            experiments.extend(experiment(job, control));
        }
    }
    experiments
}

/// How many steps the resolution of a drill has: executed blocks, each with all of its lines.
pub fn n_resolution_steps(job: &Job) -> usize {
    job.drill().map_or(0, |(_, cause)| blocks(cause).len())
}

/// The mutations of the drills among `jobs`: each drill once without each step of its resolution.
/// `recovery` is how long the recovery with all of them takes.
pub fn mutations(jobs: &[Job], recovery: impl Fn(&IssuePage, &Cause) -> Duration) -> Vec<Job> {
    let mut experiments = Vec::new();
    for job in jobs {
        let Some((issue, cause)) = job.drill() else {
            continue;
        };
        for block in blocks(cause) {
            let mut of_block = cause.resolution.iter().filter(|step| step.block == block);
            let said = of_block.any(|step| step.not_needed.is_some());
            let control = Control {
                instead: Instead::Without(block),
                within: watched(recovery(issue, cause), if said { CLAIMED } else { LEAST }),
            };
            experiments.extend(experiment(job, control));
        }
    }
    experiments
}

/// The blocks of its resolution, in the order of the page.
fn blocks(cause: &Cause) -> BTreeSet<usize> {
    cause.resolution.iter().map(|step| step.block).collect()
}

/// However short the recovery on record is.
const LEAST: Duration = Duration::from_secs(5);

/// Where the page says that it recovers, a slow machine must not make that untrue.
const CLAIMED: Duration = Duration::from_secs(60);

/// Three times as long as the recovery takes.
fn watched(recovery: Duration, least: Duration) -> Duration {
    (3 * recovery).max(least)
}

fn experiment(job: &Job, control: Control) -> Option<Job> {
    match job {
        Job::Drill { page, cause, .. } => Some(Job::Drill {
            page: Arc::clone(page),
            cause: *cause,
            trees: Vec::new(),
            control: Some(control),
        }),
        Job::DocTest { .. } => None,
    }
}
