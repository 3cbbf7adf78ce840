//! Ten game days on the Engram book, one an issue, played by an operator who knows nothing.
//!
//! All it has is what `gameday` prints without telling the issue, the site as it is served, and the
//! shell. From the front page it opens the decision trees, copies the command of each decision into
//! the shell and compares what that prints with the conditions on the page; at a leaf it follows
//! the link, copies the blocks of that cause, and then those under *Verification*.
//!
//! Which cause of an issue is played follows from a seed; `GAMEDAY_SEED=N` plays others.

use crate::book::program;
use crate::engram::Copy;
use crate::gameday::Play;
use scraper::{ElementRef, Html, Selector};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Rounds of *Verification* before the operator looks elsewhere.
const ROUNDS: usize = 15;

/// What the report may no longer hold.
const PLACEHOLDERS: &[&str] = &[
    "title",
    "severity",
    "issue",
    "cause",
    "started",
    "resolved",
    "duration",
    "target",
    "outcome",
    "operator",
    "timeline",
    "commands",
    "pages",
    "diagnosis",
    "verification",
    "data",
];

#[test]
#[expect(clippy::print_stderr, reason = "`--nocapture` shows the story")]
fn ten_game_days_are_solved_with_the_site_and_a_shell_alone() {
    let copy = Copy::new();
    let mut solved = Vec::new();
    let mut story = String::new();
    let shift = std::env::var("GAMEDAY_SEED").map_or(0, |n| n.parse().unwrap());
    for issue in 1..=10 {
        let number = issue.to_string();
        let seed = (issue + shift).to_string();
        let report = format!("report-{issue}.md");
        let args = [
            &number,
            "--unannounced",
            "--seed",
            &seed,
            "--no-prepare",
            "-C",
            "book",
            "--report",
            &report,
        ];
        let mut bot = Bot {
            dir: copy.0.path().to_owned(),
            play: Play::start(copy.0.path(), &args),
            log: String::new(),
        };
        bot.work();
        let ran = bot.play.leave();
        let last: Vec<&str> = ran.stdout.lines().rev().take(3).collect();
        writeln!(story, "issue {issue}: {last:?}\n{}", bot.log).unwrap();
        if ran.status == Some(0) {
            solved.push(issue);
            is_complete(&copy.0.path().join(&report));
        }
    }
    assert!(solved.len() >= 9, "only {solved:?} were solved:\n{story}");
    let scores = program(copy.0.path())
        .args(["gameday", "--scores", "-C", "book"])
        .output()
        .unwrap();
    let scores = String::from_utf8_lossy(&scores.stdout).into_owned();
    assert!(scores.contains("10 game days"), "{scores}");
    // Shown by `--nocapture`: which cause of each issue it was, and how long it took.
    eprintln!("{story}\n{scores}");
}

#[test]
fn an_announced_one_is_found_by_its_alert() {
    let copy = Copy::new();
    let args = ["1", "--seed", "1", "--no-prepare", "-C", "book"];
    let mut bot = Bot {
        dir: copy.0.path().to_owned(),
        play: Play::start(copy.0.path(), &args),
        log: String::new(),
    };
    let line = bot
        .play
        .said
        .lines()
        .find(|line| line.starts_with("alerts: "));
    let alerts = line.unwrap().trim_start_matches("alerts: ").to_owned();
    let alert = alerts.split(", ").next().unwrap();
    let issue = bot.page_of(alert);
    assert!(bot.by_diagnosis(&issue), "{}", bot.log);
    bot.play.leave().status(0);
}

/// All that the tool knows is in it.
fn is_complete(report: &Path) {
    let text = std::fs::read_to_string(report).unwrap();
    for name in PLACEHOLDERS {
        assert!(!text.contains(&format!("[{name}]")), "[{name}] in\n{text}");
    }
    for part in [
        "recovered: the verification passes",
        "page opened: trees/",
        "UTC: issues/",
        "solved in ",
        "$ ",
        "nothing was lost",
    ] {
        let or_declared = part == "nothing was lost" && text.contains("lost, as the page says");
        assert!(text.contains(part) || or_declared, "no `{part}` in\n{text}");
    }
}

/// The operator.
struct Bot {
    dir: PathBuf,
    play: Play,
    log: String,
}

