//! Links for a rule file of 10,000 rules, beside `promtool check rules` on the same file.
//!
//! Whole programs, timed in one run, rounds interleaved, the minimum counts. Before that a gate: every
//! rule has its link, nothing else has changed, and promtool takes the file before and after.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RULES: usize = 10_000;
const PAGES: usize = 10;
const ROUNDS: usize = 9;

/// What linking them may take.
const LIMIT: Duration = Duration::from_millis(500);

const CASES: [&str; 4] = [
    "promtool check rules",
    "alerts, all to write",
    "alerts, nothing to do",
    "alerts --remove",
];

fn main() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let root = dir.path();
    write_book(root);
    let before = rule_file();
    let after = gate(root, &before);
    let mut best = [Duration::MAX; CASES.len()];
    for round in 0..=ROUNDS {
        for turn in 0..CASES.len() {
            let case = (turn + round) % CASES.len();
            let text = if case < 2 { &before } else { &after };
            fs::write(root.join("rules.yml"), text).expect("a file can be written");
            let begin = Instant::now();
            assert!(run(root, case), "{} fails", CASES[case]);
            // The first round fills the caches of the machine.
            if round > 0 {
                best[case] = best[case].min(begin.elapsed());
            }
        }
    }
    println!(
        "{RULES} rules, {} KiB    seconds (min)   / promtool",
        before.len() / 1024
    );
    for (name, time) in CASES.iter().zip(best) {
        let ratio = time.as_secs_f64() / best[0].as_secs_f64();
        println!("{name:26} {:13.3} {ratio:12.2}", time.as_secs_f64());
    }
    assert!(best[1] < LIMIT, "{RULES} rules take longer than {LIMIT:?}");
}

/// The text with all links, once it is known to be right.
fn gate(root: &Path, before: &str) -> String {
    let path = root.join("rules.yml");
    let read = || fs::read_to_string(&path).expect("the file can be read");
    fs::write(&path, before).expect("a file can be written");
    assert!(run(root, 0), "promtool refuses the file");
    assert!(run(root, 1), "the file cannot be linked");
    let after = read();
    let is_link = |line: &&str| line.trim_start().starts_with("runbook_url: ");
    assert_eq!(after.lines().filter(is_link).count(), RULES);
    let others = |text: &str| {
        let lines = text.split_inclusive('\n').filter(|line| !is_link(line));
        lines.collect::<String>()
    };
    assert_eq!(others(&after), before);
    assert!(run(root, 0), "promtool refuses the linked file");
    assert!(
        run(root, 3) && read() == before,
        "links cannot be taken out"
    );
    after
}

fn run(root: &Path, case: usize) -> bool {
    let ours = env!("CARGO_BIN_EXE_mdbook-runbook");
    let (program, args): (&str, &[&str]) = match case {
        0 => ("promtool", &["check", "rules", "rules.yml"]),
        3 => (ours, &["alerts", "--remove", "."]),
        _ => (ours, &["alerts", "."]),
    };
    Command::new(program)
        .args(args)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn rule_file() -> String {
    let mut text = String::from("groups:\n");
    for number in 0..RULES {
        if number % 100 == 0 {
            text += &format!("  - name: group{}\n    rules:\n", number / 100);
        }
        text += &format!(
            "      - alert: Alert{number}\n        expr: |\n          sum by (space) (rate(requests_total{{code=~\"5..\", job=\"j{number}\"}}[5m]))\n            / sum by (space) (rate(requests_total[5m])) > 0.05\n        for: 5m # no shorter\n        labels: {{severity: page, team: 'a'}}\n        annotations:\n          summary: \"{{{{ $labels.space }}}}: {{{{ $value | humanizePercentage }}}} fail\"\n"
        );
    }
    text
}

fn write_book(root: &Path) {
    let put = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    };
    put(
        "book.toml",
        "[book]\ntitle = \"b\"\n[preprocessor.runbook]\nbase-url = \"https://r.example/\"\nrules = [\"rules.yml\"]\nrunbook-query = \"space={{ $labels.space }}\"\n",
    );
    let mut summary = String::from("# Summary\n\n");
    for page in 0..PAGES {
        let alerts: String = (0..RULES)
            .filter(|number| number % PAGES == page)
            .map(|number| format!("  - Alert{number}#fix\n"))
            .collect();
        put(
            &format!("src/p{page}.md"),
            &format!("---\nalerts:\n{alerts}---\n# Page {page}\n\n## Fix {{#fix}}\n\nText.\n"),
        );
        summary += &format!("- [Page {page}](p{page}.md)\n");
    }
    put("src/SUMMARY.md", &summary);
}
