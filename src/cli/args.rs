//! The command line as clap reads it.

use crate::markdown::duration;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Makes a troubleshooting runbook prove itself.
///
/// Without a command it speaks mdBook's preprocessor protocol on standard input.
#[derive(Debug, Parser)]
#[command(name = "mdbook-runbook", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a first issue page: a new book, or an addition to the book in a folder
    Init(InitArgs),
    /// Check, run, link the alerts and build the site: all that CI needs
    Verify(VerifyArgs),
    /// Everything that needs no execution: pages, links, anchors, clicks, rules
    Check(BookArgs),
    /// Run drills and doc tests
    Test(TestArgs),
    /// Leave out one resolution step at a time: a drill that still recovers has a step that does nothing
    Mutate(MutateArgs),
    /// Write `runbook_url` into the rule files
    Alerts(AlertsArgs),
    /// Build the site
    Build(BuildArgs),
    /// Play an incident: a fault in a test instance, the book's site, and a shell
    Gameday(GamedayArgs),
    /// Answer alerts: take Alertmanager's notifications, run the page's diagnostic script, keep the report
    Respond(RespondArgs),
    /// Tell mdBook whether a renderer is supported
    #[command(hide = true)]
    Supports {
        /// The renderer.
        renderer: String,
    },
}

/// Which book.
#[derive(Debug, Clone, Args)]
pub struct BookArgs {
    /// The folder that holds `book.toml` [default: here, or `book`]
    pub book: Option<PathBuf>,
}

/// `init`.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// The folder of the book [default: here]
    pub book: Option<PathBuf>,
}

/// How blocks are run.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// Sandboxes at a time [default: two for each processor]
    #[arg(short, long)]
    pub jobs: Option<usize>,
    /// How far blocks are kept from this machine
    #[arg(long, value_enum, env = "MDBOOK_RUNBOOK_SANDBOX", default_value_t = SandboxMode::Auto)]
    pub sandbox: SandboxMode,
    /// The instance profile of `book.toml` to run against
    #[arg(long, value_name = "PROFILE")]
    pub instance: Option<String>,
    /// Do not run the instance's `prepare` command
    #[arg(long)]
    pub no_prepare: bool,
    /// Start nothing new after the first failure
    #[arg(long)]
    pub fail_fast: bool,
    /// Wait at most this long for a recovery, whatever `resolve-within` says
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub patience: Option<Duration>,
    /// Also write the results: `junit=FILE`, `json=FILE`
    #[arg(long, value_name = "FORMAT=FILE", value_delimiter = ',')]
    pub report: Vec<String>,
}

/// `--sandbox`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum SandboxMode {
    /// A sandbox, or exit status 3 where the machine does not allow one
    #[default]
    Auto,
    /// The bare host: blocks can do anything that you can; one at a time
    None,
}

/// `verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// Which book.
    #[command(flatten)]
    pub book: BookArgs,
    /// How to run.
    #[command(flatten)]
    pub run: RunArgs,
    /// Run everything, also what has evidence with the same inputs
    #[arg(long)]
    pub fresh: bool,
}

/// `test`.
#[derive(Debug, Clone, Args)]
pub struct TestArgs {
    /// Only drills and doc tests whose page or cause contains one of these
    pub filter: Vec<String>,
    /// The folder that holds `book.toml` [default: here, or `book`]
    #[arg(long, short = 'C', value_name = "BOOK")]
    pub book: Option<PathBuf>,
    /// How to run.
    #[command(flatten)]
    pub run: RunArgs,
    /// Skip what has evidence with the same inputs
    #[arg(long)]
    pub stale: bool,
    /// Run the K-th of N parts, split by recorded time: `2/5`
    #[arg(long, value_name = "K/N", value_parser = parse_shard)]
    pub shard: Option<(usize, usize)>,
    /// Rewrite `{output}` fences that do not match
    #[arg(long)]
    pub bless: bool,
    /// Prove that the resolutions are what helps: each drill without its resolution, and with that of
    /// each other cause of its page, must stay red
    #[arg(long, conflicts_with = "bless")]
    pub control: bool,
}

