//! Live drills: the alerting programs run in the sandbox, the fault must raise the page's alert
//! there, its link must open the page, and the resolution must end the alert.

mod ground;
mod link;
mod services;
mod watch;

pub use ground::{LiveError, LiveFiles, LiveGround};

use super::drill::Drill;
use super::record::{Failed, Recorder};
use super::session::millis;
use crate::config::Service;
use crate::evidence::{LiveRecord, Verdict};
use crate::finding::Finding;
use crate::page::{Cause, IssuePage};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use watch::Arrived;

/// Between two looks at an alert.
const PAUSE: Duration = Duration::from_millis(100);

/// What makes a drill a live one.
pub(super) struct Live<'a> {
    ground: &'a LiveGround,
    services: Vec<(&'a str, &'a Service)>,
    /// The versions of services, of these and others.
    versions: &'a BTreeMap<String, String>,
    /// The drill's page in the built site.
    page: PathBuf,
}

impl<'a> Live<'a> {
    /// `None` if the cause is not drilled live. `page` is the path of its page in the built site.
    pub(super) fn of(
        (issue, cause): (&'a IssuePage, &Cause),
        page: PathBuf,
        (ground, versions): (Option<&'a LiveGround>, &'a BTreeMap<String, String>),
    ) -> Option<Self> {
        let ground = ground.filter(|_| !cause.live.is_empty())?;
        let config = &ground.config;
        let services = issue.services.iter().filter_map(|name| {
            let (name, service) = config.services.get_key_value(name)?;
            Some((name.as_str(), service))
        });
        Some(Self {
            services: services.collect(),
            versions,
            ground,
            page,
        })
    }
}

impl Live<'_> {
    /// Looks as long as an alert may take.
    fn until<T>(
        &self,
        recorder: &mut Recorder<'_>,
        look: impl FnMut(&mut Recorder<'_>) -> Result<Result<T, String>, Failed>,
    ) -> Result<Result<T, String>, Failed> {
        until(self.ground.config.within, recorder, look)
    }
}

impl Drill<'_> {
    /// Starts the services, without waiting for them.
    pub(super) fn start_services(&self, recorder: &mut Recorder<'_>) -> Result<(), Failed> {
        let Some(live) = &self.live else {
            return Ok(());
        };
        let names = live.services.iter().map(|(name, _)| (*name).to_owned());
        let names: Vec<String> = names.collect();
        let versions = names.iter().filter_map(|name| {
            let (name, version) = live.versions.get_key_value(name)?;
            Some((name.clone(), version.clone()))
        });
        recorder.live = Some(LiveRecord {
            versions: versions.collect(),
            services: names,
            scale: live.ground.config.scale,
            ..LiveRecord::default()
        });
        services::start(live, recorder)
    }

    /// Waits until the services are ready.
    pub(super) fn await_services(&self, recorder: &mut Recorder<'_>) -> Result<(), Failed> {
        match &self.live {
            Some(live) => services::await_all(live, recorder),
            None => Ok(()),
        }
    }

    /// No alert that must fire under the fault may be active without it.
    pub(super) fn quiet_at_rest(&self, recorder: &mut Recorder<'_>) -> Result<(), Failed> {
        let Some(live) = &self.live else {
            return Ok(());
        };
        let names = self.names();
        let mut rest = watch::Rest::default();
        let seen = live.until(recorder, |recorder| rest.look(live, &names, recorder))?;
        seen.map_err(|words| {
            self.failed(
                Verdict::AlertAtRest,
                format!("on a healthy instance an alert is not at rest: {}", quoted(&names)),
                words,
                "correct its expression; where only the divided times are to blame, lower `scale`, or name another alert: `live: [\"cause: Alert\"]`",
            )
        })
    }

    /// Waits until one of the alerts has fired and arrived, and opens its link. `since` is when the
    /// fault was induced.
    pub(super) fn alarm(
        &self,
        since: Timestamp,
        recorder: &mut Recorder<'_>,
    ) -> Result<(), Failed> {
        let Some(live) = &self.live else {
            return Ok(());
        };
        let arrived = self.await_alert(live, recorder)?;
        let fired = arrived.fired.unwrap_or_else(Timestamp::now);
        let record = recorder.live.get_or_insert_default();
        record.alert.clone_from(&arrived.name);
        record.link.clone_from(&arrived.link);
        record.fired_ms = u64::try_from(fired.duration_since(since).as_millis()).unwrap_or(0);
        watch::note(live, &arrived.name, recorder)?;
        let opened = link::open(live, self.cause, &arrived.link, recorder)?;
        let opened = opened.map_err(|words| {
            self.failed(
                Verdict::LinkDead,
                format!("the link of `{}` does not lead to its page: {}", arrived.name, arrived.link),
                words,
                "run `mdbook-runbook alerts`, which writes the links; the page must show the blocks of the resolution",
            )
        })?;
        recorder.live.get_or_insert_default().opened = opened;
        Ok(())
    }

