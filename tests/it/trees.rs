//! Decision trees: read, checked, walked in drills and on a healthy instance, counted, shown.

use crate::book::{Book, Ran};

/// A service that is a file: up if it holds `up`.
const INSTANCE: &str = "[preprocessor.runbook]\nresolve-within = \"1s\"\n\
[preprocessor.runbook.instance]\nstart = \"echo up >/var/state\"\n\
stop = \"rm -f /var/state\"\nready = \"grep -q up /var/state\"\nready-within = \"2s\"\nsettle = \"300ms\"\n";

/// Two causes that write two words.
const ISSUE: &str = "---\nissue: 1\n---\n# Down\n\n## Symptoms\n\n- it is [down](#off)\n\n\
## Resolution {#resolution}\n\n### Switched off {#off}\n\n```bash {ATTRIBUTES}\necho up >/var/state\n```\n\n\
### Odd {#odd}\n\n```bash\necho up >/var/state\n```\n\n\
## Verification\n\n```bash\ngrep up /var/state\n```\n\n\
## Drill\n\n### Switched off\n\n```bash\necho down >/var/state\n```\n\n### Odd\n\n```bash\necho 7 odd >/var/state\n```\n";

const TREE: &str = "# Find it\n\n## Decision tree {#decision-tree}\n\nWhat does the state say?\n\n\
```bash\ncat /var/state\n```\n\n\
- **`down`**: it was [switched off](issues/down.md#off)\n\
- **over 5 odd**: it is odd. Is it there?\n\n\
\x20 ```bash\n\x20 test -s /var/state\n\x20 ```\n\n\
\x20 - **exit status 0**: it is [odd](issues/down.md#odd)\n\
\x20 - **exit status 1**: it was [switched off](issues/down.md#off)\n";

fn book(tree: &str) -> Book {
    with(tree, "")
}

fn with(tree: &str, attributes: &str) -> Book {
    Book::new()
        .toml(INSTANCE)
        .page(
            "front.md",
            "# F\n\n[d](issues/down.md), [o](issues/down.md#odd), [t](tree.md), [w](walks.md)\n",
        )
        .page("tree.md", tree)
        .page("walks.md", "# Walks\n\n<!-- runbook: walks -->\n")
        .page(
            "issues/down.md",
            &ISSUE.replace(" {ATTRIBUTES}", attributes),
        )
}

/// The tree with one text replaced.
#[track_caller]
fn changed(from: &str, to: &str) -> String {
    assert!(TREE.contains(from), "{from}");
    TREE.replace(from, to)
}

#[track_caller]
fn check(tree: &str) -> Ran {
    book(tree).run(&["check"])
}

#[test]
fn a_tree_that_leads_to_every_cause_is_silent_and_its_blocks_are_counted() {
    check(TREE)
        .status(0)
        .says("3 drills and doc tests")
        .says("7 blocks to execute");
}

#[test]
fn every_walk_arrives_and_is_shown() {
    let book = book(TREE);
    book.run(&["verify"])
        .status(0)
        .says("2/2 drills recovered · tree walks arrive in 2/2 drills · 1/1 doc tests passed");
    let walks = book.read("book/walks.html");
    assert!(walks.contains("right issue in <b>2</b> of 2 drills, and to the very cause in 2"));
    assert!(
        walks.contains("<a href=\"issues/down.html#odd\">1. Odd</a>"),
        "{walks}"
    );
    let transcript = book.read("book/drills/down/odd.html");
    assert!(transcript.contains("line 8: exit status"), "{transcript}");
    // Evidence of a drill whose tree has changed is stale.
    book.run(&["verify"]).status(0).says("3 from evidence");
    book.write("src/tree.md", &changed("over 5 odd", "over 6 odd"));
    book.run(&["verify"])
        .status(0)
        .does_not_say("from evidence");
    book.write(
        "src/tree.md",
        &changed("over 5 odd", "over 6 odd").replace("it is odd.", "It is odd."),
    );
    book.run(&["verify"]).status(0).says("3 from evidence");
}