impl Bot {
    /// Tree by tree, until the service is well.
    fn work(&mut self) {
        let (_, front) = self.play.get("");
        for tree in links(&front, "") {
            let (status, page) = self.play.get(&tree);
            assert_eq!(status, 200, "{tree}");
            let Some(cause) = self.walk(&page, &tree) else {
                continue;
            };
            self.note(&format!("{tree} leads to {cause}"));
            // A page may be satisfied, and the service still be sick: `gameday` has told how to ask.
            if self.resolve(&cause) && self.is_over() {
                return;
            }
        }
        self.note("no tree has helped");
    }

    /// The issue page that the row or the item about an alert leads to, on a page that the front
    /// page links to.
    fn page_of(&mut self, alert: &str) -> String {
        let (_, front) = self.play.get("");
        for page in all_links(&front, "") {
            let html = self.play.get(&page).1;
            let html = Html::parse_document(&html);
            let about = html.select(&selector("main tr, main li")).find(|it| {
                it.select(&selector("code"))
                    .any(|code| text(&code) == alert)
            });
            let link = about.and_then(|it| it.select(&selector("a[href*='.html']")).next());
            if let Some(link) = link {
                self.note(&format!("{alert} stands on {page}"));
                return resolve_path(&page, link.attr("href").unwrap());
            }
        }
        panic!("the site does not tell what to do about {alert}");
    }

    /// Runs *Diagnosis*, and follows the rows of its table whose words it has printed; whether that
    /// helped.
    fn by_diagnosis(&mut self, path: &str) -> bool {
        let (_, page) = self.play.get(path);
        let html = Html::parse_document(&page);
        let heading = html
            .select(&selector("main h2, main h3"))
            .find(|heading| text(heading) == "Diagnosis");
        let section = section(&heading.unwrap());
        let blocks = section.iter().filter_map(shell_block);
        let printed: String = blocks.map(|block| self.play.type_in(&block).0).collect();
        let rows = section.iter().flat_map(|it| {
            let rows: Vec<_> = it.select(&selector("tr")).collect();
            rows
        });
        for row in rows {
            let is_true = row
                .select(&selector("td:first-child code"))
                .any(|code| printed.contains(&text(&code)));
            let cause = row.select(&selector("a")).next().filter(|_| is_true);
            let Some(cause) = cause else {
                continue;
            };
            let link = cause.attr("href").unwrap();
            let link = match link.strip_prefix('#') {
                Some(id) => format!("{path}#{id}"),
                None => resolve_path(path, link),
            };
            self.note(&format!("the diagnosis of {path} leads to {link}"));
            if self.resolve(&link) && self.is_over() {
                return true;
            }
        }
        false
    }

    fn is_over(&mut self) -> bool {
        let check = program(&self.dir)
            .args(["gameday", "--check", "-C", "book"])
            .output()
            .unwrap();
        let is_over = check.status.success();
        self.note(if is_over {
            "it is over"
        } else {
            "it is not over"
        });
        is_over
    }

    fn note(&mut self, text: &str) {
        writeln!(self.log, "  {text}").unwrap();
    }

    /// The link of the leaf that the tree of `page` ends at.
    fn walk(&mut self, page: &str, path: &str) -> Option<String> {
        let html = Html::parse_document(page);
        let mut decision = html.select(&selector("main .rb-tree")).next()?;
        // Its first command stands before it.
        let before = decision.prev_siblings().filter_map(ElementRef::wrap);
        let mut command = before.into_iter().find_map(|element| shell_block(&element));
        loop {
            let code = command?;
            let answer = self.play.type_in(&code);
            let branch = decision
                .child_elements()
                .find(|branch| condition(branch).is_some_and(|it| holds(&it, &answer)))?;
            self.note(&format!(
                "{} · {:?}",
                text(&condition(&branch)?),
                answer.0.chars().take(150).collect::<String>()
            ));
            if branch.value().name() != "details" {
                let link = branch.select(&selector(".rb-fix a")).next()?;
                return Some(resolve_path(path, link.attr("href")?));
            }
            decision = branch.select(&selector(".rb-below")).next()?;
            command = decision
                .child_elements()
                .find_map(|element| shell_block(&element));
        }
    }

