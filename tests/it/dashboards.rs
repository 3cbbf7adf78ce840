//! Rules, dashboards and pages against each other, and against what a toy service really exports.

use crate::book::Book;

/// A service whose metrics are a file.
const TOML: &str = r#"
[preprocessor.runbook]
base-url = "https://r.example"
resolve-within = "2s"
rules = ["rules/*.yml"]
rule-tests = ["rules/tests/*.yml"]
dashboards = ["boards/*.json"]
other-metrics = ["node_*"]

[preprocessor.runbook.instance]
start = "echo up >/var/state"
stop = "rm -f /var/state"
ready = "grep -q up /var/state"
settle = "200ms"
metrics = '''
test -e /var/state && printf 'toy_up{space="a"} 1\ntoy_jobs_total{space="a",status="ok"} 3\n# TYPE toy_rare counter\n' &&
  if grep -q down /var/state; then printf 'toy_fault{reason="x"} 1\n'; fi
'''
"#;

const ISSUE: &str = "---\nissue: 1\nalerts: [Down]\n---\n# Down\n\n## Symptoms\n\n- it is [down](#off)\n\n\
## Resolution {#resolution}\n\n### Off {#off}\n\n```bash\necho up >/var/state\n```\n\n## Verification\n\n\
```bash\ngrep up /var/state\n```\n\n## Drill\n\n### Off\n\n```bash\necho down >/var/state\n```\n";

const RULES: &str = r#"groups:
- name: g
  rules:
  - record: space:toy_jobs:rate5m
    expr: sum by (space) (rate(toy_jobs_total[5m]))
  - alert: Down
    expr: toy_up{space!=""} == 0 or toy_fault > 0
    labels: {severity: page}
    annotations:
      runbook_url: 'https://r.example/down.html'
      summary: "{{ $labels.space }}"
"#;

const TESTS: &str = r#"
tests:
  - promql_expr_test:
      - {expr: 'count(ALERTS{alertname="Down"}) or vector(0)', eval_time: 1m, exp_samples: [{value: 0}]}
      - {expr: 'count(ALERTS{alertname="Down", alertstate="firing"})', eval_time: 2m, exp_samples: [{value: 1}]}
      - {expr: 'count(ALERTS{alertname="Down"}) or vector(0)', eval_time: 3m, exp_samples: [{value: 0}]}
"#;

const BOARD: &str = r#"{
  "title": "Board", "uid": "b", "schemaVersion": 39,
  "links": [{"type": "link", "title": "Runbook", "url": "https://r.example/down.html?space=${space}#off"}],
  "templating": {"list": [{"name": "space", "query": "label_values(toy_up, space)"}]},
  "panels": [
    {"id": 1, "title": "Jobs", "description": "See [the page](https://r.example/down.html).",
     "targets": [{"expr": "space:toy_jobs:rate5m{space=~\"$space\"} + on (space) rate(toy_jobs_total[$__rate_interval])"}]},
    {"id": 2, "title": "State", "targets": [{"expr": "toy_up{job=\"toy\"} or toy_fault{reason=\"x\"} or toy_rare or node_load1{cpu=\"0\"} or up"}]}
  ]
}"#;

fn book() -> Book {
    Book::new()
        .toml(TOML)
        .page("down.md", ISSUE)
        .page("alerts.md", "# Alerts\n\n<!-- runbook: alerts -->\n")
        .file("rules/a.yml", RULES)
        .file("rules/tests/a.yml", TESTS)
        .file("boards/b.json", BOARD)
}

#[test]
fn what_is_exported_is_proved_and_shown() {
    let book = book();
    // Nothing is known before the first run, and that fails nothing.
    book.run(&["check"])
        .status(0)
        .says("warning[metrics-unproven]")
        .says("no metrics are on record");
    book.run(&["verify"])
        .status(0)
        .does_not_say("metrics-unproven")
        .does_not_say("warning");
    book.run(&["check"]).status(0).does_not_say("warning");
    let page = book.read("book/alerts.html");
    for text in [
        "1 alert leads to 1 page and watches 2 metrics; 2 panels of the dashboards show",
        "<code>Down</code><br>page<br><a href=\"down.html\">Down</a>",
        "<code>toy_up</code> <code>toy_fault</code><br>Board: State<br>",
        "Fires when <code>toy_up{space!=\"\"} == 0 or toy_fault &gt; 0</code>",
        "fires 1<br>silent 1<br>resolves 1",
        "whole",
    ] {
        assert!(page.contains(text), "no `{text}` in {page}");
    }
}

