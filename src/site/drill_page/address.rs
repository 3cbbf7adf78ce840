//! Where each transcript stands in the site.

use super::super::page_view::View;
use super::super::text::relative;
use crate::evidence::{Store, Subject};
use crate::page::{Cause, Page, html_path};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The folder of all transcripts.
const FOLDER: &str = "drills";

/// The address of each transcript, for all that is on record; drills in the order of the book, then doc tests.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    order: Vec<Subject>,
    paths: BTreeMap<Subject, PathBuf>,
}

impl Addresses {
    /// Gives an address to each drill and doc test of `pages` that `store` has a record of.
    pub fn of(pages: &[Page], store: &Store) -> Self {
        let mut addresses = Self::default();
        let mut taken: BTreeSet<PathBuf> = pages.iter().map(Page::html_path).collect();
        let folders = folders(pages);
        let drills = pages.iter().flat_map(|page| {
            let causes = page.issue.iter().flat_map(|issue| &issue.causes);
            causes.enumerate().map(move |(at, cause)| {
                let name = cause.id.clone().unwrap_or_else(|| cause.name.clone());
                (
                    page,
                    Subject::drill(page, cause),
                    slug(&name, &format!("cause-{}", at + 1)),
                )
            })
        });
        let tests = pages
            .iter()
            .map(|page| (page, Subject::doc_test(page), "doc-test".to_owned()));
        for (page, subject, name) in drills.chain(tests) {
            // All get one, so that it does not depend on what else has been played.
            let path = free(&folders[&page.path], &name, &taken);
            taken.insert(path.clone());
            if store.last(&subject).is_some() && !addresses.paths.contains_key(&subject) {
                addresses.order.push(subject.clone());
                addresses.paths.insert(subject, path);
            }
        }
        addresses
    }

    /// In order, each with its address.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Subject, &Path)> {
        self.order
            .iter()
            .map(|subject| (subject, self.paths[subject].as_path()))
    }

    /// The address of `subject` from the page at `from`, if it has a transcript.
    pub(in super::super) fn get(&self, subject: &Subject, from: &Path) -> Option<String> {
        self.paths.get(subject).map(|path| relative(from, path))
    }
}

/// The address of a cause's transcript from `from`; `None` where none is made.
pub(in super::super) fn address(
    from: &Page,
    page: &Page,
    cause: &Cause,
    view: &View<'_>,
) -> Option<String> {
    view.transcripts
        .get(&Subject::drill(page, cause), &from.html_path())
}

/// A folder for each page: its file's name, or its whole path where another page has that name.
fn folders(pages: &[Page]) -> BTreeMap<PathBuf, PathBuf> {
    let stem = |page: &Page| {
        slug(
            &html_path(&page.path)
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy(),
            "page",
        )
    };
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for page in pages {
        *count.entry(stem(page)).or_default() += 1;
    }
    let folder = |page: &Page| {
        let stem = stem(page);
        let name = match count[&stem] {
            1 => stem,
            _ => slug(&page.path.with_extension("").to_string_lossy(), "page"),
        };
        (page.path.clone(), Path::new(FOLDER).join(name))
    };
    pages.iter().map(folder).collect()
}

/// The first address that no other page has.
fn free(folder: &Path, name: &str, taken: &BTreeSet<PathBuf>) -> PathBuf {
    let path = |name: &str| folder.join(format!("{name}.html"));
    let numbered = (2..).map(|number| path(&format!("{name}-{number}")));
    std::iter::once(path(name))
        .chain(numbered)
        .find(|path| !taken.contains(path))
        .expect("the numbers do not end")
}

/// Lower case letters and digits of ASCII, as they need no encoding in an address.
fn slug(text: &str, otherwise: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    let slug = words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-");
    match slug.char_indices().nth(80) {
        _ if slug.is_empty() => otherwise.to_owned(),
        Some((at, _)) => slug[..at].to_owned(),
        None => slug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_gives_an_address_and_no_two_the_same() {
        assert_eq!(slug("Port conflict!", "x"), "port-conflict");
        assert_eq!(slug("../../etc", "x"), "etc");
        assert_eq!(slug("漏れ", "cause-1"), "cause-1");
        assert_eq!(slug(&"a".repeat(300), "x").len(), 80);
        let taken = BTreeSet::from([PathBuf::from("d/a.html"), PathBuf::from("d/a-2.html")]);
        assert_eq!(free(Path::new("d"), "a", &taken), Path::new("d/a-3.html"));
    }
}
