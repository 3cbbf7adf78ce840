//! The throw-away system that blocks run in: bubblewrap under an unprivileged user.
//!
//! Run as root, bubblewrap would map root to root and keep its capabilities, so the user is dropped
//! before it starts. `--unshare-all` is not used: it goes on without a namespace that the kernel
//! refuses. What the sandbox must be is checked again from inside, by the session's prelude.

use super::live::LiveGround;
use super::spawner::spawn_unprivileged;
use crate::config::Instance;
use rustix::process::{geteuid, getuid};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// How far blocks are kept from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Own user, mount, PID, network, IPC and UTS namespaces.
    Full,
    /// The bare host, on explicit demand.
    None,
}

impl Isolation {
    /// Its name in reports and evidence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::None => "none",
        }
    }
}

/// This machine does not give us a sandbox: exit status 3.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// bubblewrap is not installed.
    #[error(
        "bubblewrap (`bwrap`) is not installed; blocks run only inside a sandbox\n  install it: apt-get install bubblewrap"
    )]
    NoBubblewrap,
    /// It is, but the kernel or a security policy refuses namespaces.
    #[error("this machine does not allow the sandbox: {said}\n  {fix}")]
    Refused {
        /// What bubblewrap said.
        said: String,
        /// What to enable.
        fix: &'static str,
    },
    /// It started, but is not what it must be. Nothing was run in it.
    #[error(
        "the sandbox failed its check from inside: {0}\n  no block was run; please report this"
    )]
    Unsafe(String),
    /// A running one cannot be entered.
    #[error("the running sandbox cannot be entered: {0}")]
    NoEntry(String),
    /// A process could not be started at all.
    #[error("cannot start a sandbox")]
    Spawn(#[source] std::io::Error),
}

/// Where the instance's programs are seen inside.
const PROGRAMS: &str = "/opt/runbook/bin";

/// Where programs of the system are looked for inside.
pub(super) const SYSTEM_PATH: &str = "/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin";

/// Bytes of each file system in memory. The default would be half of the machine's memory each.
const TMPFS: &[(&str, u64)] = &[
    ("/dev/shm", 64 << 20),
    ("/tmp", 256 << 20),
    ("/run", 16 << 20),
    ("/root", 256 << 20),
];

/// Bytes of /etc, which is a file system of its own since others are bound into it.
const ETC_SIZE: u64 = 16 << 20;

/// Bound read-only where the host has them; without them dynamic linking, TLS and names break.
const ETC: &[&str] = &[
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/services",
    "/etc/ssl",
];

/// A recipe from which any number of sandboxes are made.
#[derive(Debug, Clone)]
pub struct Sandbox {
    isolation: Isolation,
    programs: Option<PathBuf>,
    env: BTreeMap<String, String>,
    users: Vec<String>,
    net_admin: bool,
    disk: u64,
    /// Folders of the host, and where they are seen read-only.
    binds: Vec<(PathBuf, &'static str)>,
    bubblewrap: Option<PathBuf>,
}

/// Looked up on our own PATH: the command's is the sandbox's.
pub(super) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|program| program.is_file())
}

impl Sandbox {
    /// A recipe for `instance`, with the programs in `programs`.
    pub fn new(isolation: Isolation, instance: Option<&Instance>, programs: Option<&Path>) -> Self {
        Self {
            isolation,
            programs: programs.map(Path::to_owned),
            bubblewrap: on_path("bwrap"),
            env: instance.map(|i| i.env.clone()).unwrap_or_default(),
            users: instance.map(|i| i.users.clone()).unwrap_or_default(),
            net_admin: instance.is_some_and(|i| i.net_admin),
            binds: Vec::new(),
            disk: instance.map_or(512, |i| i.disk_mib) << 20,
        }
    }

    /// The same, with what live drills need in it.
    #[must_use]
    pub fn with_live(mut self, ground: &LiveGround) -> Self {
        self.binds.extend(ground.binds());
        self
    }

    /// How far blocks are kept from the host.
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// A command that runs `bash` inside, with a clean environment; `bash` arguments follow.
    /// Started by root, it must be given to [`Sandbox::spawn`]: bubblewrap would keep root.
    pub(super) fn bash(&self, home: &Path) -> Result<Command, SandboxError> {
        let mut command = match self.isolation {
            Isolation::Full => self.bubblewrap()?,
            Isolation::None => {
                super::leftovers::adopt_orphans();
                Command::new("bash")
            }
        };
        command.args(["--noprofile", "--norc"]);
        let programs = match (self.isolation, &self.programs) {
            (Isolation::Full, Some(_)) => format!("{PROGRAMS}:"),
            (Isolation::None, Some(dir)) => format!("{}:", dir.display()),
            (_, None) => String::new(),
        };
        let home = match self.isolation {
            Isolation::Full => Path::new("/root"),
            Isolation::None => {
                command.current_dir(home);
                home
            }
        };
        command
            .env_clear()
            .env("PATH", programs + SYSTEM_PATH)
            .env("HOME", home)
            .envs([
                ("SHELL", "/bin/bash"),
                // Its other categories are those of C, and each would cost every program a file.
                ("LC_CTYPE", "C.UTF-8"),
                ("TZ", "UTC"),
                ("TERM", "dumb"),
                ("COLUMNS", "120"),
                ("PAGER", "cat"),
                ("SYSTEMD_PAGER", ""),
                ("GIT_TERMINAL_PROMPT", "0"),
                ("DEBIAN_FRONTEND", "noninteractive"),
            ])
            .envs(&self.env);
        Ok(command)
    }

