//! Texts about permissions. The names of group settings are those of Feishu's "Group Management"
//! page.

use super::punctuation::{COMMA, labeled};
use super::quote::TextFormat;
use crate::command::CommandName;
use crate::language::{Bilingual, Language};
use crate::model::rights::{
    AdminsOnly, Audience, BotPermission, Denied, GroupRights, GroupSetting, Right,
};

/// The reason for a denial.
pub(super) fn denial(denied: Denied) -> Bilingual {
    match denied {
        Denied::DenyListed => Bilingual::new(
            "机器人管理员已禁止你使用（配置项 policy.deny）。请联系机器人管理员。",
            "The bot's admin has blocked you (policy.deny in the bot's configuration). Please contact the admin.",
        ),
        Denied::OtherTenant => Bilingual::new(
            "仅限本企业成员使用。请本企业的成员操作，或请机器人管理员将你加入 policy.allow。",
            "Only members of the bot's own organization can use it. Ask one of them, or ask the bot's admin to add you to policy.allow.",
        ),
        Denied::Unidentified => Bilingual::new(
            "飞书未返回发送者身份，无法核对权限，未执行。请机器人管理员查看日志。",
            "Feishu did not identify the sender, so the permission cannot be checked and nothing was done. Ask the bot's admin to look at the log.",
        ),
        Denied::NotInGroup => Bilingual::new(
            "只有该群的成员可以在该群发布、批准或撤销。请先加入该群，或请群成员操作。",
            "Only members of the group can post, approve or undo this there. Join it, or ask one of its members.",
        ),
        Denied::Reserved(reserved) => reservation(reserved),
    }
}

fn reservation(reserved: AdminsOnly) -> Bilingual {
    match reserved {
        AdminsOnly::BySetting(GroupSetting::PinManageSetting) => Bilingual::new(
            "仅群主和群管理员可以管理本群置顶。请他们操作，或请他们在群设置的「群管理」中将「谁可以管理置顶」改为所有成员。",
            "Only the owner and admins can manage top notices in this group. Ask one of them to do it, or to set “who can manage top notices” to all members in the group settings, under Group Management.",
        ),
        AdminsOnly::BySetting(GroupSetting::EditPermission) => Bilingual::new(
            "仅群主和群管理员可以编辑本群信息（包括群公告）。请他们操作，或请他们在群设置的「群管理」中将「谁可以编辑群信息」改为所有成员。",
            "Only the owner and admins can edit this group's information, including the announcement. Ask one of them to do it, or to set “who can edit group info” to all members in the group settings, under Group Management.",
        ),
        AdminsOnly::BySetting(GroupSetting::AtAllPermission) => Bilingual::new(
            "仅群主和群管理员可以在本群 @所有人。请去掉 --通知 后重新发送，或请他们操作，或请他们在群设置的「群管理」中将「谁可以 @ 所有人」改为所有成员。",
            "Only the owner and admins can mention everyone in this group. Post it without --notify, or ask one of them to do it, or to set “who can @ all” to all members in the group settings, under Group Management.",
        ),
        AdminsOnly::MentionSettingMissing => Bilingual::new(
            "飞书未返回本群的「谁可以 @ 所有人」设置，此时仅限群主和群管理员 @所有人。请去掉 --通知 后重新发送，或请他们操作。",
            "Feishu does not report who can mention everyone in this group; in that case only the owner and admins can. Post it without --notify, or ask one of them to do it.",
        ),
        AdminsOnly::ByFallbackSetting => Bilingual::new(
            "飞书未返回本群的「谁可以管理置顶」设置，因此以「谁可以编辑群信息」为准，即仅限群主和群管理员。请他们操作，或请他们在群设置的「群管理」中将该项改为所有成员。",
            "Feishu does not report who can manage top notices in this group, so “who can edit group info” applies: only the owner and admins. Ask one of them to do it, or to set that to all members in the group settings, under Group Management.",
        ),
        AdminsOnly::ByMode => Bilingual::new(
            "该命令在本群仅限群主和群管理员使用（配置项 policy.mode）。请他们操作，或请机器人管理员修改配置。",
            "In this group, only the owner and admins can use this command (policy.mode in the bot's configuration). Ask one of them to do it, or ask the bot's admin to change that.",
        ),
        AdminsOnly::ByOwnMode => Bilingual::new(
            "该命令在本群仅限群主和群管理员使用（由他们用 /设置 设定）。请他们操作，或请他们发送：/设置 权限 默认",
            "In this group, only the owner and admins can use this command, as they have set with /settings. Ask one of them to do it, or to send: /settings mode default",
        ),
        AdminsOnly::Settings => Bilingual::new(
            "仅群主和群管理员可以查看和修改机器人在本群的设置。请他们操作。",
            "Only the owner and admins can see and change the bot's settings in this group. Ask one of them to do it.",
        ),
        AdminsOnly::PinSettingMissing => Bilingual::new(
            "飞书未返回本群的「谁可以管理置顶」设置，此时仅限群主和群管理员使用（配置项 policy.pin_setting_missing）。请他们操作，或请机器人管理员修改配置。",
            "Feishu does not report who can manage top notices in this group; in that case only the owner and admins can (policy.pin_setting_missing in the bot's configuration). Ask one of them to do it, or ask the bot's admin to change that.",
        ),
    }
}

