//! What holds for the edit of any rule file.

use super::tests::OURS;
use super::tests::{URL, link};
use crate::rules::{RuleFile, plan, plan_removal};
use crate::source::SourceFile;
use proptest::prelude::*;

fn annotations() -> impl Strategy<Value = String> {
    let entry = prop::sample::select(vec![
        "a: b",
        "\"b\": 'é # x'",
        "c: |\n    runbook_url: x\n\n    y",
        "# comment",
        "d: >-\n    x\n    # y",
        "",
        "runbook_url: https://r.example/old # why",
        "runbook_url: |\n    https://r.example/old",
        "e: {x: y}",
    ]);
    prop::collection::vec(entry, 0..4).prop_map(|entries| {
        let mut text = "annotations:\n".to_owned();
        for entry in entries {
            text += &format!("  {entry}\n");
        }
        text
    })
}

fn rule() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        annotations(),
        Just("annotations: {a: b, c: 'd'} # x\n".to_owned()),
        Just("annotations: ~\n".to_owned()),
        Just("for: 5m\n".to_owned()),
        Just("# comment\n\n".to_owned()),
        Just("labels:\n    x: |+\n      y\n\n".to_owned()),
        Just("labels: {\n  x: y}\n".to_owned()),
    ];
    let name = prop::sample::select(vec!["A", "B", "'A'"]);
    (name, prop::collection::vec(part, 0..4)).prop_map(|(name, parts)| {
        let body = format!("alert: {name}\nexpr: up\n{}", parts.concat());
        body.lines()
            .enumerate()
            .fold(String::new(), |text, (number, line)| {
                let lead = if number == 0 { "- " } else { "  " };
                text + lead + line + "\n"
            })
    })
}

fn file() -> impl Strategy<Value = String> {
    let ending = prop::sample::select(vec!["\n", "\r\n"]);
    let rules = prop::collection::vec(rule(), 1..5);
    (rules, ending, any::<bool>(), any::<bool>()).prop_map(|(rules, ending, mark, cut)| {
        let mut text = "groups:\n- name: g\n  rules:\n".to_owned();
        for line in rules.concat().lines() {
            text += &format!("    {line}\n");
        }
        if cut {
            text.truncate(text.trim_end_matches('\n').len());
        }
        let mark = if mark { "\u{feff}" } else { "" };
        format!("{mark}{}", text.replace('\n', ending))
    })
}

/// A file, or the same rules as a Kubernetes resource, in a list, or in two documents of Mimir.
fn any_file() -> impl Strategy<Value = String> {
    (file(), 0..4).prop_map(|(text, shape)| {
        let bare = text.trim_start_matches('\u{feff}');
        let below = |head: &str, indent: &str| {
            let lines = bare.split_inclusive('\n').map(|line| {
                let is_empty = line.trim().is_empty();
                format!("{}{line}", if is_empty { "" } else { indent })
            });
            format!("{head}{}", lines.collect::<String>())
        };
        let kind = "apiVersion: m/v1\nkind: PrometheusRule\nspec:\n";
        match shape {
            0 => text,
            1 => below(kind, "  "),
            2 => {
                let item = kind.replace('\n', "\n  ");
                let head = format!("apiVersion: v1\nkind: List\nitems:\n- {}", item.trim_end());
                below(&format!("{head}\n"), "    ")
            }
            _ => {
                let end = if bare.ends_with('\n') { "" } else { "\n" };
                format!("namespace: a\n{bare}{end}--- # second\nnamespace: b\n{bare}")
            }
        }
    })
}

/// What a text says to an independent reader, with no link of any alert and no empty annotations.
fn all_data(text: &str) -> Vec<serde_json::Value> {
    fn strip(value: &mut serde_json::Value) {
        if let Some(items) = value.as_array_mut() {
            items.iter_mut().for_each(strip);
        } else if let Some(map) = value.as_object_mut() {
            if map.contains_key("alert") {
                let mut annotations = map.remove("annotations").unwrap_or_default();
                if let Some(map) = annotations.as_object_mut() {
                    map.remove("runbook_url");
                }
                if annotations.as_object().is_some_and(|map| !map.is_empty()) {
                    map.insert("annotations".to_owned(), annotations);
                }
            }
            map.values_mut().for_each(strip);
        }
    }
    let text = text.trim_start_matches('\u{feff}');
    let mut data: Vec<serde_json::Value> = serde_saphyr::from_multiple(text).unwrap();
    data.iter_mut().for_each(strip);
    data
}

fn read(text: &str) -> RuleFile {
    RuleFile::parse(&SourceFile::new("a.yml", text)).0
}

/// Whether `new` is `old` with whole pieces put in, or the values of `runbook_url` replaced.
fn is_only_links(old: &str, new: &str) -> bool {
    let is_link = |line: &str| line.contains("runbook_url") || line.contains("annotations:");
    similar::TextDiff::from_lines(old, new)
        .iter_all_changes()
        .all(|change| match change.tag() {
            similar::ChangeTag::Equal => true,
            similar::ChangeTag::Insert => {
                is_link(change.value()) || old.ends_with(change.value().trim_end())
            }
            similar::ChangeTag::Delete => {
                let line = change.value();
                is_link(line) || line.contains("r.example/old") || new.contains(line.trim_end())
            }
        })
}

