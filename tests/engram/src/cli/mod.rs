//! The command line: which command there is, and which room does its work.

mod config;
mod indices;
mod memory;
mod server;
mod space;
mod validate;
mod validate_data;

use std::error::Error;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use tracing::level_filters::LevelFilter;

use crate::config as configuration;
use crate::server::Ports;

/// Engram: the reference test instance of the operations runbook.
#[derive(Debug, Parser)]
#[command(name = "engram", version, about)]
struct Arguments {
    /// The least severe level that is logged: trace, debug, info, warn, error or off.
    #[arg(short, long, default_value = "info")]
    log_level: LevelFilter,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server in the foreground until SIGTERM, SIGINT or POST /shutdown.
    Start {
        /// The HTTP port; 0 lets the system choose one.
        #[arg(short, long, default_value_t = 7432)]
        port: u16,
        /// The gRPC port, whatever the configuration says [default: 50051]; 0 lets the system choose one.
        #[arg(short, long)]
        grpc_port: Option<u16>,
    },
    /// Stop the server that the PID file names.
    Stop {
        /// Do not ask first: send SIGTERM at once.
        #[arg(long)]
        force: bool,
    },
    /// Show whether the server that the PID file names is well. The exit status is always 0.
    Status {
        /// One line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Read and change the configuration file.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check things without changing them.
    #[command(subcommand)]
    Validate(ValidateCommand),
    /// List and make memory spaces.
    #[command(subcommand)]
    Space(space::SpaceCommand),
    /// Build the word indices anew, on the running server.
    RebuildIndices(indices::RebuildArguments),
    /// Store memories and get them back.
    Memory(memory::MemoryArguments),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print one value.
    Get {
        /// Such as `server.http_bind`.
        key: String,
    },
    /// Change one value; the whole file is written anew, without its comments.
    Set {
        /// Such as `server.http_bind`.
        key: String,
        /// The new value; lists are separated by commas.
        value: String,
    },
    /// Print the feature flags and the memory spaces.
    List,
    /// Print where the file is, whether it is there or not.
    Path,
    /// The same as `engram validate config`.
    Validate(FileArgument),
}

#[derive(Debug, Subcommand)]
enum ValidateCommand {
    /// Check a configuration file.
    Config(FileArgument),
    /// Read all that the spaces have on disk, and name each damaged file. Changes nothing; the server may run.
    Data {
        /// Only this space.
        #[arg(short, long)]
        space: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
struct FileArgument {
    /// The file; without it the one that all commands read.
    #[arg(short, long)]
    file: Option<PathBuf>,
}

/// Does what the command line says. Usage errors end the process with status 2.
pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let path = configuration::path();
    // Whoever asks what is wrong with the file must get an answer, although the file is broken.
    if let Command::Validate(ValidateCommand::Config(file))
    | Command::Config(ConfigCommand::Validate(file)) = &arguments.command
    {
        return validate::config(file.file.as_ref().unwrap_or(&path));
    }
    if let Command::Validate(ValidateCommand::Data { space }) = &arguments.command {
        return validate_data::run(&crate::server::data_dir(), space.as_deref());
    }
    let loaded = configuration::load(&path)?;
    match arguments.command {
        Command::Start { port, grpc_port } => {
            crate::log::start(arguments.log_level);
            server::start(
                &path,
                loaded,
                Ports {
                    http: port,
                    grpc: grpc_port,
                },
            )
        }
        Command::Stop { force } => server::stop(force),
        Command::Status { json } => {
            server::status(json);
            Ok(())
        }
        Command::Config(command) => config::run(&path, &loaded, command),
        Command::Validate(_) => Ok(()),
        Command::Space(command) => space::run(&command),
        Command::RebuildIndices(arguments) => indices::rebuild(&arguments),
        Command::Memory(arguments) => memory::run(&arguments),
    }
}
