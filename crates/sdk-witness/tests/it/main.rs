//! Feishu's official SDKs for Python and Node as witnesses: what our simulator says they understand,
//! what they say our bot understands.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bot;
mod install;
mod long_connection;
mod report;
mod rest;
mod webhook;
mod witness;
