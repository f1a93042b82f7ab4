//! Who may do what: everywhere, for single commands, in single groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommandPolicies {
    #[serde(skip_serializing_if = "is_empty")]
    pub pin: CommandPolicy,
    #[serde(skip_serializing_if = "is_empty")]
    pub unpin: CommandPolicy,
    #[serde(skip_serializing_if = "is_empty")]
    pub announce: CommandPolicy,
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
    #[serde(skip_serializing_if = "is_empty")]
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

fn is_empty<T: Default + PartialEq>(policy: &T) -> bool {
    *policy == T::default()
}
