//! How a session begins: descriptors, the sandbox, and its proof.

use super::super::capture::Capture;
use super::super::driver::script;
use super::super::processes::children;
use super::super::sandbox::{Isolation, Sandbox, SandboxError, quote, refusal};
use super::super::stop::Stop;
use super::{Ids, Manner, Request, Session, Woken, token};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io::{PipeWriter, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
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
        let mut command = sandbox.bash(home)?;
        // Not as an argument: `pgrep -f` and `ps` of a block would find our words there.
        let script = script(sandbox);
        let mut commands = PipeWriter::from(commands);
        commands
            .write_all(script.as_bytes())
            .map_err(SandboxError::Spawn)?;
        command.args(["-O", "expand_aliases", "-c"]).arg(format!(
            "exec 3<&0 4>&2 0</dev/null 2>&1; read -r -N {} -u 3 __rb_d; eval \"$__rb_d\"; eval \"$__rb_d\"",
            script.len()
        ));
        command
            .stdin(command_reader)
            .stdout(output_writer)
            .stderr(control_writer);
        if sandbox.isolation() == Isolation::None {
            command.process_group(0);
        }
        let child = sandbox.spawn(command)?;
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
            Woken::Message(message) if message == "ready" => Ok(()),
            Woken::Message(message) => Err(SandboxError::Unsafe(
                message.trim_start_matches("unsafe ").to_owned(),
            )),
            Woken::Ended => {
                // A last word may have come before the end was seen.
                match self.message() {
                    Some(message) => Err(SandboxError::Unsafe(message)),
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

    /// Finds bash by its host process id, and checks that its namespaces are not ours.
    fn identify(&self) -> Result<Option<Ids>, SandboxError> {
        static OWN: OnceLock<[Option<PathBuf>; NAMESPACES.len()]> = OnceLock::new();
        let outer = i32::try_from(self.child.id()).unwrap_or_default();
        let Some(init) = children(outer).first().copied() else {
            return Ok(None);
        };
        let Some(bash) = children(init).first().copied() else {
            return Ok(None);
        };
        let own = OWN.get_or_init(|| namespaces("self"));
        // An ordinary user may look at bash, but not at bubblewrap, which has changed its rights.
        let theirs = namespaces(&bash.to_string());
        for (kind, (own, theirs)) in NAMESPACES.iter().zip(own.iter().zip(&theirs)) {
            if own.is_none() || theirs.is_none() || own == theirs {
                return Err(SandboxError::Unsafe(format!(
                    "its {kind} namespace is ours"
                )));
            }
        }
        Ok(Some(Ids { init, bash }))
    }
}

/// What a sandbox must have of its own.
const NAMESPACES: [&str; 6] = ["ipc", "mnt", "net", "pid", "user", "uts"];

/// The names of a process's namespaces: namespaces(7); `None` where it is gone.
fn namespaces(process: &str) -> [Option<PathBuf>; NAMESPACES.len()] {
    NAMESPACES.map(|kind| std::fs::read_link(format!("/proc/{process}/ns/{kind}")).ok())
}
