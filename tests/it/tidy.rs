//! The house rules that matter, as tests.

use mdbook_runbook::check::{EXPLAINED, NAMES};
use std::fs;
use std::path::{Path, PathBuf};

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    walkdir::WalkDir::new(root.join("src"))
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(|path| {
            (
                path.strip_prefix(root).unwrap().to_owned(),
                fs::read_to_string(path).unwrap(),
            )
        })
        .collect()
}

#[test]
fn every_file_says_what_lives_in_it_and_is_short() {
    for (path, text) in sources() {
        assert!(
            text.starts_with("//! "),
            "{}: no module doc",
            path.display()
        );
        assert!(text.lines().count() <= 500, "{}: too long", path.display());
        for word in ["TODO", "FIXME", "XXX", "dbg!"] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn the_program_knows_no_service() {
    for (path, text) in sources() {
        let text = text.to_lowercase();
        for name in ["engram", "redis"] {
            assert!(!text.contains(name), "{} names {name}", path.display());
        }
    }
}

#[test]
fn pure_rooms_do_no_io_and_no_arrow_goes_backwards() {
    let rooms = [
        "src/markdown",
        "src/page",
        "src/tree",
        "src/plan.rs",
        "src/nav.rs",
        "src/finding.rs",
    ];
    for (path, text) in sources() {
        let code = text.split("#[cfg(test)]").next().unwrap();
        if rooms.iter().any(|room| path.starts_with(room)) && !path.ends_with("nav.rs") {
            for word in ["std::fs", "std::process", "std::env"] {
                assert!(!code.contains(word), "{}: {word}", path.display());
            }
        }
        let forbidden: &[(&str, &str)] = &[
            ("src/markdown", "crate::page"),
            ("src/page", "crate::plan"),
            ("src/page", "crate::tree"),
            ("src/tree", "crate::plan"),
            ("src/tree", "crate::evidence"),
            ("src/run", "crate::report"),
            ("src/run", "crate::cli"),
        ];
        for (room, name) in forbidden {
            assert!(
                !path.starts_with(room) || !code.contains(name),
                "{}: {name}",
                path.display()
            );
        }
    }
}

#[test]
fn only_run_starts_processes() {
    for (path, text) in sources() {
        // Tests ask promtool.
        let is_test = path.ends_with("tests.rs") || path.to_string_lossy().ends_with("_tests.rs");
        let starts = !is_test && (text.contains("process::Command") || text.contains("duct::"));
        assert!(!starts || path.starts_with("src/run"), "{}", path.display());
    }
}

#[test]
fn every_check_has_an_explanation() {
    let mut names: Vec<String> = Vec::new();
    for (_, text) in sources() {
        for call in ["Finding::error(", "Finding::error_in("] {
            for rest in text.split(call).skip(1) {
                if let Some(name) = rest.trim_start().strip_prefix('"') {
                    names.push(name.split('"').next().unwrap().to_owned());
                }
            }
        }
    }
    names.sort();
    names.dedup();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        assert!(
            NAMES.contains(&name.as_str()),
            "add `{name}` to src/check/names.rs"
        );
    }
    for (names, finds) in EXPLAINED {
        assert!(finds.len() > 10, "{names:?}: what does it find?");
    }
}

#[test]
fn the_changelog_has_this_version() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("CHANGELOG.md")).unwrap();
    assert!(text.contains(&format!("## {}", env!("CARGO_PKG_VERSION"))));
}
