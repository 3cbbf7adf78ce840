//! One case for each shape of a rule.

use super::*;
use crate::rules::{AlertLink, Policy, plan};
use crate::source::SourceFile;

pub(super) const URL: &str = "https://r.example/a.html#it's";
const QUOTED: &str = "'https://r.example/a.html#it''s'";

pub(super) const OURS: Policy<'_> = Policy {
    base_url: Some("https://r.example"),
    replaces_foreign: false,
};

pub(super) fn link() -> AlertLink {
    let file = SourceFile::new("page.md", "A");
    AlertLink {
        alert: "A".to_owned(),
        url: URL.to_owned(),
        place: Place::new(&file, 0..1),
        leads: true,
    }
}

fn run(text: &str) -> (Option<FileEdit>, Vec<Finding>) {
    let (file, findings) = RuleFile::parse(&SourceFile::new("a.yml", text));
    assert_eq!(findings, [], "{text}");
    let (mut edits, findings, _) = plan(&[file], &[link()], OURS);
    (edits.pop(), findings)
}

/// `@` stands for the value; without it the text is to stay as it is.
#[track_caller]
fn whole(before: &str, after: &str) {
    let (edit, findings) = run(before);
    assert_eq!(findings, [], "{before}");
    let edit = edit.expect("a change");
    let after = after.replace('@', QUOTED);
    assert_eq!(edit.new_text, after);
    let (again, findings) = run(&edit.new_text);
    assert_eq!((again, findings), (None, Vec::new()));
}

const HEAD: &str = "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: up\n";

/// Both texts stand behind the first lines of a rule, and another group behind them.
#[track_caller]
fn case(before: &str, after: &str) {
    for tail in ["", "  # about h\n  - name: h\n    rules: []\n"] {
        let text = |rule: &str| format!("{HEAD}{rule}{tail}");
        whole(&text(before), &text(after));
        let windows = |rule| text(rule).replace('\n', "\r\n");
        whole(&windows(before), &windows(after));
        let marked = |rule| format!("\u{feff}{}", text(rule));
        whole(&marked(before), &marked(after));
        let old = |rule| text(rule).replace('\n', "\r");
        whole(&old(before), &old(after));
    }
    // A block scalar or comment may end the file, and a missing line ending stays missing.
    let text = |rule: &str| format!("{HEAD}{rule}").trim_end_matches('\n').to_owned();
    whole(&text(before), &text(after));
}

#[track_caller]
fn refused(rule: &str, why: &str) {
    refused_whole(&format!("{HEAD}{rule}"), "a.yml:4:16", why);
}

#[track_caller]
fn refused_whole(text: &str, locator: &str, why: &str) {
    let (edit, findings) = run(text);
    assert_eq!(edit, None, "{text}");
    let [finding] = findings.as_slice() else {
        panic!("not one finding: {findings:?}");
    };
    assert_eq!(finding.check, "rule-file-not-editable");
    assert_eq!(
        (finding.locator().as_str(), finding.note.as_str()),
        (locator, why)
    );
}

#[test]
fn a_line_is_inserted_before_the_first_annotation() {
    case(
        "        annotations:\n          summary: x\n",
        "        annotations:\n          runbook_url: @\n          summary: x\n",
    );
    case(
        "        annotations: # é\n            # why\n\n            summary: |+\n              x\n",
        "        annotations: # é\n            # why\n\n            runbook_url: @\n            summary: |+\n              x\n",
    );
    case(
        "        annotations:\n          \"a\": runbook_url\n        for: 5m\n",
        "        annotations:\n          runbook_url: @\n          \"a\": runbook_url\n        for: 5m\n",
    );
    case(
        "        annotations:\n          ? a\n          : b\n",
        "        annotations:\n          runbook_url: @\n          ? a\n          : b\n",
    );
    case(
        "        annotations:\n          &k a: b\n        labels: {c: *k}\n",
        "        annotations:\n          runbook_url: @\n          &k a: b\n        labels: {c: *k}\n",
    );
    case(
        "        annotations: !!map\n          a: |\n            runbook_url: x\n",
        "        annotations: !!map\n          runbook_url: @\n          a: |\n            runbook_url: x\n",
    );
}

