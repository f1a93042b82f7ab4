//! Permissions in a group, of members and of the bot.

use feishu::{ChatId, IdType, Sender};
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

pub(crate) use crate::config::Right;

/// Why a member lacks a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Denied {
    /// The member is on a deny list.
    DenyListed,
    /// The member belongs to another tenant.
    OtherTenant,
    /// The platform did not send an id of the member, or not their tenant.
    Unidentified,
    /// The member is not in the group of a broadcast.
    NotInGroup,
    /// Only the group's owner and admins have it.
    #[strum(transparent)]
    Reserved(AdminsOnly),
}

impl Denied {
    /// The key by which replies are throttled.
    pub(crate) fn label(self) -> &'static str {
        self.into()
    }
}

/// Why only the group's owner and admins have a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AdminsOnly {
    /// A setting of the group.
    #[strum(transparent)]
    BySetting(GroupSetting),
    /// The platform did not return who may manage top notices. The setting for editing group
    /// information applies instead, and restricts it.
    ByFallbackSetting,
    /// The configured mode is `admins`.
    ByMode,
    /// The group has set its mode to `admins`.
    ByOwnMode,
    /// Only they may change the bot's settings in a group.
    Settings,
    /// The platform did not return who may manage top notices, and `pin_setting_missing` is `deny`.
    PinSettingMissing,
    /// The platform did not return who may mention everybody.
    MentionSettingMissing,
}

/// A group setting that restricts members, and possibly the bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum GroupSetting {
    /// Who may manage top notices.
    PinManageSetting,
    /// Who may edit the group's information, including the announcement.
    EditPermission,
    /// Who may mention everybody.
    AtAllPermission,
}

/// The members with a right, apart from allow and deny lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Audience {
    /// All members of the bot's tenant.
    AllMembers,
    OwnerAndAdmins(AdminsOnly),
}

/// The rights that members have in a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupRights {
    pub(crate) rights: Vec<(Right, Audience)>,
    /// Whether allow or deny lists apply in the group.
    pub(crate) exceptions: bool,
    /// Whether the group may have members of other tenants, who have no rights.
    pub(crate) external: bool,
}

/// The bot's permission by the group's settings, after the platform refused a call that the policy
/// had allowed the member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BotPermission {
    /// Only the owner and admins have it; the bot is neither.
    Barred(GroupSetting),
    /// The platform does not return the setting, and the bot is not an admin.
    SettingUnknown(GroupSetting),
    /// All members have it, including the bot.
    Open,
    /// The bot is an admin, so no setting restricts it.
    Admin,
}

/// The member who sent a command or pressed a button.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Actor<'a> {
    pub(crate) sender: &'a Sender,
    /// The bot's tenant.
    pub(crate) home: Option<&'a str>,
    pub(crate) chat: &'a ChatId,
}

impl Actor<'_> {
    /// The kind of id in which to request the group's owner and admins.
    pub(crate) fn id_type(&self) -> IdType {
        self.sender
            .id()
            .map(|(id_type, _)| id_type)
            .unwrap_or_default()
    }

    pub(crate) fn is(&self, listed: &str) -> bool {
        let sender = self.sender;
        let ids: [Option<&str>; 3] = [
            sender.open_id.as_ref().map(AsRef::as_ref),
            sender.union_id.as_ref().map(AsRef::as_ref),
            sender.user_id.as_ref().map(AsRef::as_ref),
        ];
        ids.contains(&Some(listed))
    }

    /// A missing tenant counts as another one.
    pub(crate) fn is_of_own_tenant(&self) -> bool {
        let tenant = self.sender.tenant_key.as_ref().map(AsRef::as_ref);
        tenant.is_some() && tenant == self.home
    }

    /// The reason to deny a member of another or an unknown tenant.
    pub(crate) fn denied_as_foreign(&self) -> Denied {
        match (&self.sender.tenant_key, self.home) {
            (Some(_), Some(_)) => Denied::OtherTenant,
            _ => Denied::Unidentified,
        }
    }
}

/// Something that keeps the bot from working in a group, for the welcome card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MissingCapability {
    /// It cannot read the group's settings; any of these scopes is enough.
    Settings(Vec<String>),
    /// It cannot read the kind of the group announcement; any of these scopes is enough.
    AnnouncementKind(Vec<String>),
    /// Only the owner and admins have it; the bot is neither.
    Barred(GroupSetting),
    /// The platform does not return the setting, and the bot is not an admin, so calls may fail.
    SettingUnknown(GroupSetting),
}
