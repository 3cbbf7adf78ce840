//! Templates of rule files: of Helm, of Go, of Jinja. They are told apart and left alone.
//!
//! Such a text is not YAML before it is rendered, or says something else then, so no edit of it can
//! be proven; its alerts are named by sight.

use super::yaml::{Broken, Kind, Tree};
use crate::finding::Finding;
use crate::source::{Place, SourceFile};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// A template, and what can be seen of it.
#[derive(Debug)]
pub(super) struct Sight {
    /// The first action that no rule file has.
    action: Range<usize>,
    /// The names of its alerts, and the lines where they stand.
    alerts: Vec<(String, usize)>,
}

/// Objects that Helm's templates have and alerts' do not.
const HELM: [&str; 5] = [".Values", ".Release", ".Chart", ".Capabilities", ".Files"];

impl Sight {
    /// Looks for an action outside of strings, and for Helm's objects anywhere; nothing for a text
    /// that is no template.
    pub(super) fn of(file: &Arc<SourceFile>, parsed: &Result<Tree, Broken>) -> Option<Self> {
        let text = file.text();
        // YAML takes an action that is a value for a mapping whose key is a mapping.
        let values = match parsed {
            Ok(tree) => double_braces(text, tree),
            Err(_) => BTreeSet::new(),
        };
        let action = actions(text).find(|action| {
            let inner = &text[action.clone()];
            HELM.iter().any(|object| has_word(inner, object))
                || match parsed {
                    Ok(_) => values.contains(&action.start),
                    Err(broken) => {
                        stands_alone(text, action.start) && breaks(file, action.start, broken.at)
                    }
                }
        })?;
        let lines = text.lines().zip(1..);
        let alerts = lines.filter_map(|(line, number)| Some((alert_of(line)?, number)));
        Some(Self {
            action,
            alerts: alerts.collect(),
        })
    }

    /// Names in the order of their lines.
    pub(super) fn names(&self) -> Vec<String> {
        self.alerts.iter().map(|(name, _)| name.clone()).collect()
    }

    /// What is to be said of it.
    pub(super) fn finding(&self, file: &Arc<SourceFile>) -> Finding {
        let path = file.path().display();
        let mut finding = Finding::error(
            "rule-file-not-editable",
            Place::new(file, self.action.clone()),
            "this is a template of a rule file, and left alone",
        )
        .note("only what comes out of it is read")
        .help("name what comes out of it in `rules`, such as the output of `helm template`");
        if !self.alerts.is_empty() {
            let lines = self.alerts.iter().map(|(name, line)| {
                format!("{path}:{line}: `{name}`: its link is neither judged nor written\n")
            });
            finding = finding.detail(lines.collect::<String>());
        }
        finding
    }
}

/// Whether an action can be what a parser stumbled over: it stands there, or right before. Others
/// may well be lines of a block scalar.
fn breaks(file: &SourceFile, action: usize, at: usize) -> bool {
    let [action, at] = [action, at].map(|at| file.line_column(at).0);
    (action..=action + 2).contains(&at)
}

/// Where `{{` begins two mappings, one the first key of the other.
fn double_braces(text: &str, tree: &Tree) -> BTreeSet<usize> {
    let keys = tree.mappings().filter_map(|pairs| pairs.first());
    keys.map(|(key, _)| tree.node(*key))
        .filter(|key| matches!(key.kind, Kind::Mapping { flow: true, .. }))
        .filter(|key| text[..key.span.start].ends_with('{'))
        .map(|key| key.span.start - 1)
        .collect()
}

/// The `{{ }}` and `{% %}` of a text, each to the end of its line at most.
fn actions(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let is_open = |(n, _): &(usize, &str)| text[at + n + 1..].starts_with(['{', '%']);
        let (n, _) = text[at..].match_indices('{').find(is_open)?;
        let start = at + n;
        let close = if text[start + 1..].starts_with('{') {
            "}}"
        } else {
            "%}"
        };
        let line_end = text[start..].find('\n').map_or(text.len(), |n| start + n);
        let line = &text[start..line_end];
        let end = line.find(close).map_or(line_end, |n| start + n + 2);
        at = end;
        Some(start..end)
    })
}

/// Whether an action begins its line, its list item or its value: nothing quotes it.
fn stands_alone(text: &str, at: usize) -> bool {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let before = text[start..at].trim_end();
    before.trim_start().is_empty() || before.ends_with([':', '-'])
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
        // `$labels.Values` is a label.
        !before.is_some_and(is_of_word) && !after.is_some_and(is_of_word)
    })
}

fn alert_of(line: &str) -> Option<String> {
    let line = line.trim_start().trim_start_matches("- ").trim_start();
    let name = line.strip_prefix("alert:")?.trim();
    let name = name.trim_matches(['"', '\'']);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::RuleFile;

    #[track_caller]
    fn case(text: &str, expected: Option<(&str, &[&str])>) {
        let file = SourceFile::new("a.yml", text);
        let (read, findings) = RuleFile::parse(&file);
        let found = findings
            .iter()
            .find(|one| one.check == "rule-file-not-editable");
        let found = found.map(|one| (one.locator(), read.names_by_sight.clone()));
        let expected = expected.map(|(place, names)| {
            let names = names.iter().map(|&name| name.to_owned()).collect();
            (place.to_owned(), names)
        });
        assert_eq!(found, expected, "{text}");
        assert!(expected.is_none() || !read.loads);
    }

    const RULE: &str = "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n";

    #[test]
    fn templates_are_told_from_rule_files() {
        case(RULE, None);
        let end = "    annotations: {a: '{{ $labels.Values }} {{ $value }}'}\n";
        case(&format!("{RULE}{end}"), None);
        case(
            &format!("{{{{- if .Values.on }}}}\n{RULE}{{{{- end }}}}\n"),
            Some(("a.yml:1:1", &["A"])),
        );
        case(
            &format!("{RULE}    # {{{{- if .Values.on }}}}\n"),
            Some(("a.yml:6:7", &["A"])),
        );
        case(
            &format!("{RULE}    for: '{{{{ .Values.for }}}}'\n"),
            Some(("a.yml:6:11", &["A"])),
        );
        case(
            &format!("{RULE}    labels: {{{{ toYaml .x | nindent 6 }}}}\n"),
            Some(("a.yml:6:13", &["A"])),
        );
        case(
            &format!("{{% for x in y %}}\n{RULE}{{% endfor %}}\n"),
            Some(("a.yml:1:1", &["A"])),
        );
        case(
            &format!("{{{{- if .on }}}}\n{RULE}{{{{- end }}}}\n"),
            Some(("a.yml:1:1", &["A"])),
        );
        case(
            &format!(
                "{RULE}    {{{{- with .labels }}}}\n    labels: {{{{ . }}}}\n    {{{{- end }}}}\n"
            ),
            Some(("a.yml:6:5", &["A"])),
        );
        // Broken for another reason.
        let block = "    annotations:\n      a: |\n        {{ $value }}\n      b: x\n      c: d\n      e: 'f\n";
        case(&format!("{RULE}{block}"), None);
        case(
            &format!("{RULE}    annotations: {{a: '{{{{ $value }}}}'\n"),
            None,
        );
    }
}
