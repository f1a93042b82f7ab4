//! Replies about broadcasts and lists of groups.

use super::punctuation::{COMMA, GAP};
use super::quote::quoted;
use super::{Answer, Emoji};
use crate::language::{Bilingual, Language};
use crate::model::broadcast::Reach;
use crate::model::outcome::BroadcastStep;
use crate::model::refusal::BroadcastRefusal;
use crate::model::settings::{ListChange, ListsOfGroup};

/// What a broadcast has done, for `/history`.
pub(super) fn reached(reach: &Reach, list: &str, language: Language) -> String {
    let Reach { posted, groups, .. } = reach;
    match language {
        Language::Zh => format!("群发到{list}（{groups} 个群中的 {posted} 个）"),
        Language::En => format!("announced to {list}, {posted} of {groups} groups"),
    }
}

/// The report shows the rest.
pub(super) fn done(step: BroadcastStep, groups: usize, language: Language) -> Answer {
    let words = match step {
        BroadcastStep::Started => return Answer::Nothing,
        BroadcastStep::Reverting => REVERTING,
        BroadcastStep::Repeated => REPEATED,
    };
    let (emoji, or_say) = (Emoji::Done, words.fill(language, groups));
    Answer::React { emoji, or_say }
}

pub(super) fn refused(refusal: &BroadcastRefusal, language: Language) -> String {
    let words = match refusal {
        BroadcastRefusal::UnknownList { name, near, known } => {
            return unknown_list(name, near.as_deref(), known, language);
        }
        BroadcastRefusal::EmptyList { name } => {
            return EMPTY_LIST.fill(language, quoted(name, language));
        }
        BroadcastRefusal::ListTooLong { name, limit } => {
            return list_too_long(name, *limit, language);
        }
        BroadcastRefusal::OnListAlready { name } => {
            return ON_LIST.fill(language, quoted(name, language));
        }
        BroadcastRefusal::NotOnList { name } => {
            return NOT_ON_LIST.fill(language, quoted(name, language));
        }
        BroadcastRefusal::OnListByConfiguration { name } => {
            return CONFIGURED.fill(language, quoted(name, language));
        }
        BroadcastRefusal::TooManyLists { limit } => return TOO_MANY_LISTS.fill(language, limit),
        BroadcastRefusal::TooManyBroadcasts { limit } => return TOO_MANY.fill(language, limit),
        BroadcastRefusal::BroadcastQueueFull => QUEUE_FULL,
        BroadcastRefusal::BroadcastGone => GONE,
        BroadcastRefusal::BroadcastOver => OVER,
        BroadcastRefusal::NotAuthorOfBroadcast => NOT_AUTHOR,
        BroadcastRefusal::BroadcastNotEditable => NOT_EDITABLE,
        BroadcastRefusal::LaterChanges => LATER_CHANGES,
    };
    words.to(language).to_owned()
}

fn unknown_list(name: &str, near: Option<&str>, known: &[String], language: Language) -> String {
    let mut words = UNKNOWN_LIST.fill(language, quoted(name, language));
    if let Some(near) = near {
        words.push_str(GAP.to(language));
        words.push_str(&NEAR_LIST.fill(language, near));
    }
    let known: Vec<_> = known.iter().map(|name| quoted(name, language)).collect();
    words.push_str(GAP.to(language));
    if known.is_empty() {
        words.push_str(NO_LISTS.to(language));
    } else {
        words.push_str(&KNOWN_LISTS.fill(language, known.join(COMMA.to(language))));
    }
    words
}

const REVERTING: Bilingual = Bilingual::new(
    "正在撤销 {} 个群中的内容，进度见群发公告的卡片。",
    "Reverting it in {} groups; the card of the announcement shows the progress.",
);

const REPEATED: Bilingual = Bilingual::new(
    "正在重试 {} 个群，进度见群发公告的卡片。",
    "Trying {} groups again; the card of the announcement shows the progress.",
);

const UNKNOWN_LIST: Bilingual = Bilingual::new(
    "没有名为{}的群列表，未执行。",
    "There is no list of groups with the name {}; nothing was done.",
);

const NEAR_LIST: Bilingual = Bilingual::new("你要用的是 --发到 {} 吗？", "Did you mean --to {}?");

const KNOWN_LISTS: Bilingual = Bilingual::new("现有群列表：{}", "The lists are: {}");

const NO_LISTS: Bilingual = Bilingual::new(
    "目前没有群列表。群主或群管理员可发送 /设置 群组 名称 加入，机器人管理员也可以在配置的 [groups] 中添加。",
    "There are no lists yet. The owner or an admin of a group can send /settings groups NAME join, and the bot's admin can add lists under [groups] in its configuration.",
);

const EMPTY_LIST: Bilingual = Bilingual::new(
    "群列表{}中没有群，未执行。请机器人管理员在配置的 [groups] 中添加群。",
    "The list {} has no groups, so nothing was done. The bot's admin can add groups under [groups] in its configuration.",
);

fn list_too_long(name: &str, limit: usize, language: Language) -> String {
    let name = quoted(name, language);
    match language {
        Language::Zh => {
            format!("群列表{name}超过 {limit} 个群，未执行。请机器人管理员拆分该列表。")
        }
        Language::En => format!(
            "The list {name} has more than {limit} groups, so nothing was done. Ask the bot's admin to split it."
        ),
    }
}

