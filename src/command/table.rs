//! The one table of commands: the parser looks names up in it, help and the README derive from it.

use super::CommandName;
use crate::language::Bilingual;

/// One command.
#[derive(Debug)]
pub struct CommandRow {
    /// Which one; its English spelling is [`CommandName::as_str`].
    pub name: CommandName,
    /// Its Chinese spellings, without the slash.
    pub aliases: &'static [&'static str],
    /// What else people type for it: common misspellings, and other words for the same.
    pub also: &'static [&'static str],
    /// What it does, in a few words.
    pub brief: Bilingual,
    /// The ways to write it, the simplest first.
    pub usages: &'static [Usage],
}

/// One way to write a command.
#[derive(Debug)]
pub struct Usage {
    /// What to type.
    pub form: Bilingual,
    /// What it does, in one line.
    pub meaning: Bilingual,
}

/// Every command of this release.
pub const COMMANDS: &[CommandRow] = &[PIN, UNPIN, ANNOUNCE, UNDO, HISTORY, CANCEL, HELP];

const PIN: CommandRow = CommandRow {
    name: CommandName::Pin,
    aliases: &["置顶"],
    also: &[],
    brief: Bilingual::new("置顶所回复的消息", "pin the message you reply to"),
    usages: &[
        Usage {
            form: Bilingual::new("/置顶", "/pin"),
            meaning: Bilingual::new(
                "回复一条消息，将其置顶到群聊顶部（在话题中，置顶话题的第一条消息）",
                "reply to a message to pin it to the top of the chat \
                 (in a topic: the topic's first message)",
            ),
        },
        Usage {
            form: Bilingual::new("/置顶 2小时", "/pin 2h"),
            meaning: Bilingual::new(
                "限时置顶（分钟、小时、天、周），到期自动取消；期间通过机器人置顶了其他内容则不取消",
                "pin it for a limited time (m, h, d, w); it stays if something else was pinned \
                 through the bot in between",
            ),
        },
        Usage {
            form: Bilingual::new("/置顶 公告", "/pin announcement"),
            meaning: Bilingual::new(
                "将群公告置顶到群聊顶部，也可以限时",
                "pin the group announcement to the top of the chat, also for a limited time",
            ),
        },
    ],
};

const UNPIN: CommandRow = CommandRow {
    name: CommandName::Unpin,
    aliases: &["取消置顶"],
    also: &["解除置顶", "撤下置顶", "取下置顶", "撤销置顶"],
    brief: Bilingual::new("取消置顶", "remove the top notice"),
    usages: &[Usage {
        form: Bilingual::new("/取消置顶", "/unpin"),
        meaning: Bilingual::new(
            "取消群聊顶部的置顶",
            "remove the notice at the top of the chat",
        ),
    }],
};

const ANNOUNCE: CommandRow = CommandRow {
    name: CommandName::Announce,
    aliases: &["公告"],
    also: &[
        "群公告",
        "发公告",
        "发布公告",
        "发群公告",
        "announcement",
        "announcements",
        "announcment",
        "anouncement",
        "annoucement",
        "annouce",
        "anounce",
        "annonce",
        "announc",
    ],
    brief: Bilingual::new("发布到群公告", "post to the group announcement"),
    usages: &[
        Usage {
            form: Bilingual::new("/公告 内容", "/announce text"),
            meaning: Bilingual::new(
                "将内容发布到群公告最前面，保留原有内容；回复一条消息且不写内容时，发布该消息",
                "add text above what the group announcement holds; \
                 without text, reply to a message to post that message",
            ),
        },
        Usage {
            form: Bilingual::new("/公告 --替换 内容", "/announce --replace text"),
            meaning: Bilingual::new(
                "用该内容替换整个群公告；原有内容会先备份，七天内可用 /撤销 恢复",
                "replace the whole announcement; the previous content is saved first, \
                 and /undo restores it within seven days",
            ),
        },
        Usage {
            form: Bilingual::new("/公告 --定时 9:00 内容", "/announce --at 9:00 text"),
            meaning: Bilingual::new(
                "定时发布，最多提前一年；时间可写 9:00（下一个九点）、明天9点、周五 15:00、12月1日 9:00",
                "post it at that time, at most a year ahead: 9:00 (the next one), tomorrow 9:00, friday 3pm, 2026-12-01 9:00",
            ),
        },
        Usage {
            form: Bilingual::new("/公告 --限时 2天 内容", "/announce --for 2d text"),
            meaning: Bilingual::new(
                "限时发布，到期自动从群公告移除",
                "remove it from the announcement after that time",
            ),
        },
        Usage {
            form: Bilingual::new("/公告 --置顶 内容", "/announce --top text"),
            meaning: Bilingual::new(
                "发布后将群公告置顶到群聊顶部；以上选项可以组合使用",
                "also pin the announcement to the top of the chat; these options can be combined",
            ),
        },
    ],
};

