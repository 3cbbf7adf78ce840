//! The YAML at the top of a chapter.

use crate::finding::{Finding, did_you_mean};
use crate::markdown::{Document, duration};
use crate::source::{Place, SourceFile};
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// What a chapter says of itself.
#[derive(Debug, Clone, Default)]
pub struct FrontMatter {
    /// The number of the issue; makes the chapter an issue page.
    pub issue: Option<(u32, Place)>,
    /// One of the categories of `book.toml`.
    pub category: Option<(String, Place)>,
    /// Free text such as `SEV1`.
    pub severity: Option<String>,
    /// Overrides the category's.
    pub resolve_within: Option<Duration>,
    /// Alerts whose landing page this is.
    pub alerts: Vec<AlertRef>,
    /// Why no alert leads to this issue.
    pub no_alert: Option<(String, Place)>,
    /// Families of the error pattern catalogue.
    pub patterns: Vec<u32>,
    /// Capabilities of the instance that the page relies on.
    pub needs: Vec<String>,
    /// Programs that run beside the instance in its drills: these are then live drills.
    pub services: Vec<(String, Place)>,
    /// The causes that are drilled live, `cause` or `cause: Alert`; all where it is empty.
    pub live: Vec<(String, Place)>,
    /// Why no live drill raises an alert of this chapter.
    pub not_live: Vec<NotLive>,
    /// Its drills measure or use up what all sandboxes share, such as processors: nothing else runs
    /// meanwhile.
    pub alone: bool,
}

/// Why no live drill raises an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotLive {
    /// The alert's name.
    pub alert: String,
    /// The reason.
    pub why: String,
    /// Where the reason stands.
    pub place: Place,
}

/// An alert that a chapter answers: `Name`, `Name#anchor`, `Name?query#anchor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRef {
    /// The alert's name in the rule files.
    pub name: String,
    /// Where on the page its link leads; the top of the page where `None`.
    pub anchor: Option<String>,
    /// The query of its link, perhaps with labels of the alert; that of `book.toml` where `None`.
    pub query: Option<String>,
    /// The entry in the front matter.
    pub place: Place,
}

impl AlertRef {
    fn new(text: &str, place: Place) -> Self {
        let name_end = text.find(['?', '#']).unwrap_or(text.len());
        let (name, rest) = text.split_at(name_end);
        let (query, anchor) = match rest.rsplit_once('#') {
            Some((query, anchor)) => (query, Some(anchor.to_owned())),
            None => (rest, None),
        };
        Self {
            name: name.to_owned(),
            anchor,
            query: query.strip_prefix('?').map(str::to_owned),
            place,
        }
    }
}

/// All keys of a front matter.
pub const KEYS: &[&str] = &[
    "alerts",
    "alone",
    "category",
    "issue",
    "live",
    "needs",
    "no-alert",
    "not-live",
    "patterns",
    "resolve-within",
    "services",
    "severity",
];

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Raw {
    issue: Option<Spanned<u32>>,
    category: Option<Spanned<String>>,
    severity: Option<String>,
    resolve_within: Option<Spanned<String>>,
    alerts: Vec<Spanned<String>>,
    no_alert: Option<Spanned<String>>,
    patterns: Vec<u32>,
    needs: Vec<String>,
    services: Vec<Spanned<String>>,
    live: Vec<Spanned<String>>,
    not_live: BTreeMap<String, Spanned<String>>,
    alone: bool,
}

/// Reads the front matter of `document`; an empty one where it has none or is broken.
pub(super) fn parse(document: &Document) -> (FrontMatter, Vec<Finding>) {
    let Some(range) = document.front_matter.clone() else {
        return (FrontMatter::default(), Vec::new());
    };
    let file = &document.file;
    let yaml = &file.text()[range.clone()];
    if yaml.trim().is_empty() {
        return (FrontMatter::default(), Vec::new());
    }
    match serde_saphyr::from_str::<Raw>(yaml) {
        Ok(raw) => read(raw, file, &range),
        Err(error) => {
            let finding = broken(&error, file, &range);
            (FrontMatter::default(), vec![finding])
        }
    }
}

fn read(raw: Raw, file: &Arc<SourceFile>, range: &Range<usize>) -> (FrontMatter, Vec<Finding>) {
    let mut findings = Vec::new();
    let at = |location: &Location| place(file, range, location);
    let resolve_within = raw.resolve_within.and_then(|text| {
        let parsed = duration(&text.value);
        if parsed.is_none() {
            findings.push(
                Finding::error(
                    "front-matter",
                    at(&text.referenced),
                    format!("`{}` is not a duration", text.value),
                )
                .help("write a number with ms, s, m or h, such as `5m`"),
            );
        }
        parsed
    });
    let alerts = raw
        .alerts
        .into_iter()
        .map(|text| {
            let place = at(&text.referenced);
            AlertRef::new(&text.value, place)
        })
        .collect();
    let placed = |text: Spanned<String>| {
        let place = at(&text.referenced);
        (text.value, place)
    };
    let front_matter = FrontMatter {
        issue: raw.issue.map(|issue| (issue.value, at(&issue.referenced))),
        category: raw.category.map(|name| {
            let place = at(&name.referenced);
            (name.value, place)
        }),
        severity: raw.severity,
        resolve_within,
        alerts,
        no_alert: raw.no_alert.map(|reason| {
            let place = at(&reason.referenced);
            (reason.value, place)
        }),
        patterns: raw.patterns,
        needs: raw.needs,
        services: raw.services.into_iter().map(placed).collect(),
        live: raw.live.into_iter().map(placed).collect(),
        not_live: raw
            .not_live
            .into_iter()
            .map(|(alert, why)| NotLive {
                alert,
                place: at(&why.referenced),
                why: why.value,
            })
            .collect(),
        alone: raw.alone,
    };
    (front_matter, findings)
}

fn broken(error: &serde_saphyr::Error, file: &Arc<SourceFile>, range: &Range<usize>) -> Finding {
    let place = match error.location() {
        Some(location) => place(file, range, &location),
        None => Place::new(file, range.clone()),
    };
    let message = error.without_snippet().to_string();
    let message = message.lines().next().unwrap_or_default();
    match backticked(message) {
        Some(key) if message.contains("unknown field") => Finding::error(
            "front-matter",
            place,
            format!("unknown front-matter key `{key}`"),
        )
        .help(did_you_mean(key, KEYS)),
        _ => Finding::error("front-matter", place, "the front matter cannot be read")
            .note(message.to_owned())
            .help("write YAML, as in `issue: 1` or `alerts: [Name]`"),
    }
}

/// The first word between backticks: how serde names the field that it does not know.
pub(crate) fn backticked(message: &str) -> Option<&str> {
    message.split('`').nth(1)
}

/// The rest of the line from a YAML location, in the file.
fn place(file: &Arc<SourceFile>, range: &Range<usize>, location: &Location) -> Place {
    let first = file.line_column(range.start).0;
    let line = first
        + usize::try_from(location.line())
            .unwrap_or(1)
            .saturating_sub(1);
    let span = file.line_span(line);
    let column = usize::try_from(location.column()).unwrap_or(1);
    let start = file.text()[span.clone()]
        .char_indices()
        .nth(column.saturating_sub(1))
        .map_or(span.start, |(at, _)| span.start + at);
    let word = file.text()[start..span.end]
        .find([',', ']', ':', '#'])
        .map_or(span.end, |end| start + end);
    Place::new(file, start..word.max(start + 1).min(span.end.max(start)))
}
