//! One bash for a whole drill: steps go in one by one, outcomes come back on their own descriptor.
//!
//! The block is passed as bytes on descriptor 3 and evaluated by a driver that is never made from
//! it. Both our descriptors are closed while a block runs, so that what it starts in the background
//! cannot hold them. The end of a step is a message on descriptor 4 that carries a random token,
//! which the driver learns only after the block has returned; nothing waits for the end of a
//! stream, which a background process could hold open for ever.

use super::capture::{Capture, HARD_LIMIT};
use super::sandbox::{Isolation, Sandbox, SandboxError, quote, refusal};
use super::stop::Stop;
use crate::evidence::Outcome;
use command_fds::{CommandFdExt, FdMapping};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// How long a session may take to get ready for its first step.
const START_LIMIT: Duration = Duration::from_secs(20);

/// After a timed-out step's processes were killed, the session has this long to come back.
const GRACE: Duration = Duration::from_millis(500);

/// The loop around the steps, on one line: bash counts the lines of a block from where `eval`
/// stands. The outer `eval` enters it again after a block that broke out of it.
///
/// Everything is read by its length in bytes: `read` asks a pipe for one byte at a time otherwise.
const DRIVER: &str = r#"while :; do { [[ -z ${__rb_open-} ]] || { __rb_open=; read -r -N 32 -u 3 __rb_t; printf "left %s\0" "$__rb_t" >&4; }; read -r -N 32 -u 3 __rb_h || exit 0; __rb_n=$((10#${__rb_h:8:11})); if [[ ${__rb_h:19:1} == a ]]; then read -r -N "$__rb_n" -u 3 __rb_b; else LC_ALL=C read -r -N "$__rb_n" -u 3 __rb_b; fi; __rb_l=$((10#${__rb_h:0:8})); __rb_i=${__rb_h:20}; __rb_i=${__rb_i%% *}; while (( ${#__rb_p} < __rb_l )); do __rb_p+=$__rb_p; done; __rb_b=${__rb_p:0:__rb_l}$__rb_b; __rb_open=1; } 2>/dev/null; case $__rb_i in "") [[ $- == *e* ]] || __rb_status; eval "$__rb_b" 3<&- 4>&- ;; apart) ( eval "$__rb_b" ) 3<&- 4>&- ;; *) __rb_interrupted ;; esac; { __rb_s=$?; __rb_open=; read -r -N 32 -u 3 __rb_t; printf "done %d %s\0" "$__rb_s" "$__rb_t" >&4; } 2>/dev/null; done"#;

/// Restores `$?` of the step before, and runs a step in a process group that gets Ctrl-C.
const HELPERS: &str = r#"__rb_s=0; __rb_p=$'\n'; __rb_status() { return "$__rb_s"; }; __rb_interrupted() { { set -m; } 2>/dev/null; ( eval "$__rb_b" ) 3<&- 4>&- & __rb_j=$!; ( sleep "$__rb_i"; kill -INT -- "-$__rb_j"; sleep 2; kill -KILL -- "-$__rb_j" ) 3<&- 4>&- >/dev/null 2>&1 & __rb_k=$!; { set +m; wait "$__rb_j"; __rb_j=$?; kill -KILL -- "-$__rb_k"; wait "$__rb_k"; } 2>/dev/null; return "$__rb_j"; };"#;

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
    commands: OwnedFd,
    control: OwnedFd,
    output: OwnedFd,
    info: OwnedFd,
    stop: &'a Stop,
    isolation: Isolation,
    bash: Option<i32>,
    pending: Vec<u8>,
    control_open: bool,
    output_open: bool,
    ended: Option<ExitStatus>,
}

/// Which descriptors have something for us.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four descriptors, each ready or not"
)]
struct Ready {
    exit: bool,
    stop: bool,
    control: bool,
    output: bool,
}

/// What woke us.
enum Woken {
    Message(String),
    Ended,
    Flooded,
    Deadline,
    Stopped,
}

