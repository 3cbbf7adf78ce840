//! An operator at a terminal: an interactive shell in the sandbox, on a pseudo-terminal of its own.
//!
//! The operator's own terminal is never given to the sandbox: what runs in there could type into
//! it. The shell tells on a pipe which commands it begins and ends.

use super::capture::{Capture, for_evidence};
use super::door::Door;
use super::processes::end_guest;
use super::sandbox::{SandboxError, quote};
use super::spawner::UNPRIVILEGED;
use super::stop::Stop;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Gid, Uid, fchown};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, geteuid, pidfd_open};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};
use signal_hook::consts::SIGWINCH;
use std::io::{PipeReader, pipe};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Child;

/// While the shell has not read this many bytes, no more are taken from the operator.
const INPUT_ROOM: usize = 1 << 16;

/// What the shell tells. Descriptor 20 is the pipe, PS0 is expanded before a command is run. What is
/// printed in between stands between two marks in the terminal's own stream, those that terminals
/// know as the begin and the end of a command's output (OSC 133).
const RC: &str = r#"
HISTCONTROL= HISTIGNORE= HISTFILE= HISTSIZE=10000
unset -v HISTTIMEFORMAT
shopt -s cmdhist lithist checkwinsize
PS1='[game day] \w \$ '
__rb_began() { printf 'b%s\0' "$(history 1)" >&20; }
__rb_ended() { printf '\e]133;D\a'; printf 'e%s\0' "$1" >&20; }
PS0='$(__rb_began)\e]133;C\a'
PROMPT_COMMAND='__rb_ended $?'
"#;

const BEGIN: &[u8] = b"\x1b]133;C\x07";
const END: &[u8] = b"\x1b]133;D\x07";

/// Bytes kept of what the terminal shows during one command: as many of its begin as of its end.
const KEPT: usize = 1 << 18;

/// One command, as the shell told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// When it began.
    pub at: jiff::Timestamp,
    /// What was typed.
    pub text: String,
    /// Its exit status; `None` where the shell ended with it.
    pub status: Option<i32>,
    /// What the terminal showed meanwhile, shortened.
    pub printed: String,
}

/// Why the shell has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The operator left it, or it died.
    Ended,
    /// A signal to this tool.
    Stopped,
}

/// Opens a shell at the terminal on our standard input and output; each command that has ended is
/// given to `note`.
pub fn shell(door: &Door, stop: &Stop, note: impl FnMut(Noted)) -> Result<Left, SandboxError> {
    let failed = |error: Errno| SandboxError::Spawn(error.into());
    let (records, records_writer) = pipe().map_err(SandboxError::Spawn)?;
    let (errors, errors_writer) = pipe().map_err(SandboxError::Spawn)?;
    let (master, slave) = pair(door)?;
    let mut command = door.command()?;
    command.args(["/usr/bin/bash", "--noprofile", "--norc", "-c"]);
    command.arg(boot(door));
    let terminal = std::env::var_os("TERM").unwrap_or_else(|| "xterm".into());
    command.env("TERM", terminal).env_remove("COLUMNS");
    command.stdin(slave);
    command.stdout(records_writer).stderr(errors_writer);
    // So that nsenter's child can begin a session of its own.
    command.process_group(0);
    let child = door.spawn(command)?;
    let exit = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).map_err(failed)?;
    for fd in [master.as_fd(), records.as_fd(), errors.as_fd()] {
        rustix::io::ioctl_fionbio(fd, true).map_err(failed)?;
    }
    let mut relay = Relay {
        child,
        exit,
        master,
        records,
        pending: Vec::new(),
        told: Vec::new(),
        is_ready: false,
        open: None,
        shown: Vec::new(),
        note,
    };
    let raw = Raw::set().map_err(failed)?;
    let left = relay.run(stop);
    drop(raw);
    if relay.is_ready || left == Left::Stopped {
        return Ok(left);
    }
    let mut words = [0; 4096];
    let n = rustix::io::read(&errors, &mut words).unwrap_or(0);
    let words = String::from_utf8_lossy(&words[..n]);
    Err(SandboxError::NoEntry(words.replace(['\n', '\0'], " ")))
}

