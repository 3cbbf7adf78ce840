//! Rule files of the world: linked, linked again, and taken back, with every other byte as it was.

use crate::book::Book;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const TOML: &str =
    "[preprocessor.runbook]\nbase-url = \"https://r.example\"\nrules = [\"rules/*.yml\"]\n";

/// The alerts of the files; each has a page and a heading of its name.
const ALERTS: [&str; 3] = ["Down", "Slow", "Full"];

fn book() -> Book {
    ALERTS.iter().fold(Book::new().toml(TOML), |book, alert| {
        let id = alert.to_lowercase();
        let page = format!(
            "---\nalerts: [\"{alert}#{id}\"]\n---\n# {alert} page\n\n## Fix {{#{id}}}\n\nText.\n"
        );
        book.page(&format!("{id}.md"), &page)
    })
}

fn url(alert: &str) -> String {
    let id = alert.to_lowercase();
    format!("https://r.example/{id}.html#{id}")
}

/// The files by their names; `refused` are those that are to be left alone.
fn world(refused: bool) -> BTreeMap<String, String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules/world");
    let files = walkdir::WalkDir::new(dir).min_depth(1).into_iter();
    let files = files.map(|file| file.unwrap().into_path()).map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(path).unwrap())
    });
    let is_wanted = |(name, _): &(String, String)| name.starts_with("refused-") == refused;
    files.filter(is_wanted).collect()
}

fn put(book: &Book, files: &BTreeMap<String, String>) {
    for (name, text) in files {
        book.write(&format!("rules/{name}"), text);
    }
}

/// What promtool says of each file of Prometheus.
fn promtool(book: &Book, files: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let ours = files.keys().filter(|name| name.starts_with("prometheus-"));
    let judge = |name: &String| {
        let output = Command::new("promtool")
            .args(["check", "rules", name])
            .current_dir(book.path("rules"))
            .output()
            .expect("promtool comes with the package `prometheus`");
        let said = [output.stdout, output.stderr].concat();
        // Faults of what only newer versions know are told with their lines.
        let said = String::from_utf8_lossy(&said).replace(|c: char| c.is_ascii_digit(), "");
        assert!(
            output.status.success() || name.starts_with("prometheus-new-"),
            "{said}"
        );
        (name.clone(), said)
    };
    ours.map(judge).collect()
}

/// What a text says, to a reader that is not ours, without the links; and the links.
fn data(text: &str) -> (Vec<Value>, Vec<(String, Value)>) {
    // That reader knows no carriage return alone.
    let text = text.trim_start_matches('\u{feff}');
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let mut links = Vec::new();
    for document in &mut documents {
        strip(document, &mut links);
    }
    (documents, links)
}

fn strip(value: &mut Value, links: &mut Vec<(String, Value)>) {
    match value {
        Value::Array(items) => {
            for item in items {
                strip(item, links);
            }
        }
        Value::Object(map) => {
            if let Some(name) = map.get("alert").and_then(Value::as_str).map(str::to_owned) {
                let mut annotations = map.remove("annotations").unwrap_or_default();
                let link = annotations
                    .as_object_mut()
                    .and_then(|a| a.remove("runbook_url"));
                links.push((name, link.unwrap_or_default()));
                if annotations.as_object().is_some_and(|map| !map.is_empty()) {
                    map.insert("annotations".to_owned(), annotations);
                }
            }
            for value in map.values_mut() {
                strip(value, links);
            }
        }
        _ => {}
    }
}

/// A line without the link that stands in it, and without annotations that hold nothing.
fn without_link(line: &str) -> String {
    let at = ["\"runbook_url\": ", "runbook_url: "]
        .iter()
        .find_map(|key| line.find(key));
    let line = match at {
        Some(at) => {
            let rest = &line[at..];
            let value = rest.find(": ").unwrap() + 2;
            let length = match rest[value..].chars().next() {
                Some(quote @ ('\'' | '"')) => rest[value + 1..].find(quote).map_or(0, |n| n + 2),
                _ => rest[value..]
                    .find([',', '}', '\n'])
                    .unwrap_or(rest.len() - value),
            };
            let after = &rest[value + length..];
            let after = after.strip_prefix(", ").unwrap_or(after);
            format!("{}{after}", &line[..at])
        }
        None => line.to_owned(),
    };
    let nothing = [": {}", ": {   }", ": ~", ": null"];
    let nothing = nothing.map(|nothing| line.replace(nothing, ": {}"));
    let line = nothing.into_iter().find(|one| *one != line).unwrap_or(line);
    [
        ", \"annotations\": {}",
        ", annotations: {}",
        "\"annotations\": {}",
        "annotations: {}",
    ]
    .iter()
    .fold(line, |line, created| line.replacen(created, "", 1))
    .replace(", }", "}")
}

