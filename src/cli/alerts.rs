//! `mdbook-runbook alerts`: `runbook_url` written into the rule files.

use super::args::AlertsArgs;
use super::open::open;
use super::output::Output;
use super::site::{self, Purpose};
use super::{CliError, Exit};
use crate::finding::Severity;
use crate::fs_write;
use crate::rules::FileEdit;

pub(super) fn run(args: &AlertsArgs, output: &Output) -> Result<Exit, CliError> {
    let opened = open(args.book.book.as_ref(), None)?;
    if opened.config.rules.is_empty() {
        return Err(CliError::Usage(
            "this book names no rule files\n  add `rules = [\"../alerts/*.yml\"]` to `[preprocessor.runbook]`".to_owned(),
        ));
    }
    let dest = tempfile::tempdir().map_err(|source| CliError::Write {
        path: std::env::temp_dir(),
        source,
    })?;
    // A link to an anchor that is not there must not be written: the pages are built to see.
    let built = site::build(&opened, dest.path(), None, Purpose::Inspect)?;
    let (edits, mut findings, linked) = site::rules(&opened);
    findings.extend(
        built
            .findings
            .into_iter()
            .filter(|f| f.check == "alert-anchor"),
    );
    let broken = findings.iter().any(|f| f.severity == Severity::Error);
    if args.locked {
        findings.extend(edits.iter().map(FileEdit::stale_finding));
    } else if !broken {
        for edit in &edits {
            let path = edit.file.path();
            let old = edit.file.text().as_bytes();
            fs_write::write_if_unchanged_since(path, old, edit.new_text.as_bytes())?;
            output.line(&format!("wrote {}", path.display()));
        }
    }
    crate::finding::sort(&mut findings);
    output.findings(&findings);
    let linked = linked.unwrap_or_default();
    let written = if args.locked || broken {
        0
    } else {
        linked.all - linked.right
    };
    output.line(&format!(
        "{}/{} alerts linked",
        (linked.right + written).min(linked.all),
        linked.all
    ));
    let failed = findings.iter().any(|f| f.severity == Severity::Error);
    Ok(if failed { Exit::Findings } else { Exit::Good })
}
