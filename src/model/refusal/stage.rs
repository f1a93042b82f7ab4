//! The part of a command that failed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

/// The part of a command that failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Stage {
    #[default]
    Whole,
    /// Only the first lines of an announcement were written.
    Partly {
        /// Lines that were written.
        lines: usize,
        /// All lines.
        of: usize,
    },
    /// The announcement was written; the rest of the command was not done completely.
    Incomplete(Unfinished),
    /// The edited text was written, and the former one could not be deleted.
    FormerTextLeft,
    /// A scheduled announcement was due and could not be published.
    NotPublished,
    /// A run of a series was due and could not be published.
    RunNotPublished(NextRun),
    /// A change could not be reverted when its duration had passed.
    NotReverted,
    /// A run of a series was published, and the entry of the one before could not be removed.
    FormerRunLeft,
}

/// What becomes of a series after a run that was not published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextRun {
    /// The number of the schedule.
    pub(crate) number: u32,
    pub(crate) at: Timestamp,
    /// When the next run is due; `None` if the series is paused.
    pub(crate) due: Option<Timestamp>,
}

/// What was not done after an announcement was written. If it is more than one thing, only one has
/// the cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a separate part of the command"
)]
pub struct Unfinished {
    /// The old content was not deleted.
    pub(crate) not_replaced: bool,
    /// The announcement was not pinned.
    pub(crate) not_on_top: bool,
    /// Nobody was notified.
    pub(crate) not_notified: bool,
    /// It is unknown whether everybody was notified.
    pub(crate) maybe_notified: bool,
    /// Whether a card was posted instead of the announcement.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) of_notice: bool,
}

impl Unfinished {
    pub(crate) fn is_only_replacement(self) -> bool {
        let only = Self {
            not_replaced: true,
            ..Self::default()
        };
        self == only
    }
}

impl Stage {
    pub(super) fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}
