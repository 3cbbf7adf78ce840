//! The integration tests: small books in, exit status and output out.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod acceptance;
mod alerts_config;
mod bad_input;
mod book;
mod catalogue;
mod dashboards;
mod drills;
mod engram;
mod escalation;
mod fences;
mod front;
mod gameday;
mod gameday_bot;
mod gameday_terminal;
mod guide;
mod hostile;
mod init;
mod interrupt;
mod issue_page;
mod live;
mod messages;
mod mutate;
mod other_instance;
mod redis;
mod released;
mod respond;
mod respond_limits;
mod respond_loop;
mod responder;
mod rules;
mod rules_crash;
mod rules_links;
mod rules_world;
mod sessions;
mod site;
mod specification;
mod tap;
mod tidy;
mod transcripts;
mod trees;