    fn await_alert(&self, live: &Live<'_>, recorder: &mut Recorder<'_>) -> Result<Arrived, Failed> {
        let names = self.names();
        let fired = live.until(recorder, |recorder| watch::firing(live, &names, recorder))?;
        let arrived = match fired {
            Ok(()) => live.until(recorder, |recorder| watch::arrived(live, &names, recorder))?,
            Err(words) => Err(words),
        };
        let words = match arrived {
            Ok(arrived) => return Ok(arrived),
            Err(words) => words,
        };
        let states = watch::states(live, &names, recorder)?;
        let logs = services::logs(live, recorder)?;
        Err(self.failed(
            Verdict::AlertSilent,
            format!("no alert is raised by `{}`: {}", self.cause.name, quoted(&names)),
            words + &states + &logs,
            "induce the fault long and strongly enough, correct the alert's expression, or name another: `live: [\"cause: Alert\"]`",
        ))
    }

    /// Waits until the alert that has fired is resolved. `fixed` is how long the resolution took.
    pub(super) fn all_clear(
        &self,
        fixed: Duration,
        recorder: &mut Recorder<'_>,
    ) -> Result<(), Failed> {
        let Some(live) = &self.live else {
            return Ok(());
        };
        let since = Instant::now();
        let record = recorder.live.get_or_insert_default();
        record.fixed_ms = Some(millis(fixed));
        let name = record.alert.clone();
        let names = [name.as_str()];
        let gone = live.until(recorder, |recorder| watch::gone(live, &names, recorder))?;
        if let Err(words) = gone {
            let states = watch::states(live, &names, recorder)?;
            return Err(self.failed(
                Verdict::AlertUnresolved,
                format!("the resolution of `{}` does not end the alert `{name}`", self.cause.name),
                words + &states,
                "the page may remove what *Verification* looks at and not what raises the alert; correct either, or the alert's expression",
            ));
        }
        recorder.live.get_or_insert_default().resolved_ms = Some(millis(since.elapsed()));
        watch::note(live, &name, recorder)
    }

    /// In a control experiment: without the resolution the alert must stay, too.
    pub(super) fn still_raised(&self, recorder: &mut Recorder<'_>) -> Result<(), Failed> {
        let Some(live) = &self.live else {
            return Ok(());
        };
        let names = self.names();
        let Err(words) = watch::firing(live, &names, recorder)? else {
            return Ok(());
        };
        let states = watch::states(live, &names, recorder)?;
        Err(self.failed(
            Verdict::SelfHealed,
            format!("the alert of `{}` ends without the resolution: {}", self.cause.name, quoted(&names)),
            words + &states,
            "induce a fault that goes on, for instance with a client that goes on asking; else the drill does not prove that the resolution ends the alert",
        ))
    }

    /// Ends the services.
    pub(super) fn stop_services(&self, recorder: &mut Recorder<'_>) -> Result<(), Failed> {
        match &self.live {
            Some(live) => services::stop(live, recorder),
            None => Ok(()),
        }
    }

    fn names(&self) -> Vec<&str> {
        self.cause
            .live
            .iter()
            .map(|alert| alert.name.as_str())
            .collect()
    }

    /// A verdict with its finding, at the alert in the front matter.
    fn failed(&self, verdict: Verdict, title: String, words: String, help: &str) -> Failed {
        let place = self
            .cause
            .live
            .first()
            .map_or(&self.cause.place, |alert| &alert.place);
        let finding = Finding::error(verdict.name(), place.clone(), title)
            .related(self.cause.place.clone(), "in the live drill of this cause")
            .detail(words)
            .help(help);
        Failed::new(verdict, finding)
    }
}

fn quoted(names: &[&str]) -> String {
    format!("`{}`", names.join("`, `"))
}

/// Looks until there is something to see; `Err` with what was seen last when the time is up.
fn until<T>(
    within: Duration,
    recorder: &mut Recorder<'_>,
    mut look: impl FnMut(&mut Recorder<'_>) -> Result<Result<T, String>, Failed>,
) -> Result<Result<T, String>, Failed> {
    let deadline = Instant::now() + within;
    loop {
        let seen = look(recorder)?;
        if seen.is_ok() || Instant::now() >= deadline || !recorder.session.is_alive() {
            return Ok(seen);
        }
        if !recorder.session.pause(PAUSE) {
            return Err(Failed::interrupted());
        }
    }
}
