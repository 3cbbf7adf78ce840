//! The incident report: a template, filled from the record of a game day.
//!
//! A placeholder is `[name]` with one of the names below, and no Markdown link; any other text in
//! brackets stays for people to fill.

use super::journal::What;
use super::record::Record;
use super::time::{At, in_words};
use crate::markdown::Template;
use crate::page::Page;
use crate::run::Data;
use std::sync::Arc;

/// For books that hold no template of their own.
const BUILT_IN: &str = include_str!("incident-report.md");

/// Lines of a command's output that the diagnosis shows.
const SHOWN_LINES: usize = 12;

/// The book's template, or ours.
pub fn template(pages: &[Arc<Page>]) -> &str {
    let blocks = pages.iter().flat_map(|page| &page.document.blocks);
    blocks
        .into_iter()
        .find(|block| block.info.attributes.template == Some(Template::IncidentReport))
        .map_or(BUILT_IN, |block| &block.code)
}

/// `template` with all that the record knows. `resolution` tells whether a line of a command stands
/// in a *Resolution* of the book: with the first of these the diagnosis has ended.
pub fn fill(template: &str, record: &Record, resolution: impl Fn(&str) -> bool) -> String {
    let mut report = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some(open) = rest.find('[') {
        report.push_str(&rest[..open]);
        let inside = &rest[open + 1..];
        let (name, after) = inside.split_once(']').unwrap_or_default();
        let is_link = after.starts_with(['(', '[', ':']);
        if let Some(value) = value(name, record, &resolution).filter(|_| !is_link) {
            report.push_str(value.trim_end());
            rest = after;
        } else {
            report.push('[');
            rest = inside;
        }
    }
    report.push_str(rest);
    report
}

fn value(name: &str, record: &Record, resolution: impl Fn(&str) -> bool) -> Option<String> {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    Some(match name {
        "title" => record.title.clone(),
        "severity" => or_none(record.severity.clone()),
        "issue" => format!("{}, {} ({})", record.issue, record.title, record.page),
        "cause" => record.cause.clone(),
        "started" => record.induced.in_words(),
        "resolved" => record
            .recovered
            .map_or_else(|| "not resolved".to_owned(), At::in_words),
        "duration" => record.ms().map_or_else(
            || {
                format!(
                    "not over after {}",
                    in_words(record.left.since(record.induced))
                )
            },
            in_words,
        ),
        "target" => in_words(record.target_ms),
        "outcome" => record.outcome(),
        "operator" => record.operator.clone(),
        "timeline" => timeline(record),
        "commands" => commands(record),
        "pages" => pages(record),
        "diagnosis" => diagnosis(record, resolution),
        "verification" => verification(record),
        "data" => data(record),
        _ => return None,
    })
}

/// All that happened, a line each.
fn timeline(record: &Record) -> String {
    let alerts = match record.alerts.as_slice() {
        [] => "the fault is there".to_owned(),
        alerts => format!("the fault is there; alerts: {}", alerts.join(", ")),
    };
    let told = if record.announced {
        "announced"
    } else {
        "unannounced"
    };
    let mut lines: Vec<(At, String)> = vec![(record.induced, format!("{alerts} ({told})"))];
    for event in &record.events {
        let words = match &event.what {
            What::Page { path } => format!("page opened: {path}"),
            What::Command {
                text,
                status,
                elsewhere,
                ..
            } => {
                let place = if *elsewhere { ", in another shell" } else { "" };
                let code = code(first_line(text).as_str());
                format!("{code}{}{place}", ended(*status))
            }
            What::Check { wrong: None } => "checked: recovered".to_owned(),
            What::Check { wrong: Some(wrong) } => format!("checked: not recovered; {wrong}"),
        };
        lines.push((event.at, words));
    }
    lines.push((record.left, "the operator left the shell".to_owned()));
    if let Some(recovered) = record.recovered {
        lines.push((recovered, "recovered: the verification passes".to_owned()));
    }
    lines.sort_by_key(|(at, _)| *at);
    let line = |(at, words): &(At, String)| {
        let after = in_words(at.since(record.induced));
        format!("- {} UTC (+{after}): {words}\n", at.clock())
    };
    lines.iter().map(line).collect()
}

fn ended(status: Option<i32>) -> String {
    match status {
        Some(0) => String::new(),
        Some(status) => format!(", exit status {status}"),
        None => ", did not end by itself".to_owned(),
    }
}

fn first_line(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default();
    if lines.next().is_some() {
        format!("{first} …")
    } else {
        first.to_owned()
    }
}

