//! The language of the responder's tests: a book with a script, a running responder, HTTP by hand.

use crate::book::{Book, program};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const PAGE: &str =
    "---\nalerts: [Down]\nseverity: SEV1\n---\n# It is down & out\n\n```bash\ntrue\n```\n";

/// A book whose `command` is the script `body`, and further keys of its table.
pub(crate) fn book(body: &str, keys: &str) -> Book {
    let book = Book::new().page("down.md", PAGE).page("a.md", "# A\n");
    script(&book, "diagnose.sh", body);
    let command = book.path("diagnose.sh");
    book.toml(&format!(
        "[preprocessor.runbook.respond]\ncommand = [\"/bin/sh\", \"{}\"]\n{keys}\n",
        command.display()
    ))
}

/// Always run by `/bin/sh`: a file that was just written may be busy for another test's fork.
pub(crate) fn script(book: &Book, name: &str, body: &str) {
    book.write(name, &format!("{body}\n"));
}

/// A running responder; killed when it is dropped.
pub(crate) struct Responder {
    pub(crate) child: Child,
    pub(crate) address: String,
    pub(crate) lines: Receiver<String>,
    pub(crate) token: Option<String>,
}

impl Drop for Responder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn start(book: &Book) -> Responder {
    start_with(book, &[])
}

pub(crate) fn start_with(book: &Book, args: &[&str]) -> Responder {
    let mut child = program(book.dir.path())
        .args(["respond", "--listen", "127.0.0.1:0"])
        .args(args)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, lines) = channel();
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = stdout.next().expect("it has not started").unwrap();
    std::thread::spawn(move || {
        for line in stdout.map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let address = first.strip_prefix("listening on http://").unwrap();
    Responder {
        child,
        address: address.trim_end_matches("/alerts").to_owned(),
        lines,
        token: None,
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Reads one answer of a connection that may stay open.
pub(crate) fn answer(stream: &mut impl BufRead) -> Answer {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(
            stream.read_line(&mut head).unwrap() > 0,
            "no answer: {head}"
        );
    }
    let head = head.to_lowercase();
    let field = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::trim).map(str::to_owned)
    };
    let length = field("content-length:").unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        body: String::from_utf8(body).unwrap(),
        head,
    }
}

impl Responder {
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream
    }

    pub(crate) fn request(&self, method: &str, path: &str, fields: &str, body: &str) -> Answer {
        let mut stream = self.connect();
        let token = self.token.as_ref();
        let token = token.map_or(String::new(), |t| format!("Authorization: Bearer {t}\r\n"));
        let length = body.len();
        let host = if fields.contains("Host:") {
            ""
        } else {
            "Host: 127.0.0.1\r\n"
        };
        let text = format!(
            "{method} {path} HTTP/1.1\r\n{host}{token}{fields}Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(text.as_bytes()).unwrap();
        answer(&mut BufReader::new(stream))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, "", "")
    }

    pub(crate) fn post(&self, body: &str) -> Answer {
        self.request(
            "POST",
            "/alerts",
            "Content-Type: application/json\r\n",
            body,
        )
    }

    /// Posts what must be queued; the report's id.
    #[track_caller]
    pub(crate) fn queued(&self, body: &str) -> String {
        let answer = self.post(body);
        let id = answer.body.trim().strip_prefix("queued: /reports/");
        id.unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    /// The report, once nothing more is run for it.
    #[track_caller]
    pub(crate) fn done(&self, id: &str) -> serde_json::Value {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = self.get(&format!("/reports/{id}.json"));
            let report: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            if matches!(report["progress"].as_str(), Some("done" | "interrupted")) {
                return report;
            }
            assert!(Instant::now() < deadline, "{report:#}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[track_caller]
    pub(crate) fn metric(&self, line: &str) {
        let text = self.get("/metrics").body;
        assert!(
            text.lines()
                .any(|one| one == format!("runbook_respond_{line}")),
            "no `{line}` in\n{text}"
        );
    }

    /// Sends SIGTERM; the exit status and how long it took.
    pub(crate) fn terminate(&mut self) -> (Option<i32>, Duration) {
        let began = Instant::now();
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
        let status = self.child.wait().unwrap();
        (status.code(), began.elapsed())
    }
}

/// A notification about one alert.
pub(crate) fn alert(status: &str, group: &str, name: &str, starts: &str, labels: &str) -> String {
    format!(
        r#"{{"version":"4","groupKey":"{group}","truncatedAlerts":0,"status":"{status}","receiver":"r",
"groupLabels":{{}},"commonLabels":{{}},"commonAnnotations":{{}},"externalURL":"http://a:9093",
"alerts":[{{"status":"{status}","labels":{{"alertname":"{name}","severity":"critical"{labels}}},
"annotations":{{"runbook_url":"https://r.example/down.html","summary":"<b>S</b>"}},
"startsAt":"{starts}","endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"f-{group}"}}]}}"#
    )
}

pub(crate) fn firing(group: &str) -> String {
    alert("firing", group, "Down", "2026-11-25T03:00:00Z", "")
}
