//! Processes as the host sees them: proc(5).

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// The direct children of a single-threaded process, by host process id.
pub(super) fn children(pid: i32) -> Vec<i32> {
    std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// The kernel's own measure of when processes started: proc(5), `starttime`, 100 a second.
pub(super) fn ticks_since_boot() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    u64::try_from(now.tv_sec * 100 + now.tv_nsec / 10_000_000).unwrap_or_default()
}

/// When a process started, in ticks since boot; `None` if it is gone.
pub(super) fn started(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses, which may hold blanks.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

/// Kills a child of ours and all below it. It is stopped first: what it starts between a look at
/// its children and its end would be missed.
pub(super) fn kill_stopped_tree(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid)
        && kill_process(pid, Signal::STOP).is_ok()
    {
        let either = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        // Whoever waits for its end later still finds it.
        let _ = waitid(WaitId::Pid(pid), either);
    }
    kill_tree(pid);
}

/// Kills a process and all below it, parents first, so that none is started again meanwhile.
pub(super) fn kill_tree(pid: i32) {
    let below = children(pid);
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, Signal::KILL);
    }
    for child in below {
        kill_tree(child);
    }
}

/// Kills what nsenter has put into a sandbox, which ends nsenter too: it waits for it, and nobody
/// else would. One that has put nothing there yet is killed itself.
pub(super) fn end_guest(nsenter: i32) {
    let guests = children(nsenter);
    for guest in &guests {
        kill_tree(*guest);
    }
    if guests.is_empty() {
        kill_tree(nsenter);
    }
}
