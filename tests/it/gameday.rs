//! Game days on a small book whose service is a file.

use crate::book::{Book, Ran, mark, processes, program};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const TOML: &str = "[preprocessor.runbook.instance]\nstart = \"echo up >/var/state; echo 7 >/var/data\"\n\
ready = \"grep -q up /var/state\"\nsettle = \"200ms\"\ninvariant = \"cat /var/data\"\nenv = { TOY = \"yes\" }\n\
[preprocessor.runbook.instance.capabilities]\nlacks-it = \"false\"\n";

const PAGE: &str = "---\nissue: 1\nseverity: SEV1\nalerts: [ToyDown]\nresolve-within: 2m\n---\n# Toy broken\n\n\
## Symptoms\n\n- it is [down](#off)\n\n## Diagnosis\n\n```bash\ncat /var/state\n```\n\n\
## Resolution {#resolution}\n\n### Switched off {#off}\n\n```bash\necho up >/var/state\n```\n\n\
### Never here {#never}\n\n```bash {needs=lacks-it}\necho up >/var/state\n```\n\n\
## Verification\n\n```bash\ngrep up /var/state\n```\n\n\
## Drill\n\n### Switched off\n\n```bash\necho down >/var/state\n```\n\n### Never here\n\n```bash\nfalse\n```\n";

const TEMPLATE: &str = "# After the storm\n\n````markdown {template=\"incident-report\"}\n\
# [title] ([severity]), played by [operator]\n\n[what it cost] [outcome]\n\n[timeline]\n\n[diagnosis]\n````\n";

pub(crate) fn book() -> Book {
    Book::new().toml(TOML).page("toy.md", PAGE)
}

/// A running game day whose operator is the test.
pub(crate) struct Play {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    /// All that it has printed so far.
    pub(crate) said: String,
}

impl Play {
    pub(crate) fn start(dir: &Path, args: &[&str]) -> Self {
        let mut child = program(dir)
            .arg("gameday")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut play = Self {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
            said: String::new(),
        };
        play.read_until(|line| line.starts_with("leave the shell"));
        play
    }

    fn read_until(&mut self, is_last: impl Fn(&str) -> bool) -> String {
        let mut read = String::new();
        loop {
            let mut line = String::new();
            let n = self.stdout.read_line(&mut line).unwrap();
            assert!(n > 0, "the game day ended early:\n{}{read}", self.said);
            self.said.push_str(&line);
            if is_last(&line) {
                return read;
            }
            read.push_str(&line);
        }
    }

    /// Types a block, waits for it; what it printed, and its exit status.
    pub(crate) fn type_in(&mut self, block: &str) -> (String, i32) {
        let mark = mark();
        let stdin = self.stdin.as_mut().unwrap();
        // Printed apart, so that a block's own output is not taken for it.
        write!(stdin, "{}\necho \"{mark}\"\" $?\"\n", block.trim_end()).unwrap();
        let mut status = 0;
        let printed = {
            let mut last = String::new();
            let printed = self.read_until(|line| line.contains(&mark));
            last.push_str(self.said.lines().next_back().unwrap());
            let (before, after) = last.split_once(&mark).unwrap();
            status += after.trim().parse::<i32>().unwrap();
            printed + before
        };
        (printed, status)
    }

    /// The path of the site below which `path` is.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let line = self
            .said
            .lines()
            .find(|line| line.starts_with("the book: "));
        let url = line.unwrap().trim_start_matches("the book: http://");
        let address = url.trim_end_matches('/');
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer[9..12].parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        (status, body.to_owned())
    }

    /// Leaves the shell.
    pub(crate) fn leave(mut self) -> Ran {
        drop(self.stdin.take());
        self.stdout.read_to_string(&mut self.said).unwrap();
        let mut stderr = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        Ran {
            status: self.child.wait().unwrap().code(),
            stdout: self.said,
            stderr,
        }
    }
}

/// Plays with `input` from beginning to end.
fn play(book: &Book, args: &[&str], input: &str) -> Ran {
    let mut play = Play::start(book.dir.path(), args);
    let stdin = play.stdin.as_mut().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    play.leave()
}