/// `mutate`.
#[derive(Debug, Clone, Args)]
pub struct MutateArgs {
    /// Only drills whose page or cause contains one of these
    pub filter: Vec<String>,
    /// The folder that holds `book.toml` [default: here, or `book`]
    #[arg(long, short = 'C', value_name = "BOOK")]
    pub book: Option<PathBuf>,
    /// How to run.
    #[command(flatten)]
    pub run: RunArgs,
    /// Leave out the steps of the K-th of N parts of the drills, split by recorded time: `2/5`
    #[arg(long, value_name = "K/N", value_parser = parse_shard)]
    pub shard: Option<(usize, usize)>,
}

/// `alerts`.
#[derive(Debug, Clone, Args)]
pub struct AlertsArgs {
    /// Which book.
    #[command(flatten)]
    pub book: BookArgs,
    /// Write nothing; fail with the difference if a link is not as it must be
    #[arg(long)]
    pub locked: bool,
    /// Take out the links that lead into this book, instead of writing them
    #[arg(long)]
    pub remove: bool,
    /// Also replace, or with `--remove` take out, links that lead elsewhere
    #[arg(long)]
    pub force_foreign: bool,
}

/// `build`.
#[derive(Debug, Clone, Args)]
pub struct BuildArgs {
    /// Which book.
    #[command(flatten)]
    pub book: BookArgs,
    /// Where to build the site [default: mdBook's `build-dir`]
    #[arg(long, short, value_name = "DIR")]
    pub dest_dir: Option<PathBuf>,
    /// How to run what is stale, where `run` in `book.toml` asks for it.
    #[command(flatten)]
    pub run: RunArgs,
}

/// `gameday`.
#[derive(Debug, Clone, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags of a command line are yes or no"
)]
pub struct GamedayArgs {
    /// An issue's number, a page, or a part of a cause's name; with `random` the issue is not told
    #[arg(default_value = "random")]
    pub issue: String,
    /// The folder that holds `book.toml` [default: here, or `book`]
    #[arg(long, short = 'C', value_name = "BOOK")]
    pub book: Option<PathBuf>,
    /// The cause, or a part of its name [default: by chance]
    #[arg(long, value_name = "NAME")]
    pub cause: Option<String>,
    /// Make the chance repeatable
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Do not tell the issue
    #[arg(long)]
    pub unannounced: bool,
    /// The port of the site on 127.0.0.1 [default: a free one]
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Where to write the incident report [default: below the book's `.runbook/gamedays`]
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Who plays, for the report [default: the user]
    #[arg(long, value_name = "NAME")]
    pub operator: Option<String>,
    /// After the shell was left, wait at most this long for a recovery [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub patience: Option<Duration>,
    /// The instance profile of `book.toml` to play against
    #[arg(long, value_name = "PROFILE")]
    pub instance: Option<String>,
    /// Do not run the instance's `prepare` command
    #[arg(long)]
    pub no_prepare: bool,
    /// Enter the sandbox of the running game day: a shell, or commands from standard input
    #[arg(long, conflicts_with_all = ["check", "scores"])]
    pub join: bool,
    /// Judge the running game day; fails as long as it has not recovered
    #[arg(long, conflicts_with = "scores")]
    pub check: bool,
    /// Show the score sheet over all game days
    #[arg(long)]
    pub scores: bool,
}

/// `respond`.
#[derive(Debug, Clone, Args)]
pub struct RespondArgs {
    /// Which book.
    #[command(flatten)]
    pub book: BookArgs,
    /// Where notifications are taken [default: `listen` in `book.toml`, or 127.0.0.1:9095]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Where reports are kept [default: `reports` in `book.toml`, or the book's `.runbook/respond`]
    #[arg(long, value_name = "DIR")]
    pub reports: Option<PathBuf>,
    /// A file with the token that clients must show
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "write a number with ms, s, m or h, such as `90s`".to_owned())
}

fn parse_shard(text: &str) -> Result<(usize, usize), String> {
    let (index, count) = text.split_once('/').ok_or("write it as `2/5`")?;
    let index: usize = index.parse().map_err(|_| "write it as `2/5`")?;
    let count: usize = count.parse().map_err(|_| "write it as `2/5`")?;
    if (1..=count).contains(&index) {
        Ok((index, count))
    } else {
        Err(format!("there is no part {index} of {count}"))
    }
}
