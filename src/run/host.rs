//! A program of the operator's own, on this machine and not in a sandbox: bounded in time and
//! output, without a shell, and with nothing left of it afterwards.

use super::capture::Capture;
use super::processes::{kill_stopped_tree, kill_tree};
use super::stop::Stop;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpid};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The variable by which processes of a run are known, whoever their parent is by now.
const MARK: &str = "RUNBOOK_REPORT";

/// Bytes kept of the output: as many of the beginning as of the end.
const KEPT: usize = 64 * 1024;

/// A look for signals, the deadline and the end is taken this often.
const TICK: Duration = Duration::from_millis(20);

/// What to run.
#[derive(Debug, Clone)]
pub struct HostProgram<'a> {
    /// The program and its arguments; no shell reads them.
    pub argv: &'a [String],
    /// Variables beside those of this process.
    pub env: &'a BTreeMap<String, String>,
    /// What it reads on standard input.
    pub input: &'a [u8],
    /// Its working directory.
    pub dir: &'a Path,
    /// Then it is killed.
    pub timeout: Duration,
    /// Marks its processes: unlike that of any other run.
    pub mark: &'a str,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// By itself.
    Exited(i32),
    /// By a signal that was not ours.
    Signalled(i32),
    /// It ran out of time and was killed.
    TimedOut,
    /// It was killed because this process ends.
    Stopped,
    /// It did not start.
    NotStarted(String),
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct HostRun {
    /// How it ended.
    pub ended: Ended,
    /// What it printed, standard output and error as they came.
    pub output: String,
    /// How long it took.
    pub time: Duration,
    /// How many processes it had left behind; they were killed.
    pub n_left: usize,
}

/// Orphans of the programs come to this process from now on, so that none gets away.
pub fn become_reaper() -> io::Result<()> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    REAPS.store(true, Ordering::Relaxed);
    Ok(())
}

/// Whether children that nobody here waits for are orphans of our programs. In a process that has
/// not asked for orphans they are somebody else's, who would miss their end.
static REAPS: AtomicBool = AtomicBool::new(false);

/// The file that a program's name means: itself where it is absolute, else the first on PATH.
pub fn find_program(program: &str) -> Option<PathBuf> {
    let runs = |path: &Path| {
        path.metadata()
            .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path);
    // Joined to a folder, an absolute path is itself.
    dirs.chain([PathBuf::from("/")])
        .filter(|_| !program.is_empty())
        .map(|dir| dir.join(program))
        .find(|path| path.is_absolute() && runs(path))
}

/// The processes that we started and wait for; all other children are orphans of theirs. Held while
/// one is started, so that no orphan is looked for meanwhile.
static OURS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn ours() -> MutexGuard<'static, BTreeSet<i32>> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HostProgram<'_> {
    /// Runs it to its end, to its deadline, or to the first signal.
    pub fn run(&self, stop: &Stop) -> HostRun {
        let began = Instant::now();
        let mut capture = Capture::default();
        let (ended, n_left) = match self.start() {
            Ok((child, output)) => self.attend(child, output, stop, &mut capture),
            Err(error) => (Ended::NotStarted(error.to_string()), 0),
        };
        HostRun {
            ended,
            output: shortened(&capture.text()),
            time: began.elapsed(),
            n_left,
        }
    }

    fn start(&self) -> io::Result<(Child, File)> {
        let (program, arguments) = self
            .argv
            .split_first()
            .ok_or_else(|| io::Error::other("no program is named"))?;
        // Not a pipe, which a program that never reads would block; not a file, for the disk may be full.
        let mut input = File::from(memfd_create("input", MemfdFlags::CLOEXEC)?);
        input.write_all(self.input)?;
        input.rewind()?;
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(self.env)
            .env(MARK, self.mark)
            .current_dir(self.dir)
            .stdin(input)
            .stdout(writer.try_clone()?)
            .stderr(Stdio::from(writer))
            .process_group(0);
        let mut ours = ours();
        let child = command.spawn()?;
        ours.insert(child.id().cast_signed());
        Ok((child, File::from(OwnedFd::from(reader))))
    }

    fn attend(
        &self,
        mut child: Child,
        mut output: File,
        stop: &Stop,
        capture: &mut Capture,
    ) -> (Ended, usize) {
        let deadline = Instant::now() + self.timeout;
        let pid = child.id().cast_signed();
        let mut open = true;
        let ended = loop {
            open = open && take(&mut output, capture, TICK);
            if !open {
                std::thread::sleep(TICK);
            }
            match child.try_wait() {
                Ok(Some(status)) => break how(status),
                Ok(None) => {}
                Err(error) => break Ended::NotStarted(error.to_string()),
            }
            if stop.is_set() {
                break Ended::Stopped;
            }
            if Instant::now() >= deadline {
                break Ended::TimedOut;
            }
        };
        if matches!(ended, Ended::Stopped | Ended::TimedOut) {
            kill_stopped_tree(pid);
            let _ = child.wait();
        }
        ours().remove(&pid);
        let n_left = self.clear(pid);
        // What was printed and not yet read; whoever still holds the pipe is not waited for.
        while open && take(&mut output, capture, Duration::ZERO) {}
        (ended, n_left)
    }

    /// Kills what is left of the run: its process group, and orphans that bear its mark.
    fn clear(&self, group: i32) -> usize {
        if let Some(group) = Pid::from_raw(group) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let mark = format!("{MARK}={}", self.mark);
        let mut killed = BTreeSet::new();
        // Killing one orphans its children, which come to us: until a look finds none.
        for _ in 0..100 {
            let ours = ours();
            let orphans: Vec<i32> = children_of_all_threads()
                .into_iter()
                .filter(|pid| !ours.contains(pid))
                .collect();
            let mut found = false;
            for orphan in orphans {
                if is_marked(orphan, &mark) {
                    kill_tree(orphan);
                    found |= killed.insert(orphan);
                }
                // Those that have ended are nobody else's to wait for.
                if REAPS.load(Ordering::Relaxed) {
                    let _ = waitpid(Pid::from_raw(orphan), WaitOptions::NOHANG);
                }
            }
            drop(ours);
            if !found {
                break;
            }
            std::thread::sleep(TICK);
        }
        killed.len()
    }
}

