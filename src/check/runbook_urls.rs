//! `runbook-url-dead`: links below `base-url` in rule files that lead to no page or anchor.
//!
//! The link of an alert that a page names is made of that page, and judged as `alert-anchor`.

use super::links::suggest;
use crate::config::Config;
use crate::finding::{Finding, nearest};
use crate::page::Page;
use crate::rules::{RuleFile, RunbookUrl, is_under};
use crate::site::after;
use crate::site::html::{HtmlPage, Site, resolve};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// Every link of the rule files that no page claims.
pub fn runbook_urls(
    files: &[RuleFile],
    site: &Site,
    pages: &[Arc<Page>],
    config: &Config,
) -> Vec<Finding> {
    let (Some(base), Some(form)) = (&config.base_url, &config.rules.form) else {
        return Vec::new();
    };
    let claims = pages.iter().flat_map(|page| &page.front_matter.alerts);
    let claimed: BTreeSet<&str> = claims.map(|alert| alert.name.as_str()).collect();
    let unclaimed: Vec<(&str, &RunbookUrl)> = files
        .iter()
        .flat_map(|file| &file.alerts)
        .filter(|alert| !claimed.contains(alert.name.as_str()))
        .filter_map(|alert| Some((alert.name.as_str(), alert.runbook_url.as_ref()?)))
        .collect();
    // All that follows takes its time for each alert of the book.
    if unclaimed.is_empty() {
        return Vec::new();
    }
    let own_addresses = after::addresses(pages.iter().map(AsRef::as_ref), config);
    let mut addresses: BTreeMap<String, &HtmlPage> = site
        .pages()
        .filter(|_| form.names_pages())
        .map(|(path, html)| (form.url((path, ""), None, None), html))
        .collect();
    // The address of an alert leads on, with the anchor that it is given.
    for address in &own_addresses {
        if let [goal] = address.targets.as_slice()
            && let Some((_, html)) = site.page(&goal.page)
        {
            addresses.entry(form.file(&address.path)).or_insert(html);
        }
    }
    let judge = Judge {
        base,
        site,
        addresses: &addresses,
        own_addresses: own_addresses.iter().map(|it| it.path.as_path()).collect(),
    };
    unclaimed
        .into_iter()
        .filter_map(|(alert, url)| judge.finding(alert, url))
        .collect()
}

struct Judge<'a> {
    base: &'a str,
    site: &'a Site,
    /// The pages by their addresses.
    addresses: &'a BTreeMap<String, &'a HtmlPage>,
    /// Files of the site beside its chapters, whether they are written yet or not.
    own_addresses: BTreeSet<&'a Path>,
}

impl Judge<'_> {
    fn finding(&self, alert: &str, url: &RunbookUrl) -> Option<Finding> {
        // What labels fill in is not known here; a query is, as it leads nowhere.
        let (address, fragment) = url.value.split_once('#').unwrap_or((&url.value, ""));
        let (address, _) = address.split_once('?').unwrap_or((address, ""));
        if !is_under(address, self.base) || address.contains("{{") || fragment.contains("{{") {
            return None;
        }
        let rest = address.strip_prefix(self.base).unwrap_or_default();
        let link = resolve(&format!("/{rest}#{fragment}"), Path::new("index.html"))?;
        let by_path = self.site.page(&link.to).map(|(_, html)| html);
        let html = self.addresses.get(address).copied().or(by_path);
        let Some(html) = html else {
            if self.own_addresses.contains(&*link.to) || self.site.has_file(&link.to) {
                return None;
            }
            let known = self.addresses.keys().map(String::as_str);
            let help = match nearest(address, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name the alert in the front matter of its page".to_owned(),
            };
            let title = format!("the link of `{alert}` leads to no page of this book");
            return Some(Self::dead(url, title).help(help));
        };
        let fragment = link.fragment?;
        if html.ids.contains_key(&fragment) {
            return None;
        }
        let title = format!("the link of `{alert}` leads to an anchor that is not there");
        Some(Self::dead(url, title).help(suggest(&fragment, html)))
    }

    fn dead(url: &RunbookUrl, title: String) -> Finding {
        Finding::error("runbook-url-dead", url.place.clone(), title)
            .note("whoever it wakes finds nothing")
    }
}
