//! `broken-link`, `broken-anchor`, `duplicate-id`, `alert-anchor`, `link-loses-query`,
//! `symptom-index`: what leads nowhere. Pages and anchors are those of the built site.

use crate::config::Config;
use crate::finding::{Finding, nearest};
use crate::page::{Page, html_path};
use crate::site::html::{HtmlLink, HtmlPage, Site, resolve};
use crate::source::Place;
use std::path::Path;
use std::sync::Arc;

/// Links and ids of all pages.
pub fn links(site: &Site, pages: &[Arc<Page>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in pages {
        let Some((path, html)) = site.page(&page.html_path()) else {
            continue;
        };
        for link in &html.links {
            findings.extend(link_finding(site, page, path, link));
        }
        findings.extend(duplicates(page, html));
    }
    findings
}

fn link_finding(site: &Site, page: &Page, path: &Path, link: &HtmlLink) -> Option<Finding> {
    let target = site.page(&link.to);
    if target.is_none() && !site.has_file(&link.to) {
        return Some(
            Finding::error(
                "broken-link",
                place(page, path, link),
                format!("`{}` leads to no page or file of the site", link.href),
            )
            .help("correct the path, or list the chapter in SUMMARY.md"),
        );
    }
    let (_, html) = target?;
    let fragment = link.fragment.as_ref()?;
    if html.ids.contains_key(fragment) {
        return None;
    }
    Some(
        Finding::error(
            "broken-anchor",
            place(page, path, link),
            format!("`{}` leads to an anchor that is not there", link.href),
        )
        .note(format!("`{}` has no id `{fragment}`", link.to.display()))
        .help(suggest(fragment, html)),
    )
}

pub(super) fn suggest(fragment: &str, html: &HtmlPage) -> String {
    match nearest(fragment, html.ids.keys().map(String::as_str)) {
        Some(near) => format!("did you mean `#{near}`?"),
        None => "give the heading an explicit `{#id}` and link to that".to_owned(),
    }
}

/// The link in the Markdown; generated ones have none, and are shown at the page's title.
fn place(page: &Page, path: &Path, link: &HtmlLink) -> Place {
    let same = |to: &str| {
        let html = to.replace(".md", ".html");
        resolve(&html, path).is_some_and(|r| r.to == link.to && r.fragment == link.fragment)
    };
    page.document
        .links
        .iter()
        .find(|own| same(&own.to))
        .map(|own| own.place.clone())
        .or_else(|| page.document.title().map(|title| title.place.clone()))
        .unwrap_or_else(|| Place::line_of(&page.document.file, 1))
}

fn duplicates(page: &Page, html: &HtmlPage) -> Vec<Finding> {
    html.ids
        .iter()
        .filter(|(_, count)| **count > 1)
        .map(|(id, count)| {
            let headings = &page.document.headings;
            let places: Vec<&Place> = headings
                .iter()
                .filter(|heading| heading.id.as_deref() == Some(id))
                .map(|heading| &heading.place)
                .collect();
            let place = places.last().map_or_else(
                || Place::line_of(&page.document.file, 1),
                |place| (*place).clone(),
            );
            Finding::error(
                "duplicate-id",
                place,
                format!("the id `{id}` stands {count} times on this page"),
            )
            .note("a link to it leads to the first one only")
            .help("give each heading its own `{#id}`")
        })
        .collect()
}

/// Anchors that alerts land on: on the built page, and explicit, since mdBook renumbers the others
/// when a heading is added.
pub fn alert_anchors(site: &Site, pages: &[Arc<Page>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in pages {
        for alert in &page.front_matter.alerts {
            let Some(anchor) = &alert.anchor else {
                continue;
            };
            let explicit = page
                .document
                .headings
                .iter()
                .any(|heading| heading.id.as_ref() == Some(anchor));
            let html = site.page(&page.html_path()).map(|(_, html)| html);
            let exists = html.is_some_and(|html| html.ids.contains_key(anchor));
            if explicit && exists {
                continue;
            }
            let finding = Finding::error(
                "alert-anchor",
                alert.place.clone(),
                format!(
                    "alert `{}` lands on `#{anchor}`, which {}",
                    alert.name,
                    if exists {
                        "is not an explicit id"
                    } else {
                        "is not on this page"
                    }
                ),
            );
            let help = match html {
                Some(html) if !exists => suggest(anchor, html),
                _ => format!("write `{{#{anchor}}}` after the heading"),
            };
            findings.push(finding.help(help));
        }
    }
    findings
}

/// mdBook turns `page.md?x#a` into `page.html`: query and anchor are gone without a word.
pub(super) fn lost_queries(page: &Page) -> Vec<Finding> {
    page.document
        .links
        .iter()
        .filter(|link| link.to.contains(".md?") && !link.to.contains("://"))
        .map(|link| {
            Finding::error(
                "link-loses-query",
                link.place.clone(),
                format!("mdBook drops everything after `.md` of `{}`", link.to),
            )
            .help("write `.html` instead of `.md` in a link with a query")
        })
        .collect()
}

/// The configured symptom index must be a chapter.
pub(super) fn symptom_index(pages: &[Arc<Page>], config: &Config) -> Option<Finding> {
    let index = config.symptom_index.as_ref()?;
    let known = pages
        .iter()
        .any(|page| html_path(&page.path) == html_path(index));
    (!known).then(|| {
        Finding::error_in(
            "symptom-index",
            config.file.path(),
            format!(
                "the symptom index `{}` is no chapter of the book",
                index.display()
            ),
        )
        .help("correct `symptom-index`, or list the chapter in SUMMARY.md")
    })
}
