//! What one bash session for a whole page means: state, limits, background jobs, its own end.

use crate::book::{Book, mark, processes};
use std::time::{Duration, Instant};

#[track_caller]
fn passes(page: &str) -> crate::book::Ran {
    Book::new().page("a.md", page).run(&["test"]).status(0)
}

#[track_caller]
fn fails(page: &str, why: &str) -> crate::book::Ran {
    Book::new()
        .page("a.md", page)
        .run(&["test"])
        .status(1)
        .says(why)
}

#[test]
fn variables_functions_directory_and_status_carry_over() {
    passes(
        "```bash\nv=7; f() { echo f$v; }; cd /usr; alias l='echo aliased'\n```\n\
         ```bash {exit=3}\n(exit 3)\n```\n\
         ```bash\necho \"$?\"; f; pwd; l\n```\n```text {output}\n3\nf7\n/usr\naliased\n```\n",
    );
}

#[test]
fn a_background_server_neither_holds_the_run_nor_survives_it() {
    let mark = mark();
    let begin = Instant::now();
    passes(&format!(
        "```bash\nsleep {mark} & echo started\n```\n```text {{output}}\nstarted\n```\n"
    ))
    .says("left running, killed")
    .says(&mark);
    assert!(begin.elapsed() < Duration::from_secs(20));
    assert_eq!(processes(&mark), Vec::<String>::new());
}

#[test]
fn escape_artists_die_with_the_sandbox() {
    let mark = mark();
    passes(&format!(
        "```bash\nsetsid nohup sleep {mark} >/dev/null 2>&1 &\n(setsid sleep {mark} &) &\n\
         bash -c 'trap \"\" TERM; sleep {mark}' &\n```\n"
    ));
    assert_eq!(processes(&mark), Vec::<String>::new());
}

#[test]
fn a_timed_out_grandchild_is_killed() {
    let mark = mark();
    let begin = Instant::now();
    fails(
        &format!("```bash {{timeout=1s}}\nbash -c \"sleep {mark}; :\"\n```\n"),
        "it was killed after its time limit of 1 s",
    );
    assert!(begin.elapsed() < Duration::from_secs(20));
    assert_eq!(processes(&mark), Vec::<String>::new());
}

#[test]
fn a_timed_out_loop_of_the_shell_itself_is_killed() {
    fails(
        "```bash {timeout=300ms}\nwhile :; do :; done\n```\n",
        "time limit of 300 ms",
    );
}

#[test]
fn a_block_that_ends_its_session_is_never_good() {
    let next = "```bash\necho next\n```\n";
    fails(
        &format!("```bash\nexit 0\n```\n{next}"),
        "ended the session's shell with status 0",
    );
    fails(
        &format!("```bash\nexit 80\n```\n{next}"),
        "ended the session's shell with status 80",
    );
    fails(
        &format!("```bash\nkill -9 $$\n```\n{next}"),
        "ended the session's shell with signal 9",
    );
    fails(
        &format!("```bash\nexec true\n```\n{next}"),
        "ended the session's shell with status 0",
    );
    fails(
        &format!("```bash\nset -e\nfalse\n```\n{next}"),
        "ended the session's shell",
    );
    fails("```bash\nbreak\nfalse\n```\n", "outside of a loop");
    fails("```bash\nbreak 9\nfalse\n```\n", "outside of a loop");
    fails("```bash\ncontinue\nfalse\n```\n", "outside of a loop");
    fails(
        "```bash\nexit 0\n```\n",
        "ended the session's shell with status 0",
    );
}

#[test]
fn what_looks_like_our_framing_is_output() {
    passes(
        "```bash\nprintf 'done 0 x\\0ready\\0left\\0'; echo '{{shell_expression}} @USERS@ $__rb_b'\n```\n\
         ```text {output}\ndone 0 x\\x00ready\\x00left\\x00{{shell_expression}} @USERS@ $__rb_b\n```\n",
    );
    fails(
        "```bash\nprintf 'done 0 x\\0' >&4; false\n```\n",
        "exit status 1",
    );
    fails(
        "```bash\nprintf 'done 0 x\\0left 0 x\\0' >&11; false\n```\n",
        "exit status 1",
    );
}

#[test]
fn a_session_has_the_descriptors_of_a_terminal() {
    passes(
        "```bash\nexec 3>/tmp/three 5>&1\n```\n```bash\necho kept >&3; echo shown >&5; cat /tmp/three\n```\n\
         ```text {output}\nshown\nkept\n```\n",
    );
    // What the session itself uses is inherited by no program.
    passes(
        "```bash\nls /proc/self/fd\n```\n```text {output}\n0\n1\n2\n3\n```\n\
         ```bash {interrupt=300ms}\nls /proc/self/fd; sleep 9\n```\n```text {output}\n0\n1\n2\n3\n```\n",
    );
}

#[test]
fn a_trace_shows_nothing_of_the_driver_but_its_loop() {
    passes(
        "```bash\nset -x\n```\n```bash\n(exit 3) || true; echo a\n```\n\
         ```text {output}\n++ :\n++ eval '\n...\n+++ exit 3\n+++ true\n+++ echo a\na\n```\n",
    );
}

