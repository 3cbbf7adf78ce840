//! Errors with their causes as text: for the terminal over several lines, for logs and answers in one.

use std::error::Error;
use std::fmt::Write;

/// `Error: …`, and the causes below it, numbered if there is more than one.
pub(crate) fn report(error: &(dyn Error + 'static)) -> String {
    let causes: Vec<String> = causes(error).collect();
    let mut text = format!("Error: {error}");
    if causes.is_empty() {
        return text;
    }
    text.push_str("\n\nCaused by:");
    for (index, cause) in causes.iter().enumerate() {
        if causes.len() == 1 {
            let _infallible = write!(text, "\n    {}", indent(cause, 4));
        } else {
            let _infallible = write!(text, "\n{index:5}: {}", indent(cause, 7));
        }
    }
    text
}

/// The error and all its causes, joined by `: `.
pub(crate) fn one_line(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in causes(error) {
        text.push_str(": ");
        text.push_str(&cause);
    }
    text
}

fn causes<'error>(error: &'error (dyn Error + 'static)) -> impl Iterator<Item = String> + 'error {
    std::iter::successors(error.source(), |cause| (*cause).source()).map(ToString::to_string)
}

fn indent(text: &str, width: usize) -> String {
    text.trim_end()
        .replace('\n', &format!("\n{}", " ".repeat(width)))
}
