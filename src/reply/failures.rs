//! Replies to failures of the platform or the bot.

use super::punctuation::GAP;
use super::{codes, rights};
use crate::language::{Bilingual, Language};
use crate::model::refusal::{Call, Cause, PlatformRefusal};

pub(super) const INTERNAL: Bilingual = Bilingual::new(
    "机器人内部出错。请先确认命令是否已生效，未生效时请重新发送；如反复出现，请将下面的参考号提供给机器人管理员。",
    "Something went wrong in the bot. Check whether the command took effect, and send it again if not. If it keeps happening, give the reference below to the bot's admin.",
);

/// For failures before any call changed anything.
pub(super) const NOTHING_CHANGED: Bilingual = Bilingual::new(
    "无法连接飞书，或飞书要求暂停调用，命令未执行，没有任何改动。请几分钟后重新发送。",
    "Feishu could not be reached or asked the bot to wait, so the command was not carried out and nothing was changed. Send it again in a few minutes.",
);

pub(super) fn platform(refusal: &PlatformRefusal, language: Language) -> String {
    let failed = failed(refusal.call).to(language);
    let reason = match refusal.bot {
        Some(permission) if !refusal.as_member => {
            rights::bot_permission(permission).to(language).to_owned()
        }
        _ => codes::explain(refusal, language),
    };
    format!("{failed}{}{reason}", GAP.to(language))
}

/// The failed operation. The text does not mention earlier attempts, whose effect is unknown.
fn failed(call: Call) -> Bilingual {
    match call {
        Call::PutMessage => Bilingual::new("未能置顶该消息。", "Could not pin that message."),
        Call::PutAnnouncement => {
            Bilingual::new("未能置顶群公告。", "Could not pin the announcement.")
        }
        Call::DeleteTopNotice => {
            Bilingual::new("未能取消置顶。", "Could not remove the top notice.")
        }
        Call::ReadAnnouncement => Bilingual::new(
            "未能读取群公告，已停止执行。",
            "Could not read the announcement, so the command was stopped.",
        ),
        Call::WriteAnnouncement => {
            Bilingual::new("未能修改群公告。", "Could not change the announcement.")
        }
        Call::ReadChat => Bilingual::new(
            "未能读取本群设置，已停止执行（与你的权限无关）。",
            "Could not read this group's settings, so the command was stopped. This is not about your permissions.",
        ),
        Call::ReadMessage => Bilingual::new(
            "未能读取所回复的消息，已停止执行。",
            "Could not read the message you replied to, so the command was stopped.",
        ),
        Call::RequestConsent => Bilingual::new(
            "未能发起授权，已停止执行。",
            "Could not ask for your consent, so the command was stopped.",
        ),
        Call::Notify => Bilingual::new("未能 @所有人。", "Could not mention everyone."),
        Call::PostNotice => Bilingual::new("未能发布通知。", "Could not post the notice."),
        Call::UpdateNotice => Bilingual::new(
            "未能修改或撤回通知卡片。",
            "Could not change or recall the notice.",
        ),
        Call::RevokeConsent => Bilingual::new("未能取消授权。", "Could not withdraw your consent."),
    }
}

/// The call only decides where to check: any call may follow one whose effect is unknown.
pub(super) fn unreachable(call: Call) -> Bilingual {
    match call {
        Call::PutMessage | Call::PutAnnouncement => Bilingual::new(
            "无法连接飞书，不能确认是否已置顶。请查看群聊顶部，未置顶时请重新发送。",
            "Could not reach Feishu, so the bot cannot confirm that it was pinned. Check the top of the chat, and send the command again if it was not.",
        ),
        Call::DeleteTopNotice => Bilingual::new(
            "无法连接飞书，不能确认是否已取消置顶。请查看群聊顶部，仍置顶时请重新发送。",
            "Could not reach Feishu, so the bot cannot confirm that the top notice was removed. Check the top of the chat, and send the command again if it is still there.",
        ),
        Call::ReadAnnouncement | Call::WriteAnnouncement => Bilingual::new(
            "无法连接飞书，不能确认群公告是否已修改。请查看群公告，未修改时请重新发送。",
            "Could not reach Feishu, so the bot cannot confirm that the announcement was changed. Check the announcement, and send the command again if it was not.",
        ),
        Call::PostNotice | Call::UpdateNotice => Bilingual::new(
            "无法连接飞书，不能确认通知是否已发布、修改或撤回。请查看群里的消息，未生效时请重新发送。",
            "Could not reach Feishu, so the bot cannot confirm that the notice was posted, changed or recalled. Look at the chat, and send the command again if it was not.",
        ),
        Call::RevokeConsent => Bilingual::new(
            "无法连接飞书，不能确认授权是否已取消。请几分钟后重新发送 /取消授权。",
            "Could not reach Feishu, so the bot cannot confirm that your consent was withdrawn. Send /logout again in a few minutes.",
        ),
        Call::Notify => Bilingual::new(
            "无法连接飞书，不能确认是否已 @所有人。",
            "Could not reach Feishu, so the bot cannot confirm that everyone was mentioned.",
        ),
        Call::ReadChat | Call::ReadMessage | Call::RequestConsent => Bilingual::new(
            "无法连接飞书，不能确认命令是否已生效。请先确认，未生效时请稍后重新发送。",
            "Could not reach Feishu, so the bot cannot confirm that anything was done. Check first, and send the command again later if it was not.",
        ),
    }
}

/// The last line of a failure, with which the bot's admin finds it in the log.
pub(super) fn trace(cause: &Cause, language: Language, reference: &str) -> String {
    let (code_is, reference_is, comma) = match language {
        Language::Zh => ("错误码：", "参考号：", "，"),
        Language::En => ("code: ", "reference: ", ", "),
    };
    let code = cause.code().map(|code| format!("{code_is}{code}{comma}"));
    format!("{}{reference_is}{reference}", code.unwrap_or_default())
}
