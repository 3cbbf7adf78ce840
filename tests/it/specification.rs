//! What the Engram book must hold, and no check of ours can know: it is said in the user's specification.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn chapters() -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src");
    walkdir::WalkDir::new(&src)
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path.strip_prefix(&src).unwrap().to_owned(), text)
        })
        .collect()
}

fn issues() -> Vec<(PathBuf, String)> {
    let issues = chapters()
        .into_iter()
        .filter(|(path, _)| path.starts_with("issues"));
    issues.collect()
}

#[test]
fn ten_issue_pages_go_from_context_to_action_to_verification() {
    let number = |text: &str| -> u32 {
        let line = text.lines().find_map(|line| line.strip_prefix("issue: "));
        line.unwrap().parse().unwrap()
    };
    let numbers: BTreeSet<u32> = issues().iter().map(|(_, text)| number(text)).collect();
    assert_eq!(numbers, (1..=10).collect());
    for (path, text) in issues() {
        let headings: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("## ") || line.starts_with("### "))
            .map(|line| line.split(" {#").next().unwrap())
            .collect();
        let mut rest = headings.iter();
        for wanted in [
            "## Context",
            "### Symptoms",
            "### Impact",
            "## Action",
            "### Diagnosis",
            "### Resolution",
            "## Verification",
            "## Related issues",
            "## Drill",
        ] {
            assert!(
                rest.any(|heading| *heading == wanted),
                "{}: no {wanted} where it should be in {headings:?}",
                path.display()
            );
        }
    }
}

#[test]
fn each_issue_page_links_to_a_decision_tree_and_to_its_families_of_log_lines() {
    for (path, text) in issues() {
        let path = path.display();
        assert!(text.contains("](../trees/"), "{path}: no tree");
        assert!(
            text.contains("](../error-patterns.md#"),
            "{path}: no family"
        );
        let named = text
            .lines()
            .find_map(|line| line.strip_prefix("patterns: "));
        let families = named.unwrap_or("[]").trim_matches(['[', ']']);
        for family in families.split(", ").filter(|family| !family.is_empty()) {
            let link = format!("](../error-patterns.md#pattern-{family})");
            assert!(text.contains(&link), "{path}: no {link}");
        }
    }
}

#[test]
fn response_times_and_recovery_times_are_those_of_the_specification() {
    let (_, text) = chapters()
        .into_iter()
        .find(|(path, _)| path == Path::new("incident-response.md"))
        .unwrap();
    let row = |level: &str| {
        let start = format!("| [{level},");
        let line = text.lines().find(|line| line.starts_with(&start));
        let cells: Vec<&str> = line.unwrap().split('|').map(str::trim).collect();
        (cells[2].to_owned(), cells[3].to_owned())
    };
    for (level, respond, back) in [
        ("SEV1", "immediately", "30 minutes"),
        ("SEV2", "within 15 minutes", "2 hours"),
        ("SEV3", "within 2 hours", "8 hours"),
        ("SEV4", "next business day", "none"),
    ] {
        assert_eq!(row(level), (respond.to_owned(), back.to_owned()), "{level}");
    }
}

#[test]
fn targets_of_the_categories_are_those_of_the_specification() {
    let toml = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/book.toml");
    let toml = fs::read_to_string(toml).unwrap();
    for (category, target) in [
        ("service-failure", "5m"),
        ("resource-exhaustion", "15m"),
        ("performance", "30m"),
        ("data-integrity", "60m"),
        ("configuration", "20m"),
    ] {
        let line = format!("{category} = \"{target}\"\n");
        assert!(toml.contains(&line), "{line}");
    }
}

/// What is pasted works in any directory: no path begins where the operator happens to stand.
#[test]
fn no_block_names_a_file_of_the_working_directory() {
    let mut n_blocks = 0;
    for (path, text) in chapters() {
        let mut in_block = false;
        for line in text.lines().map(str::trim_start) {
            if line.starts_with("```") {
                in_block = !in_block && line.starts_with("```bash");
                n_blocks += usize::from(in_block);
                continue;
            }
            let words = line.split(|c: char| c.is_whitespace() || "'\"=<>()".contains(c));
            let relative = words.filter(|word| word.starts_with("./") || word.starts_with("../"));
            let relative: Vec<&str> = relative.collect();
            assert!(
                !in_block || relative.is_empty(),
                "{}: {relative:?} in {line}",
                path.display()
            );
        }
    }
    assert!(n_blocks > 200, "only {n_blocks} blocks were seen");
}
