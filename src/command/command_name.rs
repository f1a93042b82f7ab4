//! The names of the commands.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// A command without its arguments; [`CommandName::spec`] describes it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CommandName {
    /// `/pin`
    Pin,
    /// `/unpin`
    Unpin,
    /// `/announce`
    Announce,
    /// `/notice`
    Notice,
    /// `/edit`
    Edit,
    /// `/undo`
    Undo,
    /// `/history`
    History,
    /// `/cancel`
    Cancel,
    /// `/pause`
    Pause,
    /// `/resume`
    Resume,
    /// `/settings`
    Settings,
    /// `/login`
    Login,
    /// `/logout`
    Logout,
    /// `/help`
    Help,
}

impl CommandName {
    /// In the order of `/help`.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::VARIANTS.iter().copied()
    }

    /// The English name without the slash; also used in logs and metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
