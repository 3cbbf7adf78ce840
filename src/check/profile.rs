//! `not-judged`: with another instance than the book's own, what only the own one can show.

use crate::config::Config;
use crate::finding::Finding;

/// Said once a run with `--instance`, so that nobody takes silence for a proof.
pub fn not_judged(profile: &str, config: &Config) -> Finding {
    Finding::error_in(
        "not-judged",
        config.file.path(),
        format!("log lines, metrics and acceptance criteria are not judged against the instance `{profile}`"),
    )
    .warning()
    .note("they speak of the book's own instance")
    .help("run `verify` without `--instance` for them")
}