pub(crate) fn report(book: &Book) -> String {
    ended(book, "md").pop().unwrap()
}

/// The texts of the files of game days, by name.
fn ended(book: &Book, extension: &str) -> Vec<String> {
    let files = walkdir::WalkDir::new(book.path(".runbook/gamedays")).sort_by_file_name();
    files
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|e| e == extension))
        .map(|entry| fs::read_to_string(entry.path()).unwrap())
        .collect()
}

#[test]
fn solved_by_commands_from_standard_input() {
    let book = book();
    play(&book, &["1"], "cat /var/state\necho up >/var/state\n")
        .status(0)
        .says("game day: issue 1, Toy broken (SEV1, to be resolved within 2 min)")
        .says("alerts: ToyDown")
        .says("\ndown\n")
        .says("solved in ")
        .says("it was issue 1, Toy broken: Switched off");
    let report = report(&book);
    for text in [
        "# Incident report: Toy broken\n",
        "- Issue: 1, Toy broken (toy.md)\n- Cause: Switched off\n",
        "the fault is there; alerts: ToyDown (announced)\n",
        "): `cat /var/state`\n",
        "recovered: the verification passes\n",
        "## Diagnosis\n\n```text\n$ cat /var/state\ndown\n```\n",
        "## Commands\n\n```text\n$ cat /var/state\n$ echo up >/var/state\n```\n",
        "- Data: nothing was lost",
        "It passes.\n\n```text\n$ grep up /var/state\nup\n```\n",
    ] {
        assert!(report.contains(text), "no `{text}` in\n{report}");
    }
    assert_eq!(ended(&book, "json").len(), 1);
    assert!(!book.path(".runbook/gameday.json").exists());
}

#[test]
fn not_solved_is_told_and_filed() {
    let book = book();
    play(&book, &["1", "--patience", "100ms"], "cat /var/state\n")
        .status(1)
        .says("not solved: `grep up /var/state`: exit status 1");
    assert!(report(&book).contains("- Resolved: not resolved\n"));
}

#[test]
fn too_late_is_not_in_time() {
    let page = PAGE.replace("resolve-within: 2m", "resolve-within: 1ms");
    let book = Book::new().toml(TOML).page("toy.md", &page);
    play(&book, &["1"], "echo up >/var/state\n")
        .status(1)
        .says("solved too late: in ");
}

#[test]
fn a_recovery_that_loses_data_is_none() {
    let book = book();
    let input = "echo up >/var/state\necho 8 >/var/data\n";
    play(&book, &["1"], input)
        .status(1)
        .says("it recovered, but data was lost");
    assert!(report(&book).contains("-7\n+8\n"));
}

#[test]
fn a_declared_loss_is_told_where_there_was_one() {
    let page = PAGE.replace(
        "### Switched off {#off}\n\n```bash\n",
        "### Switched off {#off}\n\n```bash {loss=\"the data\"}\n",
    );
    let book = Book::new().toml(TOML).page("toy.md", &page);
    play(&book, &["1"], "echo up >/var/state\n").status(0);
    assert!(report(&book).contains("- Data: nothing was lost"));
    play(&book, &["1"], "echo up >/var/state\necho 8 >/var/data\n").status(0);
    assert!(report(&book).contains("- Data: lost, as the page says: the data\n"));
}

#[test]
fn an_unannounced_one_tells_nothing_before_its_end() {
    let book = book();
    for args in [&["random"][..], &[], &["1", "--unannounced"]] {
        let mut play = Play::start(book.dir.path(), args);
        let told = play.said.clone();
        assert!(told.contains("something is wrong with the service, since 20"));
        assert!(told.contains("the book: http://127.0.0.1:"));
        for word in ["Toy", "toy", "SEV1", "Switched"] {
            assert!(!told.contains(word), "{word} in\n{told}");
        }
        book.run(&["gameday", "--check"])
            .status(1)
            .says("not recovered")
            .does_not_say("grep");
        play.type_in("echo up >/var/state");
        play.leave().status(0).says("it was issue 1, Toy broken");
    }
}

