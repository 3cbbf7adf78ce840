//! The run as `JUnit` XML, which every CI server reads.

use crate::evidence::Verdict;
use crate::run::Played;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::collections::BTreeMap;
use std::time::Duration;

/// One suite a page, one case a drill or doc test.
pub fn to_junit(played: &[Played]) -> Result<String, quick_junit::SerializeError> {
    let mut suites: BTreeMap<String, TestSuite> = BTreeMap::new();
    for played in played {
        let page = played.evidence.subject.page.display().to_string();
        suites
            .entry(page.clone())
            .or_insert_with(|| TestSuite::new(page))
            .add_test_case(case(played));
    }
    let mut report = Report::new("mdbook-runbook");
    report.add_test_suites(suites.into_values());
    report.to_string()
}

fn case(played: &Played) -> TestCase {
    let evidence = &played.evidence;
    let name = evidence
        .subject
        .cause
        .clone()
        .unwrap_or_else(|| "doc test".to_owned());
    let status = match &evidence.verdict {
        verdict if verdict.is_good() => TestCaseStatus::success(),
        Verdict::NotApplicable { missing } => {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message(format!("the instance lacks the capability {missing}"));
            skipped
        }
        verdict => {
            let mut failure = TestCaseStatus::non_success(NonSuccessKind::Failure);
            failure.set_type(verdict.name());
            if let Some(finding) = played.findings.first() {
                failure.set_message(format!("{}: {}", finding.locator(), finding.title));
                failure.set_description(super::terminal::finding(finding, false));
            }
            failure
        }
    };
    let mut case = TestCase::new(name, status);
    case.set_classname(evidence.subject.page.display().to_string());
    if let Some(live) = &evidence.live {
        let time = |ms: u64| format!("{}.{:03}", ms / 1000, ms % 1000);
        case.add_property(("alert", live.alert.as_str()));
        case.add_property(("time-scale", live.scale.to_string().as_str()));
        case.add_property(("seconds-to-fire", time(live.fired_ms).as_str()));
        for (name, ms) in [
            ("seconds-to-fix", live.fixed_ms),
            ("seconds-to-resolve", live.resolved_ms),
        ] {
            if let Some(ms) = ms {
                case.add_property((name, time(ms).as_str()));
            }
        }
    }
    case.set_time(Duration::from_millis(evidence.total_ms));
    case
}
