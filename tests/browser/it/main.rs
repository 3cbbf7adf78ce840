//! The site as an operator meets it: built by the program, served with a strict policy, driven in
//! headless Chromium by real clicks and keys.
//!
//! Two browsers serve all tests, each in a tab of its own; what measures runs alone.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot be set up has failed, and figures are told"
)]

mod axe;
mod chromium;
mod clicks;
mod copy;
mod drill;
mod finder;
mod hostile;
mod measures;
mod quiet;
mod screenshots;
mod serve;
mod shell;
mod site;
mod tab;
mod world;

use libtest_mimic::{Arguments, Failed, Trial};
use std::process::ExitCode;
use std::sync::Arc;
use world::{Test, World};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(world::BROWSERS);
    // The longest first.
    let tests: Vec<(&str, Test)> = [
        axe::TESTS,
        copy::TESTS,
        hostile::TESTS,
        quiet::TESTS,
        finder::TESTS,
        clicks::TESTS,
        drill::TESTS,
    ]
    .concat();
    let measuring = [measures::TESTS, finder::MEASURING].concat();
    if arguments.list {
        let all = tests.iter().chain(&measuring);
        let trials = all.map(|(name, _)| Trial::test(*name, || Ok(())));
        return libtest_mimic::run(&arguments, trials.collect()).exit_code();
    }
    if screenshots::wanted().is_some() {
        let world = World::start();
        let taken = world.play(|world, tab| Box::pin(screenshots::take(world, tab)));
        world.stop();
        taken.expect("each page can be shown");
        return ExitCode::SUCCESS;
    }
    let world = Arc::new(World::start());
    let trial = |(name, test): (&str, Test), is_measuring: bool| {
        let world = Arc::clone(&world);
        Trial::test(name, move || {
            let played = if is_measuring {
                world.play_alone(test)
            } else {
                world.play(test)
            };
            played.map_err(|error| Failed::from(format!("{error:#}")))
        })
    };
    let together = tests.into_iter().map(|test| trial(test, false));
    let alone = measuring.into_iter().map(|test| trial(test, true));
    let trials = together.chain(alone).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let world = Arc::into_inner(world).expect("no test outlives the run");
    for figure in world.stop() {
        println!("{figure}");
    }
    conclusion.exit_code()
}
