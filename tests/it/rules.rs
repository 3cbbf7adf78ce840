//! Rule files: linked without another byte changed, and refused where Prometheus would.

use crate::book::Book;
use std::process::Command;

const TOML: &str =
    "[preprocessor.runbook]\nbase-url = \"https://r.example\"\nrules = [\"rules/*.yml\"]\n";

fn book(front_matter: &str, rules: &str) -> Book {
    Book::new()
        .toml(TOML)
        .page(
            "a.md",
            &format!("---\n{front_matter}\n---\n# T\n\n## Here {{#here}}\n\n```bash\ntrue\n```\n"),
        )
        .file("rules/a.yml", rules)
}

/// A rule file with one alert, whose annotations are `annotations`.
fn rule(annotations: &str) -> String {
    format!(
        "# top\ngroups:\n- name: g   # why\n  rules:\n  - alert: \"Down\"\n    expr: up == 0\n{annotations}\n  # end\n"
    )
}

/// Links `before`, requires `after`, and that a second run and `--locked` find nothing to do.
#[track_caller]
fn links(before: &str, after: &str) {
    let book = book("alerts: [\"Down#here\"]", before);
    book.run(&["alerts", "--locked"])
        .status(1)
        .says("runbook-url-stale");
    assert_eq!(book.read("rules/a.yml"), before);
    book.run(&["alerts"]).status(0).says("1/1 alerts linked");
    assert_eq!(book.read("rules/a.yml"), after);
    book.run(&["alerts"]).status(0).does_not_say("wrote");
    book.run(&["alerts", "--locked"]).status(0);
    promtool(&book);
}

#[track_caller]
fn promtool(book: &Book) {
    let output = Command::new("promtool")
        .args(["check", "rules"])
        .arg(book.path("rules/a.yml"))
        .output()
        .expect("promtool comes with the package `prometheus`");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

const URL: &str = "'https://r.example/a.html#here'";

#[test]
fn every_shape_of_annotations() {
    let case = |before: &str, after: &str| {
        links(&rule(before), &rule(&after.replace("URL", URL)));
        let crlf = |text: &str| text.replace('\n', "\r\n");
        links(
            &crlf(&rule(before)),
            &crlf(&rule(&after.replace("URL", URL))),
        );
        let bom = |text: &str| format!("\u{feff}{}", text.trim_end());
        links(&bom(&rule(before)), &bom(&rule(&after.replace("URL", URL))));
    };
    case(
        "    annotations:\n      # note\n      summary: 'it''s down'",
        "    annotations:\n      # note\n      runbook_url: URL\n      summary: 'it''s down'",
    );
    case(
        "    annotations:\n      runbook_url: https://r.example/old.html   # keep\n      summary: x",
        "    annotations:\n      runbook_url: URL   # keep\n      summary: x",
    );
    case(
        "    annotations:\n        summary: x\n        \"runbook_url\": \"https://r.example/old\"",
        "    annotations:\n        summary: x\n        \"runbook_url\": URL",
    );
    case(
        "    annotations:\n      description: |\n        two\n        lines",
        "    annotations:\n      runbook_url: URL\n      description: |\n        two\n        lines",
    );
    case(
        "    annotations: {summary: x}",
        "    annotations: {runbook_url: URL, summary: x}",
    );
    case("    annotations: {}", "    annotations: {runbook_url: URL}");
    case(
        "    for: 5m",
        "    for: 5m\n    annotations:\n      runbook_url: URL",
    );
    case(
        "    labels:\n      a: b # last",
        "    labels:\n      a: b # last\n    annotations:\n      runbook_url: URL",
    );
}

#[test]
fn annotations_without_a_value() {
    links(
        "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up\n    annotations:\n",
        &format!(
            "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up\n    annotations:\n      runbook_url: {URL}\n"
        ),
    );
}

#[test]
fn what_cannot_be_edited_safely_is_refused_and_left_alone() {
    let shared = "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up\n    annotations: &a\n      summary: x\n\
                  \x20 - alert: Up\n    expr: up\n    annotations: *a\n";
    let book = book("alerts: [Down, Up]", shared);
    book.run(&["alerts"])
        .status(1)
        .says("rule-file-not-editable")
        .says("are a YAML alias")
        .says("rules/a.yml:8:12");
    assert_eq!(book.read("rules/a.yml"), shared);
}

#[test]
fn alerts_and_pages_must_match() {
    let two = "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up\n  - alert: Slow\n    expr: up\n";
    book("alerts: [Down, Slwo, Down]", two)
        .run(&["check"])
        .status(1)
        .says("no page answers the alert `Slow`")
        .says("rules/a.yml:6:12")
        .says("no rule file has an alert `Slwo`")
        .says("did you mean `Slow`?")
        .says("the alert `Down` is named twice");
    book("alerts: [\"Down#heer\"]", &rule(""))
        .run(&["alerts"])
        .status(1)
        .says("alert `Down` lands on `#heer`, which is not on this page")
        .says("did you mean `#here`?");
    book("alerts: [\"Down#t\"]", &rule(""))
        .run(&["check"])
        .status(1)
        .says("which is not an explicit id");
    book(
        "alerts: [Down]",
        &rule("    annotations: {runbook_url: 'https://elsewhere.example/'}"),
    )
    .run(&["check"])
    .says("warning[foreign-runbook-url]");
    Book::new()
        .toml(TOML)
        .page("a.md", "```bash\ntrue\n```\n")
        .run(&["check"])
        .status(1)
        .says("no rule file matches `rules/*.yml`");
}

#[test]
fn our_verdict_on_a_file_is_promtools() {
    let bad = [
        "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up\n    anotations: {}\n",
        "global: {}\ngroups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up\n",
        "groups:\n- rules:\n  - alert: Down\n    expr: up\n",
        "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up\n- name: g\n  rules: []\n",
        "groups:\n- name: g\n  rules:\n  - alert: Down\n",
        "groups:\n- name: g\n  rules:\n  - alert: Down\n    record: x\n    expr: up\n",
        "groups:\n- name: g\n  rules:\n  - expr: up\n",
        "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up\n    for: 5 minutes\n",
        "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: sum(up\n",
        "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up\n    labels: {a-b: c}\n",
        "groups:\n- name: g\n  rules:\n  - record: a:b\n    expr: up\n    for: 5m\n",
        "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up\n    annotations: {a: '{{ $x }'}\n",
        "groups:\n- name: g\n\trules: []\n",
        "groups:\n- name: g\n  name: h\n  rules:\n  - alert: Down\n    expr: up\n",
        "groups: [\n",
    ];
    for text in bad {
        let book = book("alerts: [Down]", text);
        book.run(&["alerts"]).status(1).says("rule-file-invalid");
        assert_eq!(book.read("rules/a.yml"), text);
        let output = Command::new("promtool")
            .args(["check", "rules"])
            .arg(book.path("rules/a.yml"))
            .output();
        assert!(!output.unwrap().status.success(), "promtool accepts {text}");
    }
    // Prometheus loads these without a word, and without the rules.
    let stricter = [
        "",
        "groups: []\n",
        "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up\n---\ngroups: []\n",
    ];
    for text in stricter {
        book("alerts: [Down]", text)
            .run(&["check"])
            .status(1)
            .says("rule-file-invalid");
    }
}
