//! The whole run as one JSON document.

use super::Summary;
use crate::evidence::Evidence;
use crate::finding::{Finding, Severity};
use crate::run::Played;
use serde::Serialize;

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    summary: &'a Summary,
    jobs: Vec<JobReport<'a>>,
    findings: Vec<FindingReport<'a>>,
}

#[derive(Serialize)]
struct JobReport<'a> {
    reused: bool,
    #[serde(rename = "evidence")]
    evidence: &'a Evidence,
}

#[derive(Serialize)]
struct FindingReport<'a> {
    check: &'a str,
    severity: Severity,
    at: String,
    title: &'a str,
    note: &'a str,
    detail: Option<&'a str>,
    help: &'a str,
}

/// `schema` rises when a field changes its meaning or goes.
pub fn to_json(summary: &Summary, played: &[Played], findings: &[Finding]) -> String {
    let report = Report {
        schema: 1,
        summary,
        jobs: played
            .iter()
            .map(|played| JobReport {
                reused: played.reused,
                evidence: &played.evidence,
            })
            .collect(),
        findings: findings
            .iter()
            .map(|finding| FindingReport {
                check: finding.check,
                severity: finding.severity,
                at: finding.locator(),
                title: &finding.title,
                note: &finding.note,
                detail: finding.detail.as_deref(),
                help: &finding.help,
            })
            .collect(),
    };
    serde_json::to_string_pretty(&report).unwrap_or_default()
}
