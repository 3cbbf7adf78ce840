//! `mdbook-runbook build`: the site, with what is stale run first where `book.toml` asks for it.

use super::args::BuildArgs;
use super::execute::{Executed, Request, execute};
use super::open::{Opened, open};
use super::output::Output;
use super::site::{self, Purpose};
use super::{CliError, Exit, args::RunArgs};
use crate::config::RunPolicy;
use crate::evidence::Store;
use crate::finding::Severity;

pub(super) fn run(args: &BuildArgs, output: &mut Output) -> Result<Exit, CliError> {
    let opened = open(args.book.book.as_ref(), args.run.instance.as_deref())?;
    let executed = run_by_policy(&opened, &args.run, output)?;
    if executed
        .as_ref()
        .is_some_and(|executed| executed.interrupted)
    {
        return Ok(Exit::Interrupted);
    }
    let mut findings = opened.findings.clone();
    let mut inputs = None;
    if let Some(executed) = executed {
        findings.extend(
            executed
                .played
                .into_iter()
                .flat_map(|played| played.findings),
        );
        inputs = Some(executed.inputs);
    }
    let dest = args
        .dest_dir
        .clone()
        .unwrap_or_else(|| opened.config.build_dir.clone());
    let built = site::build(&opened, &dest, inputs, Purpose::Publish)?;
    findings.extend(built.findings);
    crate::finding::sort(&mut findings);
    output.findings(&findings);
    output.line(&format!("built {}", dest.join("index.html").display()));
    let failed = findings.iter().any(|f| f.severity == Severity::Error);
    Ok(if failed { Exit::Findings } else { Exit::Good })
}

/// Runs what `run` in `book.toml` asks for; `None` where that is nothing.
pub(super) fn run_by_policy(
    opened: &Opened,
    args: &RunArgs,
    output: &mut Output,
) -> Result<Option<Executed>, CliError> {
    if opened.config.run == RunPolicy::Never || opened.plan.jobs.is_empty() {
        return Ok(None);
    }
    let mut store = Store::load(&opened.config.state_dir());
    let request = Request {
        run: args,
        reuse: opened.config.run == RunPolicy::Stale,
        bless: false,
    };
    let jobs = opened.plan.jobs.clone();
    execute(opened, jobs, &mut store, &request, output).map(Some)
}
