//! The condition of a branch: what a machine can tell from a command's output and exit status.

/// What came of a decision's command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its output, stdout and stderr as a terminal shows them.
    pub printed: String,
    /// Its exit status; `None` where it was ended by Ctrl-C.
    pub status: Option<u8>,
}

/// One measurable condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// A line of the output contains the text; `…` and `[..]` stand for anything within it.
    Contains(String),
    /// The output holds this number as a word of its own.
    Word(String),
    /// The command's exit status.
    ExitStatus(u8),
    /// It prints nothing.
    Nothing,
    /// The first number of the output, or the first that is followed by the unit, lies in a range.
    Number {
        /// Which.
        range: NumberRange,
        /// What must follow the number.
        unit: Option<String>,
    },
    /// None of the branches before holds.
    Otherwise,
}

/// A range of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NumberRange {
    /// Greater than.
    Over(f64),
    /// Less than.
    Under(f64),
    /// Greater or equal.
    AtLeast(f64),
    /// Less or equal.
    AtMost(f64),
    /// This very number.
    Is(f64),
    /// Both ends included.
    From(f64, f64),
}

// Numbers come from text, so none of them is NaN.
impl Eq for Condition {}

/// A piece of a condition's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// A code span.
    Code(String),
    /// Anything else.
    Text(String),
}

/// Reads the strong text that is made of `words`; `None` if nobody can measure it.
pub(super) fn parse(words: &[Word]) -> Option<Vec<Condition>> {
    let between = |text: &str| matches!(text.trim().to_lowercase().as_str(), "" | "or");
    let only_code = words.iter().all(|word| match word {
        Word::Code(_) => true,
        Word::Text(text) => between(text),
    });
    let codes: Vec<Condition> = words
        .iter()
        .filter_map(|word| match word {
            Word::Code(text) if !text.trim().is_empty() => Some(Condition::Contains(text.clone())),
            _ => None,
        })
        .collect();
    if only_code {
        return (!codes.is_empty()).then_some(codes);
    }
    let text: String = words
        .iter()
        .map(|word| match word {
            Word::Code(text) | Word::Text(text) => text.as_str(),
        })
        .collect();
    in_words(&text).map(|condition| vec![condition])
}

/// Reads a condition that is not quoted.
fn in_words(text: &str) -> Option<Condition> {
    let text = text.trim().trim_end_matches([':', ',']);
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    match words.as_slice() {
        ["nothing"] => Some(Condition::Nothing),
        ["otherwise"] => Some(Condition::Otherwise),
        ["exit", "status", n] => n.parse().ok().map(Condition::ExitStatus),
        ["http", "status", n] if n.chars().all(|c| c.is_ascii_digit()) => {
            Some(Condition::Word((*n).to_owned()))
        }
        // Not in lower case: a unit keeps its own, Mb is not MB.
        _ => comparison(text),
    }
}

type Comparison = (&'static str, fn(f64) -> NumberRange);

const COMPARISONS: [Comparison; 6] = [
    ("over", NumberRange::Over),
    ("more than", NumberRange::Over),
    ("under", NumberRange::Under),
    ("less than", NumberRange::Under),
    ("at least", NumberRange::AtLeast),
    ("at most", NumberRange::AtMost),
];

/// `over 90 %`, `0`, `5 to 10 ms`.
fn comparison(text: &str) -> Option<Condition> {
    for (words, range) in COMPARISONS {
        let Some(start) = text.get(..words.len()) else {
            continue;
        };
        if start.eq_ignore_ascii_case(words) {
            let rest = text[words.len()..].strip_prefix(char::is_whitespace)?;
            let (number, rest) = number_at(rest.trim_start())?;
            return in_range(range(number), rest);
        }
    }
    let (first, rest) = number_at(text)?;
    let to = rest.find(" to ").or(rest.starts_with("to ").then_some(0));
    let Some(to) = to else {
        return in_range(NumberRange::Is(first), rest);
    };
    let (unit, upper) = (rest[..to].trim(), rest[to..].trim_start());
    let (last, rest) = number_at(upper.strip_prefix("to ")?.trim_start())?;
    let same_unit = unit.is_empty() || unit == rest.trim();
    (same_unit && first <= last)
        .then(|| in_range(NumberRange::From(first, last), rest))
        .flatten()
}

fn in_range(range: NumberRange, rest: &str) -> Option<Condition> {
    let unit = rest.trim();
    let is_word = !unit.contains(char::is_whitespace);
    is_word.then(|| Condition::Number {
        range,
        unit: (!unit.is_empty()).then(|| unit.to_owned()),
    })
}

/// The number at the start of `text`, and what follows it.
fn number_at(text: &str) -> Option<(f64, &str)> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let digits =
        |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let mut length = digits(unsigned);
    if length == 0 {
        return None;
    }
    if unsigned[length..].starts_with('.') {
        let more = digits(&unsigned[length + 1..]);
        length += if more > 0 { more + 1 } else { 0 };
    }
    if let Some(exponent) = unsigned[length..].strip_prefix(['e', 'E']) {
        let plain = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let more = digits(plain);
        let ends = !plain[more..].starts_with(char::is_alphanumeric);
        length += if more > 0 && ends {
            1 + exponent.len() - plain.len() + more
        } else {
            0
        };
    }
    let end = text.len() - unsigned.len() + length;
    Some((text[..end].parse().ok()?, &text[end..]))
}

