//! The way into a running sandbox from another process: nsenter, with the session's own environment
//! and no right more than it has.
//!
//! Whoever enters a user namespace has all capabilities in it, so that setpriv takes away what the
//! session does not have before anything else is run.

use super::processes::started;
use super::sandbox::{SandboxError, on_path};
use super::spawner::{UNPRIVILEGED, spawn_unprivileged};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// Names the session of a running sandbox, for this process and for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    /// The session's bash, by its host process id.
    bash: i32,
    /// When that started, in ticks since boot: another process may get the same number.
    since: u64,
}

impl Door {
    pub(super) fn to(bash: i32) -> Result<Self, SandboxError> {
        let since = started(bash).ok_or_else(gone)?;
        Ok(Self { bash, since })
    }

    /// Whether the sandbox is still there.
    pub fn is_open(&self) -> bool {
        started(self.bash) == Some(self.since)
    }

    /// nsenter and setpriv; the program that they start, and its arguments, follow.
    pub(super) fn command(&self) -> Result<Command, SandboxError> {
        if !self.is_open() {
            return Err(gone());
        }
        let mut command = Command::new(tool("nsenter")?);
        // The host's working directory may be closed to the unprivileged user.
        command.current_dir("/");
        command.arg("--target").arg(self.bash.to_string());
        // Its user is root in there already, and groups cannot be set.
        command.args(["--user", "--preserve-credentials"]);
        command.args(["--ipc", "--mount", "--net", "--pid", "--uts"]);
        if self.namespace("cgroup") != namespace_of(Path::new("/proc/self"), "cgroup") {
            command.arg("--cgroup");
        }
        let kept = if self.has_net_admin()? {
            "-all,+net_admin,+net_raw"
        } else {
            "-all"
        };
        tool("setpriv")?;
        command.args(["--", "/usr/bin/setpriv", "--no-new-privs"]);
        for set in ["--bounding-set", "--inh-caps", "--ambient-caps"] {
            command.args([set, kept]);
        }
        command.arg("--");
        command.env_clear().envs(self.environment()?);
        Ok(command)
    }

    /// Starts what [`Door::command`] made, as the user whom the sandbox belongs to.
    pub(super) fn spawn(&self, mut command: Command) -> Result<Child, SandboxError> {
        let owner = self.owner()?;
        let child = match geteuid().as_raw() {
            0 if owner == UNPRIVILEGED => spawn_unprivileged(command),
            own if own == owner => command.spawn(),
            own => {
                let words = format!(
                    "it belongs to user {owner}, and this is user {own}; enter it as the user who started it"
                );
                return Err(SandboxError::NoEntry(words));
            }
        };
        child.map_err(SandboxError::Spawn)
    }

    /// What a guest runs first: the limits of the session, and the proof that this is the sandbox.
    pub(super) fn prelude(&self) -> String {
        let canary = std::env::current_exe().unwrap_or_default();
        let net_admin = self.has_net_admin().unwrap_or_default();
        let prelude = super::prelude::entered(net_admin, &canary);
        format!("cd 2>/dev/null; unset -v OLDPWD; {prelude}")
    }

    /// The user whom the sandbox belongs to, as the host sees it.
    pub(super) fn owner(&self) -> Result<u32, SandboxError> {
        let metadata = std::fs::metadata(self.proc("")).map_err(|_| gone())?;
        Ok(metadata.uid())
    }

    fn proc(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.bash.to_string()).join(name)
    }

    fn namespace(&self, kind: &str) -> Option<PathBuf> {
        namespace_of(&self.proc(""), kind)
    }

    /// What the session was started with: proc(5), `environ`.
    fn environment(&self) -> Result<Vec<(OsString, OsString)>, SandboxError> {
        let bytes = std::fs::read(self.proc("environ")).map_err(unreadable)?;
        let pairs = bytes.split(|byte| *byte == 0).filter_map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=')?;
            let text = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
            Some((text(&pair[..at]), text(&pair[at + 1..])))
        });
        Ok(pairs.collect())
    }

    /// Whether the session may change its own network: capabilities(7), bit 12.
    fn has_net_admin(&self) -> Result<bool, SandboxError> {
        let status = std::fs::read_to_string(self.proc("status")).map_err(unreadable)?;
        let mask = status
            .lines()
            .find_map(|line| line.strip_prefix("CapPrm:"))
            .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        Ok(mask.is_some_and(|mask| mask & 1 << 12 != 0))
    }
}

fn namespace_of(process: &Path, kind: &str) -> Option<PathBuf> {
    std::fs::read_link(process.join("ns").join(kind)).ok()
}

fn tool(name: &str) -> Result<PathBuf, SandboxError> {
    on_path(name).ok_or_else(|| {
        SandboxError::NoEntry(format!(
            "`{name}` is not installed\n  install it: apt-get install util-linux"
        ))
    })
}

fn gone() -> SandboxError {
    SandboxError::NoEntry("it has ended".to_owned())
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "this is how `map_err` calls it"
)]
fn unreadable(error: std::io::Error) -> SandboxError {
    SandboxError::NoEntry(format!("its session cannot be looked at: {error}"))
}
