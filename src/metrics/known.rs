//! What is known of metrics, and what an expression asks for that is not.

use super::expression::{Expression, matchers, metric};
use super::{Labels, Metrics};
use promql_parser::label::MatchOp;
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorMatchCardinality, VectorSelector,
    value::ValueType,
};
use std::collections::{BTreeMap, BTreeSet};

/// How a name begins that stands for one which nobody can know: a variable's value.
pub const PLACEHOLDER: &str = "__variable_";

/// Something that an expression names and nothing has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// No such metric.
    Metric(String),
    /// No such label.
    Label {
        /// The label.
        label: String,
        /// What lacks it: the metric, or what the expression has at this place.
        of: String,
        /// The labels that there are.
        known: Vec<String>,
    },
}

/// Metrics that exist, with their labels.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// What the instance exports.
    exported: Metrics,
    /// What recording rules make.
    recorded: BTreeMap<String, Labels>,
    /// Metrics of others, as patterns; nothing is known of their labels.
    others: globset::GlobSet,
    /// Labels that every scraped series gets from Prometheus.
    target_labels: BTreeSet<String>,
}

impl Known {
    /// What `exported` says, and what is known without it.
    pub fn new(exported: Metrics, others: globset::GlobSet, target_labels: &[String]) -> Self {
        Self {
            exported,
            recorded: BTreeMap::new(),
            others,
            target_labels: target_labels.iter().cloned().collect(),
        }
    }

    /// Makes the results of recording rules known: name, expression, the rule's own labels. Rules may
    /// use each other in any order.
    pub fn add_recorded(&mut self, rules: &[(String, Expression, Vec<String>)]) {
        for (name, ..) in rules {
            self.recorded.insert(name.clone(), None);
        }
        // A rule that rests on another needs one round more; more than a few levels nobody writes.
        for _ in 0..4 {
            for (name, expression, own) in rules {
                let labels = self.examine(expression).1.map(|mut labels| {
                    labels.extend(own.iter().cloned());
                    labels
                });
                self.recorded.insert(name.clone(), labels);
            }
        }
    }

    /// All metrics by name, for suggestions.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let recorded = self.recorded.keys().map(String::as_str);
        self.exported.names().chain(recorded)
    }

    /// The labels of a metric; the outer `None` if there is no such metric.
    fn labels(&self, name: &str) -> Option<Labels> {
        if name == "up" || name.starts_with("scrape_") {
            return Some(Some(self.target_labels.clone()));
        }
        if name == "ALERTS" || name == "ALERTS_FOR_STATE" {
            return Some(None);
        }
        if let Some(labels) = self.recorded.get(name) {
            return Some(labels.clone());
        }
        if let Some(labels) = self.exported.labels(name) {
            let with_target = |labels: &BTreeSet<String>| labels | &self.target_labels;
            return Some(labels.as_ref().map(with_target));
        }
        let is_anything = self.others.is_match(name) || name.contains(PLACEHOLDER);
        is_anything.then_some(None)
    }

    /// What `expression` names that is not known, and the labels of its result.
    pub fn examine(&self, expression: &Expression) -> (Vec<Problem>, Option<BTreeSet<String>>) {
        let mut walk = Walk {
            known: self,
            problems: BTreeSet::new(),
        };
        let labels = walk.expr(&expression.root);
        (walk.problems.into_iter().collect(), labels)
    }
}

struct Walk<'a> {
    known: &'a Known,
    problems: BTreeSet<Problem>,
}

