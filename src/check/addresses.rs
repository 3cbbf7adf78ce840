//! `address-taken`, `redirect-dead`: addresses of alerts and old addresses that lead nowhere.

use super::links::suggest;
use crate::config::Config;
use crate::finding::Finding;
use crate::page::Page;
use crate::site::after::{Address, addresses};
use crate::site::html::Site;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Pages of mdBook's own.
const OWN: &[&str] = &["404.html", "index.html", "print.html", "toc.html"];

/// Each address must be free, and each old one must lead to a page and an anchor of the built site.
pub fn addresses_lead(site: &Site, pages: &[Arc<Page>], config: &Config) -> Vec<Finding> {
    let all = addresses(pages.iter().map(AsRef::as_ref), config);
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for own in OWN {
        taken.insert((*own).to_owned(), "mdBook's own page".to_owned());
    }
    for page in pages {
        let chapter = format!("the chapter `{}`", page.path.display());
        taken.insert(key(&page.html_path()), chapter);
    }
    let mut findings = Vec::new();
    for address in &all {
        let key = key(&address.path);
        match taken.get(&key) {
            Some(by) => findings.push(is_taken(address, by)),
            None => {
                taken.insert(key, format!("`{}`", address.name));
            }
        }
        if !address.is_alert {
            findings.extend(dead(site, address));
        }
    }
    findings
}

/// Not every file system tells letters by their case, nor does the page for lost addresses.
fn key(path: &Path) -> String {
    path.display().to_string().to_lowercase()
}

fn is_taken(address: &Address, by: &str) -> Finding {
    let title = format!(
        "`{}` cannot have the address `{}`",
        address.name,
        address.path.display()
    );
    Finding::error("address-taken", address.place.clone(), title)
        .note(format!("it belongs to {by}"))
        .help("rename one of the two; letters that differ in case only are the same")
}

fn dead(site: &Site, address: &Address) -> Option<Finding> {
    let goal = address.targets.first()?;
    let to = goal.page.display();
    let page = site.page(&goal.page);
    let (note, help) = match (page, &goal.anchor) {
        (None, _) if !site.has_file(&goal.page) => (
            format!("the site has no `{to}`"),
            "name a page of the built site, such as `issues/page.html#cause`".to_owned(),
        ),
        (Some((_, html)), Some(anchor)) if !html.ids.contains_key(anchor) => (
            format!("`{to}` has no id `{anchor}`"),
            suggest(anchor, html),
        ),
        _ => return None,
    };
    let title = format!("the old address `{}` leads nowhere", address.name);
    Some(
        Finding::error("redirect-dead", address.place.clone(), title)
            .note(note)
            .help(help),
    )
}
