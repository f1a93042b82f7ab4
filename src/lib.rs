//! noticebot: members of a Feishu or Lark group pin messages and write the group
//! announcement by typing commands.
//!
//! The way of the data, and where to read on:
//!
//! bytes → size limit → signature over the raw bytes → decryption
//! (`transport::webhook`) → envelope, token, app id (`transport`) → `event`
//! → committed to the `store` → acknowledged; then `dispatch` claims the
//! job → [`command`] is parsed → `policy` gives a permit or a denial →
//! `action` does it → its `outcome` is stored → `reply` puts it into
//! words.
//!
//! [`command`], [`content`], `policy` and `reply` are pure: no I/O, no clock.

pub mod admin;
pub mod check;
pub mod command;
pub mod config;
pub mod content;
pub mod healthcheck;
pub mod telemetry;

mod action;
mod background;
mod callback;
mod credentials;
mod dispatch;
mod event;
mod http;
mod language;
mod model;
mod platform;
mod policy;
mod reply;
mod server;
mod shared_limits;
mod store;
mod supervision;
mod text;
mod transport;
mod welcome;

pub use feishu::{Clock, ClockHand};
pub use server::{Server, run};
pub use text::printable;
