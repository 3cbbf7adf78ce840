//! Acceptance criteria: what a book must show, and by which drill, check or test it shows it.
//!
//! A chapter with `<!-- runbook: criteria -->` lists them. Each item of its lists is a criterion,
//! and each item below that says how it is shown: `drill: issues/a.md#b`, `test: NAME`, …

mod checks;
mod judge;
mod results;

pub use checks::LastChecks;
pub use judge::{Records, Standing, overall};
pub use results::{Results, TestResult};

use crate::markdown::ListItem;
use crate::page::Page;
use crate::source::Place;
use std::ops::Range;

/// The directive that makes the lists of a chapter criteria.
pub const DIRECTIVE: &str = "criteria";

/// What a reference names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `issues/a.md#cause`, `issues/a.md` for all of its causes, or `all`.
    Drill,
    /// A chapter whose blocks are run, or `all`.
    DocTest,
    /// A check of ours, by its name.
    Check,
    /// A test, by its name in a file of results; `*` at the end stands for anything.
    Test,
    /// A chapter, or one with an explicit id: `troubleshooting.md#escalate`.
    Section,
    /// Prose: no machine checks it, and this is how it was tried.
    Tried,
    /// Prose: it is not met yet, and why.
    Open,
}

/// The words before the colon, in the order of [`Kind`].
pub const KINDS: &[(&str, Kind)] = &[
    ("drill", Kind::Drill),
    ("doc-test", Kind::DocTest),
    ("check", Kind::Check),
    ("test", Kind::Test),
    ("section", Kind::Section),
    ("tried", Kind::Tried),
    ("open", Kind::Open),
];

/// One way in which a criterion is shown to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The word before the colon, as written.
    pub word: String,
    /// What that word means; `None` for one that we do not know.
    pub kind: Option<Kind>,
    /// The text behind it.
    pub name: String,
    /// The text of the item, without its marker.
    pub place: Place,
}

/// One criterion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Criterion {
    /// Without markup.
    pub text: String,
    /// The item without its marker, and with what is below it.
    pub place: Place,
    /// How it is shown, in order.
    pub references: Vec<Reference>,
}

/// The criteria of a page, in order; none for a page that does not ask for them.
pub fn criteria(page: &Page) -> Vec<Criterion> {
    let document = &page.document;
    if !document.has_directive(DIRECTIVE) {
        return Vec::new();
    }
    let mut items: Vec<&ListItem> = document.items.iter().collect();
    items.sort_by_key(|item| item.place.span.start);
    let mut criteria: Vec<Criterion> = Vec::new();
    for item in items {
        let place = Place::new(&item.place.file, text_of(item));
        match (item.depth, criteria.last_mut()) {
            (0, _) => criteria.push(Criterion {
                text: item.text.clone(),
                place,
                references: Vec::new(),
            }),
            (1, Some(criterion)) => criterion.references.push(reference(item, place)),
            _ => {}
        }
    }
    criteria
}

/// The bytes of an item behind its marker, without the line end.
fn text_of(item: &ListItem) -> Range<usize> {
    let Range { start, end } = item.place.span;
    let text = &item.place.file.text()[start..end];
    // CommonMark §5.2: a bullet, or digits with `.` or `)`.
    let marker = text.find(char::is_whitespace).unwrap_or(text.len());
    let blanks = text[marker..].len() - text[marker..].trim_start().len();
    start + marker + blanks..start + text.trim_end().len().max(marker + blanks)
}

fn reference(item: &ListItem, place: Place) -> Reference {
    let (word, name) = item.text.split_once(':').unwrap_or((&item.text, ""));
    let word = word.trim().to_owned();
    let kind = KINDS.iter().find(|(known, _)| *known == word);
    Reference {
        kind: kind.map(|(_, kind)| *kind),
        word,
        name: name.trim().to_owned(),
        place,
    }
}