const UNDO: CommandRow = CommandRow {
    name: CommandName::Undo,
    aliases: &["撤销"],
    also: &["撤消"],
    brief: Bilingual::new("撤销机器人的上一次改动", "undo the bot's last change"),
    usages: &[Usage {
        form: Bilingual::new("/撤销", "/undo"),
        meaning: Bilingual::new(
            "撤销机器人在本群的上一次改动；再次发送则撤销更早的一次",
            "undo the bot's last change in this chat; send it again for the one before",
        ),
    }],
};

const HISTORY: CommandRow = CommandRow {
    name: CommandName::History,
    aliases: &["记录"],
    also: &["纪录", "历史", "历史记录"],
    brief: Bilingual::new("查看操作记录和计划", "show recent changes and schedules"),
    usages: &[Usage {
        form: Bilingual::new("/记录", "/history"),
        meaning: Bilingual::new(
            "查看最近十次改动和现有计划",
            "show the last ten changes and what is scheduled",
        ),
    }],
};

const CANCEL: CommandRow = CommandRow {
    name: CommandName::Cancel,
    aliases: &["取消"],
    also: &["取销", "cancle", "cancell"],
    brief: Bilingual::new("取消计划", "cancel a schedule"),
    usages: &[Usage {
        form: Bilingual::new("/取消 3", "/cancel 3"),
        meaning: Bilingual::new(
            "取消计划 3，现有计划见 /记录",
            "cancel schedule 3, as numbered by /history",
        ),
    }],
};

const HELP: CommandRow = CommandRow {
    name: CommandName::Help,
    aliases: &["帮助"],
    also: &[],
    brief: Bilingual::new("查看帮助", "show help"),
    usages: &[Usage {
        form: Bilingual::new("/帮助", "/help"),
        meaning: Bilingual::new("查看帮助", "show this help"),
    }],
};

impl CommandRow {
    /// Every spelling of the name, without the slash.
    pub fn spellings(&self) -> impl Iterator<Item = &'static str> {
        let others = self.aliases.iter().chain(self.also).copied();
        std::iter::once(self.name.as_str()).chain(others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, ParseError, parse};

    /// What is meant, wherever the text begins.
    fn meaning(form: &str) -> Command {
        match parse(form, &[], false).unwrap().unwrap() {
            Command::Announce(mut announcement) => {
                assert!(announcement.text.take().is_some(), "{form}");
                Command::Announce(announcement)
            }
            command => command,
        }
    }

    #[test]
    fn every_way_to_write_a_command_is_understood_alike_in_both_languages() {
        for row in COMMANDS {
            for Usage { form, .. } in row.usages {
                let command = meaning(form.en);
                assert_eq!(command.name(), row.name, "{}", form.en);
                assert_eq!(meaning(form.zh), command, "{}", form.zh);
            }
        }
    }

    #[test]
    fn every_name_of_a_command_is_known() {
        for spelling in COMMANDS.iter().flat_map(CommandRow::spellings) {
            match parse(&format!("/{spelling}"), &[], true) {
                Ok(Some(_)) | Err(ParseError::MissingNumber) => {}
                other => panic!("{other:?} for {spelling}"),
            }
        }
    }
}
