//! Who may do what: everywhere, for single commands, in single groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use strum::{IntoStaticStr, VariantArray};

/// Who may do what.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    pub mode: PolicyMode,
    pub pin_setting_missing: PinSettingMissing,
    pub allow: Vec<String>,
    pub deny: Vec<String>,
    pub commands: CommandPolicies,
    /// By chat id.
    pub chats: BTreeMap<String, ChatPolicy>,
}

/// What holds for single commands.
pub type CommandPolicies = BTreeMap<Right, CommandPolicy>;

/// What a member can be permitted: what one of the commands does, by whose name settings call it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, IntoStaticStr, VariantArray,
)]
// Those that are settings are keys, and an unknown one is refused like any other key.
#[serde(field_identifier, rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Right {
    /// Putting something at the top of the chat.
    Pin,
    /// Taking off what stands at the top.
    Unpin,
    /// Writing to the announcement.
    Announce,
}

impl Serialize for Right {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Right {
    /// All of them, in the order in which they are told.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::VARIANTS.iter().copied()
    }

    /// Its name in settings.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What holds for one command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommandPolicy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<PolicyMode>,
    pub allow: Vec<String>,
    pub deny: Vec<String>,
}

/// What holds in one group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChatPolicy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<PolicyMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin_setting_missing: Option<PinSettingMissing>,
    pub allow: Vec<String>,
    pub deny: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub commands: CommandPolicies,
}

/// Who may besides the group's owner and admins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyMode {
    /// Whoever the group's own settings let.
    Group,
    /// Nobody.
    Admins,
    /// Every member of the tenant.
    Anyone,
}

/// What holds where a group says nothing about managing top notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinSettingMissing {
    EditPermission,
    Deny,
    Allow,
}
