//! The info string of a fence: language and `{attributes}`, as in Pandoc, Hugo and Runme.
//!
//! Grammar of the part in braces: `name`, `name=value`, `name="quoted value"`, separated by blanks.

use crate::finding::{Finding, did_you_mean};
use crate::source::Place;
use std::time::Duration;

/// Names of all attributes that a fence may carry.
pub const NAMES: &[&str] = &[
    "also",
    "any",
    "astray",
    "before",
    "danger",
    "exit",
    "guard",
    "interrupt",
    "log",
    "loss",
    "needs",
    "nonzero",
    "optional",
    "output",
    "template",
    "timeout",
    "until",
    "waive",
];

/// The templates that a book may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// What a game day fills.
    IncidentReport,
}

/// What the exit status of a block must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// Exactly this status.
    Status(u8),
    /// Any status but 0.
    Nonzero,
    /// Any status but 126 and 127: the command was found and could be run.
    Runs,
    /// Any status.
    Any,
}

/// The typed attributes of one code block.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an attribute that an author writes or does not"
)]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Required exit status, where one is given.
    pub exit: Option<Exit>,
    /// After this the block is killed and fails.
    pub timeout: Option<Duration>,
    /// After this the block gets Ctrl-C.
    pub interrupt: Option<Duration>,
    /// Why the block is not executed.
    pub waive: Option<String>,
    /// The last day of the waiver, as `YYYY-MM-DD`.
    pub until: Option<jiff::civil::Date>,
    /// The block runs while all is well, before the fault.
    pub before: bool,
    /// The block is destructive.
    pub danger: bool,
    /// The fence holds the expected output of the block before it.
    pub output: bool,
    /// The fence holds lines that the instance logs.
    pub log: bool,
    /// Capabilities that the cause needs.
    pub needs: Vec<String>,
    /// What the cause's resolution loses.
    pub loss: Option<String>,
    /// Other causes of the page that the cause's resolution removes too, each with the reason.
    pub also: Vec<(String, String)>,
    /// The fence holds a template.
    pub template: Option<Template>,
    /// Decision trees that may miss the cause, each with the reason.
    pub astray: Vec<(String, String)>,
    /// Why the block stands there though the cause is removed without it.
    pub not_needed: Option<NotNeeded>,
}

/// Why a step of a resolution stands there though the cause is removed without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotNeeded {
    /// `optional`: it may be skipped; what it is good for.
    Optional(String),
    /// `guard`: it must not be skipped; what it protects that the drill does not lose.
    Guard(String),
}

impl NotNeeded {
    fn new(attribute: &str, reason: &str) -> Self {
        let reason = reason.to_owned();
        if attribute == "guard" {
            Self::Guard(reason)
        } else {
            Self::Optional(reason)
        }
    }

    /// The attribute that says so.
    pub fn attribute(&self) -> &'static str {
        match self {
            Self::Optional(_) => "optional",
            Self::Guard(_) => "guard",
        }
    }
}

/// An info string, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InfoString {
    /// The first word in lower case; empty where there is none.
    pub language: String,
    /// What stands in braces.
    pub attributes: Attributes,
}

impl InfoString {
    /// Reads `text`, the info string standing at `place`; every fault is reported at once.
    pub fn parse(text: &str, place: &Place) -> (Self, Vec<Finding>) {
        let mut findings = Vec::new();
        let (head, braces) = match text.find('{') {
            Some(open) => (&text[..open], Some(&text[open..])),
            None => (text, None),
        };
        let mut words = head.split([' ', '\t', ',']).filter(|word| !word.is_empty());
        let language = words.next().unwrap_or_default().to_lowercase();
        for word in words {
            let name = word.split('=').next().unwrap_or_default();
            if NAMES.contains(&name) {
                findings.push(
                    Finding::error(
                        "unknown-attribute",
                        place.clone(),
                        format!("attribute `{word}` stands outside of braces"),
                    )
                    .note("it has no effect here")
                    .help(format!("write it as `{{{word}}}` after the language")),
                );
            }
        }
        let mut attributes = Attributes::default();
        if let Some(braces) = braces {
            match split(braces) {
                Ok(pairs) => {
                    for (name, value) in pairs {
                        if let Err(finding) = attributes.set(&name, value.as_deref(), place) {
                            findings.push(*finding);
                        }
                    }
                }
                Err(what) => findings.push(
                    Finding::error("unknown-attribute", place.clone(), what)
                        .help("write attributes as `{name=value other=\"two words\" flag}`"),
                ),
            }
        }
        if attributes.until.is_some() && attributes.waive.is_none() {
            findings.push(
                Finding::error(
                    "unknown-attribute",
                    place.clone(),
                    "`until` without `waive`",
                )
                .help("add `waive=\"reason\"`, or drop `until`"),
            );
        }
        let info = Self {
            language,
            attributes,
        };
        if info.attributes.log && info.is_shell() {
            findings.push(
                Finding::error("unknown-attribute", place.clone(), "`log` on a shell block")
                    .note("lines of a log are not executed")
                    .help("write ```text {log}"),
            );
        }
        (info, findings)
    }

