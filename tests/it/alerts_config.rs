//! The first book's alerts on their way to people: labels, routes, inhibition and notifications, by the
//! real Alertmanager.

use mdbook_runbook::alerting::Alerting;
use mdbook_runbook::config::Config;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a program prints; it must succeed.
#[track_caller]
fn printed(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .current_dir(root().join("alerts"))
        .output()
        .expect("`make setup` installs it");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn alerting() -> Alerting {
    let config = Config::load(&root().join("book"), None).unwrap();
    let (alerting, findings) = Alerting::load(&config);
    assert_eq!(findings, []);
    alerting
}

#[test]
fn every_alert_has_what_people_and_routes_need_and_gets_to_its_receivers() {
    let alerting = alerting();
    assert!(alerting.alerts().count() >= 17);
    for alert in alerting.alerts() {
        let name = &alert.name;
        let has = |key: &str| {
            alert
                .annotations
                .iter()
                .any(|it| it.key == key && !it.text.is_empty())
        };
        assert!(
            has("summary") && has("description") && has("runbook_url"),
            "{name}"
        );
        assert_eq!(alert.label("team"), Some("engram"), "{name}");
        let severity = alert.label("severity").unwrap_or_default();
        let receiver = match severity {
            "critical" => "engram-page",
            "warning" => "engram-ticket",
            other => panic!("{name}: severity {other}"),
        };
        let labels = [
            "team=engram",
            &format!("severity={severity}"),
            &format!("alertname={name}"),
        ]
        .map(str::to_owned);
        let mut args = vec![
            "config",
            "routes",
            "test",
            "--config.file",
            "alertmanager.yml",
        ];
        args.extend(labels.iter().map(String::as_str));
        assert_eq!(
            printed("amtool", &args).trim(),
            format!("engram-responder,{receiver}"),
            "{name}"
        );
    }
    let args = [
        "config",
        "routes",
        "test",
        "--config.file",
        "alertmanager.yml",
        "severity=odd",
    ];
    assert_eq!(
        printed("amtool", &args).trim(),
        "engram-ticket",
        "nothing is lost"
    );
}

#[test]
fn the_configuration_is_good_with_and_without_the_real_receivers() {
    printed("promtool", &["check", "config", "prometheus.yml"]);
    printed("amtool", &["check-config", "alertmanager.yml"]);
    let dir = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(root().join("alerts/alertmanager.yml")).unwrap();
    assert!(text.contains("#+ pagerduty_configs:") && text.contains("#+ email_configs:"));
    fs::copy(
        root().join("alerts/engram.tmpl"),
        dir.path().join("engram.tmpl"),
    )
    .unwrap();
    let path = dir.path().join("alertmanager.yml");
    fs::write(&path, text.replace("#+ ", "")).unwrap();
    printed("amtool", &["check-config", path.to_str().unwrap()]);
}

#[test]
fn notifications_show_the_link_first_also_where_the_links_of_a_group_differ() {
    let alert = |space: &str, status: &str| {
        json!({"status": status, "startsAt": "2026-11-25T03:00:00Z", "endsAt": "2026-11-25T04:00:00Z",
            "labels": {"alertname": "WALLagHigh", "severity": "warning", "instance": "e1", "memory_space": space},
            "annotations": {"runbook_url": format!("https://r.example/a.html?space={space}#b"), "summary": "It lags", "description": "Much."}})
    };
    // As Alertmanager makes it: annotations that differ are not common.
    let data = json!({"receiver": "r", "status": "firing", "externalURL": "http://a", "commonAnnotations": {},
        "groupLabels": {"alertname": "WALLagHigh"}, "commonLabels": {"instance": "e1"},
        "alerts": [alert("one", "firing"), alert("two", "firing"), alert("old", "resolved")]});
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.json");
    fs::write(&path, data.to_string()).unwrap();
    let render = |kind: &str, name: &str| {
        let text = format!("{{{{ template \"engram.{name}\" . }}}}");
        let kind = format!("--template.type={kind}");
        let data = format!("--template.data={}", path.display());
        let args = [
            "template",
            "render",
            "--template.glob",
            "engram.tmpl",
            &kind,
            &data,
            "--template.text",
            &text,
        ];
        printed("amtool", &args)
    };
    assert_eq!(
        render("text", "subject").trim(),
        "[FIRING 2] WALLagHigh on e1"
    );
    for (kind, name, first, second) in [
        (
            "text",
            "text",
            "Runbook: https://r.example/a.html?space=one#b\nIt lags (warning)",
            "Runbook: https://r.example/a.html?space=two#b",
        ),
        (
            "text",
            "slack",
            "<https://r.example/a.html?space=one#b|*Runbook*> It lags",
            "<https://r.example/a.html?space=two#b|",
        ),
        (
            "html",
            "html",
            "<p><a href=\"https://r.example/a.html?space=one#b\"><b>Runbook</b></a> It lags",
            "space=two#b",
        ),
    ] {
        let shown = render(kind, name);
        assert!(shown.trim_start().starts_with(first), "{shown}");
        assert!(
            shown.contains(second) && shown.to_lowercase().contains("resolved"),
            "{shown}"
        );
    }
}

/// An Alertmanager with the configuration of the book, whose webhook is this test.
struct Alertmanager {
    process: Child,
    port: u16,
    notifications: Receiver<Value>,
    _dir: tempfile::TempDir,
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

impl Alertmanager {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let text = fs::read_to_string(root().join("alerts/alertmanager.yml")).unwrap();
        assert!(text.contains("http://127.0.0.1:9095/alerts"));
        let text = text.replace("127.0.0.1:9095", &address.to_string());
        let config: PathBuf = dir.path().join("alertmanager.yml");
        fs::write(&config, text).unwrap();
        fs::copy(
            root().join("alerts/engram.tmpl"),
            dir.path().join("engram.tmpl"),
        )
        .unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let process = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.path={}",
                dir.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("`make setup` installs it");
        let (sender, notifications) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(body) = answered(stream)
                    && sender.send(body).is_err()
                {
                    return;
                }
            }
        });
        let alertmanager = Self {
            process,
            port,
            notifications,
            _dir: dir,
        };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                begin.elapsed() < Duration::from_secs(30),
                "it does not start"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        alertmanager
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api/v2/alerts", self.port)
    }

    fn fire(&self, alerts: &Value) {
        let header = [
            "-H",
            "Content-Type: application/json",
            "--retry",
            "20",
            "--retry-all-errors",
            "--retry-delay",
            "1",
        ];
        let mut args = vec!["-fsS", "--max-time", "10"];
        let (body, url) = (alerts.to_string(), self.url());
        args.extend(header);
        args.extend(["-d", body.as_str(), url.as_str()]);
        printed("curl", &args);
    }

    /// The names of the alerts that are not sent because of another one.
    fn inhibited(&self) -> Vec<String> {
        let shown = printed("curl", &["-fsS", "--max-time", "10", &self.url()]);
        let alerts: Vec<Value> = serde_json::from_str(&shown).unwrap();
        let mut names: Vec<String> = alerts
            .iter()
            .filter(|alert| alert["status"]["inhibitedBy"] != json!([]))
            .map(|alert| {
                format!(
                    "{} {}",
                    alert["labels"]["alertname"].as_str().unwrap(),
                    alert["labels"]["instance"].as_str().unwrap()
                )
            })
            .collect();
        names.sort();
        names
    }
}

