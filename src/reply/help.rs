//! Replies to `/help`: a short card, and all commands at the press of a button.

use feishu::Card;

use super::cards::button;
use super::punctuation::labeled;
use super::quote::TextFormat;
use super::{Answer, rights};
use crate::command::CommandName;
use crate::config::ActAs;
use crate::language::{Bilingual, Language};
use crate::model::button::ButtonAction;
use crate::model::outcome::GroupHelp;
use crate::model::rights::GroupRights;

/// The commands on the short card.
const FIRST: [CommandName; 4] = [
    CommandName::Pin,
    CommandName::Announce,
    CommandName::Undo,
    CommandName::History,
];

/// The short card: the member's permissions in this group, if known, and the main commands.
pub(super) fn answer(group: Option<&GroupHelp>, language: Language) -> Answer {
    let lines = |format| {
        let mut lines = match group {
            Some(group) => own_rights(group, format, language),
            None => vec![
                Bilingual::new("可在群里发送：", "In a group, you can send:")
                    .to(language)
                    .to_owned(),
            ],
        };
        lines.extend(first_commands(format, language));
        lines.join("\n")
    };
    let label = Bilingual::new("全部命令", "All commands").to(language);
    let card = Card::titled(title(language)).markdown(lines(TextFormat::Card));
    Answer::Show {
        card: Box::new(button(card, label, ButtonAction::ShowCommands, language)),
        or_say: lines(TextFormat::Text),
    }
}

/// All commands, and the permissions in this group, if known.
pub(crate) fn all_commands(
    rights: Option<&GroupRights>,
    act_as: ActAs,
    language: Language,
) -> Card {
    let table = table(act_as, TextFormat::Card, language).join("\n");
    let card = Card::titled(title(language)).markdown(table);
    let card = match rights {
        Some(rights) => card.markdown(in_group(rights, TextFormat::Card, language).join("\n")),
        None => card,
    };
    card.markdown(note(language))
}

/// All commands as text.
pub(super) fn all_in_text(
    rights: Option<&GroupRights>,
    act_as: ActAs,
    language: Language,
) -> String {
    let mut lines = table(act_as, TextFormat::Text, language);
    lines.extend(rights.map_or_else(Vec::new, |rights| {
        in_group(rights, TextFormat::Text, language)
    }));
    lines.push(note(language).to_owned());
    lines.join("\n")
}

fn title(language: Language) -> &'static str {
    Bilingual::new("帮助", "Help").to(language)
}

fn note(language: Language) -> &'static str {
    Bilingual::new(
        "「置顶」指群聊顶部的置顶栏，不是 Pin 列表。",
        "“Top” means the bar above the conversation, not the Pin list.",
    )
    .to(language)
}

fn first_commands(format: TextFormat, language: Language) -> impl Iterator<Item = String> {
    FIRST.into_iter().map(move |name| {
        let form = format.code(name.simplest_form(language));
        labeled(&form, name.spec().brief.to(language), language)
    })
}

/// The member's permissions, then those of others, one line each.
fn own_rights(group: &GroupHelp, format: TextFormat, language: Language) -> Vec<String> {
    let allowed = rights::commands(group.allowed.iter().copied(), format, language);
    let words = if group.allowed.is_empty() {
        Bilingual::new(
            "你在本群没有使用权限。",
            "In this group, you have no permission.",
        )
    } else {
        Bilingual::new("你在本群可以使用：{}", "In this group, you can use: {}")
    };
    let first = words.fill(language, allowed);
    let others = rights::reserved(&group.rights, &group.allowed, format, language);
    [first].into_iter().chain(others).collect()
}

fn table(act_as: ActAs, format: TextFormat, language: Language) -> Vec<String> {
    let usages = CommandName::offered(act_as).flat_map(|name| name.spec().usages);
    let lines = usages.map(|usage| {
        let form = format.code(usage.form.to(language));
        labeled(&form, usage.meaning.to(language), language)
    });
    lines.collect()
}

fn in_group(rights: &GroupRights, format: TextFormat, language: Language) -> Vec<String> {
    let title = Bilingual::new("本群权限", "Permissions in this group").to(language);
    let lines = rights::group_rights(rights, format, language);
    [format.heading(title)].into_iter().chain(lines).collect()
}