impl Walk<'_> {
    /// The labels of what `expr` gives.
    fn expr(&mut self, expr: &Expr) -> Labels {
        match expr {
            Expr::Aggregate(it) => self.aggregate(it),
            Expr::Unary(it) => self.expr(&it.expr),
            Expr::Paren(it) => self.expr(&it.expr),
            Expr::Subquery(it) => self.expr(&it.expr),
            Expr::Binary(it) => self.binary(it),
            Expr::VectorSelector(it) => self.selector(it),
            Expr::MatrixSelector(it) => self.selector(&it.vs),
            Expr::Call(it) => self.call(it),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Some(BTreeSet::new()),
            Expr::Extension(_) => None,
        }
    }

    fn selector(&mut self, selector: &VectorSelector) -> Labels {
        let name = metric(selector)?;
        let Some(labels) = self.known.labels(&name) else {
            self.problems.insert(Problem::Metric(name));
            return None;
        };
        for matcher in matchers(selector) {
            // An empty value asks for series without the label.
            let without = matcher.value.is_empty() && matcher.op == MatchOp::Equal;
            if matcher.name != "__name__" && !without {
                self.require(&matcher.name, labels.as_ref(), &format!("`{name}`"));
            }
        }
        labels
    }

    fn require(&mut self, label: &str, labels: Option<&BTreeSet<String>>, of: &str) {
        if let Some(labels) = labels
            && !labels.contains(label)
            && !label.starts_with(PLACEHOLDER)
        {
            self.problems.insert(Problem::Label {
                label: label.to_owned(),
                of: of.to_owned(),
                known: labels.iter().cloned().collect(),
            });
        }
    }

    fn aggregate(&mut self, it: &AggregateExpr) -> Labels {
        if let Some(parameter) = &it.param {
            self.expr(parameter);
        }
        let inner = self.expr(&it.expr);
        let operator = it.op.to_string();
        let own = match &it.modifier {
            Some(LabelModifier::Include(by) | LabelModifier::Exclude(by)) => by.labels.as_slice(),
            None => &[],
        };
        for label in own {
            self.require(
                label,
                inner.as_ref(),
                &format!("what `{operator}` is given"),
            );
        }
        if ["topk", "bottomk", "limitk", "limit_ratio"].contains(&operator.as_str()) {
            return inner;
        }
        let mut labels = match &it.modifier {
            Some(LabelModifier::Exclude(without)) => {
                let mut labels = inner?;
                labels.retain(|label| !without.labels.contains(label));
                labels
            }
            Some(LabelModifier::Include(by)) => by.labels.iter().cloned().collect(),
            None => BTreeSet::new(),
        };
        if operator == "count_values" {
            let Some(Expr::StringLiteral(label)) = it.param.as_deref() else {
                return None;
            };
            labels.insert(label.val.clone());
        }
        Some(labels)
    }

    fn binary(&mut self, it: &BinaryExpr) -> Labels {
        let (left, right) = (self.expr(&it.lhs), self.expr(&it.rhs));
        let is_vector = |expr: &Expr| expr.value_type() == ValueType::Vector;
        match (is_vector(&it.lhs), is_vector(&it.rhs)) {
            (true, false) => return left,
            (false, true) => return right,
            (false, false) => return Some(BTreeSet::new()),
            (true, true) => {}
        }
        let operator = it.op.to_string();
        let modifier = it.modifier.as_ref();
        let matching = modifier.and_then(|it| it.matching.as_ref());
        if let Some(LabelModifier::Include(on) | LabelModifier::Exclude(on)) = matching {
            for label in &on.labels {
                // What one side ignores may be a label of the other only.
                let either = matches!(matching, Some(LabelModifier::Exclude(_)));
                let has = |side: &Labels| side.as_ref().is_none_or(|it| it.contains(label));
                if !(either && (has(&left) || has(&right))) {
                    self.require(
                        label,
                        left.as_ref(),
                        &format!("the left side of `{operator}`"),
                    );
                    self.require(
                        label,
                        right.as_ref(),
                        &format!("the right side of `{operator}`"),
                    );
                }
            }
        }
        match operator.as_str() {
            "and" | "unless" => return left,
            "or" => return Some(&left? | &right?),
            _ => {}
        }
        let (many, one, added) = match modifier.map(|it| &it.card) {
            Some(VectorMatchCardinality::ManyToOne(added)) => (left, right, added),
            Some(VectorMatchCardinality::OneToMany(added)) => (right, left, added),
            _ => {
                return match matching {
                    Some(LabelModifier::Include(on)) => Some(on.labels.iter().cloned().collect()),
                    Some(LabelModifier::Exclude(ignored)) => {
                        let mut labels = left?;
                        labels.retain(|label| !ignored.labels.contains(label));
                        Some(labels)
                    }
                    None => left,
                };
            }
        };
        for label in &added.labels {
            self.require(label, one.as_ref(), "the side that the group takes it from");
        }
        let mut labels = many?;
        labels.extend(added.labels.iter().cloned());
        Some(labels)
    }

    fn call(&mut self, it: &Call) -> Labels {
        let args = &it.args.args;
        let mut vector = Some(BTreeSet::new());
        for arg in args {
            let labels = self.expr(arg);
            if matches!(arg.value_type(), ValueType::Vector | ValueType::Matrix) {
                vector = labels;
            }
        }
        let text = |at: usize| match args.get(at).map(AsRef::as_ref) {
            Some(Expr::StringLiteral(text)) => Some(text.val.clone()),
            _ => None,
        };
        match it.func.name {
            "absent" | "absent_over_time" => absent(args.first()?),
            "label_replace" | "label_join" => {
                let from = if it.func.name == "label_replace" {
                    3..4.min(args.len())
                } else {
                    3..args.len()
                };
                for source in from.filter_map(text) {
                    self.require(
                        &source,
                        vector.as_ref(),
                        &format!("what `{}` is given", it.func.name),
                    );
                }
                let mut labels = vector?;
                labels.insert(text(1)?);
                Some(labels)
            }
            "histogram_quantile" | "histogram_fraction" => {
                let mut labels = vector?;
                labels.remove("le");
                Some(labels)
            }
            "info" => None,
            "scalar" | "vector" | "time" | "pi" => Some(BTreeSet::new()),
            _ => vector,
        }
    }
}

