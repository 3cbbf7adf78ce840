//! Checks, a file each: kebab-case name, what it looks at, what it says.

mod danger;
mod escalation;
mod links;
mod waivers;

pub use links::{alert_anchors, links};

use crate::config::Config;
use crate::finding::Finding;
use crate::page::Page;
use std::sync::Arc;

/// All findings that need neither execution nor a built site.
pub fn static_findings(pages: &[Arc<Page>], config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in pages {
        findings.extend(danger::check(page));
        findings.extend(waivers::check(page, today()));
        findings.extend(crate::site::unknown_directives(page));
        findings.extend(links::lost_queries(page));
    }
    findings.extend(links::symptom_index(pages, config));
    findings.extend(escalation::check(pages, &config.headings));
    findings
}

/// The day in UTC, so that a waiver ends everywhere at once.
fn today() -> jiff::civil::Date {
    let now = jiff::Timestamp::now();
    jiff::tz::Offset::UTC.to_datetime(now).date()
}
