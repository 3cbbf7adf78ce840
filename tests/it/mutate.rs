//! Resolutions without one of their steps: what does nothing is found at its line.

use crate::book::{Book, Ran};

/// A service that is two files: up if both hold `up`. A step has its time of at most 1 s.
const INSTANCE: &str = "[preprocessor.runbook]\nresolve-within = \"1s\"\n\
[preprocessor.runbook.instance]\nstart = \"echo up | tee /var/one >/var/two; echo 7 >/var/data\"\n\
stop = \"rm -f /var/one\"\nready = \"grep -q up /var/one\"\nready-within = \"2s\"\nsettle = \"200ms\"\n\
invariant = \"cat /var/data\"\n\
[preprocessor.runbook.instance.capabilities]\nlacks-it = \"false\"\n";

/// A page whose only cause is removed by `resolution`.
fn page(resolution: &str) -> String {
    format!(
        "---\nissue: 1\n---\n# Down\n\n## Symptoms\n\n- it is [down](#off)\n\n## Resolution {{#resolution}}\n\n\
         ### Switched off {{#off}}\n\n{resolution}\n\n## Verification\n\n```bash\ngrep -q up /var/one && grep -q up /var/two\n```\n\n\
         ## Drill\n\n### Switched off\n\n```bash\necho down | tee /var/one >/var/two\n```\n"
    )
}

fn book(resolution: &str) -> Book {
    Book::new().toml(INSTANCE).page("a.md", &page(resolution))
}

/// Blocks of commands, each with its attributes.
fn steps(steps: &[(&str, &str)]) -> String {
    steps
        .iter()
        .map(|(attributes, code)| format!("```bash{attributes}\n{code}\n```\n\n"))
        .collect()
}

const ONE: (&str, &str) = ("", "echo up >/var/one");
const TWO: (&str, &str) = ("", "echo up >/var/two");

#[track_caller]
fn mutate(these: &[(&str, &str)]) -> Ran {
    let book = book(&steps(these));
    book.run(&["test"]).status(0);
    book.run(&["mutate"])
}

#[test]
fn a_step_that_does_nothing_is_found_at_its_line() {
    mutate(&[ONE, ("", "cat /var/one"), TWO])
        .status(1)
        .says("ok   a.md: Switched off, without the step on line 14: step-needed (not-recovered without it)")
        .says("FAIL a.md: Switched off, without the step on line 18: step-does-nothing")
        .says("error[step-does-nothing]: `Switched off` recovers without this step")
        .says("src/a.md:18:1")
        .says("19 | cat /var/one")
        .says("left out: it recovered in ")
        .says("`{optional=\"what it is good for\"}`")
        .says("2/3 resolution steps hold: 2 needed, 0 not needed as said · 1 from evidence · 1 error");
}

#[test]
fn steps_that_are_needed_are_silent() {
    mutate(&[ONE, TWO])
        .status(0)
        .does_not_say("error[")
        .says("2/2 resolution steps hold: 2 needed, 0 not needed as said · 1 from evidence\n");
}

#[test]
fn a_step_is_needed_by_the_steps_after_it_and_by_the_data() {
    mutate(&[("", "where=/var"), ("", "echo up >\"${where:?}/one\""), TWO])
        .status(0)
        .says("line 14: step-needed (step-failed without it)");
    let lossy = book(&steps(&[
        (
            "",
            "cp /var/data /var/copy; echo 8 >/var/data; echo up >/var/one; echo up >/var/two",
        ),
        ("", "cp /var/copy /var/data"),
    ]));
    lossy
        .run(&["mutate"])
        .status(0)
        .says("line 18: step-needed (data-lost without it)");
}

#[test]
fn a_step_that_ends_what_the_drill_left_running_is_needed() {
    let text = page(&steps(&[
        ("", "echo up >/var/one; echo up >/var/two"),
        (" {danger}", "kill $(cat /var/left)"),
    ]))
    .replace("echo down", "sleep 300 & echo $! >/var/left; echo down");
    let book = Book::new().toml(INSTANCE).page("a.md", &text);
    book.run(&["test"]).status(0);
    book.run(&["mutate"])
        .status(0)
        .says("line 18: step-needed (leaked without it)");
}

