//! The welcome card for a group.

use feishu::Card;

use super::codes;
use super::punctuation::labeled;
use super::quote::TextFormat;
use crate::command::CommandName;
use crate::config::ActAs;
use crate::language::{Bilingual, Language};
use crate::model::rights::{GroupSetting, MissingCapability};

/// What the bot does, its main commands, and its missing capabilities, once in each language.
pub(crate) fn welcome(
    capabilities: &[MissingCapability],
    act_as: ActAs,
    languages: &[Language],
) -> Card {
    let title = Bilingual::new("大家好", "Hello");
    let title: Vec<_> = languages
        .iter()
        .map(|language| title.to(*language))
        .collect();
    let card = Card::titled(title.join(" · "));
    languages.iter().fold(card, |card, language| {
        card.markdown(words(capabilities, act_as, *language))
    })
}

fn words(capabilities: &[MissingCapability], act_as: ActAs, language: Language) -> String {
    let intro = Bilingual::new(
        "我可以置顶消息、发布群公告。可以发送：",
        "I can pin messages to the top of the chat and post to the group announcement. You can send:",
    );
    let mut lines = vec![intro.to(language).to_owned()];
    lines.extend(commands(act_as, language));
    if act_as == ActAs::Member {
        lines.push(AS_MEMBER.to(language).to_owned());
    }
    let more = Bilingual::new(
        "发送 `/帮助` 查看全部命令和权限。如果没有反应，请在命令前 @我。",
        "Send `/help` for all commands and permissions. If I do not respond, mention me before the command.",
    );
    lines.push(more.to(language).to_owned());
    if !capabilities.is_empty() {
        let title = Bilingual::new("**需要处理：**", "**Action needed:**");
        lines.push(title.to(language).to_owned());
        let items = capabilities.iter().map(|it| missing(it, language));
        lines.extend(items.map(|item| format!("- {item}")));
    }
    lines.join("\n")
}

const AS_MEMBER: Bilingual = Bilingual::new(
    "我以命令发送者的身份操作，首次使用时会请你授权。",
    "I act as the member who sends the command, and ask for your consent the first time.",
);

/// Each command except `/help` in its simplest form.
fn commands(act_as: ActAs, language: Language) -> impl Iterator<Item = String> {
    let others = CommandName::offered(act_as).filter(|name| *name != CommandName::Help);
    others.map(move |name| {
        let form = name.simplest_form(language);
        let brief = name.spec().brief.to(language);
        labeled(&TextFormat::Card.code(form), brief, language)
    })
}

fn missing(capability: &MissingCapability, language: Language) -> String {
    let scopes = |scopes: &[String]| codes::missing_scope(scopes, TextFormat::Card, language);
    match capability {
        MissingCapability::Settings(missing) => SETTINGS.fill(language, scopes(missing)),
        MissingCapability::AnnouncementKind(missing) => KIND.fill(language, scopes(missing)),
        MissingCapability::Barred(setting) => barred(*setting).to(language).to_owned(),
        MissingCapability::SettingUnknown(setting) => {
            not_reported(*setting).to(language).to_owned()
        }
    }
}

/// `{}` says which scopes are missing.
const SETTINGS: Bilingual = Bilingual::new(
    "无法读取本群设置，无法判断成员权限，多数命令会被拒绝。{}",
    "I cannot read this group's settings, so I cannot check members' permissions; most commands will be refused. {}",
);

/// `{}` says which scopes are missing.
const KIND: Bilingual = Bilingual::new(
    "无法识别本群群公告的版本；如果是新版，`/公告 内容` 会失败。{}",
    "I cannot read the format of this group's announcement; if it is the new one, `/announce text` will fail. {}",
);