/// Why the platform refused the bot although the member has permission, and the remedy.
pub(super) fn bot_permission(permission: BotPermission) -> Bilingual {
    match permission {
        BotPermission::Barred(GroupSetting::PinManageSetting) => Bilingual::new(
            "你有权限，但机器人没有：仅群主和群管理员可以管理本群置顶。请将机器人设为群管理员，或在群设置的「群管理」中将「谁可以管理置顶」改为所有成员。",
            "You have permission, but the bot does not: only the owner and admins can manage top notices here. Make the bot a group admin, or set “who can manage top notices” to all members in the group settings, under Group Management.",
        ),
        BotPermission::Barred(GroupSetting::EditPermission) => Bilingual::new(
            "你有权限，但机器人没有：仅群主和群管理员可以编辑本群信息。请将机器人设为群管理员，或在群设置的「群管理」中将「谁可以编辑群信息」改为所有成员。",
            "You have permission, but the bot does not: only the owner and admins can edit this group's information. Make the bot a group admin, or set “who can edit group info” to all members in the group settings, under Group Management.",
        ),
        BotPermission::SettingUnknown(GroupSetting::PinManageSetting) => Bilingual::new(
            "你有权限，但机器人没有，且飞书未返回「谁可以管理置顶」设置。请将机器人设为群管理员，或在群设置的「群管理」中将该项改为所有成员。",
            "You have permission, but the bot does not, and Feishu does not report the setting “who can manage top notices”. Make the bot a group admin, or set that to all members in the group settings, under Group Management.",
        ),
        BotPermission::SettingUnknown(GroupSetting::EditPermission) => Bilingual::new(
            "你有权限，但机器人没有，且飞书未返回「谁可以编辑群信息」设置。请将机器人设为群管理员，或在群设置的「群管理」中将该项改为所有成员。",
            "You have permission, but the bot does not, and Feishu does not report the setting “who can edit group info”. Make the bot a group admin, or set that to all members in the group settings, under Group Management.",
        ),
        BotPermission::Barred(GroupSetting::AtAllPermission) => Bilingual::new(
            "你有权限，但机器人没有：仅群主和群管理员可以在本群 @所有人。请将机器人设为群管理员，或在群设置的「群管理」中将「谁可以 @ 所有人」改为所有成员。",
            "You have permission, but the bot does not: only the owner and admins can mention everyone here. Make the bot a group admin, or set “who can @ all” to all members in the group settings, under Group Management.",
        ),
        BotPermission::SettingUnknown(GroupSetting::AtAllPermission) => Bilingual::new(
            "你有权限，但机器人没有，且飞书未返回「谁可以 @ 所有人」设置。请将机器人设为群管理员，或在群设置的「群管理」中将该项改为所有成员。",
            "You have permission, but the bot does not, and Feishu does not report the setting “who can @ all”. Make the bot a group admin, or set that to all members in the group settings, under Group Management.",
        ),
        BotPermission::Open => Bilingual::new(
            "按本群设置，所有成员都可以操作，但机器人的操作被飞书拒绝，可能刚有人修改过设置。请重新发送；仍然失败时，请将机器人设为群管理员。",
            "Under this group's settings all members can do this, but Feishu refused the bot; the settings may have just changed. Send the command again; if that does not help, make the bot a group admin.",
        ),
        BotPermission::Admin => Bilingual::new(
            "机器人是本群管理员，但操作被飞书拒绝，可能是刚被设为管理员。请重新发送；仍然失败时，请将下面一行提供给机器人管理员。",
            "The bot is an admin of this group, but Feishu refused it; perhaps it has only just become one. Send the command again; if that does not help, give the line below to the bot's admin.",
        ),
    }
}

