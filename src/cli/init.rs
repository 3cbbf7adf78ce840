//! `mdbook-runbook init`: a first issue page with a service that it can be proven on.

use super::args::InitArgs;
use super::output::Output;
use super::{CliError, Exit};
use std::path::PathBuf;

pub(super) fn run(args: &InitArgs, output: &Output) -> Result<Exit, CliError> {
    let root = args.book.clone().unwrap_or_else(|| PathBuf::from("."));
    let made = crate::init::init(&root)?;
    for path in &made.files {
        let path = path.strip_prefix("./").unwrap_or(path);
        output.line(&format!("wrote {}", path.display()));
    }
    if !made.is_new_book {
        // The words of the front page are the author's.
        output.line("next: put `<!-- runbook: symptoms -->` on the book's front page");
    }
    let verify = match &args.book {
        Some(book) => format!("mdbook-runbook verify {}", book.display()),
        None => "mdbook-runbook verify".to_owned(),
    };
    output.line(&format!("next: {verify}"));
    Ok(Exit::Good)
}
