//! How a session begins: descriptors, the sandbox, and its proof.

use super::super::capture::Capture;
use super::super::door::Door;
use super::super::driver::{boot, script};
use super::super::processes::children;
use super::super::sandbox::{Isolation, Sandbox, SandboxError, quote, refusal};
use super::super::stop::Stop;
use super::{Ids, Manner, Request, Session, Woken, token};
use rustix::fd::AsFd;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io::{Write, pipe};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How long a session may take to get ready for its first step.
const START_LIMIT: Duration = Duration::from_secs(20);

impl<'a> Session<'a> {
    /// Starts a sandbox, which [`Session::ready`] waits for. `home` is used on the bare host only.
    pub(in crate::run) fn start(
        sandbox: &Sandbox,
        home: &Path,
        stop: &'a Stop,
    ) -> Result<Self, SandboxError> {
        let canary = std::env::current_exe().unwrap_or_default();
        let start = Start {
            command: sandbox.bash(home)?,
            prelude: sandbox.prelude(&canary),
            isolation: sandbox.isolation(),
            enters: false,
        };
        Self::begin(start, |command| sandbox.spawn(command), stop)
    }

    /// Starts another bash in a running sandbox, with the same environment and rights.
    pub(in crate::run) fn enter(door: &Door, stop: &'a Stop) -> Result<Self, SandboxError> {
        let mut command = door.command()?;
        command.args(["/usr/bin/bash", "--noprofile", "--norc"]);
        let start = Start {
            command,
            prelude: door.prelude(),
            isolation: Isolation::Full,
            enters: true,
        };
        let mut session = Self::begin(start, |command| door.spawn(command), stop)?;
        session.ready("bash")?;
        Ok(session)
    }