/// Every line that is no line of a link is as it was, and in its place.
#[track_caller]
fn only_links_differ(name: &str, before: &str, after: &str) {
    let changes = similar::TextDiff::from_lines(before, after);
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for change in changes.iter_all_changes() {
        let line = change.value();
        let bare = without_link(line).trim_end_matches(['\r', '\n']).to_owned();
        let is_created = matches!(bare.trim(), "annotations:" | "," | "");
        match change.tag() {
            similar::ChangeTag::Equal => {}
            // The old value, on a line of its own.
            similar::ChangeTag::Delete
                if line.contains("r.example/old") && !line.contains("runbook_url") => {}
            similar::ChangeTag::Delete if bare.trim().is_empty() && line.trim() != bare.trim() => {}
            // It had no line ending, and has one now.
            similar::ChangeTag::Delete if is_created && !line.ends_with('\n') => {}
            similar::ChangeTag::Delete => old.push(bare),
            similar::ChangeTag::Insert if is_created => {}
            similar::ChangeTag::Insert if line.trim().starts_with("'https://r.example/") => {}
            similar::ChangeTag::Insert => new.push(bare),
        }
    }
    // The header of a block scalar goes with its text, and comments behind a link stay.
    let is_other = |line: &String| {
        !line.trim_start().starts_with(['#', '?', ':']) && !line.contains("runbook_url")
    };
    old.retain(|line| is_other(line));
    new.retain(|line| is_other(line));
    assert_eq!(old, new, "{name}\n{before}\n->\n{after}");
}

#[test]
fn files_of_the_world_change_in_their_links_only() {
    let (book, files) = (book(), world(false));
    assert!(files.len() >= 100, "{}", files.len());
    put(&book, &files);
    let before = promtool(&book, &files);
    book.run(&["alerts"]).status(0);
    let mut linked = BTreeMap::new();
    for (name, text) in &files {
        let new = book.read(&format!("rules/{name}"));
        let ((old_data, _), (new_data, links)) = (data(text), data(&new));
        assert_eq!(old_data, new_data, "{name}");
        assert!(!links.is_empty(), "{name}");
        for (alert, link) in links {
            assert_eq!(link, Value::from(url(&alert)), "{name}\n{new}");
        }
        only_links_differ(name, text, &new);
        let feature = |text: &str| {
            let n_cr = text.matches('\r').count();
            let n_lf = text.matches('\n').count();
            (
                text.starts_with('\u{feff}'),
                text.ends_with(['\n', '\r']),
                n_cr == n_lf,
                n_cr == 0,
                n_lf == 0,
            )
        };
        assert_eq!(feature(text), feature(&new), "{name}");
        linked.insert(name.clone(), new);
    }
    assert_eq!(before, promtool(&book, &files));
    book.run(&["alerts"]).status(0).does_not_say("wrote");
    book.run(&["alerts", "--locked"]).status(0);
    and_back(&book, &files, &linked);
}

/// `--remove` leaves no link, and what it leaves is linked as before.
fn and_back(book: &Book, files: &BTreeMap<String, String>, linked: &BTreeMap<String, String>) {
    let had_none = |text: &str| data(text).1.iter().all(|(_, link)| link.is_null());
    book.run(&["alerts", "--remove"]).status(1);
    let (mut n_left, mut n_same) = (0, 0);
    for (name, text) in files {
        let bare = book.read(&format!("rules/{name}"));
        let ((old_data, _), (new_data, links)) = (data(text), data(&bare));
        assert_eq!(old_data, new_data, "{name}");
        if links.iter().any(|(_, link)| !link.is_null()) {
            assert_eq!(bare, linked[name], "{name}");
            n_left += 1;
        } else if had_none(text) && bare == *text {
            n_same += 1;
        }
    }
    // The last entry of braces over several lines, and keys with marks.
    assert!(n_left <= 3, "{n_left} files keep their links");
    assert!(n_same >= 70, "{n_same} files are as they were");
    book.run(&["alerts"]).status(0);
    book.run(&["alerts", "--locked"]).status(0);
}

#[test]
fn files_that_are_not_safe_are_left_alone_and_others_go_on() {
    let (book, files) = (book(), world(true));
    put(&book, &files);
    let good = "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up\n";
    book.write("rules/good.yml", good);
    let ran = book.run(&["alerts"]).status(1).says("wrote rules/good.yml");
    assert_ne!(book.read("rules/good.yml"), good);
    for (name, text) in &files {
        assert_eq!(book.read(&format!("rules/{name}")), *text, "{name}");
        let place = format!("--> rules/{name}:");
        assert!(ran.stderr.contains(&place), "{name}: {}", ran.stderr);
    }
    ran.says("this rule is shared by a YAML anchor or alias")
        .says("its `annotations` are a YAML alias")
        .says("its `annotations` have a merge key")
        .says("it has a merge key, which may bring annotations")
        .says("its link is shared by a YAML anchor")
        .says("rules/refused-helm.yml:11: `Down`: its link is neither judged nor written");
    book.run(&["alerts", "--remove"])
        .status(1)
        .says("1 link removed");
    assert_eq!(book.read("rules/good.yml"), good);
}