impl<'a> Session<'a> {
    /// Starts a sandbox, which [`Session::ready`] waits for. `home` is used on the bare host only.
    pub(super) fn start(
        sandbox: &Sandbox,
        home: &Path,
        stop: &'a Stop,
    ) -> Result<Self, SandboxError> {
        let spawn = |error: Errno| SandboxError::Spawn(error.into());
        let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(spawn);
        let (command_reader, commands) = pipe()?;
        let (control, control_writer) = pipe()?;
        let (output, output_writer) = pipe()?;
        let (info, info_writer) = pipe()?;
        let mut command = sandbox.bash(INFO_FD, home)?;
        // Not as an argument: `pgrep -f` and `ps` of a block would find our words there.
        let script = memory_file(&script(sandbox)).map_err(spawn)?;
        command.args(["-O", "expand_aliases", "-c"]).arg(format!(
            ". /dev/fd/{SCRIPT_FD}; exec {SCRIPT_FD}<&-; eval \"$__rb_d\""
        ));
        let both = output_writer.try_clone().map_err(SandboxError::Spawn)?;
        command.stdout(output_writer).stderr(both);
        if sandbox.isolation() == Isolation::None {
            command.process_group(0);
        }
        let map = |parent_fd, child_fd| FdMapping {
            parent_fd,
            child_fd,
        };
        command
            .fd_mappings(vec![
                map(command_reader, 3),
                map(control_writer, 4),
                map(info_writer, INFO_FD),
                map(script, SCRIPT_FD),
            ])
            .expect("the descriptors differ");
        let child = spawn_and_close(command)?;
        let exit = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).map_err(spawn)?;
        for fd in [&control, &output] {
            rustix::io::ioctl_fionbio(fd, true).map_err(spawn)?;
        }
        Ok(Self {
            child,
            exit,
            commands,
            control,
            output,
            info,
            stop,
            isolation: sandbox.isolation(),
            bash: None,
            pending: Vec::new(),
            control_open: true,
            output_open: true,
            ended: None,
        })
    }

    /// Waits until the sandbox has proved itself. `name` is what bash calls itself in its messages.
    pub(super) fn ready(&mut self, name: &str) -> Result<(), SandboxError> {
        self.await_ready()?;
        self.bash = match self.isolation {
            Isolation::Full => self.identify()?,
            Isolation::None => i32::try_from(self.child.id()).ok(),
        };
        self.run(&Request {
            code: &format!("BASH_ARGV0={}", quote(name)),
            line: 1,
            timeout: START_LIMIT,
            manner: Manner::Typed,
        });
        Ok(())
    }

    fn await_ready(&mut self) -> Result<(), SandboxError> {
        let mut capture = Capture::default();
        let woken = self.wait(&mut capture, Instant::now() + START_LIMIT);
        self.drain(&mut capture);
        match woken {
            Woken::Message(message) if message == "ready" => Ok(()),
            Woken::Message(message) => Err(SandboxError::Unsafe(
                message.trim_start_matches("unsafe ").to_owned(),
            )),
            Woken::Ended => {
                // A last word may have come before the end was seen.
                match self.message() {
                    Some(message) => Err(SandboxError::Unsafe(message)),
                    None => Err(refusal(&capture.text())),
                }
            }
            Woken::Deadline | Woken::Flooded | Woken::Stopped => {
                self.kill();
                Err(refusal(&format!(
                    "it was not ready in time: {}",
                    capture.text()
                )))
            }
        }
    }

    /// Finds bash by its host process id, and checks that its namespaces are not ours.
    fn identify(&self) -> Result<Option<i32>, SandboxError> {
        let mut text = Vec::new();
        let mut buffer = [0; 1024];
        while let Ok(n @ 1..) = rustix::io::read(&self.info, &mut buffer) {
            text.extend_from_slice(&buffer[..n]);
            if text.ends_with(b"}\n") || text.ends_with(b"}") {
                break;
            }
        }
        let info: serde_json::Value = serde_json::from_slice(&text)
            .map_err(|_| SandboxError::Unsafe("bubblewrap did not say what it made".to_owned()))?;
        for kind in ["ipc", "mnt", "net", "pid", "uts"] {
            let own = std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap_or_default();
            let theirs = info[format!("{kind}-namespace")].to_string();
            if theirs == "null" || own.to_string_lossy().contains(&theirs) {
                return Err(SandboxError::Unsafe(format!(
                    "its {kind} namespace is ours"
                )));
            }
        }
        let init = info["child-pid"].as_i64().unwrap_or_default();
        Ok(children(i32::try_from(init).unwrap_or_default())
            .first()
            .copied())
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

    fn send(&mut self, request: &Request<'_>, token: &str) -> std::io::Result<()> {
        let manner = match request.manner {
            Manner::Typed => String::new(),
            Manner::Interrupted(after) => format!("{:.3}", after.as_secs_f64()),
            Manner::Apart => "apart".to_owned(),
        };
        let padding = request.line.saturating_sub(1);
        let code = request.code;
        // What is no ASCII is counted in bytes; to change the locale costs more than a block.
        let charset = if code.is_ascii() { 'a' } else { 'u' };
        let message = format!(
            "{padding:08}{:011}{charset}{manner:<12}{code}{token}",
            code.len()
        );
        // A pipe holds 64 KiB: the driver must read a longer block while we write it, and a dead
        // one must not leave us writing for ever; it is no longer than a file of the book.
        let mut pipe = std::fs::File::from(self.commands.try_clone()?);
        pipe.write_all(message.as_bytes())
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
                (Some("left"), Some(given), None) if given == token => Outcome::LeftEarly,
                // Not from our driver.
                _ => continue,
            };
            self.drain(capture);
            return Ok(outcome);
        }
    }

    /// Sleeps until something happens; takes in all output meanwhile.
    fn wait(&mut self, capture: &mut Capture, deadline: Instant) -> Woken {
        loop {
            if let Some(message) = self.message() {
                return Woken::Message(message);
            }
            if Instant::now() >= deadline {
                return Woken::Deadline;
            }
            let ready = self.poll(deadline);
            if ready.stop {
                return Woken::Stopped;
            }
            if ready.output {
                self.output_open = self.take(capture, 1 << 20) > 0;
            }
            if capture.total() > HARD_LIMIT {
                return Woken::Flooded;
            }
            if ready.control {
                self.control_open = self.receive() > 0;
            }
            if ready.exit && !self.pending.contains(&0) {
                self.reap();
                return Woken::Ended;
            }
        }
    }

    fn poll(&self, deadline: Instant) -> Ready {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut fds = vec![
            PollFd::new(&self.exit, PollFlags::IN),
            PollFd::from_borrowed_fd(self.stop.as_fd(), PollFlags::IN),
        ];
        // A pipe that all writers have closed stays ready for ever: it is asked no more.
        let pipes = [
            (self.control_open, &self.control),
            (self.output_open, &self.output),
        ];
        let mut at = [None; 2];
        for (place, (open, fd)) in at.iter_mut().zip(pipes) {
            if open {
                *place = Some(fds.len());
                fds.push(PollFd::new(fd, PollFlags::IN));
            }
        }
        let timeout = Timespec::try_from(left).unwrap_or_default();
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ready::default(),
            Err(error) => panic!("poll of open descriptors failed: {error}"),
        }
        let is_ready = |index: Option<usize>| index.is_some_and(|i| !fds[i].revents().is_empty());
        Ready {
            exit: is_ready(Some(0)),
            stop: is_ready(Some(1)),
            control: is_ready(at[0]),
            output: is_ready(at[1]),
        }
    }

    fn receive(&mut self) -> usize {
        let before = self.pending.len();
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = rustix::io::read(&self.control, &mut buffer) {
            self.pending.extend_from_slice(&buffer[..n]);
        }
        self.pending.len() - before
    }

    fn message(&mut self) -> Option<String> {
        let end = self.pending.iter().position(|byte| *byte == 0)?;
        let message: Vec<u8> = self.pending.drain(..=end).collect();
        Some(String::from_utf8_lossy(&message[..end]).into_owned())
    }

    /// Takes what was printed before now, and no more: a background process may go on printing.
    fn drain(&mut self, capture: &mut Capture) {
        let waiting = rustix::io::ioctl_fionread(&self.output).unwrap_or(0);
        self.take(capture, usize::try_from(waiting).unwrap_or(usize::MAX));
    }

    fn take(&mut self, capture: &mut Capture, most: usize) -> usize {
        let mut buffer = [0; 1 << 14];
        let mut taken = 0;
        while taken < most {
            let room = buffer.len().min(most - taken);
            match rustix::io::read(&self.output, &mut buffer[..room]) {
                Err(Errno::INTR) => {}
                Ok(0) | Err(_) => break,
                Ok(n) => {
                    capture.push(&buffer[..n]);
                    taken += n;
                }
            }
        }
        taken
    }

    /// Kills what the step started; where the session does not come back, the sandbox.
    fn end_step(&mut self, since: u64, token: &str, capture: &mut Capture) {
        let children = self.bash.map(children).unwrap_or_default();
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

    /// Whether steps can still be run.
    pub(super) fn is_alive(&self) -> bool {
        self.ended.is_none()
    }

    /// Ends everything in the sandbox, whatever it is doing.
    pub(super) fn kill(&mut self) {
        if self.ended.is_some() {
            return;
        }
        // The PID namespace dies with its first process, and that one with bubblewrap.
        let _ = self.child.kill();
        self.reap();
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

/// The child's ends of the descriptors live in the command: they are closed with it.
fn spawn_and_close(mut command: Command) -> Result<Child, SandboxError> {
    command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => SandboxError::NoBubblewrap,
        _ => SandboxError::Spawn(error),
    })
}

