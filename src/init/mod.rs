//! A first issue page with a service that it can be proven on: for a new book, or one that exists.
//!
//! Nothing that exists is overwritten: `book.toml` and `SUMMARY.md` only grow.

use crate::config::{Config, ConfigError};
use crate::fs_write::{self, WriteError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

const BOOK: &str = include_str!("skeleton/book.toml");
const PREPROCESSOR: &str = include_str!("skeleton/preprocessor.toml");
const SERVICE: &str = include_str!("skeleton/web");
const SUMMARY: &str = include_str!("skeleton/SUMMARY.md");
const INTRODUCTION: &str = include_str!("skeleton/introduction.md");
const ISSUE: &str = include_str!("skeleton/issue.md");

/// The issue page, below the folder of the chapters.
const PAGE: &str = "issues/web-server-does-not-answer.md";
const TITLE: &str = "The web server does not answer";

/// What stands in the way of a first page.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Files are there already.
    #[error("nothing was written: {} already exists", list(.0))]
    Exists(Vec<PathBuf>),
    /// `book.toml` names this tool.
    #[error(
        "nothing was written: {0} has a table `[preprocessor.runbook]` already\n  try `mdbook-runbook check`"
    )]
    SetUp(PathBuf),
    /// The book that is there cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file of it cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder or a mode cannot be made.
    #[error("cannot make {path}")]
    Make {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

fn list(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    names.join(", ")
}

/// A file to be written.
struct Planned {
    path: PathBuf,
    text: String,
    /// It exists, and grows.
    grows: bool,
}

impl Planned {
    fn new(path: PathBuf, text: impl Into<String>) -> Self {
        Self {
            path,
            text: text.into(),
            grows: false,
        }
    }
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The files that were written, in order.
    pub files: Vec<PathBuf>,
    /// A book, and not only a page of one.
    pub is_new_book: bool,
}

/// Makes a book in `root`, or adds a first issue page to the one that is there.
pub fn init(root: &Path) -> Result<Made, InitError> {
    let is_new_book = !root.join("book.toml").exists();
    let mut planned = if is_new_book {
        new_book(root)
    } else {
        addition(root)?
    };
    planned.push(Planned::new(root.join("service/web"), SERVICE));
    let in_the_way: Vec<PathBuf> = planned
        .iter()
        .filter(|file| !file.grows && file.path.symlink_metadata().is_ok())
        .map(|file| file.path.clone())
        .collect();
    if !in_the_way.is_empty() {
        return Err(InitError::Exists(in_the_way));
    }
    for file in &planned {
        if let Some(folder) = file.path.parent() {
            make(folder, fs::create_dir_all(folder))?;
        }
        fs_write::write(&file.path, file.text.as_bytes())?;
    }
    let service = root.join("service/web");
    let mode = fs::Permissions::from_mode(0o755);
    make(&service, fs::set_permissions(&service, mode))?;
    Ok(Made {
        files: planned.into_iter().map(|file| file.path).collect(),
        is_new_book,
    })
}

fn make(path: &Path, made: io::Result<()>) -> Result<(), InitError> {
    made.map_err(|source| InitError::Make {
        path: path.to_owned(),
        source,
    })
}

fn new_book(root: &Path) -> Vec<Planned> {
    let src = root.join("src");
    vec![
        Planned::new(root.join("book.toml"), format!("{BOOK}{PREPROCESSOR}")),
        Planned::new(root.join(".gitignore"), "/book/\n/.runbook/\n"),
        Planned::new(src.join("SUMMARY.md"), with_chapter(SUMMARY)),
        Planned::new(src.join("introduction.md"), INTRODUCTION),
        Planned::new(src.join(PAGE), ISSUE),
    ]
}

fn addition(root: &Path) -> Result<Vec<Planned>, InitError> {
    let config = Config::load(root, None)?;
    let toml = root.join("book.toml");
    if config.is_set_up {
        return Err(InitError::SetUp(toml));
    }
    let text = read(&toml)?;
    let summary = config.src.join("SUMMARY.md");
    let listed = with_chapter(&read(&summary)?);
    let grown = |path, text| Planned {
        path,
        text,
        grows: true,
    };
    Ok(vec![
        grown(toml, format!("{}\n\n{PREPROCESSOR}", text.trim_end())),
        grown(summary, listed),
        Planned::new(config.src.join(PAGE), ISSUE),
    ])
}

fn read(path: &Path) -> Result<String, InitError> {
    fs::read_to_string(path).map_err(|source| InitError::Read {
        path: path.to_owned(),
        source,
    })
}

/// `summary` with the page as the last numbered chapter: behind the last line of its lists, since
/// mdBook takes none behind a suffix chapter.
fn with_chapter(summary: &str) -> String {
    let is_item = |line: &&str| line.trim_start().starts_with(['-', '*', '+']);
    let bullet = summary
        .lines()
        .find(|line| line.starts_with(['-', '*', '+']) && line[1..].starts_with(' '))
        .map_or("-", |line| &line[..1]);
    let chapter = format!("{bullet} [{TITLE}]({PAGE})");
    let lines: Vec<&str> = summary.trim_end().lines().collect();
    let last = lines
        .iter()
        .rposition(|line| is_item(line) && line.contains("]("));
    match last {
        Some(last) => {
            let mut lines: Vec<&str> = lines;
            lines.insert(last + 1, &chapter);
            lines.join("\n") + "\n"
        }
        None => format!("{}\n\n{chapter}\n", lines.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chapter_comes_behind_the_last_numbered_one() {
        let summary = "# Summary\n\n* [a](a.md)\n  * [b](b.md)\n\n[End](end.md)\n";
        assert_eq!(
            with_chapter(summary),
            format!(
                "# Summary\n\n* [a](a.md)\n  * [b](b.md)\n* [{TITLE}]({PAGE})\n\n[End](end.md)\n"
            )
        );
        assert_eq!(
            with_chapter("# Summary\n"),
            format!("# Summary\n\n- [{TITLE}]({PAGE})\n")
        );
    }
}
