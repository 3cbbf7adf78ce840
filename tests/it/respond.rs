//! The responder over real HTTP: what is run for which alert, and what is kept and served of it.

use crate::book::{Book, mark};
use crate::responder::{alert, answer, book, firing, script, start, start_with};
use std::fs;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

#[test]
fn a_group_is_answered_once_until_it_fires_again() {
    let book = book("echo run >>\"$0.runs\"; echo seen; exit 2", "");
    let runs = book.path("diagnose.sh.runs");
    let responder = start(&book);
    let id = responder.queued(&firing("g"));
    let report = responder.done(&id);
    assert_eq!(report["runs"][0]["exit_status"], 2);
    assert_eq!(report["runs"][0]["output"], "seen\n");
    assert_eq!(report["page"]["path"], "down.md");
    for _ in 0..3 {
        assert_eq!(responder.post(&firing("g")).body, "seen before\n");
    }
    let resolved = alert("resolved", "g", "Down", "2026-11-25T03:00:00Z", "");
    assert_eq!(responder.post(&resolved).body, "1 reports closed\n");
    assert!(responder.done(&id)["resolved"].is_string());
    // A late copy of the first, as a second Alertmanager may send it, is no new fire.
    assert_eq!(responder.post(&firing("g")).body, "seen before\n");
    let again = alert("firing", "g", "Down", "2026-11-25T04:00:00Z", "");
    responder.done(&responder.queued(&again));
    let warning = firing("w").replace("critical", "warning");
    assert_eq!(
        responder.post(&warning).body,
        "no severity that is answered\n"
    );
    assert_eq!(fs::read_to_string(&runs).unwrap(), "run\nrun\n");
    responder.metric("notifications_total{result=\"accepted\"} 2");
    responder.metric("notifications_total{result=\"repeated\"} 4");
    responder.metric("notifications_total{result=\"ignored\"} 1");
    responder.metric("runs_total{kind=\"diagnosis\",result=\"exit_nonzero\"} 2");
    responder.metric("run_seconds_count 2");
    assert!(
        book.path(&format!(".runbook/respond/{id}/report.json"))
            .exists()
    );
}

#[test]
fn labels_reach_the_script_as_data_only() {
    let book = book(
        r#"printf '%s|' "$#" "$ALERT_NAME" "$ALERT_LABEL_space" "$ALERT_PAGE"; cat | tr -d '\n' | head -c 24"#,
        "",
    );
    let mark = mark();
    let trap = format!(
        r#","space":"$(touch /tmp/{mark}); `touch /tmp/{mark}` \u0000 '; touch /tmp/{mark} #","PATH":"/nowhere","a-b":"c","LD_PRELOAD":"x""#
    );
    let responder = start(&book);
    let body = alert("firing", "g", "Down", "2026-11-25T03:00:00Z", &trap);
    let report = responder.done(&responder.queued(&body));
    let output = report["runs"][0]["output"].as_str().unwrap();
    let expected = format!(
        "0|Down|$(touch /tmp/{mark}); `touch /tmp/{mark}` \u{fffd} '; touch /tmp/{mark} #|down.md|{{\"version\":\"4\",\"groupKey"
    );
    assert!(
        expected.starts_with(output) && output.len() > 90,
        "{output}"
    );
    assert!(!std::path::Path::new(&format!("/tmp/{mark}")).exists());
}

#[test]
fn a_page_of_sev1_gets_the_bundle_too() {
    let book = book("echo fine", "");
    script(&book, "bundle.sh", "echo data >\"$1/debug.tar\"; echo made");
    let toml = book.read("book.toml");
    let bundle = book.path("bundle.sh");
    let line = format!("bundle = [\"/bin/sh\", \"{}\", \".\"]\n", bundle.display());
    book.write("book.toml", &(toml + &line));
    let responder = start(&book);
    let report = responder.done(&responder.queued(&firing("g")));
    assert_eq!(report["runs"][1]["kind"], "bundle");
    let file = report["runs"][1]["files"][0].as_str().unwrap();
    assert_eq!(fs::read_to_string(file).unwrap(), "data\n");
    // An alert that no page answers, or a page that is not SEV1, gets the diagnosis alone.
    let other = alert("firing", "o", "Other", "2026-11-25T03:00:00Z", "");
    let report = responder.done(&responder.queued(&other));
    assert_eq!(report["runs"].as_array().unwrap().len(), 1);
    assert!(report["page"].is_null());
}

