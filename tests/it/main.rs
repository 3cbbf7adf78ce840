//! The integration tests: small books in, exit status and output out.

mod bad_input;
mod book;
mod drills;
mod engram;
mod fences;
mod hostile;
mod interrupt;
mod redis;
mod rules;
mod sessions;
mod site;
mod tidy;
