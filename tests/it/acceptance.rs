//! Acceptance criteria: what shows them, what they say of it, and when that is not enough.

use crate::book::{Book, Ran};

const INSTANCE: &str = "[preprocessor.runbook]\nresolve-within = \"1s\"\nresults = [\"results/*.tap\"]\n\
[preprocessor.runbook.instance]\nstart = \"echo up >/var/state\"\nready = \"grep -q up /var/state\"\n\
settle = \"200ms\"\n";

const ISSUE: &str = "---\nissue: 1\n---\n# Down\n\n## Symptoms\n\n- it is [down](#off)\n\n## Diagnosis\n\n\
```bash\ncat /var/state\n```\n\n## Resolution {#resolution}\n\n### Switched off {#off}\n\n\
```bash\necho up >/var/state\n```\n\n## Verification\n\n```bash\ngrep up /var/state\n```\n\n## Drill\n\n\
### Switched off\n\n```bash\necho down >/var/state\n```\n";

const TAP: &str = "TAP version 14\n# finished_at: 2999-11-25T03:00:00Z\n1..2\n\
ok 1 - suite/good\nnot ok 2 - suite/bad\n";

/// A book whose only criterion is shown by `references`, an item each.
fn book(references: &[&str]) -> Book {
    let items: String = references.iter().map(|it| format!("  - {it}\n")).collect();
    Book::new()
        .toml(INSTANCE)
        .page("index.md", "# Front\n\n- [down](issues/down.md#off)\n\n```bash\ntrue\n```\n")
        .page("issues/down.md", ISSUE)
        .page(
            "acceptance.md",
            &format!("# Acceptance\n\n<!-- runbook: criteria -->\n\n## A section {{#section}}\n\n- It **works** with `x`.\n{items}"),
        )
}

fn shown(book: &Book) -> String {
    book.read("book/acceptance.html")
}

#[track_caller]
fn finds(reference: &str, check: &str, words: &str) -> Ran {
    book(&[reference])
        .file("results/a.tap", TAP)
        .run(&["check"])
        .says(&format!("[{check}]"))
        .says(words)
}

#[test]
fn results_stand_beside_their_criteria_with_links() {
    let book = book(&[
        "drill: `issues/down.md#off`",
        "drill: issues/down.md",
        "drill: all",
        "doc-test: index.md",
        "check: broken-link",
        "test: suite/good",
        "section: acceptance.md#section",
    ])
    .file("results/a.tap", TAP);
    book.run(&["verify"]).status(0).does_not_say("acceptance-");
    let page = shown(&book);
    for text in [
        "1 criteria: <span class=\"rb-state rb-good\">1 hold</span>",
        "<span class=\"rb-state rb-good\">holds</span> It <strong>works</strong> with <code>x</code>.",
        "drill: <a href=\"issues/down.html#off\">issues/down.md#off</a> <span class=\"rb-state rb-good\">recovered in ",
        "doc-test: <a href=\"index.html\">index.md</a> <span class=\"rb-state rb-good\">passed, ",
        "check: <code>broken-link</code> <span class=\"rb-state rb-good\">finds nothing, ",
        "test: <code>suite/good</code> <span class=\"rb-state rb-good\">passed, 2999-11-25 03:00 UTC</span>",
        "section: <a href=\"acceptance.html#section\">acceptance.md#section</a>",
    ] {
        assert!(page.contains(text), "no `{text}` in\n{page}");
    }
}

#[test]
fn what_was_not_run_here_is_never_green() {
    // Neither drills nor tests nor checks.
    let book = book(&[
        "drill: all",
        "doc-test: all",
        "check: broken-link",
        "test: suite/good",
    ]);
    book.run(&["check"]).status(0).does_not_say("acceptance-");
    let toml = book.read("book.toml").replace(
        "[preprocessor.runbook]",
        "[preprocessor.runbook]\nrun = \"never\"",
    );
    book.write("book.toml", &toml);
    book.run(&["build"]).status(0);
    let page = shown(&book);
    assert!(
        page.contains("0 hold</span> <span class=\"rb-state rb-stale\">1 not run here yet"),
        "{page}"
    );
    assert!(!page.contains("rb-good\">holds"), "{page}");
    assert_eq!(
        page.matches("<span class=\"rb-state rb-stale\">not run here yet</span>")
            .count(),
        5,
        "{page}"
    );
    // A test that was skipped says as little.
    book.write("results/a.tap", "ok 1 - suite/good # SKIP no tape robot\n");
    book.run(&["check"]).status(0);
}

