//! What the bot does to a chat, as the table of changes names it.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

/// A kind of change.
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
    /// Something was put at the top of the chat.
    Pin,
    /// The top notice was taken off.
    Unpin,
    /// Text was added to the announcement.
    Announce,
    /// The announcement was replaced.
    Replace,
    /// An earlier change was taken back.
    Undo,
    /// A change was taken back because its time was over.
    Expire,
    /// Planned work was dropped.
    Cancel,
    /// The message that stood at the top was recalled.
    Recalled,
}

impl ChangeKind {
    /// Its word in the table of changes.
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }
}
