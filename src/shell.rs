//! How bash reads a script, as far as it must be known to put a text into it: which part stands in
//! which quotes, of a command of which program.
//!
//! What is not understood without doubt is not guessed: then nothing is known of the whole script.

use std::ops::Range;

/// How a part of a script is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quotes {
    /// None.
    Open,
    /// Within `"…"`.
    Double,
    /// Within `'…'`.
    Single,
}

/// Text of one word in one kind of quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its bytes.
    pub span: Range<usize>,
    /// The quotes around it.
    pub quotes: Quotes,
    /// The index of the command that it is an argument of.
    pub command: usize,
}

/// `$name` or `${name…}` that bash expands as it reads the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expansion {
    /// The name.
    pub name: String,
    /// The quotes around it.
    pub quotes: Quotes,
    /// The index of the command that it is an argument of.
    pub command: usize,
}

/// A script, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// Arguments, and what else stands in words; not comments, documents or names in braces.
    pub parts: Vec<Part>,
    /// Variables.
    pub expansions: Vec<Expansion>,
    /// The program of each command by the last part of its path, where it is written out.
    pub programs: Vec<Option<String>>,
}

/// Reads `text`; `None` where it is not understood without doubt.
pub fn read(text: &str) -> Option<Script> {
    let mut reader = Reader {
        text,
        at: 0,
        script: Script::default(),
        documents: Vec::new(),
        functions: Vec::new(),
    };
    reader.commands(false)?;
    let Reader {
        mut script,
        functions,
        ..
    } = reader;
    for program in &mut script.programs {
        // A function of this name may do anything with its arguments.
        program.take_if(|name| functions.contains(name));
    }
    Some(script)
}

/// Words before a command that change nothing in how it gets its arguments.
const BEFORE: &[&str] = &[
    "!", "{", "}", "do", "done", "elif", "else", "fi", "if", "sudo", "then", "time", "until",
    "while",
];

struct Reader<'a> {
    text: &'a str,
    at: usize,
    script: Script,
    /// The ends of here-documents that begin with the next line.
    documents: Vec<Document>,
    functions: Vec<String>,
}

struct Document {
    end: String,
    /// Tabs before its lines do not count.
    tabs: bool,
    /// A backslash at the end of a line joins it with the next one.
    joins: bool,
}

/// A command as it is being read.
struct Command {
    index: usize,
    words: Vec<String>,
    is_known: bool,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn eat(&mut self, text: &str) -> bool {
        let is = self.rest().starts_with(text);
        self.at += if is { text.len() } else { 0 };
        is
    }

    fn begin(&mut self) -> Command {
        self.script.programs.push(None);
        Command {
            index: self.script.programs.len() - 1,
            words: Vec::new(),
            is_known: true,
        }
    }

    /// Commands up to the end, or to the `)` that closes them.
    fn commands(&mut self, nested: bool) -> Option<()> {
        let mut command = self.begin();
        loop {
            let Some(c) = self.peek() else {
                self.end(&command);
                return (!nested && self.documents.is_empty()).then_some(());
            };
            match c {
                ' ' | '\t' => self.at += 1,
                '\\' if self.rest().starts_with("\\\n") => self.at += 2,
                '\n' | ';' | '&' | '|' => {
                    self.at += 1;
                    self.end(&command);
                    command = self.begin();
                    if c == '\n' {
                        self.skip_documents()?;
                    }
                    // `>&` and `&>` are eaten with their redirection.
                    if c == '&' && self.peek() == Some('>') {
                        return None;
                    }
                    // `;;` belongs to `case`.
                    if c == ';' && self.peek() == Some(';') {
                        return None;
                    }
                }
                '#' => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                ')' => {
                    self.at += 1;
                    self.end(&command);
                    return (nested && self.documents.is_empty()).then_some(());
                }
                '(' if self.rest().starts_with("((") => return None,
                '(' => self.parenthesis(&command)?,
                '<' | '>' => self.redirection(command.index)?,
                _ => self.argument(&mut command)?,
            }
        }
    }

    /// The program of a command that is complete.
    fn end(&mut self, command: &Command) {
        let mut words = command.words.iter().map(String::as_str);
        let mut program = words.next();
        while let Some(word) = program {
            if word == "timeout" {
                let time = words.next().unwrap_or_default();
                let is_time = time.starts_with(|c: char| c.is_ascii_digit());
                program = words.next().filter(|_| is_time);
            } else if BEFORE.contains(&word) || is_assignment(word) {
                program = words.next();
            } else {
                break;
            }
        }
        let name = program.filter(|_| command.is_known);
        let name = name.and_then(|name| name.rsplit('/').next());
        self.script.programs[command.index] = name.map(str::to_owned);
    }

    /// A subshell, or the head of a function.
    fn parenthesis(&mut self, command: &Command) -> Option<()> {
        self.at += 1;
        let before = |word: &String| BEFORE.contains(&word.as_str());
        if command.words.iter().all(before) {
            return self.commands(true);
        }
        if let [name] = command.words.as_slice()
            && self.eat(")")
        {
            // Its body is read with what follows: braces before a command change nothing.
            self.functions.push(name.clone());
            self.blanks();
            return (self.eat("{ ") || self.rest().starts_with("{\n")).then_some(());
        }
        None
    }

    fn redirection(&mut self, command: usize) -> Option<()> {
        let is_in = self.rest().starts_with('<');
        if self.eat("<(") || self.eat(">(") {
            return self.commands(true);
        }
        if self.rest().starts_with("<<") && !self.rest().starts_with("<<<") {
            return self.document();
        }
        self.at += self.rest().len() - self.rest().trim_start_matches(['<', '>']).len();
        let _ = self.eat("&") || (!is_in && self.eat("|"));
        self.blanks();
        self.word(command).map(|_| ())
    }

