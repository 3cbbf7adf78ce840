//! What `systemctl` of the test host reads of a unit: drop-ins, environment files, limits.

use crate::host::Machine;
use crate::instance::{stderr, stdout, wait_until};

impl Machine {
    /// Writes a drop-in of `engram.service`.
    fn drop_in(&self, name: &str, text: &str) {
        let directory = self.host.path("root/etc/systemd/system/engram.service.d");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(name), text).unwrap();
    }

    /// Writes `/etc/default/engram`.
    fn switches(&self, text: &str) {
        std::fs::create_dir_all(self.host.path("root/etc/default")).unwrap();
        std::fs::write(self.host.path("root/etc/default/engram"), text).unwrap();
    }

    /// Restarts the service, and reads what it says until the line "end".
    #[track_caller]
    fn restarted(&self) -> String {
        let before = self.journal().len();
        self.says("systemctl restart engram", 0, "");
        let mut said = String::new();
        assert!(wait_until(|| {
            self.journal()
                .get(before..)
                .unwrap_or_default()
                .clone_into(&mut said);
            said.lines().any(|line| line == "end")
        }));
        said
    }

    /// The limit of the running service as the kernel has it: soft and hard.
    fn limit(&self, name: &str) -> (String, String) {
        let pid = stdout(&self.run("systemctl show engram -p MainPID --value"));
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", pid.trim())).unwrap();
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        let mut words = line[name.len()..].split_whitespace().map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    }
}

const PRINTS: &str = "[Service]\nEnvironment=A=unit B=unit\n\
    ExecStart=/bin/bash -c 'echo A=$A B=$B C=$C; echo end; exec sleep 1000'\nTimeoutStopSec=1\n";

#[test]
fn drop_ins_are_merged_in_order_and_an_empty_value_resets() {
    let machine = Machine::new(PRINTS);
    machine.drop_in(
        "20-second.conf",
        "[Service]\nEnvironment=B=second C=second\n",
    );
    machine.drop_in(
        "10-first.conf",
        "# Comment\n\n[Service]\nEnvironment = B=first\n",
    );
    machine.drop_in("30-not-a-drop-in", "[Service]\nEnvironment=C=wrong\n");
    assert!(machine.restarted().contains("A=unit B=second C=second"));
    machine.drop_in("15-reset.conf", "[Service]\nEnvironment=\n");
    machine.says("systemctl daemon-reload", 0, "");
    assert!(machine.restarted().contains("A= B=second C=second"));
    let paths = stdout(&machine.run("systemctl show engram -p DropInPaths --value"));
    assert!(
        paths.contains("10-first.conf ") && paths.ends_with("20-second.conf\n"),
        "{paths}"
    );
}

#[test]
fn a_command_is_replaced_only_after_a_reset() {
    let machine = Machine::new(PRINTS);
    let second = "ExecStart=/bin/bash -c 'echo other; echo end; exec sleep 1000'\n";
    machine.drop_in("a.conf", &format!("[Service]\n{second}"));
    let refused = machine.run("systemctl start engram");
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("more than one ExecStart= setting"),
        "{refused:?}"
    );
    machine.drop_in("a.conf", &format!("[Service]\nExecStart=\n{second}"));
    machine.says("systemctl daemon-reload", 0, "");
    assert!(machine.restarted().contains("other"));
}

#[test]
fn a_drop_in_counts_after_daemon_reload_and_not_before() {
    let machine = Machine::new(PRINTS);
    assert!(machine.restarted().contains("A=unit"));
    machine.drop_in("a.conf", "[Service]\nEnvironment=A=changed\n");
    let restart = machine.run("systemctl restart engram");
    assert!(
        stderr(&restart).contains("Run 'systemctl daemon-reload' to reload units."),
        "{restart:?}"
    );
    assert!(!machine.restarted().contains("A=changed"));
    machine.says("systemctl daemon-reload", 0, "");
    assert!(machine.restarted().contains("A=changed"));
    std::fs::remove_dir_all(machine.host.path("root/etc/systemd")).unwrap();
    machine.says("systemctl daemon-reload", 0, "");
    assert!(machine.restarted().contains("A=unit"));
}

#[test]
fn environment_files_win_over_the_unit_and_are_read_at_each_start() {
    let machine = Machine::new(PRINTS);
    machine.drop_in(
        "a.conf",
        "[Service]\nEnvironmentFile=-/etc/default/engram\n",
    );
    assert!(machine.restarted().contains("A=unit B=unit C="));
    machine.switches("# A=comment\n; B=comment\n\n  B=\"two words\"\nnonsense\nC='$A'");
    assert!(machine.restarted().contains("A=unit B=two words C=$A"));
    machine.switches("C=once\nC=twice\n");
    assert!(machine.restarted().contains("A=unit B=unit C=twice"));
}

#[test]
fn an_environment_file_without_a_dash_must_be_there() {
    let machine = Machine::new(PRINTS);
    machine.drop_in("a.conf", "[Service]\nEnvironmentFile=/etc/default/engram\n");
    let started = machine.run("systemctl start engram");
    assert_eq!(started.status.code(), Some(1));
    assert!(
        stderr(&started).contains("Job for engram.service failed"),
        "{started:?}"
    );
    machine.says("systemctl is-active engram", 3, "failed\n");
    machine.says("systemctl show engram -p Result --value", 0, "resources\n");
    assert!(
        machine
            .journal()
            .contains("Failed to load environment files: No such file or directory")
    );
    machine.switches("C=now\n");
    assert!(machine.restarted().contains("C=now"));
}

#[test]
fn limits_reach_the_process() {
    let machine = Machine::new(PRINTS);
    machine.drop_in(
        "limits.conf",
        "[Service]\nLimitNOFILE=64:128\nLimitDATA=96M\nLimitAS=1G:2G\nLimitNPROC=infinity\n",
    );
    machine.restarted();
    let pair = |soft: &str, hard: &str| (soft.to_owned(), hard.to_owned());
    assert_eq!(machine.limit("Max open files"), pair("64", "128"));
    assert_eq!(
        machine.limit("Max data size"),
        pair("100663296", "100663296")
    );
    assert_eq!(
        machine.limit("Max address space"),
        pair("1073741824", "2147483648")
    );
    machine.says("systemctl show engram -p LimitNOFILE --value", 0, "128\n");
    machine.says(
        "systemctl show engram -p LimitNOFILESoft --value",
        0,
        "64\n",
    );
    // The last one wins, and an empty one leaves what the process would have had.
    machine.drop_in("more.conf", "[Service]\nLimitNOFILE=32\nLimitDATA=\n");
    machine.says("systemctl daemon-reload", 0, "");
    machine.restarted();
    assert_eq!(machine.limit("Max open files"), pair("32", "32"));
    assert_ne!(
        machine.limit("Max data size"),
        pair("100663296", "100663296")
    );
}

#[test]
fn a_limit_that_is_not_understood_is_an_error() {
    for value in ["64K", "many", "64:", ":64", "1:2:3", "-1"] {
        let machine = Machine::new(PRINTS);
        machine.drop_in("a.conf", &format!("[Service]\nLimitNOFILE={value}\n"));
        let started = machine.run("systemctl start engram");
        assert_eq!(started.status.code(), Some(1), "{value}: {started:?}");
        assert!(
            stderr(&started).contains("Failed to parse resource value"),
            "{started:?}"
        );
    }
}
