//! The whole way of an alert with real programs: Prometheus sees a service fall, Alertmanager calls the
//! responder, the page's script runs, its report is served; and when the service is back, all is closed.

use crate::book::Book;
use crate::respond::{Killed, free_port};
use crate::responder::{Responder, book, start};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

const RULES: &str = "groups:
  - name: web
    rules:
      - alert: Down
        expr: up{job=\"web\"} == 0
        labels: {severity: critical}
";

fn run(book: &Book, program: &str, port: u16, args: &[&str]) -> Killed {
    let log = File::create(book.path(&format!("{program}.log"))).unwrap();
    let child = Command::new(program)
        .current_dir(book.dir.path())
        .args(args)
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stderr(log.try_clone().unwrap())
        .stdout(log)
        .spawn();
    Killed(child.expect("Debian's prometheus and prometheus-alertmanager"))
}

/// Answers every scrape with nothing, so that the service is up.
fn serve(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let answer = |mut stream: TcpStream| -> std::io::Result<()> {
        let mut line = String::new();
        let mut reader = BufReader::new(stream.try_clone()?);
        while reader.read_line(&mut line)? > 2 {
            line.clear();
        }
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n";
        write!(
            stream,
            "{head}Connection: close\r\nContent-Length: 0\r\n\r\n"
        )
    };
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let _ = answer(stream);
        }
    });
}

#[track_caller]
fn until<T>(book: &Book, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        let logs = || book.read("prometheus.log") + &book.read("prometheus-alertmanager.log");
        assert!(Instant::now() < deadline, "{}", logs());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The id of the only report.
fn report(responder: &Responder) -> Option<String> {
    let list = responder.get("/reports.json").body;
    let list: Vec<serde_json::Value> = serde_json::from_str(&list).unwrap();
    assert!(list.len() < 2, "{list:?}");
    Some(list.first()?["id"].as_str()?.to_owned())
}

#[test]
fn what_prometheus_sees_is_diagnosed_reported_and_closed() {
    let book = book("echo \"the script of $ALERT_NAME has looked\"; exit 2", "");
    let toml = book.read("book.toml");
    let table = "[preprocessor.runbook.respond]";
    let keys =
        "[preprocessor.runbook]\nbase-url = \"https://r.example/\"\nrules = [\"rules.yml\"]\n";
    book.write("book.toml", &toml.replace(table, &format!("{keys}{table}")));
    book.write("rules.yml", RULES);
    book.run(&["alerts"]).status(0).says("1/1 alerts linked");
    let responder = start(&book);
    let (web, own, alertmanager) = (free_port(), free_port(), free_port());
    book.write("prometheus.yml", &format!("global: {{scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}}\n\
         rule_files: [rules.yml]\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]}}\n\
         scrape_configs: [{{job_name: web, static_configs: [{{targets: ['127.0.0.1:{web}']}}]}}]\n"));
    // As `alerts/alertmanager.yml`, only faster.
    book.write("alertmanager.yml", &format!(
        "route:\n  receiver: r\n  group_by: [alertname]\n  group_wait: 0s\n  group_interval: 1s\n  repeat_interval: 1h\n\
         receivers:\n- name: r\n  webhook_configs:\n  - url: http://{}/alerts\n    send_resolved: true\n    max_alerts: 0\n",
        responder.address
    ));
    let _alertmanager = run(
        &book,
        "prometheus-alertmanager",
        alertmanager,
        &[
            "--config.file=alertmanager.yml",
            "--storage.path=am",
            "--cluster.listen-address=",
        ],
    );
    let _prometheus = run(
        &book,
        "prometheus",
        own,
        &["--config.file=prometheus.yml", "--storage.tsdb.path=data"],
    );
    let id = until(&book, || report(&responder));
    let told = responder.done(&id);
    assert_eq!(told["runs"][0]["output"], "the script of Down has looked\n");
    assert_eq!(told["runs"][0]["exit_status"], 2);
    assert_eq!(told["page"]["path"], "down.md");
    let alert = &told["alerts"][0];
    assert_eq!(alert["labels"]["job"], "web", "{told:#}");
    let served = responder.get(&format!("/reports/{id}"));
    assert_eq!(served.status, 200);
    for text in ["the script of Down has looked", "r.example&#x2F;down.html"] {
        assert!(served.body.contains(text), "no `{text}` in {}", served.body);
    }
    serve(web);
    until(&book, || {
        let resolved = &responder.done(&id)["resolved"];
        resolved.is_string().then_some(())
    });
    assert_eq!(report(&responder), Some(id));
}
