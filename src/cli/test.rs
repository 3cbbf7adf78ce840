//! `mdbook-runbook test`: drills and doc tests.

use super::args::TestArgs;
use super::execute::{Request, execute};
use super::open::open;
use super::output::Output;
use super::{CliError, Exit, finish, write_reports};
use crate::evidence::{Evidence, Store, Verdict};
use crate::page::{Cause, IssuePage};
use crate::plan::{Job, controls};
use crate::report::Summary;
use std::time::Duration;

pub(super) fn run(args: &TestArgs, output: &mut Output) -> Result<Exit, CliError> {
    let opened = open(args.book.as_ref(), args.run.instance.as_deref())?;
    let mut store = Store::load(&opened.config.state_dir());
    let mut findings = opened.findings.clone();
    let mut jobs = select(&opened.plan.jobs, args, &store);
    if args.control {
        let evidence: Vec<&Evidence> = store.iter().collect();
        jobs = controls(&jobs, |issue, cause| recovery(issue, cause, &evidence));
    }
    if jobs.is_empty() && !opened.plan.jobs.is_empty() && args.shard.is_none() {
        return Err(CliError::NothingSelected(args.filter.join("`, `")));
    }
    let request = Request {
        run: &args.run,
        reuse: args.stale,
        bless: args.bless,
    };
    let executed = execute(&opened, jobs, &mut store, &request, output)?;
    if args.bless {
        let n = super::bless::apply(&executed.played)?;
        output.line(&format!("{n} `{{output}}` fences rewritten"));
    }
    findings.extend(
        executed
            .played
            .iter()
            .flat_map(|played| played.findings.clone()),
    );
    crate::finding::sort(&mut findings);
    let summary = Summary::new(&executed.played, opened.plan.accounting, &findings);
    write_reports(&args.run, &summary, &executed.played, &findings)?;
    Ok(finish(&summary, &findings, executed.interrupted, output))
}

/// The recovery on record, or else the time that it may take.
fn recovery(issue: &IssuePage, cause: &Cause, evidence: &[&Evidence]) -> Duration {
    let own = evidence.iter().find(|evidence| {
        let subject = &evidence.subject;
        subject.issue == Some(issue.number) && subject.cause.as_ref() == Some(&cause.name)
    });
    match own.map(|evidence| &evidence.verdict) {
        Some(Verdict::Recovered { ms }) => Duration::from_millis(*ms),
        _ => issue.resolve_within,
    }
}

/// The jobs that the filter and the shard leave.
fn select(jobs: &[Job], args: &TestArgs, store: &Store) -> Vec<Job> {
    let named = |job: &&Job| {
        let title = job.subject().title().to_lowercase();
        args.filter.is_empty()
            || args
                .filter
                .iter()
                .any(|f| title.contains(&f.to_lowercase()))
    };
    let chosen: Vec<Job> = jobs.iter().filter(named).cloned().collect();
    match args.shard {
        Some((index, count)) => shard(chosen, index, count, store),
        None => chosen,
    }
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
