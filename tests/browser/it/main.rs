//! The site as an operator meets it: built by the program, served with a strict policy, driven in
//! headless Chromium by real clicks and keys.
//!
//! One browser serves all tests, one after the other, each in a tab of its own.

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
    // There is one browser, and what a test measures must not depend on another.
    arguments.test_threads = Some(1);
    let tests: Vec<(&str, Test)> = [
        axe::TESTS,
        clicks::TESTS,
        copy::TESTS,
        drill::TESTS,
        finder::TESTS,
        hostile::TESTS,
        measures::TESTS,
        quiet::TESTS,
    ]
    .concat();
    if arguments.list {
        let trials = tests.iter().map(|(name, _)| Trial::test(*name, || Ok(())));
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
    let trials = tests
        .into_iter()
        .map(|(name, test)| {
            let world = Arc::clone(&world);
            Trial::test(name, move || {
                world
                    .play(test)
                    .map_err(|error| Failed::from(format!("{error:#}")))
            })
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let world = Arc::into_inner(world).expect("no test outlives the run");
    for figure in world.stop() {
        println!("{figure}");
    }
    conclusion.exit_code()
}
