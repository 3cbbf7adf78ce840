//! What can be known of the instance before any drill: its version and its capabilities.

use super::drill::{await_ready, start};
use super::record::Recorder;
use super::sandbox::{Sandbox, SandboxError};
use super::session::{Manner, Request, Session};
use super::stop::Stop;
use crate::config::{Instance, LiveConfig};
use crate::evidence::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::time::Duration;

/// What the probes said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probed {
    /// The first line that `version` printed.
    pub version: Option<String>,
    /// The same of the services of live drills, by their names.
    pub services: BTreeMap<String, String>,
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
        let mut session = session(sandbox, home.path(), stop)?;
        match run(&mut session, command) {
            Ok(printed) => probed.version = first_line(&printed),
            Err(words) => probed.failure = Some(format!("`version`: {words}")),
        }
        Ok(probed)
    }

    /// Asks the services `names` for their versions. Without one that tells it no sandbox is made.
    pub fn services(
        &mut self,
        sandbox: &Sandbox,
        (live, names): (&LiveConfig, &BTreeSet<&str>),
        stop: &Stop,
    ) -> Result<(), SandboxError> {
        let asked: Vec<(&str, &str)> = names
            .iter()
            .filter_map(|name| Some((*name, live.services.get(*name)?.version.as_deref()?)))
            .collect();
        if asked.is_empty() {
            return Ok(());
        }
        let home = tempfile::tempdir().map_err(SandboxError::Spawn)?;
        let mut session = session(sandbox, home.path(), stop)?;
        for (name, command) in asked {
            match run(&mut session, command) {
                Ok(printed) => {
                    let version = first_line(&printed).unwrap_or_default();
                    self.services.insert(name.to_owned(), version);
                }
                Err(words) => {
                    self.failure = Some(format!("`version` of the service `{name}`: {words}"));
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Starts the instance and tries every capability.
    pub fn capabilities(
        &mut self,
        sandbox: &Sandbox,
        instance: &Instance,
        stop: &Stop,
    ) -> Result<(), SandboxError> {
        let home = tempfile::tempdir().map_err(SandboxError::Spawn)?;
        let mut recorder: Option<Recorder<'_>> = None;
        for (name, command) in &instance.capabilities {
            if !recorder.as_mut().is_some_and(|it| is_ready(instance, it)) {
                // On the bare host both would want the same ports.
                drop(recorder.take());
                recorder = started(sandbox, instance, home.path(), stop)?;
            }
            let Some(running) = &mut recorder else {
                // Each drill will say at length that the instance does not get ready.
                return Ok(());
            };
            if run(&mut running.session, command).is_ok() {
                self.capabilities.insert(name.clone());
            }
        }
        Ok(())
    }
}

/// A session in a sandbox of its own, without the instance.
fn session<'a>(
    sandbox: &Sandbox,
    home: &Path,
    stop: &'a Stop,
) -> Result<Session<'a>, SandboxError> {
    let mut session = Session::start(sandbox, home, stop)?;
    session.ready("book.toml")?;
    Ok(session)
}

fn first_line(printed: &str) -> Option<String> {
    printed.lines().next().map(|line| line.trim().to_owned())
}

/// An instance in a sandbox of its own; `None` if it does not get ready.
fn started<'a>(
    sandbox: &Sandbox,
    instance: &Instance,
    home: &Path,
    stop: &'a Stop,
) -> Result<Option<Recorder<'a>>, SandboxError> {
    let mut recorder = Recorder::new(session(sandbox, home, stop)?, false);
    let ready = start(Some(instance), &mut recorder).is_ok();
    Ok(ready.then_some(recorder))
}

/// Whether a probe has left the instance as it was. One that was killed at its limit may have had
/// it restarted, or ended it: then it would deny all that is asked of it.
fn is_ready(instance: &Instance, recorder: &mut Recorder<'_>) -> bool {
    recorder.session.is_alive() && await_ready(instance, recorder).is_ok()
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