    /// Whether the fence holds commands for a shell: a script, or a session with prompts.
    pub fn is_shell(&self) -> bool {
        matches!(self.language.as_str(), "bash" | "sh" | "shell") || self.is_session()
    }

    /// Whether the fence shows a session: prompts, commands, and their output inline.
    pub fn is_session(&self) -> bool {
        matches!(self.language.as_str(), "console" | "shell-session")
    }
}

impl Attributes {
    fn set(&mut self, name: &str, value: Option<&str>, place: &Place) -> Result<(), Box<Finding>> {
        let bad = |what: &str| {
            Box::new(
                Finding::error(
                    "unknown-attribute",
                    place.clone(),
                    format!("attribute `{name}` {what}"),
                )
                .help(usage(name)),
            )
        };
        match (name, value) {
            ("exit", Some(value)) => {
                let status = value
                    .parse()
                    .map_err(|_| bad("needs a status from 0 to 255"))?;
                self.exit = Some(Exit::Status(status));
            }
            ("nonzero", None) => self.exit = Some(Exit::Nonzero),
            ("any", None) => self.exit = Some(Exit::Any),
            ("timeout", Some(value)) => {
                self.timeout = Some(duration(value).ok_or_else(|| bad("needs a duration"))?);
            }
            ("interrupt", Some(value)) => {
                self.interrupt = Some(duration(value).ok_or_else(|| bad("needs a duration"))?);
            }
            ("waive", Some(value)) if !value.trim().is_empty() => {
                self.waive = Some(value.to_owned());
            }
            ("until", Some(value)) => {
                self.until = Some(value.parse().map_err(|_| bad("needs a date"))?);
            }
            ("before" | "danger" | "output" | "log", None) => self.mark(name),
            ("needs", Some(value)) => {
                let names = value.split([',', ' ']).filter(|n| !n.is_empty());
                self.needs.extend(names.map(str::to_owned));
            }
            ("loss", Some(value)) if !value.trim().is_empty() => {
                self.loss = Some(value.to_owned());
            }
            ("optional" | "guard", Some(value)) if !value.trim().is_empty() => {
                let new = NotNeeded::new(name, value);
                if self.not_needed.replace(new).is_some() {
                    return Err(bad("says a second time why the step is not needed"));
                }
            }
            ("also", Some(value)) => {
                self.also = reasons(value).ok_or_else(|| bad("needs causes with reasons"))?;
            }
            ("astray", Some(value)) => {
                self.astray = reasons(value).ok_or_else(|| bad("needs trees with reasons"))?;
            }
            ("template", Some("incident-report")) => {
                self.template = Some(Template::IncidentReport);
            }
            (name, _) if NAMES.contains(&name) => return Err(bad("is not written like this")),
            _ => return Err(Box::new(unknown(name, place))),
        }
        Ok(())
    }

    fn mark(&mut self, name: &str) {
        match name {
            "before" => self.before = true,
            "danger" => self.danger = true,
            "output" => self.output = true,
            _ => self.log = true,
        }
    }
}

fn unknown(name: &str, place: &Place) -> Finding {
    Finding::error(
        "unknown-attribute",
        place.clone(),
        format!("unknown attribute `{name}`"),
    )
    .help(did_you_mean(name, NAMES))
}

fn usage(name: &str) -> String {
    match name {
        "exit" => "write `exit=1`".to_owned(),
        "timeout" | "interrupt" => format!("write `{name}=90s`, with ms, s, m or h"),
        "waive" | "loss" | "optional" | "guard" => format!("write `{name}=\"the reason\"`"),
        "until" => "write `until=2027-06-01`".to_owned(),
        "also" => "write `also=\"Other cause: why\"`, more than one separated by `;`".to_owned(),
        "template" => "write `template=\"incident-report\"`, the only one that there is".to_owned(),
        "astray" => "write `astray=\"Tree title: why\"`, more than one separated by `;`".to_owned(),
        "needs" => "write `needs=capability` or `needs=\"one, two\"`".to_owned(),
        flag => format!("write `{flag}` alone"),
    }
}

/// Reads `Name: why; Other name: why`.
fn reasons(text: &str) -> Option<Vec<(String, String)>> {
    text.split(';')
        .map(|part| {
            let (cause, why) = part.split_once(':')?;
            let (cause, why) = (cause.trim(), why.trim());
            (!cause.is_empty() && !why.is_empty()).then(|| (cause.to_owned(), why.to_owned()))
        })
        .collect()
}

