//! What a drill does before its fault, and another instance than the book's own.

use crate::book::Book;

/// A service that is a file. The instance `forgetful` loses at a start what was stored after another start.
const INSTANCE: &str = "[preprocessor.runbook]\nresolve-within = \"1s\"\n\
[preprocessor.runbook.instance]\nstart = \"echo up >/var/state; touch /var/data\"\n\
stop = \"rm -f /var/state\"\nready = \"grep -q up /var/state\"\nready-within = \"2s\"\nsettle = \"200ms\"\n\
invariant = \"cat /var/data\"\nmetrics = \"echo up 1\"\n\
[preprocessor.runbook.instance.forgetful]\nenv = { FORGETS = \"yes\" }\n\
explain = \"echo known: it forgets, see behaviour.html#f1\"\n\
[preprocessor.runbook.instance.silent]\nenv = { FORGETS = \"yes\" }\nexplain = \"true\"\n";

const PAGE: &str = "---\nissue: 1\n---\n# Down\n\n## Symptoms\n\n- it is [down](#off)\n\n## Diagnosis\n\n\
```bash\ncat /var/state\n```\n\n## Resolution {#resolution}\n\n### Switched off {#off}\n\n\
```bash\n[ -z \"${FORGETS-}\" ] || : >/var/data\necho up >/var/state\n```\n\n\
## Verification\n\n```bash\ngrep up /var/state\n```\n\n## Drill\n\n### Switched off\n\n\
```bash {before}\necho stored >>/var/data\n```\n\n```bash\necho down >/var/state\n```\n";

fn book(page: &str) -> Book {
    Book::new().toml(INSTANCE).page("a.md", page)
}

#[test]
fn what_is_stored_before_the_fault_is_part_of_the_invariant() {
    book(PAGE)
        .run(&["test"])
        .status(0)
        .says("ok   a.md: Switched off: recovered");
    book(PAGE)
        .run(&["test", "--instance", "forgetful"])
        .status(1)
        .says("error[data-lost]")
        .says("-stored")
        .says("help: known: it forgets, see behaviour.html#f1")
        .does_not_say("declare the loss");
}

#[test]
fn a_loss_that_nothing_is_known_of_is_the_pages() {
    book(PAGE)
        .run(&["test", "--instance", "silent"])
        .status(1)
        .says("error[data-lost]")
        .says("declare the loss");
}

#[test]
fn what_comes_before_the_fault_must_work() {
    let page = PAGE.replace("echo stored >>/var/data", "false");
    book(&page)
        .run(&["test"])
        .status(1)
        .says("error[fault-ineffective]: what comes before the fault does not work");
}

#[test]
fn before_stands_first_in_a_drill_and_nowhere_else() {
    book(PAGE).run(&["check"]).does_not_say("before-misplaced");
    let late = PAGE.replace(
        "```bash\necho down >/var/state\n```",
        "```bash\necho down >/var/state\n```\n\n```bash {before}\ntrue\n```",
    );
    let alone = PAGE.replace("\n\n```bash\necho down >/var/state\n```", "");
    let elsewhere = PAGE.replace(
        "```bash\ncat /var/state",
        "```bash {before}\ncat /var/state",
    );
    for page in [late, alone, elsewhere] {
        assert_ne!(page, PAGE);
        book(&page)
            .run(&["check"])
            .status(1)
            .says("error[before-misplaced]");
    }
}

#[test]
fn another_instance_leaves_the_books_own_results_alone() {
    let book = book(PAGE);
    book.run(&["verify"]).status(0).does_not_say("not-judged");
    book.run(&["verify", "--instance", "forgetful"])
        .status(1)
        .says("FAIL a.md: Switched off: data-lost")
        .says("warning[not-judged]")
        .says("against the instance `forgetful`");
    book.run(&["verify"]).status(0).says("1 from evidence");
}