/// The descriptor on which bubblewrap tells what it made.
const INFO_FD: i32 = 5;

/// The descriptor from which bash reads the prelude and the driver.
const SCRIPT_FD: i32 = 6;

fn memory_file(text: &str) -> Result<OwnedFd, Errno> {
    let file = memfd_create("session", MemfdFlags::CLOEXEC)?;
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let n = rustix::io::write(&file, rest)?;
        rest = &rest[n..];
    }
    Ok(file)
}

/// What bash is started with: the prelude that proves the sandbox, and the driver.
fn script(sandbox: &Sandbox) -> String {
    let canary = std::env::current_exe().unwrap_or_default();
    format!(
        "{} {HELPERS} printf 'ready\\0' >&4; __rb_d={}",
        with_semicolon(sandbox.prelude(&canary)),
        quote(&format!("{DRIVER}; eval \"$__rb_d\"")),
    )
}

fn with_semicolon(prelude: String) -> String {
    if prelude.is_empty() || prelude.trim_end().ends_with(';') {
        prelude
    } else {
        prelude + ";"
    }
}

/// 128 random bits from the kernel.
fn token() -> String {
    use std::hash::{BuildHasher, RandomState};
    let half = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", half(), half())
}

/// The direct children of a single-threaded process, by host process id.
pub(super) fn children(pid: i32) -> Vec<i32> {
    std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// The kernel's own measure of when processes started: proc(5), `starttime`, 100 a second.
fn ticks_since_boot() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    u64::try_from(now.tv_sec * 100 + now.tv_nsec / 10_000_000).unwrap_or_default()
}

/// When a process started, in ticks since boot; `None` if it is gone.
fn started(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses, which may hold blanks.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

/// Kills a process and all below it, parents first, so that none is started again meanwhile.
pub(super) fn kill_tree(pid: i32) {
    let below = children(pid);
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, Signal::KILL);
    }
    for child in below {
        kill_tree(child);
    }
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
