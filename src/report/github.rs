//! Workflow commands of GitHub Actions: findings as annotations at the Markdown line.

use crate::finding::{Finding, Severity, Target};

/// One `::error file=…` line a finding.
pub fn annotations(findings: &[Finding]) -> String {
    findings.iter().map(annotation).collect()
}

fn annotation(finding: &Finding) -> String {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = match &finding.target {
        Target::Place(place) => {
            let (line, column) = place.file.line_column(place.span.start);
            let path = place.file.path().display().to_string();
            format!("file={},line={line},col={column}", property(&path))
        }
        Target::Path(path) => format!("file={}", property(&path.display().to_string())),
    };
    let mut text = finding.title.clone();
    for part in [&finding.note, &finding.help] {
        if !part.is_empty() {
            text.push_str("; ");
            text.push_str(part);
        }
    }
    format!(
        "::{level} {place},title={}::{}\n",
        finding.check,
        data(&text)
    )
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
