//! The guide in `docs/`: it is executed, and says of the program what the program says of itself.

use crate::book::{Book, Ran, program};
use mdbook_runbook::config::known_keys;
use mdbook_runbook::markdown::{self, Document};
use mdbook_runbook::source::SourceFile;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

fn chapters() -> Vec<(PathBuf, String)> {
    walkdir::WalkDir::new(root().join("src"))
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect()
}

fn document(path: &Path, text: &str) -> Document {
    markdown::parse(&SourceFile::new(path.to_owned(), text.to_owned())).0
}

/// The fences of a language, with their chapter and line.
fn fences(languages: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (path, text) in chapters() {
        for block in document(&path, &text).blocks {
            if languages.contains(&block.info.language.as_str()) {
                let place = format!("{}:{}", path.display(), block.place.line());
                found.push((place, block.code.clone()));
            }
        }
    }
    found
}

/// The guide with the program under test in place of the released one.
fn copy() -> Book {
    let book = Book::new();
    for (path, text) in chapters() {
        book.write(path.strip_prefix(root()).unwrap().to_str().unwrap(), &text);
    }
    let toml = fs::read_to_string(root().join("book.toml")).unwrap();
    let released = "../target/release/mdbook-runbook";
    assert!(toml.contains(released));
    book.write(
        "book.toml",
        &toml.replace(released, env!("CARGO_BIN_EXE_mdbook-runbook")),
    );
    book
}

#[test]
fn the_guide_holds() {
    Ran::from(program(copy().dir.path()).arg("verify").output().unwrap())
        .status(0)
        .does_not_say("warning[")
        .says("doc tests passed");
}

#[test]
fn the_tutorial_is_true_outside_of_the_sandbox_with_sandboxes_of_its_own() {
    let book = copy();
    let toml = book.read("book.toml");
    let line = "env     = { MDBOOK_RUNBOOK_SANDBOX = \"none\" }\n";
    assert!(toml.contains(line));
    book.write("book.toml", &toml.replace(line, ""));
    book.run(&["test", "tutorial.md", "--sandbox", "none"])
        .status(0)
        .says("1/1 doc tests passed");
    let evidence: String = fs::read_dir(book.path(".runbook/evidence"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert!(evidence.contains("2/2 control experiments hold"));
    assert!(evidence.matches("warning: --sandbox none").count() == 0);
}

/// `SNAPSHOTS=overwrite` writes them anew.
#[test]
fn the_reference_is_what_the_program_says() {
    for (name, text) in mdbook_runbook::reference::pages() {
        let path = root().join("src/reference").join(name);
        if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
            fs::write(&path, &text).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            written,
            text,
            "{} is stale: SNAPSHOTS=overwrite cargo test --test it guide",
            path.display()
        );
    }
}

#[test]
fn every_key_of_book_toml_is_in_the_reference_and_no_other() {
    let text = fs::read_to_string(root().join("src/reference/book-toml.md")).unwrap();
    let fences = document(Path::new("book-toml.md"), &text).blocks;
    let toml: String = fences
        .iter()
        .filter(|block| block.info.language == "toml")
        .map(|block| block.code.clone() + "\n")
        .collect();
    let book: toml::Table = toml.parse().unwrap();
    let root_table = book["preprocessor"]["runbook"].clone();
    for (table, known) in known_keys() {
        let mut tables = vec![&root_table];
        for name in table.split('.').filter(|name| !name.is_empty()) {
            tables = tables
                .into_iter()
                .flat_map(|table| match name {
                    "*" => table.as_table().unwrap().values().collect(),
                    name => vec![&table[name]],
                })
                .collect();
        }
        // What mdBook itself reads.
        let of_mdbook = ["renderers", "before", "optional"];
        let known: BTreeSet<&str> = known
            .iter()
            .map(String::as_str)
            .filter(|key| !table.is_empty() || !of_mdbook.contains(key))
            .collect();
        assert!(!known.is_empty(), "{table}");
        let written: BTreeSet<&str> = tables
            .iter()
            .flat_map(|table| table.as_table().unwrap().keys())
            .map(String::as_str)
            // Profiles are tables of the author's.
            .filter(|key| table != "instance" || *key != "real")
            .collect();
        assert_eq!(written, known, "[preprocessor.runbook.{table}]");
    }
}

#[test]
fn every_key_attribute_directive_and_verdict_is_in_the_reference() {
    let pages = fs::read_to_string(root().join("src/reference/pages.md")).unwrap();
    let verdicts = fs::read_to_string(root().join("src/reference/verdicts.md")).unwrap();
    for key in mdbook_runbook::page::FRONT_MATTER_KEYS {
        assert!(pages.contains(&format!("| `{key}` |")), "key {key}");
    }
    for name in mdbook_runbook::markdown::NAMES {
        let row = [format!("`{name}`"), format!("`{name}=")];
        assert!(
            row.iter().any(|row| pages.contains(row)),
            "attribute {name}"
        );
    }
    for name in mdbook_runbook::site::DIRECTIVES {
        assert!(
            pages.contains(&format!("| `<!-- runbook: {name} -->` |")),
            "directive {name}"
        );
    }
    let (ends, _) = mdbook_runbook::check::EXPLAINED.last().unwrap();
    assert!(ends.contains(&"verify-vacuous"), "{ends:?}");
    for name in *ends {
        assert!(verdicts.contains(&format!("`{name}`")), "verdict {name}");
    }
}

/// No linter of GitHub's or GitLab's files is packaged for Debian: that they parse, and that the
/// options in them exist, is what is known of them.
#[test]
fn snippets_of_yaml_and_toml_parse_and_name_commands_that_exist() {
    let yaml = fences(&["yaml"]);
    assert!(yaml.len() >= 4, "{yaml:?}");
    for (place, text) in yaml {
        let parsed: Result<BTreeMap<String, serde_json::Value>, _> = serde_saphyr::from_str(&text);
        assert!(parsed.is_ok(), "{place}: {parsed:?}");
    }
    for (place, text) in fences(&["toml"]) {
        let parsed: Result<toml::Table, _> = text.parse();
        assert!(parsed.is_ok(), "{place}: {parsed:?}");
    }
    let commands = mdbook_runbook::reference::pages()[0].1.clone();
    for (path, text) in chapters() {
        let mentions = text.split("mdbook-runbook ").skip(1);
        for rest in mentions.filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase())) {
            let line = rest.split(['\n', '`', '"', '\'', ';', '&']).next().unwrap();
            for option in line
                .split_whitespace()
                .filter(|word| word.starts_with("--"))
            {
                let option = option
                    .split('=')
                    .next()
                    .unwrap()
                    .trim_end_matches(['.', ',', ':']);
                let known = commands.contains(option) || ["--help", "--version"].contains(&option);
                assert!(known, "{}: {option}", path.display());
            }
        }
    }
}

#[test]
fn links_of_the_readme_lead_to_files() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(home.join("README.md")).unwrap();
    let links = document(Path::new("README.md"), &text).links;
    let local = links.iter().filter(|link| !link.to.contains("://"));
    let mut n = 0;
    for link in local {
        let file = link.to.split('#').next().unwrap();
        assert!(file.is_empty() || home.join(file).exists(), "{}", link.to);
        n += 1;
    }
    assert!(n > 20, "{n}");
}
