//! Arguments in, exit status out.

use clap::Parser;
use mdbook_runbook::cli::{Cli, Output, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut output = Output::new();
    match run(&cli, &mut output) {
        Ok(exit) => exit.into(),
        Err(error) => {
            output.error(&error);
            error.exit().into()
        }
    }
}
