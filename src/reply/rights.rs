//! Who may and who may not, in words. Settings of a group are called as Feishu's own "Group
//! Management" page calls them.

use crate::command::COMMANDS;
use crate::language::{Bilingual, Language};
use crate::policy::{BotStanding, Denied, GroupRights, GroupSetting, Reserved, Right, WhoMay};

/// Tells a member why not.
pub(super) fn denial(denied: Denied) -> Bilingual {
    match denied {
        Denied::DenyListed => Bilingual::new(
            "机器人的管理员把你列入了禁用名单（配置 `policy` 中的 `deny`）。请与管理员联系。",
            "The bot's admin has put you on my deny list (`deny` under `policy` in my configuration). Please talk to the admin.",
        ),
        Denied::OtherTenant => Bilingual::new(
            "我只听本企业成员的。请群里一位本企业的成员来发送，或请机器人的管理员把你加进 `policy.allow`。",
            "I act only for members of my own organisation. Ask one of them to send it, or the bot's admin to put you on `policy.allow`.",
        ),
        Denied::Unidentified => Bilingual::new(
            "飞书没有提供发送者的身份，无法核对权限，未执行。请机器人的管理员查看日志。",
            "Feishu did not say who sent this, so I cannot check whether you may, and did nothing. Please ask the bot's admin to look at the log.",
        ),
        Denied::Reserved(reserved) => reservation(reserved),
    }
}

fn reservation(reserved: Reserved) -> Bilingual {
    match reserved {
        Reserved::BySetting(GroupSetting::PinManageSetting) => Bilingual::new(
            "本群只有群主和群管理员可以管理置顶。请他们来操作，或请他们在群设置的“群管理”中把“谁可以管理置顶”改为所有成员。",
            "Only the owner and the admins may manage the top notice of this group. Ask one of them to do it, or to set “who can manage top notices” to all members in the group settings, under Group Management.",
        ),
        Reserved::BySetting(GroupSetting::EditPermission) => Bilingual::new(
            "本群只有群主和群管理员可以编辑群信息，包括群公告。请他们来发布，或请他们在群设置的“群管理”中把“谁可以编辑群信息”改为所有成员。",
            "Only the owner and the admins may edit this group's information, the announcement included. Ask one of them to do it, or to set “who can edit group info” to all members in the group settings, under Group Management.",
        ),
        Reserved::ByNeighbour => Bilingual::new(
            "飞书没有告诉我本群谁可以管理置顶，我就以“谁可以编辑群信息”为准，而这只限群主和群管理员。请他们来操作，或请他们在群设置的“群管理”中把“谁可以编辑群信息”改为所有成员。",
            "Feishu did not tell me who may manage the top notice here, so I go by “who can edit group info”, and that is only the owner and the admins. Ask one of them to do it, or to set that to all members in the group settings, under Group Management.",
        ),
        Reserved::ByMode => Bilingual::new(
            "这条命令我在这里只听群主和群管理员的（配置 `policy` 中的 `mode`）。请他们来发送，或请机器人的管理员修改配置。",
            "Here I take this command only from the owner and the admins (`mode` under `policy` in my configuration). Ask one of them to send it, or the bot's admin to change that.",
        ),
        Reserved::PinSettingMissing => Bilingual::new(
            "飞书没有告诉我本群谁可以管理置顶，这时我只听群主和群管理员的（配置 `policy` 中的 `pin_setting_missing`）。请他们来发送，或请机器人的管理员修改配置。",
            "Feishu did not tell me who may manage the top notice here, and then I act only for the owner and the admins (`pin_setting_missing` under `policy` in my configuration). Ask one of them to send it, or the bot's admin to change that.",
        ),
    }
}

