//! Permissions: the default, those of a command, of a tenant, and of a group.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use strum::{EnumString, IntoStaticStr, VariantArray};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    pub mode: PolicyMode,
    pub pin_setting_missing: PinSettingMissing,
    pub on_denied: OnDenied,
    pub allow: Vec<String>,
    pub deny: Vec<String>,
    pub commands: CommandPolicies,
    /// By tenant key.
    pub tenants: BTreeMap<String, ScopePolicy>,
    /// By chat id.
    pub chats: BTreeMap<String, ScopePolicy>,
}

pub type CommandPolicies = BTreeMap<Right, CommandPolicy>;

/// A permission, named after a command.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, IntoStaticStr, VariantArray,
)]
// A `field_identifier` is rejected as an unknown key, not as an unknown variant.
#[serde(field_identifier, rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Right {
    Pin,
    Unpin,
    Announce,
    /// To see and change the bot's settings in a group. The modes for other commands do not apply to
    /// it: without a rule of its own, only the owner and admins have it.
    Settings,
}

impl Serialize for Right {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Right {
    /// In the order of replies and reports.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::VARIANTS.iter().copied()
    }

    /// Its key in settings.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommandPolicy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<PolicyMode>,
    pub allow: Vec<String>,
    pub deny: Vec<String>,
}

/// The rules for a tenant or a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScopePolicy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<PolicyMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin_setting_missing: Option<PinSettingMissing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_denied: Option<OnDenied>,
    pub allow: Vec<String>,
    pub deny: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub commands: CommandPolicies,
}

/// Who may use a command besides the group's owner and admins.
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
pub enum PolicyMode {
    /// Everyone whom the group's settings permit.
    Group,
    /// Nobody.
    Admins,
    /// Every member of the tenant.
    Anyone,
}

/// The rule for groups whose settings do not say who can manage top notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinSettingMissing {
    EditPermission,
    Deny,
    Allow,
}

/// The answer to a command of a member who lacks the permission that the owner and admins have.
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
pub enum OnDenied {
    Refuse,
    /// Ask the group's owner and admins for approval.
    Ask,
    /// Ask the group's owner for approval.
    AskOwner,
}
