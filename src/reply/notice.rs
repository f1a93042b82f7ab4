//! The card of a notice, and replies about notices.

use feishu::Card;

use super::punctuation::GAP;
use crate::content::Entry;
use crate::language::{Bilingual, Language};
use crate::model::outcome::WithdrawnCard;
use crate::model::refusal::NotPosted;

const TITLE: Bilingual = Bilingual::new("通知", "Notice");

/// The card with the text and its signature, in the language of the text.
pub(crate) fn notice_card(entry: &Entry) -> Card {
    let (text, signature) = entry.to_card();
    let card = Card::titled(TITLE.to(entry.language())).markdown(text);
    match signature {
        Some(signature) => card.markdown(signature),
        None => card,
    }
}

/// The card of a notice that could not be recalled.
pub(crate) fn withdrawn_card(entry: &Entry) -> Card {
    let words = Bilingual::new("该通知已撤销。", "This notice was withdrawn.");
    let language = entry.language();
    Card::titled(TITLE.to(language)).plain(words.to(language))
}

pub(super) const POSTED: Bilingual = Bilingual::new("已发布通知并置顶。", "Posted and pinned.");

/// Another card was posted.
pub(super) fn replaced(pinned: bool, language: Language) -> String {
    let words = if pinned {
        Bilingual::new(
            "原通知卡片已被撤回，或发布超过 14 天，无法修改，因此重新发布并置顶了一张卡片。",
            "The former card was recalled or is older than 14 days and cannot be changed, so a new one was posted and pinned.",
        )
    } else {
        Bilingual::new(
            "原通知卡片已被撤回，或发布超过 14 天，无法修改，因此重新发布了一张卡片。原通知已不在置顶，新卡片未置顶。",
            "The former card was recalled or is older than 14 days and cannot be changed, so a new one was posted. It is not pinned, because the former one no longer was.",
        )
    };
    words.to(language).to_owned()
}

/// What became of a notice that was undone.
pub(super) fn withdrawn(card: WithdrawnCard, top: bool, language: Language) -> String {
    let card = match card {
        WithdrawnCard::Recalled => {
            Bilingual::new("已撤销，通知已撤回。", "Reverted: the notice was recalled.")
        }
        WithdrawnCard::Marked => Bilingual::new(
            "已撤销。飞书不允许撤回该通知，因此卡片内容已改为「该通知已撤销」。",
            "Reverted. Feishu did not let the bot recall the notice, so the card now says that it was withdrawn.",
        ),
        WithdrawnCard::Left => Bilingual::new(
            "已撤销，但飞书不允许撤回或修改该通知，卡片仍在群里。如有需要，请群主或群管理员撤回。",
            "Reverted, but Feishu did not let the bot recall or change the notice, so the card is still in the chat. The owner or an admin may be able to recall it.",
        ),
    };
    let card = card.to(language);
    if !top {
        return card.to_owned();
    }
    let top = Bilingual::new(
        "置顶已恢复为发布前的状态。（期间手动更改的置顶无法识别。）",
        "The top notice is the one from before. (The bot cannot see manual changes made in between.)",
    );
    format!("{card}{}{}", GAP.to(language), top.to(language))
}

pub(super) const NO_TEXT: Bilingual = Bilingual::new(
    "缺少通知内容。请发送 /通知 内容，或回复一条消息并发送 /通知。",
    "There is no text for the notice. Send /notice text, or reply to a message with /notice.",
);

/// Why no card was posted.
pub(super) fn refused(why: NotPosted) -> Bilingual {
    match why {
        NotPosted::NoText => NO_TEXT,
        NotPosted::TooLong => Bilingual::new(
            "内容过长，卡片最多 30 KB，约 9000 个汉字。请缩短，或改用 /公告 发布。",
            "The text is too long for a card, which holds 30 KB. Shorten it, or post it with /announce.",
        ),
        NotPosted::Unclear => Bilingual::new(
            "此前的尝试可能已发出通知卡片，为避免重复，未再次发送，也未置顶。请查看群里的消息：已发出时，回复该卡片并发送 /置顶；未发出时，请重新发送。",
            "An earlier attempt may have posted the card, so it was not posted again, and nothing was pinned. Look at the chat: if the card is there, reply to it with /pin; otherwise send the command again.",
        ),
    }
}
