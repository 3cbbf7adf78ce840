//! How a session begins: descriptors, the sandbox, and its proof.

use super::super::capture::Capture;
use super::super::driver::script;
use super::super::processes::children;
use super::super::sandbox::{Isolation, Sandbox, SandboxError, quote, refusal};
use super::super::stop::Stop;
use super::{Ids, Manner, Request, Session, Woken};
use command_fds::{CommandFdExt, FdMapping};
use rustix::fd::OwnedFd;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
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
            Isolation::Full => self.identify()?,
            Isolation::None => i32::try_from(self.child.id())
                .ok()
                .map(|bash| Ids { init: bash, bash }),
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
    fn identify(&self) -> Result<Option<Ids>, SandboxError> {
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
        let init = i32::try_from(init).unwrap_or_default();
        let bash = children(init).first().copied();
        Ok(bash.map(|bash| Ids { init, bash }))
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
