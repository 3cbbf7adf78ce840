//! `mdbook-runbook mutate`: drills without one step of their resolution at a time.

use super::args::{MutateArgs, RunArgs};
use super::execute::{Executed, Request, execute};
use super::jobs::{conclude, recoveries, select};
use super::open::{Opened, open};
use super::output::Output;
use super::{CliError, Exit};
use crate::evidence::Store;
use crate::plan::{Job, mutations, n_resolution_steps};
use crate::report::Summary;
use crate::run::Played;

pub(super) fn run(args: &MutateArgs, output: &mut Output) -> Result<Exit, CliError> {
    let opened = open(args.book.as_ref(), args.run.instance.as_deref())?;
    let mut store = Store::load(&opened.config.state_dir());
    let mut drills = opened.plan.jobs.clone();
    drills.retain(|job| job.drill().is_some());
    if drills.is_empty() {
        return Err(CliError::Usage("the book has no drill".to_owned()));
    }
    let drills: Vec<Job> = select(&drills, &args.filter, args.shard, &store);
    if drills.is_empty() && args.shard.is_none() {
        return Err(CliError::NothingSelected(args.filter.join("`, `")));
    }
    let (drills, single): (Vec<Job>, Vec<Job>) = drills
        .into_iter()
        .partition(|job| n_resolution_steps(job) > 1);
    let executed = run_all(&opened, drills, &mut store, &args.run, output)?;
    let summary = Summary {
        single_step_causes: Some(single.len()),
        ..Summary::new(&executed.played, opened.plan.accounting, &[])
    };
    conclude(&opened, &executed, summary, &args.run, output)
}

/// The drills with all steps first: where that does not recover, no step can be missed.
fn run_all(
    opened: &Opened,
    drills: Vec<Job>,
    store: &mut Store,
    run: &RunArgs,
    output: &mut Output,
) -> Result<Executed, CliError> {
    let request = Request {
        run,
        reuse: true,
        bless: false,
    };
    let mut whole = execute(opened, drills.clone(), store, &request, output)?;
    let is_failed = |played: &Played| !played.evidence.verdict.is_good();
    if whole.interrupted || (run.fail_fast && whole.played.iter().any(is_failed)) {
        return Ok(whole);
    }
    let recovered = |job: &Job| {
        let subject = job.subject();
        let own = whole.played.iter().find(|p| p.evidence.subject == subject);
        own.is_some_and(|played| !is_failed(played))
    };
    let recovered: Vec<Job> = drills.into_iter().filter(recovered).collect();
    let jobs = mutations(&recovered, recoveries(store));
    let prepared = RunArgs {
        no_prepare: true,
        ..run.clone()
    };
    let request = Request {
        run: &prepared,
        ..request
    };
    let without = execute(opened, jobs, store, &request, output)?;
    whole.played.extend(without.played);
    whole.interrupted = without.interrupted;
    Ok(whole)
}
