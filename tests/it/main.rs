//! The whole bot over real sockets, against the simulated platform.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up has failed"
)]

/// How the bots receive events; `tests/long_connection` runs the same tests with the other transport.
const RECEIVE: &str = "webhook";
/// Where they store jobs; `tests/postgres` runs the same tests with a server.
const STORE: &str = "sqlite";
/// The response to an event that cannot be stored.
const UNAVAILABLE: u16 = 503;

mod admin;
mod announce;
mod approval;
mod attacks;
mod broadcast_faults;
mod broadcast_limits;
mod broadcast_options;
mod broadcasts;
mod changes;
mod check;
mod cli;
mod clock;
mod commands;
mod consent;
mod console;
mod crashes;
mod dashboard;
mod database;
mod deploy;
mod docs;
mod documents;
mod dump;
mod edit;
mod events;
mod file;
mod findings;
mod foreign;
mod forwards;
mod grants;
mod harness;
mod joined_lists;
mod layers;
mod limits;
mod medias;
mod members;
mod notices;
mod notify;
mod panel;
mod policy;
mod presses;
mod preview;
mod private;
mod process;
mod reactions;
mod recurring;
mod replace;
mod rules;
mod samples;
mod settings;
mod setup;
mod shapes;
mod store_apps;
mod style;
mod subscriptions;
mod tables;
mod terminal;
mod traces;
mod typed;
mod wakeups;
mod wire;
