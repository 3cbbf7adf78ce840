//! The responder in bad company: floods, hanging scripts, slow clients, signals, a full disk.

use crate::book::{mark, processes_with};
use crate::responder::{answer, book, firing, start};
use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn bad_requests_get_one_clear_message() {
    let book = book("true", "");
    let responder = start(&book);
    let huge = "x".repeat(2 * 1024 * 1024);
    for (body, status, text) in [
        (
            "{",
            400,
            "this is no notification of Alertmanager: EOF while parsing",
        ),
        ("{}", 400, "missing field"),
        ("\u{0}\u{7f}", 400, "no notification"),
        (
            r#"{"version":"3","groupKey":"g","status":"firing","alerts":[]}"#,
            400,
            "version `3`",
        ),
    ] {
        let answer = responder.post(body);
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body.contains(text), "{answer:?}");
        assert_eq!(answer.body.lines().count(), 1);
    }
    let deep = "[".repeat(500_000);
    assert_eq!(responder.post(&deep).status, 400);
    // Its length alone is enough.
    let mut stream = responder.connect();
    let head = format!(
        "POST /alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        huge.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(answer(&mut BufReader::new(&stream)).status, 413);
    // One that does not tell it is cut off.
    let mut stream = responder.connect();
    let head = "POST /alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 600 * 1024, &huge[..600 * 1024]);
    let _ = stream.write_all(chunk.as_bytes());
    let _ = stream.write_all(chunk.as_bytes());
    assert_eq!(answer(&mut BufReader::new(&stream)).status, 413);
    let form = "Content-Type: text/plain\r\n";
    assert_eq!(
        responder
            .request("POST", "/alerts", form, &firing("g"))
            .status,
        415
    );
    assert_eq!(responder.request("GET", "/alerts", "", "").status, 405);
    // A web page whose name was made to mean 127.0.0.1.
    let host = "Host: evil.example\r\n";
    assert_eq!(responder.request("GET", "/reports", host, "").status, 403);
    responder.metric("notifications_total{result=\"bad_request\"} 5");
    responder.metric("notifications_total{result=\"too_large\"} 2");
    responder.metric("notifications_total{result=\"accepted\"} 0");
}

#[test]
fn slow_clients_are_cut_off_and_keep_nobody_waiting() {
    let book = book("true", "client-timeout = \"300ms\"");
    let responder = start(&book);
    let post = "POST /alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let slow: Vec<TcpStream> = (0..300)
        .map(|n| {
            let mut stream = responder.connect();
            let text = match n % 3 {
                0 => String::new(),
                1 => post.to_owned(),
                _ => format!("{post}Content-Length: 1000\r\n\r\n{{"),
            };
            stream.write_all(text.as_bytes()).unwrap();
            stream
        })
        .collect();
    let began = Instant::now();
    responder.done(&responder.queued(&firing("g")));
    assert!(began.elapsed() < Duration::from_secs(20));
    for mut stream in slow {
        let mut rest = String::new();
        // A reset is an end, too.
        let _ = stream.read_to_string(&mut rest);
        assert!(
            rest.is_empty() || rest.starts_with("HTTP/1.1 408"),
            "{rest}"
        );
    }
    responder.metric("notifications_total{result=\"timeout\"} 100");
}

#[test]
fn a_hanging_script_is_killed_with_all_that_it_started() {
    let mark = mark();
    let body = format!(
        "echo begun; sleep {mark} & setsid sleep {mark} & (setsid sh -c 'sleep {mark} & sleep {mark}' &) ; trap '' TERM; sleep {mark}"
    );
    let book = book(&body, "timeout = \"1s\"");
    let responder = start(&book);
    let report = responder.done(&responder.queued(&firing("g")));
    assert_eq!(report["runs"][0]["output"], "begun\n");
    let ended = report["runs"][0]["ended"].as_str().unwrap();
    assert!(ended.starts_with("killed after 1 s"), "{ended}");
    assert!(report["runs"][0]["exit_status"].is_null());
    assert_eq!(
        processes_with(&format!("sleep {mark}")),
        Vec::<String>::new()
    );
    responder.metric("runs_total{kind=\"diagnosis\",result=\"timed_out\"} 1");
    // The next one is answered.
    responder.done(&responder.queued(&firing("h")));
}