const ON_LIST: Bilingual = Bilingual::new(
    "本群已在群列表{}中，无需再加入。",
    "This group is on the list {} already.",
);

const NOT_ON_LIST: Bilingual = Bilingual::new(
    "本群不在群列表{}中，无需退出。发送 /设置 群组 查看本群所在的列表。",
    "This group is not on the list {}. Send /settings groups to see the lists that it is on.",
);

const CONFIGURED: Bilingual = Bilingual::new(
    "机器人管理员已在配置中将本群列入群列表{}，无法在群内退出。请联系机器人管理员。",
    "The bot's admin has put this group on the list {} in the configuration, so it cannot leave it here. Ask the admin.",
);

const TOO_MANY_LISTS: Bilingual = Bilingual::new(
    "群列表已达 {} 个上限，未执行。请使用已有的列表，或请其他群退出不再使用的列表。",
    "There are {} lists already, so nothing was done. Use one of them, or have other groups leave lists that are no longer used.",
);

/// What `/settings groups` shows.
pub(super) fn lists(lists: &ListsOfGroup, language: Language) -> String {
    let names = |names: &[String]| {
        let names: Vec<_> = names.iter().map(|name| quoted(name, language)).collect();
        names.join(COMMA.to(language))
    };
    let mut lines = Vec::new();
    if lists.configured.is_empty() && lists.joined.is_empty() {
        lines.push(ON_NO_LIST.to(language).to_owned());
    }
    for (group, label) in [(&lists.joined, JOINED), (&lists.configured, BY_ADMIN)] {
        if !group.is_empty() {
            lines.push(label.fill(language, names(group)));
        }
    }
    lines.push(HOW_TO_JOIN.to(language).to_owned());
    lines.join("\n")
}

/// The group is on a list now, or no longer.
pub(super) fn list_done(change: &ListChange, language: Language) -> Answer {
    let words = if change.joins {
        Bilingual::new("本群已加入群列表{}。", "This group is on the list {} now.")
    } else {
        Bilingual::new(
            "本群已退出群列表{}。",
            "This group is no longer on the list {}.",
        )
    };
    let or_say = words.fill(language, quoted(&change.list, language));
    let emoji = Emoji::Done;
    Answer::React { emoji, or_say }
}

/// A change in words, for `/history`.
pub(super) fn list_changed(change: &ListChange, list: &str, language: Language) -> String {
    let words = if change.joins { HAS_JOINED } else { HAS_LEFT };
    words.fill(language, list)
}

const ON_NO_LIST: Bilingual = Bilingual::new(
    "本群不在任何群列表中。",
    "This group is on no list of groups.",
);
const JOINED: Bilingual = Bilingual::new("本群已加入群列表：{}", "This group has joined: {}");
const BY_ADMIN: Bilingual = Bilingual::new(
    "机器人管理员将本群列入：{}",
    "The bot's admin has put it on: {}",
);
const HOW_TO_JOIN: Bilingual = Bilingual::new(
    "加入请发送 /设置 群组 名称 加入，退出请发送 /设置 群组 名称 退出。",
    "To join a list, send /settings groups NAME join; to leave it, /settings groups NAME leave.",
);
const HAS_JOINED: Bilingual =
    Bilingual::new("将本群加入了群列表{}", "put this group on the list {}");
const HAS_LEFT: Bilingual =
    Bilingual::new("将本群移出了群列表{}", "took this group off the list {}");

const TOO_MANY: Bilingual = Bilingual::new(
    "你有 {} 个群发公告尚未完成，未执行。请等其中一个完成后重新发送。",
    "{} of your announcements to several groups are not finished yet, so nothing was done. Send it again when one of them is.",
);

const QUEUE_FULL: Bilingual = Bilingual::new(
    "等待群发的公告过多，未执行。请几分钟后重新发送。",
    "Too many announcements to several groups are waiting, so nothing was done. Send it again in a few minutes.",
);

const GONE: Bilingual = Bilingual::new(
    "发送命令的群已移除机器人，内容已清除，未发布。",
    "The bot was removed from the group of the command, so the text was erased and not posted.",
);

const OVER: Bilingual = Bilingual::new(
    "该群发公告已撤销，或没有失败的群，未执行。",
    "The announcement was already undone, or no group has failed, so nothing was done.",
);

const NOT_AUTHOR: Bilingual = Bilingual::new(
    "只有发送该命令的成员可以重试，未执行。请该成员操作，或重新发送命令。",
    "Only the member who sent the command can repeat it, so nothing was done. Ask them, or send the command yourself.",
);

const NOT_EDITABLE: Bilingual = Bilingual::new(
    "该公告已发到多个群，无法在此统一修改。请在各群分别修改，或发送 /撤销 后重新发布。",
    "This was announced to several groups and cannot be edited in all of them at once. Edit it in each group, or send /undo and announce it again.",
);

const LATER_CHANGES: Bilingual = Bilingual::new(
    "替换之后该群又有新的改动，为避免覆盖，未撤销。请在该群处理。",
    "The announcement was replaced and has changed since, so it was not reverted, which would undo the later changes. Revert it in that group.",
);