    /// Copies the blocks of a cause and of *Verification*; whether that helped.
    fn resolve(&mut self, link: &str) -> bool {
        let (path, id) = link.split_once('#').unwrap();
        let (status, page) = self.play.get(path);
        assert_eq!(status, 200, "{path}");
        let html = Html::parse_document(&page);
        let cause = html.select(&selector(&format!("[id='{id}']"))).next();
        let cause = cause.unwrap_or_else(|| panic!("no {id} on {path}"));
        // What stands above all causes is for each of them.
        let above = cause
            .prev_siblings()
            .filter_map(ElementRef::wrap)
            .find(|element| level(element).is_some_and(|it| Some(it) < level(&cause)));
        let blocks = above
            .iter()
            .flat_map(|heading| blocks_until_a_heading(heading));
        for block in blocks.chain(section(&cause).iter().filter_map(shell_block)) {
            let (printed, status) = self.play.type_in(&block);
            if status != 0 {
                let first = block.lines().next().unwrap_or_default();
                self.note(&format!("`{first}` ends with {status}: {printed}"));
            }
        }
        let verification = html
            .select(&selector("main h2, main h3"))
            .find(|heading| text(heading) == "Verification");
        let verification = section(&verification.unwrap());
        for _ in 0..ROUNDS {
            if self.verify(&verification) {
                return true;
            }
            self.play.type_in("sleep 1");
        }
        self.note("the verification does not pass");
        false
    }

    /// One round: each block succeeds, and prints what the page shows.
    fn verify(&mut self, section: &[ElementRef<'_>]) -> bool {
        let mut printed = String::new();
        section.iter().all(|element| {
            if let Some(code) = shell_block(element) {
                let (output, status) = self.play.type_in(&code);
                printed = output;
                return status == 0;
            }
            let expected = element.select(&selector("code.rb-output")).next();
            expected.is_none_or(|expected| {
                let expected = text(&expected);
                let is_literal = !expected.contains("..");
                !is_literal || printed.trim() == expected.trim()
            })
        })
    }
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

fn text(element: &ElementRef<'_>) -> String {
    element.text().collect::<String>().trim().to_owned()
}

/// The level of a heading.
fn level(element: &ElementRef<'_>) -> Option<u8> {
    let digit = element.value().name().strip_prefix('h')?;
    digit.parse().ok()
}

/// The code of a block that an operator copies.
fn shell_block(element: &ElementRef<'_>) -> Option<String> {
    let is_pre = element.value().name() == "pre";
    let code = element
        .select(&selector("code"))
        .next()
        .filter(|_| is_pre)?;
    let is_bash = code.value().classes().any(|class| class == "language-bash");
    is_bash.then(|| code.text().collect())
}

/// What follows a heading, up to the next one that is not below it.
fn section<'a>(heading: &ElementRef<'a>) -> Vec<ElementRef<'a>> {
    let own = level(heading);
    heading
        .next_siblings()
        .filter_map(ElementRef::wrap)
        .take_while(|element| level(element).is_none_or(|it| Some(it) > own))
        .collect()
}

fn blocks_until_a_heading(heading: &ElementRef<'_>) -> Vec<String> {
    let section = section(heading);
    let own = section
        .iter()
        .take_while(|element| level(element).is_none());
    own.filter_map(shell_block).collect()
}

/// The pages that the front page links to from its text and that hold a tree, in its order: all
/// that it calls a tree.
fn links(front: &str, path: &str) -> Vec<String> {
    let html = Html::parse_document(front);
    let mut links = Vec::new();
    for link in html.select(&selector("main a[href*='#decision-tree']")) {
        let to = resolve_path(path, link.attr("href").unwrap());
        let to = to.split('#').next().unwrap().to_owned();
        if !links.contains(&to) {
            links.push(to);
        }
    }
    assert!(links.len() >= 4, "{links:?}");
    links
}

/// The pages that a page links to from its text.
fn all_links(page: &str, path: &str) -> Vec<String> {
    let html = Html::parse_document(page);
    let mut links = Vec::new();
    for link in html.select(&selector("main a[href*='.html']")) {
        let to = link.attr("href").unwrap().split('#').next().unwrap();
        let to = resolve_path(path, to);
        if !to.contains(':') && !links.contains(&to) {
            links.push(to);
        }
    }
    links
}

