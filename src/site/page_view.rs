//! A chapter's Markdown with what the reader of a runbook needs added to it.

use super::drill_page::Addresses;
use super::{card, evidence_view, fences, index, tree_view, values, way_out};
use crate::acceptance::{LastChecks, Records, Results};
use crate::alerting::Alerting;
use crate::config::{Config, Headings};
pub(super) use crate::evidence::State;
use crate::evidence::{Store, Subject};
use crate::page::{Cause, Page, Role, Step};
use crate::tree::Tree;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Everything that pages show beside their own text.
pub struct View<'a> {
    /// The book's settings.
    pub config: &'a Config,
    /// All pages, in the order of the book.
    pub pages: &'a [Page],
    /// The decision trees among them.
    pub trees: &'a [Arc<Tree>],
    /// Rules, dashboards and tests of rules, once a page has asked for them.
    pub alerting: OnceCell<Alerting>,
    /// What was run.
    pub store: &'a Store,
    /// Where the transcripts stand; empty where the site has none.
    pub transcripts: &'a Addresses,
    /// Hashes of the inputs as they are now; without them nothing is called stale.
    pub inputs: Option<&'a BTreeMap<Subject, String>>,
    /// What the checks last found.
    pub checks: Option<&'a LastChecks>,
    /// Results of tests.
    pub results: &'a Results,
}

impl View<'_> {
    /// Rules, dashboards and tests of rules. They are read for the first page that shows some: a file of
    /// rules takes longer than a page.
    pub(super) fn alerting(&self) -> &Alerting {
        self.alerting.get_or_init(|| Alerting::load(self.config).0)
    }

    pub(super) fn subject(page: &Page, cause: &Cause) -> Subject {
        Subject::drill(page, cause)
    }

    pub(super) fn state(&self, page: &Page, cause: &Cause) -> State<'_> {
        self.store
            .state(page, &Subject::drill(page, cause), self.inputs)
    }

    /// What the criteria of the book refer to.
    pub(super) fn records(&self) -> Records<'_> {
        Records {
            pages: self.pages.iter().collect(),
            store: self.store,
            inputs: self.inputs,
            checks: self.checks,
            results: self.results,
        }
    }
}

/// Replacements of byte ranges, applied from the back so that the places before stay true.
#[derive(Default)]
pub(super) struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    pub(super) fn replace(&mut self, range: Range<usize>, text: impl Into<String>) {
        self.0.push((range, text.into()));
    }

    pub(super) fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.replace(at..at, text);
    }

    fn apply(mut self, text: &str) -> String {
        // Stable: insertions at one place keep their order.
        self.0.sort_by_key(|(range, _)| range.start);
        let mut result = String::with_capacity(text.len() * 2);
        let mut at = 0;
        for (range, new) in self.0 {
            // What lies in a range that is replaced as a whole goes with it.
            if range.start < at {
                continue;
            }
            result.push_str(&text[at..range.start]);
            result.push_str(&new);
            at = range.end;
        }
        result.push_str(&text[at..]);
        result
    }
}

/// One idea each.
const STYLES: &[&str] = &[
    include_str!("assets/runbook.css"),
    include_str!("assets/blocks.css"),
    include_str!("assets/values.css"),
    include_str!("assets/checklist.css"),
    include_str!("assets/transcript.css"),
    include_str!("assets/alerts.css"),
    include_str!("assets/print.css"),
];

/// In the order in which they need each other.
const SCRIPTS: &[&str] = &[
    include_str!("assets/blocks.js"),
    include_str!("assets/copy.js"),
    include_str!("assets/danger.js"),
    include_str!("assets/quoting.js"),
    include_str!("assets/values.js"),
    include_str!("assets/checklist.js"),
    include_str!("assets/timer.js"),
    include_str!("assets/print.js"),
];

/// All styles, for pages that are no chapters.
pub(super) fn styles() -> String {
    STYLES.concat()
}