#[test]
fn an_old_value_of_any_style_is_replaced() {
    for old in [
        "https://r.example/b",
        "'https://r.example/b'",
        "\"https:\\u002f/r.example/b\"",
        "!!str https://r.example/b",
    ] {
        let tag = if old.starts_with('!') { "!!str " } else { "" };
        for end in ["\n", " # why\n", "\n          z: y\n"] {
            case(
                &format!("        annotations:\n          runbook_url: {old}{end}"),
                &format!("        annotations:\n          runbook_url: {tag}@{end}"),
            );
        }
    }
    let before = "        annotations:\n          a: b\n          runbook_url:";
    case(
        &format!("{before} >-\n            https://r.example/b\n          c: d\n"),
        &format!("{before} @\n          c: d\n"),
    );
    case(
        &format!("{before}   |2- # why\n            https://r.example/b\n\n\n          c: d\n"),
        &format!("{before}   @ # why\n\n\n          c: d\n"),
    );
    case(
        &format!("{before} \"https://r.example/\\\n            b\"\n"),
        &format!("{before} @\n"),
    );
    case(&format!("{before} ''\n"), &format!("{before} @\n"));
    case(&format!("{before} ~\n"), &format!("{before} @\n"));
    case(&format!("{before} # why\n"), &format!("{before} @ # why\n"));
    case(
        &format!("{before}\n            https://r.example/b\n"),
        &format!("{before}\n            @\n"),
    );
    case(
        "        annotations:\n          \"runbook_url\" : https://r.example/b\n",
        "        annotations:\n          \"runbook_url\" : @\n",
    );
    case(
        "        annotations:\n          ? runbook_url\n          : https://r.example/b\n",
        "        annotations:\n          ? runbook_url\n          : @\n",
    );
}

#[test]
fn annotations_are_created_behind_the_rule() {
    let new = "        annotations:\n          runbook_url: @\n";
    case("", new);
    case(
        "        for: 5m # why\n",
        &format!("        for: 5m # why\n{new}"),
    );
    case(
        "        labels:\n          a: |\n            text\n",
        &format!("        labels:\n          a: |\n            text\n{new}"),
    );
    case(
        "        labels: {\n          a: b }\n",
        &format!("        labels: {{\n          a: b }}\n{new}"),
    );
    // Below a text that keeps its empty last lines nothing can be put.
    let kept = "        labels:\n          a: |+\n            up\n\n";
    whole(&format!("{HEAD}{kept}"), &format!("{HEAD}{new}{kept}"));
    case("        labels:\n", &format!("        labels:\n{new}"));
    case(
        "        for: 5m\n      - record: b\n        expr: up\n",
        &format!("        for: 5m\n{new}      - record: b\n        expr: up\n"),
    );
    whole(
        "groups:\n- name: g\n  rules:\n  -   alert: A\n      expr: up\n",
        "groups:\n- name: g\n  rules:\n  -   alert: A\n      expr: up\n      annotations:\n        runbook_url: @\n",
    );
    whole(
        "groups:\n- rules:\n  -\n    expr: >\n     up\n\n    alert: A\n\n\n  name: g",
        "groups:\n- rules:\n  -\n    expr: >\n     up\n\n    alert: A\n    annotations:\n      runbook_url: @\n\n\n  name: g",
    );
    whole(
        "---\ngroups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n...\n",
        "---\ngroups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    annotations:\n      runbook_url: @\n...\n",
    );
}

#[test]
fn empty_annotations_are_filled() {
    case(
        "        annotations:\n        for: 5m\n",
        "        annotations:\n          runbook_url: @\n        for: 5m\n",
    );
    case(
        "        annotations: # why\n          # more\n",
        "        annotations: # why\n          runbook_url: @\n          # more\n",
    );
    case(
        "        annotations: ~ # why\n",
        "        annotations: {runbook_url: @} # why\n",
    );
    case(
        "        annotations: null\n",
        "        annotations: {runbook_url: @}\n",
    );
    case(
        "        annotations: {}\n",
        "        annotations: {runbook_url: @}\n",
    );
    case(
        "        annotations: { # why\n          }\n",
        "        annotations: {runbook_url: @ # why\n          }\n",
    );
}