#[test]
fn reports_are_pages_without_scripts() {
    let book = book("echo '<script>alert(1)</script>'", "");
    let responder = start(&book);
    let trap = r#","x":"<script>alert(2)</script>","y":"\"><img src=x>""#;
    let body = alert("firing", "g", "Down", "2026-11-25T03:00:00Z", trap)
        .replace("https://r.example/down.html", "javascript:alert(3)");
    let id = responder.queued(&body);
    responder.done(&id);
    for path in ["/reports", &format!("/reports/{id}")] {
        let page = responder.get(path);
        assert_eq!(page.status, 200);
        assert!(page.head.contains("content-type: text/html"));
        assert!(page.head.contains("default-src 'none'"));
        for bad in ["<script", "<img", "<b>", "href=\"javascript", "down & out"] {
            assert!(!page.body.contains(bad), "{bad} in {}", page.body);
        }
    }
    let page = responder.get(&format!("/reports/{id}")).body;
    assert!(page.contains("&lt;script&gt;alert(1)&lt;"), "{page}");
    assert!(page.contains("SEV1"));
    let list = responder.get("/reports.json").body;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list[0]["id"], id);
    assert_eq!(responder.get("/healthz").body, "ok\n");
    for missing in ["/reports/..%2f..%2fbook.toml", "/reports/nothing", "/x"] {
        assert_eq!(responder.get(missing).status, 404);
    }
}

#[test]
fn a_token_is_asked_for_where_one_is_configured() {
    let book = book("true", "token-file = \"token\"").file("token", "0123456789abcdef0123\n");
    let mut responder = start(&book);
    for wrong in [None, Some("0123456789abcdef0124"), Some("")] {
        responder.token = wrong.map(str::to_owned);
        let refused = responder.post(&firing("g"));
        assert_eq!(refused.status, 401);
        assert!(refused.head.contains("www-authenticate: bearer"));
        assert_eq!(responder.get("/reports").status, 401);
        assert_eq!(responder.get("/healthz").status, 200);
    }
    responder.token = Some("0123456789abcdef0123".to_owned());
    responder.done(&responder.queued(&firing("g")));
    responder.metric("notifications_total{result=\"unauthorized\"} 3");
}

#[test]
fn old_reports_go_and_the_folder_has_one_owner() {
    let book = book("true", "keep = 3");
    let responder = start(&book);
    for n in 0..6 {
        responder.done(&responder.queued(&firing(&n.to_string())));
    }
    let dir = book.path(".runbook/respond");
    let folders = || {
        fs::read_dir(&dir)
            .unwrap()
            .flatten()
            .filter(|e| e.path().is_dir())
            .count()
    };
    assert_eq!(folders(), 3);
    let mode = fs::metadata(&dir).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "others may not look into reports");
    book.run(&["respond", "--listen", "127.0.0.1:0"])
        .status(75)
        .says("another responder keeps its reports");
}

#[test]
fn what_cannot_work_is_said_at_the_start() {
    let without = Book::new().page("a.md", "# A\n");
    without
        .run(&["respond"])
        .status(2)
        .says("names no diagnostic script");
    let table = "[preprocessor.runbook.respond]\n";
    for (keys, text) in [
        (
            "command = \"no-such-program\"",
            "`no-such-program` is not there",
        ),
        ("command = \"./d.sh\"", "`command` is a relative path"),
        ("command = \"d.sh --all\"", "`command` names no program"),
        ("command = []", "`command` names no program"),
        (
            "command = \"true\"\nlisten = \"9095\"",
            "`listen` is no address",
        ),
        ("command = \"true\"\nqueue = 0", "`queue` is 0"),
        (
            "command = \"true\"\ntimeout = \"soon\"",
            "`timeout` is not a duration",
        ),
        (
            "command = \"true\"\nlisten = \"0.0.0.0:0\"",
            "no token is asked for",
        ),
        (
            "command = \"true\"\ntoken-file = \"none\"",
            "cannot be used",
        ),
        (
            "command = \"true\"\ncommands = { \"x.md\" = \"true\" }",
            "names a page that there is not",
        ),
        (
            "command = \"true\"\nsevereties = []",
            "unknown key `severeties`",
        ),
    ] {
        let book = Book::new()
            .page("a.md", "# A\n")
            .toml(&format!("{table}{keys}\n"));
        book.run(&["respond"]).status(2).says(text);
    }
}

#[test]
fn flags_take_the_place_of_keys_and_pages_may_have_their_own_script() {
    let book = book("echo common", "listen = \"127.0.0.1:1\"");
    script(&book, "own.sh", "echo own");
    let own = book.path("own.sh");
    let toml = book.read("book.toml");
    let line = format!(
        "commands = {{ \"down.md\" = [\"/bin/sh\", \"{}\"] }}\n",
        own.display()
    );
    book.write("book.toml", &(toml + &line));
    book.write("token", "a-token-of-some-length\n");
    let reports = book.path("kept");
    let reports = reports.to_str().unwrap();
    let token = book.path("token");
    let mut responder = start_with(
        &book,
        &[
            "--reports",
            reports,
            "--token-file",
            token.to_str().unwrap(),
        ],
    );
    assert_eq!(responder.get("/metrics").status, 401);
    responder.token = Some("a-token-of-some-length".to_owned());
    let id = responder.queued(&firing("g"));
    assert_eq!(responder.done(&id)["runs"][0]["output"], "own\n");
    let other = alert("firing", "o", "Other", "2026-11-25T03:00:00Z", "");
    assert_eq!(
        responder.done(&responder.queued(&other))["runs"][0]["output"],
        "common\n"
    );
    assert!(book.path(&format!("kept/{id}/report.json")).exists());
}

