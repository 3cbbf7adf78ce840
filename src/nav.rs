//! The click graph: how many clicks lie between what an operator opens and the fix.
//!
//! A page is a node, a link inside its `<main>` is one click. A target is an anchor on a page: it
//! is reached by a link that carries that very fragment. Sidebar, search and the arrows do not
//! count: with them every page is one click away, and nobody finds anything.

use crate::config::Config;
use crate::finding::Finding;
use crate::page::{Page, Symptom};
use crate::site::html::Site;
use crate::tree::Tree;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a web server shows for addresses that do not exist.
pub const LOST: &str = "404.html";

/// The format of the stored matrix.
const SCHEMA: u32 = 1;

/// The way from one entry to one symptom's resolution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// `front page`, `symptom index`, `lost address`, `alert NAME`, or `tree NAME`.
    pub entry: String,
    /// The fewest clicks; `None` if there is no way.
    pub clicks: Option<usize>,
    /// The addresses on the way, entry and target included.
    pub path: Vec<String>,
}

/// All ways to one symptom's resolution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What the operator sees.
    pub symptom: String,
    /// The issue's number.
    pub issue: u32,
    /// The chapter's path below `src`.
    pub page: PathBuf,
    /// The anchor of the resolution on that page.
    pub anchor: Option<String>,
    /// From each entry.
    pub ways: Vec<Way>,
}

/// Every symptom from every entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matrix {
    /// Rises when a field changes its meaning.
    pub schema: u32,
    /// What the book allows.
    pub max_clicks: usize,
    /// The longest of the shortest ways; `None` if there are no symptoms or one has no way.
    pub longest: Option<usize>,
    /// In the order of the book.
    pub rows: Vec<Row>,
}

impl Matrix {
    /// The last one that was stored below `state_dir`, if it can be read.
    pub fn load(state_dir: &Path) -> Option<Self> {
        let bytes = std::fs::read(state_dir.join("navigation.json")).ok()?;
        let matrix: Self = serde_json::from_slice(&bytes).ok()?;
        (matrix.schema == SCHEMA).then_some(matrix)
    }

    /// As JSON, for the state folder and the site.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// Where an operator comes in.
struct Entry {
    name: String,
    page: PathBuf,
    fragment: Option<String>,
    /// The chapters whose symptoms it must lead to; all where `None`.
    only: Option<BTreeSet<PathBuf>>,
}

impl Entry {
    fn leads_to(&self, page: &Path) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(page))
    }
}

/// Counts the clicks; a way that is too long is a finding at its symptom.
pub fn matrix(
    site: &Site,
    pages: &[Arc<Page>],
    trees: &[Arc<Tree>],
    config: &Config,
) -> (Matrix, Vec<Finding>) {
    let mut entries = entries(site, pages, config);
    entries.extend(trees.iter().map(|tree| of_tree(tree)));
    let reached: Vec<BTreeMap<PathBuf, (usize, PathBuf)>> = entries
        .iter()
        .map(|entry| distances(site, &entry.page))
        .collect();
    let mut findings = Vec::new();
    let mut rows = Vec::new();
    for page in pages {
        let Some(issue) = &page.issue else { continue };
        for symptom in &issue.symptoms {
            let anchor = symptom.anchor.clone().or(issue.resolution_id.clone());
            if anchor.is_none() {
                findings.push(without_anchor(symptom));
            }
            let target = Target {
                page: page.html_path(),
                anchor: anchor.clone(),
            };
            let ways: Vec<Way> = entries
                .iter()
                .zip(&reached)
                .filter(|(entry, _)| entry.leads_to(&page.path))
                .map(|(entry, reached)| way(site, entry, reached, &target))
                .collect();
            findings.extend(too_far(symptom, &ways, config.max_clicks));
            rows.push(Row {
                symptom: symptom.text.clone(),
                issue: issue.number,
                page: page.path.clone(),
                anchor,
                ways,
            });
        }
    }
    let clicks = rows.iter().flat_map(|row| &row.ways).map(|way| way.clicks);
    let longest = clicks
        .collect::<Option<Vec<usize>>>()
        .and_then(|all| all.into_iter().max());
    let matrix = Matrix {
        schema: SCHEMA,
        max_clicks: config.max_clicks,
        longest,
        rows,
    };
    (matrix, findings)
}

struct Target {
    page: PathBuf,
    anchor: Option<String>,
}

fn entries(site: &Site, pages: &[Arc<Page>], config: &Config) -> Vec<Entry> {
    let mut entries = vec![Entry {
        name: "front page".to_owned(),
        page: site.front().to_owned(),
        fragment: None,
        only: None,
    }];
    if let Some(index) = &config.symptom_index {
        entries.push(Entry {
            name: "symptom index".to_owned(),
            page: crate::page::html_path(index),
            fragment: None,
            only: None,
        });
    }
    if pages.iter().any(|page| page.issue.is_some()) && site.page(Path::new(LOST)).is_some() {
        entries.push(Entry {
            name: "lost address".to_owned(),
            page: LOST.into(),
            fragment: None,
            only: None,
        });
    }
    for page in pages {
        for alert in &page.front_matter.alerts {
            entries.push(Entry {
                name: format!("alert {}", alert.name),
                page: page.html_path(),
                fragment: alert.anchor.clone(),
                only: Some(BTreeSet::from([page.path.clone()])),
            });
        }
    }
    entries
}