#[test]
fn the_card_of_an_issue_leads_to_the_rows_of_its_alerts() {
    let twice =
        "\n  - {alert: Down, expr: toy_up == 1}\n  - {alert: 'Low & slow', expr: toy_up == 2}\n";
    let issue = ISSUE.replace("[Down]", "[Down, 'Low & slow', NowhereDefined]");
    let book = Book::new()
        .toml("[preprocessor.runbook]\nrun = \"never\"\nrules = [\"rules/*.yml\"]\n")
        .page("issues/down.md", &issue)
        .page("alerts.md", "# Alerts\n\n<!-- runbook: alerts -->\n")
        .file("rules/a.yml", &(RULES.to_owned() + twice));
    book.run(&["build"]);
    let page = book.read("book/issues/down.html");
    for link in [
        "<a href=\"../alerts.html#alert-Down\"><code>Down</code></a>",
        "<a href=\"../alerts.html#alert-Low-&amp;-slow\"><code>Low &amp; slow</code></a>",
        " · <code>NowhereDefined</code></p>",
    ] {
        assert!(page.contains(link), "no `{link}` in {page}");
    }
    let alerts = book.read("book/alerts.html");
    assert_eq!(alerts.matches("id=\"alert-Down\"").count(), 1, "{alerts}");
    assert_eq!(alerts.matches("<code>Down</code>").count(), 2, "{alerts}");
    assert!(alerts.contains("id=\"alert-Low-&amp;-slow\""), "{alerts}");
}

#[test]
fn a_book_without_a_page_of_alerts_has_no_links_to_one() {
    let book = Book::new()
        .toml("[preprocessor.runbook]\nrun = \"never\"\nrules = [\"rules/*.yml\"]\n")
        .page("down.md", ISSUE)
        .file("rules/a.yml", RULES);
    book.run(&["build"]);
    let page = book.read("book/down.html");
    assert!(page.contains("<b>Alerts</b> <code>Down</code>"), "{page}");
}

/// Changes one thing in a book that was verified, and requires what `check` says then.
#[track_caller]
fn after(book: &Book, file: &str, (from, to): (&str, &str), says: &[&str]) {
    let text = book.read(file);
    assert!(text.contains(from), "no `{from}` in {file}");
    book.write(file, &text.replacen(from, to, 1));
    let mut ran = book.run(&["check"]);
    for words in says {
        ran = ran.says(words);
    }
    ran.status(1);
    book.write(file, &text);
}

#[test]
fn a_dashboard_that_drifts_is_found_at_its_place() {
    let book = book();
    book.run(&["verify"]).status(0);
    let board = |from, to, says: &[&str]| after(&book, "boards/b.json", (from, to), says);
    board(
        "toy_up{job",
        "toy_upp{job",
        &[
            "error[unknown-metric]",
            "nothing exports a metric `toy_upp`",
            "did you mean `toy_up`?",
            "boards/b.json:8",
            "in the panel `State`",
        ],
    );
    board(
        "reason=\\\"x",
        "cause=\\\"x",
        &["error[unknown-label]", "`toy_fault` has no label `cause`"],
    );
    board(
        "on (space)",
        "on (status)",
        &[
            "error[unknown-label]",
            "the left side of `+` has no label `status`",
        ],
    );
    board(
        "label_values(toy_up, space)",
        "label_values(toy_up, zone)",
        &["error[unknown-label]", "in a variable or an annotation"],
    );
    board(
        "or toy_rare or",
        "or toy_rare) or",
        &["error[query-invalid]", "this is no PromQL"],
    );
    board(
        "[$__rate_interval]",
        "[$window]",
        &[
            "error[query-invalid]",
            "the dashboard has no variable `window`",
        ],
    );
}

#[test]
fn links_and_ids_of_a_dashboard_are_checked() {
    let book = book();
    book.run(&["verify"]).status(0);
    let board = |from, to, says: &[&str]| after(&book, "boards/b.json", (from, to), says);
    board(
        "#off",
        "#of",
        &[
            "error[broken-anchor]",
            "did you mean `#off`?",
            "boards/b.json:3",
        ],
    );
    board(
        "/down.html)",
        "/dwon.html)",
        &[
            "error[broken-link]",
            "`https://r.example/dwon.html` leads to no page of the site",
        ],
    );
    board(
        "down.html?space=${space}#off",
        "${page}.html",
        &["error[broken-link]", "nobody can know where"],
    );
    board(
        "\"id\": 2",
        "\"id\": 1",
        &["error[dashboard-invalid]", "two panels have the id 1"],
    );
    board(
        "\"title\": \"Board\",",
        "\"title\": \"Board\"",
        &["error[dashboard-invalid]", "no JSON"],
    );
    board(
        "toy_fault{reason=\\\"x\\\"} or",
        "",
        &[
            "error[alert-without-panel]",
            "not shown: `toy_fault`",
            "rules/a.yml:7",
        ],
    );
}

