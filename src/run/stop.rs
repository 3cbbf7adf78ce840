//! Ctrl-C and its kin: one descriptor that becomes readable, and stays so.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io;
use std::os::unix::net::UnixStream;

/// Becomes readable at the first SIGINT, SIGTERM or SIGHUP. Nobody reads it, so that every
/// waiting thread sees it.
#[derive(Debug)]
pub struct Stop {
    reader: OwnedFd,
    /// Kept open: a closed peer would make the reader readable.
    _writer: OwnedFd,
}

impl Stop {
    /// Catches the signals from now on.
    pub fn on_signals() -> io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
        }
        Ok(Self {
            reader: reader.into(),
            _writer: writer.into(),
        })
    }

    /// One that never becomes readable.
    pub fn never() -> io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        Ok(Self {
            reader: reader.into(),
            _writer: writer.into(),
        })
    }

    /// Whether a signal has come.
    pub fn is_set(&self) -> bool {
        let mut fds = [PollFd::new(&self.reader, PollFlags::IN)];
        let now = rustix::event::Timespec::default();
        matches!(poll(&mut fds, Some(&now)), Ok(1))
    }
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}
