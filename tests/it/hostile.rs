//! Blocks that would destroy a machine change nothing on this one.

use crate::book::Book;
use std::process::Command;

/// What the host looks like to a block that wants to harm it.
fn host() -> Vec<Option<String>> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let said = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    vec![
        read("/etc/passwd"),
        read("/etc/hosts"),
        read("/proc/sys/vm/swappiness"),
        read("/proc/sys/net/ipv4/ip_forward"),
        read("/proc/sys/kernel/hostname"),
        said("ls", &["/", "/usr", "/home", "/root", "/tmp/.."]),
        said("ip", &["link"]),
    ]
}

#[test]
fn the_host_is_the_same_after_hostile_blocks() {
    let canary = tempfile::NamedTempFile::new().unwrap();
    let mut victim = Command::new("sleep").arg("600").spawn().unwrap();
    let before = host();
    let blocks = [
        "rm -rf --no-preserve-root /",
        "kill -9 -1",
        "iptables -F",
        "iptables -P INPUT DROP",
        ":(){ :|:& };:",
        "mount -o remount,bind,rw /usr && touch /usr/owned",
        "echo 5 > /proc/sys/vm/swappiness",
        "echo 1 > /proc/sysrq-trigger",
        "hostname owned",
        "date -s 2001-01-01",
        "mknod /tmp/sda b 8 0 && dd if=/dev/zero of=/tmp/sda count=1",
        "ip link set lo down; ip link del eth0",
        "chroot /proc/1/root touch /owned",
        "nsenter -t 1 -m touch /owned",
        "unshare -r mount -t tmpfs x /usr",
        "curl -s --max-time 1 http://127.0.0.1:1/; (exec 3<>/dev/tcp/127.0.0.1/22)",
        "docker ps; systemctl poweroff; reboot -f; poweroff -f",
        "sudo rm -rf /home /root /etc",
        "passwd -d root; useradd owned",
        "cat /root/.ssh/id_rsa /etc/shadow",
        "fallocate -l 20G /tmp/big /var/big /dev/shm/big",
        "env | grep -i secret",
    ];
    let mut page = String::from("# Hostile\n\n");
    for block in blocks {
        page.push_str(&format!(
            "```bash {{any danger timeout=10s}}\n{block}\n```\n\n"
        ));
    }
    page.push_str(&format!(
        "```bash {{any}}\nls {0} && echo the canary is seen; kill -0 {1} && echo the victim is seen\n```\n",
        canary.path().display(),
        victim.id()
    ));
    let book = Book::new().page("a.md", &page);
    let ran = crate::book::program(book.dir.path())
        .args(["test", "--report", "json=report.json"])
        .env("SECRET_TOKEN", "hunter2")
        .output()
        .unwrap();
    assert!(ran.status.code().is_some());
    let report = book.read("report.json");
    for seen in ["the canary is seen\\n", "hunter2", "root:$"] {
        assert!(!report.contains(seen), "{seen} in {report}");
    }
    assert_eq!(host(), before);
    assert!(canary.path().exists());
    assert_eq!(victim.try_wait().unwrap(), None, "the victim was killed");
    victim.kill().unwrap();
    victim.wait().unwrap();
}

#[test]
fn the_sandbox_has_what_a_page_needs_and_no_more() {
    Book::new()
        .page(
            "a.md",
            "```bash\nid -un; hostname; cat /proc/sys/kernel/ostype\n```\n```text {output}\nroot\nrunbook\nLinux\n```\n\
             ```bash\nfor d in /tmp /var/log /etc /run /root; do touch $d/x && echo ok; done\n```\n\
             ```text {output}\nok\nok\nok\nok\nok\n```\n\
             ```bash\ngrep CapEff /proc/self/status; ls -A /home 2>/dev/null; env | grep -c CARGO; ps -e | wc -l\n```\n\
             ```text {output}\nCapEff:[..]0000000000000000\n0\n[..]\n```\n",
        )
        .run(&["test"])
        .status(0);
}

#[test]
fn a_firewall_needs_to_be_asked_for() {
    let page =
        "```bash\niptables -A INPUT -p tcp --dport 50051 -j DROP\niptables -S | grep 50051\n```\n";
    Book::new().page("a.md", page).run(&["test"]).status(1);
    Book::new()
        .toml("[preprocessor.runbook.instance]\nnet-admin = true\n")
        .page("a.md", page)
        .run(&["test"])
        .status(0);
}
