//! Values in scripts: what is quoted arrives to the letter, and nothing of it runs, as bash has it.

use super::*;
use proptest::prelude::*;
use std::path::Path;

const DEFAULT: &str = "qq7";

/// What an attacker would put into a link.
const HOSTILE: &[&str] = &[
    "$(touch canary)",
    "`touch canary`",
    "'; touch canary; '",
    "\"; touch canary; \"",
    "'\"$(touch canary)\"'",
    "x; touch canary #",
    "x && touch canary",
    "x | touch canary",
    "\\'; touch canary; \\'",
    "\\\"; touch canary; \\\"",
    "${x:=$(touch canary)}",
    "a[$(touch canary)]",
    "\"><script>touch canary</script>",
    "{a,b} * ~ !touch $HOME \\",
    "'",
    "\"",
    "\\",
];

fn value(programs: &[&str]) -> Value {
    Value {
        name: "v".to_owned(),
        label: "V".to_owned(),
        default: DEFAULT.to_owned(),
        texts: vec![("u/".to_owned(), String::new())],
        variable: Some("VAR".to_owned()),
        query: "v".to_owned(),
        programs: programs.iter().map(|it| (*it).to_owned()).collect(),
    }
}

/// As `assets/quoting.js` does it.
fn quoted(value: &str, quotes: Quotes) -> String {
    let inner = value.replace('\'', "'\\''");
    match quotes {
        Quotes::Open => format!("'{inner}'"),
        Quotes::Double => format!("\"'{inner}'\""),
        Quotes::Single => inner,
    }
}

/// The script with `hostile` in each place that takes more than plain text.
fn filled(script: &str, hostile: &str) -> String {
    let values = [value(&[])];
    let read = shell::read(script);
    let mut text = String::new();
    let mut at = 0;
    for place in places(&values, script, read.as_ref()) {
        if let Some(quotes) = place.quotes {
            text.push_str(&script[at..place.span.start]);
            text.push_str(&quoted(hostile, quotes));
            at = place.span.end;
        }
    }
    text + &script[at..]
}

/// What `curl` was given, run by bash in `dir`; the error output is that of the script.
fn run(dir: &Path, script: &str) -> String {
    std::fs::write(dir.join("log"), "").unwrap();
    std::fs::write(dir.join("script"), script).unwrap();
    std::process::Command::new("timeout")
        .args(["10", "bash", "script"])
        .current_dir(dir)
        .env("PATH", format!("{}:/usr/bin:/bin", dir.display()))
        .env("LOG", dir.join("log"))
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    std::fs::read_to_string(dir.join("log")).unwrap()
}

fn stage() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let curl = dir.path().join("curl");
    std::fs::write(&curl, "#!/bin/sh\nprintf '<%s>' \"$@\" >>\"$LOG\"\n").unwrap();
    std::fs::set_permissions(&curl, std::fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

/// Pieces of words.
const PIECES: &[&str] = &[
    "u/qq7",
    "'u/qq7'",
    "'a u/qq7 b'",
    "\"u/qq7\"",
    "\"a 'u/qq7' \\\" b\"",
    "\"$(curl u/qq7 \"u/qq7\")\"",
    "$(curl 'u/qq7')",
    "$'u/qq7'",
    "$\"u/qq7\"",
    "${x:-u/qq7}",
    "\"${x:-u/qq7}\"",
    "`curl u/qq7`",
    "\"`curl 'u/qq7'`\"",
    "$((1 + 1))",
    "$[1 + 1]",
    "{a,u/qq7}",
    "\"$\"",
    "\\'u/qq7",
    "\\\nu/qq7",
    "--x=u/qq7",
    "\"$x\"",
    "x",
    "#",
    "=",
];

/// Commands; each `WORD` becomes another word.
const COMMANDS: &[&str] = &[
    "curl -s WORD WORD",
    "timeout 5 curl WORD",
    "timeout -s KILL 5 curl WORD",
    "x=WORD y=1 curl WORD",
    "bash -c 'curl u/qq7'",
    "bash -c \"curl WORD\"",
    "timeout 5 bash -c 'until curl u/qq7; do sleep 9; done'",
    "eval curl WORD",
    "eval \"curl 'u/qq7'\"",
    "echo \"curl u/qq7\" | bash",
    "echo WORD | xargs -I{} bash -c 'curl {}'",
    "bash <<<'curl u/qq7'",
    "bash <<< \"curl u/qq7\"",
    "bash <<'end'\ncurl u/qq7\nend\n",
    "cat <<end | bash\ncurl u/qq7\n\tend\nend\ncurl WORD",
    "bash <<-end\n\tcurl u/qq7 \\\n\tend\n\tcurl u/qq7\nend\n",
    "cat <<end \"a\nb\"\ncurl 'u/qq7\nend\ncurl WORD",
    "# it's u/qq7\ncurl WORD",
    "curl a#b WORD # 'u/qq7",
    "if curl WORD; then curl WORD; else curl WORD; fi",
    "for x in WORD; do curl \"$x\"; done",
    "for x in 'curl u/qq7'; do $x; done",
    "while curl WORD; do break; done",
    "case WORD in *) curl WORD ;; esac",
    "case x in (x) curl WORD; esac",
    "[[ u/qq7 =~ (x) ]] || curl WORD",
    "[ WORD = x ] || curl WORD",
    "test -v WORD || curl WORD",
    "(curl WORD; curl WORD)",
    "{ curl WORD; }",
    "! curl WORD",
    "f() {\n  curl WORD \"$1\"\n}\nf WORD",
    "f() { curl \"$1\"; }; f 'u/qq7'",
    "curl() { bash -c \"$1\"; }; curl 'true u/qq7'",
    "function curl { bash -c \"$1\"; }; curl 'true u/qq7'",
    "curl WORD >/dev/null 2>&1",
    "curl WORD &>/dev/null",
    ">/dev/null bash -c 'curl u/qq7'",
    "2>/dev/null curl WORD",
    "cat < <(curl WORD)",
    "cat <(curl WORD) <<<WORD",
    "a=(WORD 'u/qq7'); curl \"${a[@]}\"",
    "c=curl; $c WORD",
    "\"bash\" -c 'curl u/qq7'",
    "command bash -c 'curl u/qq7'",
    "curl WORD & wait",
    "printf WORD",
    "(( u/qq7 ))",
    "let 'x = u/qq7'",
    "alias curl=bash; curl -c 'curl u/qq7'",
    "trap 'curl u/qq7' EXIT",
    "curl \"unclosed WORD",
    "curl WORD )",
    "curl WORD |& curl WORD",
    "curl\tWORD\r\ncurl\u{b}WORD",
];

fn word() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES);
    prop::collection::vec(piece, 1..3).prop_map(|pieces| pieces.concat())
}