fn barred(setting: GroupSetting) -> Bilingual {
    match setting {
        GroupSetting::AtAllPermission => Bilingual::new(
            "仅群主和群管理员可以在本群 @所有人，而机器人不是，--通知 会被拒绝。请将机器人设为群管理员，或在群设置的「群管理」中将「谁可以 @ 所有人」改为所有成员。",
            "Only the owner and admins can mention everyone here, and the bot is neither, so --notify will be refused. Make the bot a group admin, or set “who can @ all” to all members in the group settings, under Group Management.",
        ),
        GroupSetting::PinManageSetting => Bilingual::new(
            "仅群主和群管理员可以管理本群置顶，而机器人不是。请将机器人设为群管理员，或在群设置的「群管理」中将「谁可以管理置顶」改为所有成员。",
            "Only the owner and admins can manage top notices here, and the bot is neither. Make the bot a group admin, or set “who can manage top notices” to all members in the group settings, under Group Management.",
        ),
        GroupSetting::EditPermission => Bilingual::new(
            "仅群主和群管理员可以编辑本群信息（包括群公告），而机器人不是。请将机器人设为群管理员，或在群设置的「群管理」中将「谁可以编辑群信息」改为所有成员。",
            "Only the owner and admins can edit this group's information, including the announcement, and the bot is neither. Make the bot a group admin, or set “who can edit group info” to all members in the group settings, under Group Management.",
        ),
    }
}

fn not_reported(setting: GroupSetting) -> Bilingual {
    match setting {
        GroupSetting::AtAllPermission => Bilingual::new(
            "飞书未返回「谁可以 @ 所有人」设置，--通知 可能被拒绝。将机器人设为群管理员即可解决。",
            "Feishu does not report the setting “who can @ all”, so --notify may be refused. Make the bot a group admin to solve this.",
        ),
        GroupSetting::PinManageSetting => Bilingual::new(
            "飞书未返回「谁可以管理置顶」设置，置顶可能被拒绝。将机器人设为群管理员即可解决。",
            "Feishu does not report the setting “who can manage top notices”, so pinning may be refused. Make the bot a group admin to solve this.",
        ),
        GroupSetting::EditPermission => Bilingual::new(
            "飞书未返回「谁可以编辑群信息」设置，发布群公告可能被拒绝。将机器人设为群管理员即可解决。",
            "Feishu does not report the setting “who can edit group info”, so posting may be refused. Make the bot a group admin to solve this.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::parse;
    use GroupSetting::{EditPermission, PinManageSetting};

    const LANGUAGES: [Language; 2] = [Language::Zh, Language::En];

    fn every_missing_capability() -> Vec<MissingCapability> {
        let scopes = |scopes: &[&str]| scopes.iter().map(|scope| (*scope).to_owned()).collect();
        vec![
            MissingCapability::Settings(scopes(&["im:chat", "im:chat:readonly"])),
            MissingCapability::AnnouncementKind(scopes(&["im:chat.announcement:read"])),
            MissingCapability::Barred(PinManageSetting),
            MissingCapability::Barred(EditPermission),
            MissingCapability::SettingUnknown(PinManageSetting),
            MissingCapability::SettingUnknown(EditPermission),
        ]
    }

    #[test]
    fn the_welcome_matches_the_reviewed_snapshot() {
        let shown = |missing: &[MissingCapability], act_as, languages: &[Language]| {
            let card = serde_json::to_value(welcome(missing, act_as, languages)).unwrap();
            let title = card["header"]["title"]["content"].as_str().unwrap();
            let parts = card["body"]["elements"].as_array().unwrap().iter();
            let parts = parts.map(|part| part["content"].as_str().unwrap());
            let parts: Vec<_> = [title].into_iter().chain(parts).collect();
            parts.join("\n\n")
        };
        let texts = [
            shown(&[], ActAs::Bot, &LANGUAGES),
            shown(&every_missing_capability(), ActAs::Bot, &LANGUAGES[..1]),
            shown(&every_missing_capability(), ActAs::Bot, &LANGUAGES[1..]),
            shown(&[], ActAs::Member, &LANGUAGES),
        ];
        insta::assert_snapshot!("welcome", texts.join("\n\n---\n\n"));
    }

    #[test]
    fn each_part_is_in_one_language() {
        for language in LANGUAGES {
            assert_eq!(
                Language::of(&words(&every_missing_capability(), ActAs::Member, language)),
                language
            );
        }
    }

    #[test]
    fn commands_in_the_welcome_are_commands() {
        for language in LANGUAGES {
            let words = words(&every_missing_capability(), ActAs::Member, language);
            // Every second piece is between backticks.
            let literals = words.split('`').skip(1).step_by(2);
            for literal in literals.filter(|literal| literal.starts_with('/')) {
                assert!(
                    matches!(parse(literal, &[], false), Ok(Some(_))),
                    "{literal}"
                );
            }
        }
    }
}
