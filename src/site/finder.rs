//! What the field on the front page finds: symptoms, causes, messages, log lines, alerts, metrics,
//! trees. Data only; `assets/search.js` searches it.

use super::after::{Address, addresses};
use super::html::resolve;
use super::often::Often;
use super::page_view::View;
use crate::alerting::Alerting;
use crate::config::Config;
use crate::page::{Page, families};
use crate::tree::Tree;
use mdbook_markdown::pulldown_cmark::{Event, Parser, Tag, TagEnd};
use mdbook_markdown::{MarkdownOptions, new_cmark_parser};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The chapters, as far as the front page and the addresses need them.
pub(super) struct Chapters<'a> {
    pub(super) config: &'a Config,
    pub(super) pages: Vec<&'a Page>,
    pub(super) trees: &'a [Arc<Tree>],
}

impl<'a> Chapters<'a> {
    pub(super) fn of(view: &View<'a>) -> Self {
        Self {
            config: view.config,
            pages: view.pages.iter().collect(),
            trees: view.trees,
        }
    }

    /// The id of the heading that a tree stands under.
    pub(super) fn tree_anchor(&self, tree: &Tree) -> Option<&'a str> {
        let page = self.pages.iter().find(|page| page.path == tree.page)?;
        let mut headings = page.document.headings.iter();
        let heading = headings.find(|it| self.config.headings.is_tree(&it.text))?;
        heading.id.as_deref()
    }

    /// All issue pages: what burns most often first, then by severity, then in the order of the book.
    pub(super) fn issues(&self, often: Option<&Often>) -> Vec<&'a Page> {
        let mut issues: Vec<&Page> = self.pages.clone();
        issues.retain(|page| page.issue.is_some());
        issues.sort_by_key(|page| {
            let times = often.map_or(0, |often| often.of(page));
            (std::cmp::Reverse(times), rank(page))
        });
        issues
    }
}

/// The lower, the worse.
fn rank(page: &Page) -> u32 {
    let severity = page.front_matter.severity.as_deref().unwrap_or_default();
    if let Some(digit) = severity.chars().find_map(|c| c.to_digit(10)) {
        return digit;
    }
    let words: [&[&str]; 4] = [
        &["critical", "page", "emergency", "blocker"],
        &["error", "high", "major"],
        &["warning", "medium", "minor"],
        &["info", "low", "notice"],
    ];
    let severity = severity.to_lowercase();
    let at = words
        .iter()
        .position(|words| words.contains(&severity.as_str()));
    at.map_or(9, |at| u32::try_from(at).unwrap_or(9) + 1)
}

/// What is known of the book in the browser.
#[derive(Debug, Serialize)]
pub(super) struct Data {
    /// Address, title and severity of each chapter.
    pages: Vec<(String, String, String)>,
    /// What it is, the index of its page, the anchor, and the text.
    entries: Vec<(&'static str, usize, String, String)>,
    /// Names and addresses of alerts, and old addresses.
    addresses: Vec<(String, String)>,
}

struct Collector {
    data: Data,
    at: BTreeMap<PathBuf, usize>,
    seen: BTreeSet<(&'static str, usize, String, String)>,
}

impl Collector {
    fn has(&self, kind: &str, text: &str) -> bool {
        self.data
            .entries
            .iter()
            .any(|it| it.0 == kind && it.3 == text)
    }

