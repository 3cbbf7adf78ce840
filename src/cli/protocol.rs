//! mdBook calls: a book comes on standard input, and goes back on standard output.

use super::args::RunArgs;
use super::build::run_by_policy;
use super::open::open;
use super::output::Output;
use super::{CliError, Exit};
use crate::finding::Severity;
use crate::preprocessor::{Runbook, read_protocol, write_protocol};
use mdbook_preprocessor::Preprocessor;
use std::io::{stdin, stdout};

/// Answers mdBook. Under `mdbook test` the blocks are run, and a bad one fails the test.
pub(super) fn run(output: &mut Output) -> Result<Exit, CliError> {
    output.keep_stdout_for_data();
    let failed = |error: anyhow::Error| CliError::Protocol(crate::book::chain(&error));
    let (context, book, asked) = read_protocol(stdin().lock()).map_err(failed)?;
    if let Some(warning) = &asked.warning {
        output.warn(warning);
    }
    let opened = open(Some(&asked.root), None)?;
    let executed = run_by_policy(&opened, &RunArgs::default(), output)?;
    let mut runbook = Runbook::default();
    if let Some(executed) = executed {
        let findings: Vec<_> = executed
            .played
            .iter()
            .flat_map(|played| played.findings.clone())
            .collect();
        output.findings(&findings);
        let bad = findings.iter().any(|f| f.severity == Severity::Error);
        if executed.interrupted {
            return Ok(Exit::Interrupted);
        }
        if bad && asked.renderer == "test" {
            return Ok(Exit::Findings);
        }
        runbook.inputs = Some(executed.inputs);
    }
    let book = runbook.run(&context, book).map_err(failed)?;
    write_protocol(stdout().lock(), &book).map_err(failed)?;
    Ok(Exit::Good)
}
