//! The shims of the test host: sudo, systemctl and journalctl, below a directory instead of `/`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use crate::instance::{ENGRAM, Host, stderr, stdout, wait_until};

const SHIMS: [&str; 4] = ["sudo", "systemctl", "systemctl-unit.sh", "journalctl"];

pub(crate) struct Machine {
    pub(crate) host: Host,
}

impl Machine {
    /// With a unit `engram` that runs the real program, and the lines given.
    pub(crate) fn new(unit: &str) -> Self {
        let machine = Self { host: Host::new() };
        for directory in ["root/var/log", "bin"] {
            std::fs::create_dir_all(machine.host.path(directory)).unwrap();
        }
        for shim in SHIMS {
            std::fs::copy(shims().join(shim), machine.host.path("bin").join(shim)).unwrap();
        }
        std::fs::write(machine.host.path("bin/engram.service"), unit).unwrap();
        machine
    }

    fn with_engram() -> Self {
        let machine = Self::new("");
        let unit = format!(
            "[Unit]\nDescription=Engram\n[Service]\nEnvironment=ENGRAM_DATA_DIR={} \"HOME={}\"\n\
             Environment=ENGRAM_PID_PATH={}\nExecStart={ENGRAM} start --port 0\nTimeoutStopSec=5\n",
            machine.host.path("data").display(),
            machine.host.path("home").display(),
            machine.host.path("engram.pid").display(),
        );
        std::fs::write(machine.host.path("bin/engram.service"), unit).unwrap();
        machine
    }

    pub(crate) fn with_program(program: &str) -> Self {
        Self::new(&format!(
            "[Service]\nExecStart=/bin/bash -c '{program}'\nTimeoutStopSec=1\n"
        ))
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        self.run_words(&line.split(' ').collect::<Vec<_>>())
    }

    fn run_words(&self, words: &[&str]) -> Output {
        let mut command = self.host.command(&self.host.path("bin").join(words[0]));
        // What the caller has in its environment must not reach the service.
        command
            .env("HOST_SHIM_ROOT", self.host.path("root"))
            .env("FROM_THE_CALLER", "1");
        command.args(&words[1..]).output().unwrap()
    }

    #[track_caller]
    pub(crate) fn says(&self, line: &str, status: i32, text: &str) {
        let output = self.run(line);
        assert_eq!(
            (output.status.code(), stdout(&output).as_str()),
            (Some(status), text),
            "{line}: {}",
            stderr(&output)
        );
    }

