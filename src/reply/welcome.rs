//! The card by which the bot greets a group.

use feishu::Card;

use super::codes;
use crate::command::{COMMANDS, CommandName};
use crate::language::{Bilingual, Language};
use crate::policy::GroupSetting;
use crate::welcome::Lack;

/// Greets a group: who the bot is, what it can be asked, and what it lacks there. The words stand
/// once in each of the languages.
pub(crate) fn welcome(lacks: &[Lack], languages: &[Language]) -> Card {
    let title = Bilingual::new("大家好", "Hello");
    let title: Vec<_> = languages
        .iter()
        .map(|language| title.to(*language))
        .collect();
    let card = Card::titled(title.join(" · "));
    languages.iter().fold(card, |card, language| {
        card.markdown(words(lacks, *language))
    })
}

fn words(lacks: &[Lack], language: Language) -> String {
    let who = Bilingual::new(
        "我可以把消息置顶到群聊顶部，也可以把内容写进群公告。你可以发送：",
        "I can put messages at the top of the chat and write to the group announcement. You can type:",
    );
    let mut lines = vec![who.to(language).to_owned()];
    lines.extend(commands(language));
    let more = Bilingual::new(
        "发送 `/帮助` 可查看全部写法，以及谁可以使用。如果我没有反应，请在命令前面 @我。",
        "`/help` shows every way to write them and who may use them. If I do not react, mention me in front of the command.",
    );
    lines.push(more.to(language).to_owned());
    if !lacks.is_empty() {
        let missing = Bilingual::new("**这里还缺：**", "**What is still missing here:**");
        lines.push(missing.to(language).to_owned());
        lines.extend(
            lacks
                .iter()
                .map(|lack| format!("- {}", lacking(lack, language))),
        );
    }
    lines.join("\n")
}

/// Each command in its simplest form, but for the one that shows the others.
fn commands(language: Language) -> impl Iterator<Item = String> {
    let rows = COMMANDS.iter().filter(|row| row.name != CommandName::Help);
    let usages = rows.filter_map(|row| row.usages.first());
    usages.map(move |usage| {
        let (form, meaning) = (usage.form.to(language), usage.meaning.to(language));
        match language {
            Language::Zh => format!("`{form}`：{meaning}"),
            Language::En => format!("`{form}`: {meaning}"),
        }
    })
}

fn lacking(lack: &Lack, language: Language) -> String {
    let gap = Bilingual::new("", " ").to(language);
    match lack {
        Lack::Settings(scopes) => {
            let what = Bilingual::new(
                "我读不到本群的设置，不知道谁可以做什么，所以命令多半会被拒绝。",
                "I cannot read this group's settings and so do not know who may do what; most commands will be refused.",
            );
            let scopes = codes::missing_scope(scopes, language);
            format!("{}{gap}{scopes}", what.to(language))
        }
        Lack::AnnouncementKind(scopes) => {
            let what = Bilingual::new(
                "我看不到本群用的是哪一种群公告；如果是新版，`/公告 内容` 会失败。",
                "I cannot see which kind of announcement this group has; if it is the new one, `/announce text` will fail.",
            );
            let scopes = codes::missing_scope(scopes, language);
            format!("{}{gap}{scopes}", what.to(language))
        }
        Lack::Barred(setting) => barred(*setting).to(language).to_owned(),
        Lack::Untold(setting) => untold(*setting).to(language).to_owned(),
    }
}

fn barred(setting: GroupSetting) -> Bilingual {
    match setting {
        GroupSetting::PinManageSetting => Bilingual::new(
            "本群只有群主和群管理员可以管理置顶，而我不是。请把我设为群管理员，或在群设置的“群管理”中把“谁可以管理置顶”改为所有成员。",
            "Only the owner and the admins may manage top notices here, and I am neither. Make me a group admin, or set “who can manage top notices” to all members in the group settings, under Group Management.",
        ),
        GroupSetting::EditPermission => Bilingual::new(
            "本群只有群主和群管理员可以编辑群信息，包括群公告，而我不是。请把我设为群管理员，或在群设置的“群管理”中把“谁可以编辑群信息”改为所有成员。",
            "Only the owner and the admins may edit this group's information, the announcement included, and I am neither. Make me a group admin, or set “who can edit group info” to all members in the group settings, under Group Management.",
        ),
    }
}

fn untold(setting: GroupSetting) -> Bilingual {
    match setting {
        GroupSetting::PinManageSetting => Bilingual::new(
            "飞书没有告诉我“谁可以管理置顶”是怎么设的，置顶可能会被拒绝。把我设为群管理员就可以了。",
            "Feishu does not tell me how “who can manage top notices” is set, so I may be refused. Making me a group admin settles it.",
        ),
        GroupSetting::EditPermission => Bilingual::new(
            "飞书没有告诉我“谁可以编辑群信息”是怎么设的，写群公告可能会被拒绝。把我设为群管理员就可以了。",
            "Feishu does not tell me how “who can edit group info” is set, so I may be refused the announcement. Making me a group admin settles it.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::parse;
    use GroupSetting::{EditPermission, PinManageSetting};

    const LANGUAGES: [Language; 2] = [Language::Zh, Language::En];

    fn every_lack() -> Vec<Lack> {
        let scopes = |scopes: &[&str]| scopes.iter().map(|scope| (*scope).to_owned()).collect();
        vec![
            Lack::Settings(scopes(&["im:chat", "im:chat:readonly"])),
            Lack::AnnouncementKind(scopes(&["im:chat.announcement:read"])),
            Lack::Barred(PinManageSetting),
            Lack::Barred(EditPermission),
            Lack::Untold(PinManageSetting),
            Lack::Untold(EditPermission),
        ]
    }

    #[test]
    fn the_welcome_reads_as_reviewed() {
        let shown = |lacks: &[Lack], languages: &[Language]| {
            let card = serde_json::to_value(welcome(lacks, languages)).unwrap();
            let title = card["header"]["title"]["content"].as_str().unwrap();
            let parts = card["body"]["elements"].as_array().unwrap().iter();
            let parts = parts.map(|part| part["content"].as_str().unwrap());
            let parts: Vec<_> = [title].into_iter().chain(parts).collect();
            parts.join("\n\n")
        };
        let told = [
            shown(&[], &LANGUAGES),
            shown(&every_lack(), &LANGUAGES[..1]),
            shown(&every_lack(), &LANGUAGES[1..]),
        ];
        insta::assert_snapshot!("welcome", told.join("\n\n---\n\n"));
    }

    #[test]
    fn each_language_stands_once_and_alone_in_its_part() {
        for language in LANGUAGES {
            assert_eq!(Language::of(&words(&every_lack(), language)), language);
        }
    }

    #[test]
    fn commands_that_the_welcome_names_are_commands() {
        for language in LANGUAGES {
            let words = words(&every_lack(), language);
            // Between backticks stands every second piece.
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