/// A program that is killed when it is dropped.
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn free_port() -> u16 {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

/// Whether the machine has Alertmanager; Debian names it differently than its makers.
fn alertmanager() -> Option<Command> {
    ["prometheus-alertmanager", "alertmanager"]
        .into_iter()
        .find(|name| {
            let version = Command::new(name).arg("--version").output();
            version.is_ok_and(|output| output.status.success())
        })
        .map(Command::new)
}

#[test]
fn the_real_alertmanager_calls_and_calls_again_without_a_second_run() {
    let mut command = alertmanager().expect("Debian's prometheus-alertmanager is missing");
    let book = book("echo \"$ALERT_NAME\"; cat", "");
    let responder = start(&book);
    // As `alerts/alertmanager.yml`, only faster.
    let config = format!(
        "route:\n  receiver: r\n  group_by: [alertname]\n  group_wait: 0s\n  group_interval: 1s\n  repeat_interval: 1s\n\
         receivers:\n- name: r\n  webhook_configs:\n  - url: http://{}/alerts\n    send_resolved: true\n    max_alerts: 0\n",
        responder.address
    );
    book.write("am.yml", &config);
    let port = free_port();
    let log = fs::File::create(book.path("am.log")).unwrap();
    let child = command
        .current_dir(book.dir.path())
        .args([
            "--config.file=am.yml",
            "--storage.path=am",
            "--cluster.listen-address=",
        ])
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stderr(log.try_clone().unwrap())
        .stdout(log)
        .spawn()
        .unwrap();
    let _alertmanager = Killed(child);
    let api = format!("127.0.0.1:{port}");
    let send = |ends: &str| {
        let body = format!(
            "[{{\"labels\":{{\"alertname\":\"Down\",\"severity\":\"critical\",\"space\":\"$(id)\"}},\"annotations\":{{\"runbook_url\":\"https://r.example/down.html\"}}{ends}}}]"
        );
        post(&api, "/api/v2/alerts", &body)
    };
    until(|| send("") == Some(200), || book.read("am.log"));
    let ids = || -> Vec<String> {
        let list = responder.get("/reports.json").body;
        let list: Vec<serde_json::Value> = serde_json::from_str(&list).unwrap();
        list.iter()
            .map(|report| report["id"].as_str().unwrap().to_owned())
            .collect()
    };
    until(|| !ids().is_empty(), || book.read("am.log"));
    let report = responder.done(&ids()[0]);
    let output = report["runs"][0]["output"].as_str().unwrap();
    assert!(output.starts_with("Down\n{\"version\":\"4\""), "{output}");
    assert!(output.contains("\"space\":\"$(id)\""), "{output}");
    assert_eq!(
        report["alerts"][0]["fingerprint"].as_str().unwrap().len(),
        16
    );
    // It repeats itself, and nothing runs anew.
    let repeated = || responder.done(&ids()[0])["n_repeated"].as_u64() > Some(0);
    until(repeated, || book.read("am.log"));
    until(
        || send(",\"endsAt\":\"2026-01-01T00:00:00Z\"") == Some(200),
        || book.read("am.log"),
    );
    until(
        || responder.done(&ids()[0])["resolved"].is_string(),
        || book.read("am.log"),
    );
    assert_eq!(ids().len(), 1);
    responder.metric("notifications_total{result=\"accepted\"} 1");
}

/// The status of an answer; `None` while nobody listens.
fn post(address: &str, path: &str, body: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    let length = body.len();
    let text = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).ok()?;
    Some(answer(&mut BufReader::new(stream)).status)
}

#[track_caller]
fn until(holds: impl Fn() -> bool, log: impl Fn() -> String) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "{}", log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What `alerts/` ships, held against the program: an address and flags that it really has.
#[test]
fn the_unit_and_the_receiver_fit_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let unit = fs::read_to_string(root.join("alerts/mdbook-runbook-respond.service")).unwrap();
    let help = Book::new().run(&["respond", "--help"]).status(0).stdout;
    let commands: Vec<&str> = unit
        .lines()
        .filter_map(|line| {
            line.trim_start_matches('#')
                .trim()
                .strip_prefix("ExecStart=/")
        })
        .collect();
    assert_eq!(commands.len(), 2);
    for flag in commands
        .iter()
        .flat_map(|line| line.split(' '))
        .filter(|word| word.starts_with("--"))
    {
        assert!(help.contains(flag), "no {flag} in\n{help}");
    }
    let config = fs::read_to_string(root.join("alerts/alertmanager.yml")).unwrap();
    assert!(config.contains("\"http://127.0.0.1:9095/alerts\""));
    assert!(help.contains("127.0.0.1:9095"));
    // Of the programs of the book's table, all are among its scripts.
    let toml = fs::read_to_string(root.join("book/book.toml")).unwrap();
    let table = toml.split("[preprocessor.runbook.respond]").nth(1).unwrap();
    for key in ["command", "bundle"] {
        let line = table.lines().find(|line| line.starts_with(key)).unwrap();
        let program = line.split('"').nth(1).unwrap();
        assert!(root.join("scripts").join(program).exists(), "{program}");
    }
}