/// Reads what there is within `wait`. Returns false at the end, and where nothing came at once.
fn take(output: &mut File, capture: &mut Capture, wait: Duration) -> bool {
    let mut fds = [PollFd::new(&*output, PollFlags::IN)];
    let wait_for = Timespec {
        tv_sec: 0,
        tv_nsec: i64::from(wait.subsec_nanos()),
    };
    if !matches!(poll(&mut fds, Some(&wait_for)), Ok(1)) {
        return !wait.is_zero();
    }
    let mut bytes = [0; 16 * 1024];
    match output.read(&mut bytes) {
        Ok(0) | Err(_) => false,
        Ok(n_bytes) => {
            capture.push(&bytes[..n_bytes]);
            true
        }
    }
}

fn how(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, signal) => Ended::Signalled(signal.unwrap_or_default()),
    }
}

/// The children of this process, by whichever thread.
fn children_of_all_threads() -> Vec<i32> {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|line| {
            line.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<i32>>()
        })
        .collect()
}

fn is_marked(pid: i32, mark: &str) -> bool {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment
        .split(|byte| *byte == 0)
        .any(|variable| variable == mark.as_bytes())
}

/// The beginning and the end of a long text.
fn shortened(text: &str) -> String {
    if text.len() <= 2 * KEPT {
        return text.to_owned();
    }
    let boundary = |mut at: usize| {
        while !text.is_char_boundary(at) {
            at += 1;
        }
        at
    };
    let (head, tail) = (boundary(KEPT), boundary(text.len() - KEPT));
    let cut = tail - head;
    format!(
        "{}\n[… {cut} bytes cut …]\n{}",
        &text[..head],
        &text[tail..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, timeout: Duration) -> HostRun {
        let argv = ["sh", "-c", script].map(str::to_owned);
        let program = HostProgram {
            argv: &argv,
            env: &BTreeMap::from([("A".to_owned(), "$(id) ; x".to_owned())]),
            input: b"given",
            dir: Path::new("/"),
            timeout,
            mark: "unit-test",
        };
        program.run(&Stop::never().unwrap())
    }

    #[test]
    fn output_status_input_and_environment() {
        let seen = run(
            r#"cat; echo " $A"; pwd >&2; exit 3"#,
            Duration::from_secs(9),
        );
        assert_eq!(seen.ended, Ended::Exited(3));
        assert_eq!(seen.output, "given $(id) ; x\n/\n");
        let killed = run("kill -9 $$", Duration::from_secs(9));
        assert_eq!(killed.ended, Ended::Signalled(9));
    }

    #[test]
    fn a_flood_of_output_is_cut_in_the_middle() {
        let seen = run("yes | head -c 9000000; echo end", Duration::from_secs(60));
        assert_eq!(seen.ended, Ended::Exited(0));
        assert!(seen.output.len() < 3 * KEPT);
        assert!(seen.output.contains("bytes cut") && seen.output.ends_with("end\n"));
    }

    #[test]
    fn what_holds_the_output_open_is_not_waited_for() {
        let began = Instant::now();
        let seen = run("sleep 300 & echo out", Duration::from_secs(60));
        assert_eq!(
            (seen.ended, seen.output.as_str()),
            (Ended::Exited(0), "out\n")
        );
        assert!(began.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_program_that_is_not_there_has_not_started() {
        assert!(find_program("no-such-program-here").is_none());
        assert!(find_program("sh").is_some_and(|path| path.is_absolute()));
        assert!(find_program("/bin/sh").is_some());
        assert!(find_program("").is_none());
    }
}
