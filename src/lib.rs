//! noticebot pins messages and writes group announcements when members of a Feishu or Lark group
//! type commands.
//!
//! The path of a command:
//!
//! bytes → size limit → signature over the raw bytes → decryption
//! (`transport::webhook`) → envelope, token, app id (`transport`) → `event`
//! → committed to the `store` → acknowledged; then `dispatch` claims the
//! job → [`command`] parses it → `policy` permits or denies it →
//! `action` executes it → its `outcome` is stored → `reply` words the
//! answer.
//!
//! [`command`], [`content`], `policy` and `reply` are pure: no I/O, no clock.

pub mod admin;
pub mod check;
pub mod command;
pub mod config;
pub mod content;
pub mod healthcheck;
pub mod panel;
pub mod setup;
pub mod telemetry;
pub mod web;

mod action;
mod background;
mod callback;
mod consent;
mod console;
mod credentials;
mod dispatch;
mod event;
mod http;
mod language;
mod model;
mod platform;
mod policy;
mod reply;
mod sealed;
mod server;
mod shared_limits;
mod store;
mod store_app;
mod subscriptions;
mod supervision;
mod text;
mod transport;
mod welcome;

pub use feishu::{Clock, ClockHand};
pub use server::{Server, run};
pub use text::printable;