/// The chapter as it goes to the renderer.
pub fn render(page: &Page, view: &View<'_>) -> String {
    let text = page.document.file.text();
    let mut edits = Edits::default();
    edits.replace(0..page.document.body_start, "");
    let after_title = page
        .document
        .title()
        .map_or(page.document.body_start, |title| title.place.span.end);
    let form = values::form(&view.config.values, &values::scripts(page));
    if page.issue.is_some() || !form.is_empty() {
        let early = include_str!("assets/early.js");
        edits.insert(after_title, format!("\n<script>\n{early}</script>\n\n"));
    }
    let mut bar = String::new();
    if let Some(issue) = &page.issue {
        edits.insert(
            after_title,
            format!("\n{}\n\n", card::card(page, issue, view)),
        );
        for cause in &issue.causes {
            let shown = evidence_view::of_cause(page, cause, view);
            edits.insert(cause.place.span.end, format!("\n{shown}\n\n"));
        }
        bar = way_out::offer(page, issue, view, &mut edits);
        fold_drills(page, &view.config.headings, &mut edits);
    }
    if !form.is_empty() {
        edits.insert(form_place(page, view, after_title), format!("\n{form}\n\n"));
    }
    for tree in view.trees.iter().filter(|tree| tree.page == page.path) {
        edits.replace(tree.list.clone(), tree_view::shown(tree, page, view));
    }
    fences::rewrite(page, &view.config.values, &mut edits);
    index::replace_directives(page, view, &mut edits);
    let mut result = edits.apply(text);
    let has_tree = view.trees.iter().any(|tree| tree.page == page.path);
    if fences::has_blocks(page)
        || page.issue.is_some()
        || has_tree
        || !page.document.directives.is_empty()
    {
        result.push_str(&format!("\n\n{bar}\n\n<style>\n"));
        result.push_str(&STYLES.concat());
        result.push_str("</style>\n\n<script>\n");
        result.push_str(&SCRIPTS.concat());
        result.push_str("</script>\n");
    }
    result
}

/// Where the form for the reader's values stands. On a front page nothing stands above the field that
/// finds: there it stands at the first block that takes values, as far as that is no part of a list.
fn form_place(page: &Page, view: &View<'_>, after_title: usize) -> usize {
    let directives = &page.document.directives;
    let Some(front) = directives.iter().find(|it| it.name == "front") else {
        return after_title;
    };
    let text = page.document.file.text();
    let takes_values = |step: &&Step| {
        values::are_filled(step.role)
            && !values::attributes(&view.config.values, &step.code).is_empty()
    };
    let blocks = page.executed().chain(&page.waived).filter(takes_values);
    let starts = blocks.map(|step| page.document.blocks[step.block].place.span.start);
    let after_front = starts.filter(|start| *start > front.place.span.end).min();
    after_front
        .filter(|start| text[..*start].ends_with('\n'))
        .unwrap_or(front.place.span.end)
}

/// Puts the *Drill* sections behind a fold, and gives their headings ids that no other has: mdBook
/// numbers repeats without looking at explicit ids.
fn fold_drills(page: &Page, names: &Headings, edits: &mut Edits) {
    let headings = &page.document.headings;
    for (index, heading) in headings.iter().enumerate() {
        if names.role(&heading.text) != Some(Role::Drill) {
            continue;
        }
        let end = page.document.section_end(index);
        edits.insert(
            heading.place.span.start,
            "<details class=\"rb-drill\"><summary>How this is drilled</summary>\n\n",
        );
        for below in &headings[index..] {
            let inside = below.place.span.start < end;
            if inside && below.id.is_none() {
                let line = page.document.file.line_span(below.place.line());
                edits.insert(line.end, format!(" {{#drill-{}}}", slug(&below.text)));
            }
        }
        edits.insert(end, "\n\n</details>\n\n");
    }
}

fn slug(text: &str) -> String {
    let words: Vec<String> = text
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.join("-")
}
