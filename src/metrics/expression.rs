//! A `PromQL` expression: which series it selects.

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{Expr, VectorSelector};

/// Longer ones are not read: the tree of an expression is walked by recursion.
const LONGEST: usize = 5_000;

/// More brackets than this in each other are not read.
const DEEPEST: usize = 100;

/// An expression, parsed.
#[derive(Debug, Clone)]
pub struct Expression {
    pub(super) root: Expr,
}

/// One selector of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The metric; `None` where a pattern selects it.
    pub metric: Option<String>,
    /// Labels that must have a value, with that value.
    pub equal: Vec<(String, String)>,
}

impl Expression {
    /// Parses `text`; the error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("it is longer than {LONGEST} bytes"));
        }
        let mut depth = 0_usize;
        for c in text.chars() {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEEPEST {
                return Err(format!("it has more than {DEEPEST} brackets in each other"));
            }
        }
        let root = promql_parser::parser::parse(text)?;
        Ok(Self { root })
    }

    /// All selectors, from left to right.
    pub fn selectors(&self) -> Vec<Selector> {
        let mut found = Vec::new();
        visit(&self.root, &mut |selector| found.push(read(selector)));
        found
    }

    /// The metrics that it names, each once, from left to right.
    pub fn metrics(&self) -> Vec<String> {
        let mut names = Vec::new();
        for name in self.selectors().into_iter().filter_map(|s| s.metric) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

fn read(selector: &VectorSelector) -> Selector {
    Selector {
        metric: metric(selector),
        equal: matchers(selector)
            .filter(|matcher| matcher.name != "__name__" && matcher.op == MatchOp::Equal)
            .map(|matcher| (matcher.name.clone(), matcher.value.clone()))
            .collect(),
    }
}

/// The metric of a selector, before the braces or as `__name__` in them.
pub(super) fn metric(selector: &VectorSelector) -> Option<String> {
    let named = |matcher: &&Matcher| matcher.name == "__name__" && matcher.op == MatchOp::Equal;
    let inside = || matchers(selector).find(named).map(|m| m.value.clone());
    selector.name.clone().or_else(inside)
}

/// All matchers of a selector, those of alternatives too.
pub(super) fn matchers(selector: &VectorSelector) -> impl Iterator<Item = &Matcher> {
    let all = &selector.matchers;
    all.matchers.iter().chain(all.or_matchers.iter().flatten())
}

/// Calls `found` with every selector below `expr`.
fn visit(expr: &Expr, found: &mut impl FnMut(&VectorSelector)) {
    match expr {
        Expr::Aggregate(it) => {
            if let Some(parameter) = &it.param {
                visit(parameter, found);
            }
            visit(&it.expr, found);
        }
        Expr::Unary(it) => visit(&it.expr, found),
        Expr::Binary(it) => {
            visit(&it.lhs, found);
            visit(&it.rhs, found);
        }
        Expr::Paren(it) => visit(&it.expr, found),
        Expr::Subquery(it) => visit(&it.expr, found),
        Expr::VectorSelector(it) => found(it),
        Expr::MatrixSelector(it) => found(&it.vs),
        Expr::Call(it) => it.args.args.iter().for_each(|arg| visit(arg, found)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_found_wherever_they_stand() {
        let text = "topk(scalar(a), sum by (x) (rate(b{x=\"1\", y!=\"2\"}[5m]))) > on (x) (-c offset 5m) \
                    or absent({__name__=\"d\"}) and max_over_time((e + 1)[1h:5m]) unless {__name__=~\"f.*\"}";
        let expression = Expression::parse(text).unwrap();
        assert_eq!(expression.metrics(), ["a", "b", "c", "d", "e"]);
        let selectors = expression.selectors();
        assert_eq!(selectors[1].equal, [("x".to_owned(), "1".to_owned())]);
        assert_eq!(selectors[5].metric, None);
    }

    #[test]
    fn what_is_no_expression_or_too_deep_is_refused() {
        for text in ["", "sum(", "a b", &"(".repeat(200), &"-".repeat(6000)] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
