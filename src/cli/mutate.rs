//! `mdbook-runbook mutate`: drills without one step of their resolution at a time.

use super::args::MutateArgs;
use super::execute::{Request, execute};
use super::jobs::{conclude, recoveries, select};
use super::open::open;
use super::output::Output;
use super::{CliError, Exit};
use crate::evidence::Store;
use crate::plan::{Job, mutations};
use crate::report::Summary;

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
    let (jobs, single) = mutations(&drills, recoveries(&store));
    let request = Request {
        run: &args.run,
        reuse: false,
        bless: false,
    };
    let executed = execute(&opened, jobs, &mut store, &request, output)?;
    let summary = Summary {
        single_step_causes: Some(single),
        ..Summary::new(&executed.played, opened.plan.accounting, &[])
    };
    conclude(&opened, &executed, summary, &args.run, output)
}
