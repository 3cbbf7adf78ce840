//! The PID file: `$ENGRAM_PID_PATH` or `<temporary directory>/engram.pid`, with `PID:PORT` in it.

use std::io;
use std::path::{Path, PathBuf};

/// What a PID file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The server's process.
    pub(crate) pid: i32,
    /// Its HTTP port.
    pub(crate) port: u16,
}

/// Where the PID file is.
pub(crate) fn path() -> PathBuf {
    std::env::var_os("ENGRAM_PID_PATH")
        .map_or_else(|| std::env::temp_dir().join("engram.pid"), PathBuf::from)
}

/// What the file says; `None` if there is no file, an error if it says something else.
pub(crate) fn read(path: &Path) -> io::Result<Option<Entry>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let entry = text.trim().split_once(':').and_then(|(pid, port)| {
        Some(Entry {
            pid: pid.parse().ok().filter(|pid| *pid > 0)?,
            port: port.parse().ok()?,
        })
    });
    entry
        .map(Some)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it does not say PID:PORT"))
}

/// Is the process there, and is it a server? A number is given to other processes later.
pub(crate) fn is_server(pid: i32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| {
        line.split(|byte| *byte == 0)
            .any(|argument| argument == b"start")
    })
}

/// Says who we are and on which port. The file appears with its content, not before.
pub(crate) fn write(path: &Path, port: u16) -> io::Result<()> {
    let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&unfinished, format!("{}:{port}", std::process::id()))?;
    std::fs::rename(&unfinished, path).inspect_err(|_| {
        let _already_failing = std::fs::remove_file(&unfinished);
    })
}

/// Removes the file if it is about the process. A server that came later keeps its own.
pub(crate) fn remove(path: &Path, pid: i32) {
    if read(path).is_ok_and(|entry| entry.is_some_and(|entry| entry.pid == pid)) {
        let _gone_already = std::fs::remove_file(path);
    }
}
