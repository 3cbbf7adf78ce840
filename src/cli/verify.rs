//! `mdbook-runbook verify`: all that CI needs, with one summary and one exit status.

use super::args::VerifyArgs;
use super::execute::{Request, execute};
use super::open::open;
use super::output::Output;
use super::rule_files;
use super::site::{self, Purpose};
use super::{CliError, Exit, finish, write_reports};
use crate::check;
use crate::evidence::Store;
use crate::plan::{Job, controls};
use crate::report::Summary;
use crate::rules::FileEdit;
use std::collections::BTreeSet;
use std::time::Duration;

pub(super) fn run(args: &VerifyArgs, output: &mut Output) -> Result<Exit, CliError> {
    let opened = open(args.book.book.as_ref(), args.run.instance.as_deref())?;
    let mut store = Store::load(&opened.config.state_dir());
    let experiments = controls(&opened.plan.jobs, |_, _| Duration::ZERO);
    let jobs = opened.plan.jobs.iter().chain(&experiments);
    let subjects: BTreeSet<_> = jobs.map(Job::subject).collect();
    store.retain(|subject| subjects.contains(subject));
    let request = Request {
        run: &args.run,
        reuse: !args.fresh,
        bless: false,
    };
    let jobs = opened.plan.jobs.clone();
    let executed = execute(&opened, jobs, &mut store, &request, output)?;
    let mut findings = opened.findings.clone();
    findings.extend(
        executed
            .played
            .iter()
            .flat_map(|played| played.findings.clone()),
    );
    let mut summary = Summary::new(&executed.played, opened.plan.accounting, &[]);
    if !executed.interrupted {
        let (arrived, walked) = summary.walked;
        findings.extend(check::walks_astray(arrived, walked, &opened.config));
        let red = if let Some(profile) = &opened.config.profile {
            // Its log, its metrics and its drills are not those that the book speaks of.
            vec![check::not_judged(profile, &opened.config)]
        } else {
            findings.extend(super::check::on_record(&opened, &store));
            site::criteria(&opened, &store, Some(&executed.inputs))
        };
        let (edits, more, linked) = rule_files::plan(&opened, false, &[]);
        findings.extend(more);
        findings.extend(edits.iter().map(FileEdit::stale_finding));
        let dest = opened.config.build_dir.clone();
        let purpose = Purpose::Verify(&findings);
        let built = site::build(&opened, &dest, Some(executed.inputs), purpose)?;
        findings.extend(built.findings);
        findings.extend(red);
        summary.longest_path = built.matrix.longest;
        summary.alerts = linked.map(|linked| (linked.right, linked.all));
    }
    crate::finding::sort(&mut findings);
    summary.count(&findings);
    write_reports(&args.run, &summary, &executed.played, &findings)?;
    Ok(finish(&summary, &findings, executed.interrupted, output))
}
