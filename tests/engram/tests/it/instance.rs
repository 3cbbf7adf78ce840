//! The words in which the tests are written: a data directory, a server on it, requests to it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const ENGRAM: &str = env!("CARGO_BIN_EXE_engram");
/// Generous, because the machine may be busy; nothing waits that long when all is well.
const PATIENCE: Duration = Duration::from_secs(20);

/// A home directory with a data directory, on which programs run one after the other.
pub(crate) struct Host {
    directory: TempDir,
}

/// A running server. Killed when dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) port: u16,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Host {
    pub(crate) fn new() -> Self {
        let host = Self {
            directory: TempDir::new().unwrap(),
        };
        std::fs::create_dir(host.path("home")).unwrap();
        host
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A command with the environment of this host and nothing else.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.path("home"))
            .env("ENGRAM_DATA_DIR", self.path("data"))
            .env("ENGRAM_PID_PATH", self.path("engram.pid"))
            .env("NO_COLOR", "1")
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs `engram` to its end.
    pub(crate) fn engram(&self, arguments: &[&str]) -> Output {
        self.command(Path::new(ENGRAM))
            .args(arguments)
            .output()
            .unwrap()
    }

    /// Writes the configuration file.
    pub(crate) fn configure(&self, text: &str) {
        std::fs::create_dir_all(self.path("home/.config/engram")).unwrap();
        std::fs::write(self.path("home/.config/engram/config.toml"), text).unwrap();
    }

    /// Starts a server and waits until it listens.
    #[track_caller]
    pub(crate) fn start(&self) -> Server {
        self.start_with(&["--grpc-port", "0"])
    }

    /// The same with further arguments.
    #[track_caller]
    pub(crate) fn start_with(&self, arguments: &[&str]) -> Server {
        self.launch(arguments, &[])
    }

    /// The same with variables of the environment.
    #[track_caller]
    pub(crate) fn start_in(&self, variables: &[(&str, &str)]) -> Server {
        self.launch(&["--grpc-port", "0"], variables)
    }

    #[track_caller]
    fn launch(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Server {
        let log = std::fs::File::options()
            .append(true)
            .create(true)
            .open(self.path("log"))
            .unwrap();
        let child = self
            .command(Path::new(ENGRAM))
            .args(["start", "--port", "0"])
            .args(arguments)
            .envs(variables.iter().copied())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut server = Server { child, port: 0 };
        let pid = server.child.id().to_string();
        let listening = wait_until(|| {
            assert!(server.child.try_wait().unwrap().is_none(), "{}", self.log());
            let text = std::fs::read_to_string(self.path("engram.pid")).unwrap_or_default();
            server.port = text
                .strip_prefix(&format!("{pid}:"))
                .map_or(0, |port| port.parse().unwrap());
            server.port != 0
        });
        assert!(listening, "{}", self.log());
        server
    }

    /// What servers on this host have logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The log files of a space, oldest first.
    pub(crate) fn wal(&self, space: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path("data").join(space).join("wal")).unwrap();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

impl Server {
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        self.try_send(method, path, headers, body).unwrap()
    }

    /// Sends one request; an error if the server goes away meanwhile.
    pub(crate) fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &str,
    ) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        for header in headers {
            request.push_str(&format!("{header}\r\n"));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let status = head[9..12].parse().unwrap();
        Ok(Answer {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        })
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    pub(crate) fn get_in(&self, space: &str, path: &str) -> Answer {
        self.send("GET", path, &[&format!("X-Memory-Space: {space}")], "")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(
            "POST",
            path,
            &["Content-Type: application/json"],
            &body.to_string(),
        )
    }

    /// Stores a memory without looking at the answer.
    pub(crate) fn try_store(&self, space: &str, id: &str) -> std::io::Result<Answer> {
        let headers = [
            "Content-Type: application/json",
            &format!("X-Memory-Space: {space}"),
        ];
        let body = json!({ "id": id, "content": format!("memory {id}"), "confidence": 0.9 });
        self.try_send(
            "POST",
            "/api/v1/memories/remember",
            &headers,
            &body.to_string(),
        )
    }

    #[track_caller]
    pub(crate) fn store(&self, space: &str, id: &str) {
        let answer = self.try_store(space, id).unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
    }

    /// The ids of all memories of a space, in order.
    pub(crate) fn ids(&self, space: &str) -> Vec<String> {
        let answer = self.get_in(space, "/api/v1/memories?limit=100000");
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = answer.json();
        body["memories"]
            .as_array()
            .unwrap()
            .iter()
            .map(|memory| memory["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// As with `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM and returns the exit status.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Asks again and again, but not for ever.
pub(crate) fn wait_until(mut condition: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    false
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
