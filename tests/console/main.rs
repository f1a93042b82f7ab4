//! The console of a running bot in Chromium.
#![cfg(feature = "browser-tests")]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot set itself up has failed"
)]
#![allow(
    dead_code,
    reason = "the harness and the browser also serve other tests"
)]

/// How the bots receive events.
const RECEIVE: &str = "webhook";
/// Where they store jobs.
const STORE: &str = "sqlite";

#[path = "../playground/browser.rs"]
mod browser;
#[path = "../it/harness.rs"]
mod harness;
mod walk;