#[test]
fn a_walk_that_goes_astray_is_told_with_its_way() {
    let ran = book(&changed("**over 5 odd**", "**over 8 odd**"))
        .run(&["test", "Odd"])
        .status(1)
        .says("FAIL issues/down.md: Odd: astray");
    let expected = "\
error[astray]: the decision tree `Find it` does not lead to the issue of `Odd`
  --> src/tree.md:7:1
   |
 7 | ```bash
   | ^^^^^^^ the walk ended here, where no branch holds
   |
  ::: src/issues/down.md:18:1
   |
18 | ### Odd {#odd}
   | -------------- with this fault induced
   |
   = the walk through tree.md:
     line 8: What does the state say?
       | 7 odd
       exit status 0
       -> no branch holds
     it ended where no branch holds
   = help: correct the conditions on this way; or say on the first block of the cause's resolution why it is not found: `{astray=\"Find it: why\"}`
";
    snapbox::assert_data_eq!(ran.stderr, snapbox::Data::text(format!("{expected}\n")));
}

#[test]
fn a_page_may_say_that_a_tree_does_not_find_a_cause_if_that_is_true() {
    let blind = changed("**`down`**", "**`dawn`**");
    let said = " {astray=\"Find it: the word is written in a dialect\"}";
    let book = with(&blind, said);
    book.run(&["verify"])
        .status(1)
        .says("tree walks arrive in 1/2 drills · 1 walk astray as said")
        .says("2/2 drills recovered")
        .says("error[walks-astray]")
        .says("lead to the right issue in 1 of 2 drills only");
    let walks = book.read("book/walks.html");
    assert!(walks.contains("astray, as said</span> the word is written in a dialect"));
    assert!(book.read("book/issues/down.html").contains(
        "The decision tree <b>Find it</b> does not lead here: the word is written in a dialect"
    ));
    book.run(&["test", "Switched"]).status(0);
    with(TREE, said)
        .run(&["test", "Switched"])
        .status(1)
        .says("FAIL issues/down.md: Switched off: astray-untrue")
        .says("error[astray-untrue]: the decision tree `Find it` does lead to the issue of `Switched off`")
        .says("-> down");
}

#[test]
fn astray_names_a_tree_that_is_walked_there() {
    with(TREE, " {astray=\"Find itt: it hides\"}")
        .run(&["check"])
        .status(1)
        .says("error[unknown-tree]")
        .says("did you mean `Find it`?");
    let other = TREE
        .replace("Find it", "Other")
        .replace("issues/down", "issues/up");
    with(TREE, " {astray=\"Other: it hides\"}")
        .page("other.md", &other)
        .page(
            "issues/up.md",
            &ISSUE
                .replace(" {ATTRIBUTES}", "")
                .replace("issue: 1", "issue: 2"),
        )
        .run(&["check"])
        .status(1)
        .says("`astray` names `Other`, which has no leaf on this page");
    with(TREE, " {astray=\"Find it\"}")
        .run(&["check"])
        .status(1)
        .says("attribute `astray` needs trees with reasons");
}

#[test]
fn a_question_without_a_command_needs_eyes() {
    let tree = changed("```bash\ncat /var/state\n```\n\n", "");
    book(&tree)
        .run(&["test", "Switched"])
        .status(1)
        .says("error[astray]")
        .says("src/tree.md:3:1")
        .says("at a question without a command, which needs eyes");
}

#[test]
fn a_tree_may_not_accuse_a_healthy_instance() {
    let tree = changed("- **over 5 odd**", "- **at least 2 odd**")
        + "- **otherwise**: it was [switched off](issues/down.md#off)\n";
    book(&tree)
        .run(&["test", "tree.md"])
        .status(1)
        .says("FAIL tree.md: tree-accuses-healthy")
        .says("error[tree-accuses-healthy]: the decision tree `Find it` finds a cause on a healthy instance")
        .says("src/tree.md:20:1")
        .says("-> otherwise");
}

#[test]
fn a_command_of_a_tree_must_be_found() {
    let tree = changed("test -s /var/state", "no-such-tool");
    book(&tree)
        .run(&["test", "Odd"])
        .status(1)
        .says("FAIL issues/down.md: Odd: step-failed")
        .says("a command of a decision tree cannot be used");
}

#[test]
fn a_fault_that_shows_late_is_waited_for_as_in_detect() {
    let late = changed(
        "cat /var/state",
        "cat /var/state; [ -e /var/asked ] && echo late; touch /var/asked; rm -f /var/x",
    )
    .replace("**`down`**", "**`late`**")
    .replace("```bash\ncat", "```bash {danger}\ncat");
    book(&late).run(&["test", "Switched"]).status(0);
}

#[test]
fn a_leaf_names_a_cause() {
    check(&changed(
        "[switched off](issues/down.md#off)\n- ",
        "switched off\n- ",
    ))
    .status(1)
    .says("error[leaf-without-link]: this branch ends without a link to a cause")
    .says("src/tree.md:11:1");
    check(&changed(
        "it is [odd](issues/down.md#odd)",
        "it is [odd](issues/down.md#od)",
    ))
    .status(1)
    .says("`issues/down.md#od` leads to no cause")
    .says("did you mean `#odd`?");
    check(&changed("issues/down.md#odd", "issues/down.md"))
        .status(1)
        .says("the causes of issues/down.md: #off, #odd");
    check(&changed("issues/down.md#odd", "https://a.example/#odd"))
        .status(1)
        .says("`https://a.example/#odd` leads to no cause");
    check(&changed("it is [odd]", "see [f](front.md), it is [odd]")).status(0);
}

#[test]
fn every_cause_is_reached_if_there_is_a_tree() {
    let tree = changed("issues/down.md#odd", "issues/down.md#off");
    check(&tree)
        .status(1)
        .says("error[cause-without-tree]: no decision tree leads to the cause `Odd`")
        .says("src/issues/down.md:18:1")
        .says("add a leaf that links to `issues/down.md#odd`");
    check("# No tree\n").status(0);
}

#[test]
fn a_condition_can_be_measured() {
    check(&changed("**over 5 odd**", "**it is rather odd**"))
        .status(1)
        .says("error[condition-without-measure]: nobody can measure the condition **it is rather odd**")
        .says("src/tree.md:12:3");
}

#[track_caller]
fn malformed(tree: &str, title: &str, at: &str) {
    check(tree)
        .status(1)
        .says(&format!("error[tree-malformed]: {title}"))
        .says(at);
}

#[test]
fn a_malformed_tree_is_told_at_its_place() {
    malformed(
        "# T\n\n## Decision tree\n\nNothing.\n",
        "this decision tree has no list of branches",
        "src/tree.md:3:1",
    );
    malformed(
        &changed("- **`down`**", "- `down`"),
        "this branch has no condition",
        "src/tree.md:11:1",
    );
    let (root, _) = TREE.split_once("- **over").unwrap();
    malformed(root, "a decision with one branch only", "src/tree.md:11:1");
    malformed(
        &changed("**`down`**", "**otherwise**"),
        "`otherwise` is not the last branch",
        "src/tree.md:11:1",
    );
    malformed(
        &changed("```\n\n- ", "```\n\n```bash\ntrue\n```\n\n- "),
        "a second command in one decision",
        "src/tree.md:11:1",
    );
    malformed(
        &changed(
            "  - **exit status 0**",
            "  1. *one*\n  2. two\n\n  - **exit status 0**",
        ),
        "a second list in one decision",
        "src/tree.md:21:3",
    );
    malformed(
        &format!("{TREE}\n  and so on\n"),
        "text after the branches of a decision",
        "src/tree.md:21:3",
    );
    malformed(
        &format!("{TREE}\n1. and\n2. so on\n"),
        "a second list below the decision tree",
        "src/tree.md:21:1",
    );
    malformed(
        &format!("{TREE}\n## Decision tree\n"),
        "a second decision tree in one chapter",
        "src/tree.md:21:1",
    );
}

#[test]
fn a_tree_has_a_chapter_and_a_name_of_its_own() {
    book(TREE)
        .page("again.md", TREE)
        .run(&["check"])
        .status(1)
        .says("two decision trees are named `Find it`");
    let on_issue = ISSUE
        .replace(" {ATTRIBUTES}", "")
        .replace("issue: 1", "issue: 2")
        + "\n## Decision tree\n";
    book(TREE)
        .page("issues/up.md", &on_issue)
        .run(&["check"])
        .status(1)
        .says("a decision tree on an issue page");
}

#[test]
fn the_heading_may_have_another_name() {
    let toml = format!("{INSTANCE}\n[preprocessor.runbook.headings]\ntree = [\"Where to look\"]\n");
    let tree = changed("Decision tree", "Where to look").replace("#odd", "#off");
    book(&tree)
        .toml(&toml)
        .run(&["check"])
        .status(1)
        .says("cause-without-tree");
    book(&tree).run(&["check"]).status(0);
}

/// The page `tree.md` of a built book.
fn built(tree: &str) -> String {
    let book = book(tree).page("help.md", "# Help\n\n## Call {#call}\n");
    let toml = INSTANCE.replacen(
        "resolve-within",
        "escalation = \"help.md#call\"\nrun = \"never\"\nresolve-within",
        1,
    );
    let book = book.toml(&toml);
    book.run(&["build"]).status(0);
    book.read("book/tree.html")
}

#[test]
fn a_tree_is_shown_as_folds_with_blocks_and_links() {
    let html = built(TREE);
    for shown in [
        "<details class=\"rb-branch\" name=\"rb-tree-md-1\">",
        "<span class=\"rb-condition\"><strong>over 5 odd</strong></span> it is odd. Is it there?",
        "<code class=\"language-bash\">test -s /var/state\n</code>",
        "<span class=\"rb-condition\"><strong><code>down</code></strong></span> it was \
         <span class=\"rb-fix\"><a href=\"issues/down.html#off\">switched off</a></span>",
        "None of these: <a href=\"help.html#call\">escalate</a>",
    ] {
        assert!(html.contains(shown), "no {shown} in {html}");
    }
    assert_eq!(html.matches("None of these").count(), 2);
    // The list itself is gone: each condition stands in the folds and in the picture.
    assert_eq!(html.matches("exit status 0").count(), 2);
}

/// The picture alone: mdBook's own icons are pictures, too.
fn picture(html: &str) -> &str {
    let from = &html[html.find("<div class=\"rb-scroll\"").unwrap()..];
    &from[..from.find("</svg>").unwrap()]
}

#[test]
fn a_tree_is_shown_as_a_picture_with_links() {
    let html = built(TREE);
    let picture = picture(&html);
    assert_eq!(picture.matches("<rect").count(), 5);
    for shown in [
        "<title id=\"rb-tree-md-name\">Decision tree: Find it</title>",
        "Questions: 2, ways to a cause: 3.",
        "<a href=\"issues/down.html#odd\">",
        "<tspan class=\"rb-code\">down</tspan>",
        "What does the state say?",
    ] {
        let text = picture.replace("</tspan><tspan class=\"rb-small\">", "");
        assert!(text.contains(shown), "no {shown} in {text}");
    }
}

#[test]
fn what_stands_in_a_tree_stays_text_and_keeps_its_looks() {
    let tree = changed("**`down`**", "**`<script>alert(1)</script>`** or **`down`**")
        .replace(
            "  ```bash\n  test",
            "  A table of two:\n\n  | a | b |\n  | - | - |\n  | 1 | 2 |\n\n  \
             ```bash {waive=\"the <b>tape</b> robot\"}\n  a `b` ```c```\n  ```\n\n  ```bash {danger}\n  test",
        );
    let html = built(&tree);
    let picture = picture(&html);
    assert!(!html.contains("<script>alert"));
    assert!(picture.contains("&lt;script&gt;alert(1)"), "{picture}");
    assert!(html.contains("<td>1</td><td>2</td>"));
    assert!(html.contains("language-bash rb-waived"));
    assert!(html.contains("This block is not executed: the &lt;b&gt;tape"));
    assert!(html.contains("language-bash rb-danger"));
}

#[test]
fn a_tree_is_an_entry_of_the_click_matrix() {
    let book = book(TREE).page("clicks.md", "# Clicks\n\n<!-- runbook: matrix -->\n");
    book.run(&["verify"]).status(0);
    assert!(
        book.read("book/clicks.html")
            .contains("tree Find it <b>1</b>")
    );
    // It must lead to every symptom of its pages, also by way of them.
    let far = ISSUE
        .replace(" {ATTRIBUTES}", "")
        .replace("## Resolution", "- and [this](#that)\n\n## Resolution")
        .replace("## Verification", "### That {#that}\n\n## Verification");
    let toml = INSTANCE.replacen("resolve-within", "max-clicks = 1\nresolve-within", 1);
    Book::new()
        .toml(&toml)
        .page(
            "front.md",
            "# F\n\n[d](issues/down.md#off), [o](issues/down.md#that), [t](tree.md)\n",
        )
        .page("tree.md", TREE)
        .page("issues/down.md", &far)
        .run(&["check"])
        .status(1)
        .says("2 clicks from the tree Find it to this symptom's resolution");
}

#[test]
fn the_way_out_of_a_tree_must_be_there() {
    let case = |to: &str| {
        let toml = INSTANCE.replacen(
            "resolve-within",
            &format!("escalation = \"{to}\"\nresolve-within"),
            1,
        );
        book(TREE)
            .page("help.md", "# Help\n\n## Call {#call}\n")
            .toml(&toml)
            .run(&["check"])
    };
    case("help.md#call").status(0);
    case("help.md").status(0);
    case("help.md#cry")
        .status(1)
        .says("error[escalation-target]: `escalation` leads to `#cry`, which is not on that page")
        .says("book.toml:4:15");
    case("gone.md#call")
        .status(1)
        .says("`escalation` leads to `gone.md`, which is no chapter of the book");
}