impl Condition {
    /// Whether it holds for what the command printed and how it ended.
    pub fn holds(&self, answer: &Answer) -> bool {
        let printed = &answer.printed;
        match self {
            Self::Contains(text) => printed.lines().any(|line| contains(line, text)),
            Self::Word(word) => printed
                .split(|c: char| !c.is_alphanumeric())
                .any(|other| other == word),
            Self::ExitStatus(status) => answer.status == Some(*status),
            Self::Nothing => printed.trim().is_empty(),
            Self::Number { range, unit } => {
                first_number(printed, unit.as_deref()).is_some_and(|number| range.holds(number))
            }
            Self::Otherwise => true,
        }
    }
}

impl NumberRange {
    #[expect(clippy::float_cmp, reason = "both are read from decimal text")]
    fn holds(self, number: f64) -> bool {
        match self {
            Self::Over(bound) => number > bound,
            Self::Under(bound) => number < bound,
            Self::AtLeast(bound) => number >= bound,
            Self::AtMost(bound) => number <= bound,
            Self::Is(same) => number == same,
            Self::From(first, last) => (first..=last).contains(&number),
        }
    }
}

/// Whether the parts of `text` between wildcards occur in `line`, one after the other.
fn contains(line: &str, text: &str) -> bool {
    let text = text.replace("[..]", "…");
    let mut rest = line;
    text.split('…').all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

/// The first number of `printed`; with a unit, the first that is followed by it.
///
/// What is part of a name (`tier2`, `3f2a`) or of an address (`10.0.0.1`) is no number.
fn first_number(printed: &str, unit: Option<&str>) -> Option<f64> {
    let mut at = 0;
    while let Some(found) = printed[at..].find(|c: char| c.is_ascii_digit()) {
        let start = at + found;
        let before = printed[..start].chars().next_back();
        let in_word = |text: &str| text.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let minus = before == Some('-');
        let inside = in_word(&printed[..start - usize::from(minus)]);
        let start = start - usize::from(minus && !inside);
        let (number, rest) = number_at(&printed[start..])?;
        if !inside && ends_well(rest) && unit.is_none_or(|unit| is_followed_by(rest, unit)) {
            return Some(number);
        }
        // Past the whole word: its later digits are part of it.
        let end = printed.len() - rest.len();
        let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'));
        at = word.map_or(printed.len(), |length| end + length);
    }
    None
}

/// Whether what follows a number lets it be one: a unit of letters, but no further digits.
fn ends_well(rest: &str) -> bool {
    let letters = rest.trim_start_matches(char::is_alphabetic);
    let digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let dotted = letters.strip_prefix('.').is_some_and(digit);
    !(digit(letters) || letters.starts_with('_') || dotted)
}

fn is_followed_by(rest: &str, unit: &str) -> bool {
    let blank = |c: char| c == ' ' || c == '\t' || c == '\u{a0}' || c == '\u{202f}';
    rest.trim_start_matches(blank)
        .strip_prefix(unit)
        .is_some_and(|after| !after.starts_with(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Vec<Condition>> {
        // Between backticks stands code, as in Markdown.
        let words: Vec<Word> = text
            .split('`')
            .enumerate()
            .filter(|(_, part)| !part.is_empty())
            .map(|(at, part)| match at % 2 {
                0 => Word::Text(part.to_owned()),
                _ => Word::Code(part.to_owned()),
            })
            .collect();
        parse(&words)
    }

    #[track_caller]
    fn case(text: &str, printed: &str, expected: bool) {
        status_case(text, printed, 0, expected);
    }

    #[track_caller]
    fn status_case(text: &str, printed: &str, status: u8, expected: bool) {
        let conditions = parsed(text).unwrap_or_else(|| panic!("`{text}` is not read"));
        let answer = Answer {
            printed: printed.to_owned(),
            status: Some(status),
        };
        let holds = conditions.iter().any(|condition| condition.holds(&answer));
        assert_eq!(holds, expected, "{text} on {printed:?}");
    }

    #[test]
    fn a_text_is_contained_in_one_line() {
        case("`000`", "000\n", true);
        case("`000`", "200\n", false);
        case("`in use`", "Address already in use (os error 98)\n", true);
        case("`in use`", "in\nuse\n", false);
        case("`a` or `b`", "b\n", true);
        case("`a` or `b`", "c\n", false);
        case("`lag … exceeds`", "wal lag 12 s exceeds threshold", true);
        case("`lag … exceeds`", "exceeds lag", false);
        case("`lag [..] exceeds`", "lag is what exceeds", true);
        case("`lag … exceeds`", "lag\nexceeds", false);
        case("`or`", "more", true);
        case("`over 90`", "95", false);
    }

    #[test]
    fn numbers_are_compared_in_their_unit() {
        case("over 90 %", "/dev/sda1 91% /var", true);
        case("over 90 %", "/dev/sda1 90 % /var", false);
        case("over 90 %", "95 of 100, 7 %", false);
        case("over 90 %", "no figure", false);
        case("over 90", "91%", true);
        case("under 1 GiB", "rss 0.5 GiB", true);
        case("under 1 GiB", "rss 512 MiB", false);
        case("over 100 ms", "p99 250ms", true);
        case("over 100 s", "250 seconds, 7 s", false);
        case("over 100 s", "250 seconds, 101 s", true);
        case("at least 1", "1\n", true);
        case("at least 1", "0\n", false);
        case("At most 1", "1", true);
        case("more than 1", "1", false);
        case("less than 1", "0.5", true);
        case("0", "0\n", true);
        case("0", "0.0", true);
        case("0", "10", false);
        case("0", "", false);
        case("1 to 4", "4", true);
        case("1 to 4", "5", false);
        case("1 to 4 ms", "up 9 s, 3 ms", true);
        case("1 ms to 4 ms", "3 ms", true);
        case("under 0", "-3", true);
        case("over 0", "a-3", false);
        case("over 1000", "1.5e+09", true);
        case("over 1.5", "lag: 1.51", true);
        case("over 5 processes", "there are 6 processes", true);
        case("over 5 processes", "there are 6 processed", false);
    }

    #[test]
    fn what_is_part_of_a_name_is_no_number() {
        case("3", "tier2 has 3", true);
        case("3", "tier_2{space=\"a1\"} 3", true);
        case("2", "wal-2.log", false);
        case("9", "commit 3f2a by 9", true);
        case("9", "127.0.0.1:7432 9", false);
        case("7432", "127.0.0.1:7432 9", true);
        case("12", "12ms", true);
        case("1", "v1.2.3", false);
    }

    #[test]
    fn statuses_and_nothing() {
        status_case("exit status 1", "x", 1, true);
        status_case("exit status 1", "1", 0, false);
        status_case("exit status `1`", "", 1, true);
        case("HTTP status 503", "HTTP/1.1 503 Service Unavailable", true);
        case("HTTP status `503`", "503", true);
        case("HTTP status 503", "1503 ms", false);
        case("nothing", "\n", true);
        case("nothing", "x", false);
        case("otherwise", "x", true);
        let by_ctrl_c = Answer::default();
        assert!(!Condition::ExitStatus(0).holds(&by_ctrl_c));
    }

    #[test]
    fn what_nobody_can_measure_is_no_condition() {
        for text in [
            "",
            "it is slow",
            "the disk is nearly full",
            "over",
            "over many",
            "overflow",
            "over 90 of them",
            "exit status",
            "exit status 256",
            "exit status x",
            "HTTP status 5xx",
            "4 to 1",
            "1 s to 4 ms",
            "` `",
            "`a` and `b`",
            "yes",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn a_unit_keeps_its_case() {
        case("over 1 Mb", "2 MB", false);
        case("over 1 MB", "2 MB", true);
    }
}
