//! Which addresses the site has beside its chapters: one for each alert, and those that it once had.

use crate::config::Config;
use crate::page::Page;
use crate::rules::alert_stem;
use crate::source::Place;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folder of the alerts' addresses in the built site.
const FOLDER: &str = "alerts";

/// An address that leads on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The file in the built site.
    pub path: PathBuf,
    /// The alert, or the old address.
    pub name: String,
    /// Whether it is an alert's.
    pub is_alert: bool,
    /// Where it leads; several for an alert that several pages name.
    pub targets: Vec<Goal>,
    /// What asks for it.
    pub place: Place,
}

/// A place in the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// The page in the built site.
    pub page: PathBuf,
    /// The anchor on it.
    pub anchor: Option<String>,
    /// What stands there.
    pub title: String,
}

/// All of them: alerts in the order of the book, then old addresses in that of their names.
pub fn addresses<'a>(pages: impl IntoIterator<Item = &'a Page>, config: &Config) -> Vec<Address> {
    let pages: Vec<&Page> = pages.into_iter().collect();
    let mut found: Vec<Address> = Vec::new();
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    for page in &pages {
        for alert in &page.front_matter.alerts {
            let goal = Goal {
                page: page.html_path(),
                anchor: alert.anchor.clone(),
                title: title(page, alert.anchor.as_deref()),
            };
            let index = *known.entry(&alert.name).or_insert_with(|| {
                found.push(Address {
                    path: Path::new(FOLDER).join(format!("{}.html", alert_stem(&alert.name))),
                    name: alert.name.clone(),
                    is_alert: true,
                    targets: Vec::new(),
                    place: alert.place.clone(),
                });
                found.len() - 1
            });
            found[index].targets.push(goal);
        }
    }
    found.extend(config.redirects.iter().map(|redirect| {
        let page = pages.iter().find(|page| page.html_path() == redirect.to);
        let anchor = redirect.anchor.as_deref();
        Address {
            path: redirect.from.clone(),
            name: redirect.from.display().to_string(),
            is_alert: false,
            targets: vec![Goal {
                page: redirect.to.clone(),
                anchor: redirect.anchor.clone(),
                title: page.map_or_else(
                    || redirect.to.display().to_string(),
                    |page| title(page, anchor),
                ),
            }],
            place: redirect.place.clone(),
        }
    }));
    found
}

/// The heading that an anchor stands for, with its page.
fn title(page: &Page, anchor: Option<&str>) -> String {
    let headings = &page.document.headings;
    let heading = anchor.and_then(|anchor| {
        let has_it = |id: &Option<String>| id.as_deref() == Some(anchor);
        headings.iter().find(|heading| has_it(&heading.id))
    });
    match heading.filter(|heading| heading.text != page.title()) {
        Some(heading) => format!("{}: {}", page.title(), heading.text),
        None => page.title().to_owned(),
    }
}