/// Both ends of a new pseudo-terminal of the size of ours; the second belongs to the sandbox's user,
/// who opens it by name for `/dev/stderr`.
fn pair(door: &Door) -> Result<(OwnedFd, OwnedFd), SandboxError> {
    let open = || -> Result<(OwnedFd, OwnedFd), Errno> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let slave = ioctl_tiocgptpeer(&master, flags)?;
        if let Ok(size) = tcgetwinsize(rustix::stdio::stdin()) {
            tcsetwinsize(&master, size)?;
        }
        Ok((master, slave))
    };
    let (master, slave) = open().map_err(|error| SandboxError::Spawn(error.into()))?;
    if geteuid().is_root() && door.owner()? == UNPRIVILEGED {
        let user = (Uid::from_raw(UNPRIVILEGED), Gid::from_raw(UNPRIVILEGED));
        fchown(&slave, Some(user.0), Some(user.1))
            .map_err(|error| SandboxError::Spawn(error.into()))?;
    }
    Ok((master, slave))
}

/// Standard input is the terminal, standard output the pipe, standard error for what goes wrong.
fn boot(door: &Door) -> String {
    format!(
        "exec 4>&2 5>&1 1>&0 2>&0; {}; exec 20>&5 5>&- 4>&-; printf 'r\\0' >&20; \
         exec setsid --ctty bash --noprofile --rcfile <(printf %s {}) -i",
        door.prelude(),
        quote(RC)
    )
}

/// The operator's terminal without its own line editing, until this is dropped.
struct Raw(Termios);

impl Raw {
    fn set() -> Result<Self, Errno> {
        let before = tcgetattr(rustix::stdio::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Drain, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Drain, &self.0);
    }
}

/// Carries bytes between the two terminals.
struct Relay<N: FnMut(Noted)> {
    child: Child,
    exit: OwnedFd,
    master: OwnedFd,
    records: PipeReader,
    /// Typed, and not yet taken by the shell's terminal.
    pending: Vec<u8>,
    /// Of the shell's messages, the beginning of one.
    told: Vec<u8>,
    is_ready: bool,
    open: Option<Noted>,
    /// What the terminal has shown since the last command ended.
    shown: Vec<u8>,
    note: N,
}

impl<N: FnMut(Noted)> Relay<N> {
    fn run(&mut self, stop: &Stop) -> Left {
        let resized = UnixStream::pair().and_then(|(reader, writer)| {
            signal_hook::low_level::pipe::register(SIGWINCH, writer)?;
            Ok(reader)
        });
        let resized = resized.ok();
        let mut typing = true;
        loop {
            let woken = self.wait(stop, resized.as_ref().map(UnixStream::as_fd), typing);
            if woken.stop {
                return Left::Stopped;
            }
            if woken.resized
                && let Some(resized) = &resized
            {
                let _ = rustix::io::read(resized, &mut [0; 64]);
                if let Ok(size) = tcgetwinsize(rustix::stdio::stdin()) {
                    let _ = tcsetwinsize(&self.master, size);
                }
            }
            self.listen();
            self.show();
            if woken.typed {
                typing = self.take();
            }
            self.feed();
            if woken.exit {
                self.listen();
                self.show();
                self.end_command(None);
                let _ = self.child.wait();
                return Left::Ended;
            }
        }
    }

