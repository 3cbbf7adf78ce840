//! The log: on standard output, one event a line, in the format of the real server.
//!
//! Colours are written even into a pipe, as the real server does, unless `NO_COLOR` is set.

use tracing::level_filters::LevelFilter;

/// Starts logging at a level for the whole process.
pub(crate) fn start(level: LevelFilter) {
    let coloured = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(coloured)
        .with_writer(std::io::stdout)
        // What cannot be written to a full disk cannot be told there either: that would be a panic.
        .log_internal_errors(false)
        .init();
}