/// A code span of Markdown: delimited by more backticks than it holds in a row.
fn code(text: &str) -> String {
    let ticks = "`".repeat(longest_run(text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

fn fence(text: &str) -> String {
    let ticks = "`".repeat((longest_run(text) + 1).max(3));
    format!("{ticks}text\n{}\n{ticks}", text.trim_end())
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or(0)
}

/// What a terminal would show of the commands: prompts, and statuses that are not 0.
fn commands(record: &Record) -> String {
    let mut text = String::new();
    for event in &record.events {
        if let What::Command {
            text: typed,
            status,
            ..
        } = &event.what
        {
            text.push_str(&prompt(typed));
            if *status != Some(0) {
                text.push_str(&format!("# {}\n", ended(*status).trim_start_matches(", ")));
            }
        }
    }
    if text.is_empty() {
        return "No command was run.".to_owned();
    }
    fence(&text)
}

fn prompt(typed: &str) -> String {
    let mut lines = typed.trim().lines();
    let mut text = format!("$ {}\n", lines.next().unwrap_or_default());
    text.extend(lines.map(|line| format!("> {line}\n")));
    text
}

fn pages(record: &Record) -> String {
    let lines: String = record
        .pages()
        .map(|(at, path)| format!("- {} UTC: {path}\n", at.clock()))
        .collect();
    if lines.is_empty() {
        "No page was opened.".to_owned()
    } else {
        lines
    }
}

/// The commands up to the first of a *Resolution*, with the beginning of what they printed.
fn diagnosis(record: &Record, resolution: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    for event in &record.events {
        let What::Command {
            text: typed,
            printed,
            ..
        } = &event.what
        else {
            continue;
        };
        if typed.lines().any(|line| resolution(line.trim())) {
            break;
        }
        text.push_str(&prompt(typed));
        let lines: Vec<&str> = printed.lines().collect();
        for line in lines.iter().take(SHOWN_LINES) {
            text.push_str(&format!("{line}\n"));
        }
        if lines.len() > SHOWN_LINES {
            text.push_str(&format!("[… {} lines …]\n", lines.len() - SHOWN_LINES));
        }
    }
    if text.is_empty() {
        "No command was run before the first one of a resolution.".to_owned()
    } else {
        fence(&text)
    }
}

fn verification(record: &Record) -> String {
    let result = match &record.wrong {
        None => "It passes.".to_owned(),
        Some(wrong) => format!("It fails: {wrong}."),
    };
    if record.verification.is_empty() {
        result
    } else {
        format!("{result}\n\n{}", fence(&record.verification))
    }
}

fn data(record: &Record) -> String {
    match &record.data {
        Data::Kept => "nothing was lost: the invariant prints what it printed before".to_owned(),
        Data::Declared(loss) => format!("lost, as the page says: {loss}"),
        Data::Lost(difference) => format!("lost:\n\n{}\n", fence(difference)),
        Data::NotCompared => "not compared with what was there before".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::journal::Event;
    use super::*;

    fn record() -> Record {
        let command = |at, text: &str, printed: &str| Event {
            at: At(at),
            what: What::Command {
                text: text.to_owned(),
                status: Some(0),
                printed: printed.to_owned(),
                elsewhere: false,
            },
        };
        Record {
            schema: Record::schema(),
            issue: 1,
            page: "a.md".to_owned(),
            title: "Down".to_owned(),
            severity: None,
            alerts: Vec::new(),
            cause: "Off".to_owned(),
            announced: true,
            operator: "me".to_owned(),
            induced: At(0),
            left: At(3_000),
            recovered: Some(At(2_500)),
            target_ms: 2_000,
            wrong: None,
            verification: String::new(),
            data: Data::Kept,
            events: vec![
                command(500, "cat `state`", "down\n"),
                command(1_000, "fix", ""),
            ],
        }
    }

    #[test]
    fn what_is_no_placeholder_stays() {
        let filled = |template| fill(template, &record(), |_| false);
        assert_eq!(
            filled("[title] [name] [title](x.md) - [ ] x"),
            "Down [name] [title](x.md) - [ ] x"
        );
        assert_eq!(filled("[title"), "[title");
        assert_eq!(filled("[[title]]"), "[Down]");
        assert_eq!(
            filled("[outcome]"),
            "solved too late: in 2.5 s (target 2.0 s)"
        );
    }

    #[test]
    fn the_diagnosis_ends_where_the_resolution_begins() {
        let filled = fill("[diagnosis]\n", &record(), |line| line == "fix");
        assert_eq!(filled, "```text\n$ cat `state`\ndown\n```\n");
    }

    #[test]
    fn backticks_in_a_command_do_not_end_its_code_span() {
        let filled = fill("[timeline]", &record(), |_| false);
        assert!(
            filled.contains("- 00:00:00 UTC (+0.5 s): `` cat `state` ``\n"),
            "{filled}"
        );
    }
}
