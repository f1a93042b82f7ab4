//! The built playground in Chromium.
#![cfg(feature = "browser-tests")]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot set itself up has failed"
)]

mod access;
mod browser;
mod chat;
mod faults;
mod looks;
mod media;
mod modes;
mod playground;
mod safety;