    fn begin(
        start: Start,
        spawn: impl FnOnce(Command) -> Result<Child, SandboxError>,
        stop: &'a Stop,
    ) -> Result<Self, SandboxError> {
        let failed = |error: Errno| SandboxError::Spawn(error.into());
        let new_pipe = || pipe().map_err(SandboxError::Spawn);
        let (command_reader, mut commands) = new_pipe()?;
        let (control, control_writer) = new_pipe()?;
        let (output, output_writer) = new_pipe()?;
        let script = script(start.prelude);
        let token = token();
        commands
            .write_all(format!("{script}{token}").as_bytes())
            .map_err(SandboxError::Spawn)?;
        let mut command = start.command;
        command
            .args(["-O", "expand_aliases", "-c"])
            .arg(boot(script.len()));
        command
            .stdin(command_reader)
            .stdout(output_writer)
            .stderr(control_writer);
        // Ctrl-C is for us: bubblewrap would die of it and leave what it was starting.
        command.process_group(0);
        let child = spawn(command)?;
        let exit = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).map_err(failed)?;
        for fd in [control.as_fd(), output.as_fd(), commands.as_fd()] {
            rustix::io::ioctl_fionbio(fd, true).map_err(failed)?;
        }
        Ok(Self {
            child,
            exit,
            commands,
            control,
            output,
            stop,
            isolation: start.isolation,
            enters: start.enters,
            ids: None,
            pending: Vec::new(),
            control_open: true,
            output_open: true,
            ended: None,
        })
    }

    /// Waits until the sandbox has proved itself. `name` is what bash calls itself in its messages.
    pub(in crate::run) fn ready(&mut self, name: &str) -> Result<(), SandboxError> {
        self.await_ready()?;
        self.ids = match self.isolation {
            Isolation::Full if self.enters => Some(self.identify_entered()?),
            Isolation::Full => Some(self.identify()?),
            Isolation::None => i32::try_from(self.child.id())
                .ok()
                .map(|bash| Ids { init: bash, bash }),
        };
        // Nobody waits for its end: the report of it is passed over as that of another step.
        let rename = Request {
            code: &format!("BASH_ARGV0={}", quote(name)),
            line: 1,
            timeout: START_LIMIT,
            manner: Manner::Typed,
        };
        self.send(&rename, &token()).map_err(SandboxError::Spawn)
    }

    fn await_ready(&mut self) -> Result<(), SandboxError> {
        let mut capture = Capture::default();
        let woken = self.wait(&mut capture, Instant::now() + START_LIMIT);
        self.drain(&mut capture);
        match woken {
            // With the token that went in with the script.
            Woken::Message(message) if message.starts_with("ready 0 ") => Ok(()),
            Woken::Message(message) => Err(SandboxError::Unsafe(
                message.trim_start_matches("unsafe ").to_owned(),
            )),
            Woken::Ended => {
                // A last word may have come before the end was seen.
                match self.message() {
                    Some(message) => Err(SandboxError::Unsafe(message)),
                    None if self.enters => Err(no_entry(&self.last_words(&capture))),
                    None => Err(refusal(&self.last_words(&capture))),
                }
            }
            Woken::Deadline | Woken::Flooded | Woken::Stopped => {
                self.kill();
                Err(refusal(&format!(
                    "it was not ready in time: {}",
                    self.last_words(&capture)
                )))
            }
        }
    }

    /// What bubblewrap and bash said before the session was there. Until bash knows better, its
    /// standard error is the control channel.
    fn last_words(&self, capture: &Capture) -> String {
        String::from_utf8_lossy(&self.pending).into_owned() + &capture.text()
    }

    /// nsenter waits for the bash that it has put into the sandbox.
    fn identify_entered(&self) -> Result<Ids, SandboxError> {
        let outer = i32::try_from(self.child.id()).unwrap_or_default();
        let bash = children(outer).first().copied();
        let bash = bash.ok_or_else(|| no_entry("its shell cannot be found from outside"))?;
        Ok(Ids { init: bash, bash })
    }

    /// Finds bash by its host process id, and checks that its namespaces are not ours.
    fn identify(&self) -> Result<Ids, SandboxError> {
        let child_of = |process| {
            children(process).first().copied().ok_or_else(|| {
                SandboxError::Unsafe("its processes cannot be found from outside".to_owned())
            })
        };
        let outer = i32::try_from(self.child.id()).unwrap_or_default();
        let init = child_of(outer)?;
        let bash = child_of(init)?;
        // The outer bubblewrap is where it was started, which for root is not where we are. The
        // inner one has changed its rights, so that an ordinary user may not look at it.
        match shared_namespace(outer, bash) {
            None => Ok(Ids { init, bash }),
            Some(kind) => Err(SandboxError::Unsafe(format!(
                "its {kind} namespace is ours, or cannot be seen"
            ))),
        }
    }
}

/// What the start of a session differs by.
struct Start {
    command: Command,
    prelude: String,
    isolation: Isolation,
    enters: bool,
}

fn no_entry(said: &str) -> SandboxError {
    let words: String = said.trim().chars().take(400).collect();
    SandboxError::NoEntry(words.replace('\n', " "))
}

/// The first kind of namespace, namespaces(7), that two processes share or that cannot be seen.
fn shared_namespace(outer: i32, inner: i32) -> Option<&'static str> {
    let name = |process, kind: &str| std::fs::read_link(format!("/proc/{process}/ns/{kind}")).ok();
    ["ipc", "mnt", "net", "pid", "user", "uts"]
        .into_iter()
        .find(|kind| match (name(outer, kind), name(inner, kind)) {
            (Some(outer), Some(inner)) => outer == inner,
            _ => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::getpid;

    #[test]
    fn a_process_beside_us_is_in_no_sandbox() {
        let own = Pid::as_raw(Some(getpid()));
        assert_eq!(shared_namespace(own, own), Some("ipc"));
    }

    #[test]
    fn a_process_that_is_gone_is_not_taken_for_a_sandboxed_one() {
        let own = Pid::as_raw(Some(getpid()));
        assert_eq!(shared_namespace(own, i32::MAX), Some("ipc"));
    }
}