    /// Starts what [`Sandbox::bash`] made, as an unprivileged user if it goes into a sandbox.
    pub(super) fn spawn(&self, mut command: Command) -> Result<Child, SandboxError> {
        let privileged = geteuid().is_root() || getuid().is_root();
        let child = match self.isolation {
            Isolation::Full if privileged => spawn_unprivileged(command),
            _ => command.spawn(),
        };
        child.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => SandboxError::NoBubblewrap,
            _ => SandboxError::Spawn(error),
        })
    }

    fn bubblewrap(&self) -> Result<Command, SandboxError> {
        let program = self.bubblewrap.as_ref().ok_or(SandboxError::NoBubblewrap)?;
        let mut command = Command::new(program);
        // The host's working directory may be closed to the unprivileged user.
        command.current_dir("/");
        command.args([
            "--unshare-user",
            "--unshare-ipc",
            "--unshare-pid",
            "--unshare-net",
            "--unshare-uts",
            "--unshare-cgroup-try",
            "--uid",
            "0",
            "--gid",
            "0",
            "--hostname",
            "runbook",
            "--die-with-parent",
            "--new-session",
        ]);
        if self.net_admin {
            command.args(["--cap-add", "CAP_NET_ADMIN", "--cap-add", "CAP_NET_RAW"]);
        }
        command.args(["--ro-bind", "/usr", "/usr"]);
        for dir in ["bin", "sbin", "lib", "lib32", "lib64"] {
            command.args(["--symlink", &format!("usr/{dir}"), &format!("/{dir}")]);
        }
        // For each bind bubblewrap reads all mounts that there are, so binds come first.
        if let Some(programs) = &self.programs {
            command.arg("--ro-bind").arg(programs).arg(PROGRAMS);
        }
        for (from, to) in &self.binds {
            command.arg("--ro-bind").arg(from).arg(to);
        }
        command.args(["--dev", "/dev", "--remount-ro", "/dev"]);
        command.args(["--size", &ETC_SIZE.to_string(), "--tmpfs", "/etc"]);
        for path in ETC {
            command.args(["--ro-bind-try", path, path]);
        }
        for (path, size) in TMPFS.iter().chain([&("/var", self.disk)]) {
            command.args(["--size", &size.to_string(), "--tmpfs", path]);
        }
        command.args(["--proc", "/proc"]);
        for path in ["/var/log", "/var/lib", "/var/tmp", "/var/cache"] {
            command.args(["--dir", path]);
        }
        command.args(["--symlink", "/run", "/var/run"]);
        command.args(["--remount-ro", "/", "--chdir", "/root"]);
        command.args(["--", "/usr/bin/bash"]);
        Ok(command)
    }

    /// What the session runs before the first block, on one line: makes the system usable, and
    /// proves from inside that it is a sandbox. `canary` is a path that only the host has.
    pub(super) fn prelude(&self, canary: &Path) -> String {
        match self.isolation {
            Isolation::Full => super::prelude::fresh(&self.users, self.net_admin, canary),
            Isolation::None => "ulimit -c 0".to_owned(),
        }
    }
}

/// A word that bash reads as exactly `text`.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What to do about a refusal, by what bubblewrap said of it.
pub(super) fn refusal(said: &str) -> SandboxError {
    let fix = if said.contains("uid map") || said.contains("loopback") {
        "Ubuntu 24.04 and later: allow it with an AppArmor profile for /usr/bin/bwrap, or for a CI machine: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    } else if said.contains("No permissions to create new namespace") || said.contains("EPERM") {
        "in a container: start it with a seccomp profile that allows unshare and mount (docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined)"
    } else if said.contains("mount proc") {
        "in a container: start it with an unmasked /proc (docker run --security-opt systempaths=unconfined)"
    } else if said.contains("No space left") || said.contains("max_user_namespaces") {
        "enable user namespaces: sysctl -w user.max_user_namespaces=10000"
    } else {
        "enable unprivileged user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone), or run on the bare host of a throw-away machine with `--sandbox none`"
    };
    SandboxError::Refused {
        said: said
            .trim()
            .chars()
            .take(400)
            .collect::<String>()
            .replace('\n', " "),
        fix,
    }
}