#[test]
fn how_it_was_tried_is_said_and_is_not_green() {
    // Also where a machine says a part of it.
    for more in ["tried: twice", "doc-test: index.md"] {
        let book = book(&["tried: by *two* strangers", more]);
        book.run(&["verify"]).status(0);
        let page = shown(&book);
        let mark = "<span class=\"rb-state rb-stale\">no machine can tell</span> It";
        assert!(page.contains(mark), "{page}");
        assert!(page.contains("tried: by <em>two</em> strangers"), "{page}");
    }
}

#[test]
fn what_is_not_met_is_said_whatever_else_holds() {
    let book = book(&["open: nobody has built it", "doc-test: index.md"]);
    book.run(&["verify"]).status(0);
    let page = shown(&book);
    assert!(
        page.contains("<span class=\"rb-state rb-bad\">not met yet</span> It"),
        "{page}"
    );
    assert!(page.contains("open: nobody has built it"), "{page}");
}

#[test]
fn criterion_without_check() {
    book(&[])
        .run(&["check"])
        .status(1)
        .says("error[criterion-without-check]: nothing shows")
        .says("src/acceptance.md:7:3");
    book(&["tried: once"]).run(&["check"]).status(0);
    Book::new()
        .page(
            "a.md",
            "# A\n\n<!-- runbook: criteria -->\n\n```bash\ntrue\n```\n",
        )
        .run(&["check"])
        .status(1)
        .says("error[criterion-without-check]: this chapter has no criterion");
    // Lists of other chapters are only lists.
    Book::new()
        .page("a.md", "# A\n\n- one\n\n```bash\ntrue\n```\n")
        .run(&["check"])
        .status(0);
}

#[test]
fn acceptance_unknown() {
    let unknown = "acceptance-unknown";
    finds(
        "drill: issues/down.md#of",
        unknown,
        "no drill is named `issues/down.md#of`",
    )
    .status(1);
    finds("drill: index.md", unknown, "no drill is named").status(1);
    finds("doc-test: acceptance.md", unknown, "no doc test is named").status(1);
    finds("check: broken-lnk", unknown, "did you mean `broken-link`?").status(1);
    finds("test: suite/goood", unknown, "did you mean `suite/good`?").status(1);
    finds("section: index.md#x", unknown, "no section is named").status(1);
    finds("proof: all", unknown, "`proof` is no kind of reference").status(1);
    finds("drill:", unknown, "nothing stands behind `drill:`").status(1);
    finds("`drill`", unknown, "nothing stands behind `drill:`").status(1);
    // Of a suite without any result nothing is known.
    book(&["test: other/x", "test: suite/*"])
        .file("results/a.tap", "ok 1 - suite/good\n1..1\n")
        .run(&["check"])
        .status(0)
        .does_not_say(unknown);
    // Nor of one that was run before the criterion was written.
    book(&["test: suite/goood"])
        .file("results/a.tap", &TAP.replace("2999", "1999"))
        .run(&["check"])
        .status(0)
        .does_not_say(unknown);
}

#[test]
fn acceptance_failed() {
    finds(
        "test: suite/bad",
        "acceptance-failed",
        "the last result of `suite/bad` is red",
    )
    .status(0);
    finds(
        "test: suite/*",
        "acceptance-failed",
        "1 of 2 failed, 2999-11-25 03:00 UTC",
    )
    .status(0);
    let book = book(&["test: suite/bad", "drill: all"]).file("results/a.tap", TAP);
    book.run(&["verify"])
        .status(1)
        .says("error[acceptance-failed]")
        .says("so this criterion is not met");
    let page = shown(&book);
    assert!(
        page.contains("<span class=\"rb-state rb-bad\">fails</span>"),
        "{page}"
    );
    assert!(
        page.contains("<span class=\"rb-state rb-bad\">1 fail</span>"),
        "{page}"
    );
    // Green, and nothing is said.
    book.write("results/a.tap", &TAP.replace("not ok 2", "ok 2"));
    book.run(&["verify"])
        .status(0)
        .does_not_say("acceptance-failed");
}

#[test]
fn a_drill_that_did_not_recover_fails_its_criterion() {
    let broken = ISSUE.replace("```bash\necho up >/var/state\n```", "```bash\ntrue\n```");
    let book = book(&["drill: issues/down.md#off", "check: not-recovered"]);
    book.write("src/issues/down.md", &broken);
    book.run(&["verify"])
        .status(1)
        .says("error[not-recovered]")
        .says("the last result of `issues/down.md#off` is red");
    let page = shown(&book);
    assert!(
        page.contains(
            "check: <code>not-recovered</code> <span class=\"rb-state rb-bad\">finds 1, "
        ),
        "{page}"
    );
    assert!(
        page.contains("<span class=\"rb-state rb-bad\">not-recovered, "),
        "{page}"
    );
    // Mended but not run again: not green.
    book.write("src/issues/down.md", ISSUE);
    book.run(&["check"])
        .status(0)
        .says("warning[acceptance-failed]");
}
