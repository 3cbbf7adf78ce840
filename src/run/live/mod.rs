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
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Between two looks at an alert.
const PAUSE: Duration = Duration::from_millis(100);

/// What makes a drill a live one.
pub(super) struct Live<'a> {
    ground: &'a LiveGround,
    services: Vec<(&'a str, &'a Service)>,
    /// The drill's page in the built site.
    page: PathBuf,
}

impl<'a> Live<'a> {
    /// `None` if the cause is not drilled live. `page` is the path of its page in the built site.
    pub(super) fn of(
        (issue, cause): (&'a IssuePage, &Cause),
        page: PathBuf,
        ground: Option<&'a LiveGround>,
    ) -> Option<Self> {
        let ground = ground.filter(|_| !cause.live.is_empty())?;
        let config = &ground.config;
        let services = issue.services.iter().filter_map(|name| {
            let (name, service) = config.services.get_key_value(name)?;
            Some((name.as_str(), service))
        });
        Some(Self {
            services: services.collect(),
            ground,
            page,
        })
    }
}

impl Drill<'_> {
    /// Starts the services.
    pub(super) fn start_services(&self, recorder: &mut Recorder<'_>) -> Result<(), Failed> {
        let Some(live) = &self.live else {
            return Ok(());
        };
        services::start(live, recorder)?;
        recorder.live = Some(LiveRecord {
            services: live
                .services
                .iter()
                .map(|(name, _)| (*name).to_owned())
                .collect(),
            scale: live.ground.config.scale,
            ..LiveRecord::default()
        });
        Ok(())
    }

    /// No alert that must fire under the fault may be active without it.
    pub(super) fn quiet_at_rest(&self, recorder: &mut Recorder<'_>) -> Result<(), Failed> {
        let Some(live) = &self.live else {
            return Ok(());
        };
        let mut rest = watch::Rest::default();
        let seen = until(live.ground.config.within, recorder, |recorder| {
            rest.look(live, &self.names(), recorder)
        })?;
        let Err(words) = seen else {
            return Ok(());
        };
        Err(self.alert(Verdict::AlertAtRest, "is active on a healthy instance", &words,
            "correct its expression; where only the divided times are to blame, lower `scale`, or name another alert: `live: [\"cause: Alert\"]`"))
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
        let names = self.names();
        let fired = until(live.ground.config.within, recorder, |recorder| {
            watch::firing(live, &names, recorder)
        })?;
        let arrived = match fired {
            Ok(()) => until(live.ground.config.within, recorder, |recorder| {
                watch::arrived(live, &names, recorder)
            })?,
            Err(words) => Err(words),
        };
        let arrived = match arrived {
            Ok(arrived) => arrived,
            Err(mut words) => {
                words.push_str(&watch::states(live, &names, recorder)?);
                words.push_str(&services::logs(live, recorder)?);
                return Err(self.alert(Verdict::AlertSilent, "does not fire", &words,
                    "induce the fault long and strongly enough, correct the alert's expression, or name another: `live: [\"cause: Alert\"]`"));
            }
        };
        let record = recorder.live.get_or_insert_default();
        record.alert.clone_from(&arrived.name);
        record.link.clone_from(&arrived.link);
        let fired = arrived.fired.unwrap_or_else(Timestamp::now);
        record.fired_ms = u64::try_from(fired.duration_since(since).as_millis()).unwrap_or(0);
        watch::note(live, &arrived.name, recorder)?;
        let opened = link::open(live, self.cause, &arrived.link, recorder)?;
        match opened {
            Ok(page) => {
                recorder.live.get_or_insert_default().opened = page;
                Ok(())
            }
            Err(words) => Err(self.alert(
                Verdict::LinkDead,
                &format!("has a link that does not lead to its page: {}", arrived.link),
                &words,
                "run `mdbook-runbook alerts`, which writes the links; the page must show the blocks of the resolution",
            )),
        }
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
        let gone = until(live.ground.config.within, recorder, |recorder| {
            watch::gone(live, &names, recorder)
        })?;
        if let Err(mut words) = gone {
            words.push_str(&watch::states(live, &names, recorder)?);
            return Err(self.alert(Verdict::AlertUnresolved, "does not resolve", &words,
                "the page may remove what *Verification* looks at and not what raises the alert; correct either, or the alert's expression"));
        }
        recorder.live.get_or_insert_default().resolved_ms = Some(millis(since.elapsed()));
        watch::note(live, &name, recorder)
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

    fn alert(&self, verdict: Verdict, what: &str, words: &str, help: &str) -> Failed {
        let names = self.names();
        let place = &self.cause.live[0].place;
        let subject = match names.as_slice() {
            [one] => format!("`{one}` {what}"),
            many => format!("of `{}` one {what}", many.join("`, `")),
        };
        let finding = Finding::error(
            verdict.name(),
            place.clone(),
            format!("the alert {subject}"),
        )
        .related(
            self.cause.place.clone(),
            format!("in the live drill of `{}`", self.cause.name),
        )
        .detail(words.to_owned())
        .help(help);
        Failed::new(verdict, finding)
    }
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