/// The permissions in a group, one line for the commands with the same audience.
pub(super) fn group_rights(
    rights: &GroupRights,
    format: TextFormat,
    language: Language,
) -> Vec<String> {
    let mut lines = lines(&rights.rights, format, language);
    if rights.external {
        lines.push(OTHER_ORGANIZATIONS.to(language).to_owned());
    }
    if rights.exceptions {
        lines.push(EXCEPTIONS.to(language).to_owned());
    }
    lines
}

const OTHER_ORGANIZATIONS: Bilingual = Bilingual::new(
    "其他企业的成员不可使用。",
    "Members of other organizations cannot use the bot.",
);

const EXCEPTIONS: Bilingual = Bilingual::new(
    "机器人管理员另外指定了始终允许或始终禁止的人员。",
    "The bot's admin has made exceptions for people who are always or never allowed.",
);

/// Who has the permissions that the member lacks, on one line; `None` if the member has all. Those
/// that every group reserves are not worth a line.
pub(super) fn reserved(
    rights: &GroupRights,
    allowed: &[Right],
    format: TextFormat,
    language: Language,
) -> Option<String> {
    let others: Vec<_> = rights
        .rights
        .iter()
        .copied()
        .filter(|(right, who)| !allowed.contains(right) && !is_expected(*who))
        .collect();
    let parts = lines(&others, format, language);
    let semicolon = Bilingual::new("；", "; ").to(language);
    (!parts.is_empty()).then(|| parts.join(semicolon))
}

fn is_expected(who: Audience) -> bool {
    let reserved = Audience::OwnerAndAdmins(AdminsOnly::Settings);
    who == Audience::AllMembers || who == reserved
}

fn lines(rights: &[(Right, Audience)], format: TextFormat, language: Language) -> Vec<String> {
    let chunks = rights.chunk_by(|one, next| one.1 == next.1);
    let lines = chunks.filter_map(|chunk| {
        let commands = commands(chunk.iter().map(|(right, _)| *right), format, language);
        let audience = audience(chunk.first()?.1).to(language);
        Some(labeled(&commands, audience, language))
    });
    lines.collect()
}

/// The commands for these rights, as typed in the language.
pub(super) fn commands(
    rights: impl Iterator<Item = Right>,
    format: TextFormat,
    language: Language,
) -> String {
    let forms = rights.filter_map(CommandName::of).map(|name| {
        let spelling = name.spelling(language);
        format.code(&format!("/{spelling}"))
    });
    forms.collect::<Vec<_>>().join(COMMA.to(language))
}

fn audience(audience: Audience) -> Bilingual {
    match audience {
        Audience::AllMembers => Bilingual::new("所有成员", "all members"),
        Audience::OwnerAndAdmins(reserved) => owner_and_admins(reserved),
    }
}

