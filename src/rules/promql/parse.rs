//! The grammar of `PromQL`, by descent.

use super::Fault;
use super::scan::{Parser, fault_at};
use super::types::{self, Type};
use crate::finding::nearest;

/// More nested brackets than this are refused, before they exhaust the stack.
const DEEPEST: usize = 200;

/// What an operand is, and what may follow it.
#[derive(Debug, Clone, Copy)]
struct Operand {
    of: Type,
    /// A selector, which may get a range.
    is_selector: bool,
    /// Something that may get `offset` or `@`.
    has_time: bool,
}

impl Operand {
    fn of(of: Type) -> Self {
        Self {
            of,
            is_selector: false,
            has_time: false,
        }
    }
}

/// What stands between an operator and its right operand.
#[derive(Debug, Clone, Copy, Default)]
struct Modifiers {
    is_bool: bool,
    is_matched: bool,
    is_grouped: bool,
}

impl<'a> Parser<'a> {
    /// Operands and operators that bind tighter than `least`.
    pub(super) fn expression(&mut self, least: u8) -> Result<Type, Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return self.fault("it is nested too deeply");
        }
        let mut left = self.unary()?;
        while let Some((operator, strength)) = self.peek_operator() {
            if strength <= least {
                break;
            }
            let at = self.at;
            self.at += operator.len();
            let modifiers = self.modifiers()?;
            // `^` groups from the right.
            let right = self.expression(strength - u8::from(operator == "^"))?;
            check_modifiers(at, operator, modifiers, (left, right))?;
            left = match types::of_binary(operator, left, right) {
                Ok(of) => of,
                Err(what) => return fault_at(at, what),
            };
        }
        self.depth -= 1;
        Ok(left)
    }

    fn peek_operator(&mut self) -> Option<(&'static str, u8)> {
        let word = self.peek_word(true);
        let rest = self.rest();
        let is_next = |operator: &str| {
            if operator.starts_with(|c: char| c.is_ascii_alphabetic()) {
                word.eq_ignore_ascii_case(operator)
            } else {
                rest.starts_with(operator)
            }
        };
        let mut operators = types::OPERATORS.iter();
        operators.find(|(operator, _)| is_next(operator)).copied()
    }

    fn modifiers(&mut self) -> Result<Modifiers, Fault> {
        let mut modifiers = Modifiers {
            is_bool: self.take_word("bool"),
            ..Modifiers::default()
        };
        if self.take_word_before_bracket("on") || self.take_word_before_bracket("ignoring") {
            self.labels()?;
            modifiers.is_matched = true;
            if self.take_word("group_left") || self.take_word("group_right") {
                modifiers.is_grouped = true;
                self.space();
                if self.rest().starts_with('(') {
                    self.labels()?;
                }
            }
        }
        Ok(modifiers)
    }

    /// A list of label names in brackets.
    fn labels(&mut self) -> Result<(), Fault> {
        self.expect("(")?;
        while !self.take(")") {
            self.label_name()?;
            if !self.take(",") {
                return self.expect(")");
            }
        }
        Ok(())
    }

    /// A label's name; Prometheus 3 takes one in quotes too.
    fn label_name(&mut self) -> Result<&'a str, Fault> {
        if self.is_text_next() {
            return self.quoted();
        }
        let word = self.peek_word(false);
        if word.is_empty() {
            return self.fault("a label's name is missing");
        }
        self.at += word.len();
        Ok(word)
    }

    /// A sign binds looser than `^` and tighter than `*`.
    fn unary(&mut self) -> Result<Type, Fault> {
        self.space();
        let at = self.at;
        if !self.take("-") && !self.take("+") {
            let operand = self.operand()?;
            return Ok(self.postfix(operand)?.of);
        }
        let of = self.expression(types::SIGN)?;
        if matches!(of, Type::Scalar | Type::Vector) {
            return Ok(of);
        }
        fault_at(at, format!("a sign cannot stand before {of}"))
    }

    fn operand(&mut self) -> Result<Operand, Fault> {
        self.space();
        let Some(next) = self.rest().chars().next() else {
            return self.fault("it ends where a value should be");
        };
        match next {
            '(' => {
                self.at += 1;
                let of = self.expression(0)?;
                self.expect(")")?;
                Ok(Operand::of(of))
            }
            '"' | '\'' | '`' => {
                self.quoted()?;
                Ok(Operand::of(Type::Text))
            }
            '{' => self.selector(""),
            '0'..='9' | '.' => {
                self.number()?;
                Ok(Operand::of(Type::Scalar))
            }
            _ => match self.peek_word(true) {
                "" => self.fault(format!("`{next}` where a value should be")),
                word => self.named(word),
            },
        }
    }

    fn named(&mut self, word: &'a str) -> Result<Operand, Fault> {
        let start = self.at;
        self.at += word.len();
        if word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("nan") {
            return Ok(Operand::of(Type::Scalar));
        }
        let mut reserved = types::RESERVED.iter();
        if reserved.any(|known| word.eq_ignore_ascii_case(known)) {
            return fault_at(start, format!("`{word}` cannot be the name of a metric"));
        }
        if let Some(wanted) = types::aggregation(&word.to_ascii_lowercase()) {
            let is_grouped = self.grouping()?;
            self.space();
            if is_grouped || self.rest().starts_with('(') {
                return self.aggregation(start, word, &wanted, is_grouped);
            }
        }
        self.space();
        if self.rest().starts_with('(') {
            return self.call(start, word);
        }
        self.selector(word)
    }

    /// `by (…)` or `without (…)`, where it stands.
    fn grouping(&mut self) -> Result<bool, Fault> {
        let is_there =
            self.take_word_before_bracket("by") || self.take_word_before_bracket("without");
        if is_there {
            self.labels()?;
        }
        Ok(is_there)
    }

    fn aggregation(
        &mut self,
        start: usize,
        word: &str,
        wanted: &[Type],
        is_grouped: bool,
    ) -> Result<Operand, Fault> {
        let given = self.arguments()?;
        if !is_grouped {
            self.grouping()?;
        }
        if given != wanted {
            return fault_at(start, types::wanted(word, wanted, &given));
        }
        Ok(Operand::of(Type::Vector))
    }

    fn call(&mut self, start: usize, word: &str) -> Result<Operand, Fault> {
        let Some(function) = types::function(word) else {
            let known = types::functions().chain(types::AGGREGATIONS.iter().map(|(name, _)| *name));
            return Err(Fault {
                what: format!("there is no function `{word}`"),
                at: start,
                help: nearest(word, known).map(|name| format!("did you mean `{name}`?")),
            });
        };
        let given = self.arguments()?;
        match function.check(word, &given) {
            Ok(of) => Ok(Operand::of(of)),
            Err(what) => fault_at(start, what),
        }
    }

    fn arguments(&mut self) -> Result<Vec<Type>, Fault> {
        self.expect("(")?;
        let mut given = Vec::new();
        if self.take(")") {
            return Ok(given);
        }
        loop {
            given.push(self.expression(0)?);
            if self.take(")") {
                return Ok(given);
            }
            self.expect(",")?;
        }
    }

    fn selector(&mut self, metric: &str) -> Result<Operand, Fault> {
        let start = self.at;
        let mut selects = !metric.is_empty();
        if self.take("{") {
            while !self.take("}") {
                selects |= self.matcher(metric)?;
                if !self.take(",") {
                    self.expect("}")?;
                    break;
                }
            }
        }
        if !selects {
            return fault_at(start, "a selector needs one label that may not be empty");
        }
        Ok(Operand {
            of: Type::Vector,
            is_selector: true,
            has_time: true,
        })
    }

    /// Whether the label must have a value.
    fn matcher(&mut self, metric: &str) -> Result<bool, Fault> {
        let is_quoted = self.is_text_next();
        let start = self.at;
        if self.label_name()? == "__name__" && !metric.is_empty() {
            return fault_at(start, "the metric's name stands here twice");
        }
        let operators = ["=~", "!~", "!=", "="];
        let Some(operator) = operators.into_iter().find(|operator| self.take(operator)) else {
            // Prometheus 3 takes a quoted name alone for that of the metric.
            if is_quoted && self.rest().starts_with([',', '}']) {
                return Ok(true);
            }
            return self.fault("one of `=`, `!=`, `=~`, `!~` should be here");
        };
        if !self.is_text_next() {
            return self.fault("a label's value is a text in quotes");
        }
        let value = self.quoted()?;
        Ok(match operator {
            "=" => !value.is_empty(),
            "=~" => !matches!(value, "" | ".*"),
            _ => value.is_empty(),
        })
    }

    fn postfix(&mut self, mut operand: Operand) -> Result<Operand, Fault> {
        loop {
            self.space();
            let at = self.at;
            if self.take("[") {
                operand = self.range(at, operand)?;
            } else if self.take_word("offset") {
                require_time(at, operand)?;
                self.take("-");
                self.duration()?;
            } else if self.take("@") {
                require_time(at, operand)?;
                self.moment()?;
            } else {
                return Ok(operand);
            }
        }
    }

    /// A time of Unix, or an end of the query's range.
    fn moment(&mut self) -> Result<(), Fault> {
        if self.take_word_before_bracket("start") || self.take_word_before_bracket("end") {
            self.expect("(")?;
            return self.expect(")");
        }
        self.take("-");
        self.space();
        self.number()
    }

    fn range(&mut self, at: usize, operand: Operand) -> Result<Operand, Fault> {
        self.duration()?;
        if self.take(":") {
            self.space();
            if !self.rest().starts_with(']') {
                self.duration()?;
            }
            if operand.of != Type::Vector {
                return fault_at(at, format!("{} has no subquery", operand.of));
            }
        } else if !operand.is_selector {
            return fault_at(at, "only a selector has a range; a subquery is `[5m:]`");
        }
        self.expect("]")?;
        Ok(Operand {
            of: Type::Range,
            is_selector: false,
            has_time: true,
        })
    }
}

fn require_time(at: usize, operand: Operand) -> Result<(), Fault> {
    if operand.has_time {
        return Ok(());
    }
    fault_at(
        at,
        "only a selector or a subquery can have `offset` and `@`",
    )
}

fn check_modifiers(
    at: usize,
    operator: &str,
    modifiers: Modifiers,
    (left, right): (Type, Type),
) -> Result<(), Fault> {
    let is_comparison = types::is_comparison(operator);
    if modifiers.is_bool && !is_comparison {
        return fault_at(at, "only a comparison may have `bool`");
    }
    if left == Type::Scalar && right == Type::Scalar && is_comparison && !modifiers.is_bool {
        return fault_at(at, "a comparison of two numbers needs `bool`");
    }
    if modifiers.is_matched && (left, right) != (Type::Vector, Type::Vector) {
        return fault_at(at, "only two vectors can be matched by labels");
    }
    if modifiers.is_grouped && types::is_set_operator(operator) {
        return fault_at(at, format!("`{operator}` cannot be grouped"));
    }
    Ok(())
}
