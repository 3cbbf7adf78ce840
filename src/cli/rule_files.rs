//! The rule files of a book against its pages: used by `verify`, `check` and `alerts`.

use super::open::Opened;
use crate::config::ForeignLinks;
use crate::finding::Finding;
use crate::page::AlertRef;
use crate::page::Page;
use crate::rules::{self, AlertLink, FileEdit, Linked, Policy, UrlForm, escaped_query};

/// What must be written, what is wrong, and how many links are right; nothing of it in a book
/// without rule files. `forced` replaces links of others, `broken` are findings about anchors.
pub(super) fn plan(
    opened: &Opened,
    forced: bool,
    broken: &[Finding],
) -> (Vec<FileEdit>, Vec<Finding>, Option<Linked>) {
    let config = &opened.config;
    if !config.has_rules() {
        return (Vec::new(), Vec::new(), None);
    }
    let (files, found) = opened.rules();
    let mut findings = found.clone();
    let (links, more) = links(opened, broken);
    findings.extend(more);
    let (edits, more, linked) = rules::plan(files, &links, policy(opened, forced));
    findings.extend(more);
    if config.base_url.is_none() {
        findings.push(
            Finding::error_in("config", config.file.path(), "`rules` without `base-url`")
                .help("add `base-url = \"https://…/\"`, the address of the published site"),
        );
    }
    (edits, findings, Some(linked))
}

/// Which links may be touched.
pub(super) fn policy(opened: &Opened, forced: bool) -> Policy<'_> {
    Policy {
        base_url: opened.config.base_url.as_deref(),
        replaces_foreign: forced || opened.config.rules.foreign == ForeignLinks::Replace,
    }
}

/// The link of each alert that a page names.
fn links(opened: &Opened, broken: &[Finding]) -> (Vec<AlertLink>, Vec<Finding>) {
    let config = &opened.config.rules;
    let (mut links, mut findings) = (Vec::new(), Vec::new());
    for page in &opened.pages {
        for alert in &page.front_matter.alerts {
            let query = match &alert.query {
                None => config.query.clone(),
                Some(query) if query.is_empty() => None,
                Some(query) => match escaped_query(query) {
                    Ok(query) => Some(query),
                    Err(why) => {
                        let title = format!("the query of `{}` cannot be used: {why}", alert.name);
                        findings.push(
                            Finding::error("front-matter", alert.place.clone(), title)
                                .help("write it like `Name?space={{ $labels.space }}#anchor`"),
                        );
                        continue;
                    }
                },
            };
            links.push(AlertLink {
                alert: alert.name.clone(),
                url: url(config.form.as_ref(), page, alert, query.as_deref()),
                place: alert.place.clone(),
                leads: !broken.iter().any(|one| is_at(one, alert)),
            });
        }
    }
    (links, findings)
}

fn url(form: Option<&UrlForm>, page: &Page, alert: &AlertRef, query: Option<&str>) -> String {
    let path = page.html_path();
    form.map_or_else(String::new, |form| {
        let anchor = alert.anchor.as_deref();
        form.url((&path, &alert.name), anchor, query)
    })
}

fn is_at(finding: &Finding, alert: &AlertRef) -> bool {
    matches!(&finding.target, crate::finding::Target::Place(place) if *place == alert.place)
}
