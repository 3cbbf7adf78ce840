//! The Engram book's error messages from A to Z: in order, and told nowhere otherwise than the scripts do.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A row of a table: a message, and the pages that its row leads to.
struct Row {
    message: String,
    pages: Vec<String>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The rows of `chapter` that begin with a message, from the heading `from` to the heading `to`.
fn rows(chapter: &str, from: &str, to: &str) -> Vec<Row> {
    let text = fs::read_to_string(root().join("book/src").join(chapter)).unwrap();
    let start = text.find(from).unwrap();
    let end = start + text[start..].find(to).unwrap();
    text[start..end].lines().flat_map(rows_of_line).collect()
}

/// One for each message of its first cell.
fn rows_of_line(line: &str) -> Vec<Row> {
    let Some((first, rest)) = line
        .strip_prefix("| `")
        .and_then(|line| line.split_once(" | "))
    else {
        return Vec::new();
    };
    let pages: Vec<String> = rest
        .split("](")
        .skip(1)
        .filter_map(|link| link.split(['#', ')']).next())
        .map(str::to_owned)
        .collect();
    // Every second piece between backticks is code.
    let messages = first.split('`').step_by(2).map(str::to_owned);
    messages
        .filter(|message| message.contains(' '))
        .map(|message| Row {
            message,
            pages: pages.clone(),
        })
        .collect()
}

fn a_to_z() -> Vec<Row> {
    rows(
        "troubleshooting.md",
        "## Error messages A to Z",
        "### HTTP status codes",
    )
}

/// Letters and digits decide, as in an index.
fn key(message: &str) -> String {
    let letters = message.chars().filter(|c| c.is_alphanumeric() || *c == ' ');
    letters.collect::<String>().to_lowercase()
}

#[test]
fn the_messages_are_in_order() {
    let rows = a_to_z();
    assert!(rows.len() > 60, "{}", rows.len());
    for pair in rows.windows(2) {
        let (first, second) = (&pair[0].message, &pair[1].message);
        assert!(
            key(first) < key(second),
            "`{second}` stands after `{first}`"
        );
    }
}

#[test]
fn common_issues_say_the_same() {
    let all = a_to_z();
    let known = |row: &Row| {
        all.iter().any(|own| {
            own.message.contains(row.message.trim_end_matches('…'))
                && row.pages.iter().all(|page| own.pages.contains(page))
        })
    };
    let rows = rows("common-issues.md", "## More than 5 %", "\n## Issue 1");
    assert!(rows.len() > 3);
    let rows = rows.into_iter().filter(|row| !known(row));
    let elsewhere: Vec<_> = rows
        .map(|row| format!("`{}` to {:?}", row.message, row.pages))
        .collect();
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
}

/// The page that `analyze_logs.sh` names for an error with this message; `None` if it does not know it.
fn page_of(message: &str) -> Option<String> {
    let mut child = Command::new("bash")
        .arg(root().join("scripts/analyze_logs.sh"))
        .arg("--json")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let line = format!("2026-11-25T00:00:00.000000Z ERROR engram: {message}\n");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(line.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    if report["recommendations"][0]["advice"] == "Not in the catalogue: read the lines" {
        return None;
    }
    let page = report["patterns"][0]["page"].as_str().unwrap();
    let path = page.split_once(".com/").unwrap().1;
    let path = path.split('#').next().unwrap();
    let path = Path::new(path).with_extension("md");
    Some(path.to_str().unwrap().to_owned())
}

#[test]
fn the_log_analysis_names_the_same_pages() {
    let rows = a_to_z();
    let judged: Vec<Result<bool, String>> = std::thread::scope(|scope| {
        let workers: Vec<_> = rows
            .chunks(rows.len().div_ceil(4))
            .map(|rows| scope.spawn(|| rows.iter().map(judge).collect::<Vec<_>>()))
            .collect();
        workers
            .into_iter()
            .flat_map(|w| w.join().unwrap())
            .collect()
    });
    let elsewhere: Vec<&String> = judged.iter().filter_map(|j| j.as_ref().err()).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
    let n_known = judged.iter().filter(|j| **j == Ok(true)).count();
    assert!(n_known > 50, "the scripts know only {n_known}");
}

/// Whether the scripts know the message; then they must name a page that its row leads to.
fn judge(row: &Row) -> Result<bool, String> {
    match page_of(&row.message.replace('…', "x")) {
        None => Ok(false),
        Some(page) if row.pages.contains(&page) => Ok(true),
        Some(page) => Err(format!(
            "`{}`: analyze_logs.sh names {page}, the book {:?}",
            row.message, row.pages
        )),
    }
}
