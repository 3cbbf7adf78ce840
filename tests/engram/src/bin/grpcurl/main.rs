//! `grpcurl`: asks a gRPC server by reflection, with the options, messages and exit statuses of the well-known tool
//! of that name, as far as the runbook uses them.
//!
//! ```text
//! arguments ──▶ dial (trust) ──▶ reflection ──▶ describe, or invoke (codec)
//! ```

mod arguments;
mod codec;
mod describe;
mod dial;
mod invoke;
mod reflection;
mod trust;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use arguments::{Arguments, Parsed, Verb};
use dial::DialError;
use invoke::InvokeError;
use reflection::{Reflection, ReflectionError};

/// What the wrong use of the program ends with.
const USAGE: u8 = 2;
/// A call that the server refuses ends with this and the code of the status.
const STATUS_OFFSET: i32 = 64;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// No connection.
    #[error("Failed to dial target host \"{0}\": {1}")]
    Dial(String, #[source] DialError),
    /// The services are not known.
    #[error("Failed to list services: {0}")]
    List(#[source] ReflectionError),
    /// The methods are not known.
    #[error("Failed to list methods for service \"{0}\": {1}")]
    Methods(String, #[source] ReflectionError),
    /// The symbol is not known.
    #[error("Failed to resolve symbol \"{0}\": {1}")]
    Symbol(String, #[source] ReflectionError),
    /// The method cannot be called.
    #[error("Error invoking method \"{0}\": {1}")]
    Invoke(String, #[source] InvokeError),
    /// The method was called, and the server says no.
    #[error("ERROR:\n  Code: {:?}\n  Message: {}", .0.code(), .0.message())]
    Status(tonic::Status),
    /// The system refuses something else.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        let Self::Status(status) = self else {
            return ExitCode::FAILURE;
        };
        ExitCode::from(u8::try_from(STATUS_OFFSET + i32::from(status.code())).unwrap_or(u8::MAX))
    }
}

fn main() -> ExitCode {
    let arguments = match arguments::parse(std::env::args().skip(1)) {
        Ok(Parsed::Run(arguments)) => arguments,
        Ok(Parsed::Print(text)) => {
            print(&text);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            complain(&format!("{error}\nTry 'grpcurl -help' for more details."));
            return ExitCode::from(USAGE);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure.to_string());
            failure.exit_code()
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let work = ask(arguments);
    let Some(limit) = arguments.max_time else {
        return runtime.block_on(work);
    };
    runtime.block_on(async {
        let late = || {
            Failure::Status(tonic::Status::deadline_exceeded(
                "context deadline exceeded",
            ))
        };
        tokio::time::timeout(Duration::from_secs_f64(limit), work)
            .await
            .unwrap_or_else(|_| Err(late()))
    })
}

async fn ask(arguments: &Arguments) -> Result<(), Failure> {
    let target = &arguments.target;
    let channel = dial::dial(target)
        .await
        .map_err(|error| Failure::Dial(target.address.clone(), error))?;
    let mut reflection = Reflection::new(channel.clone(), arguments.headers.clone());
    match &arguments.verb {
        Verb::List(None) => {
            let services = reflection.services().await.map_err(Failure::List)?;
            print(&services.join("\n"));
        }
        Verb::List(Some(service)) => {
            let found = reflection.service(service).await;
            let found = found.map_err(|error| Failure::Methods(service.clone(), error))?;
            print(&describe::methods(&found).join("\n"));
        }
        Verb::Describe(symbol) => {
            let symbols = match symbol {
                Some(symbol) => vec![symbol.clone()],
                None => reflection.services().await.map_err(Failure::List)?,
            };
            for symbol in symbols {
                let symbol = symbol.trim_start_matches('.').to_owned();
                let files = reflection.files(&symbol).await;
                let found = files.and_then(|pool| describe::symbol(&pool, &symbol));
                print(&found.map_err(|error| Failure::Symbol(symbol, error))?);
            }
        }
        Verb::Invoke { method, data } => {
            let answered = invoke::invoke(&mut reflection, channel, method, data.as_deref()).await;
            answered.map_err(|error| match error {
                InvokeError::Refused(status) => Failure::Status(status),
                error => Failure::Invoke(method.clone(), error),
            })?;
        }
    }
    Ok(())
}

/// Writes to standard output. A reader that has gone away is not an error.
fn print(text: &str) {
    let _closed_by_reader = writeln!(std::io::stdout().lock(), "{text}");
}

fn complain(text: &str) {
    let _closed_by_reader = writeln!(std::io::stderr().lock(), "{text}");
}
