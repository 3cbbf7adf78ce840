//! What the kernel says about this process, from `/proc`.

use rustix::fs::{Dir, Mode, OFlags};
use std::sync::{LazyLock, Mutex};

/// Open from the start of the server on: at the limit of open files no other could be opened to count them.
static OPEN_FILES: LazyLock<Option<Mutex<Dir>>> = LazyLock::new(|| {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open("/proc/self/fd", flags, Mode::empty()).ok()?;
    Some(Mutex::new(Dir::new(folder).ok()?))
});

/// Numbers about this process. Each is `None` if the kernel does not tell.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Process {
    /// Resident memory, in bytes.
    pub(crate) resident_bytes: Option<u64>,
    /// The part of it that is no copy of a file: what the program itself has asked for.
    pub(crate) anonymous_bytes: Option<u64>,
    /// Open file descriptors.
    pub(crate) open_fds: Option<u64>,
    /// The soft limit of open file descriptors; `None` if there is no limit.
    pub(crate) max_fds: Option<u64>,
    /// When the process was started, in seconds since 1970.
    pub(crate) start_time_seconds: Option<f64>,
    /// User and system time, in seconds.
    pub(crate) cpu_seconds: Option<f64>,
    /// Memory of the machine, in bytes.
    pub(crate) machine_bytes: Option<u64>,
}

impl Process {
    /// Reads all of them now.
    pub(crate) fn read() -> Self {
        let stat = Stat::read();
        Self {
            resident_bytes: kilobytes_of("/proc/self/status", "VmRSS:"),
            anonymous_bytes: kilobytes_of("/proc/self/status", "RssAnon:"),
            open_fds: open_files(),
            max_fds: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
            start_time_seconds: stat.as_ref().and_then(Stat::start_time_seconds),
            cpu_seconds: stat.as_ref().map(Stat::cpu_seconds),
            machine_bytes: kilobytes_of("/proc/meminfo", "MemTotal:"),
        }
    }
}

/// Makes sure that open files can still be counted at their limit.
pub(crate) fn prepare() {
    LazyLock::force(&OPEN_FILES);
}

fn open_files() -> Option<u64> {
    let mut folder = OPEN_FILES.as_ref()?.lock().ok()?;
    folder.rewind();
    let mut count = 0;
    while let Some(entry) = folder.read() {
        let entry = entry.ok()?;
        count += u64::from(!entry.file_name().to_bytes().starts_with(b"."));
    }
    Some(count)
}

fn kilobytes_of(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// `/proc/self/stat`, behind the name of the program, which may hold spaces.
struct Stat(Vec<String>);

impl Stat {
    fn read() -> Option<Self> {
        let text = std::fs::read_to_string("/proc/self/stat").ok()?;
        let (_name, fields) = text.rsplit_once(") ")?;
        Some(Self(fields.split_whitespace().map(str::to_owned).collect()))
    }

    /// A field by its number in proc(5), in seconds.
    fn seconds(&self, number: usize) -> f64 {
        let ticks: f64 = self
            .0
            .get(number - 3)
            .and_then(|field| field.parse().ok())
            .unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "ticks per second are 100 or so")]
        let per_second = rustix::param::clock_ticks_per_second() as f64;
        ticks / per_second
    }

    fn cpu_seconds(&self) -> f64 {
        self.seconds(14) + self.seconds(15)
    }

    fn start_time_seconds(&self) -> Option<f64> {
        let text = std::fs::read_to_string("/proc/stat").ok()?;
        let boot: f64 = text
            .lines()
            .find_map(|line| line.strip_prefix("btime "))?
            .trim()
            .parse()
            .ok()?;
        Some(boot + self.seconds(22))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_files_are_counted_anew_each_time() {
        // Other tests open and close files meanwhile, but never as many.
        let before = open_files().unwrap();
        let held: Vec<_> = (0..500)
            .map(|_| std::fs::File::open("/dev/null").unwrap())
            .collect();
        let meanwhile = open_files().unwrap();
        drop(held);
        let after = open_files().unwrap();
        assert!(meanwhile >= before + 400, "{before} {meanwhile}");
        assert!(after <= meanwhile - 400, "{meanwhile} {after}");
    }
}
