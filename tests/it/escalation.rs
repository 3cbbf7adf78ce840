//! The escalation matrix names every issue.

use crate::book::Book;

fn issue(number: u32) -> String {
    format!(
        "---\nissue: {number}\n---\n# Failure {number}\n\n## Symptoms\n\n- it is down\n\n## Resolution {{#resolution}}\n\n\
### Off {{#off}}\n\n```bash {{danger}}\nrm -f /var/off\n```\n\n## Verification\n\n```bash\ntest ! -e /var/off\n```\n\n\
## Drill\n\n### Off\n\n```bash\ntouch /var/off\n```\n"
    )
}

fn book(matrix: &str) -> Book {
    Book::new()
        .page("calls.md", matrix)
        .page("issues/one.md", &issue(1))
        .page("issues/two.md", &issue(2))
}

const NAME: &str = "issue-not-in-escalation-matrix";

#[test]
fn an_issue_that_the_matrix_leaves_out_is_named_at_its_heading() {
    let matrix = "# Calls\n\n[Two](issues/two.md)\n\n## Escalation matrix\n\n| Issue | To |\n| --- | --- |\n\
| [One](issues/one.md#off) | level 2 |\n\n## Afterwards\n\n[Two](issues/two.md#off)\n";
    let ran = book(matrix).run(&["check"]).status(1);
    // Links before and behind the section do not count.
    ran.says(&format!("error[{NAME}]"))
        .says("who is called for issue 2")
        .says("src/calls.md:5:1")
        .says("`Failure 2` (issues/two.md) is not linked from this section")
        .does_not_say("for issue 1");
}

#[test]
fn a_matrix_with_all_issues_is_silent() {
    let matrix = "# Calls\n\n## Escalation Matrix\n\n### First level\n\n- [One](./issues/one.md)\n\n### Others\n\n\
| [Two][2] | level 2 |\n| --- | --- |\n\n[2]: issues/../issues/two.md#off\n";
    book(matrix).run(&["check"]).does_not_say(NAME);
}

#[test]
fn a_book_without_a_matrix_is_not_asked_for_one() {
    book("# Calls\n\nCall anybody.\n")
        .run(&["check"])
        .does_not_say(NAME);
}

#[test]
fn the_heading_may_have_another_name() {
    let matrix = "# Calls\n\n## Whom to call\n\n[One](issues/one.md)\n";
    let book = book(matrix)
        .toml("[preprocessor.runbook.headings]\nescalation-matrix = [\"Whom to call\"]\n");
    book.run(&["check"])
        .status(1)
        .says(&format!("error[{NAME}]"))
        .says("for issue 2");
}
