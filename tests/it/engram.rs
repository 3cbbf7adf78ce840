//! The first book: it holds, and breaking any one thing in a copy of it is found at its place.

use crate::book::{Ran, program};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A copy of the Engram book with everything that its `book.toml` names.
pub(crate) struct Copy(pub(crate) TempDir);

impl Copy {
    pub(crate) fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let copy = Self(tempfile::tempdir().unwrap());
        for part in ["book", "scripts", "alerts", "tests/host"] {
            for entry in walkdir::WalkDir::new(root.join(part)) {
                let entry = entry.unwrap();
                let path = entry.path().strip_prefix(root).unwrap();
                let generated = path.starts_with("book/book") || path.starts_with("book/.runbook");
                if entry.file_type().is_file() && !generated {
                    copy.put(entry.path(), path);
                }
            }
        }
        let config = fs::read_to_string(root.join("book/book.toml")).unwrap();
        let programs = ["target/release/engram", "target/release/grpcurl"];
        for name in programs
            .into_iter()
            .filter(|name| config.contains(&format!("\"../{name}\"")))
        {
            assert!(
                root.join(name).exists(),
                "`make test` builds it: cargo build --release -p engram-testbed"
            );
            copy.put(&root.join(name), Path::new(name));
        }
        copy
    }

    /// A copy with the evidence of a run, so that only what a change touches is run again. What `make verify` has run
    /// with this program is not run here a second time.
    fn verified() -> Self {
        static STATE: OnceLock<TempDir> = OnceLock::new();
        let state = STATE.get_or_init(|| {
            let copy = Self::new();
            copy.take_evidence(Path::new(env!("CARGO_MANIFEST_DIR")));
            copy.verify().status(0);
            copy.0
        });
        let copy = Self::new();
        copy.take_evidence(state.path());
        copy
    }

    fn take_evidence(&self, root: &Path) {
        let evidence = root.join("book/.runbook/evidence");
        // Where nothing was run there is no such folder.
        for entry in walkdir::WalkDir::new(evidence).into_iter().flatten() {
            if entry.file_type().is_file() {
                let path = entry.path().strip_prefix(root).unwrap();
                self.put(entry.path(), path);
            }
        }
    }

    fn put(&self, from: &Path, to: &Path) {
        let to = self.0.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }

    /// Replaces `old`, which must be there, in a file; returns the line on which it stood.
    #[track_caller]
    fn change(&self, path: &str, old: &str, new: &str) -> usize {
        let path: PathBuf = self.0.path().join(path);
        let text = fs::read_to_string(&path).unwrap();
        let at = text
            .find(old)
            .unwrap_or_else(|| panic!("no `{old}` in {}", path.display()));
        fs::write(&path, text.replacen(old, new, 1)).unwrap();
        text[..at].lines().count().max(1)
    }

    fn verify(&self) -> Ran {
        let args = ["verify", "--no-prepare", "--patience", "2m", "book"];
        Ran::from(program(self.0.path()).args(args).output().unwrap())
    }
}

#[test]
fn the_engram_book_holds() {
    let ran = Copy::verified().verify().status(0);
    // All of it comes from the evidence of the run before.
    let numbers = |before: &str| -> Vec<usize> {
        let end = ran.stdout.find(before).unwrap();
        let word = ran.stdout[..end].split_whitespace().next_back().unwrap();
        word.split('/').map(|n| n.parse().unwrap()).collect()
    };
    let (drills, tests) = (numbers(" drills recovered"), numbers(" doc tests passed"));
    assert_eq!(numbers(" from evidence"), [drills[1] + tests[1]]);
    assert_eq!(drills[0], drills[1]);
    ran.says("14/14 live, from alert to all-clear")
        .says("longest click path 2")
        .says("alerts linked");
}

const PAGE: &str = "book/src/issues/wont-start.md";

/// The text of the page from its *Verification* heading on.
fn verification(copy: &Copy) -> String {
    let text = fs::read_to_string(copy.0.path().join(PAGE)).unwrap();
    text[text.find("\n## Verification").unwrap()..].to_owned()
}

#[test]
fn a_wrong_port_in_a_verification() {
    let copy = Copy::verified();
    let old = verification(&copy);
    copy.change(PAGE, &old, &old.replacen(":7432", ":7433", 1));
    copy.verify()
        .status(1)
        .says("error[baseline-red]: the verification fails on a healthy instance")
        .says(PAGE);
}

#[test]
fn a_verification_replaced_by_true() {
    let copy = Copy::verified();
    let old = verification(&copy);
    let drill = &old[old.find("\n## Drill").unwrap()..];
    let new = format!("\n## Verification {{#verification}}\n\n```bash\ntrue\n```\n{drill}");
    copy.change(PAGE, &old, &new);
    copy.verify()
        .status(1)
        .says("error[verify-vacuous]")
        .says(PAGE)
        .says("cannot fail");
}

#[test]
fn an_anchor_renamed() {
    let copy = Copy::verified();
    copy.change(PAGE, "{#port-conflict}", "{#port-conflicts}");
    copy.verify()
        .status(1)
        .says("leads to an anchor that is not there")
        .says("did you mean `#port-conflicts`?")
        .says(PAGE);
}

#[test]
fn an_issue_missing_in_the_escalation_matrix() {
    let copy = Copy::new();
    let row = "[Index corruption](issues/index-corruption.md)";
    copy.change("book/src/incident-response.md", row, "Index corruption");
    Ran::from(
        program(copy.0.path())
            .args(["check", "book"])
            .output()
            .unwrap(),
    )
    .status(1)
    .says("error[issue-not-in-escalation-matrix]")
    .says("who is called for issue 9")
    .says("book/src/incident-response.md");
}

#[test]
fn an_alert_added() {
    let copy = Copy::verified();
    let path = copy.0.path().join("alerts/alerts.yml");
    let text = fs::read_to_string(&path).unwrap();
    let end = text.lines().count();
    let rule = "      - alert: EngramHaunted\n        expr: engram_ghosts > 0\n";
    fs::write(&path, format!("{}\n{rule}", text.trim_end())).unwrap();
    copy.verify()
        .status(1)
        .says("no page answers the alert `EngramHaunted`")
        .says(&format!("alerts/alerts.yml:{}:16", end + 1));
}

#[test]
fn no_fault_goes_away_without_its_own_resolution() {
    let copy = Copy::verified();
    let args = [
        "test",
        "--no-prepare",
        "--control",
        "--patience",
        "3s",
        "-C",
        "book",
        "wont-start",
    ];
    let ran = program(copy.0.path()).args(args).output().unwrap();
    Ran::from(ran)
        .status(0)
        .says("16/16 control experiments hold");
}
