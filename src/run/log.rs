//! Asks the instance for its log, at the end of a drill or doc test, and sorts it.

use super::record::{Failed, Recorder};
use crate::config::Instance;
use crate::evidence::{Log, Outcome, Verdict};
use crate::finding::Finding;
use std::time::Duration;

/// A log that takes longer to read is none that a drill has made.
const LIMIT: Duration = Duration::from_secs(30);

/// Bash that runs both commands and prints `FAMILY`, tab, `LINE` for each line that is of a family or
/// speaks of an error or a warning. It prints less than a capture keeps.
const SCRIPT: &str = r#"
lines=$(mktemp) families=$(mktemp) || exit
trap 'rm -f -- "$lines" "$families"' EXIT
(eval "$log_all") >"$lines" || exit
(eval "$classify") <"$lines" >"$families" || exit
if [ "$(grep -ac '' "$lines")" != "$(grep -ac '^[0-9]*$' "$families")" ]; then
  echo "not one number for each line"
  exit 1
fi
paste -- "$families" "$lines" | grep -aiE '^0*[1-9]|error|warn' | head -c 1000000
"#;

/// Records the log of `instance`, if that says how to get and sort it.
pub(super) fn take(instance: Option<&Instance>, recorder: &mut Recorder<'_>) -> Result<(), Failed> {
    let commands = instance.and_then(|i| Some((i.log_all.as_ref()?, i.classify.as_ref()?)));
    let Some((log_all, classify)) = commands else {
        return Ok(());
    };
    let code = format!(
        "log_all={}\nclassify={}\n{SCRIPT}",
        quoted(log_all),
        quoted(classify)
    );
    let (outcome, printed) = recorder.quiet_command(&code, LIMIT)?;
    if outcome == (Outcome::Exited { status: 0 }) {
        recorder.log = Some(Log::of(&printed));
        return Ok(());
    }
    let words = super::expectation::in_words(&outcome);
    let finding = Finding::error_in(
        "log-not-taken",
        "book.toml",
        "the instance's log cannot be read, or not sorted",
    )
    .detail(format!("{words}\n{}", super::expectation::shortened(&printed)))
    .help("correct `log-all`, which prints it, and `classify`, which reads lines and prints a number for each");
    Err(Failed::new(Verdict::StepFailed, finding))
}

/// As one word of bash.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_becomes_one_word() {
        assert_eq!(quoted("a 'b' $c"), r"'a '\''b'\'' $c'");
    }
}
