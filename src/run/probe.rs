//! What can be known of the instance before any drill: its version and its capabilities.

use super::drill::start;
use super::record::Recorder;
use super::sandbox::{Sandbox, SandboxError};
use super::session::{Manner, Request, Session};
use super::stop::Stop;
use crate::config::Instance;
use crate::evidence::Outcome;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::Duration;

/// What the probes said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probed {
    /// The first line that `version` printed.
    pub version: Option<String>,
    /// Capabilities whose probe succeeded.
    pub capabilities: BTreeSet<String>,
    /// Why the instance could not be probed, if so.
    pub failure: Option<String>,
}

const LIMIT: Duration = Duration::from_secs(10);

impl Probed {
    /// Asks for the version, which needs no running instance. Without an instance that tells it no
    /// sandbox is made.
    pub fn version(
        sandbox: &Sandbox,
        instance: Option<&Instance>,
        stop: &Stop,
    ) -> Result<Self, SandboxError> {
        let mut probed = Self::default();
        let Some(command) = instance.and_then(|i| i.version.as_deref()) else {
            return Ok(probed);
        };
        let home = tempfile::tempdir().map_err(SandboxError::Spawn)?;
        let mut session = Session::start(sandbox, home.path(), stop)?;
        session.ready("book.toml")?;
        match run(&mut session, command) {
            Ok(printed) => {
                probed.version = printed.lines().next().map(|line| line.trim().to_owned());
            }
            Err(words) => probed.failure = Some(format!("`version`: {words}")),
        }
        Ok(probed)
    }

    /// Starts the instance and tries every capability.
    pub fn capabilities(
        &mut self,
        sandbox: &Sandbox,
        instance: &Instance,
        stop: &Stop,
    ) -> Result<(), SandboxError> {
        let home = tempfile::tempdir().map_err(SandboxError::Spawn)?;
        let mut session = Session::start(sandbox, home.path(), stop)?;
        session.ready("book.toml")?;
        let mut recorder = Recorder::new(session, false);
        if start(Some(instance), &mut recorder).is_err() {
            // Each drill will say at length that the instance does not get ready.
            return Ok(());
        }
        for (name, command) in &instance.capabilities {
            if run(&mut recorder.session, command).is_ok() {
                self.capabilities.insert(name.clone());
            }
        }
        Ok(())
    }
}

fn run(session: &mut Session<'_>, code: &str) -> Result<String, String> {
    let reply = session.run(&Request {
        code,
        line: 1,
        timeout: LIMIT,
        manner: Manner::Apart,
    });
    let printed = reply.capture.text();
    match reply.outcome {
        Outcome::Exited { status: 0 } => Ok(printed),
        other => Err(format!(
            "{}\n{printed}",
            super::expectation::in_words(&other)
        )),
    }
}

/// Runs the instance's `prepare` command in the book's root, outside of the sandbox: it is the
/// author's own build, and the only command of the book that is not confined.
pub fn prepare(instance: &Instance, root: &Path) -> io::Result<()> {
    let Some(command) = &instance.prepare else {
        return Ok(());
    };
    let run = duct::cmd("bash", ["-c", command])
        .dir(root)
        .stdin_null()
        .stderr_to_stdout()
        .stdout_capture()
        .unchecked()
        .run()?;
    if run.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&run.stdout);
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(30)..].join("\n");
    Err(io::Error::other(format!(
        "`prepare` failed ({}):\n{tail}",
        run.status
    )))
}
