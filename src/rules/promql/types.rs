//! The types of `PromQL`: its operators, aggregations and functions.

use std::fmt;

/// What an expression yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    /// One number.
    Scalar,
    /// One number for each series.
    Vector,
    /// Several numbers for each series.
    Range,
    /// A string.
    Text,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar => "a number",
            Self::Vector => "an instant vector",
            Self::Range => "a range vector",
            Self::Text => "a text",
        })
    }
}

/// Binary operators and how strongly each binds; one that begins with another stands before it.
pub(super) const OPERATORS: &[(&str, u8)] = &[
    ("or", 1),
    ("and", 2),
    ("unless", 2),
    ("==", 3),
    ("!=", 3),
    ("<=", 3),
    (">=", 3),
    ("<", 3),
    (">", 3),
    ("+", 4),
    ("-", 4),
    ("*", 5),
    ("/", 5),
    ("%", 5),
    ("atan2", 5),
    ("^", 7),
];
/// How strongly a sign binds.
pub(super) const SIGN: u8 = 6;

/// Words that cannot be the name of a metric; the others of the language can.
pub(super) const RESERVED: &[&str] = &[
    "atan2",
    "bool",
    "group_left",
    "group_right",
    "ignoring",
    "on",
];

pub(super) fn is_comparison(operator: &str) -> bool {
    matches!(operator, "==" | "!=" | "<=" | ">=" | "<" | ">")
}

pub(super) fn is_set_operator(operator: &str) -> bool {
    matches!(operator, "or" | "and" | "unless")
}

/// What an operator yields for its operands.
pub(super) fn of_binary(operator: &str, left: Type, right: Type) -> Result<Type, String> {
    for of in [left, right] {
        if !matches!(of, Type::Scalar | Type::Vector) {
            return Err(format!("`{operator}` cannot take {of}"));
        }
    }
    match (left, right) {
        (Type::Vector, Type::Vector) => Ok(Type::Vector),
        _ if is_set_operator(operator) => Err(format!("`{operator}` is only for two vectors")),
        (Type::Scalar, Type::Scalar) => Ok(Type::Scalar),
        _ => Ok(Type::Vector),
    }
}

/// Aggregations and the parameter that stands before their vector.
pub(super) const AGGREGATIONS: &[(&str, Option<Type>)] = &[
    ("avg", None),
    ("bottomk", Some(Type::Scalar)),
    ("count", None),
    ("count_values", Some(Type::Text)),
    ("group", None),
    ("limit_ratio", Some(Type::Scalar)),
    ("limitk", Some(Type::Scalar)),
    ("max", None),
    ("min", None),
    ("quantile", Some(Type::Scalar)),
    ("stddev", None),
    ("stdvar", None),
    ("sum", None),
    ("topk", Some(Type::Scalar)),
];

/// What an aggregation takes, or nothing if there is none of this name.
pub(super) fn aggregation(name: &str) -> Option<Vec<Type>> {
    AGGREGATIONS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, parameter)| parameter.iter().copied().chain([Type::Vector]).collect())
}

/// Functions by their parameters: `n` a number, `v` a vector, `r` a range, `t` a text; `?` marks one
/// that may be left out, `*` one that may stand any number of times.
const FUNCTIONS: &[(&str, &str)] = &[
    ("", "pi time"),
    ("n", "vector"),
    (
        "v",
        "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg \
         histogram_count histogram_stddev histogram_stdvar histogram_sum ln log10 log2 rad scalar \
         sgn sin sinh sort sort_desc sqrt tan tanh timestamp",
    ),
    (
        "v?",
        "day_of_month day_of_week day_of_year days_in_month hour minute month year",
    ),
    ("vn", "clamp_max clamp_min"),
    ("vn?", "round"),
    ("vnn", "clamp"),
    ("vv?", "info"),
    ("vt*", "sort_by_label sort_by_label_desc"),
    ("vttt*", "label_join"),
    ("vtttt", "label_replace"),
    ("vtnn*", "histogram_quantiles"),
    ("nv", "histogram_quantile"),
    ("nnv", "histogram_fraction"),
    ("nr", "quantile_over_time"),
    ("rn", "predict_linear"),
    ("rnn", "double_exponential_smoothing holt_winters"),
    (
        "r",
        "absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta \
         increase irate last_over_time mad_over_time max_over_time min_over_time present_over_time \
         rate resets stddev_over_time stdvar_over_time sum_over_time ts_of_first_over_time \
         ts_of_last_over_time ts_of_max_over_time ts_of_min_over_time",
    ),
];

/// A function's parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function(&'static str);

/// The function of this name.
pub(super) fn function(name: &str) -> Option<Function> {
    FUNCTIONS
        .iter()
        .find(|(_, names)| names.split_whitespace().any(|known| known == name))
        .map(|(parameters, _)| Function(parameters))
}

/// The names of all functions.
pub(super) fn functions() -> impl Iterator<Item = &'static str> {
    FUNCTIONS
        .iter()
        .flat_map(|(_, names)| names.split_whitespace())
}

impl Function {
    /// What it yields for its arguments.
    pub(super) fn check(self, name: &str, given: &[Type]) -> Result<Type, String> {
        let mut wanted: Vec<Type> = self.0.chars().filter_map(type_of).collect();
        if self.0.ends_with('*') {
            let last = wanted.pop();
            let n_more = given.len().saturating_sub(wanted.len());
            wanted.extend(last.into_iter().cycle().take(n_more));
        } else if self.0.ends_with('?') && given.len() + 1 == wanted.len() {
            wanted.pop();
        }
        if given != wanted {
            return Err(self::wanted(name, &wanted, given));
        }
        Ok(match name {
            "pi" | "time" | "scalar" => Type::Scalar,
            _ => Type::Vector,
        })
    }
}

fn type_of(letter: char) -> Option<Type> {
    match letter {
        'n' => Some(Type::Scalar),
        'v' => Some(Type::Vector),
        'r' => Some(Type::Range),
        't' => Some(Type::Text),
        _ => None,
    }
}

/// A sentence about wrong arguments.
pub(super) fn wanted(name: &str, wanted: &[Type], given: &[Type]) -> String {
    let list = |types: &[Type]| match types {
        [] => "nothing".to_owned(),
        types => {
            let names: Vec<_> = types.iter().map(Type::to_string).collect();
            names.join(", ")
        }
    };
    format!("`{name}` takes {}, not {}", list(wanted), list(given))
}

/// Whether a text has only the escapes that Go knows.
pub(super) fn are_escapes_known(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let is_known = |c: char| "abfnrtv\\'\"xuU01234567".contains(c);
        if c == '\\' && !chars.next().is_some_and(is_known) {
            return false;
        }
    }
    true
}