/// What a file says to an independent reader, without the links of `A`.
fn data(text: &str) -> serde_json::Value {
    let text = text.trim_start_matches('\u{feff}');
    let mut data: serde_json::Value = serde_saphyr::from_str(text).unwrap();
    for rule in data["groups"][0]["rules"].as_array_mut().unwrap() {
        let is_ours = rule["alert"] == "A";
        let rule = rule.as_object_mut().unwrap();
        let mut annotations = rule.remove("annotations").unwrap_or_default();
        if let Some(map) = annotations.as_object_mut().filter(|_| is_ours) {
            map.remove("runbook_url");
        }
        let is_empty = annotations
            .as_object()
            .is_none_or(serde_json::Map::is_empty);
        if !is_empty {
            rule.insert("annotations".to_owned(), annotations);
        }
    }
    data
}

fn links(text: &str) -> Vec<String> {
    let (file, _) = RuleFile::parse(&SourceFile::new("a.yml", text));
    let ours = file.alerts.iter().filter(|alert| alert.name == "A");
    ours.filter_map(|alert| Some(alert.runbook_url.as_ref()?.value.clone()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn only_the_links_change_and_only_once(text in file()) {
        let (file, findings) = RuleFile::parse(&SourceFile::new("a.yml", text.as_str()));
        prop_assume!(file.loads);
        prop_assert_eq!(findings, []);
        let n_ours = file.alerts.iter().filter(|alert| alert.name == "A").count();
        let (edits, findings, linked) = plan(&[file], &[link()], OURS);
        let Some(edit) = edits.first() else {
            let n_refused = findings.iter().filter(|one| one.check == "rule-file-not-editable").count();
            prop_assert!(n_refused > 0 || linked.right == n_ours);
            return Ok(());
        };
        let new = &edit.new_text;
        prop_assert!(is_only_links(&text, new), "{}\n{}", text, new);
        prop_assert_eq!(data(&text), data(new));
        let right = links(new).iter().filter(|url| *url == URL).count();
        prop_assert_eq!(right, edit.n_changed);
        prop_assert_eq!(text.starts_with('\u{feff}'), new.starts_with('\u{feff}'));
        prop_assert_eq!(text.ends_with('\n'), new.ends_with('\n'));
        prop_assert_eq!(text.contains('\r'), new.contains('\r'));
        prop_assert_eq!(new.matches('\r').count() == new.matches('\n').count(), text.contains('\r') );
        let (again, _, _) = plan(
            &[RuleFile::parse(&SourceFile::new("a.yml", new.as_str())).0],
            &[link()],
            OURS,
        );
        prop_assert!(again.is_empty());
    }

    #[test]
    fn links_come_and_go_in_every_shape_of_file(text in any_file()) {
        let file = read(&text);
        prop_assume!(file.loads);
        let had_nothing = file.alerts.iter().any(|alert| {
            let annotations = file.tree.own(alert.rule, "annotations");
            annotations.is_some_and(|(_, value)| file.tree.is_null(value))
        });
        let had_links = file.alerts.iter().any(|alert| alert.runbook_url.is_some());
        let (edits, findings, linked) = plan(&[file], &[link()], OURS);
        let is_refused = findings.iter().any(|one| one.check == "rule-file-not-editable");
        let Some(edit) = edits.first() else {
            prop_assert!(is_refused || links(&text).len() == linked.right);
            return Ok(());
        };
        prop_assert!(!is_refused);
        let new = &edit.new_text;
        prop_assert_eq!(all_data(&text), all_data(new));
        prop_assert!(is_only_links(&text, new), "{}\n{}", text, new);
        prop_assert!(links(new).iter().all(|url| url == URL));
        let (again, _, linked) = plan(&[read(new)], &[link()], OURS);
        prop_assert!(again.is_empty());
        prop_assert_eq!(linked.right, links(new).len());
        let (edits, findings) = plan_removal(&[read(new)], OURS);
        prop_assert_eq!(edits.is_empty(), !findings.is_empty());
        let Some(edit) = edits.first() else {
            return Ok(());
        };
        let bare = &edit.new_text;
        prop_assert_eq!(all_data(&text), all_data(bare));
        prop_assert!(read(bare).alerts.iter().all(|alert| alert.runbook_url.is_none()));
        // An `annotations:` that was nothing goes with its only link.
        if !had_links && !had_nothing {
            prop_assert_eq!(&text, bare);
        }
        prop_assert!(plan_removal(&[read(bare)], OURS).0.is_empty());
    }

    #[test]
    fn no_text_makes_us_panic(text in "(groups:|- |rules:|alert: A|\n|  |\r|annotations:|[\\[\\]{},:&*|>'\"é#?!]|up|expr: ){0,40}") {
        let (file, _) = RuleFile::parse(&SourceFile::new("a.yml", text.as_str()));
        let _ = plan(std::slice::from_ref(&file), &[link()], OURS);
        let _ = plan_removal(&[file], OURS);
    }
}