#[test]
fn flow_mappings_get_one_more_entry() {
    case(
        "        annotations: {a: b,}\n",
        "        annotations: {runbook_url: @, a: b,}\n",
    );
    case(
        "        annotations: {\n          \"a\": b, # why\n        }\n",
        "        annotations: {\n          runbook_url: @,\n          \"a\": b, # why\n        }\n",
    );
    case(
        "        annotations: {a: b, runbook_url: https://r.example/b, c: d}\n",
        "        annotations: {a: b, runbook_url: @, c: d}\n",
    );
    let rules = |rule: &str| format!("groups: [{{name: g, rules: [{rule}]}}]\n");
    for (before, after) in [
        (
            "{alert: A, expr: up}",
            "{alert: A, expr: up, annotations: {runbook_url: @}}",
        ),
        (
            "{expr: up, alert: A,\n}",
            "{expr: up, alert: A, annotations: {runbook_url: @},\n}",
        ),
        (
            "{alert: A, expr: up, annotations: }",
            "{alert: A, expr: up, annotations: {runbook_url: @} }",
        ),
        (
            "{alert: A,\n  expr: up,\n  for: 5m\n}",
            "{alert: A,\n  expr: up,\n  annotations: {runbook_url: @},\n  for: 5m\n}",
        ),
    ] {
        whole(&rules(before), &rules(after));
    }
}

#[test]
fn what_others_share_is_refused() {
    let labels = "        labels: &l {a: b}\n";
    refused(
        &format!("{labels}        annotations: *l\n"),
        "its `annotations` are a YAML alias",
    );
    refused(
        &format!("{labels}        annotations: {{<<: *l}}\n"),
        "its `annotations` have a merge key",
    );
    refused(
        &format!("{labels}        annotations:\n          c: d\n          <<: *l\n"),
        "its `annotations` have a merge key",
    );
    refused(
        "        annotations: &n {a: b}\n        labels: *n\n",
        "its `annotations` are shared by a YAML anchor",
    );
    refused(
        "        annotations: {runbook_url: &u https://r.example/b}\n        labels: {u: *u}\n",
        "its link is shared by a YAML anchor",
    );
    refused(
        "        annotations: {? &k a : b}\n",
        "its first annotation has a tag, an anchor or a `?`",
    );
    refused_whole(
        "groups:\n- name: g\n  rules:\n  - &r\n    alert: A\n    expr: up\n  - <<: *r\n    alert: ''\n    record: b\n",
        "a.yml:5:12",
        "this rule is shared by a YAML anchor or alias",
    );
    refused_whole(
        "groups:\n- name: g\n  rules:\n  - record: b\n    expr: up\n    labels: &l {for: 5m}\n  - <<: *l\n    alert: A\n    expr: up\n",
        "a.yml:8:12",
        "it has a merge key, which may bring annotations",
    );
}

#[test]
fn a_yaml_anchor_that_nobody_uses_is_in_nobodys_way() {
    case(
        "        annotations: &n {a: b}\n",
        "        annotations: &n {runbook_url: @, a: b}\n",
    );
    case(
        "        annotations: {runbook_url: &u https://r.example/b}\n",
        "        annotations: {runbook_url: &u @}\n",
    );
    // The alias is this rule's own, and what it stands for is not touched.
    case(
        "        labels: {u: &u https://r.example/b}\n        annotations: {runbook_url: *u}\n",
        "        labels: {u: &u https://r.example/b}\n        annotations: {runbook_url: @}\n",
    );
    whole(
        "groups:\n- name: g\n  rules:\n  - &r\n    alert: A\n    expr: up\n",
        "groups:\n- name: g\n  rules:\n  - &r\n    alert: A\n    expr: up\n    annotations:\n      runbook_url: @\n",
    );
}