    fn add(&mut self, kind: &'static str, page: &Path, anchor: Option<&str>, text: &str) {
        let Some(page) = self.at.get(page) else {
            return;
        };
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let entry = (kind, *page, anchor.unwrap_or_default().to_owned(), text);
        if !entry.3.is_empty() && self.seen.insert(entry.clone()) {
            self.data.entries.push(entry);
        }
    }
}

/// Everything that can be found.
pub(super) fn data(chapters: &Chapters<'_>) -> Data {
    let pages = &chapters.pages;
    let mut collector = Collector {
        at: pages
            .iter()
            .enumerate()
            .map(|(n, page)| (page.html_path(), n))
            .collect(),
        data: Data {
            pages: pages.iter().map(|page| of_page(page)).collect(),
            entries: Vec::new(),
            addresses: Vec::new(),
        },
        seen: BTreeSet::new(),
    };
    for page in pages {
        issue(page, &mut collector);
    }
    monitored(chapters, &mut collector);
    for tree in chapters.trees {
        let anchor = chapters.tree_anchor(tree);
        collector.add(
            "tree",
            &crate::page::html_path(&tree.page),
            anchor,
            &tree.title,
        );
    }
    for page in pages {
        messages(page, pages, &mut collector);
        for family in families(page) {
            let anchor = format!("pattern-{}", family.number);
            for line in &family.lines {
                collector.add("log line", &page.html_path(), Some(&anchor), line.text);
            }
        }
    }
    let all = addresses(pages.iter().copied(), chapters.config);
    let shown = |it: Address| (it.name, it.path.display().to_string());
    collector.data.addresses = all.into_iter().map(shown).collect();
    collector.data
}

fn of_page(page: &Page) -> (String, String, String) {
    let severity = page.front_matter.severity.clone().unwrap_or_default();
    (
        page.html_path().display().to_string(),
        page.title().to_owned(),
        severity,
    )
}

fn issue(page: &Page, collector: &mut Collector) {
    let Some(issue) = &page.issue else { return };
    let path = page.html_path();
    let resolution = issue.resolution_id.as_deref();
    for symptom in &issue.symptoms {
        let anchor = symptom.anchor.as_deref().or(resolution);
        collector.add("symptom", &path, anchor, &symptom.text);
    }
    for cause in &issue.causes {
        collector.add(
            "cause",
            &path,
            cause.id.as_deref().or(resolution),
            &cause.name,
        );
    }
    collector.add("issue", &path, None, page.title());
}

/// Alerts, and the metrics that each watches.
fn monitored(chapters: &Chapters<'_>, collector: &mut Collector) {
    let (alerting, _) = Alerting::load(chapters.config);
    let matrix = alerting.matrix();
    for page in &chapters.pages {
        for alert in &page.front_matter.alerts {
            collector.add(
                "alert",
                &page.html_path(),
                alert.anchor.as_deref(),
                &alert.name,
            );
        }
    }
    for page in &chapters.pages {
        for alert in &page.front_matter.alerts {
            let rows = matrix.iter().filter(|row| row.rule.name == alert.name);
            for metric in rows.flat_map(|row| &row.metrics) {
                collector.add("metric", &page.html_path(), alert.anchor.as_deref(), metric);
            }
        }
    }
}

/// Rows of tables that begin with code: a message, and where to go. A table is one of messages if a row
/// of it leads to an issue page; a row that does not leads to the first chapter that it names.
fn messages(page: &Page, pages: &[&Page], collector: &mut Collector) {
    let own = page.html_path();
    let is_issue = |to: &Path| {
        pages
            .iter()
            .any(|it| it.issue.is_some() && it.html_path() == to)
    };
    for table in tables(page) {
        let with_targets: Vec<_> = table.iter().map(|row| (row, targets(row, page))).collect();
        let mut all = with_targets.iter().flat_map(|(_, targets)| targets);
        if !all.any(|(to, _)| is_issue(to)) {
            continue;
        }
        for (row, targets) in with_targets {
            let elsewhere = |(to, anchor): &&(PathBuf, Option<String>)| {
                (*to != own || anchor.is_some()) && collector.at.contains_key(to)
            };
            let mut targets_elsewhere = targets.iter().filter(elsewhere);
            let issue = targets_elsewhere.clone().find(|(to, _)| is_issue(to));
            // A word alone, such as a setting, is looked for only where it leads out of trouble.
            let other = targets_elsewhere.next();
            for message in &row.codes {
                let (kind, target) = if message.contains(' ') {
                    ("message", issue.or(other))
                } else {
                    ("term", issue)
                };
                if let Some((to, anchor)) = target.filter(|_| !collector.has("metric", message)) {
                    collector.add(kind, to, anchor.as_deref(), message);
                }
            }
        }
    }
}

/// The places of the book that a row's links lead to, in order.
fn targets(row: &TableRow, page: &Page) -> Vec<(PathBuf, Option<String>)> {
    let places = row.links.iter().filter_map(|link| {
        let link = resolve(link, &page.path)?;
        Some((crate::page::html_path(&link.to), link.fragment))
    });
    places.collect()
}

#[derive(Default)]
struct TableRow {
    /// Code at the beginning of its first cell, each.
    codes: Vec<String>,
    links: Vec<String>,
}

/// The rows of each table.
fn tables(page: &Page) -> Vec<Vec<TableRow>> {
    let text = &page.document.file.text()[page.document.body_start..];
    let parser: Parser<'_> = new_cmark_parser(text, &MarkdownOptions::default());
    let mut tables: Vec<Vec<TableRow>> = Vec::new();
    let mut row = TableRow::default();
    let (mut cell, mut has_text) = (0, false);
    for event in parser {
        match event {
            Event::Start(Tag::Table(_)) => tables.push(Vec::new()),
            Event::Start(Tag::TableRow) => (row, cell, has_text) = (TableRow::default(), 0, false),
            Event::Start(Tag::TableCell) => cell += 1,
            Event::Start(Tag::Link { dest_url, .. }) => row.links.push(dest_url.to_string()),
            Event::Text(text) if cell == 1 && row.codes.is_empty() => {
                has_text |= !text.trim().is_empty();
            }
            Event::Code(code) if cell == 1 && !has_text => row.codes.push(code.to_string()),
            Event::End(TagEnd::TableRow) => {
                if let Some(table) = tables.last_mut() {
                    table.push(std::mem::take(&mut row));
                }
            }
            _ => {}
        }
    }
    tables
}

/// The data and the scripts that search it, as HTML.
pub(super) fn assets(data: &Data) -> String {
    // Markup and another preprocessor's `{{` cannot come of it.
    let json = serde_json::to_string(data)
        .unwrap_or_default()
        .replace('<', "\\u003c")
        .replace("{{", "{\\u007b")
        .replace('\u{2028}', "\\u2028");
    format!(
        "<style>\n{}</style>\n<script>\nwindow.runbookFinder = {json};\n</script>\n<script>\n{}{}</script>\n",
        include_str!("assets/finder.css"),
        include_str!("assets/search.js"),
        include_str!("assets/finder.js"),
    )
}