    /// The head of a here-document.
    fn document(&mut self) -> Option<()> {
        self.at += 2;
        let tabs = self.eat("-");
        self.blanks();
        let word: String = self
            .rest()
            .chars()
            .take_while(|c| !c.is_whitespace() && !";&|()<>".contains(*c))
            .collect();
        let end = word.trim_matches(['\'', '"']);
        let is_name = end.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if end.is_empty() || !is_name {
            return None;
        }
        self.at += word.len();
        self.documents.push(Document {
            end: end.to_owned(),
            tabs,
            joins: end == word,
        });
        Some(())
    }

    fn skip_documents(&mut self) -> Option<()> {
        for document in std::mem::take(&mut self.documents) {
            loop {
                if self.rest().is_empty() {
                    return None;
                }
                let line = self.rest().split('\n').next().unwrap_or_default();
                let next = (self.at + line.len() + 1).min(self.text.len());
                let own = if document.tabs {
                    line.trim_start_matches('\t')
                } else {
                    line
                };
                if document.joins && line.ends_with('\\') {
                    return None;
                }
                let is_end = own == document.end;
                self.at = next;
                if is_end {
                    break;
                }
            }
        }
        Some(())
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
    }

    fn argument(&mut self, command: &mut Command) -> Option<()> {
        let from = self.at;
        let is_literal = self.word(command.index)?;
        let word = &self.text[from..self.at];
        let is_number = word.chars().all(|c| c.is_ascii_digit());
        if is_number && self.rest().starts_with(['<', '>']) {
            return Some(());
        }
        // Its patterns end with a `)` that opens nothing.
        let is_first = command
            .words
            .iter()
            .all(|word| BEFORE.contains(&word.as_str()));
        if is_first
            && matches!(
                word,
                "case" | "[[" | "function" | "coproc" | "select" | "for"
            )
        {
            if word != "for" {
                return None;
            }
            command.is_known = false;
        }
        if is_first && (is_literal || is_assignment(word)) {
            command.words.push(word.to_owned());
        } else if command.words.is_empty() || is_first {
            command.is_known = false;
            command.words.push(word.to_owned());
        } else {
            command.words.push(if is_literal {
                word.to_owned()
            } else {
                String::new()
            });
        }
        Some(())
    }

    /// One word; whether it is written out without quotes.
    fn word(&mut self, command: usize) -> Option<bool> {
        let mut literal = true;
        let mut from = self.at;
        while let Some(c) = self.peek() {
            if " \t\n;&|<>()".contains(c) {
                break;
            }
            if !"\\'\"$`".contains(c) {
                self.at += c.len_utf8();
                continue;
            }
            literal = false;
            self.part(from, Quotes::Open, command);
            match c {
                '\\' => self.escape()?,
                '\'' => self.single(command)?,
                '"' => self.double(command)?,
                '$' => self.dollar(Quotes::Open, command)?,
                _ => return None,
            }
            from = self.at;
        }
        self.part(from, Quotes::Open, command);
        Some(literal)
    }

    fn part(&mut self, from: usize, quotes: Quotes, command: usize) {
        if from < self.at {
            self.script.parts.push(Part {
                span: from..self.at,
                quotes,
                command,
            });
        }
    }

    fn escape(&mut self) -> Option<()> {
        self.at += 1;
        self.at += self.peek()?.len_utf8();
        Some(())
    }

    fn single(&mut self, command: usize) -> Option<()> {
        self.at += 1;
        let from = self.at;
        self.at += self.rest().find('\'')?;
        self.part(from, Quotes::Single, command);
        self.at += 1;
        Some(())
    }

    fn double(&mut self, command: usize) -> Option<()> {
        self.at += 1;
        let mut from = self.at;
        loop {
            let c = self.peek()?;
            if !"\\\"$`".contains(c) {
                self.at += c.len_utf8();
                continue;
            }
            self.part(from, Quotes::Double, command);
            match c {
                '\\' => self.escape()?,
                '$' => self.dollar(Quotes::Double, command)?,
                '"' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
            from = self.at;
        }
    }

    /// What a `$` begins.
    fn dollar(&mut self, quotes: Quotes, command: usize) -> Option<()> {
        self.at += 1;
        if ["((", "[", "{!"]
            .iter()
            .any(|it| self.rest().starts_with(it))
        {
            return None;
        }
        if self.eat("(") {
            return self.documents.is_empty().then(|| self.commands(true))?;
        }
        if quotes == Quotes::Open && self.rest().starts_with(['\'', '"']) {
            return None;
        }
        let braces = self.eat("{");
        let name: String = self
            .rest()
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        self.at += name.len();
        if !name.is_empty() {
            self.script.expansions.push(Expansion {
                name,
                quotes,
                command,
            });
        } else if !braces {
            // `$?` and its like, or a dollar sign alone.
            let special = self.rest().starts_with(['?', '!', '#', '@', '*', '$', '-']);
            self.at += usize::from(special);
        }
        if braces {
            let length = self.rest().find('}')?;
            if self.rest()[..length].contains(['\'', '"', '\\', '`', '$', '{', '(', '\n']) {
                return None;
            }
            self.at += length + 1;
        }
        Some(())
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        let name = name.strip_suffix('+').unwrap_or(name);
        let mut chars = name.chars();
        chars
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}
