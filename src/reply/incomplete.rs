//! Replies after an announcement was written, but the rest of the command was not done completely.

use crate::language::{Bilingual, Language};
use crate::model::refusal::Unfinished;

pub(super) const NOTIFICATION_UNCLEAR: Bilingual = Bilingual::new(
    "此前的尝试可能已发出 @所有人 的消息，为避免重复，未再次发送。",
    "An earlier attempt may have sent the message that mentions everyone, so it was not sent again.",
);

/// What was not done, the cause of one of these failures, and the remedies. Repeating the command
/// would post the text twice.
pub(super) fn in_words(unfinished: Unfinished, reason: &str, language: Language) -> String {
    let head = if unfinished.of_notice {
        Bilingual::new("通知已发布，但", "The notice was posted, but ")
    } else if unfinished.not_replaced {
        Bilingual::new(
            "内容已发布到群公告最前面，但",
            "Your text was posted at the top of the announcement, but ",
        )
    } else {
        Bilingual::new(
            "内容已发布到群公告，但",
            "Your text was posted to the announcement, but ",
        )
    };
    let and = Bilingual::new("，也", ", and ").to(language);
    let failures = join(failures(unfinished), and, language);
    let (full_stop, semicolon) = match language {
        Language::Zh => ("。", "；"),
        Language::En => (". ", "; "),
    };
    let words = format!("{}{failures}{full_stop}{reason}", head.to(language));
    let remedies = join(remedies(unfinished), semicolon, language);
    if remedies.is_empty() {
        return words;
    }
    let no_need = Bilingual::new("内容无需重发", "There is no need to post it again").to(language);
    format!(
        "{words}\n{no_need}{semicolon}{remedies}{}",
        full_stop.trim_end()
    )
}

fn failures(unfinished: Unfinished) -> [Option<Bilingual>; 4] {
    [
        unfinished.not_replaced.then_some(Bilingual::new(
            "未能删除原有内容",
            "the previous content could not be removed and is still below it",
        )),
        unfinished.not_on_top.then_some(if unfinished.of_notice {
            Bilingual::new("未能置顶", "it was not pinned")
        } else {
            Bilingual::new("未能置顶", "the announcement was not pinned")
        }),
        unfinished
            .not_notified
            .then_some(Bilingual::new("未能通知所有人", "nobody was notified")),
        unfinished.maybe_notified.then_some(Bilingual::new(
            "不能确认是否已通知所有人",
            "it is not certain that everyone was notified",
        )),
    ]
}

fn remedies(unfinished: Unfinished) -> [Option<Bilingual>; 3] {
    [
        unfinished.not_on_top.then_some(if unfinished.of_notice {
            Bilingual::new(
                "如需置顶，请回复该卡片并发送 /置顶",
                "to pin it later, reply to it with /pin",
            )
        } else {
            Bilingual::new(
                "如需置顶，请发送 /置顶 公告",
                "to pin it later, send /pin announcement",
            )
        }),
        unfinished.not_notified.then_some(Bilingual::new(
            "如需通知所有人，请自行发送 @所有人 的消息",
            "to notify everyone, send a message that mentions them",
        )),
        unfinished.maybe_notified.then_some(Bilingual::new(
            "群里没有机器人 @所有人 的消息时，请自行发送",
            "if the chat has no message of the bot that mentions everyone, send one yourself",
        )),
    ]
}

fn join<const N: usize>(
    parts: [Option<Bilingual>; N],
    separator: &str,
    language: Language,
) -> String {
    let parts = parts.into_iter().flatten().map(|part| part.to(language));
    parts.collect::<Vec<_>>().join(separator)
}