#[test]
fn a_step_that_is_said_not_to_be_needed_is_silent() {
    mutate(&[
        (" {optional=\"it shows what is there\"}", "cat /var/one"),
        ONE,
        (" {guard=\"a copy to go back to\"}", "cp /var/two /var/copy"),
        TWO,
    ])
    .status(0)
    .says("line 14: not-needed-as-said")
    .says("line 22: not-needed-as-said")
    .says("4/4 resolution steps hold: 2 needed, 2 not needed as said · 1 from evidence\n");
}

#[test]
fn a_step_that_is_needed_after_all_is_found() {
    for attribute in ["optional", "guard"] {
        mutate(&[
            (&format!(" {{{attribute}=\"it does no harm\"}}"), ONE.1),
            TWO,
        ])
        .status(1)
        .says("FAIL a.md: Switched off, without the step on line 14: needed-after-all")
        .says("error[needed-after-all]: `Switched off` does not recover without this step")
        .says("src/a.md:14:1")
        .says(&format!("though its `{attribute}` says that it does"))
        .says("without it: src/a.md:26:1: `Switched off` was not recovered within 1 s")
        .says(&format!("take `{attribute}` off"))
        .says(
            "1/2 resolution steps hold: 1 needed, 0 not needed as said · 1 from evidence · 1 error",
        );
    }
}

#[test]
fn of_two_steps_that_do_the_same_neither_is_missed() {
    mutate(&[ONE, TWO, TWO])
        .status(1)
        .says("src/a.md:18:1")
        .says("src/a.md:22:1")
        .says("Where two steps do the same, take out one");
}

#[test]
fn a_session_is_one_step() {
    let book = book(&format!(
        "```console\n$ echo up >/var/one\n$ cat /var/one\nup\n```\n\n{}",
        steps(&[TWO])
    ));
    book.run(&["test"]).status(0);
    book.run(&["mutate"])
        .status(0)
        .says("2/2 resolution steps hold");
}

#[test]
fn a_single_step_is_left_to_the_control_experiment() {
    let all = ("", "echo up | tee /var/one >/var/two");
    mutate(&[all])
        .status(0)
        .says("0/0 resolution steps hold: 0 needed, 0 not needed as said · 1 cause of one step, which `test --control` leaves out\n")
        .does_not_say("a.md: Switched off");
}

/// Two causes, of which only one needs the step above both.
fn shared(attributes: &str) -> Ran {
    let text = page(&steps(&[ONE])).replace(
        "### Switched off {#off}\n",
        &format!("```bash{attributes}\necho up >/var/two\n```\n\n### Switched off {{#off}}\n"),
    );
    let text = text.replace(
        "## Verification",
        "### Half off {#half}\n\n```bash\necho up >/var/one\n```\n\n## Verification",
    );
    let text = format!("{text}\n### Half off\n\n```bash\necho down >/var/one\n```\n");
    let book = Book::new().toml(INSTANCE).page("a.md", &text);
    book.run(&["test"]).status(0);
    book.run(&["mutate"])
}

#[test]
fn a_step_of_all_causes_is_left_out_in_each() {
    shared("")
        .status(1)
        .says("ok   a.md: Switched off, without the step on line 12: step-needed")
        .says("FAIL a.md: Half off, without the step on line 12: step-does-nothing")
        .says("error[step-does-nothing]: `Half off` recovers without this step")
        .says("it belongs to every cause of the page: put it below the headings of those that need it")
        .says("3/4 resolution steps hold");
    // Nobody skips a guard, but what is optional for one cause only would be skipped for both.
    shared(" {guard=\"a copy\"}")
        .status(0)
        .says("4/4 resolution steps hold: 3 needed, 1 not needed as said · 2 from evidence");
    shared(" {optional=\"it is nice\"}")
        .status(1)
        .says("error[needed-after-all]: `Switched off` does not recover without this step");
}