#[test]
fn a_full_queue_sends_alertmanager_away_for_a_while() {
    let book = book("while ! [ -e \"$0.go\" ]; do sleep 0.02; done", "queue = 2");
    let responder = start(&book);
    let first = responder.queued(&firing("0"));
    let deadline = Instant::now() + Duration::from_secs(30);
    while !responder.get("/metrics").body.contains("running 1\n") {
        assert!(Instant::now() < deadline);
    }
    let second = responder.queued(&firing("1"));
    responder.queued(&firing("2"));
    let full = responder.post(&firing("3"));
    assert_eq!(full.status, 503);
    assert!(full.head.contains("retry-after: 30"));
    // What is known already needs no room.
    assert_eq!(responder.post(&firing("2")).status, 200);
    responder.metric("queue_length 2");
    responder.metric("notifications_total{result=\"queue_full\"} 1");
    book.write("diagnose.sh.go", "");
    responder.done(&first);
    responder.done(&second);
    // It was not taken for seen.
    responder.done(&responder.queued(&firing("3")));
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "figures for whoever asks with --nocapture"
)]
fn ten_thousand_notifications_are_survived() {
    let book = book("true", "keep = 50");
    let responder = start(&book);
    let began = Instant::now();
    let (mut ok, mut away) = (0, 0);
    std::thread::scope(|scope| {
        let address = &responder.address;
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                scope.spawn(move || {
                    let mut stream = TcpStream::connect(address).unwrap();
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    let mut seen = Vec::new();
                    for n in 0..1250 {
                        // Half of them new groups, half of them known ones.
                        let group = if n % 2 == 0 { thread * 1250 + n } else { thread };
                        let body = firing(&group.to_string());
                        let text = format!(
                            "POST /alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                            body.len()
                        );
                        stream.write_all(text.as_bytes()).unwrap();
                        seen.push(answer(&mut reader).status);
                    }
                    seen
                })
            })
            .collect();
        for status in threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
        {
            match status {
                200 => ok += 1,
                503 => away += 1,
                other => panic!("{other}"),
            }
        }
    });
    let took = began.elapsed();
    println!("10,000 notifications in {took:?}: {ok} taken or known, {away} sent away");
    assert_eq!(ok + away, 10_000);
    assert!(took < Duration::from_secs(60), "{took:?}");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !responder.get("/metrics").body.contains("queue_length 0\n") {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(20));
    }
    responder.done(&responder.queued(&firing("last")));
    let list = responder.get("/reports.json").body;
    let list: Vec<serde_json::Value> = serde_json::from_str(&list).unwrap();
    assert!(list.len() <= 50 + 1, "{}", list.len());
    let pid = responder.child.id();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    println!("peak memory {} MiB", peak / 1024);
    assert!(peak < 200 * 1024, "{peak} KiB");
}

#[test]
fn sigterm_kills_the_script_and_the_queued_are_run_after_the_next_start() {
    let mark = mark();
    let book = book(
        &format!("[ -e \"$0.go\" ] || {{ setsid sleep {mark} & sleep {mark}; }}; echo ran"),
        "",
    );
    let mut responder = start(&book);
    let running = responder.queued(&firing("a"));
    let waiting = responder.queued(&firing("b"));
    let deadline = Instant::now() + Duration::from_secs(30);
    while processes_with(&format!("sleep {mark}")).len() < 2 {
        assert!(Instant::now() < deadline);
    }
    // A client that never finishes is not waited for.
    let mut idle = responder.connect();
    idle.write_all(b"POST /alerts HTTP/1.1\r\n").unwrap();
    let (status, took) = responder.terminate();
    assert_eq!(status, Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(
        processes_with(&format!("sleep {mark}")),
        Vec::<String>::new()
    );
    let said: Vec<String> = responder.lines.iter().collect();
    assert!(
        said.iter()
            .any(|line| line.contains("because the responder was stopped")
                || line.contains("Stopped")),
        "{said:?}"
    );
    book.write("diagnose.sh.go", "");
    let responder = start(&book);
    assert_eq!(responder.done(&waiting)["runs"][0]["output"], "ran\n");
    assert_eq!(responder.done(&running)["progress"], "interrupted");
    // Known from before the restart.
    assert_eq!(responder.post(&firing("a")).body, "seen before\n");
}

#[test]
fn kill_9_leaves_whole_reports_and_a_start_that_works() {
    let mark = mark();
    let book = book(&format!("sleep {mark}"), "");
    let mut responder = start(&book);
    let id = responder.queued(&firing("a"));
    let deadline = Instant::now() + Duration::from_secs(30);
    while processes_with(&format!("sleep {mark}")).is_empty() {
        assert!(Instant::now() < deadline);
    }
    responder.child.kill().unwrap();
    responder.child.wait().unwrap();
    // Nobody can clean up after that but the service manager: `KillMode=control-group`.
    for line in processes_with(&format!("sleep {mark}")) {
        let pid = line.split(' ').next().unwrap();
        let _ = Command::new("kill").args(["-9", pid]).status();
    }
    let responder = start(&book);
    assert_eq!(responder.done(&id)["progress"], "interrupted");
}

#[test]
fn a_disk_that_cannot_be_written_keeps_no_script_from_running() {
    let book = book("echo ran", "");
    let responder = start(&book);
    // Root may write anywhere, but not below a file.
    let dir = book.path(".runbook/respond");
    fs::rename(&dir, book.path("away")).unwrap();
    book.write(".runbook/respond", "");
    let report = responder.done(&responder.queued(&firing("a")));
    assert_eq!(report["runs"][0]["output"], "ran\n");
    let text = responder.get("/metrics").body;
    assert!(!text.contains("report_write_failures_total 0"), "{text}");
    let said = responder
        .lines
        .try_iter()
        .filter(|line| line.contains("cannot write"));
    assert_eq!(said.count(), 1);
}
