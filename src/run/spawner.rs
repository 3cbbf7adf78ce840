//! Starts processes as an unprivileged user without copying this one.
//!
//! A command with a user of its own is started by fork(2), which copies the page tables of this
//! whole process: that took a tenth of the time of a small sandbox. On Linux a thread has its own
//! user, so one thread becomes unprivileged for good and starts them by `posix_spawn(3)`. It lives
//! as long as the process, since `bwrap --die-with-parent` means the thread that started it.

use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_change, unmount};
use rustix::process::{Gid, Uid};
use rustix::thread::{UnshareFlags, set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

/// The user that root becomes before a sandbox starts: `nobody`, on every Linux.
pub(super) const UNPRIVILEGED: u32 = 65534;

type Order = (Command, Sender<io::Result<Child>>);

/// Starts `command` as [`UNPRIVILEGED`]; this process must be root.
pub(super) fn spawn_unprivileged(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Order>> = OnceLock::new();
    let (answer, child) = channel();
    SPAWNER
        .get_or_init(start)
        .send((command, answer))
        .map_err(io::Error::other)?;
    child.recv().map_err(io::Error::other)?
}

fn start() -> Sender<Order> {
    let (sender, orders) = channel::<Order>();
    thread::spawn(move || {
        let dropped = drop_privileges();
        for (mut command, answer) in orders {
            let child = match dropped {
                Ok(()) => command.spawn(),
                // Nothing is started with privileges instead.
                Err(error) => Err(error.into()),
            };
            // Our ends of its descriptors are closed before it is told of.
            drop(command);
            // Whoever asked has given up: then it must not go on either.
            if let Err(unheard) = answer.send(child)
                && let Ok(mut child) = unheard.0
            {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    });
    sender
}

/// Of the calling thread only.
fn drop_privileges() -> rustix::io::Result<()> {
    // Without the right to do it, sandboxes only start more slowly.
    let _ = forget_mounts();
    let (user, group) = (Uid::from_raw(UNPRIVILEGED), Gid::from_raw(UNPRIVILEGED));
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)
}

/// Takes what no sandbox has from this thread's view of the file systems: /sys holds most of the
/// mounts of a machine, which bubblewrap copies for each sandbox and lists for each bind.
fn forget_mounts() -> rustix::io::Result<()> {
    #[expect(deprecated, reason = "only UnshareFlags::FILES makes it unsafe")]
    rustix::thread::unshare(UnshareFlags::FS | UnshareFlags::NEWNS)?;
    // From here on nothing that is done to mounts reaches the host, or this fails and nothing is.
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    for path in ["/sys", "/dev/pts", "/dev/shm"] {
        // One may lie on another.
        while unmount(path, UnmountFlags::DETACH).is_ok() {}
    }
    Ok(())
}