/// Why the platform refused the bot what the member may do, and what to do about it.
pub(super) fn bot_standing(standing: BotStanding) -> Bilingual {
    match standing {
        BotStanding::Barred(GroupSetting::PinManageSetting) => Bilingual::new(
            "你可以，但我自己不行：本群只有群主和群管理员可以管理置顶，而我不是。请把我设为群管理员，或在群设置的“群管理”中把“谁可以管理置顶”改为所有成员。",
            "You may, but I myself may not: only the owner and the admins may manage top notices here, and I am neither. Make me a group admin, or set “who can manage top notices” to all members in the group settings, under Group Management.",
        ),
        BotStanding::Barred(GroupSetting::EditPermission) => Bilingual::new(
            "你可以，但我自己不行：本群只有群主和群管理员可以编辑群信息，而我不是。请把我设为群管理员，或在群设置的“群管理”中把“谁可以编辑群信息”改为所有成员。",
            "You may, but I myself may not: only the owner and the admins may edit this group's information, and I am neither. Make me a group admin, or set “who can edit group info” to all members in the group settings, under Group Management.",
        ),
        BotStanding::Untold(GroupSetting::PinManageSetting) => Bilingual::new(
            "你可以，但我自己不行，而飞书没有告诉我“谁可以管理置顶”是怎么设的。请把我设为群管理员，或在群设置的“群管理”中把它改为所有成员。",
            "You may, but I myself may not, and Feishu does not tell me how “who can manage top notices” is set. Make me a group admin, or set that to all members in the group settings, under Group Management.",
        ),
        BotStanding::Untold(GroupSetting::EditPermission) => Bilingual::new(
            "你可以，但我自己不行，而飞书没有告诉我“谁可以编辑群信息”是怎么设的。请把我设为群管理员，或在群设置的“群管理”中把它改为所有成员。",
            "You may, but I myself may not, and Feishu does not tell me how “who can edit group info” is set. Make me a group admin, or set that to all members in the group settings, under Group Management.",
        ),
        BotStanding::Open => Bilingual::new(
            "按本群的设置，所有成员都可以，飞书却拒绝了我，可能是刚刚有人改了设置。请再发一次；若仍然如此，请把我设为群管理员。",
            "By this group's settings all members may, yet Feishu refused me; perhaps somebody changed them just now. Send the command again; if that does not help, make me a group admin.",
        ),
        BotStanding::Admin => Bilingual::new(
            "我是本群的群管理员，飞书却拒绝了我，可能是我刚刚才成为管理员。请再发一次；若仍然如此，请把下面这行转给机器人的管理员。",
            "I am an admin of this group, yet Feishu refused me; perhaps I became one just now. Send the command again; if that does not help, pass the line below on to the bot's admin.",
        ),
    }
}

/// Who may do what, a line for the commands with the same answer.
pub(crate) fn group_rights(rights: &GroupRights, language: Language) -> String {
    let mut lines = vec![
        Bilingual::new("在本群：", "In this group:")
            .to(language)
            .to_owned(),
    ];
    let alike = rights.rights.chunk_by(|one, next| one.1 == next.1);
    lines.extend(alike.map(|alike| line(alike, language)));
    if rights.external {
        let others = Bilingual::new(
            "其他企业的成员不可以。",
            "Members of other organisations may not.",
        );
        lines.push(others.to(language).to_owned());
    }
    if rights.exceptions {
        let exceptions = Bilingual::new(
            "机器人的管理员还指定了一些例外：有的人总是可以，有的人总是不可以。",
            "The bot's admin has named exceptions: people who always may, or never may.",
        );
        lines.push(exceptions.to(language).to_owned());
    }
    lines.join("\n")
}

fn line(alike: &[(Right, WhoMay)], language: Language) -> String {
    let (comma, colon) = match language {
        Language::Zh => ("、", "："),
        Language::En => (", ", ": "),
    };
    let commands = alike.iter().map(|(right, _)| spelling(*right, language));
    let commands = commands.collect::<Vec<_>>().join(comma);
    let who = alike.iter().map(|(_, who)| who_may(*who).to(language));
    format!("{commands}{colon}{}", who.take(1).collect::<String>())
}

