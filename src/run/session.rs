//! One bash for a whole drill: steps go in one by one, outcomes come back on their own descriptor.
//!
//! The block is passed as bytes on a descriptor and evaluated by a driver that is never made from
//! it. The end of a step is a message on another that carries a random token, which the driver
//! learns only after the block has returned. No program that a block starts inherits them, and
//! nothing waits for the end of a stream, which a background process could hold open for ever.

mod start;
mod wait;

use super::capture::{Capture, HARD_LIMIT};
use super::driver::head;
use super::processes::{
    children, end_guest, kill_stopped_tree, kill_tree, started, ticks_since_boot,
};
use super::sandbox::Isolation;
use super::stop::Stop;
use crate::evidence::Outcome;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io::{PipeReader, PipeWriter};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// How long the kernel may take to end a sandbox.
const END_LIMIT: Duration = Duration::from_secs(5);

/// After a timed-out step's processes were killed, the session has this long to come back.
const GRACE: Duration = Duration::from_millis(500);

/// One step for the session.
#[derive(Debug, Clone)]
pub(super) struct Request<'a> {
    /// What bash is given.
    pub(super) code: &'a str,
    /// The line of the page on which it begins, counted from 1; bash's own messages show it.
    pub(super) line: usize,
    /// After this it is killed.
    pub(super) timeout: Duration,
    /// How it meets the session.
    pub(super) manner: Manner,
}

/// How a step meets the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// As if typed: variables and the working directory stay.
    Typed,
    /// In a subshell that gets Ctrl-C after this time.
    Interrupted(Duration),
    /// In a subshell: a command of `book.toml` must not change the operator's session.
    Apart,
}

/// How it went.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) outcome: Outcome,
    pub(super) capture: Capture,
    pub(super) time: Duration,
    /// A signal to this tool ended it.
    pub(super) stopped: bool,
}

/// A running bash inside its sandbox. Dropping it kills everything in there.
#[derive(Debug)]
pub(super) struct Session<'a> {
    child: Child,
    exit: OwnedFd,
    commands: PipeWriter,
    control: PipeReader,
    output: PipeReader,
    stop: &'a Stop,
    isolation: Isolation,
    /// Its bash is a guest in a sandbox that stays when it ends.
    enters: bool,
    ids: Option<Ids>,
    pending: Vec<u8>,
    control_open: bool,
    output_open: bool,
    ended: Option<ExitStatus>,
}

/// Host process ids of a sandbox.
#[derive(Debug, Clone, Copy)]
struct Ids {
    init: i32,
    bash: i32,
}

/// What woke us.
enum Woken {
    Message(String),
    Ended,
    Flooded,
    Deadline,
    Stopped,
}

