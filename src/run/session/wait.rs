//! How a session waits: for messages, output, its own end, a signal to us, and no longer than asked.

use super::super::capture::{Capture, HARD_LIMIT};
use super::{Session, Woken};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;
use rustix::io::Errno;
use std::time::{Duration, Instant};

/// For this long a step's output is left in the pipe: most steps have ended by then, and to be
/// woken for each line that they print costs more than they do.
const GATHER: Duration = Duration::from_millis(2);

/// Which descriptors have something for us.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four descriptors, each ready or not"
)]
struct Ready {
    exit: bool,
    stop: bool,
    control: bool,
    output: bool,
}

impl Session<'_> {
    /// Sleeps until something happens; takes in all output meanwhile.
    pub(super) fn wait(&mut self, capture: &mut Capture, deadline: Instant) -> Woken {
        let patient = Instant::now() + GATHER;
        loop {
            if let Some(message) = self.message() {
                return Woken::Message(message);
            }
            if Instant::now() >= deadline {
                return Woken::Deadline;
            }
            let ready = if Instant::now() < patient {
                self.poll(patient.min(deadline), false)
            } else {
                self.poll(deadline, true)
            };
            if ready.stop {
                return Woken::Stopped;
            }
            if ready.output {
                self.output_open = self.take(capture, 1 << 20) > 0;
            }
            if capture.total() > HARD_LIMIT {
                return Woken::Flooded;
            }
            if ready.control {
                self.control_open = self.receive() > 0;
            }
            if ready.exit && !self.pending.contains(&0) {
                self.reap();
                return Woken::Ended;
            }
        }
    }

    fn poll(&self, deadline: Instant, with_output: bool) -> Ready {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut fds = vec![
            PollFd::new(&self.exit, PollFlags::IN),
            PollFd::from_borrowed_fd(self.stop.as_fd(), PollFlags::IN),
        ];
        // A pipe that all writers have closed stays ready for ever: it is asked no more.
        let pipes = [
            (self.control_open, &self.control),
            (self.output_open && with_output, &self.output),
        ];
        let mut at = [None; 2];
        for (place, (open, fd)) in at.iter_mut().zip(pipes) {
            if open {
                *place = Some(fds.len());
                fds.push(PollFd::new(fd, PollFlags::IN));
            }
        }
        let timeout = Timespec::try_from(left).unwrap_or_default();
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ready::default(),
            Err(error) => panic!("poll of open descriptors failed: {error}"),
        }
        let is_ready = |index: Option<usize>| index.is_some_and(|i| !fds[i].revents().is_empty());
        Ready {
            exit: is_ready(Some(0)),
            stop: is_ready(Some(1)),
            control: is_ready(at[0]),
            output: is_ready(at[1]),
        }
    }

    fn receive(&mut self) -> usize {
        let before = self.pending.len();
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = rustix::io::read(&self.control, &mut buffer) {
            self.pending.extend_from_slice(&buffer[..n]);
            if n < buffer.len() {
                break;
            }
        }
        self.pending.len() - before
    }

    pub(super) fn message(&mut self) -> Option<String> {
        let end = self.pending.iter().position(|byte| *byte == 0)?;
        let message: Vec<u8> = self.pending.drain(..=end).collect();
        Some(String::from_utf8_lossy(&message[..end]).into_owned())
    }

    /// Takes what was printed before now, and no more: a background process may go on printing.
    pub(super) fn drain(&mut self, capture: &mut Capture) {
        let waiting = rustix::io::ioctl_fionread(&self.output).unwrap_or(0);
        self.take(capture, usize::try_from(waiting).unwrap_or(usize::MAX));
    }

    fn take(&mut self, capture: &mut Capture, most: usize) -> usize {
        let mut buffer = [0; 1 << 14];
        let mut taken = 0;
        while taken < most {
            let room = buffer.len().min(most - taken);
            match rustix::io::read(&self.output, &mut buffer[..room]) {
                Err(Errno::INTR) => {}
                Ok(0) | Err(_) => break,
                Ok(n) => {
                    capture.push(&buffer[..n]);
                    taken += n;
                }
            }
        }
        taken
    }
}