pub(super) fn owner_and_admins(reserved: AdminsOnly) -> Bilingual {
    match reserved {
        AdminsOnly::BySetting(GroupSetting::PinManageSetting) => Bilingual::new(
            "群主和群管理员（群设置「谁可以管理置顶」）",
            "the owner and admins (group setting “who can manage top notices”)",
        ),
        AdminsOnly::BySetting(GroupSetting::AtAllPermission) => Bilingual::new(
            "群主和群管理员（群设置「谁可以 @ 所有人」）",
            "the owner and admins (group setting “who can @ all”)",
        ),
        AdminsOnly::MentionSettingMissing => Bilingual::new(
            "群主和群管理员（飞书未返回群设置「谁可以 @ 所有人」）",
            "the owner and admins (Feishu does not report the group setting “who can @ all”)",
        ),
        AdminsOnly::BySetting(GroupSetting::EditPermission) | AdminsOnly::ByFallbackSetting => {
            Bilingual::new(
                "群主和群管理员（群设置「谁可以编辑群信息」）",
                "the owner and admins (group setting “who can edit group info”)",
            )
        }
        AdminsOnly::ByMode => Bilingual::new(
            "群主和群管理员（由机器人管理员设定）",
            "the owner and admins (set by the bot's admin)",
        ),
        AdminsOnly::ByOwnMode => Bilingual::new(
            "群主和群管理员（由他们用 /设置 设定）",
            "the owner and admins (as they have set with /settings)",
        ),
        AdminsOnly::Settings => Bilingual::new("群主和群管理员", "the owner and admins"),
        AdminsOnly::PinSettingMissing => Bilingual::new(
            "群主和群管理员（飞书未返回群设置「谁可以管理置顶」）",
            "the owner and admins (Feishu does not report the group setting “who can manage top notices”)",
        ),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Every reason why only the owner and admins have a right.
    pub(in super::super) const RESERVED: [AdminsOnly; 9] = [
        AdminsOnly::BySetting(GroupSetting::PinManageSetting),
        AdminsOnly::BySetting(GroupSetting::EditPermission),
        AdminsOnly::BySetting(GroupSetting::AtAllPermission),
        AdminsOnly::MentionSettingMissing,
        AdminsOnly::ByFallbackSetting,
        AdminsOnly::ByMode,
        AdminsOnly::ByOwnMode,
        AdminsOnly::Settings,
        AdminsOnly::PinSettingMissing,
    ];

    fn rights(who: [Audience; 4]) -> GroupRights {
        GroupRights {
            rights: Right::all().zip(who).collect(),
            exceptions: false,
            external: false,
        }
    }

    #[test]
    fn rights_match_the_reviewed_snapshot() {
        let all = Audience::AllMembers;
        let few = Audience::OwnerAndAdmins(AdminsOnly::ByMode);
        let mut cases = vec![
            rights([all; 4]),
            GroupRights {
                external: true,
                ..rights([all, few, few, few])
            },
            GroupRights {
                exceptions: true,
                ..rights([few, all, few, few])
            },
        ];
        cases.extend(RESERVED.map(|reserved| rights([Audience::OwnerAndAdmins(reserved); 4])));
        let in_both = |rights: &GroupRights| {
            [Language::Zh, Language::En]
                .map(|language| group_rights(rights, TextFormat::Text, language).join("\n"))
                .join("\n")
        };
        let texts: Vec<_> = cases.iter().map(in_both).collect();
        insta::assert_snapshot!("rights", texts.join("\n\n"));
    }

    #[test]
    fn denials_name_settings_as_feishu_does() {
        let pin = Bilingual::new("谁可以管理置顶", "who can manage top notices");
        let edit = Bilingual::new("谁可以编辑群信息", "who can edit group info");
        let mention = Bilingual::new("谁可以 @ 所有人", "who can @ all");
        let name = |setting| match setting {
            GroupSetting::PinManageSetting => pin,
            GroupSetting::EditPermission => edit,
            GroupSetting::AtAllPermission => mention,
        };
        let mut texts = vec![(
            denial(Denied::Reserved(AdminsOnly::ByFallbackSetting)),
            edit,
        )];
        for setting in [
            GroupSetting::PinManageSetting,
            GroupSetting::EditPermission,
            GroupSetting::AtAllPermission,
        ] {
            let reserved = AdminsOnly::BySetting(setting);
            texts.push((denial(Denied::Reserved(reserved)), name(setting)));
            texts.push((owner_and_admins(reserved), name(setting)));
            texts.push((
                bot_permission(BotPermission::Barred(setting)),
                name(setting),
            ));
            texts.push((
                bot_permission(BotPermission::SettingUnknown(setting)),
                name(setting),
            ));
        }
        for (words, name) in texts {
            assert!(words.zh.contains(name.zh), "{}", words.zh);
            assert!(words.en.contains(name.en), "{}", words.en);
        }
    }
}