    fn wait(&self, stop: &Stop, resized: Option<BorrowedFd<'_>>, typing: bool) -> Woken {
        let stdin = rustix::stdio::stdin();
        let master = if self.pending.is_empty() {
            PollFlags::IN
        } else {
            PollFlags::IN | PollFlags::OUT
        };
        let mut fds = vec![
            PollFd::new(&self.exit, PollFlags::IN),
            PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN),
            PollFd::new(&self.master, master),
            PollFd::new(&self.records, PollFlags::IN),
        ];
        let takes = typing && self.pending.len() < INPUT_ROOM;
        let typed = takes.then(|| {
            fds.push(PollFd::from_borrowed_fd(stdin, PollFlags::IN));
            fds.len() - 1
        });
        let resized = resized.map(|resized| {
            fds.push(PollFd::from_borrowed_fd(resized, PollFlags::IN));
            fds.len() - 1
        });
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(Errno::INTR) => return Woken::default(),
            Err(error) => panic!("poll of open descriptors failed: {error}"),
        }
        let is = |at: Option<usize>| at.is_some_and(|at| !fds[at].revents().is_empty());
        Woken {
            exit: is(Some(0)),
            stop: is(Some(1)),
            typed: is(typed),
            resized: is(resized),
        }
    }

    /// What the shell tells; what it has shown before the end of a command belongs to that.
    fn listen(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = rustix::io::read(&self.records, &mut buffer) {
            self.told.extend_from_slice(&buffer[..n]);
        }
        while let Some(end) = self.told.iter().position(|byte| *byte == 0) {
            let message: Vec<u8> = self.told.drain(..=end).collect();
            let text = String::from_utf8_lossy(&message[..end]).into_owned();
            match text.split_at_checked(1) {
                Some(("r", "")) => self.is_ready = true,
                Some(("b", typed)) => self.begin_command(typed),
                Some(("e", status)) => {
                    self.show();
                    self.end_command(status.parse().ok());
                }
                // Not from our shell.
                _ => {}
            }
        }
    }

    fn begin_command(&mut self, typed: &str) {
        self.end_command(None);
        // `history` prints a number before it.
        let text = typed
            .trim_start()
            .trim_start_matches(|c: char| c.is_ascii_digit());
        let text = text.trim_start_matches(['*', ' ']).trim_end().to_owned();
        self.open = Some(Noted {
            at: jiff::Timestamp::now(),
            text,
            status: None,
            printed: String::new(),
        });
    }

    fn end_command(&mut self, status: Option<i32>) {
        if let Some(mut noted) = self.open.take() {
            noted.status = status;
            let mut capture = Capture::default();
            capture.push(between_marks(&self.shown));
            noted.printed = for_evidence(&capture.text()).0;
            (self.note)(noted);
        }
        self.shown.clear();
    }

    /// From the shell to the operator.
    fn show(&mut self) {
        let mut buffer = [0; 1 << 14];
        while let Ok(n @ 1..) = rustix::io::read(&self.master, &mut buffer) {
            self.shown.extend_from_slice(&buffer[..n]);
            if self.shown.len() > 3 * KEPT {
                self.shown.drain(KEPT..self.shown.len() - KEPT);
            }
            let mut left = &buffer[..n];
            while !left.is_empty() {
                match rustix::io::write(rustix::stdio::stdout(), left) {
                    Ok(n) => left = &left[n..],
                    Err(Errno::INTR | Errno::AGAIN) => {}
                    // A terminal that is gone tells us so by a signal.
                    Err(_) => break,
                }
            }
        }
    }

    /// From the operator; false at the end of it.
    fn take(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match rustix::io::read(rustix::stdio::stdin(), &mut buffer) {
            Ok(0) => false,
            Ok(n) => {
                self.pending.extend_from_slice(&buffer[..n]);
                true
            }
            Err(Errno::INTR | Errno::AGAIN) => true,
            Err(_) => false,
        }
    }

    /// To the shell, as much as its terminal takes.
    fn feed(&mut self) {
        while !self.pending.is_empty() {
            match rustix::io::write(&self.master, &self.pending) {
                Ok(n) => drop(self.pending.drain(..n)),
                Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }
}

impl<N: FnMut(Noted)> Drop for Relay<N> {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait()
            && let Ok(outer) = i32::try_from(self.child.id())
        {
            end_guest(outer);
            let _ = self.child.wait();
        }
    }
}

/// What a command has printed: all of it, where a mark is missing.
fn between_marks(shown: &[u8]) -> &[u8] {
    let find = |mark: &[u8], text: &[u8]| text.windows(mark.len()).position(|at| at == mark);
    let from = find(BEGIN, shown).map_or(0, |at| at + BEGIN.len());
    let output = &shown[from..];
    &output[..find(END, output).unwrap_or(output.len())]
}

/// What a relay has to do besides carrying.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four descriptors, each ready or not"
)]
struct Woken {
    exit: bool,
    stop: bool,
    typed: bool,
    resized: bool,
}
