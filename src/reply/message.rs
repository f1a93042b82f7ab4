//! What is wrong with a message, or with the one replied to, in words.

use std::collections::BTreeSet;

use feishu::Medium;

use crate::language::{Bilingual, Language};
use crate::outcome::NotPinnable;

pub(super) const ONLY_MEDIA: Bilingual = Bilingual::new(
    "命令里只有图片或文件，没有文字，未发布。群公告目前只能发布文字，请在 `/公告` 后写上内容。",
    "There is only a picture or a file and no text, so nothing was announced. Only text can be announced for now: write it behind `/announce`.",
);

pub(super) const REPLIED_TO_HAS_NO_TEXT: Bilingual = Bilingual::new(
    "那条消息里没有可以发布的文字。请发送 `/公告 内容`。",
    "That message holds no text to announce. Send `/announce text` instead.",
);

pub(super) const REPLIED_TO_IS_CARD: Bilingual = Bilingual::new(
    "那条消息是卡片，读不到其中的文字，未发布。请发送 `/公告 内容`。",
    "That message is a card, and Feishu does not show me its text, so nothing was announced. Send `/announce text` instead.",
);

pub(super) const REPLIED_TO_IS_FORWARD: Bilingual = Bilingual::new(
    "那条消息是合并转发的聊天记录，读不到其中的文字，未发布。请发送 `/公告 内容`。",
    "That message is a bundle of forwarded messages without any text that I can read, so nothing was announced. Send `/announce text` instead.",
);

pub(super) const REPLIED_ELSEWHERE: Bilingual = Bilingual::new(
    "你回复的消息不在本群，未执行。请回复本群里的消息。",
    "The message that you replied to is not in this chat, so I did nothing. Reply to one of this chat.",
);

pub(super) const CHAT_UNTOLD: Bilingual = Bilingual::new(
    "飞书没有说明这条命令来自哪个群，未执行。请重新发送。",
    "Feishu did not say in which chat this was sent, so I did nothing. Please send it again.",
);

pub(super) const UNREADABLE: Bilingual = Bilingual::new(
    "无法识别这条消息的内容，未执行。请改用纯文本重新发送。",
    "I cannot read what this message says, so I did nothing. Please send it again as plain text.",
);

pub(super) fn not_pinnable(why: NotPinnable) -> Bilingual {
    match why {
        NotPinnable::System => Bilingual::new(
            "那是一条系统消息，飞书不支持置顶系统消息。请回复一条成员发送的消息。",
            "That is a system message, and Feishu puts none of those at the top. Reply to a message that somebody sent.",
        ),
        NotPinnable::InThread => Bilingual::new(
            "那条消息是话题里的回复，飞书没有接受置顶它。请在话题外回复要置顶的消息。",
            "That message is in a topic, and Feishu did not accept it for the top. Reply to a message outside of topics.",
        ),
    }
}

/// What an announcement lacks of the message that it was made of.
pub(super) fn left_out(media: &BTreeSet<Medium>, language: Language) -> String {
    let names: Vec<&str> = media
        .iter()
        .map(|medium| name(*medium).to(language))
        .collect();
    match language {
        Language::Zh => format!("其中的{}未发布：群公告目前只能发布文字。", names.join("、")),
        Language::En => format!(
            "Left out: {}. Only text can be announced for now.",
            names.join(", ")
        ),
    }
}

fn name(medium: Medium) -> Bilingual {
    match medium {
        Medium::Image => Bilingual::new("图片", "picture"),
        Medium::Video => Bilingual::new("视频", "video"),
        Medium::File => Bilingual::new("文件", "file"),
        Medium::Audio => Bilingual::new("语音", "recording"),
        Medium::Sticker => Bilingual::new("表情", "sticker"),
        Medium::Other => Bilingual::new("其他内容", "other content"),
    }
}
