//! What outlives a drill: named inside the sandbox, killed on the bare host.

use super::processes::kill_tree;
use rustix::process::{Pid, WaitOptions, waitpid};

/// Lists every process of the sandbox but its first one and the session, with builtins only. One
/// that is just being started has no command line yet, one that has ended (`Z`) has none any more.
pub(super) const LIST: &str = r#"for __rb_f in /proc/[0-9]*; do __rb_f=${__rb_f#/proc/}; [[ $__rb_f == 1 || $__rb_f == $$ ]] && continue; __rb_w=(); mapfile -d '' -t __rb_w <"/proc/$__rb_f/cmdline"; if [[ ${#__rb_w[@]} == 0 ]]; then read -r __rb_s2 <"/proc/$__rb_f/stat" || continue; [[ $__rb_s2 == *') Z '* ]] && continue; read -r __rb_w <"/proc/$__rb_f/comm" || continue; fi; echo "$__rb_f ${__rb_w[*]}"; done 2>/dev/null; unset -v __rb_f __rb_w __rb_s2"#;

/// On the bare host there is no PID namespace to end: everything below this process is killed.
/// Orphans come to it, since it made itself a subreaper.
pub(super) fn kill_descendants() {
    loop {
        let below = own_children();
        if below.is_empty() {
            return;
        }
        for child in below {
            kill_tree(child);
            if let Some(pid) = Pid::from_raw(child) {
                let _ = waitpid(Some(pid), WaitOptions::empty());
            }
        }
    }
}

/// The kernel keeps children by the thread that started them.
fn own_children() -> Vec<i32> {
    let tasks = walkdir::WalkDir::new("/proc/self/task")
        .min_depth(1)
        .max_depth(1);
    tasks
        .into_iter()
        .filter_map(Result::ok)
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|word| word.parse().ok())
                .collect::<Vec<i32>>()
        })
        .collect()
}

/// Makes orphans of the bare host's blocks come to this process.
pub(super) fn adopt_orphans() {
    let own = rustix::process::getpid();
    // Refused only by kernels before 3.4.
    let _ = rustix::process::set_child_subreaper(Some(own));
}