impl Session<'_> {
    /// Whether the session's shell is the only process of its sandbox, as seen from the host.
    /// Orphans belong to the sandbox's first process.
    pub(super) fn is_alone(&self) -> bool {
        self.ids
            .is_some_and(|ids| children(ids.init) == [ids.bash] && children(ids.bash).is_empty())
    }

    /// Runs one step. A session that has ended answers [`Outcome::NotRun`].
    pub(super) fn run(&mut self, request: &Request<'_>) -> Reply {
        let start = Instant::now();
        let mut capture = Capture::default();
        if self.ended.is_some() {
            return Self::reply(Outcome::NotRun, capture, start);
        }
        let token = token();
        let since = ticks_since_boot();
        if self.send(request, &token).is_err() {
            self.reap();
            return Self::reply(Outcome::NotRun, capture, start);
        }
        let deadline = start + request.timeout;
        let outcome = match self.wait_for(&token, &mut capture, deadline) {
            Ok(outcome) => outcome,
            Err(Woken::Ended) => {
                self.drain(&mut capture);
                self.session_ended()
            }
            Err(Woken::Flooded) => {
                self.kill();
                Outcome::OutputLimit { limit: HARD_LIMIT }
            }
            Err(Woken::Stopped) => {
                self.kill();
                let mut reply = Self::reply(Outcome::NotRun, capture, start);
                reply.stopped = true;
                return reply;
            }
            Err(Woken::Deadline | Woken::Message(_)) => {
                self.end_step(since, &token, &mut capture);
                Outcome::TimedOut {
                    limit_ms: millis(request.timeout),
                }
            }
        };
        let outcome = match (outcome, request.manner) {
            (Outcome::Exited { .. }, Manner::Interrupted(after)) if start.elapsed() >= after => {
                Outcome::Interrupted
            }
            (outcome, _) => outcome,
        };
        Self::reply(outcome, capture, start)
    }

    fn reply(outcome: Outcome, capture: Capture, start: Instant) -> Reply {
        Reply {
            outcome,
            capture,
            time: start.elapsed(),
            stopped: false,
        }
    }

    fn send(&self, request: &Request<'_>, token: &str) -> std::io::Result<()> {
        let manner = match request.manner {
            Manner::Typed => "t".to_owned(),
            Manner::Interrupted(after) => format!("i{:.3}", after.as_secs_f64()),
            Manner::Apart => "p".to_owned(),
        };
        // Empty lines before the block: bash's own messages then show the page's line numbers.
        let padding = request.line.saturating_sub(1);
        let code = request.code;
        let mut message = head(padding + code.len(), code.is_ascii(), &manner);
        message.reserve(padding + code.len() + token.len());
        message.extend(std::iter::repeat_n('\n', padding));
        message.push_str(code);
        message.push_str(token);
        self.write(message.as_bytes())
    }

    /// Writes to bash, which reads a longer message than a pipe holds while we write it, unless it
    /// is gone and something else holds its end of the pipe open.
    fn write(&self, mut message: &[u8]) -> std::io::Result<()> {
        while !message.is_empty() {
            match rustix::io::write(&self.commands, message) {
                Ok(n) => message = &message[n..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let mut fds = [
                        PollFd::new(&self.exit, PollFlags::IN),
                        PollFd::new(&self.commands, PollFlags::OUT),
                    ];
                    poll(&mut fds, None)?;
                    if !fds[0].revents().is_empty() {
                        return Err(Errno::PIPE.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The outcome that the driver reports under `token`; anything else that wakes us is an error.
    fn wait_for(
        &mut self,
        token: &str,
        capture: &mut Capture,
        deadline: Instant,
    ) -> Result<Outcome, Woken> {
        loop {
            let message = match self.wait(capture, deadline) {
                Woken::Message(message) => message,
                other => return Err(other),
            };
            let mut words = message.split(' ');
            let outcome = match (words.next(), words.next(), words.next()) {
                (Some("done"), Some(status), Some(given)) if given == token => Outcome::Exited {
                    status: status.parse().unwrap_or(u8::MAX),
                },
                (Some("left"), Some(_), Some(given)) if given == token => Outcome::LeftEarly,
                // Not from our driver.
                _ => continue,
            };
            self.drain(capture);
            return Ok(outcome);
        }
    }

    /// Kills what the step started; where the session does not come back, the sandbox.
    fn end_step(&mut self, since: u64, token: &str, capture: &mut Capture) {
        let children = self.ids.map(|ids| children(ids.bash)).unwrap_or_default();
        for child in children
            .into_iter()
            .filter(|child| started(*child) >= Some(since))
        {
            kill_tree(child);
        }
        let back = self.wait_for(token, capture, Instant::now() + GRACE);
        if back.is_err() {
            self.kill();
        }
    }

    fn session_ended(&self) -> Outcome {
        let status = self.ended.and_then(|ended| ended.code());
        let signal = self.ended.and_then(|ended| ended.signal());
        // bubblewrap and shells report a signal as 128 and its number.
        let signal = signal.or(status
            .filter(|code| (129..=192).contains(code))
            .map(|c| c - 128));
        Outcome::SessionEnded { status, signal }
    }

    fn reap(&mut self) {
        if self.ended.is_none() {
            self.ended = self.child.wait().ok();
        }
    }

    /// Waits between two rounds of a polled check; false if a signal to this tool ended the wait.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(self.stop.as_fd(), PollFlags::IN)];
        let timeout = Timespec::try_from(time).unwrap_or_default();
        matches!(poll(&mut fds, Some(&timeout)), Ok(0) | Err(_))
    }

    /// How far it is kept from the host.
    pub(super) fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// Its bash, by the host's process id.
    pub(super) fn bash(&self) -> Option<i32> {
        self.ids.map(|ids| ids.bash)
    }

    /// Whether steps can still be run.
    pub(super) fn is_alive(&self) -> bool {
        self.ended.is_none()
    }

    /// Ends everything in the sandbox, whatever it is doing.
    pub(super) fn kill(&mut self) {
        if self.ended.is_some() {
            return;
        }
        let init = self
            .ids
            .filter(|_| self.isolation == Isolation::Full)
            .and_then(|ids| Pid::from_raw(ids.init))
            .and_then(|init| pidfd_open(init, PidfdFlags::empty()).ok());
        let outer = i32::try_from(self.child.id());
        if self.enters
            && let Ok(outer) = outer
        {
            end_guest(outer);
            self.reap();
            return;
        }
        if self.ids.is_none()
            && let Ok(outer) = outer
        {
            // It is still starting: its first process waits for bubblewrap, and would do so for ever.
            kill_stopped_tree(outer);
        }
        // The PID namespace dies with its first process, and that one with bubblewrap.
        let _ = self.child.kill();
        self.reap();
        if let Some(init) = init {
            await_end(&init);
        }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.kill();
        if self.isolation == Isolation::None {
            super::leftovers::kill_descendants();
        }
    }
}

/// Waits until a process is gone: the first of a PID namespace goes when all others have.
fn await_end(process: &OwnedFd) {
    let mut fds = [PollFd::new(process, PollFlags::IN)];
    let timeout = Timespec::try_from(END_LIMIT).unwrap_or_default();
    // One that does not go is beyond us; whoever looks for it will find it.
    let _ = poll(&mut fds, Some(&timeout));
}

/// 128 random bits from the kernel.
fn token() -> String {
    use std::hash::{BuildHasher, RandomState};
    let half = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", half(), half())
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
