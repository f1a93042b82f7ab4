//! Runs Feishu's official SDKs for Python and Node against the simulator and the bot.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bot;
mod driver;
mod install;
mod long_connection;
mod member;
mod registration;
mod report;
mod rest;
mod store_app;
mod webhook;