#[test]
fn others_join_and_check() {
    let book = book();
    let mut play = Play::start(book.dir.path(), &["1"]);
    book.run(&["gameday", "--check"])
        .status(1)
        .says("not recovered: `grep up /var/state`: exit status 1");
    let mut child = program(book.dir.path())
        .args(["gameday", "--join"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let input = b"echo $TOY $PATH $PWD; ulimit -u\ngrep -E 'Cap(Prm|Bnd)|NoNew' /proc/self/status\necho up >/var/state\n";
    child.stdin.take().unwrap().write_all(input).unwrap();
    let joined = Ran::from(child.wait_with_output().unwrap()).status(0);
    assert_eq!(joined.stderr, "");
    // The environment and the rights of the drill's own session, which the shell has too.
    let (own, _) = play
        .type_in("echo $TOY $PATH $PWD; ulimit -u\ngrep -E 'Cap(Prm|Bnd)|NoNew' /proc/self/status");
    assert_eq!(own, joined.stdout);
    assert!(own.starts_with("yes /opt/runbook/bin:"), "{own}");
    assert!(own.contains("\n512\n") && own.contains("CapBnd:\t0000000000000000\nNoNewPrivs:\t1\n"));
    book.run(&["gameday", "--check"])
        .status(0)
        .says("recovered");
    play.leave().status(0);
    let report = report(&book);
    assert!(
        report.contains("checked: not recovered; `grep up"),
        "{report}"
    );
    assert!(report.contains(": `echo up >/var/state`, in another shell\n"));
    assert!(report.contains(": checked: recovered\n"));
}

#[test]
fn without_a_running_one_there_is_nothing_to_join() {
    let book = book();
    for flag in ["--join", "--check"] {
        book.run(&["gameday", flag])
            .status(2)
            .says("no game day of this book is running");
    }
    // Nor does one count that was killed.
    let play = Play::start(book.dir.path(), &["1", "--patience", "1ms"]);
    let state = book.read(".runbook/gameday.json");
    play.leave().status(1);
    book.write(".runbook/gameday.json", &state);
    book.run(&["gameday", "--check"]).status(2);
}

#[test]
fn a_second_one_is_refused() {
    let book = book();
    let play = Play::start(book.dir.path(), &["1", "--patience", "1ms"]);
    book.run(&["gameday", "1"]).status(75);
    play.leave();
}

#[test]
fn what_stays_in_the_background_neither_hangs_nor_outlives_it() {
    let (book, mark) = (book(), mark());
    let input = format!(
        "sleep {mark} &\n(sleep {mark}; echo late) &\nsetsid sleep {mark}\x26\necho up >/var/state\n"
    );
    play(&book, &["1"], &input).status(0);
    assert_eq!(processes(&format!("sleep {mark}")), Vec::<String>::new());
}

#[test]
fn commands_are_those_that_bash_reads() {
    let book = book();
    let mut play = Play::start(book.dir.path(), &["1", "--patience", "1ms"]);
    let blocks = [
        ("for i in 1 2; do\n  echo $i\ndone", "1\n2\n", 0),
        ("cat <<END\na\n\nb\nEND", "a\n\nb\n", 0),
        ("echo 'one\ntwo'", "one\ntwo\n", 0),
        ("echo one \\\n  two", "one two\n", 0),
        ("# a remark\n\nx=5; false", "", 1),
        ("echo $x; cd /tmp", "5\n", 0),
        ("pwd", "/tmp\n", 0),
        ("printf 'no newline'", "no newline", 0),
    ];
    for (block, printed, status) in blocks {
        assert_eq!(play.type_in(block), (printed.to_owned(), status), "{block}");
    }
    assert!(play.type_in("echo )").0.contains("syntax error"));
    // The rest of the input belongs to nobody once the shell is left.
    let stdin = play.stdin.as_mut().unwrap();
    stdin.write_all(b"exit\necho up >/var/state\n").unwrap();
    play.leave().status(1);
    assert!(report(&book).contains("$ for i in 1 2; do\n>   echo $i\n> done\n"));
}

#[test]
fn a_signal_ends_everything_and_judges_nothing() {
    for signal in ["INT", "TERM", "HUP"] {
        let (book, mark) = (book(), mark());
        let mut play = Play::start(book.dir.path(), &["1"]);
        play.type_in(&format!("sleep {mark} &"));
        if signal == "TERM" {
            // While a command is running, too.
            let stdin = play.stdin.as_mut().unwrap();
            writeln!(stdin, "sleep {mark}").unwrap();
        }
        let pid = play.child.id().to_string();
        let kill = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(kill.unwrap().success());
        let output = play.child.wait().unwrap();
        assert_eq!(output.code(), Some(130), "{signal}");
        assert_eq!(processes(&format!("sleep {mark}")), Vec::<String>::new());
        assert!(!book.path(".runbook/gamedays").exists());
        assert!(!book.path(".runbook/gameday.json").exists());
    }
}

#[test]
fn the_books_own_template_is_filled() {
    let book = book().page("after.md", TEMPLATE);
    let file = book.path("filed.md");
    let args = ["1", "--operator", "Ada", "--report", "filed.md"];
    play(&book, &args, "echo up >/var/state\n")
        .status(0)
        .says("report: filed.md");
    let report = fs::read_to_string(file).unwrap();
    assert!(report.starts_with("# Toy broken (SEV1), played by Ada\n\n[what it cost] solved in "));
    assert!(report.contains("No command was run before the first one of a resolution."));
    // The book that has such a fence still holds, and its site does not show the attribute.
    book.run(&["check"]).status(0);
    assert_eq!(ended(&book, "json").len(), 1);
}

#[test]
fn pages_that_are_opened_are_recorded_and_scored() {
    let book = book();
    let mut play = Play::start(book.dir.path(), &["1"]);
    assert!(play.get("").1.contains("Toy broken"));
    assert_eq!(play.get("toy.html").0, 200);
    assert_eq!(play.get("css/general.css").0, 404);
    assert_eq!(play.get("nowhere.html").0, 404);
    assert_eq!(play.get("../book.toml").0, 404);
    play.type_in("echo up >/var/state");
    play.leave().status(0);
    let report = report(&book);
    let pages = report.split("## Pages opened\n\n").nth(1).unwrap();
    let pages: Vec<&str> = pages.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(pages.len(), 2, "{pages:?}");
    assert!(pages[0].ends_with(" UTC: index.html") && pages[1].ends_with(" UTC: toy.html"));
    Play::start(book.dir.path(), &["1", "--patience", "1ms"]).leave();
    book.run(&["gameday", "--scores"])
        .status(0)
        .says("page    played  solved  in target  median")
        .says("toy.md       2       1          1  ")
        .says("fails people: `Switched off`")
        .says("2 game days, 1 solved, 1 of them within the target");
}

#[test]
fn what_cannot_be_played_is_said() {
    let book = book();
    book.run(&["gameday", "2"])
        .status(2)
        .says("no cause with a drill matches `2`");
    book.run(&["gameday", "1", "--cause", "never"])
        .status(2)
        .says("the instance has the capabilities for no cause that matches");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    book.run(&["gameday", "1", "--port", &port])
        .status(2)
        .says("cannot serve the site on port");
    let vacuous = PAGE.replace("grep up", "grep .");
    let book = Book::new().toml(TOML).page("toy.md", &vacuous);
    book.run(&["gameday", "1"])
        .status(1)
        .says("error[verify-vacuous]")
        .says("no game day");
}

#[test]
fn the_same_seed_plays_the_same() {
    let page = PAGE
        .replace("{needs=lacks-it}", "")
        .replace("false", "echo off >/var/state");
    let book = Book::new().toml(TOML).page("toy.md", &page);
    let cause = |args: &[&str]| {
        let ran = play(&book, args, "echo up >/var/state\n").status(0);
        let line = ran.stdout.lines().find(|line| line.starts_with("it was"));
        line.unwrap().to_owned()
    };
    let first = cause(&["--seed", "5"]);
    assert_eq!(first, cause(&["--seed", "5"]));
    assert!((0..9).any(|seed| cause(&["--seed", &seed.to_string()]) != first));
    assert!(cause(&["never HE"]).ends_with(": Never here"));
    assert!(cause(&["src/toy.md", "--cause", "never"]).ends_with(": Never here"));
}
