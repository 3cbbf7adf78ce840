//! Runs plans: the only room that starts processes.

mod capture;
mod control;
mod doc_test;
mod drill;
mod driver;
mod expectation;
mod leftovers;
mod log;
mod probe;
mod processes;
mod record;
mod sandbox;
mod scheduler;
mod session;
mod spawner;
mod staging;
mod stop;
mod walk;

pub use capture::{HARD_LIMIT, KEPT_BYTES};
pub use probe::{Probed, prepare};
pub use record::{Blessing, Played};
pub use sandbox::{Isolation, Sandbox, SandboxError};
pub use scheduler::{Event, Limits, Surroundings, run};
pub use staging::{Staging, StagingError};
pub use stop::Stop;