/// A relative link of the page `from`, as a path of the site.
fn resolve_path(from: &str, link: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The condition of a branch.
fn condition<'a>(branch: &ElementRef<'a>) -> Option<ElementRef<'a>> {
    let is_branch = branch
        .value()
        .classes()
        .any(|class| class.starts_with("rb-"));
    branch
        .select(&selector(".rb-condition"))
        .next()
        .filter(|_| is_branch)
}

/// Whether one of its strong texts is true of what a command printed, and of its exit status.
fn holds(condition: &ElementRef<'_>, (printed, status): &(String, i32)) -> bool {
    condition.select(&selector("strong")).any(|strong| {
        let codes: Vec<String> = strong
            .select(&selector("code"))
            .map(|it| text(&it))
            .collect();
        if !codes.is_empty() {
            return codes
                .iter()
                .any(|code| printed.lines().any(|line| matches(line, code)));
        }
        in_words(&text(&strong), printed, *status)
    })
}

/// `…` and `[..]` stand for anything within the line.
fn matches(line: &str, pattern: &str) -> bool {
    let pattern = pattern.replace("[..]", "…");
    let mut rest = line;
    pattern.split('…').all(|part| {
        let found = rest.find(part);
        rest = found.map_or(rest, |at| &rest[at + part.len()..]);
        found.is_some()
    })
}

fn in_words(condition: &str, printed: &str, status: i32) -> bool {
    let words: Vec<&str> = condition.split_whitespace().collect();
    let unit_at = |at: usize| words.get(at).copied();
    let number = |at: usize| words.get(at).map_or(f64::NAN, |word| word.parse().unwrap());
    match words.as_slice() {
        ["nothing"] => printed.trim().is_empty(),
        ["otherwise"] => true,
        ["exit", "status", n] => n.parse() == Ok(status),
        ["HTTP", "status", n] => printed
            .split(|c: char| !c.is_ascii_digit())
            .any(|it| it == *n),
        ["over", ..] => first(printed, unit_at(2)).is_some_and(|it| it > number(1)),
        ["under", ..] => first(printed, unit_at(2)).is_some_and(|it| it < number(1)),
        ["more" | "less", "than", ..] => {
            let it = first(printed, unit_at(3));
            let more = words[0] == "more";
            it.is_some_and(|it| if more { it > number(2) } else { it < number(2) })
        }
        ["at", "least", ..] => first(printed, unit_at(3)).is_some_and(|it| it >= number(2)),
        ["at", "most", ..] => first(printed, unit_at(3)).is_some_and(|it| it <= number(2)),
        [_, "to", ..] => {
            let it = first(printed, unit_at(3));
            it.is_some_and(|it| it >= number(0) && it <= number(2))
        }
        _ => {
            let it = first(printed, unit_at(1));
            it.is_some_and(|it| it.total_cmp(&number(0)).is_eq())
        }
    }
}

/// The first number that is followed by `unit`, or the first of all.
fn first(printed: &str, unit: Option<&str>) -> Option<f64> {
    let mut rest = printed;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let is_negative = rest[..at].ends_with('-');
        let number = &rest[at..];
        let is_part = |c: char| c.is_ascii_digit() || c == '.';
        let end = number.find(|c| !is_part(c)).unwrap_or(number.len());
        let (digits, after) = number.split_at(end);
        let follows = unit.is_none_or(|unit| {
            let after = after.strip_prefix(' ').unwrap_or(after);
            after.strip_prefix(unit).is_some_and(|left| {
                let is_word = unit.ends_with(char::is_alphanumeric);
                !is_word || !left.starts_with(char::is_alphanumeric)
            })
        });
        if let (true, Ok(number)) = (follows, digits.trim_end_matches('.').parse::<f64>()) {
            return Some(if is_negative { -number } else { number });
        }
        rest = after;
    }
    None
}

#[test]
fn the_operator_can_read() {
    assert!(matches("ERROR: no space x found", "no space … found"));
    assert!(!matches("no room", "no space"));
    assert!(in_words("over 90 %disk", "load 7, 91 %disk", 0));
    assert!(!in_words("over 90 %disk", "95 %files, 9 %disk", 0));
    assert!(in_words("0 running", "0 running", 0));
    assert!(in_words("200 to 599", "HTTP status 503", 0));
    assert!(!in_words("at least 1 foreign", "0 foreign", 0));
    assert_eq!(
        resolve_path("trees/a.html", "../issues/b.html#c"),
        "issues/b.html#c"
    );
}
