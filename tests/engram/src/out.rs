//! The only writers to standard output and standard error, apart from the log.
//!
//! A reader that has gone away (`engram status | head -n 0`) is not an error.

use std::io::Write;

/// Writes one line to standard output.
pub(crate) fn line(text: &str) {
    let _closed_by_reader = writeln!(std::io::stdout().lock(), "{text}");
}

/// Writes one line to standard error.
pub(crate) fn error(text: &str) {
    let _closed_by_reader = writeln!(std::io::stderr().lock(), "{text}");
}
