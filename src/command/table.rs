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
pub const COMMANDS: &[CommandRow] = &[
    CommandRow {
        name: CommandName::Pin,
        aliases: &["置顶"],
        usages: &[
            Usage {
                form: Bilingual::new("/置顶", "/pin"),
                meaning: Bilingual::new(
                    "回复一条消息时使用，把那条消息置顶到群聊顶部",
                    "as a reply to a message: put that message at the top of the chat",
                ),
            },
            Usage {
                form: Bilingual::new("/置顶 公告", "/pin announcement"),
                meaning: Bilingual::new(
                    "把群公告置顶到群聊顶部",
                    "put the group announcement at the top of the chat",
                ),
            },
        ],
    },
    CommandRow {
        name: CommandName::Unpin,
        aliases: &["取消置顶"],
        usages: &[Usage {
            form: Bilingual::new("/取消置顶", "/unpin"),
            meaning: Bilingual::new(
                "撤下群聊顶部的置顶",
                "take off what stands at the top of the chat",
            ),
        }],
    },
    CommandRow {
        name: CommandName::Announce,
        aliases: &["公告"],
        usages: &[Usage {
            form: Bilingual::new("/公告 内容", "/announce text"),
            meaning: Bilingual::new(
                "把内容加在群公告最前面，原有内容保留；回复一条消息且不写内容时，发布那条消息的文字",
                "add the text above what stands in the group announcement; \
                 as a reply without text: add the text of that message",
            ),
        }],
    },
    CommandRow {
        name: CommandName::Help,
        aliases: &["帮助"],
        usages: &[Usage {
            form: Bilingual::new("/帮助", "/help"),
            meaning: Bilingual::new("查看这份说明", "show this table"),
        }],
    },
];

impl CommandRow {
    /// Every spelling of the name, without the slash.
    pub fn spellings(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name.as_str()).chain(self.aliases.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::parse;

    #[test]
    fn every_way_to_write_a_command_is_understood() {
        for row in COMMANDS {
            let forms = row
                .usages
                .iter()
                .flat_map(|usage| [usage.form.zh, usage.form.en]);
            let names = row.spellings().map(|spelling| format!("/{spelling}"));
            for text in forms.map(str::to_owned).chain(names) {
                let command = parse(&text, &[], false).unwrap().unwrap();
                assert_eq!(command.name(), row.name, "{text}");
            }
        }
    }
}
