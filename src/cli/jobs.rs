//! Which jobs a command line asks for, what is known of their times, and what is said at the end.

use super::args::RunArgs;
use super::execute::Executed;
use super::open::Opened;
use super::output::Output;
use super::{CliError, Exit, finish, write_reports};
use crate::evidence::{Evidence, Store};
use crate::page::{Cause, IssuePage};
use crate::plan::Job;
use crate::report::Summary;
use std::time::Duration;

/// The jobs that the filter and the shard leave.
pub(super) fn select(
    jobs: &[Job],
    filter: &[String],
    part: Option<(usize, usize)>,
    store: &Store,
) -> Vec<Job> {
    let named = |job: &&Job| {
        let title = job.subject().title().to_lowercase();
        filter.is_empty() || filter.iter().any(|f| title.contains(&f.to_lowercase()))
    };
    let chosen: Vec<Job> = jobs.iter().filter(named).cloned().collect();
    match part {
        Some((index, count)) => shard(chosen, index, count, store),
        None => chosen,
    }
}

/// For each cause the recovery on record, or else the time that it may take.
pub(super) fn recoveries(store: &Store) -> impl Fn(&IssuePage, &Cause) -> Duration {
    |issue, cause| {
        let own = store.iter().find(|evidence: &&Evidence| {
            let subject = &evidence.subject;
            subject.issue == Some(issue.number) && subject.cause.as_ref() == Some(&cause.name)
        });
        let known = own.and_then(|evidence| evidence.verdict.recovery());
        known.map_or(issue.resolve_within, Duration::from_millis)
    }
}

/// Writes the reports, and shows findings and `summary`; the exit status that follows from them.
pub(super) fn conclude(
    opened: &Opened,
    executed: &Executed,
    mut summary: Summary,
    run: &RunArgs,
    output: &Output,
) -> Result<Exit, CliError> {
    let played = &executed.played;
    let mut findings = opened.findings.clone();
    findings.extend(played.iter().flat_map(|played| played.findings.clone()));
    crate::finding::sort(&mut findings);
    summary.count(&findings);
    write_reports(run, &summary, played, &findings)?;
    Ok(finish(&summary, &findings, executed.interrupted, output))
}

/// Gives each job to the part with the least recorded time so far, longest first: every machine
/// with the same evidence, or with none, comes to the same parts.
fn shard(jobs: Vec<Job>, index: usize, count: usize, store: &Store) -> Vec<Job> {
    let mut timed: Vec<(u64, usize)> = jobs
        .iter()
        .enumerate()
        .map(|(at, job)| (store.last(&job.subject()).map_or(1000, |e| e.total_ms), at))
        .collect();
    timed.sort_by_key(|(ms, at)| (std::cmp::Reverse(*ms), *at));
    let mut loads = vec![0; count];
    let mut own = Vec::new();
    for (ms, at) in timed {
        let part = (0..count)
            .min_by_key(|part| (loads[*part], *part))
            .unwrap_or(0);
        loads[part] += ms;
        if part + 1 == index {
            own.push(at);
        }
    }
    jobs.into_iter()
        .enumerate()
        .filter(|(at, _)| own.contains(at))
        .map(|(_, job)| job)
        .collect()
}
