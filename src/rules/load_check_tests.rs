//! Our verdict on rule files beside that of promtool.

use crate::finding::Severity;
use crate::rules::{RuleFile, promql};
use crate::source::SourceFile;
use std::path::Path;
use std::process::Command;

/// Whether we and promtool agree, or why not.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    Loads,
    Fails,
    /// Prometheus loads it, and it does nothing.
    OnlyWeRefuse,
    /// Prometheus 3 knows the key, the promtool of the test may not.
    New,
}
use Verdict::{Fails, Loads, New, OnlyWeRefuse};

const ALERT: &str = "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up == 0\n";
const RECORD: &str = "groups:\n- name: g\n  rules:\n  - record: a:b\n    expr: up == 0\n";

/// What follows an alerting rule.
const ALERT_ENDS: &[(&str, Verdict)] = &[
    ("", Loads),
    ("    for: 5m\n    keep_firing_for: 1h30m\n", Loads),
    ("    for: 0\n", Loads),
    (
        "    for: ~\n    labels:\n    annotations: {a: 5, b: true, c: ~}\n",
        Loads,
    ),
    ("    for: 5\n", Fails),
    ("    for: 1m1h\n", Fails),
    ("    for: ''\n", Fails),
    ("    for: [1m]\n", Fails),
    ("    keep_firing_for: x\n", Fails),
    ("    labels: {severity: page}\n", Loads),
    ("    labels: {bad-name: page}\n", Fails),
    ("    labels: {__name__: page}\n", Fails),
    ("    labels: [page]\n", Fails),
    ("    annotations: text\n", Fails),
    ("    annotations: {bad-name: x}\n", Fails),
    ("    annotations: {x: [y]}\n", Fails),
    ("    annotation: {x: y}\n", Fails),
    (
        "    annotations: {x: '{{ $labels.a }} {{ $value | humanize }}'}\n",
        Loads,
    ),
    ("    annotations: {x: '{{ $labels.a }'}\n", Fails),
    ("    annotations: {x: '{{ if $value }}'}\n", Fails),
    ("    annotations: {x: '{{ }}'}\n", Fails),
    ("    annotations: {x: '{{ $label.a }}'}\n", Fails),
    ("    annotations: {x: '{{ humanise $value }}'}\n", Fails),
    ("    annotations: {x: 'a }} b'}\n", Loads),
    ("    labels: {x: '{{ $value'}\n", Fails),
    ("    annotations: {x: y, x: z}\n", Fails),
    ("    annotations: {x: y}\n    annotations: {z: y}\n", Fails),
    ("    annotations: {{ x }}\n", Fails),
    ("\tfor: 5m\n", Fails),
    ("    for: 5m\n\tlabels: {}\n", Fails),
    ("  - alert: A\n    expr: up == 1\n", Loads),
    ("  - alert: B\n", Fails),
    ("  - alert: B\n    expr: ''\n", Fails),
    ("  - alert: B\n    expr: [up]\n", Fails),
    ("  - expr: up\n", Fails),
    ("  - ~\n", OnlyWeRefuse),
    ("  - text\n", Fails),
    ("  - {alert: B, record: b, expr: up}\n", Fails),
    ("- name: g\n  rules: []\n", Fails),
    ("- name: h\n  rules: []\n", Loads),
    ("- rules: []\n", Fails),
    ("- name: ''\n", Fails),
    ("- name: h\n  interval: 30s\n  limit: 5\n", Loads),
    ("- name: h\n  interval: 30\n", Fails),
    ("- name: h\n  limit: many\n", Fails),
    ("- name: h\n  rules: {alert: B}\n", Fails),
    ("- name: h\n  query_offset: 1m\n  labels: {a: b}\n", New),
    ("- name: h\n  source: x\n", Fails),
    ("- ~\n", OnlyWeRefuse),
    ("global: {}\n", Fails),
    ("groups: []\n", Fails),
    ("...\n", Loads),
    ("---\ngroups: []\n", OnlyWeRefuse),
    ("    labels: &l {a: b}\n    annotations: *l\n", Loads),
    ("    annotations: *l\n", Fails),
    (
        "    labels: &l {a: b}\n  - alert: B\n    expr: up\n    labels: {<<: *l, c: d}\n",
        Loads,
    ),
    ("    labels: {a: b\n", Fails),
    ("    labels: {a: 'b}\n", Fails),
    ("    labels: {? a : b}\n", Loads),
    ("   for: 5m\n", Fails),
    ("    for: 5m: 6m\n", Fails),
    ("    for: \"5m\"\n", Loads),
    ("    for: \"\\q\"\n", Fails),
    ("    labels: {a: \"\\/\"}\n", Fails),
    ("    labels: {a: \"\\\\/\"}\n", Loads),
    ("    for: |\n      5m\n", Fails),
    ("    for: |-\n      5m\n", Loads),
];

/// What follows a recording rule.
const RECORD_ENDS: &[(&str, Verdict)] = &[
    ("    labels: {a: '{{ no template'}\n", Loads),
    ("    for: 5m\n", Fails),
    ("    for: 0s\n    annotations: {}\n", Loads),
    ("    keep_firing_for: 5m\n", Fails),
    ("    annotations: {a: b}\n", Fails),
    ("  - record: a-b\n    expr: up\n", Fails),
    ("  - record: '1a'\n    expr: up\n", Fails),
];

