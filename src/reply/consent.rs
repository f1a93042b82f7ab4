//! Replies about acting as the member, who has to consent to it.

use feishu::Card;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::punctuation::labeled;
use super::quote::TextFormat;
use crate::command::{CommandName, time_in_words};
use crate::language::{Bilingual, Language};

/// Asks for consent. A command that waits for it continues by itself `until` then.
pub(crate) fn consent_card(
    link: &str,
    until: Option<Timestamp>,
    language: Language,
    time_zone: &TimeZone,
) -> Card {
    let format = TextFormat::Card;
    let purpose = purpose(until, format, language, time_zone).join("\n");
    let label = Bilingual::new("打开授权页面", "Open the consent page").to(language);
    Card::titled(TITLE.to(language))
        .markdown(purpose)
        .link(label, link)
        .markdown(note(format, language))
}

/// The same as text, where cards are rejected.
pub(crate) fn consent_text(
    link: &str,
    until: Option<Timestamp>,
    language: Language,
    time_zone: &TimeZone,
) -> String {
    let format = TextFormat::Text;
    let mut lines = purpose(until, format, language, time_zone);
    let label = Bilingual::new("授权页面", "Consent page").to(language);
    lines.push(labeled(label, link, language));
    lines.push(note(format, language));
    lines.join("\n")
}

const TITLE: Bilingual = Bilingual::new("授权机器人以你的身份操作", "Let the bot act as you");

fn purpose(
    until: Option<Timestamp>,
    format: TextFormat,
    language: Language,
    time_zone: &TimeZone,
) -> Vec<String> {
    let mut lines = vec![PURPOSE.to(language).to_owned()];
    lines.extend(until.map(|until| {
        let time = time_in_words(&until.to_zoned(time_zone.clone()));
        CONTINUES.fill(language, format.heading(&time))
    }));
    lines
}

fn note(format: TextFormat, language: Language) -> String {
    let logout = CommandName::Logout.simplest_form(language);
    NOTE.fill(language, format.code(logout))
}

const PURPOSE: Bilingual = Bilingual::new(
    "机器人将以你的身份置顶消息、发布群公告，可执行的操作以你在各群的权限为准。请打开飞书的授权页面并同意授权。",
    "The bot pins messages and posts to group announcements as you, with your own permissions in each group. It needs your consent for that, which you give on a page of Feishu.",
);

/// `{}` is a time of the day.
const CONTINUES: Bilingual = Bilingual::new(
    "请在 {} 前完成授权，等待中的命令会自动继续执行；逾期请重新发送命令。",
    "If you agree before {}, the waiting command continues by itself; after that, send it again.",
);

/// `{}` is a command.
const NOTE: Bilingual = Bilingual::new(
    "链接仅供你本人使用，请勿转发。如需取消授权，可随时发送 {}。",
    "The link is only for you; do not forward it. To withdraw your consent at any time, send {}.",
);

pub(super) const REQUESTED: Bilingual = Bilingual::new(
    "授权链接已单独发送给你（本群中仅你可见的卡片，或与机器人的单聊），请打开链接并同意授权。",
    "A link was sent to you alone, on a card here that only you see or in the direct chat with the bot. Open it and give your consent.",
);

pub(super) const GIVEN: Bilingual = Bilingual::new(
    "你已授权机器人以你的身份操作，无需重复授权。如需取消，请发送 /取消授权。",
    "You have already let the bot act as you. To withdraw your consent, send /logout.",
);

pub(super) fn withdrawn(revoked: bool) -> Bilingual {
    if revoked {
        Bilingual::new(
            "已取消授权，机器人不再以你的身份操作。你的定时公告和限时内容到期时，机器人会再次请你授权。",
            "Your consent is withdrawn, and the bot no longer acts as you. When a scheduled announcement or a timed change of yours is due, the bot will ask for your consent again.",
        )
    } else {
        Bilingual::new(
            "机器人已删除你的授权，不再以你的身份操作，但飞书未确认撤销该授权。如有疑虑，请联系企业管理员。你的定时公告和限时内容到期时，机器人会再次请你授权。",
            "The bot has deleted your consent and no longer acts as you, but Feishu did not confirm that the consent has ended. If that worries you, contact your organization's admin. When a scheduled announcement or a timed change of yours is due, the bot will ask for your consent again.",
        )
    }
}

/// The command was not begun.
pub(super) fn missing(declined: bool) -> Bilingual {
    if declined {
        Bilingual::new(
            "你拒绝了授权，命令未执行。如仍需要，请发送 /授权 并同意，再重新发送命令。",
            "You declined to let the bot act as you, so the command was not carried out. If you still need it, send /login, agree, and send the command again.",
        )
    } else {
        Bilingual::new(
            "未及时收到你的授权，命令未执行。请发送 /授权，完成授权后再重新发送命令。",
            "You did not let the bot act as you in time, so the command was not carried out. Send /login, agree, and send the command again.",
        )
    }
}

/// Follows what was done, or not reverted.
pub(super) const MISSING_PARTWAY: Bilingual = Bilingual::new(
    "机器人没有你的授权，无法以你的身份操作。请发送 /授权 重新授权。",
    "The bot does not have your consent to act as you. Send /login to give it.",
);

pub(super) const NOT_POSTED: Bilingual = Bilingual::new(
    "定时公告未能发布：机器人没有你的授权，无法以你的身份操作。请发送 /授权，完成授权后重新发送公告。",
    "The scheduled announcement was not posted, because the bot does not have your consent to act as you. Send /login, agree, and send the announcement again.",
);

/// `{}` is the limit.
pub(super) const TOO_MANY_WAITING: Bilingual = Bilingual::new(
    "你已有 {} 条命令在等待授权，此命令未执行。请先完成授权，再重新发送。",
    "{} of your commands are already waiting for your consent, so this one was not carried out. Give your consent first, then send it again.",
);

/// The reply where the bot acts as itself.
pub(super) fn not_needed(command: CommandName, language: Language) -> String {
    NOT_NEEDED.fill(language, command.simplest_form(language))
}

/// `{}` is the command.
const NOT_NEEDED: Bilingual = Bilingual::new(
    "机器人以自己的身份操作，不需要 {}。发送 /帮助 查看全部命令。",
    "The bot acts as itself, so {} is not needed. Send /help to see all commands.",
);

pub(super) const NONE: Bilingual = Bilingual::new(
    "你没有授权机器人以你的身份操作，无需取消。如需授权，请发送 /授权。",
    "You have not let the bot act as you, so there is nothing to withdraw. To allow it, send /login.",
);

pub(super) const AUTHOR_UNKNOWN: Bilingual = Bilingual::new(
    "飞书未返回你的 open_id，机器人无法以你的身份操作，未执行。请机器人管理员查看日志。",
    "Feishu did not send your open_id, so the bot cannot act as you and nothing was done. Ask the bot's admin to look at the log.",
);
