//! Whose rule file it is: what each program takes beyond Prometheus, and how to tell them apart.

use super::promql;
use super::sections::{Section, Shape};
use super::yaml::{NodeId, Tree};

/// The program that a rule file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Prometheus itself.
    Prometheus,
    /// Mimir or Cortex, by way of `mimirtool` or the ruler's own storage.
    Mimir,
    /// Thanos Rule.
    Thanos,
    /// Loki: its expressions are `LogQL`, which nobody here checks.
    Loki,
}

/// Keys of a group that all of them take.
const GROUP: [&str; 6] = [
    "name",
    "interval",
    "limit",
    "query_offset",
    "labels",
    "rules",
];

/// What the rulers of Mimir and Cortex add.
const MIMIR_GROUP: [&str; 4] = [
    "source_tenants",
    "evaluation_delay",
    "align_evaluation_time_on_interval",
    "remote_write",
];

impl Dialect {
    /// Its name as its makers write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prometheus => "Prometheus",
            Self::Mimir => "Mimir",
            Self::Thanos => "Thanos",
            Self::Loki => "Loki",
        }
    }

    /// Keys at the top of a file.
    pub(super) fn top_keys(self) -> &'static [&'static str] {
        match self {
            Self::Prometheus | Self::Thanos => &["groups"],
            Self::Mimir | Self::Loki => &["groups", "namespace"],
        }
    }

    /// Keys of a group, in a file or in a Kubernetes resource.
    pub(super) fn group_keys(self, shape: Shape) -> Vec<&'static str> {
        let more: &[&str] = match (shape, self) {
            (Shape::Resource, _) | (Shape::File, Self::Thanos) => &["partial_response_strategy"],
            (Shape::File, Self::Mimir) => &MIMIR_GROUP,
            (Shape::File, Self::Loki) => &["remote_write"],
            (Shape::File, Self::Prometheus) => &[],
        };
        [&GROUP, more].concat()
    }

    /// Whether it reads every document of a file; the others read the first.
    pub(super) fn reads_all_documents(self) -> bool {
        matches!(self, Self::Mimir | Self::Loki)
    }

    /// Whether its expressions are `PromQL`.
    pub(super) fn is_promql(self) -> bool {
        self != Self::Loki
    }

    /// Whose file it is, by what only one of them has: pipes of `LogQL`, or a key of a group.
    pub(super) fn detect(tree: &Tree, sections: &[Section]) -> Self {
        let mut seen = Self::Prometheus;
        for section in sections {
            if section.is_loki {
                return Self::Loki;
            }
            if section.shape == Shape::File && tree.get(section.owner, "namespace").is_some() {
                seen = Self::Mimir;
            }
            let groups = tree.get(section.owner, "groups");
            let groups = groups.and_then(|groups| tree.items(groups));
            for group in groups.unwrap_or_default() {
                if has_logql(tree, *group) {
                    return Self::Loki;
                }
                for field in tree.fields(*group) {
                    if section.shape == Shape::File && field.name == "partial_response_strategy" {
                        seen = Self::Thanos;
                    } else if MIMIR_GROUP.contains(&field.name) {
                        seen = Self::Mimir;
                    }
                }
            }
        }
        seen
    }
}

fn has_logql(tree: &Tree, group: NodeId) -> bool {
    let rules = tree.get(group, "rules").and_then(|rules| tree.items(rules));
    rules.unwrap_or_default().iter().any(|rule| {
        tree.get(*rule, "expr")
            .and_then(|expr| tree.scalar(expr))
            .is_some_and(is_logql)
    })
}

/// Whether a text is `LogQL` and cannot be `PromQL`: a selector in braces, and a pipe, or a text
/// right behind `!=` or `!~`, outside of quotes and comments.
fn is_logql(text: &str) -> bool {
    text.contains('{') && has_pipe(text) && promql::check(text).is_err()
}

fn has_pipe(text: &str) -> bool {
    let (mut quote, mut braces, mut in_comment) = (None, 0_usize, false);
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            _ if in_comment => in_comment = c != '\n',
            (Some('`'), '`') => quote = None,
            (Some(open), '\\') if open != '`' => drop(chars.next()),
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '#') => in_comment = true,
            (None, '{') => braces += 1,
            (None, '}') => braces = braces.saturating_sub(1),
            (None, '|') if braces == 0 => return true,
            (None, '!') if braces == 0 => {
                let rest = text[at + 1..].strip_prefix(['=', '~']).unwrap_or_default();
                if rest.trim_start().starts_with(['"', '`']) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, expected: Dialect) {
        let tree = Tree::parse(text).unwrap();
        let sections = super::super::sections::sections(&tree);
        assert_eq!(Dialect::detect(&tree, &sections), expected, "{text}");
    }

    fn rule(expr: &str) -> String {
        format!("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: '{expr}'\n")
    }

    #[test]
    fn dialects_are_told_by_what_only_one_has() {
        case(&rule("up == 0"), Dialect::Prometheus);
        case(&rule(r#"up{a="|"} == 0 # | json"#), Dialect::Prometheus);
        case(&rule("sum(rate(up[5m])) |"), Dialect::Prometheus);
        case(
            &rule(r#"sum(rate({app="a"} |= "error" [5m])) > 1"#),
            Dialect::Loki,
        );
        case(
            &rule(r#"count_over_time({app="a"} != `x` [5m]) > 1"#),
            Dialect::Loki,
        );
        let namespace = format!("namespace: n\n{}", rule("up == 0"));
        case(&namespace, Dialect::Mimir);
        case(
            "groups:\n- name: g\n  source_tenants: [a]\n  rules: []\n",
            Dialect::Mimir,
        );
        case(
            "groups:\n- name: g\n  partial_response_strategy: warn\n  rules: []\n",
            Dialect::Thanos,
        );
        case(
            "apiVersion: loki.grafana.com/v1\nkind: AlertingRule\nspec:\n  groups: []\n",
            Dialect::Loki,
        );
    }
}