/// The command of a right, as it is typed in one of the languages.
fn spelling(right: Right, language: Language) -> String {
    let command = right.command();
    let row = COMMANDS.iter().find(|row| row.name == command);
    let alias = row.and_then(|row| row.aliases.first());
    match (language, alias) {
        (Language::Zh, Some(alias)) => format!("`/{alias}`"),
        (Language::Zh, None) | (Language::En, _) => format!("`/{}`", command.as_str()),
    }
}

fn who_may(who: WhoMay) -> Bilingual {
    match who {
        WhoMay::AllMembers => Bilingual::new("所有成员", "all members"),
        WhoMay::OwnerAndAdmins(reserved) => owner_and_admins(reserved),
    }
}

fn owner_and_admins(reserved: Reserved) -> Bilingual {
    match reserved {
        Reserved::BySetting(GroupSetting::PinManageSetting) => Bilingual::new(
            "群主和群管理员（群设置“谁可以管理置顶”）",
            "the owner and the admins (group setting “who can manage top notices”)",
        ),
        Reserved::BySetting(GroupSetting::EditPermission) | Reserved::ByNeighbour => {
            Bilingual::new(
                "群主和群管理员（群设置“谁可以编辑群信息”）",
                "the owner and the admins (group setting “who can edit group info”)",
            )
        }
        Reserved::ByMode => Bilingual::new(
            "群主和群管理员（由机器人的管理员设定）",
            "the owner and the admins (set by the bot's admin)",
        ),
        Reserved::PinSettingMissing => Bilingual::new(
            "群主和群管理员（飞书没有告诉我群设置“谁可以管理置顶”）",
            "the owner and the admins (Feishu does not tell me the group setting “who can manage top notices”)",
        ),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Every reason for which a right is left to owner and admins.
    pub(in super::super) const RESERVED: [Reserved; 5] = [
        Reserved::BySetting(GroupSetting::PinManageSetting),
        Reserved::BySetting(GroupSetting::EditPermission),
        Reserved::ByNeighbour,
        Reserved::ByMode,
        Reserved::PinSettingMissing,
    ];

    fn rights(who: [WhoMay; 3]) -> GroupRights {
        GroupRights {
            rights: Right::ALL.into_iter().zip(who).collect(),
            exceptions: false,
            external: false,
        }
    }

    #[test]
    fn who_may_what_reads_as_reviewed() {
        let all = WhoMay::AllMembers;
        let few = WhoMay::OwnerAndAdmins(Reserved::ByMode);
        let mut told = vec![
            rights([all; 3]),
            GroupRights {
                external: true,
                ..rights([all, few, few])
            },
            GroupRights {
                exceptions: true,
                ..rights([few, all, few])
            },
        ];
        told.extend(RESERVED.map(|reserved| rights([WhoMay::OwnerAndAdmins(reserved); 3])));
        let in_both = |rights: &GroupRights| {
            [Language::Zh, Language::En]
                .map(|language| group_rights(rights, language))
                .join("\n")
        };
        let told: Vec<_> = told.iter().map(in_both).collect();
        insta::assert_snapshot!("rights", told.join("\n\n"));
    }

    #[test]
    fn every_denial_for_a_setting_names_it_in_feishus_words() {
        let pin = Bilingual::new("谁可以管理置顶", "who can manage top notices");
        let edit = Bilingual::new("谁可以编辑群信息", "who can edit group info");
        let name = |setting| match setting {
            GroupSetting::PinManageSetting => pin,
            GroupSetting::EditPermission => edit,
        };
        let mut told = vec![(denial(Denied::Reserved(Reserved::ByNeighbour)), edit)];
        for setting in [GroupSetting::PinManageSetting, GroupSetting::EditPermission] {
            let reserved = Reserved::BySetting(setting);
            told.push((denial(Denied::Reserved(reserved)), name(setting)));
            told.push((owner_and_admins(reserved), name(setting)));
            told.push((bot_standing(BotStanding::Barred(setting)), name(setting)));
            told.push((bot_standing(BotStanding::Untold(setting)), name(setting)));
        }
        for (words, name) in told {
            assert!(words.zh.contains(name.zh), "{}", words.zh);
            assert!(words.en.contains(name.en), "{}", words.en);
        }
    }
}