/// Reads `250ms`, `90s`, `5m`, `2h`.
pub fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let milliseconds = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

/// Splits `{a b=c d="e f"}` into names and values.
fn split(braces: &str) -> Result<Vec<(String, Option<String>)>, String> {
    let mut rest = braces.strip_prefix('{').unwrap_or(braces);
    let mut pairs = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            let after = after.trim();
            return if after.is_empty() {
                Ok(pairs)
            } else {
                Err(format!("text after the closing brace: `{after}`"))
            };
        }
        if rest.is_empty() {
            return Err("the attributes are not closed by `}`".to_owned());
        }
        let end = rest
            .find(|c: char| c.is_whitespace() || c == '=' || c == '}')
            .unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        rest = &rest[end..];
        let value = match rest.strip_prefix('=') {
            None => None,
            Some(after) => {
                let (value, left) = value(after)?;
                rest = left;
                Some(value)
            }
        };
        pairs.push((name, value));
    }
}

fn value(text: &str) -> Result<(String, &str), String> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text
            .find(|c: char| c.is_whitespace() || c == '}')
            .unwrap_or(text.len());
        return Ok((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &quoted[at + 1..])),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    Err("a quoted value is not closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;

    #[track_caller]
    fn case(text: &str) -> (InfoString, Vec<String>) {
        let file = SourceFile::new("a.md", text);
        let place = Place::new(&file, 0..text.len());
        let (info, findings) = InfoString::parse(text, &place);
        (info, findings.into_iter().map(|f| f.title).collect())
    }

    #[test]
    fn language_and_attributes() {
        let (info, findings) =
            case(r#"Bash {exit=1 timeout=90s danger waive="a \"b\" }" until=2027-06-01}"#);
        assert_eq!(findings, Vec::<String>::new());
        assert_eq!(info.language, "bash");
        assert!(info.is_shell());
        let attributes = info.attributes;
        assert_eq!(attributes.exit, Some(Exit::Status(1)));
        assert_eq!(attributes.timeout, Some(Duration::from_secs(90)));
        assert_eq!(attributes.waive.as_deref(), Some("a \"b\" }"));
        assert!(attributes.danger);
    }

    #[test]
    fn words_of_other_tools_are_left_alone() {
        assert_eq!(case("bash title=\"x\"").1, Vec::<String>::new());
        assert_eq!(case("rust,ignore").0.language, "rust");
        assert_eq!(case("").0.language, "");
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(case("bash {timout=3s}").1, ["unknown attribute `timout`"]);
        assert_eq!(
            case("bash {exit=x}").1,
            ["attribute `exit` needs a status from 0 to 255"]
        );
        assert_eq!(
            case("bash {waive}").1,
            ["attribute `waive` is not written like this"]
        );
        assert_eq!(
            case("bash waive=x").1,
            ["attribute `waive=x` stands outside of braces"]
        );
        assert_eq!(
            case("bash {danger").1,
            ["the attributes are not closed by `}`"]
        );
        assert_eq!(
            case("bash {until=2027-01-01}").1,
            ["`until` without `waive`"]
        );
    }

    #[test]
    fn other_causes_have_reasons() {
        let (info, findings) = case(r#"bash {also="Port conflict: it restarts; Disk: it frees"}"#);
        assert_eq!(findings, Vec::<String>::new());
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            info.attributes.also,
            [
                pair("Port conflict", "it restarts"),
                pair("Disk", "it frees")
            ]
        );
        assert_eq!(
            case(r#"bash {also="Port conflict"}"#).1,
            ["attribute `also` needs causes with reasons"]
        );
    }

    #[test]
    fn a_step_that_is_not_needed_has_one_reason() {
        let (info, findings) = case(r#"bash {danger guard="a copy to go back to"}"#);
        assert_eq!(findings, Vec::<String>::new());
        let guard = NotNeeded::Guard("a copy to go back to".to_owned());
        assert_eq!(info.attributes.not_needed, Some(guard));
        assert_eq!(
            case(r#"bash {optional="it shows who" guard="a copy"}"#).1,
            ["attribute `guard` says a second time why the step is not needed"]
        );
        assert_eq!(
            case(r#"bash {optional=" "}"#).1,
            ["attribute `optional` is not written like this"]
        );
    }

    #[test]
    fn a_template_has_a_known_name() {
        let (info, findings) = case(r#"markdown {template="incident-report"}"#);
        assert_eq!(findings, Vec::<String>::new());
        assert_eq!(info.attributes.template, Some(Template::IncidentReport));
        assert_eq!(
            case("markdown {template=letter}").1,
            ["attribute `template` is not written like this"]
        );
    }

    #[test]
    fn durations() {
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("2h"), Some(Duration::from_secs(7200)));
        assert_eq!(duration("5"), None);
        assert_eq!(duration("s"), None);
    }
}