#[test]
fn json_stays_json() {
    let json = |annotations: &str| {
        format!(
            "{{\n  \"groups\": [{{\"name\": \"g\", \"rules\": [\n    {{\n      \"alert\": \"A\",\n      \"expr\": \"up\"{annotations}\n    }}\n  ]}}]\n}}\n"
        )
    };
    for (before, old) in [
        (json(", \"annotations\": {}"), None),
        (json(""), None),
        (json(", \"annotations\": {\"a\": \"b\"}"), None),
        (
            json(",\n      \"annotations\": {\n        \"a\": \"b\"\n      }"),
            None,
        ),
        (
            json(", \"annotations\": {\"runbook_url\": \"https://r.example/x\"}"),
            Some("https://r.example/x"),
        ),
    ] {
        let (edit, findings) = run(&before);
        assert_eq!(findings, [], "{before}");
        let new = edit.unwrap().new_text;
        let data: serde_json::Value = serde_json::from_str(&new).expect("it is still JSON");
        let rule = &data["groups"][0]["rules"][0];
        assert_eq!(rule["annotations"]["runbook_url"], URL);
        let lines = |text: &str| text.matches('\n').count();
        assert!(old.is_none() || lines(&before) == lines(&new));
    }
}

#[test]
fn one_rule_that_cannot_be_edited_leaves_its_file_alone() {
    let shared = "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    labels: &l {a: b}\n    annotations: *l\n";
    refused_whole(shared, "a.yml:4:12", "its `annotations` are a YAML alias");
    let (edit, findings) = run(&format!("{shared}  - alert: A\n    expr: up\n"));
    assert_eq!((edit, findings.len()), (None, 1));
}

#[test]
fn a_change_that_says_anything_else_is_not_proven() {
    let text = format!("{HEAD}      - alert: A\n        expr: up\n");
    let (file, _) = RuleFile::parse(&SourceFile::new("a.yml", text.as_str()));
    let plan_with = |line: &str| {
        let good = Locator::new(&file);
        let planned = file.alerts.iter().enumerate().map(|(number, alert)| {
            let url = Some(URL);
            let wanted = Wanted { alert, url };
            let mut splice = good.splice(&wanted).unwrap();
            if number == 1 {
                splice.text += line;
            }
            Planned { wanted, splice }
        });
        let mut refused = Vec::new();
        let kept = proven(&file, planned.collect(), &mut refused);
        (kept.len(), refused.len())
    };
    assert_eq!(plan_with(""), (2, 0));
    assert_eq!(plan_with("          x: y\n"), (1, 1));
    assert_eq!(plan_with("        for: 5m\n"), (1, 1));
    assert_eq!(plan_with("          runbook_url: z\n"), (1, 1));
    assert_eq!(plan_with("      - alert: B\n        expr: up\n"), (1, 1));
    assert_eq!(plan_with(" x"), (1, 1));
}

#[test]
fn an_address_with_a_control_character_is_refused() {
    let (file, _) = RuleFile::parse(&SourceFile::new("a.yml", HEAD));
    let link = AlertLink {
        url: "https://r.example/\n".to_owned(),
        ..link()
    };
    let (edits, findings, _) = plan(&[file], &[link], OURS);
    assert_eq!((edits.len(), findings.len()), (0, 1));
}

#[test]
fn a_stale_file_is_told_with_its_difference() {
    let (edit, _) = run(&format!("{HEAD}        annotations:\n          a: b\n"));
    let finding = edit.unwrap().stale_finding();
    assert_eq!(finding.check, "runbook-url-stale");
    assert_eq!(finding.locator(), "a.yml:4:16");
    assert_eq!(finding.help, "run `mdbook-runbook alerts`");
    let diff = format!(
        "--- a.yml\n+++ a.yml\n@@ -5,3 +5,4 @@\n         expr: up\n         annotations:\n+          runbook_url: {QUOTED}\n           a: b\n"
    );
    assert_eq!(finding.detail.unwrap(), diff);
}

#[test]
fn fixtures_are_edited_byte_for_byte() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    let glob = crate::rules::tests::any("*.before.yml");
    let (files, findings) = crate::rules::load(&dir, &[glob], "runbook_url");
    assert_eq!(findings, []);
    assert_eq!(files.len(), 7);
    let mut link = link();
    link.url = "https://r.example/a.html".to_owned();
    let (edits, findings, linked) = plan(&files, &[link], OURS);
    assert_eq!(findings, []);
    assert_eq!((linked.right, linked.all), (0, 7));
    assert_eq!(edits.len(), 7);
    for edit in edits {
        let before = edit.file.path().display().to_string();
        let after = std::fs::read_to_string(before.replace(".before.", ".after.")).unwrap();
        assert_eq!(edit.new_text, after, "{before}");
    }
}
