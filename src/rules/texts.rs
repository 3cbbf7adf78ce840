//! What the rules of a file say: expressions, labels, annotations. For those who judge them.

use super::Dialect;
use super::document::{RuleFile, rules};
use super::sections::sections;
use crate::source::Place;

/// A text of a rule, with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    /// The key, such as `summary`.
    pub key: String,
    /// The text after YAML's escapes.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

/// One rule, as far as it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleTexts {
    /// The alert, or the metric that is recorded.
    pub name: String,
    /// Whether it is an alert.
    pub is_alert: bool,
    /// Whether its expression is `PromQL`.
    pub is_promql: bool,
    /// Its expression; `key` is `expr`.
    pub expr: RuleText,
    /// Its labels.
    pub labels: Vec<RuleText>,
    /// Its annotations.
    pub annotations: Vec<RuleText>,
}

impl RuleTexts {
    /// The value of one of its labels.
    pub fn label(&self, key: &str) -> Option<&str> {
        let label = self.labels.iter().find(|label| label.key == key)?;
        Some(&label.text)
    }
}

impl RuleFile {
    /// All rules that have a name and an expression, in their order.
    pub fn texts(&self) -> Vec<RuleTexts> {
        let tree = &self.tree;
        let text = |key: &str, id| {
            Some(RuleText {
                key: key.to_owned(),
                text: tree.scalar(id)?.to_owned(),
                place: Place::new(&self.file, tree.node(id).span.clone()),
            })
        };
        let all = |rule, key| {
            let Some(mapping) = tree.get(rule, key) else {
                return Vec::new();
            };
            let fields = tree.fields(mapping);
            fields
                .iter()
                .filter_map(|field| text(field.name, field.value))
                .collect()
        };
        let read = |id| {
            let (is_alert, name) = match (tree.get(id, "alert"), tree.get(id, "record")) {
                (Some(name), _) => (true, name),
                (None, name) => (false, name?),
            };
            Some(RuleTexts {
                name: tree.scalar(name)?.to_owned(),
                is_alert,
                is_promql: self.dialect != Dialect::Loki,
                expr: text("expr", tree.get(id, "expr")?)?,
                labels: all(id, "labels"),
                annotations: all(id, "annotations"),
            })
        };
        rules(tree, &sections(tree))
            .iter()
            .filter_map(|rule| read(rule.id))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;

    #[test]
    fn names_expressions_labels_and_annotations_are_read() {
        let text = "groups:\n- name: g\n  rules:\n  - record: r\n    expr: sum(up)\n  - alert: A\n    expr: |\n      up\n        == 0\n    \
                    labels: {severity: page}\n    annotations:\n      summary: \"{{ $labels.job }}\"\n  - alert: B\n";
        let (file, _) = RuleFile::parse(&SourceFile::new("a.yml", text));
        let texts = file.texts();
        assert_eq!(texts.len(), 2);
        assert_eq!((texts[0].is_alert, texts[0].name.as_str()), (false, "r"));
        assert_eq!(texts[1].expr.text, "up\n  == 0\n");
        assert_eq!(texts[1].expr.place.locator(), "a.yml:8:7");
        assert_eq!(texts[1].label("severity"), Some("page"));
        assert_eq!(texts[1].annotations[0].text, "{{ $labels.job }}");
    }
}
