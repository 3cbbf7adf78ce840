//! `mdbook-runbook test`: drills and doc tests.

use super::args::TestArgs;
use super::execute::{Request, execute};
use super::jobs::{conclude, recoveries, select};
use super::open::open;
use super::output::Output;
use super::{CliError, Exit};
use crate::evidence::Store;
use crate::plan::controls;
use crate::report::Summary;

pub(super) fn run(args: &TestArgs, output: &mut Output) -> Result<Exit, CliError> {
    let opened = open(args.book.as_ref(), args.run.instance.as_deref())?;
    let mut store = Store::load(&opened.config.state_dir());
    let mut jobs = select(&opened.plan.jobs, &args.filter, args.shard, &store);
    if args.control {
        jobs = controls(&jobs, recoveries(&store));
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
    let summary = Summary::new(&executed.played, opened.plan.accounting, &[]);
    conclude(&opened, &executed, summary, &args.run, output)
}