#[test]
fn where_a_drill_does_not_recover_with_all_steps_none_can_be_missed() {
    let down = page(&steps(&[("", "cat /var/one"), ("", "cat /var/two")]));
    let never = down.replace("echo down | tee /var/one >/var/two", "false");
    for (text, verdict) in [(down, "not-recovered"), (never, "fault-ineffective")] {
        Book::new()
            .toml(INSTANCE)
            .page("a.md", &text)
            .run(&["mutate"])
            .status(1)
            .says(&format!("FAIL a.md: Switched off: {verdict}"))
            .says(&format!("error[{verdict}]"))
            .does_not_say("step-needed")
            .says("0/0 resolution steps hold: 0 needed, 0 not needed as said · 0/1 drills recover with all steps · 1 error");
    }
    let lacking = page(&steps(&[ONE, TWO])).replace("issue: 1", "issue: 1\nneeds: [lacks-it]");
    Book::new()
        .toml(INSTANCE)
        .page("a.md", &lacking)
        .run(&["mutate"])
        .status(0)
        .says("0/0 resolution steps hold: 0 needed, 0 not needed as said · 1 not applicable");
}

#[test]
fn evidence_stays_and_reports_are_written() {
    let book = book(&steps(&[ONE, ("", "cat /var/one"), TWO]));
    book.run(&["test"]).status(0);
    let files = || {
        let entries = std::fs::read_dir(book.path(".runbook/evidence")).unwrap();
        let mut files: Vec<_> = entries
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = files();
    book.run(&[
        "mutate",
        "--jobs",
        "3",
        "--report",
        "json=r.json,junit=r.xml",
    ])
    .status(1);
    assert!(!before.is_empty() && before == files());
    let json: serde_json::Value = serde_json::from_str(&book.read("r.json")).unwrap();
    assert_eq!(json["summary"]["steps"], serde_json::json!([2, 3]));
    assert_eq!(json["findings"][0]["check"], "step-does-nothing");
    assert_eq!(
        json["jobs"][1]["evidence"]["verdict"]["without"],
        "not-recovered"
    );
    let xml = book.read("r.xml");
    assert!(
        xml.contains("type=\"step-does-nothing\"") && xml.contains("failures=\"1\""),
        "{xml}"
    );
}

#[test]
fn the_filter_chooses_drills() {
    let book = book(&steps(&[ONE, TWO]));
    book.run(&["mutate", "switched"])
        .status(0)
        .says("2/2 resolution");
    book.run(&["mutate", "no such"])
        .status(2)
        .says("no drill or doc test matches `no such`");
    book.run(&["mutate", "--shard", "3/2"]).status(2);
    Book::new()
        .page("a.md", "# Only words\n\n```bash\ntrue\n```\n")
        .run(&["mutate"])
        .status(2)
        .says("the book has no drill");
}

#[test]
fn a_declaration_stands_on_a_step_of_a_resolution_and_never_on_all() {
    let text = page(&steps(&[ONE, TWO])).replace(
        "## Resolution {",
        "## Diagnosis\n\n```bash {optional=\"it shows\"}\ncat /var/one\n```\n\n## Resolution {",
    );
    Book::new()
        .toml(INSTANCE)
        .page("a.md", &text)
        .run(&["check"])
        .status(1)
        .says("error[unknown-attribute]: `optional` on a block that is no step of a resolution");
    book(&steps(&[
        (" {guard=\"a copy\"}", "cp /var/one /var/copy"),
        (" {optional=\"x\"}", TWO.1),
    ]))
    .run(&["check"])
    .status(1)
    .says("error[needed-after-all]: every step of `Switched off` is said not to be needed");
    book(&steps(&[(" {guard=\"a copy\"}", ONE.1), TWO]))
        .run(&["check"])
        .status(0);
}

#[test]
fn readers_see_which_step_may_be_skipped_and_which_not() {
    let book = book(&steps(&[
        (" {optional=\"it shows what is <there>\"}", "cat /var/one"),
        ONE,
        (" {guard=\"a copy to go back to\"}", "cp /var/two /var/copy"),
        TWO,
    ]));
    book.run(&["build"]).status(0);
    let html = book.read("book/a.html");
    assert!(
        html.contains("<b>May be skipped:</b> it shows what is &lt;there&gt;"),
        "{html}"
    );
    assert!(
        html.contains("<b>Do not skip:</b> a copy to go back to"),
        "{html}"
    );
}