/// `absent` gives the labels that its selector asks for by `=`.
fn absent(arg: &Expr) -> Labels {
    let selector = match arg {
        Expr::VectorSelector(selector) => selector,
        Expr::MatrixSelector(matrix) => &matrix.vs,
        Expr::Paren(inner) => return absent(&inner.expr),
        _ => return Some(BTreeSet::new()),
    };
    let equal = matchers(selector).filter(|it| it.op == MatchOp::Equal && it.name != "__name__");
    Some(equal.map(|matcher| matcher.name.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let exported = Metrics::read(
            "a{space=\"x\",status=\"ok\"} 1\nb{space=\"x\"} 1\nh_bucket{operation=\"o\",le=\"1\"} 1\n# TYPE rare counter\ng 1\n",
        );
        let mut others = globset::GlobSetBuilder::new();
        others.add(globset::Glob::new("node_*").unwrap());
        let target = ["job".to_owned(), "instance".to_owned()];
        let mut known = Known::new(exported, others.build().unwrap(), &target);
        let rule = |name: &str, expr: &str| {
            let expression = Expression::parse(expr).unwrap();
            (name.to_owned(), expression, vec!["own".to_owned()])
        };
        known.add_recorded(&[
            rule("second", "sum by (job) (first)"),
            rule("first", "sum by (job, space) (a)"),
        ]);
        known
    }

    /// The problems of an expression in short, and the labels of its result.
    fn case(expr: &str) -> (Vec<String>, String) {
        let (problems, labels) = known().examine(&Expression::parse(expr).unwrap());
        let problems = problems.into_iter().map(|problem| match problem {
            Problem::Metric(name) => name,
            Problem::Label { label, of, .. } => format!("{label} of {of}"),
        });
        let labels = labels.map_or("any".to_owned(), |it| Vec::from_iter(it).join(" "));
        (problems.collect(), labels)
    }

    #[test]
    fn labels_follow_what_the_operators_do() {
        for (expr, labels) in [
            ("a", "instance job space status"),
            ("g * 2 > bool 1", "instance job"),
            ("sum(a)", ""),
            ("sum by (space) (rate(a[5m])) / 2", "space"),
            ("sum without (status) (a)", "instance job space"),
            ("topk by (space) (3, a)", "instance job space status"),
            ("count_values(\"v\", g)", "v"),
            ("a and on (job) g", "instance job space status"),
            ("b or up", "instance job space"),
            ("g / on (job) up", "job"),
            ("a / ignoring (status, space) g", "instance job"),
            (
                "a * on (instance) group_left (job) g",
                "instance job space status",
            ),
            ("g * on (instance) group_right () b", "instance job space"),
            (
                "histogram_quantile(0.9, sum by (le, operation) (rate(h_bucket[5m])))",
                "operation",
            ),
            (
                "label_replace(g, \"x\", \"$1\", \"job\", \"(.*)\")",
                "instance job x",
            ),
            (
                "label_join(g, \"x\", \"-\", \"job\", \"instance\")",
                "instance job x",
            ),
            ("absent(up{job=\"a\", instance!=\"\"})", "job"),
            ("max_over_time((b > 1)[5m:])", "instance job space"),
            ("vector(1)", ""),
            ("1 + 2", ""),
            ("rare", "any"),
            ("node_load1 or a", "any"),
            ("ALERTS{alertname=\"x\"}", "any"),
            ("{__name__=~\"a|b\"}", "any"),
            ("first", "job own space"),
            ("second", "job own"),
            ("scrape_duration_seconds", "instance job"),
        ] {
            assert_eq!(case(expr), (Vec::new(), labels.to_owned()), "{expr}");
        }
    }

    #[test]
    fn what_nobody_has_is_named() {
        for (expr, problem) in [
            ("c", "c"),
            ("h", "h"),
            ("rate(first_total[5m])", "first_total"),
            ("b{status=\"ok\"}", "status of `b`"),
            ("b{status!=\"\"}", "status of `b`"),
            ("up{space=\"x\"}", "space of `up`"),
            ("sum by (status) (b)", "status of what `sum` is given"),
            ("sum without (status) (b)", "status of what `sum` is given"),
            (
                "sum by (job, space) (a) > on (status) g",
                "status of the left side of `>`",
            ),
            (
                "a * on (job) group_left (version) g",
                "version of the side that the group takes it from",
            ),
            (
                "label_replace(g, \"x\", \"$1\", \"nope\", \"(.*)\")",
                "nope of what `label_replace` is given",
            ),
            (
                "sum by (instance) (second)",
                "instance of what `sum` is given",
            ),
            ("a / ignoring (nope) a", "nope of the left side of `/`"),
        ] {
            let problems = case(expr).0;
            assert!(
                problems.contains(&problem.to_owned()),
                "{expr}: {problems:?}"
            );
        }
        assert_eq!(case("b{status=\"\"}").0, [""; 0]);
    }
}
