//! A small HTTP/1.1 client for the commands that talk to the server on this host.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::pid_file;

/// Nothing that the commands ask for takes longer, except on a server that hangs.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The status as the server wrote it, such as `503 Service Unavailable`.
    pub(crate) status_line: String,
    /// The body.
    pub(crate) body: String,
}

/// Why there is no good answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// No PID file.
    #[error("No running Engram server found")]
    NoServer,
    /// The PID file cannot be read.
    #[error("Failed to read PID file '{0}'")]
    PidFile(std::path::PathBuf, #[source] io::Error),
    /// It does not answer.
    #[error("Failed to reach the Engram server on port {0}")]
    Unreachable(u16, #[source] io::Error),
    /// It answers with an error.
    #[error("Server answered {status}: {message}")]
    Refused {
        /// As the server wrote it.
        status: String,
        /// From the body.
        message: String,
    },
}

impl Answer {
    /// The body as JSON if the request was granted.
    pub(crate) fn granted(self) -> Result<Value, ClientError> {
        let body: Value = serde_json::from_str(&self.body).unwrap_or(Value::String(self.body));
        if (200..300).contains(&self.status) {
            return Ok(body);
        }
        let message = body
            .pointer("/error/message")
            .and_then(Value::as_str)
            .map_or_else(|| body.to_string(), str::to_owned);
        Err(ClientError::Refused {
            status: self.status_line,
            message,
        })
    }
}

/// The server that the PID file names.
pub(crate) fn server() -> Result<pid_file::Entry, ClientError> {
    let path = pid_file::path();
    pid_file::read(&path)
        .map_err(|error| ClientError::PidFile(path, error))?
        .ok_or(ClientError::NoServer)
}

/// Sends one request to the server on this host. `space` goes into the header `X-Memory-Space`.
pub(crate) fn request(
    port: u16,
    method: &str,
    path: &str,
    space: Option<&str>,
    body: Option<&Value>,
) -> Result<Answer, ClientError> {
    exchange(port, method, path, space, body).map_err(|error| ClientError::Unreachable(port, error))
}

fn exchange(
    port: u16,
    method: &str,
    path: &str,
    space: Option<&str>,
    body: Option<&Value>,
) -> io::Result<Answer> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n");
    if let Some(space) = space {
        head.push_str(&format!("X-Memory-Space: {space}\r\n"));
    }
    head.push_str(&format!(
        "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    parse(&answer)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status_line = head.lines().next()?.strip_prefix("HTTP/1.1 ")?.to_owned();
    let status = status_line.split(' ').next()?.parse().ok()?;
    Some(Answer {
        status,
        status_line,
        body: body.to_owned(),
    })
}
