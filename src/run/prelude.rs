//! What a bash in a sandbox runs before anything else, on one line: it makes the system usable, and
//! proves from inside that it is a sandbox.
//!
//! Builtins only: a program would cost a millisecond, and the check itself must not depend on one.
//! Whether something can be written is asked, not tried: where it can be, the try would write it.

use super::sandbox::quote;
use std::path::Path;

/// For the first bash of a sandbox. `canary` is a path that only the host has.
pub(super) fn fresh(users: &[String], net_admin: bool, canary: &Path) -> String {
    let names = || std::iter::once("root").chain(users.iter().map(String::as_str));
    let accounts: String = names()
        .map(|user| format!("{user}:x:0:0::/root:/bin/bash\\n"))
        .collect();
    let groups: String = names().map(|user| format!("{user}:x:0:\\n")).collect();
    let text = [DESCRIPTORS, FILES, LIMITS, PROOF, PROOF_OF_A_FRESH_ONE, END].concat();
    one_line(&text, net_admin, canary)
        .replace("@USERS@", &accounts)
        .replace("@GROUPS@", &groups)
}

/// For a bash that enters a running sandbox.
pub(super) fn entered(net_admin: bool, canary: &Path) -> String {
    one_line(
        &[DESCRIPTORS, LIMITS, PROOF, END].concat(),
        net_admin,
        canary,
    )
}

fn one_line(text: &str, net_admin: bool, canary: &Path) -> String {
    // Bits 12 and 13 of the capability mask: CAP_NET_ADMIN, CAP_NET_RAW.
    let allowed = if net_admin {
        "000000000000[0-3]000"
    } else {
        "0000000000000000"
    };
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
        .replace("@CAPABILITIES@", allowed)
        .replace("@CANARY@", &quote(&canary.display().to_string()))
}

const DESCRIPTORS: &str = r#"
for __rb_f in /proc/self/fd/*; do
  case ${__rb_f##*/} in [0-5]) ;; *) [[ ! -e $__rb_f ]] || eval "exec ${__rb_f##*/}>&-" ;; esac;
done;
"#;

const FILES: &str = r"
printf '@USERS@' >/etc/passwd;
printf '@GROUPS@' >/etc/group;
printf '127.0.0.1 localhost runbook\n::1 localhost\n' >/etc/hosts;
printf 'passwd: files\ngroup: files\nhosts: files\n' >/etc/nsswitch.conf;
";

const LIMITS: &str = r"
umask 022;
ulimit -c 0; ulimit -u 512; ulimit -n 1024; ulimit -d 4194304;
";

const PROOF: &str = r#"
__rb_bad=;
read -r __rb_in __rb_out __rb_n </proc/self/uid_map || __rb_bad="no uid map; ";
[[ $__rb_out != 0 ]] || __rb_bad+="the outer user is root; ";
IFS= read -r -d '' __rb_v </proc/self/status;
[[ $__rb_v == *CapPrm:?@CAPABILITIES@[!0-9a-f]CapEff:?@CAPABILITIES@[!0-9a-f]* ]] || __rb_bad+="it has capabilities; ";
[[ $__rb_v == *NoNewPrivs:?1* ]] || __rb_bad+="privileges can be gained; ";
[[ ! -e @CANARY@ ]] || __rb_bad+="the host's files are visible; ";
for __rb_f in /usr / /dev /proc/sys/vm/swappiness; do
  [[ ! -w $__rb_f ]] || __rb_bad+="$__rb_f can be written; ";
done;
"#;

/// What holds only before anybody has done anything in it.
const PROOF_OF_A_FRESH_ONE: &str = r#"
IFS= read -r -d '' __rb_v </proc/net/dev;
[[ $__rb_v == Inter-*lo:* && $__rb_v != *:*:* ]] || __rb_bad+="it has network interfaces; ";
for __rb_f in /proc/[0-9]*; do
  case $__rb_f in /proc/1|/proc/$$) ;; *) __rb_bad+="a foreign process $__rb_f; " ;; esac;
done;
"#;

const END: &str = r#"
unset -v __rb_f __rb_in __rb_out __rb_n __rb_v;
[[ -z $__rb_bad ]] || { printf 'unsafe %s\0' "$__rb_bad" >&4; exit 99; }
"#;
