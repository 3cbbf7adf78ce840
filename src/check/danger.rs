//! `danger-unmarked`: a destructive block that does not say so.

use crate::finding::Finding;
use crate::page::{Page, Role};

/// Command words that destroy data or end processes, as an operator types them.
const DESTRUCTIVE: &[&str] = &[
    "dd", "fdisk", "kill", "killall", "mkfs", "parted", "pkill", "rm", "shred", "truncate",
    "wipefs",
];

pub(super) fn check(page: &Page) -> Vec<Finding> {
    page.executed()
        .chain(&page.waived)
        // A drill breaks things on purpose, and nobody is asked to copy it.
        .filter(|step| !step.danger && step.role != Some(Role::Drill))
        .filter_map(|step| Some((step, destructive(&step.code)?)))
        .map(|(step, word)| {
            Finding::error(
                "danger-unmarked",
                step.place.clone(),
                format!("this block runs `{word}` and is not marked as destructive"),
            )
            .help("add `{danger}`: the reader is warned, and asked before it is copied")
        })
        .collect()
}

/// The first destructive command of a script.
pub fn destructive(code: &str) -> Option<&str> {
    code.lines()
        .map(str::trim_start)
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| line.split(['|', ';', '&', '(', '`']))
        .find_map(|command| {
            let mut words = command
                .split_whitespace()
                .skip_while(|word| matches!(*word, "sudo" | "then" | "do" | "else" | "!"));
            let word = words.next()?;
            let harmless = word == "kill" && words.next() == Some("-0");
            let recursive_owner = matches!(word, "chown" | "chmod")
                && command.split_whitespace().any(|flag| {
                    flag == "--recursive" || (flag.starts_with('-') && flag.contains('R'))
                });
            let name = word.rsplit('/').next().unwrap_or(word);
            let is_listed = DESTRUCTIVE.contains(&name) || name.starts_with("mkfs.");
            ((is_listed && !harmless) || recursive_owner).then_some(word)
        })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Config;
    use crate::source::SourceFile;
    use std::path::Path;

    /// A chapter without configuration.
    pub(in crate::check) fn page(text: &str) -> Page {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("book.toml"), "").unwrap();
        let config = Config::load(dir.path(), None).unwrap();
        let file = SourceFile::new("a.md", text);
        crate::page::interpret(&file, Path::new("a.md"), "A", &config).0
    }

    #[test]
    fn destructive_words_are_found_where_commands_stand() {
        let case = |code: &str| destructive(code).is_some();
        assert!(case("sudo rm -rf /x"));
        assert!(case("a | xargs echo; kill 1"));
        assert!(case("chown -R a:b /x"));
        assert!(case("x=$(pkill y)"));
        assert!(case("/bin/rm x"));
        assert!(!case("kill -0 1"));
        assert!(!case("echo rm"));
        assert!(!case("# rm -rf /"));
        assert!(!case("chown a /x"));
        assert!(!case("grep kill log"));
    }

    #[test]
    fn a_mark_silences_it_and_a_drill_needs_none() {
        assert_eq!(check(&page("```bash\nrm x\n```\n")).len(), 1);
        assert_eq!(check(&page("```bash {danger}\nrm x\n```\n")).len(), 0);
        assert_eq!(
            check(&page(
                "---\nissue: 1\n---\n# T\n## Drill\n```bash\nrm x\n```\n"
            ))
            .len(),
            0
        );
    }
}
