//! The catalogue of log lines, against what a toy service really logs.

use crate::book::Book;

/// A service that is a file, and logs to another: `LOG` is what its drill makes it log.
const INSTANCE: &str = r#"
[preprocessor.runbook]
resolve-within = "2s"
strategies = ["Retry", "Restart"]

[preprocessor.runbook.instance]
start = "echo up >/var/state; echo '12:00 INFO started' >/var/log.txt"
stop = "rm -f /var/state; echo '12:09 WARN lag 7s at the end' >>/var/log.txt"
ready = "grep -q up /var/state"
settle = "200ms"
log-all = "cat /var/log.txt"
classify = "sed -E 's/.*disk.*/3/; t; s/.*lag.*/6/; t; s/.*/0/'"
"#;

const ISSUE: &str = "---\nissue: 1\npatterns: [3, 6]\n---\n# Down\n\n## Symptoms\n\n- it is [down](#off)\n\n\
## Resolution {#resolution}\n\n### Off {#off}\n\n```bash\necho up >/var/state\n```\n\n## Verification\n\n\
```bash\ngrep up /var/state\n```\n\n## Drill\n\n### Off\n\n```bash\necho down >/var/state\n\
echo \"12:01 ERROR the disk 'a' is full\" >>/var/log.txt\necho '12:02 ERROR nobody knows' >>/var/log.txt\n```\n";

/// Two families; the first with these lines.
fn catalogue(lines: &str) -> String {
    format!(
        "# Catalogue\n\n## Family 3: disk {{#pattern-3}}\n\n```text {{log}}\n{lines}\n```\n\nRetry. See [down](down.md#off).\n\n\
## Family 6: lag {{#pattern-6}}\n\n```text {{log}}\nWARN lag [..]s at the end\n```\n\n### More\n\nRestart, see [down](./down.md).\n"
    )
}

const GOOD: &str = "ERROR the disk '[..]' is full\n\n  12:01 ERROR[..]full";

fn book(catalogue: &str) -> Book {
    Book::new()
        .toml(INSTANCE)
        .page("down.md", ISSUE)
        .page("catalogue.md", catalogue)
}

#[test]
fn lines_that_are_logged_in_their_family_are_proved() {
    let book = book(&catalogue(GOOD));
    // Nothing is known before the first run, and that fails nothing.
    book.run(&["check"])
        .status(0)
        .says("warning[catalogue-unproven]")
        .says("the log of 1 of 1 drills and doc tests is not known")
        .says("src/catalogue.md:6:1");
    book.run(&["verify"])
        .status(0)
        .does_not_say("catalogue-unproven")
        .does_not_say("log-line");
    book.run(&["check"]).status(0).does_not_say("catalogue");
    let page = book.read("book/down.html");
    assert!(
        page.contains("<a href=\"catalogue.html#pattern-3\">Family 3: disk</a>"),
        "{page}"
    );
}

#[test]
fn a_line_that_nothing_prints_is_an_error_where_all_is_known() {
    let book = book(&catalogue(
        "ERROR the disk 'a' is full\nERROR the disk is gone",
    ));
    book.run(&["check"])
        .status(0)
        .says("warning[catalogue-unproven]")
        .says("not proved of catalogue.md: 3 log lines;")
        .does_not_say("log-line-unseen");
    book.run(&["verify"])
        .status(1)
        .says("error[log-line-unseen]")
        .says("src/catalogue.md:7:1")
        .does_not_say("src/catalogue.md:6:1")
        .does_not_say("log-line-other-family");
    book.run(&["check"])
        .status(1)
        .says("error[log-line-unseen]");
}

#[test]
fn a_line_of_another_family_is_named_with_what_was_logged() {
    let book = book(&catalogue("ERROR [..]"));
    book.run(&["verify"])
        .status(1)
        .says("error[log-line-other-family]")
        .says("this line is of family 0, not 3")
        .says("logged: 12:02 ERROR nobody knows")
        .says("src/catalogue.md:6:1");
}

#[test]
fn a_control_experiment_leaves_the_log_as_it_was() {
    let book = book(&catalogue(GOOD));
    book.run(&["test"]).status(0);
    book.run(&["test", "--control"]).status(0);
    book.run(&["check"]).status(0).does_not_say("catalogue");
}

#[test]
fn a_log_that_cannot_be_taken_fails_the_drill() {
    for (from, to, why) in [
        ("cat /var/log.txt", "cat /var/no.log", "No such file"),
        ("s/.*lag.*/6/", "/lag/d", "not one number for each line"),
        ("sed -E", "no-such-sorter -E", "not found"),
    ] {
        book(&catalogue(GOOD))
            .toml(&INSTANCE.replace(from, to))
            .run(&["test"])
            .status(1)
            .says("error[log-not-taken]")
            .says(why);
    }
}

#[test]
fn without_commands_for_the_log_nothing_can_be_proved() {
    let toml: String = INSTANCE
        .lines()
        .filter(|line| !line.starts_with("classify"))
        .map(|line| format!("{line}\n"))
        .collect();
    book(&catalogue(GOOD))
        .toml(&toml)
        .run(&["check"])
        .status(1)
        .says("error[catalogue-unproven]")
        .says("add `log-all` and `classify`");
}

#[test]
fn each_family_has_lines_a_strategy_and_a_page() {
    let name = "error[catalogue-family]";
    let whole = catalogue(GOOD);
    book(&whole).run(&["check"]).does_not_say(name);
    for (from, to, says) in [
        ("Retry.", "Retrying.", "family 3 names no recovery strategy"),
        (
            "Restart,",
            "RESTART,",
            "family 6 names no recovery strategy",
        ),
        (
            "(down.md#off)",
            "(#pattern-6)",
            "family 3 leads to no issue page",
        ),
        (
            "WARN lag [..]s at the end\n",
            "",
            "family 6 has no line of a log",
        ),
        (
            "{#pattern-6}",
            "{#pattern-7}",
            "the catalogue has no family 6",
        ),
        (
            "{#pattern-6}",
            "{#lag}",
            "these lines of a log are of no family",
        ),
    ] {
        assert!(whole.contains(from));
        book(&whole.replace(from, to))
            .run(&["check"])
            .status(1)
            .says(name)
            .says(says);
    }
    // The page that is linked must name the family.
    Book::new()
        .toml(INSTANCE)
        .page("down.md", &ISSUE.replace("[3, 6]", "[6]"))
        .page("catalogue.md", &whole)
        .run(&["check"])
        .status(1)
        .says("family 3 leads to no issue page that names it")
        .does_not_say("family 6");
}

#[test]
fn a_book_without_a_catalogue_is_not_asked_for_one() {
    Book::new()
        .toml(INSTANCE)
        .page("down.md", ISSUE)
        .run(&["check"])
        .status(0)
        .does_not_say("catalogue");
}

#[test]
fn lines_of_a_log_are_no_shell_block() {
    book(&catalogue(GOOD).replace("```text {log}\nWARN", "```bash {log}\nWARN"))
        .run(&["check"])
        .status(1)
        .says("`log` on a shell block");
}
