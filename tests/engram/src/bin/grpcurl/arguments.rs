//! The command line, in the way of Go's flags: `-name value`, `-name=value`, one dash or two, flags first.

use std::path::PathBuf;

use crate::dial::{Security, Target};

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// The server, and how to reach it.
    pub(crate) target: Target,
    /// Metadata that goes with every call: names and values.
    pub(crate) headers: Vec<(String, String)>,
    /// Seconds after which the whole is given up.
    pub(crate) max_time: Option<f64>,
    /// What to ask.
    pub(crate) verb: Verb,
}

/// What to ask.
#[derive(Debug)]
pub(crate) enum Verb {
    /// The services, or the methods of one.
    List(Option<String>),
    /// The definition of a symbol, or of all services.
    Describe(Option<String>),
    /// Call a method.
    Invoke {
        /// `service/method` or `service.method`.
        method: String,
        /// JSON, or `@` for standard input.
        data: Option<String>,
    },
}

/// What the command line turned out to be.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// Something to do.
    Run(Box<Arguments>),
    /// Only a text to print.
    Print(String),
}

/// Why the command line is wrong.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum UsageError {
    /// There is no such flag.
    #[error("flag provided but not defined: -{0}")]
    Unknown(String),
    /// A flag without its value.
    #[error("flag needs an argument: -{0}")]
    NoValue(String),
    /// A value that is no number.
    #[error("invalid value \"{1}\" for flag -{0}: parse error")]
    Number(String, String),
    /// A header without a colon.
    #[error("The -H argument \"{0}\" is not a header: write 'name: value'.")]
    Header(String),
    /// Contradicting flags.
    #[error("The {0} and {1} arguments are mutually exclusive.")]
    Exclusive(&'static str, &'static str),
    /// No address, or nothing to ask.
    #[error("Too few arguments.")]
    TooFew,
    /// More than one symbol.
    #[error("Too many arguments.")]
    TooMany,
}

const HELP: &str = "\
Usage: grpcurl [flags] host:port list [service]
       grpcurl [flags] host:port describe [symbol]
       grpcurl [flags] host:port service/method

The server must support reflection. Flags come first:
  -plaintext            no TLS
  -insecure             TLS without looking at the server's certificate
  -cacert file          trust the certificates in this file, and no others
  -d string             the request as JSON; @ reads it from standard input
  -H string             a header, 'name: value'; may be given more than once
  -connect-timeout sec  give up connecting after this time (default 10)
  -max-time sec         give up after this time
  -version, -help";

#[derive(Default)]
struct Flags {
    plaintext: bool,
    insecure: bool,
    cacert: Option<PathBuf>,
    data: Option<String>,
    headers: Vec<(String, String)>,
    max_time: Option<f64>,
    connect_timeout: Option<f64>,
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Parsed, UsageError> {
    let mut arguments = arguments.peekable();
    let mut flags = Flags::default();
    while let Some(flag) =
        arguments.next_if(|argument| argument.starts_with('-') && argument != "-")
    {
        if flag == "--" {
            break;
        }
        let flag = flag.trim_start_matches('-');
        let (name, inline) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        match name {
            "plaintext" => flags.plaintext = inline.as_deref() != Some("false"),
            "insecure" => flags.insecure = inline.as_deref() != Some("false"),
            "help" | "h" => return Ok(Parsed::Print(HELP.to_owned())),
            "version" => {
                let version = env!("CARGO_PKG_VERSION");
                let text = format!("grpcurl of the Engram test host, {version}");
                return Ok(Parsed::Print(text));
            }
            _ => {
                let value = inline.or_else(|| arguments.next());
                flags.set(name, value)?;
            }
        }
    }
    flags.with(&arguments.collect::<Vec<_>>())
}

impl Flags {
    fn set(&mut self, name: &str, value: Option<String>) -> Result<(), UsageError> {
        let known = ["cacert", "d", "H", "max-time", "connect-timeout"];
        if !known.contains(&name) {
            return Err(UsageError::Unknown(name.to_owned()));
        }
        let value = value.ok_or_else(|| UsageError::NoValue(name.to_owned()))?;
        match name {
            "cacert" => self.cacert = Some(value.into()),
            "d" => self.data = Some(value),
            "H" => {
                let header = value.split_once(':');
                let (name, text) = header.ok_or_else(|| UsageError::Header(value.clone()))?;
                let header = (name.trim().to_lowercase(), text.trim().to_owned());
                self.headers.push(header);
            }
            _ => {
                // Go on for ever is what a negative number or infinity would mean.
                let seconds = value
                    .parse()
                    .ok()
                    .filter(|number| (0.0..1e9).contains(number));
                let seconds = seconds.ok_or_else(|| UsageError::Number(name.to_owned(), value))?;
                if name == "max-time" {
                    self.max_time = Some(seconds).filter(|seconds| *seconds > 0.0);
                } else {
                    self.connect_timeout = Some(seconds).filter(|seconds| *seconds > 0.0);
                }
            }
        }
        Ok(())
    }

    fn with(self, positional: &[String]) -> Result<Parsed, UsageError> {
        let security = match (self.plaintext, self.insecure, self.cacert) {
            (true, true, _) => return Err(UsageError::Exclusive("-plaintext", "-insecure")),
            (true, _, Some(_)) => return Err(UsageError::Exclusive("-plaintext", "-cacert")),
            (_, true, Some(_)) => return Err(UsageError::Exclusive("-insecure", "-cacert")),
            (true, false, None) => Security::Plaintext,
            (false, true, None) => Security::Insecure,
            (false, false, roots) => Security::Verified(roots),
        };
        let (address, verb) = match positional {
            [address, verb, rest @ ..] => {
                let symbol = match rest {
                    [] => None,
                    [symbol] => Some(symbol.clone()),
                    _ => return Err(UsageError::TooMany),
                };
                let verb = match (verb.as_str(), &symbol) {
                    ("list", _) => Verb::List(symbol),
                    ("describe", _) => Verb::Describe(symbol),
                    (_, Some(_)) => return Err(UsageError::TooMany),
                    (method, None) => Verb::Invoke {
                        method: method.to_owned(),
                        data: self.data,
                    },
                };
                (address.clone(), verb)
            }
            _ => return Err(UsageError::TooFew),
        };
        Ok(Parsed::Run(Box::new(Arguments {
            target: Target {
                address,
                security,
                connect_timeout: self.connect_timeout.unwrap_or(10.0),
            },
            headers: self.headers,
            max_time: self.max_time,
            verb,
        })))
    }
}
