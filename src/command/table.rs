//! The one table of commands: the parser looks names up in it, `/help` and the README print it.

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
    usages: &[
        Usage {
            form: Bilingual::new("/置顶", "/pin"),
            meaning: Bilingual::new(
                "回复一条消息时使用，把那条消息置顶到群聊顶部（在话题里，是话题的第一条消息）",
                "as a reply to a message: put that message at the top of the chat \
                 (in a topic: the topic's first message)",
            ),
        },
        Usage {
            form: Bilingual::new("/置顶 2小时", "/pin 2h"),
            meaning: Bilingual::new(
                "同上，过了这段时间（分钟、小时、天、周）自动撤下，除非期间又通过机器人置顶了别的",
                "the same, taken off after that time (m, h, d, w), \
                 unless something else was pinned through the bot meanwhile",
            ),
        },
        Usage {
            form: Bilingual::new("/置顶 公告", "/pin announcement"),
            meaning: Bilingual::new(
                "把群公告置顶到群聊顶部，后面也可以写时间",
                "put the group announcement at the top of the chat; takes a time as well",
            ),
        },
    ],
};

const UNPIN: CommandRow = CommandRow {
    name: CommandName::Unpin,
    aliases: &["取消置顶"],
    also: &["解除置顶", "撤下置顶", "取下置顶", "撤销置顶"],
    usages: &[Usage {
        form: Bilingual::new("/取消置顶", "/unpin"),
        meaning: Bilingual::new(
            "撤下群聊顶部的置顶",
            "take off what stands at the top of the chat",
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
    usages: &[
        Usage {
            form: Bilingual::new("/公告 内容", "/announce text"),
            meaning: Bilingual::new(
                "把内容加在群公告最前面，原有内容保留；回复一条消息且不写内容时，发布那条消息",
                "add the text above what stands in the group announcement; \
                 as a reply without text: add that message",
            ),
        },
        Usage {
            form: Bilingual::new("/公告 --替换 内容", "/announce --replace text"),
            meaning: Bilingual::new(
                "把群公告整个换成这段内容；原有内容会先保存，七天内可用 `/撤销` 恢复",
                "make the text the whole announcement; what stood there is saved first, \
                 and `/undo` brings it back within seven days",
            ),
        },
        Usage {
            form: Bilingual::new("/公告 --定时 9:00 内容", "/announce --at 9:00 text"),
            meaning: Bilingual::new(
                "到时间再发布，最迟一年后：`9:00`（下一个九点）、`明天9点`、`周五 15:00`、`12月1日 9:00`",
                "publish it then, within a year: `9:00` (the next one), `tomorrow 9:00`, `friday 3pm`, `2026-12-01 9:00`",
            ),
        },
        Usage {
            form: Bilingual::new("/公告 --限时 2天 内容", "/announce --for 2d text"),
            meaning: Bilingual::new(
                "过了这段时间再把它从群公告里撤下",
                "take it out of the announcement again after that time",
            ),
        },
        Usage {
            form: Bilingual::new("/公告 --置顶 内容", "/announce --top text"),
            meaning: Bilingual::new(
                "发布后把群公告置顶到群聊顶部；这些选项可以一起用",
                "and put the announcement at the top of the chat; these options can be combined",
            ),
        },
    ],
};

const UNDO: CommandRow = CommandRow {
    name: CommandName::Undo,
    aliases: &["撤销"],
    also: &["撤消"],
    usages: &[Usage {
        form: Bilingual::new("/撤销", "/undo"),
        meaning: Bilingual::new(
            "撤销机器人在本群的上一次改动；再发一次，撤销更早的一次",
            "take back the bot's last change in this chat; again: the one before",
        ),
    }],
};

const HISTORY: CommandRow = CommandRow {
    name: CommandName::History,
    aliases: &["记录"],
    also: &["纪录", "历史", "历史记录"],
    usages: &[Usage {
        form: Bilingual::new("/记录", "/history"),
        meaning: Bilingual::new(
            "查看最近十次改动和计划中的改动：谁、什么时候、做了什么",
            "show the last ten changes and what is planned: who, what, when",
        ),
    }],
};

const CANCEL: CommandRow = CommandRow {
    name: CommandName::Cancel,
    aliases: &["取消"],
    also: &["取销", "cancle", "cancell"],
    usages: &[Usage {
        form: Bilingual::new("/取消 3", "/cancel 3"),
        meaning: Bilingual::new(
            "取消第 3 号计划，编号见 `/记录`",
            "drop planned change number 3, as `/history` numbers them",
        ),
    }],
};

const HELP: CommandRow = CommandRow {
    name: CommandName::Help,
    aliases: &["帮助"],
    also: &[],
    usages: &[Usage {
        form: Bilingual::new("/帮助", "/help"),
        meaning: Bilingual::new("查看这份说明", "show this table"),
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
