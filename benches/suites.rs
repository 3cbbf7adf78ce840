//! The same blocks for this tool, for cram and for bare bash, timed in one run as whole programs.
//!
//! A tool is timed only if it passes the gate: it must accept the right suite, and refuse each of
//! three with one wrong expectation, in the first block, in the middle, in the last. The rounds are
//! interleaved, so that a drift of the machine hits all alike; the minimum of the rounds counts.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Files, blocks a file.
const POINTS: [(usize, usize); 4] = [(1, 1), (50, 1), (50, 20), (1, 200)];

const ROUNDS: usize = 7;

const TOOLS: [&str; 5] = [
    "ours, 2 jobs",
    "ours, 1 job",
    "ours, no sandbox",
    "cram",
    "bare bash",
];

fn main() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let tools: Vec<&str> = TOOLS
        .into_iter()
        .filter(|tool| gate(dir.path(), tool))
        .collect();
    assert!(
        tools.contains(&"ours, 2 jobs"),
        "our own gate is not passed"
    );
    println!(
        "{:18} {}",
        "seconds (min)",
        POINTS
            .map(|(f, b)| format!("{:>9}", format!("{f}x{b}")))
            .concat()
    );
    let mut table = vec![vec![Duration::MAX; POINTS.len()]; tools.len()];
    for (column, point) in POINTS.iter().enumerate() {
        let root = dir.path().join(format!("{}x{}", point.0, point.1));
        write(&root, *point, None);
        for round in 0..=ROUNDS {
            for turn in 0..tools.len() {
                let row = (turn + round) % tools.len();
                let begin = Instant::now();
                assert!(
                    passes(&root, tools[row]),
                    "{} fails at {point:?}",
                    tools[row]
                );
                // The first round fills the caches of the machine.
                if round > 0 {
                    table[row][column] = table[row][column].min(begin.elapsed());
                }
            }
        }
    }
    for (tool, times) in tools.iter().zip(&table) {
        let cells: String = times
            .iter()
            .map(|t| format!("{:9.3}", t.as_secs_f64()))
            .collect();
        println!("{tool:18} {cells}");
    }
    for base in ["cram", "bare bash"] {
        let Some(row) = tools.iter().position(|tool| *tool == base) else {
            println!("{base} is not installed: no ratio");
            continue;
        };
        for (tool, times) in tools
            .iter()
            .zip(&table)
            .filter(|(tool, _)| tool.starts_with("ours"))
        {
            let cells: String = times
                .iter()
                .zip(&table[row])
                .map(|(own, other)| format!("{:9.2}", own.as_secs_f64() / other.as_secs_f64()))
                .collect();
            println!("{:18} {cells}", format!("{tool} / {base}"));
        }
    }
}

/// Whether a tool tells right suites from wrong ones.
fn gate(dir: &Path, tool: &str) -> bool {
    let root = dir.join("gate");
    let (files, blocks) = (3, 4);
    write(&root, (files, blocks), None);
    if !passes(&root, tool) {
        println!("{tool:18} not installed, or fails on a right suite");
        return false;
    }
    [(0, 0), (1, 2), (2, 3)].into_iter().all(|wrong| {
        write(&root, (files, blocks), Some(wrong));
        let seen = !passes(&root, tool);
        assert!(
            seen || tool == "bare bash",
            "{tool} does not see block {wrong:?}"
        );
        seen
    })
}

fn passes(root: &Path, tool: &str) -> bool {
    let ours = env!("CARGO_BIN_EXE_mdbook-runbook");
    let (program, args): (&str, &[&str]) = match tool {
        "ours, 2 jobs" => (ours, &["test", "-C", "book", "--jobs", "2"]),
        "ours, 1 job" => (ours, &["test", "-C", "book", "--jobs", "1"]),
        "ours, no sandbox" => (ours, &["test", "-C", "book", "--sandbox", "none"]),
        "cram" => ("cram", &["-q", "--shell=/bin/bash", "cram"]),
        _ => (
            "bash",
            &[
                "-c",
                "rc=0; for f in bash/*.sh; do bash \"$f\" || rc=1; done; exit $rc",
            ],
        ),
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

/// Writes the suite for every tool; the expectation of the block `wrong` does not hold.
fn write(root: &Path, (files, blocks): (usize, usize), wrong: Option<(usize, usize)>) {
    let _ = fs::remove_dir_all(root);
    let mut summary = String::from("# Summary\n\n");
    put(root, "book/book.toml", "[book]\ntitle = \"suite\"\n");
    for file in 0..files {
        let mut page = format!("# Guide {file}\n");
        let mut cram = format!("Guide {file}\n");
        let mut bash = String::from("rc=0\n");
        for block in 0..blocks {
            let printed = format!("ok-{file:03}-{block:03}");
            let expected = match wrong {
                Some(place) if place == (file, block) => format!("{printed}-wrong"),
                _ => printed.clone(),
            };
            page.push_str(&format!(
                "\n## Step {block}\n\nThe operator runs this and compares.\n\n```bash\necho {printed}\n```\n\n```text {{output}}\n{expected}\n```\n"
            ));
            cram.push_str(&format!(
                "\nStep {block}\n\n  $ echo {printed}\n  {expected}\n"
            ));
            bash.push_str(&format!(
                "got=$(echo {printed})\n[[ $got == {expected} ]] || rc=1\n"
            ));
        }
        bash.push_str("exit $rc\n");
        put(root, &format!("book/src/g{file:03}.md"), &page);
        put(root, &format!("cram/g{file:03}.t"), &cram);
        put(root, &format!("bash/g{file:03}.sh"), &bash);
        summary.push_str(&format!("- [Guide {file}](g{file:03}.md)\n"));
    }
    put(root, "book/src/SUMMARY.md", &summary);
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("it has a folder")).expect("a folder can be made");
    fs::write(path, text).expect("a file can be written");
}
