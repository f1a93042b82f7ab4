//! Kinds of changes, as stored in the `changes` table.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ChangeKind {
    Pin,
    Unpin,
    Announce,
    Replace,
    /// A card with a text was posted and pinned.
    Notice,
    /// The text of an earlier change, or of a schedule, was edited.
    Edit,
    Undo,
    /// A change was reverted when its duration ended.
    Expire,
    /// A schedule was canceled.
    Cancel,
    /// A recurring schedule was paused.
    Pause,
    /// A paused schedule was continued.
    Resume,
    /// A setting of the group was changed.
    Settings,
    /// The pinned message was recalled.
    Recalled,
}

impl ChangeKind {
    /// The value in the database.
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }
}
