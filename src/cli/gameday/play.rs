//! A game day from its beginning to its report.

use super::super::args::GamedayArgs;
use super::super::execute::lock_file;
use super::super::open::{Opened, open};
use super::super::output::Output;
use super::super::site::{self, Purpose};
use super::super::{CliError, Exit};
use super::file::{Ended, record, write};
use super::millis;
use super::operate::Operator;
use crate::gameday::{At, Candidate, Files, Record, Server, State, candidates, choose, in_words};
use crate::run::{
    Game, Isolation, Judgement, Left, NoGame, Probed, Sandbox, Scene, Staging, Stop, prepare,
};
use std::path::Path;
use std::time::Duration;

/// After the shell was left, a recovery may still take this long.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn play(args: &GamedayArgs, output: &mut Output) -> Result<Exit, CliError> {
    let opened = open(args.book.as_ref(), args.instance.as_deref())?;
    let files = Files::below(&opened.config.shared_state_dir());
    let _lock = lock_file(&files.lock())?;
    let stop = Stop::on_signals().map_err(CliError::Signals)?;
    let instance = opened.config.instance.as_ref();
    if let Some(instance) = instance.filter(|_| !args.no_prepare) {
        prepare(instance, &opened.config.root).map_err(CliError::Prepare)?;
    }
    let mut staging = Staging::collect(&opened.config)?;
    let sandbox = Sandbox::new(Isolation::Full, instance, Some(staging.copy()?));
    let candidate = pick(args, &opened, &sandbox, &stop)?;
    let journal = files.journal();
    journal.clear().map_err(CliError::Journal)?;
    let folder = tempfile::tempdir().map_err(CliError::Journal)?;
    let site = site::build(&opened, folder.path(), None, Purpose::Inspect)?;
    let server = Server::start(&site.root, args.port.unwrap_or(0), journal.clone())?;
    let scene = Scene {
        issue: candidate.issue(),
        cause: candidate.cause(),
        instance,
    };
    output.line("a fault is being induced in a test instance …");
    let mut game = match Game::start(&sandbox, &scene, &stop) {
        Ok(game) => game,
        Err(no_game) => return say_why(no_game, output),
    };
    let state = state(args, &candidate, &game, &server);
    let announced = files.announce(&state)?;
    announce(&state, &candidate, args, output);
    let operator = Operator {
        door: game.door(),
        candidate: &candidate,
        journal: &journal,
        elsewhere: false,
        stop: &stop,
        output,
    };
    let left = operator.work()?;
    let left_at = At::now();
    let judgement = judge(left, &mut game, &scene, (args, output));
    drop((announced, server, game));
    let Some(judgement) = judgement else {
        output.line("interrupted: this game day is not judged");
        return Ok(Exit::Interrupted);
    };
    let ended = Ended {
        state: &state,
        candidate: &candidate,
        left: left_at,
        judgement,
    };
    let record = record(ended, args, &journal)?;
    let report = write(&record, &opened, args, &files)?;
    // One that stays is emptied by the next game day.
    let _ = journal.remove();
    Ok(tell(&record, &report, output))
}

/// `None` where a signal has ended it.
fn judge(
    left: Left,
    game: &mut Game<'_>,
    scene: &Scene<'_>,
    (args, output): (&GamedayArgs, &Output),
) -> Option<Judgement> {
    if left == Left::Stopped {
        return None;
    }
    output.line("the shell was left; the verification is run …");
    game.judge(scene, args.patience.unwrap_or(PATIENCE))
}

fn say_why(no_game: NoGame, output: &Output) -> Result<Exit, CliError> {
    match no_game {
        NoGame::Sandbox(error) => Err(error.into()),
        NoGame::Interrupted => Err(CliError::Interrupted),
        NoGame::Book(finding) => {
            output.findings(&[*finding]);
            output.line("no game day: the book does not hold; try `mdbook-runbook verify`");
            Ok(Exit::Findings)
        }
    }
}

fn state(args: &GamedayArgs, candidate: &Candidate, game: &Game<'_>, server: &Server) -> State {
    State {
        door: *game.door(),
        page: candidate.page.path.clone(),
        cause: candidate.cause().name.clone(),
        announced: is_announced(args),
        profile: args.instance.clone(),
        before: game.before().map(str::to_owned),
        induced: game.induced_at().into(),
        site: server.url(),
    }
}

/// Whether the operator is told which issue it is.
fn is_announced(args: &GamedayArgs) -> bool {
    args.issue != "random" && !args.unannounced
}

/// The cause that is played, among those whose capabilities the instance has.
fn pick(
    args: &GamedayArgs,
    opened: &Opened,
    sandbox: &Sandbox,
    stop: &Stop,
) -> Result<Candidate, CliError> {
    let mut found = candidates(&opened.pages, &args.issue, args.cause.as_deref());
    let asked = || match &args.cause {
        Some(cause) => format!("`{}` with `--cause {cause}`", args.issue),
        None => format!("`{}`", args.issue),
    };
    if found.is_empty() {
        return Err(CliError::Usage(format!(
            "no cause with a drill matches {}\n  name an issue's number, a page, or a part of a cause's name",
            asked()
        )));
    }
    if let Some(instance) = &opened.config.instance
        && found.iter().any(|it| !it.needs().is_empty())
    {
        let mut probed = Probed::default();
        probed.capabilities(sandbox, instance, stop)?;
        found.retain(|it| {
            let mut needs = it.needs().into_iter();
            needs.all(|need| probed.capabilities.contains(need))
        });
    }
    if stop.is_set() {
        return Err(CliError::Interrupted);
    }
    let seed = args.seed.unwrap_or_else(by_chance);
    choose(&found, seed).cloned().ok_or_else(|| {
        CliError::Usage(format!(
            "the instance has the capabilities for no cause that matches {}",
            asked()
        ))
    })
}

fn by_chance() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

/// What an operator is told.
fn announce(state: &State, candidate: &Candidate, args: &GamedayArgs, output: &Output) {
    let since = state.induced.in_words();
    if state.announced {
        let front_matter = &candidate.page.front_matter;
        let severity = front_matter.severity.as_deref().unwrap_or("no severity");
        let target = in_words(millis(candidate.issue().resolve_within));
        output.line(&format!(
            "game day: issue {}, {} ({severity}, to be resolved within {target}), since {since}",
            candidate.issue().number,
            candidate.page.title()
        ));
        let alerts: Vec<&str> = front_matter
            .alerts
            .iter()
            .map(|a| a.name.as_str())
            .collect();
        if !alerts.is_empty() {
            output.line(&format!("alerts: {}", alerts.join(", ")));
        }
    } else {
        output.line(&format!(
            "game day: something is wrong with the service, since {since}"
        ));
    }
    let book = args
        .book
        .as_ref()
        .map_or_else(String::new, |book| format!(" -C {}", book.display()));
    output.line(&format!("the book: {}", state.site));
    output.line(&format!(
        "another terminal, or a script: mdbook-runbook gameday --join{book}"
    ));
    output.line(&format!("is it over? mdbook-runbook gameday --check{book}"));
    output.line("leave the shell when you have resolved it: `exit`, or the end of the input");
}

fn tell(record: &Record, report: &Path, output: &Output) -> Exit {
    output.line(&record.outcome());
    output.line(&format!(
        "it was issue {}, {}: {}",
        record.issue, record.title, record.cause
    ));
    output.line(&format!("report: {}", report.display()));
    if record.is_in_time() {
        Exit::Good
    } else {
        Exit::Findings
    }
}
