//! The language of the tests: a book in a temporary folder, and what the program says of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A small book.
pub(crate) struct Book {
    pub(crate) dir: TempDir,
    chapters: Vec<String>,
}

impl Book {
    /// One without chapters.
    pub(crate) fn new() -> Self {
        let book = Self {
            dir: tempfile::tempdir().unwrap(),
            chapters: Vec::new(),
        };
        book.write("book.toml", "[book]\ntitle = \"t\"\n");
        book.write("src/SUMMARY.md", "# Summary\n");
        book
    }

    /// Adds a chapter.
    pub(crate) fn page(mut self, path: &str, text: &str) -> Self {
        self.write(&format!("src/{path}"), text);
        self.chapters.push(format!("- [{path}]({path})\n"));
        self.write(
            "src/SUMMARY.md",
            &format!("# Summary\n\n{}", self.chapters.concat()),
        );
        self
    }

    /// Adds to `book.toml`.
    pub(crate) fn toml(self, text: &str) -> Self {
        self.write("book.toml", &format!("[book]\ntitle = \"t\"\n{text}"));
        self
    }

    /// Adds a file.
    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        self.write(path, text);
        self
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// Runs the program in the book's folder.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::from(program(self.dir.path()).args(args).output().unwrap())
    }
}

/// The program with a scrubbed environment, in `dir`.
pub(crate) fn program(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mdbook-runbook"));
    command
        .current_dir(dir)
        .stdin(Stdio::null())
        // What CI servers set would change what is printed.
        .env_remove("CI")
        .env_remove("GITHUB_ACTIONS")
        .env_remove("RUST_BACKTRACE");
    command
}

/// What a run said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// Requires an exit status.
    #[track_caller]
    pub(crate) fn status(self, expected: i32) -> Self {
        assert_eq!(self.status, Some(expected), "{self:#?}");
        self
    }

    /// Requires a text in either stream.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let both = format!("{}{}", self.stdout, self.stderr);
        assert!(both.contains(text), "no `{text}` in\n{both}");
        self
    }

    /// Requires that a text is in neither stream.
    #[track_caller]
    pub(crate) fn does_not_say(self, text: &str) -> Self {
        let both = format!("{}{}", self.stdout, self.stderr);
        assert!(!both.contains(text), "`{text}` in\n{both}");
        self
    }
}

/// The processes of this machine whose command line holds `mark`, a text unique to a test.
pub(crate) fn processes(mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(line) = fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(mark) {
            found.push(line);
        }
    }
    found
}

/// The same, where the environment may hold `mark` instead. An ordinary user cannot read that of
/// some processes of a sandbox.
pub(crate) fn processes_with(mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let [line, environment] = ["cmdline", "environ"].map(|file| {
            let bytes = fs::read(entry.path().join(file)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).replace('\0', " ")
        });
        if line.contains(mark) || environment.contains(mark) {
            found.push(format!("{} {line}", entry.file_name().display()));
        }
    }
    found
}

/// Waits until something holds that must hold soon.
#[track_caller]
pub(crate) fn until(what: &str, within: Duration, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + within;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        std::thread::yield_now();
    }
}

/// A number that no other process of the machine has in its command line.
pub(crate) fn mark() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("3{:08}", RandomState::new().hash_one(1) % 100_000_000)
}