/// A decision tree leads to the pages of its leaves.
fn of_tree(tree: &Tree) -> Entry {
    Entry {
        name: format!("tree {}", tree.title),
        page: crate::page::html_path(&tree.page),
        fragment: None,
        only: Some(tree.targets().map(|target| target.page.clone()).collect()),
    }
}

/// Clicks from `start` to every page, with the page before it.
fn distances(site: &Site, start: &Path) -> BTreeMap<PathBuf, (usize, PathBuf)> {
    let mut reached = BTreeMap::from([(start.to_owned(), (0, PathBuf::new()))]);
    let mut queue = VecDeque::from([start.to_owned()]);
    while let Some(at) = queue.pop_front() {
        let clicks = reached[&at].0;
        for link in site.page(&at).into_iter().flat_map(|(_, page)| &page.links) {
            let Some((to, _)) = site.page(&link.to) else {
                continue;
            };
            if !reached.contains_key(to) {
                reached.insert(to.to_owned(), (clicks + 1, at.clone()));
                queue.push_back(to.to_owned());
            }
        }
    }
    reached
}

fn way(
    site: &Site,
    entry: &Entry,
    reached: &BTreeMap<PathBuf, (usize, PathBuf)>,
    target: &Target,
) -> Way {
    let nothing = Way {
        entry: entry.name.clone(),
        clicks: None,
        path: Vec::new(),
    };
    let address = match &target.anchor {
        Some(anchor) => format!("{}#{anchor}", target.page.display()),
        None => target.page.display().to_string(),
    };
    let lands = entry.page == target.page;
    if lands && (target.anchor.is_none() || entry.fragment == target.anchor) {
        return Way {
            clicks: Some(0),
            path: vec![address],
            ..nothing
        };
    }
    let best = reached
        .iter()
        .filter(|(from, _)| links_to(site, from, target))
        .min_by_key(|(from, (clicks, _))| (*clicks, (*from).clone()));
    let Some((from, (clicks, _))) = best else {
        return nothing;
    };
    let mut path = vec![address, from.display().to_string()];
    let mut at = from;
    while let Some((_, before)) = reached.get(at)
        && !before.as_os_str().is_empty()
    {
        path.push(before.display().to_string());
        at = before;
    }
    path.reverse();
    Way {
        clicks: Some(clicks + 1),
        path,
        ..nothing
    }
}

fn links_to(site: &Site, from: &Path, target: &Target) -> bool {
    site.page(from).is_some_and(|(_, page)| {
        page.links.iter().any(|link| {
            let same_page = site.page(&link.to).is_some_and(|(to, _)| to == target.page);
            same_page && (target.anchor.is_none() || link.fragment == target.anchor)
        })
    })
}

fn without_anchor(symptom: &Symptom) -> Finding {
    Finding::error(
        "symptom-without-anchor",
        symptom.place.clone(),
        "this symptom leads to no resolution",
    )
    .help("link it to its cause, as in `[port conflict](#port-conflict)`, or give the *Resolution* heading an `{#id}`")
}

fn too_far(symptom: &Symptom, ways: &[Way], max_clicks: usize) -> Vec<Finding> {
    ways.iter()
        .filter(|way| way.clicks.is_none_or(|clicks| clicks > max_clicks))
        .map(|way| {
            let (title, detail) = match way.clicks {
                Some(clicks) => (
                    format!(
                        "{clicks} clicks from the {} to this symptom's resolution",
                        way.entry
                    ),
                    format!("the shortest way: {}", way.path.join(" -> ")),
                ),
                None => (
                    format!("no way from the {} to this symptom's resolution", way.entry),
                    "links in the sidebar do not count".to_owned(),
                ),
            };
            Finding::error("too-many-clicks", symptom.place.clone(), title)
                .note(format!("at most {max_clicks} are allowed"))
                .detail(detail)
                .help("link to the resolution's anchor from that page's own text")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(pages: &[(&str, &str)]) -> (tempfile::TempDir, Site) {
        let dir = tempfile::tempdir().unwrap();
        for (name, body) in pages {
            std::fs::write(
                dir.path().join(name).with_extension("html"),
                format!("<main>{body}</main>"),
            )
            .unwrap();
        }
        let chapters: Vec<&Path> = pages.iter().map(|(name, _)| Path::new(*name)).collect();
        let site = Site::read(dir.path(), &chapters).unwrap();
        (dir, site)
    }

    #[track_caller]
    fn clicks(site: &Site, from: &str, to: &str, anchor: &str) -> Option<usize> {
        let entry = Entry {
            name: "x".to_owned(),
            page: from.into(),
            fragment: None,
            only: None,
        };
        let target = Target {
            page: to.into(),
            anchor: Some(anchor.to_owned()),
        };
        way(site, &entry, &distances(site, Path::new(from)), &target).clicks
    }

    #[test]
    fn a_link_must_carry_the_fragment() {
        let (_dir, site) = site(&[
            ("a.md", "<a href=b.html>b</a>"),
            ("b.md", "<a href=c.html>c</a><a href=#x>x</a><p id=x>"),
            ("c.md", "<a href=b.html#y>y</a><a href=index.html>home</a>"),
        ]);
        assert_eq!(clicks(&site, "a.html", "b.html", "x"), Some(2));
        assert_eq!(clicks(&site, "a.html", "b.html", "y"), Some(3));
        assert_eq!(clicks(&site, "c.html", "b.html", "y"), Some(1));
        assert_eq!(clicks(&site, "c.html", "b.html", "x"), Some(2));
        assert_eq!(clicks(&site, "a.html", "b.html", "z"), None);
    }
}
