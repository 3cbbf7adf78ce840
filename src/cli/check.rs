//! `mdbook-runbook check`: everything that needs no execution.

use super::args::BookArgs;
use super::open::{Opened, open};
use super::output::Output;
use super::rule_files;
use super::site::{self, Purpose};
use super::{CliError, Exit};
use crate::alerting::Alerting;
use crate::check;
use crate::evidence::Store;
use crate::finding::Finding;
use crate::report::Summary;
use crate::rules::FileEdit;

pub(super) fn run(args: &BookArgs, output: &Output) -> Result<Exit, CliError> {
    let opened = open(args.book.as_ref(), None)?;
    let mut findings = opened.findings.clone();
    let dest = tempfile::tempdir().map_err(|source| CliError::Write {
        path: std::env::temp_dir(),
        source,
    })?;
    let built = site::build(&opened, dest.path(), None, Purpose::Inspect)?;
    findings.extend(built.findings);
    let store = Store::load(&opened.config.state_dir());
    findings.extend(on_record(&opened, &store));
    let (edits, more, linked) = rule_files::plan(&opened, false, &[]);
    findings.extend(more);
    findings.extend(edits.iter().map(FileEdit::stale_finding));
    // What was run may have been run on other pages than these: `verify` knows.
    let store = Store::load(&opened.config.state_dir());
    let red = site::criteria(&opened, &store, None);
    findings.extend(red.into_iter().map(Finding::warning));
    crate::finding::sort(&mut findings);
    let mut summary = Summary::new(&[], opened.plan.accounting, &findings);
    summary.longest_path = built.matrix.longest;
    summary.alerts = linked.map(|linked| (linked.right, linked.all));
    output.findings(&findings);
    output.line(&summary.checked_line(opened.plan.jobs.len()));
    Ok(if summary.errors == 0 {
        Exit::Good
    } else {
        Exit::Findings
    })
}

/// Log lines, metrics and what belongs to alerts, against what is on record.
pub(super) fn on_record(opened: &Opened, store: &Store) -> Vec<Finding> {
    let Opened {
        pages,
        config,
        plan,
        ..
    } = opened;
    let mut findings = check::log_lines(pages, config, store, &plan.jobs);
    let (alerting, more) = Alerting::of(&opened.rules().0, config);
    findings.extend(more);
    findings.extend(check::metrics(&alerting, config, store, &plan.jobs));
    findings.extend(check::drift(&alerting, pages, config));
    findings.extend(check::slower(pages, store));
    findings
}