/// The JSON of a request, which gets an empty 200.
fn answered(mut stream: TcpStream) -> Option<Value> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase();
            let length = length.split("content-length: ").nth(1)?;
            let length: usize = length.split_whitespace().next()?.parse().ok()?;
            if body.len() >= length {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                stream.write_all(answer).ok()?;
                return serde_json::from_str(body).ok();
            }
        }
        let read = stream.read(&mut buffer).ok()?;
        request.extend_from_slice(&buffer[..read]);
        if read == 0 {
            return None;
        }
    }
}

/// An alert of the rules as Prometheus sends it.
fn firing(alerting: &Alerting, name: &str, instance: &str) -> Value {
    let rule = alerting.alerts().find(|rule| rule.name == name).unwrap();
    let url = rule
        .annotations
        .iter()
        .find(|it| it.key == "runbook_url")
        .unwrap();
    json!({"labels": {"alertname": name, "job": "engram", "instance": instance, "team": "engram",
            "severity": rule.label("severity"), "memory_space": "tenant_a"}, "annotations": {"runbook_url": url.text}})
}

#[test]
fn a_server_that_is_down_is_one_call_and_the_responder_gets_it_with_its_link() {
    let alerting = alerting();
    let alert = |name: &str, instance: &str| firing(&alerting, name, instance);
    let alertmanager = Alertmanager::start();
    alertmanager.fire(&json!([alert("EngramDown", "one")]));
    alertmanager.fire(&json!([
        alert("WALLagHigh", "one"),
        alert("EngramGrpcDown", "one"),
        alert("WALLagHigh", "two"),
        alert("EngramSpaceUnavailable", "three"),
        alert("IndexFallbackActive", "three"),
        alert("EngramNonFiniteEmbeddings", "three"),
        alert("EngramConsolidationFailing", "four"),
        alert("EngramConsolidationStalled", "four"),
    ]));
    let inhibited = [
        "EngramConsolidationStalled four",
        "EngramGrpcDown one",
        "IndexFallbackActive three",
        "WALLagHigh one",
    ];
    let begin = Instant::now();
    while alertmanager.inhibited() != inhibited {
        let seen = alertmanager.inhibited();
        assert!(begin.elapsed() < Duration::from_secs(20), "{seen:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    let mut told = Vec::new();
    while told.len() < 5 {
        let wait = Duration::from_secs(20);
        let one = alertmanager
            .notifications
            .recv_timeout(wait)
            .expect("a notification");
        let labels = &one["commonLabels"];
        if labels["alertname"] == "EngramDown" {
            let url = one["alerts"][0]["annotations"]["runbook_url"]
                .as_str()
                .unwrap();
            assert!(url.ends_with("/issues/wont-start.html"), "{url}");
        }
        told.push(format!(
            "{} {}",
            labels["alertname"].as_str().unwrap(),
            labels["instance"].as_str().unwrap()
        ));
    }
    told.sort();
    let sent = [
        "EngramConsolidationFailing four",
        "EngramDown one",
        "EngramNonFiniteEmbeddings three",
        "EngramSpaceUnavailable three",
        "WALLagHigh two",
    ];
    assert_eq!(told, sent);
}
