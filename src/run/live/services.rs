//! The services of a live drill: started in the background, each in a folder and a process group of
//! its own, and ended with all that they have started.

use super::{Live, until};
use crate::config::Service;
use crate::evidence::{Outcome, Verdict};
use crate::finding::Finding;
use crate::run::record::{Failed, Recorder, in_seconds};
use crate::run::sandbox::quote;
use std::time::Duration;

/// Their folders and logs; hidden, so that pages that look into the home do not meet them.
const HOME: &str = "\"$HOME/.runbook-live\"";

/// Exit status that says that a service's process is no more.
const GONE: u8 = 79;

const LIMIT: Duration = Duration::from_secs(10);

pub(super) fn start(live: &Live<'_>, recorder: &mut Recorder<'_>) -> Result<(), Failed> {
    let (files, site) = live.ground.seen(recorder.session.isolation());
    for (name, service) in &live.services {
        let code = format!(
            "mkdir -p {HOME}/{name} && cd {HOME}/{name} || exit
export RUNBOOK_LIVE={} RUNBOOK_SITE={}
setsid bash -c {} </dev/null >../{name}.log 2>&1 &
echo $! >../{name}.pid",
            quote(&files.display().to_string()),
            quote(&site.display().to_string()),
            quote(&service.run),
        );
        let (outcome, printed) = recorder.quiet_command(&code, LIMIT)?;
        if outcome != (Outcome::Exited { status: 0 }) {
            return Err(not_ready(live, name, &printed, recorder)?);
        }
    }
    Ok(())
}

pub(super) fn await_all(live: &Live<'_>, recorder: &mut Recorder<'_>) -> Result<(), Failed> {
    for (name, service) in &live.services {
        await_ready(live, name, service, recorder)?;
    }
    Ok(())
}

fn await_ready(
    live: &Live<'_>,
    name: &str,
    service: &Service,
    recorder: &mut Recorder<'_>,
) -> Result<(), Failed> {
    let Some(ready) = &service.ready else {
        return Ok(());
    };
    let code = format!(
        "({ready}) && exit 0; kill -0 \"$(cat {HOME}/{name}.pid)\" 2>/dev/null && exit 1; exit {GONE}"
    );
    let served = until(service.ready_within, recorder, |recorder| {
        let (outcome, printed) = recorder.quiet_command(&code, LIMIT)?;
        Ok(match outcome {
            Outcome::Exited { status: 0 } => Ok(true),
            Outcome::Exited { status: GONE } => Ok(false),
            _ => Err(printed),
        })
    })?;
    let words = match served {
        Ok(true) => return Ok(()),
        Ok(false) => "it has ended".to_owned(),
        Err(printed) => {
            let time = in_seconds(service.ready_within);
            format!("not ready within {time}: {printed}")
        }
    };
    Err(not_ready(live, name, &words, recorder)?)
}

/// Ends them at once: their data goes with the sandbox.
pub(super) fn stop(live: &Live<'_>, recorder: &mut Recorder<'_>) -> Result<(), Failed> {
    for (name, _) in &live.services {
        let code = format!(
            "pid=$(cat {HOME}/{name}.pid) && kill -KILL -- \"-$pid\"
for i in {{1..100}}; do kill -0 -- \"-$pid\" || break; sleep 0.02; done 2>/dev/null
true"
        );
        recorder.quiet_command(&code, LIMIT)?;
    }
    Ok(())
}

/// The last lines that each has logged.
pub(super) fn logs(live: &Live<'_>, recorder: &mut Recorder<'_>) -> Result<String, Failed> {
    let mut text = String::new();
    for (name, _) in &live.services {
        let (_, printed) =
            recorder.quiet_command(&format!("tail -n 5 {HOME}/{name}.log"), LIMIT)?;
        text.push_str(&format!("the log of {name}:\n{printed}"));
    }
    Ok(text)
}

fn not_ready(
    live: &Live<'_>,
    name: &str,
    words: &str,
    recorder: &mut Recorder<'_>,
) -> Result<Failed, Failed> {
    let finding = Finding::error_in(
        "not-ready",
        "book.toml",
        format!("the service `{name}` of live drills never got ready"),
    )
    .detail(format!("{words}\n{}", logs(live, recorder)?))
    .help(format!(
        "correct `[preprocessor.runbook.live.services.{name}]`, or the `files` that it reads"
    ));
    Ok(Failed::new(Verdict::NotReady, finding))
}
