//! A command in the `/` panel.

use serde_json::Value;

/// A command in the panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlashCommand {
    /// The platform's id.
    pub id: String,
    /// Without the slash.
    pub name: String,
    /// `default_value` and, possibly, `i18n`.
    pub description: Value,
    pub(crate) icon: String,
    pub(crate) created_ms: u64,
    /// The tenant whose token made it.
    pub(crate) tenant: String,
}
