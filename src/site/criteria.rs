//! The last result beside each criterion, with a link to what shows it.

use super::index::address;
use super::page_view::{Edits, View};
use super::template::fill;
use crate::acceptance::{Criterion, Kind, Records, Reference, Standing, criteria, overall};
use crate::page::Page;
use serde::Serialize;

#[derive(Serialize, Default)]
struct Summary {
    all: usize,
    hold: usize,
    fail: usize,
    open: usize,
    changed: usize,
    not_run: usize,
    tried: usize,
}

#[derive(Serialize)]
struct Shown<'a> {
    word: &'a str,
    name: &'a str,
    href: Option<String>,
    class: &'static str,
    result: &'a str,
}

#[derive(Serialize)]
struct Mark {
    class: &'static str,
    result: &'static str,
}

/// Adds to the criteria of a page how they stand; the text for the place of its directive.
pub(super) fn criteria_of(page: &Page, view: &View<'_>, edits: &mut Edits) -> String {
    let records = view.records();
    let mut summary = Summary::default();
    for criterion in criteria(page) {
        let standings: Vec<Standing> = criterion
            .references
            .iter()
            .map(|reference| records.standing(reference))
            .collect();
        for (reference, standing) in criterion.references.iter().zip(&standings) {
            show(page, reference, standing, &records, edits);
        }
        count(&criterion, &standings, &mut summary, edits);
    }
    fill("criteria.html", &summary)
}

fn count(criterion: &Criterion, standings: &[Standing], summary: &mut Summary, edits: &mut Edits) {
    summary.all += 1;
    let (n, class, result) = match overall(standings) {
        Some(Standing::Holds(_)) => (&mut summary.hold, "rb-good", "holds"),
        Some(Standing::Changed(_)) => (&mut summary.changed, "rb-stale", "changed since"),
        Some(Standing::Fails(_)) => (&mut summary.fail, "rb-bad", "fails"),
        Some(Standing::Open) => (&mut summary.open, "rb-bad", "not met yet"),
        Some(Standing::Tried) => (&mut summary.tried, "rb-stale", "no machine can tell"),
        Some(Standing::NotRun | Standing::Unknown(..)) | None => {
            (&mut summary.not_run, "rb-stale", "not run here yet")
        }
    };
    *n += 1;
    let mark = fill("criterion.html", &Mark { class, result });
    edits.insert(criterion.place.span.start, format!("{mark} "));
}

/// In the place of the reference: a link to what shows it, and the result.
fn show(
    page: &Page,
    reference: &Reference,
    standing: &Standing,
    records: &Records<'_>,
    edits: &mut Edits,
) {
    let (class, result) = match standing {
        // Prose, with its own markup.
        Standing::Tried | Standing::Open => return,
        Standing::Holds(words) => ("rb-good", words.as_str()),
        Standing::Changed(words) => ("rb-stale", words.as_str()),
        Standing::Fails(words) => ("rb-bad", words.as_str()),
        Standing::NotRun => ("rb-stale", "not run here yet"),
        Standing::Unknown(why, _) => ("rb-bad", why.as_str()),
    };
    let shown = Shown {
        word: &reference.word,
        name: &reference.name,
        href: href(page, reference, records),
        class,
        result,
    };
    let text = fill("reference.html", &shown);
    edits.replace(reference.place.span.clone(), text);
}

/// Where the book has what the reference names.
fn href(own: &Page, reference: &Reference, records: &Records<'_>) -> Option<String> {
    let name = reference.name.as_str();
    let wants = match (reference.kind?, name) {
        (Kind::Drill, "all") => "drills",
        (Kind::Check, "too-many-clicks") => "matrix",
        (Kind::Drill | Kind::DocTest | Kind::Section, _) => {
            let page = records.page(name)?;
            let id = name.split_once('#').map(|(_, id)| id);
            return Some(address(own, &page.html_path(), id));
        }
        _ => return None,
    };
    let mut pages = records.pages.iter();
    let page = pages.find(|page| page.document.has_directive(wants))?;
    Some(address(own, &page.html_path(), None))
}
