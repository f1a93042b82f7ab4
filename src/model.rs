//! The values that flow through the program: what is asked for, what is done, what is remembered
//! and what is said of it. No async, no I/O, no clock.

pub(crate) mod action;
pub(crate) mod button;
pub(crate) mod change;
pub(crate) mod job;
pub(crate) mod outcome;
pub(crate) mod progress;
pub(crate) mod refusal;
pub(crate) mod rights;
pub(crate) mod schedule;
