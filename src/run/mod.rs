//! Runs plans: the only room that starts processes.

mod capture;
mod control;
mod desk;
mod doc_test;
mod door;
mod drill;
mod driver;
mod expectation;
mod game;
mod leftovers;
mod log;
mod metrics;
mod prelude;
mod probe;
mod processes;
mod record;
mod sandbox;
mod scheduler;
mod session;
mod spawner;
mod staging;
mod stop;
mod terminal;
mod walk;

pub use capture::{HARD_LIMIT, KEPT_BYTES};
pub use desk::{Desk, Line, Lines, Typed};
pub use door::Door;
pub use game::{Data, Game, Judgement, NoGame, Scene, judge_from_outside};
pub use probe::{Probed, prepare};
pub use record::{Blessing, Played};
pub use sandbox::{Isolation, Sandbox, SandboxError};
pub use scheduler::{Event, Limits, Surroundings, run};
pub use staging::{Staging, StagingError};
pub use stop::Stop;
pub use terminal::{Left, Noted, shell};