/// Whole files.
const FILES: &[(&str, Verdict)] = &[
    ("", OnlyWeRefuse),
    ("# only a comment\n", OnlyWeRefuse),
    ("---\n", OnlyWeRefuse),
    ("groups:\n", OnlyWeRefuse),
    ("groups: []\n", OnlyWeRefuse),
    ("{}\n", OnlyWeRefuse),
    ("groups:\n- name: g\n", OnlyWeRefuse),
    ("text\n", Fails),
    ("[]\n", Fails),
    ("groups: text\n", Fails),
    ("group: []\n", Fails),
    (
        "{\"groups\": [{\"name\": \"g\", \"rules\": [{\"alert\": \"A\", \"expr\": \"up\"}]}]}",
        Loads,
    ),
    (
        "groups:\r\n- name: g\r\n  rules:\r\n  - alert: A\r\n    expr: up\r\n",
        Loads,
    ),
    (
        "\u{feff}groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up",
        Loads,
    ),
    (
        "groups:\r- name: g\r  rules:\r  - alert: A\r    expr: up",
        Loads,
    ),
    (
        "%YAML 1.1\n---\ngroups: [{name: g, rules: [{alert: A, expr: up}]}]\n",
        Loads,
    ),
    (
        "%YAML 1.2\n---\ngroups: [{name: g, rules: [{alert: A, expr: up}]}]\n",
        Fails,
    ),
    ("{{- if .Values.x }}\ngroups: []\n{{- end }}\n", Fails),
    (
        "apiVersion: v1\nkind: PrometheusRule\nspec: {groups: []}\n",
        Fails,
    ),
];

fn promtool_loads(path: &Path) -> bool {
    Command::new("/usr/bin/promtool")
        .args(["check", "rules"])
        .arg(path)
        .output()
        .expect("promtool, of the package prometheus, is needed by this test")
        .status
        .success()
}

fn compare(dir: &Path, text: &str, expected: Verdict) -> Option<String> {
    let path = dir.join("rules.yml");
    std::fs::write(&path, text).unwrap();
    let theirs = promtool_loads(&path);
    let (file, findings) = RuleFile::parse(&SourceFile::new("rules.yml", text));
    let has_error = findings.iter().any(|one| one.severity == Severity::Error);
    assert_eq!(file.loads, !has_error);
    let is_right = match expected {
        Loads => file.loads && theirs,
        Fails => !file.loads && !theirs,
        OnlyWeRefuse => !file.loads && theirs,
        New => file.loads,
    };
    let ours = file.loads;
    (!is_right)
        .then(|| format!("{expected:?}, ours {ours}, promtool {theirs}:\n{text}\n{findings:#?}"))
}

#[test]
fn promtool_agrees_about_files() {
    let dir = tempfile::tempdir().unwrap();
    let alerts = ALERT_ENDS
        .iter()
        .map(|(end, is)| (format!("{ALERT}{end}"), *is));
    let records = RECORD_ENDS
        .iter()
        .map(|(end, is)| (format!("{RECORD}{end}"), *is));
    let files = FILES.iter().map(|(text, is)| ((*text).to_owned(), *is));
    let wrong: Vec<String> = alerts
        .chain(records)
        .chain(files)
        .filter_map(|(text, is)| compare(dir.path(), &text, is))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn promtool_agrees_about_expressions() {
    let dir = tempfile::tempdir().unwrap();
    let good = promql::tests::GOOD.iter().map(|expr| (*expr, Loads));
    let bad = promql::tests::BAD.iter().map(|(expr, _)| (*expr, Fails));
    let wrong: Vec<String> = good
        .chain(bad)
        .filter_map(|(expr, is)| {
            let expr = expr.replace('\'', "''");
            let text = format!("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: '{expr}'\n");
            compare(dir.path(), &text, is)
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[track_caller]
fn case(text: &str, locator: &str, title: &str, help: &str) {
    let (_, findings) = RuleFile::parse(&SourceFile::new("a.yml", text));
    let found = findings.first().expect("a finding");
    assert_eq!(found.check, "rule-file-invalid");
    assert_eq!(
        (
            found.locator().as_str(),
            found.title.as_str(),
            found.help.as_str()
        ),
        (locator, title, help)
    );
}

#[test]
fn findings_have_places_and_say_what_to_do() {
    case(
        &format!("{ALERT}    annotatons: {{}}\n"),
        "a.yml:6:5",
        "a rule has no key `annotatons`",
        "did you mean `annotations`?",
    );
    case(
        "globals: 1\n",
        "a.yml:1:1",
        "a rule file has no key `globals`",
        "known: groups",
    );
    case(
        "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: incrase(up[5m])\n",
        "a.yml:5:11",
        "this is not PromQL: there is no function `incrase`",
        "did you mean `increase`?",
    );
    case(
        &format!("{ALERT}\tfor: 5m\n"),
        "a.yml:6:1",
        "this is not YAML: while scanning a plain scalar, found a tab",
        "indent with spaces: YAML allows no tab here",
    );
}

#[test]
fn aliases_of_aliases_do_not_exhaust_us() {
    let mut text = "x0: &x0 {a: b}\n".to_owned();
    for number in 1..30 {
        let before = format!("*x{}, ", number - 1).repeat(9);
        text += &format!("x{number}: &x{number} {{<<: [{before}], k{number}: v}}\n");
    }
    text += "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    labels: *x29\n";
    let (file, findings) = RuleFile::parse(&SourceFile::new("a.yml", text));
    assert!(!file.loads);
    assert!(findings[0].title.contains("has no key `x0`"));
}
