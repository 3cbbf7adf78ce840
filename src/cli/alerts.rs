//! `mdbook-runbook alerts`: links written into the rule files, or taken out again.

use super::args::AlertsArgs;
use super::open::{Opened, open};
use super::output::Output;
use super::rule_files;
use super::site;
use super::{CliError, Exit};
use crate::finding::{Finding, Severity};
use crate::fs_write;
use crate::report::plural;
use crate::rules::{self, FileEdit};

pub(super) fn run(args: &AlertsArgs, output: &Output) -> Result<Exit, CliError> {
    let opened = open(args.book.book.as_ref(), None)?;
    if !opened.config.has_rules() {
        return Err(CliError::Usage(
            "this book names no rule files\n  add `rules = [\"../alerts/*.yml\"]` to `[preprocessor.runbook]`".to_owned(),
        ));
    }
    let (findings, sum) = if args.remove {
        remove(args, &opened, output)?
    } else {
        write(args, &opened, output)?
    };
    let mut findings = findings;
    crate::finding::sort(&mut findings);
    output.findings(&findings);
    output.line(&sum);
    let failed = findings.iter().any(|f| f.severity == Severity::Error);
    Ok(if failed { Exit::Findings } else { Exit::Good })
}

/// Writes what is planned. A file with a rule that cannot be edited is not among the edits.
fn write(
    args: &AlertsArgs,
    opened: &Opened,
    output: &Output,
) -> Result<(Vec<Finding>, String), CliError> {
    let dest = tempfile::tempdir().map_err(|source| CliError::Write {
        path: std::env::temp_dir(),
        source,
    })?;
    // A link to an anchor that is not there must not be written: the pages are built to see.
    let about_links = site::links_of_alerts(opened, dest.path())?;
    let (edits, mut findings, linked) = rule_files::plan(opened, args.force_foreign, &about_links);
    findings.extend(about_links);
    let n_written = apply(args, &edits, &mut findings, output)?;
    let linked = linked.unwrap_or_default();
    let sum = format!("{}/{} alerts linked", linked.right + n_written, linked.all);
    Ok((findings, sum))
}

fn remove(
    args: &AlertsArgs,
    opened: &Opened,
    output: &Output,
) -> Result<(Vec<Finding>, String), CliError> {
    let (files, found) = opened.rules();
    let mut findings = found.clone();
    let policy = rule_files::policy(opened, args.force_foreign);
    let (edits, more) = rules::plan_removal(files, policy);
    findings.extend(more);
    let n_removed = apply(args, &edits, &mut findings, output)?;
    Ok((findings, format!("{} removed", plural(n_removed, "link"))))
}

/// Writes each file, whole or not at all; with `--locked` tells what would be written. How many
/// rules are changed.
fn apply(
    args: &AlertsArgs,
    edits: &[FileEdit],
    findings: &mut Vec<Finding>,
    output: &Output,
) -> Result<usize, CliError> {
    if args.locked {
        findings.extend(edits.iter().map(FileEdit::stale_finding));
        return Ok(0);
    }
    let mut n_changed = 0;
    for edit in edits {
        let path = edit.file.path();
        let old = edit.file.text().as_bytes();
        fs_write::write_if_unchanged_since(path, old, edit.new_text.as_bytes())?;
        output.line(&format!("wrote {}", path.display()));
        n_changed += edit.n_changed;
    }
    Ok(n_changed)
}
