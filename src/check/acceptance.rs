//! `criterion-without-check`, `acceptance-unknown` and `acceptance-failed`: a list of criteria that
//! shows less than it says.

use crate::acceptance::{Criterion, DIRECTIVE, Records, Reference, Results, Standing, criteria};
use crate::evidence::Store;
use crate::finding::Finding;
use crate::page::Page;

/// What needs no result: criteria that nothing shows, and references to nothing.
pub(super) fn check(pages: &[&Page], results: &Results) -> Vec<Finding> {
    let records = Records {
        pages: pages.to_vec(),
        store: &Store::default(),
        inputs: None,
        checks: None,
        results,
    };
    let mut findings = Vec::new();
    for page in pages {
        let criteria = criteria(page);
        if criteria.is_empty() {
            findings.extend(without_a_list(page));
        }
        for criterion in &criteria {
            findings.extend(without_check(criterion));
        }
        for reference in criteria.iter().flat_map(|criterion| &criterion.references) {
            if let Standing::Unknown(why, help) = records.standing(reference) {
                findings.push(
                    Finding::error("acceptance-unknown", reference.place.clone(), why).help(help),
                );
            }
        }
    }
    findings
}

/// The references whose last result is red. What the checks found is told by themselves.
pub fn failed(records: &Records<'_>) -> Vec<Finding> {
    let all = records.pages.iter().flat_map(|page| criteria(page));
    let mut findings = Vec::new();
    for criterion in all {
        for reference in &criterion.references {
            if let Standing::Fails(words) = records.standing(reference) {
                findings.push(red(&criterion, reference, &words));
            }
        }
    }
    findings
}

fn red(criterion: &Criterion, reference: &Reference, words: &str) -> Finding {
    let title = format!("the last result of `{}` is red", reference.name);
    Finding::error("acceptance-failed", reference.place.clone(), title)
        .note(words)
        .related(criterion.place.clone(), "so this criterion is not met")
        .help("run it again, and mend what it finds")
}

fn without_check(criterion: &Criterion) -> Option<Finding> {
    criterion.references.is_empty().then(|| {
        Finding::error(
            "criterion-without-check",
            criterion.place.clone(),
            "nothing shows that this criterion is met",
        )
        .help("add an item below it: `drill: PAGE#cause`, `doc-test: PAGE`, `check: NAME`, `test: NAME`, `section: PAGE#id`, `tried: how`, or `open: why not`")
    })
}

fn without_a_list(page: &Page) -> Option<Finding> {
    let directives = &page.document.directives;
    let directive = directives.iter().find(|it| it.name == DIRECTIVE)?;
    Some(
        Finding::error(
            "criterion-without-check",
            directive.place.clone(),
            "this chapter has no criterion",
        )
        .help("list the criteria below, each with items that say how it is shown"),
    )
}
