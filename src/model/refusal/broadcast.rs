//! Refusals of announcements to several groups.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

/// Why an announcement was not sent to several groups, or not reverted there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum BroadcastRefusal {
    /// No list of groups has this name.
    UnknownList {
        name: String,
        /// The most similar name of a list.
        near: Option<String>,
        /// The first lists.
        known: Vec<String>,
    },
    /// The list of groups is empty.
    EmptyList { name: String },
    /// The list has too many groups.
    ListTooLong { name: String, limit: usize },
    /// The group is on the list already.
    OnListAlready { name: String },
    /// The group is not on the list.
    NotOnList { name: String },
    /// The configuration has the group on the list.
    OnListByConfiguration { name: String },
    /// There are too many lists.
    TooManyLists { limit: usize },
    /// The member has the maximum number of broadcasts that are not finished.
    TooManyBroadcasts { limit: usize },
    /// Other broadcasts have to be finished first.
    BroadcastQueueFull,
    /// The text was erased before it was posted.
    BroadcastGone,
    /// It was undone before, or nothing of it failed.
    BroadcastOver,
    /// Only the author can repeat it.
    NotAuthorOfBroadcast,
    /// `/edit` named a broadcast, which is edited in each group.
    BroadcastNotEditable,
    /// Content was replaced, and later changes depend on it.
    LaterChanges,
}
