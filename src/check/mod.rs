//! Checks, a file each: kebab-case name, what it looks at, what it says.

mod acceptance;
mod addresses;
mod catalogue;
mod danger;
mod dashboards;
mod drift;
mod escalation;
mod links;
mod metrics;
mod names;
mod profile;
mod runbook_urls;
mod slower;
mod trees;
mod waivers;

pub use acceptance::failed;
pub use addresses::addresses_lead;
pub use catalogue::log_lines;
pub use danger::destructive;
pub use dashboards::dashboard_links;
pub use drift::drift;
pub use links::{alert_anchors, links};
pub use metrics::metrics;
pub use names::{EXPLAINED, NAMES};
pub use profile::not_judged;
pub use runbook_urls::runbook_urls;
pub use slower::slower;
pub use trees::{escalation_target, walks_astray};

use crate::acceptance::Results;
use crate::config::Config;
use crate::finding::Finding;
use crate::page::Page;
use crate::tree::Tree;
use std::sync::Arc;

/// All findings that need neither execution nor a built site.
pub fn static_findings(pages: &[Arc<Page>], trees: &[Arc<Tree>], config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in pages {
        findings.extend(danger::check(page));
        findings.extend(waivers::check(page, today()));
        findings.extend(crate::site::unknown_directives(page));
        findings.extend(links::lost_queries(page));
    }
    findings.extend(links::symptom_index(pages, config));
    findings.extend(catalogue::check(pages, config));
    findings.extend(escalation::check(pages, &config.headings));
    findings.extend(trees::check(pages, trees));
    let pages: Vec<&Page> = pages.iter().map(AsRef::as_ref).collect();
    let results = Results::load(config, pages.iter().copied());
    findings.extend(acceptance::check(&pages, &results));
    findings
}

/// The day in UTC, so that a waiver ends everywhere at once.
fn today() -> jiff::civil::Date {
    let now = jiff::Timestamp::now();
    jiff::tz::Offset::UTC.to_datetime(now).date()
}
