//! The statements that both databases share, one function each.
//!
//! Accepting, claiming and recovering jobs, leases and write slots differ, and stand with their
//! database.

pub(super) mod changes;
pub(super) mod chats;
pub(super) mod jobs;
pub(super) mod limits;
pub(super) mod schedules;