fn command() -> impl Strategy<Value = String> {
    let form = prop::sample::select(COMMANDS);
    (form, prop::collection::vec(word(), 3)).prop_map(|(form, words)| {
        let mut text = form.to_owned();
        for word in words {
            text = text.replacen("WORD", &word, 1);
        }
        text
    })
}

fn script() -> impl Strategy<Value = String> {
    let joined = prop_oneof![
        Just("\n"),
        Just("; "),
        Just(" && "),
        Just(" || "),
        Just(" | "),
        Just(" \\\n| ")
    ];
    prop::collection::vec((command(), joined), 1..4).prop_map(|commands| {
        let mut text = String::new();
        for (index, (command, joint)) in commands.iter().enumerate() {
            text.push_str(if index == 0 { "" } else { joint });
            text.push_str(command);
        }
        text + "\n"
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn hostile_values_arrive_to_the_letter_and_do_not_run(
        script in script(),
        hostile in prop::sample::select(HOSTILE),
    ) {
        // So that it is found again.
        let hostile = &format!("Zz9{hostile}");
        let dir = stage();
        let before = run(dir.path(), &script);
        let filled = filled(&script, hostile);
        let after = run(dir.path(), &filled);
        prop_assert!(!dir.path().join("canary").exists(), "it ran: {filled}");
        // Commands of a pipe come in any order.
        let sorted = |log: &str| {
            let mut arguments: Vec<String> = log.split('<').map(str::to_owned).collect();
            arguments.sort();
            arguments
        };
        prop_assert_eq!(sorted(&after.replace(hostile, DEFAULT)), sorted(&before), "{}", filled);
    }
}

#[track_caller]
fn case(script: &str, expected: &str) {
    assert_eq!(attributes(&[value(&["tool"])], script).trim(), expected);
}

#[test]
fn places_and_their_quotes() {
    case(
        "curl u/qq7 'u/qq7' \"u/qq7\"\n",
        "data-fill=\"v:7:10:open v:14:17:single v:22:25:double\"",
    );
    case(
        "sudo /bin/curl u/qq7 | jq u/qq7",
        "data-fill=\"v:17:20:open v:28:31:plain\"",
    );
    case(
        "timeout 5 bash -c 'curl u/qq7'",
        "data-fill=\"v:26:29:plain\"",
    );
    case("tool --x=u/qq7", "data-fill=\"v:11:14:open\"");
    // In UTF-16 units.
    case("curl '😀u/qq7'", "data-fill=\"v:10:13:single\"");
    // Part of a longer name.
    case("curl u/qq77 u/qq7-b u/qq7.c xu/qq7", "");
    case("curl \"$(curl u/qq7)\"", "data-fill=\"v:15:18:open\"");
    // An array is not understood, and then nothing is known.
    case("curl u/qq7; a=(1)", "data-fill=\"v:7:10:plain\"");
}

#[test]
fn variables_and_whether_each_use_is_quoted() {
    case("rm -f \"$VAR/x\"", "data-export=\"v:VAR:open\"");
    case(
        "rm -f \"${VAR:?}/x\" \"$VARIABLE\"",
        "data-export=\"v:VAR:open\"",
    );
    case("rm -f $VAR", "data-export=\"v:VAR:plain\"");
    case("lsof \"$VAR\"", "data-export=\"v:VAR:plain\"");
    case(
        "rm \"$VAR\"; bash -c 'rm $VAR'",
        "data-export=\"v:VAR:plain\"",
    );
    case("rm \"${VAR/x/y}\"", "data-export=\"v:VAR:open\"");
    case("echo VAR", "");
}

#[test]
fn the_form_asks_for_what_stands_in_the_blocks_alone() {
    let values = [value(&[])];
    assert_eq!(form(&values, &["echo x"]), "");
    let html = form(&values, &["echo x", "curl u/qq7"]);
    assert!(html.contains("data-value=\"v\"") && html.contains("data-default=\"qq7\""));
}
