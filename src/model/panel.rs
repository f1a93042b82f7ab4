//! The commands that the bot has made in the `/` panel.

use feishu::SlashDescription;

/// A command that the bot has made, or has begun to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MadeCommand {
    /// Without the slash.
    pub(crate) name: String,
    /// The description that it was made with.
    pub(crate) description: SlashDescription,
    /// `None` until the platform's answer has named it.
    pub(crate) id: Option<String>,
}
