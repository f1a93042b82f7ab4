//! Who may do what in a group, and what keeps a member or the bot from it.

use feishu::{ChatId, IdType, Sender};
use serde::{Deserialize, Serialize};

pub(crate) use crate::config::Right;

/// Why a member may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denied {
    /// The member is on a deny list.
    DenyListed,
    /// The member belongs to another tenant.
    OtherTenant,
    /// The platform did not tell who the member is.
    Unidentified,
    /// It is left to the group's owner and admins.
    Reserved(AdminsOnly),
}

impl Denied {
    /// A word for the reason, by which answers are throttled.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::DenyListed => "deny_listed",
            Self::OtherTenant => "other_tenant",
            Self::Unidentified => "unidentified",
            Self::Reserved(AdminsOnly::BySetting(GroupSetting::PinManageSetting)) => {
                "pin_manage_setting"
            }
            Self::Reserved(AdminsOnly::BySetting(GroupSetting::EditPermission)) => {
                "edit_permission"
            }
            Self::Reserved(AdminsOnly::ByNeighbour) => "by_neighbour",
            Self::Reserved(AdminsOnly::ByMode) => "by_mode",
            Self::Reserved(AdminsOnly::PinSettingMissing) => "pin_setting_missing",
        }
    }
}

/// Why only the group's owner and admins may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdminsOnly {
    /// The group's own setting says so.
    BySetting(GroupSetting),
    /// The platform did not say who may manage top notices, and the setting that
    /// stands in, the one for editing group information, says so.
    ByNeighbour,
    /// The mode is `admins`.
    ByMode,
    /// The platform did not say who may manage top notices, and
    /// `pin_setting_missing` is `deny`.
    PinSettingMissing,
}

/// A setting of a group that decides who may use the bot, and whether the bot
/// itself may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupSetting {
    /// Who may manage top notices.
    PinManageSetting,
    /// Who may edit the group's information, the announcement included.
    EditPermission,
}

/// Who may do a thing in a group, lists aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Audience {
    /// Every member of the bot's tenant.
    AllMembers,
    /// The group's owner and admins.
    OwnerAndAdmins(AdminsOnly),
}

/// Who may do what in one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupRights {
    /// Each right, and who has it.
    pub(crate) rights: Vec<(Right, Audience)>,
    /// Whether lists of the configuration make exceptions.
    pub(crate) exceptions: bool,
    /// Whether people of other tenants may be in the group: they have no rights.
    pub(crate) external: bool,
}

/// What a group's settings say of the bot, after the platform refused it
/// something that the policy had let the member do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BotPermission {
    /// The setting leaves it to the owner and the admins; the bot is neither.
    Barred(GroupSetting),
    /// The platform does not tell the setting; the bot is no admin.
    Untold(GroupSetting),
    /// The setting lets all members, and so the bot.
    Open,
    /// The bot is an admin, whom no setting binds.
    Admin,
}

/// A member who asks for something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Actor<'a> {
    /// Who typed the command, or pressed the button.
    pub(crate) sender: &'a Sender,
    /// The tenant that the bot works for.
    pub(crate) home: Option<&'a str>,
    /// The chat in which that was.
    pub(crate) chat: &'a ChatId,
}

impl Actor<'_> {
    /// By which kind of id the group's roles have to be asked for.
    pub(crate) fn id_type(&self) -> IdType {
        self.sender
            .id()
            .map(|(id_type, _)| id_type)
            .unwrap_or_default()
    }
}

impl Actor<'_> {
    pub(crate) fn is(&self, listed: &str) -> bool {
        let sender = self.sender;
        let ids: [Option<&str>; 3] = [
            sender.open_id.as_ref().map(AsRef::as_ref),
            sender.union_id.as_ref().map(AsRef::as_ref),
            sender.user_id.as_ref().map(AsRef::as_ref),
        ];
        ids.contains(&Some(listed))
    }

    /// A tenant that is not named is not ours.
    pub(crate) fn is_at_home(&self) -> bool {
        let tenant = self.sender.tenant_key.as_ref().map(AsRef::as_ref);
        tenant.is_some() && tenant == self.home
    }

    /// Why a member who is not at home may not: of a missing tenant nothing can be said.
    pub(crate) fn away(&self) -> Denied {
        match (&self.sender.tenant_key, self.home) {
            (Some(_), Some(_)) => Denied::OtherTenant,
            _ => Denied::Unidentified,
        }
    }
}

/// What the bot lacks in a group to do its work there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MissingCapability {
    /// It cannot read the group's settings; any one of these scopes would do.
    Settings(Vec<String>),
    /// It cannot read which kind of announcement the group has; any one of these
    /// scopes would do.
    AnnouncementKind(Vec<String>),
    /// The setting leaves it to the owner and the admins; the bot is neither.
    Barred(GroupSetting),
    /// The platform does not tell the setting; the bot is no admin, so it may be
    /// refused.
    Untold(GroupSetting),
}
