//! An operator who is a script: commands from a pipe, one after the other in one shell in the
//! sandbox.

use super::capture::for_evidence;
use super::door::Door;
use super::expectation::in_words;
use super::sandbox::{SandboxError, quote};
use super::session::{Manner, Request, Session};
use super::stop::Stop;
use crate::evidence::Outcome;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;
use std::time::Duration;

/// To read a command takes no time, unless the fault has slowed down all.
const PARSE_LIMIT: Duration = Duration::from_secs(10);

/// A shell in the sandbox, and another beside it that is asked what it may not see.
pub struct Desk<'a> {
    door: Door,
    stop: &'a Stop,
    limit: Duration,
    shell: Session<'a>,
    aside: Session<'a>,
}

/// What came of a command.
#[derive(Debug)]
pub struct Typed {
    /// Its exit status; `None` where it has none.
    pub status: Option<i32>,
    /// How it ended, in words.
    pub words: String,
    /// What it printed.
    pub printed: String,
    /// The same, shortened as in evidence.
    pub kept: String,
    /// The shell has ended with it, as after `exit`.
    pub left: bool,
    /// A signal to this tool ended it.
    pub stopped: bool,
}

impl<'a> Desk<'a> {
    /// A new shell. A command that runs longer than `limit` is killed.
    pub fn open(door: &Door, limit: Duration, stop: &'a Stop) -> Result<Self, SandboxError> {
        Ok(Self {
            door: *door,
            stop,
            limit,
            shell: Session::enter(door, stop)?,
            aside: Session::enter(door, stop)?,
        })
    }

    /// Whether bash would run `text` now, rather than ask for more of it.
    pub fn is_complete(&mut self, text: &str) -> bool {
        let line = text.trim_end_matches('\n');
        let slashes = line.len() - line.trim_end_matches('\\').len();
        if slashes % 2 == 1 {
            return false;
        }
        let reply = self.aside.run(&Request {
            code: &format!("bash -n -c {} bash", quote(text)),
            line: 1,
            timeout: PARSE_LIMIT,
            manner: Manner::Apart,
        });
        !reply.capture.text().lines().any(asks_for_more)
    }

    /// Runs a complete command. Where its end costs the shell, the next one gets a new shell.
    pub fn run(&mut self, text: &str) -> Result<Typed, SandboxError> {
        let reply = self.shell.run(&Request {
            code: text,
            line: 1,
            timeout: self.limit,
            manner: Manner::Typed,
        });
        let left = matches!(reply.outcome, Outcome::SessionEnded { .. });
        if !self.shell.is_alive() && !left && !reply.stopped {
            self.shell = Session::enter(&self.door, self.stop)?;
        }
        let printed = reply.capture.text();
        Ok(Typed {
            status: match reply.outcome {
                Outcome::Exited { status } => Some(status.into()),
                _ => None,
            },
            words: in_words(&reply.outcome),
            kept: for_evidence(&printed).0,
            printed,
            left,
            stopped: reply.stopped,
        })
    }

    /// Leaves the shell as an operator does: what it has put into the background stays.
    pub fn leave(mut self) {
        if self.shell.is_alive() {
            self.shell.run(&Request {
                code: "exit",
                line: 1,
                timeout: Duration::from_secs(2),
                manner: Manner::Typed,
            });
        }
    }
}

/// Bash's words where a text ends in the middle of a command.
fn asks_for_more(line: &str) -> bool {
    let Some(said) = line.strip_prefix("bash: ") else {
        return false;
    };
    let said = said.strip_prefix("-c: ").unwrap_or(said);
    let Some((place, words)) = said.split_once(": ") else {
        return false;
    };
    if !place.starts_with("line ") {
        return false;
    }
    words.starts_with("syntax error: unexpected end of file")
        || words.starts_with("unexpected EOF while looking for matching")
        || (words.starts_with("warning: here-document") && words.contains("end-of-file"))
}

/// What came from a pipe.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A line without its end.
    Text(String),
    /// There is no more.
    End,
    /// A signal to this tool came first.
    Stopped,
}

/// Lines of a descriptor, as soon as they are there.
pub struct Lines<'a> {
    from: BorrowedFd<'a>,
    stop: &'a Stop,
    pending: Vec<u8>,
    ended: bool,
}

impl<'a> Lines<'a> {
    /// Reads from `from` until `stop`.
    pub fn new(from: BorrowedFd<'a>, stop: &'a Stop) -> Self {
        Self {
            from,
            stop,
            pending: Vec::new(),
            ended: false,
        }
    }

    /// The next line; waits for it.
    pub fn next_line(&mut self) -> Line {
        loop {
            if self.stop.is_set() {
                return Line::Stopped;
            }
            let end = self.pending.iter().position(|byte| *byte == b'\n');
            if let Some(end) = end {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                return Line::Text(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if self.ended && self.pending.is_empty() {
                return Line::End;
            }
            if self.ended {
                self.pending.push(b'\n');
                continue;
            }
            self.read();
        }
    }

    fn read(&mut self) {
        let mut fds = [
            PollFd::from_borrowed_fd(self.from, PollFlags::IN),
            PollFd::from_borrowed_fd(self.stop.as_fd(), PollFlags::IN),
        ];
        match poll(&mut fds, None) {
            Ok(_) if !fds[0].revents().is_empty() => {}
            Ok(_) | Err(Errno::INTR) => return,
            Err(error) => panic!("poll of open descriptors failed: {error}"),
        }
        let mut buffer = [0; 1 << 14];
        match rustix::io::read(self.from, &mut buffer) {
            Ok(n @ 1..) => self.pending.extend_from_slice(&buffer[..n]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Ok(_) | Err(_) => self.ended = true,
        }
    }
}