#[test]
fn a_shell_that_outlives_its_session_holds_nobody() {
    let long = "echo é >/dev/null\n".repeat(8000);
    fails(
        &format!("```bash\nwhile :; do sleep 1; done & exit 3\n```\n```bash\n{long}```\n"),
        "ended the session's shell with status 3",
    );
    Book::new()
        .page(
            "a.md",
            &format!(
                "```bash {{any}}\nwhile :; do sleep 1; done &\nexit 3\n```\n```bash\n{long}```\n"
            ),
        )
        .run(&["test", "--sandbox", "none"])
        .status(1)
        .says("ended the session's shell with status 3");
}

#[test]
fn endless_output_is_cut_and_says_so() {
    fails(
        "```bash\nhead -c 10G /dev/zero\n```\n",
        "it printed more than 64 MiB and was killed",
    );
    fails(
        "```bash\nwhile :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done\n```\n",
        "64 MiB",
    );
}

#[test]
fn a_block_that_reads_gets_end_of_file_and_has_no_terminal() {
    passes(
        "```bash\nread -r x || echo eof; cat; : 2>/dev/null </dev/tty || echo no tty\n```\n\
         ```text {output}\neof\nno tty\n```\n",
    );
}

#[test]
fn odd_bytes_are_shown_and_matched() {
    passes(
        "```bash\nprintf 'a\\xff\\n\\x1b[31mred\\x1b[0m\\n'\n```\n```text {output}\na\\xff\nred\n```\n",
    );
}

#[test]
fn interrupt_ends_a_watcher_that_has_printed() {
    passes("```bash {interrupt=300ms}\nwhile true; do echo tick; sleep 0.05; done\n```\n");
    passes("```bash {interrupt=300ms}\ntail -f /etc/passwd\n```\n```bash\necho still here\n```\n");
    fails(
        "```bash {interrupt=300ms}\nsleep 60\n```\n",
        "it had printed nothing when it got Ctrl-C",
    );
}

#[test]
fn messages_of_bash_name_page_and_line() {
    fails(
        "# T\n\ntext\n\n```bash\n:\nno-such-command\n```\n",
        "a.md: line 7: no-such-command",
    );
}

#[test]
fn a_block_longer_than_a_pipe_and_outside_of_ascii() {
    let lines = "echo é >/dev/null\n".repeat(8000);
    passes(&format!(
        "```bash\n{lines}LC_ALL=C\n```\n```bash\necho ü\n```\n```text {{output}}\nü\n```\n"
    ));
}

#[test]
fn a_mismatch_is_a_diff_and_bless_rewrites_it() {
    let book = Book::new().page(
        "a.md",
        "```bash\necho new\n```\n```text {output}\nold\n```\n",
    );
    book.run(&["test"])
        .status(1)
        .says("-old")
        .says("+new")
        .says("src/a.md:4:1");
    book.run(&["test", "--bless"])
        .status(0)
        .says("1 `{output}` fences rewritten");
    assert!(
        book.read("src/a.md")
            .ends_with("```text {output}\nnew\n```\n")
    );
    book.run(&["test"]).status(0);
}

#[test]
fn waived_blocks_are_counted_and_not_run() {
    passes("```bash {waive=\"needs a tape robot\"}\nfalse\n```\n```bash\ntrue\n```\n")
        .says("1 blocks executed, 1 waived");
}

#[test]
fn evidence_is_reused_until_an_input_changes() {
    let book = Book::new().page("a.md", "```bash\necho a\n```\n");
    book.run(&["test", "--stale"])
        .status(0)
        .does_not_say("evidence");
    book.run(&["test", "--stale"])
        .status(0)
        .says("1 from evidence");
    book.write("src/a.md", "```bash\necho b\n```\n");
    book.run(&["test", "--stale"])
        .status(0)
        .does_not_say("evidence");
}

#[test]
fn many_pages_run_side_by_side_on_the_same_port() {
    let page =
        "```bash\nnc -lk 127.0.0.1 7432 >/dev/null &\nsleep 0.2\nnc -z 127.0.0.1 7432\n```\n";
    let mut book = Book::new();
    for number in 0..6 {
        book = book.page(&format!("p{number}.md"), page);
    }
    book.run(&["test", "--jobs", "6"])
        .status(0)
        .says("6/6 doc tests passed");
}

#[test]
fn the_bare_host_needs_an_explicit_word_and_is_left_clean() {
    let mark = mark();
    Book::new()
        .page("a.md", &format!("```bash\nsleep {mark} &\n```\n"))
        .run(&["test", "--sandbox", "none"])
        .status(0)
        .says("warning: --sandbox none");
    assert_eq!(processes(&mark), Vec::<String>::new());
}

#[test]
fn without_bubblewrap_nothing_is_run() {
    let book = Book::new().page("a.md", "```bash\ntouch /tmp/x\n```\n");
    let ran = crate::book::program(book.dir.path())
        .arg("test")
        .env("PATH", "/nonexistent")
        .output()
        .unwrap();
    crate::book::Ran::from(ran)
        .status(3)
        .says("apt-get install bubblewrap");
}
