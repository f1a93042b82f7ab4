//! Replies about a message, or the replied-to message, that cannot be used.

use std::collections::BTreeSet;

use feishu::{Medium, MessageKind};

use super::punctuation::COMMA;
use crate::content::{kind_in_words, medium_in_words};
use crate::language::{Bilingual, Language};
use crate::model::outcome::NotCopied;
use crate::model::refusal::NotPinnable;

pub(super) const ONLY_MEDIA: Bilingual = Bilingual::new(
    "命令中没有可以发布的文字、图片或文件，未执行。请将内容写在命令之后。",
    "The message has no text, picture or file that can be posted, so nothing was done. Write the text after the command.",
);

pub(super) const REPLIED_TO_HAS_NO_TEXT: Bilingual = Bilingual::new(
    "该消息没有可发布的内容。请将内容写在命令之后。",
    "That message has nothing that can be posted. Write the text after the command instead.",
);

pub(super) fn without_text(kind: MessageKind, language: Language) -> String {
    let words = Bilingual::new(
        "该消息是{}，没有可发布的文字。请将内容写在命令之后。",
        "That message is a {} without text to post. Write the text after the command instead.",
    );
    words.fill(language, kind_in_words(kind).to(language))
}

pub(super) const UNKNOWN_KIND: Bilingual = Bilingual::new(
    "不支持发布该类型的消息（{}）。请将内容写在命令之后。",
    "Messages of that kind ({}) cannot be posted. Write the text after the command instead.",
);

pub(super) const REPLIED_TO_IS_CARD: Bilingual = Bilingual::new(
    "该消息是卡片，无法读取其中的文字，未发布。请将内容写在命令之后。",
    "That message is a card whose text cannot be read, so nothing was posted. Write the text after the command instead.",
);

pub(super) const REPLIED_TO_IS_FORWARD: Bilingual = Bilingual::new(
    "该消息是合并转发的聊天记录，无法读取其中的文字，未发布。请将内容写在命令之后。",
    "That message is a forwarded chat history without readable text, so nothing was posted. Write the text after the command instead.",
);

pub(super) const REPLIED_ELSEWHERE: Bilingual = Bilingual::new(
    "所回复的消息不在本群，未执行。请回复本群的消息。",
    "The message you replied to is not in this chat, so nothing was done. Reply to a message in this chat.",
);

pub(super) const REPLIED_TO_UNPLACED: Bilingual = Bilingual::new(
    "无法确认所回复的消息属于本群，未执行。请将内容写在命令之后。",
    "Could not confirm that the message you replied to is from this chat, so nothing was done. Write the text after the command instead.",
);

pub(super) const CHAT_NOT_REPORTED: Bilingual = Bilingual::new(
    "飞书未返回该命令所在的群，未执行。请重新发送。",
    "Feishu did not say which chat this was sent in, so nothing was done. Send it again.",
);

pub(super) const UNREADABLE: Bilingual = Bilingual::new(
    "无法识别该消息的内容，未执行。请改用纯文本重新发送。",
    "The content of this message cannot be read, so nothing was done. Send it again as plain text.",
);

pub(super) fn not_pinnable(why: NotPinnable) -> Bilingual {
    match why {
        NotPinnable::System => Bilingual::new(
            "该消息是系统消息，飞书不支持置顶。请回复成员发送的消息。",
            "Feishu cannot pin system messages. Reply to a message that somebody sent.",
        ),
        NotPinnable::InThread => Bilingual::new(
            "该消息是话题中的回复，飞书拒绝置顶。请回复话题外的消息。",
            "That message is a reply in a topic, and Feishu refused to pin it. Reply to a message outside topics.",
        ),
    }
}

/// The media that were not announced.
pub(super) fn left_out(media: &BTreeSet<Medium>, language: Language) -> String {
    let words = Bilingual::new(
        "其中的{}未发布：飞书不向机器人提供合并转发和卡片中的文件，群公告也不能包含语音和表情。",
        "Left out: {}. Feishu does not give bots the files of forwarded messages and cards, and announcements contain no voice messages or stickers.",
    );
    words.fill(language, names(media, language))
}

fn names(media: &BTreeSet<Medium>, language: Language) -> String {
    let names = media
        .iter()
        .map(|medium| medium_in_words(*medium).to(language));
    names.collect::<Vec<_>>().join(COMMA.to(language))
}

/// The pictures and files that were not copied, and why.
pub(super) fn named(media: &BTreeSet<Medium>, why: NotCopied, language: Language) -> String {
    let words = Bilingual::new(
        "其中的{}以一行文字代替：",
        "Replaced by a line of text: {}. ",
    );
    let why = match why {
        NotCopied::Off => Bilingual::new(
            "管理员已关闭发布图片和文件的功能。",
            "The bot's admin has turned off images and files.",
        ),
        NotCopied::OldKind => Bilingual::new(
            "旧版群公告只能包含文字。",
            "An announcement of the old kind contains only text.",
        ),
        NotCopied::Card => Bilingual::new(
            "通知只能包含文字。如需包含图片和文件，请使用 /公告。",
            "A notice contains only text. Use /announce for images and files.",
        ),
        NotCopied::TooMany => Bilingual::new(
            "每次最多发布 20 个图片和文件。",
            "At most 20 images and files can be posted at once.",
        ),
        NotCopied::TooLarge => Bilingual::new(
            "图片和文件不能超过 20 MB。",
            "An image or a file may be at most 20 MB.",
        ),
        NotCopied::ScopeMissing => Bilingual::new(
            "机器人缺少读取或上传文件的权限，请机器人管理员运行 noticebot check。",
            "The bot lacks a permission to read or upload files. Its admin can run noticebot check.",
        ),
        NotCopied::Forbidden => Bilingual::new(
            "飞书不允许机器人读取该文件，或编辑群公告。",
            "Feishu does not let the bot read the file or edit the announcement.",
        ),
        NotCopied::StorageFull => Bilingual::new(
            "企业的存储空间已满。",
            "The storage of the organization is full.",
        ),
        NotCopied::MessageGone => Bilingual::new("原消息已被撤回。", "The message was recalled."),
        NotCopied::Refused { code } => {
            let refused = Bilingual::new(
                "飞书拒绝了请求（错误码 {}）。",
                "Feishu refused the request (code {}).",
            );
            return words.fill(language, names(media, language)) + &refused.fill(language, code);
        }
        NotCopied::Unavailable => Bilingual::new(
            "飞书多次未响应。请稍后重新发布。",
            "Feishu repeatedly failed to respond. Post it again later.",
        ),
    };
    words.fill(language, names(media, language)) + why.to(language)
}
