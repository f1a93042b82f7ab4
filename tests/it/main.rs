//! The whole bot over real sockets, against the simulated platform.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up has failed"
)]

mod announce;
mod attacks;
mod changes;
mod cli;
mod commands;
mod docs;
mod events;
mod harness;
mod limits;
mod policy;
mod replace;
mod rules;