#[test]
fn rules_pages_and_settings_that_drift_are_found() {
    let book = book();
    book.run(&["verify"]).status(0);
    for (file, from, to, says) in [
        (
            "rules/a.yml",
            "toy_jobs_total",
            "toy_jobs",
            ["error[unknown-metric]", "did you mean `toy_jobs_total`?"],
        ),
        (
            "rules/a.yml",
            "$labels.space",
            "$labels.zone",
            [
                "error[unknown-label]",
                "`summary` of `Down` uses the label `zone`",
            ],
        ),
        (
            "rules/tests/a.yml",
            "eval_time: 3m",
            "eval_time: 1m",
            ["error[alert-untested]", "shows that it resolves"],
        ),
        (
            "rules/tests/a.yml",
            "value: 1",
            "value: 0",
            ["error[alert-untested]", "shows that it fires"],
        ),
        (
            "rules/tests/a.yml",
            "'count(",
            "'coun(",
            ["error[rule-test-invalid]", "cannot read these tests"],
        ),
        (
            "src/down.md",
            "alerts: [Down]",
            "no-alert: \"\"",
            ["error[page-without-alert]", "issue 1 gives no reason"],
        ),
        (
            "src/down.md",
            "alerts: [Down]",
            "alerts: [Down]\nno-alert: \"none\"",
            [
                "error[page-without-alert]",
                "issue 1 has alerts, and a reason",
            ],
        ),
        (
            "book.toml",
            "metrics = '''",
            "seed = '''",
            ["error[metrics-unproven]", "add `metrics`"],
        ),
        (
            "book.toml",
            "boards/*.json",
            "bords/*.json",
            ["error[dashboard-invalid]", "no dashboard matches"],
        ),
        (
            "book.toml",
            "rules/tests/*",
            "rules/test/*",
            ["error[rule-test-invalid]", "no file with tests"],
        ),
        (
            "book.toml",
            "base-url",
            "# ",
            ["error[config]", "`dashboards` without `base-url`"],
        ),
        (
            "book.toml",
            "[\"node_*\"]",
            "[]",
            ["error[unknown-metric]", "`node_load1`"],
        ),
    ] {
        after(&book, file, (from, to), &says);
    }
}

#[test]
fn an_issue_says_why_it_has_no_alert() {
    let plain = |front: &str| {
        let page = ISSUE
            .replace("alerts: [Down]\n", front)
            .replace("issue: 1", "issue: 2");
        let book = book().page("quiet.md", &page.replace("# Down", "# Quiet"));
        book.run(&["check"])
    };
    plain("")
        .status(1)
        .says("error[page-without-alert]")
        .says("no alert leads to issue 2");
    plain("no-alert: \"only people see it\"\n").does_not_say("page-without-alert");
}

#[test]
fn a_dashboard_without_any_link_to_the_runbook_is_an_error() {
    let board = BOARD.replace("https://r.example", "https://other.example");
    book()
        .file("boards/b.json", &board)
        .run(&["check"])
        .status(1)
        .says("error[dashboard-without-link]");
    book()
        .run(&["check"])
        .does_not_say("dashboard-without-link");
}

#[test]
fn metrics_that_never_come_are_an_error_only_when_all_was_run() {
    let toml = TOML.replace("test -e /var/state", "test -e /var/nothing");
    let book = book().toml(&toml);
    book.run(&["check"])
        .status(0)
        .says("warning[metrics-unproven]");
    book.run(&["verify"])
        .status(1)
        .says("error[metrics-unproven]")
        .says("the instance has answered in no drill and no doc test");
}

#[test]
fn a_book_with_rules_only_is_asked_for_nothing_more() {
    let toml =
        "[preprocessor.runbook]\nbase-url = \"https://r.example\"\nrules = [\"rules/*.yml\"]\n";
    Book::new()
        .toml(toml)
        .page(
            "a.md",
            "---\nalerts: [Down]\n---\n# A\n\n```bash\ntrue\n```\n",
        )
        .file("rules/a.yml", &RULES.replace("down.html", "a.html"))
        .run(&["check"])
        .status(0)
        .does_not_say("metrics-unproven")
        .does_not_say("alert-untested")
        .does_not_say("warning");
}
