//! The book of the repository, built by the program into a folder of its own.

use anyhow::{Context, Result};
use mdbook_runbook::config::Config;
use mdbook_runbook::page::Page;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

/// A built book.
pub(crate) struct Site {
    /// The folder of the pages.
    pub(crate) root: PathBuf,
    /// Its chapters.
    pub(crate) pages: Vec<Arc<Page>>,
    _dir: TempDir,
}

/// The repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

impl Site {
    /// Every file of the site with this ending, as addresses below its root.
    pub(crate) fn files(&self, ending: &str) -> Vec<String> {
        walkdir::WalkDir::new(&self.root)
            .sort_by_file_name()
            .into_iter()
            .map(|entry| entry.unwrap().into_path())
            .filter(|path| path.to_string_lossy().ends_with(ending))
            .map(|path| {
                path.strip_prefix(&self.root)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect()
    }

    /// A copy of the book that executes nothing, so that stored evidence is shown as it is.
    pub(crate) fn build() -> Self {
        let dir = tempfile::tempdir().unwrap();
        copy_book(dir.path());
        Self::of(dir, "book")
    }

    /// The book in a folder below `dir`.
    pub(crate) fn of(dir: TempDir, book: &str) -> Self {
        let book = dir.path().join(book);
        let root = dir.path().join("site");
        let output = Command::new(program())
            .arg("build")
            .arg(&book)
            .arg("-d")
            .arg(&root)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            root.join("index.html").is_file(),
            "the site was not built:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let config = Config::load(&book, None).unwrap();
        let (pages, _) = mdbook_runbook::book::pages(&config).unwrap();
        Self {
            root,
            pages,
            _dir: dir,
        }
    }
}

/// The repository's book with all that its drills need, in a folder of its own.
pub(crate) struct Playground(TempDir);

impl Playground {
    pub(crate) fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        copy_book(dir.path());
        for folder in ["scripts", "tests/host"] {
            copy(&repository().join(folder), &dir.path().join(folder));
        }
        let built = dir.path().join("target/release");
        fs::create_dir_all(&built)?;
        for name in ["engram", "grpcurl"] {
            let program = repository().join("target/release").join(name);
            fs::copy(&program, built.join(name)).with_context(|| {
                format!(
                    "`cargo build --release --workspace` builds {}",
                    program.display()
                )
            })?;
        }
        Ok(Self(dir))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

fn copy_book(to: &Path) {
    for folder in ["book", "alerts"] {
        copy(&repository().join(folder), &to.join(folder));
    }
    let toml = to.join("book/book.toml");
    let text = fs::read_to_string(&toml).unwrap();
    let quiet = text.replace("run = \"stale\"", "run = \"never\"");
    assert_ne!(text, quiet, "`run` of book.toml has changed");
    fs::write(&toml, quiet).unwrap();
}

/// The program: that of `MDBOOK_RUNBOOK`, or the one that is built now.
pub(crate) fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("MDBOOK_RUNBOOK") {
        return PathBuf::from(path)
            .canonicalize()
            .expect("MDBOOK_RUNBOOK names a program");
    }
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "-p", "mdbook-runbook"])
        .current_dir(repository())
        .status()
        .unwrap();
    assert!(status.success(), "the program does not build");
    let own = std::env::current_exe().unwrap();
    let target = own.ancestors().nth(3).unwrap();
    target.join("debug/mdbook-runbook")
}

/// Copies a folder without what was built in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    let walk = walkdir::WalkDir::new(from)
        .into_iter()
        .filter_entry(|entry| entry.path() != from.join("book") && entry.file_name() != "lock");
    for entry in walk {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