    pub(crate) fn journal(&self) -> String {
        stdout(&self.run("journalctl -u engram -o cat --no-pager"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Also the services of a test that failed.
        let _stopped = self.run("systemctl stop engram");
    }
}

fn shims() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../host")
}

#[test]
fn a_service_is_started_seen_and_stopped() {
    let machine = Machine::with_engram();
    machine.says("systemctl is-active engram", 3, "inactive\n");
    machine.says("systemctl start engram", 0, "");
    machine.says("systemctl is-active engram.service", 0, "active\n");
    assert!(wait_until(|| machine.host.path("engram.pid").exists()));
    let status = machine.run("systemctl status engram --no-pager");
    assert_eq!(status.status.code(), Some(0));
    assert!(
        stdout(&status).contains("Active: active (running)"),
        "{}",
        stdout(&status)
    );
    let main_pid = stdout(&machine.run("systemctl show engram --property=MainPID --value"));
    let pid_file = std::fs::read_to_string(machine.host.path("engram.pid")).unwrap();
    assert_eq!(pid_file.split(':').next(), Some(main_pid.trim()));
    let environment =
        std::fs::read_to_string(format!("/proc/{}/environ", main_pid.trim())).unwrap();
    assert!(
        environment.contains("ENGRAM_DATA_DIR=") && !environment.contains("FROM_THE_CALLER"),
        "{environment}"
    );
    machine.says("systemctl stop engram", 0, "");
    machine.says("systemctl is-active engram", 3, "inactive\n");
    assert!(
        machine
            .journal()
            .contains("SIGTERM received, shutting down gracefully"),
        "{}",
        machine.journal()
    );
    assert!(!Path::new(&format!("/proc/{}", main_pid.trim())).exists());
}

#[test]
fn a_service_that_fails_is_remembered_with_its_status() {
    let machine = Machine::with_engram();
    std::fs::write(machine.host.path("data"), "").unwrap();
    machine.says("systemctl start engram", 0, "");
    assert!(wait_until(|| stdout(
        &machine.run("systemctl is-active engram")
    ) == "failed\n"));
    machine.says("systemctl is-active engram", 3, "failed\n");
    let status = machine.run("systemctl status engram");
    assert_eq!(status.status.code(), Some(3));
    assert!(
        stdout(&status).contains("code=exited, status=1"),
        "{}",
        stdout(&status)
    );
    let journal = machine.journal();
    assert!(
        journal.contains("Error: Failed to create data directory at "),
        "{journal}"
    );
    assert!(
        journal.contains("engram.service: Failed with result 'exit-code'."),
        "{journal}"
    );
}

#[test]
fn a_killed_service_loses_no_line_and_keeps_their_order() {
    let machine =
        Machine::with_program("for i in {1..500}; do echo line $i; done; printf half; kill -9 $$");
    machine.says("systemctl start engram", 0, "");
    assert!(wait_until(|| stdout(
        &machine.run("systemctl is-active engram")
    ) == "failed\n"));
    let journal = machine.journal();
    let lines: Vec<&str> = journal
        .lines()
        .filter(|line| line.starts_with("line ") || *line == "half")
        .collect();
    let mut expected: Vec<String> = (1..=500).map(|number| format!("line {number}")).collect();
    expected.push("half".into());
    assert_eq!(lines, expected);
    assert!(journal.contains("code=killed, status=9/KILL"), "{journal}");
    machine.says("systemctl show engram -p Result --value", 0, "signal\n");
}

#[test]
fn who_ignores_sigterm_is_killed_after_the_timeout() {
    let machine =
        Machine::with_program("trap : TERM; echo deaf; while :; do read -r -t 60 <> <(:); done");
    machine.says("systemctl start engram", 0, "");
    assert!(wait_until(|| machine.journal().contains("deaf")));
    let started = Instant::now();
    machine.says("systemctl stop engram", 0, "");
    assert!(
        (1..5).contains(&started.elapsed().as_secs()),
        "{:?}",
        started.elapsed()
    );
    machine.says("systemctl is-active engram", 3, "failed\n");
    machine.says("systemctl show engram -p Result --value", 0, "timeout\n");
}

#[test]
fn start_does_not_wait_for_readiness_and_restart_gives_a_new_process() {
    let machine = Machine::with_program("sleep 1000");
    machine.says("systemctl start engram", 0, "");
    let first = stdout(&machine.run("systemctl show engram -p MainPID --value"));
    machine.says("systemctl start engram", 0, "");
    assert_eq!(
        stdout(&machine.run("systemctl show engram -p MainPID --value")),
        first
    );
    machine.says("systemctl restart engram", 0, "");
    assert_ne!(
        stdout(&machine.run("systemctl show engram -p MainPID --value")),
        first
    );
}

#[test]
fn what_is_not_understood_is_an_error() {
    let machine = Machine::new("[Service]\nExecStart=/bin/true\nType=notify\n");
    assert_eq!(machine.run("systemctl start engram").status.code(), Some(1));
    assert_eq!(
        machine.run("systemctl enable engram").status.code(),
        Some(1)
    );
    assert_eq!(machine.run("systemctl start other").status.code(), Some(5));
    assert_eq!(machine.run("systemctl status other").status.code(), Some(4));
    assert_eq!(
        machine.run("journalctl --vacuum-time=1d").status.code(),
        Some(1)
    );
    assert_eq!(machine.run("sudo").status.code(), Some(1));
    assert_eq!(
        machine
            .run("sudo -u nobody-of-that-name true")
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn the_journal_has_prefixes_times_and_limits() {
    let machine = Machine::with_engram();
    machine.says("journalctl -u engram", 0, "-- No entries --\n");
    machine.says("journalctl -u engram -q", 0, "");
    machine.says("systemctl start engram", 0, "");
    assert!(wait_until(|| machine.journal().contains("/health")));
    let short = stdout(&machine.run("journalctl -u engram -n 1"));
    assert!(
        short.contains(" engram[") && short.lines().count() == 1 && !short.contains('\x1b'),
        "{short}"
    );
    assert!(
        machine.journal().contains('\x1b'),
        "the service has no NO_COLOR, and cat shows it as it is"
    );
    let iso = stdout(&machine.run("journalctl -u engram -n 2 -o short-iso --no-pager"));
    assert!(
        iso.lines().all(|line| line[19..].starts_with("+00:00 ")),
        "{iso}"
    );
    let recent = machine.run_words(&["journalctl", "-u", "engram", "--since", "5 minutes ago"]);
    assert!(stdout(&recent).contains("WAL recovery completed"));
    machine.says(
        "journalctl -u engram --since tomorrow",
        0,
        "-- No entries --\n",
    );
    assert_eq!(
        machine.run("journalctl --since whenever").status.code(),
        Some(1)
    );
}

#[test]
fn sudo_runs_what_follows_and_every_call_is_logged() {
    let machine = Machine::with_program("true");
    machine.says("sudo -n -E -u root echo a b", 0, "a b\n");
    assert_eq!(machine.run("sudo false").status.code(), Some(1));
    let log = std::fs::read_to_string(machine.host.path("root/var/log/host-shims.log")).unwrap();
    assert!(log.contains("sudo -n -E -u root echo a b"), "{log}");
}

#[test]
fn the_unit_that_is_shipped_is_understood() {
    let unit = std::fs::read_to_string(shims().join("engram.service")).unwrap();
    let machine = Machine::new(&unit);
    machine.says(
        "systemctl show engram --property=Environment",
        0,
        "Environment=ENGRAM_DATA_DIR=/var/lib/engram HOME=/root\n",
    );
    for shim in SHIMS {
        let checked = Command::new("bash")
            .arg("-n")
            .arg(shims().join(shim))
            .status()
            .unwrap();
        assert!(checked.success());
    }
}
