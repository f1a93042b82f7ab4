//! The whole bot as in `tests/it`, but with a PostgreSQL server behind it, and
//! several bots that work as one.
#![cfg(feature = "postgres-tests")]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up has failed"
)]
#![allow(dead_code, reason = "the harness also serves the tests of a file")]

/// How the bots of these tests receive events.
const RECEIVE: &str = "webhook";
/// Where they keep their jobs.
const STORE: &str = "postgres";
/// How they answer what they cannot store.
const UNAVAILABLE: u16 = 503;

#[path = "../it/admin.rs"]
mod admin;
#[path = "../it/announce.rs"]
mod announce;
#[path = "../it/approval.rs"]
mod approval;
#[path = "../it/broadcast_faults.rs"]
mod broadcast_faults;
#[path = "../it/broadcast_limits.rs"]
mod broadcast_limits;
#[path = "../it/broadcast_options.rs"]
mod broadcast_options;
#[path = "../it/broadcasts.rs"]
mod broadcasts;
#[path = "../it/changes.rs"]
mod changes;
mod check;
#[path = "../it/commands.rs"]
mod commands;
#[path = "../it/consent.rs"]
mod consent;
#[path = "../it/console.rs"]
mod console;
#[path = "../it/crashes.rs"]
mod crashes;
#[path = "../it/dump.rs"]
mod dump;
#[path = "../it/edit.rs"]
mod edit;
#[path = "../it/events.rs"]
mod events;
#[path = "../it/findings.rs"]
mod findings;
#[path = "../it/grants.rs"]
mod grants;
#[path = "../it/harness.rs"]
mod harness;
#[path = "../it/joined_lists.rs"]
mod joined_lists;
#[path = "../it/limits.rs"]
mod limits;
#[path = "../it/medias.rs"]
mod medias;
#[path = "../it/members.rs"]
mod members;
#[path = "../it/notices.rs"]
mod notices;
#[path = "../it/notify.rs"]
mod notify;
mod outages;
#[path = "../it/panel.rs"]
mod panel;
#[path = "../it/policy.rs"]
mod policy;
#[path = "../it/presses.rs"]
mod presses;
#[path = "../it/preview.rs"]
mod preview;
#[path = "../it/private.rs"]
mod private;
#[path = "../it/process.rs"]
mod process;
#[path = "../it/reactions.rs"]
mod reactions;
#[path = "../it/recurring.rs"]
mod recurring;
#[path = "../it/replace.rs"]
mod replace;
mod replicas;
#[path = "../it/rules.rs"]
mod rules;
#[path = "../it/settings.rs"]
mod settings;
#[path = "../it/store_apps.rs"]
mod store_apps;
#[path = "../it/tables.rs"]
mod tables;
#[path = "../it/traces.rs"]
mod traces;
#[path = "../it/wakeups.rs"]
mod wakeups;
