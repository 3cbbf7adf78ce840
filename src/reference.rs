//! The pages of the guide that are made from the program: commands, checks, exit statuses.

use crate::check::EXPLAINED;
use crate::cli::{Cli, Exit};
use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory};
use std::fmt::Write;

/// Each page's name and text.
pub fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("commands.md", commands()),
        ("checks.md", checks()),
        ("exit-statuses.md", exit_statuses()),
    ]
}

fn commands() -> String {
    let mut cli = Cli::command();
    cli.build();
    let mut page = "# Commands\n\nMade from the program's own help, which `--help` shows, too.\n\
        Without a command it speaks mdBook's preprocessor protocol on standard input.\n"
        .to_owned();
    for command in cli.get_subcommands().filter(|command| is_told(command)) {
        add_command(&mut page, command);
    }
    page
}

fn is_told(command: &Command) -> bool {
    !command.is_hide_set() && command.get_name() != "help"
}

fn add_command(page: &mut String, command: &Command) {
    let name = command.get_name();
    let about = command.get_about().map(plain).unwrap_or_default();
    let mut command = command.clone();
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "\n## `{name}` {{#{name}}}\n\n{about}.\n\n```text\n{usage}\n```\n\n| argument | meaning |\n| --- | --- |\n"
    );
    for argument in command.get_arguments().filter(|a| a.get_id() != "help") {
        let help = argument.get_help().map(plain).unwrap_or_default();
        let _ = writeln!(page, "| {} | {help}{} |", called(argument), rest(argument));
    }
}

fn called(argument: &Arg) -> String {
    let values = argument.get_num_args().is_some_and(|n| n.takes_values());
    let value = argument
        .get_value_names()
        .filter(|_| values)
        .map(|names| names.join(" "));
    let long = argument.get_long().map(|long| format!("--{long}"));
    let short = argument.get_short().map(|short| format!("-{short}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    match (names.is_empty(), value) {
        (true, value) => format!("`{}`", value.unwrap_or_default()),
        (false, None) => format!("`{}`", names.join(", ")),
        (false, Some(value)) => format!("`{} {value}`", names.join(", ")),
    }
}

/// Its values, default and environment variable.
fn rest(argument: &Arg) -> String {
    if !argument.get_num_args().is_some_and(|n| n.takes_values()) {
        return String::new();
    }
    let mut rest = String::new();
    let values = argument.get_possible_values();
    for value in &values {
        let help = value.get_help().map(plain).unwrap_or_default();
        let _ = write!(rest, "; `{}`: {help}", value.get_name());
    }
    let defaults = argument.get_default_values();
    if let Some(default) = defaults.first() {
        let _ = write!(rest, "; default `{}`", default.to_string_lossy());
    }
    if let Some(variable) = argument.get_env() {
        let _ = write!(rest, "; also `{}`", variable.to_string_lossy());
    }
    rest
}

/// On one line of a table.
fn plain(text: &StyledStr) -> String {
    let text = text.to_string().replace('\n', " ").replace('|', "\\|");
    text.trim_end_matches('.').to_owned()
}

fn checks() -> String {
    let mut page = "# Checks\n\nFindings are printed as rustc prints them: path, line, column, the source line, what is wrong, what to do.\n\
        Each begins with the name of its check, as in `error[broken-link]`.\n\n| check | it finds |\n| --- | --- |\n"
        .to_owned();
    for (names, finds) in EXPLAINED {
        let ids = names
            .iter()
            .map(|name| format!("<a id=\"{name}\"></a>`{name}`"));
        let ids: Vec<String> = ids.collect();
        let _ = writeln!(page, "| {} | {finds} |", ids.join(", "));
    }
    page
}

fn exit_statuses() -> String {
    let mut page = "# Exit statuses\n\n| exit status | meaning |\n| --- | --- |\n".to_owned();
    for (exit, meaning) in Exit::ALL {
        let _ = writeln!(page, "| {} | {meaning} |", *exit as u8);
    }
    page
}
