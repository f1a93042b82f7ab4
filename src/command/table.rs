//! The one table of commands: parser, help, README, rights, `/undo` and `noticebot check` derive
//! from it.

use super::spec::{AttachedValue, CommandSpec, OptionName, Scope, Usage};
use super::{ChangeKind, CommandName};
use crate::config::Right;
use crate::language::Bilingual;

impl CommandName {
    pub const fn spec(self) -> &'static CommandSpec {
        match self {
            Self::Pin => &PIN,
            Self::Unpin => &UNPIN,
            Self::Announce => &ANNOUNCE,
            Self::Notice => &NOTICE,
            Self::Edit => &EDIT,
            Self::Undo => &UNDO,
            Self::History => &HISTORY,
            Self::Cancel => &CANCEL,
            Self::Pause => &PAUSE,
            Self::Resume => &RESUME,
            Self::Settings => &SETTINGS,
            Self::Login => &LOGIN,
            Self::Logout => &LOGOUT,
            Self::Help => &HELP,
        }
    }
}

static PIN: CommandSpec = CommandSpec {
    chinese: "置顶",
    synonyms: &[],
    misspellings: &[
        "置项", "置丁", "置定", "制顶", "至顶", "致顶", "志顶", "治顶", "只顶", "直顶", "顶置",
    ],
    attached_value: Some(AttachedValue::Span),
    options: &[OptionName::For, OptionName::Ask],
    right: Some(Right::Pin),
    changes: &[ChangeKind::Pin],
    undoable: true,
    scopes: &[Scope::WriteTopNotice],
    only_as_member: false,
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
                "pin it for a limited time (m, h, d, w); what the bot pins in the meantime \
                 stays pinned",
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

static UNPIN: CommandSpec = CommandSpec {
    chinese: "取消置顶",
    synonyms: &["解除置顶", "撤下置顶", "取下置顶", "撤销置顶"],
    misspellings: &[
        "取消置项",
        "取消置丁",
        "取消置定",
        "取消制顶",
        "取消至顶",
        "取消致顶",
        "取消顶置",
        "取置顶",
        "取销置顶",
        "取消顶",
    ],
    attached_value: None,
    options: &[],
    right: Some(Right::Unpin),
    changes: &[ChangeKind::Unpin],
    undoable: true,
    scopes: &[Scope::WriteTopNotice],
    only_as_member: false,
    brief: Bilingual::new("取消置顶", "remove the top notice"),
    usages: &[Usage {
        form: Bilingual::new("/取消置顶", "/unpin"),
        meaning: Bilingual::new(
            "取消群聊顶部的置顶",
            "remove the notice at the top of the chat",
        ),
    }],
};

static ANNOUNCE: CommandSpec = CommandSpec {
    chinese: "公告",
    synonyms: &[
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
    misspellings: &[
        "公吿", "公高", "公搞", "公稿", "公诰", "工告", "功告", "宫告", "共告", "告公", "通告",
        "公示", "公布", "布告", "告示",
    ],
    attached_value: None,
    options: &[
        OptionName::Replace,
        OptionName::ReplaceInsisting,
        OptionName::At,
        OptionName::Every,
        OptionName::For,
        OptionName::Top,
        OptionName::Notify,
        OptionName::To,
        OptionName::Preview,
        OptionName::Ask,
    ],
    right: Some(Right::Announce),
    changes: &[ChangeKind::Announce, ChangeKind::Replace],
    undoable: true,
    scopes: &[
        Scope::ReadAnnouncement,
        Scope::WriteAnnouncement,
        Scope::ReadMessage,
        Scope::WriteTopNotice,
    ],
    only_as_member: false,
    brief: Bilingual::new("发布到群公告", "post to the group announcement"),
    usages: &[
        Usage {
            form: Bilingual::new("/公告 内容", "/announce text"),
            meaning: Bilingual::new(
                "将内容发布到群公告最前面，保留原有内容；回复一条消息且不写内容时，发布该消息",
                "add text at the top of the group announcement; \
                 without text, reply to a message to post that message",
            ),
        },
        Usage {
            form: Bilingual::new("/公告 --替换 内容", "/announce --replace text"),
            meaning: Bilingual::new(
                "用该内容替换整个群公告；原有内容会先备份，七天内可用 /撤销 恢复",
                "replace the whole announcement; the previous content is backed up first, \
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
            form: Bilingual::new(
                "/公告 --每 周一 9:00 内容",
                "/announce --every mon 9:00 text",
            ),
            meaning: Bilingual::new(
                "定期发布，每次替换上一次的内容；可写 每天9点、工作日 9:00、周一、周四 9:00、每月1日 9:00、每月最后一天 18:00",
                "post it again and again, each time instead of the entry before: \
                 day 9:00, weekday 9:00, mon, thu 9:00, month 1 9:00, month last 18:00",
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
            form: Bilingual::new("/公告 --通知 内容", "/announce --notify text"),
            meaning: Bilingual::new(
                "发布后由机器人发送一条 @所有人 的消息，仅限可以 @所有人 的成员",
                "also send a message that mentions everyone, if you may mention everyone",
            ),
        },
        Usage {
            form: Bilingual::new("/公告 --发到 周报 内容", "/announce --to weekly text"),
            meaning: Bilingual::new(
                "发布到群列表「周报」的每个群，仅限你在其中有权限的群；/撤销 可全部撤销",
                "post it to every group of the list “weekly” where you have the permission; \
                 /undo removes it from all of them",
            ),
        },
        Usage {
            form: Bilingual::new("/公告 --预览 内容", "/announce --preview text"),
            meaning: Bilingual::new(
                "先预览，一小时内点击「发布」后才会发布；/通知 和 /修改 也可以预览",
                "show it to you first; it is posted if you press Publish within an hour. \
                 /notice and /edit have it, too",
            ),
        },
        Usage {
            form: Bilingual::new("/公告 --审批 内容", "/announce --ask text"),
            meaning: Bilingual::new(
                "先请其他有权限的成员审批，批准后才会发布；/置顶、/通知 和 /修改 也可以提交审批",
                "post it once somebody else who may has approved it; \
                 /pin, /notice and /edit have it, too",
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

static NOTICE: CommandSpec = CommandSpec {
    chinese: "通知",
    synonyms: &[
        "群通知",
        "发通知",
        "发布通知",
        "发群通知",
        "notices",
        "notise",
        "notcie",
        "noitce",
    ],
    misspellings: &[
        "通之", "通支", "通志", "通只", "同知", "痛知", "统知", "通智", "知通",
    ],
    attached_value: None,
    options: &[
        OptionName::At,
        OptionName::Every,
        OptionName::For,
        OptionName::Notify,
        OptionName::To,
        OptionName::Preview,
        OptionName::Ask,
    ],
    right: None,
    changes: &[ChangeKind::Notice],
    undoable: true,
    scopes: &[Scope::WriteTopNotice, Scope::ReadMessage],
    only_as_member: false,
    brief: Bilingual::new("发布并置顶一条通知", "post a notice and pin it"),
    usages: &[
        Usage {
            form: Bilingual::new("/通知 内容", "/notice text"),
            meaning: Bilingual::new(
                "将内容以卡片发到群里并置顶（需要置顶权限）；回复一条消息且不写内容时，发布该消息",
                "post the text as a card and pin that, with the permission to pin; \
                 without text, reply to a message to post that message",
            ),
        },
        Usage {
            form: Bilingual::new("/通知 --限时 2天 内容", "/notice --for 2d text"),
            meaning: Bilingual::new(
                "限时置顶，到期自动取消，卡片保留；也可以使用 --定时、--每、--通知 和 --发到",
                "pin it for that time only, the card stays; --at, --every, --notify and --to work, too",
            ),
        },
    ],
};

static EDIT: CommandSpec = CommandSpec {
    chinese: "修改",
    synonyms: &[
        "编辑",
        "修改公告",
        "编辑公告",
        "改公告",
        "更正",
        "订正",
        "modify",
        "amend",
        "edti",
        "eidt",
        "edite",
    ],
    misspellings: &[
        "修该", "修盖", "休改", "修攺", "改修", "编缉", "编辍", "遍辑", "篇辑", "更政",
    ],
    attached_value: Some(AttachedValue::Number),
    options: &[OptionName::Preview, OptionName::Ask],
    right: None,
    changes: &[ChangeKind::Edit],
    undoable: true,
    scopes: &[Scope::ReadAnnouncement, Scope::WriteAnnouncement],
    only_as_member: false,
    brief: Bilingual::new("修改已发布的内容", "change what you announced"),
    usages: &[
        Usage {
            form: Bilingual::new("/修改 内容", "/edit text"),
            meaning: Bilingual::new(
                "回复发布公告或通知的那条命令（或通知卡片），将内容改为新内容，位置不变",
                "reply to the command that announced a text, or to a notice, \
                 to change that text in its place",
            ),
        },
        Usage {
            form: Bilingual::new("/修改 3 内容", "/edit 3 text"),
            meaning: Bilingual::new(
                "修改 /记录 中编号为 3 的公告或通知，或尚未发布的计划 3",
                "change text 3 of /history, or schedule 3 before it is posted",
            ),
        },
    ],
};

static UNDO: CommandSpec = CommandSpec {
    chinese: "撤销",
    synonyms: &["撤消"],
    misspellings: &[
        "撒销", "撒消", "撤肖", "撤削", "彻销", "彻消", "澈销", "辙销", "销撤", "撤回",
    ],
    attached_value: None,
    options: &[],
    right: None,
    changes: &[ChangeKind::Undo],
    undoable: false,
    scopes: &[],
    only_as_member: false,
    brief: Bilingual::new("撤销机器人的上一次改动", "undo the bot's last change"),
    usages: &[Usage {
        form: Bilingual::new("/撤销", "/undo"),
        meaning: Bilingual::new(
            "撤销机器人在本群的上一次改动；再次发送则撤销更早的一次",
            "undo the bot's last change in this chat; send it again for the one before",
        ),
    }],
};

static HISTORY: CommandSpec = CommandSpec {
    chinese: "记录",
    synonyms: &["纪录", "历史", "历史记录"],
    misspellings: &["计录", "寄录", "既录", "记禄", "记绿", "录记"],
    attached_value: None,
    options: &[],
    right: None,
    changes: &[],
    undoable: false,
    scopes: &[],
    only_as_member: false,
    brief: Bilingual::new("查看操作记录和计划", "show recent changes and schedules"),
    usages: &[Usage {
        form: Bilingual::new("/记录", "/history"),
        meaning: Bilingual::new(
            "查看最近十次改动和现有计划",
            "show the last ten changes and what is scheduled",
        ),
    }],
};

static CANCEL: CommandSpec = CommandSpec {
    chinese: "取消",
    synonyms: &["取销", "cancle", "cancell"],
    misspellings: &["取肖", "取削", "曲消", "去消", "消取"],
    attached_value: Some(AttachedValue::Number),
    options: &[],
    right: None,
    changes: &[ChangeKind::Cancel],
    undoable: false,
    scopes: &[],
    only_as_member: false,
    brief: Bilingual::new("取消计划", "cancel a schedule"),
    usages: &[Usage {
        form: Bilingual::new("/取消 3", "/cancel 3"),
        meaning: Bilingual::new(
            "取消计划 3，现有计划见 /记录",
            "cancel schedule 3; /history lists the numbers",
        ),
    }],
};

static PAUSE: CommandSpec = CommandSpec {
    chinese: "暂停",
    synonyms: &["puase", "pasue"],
    misspellings: &["暂亭", "暂挺", "站停", "占停", "停暂"],
    attached_value: Some(AttachedValue::Number),
    options: &[],
    right: None,
    changes: &[ChangeKind::Pause],
    undoable: false,
    scopes: &[],
    only_as_member: false,
    brief: Bilingual::new("暂停定期发布", "pause a recurring announcement"),
    usages: &[Usage {
        form: Bilingual::new("/暂停 3", "/pause 3"),
        meaning: Bilingual::new("暂停定期发布的计划 3", "pause the recurring schedule 3"),
    }],
};

static RESUME: CommandSpec = CommandSpec {
    chinese: "恢复",
    synonyms: &["继续", "resmue", "reusme", "unpause"],
    misspellings: &["恢服", "挥复", "灰复", "徽复", "复恢"],
    attached_value: Some(AttachedValue::Number),
    options: &[],
    right: None,
    changes: &[ChangeKind::Resume],
    undoable: false,
    scopes: &[],
    only_as_member: false,
    brief: Bilingual::new("恢复定期发布", "resume a paused announcement"),
    usages: &[Usage {
        form: Bilingual::new("/恢复 3", "/resume 3"),
        meaning: Bilingual::new(
            "恢复已暂停的计划 3，之后以你的权限发布",
            "resume schedule 3; from then on it is posted with your permission",
        ),
    }],
};

static SETTINGS: CommandSpec = CommandSpec {
    chinese: "设置",
    synonyms: &[
        "设定",
        "群设置",
        "本群设置",
        "setting",
        "config",
        "configure",
        "preferences",
    ],
    misspellings: &["设制", "设至", "设直", "设值", "没置", "置设"],
    attached_value: None,
    options: &[],
    right: Some(Right::Settings),
    changes: &[ChangeKind::Settings],
    undoable: false,
    scopes: &[],
    only_as_member: false,
    brief: Bilingual::new(
        "查看和修改本群设置",
        "show and change the settings of this group",
    ),
    usages: &[
        Usage {
            form: Bilingual::new("/设置", "/settings"),
            meaning: Bilingual::new(
                "查看本群的语言、时区、使用权限和审批方式（群主和群管理员）",
                "show the language, time zone, mode and approval of this group (owner and admins)",
            ),
        },
        Usage {
            form: Bilingual::new("/设置 语言 中文", "/settings language zh"),
            meaning: Bilingual::new(
                "修改一项：语言（自动、中文、英文）、时区（如 Asia/Shanghai）、权限（群设置、管理员、所有人）、审批（关闭、管理员、群主）",
                "change one: language (auto, zh, en), timezone (such as Asia/Shanghai), \
                 mode (group, admins, anyone), approval (off, admins, owner)",
            ),
        },
        Usage {
            form: Bilingual::new("/设置 语言 默认", "/settings language default"),
            meaning: Bilingual::new("将一项恢复为默认值", "return to the default"),
        },
        Usage {
            form: Bilingual::new("/设置 群组 周报 加入", "/settings groups weekly join"),
            meaning: Bilingual::new(
                "将本群加入群列表「周报」，供 --发到 使用；“退出”则移出，“/设置 群组”查看本群所在的列表",
                "put this group on the list “weekly” for --to; leave takes it off, /settings groups shows the lists",
            ),
        },
    ],
};

static LOGIN: CommandSpec = CommandSpec {
    chinese: "授权",
    synonyms: &[
        "重新授权",
        "登录",
        "登陆",
        "登入",
        "重新登录",
        "重新登陆",
        "授权登录",
        "log-in",
        "logon",
        "signin",
        "sign-in",
        "auth",
        "authorize",
        "authorise",
    ],
    misspellings: &[
        "受权", "授全", "售权", "授劝", "授券", "权授", "登路", "登禄", "登绿", "灯录", "录登",
    ],
    attached_value: None,
    options: &[],
    right: None,
    changes: &[],
    undoable: false,
    scopes: &[],
    only_as_member: true,
    brief: Bilingual::new("授权机器人以你的身份操作", "let the bot act as you"),
    usages: &[Usage {
        form: Bilingual::new("/授权", "/login"),
        meaning: Bilingual::new(
            "授权机器人以你的身份置顶、发布群公告",
            "let the bot pin and announce as you",
        ),
    }],
};

static LOGOUT: CommandSpec = CommandSpec {
    chinese: "取消授权",
    synonyms: &[
        "解除授权",
        "撤销授权",
        "撤消授权",
        "撤回授权",
        "收回授权",
        "删除授权",
        "登出",
        "注销",
        "注销登录",
        "取消登录",
        "取消登陆",
        "退出登录",
        "退出登陆",
        "log-out",
        "logoff",
        "log-off",
        "signout",
        "sign-out",
        "deauthorize",
        "deauthorise",
    ],
    misspellings: &[
        "取消受权",
        "取消授全",
        "取消售权",
        "取消授劝",
        "取消权授",
        "取销授权",
        "取授权",
        "注消",
        "退出登路",
    ],
    attached_value: None,
    options: &[],
    right: None,
    changes: &[],
    undoable: false,
    scopes: &[],
    only_as_member: true,
    brief: Bilingual::new("取消授权", "stop the bot from acting as you"),
    usages: &[Usage {
        form: Bilingual::new("/取消授权", "/logout"),
        meaning: Bilingual::new(
            "取消授权，机器人不再以你的身份操作",
            "stop the bot from acting as you",
        ),
    }],
};

static HELP: CommandSpec = CommandSpec {
    chinese: "帮助",
    synonyms: &[],
    misspellings: &["帮组", "帮住", "帮主", "邦助", "傍助", "助帮"],
    attached_value: None,
    options: &[],
    right: None,
    changes: &[],
    undoable: false,
    scopes: &[],
    only_as_member: false,
    brief: Bilingual::new("查看帮助", "show help"),
    usages: &[Usage {
        form: Bilingual::new("/帮助", "/help"),
        meaning: Bilingual::new("查看帮助", "show this help"),
    }],
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::command::{Command, ParseError, SettingsCommand, parse};

    /// The parsed command without the range of its text, which depends on the language.
    fn meaning(form: &str) -> Command {
        match parse(form, &[], false).unwrap().unwrap() {
            Command::Announce(mut announcement) => {
                assert!(announcement.text.take().is_some(), "{form}");
                // The name of a list differs.
                announcement.to = announcement.to.map(|_| "a list".to_owned());
                Command::Announce(announcement)
            }
            Command::Notice(mut notice) => {
                assert!(notice.text.take().is_some(), "{form}");
                Command::Notice(notice)
            }
            Command::Edit(mut edit) => {
                edit.text = 0..0;
                Command::Edit(edit)
            }
            Command::Settings(SettingsCommand::ChangeList(mut change)) => {
                change.list = "a list".to_owned();
                Command::Settings(SettingsCommand::ChangeList(change))
            }
            command => command,
        }
    }

    #[test]
    fn usages_mean_the_same_in_both_languages() {
        for name in CommandName::all() {
            for Usage { form, .. } in name.spec().usages {
                let command = meaning(form.en);
                assert_eq!(command.name(), name, "{}", form.en);
                assert_eq!(meaning(form.zh), command, "{}", form.zh);
            }
        }
    }

    #[test]
    fn every_spelling_of_a_command_is_parsed() {
        for spelling in CommandName::all().flat_map(CommandName::spellings) {
            match parse(&format!("/{spelling}"), &[], true) {
                Ok(Some(_))
                | Err(ParseError::MissingNumber { .. } | ParseError::MissingText { .. }) => {}
                other => panic!("{other:?} for {spelling}"),
            }
        }
    }

    #[test]
    fn no_two_commands_share_a_spelling() {
        let mut seen = BTreeSet::new();
        for name in CommandName::all() {
            let misspellings = name.spec().misspellings.iter().copied();
            for spelling in name.spellings().chain(misspellings) {
                assert!(seen.insert(spelling), "{spelling}");
            }
        }
    }

    #[test]
    fn scopes_are_common_optional_or_of_a_command() {
        let own = CommandName::all().flat_map(|name| name.spec().scopes);
        let own: BTreeSet<_> = own.copied().collect();
        let common = Scope::COMMON.iter().chain(Scope::OPTIONAL);
        let common: BTreeSet<_> = common.copied().collect();
        assert_eq!(common.len(), Scope::COMMON.len() + Scope::OPTIONAL.len());
        assert!(own.is_disjoint(&common), "{own:?}");
        let all: BTreeSet<_> = Scope::all().collect();
        assert_eq!(&own | &common, all);
    }

    #[test]
    fn each_right_belongs_to_one_command() {
        for right in Right::all() {
            let specs = CommandName::all().map(CommandName::spec);
            let needing = specs.filter(|spec| spec.right == Some(right));
            assert_eq!(needing.count(), 1, "{right:?}");
        }
    }
}
