//! The whole bot as in `tests/it`, but with events that come over a long
//! connection.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up has failed"
)]
#![allow(dead_code, reason = "the harness also serves the tests of the webhook")]

/// How the bots of these tests receive events.
const RECEIVE: &str = "long_connection";
/// Where they keep their jobs.
const STORE: &str = "sqlite";
/// How they answer what they cannot store.
const UNAVAILABLE: u16 = 500;

#[path = "../it/announce.rs"]
mod announce;
#[path = "../it/broadcast_faults.rs"]
mod broadcast_faults;
#[path = "../it/broadcast_limits.rs"]
mod broadcast_limits;
#[path = "../it/broadcasts.rs"]
mod broadcasts;
#[path = "../it/changes.rs"]
mod changes;
#[path = "../it/commands.rs"]
mod commands;
mod connection;
#[path = "../it/consent.rs"]
mod consent;
#[path = "../it/console.rs"]
mod console;
#[path = "../it/edit.rs"]
mod edit;
#[path = "../it/events.rs"]
mod events;
#[path = "../it/file.rs"]
mod file;
#[path = "../it/findings.rs"]
mod findings;
#[path = "../it/grants.rs"]
mod grants;
#[path = "../it/harness.rs"]
mod harness;
#[path = "../it/limits.rs"]
mod limits;
#[path = "../it/members.rs"]
mod members;
#[path = "../it/notices.rs"]
mod notices;
#[path = "../it/notify.rs"]
mod notify;
#[path = "../it/policy.rs"]
mod policy;
#[path = "../it/presses.rs"]
mod presses;
#[path = "../it/reactions.rs"]
mod reactions;
#[path = "../it/replace.rs"]
mod replace;
#[path = "../it/rules.rs"]
mod rules;
#[path = "../it/shapes.rs"]
mod shapes;
#[path = "../it/subscriptions.rs"]
mod subscriptions;
#[path = "../it/tables.rs"]
mod tables;
