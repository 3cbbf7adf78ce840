//! `dashboard-without-link`, and `broken-link` and `broken-anchor` of dashboards.

use super::links::suggest;
use crate::config::Config;
use crate::dashboards::Dashboard;
use crate::finding::Finding;
use crate::site::html::{Site, resolve};
use std::path::Path;

/// The links of dashboards that lie under the book's `base-url`, on the built site.
pub fn dashboard_links(site: &Site, dashboards: &[Dashboard], config: &Config) -> Vec<Finding> {
    let Some(base) = &config.base_url else {
        return Vec::from_iter((!dashboards.is_empty()).then(|| {
            Finding::error_in(
                "config",
                config.file.path(),
                "`dashboards` without `base-url`",
            )
            .help("add `base-url = \"https://…/\"`, the address of the published site")
        }));
    };
    let mut findings = Vec::new();
    for dashboard in dashboards {
        let mut has_link = false;
        for address in &dashboard.addresses {
            let home = base.trim_end_matches('/');
            let inside = address.strip_prefix(base.as_str());
            let Some(inside) = inside.or((address == home).then_some("")) else {
                continue;
            };
            has_link = true;
            findings.extend(link(site, dashboard, address, inside));
        }
        if !has_link {
            let title = format!(
                "the dashboard `{}` has no link to the runbook",
                dashboard.title
            );
            findings.push(
                Finding::error_in("dashboard-without-link", dashboard.file.path(), title).help(
                    format!("add a link under `{base}` to the dashboard or to a panel"),
                ),
            );
        }
    }
    findings
}

fn link(site: &Site, dashboard: &Dashboard, address: &str, inside: &str) -> Option<Finding> {
    let (path, rest) = inside.split_at(inside.find(['?', '#']).unwrap_or(inside.len()));
    let fragment = rest.split_once('#').map_or("", |(_, fragment)| fragment);
    if path.contains('$') || fragment.contains('$') {
        let title = format!("nobody can know where `{address}` leads");
        return Some(
            dashboard
                .finding("broken-link", address, title)
                .note("a variable in the path or the anchor")
                .help("write page and anchor out, and variables between `?` and `#` only"),
        );
    }
    let link = resolve(&format!("/{inside}"), Path::new(""))?;
    let Some((_, html)) = site.page(&link.to) else {
        let title = format!("`{address}` leads to no page of the site");
        return (!site.has_file(&link.to)).then(|| {
            dashboard
                .finding("broken-link", address, title)
                .help("correct the path, or list the chapter in SUMMARY.md")
        });
    };
    let fragment = link.fragment.filter(|it| !html.ids.contains_key(it))?;
    let title = format!("`{address}` leads to an anchor that is not there");
    Some(
        dashboard
            .finding("broken-anchor", address, title)
            .note(format!("`{}` has no id `{fragment}`", link.to.display()))
            .help(suggest(&fragment, html)),
    )
}
