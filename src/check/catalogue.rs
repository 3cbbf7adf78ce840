//! `catalogue-family`: a family of log lines without a way out, a page, or a place in the catalogue.
//! `log-line-unseen`, `log-line-other-family`, `catalogue-unproven`: what the instance really logs.

use crate::config::Config;
use crate::evidence::{Log, Store};
use crate::finding::Finding;
use crate::page::{Family, LoggedLine, Page, families, family_of};
use crate::plan::Job;
use crate::site::html::resolve;
use crate::source::Place;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The catalogue as written, against the issue pages and the configuration.
pub(super) fn check(pages: &[Arc<Page>], config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut known = BTreeSet::new();
    for page in pages {
        for family in families(page) {
            known.insert(family.number);
            findings.extend(section(page, &family, pages, config));
        }
        findings.extend(homeless(page));
    }
    if !known.is_empty() {
        findings.extend(unknown_families(pages, &known));
    }
    findings
}

/// A section must hold a line, name a strategy, and lead to an issue page that names the family.
fn section(page: &Page, family: &Family<'_>, pages: &[Arc<Page>], config: &Config) -> Vec<Finding> {
    let n = family.number;
    let mut findings = Vec::new();
    let mut wrong = |title: String, help: String| {
        let place = family.heading.place.clone();
        findings.push(Finding::error("catalogue-family", place, title).help(help));
    };
    if family.lines.is_empty() {
        wrong(
            format!("family {n} has no line of a log"),
            "add a ```text {log} fence with lines that the instance prints".to_owned(),
        );
    }
    let text = &page.document.file.text()[family.section.clone()];
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words: BTreeSet<&str> = text.split(|c| !is_word(c)).collect();
    let strategies = &config.strategies;
    if !strategies.is_empty() && !strategies.iter().any(|name| words.contains(&**name)) {
        wrong(
            format!("family {n} names no recovery strategy"),
            format!("say which of these it is: {}", strategies.join(", ")),
        );
    }
    let leads_to_it = page
        .document
        .links
        .iter()
        .filter(|link| family.section.contains(&link.place.span.start))
        .filter_map(|link| resolve(&link.to, &page.path))
        .any(|link| {
            let to = crate::page::html_path(&link.to);
            pages
                .iter()
                .any(|page| page.html_path() == to && names_family(page, n))
        });
    if !leads_to_it {
        wrong(
            format!("family {n} leads to no issue page that names it"),
            format!("link to an issue page that has {n} in its `patterns`"),
        );
    }
    findings
}

fn names_family(page: &Page, number: u32) -> bool {
    page.issue.is_some() && page.front_matter.patterns.contains(&number)
}

/// `{log}` fences that stand under no family.
fn homeless(page: &Page) -> Vec<Finding> {
    page.document
        .blocks
        .iter()
        .filter(|block| block.info.attributes.log && family_of(page, block).is_none())
        .map(|block| {
            Finding::error(
                "catalogue-family",
                block.place.clone(),
                "these lines of a log are of no family",
            )
            .help("put the fence under a heading with an id such as `{#pattern-3}`")
        })
        .collect()
}

/// Families that issue pages name and the catalogue lacks.
fn unknown_families(pages: &[Arc<Page>], known: &BTreeSet<u32>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in pages.iter().filter(|page| page.issue.is_some()) {
        for number in &page.front_matter.patterns {
            if !known.contains(number) {
                findings.push(
                    Finding::error(
                        "catalogue-family",
                        patterns_place(page),
                        format!("the catalogue has no family {number}"),
                    )
                    .help(format!(
                        "add a section with the id `pattern-{number}`, or correct `patterns`"
                    )),
                );
            }
        }
    }
    findings
}

/// The line of the front matter that names the families.
fn patterns_place(page: &Page) -> Place {
    let file = &page.document.file;
    let range = page.document.front_matter.clone().unwrap_or(0..0);
    let at = file.text()[range.clone()].find("patterns").unwrap_or(0);
    let start = range.start + at;
    Place::new(file, start..file.line_span(file.line_column(start).0).end)
}

/// What is known of the log of every drill and doc test.
struct Logs<'a> {
    logs: Vec<&'a Log>,
    n_jobs: usize,
}

/// The lines of the catalogue against what the instance has logged in the drills and doc tests on record.
pub fn log_lines(
    pages: &[Arc<Page>],
    config: &Config,
    store: &Store,
    jobs: &[Job],
) -> Vec<Finding> {
    let logs = Logs {
        logs: jobs
            .iter()
            .filter_map(|job| store.last(&job.subject()))
            .filter(|evidence| evidence.verdict.is_good())
            .filter_map(|evidence| evidence.log.as_ref())
            .collect(),
        n_jobs: jobs.len(),
    };
    let asked = config
        .instance
        .as_ref()
        .is_some_and(|i| i.log_all.is_some() && i.classify.is_some());
    let mut findings = Vec::new();
    for page in pages {
        let mut unseen = Vec::new();
        for family in families(page) {
            for line in &family.lines {
                match judge(line, family.number, &logs.logs) {
                    Seen::Nowhere => unseen.push(line.clone()),
                    Seen::InFamily => {}
                    Seen::Elsewhere(finding) => findings.push(*finding),
                }
            }
        }
        if asked {
            findings.extend(not_seen(page, &unseen, &logs));
        } else if let Some(first) = unseen.first() {
            findings.push(
                Finding::error(
                    "catalogue-unproven",
                    first.place.clone(),
                    "nothing can prove that the instance prints these lines",
                )
                .help("add `log-all` and `classify` to `[preprocessor.runbook.instance]`"),
            );
        }
    }
    findings
}

enum Seen {
    Nowhere,
    InFamily,
    Elsewhere(Box<Finding>),
}

fn judge(line: &LoggedLine<'_>, number: u32, logs: &[&Log]) -> Seen {
    let matching = logs
        .iter()
        .flat_map(|log| &log.lines)
        .filter(|logged| line.is_in(&logged.line));
    let mut seen = Seen::Nowhere;
    for logged in matching {
        if logged.family != number {
            return Seen::Elsewhere(Box::new(
                Finding::error(
                    "log-line-other-family",
                    line.place.clone(),
                    format!("this line is of family {}, not {number}", logged.family),
                )
                .note("so `classify` says")
                .detail(format!("logged: {}", logged.line))
                .help("move it to its family, make it say more, or correct what sorts the lines"),
            ));
        }
        seen = Seen::InFamily;
    }
    seen
}

/// An error for each line if all is known, else one warning a page.
fn not_seen(page: &Page, unseen: &[LoggedLine<'_>], logs: &Logs<'_>) -> Vec<Finding> {
    let Some(first) = unseen.first() else {
        return Vec::new();
    };
    if logs.logs.len() < logs.n_jobs {
        let title = format!(
            "not proved of {}: {} log line{}; the log of {} of {} drills and doc tests is not known",
            page.path.display(),
            unseen.len(),
            if unseen.len() == 1 { "" } else { "s" },
            logs.n_jobs - logs.logs.len(),
            logs.n_jobs
        );
        return vec![
            Finding::error("catalogue-unproven", first.place.clone(), title)
                .warning()
                .help("run `verify`"),
        ];
    }
    unseen
        .iter()
        .map(|line| {
            Finding::error(
                "log-line-unseen",
                line.place.clone(),
                "the instance prints this line in no drill and no doc test",
            )
            .help(
                "write it as it is printed, with `[..]` for what varies; or let a block provoke it",
            )
        })
        .collect()
}
