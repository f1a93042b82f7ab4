//! The statements that both databases share, one function each.
//!
//! Statements that accept, claim and recover jobs, and those for leases and write slots, differ and
//! are in the modules of their database.

pub(super) mod broadcasts;
pub(super) mod changes;
pub(super) mod chats;
pub(super) mod consents;
pub(super) mod grants;
pub(super) mod jobs;
pub(super) mod limits;
pub(super) mod lists;
pub(super) mod panel;
pub(super) mod schedules;
pub(super) mod settings;
pub(super) mod tenants;
