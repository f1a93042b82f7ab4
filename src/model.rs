//! The vocabulary of the program: what a member requests, what the bot changes, what it records,
//! and how a command ends. No async, no I/O, no clock.

pub(crate) mod action;
pub(crate) mod broadcast;
pub(crate) mod button;
pub(crate) mod change;
pub(crate) mod grant;
pub(crate) mod job;
pub(crate) mod outcome;
pub(crate) mod panel;
pub(crate) mod progress;
pub(crate) mod proposal;
pub(crate) mod refusal;
pub(crate) mod rights;
pub(crate) mod schedule;
pub(crate) mod series;
pub(crate) mod settings;
pub(crate) mod tenant;
pub(crate) mod trace;
