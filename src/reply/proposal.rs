//! Replies about proposals: commands that others may approve, because their author lacks the right or
//! asked for that.

use feishu::{Card, InputForm};
use jiff::tz::TimeZone;

use super::Answer;
use super::cards::button;
use super::punctuation::{COMMA, FULL_STOP, GAP, labeled};
use super::quote::{TextFormat, quoted};
use super::schedule::plan;
use crate::command::moment_in_words;
use crate::content::LeftOut;
use crate::language::{Bilingual, Language};
use crate::model::button::{Button, ButtonAction, LONGEST_REASON, REASON};
use crate::model::change::ChangeKind;
use crate::model::proposal::{Decided, Proposed};
use crate::model::refusal::Cause;
use crate::model::schedule::{ProposedAction, Verdict};

/// A card with the request, and buttons to decide on it.
pub(super) fn answer(proposed: &Proposed, language: Language, time_zone: &TimeZone) -> Answer {
    let now = proposed.at.to_zoned(time_zone.clone());
    let until = moment_in_words(proposed.until, &now, language);
    let request = |format: TextFormat| request(proposed, &format.heading(&until), language);
    let action = &proposed.action;
    let number = proposed.number;
    let withdraw = match language {
        Language::Zh => format!("申请人可发送 /取消 {number} 撤回。"),
        Language::En => format!("Its author can withdraw it with /cancel {number}."),
    };
    let mentions = proposed
        .asked
        .iter()
        .map(|id| format!("<at id=\"{id}\"></at>"));
    let mentions = mentions.collect::<Vec<_>>().join(" ");
    let mut card = Card::titled(TITLE.to(language))
        .markdown(format!("{mentions}\n{}", request(TextFormat::Card)).trim_start());
    card = with_text(card, action, language);
    let details = |format| {
        let mut details = plan(action, None, &now, format, language);
        details.push(withdraw.clone());
        details
    };
    card = card.markdown(details(TextFormat::Card).join("\n"));
    let approve = ButtonAction::Approve(proposed.job_ref.clone());
    let card = button(card, approval(action).to(language), approve, language);
    let decline = ButtonAction::Decline(proposed.job_ref.clone());
    let card = card.form(InputForm {
        input: REASON.to_owned(),
        placeholder: WHY.to(language).to_owned(),
        max_length: LONGEST_REASON,
        label: DECLINE.to(language).to_owned(),
        value: Button {
            action: decline,
            language,
        }
        .value(),
    });

    let mut words = vec![request(TextFormat::Text)];
    let text = action.first_characters(SHOWN_TEXT);
    if !text.is_empty() {
        words.push(quoted(&text, language));
    }
    words.extend(details(TextFormat::Text));
    words.push(NO_BUTTONS.to(language).to_owned());
    Answer::Show {
        card: Box::new(card),
        or_say: words.join("\n"),
    }
}

fn request(proposed: &Proposed, until: &str, language: Language) -> String {
    let what = what(&proposed.action).to(language);
    match (language, proposed.on_request) {
        (Language::Zh, false) => {
            format!("该成员没有{what}的权限，已提交审批。有权限的成员可在{until} 前处理。")
        }
        (Language::Zh, true) => {
            format!("该成员申请{what}，已提交审批。有权限的其他成员可在{until} 前处理。")
        }
        (Language::En, false) => format!(
            "This member may not {what}, so it waits for approval. Members who may can decide until {until}."
        ),
        (Language::En, true) => format!(
            "This member asks to {what}, so it waits for approval. Other members who may can decide until {until}."
        ),
    }
}

/// The text that is proposed, and for an edit the one that it changes.
fn with_text(card: Card, action: &ProposedAction, language: Language) -> Card {
    let Some(document) = action.document() else {
        return card;
    };
    let card = match former(action, language) {
        Some(former) => card.markdown(former),
        None => card,
    };
    let excerpt = document.without_mentions().excerpt();
    let card = card.markdown(excerpt.text);
    match left_out(excerpt.left_out, language) {
        Some(left_out) => card.markdown(left_out),
        None => card,
    }
}

/// The first words of the text that an edit changes.
pub(super) fn former(action: &ProposedAction, language: Language) -> Option<String> {
    let ProposedAction::Edit { text, .. } = action else {
        return None;
    };
    let label = Bilingual::new("原内容", "The text so far").to(language);
    let words = text.document.first_characters(FORMER);
    let words = TextFormat::Card.quote(&words, language);
    Some(labeled(label, &words, language))
}

/// What of a text is not on the card.
pub(super) fn left_out(left_out: LeftOut, language: Language) -> Option<String> {
    if left_out.is_nothing() {
        return None;
    }
    let parts = [
        (
            left_out.characters,
            "{} 个字",
            "{} more character",
            "{} more characters",
        ),
        (left_out.pictures, "{} 张图片", "{} picture", "{} pictures"),
        (left_out.files, "{} 个文件", "{} file", "{} files"),
    ];
    let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
    let parts = parts.map(|(count, zh, one, many)| {
        let en = if count == 1 { one } else { many };
        Bilingual::new(zh, en).fill(language, count)
    });
    let parts: Vec<String> = parts.collect();
    let words = Bilingual::new("（以下还有 {} 未显示）", "(not shown here: {})");
    Some(words.fill(language, parts.join(COMMA.to(language))))
}

/// The card after the decision.
pub(crate) fn proposal_decided(decided: &Decided, language: Language) -> Card {
    let what = what(&decided.action).to(language);
    let what = format!("{what}{}", FULL_STOP.to(language));
    let (verdict, verdict_by) = match decided.verdict {
        Verdict::Approved => (
            Bilingual::new("已批准", "Approved"),
            Bilingual::new("{} 已批准", "Approved by {}"),
        ),
        Verdict::Declined => (
            Bilingual::new("已拒绝", "Declined"),
            Bilingual::new("{} 已拒绝", "Declined by {}"),
        ),
    };
    let by = decided.by.as_deref().filter(|name| !name.is_empty());
    let label = match by {
        Some(name) => verdict_by.fill(language, TextFormat::Card.quote(name, language)),
        None => verdict.to(language).to_owned(),
    };
    let mut text = labeled(&label, &what, language);
    if let Some(reason) = &decided.reason {
        let label = Bilingual::new("理由", "Reason").to(language);
        let reason = TextFormat::Card.quote(reason, language);
        text = format!("{text}\n{}", labeled(label, &reason, language));
    }
    let card = Card::titled(TITLE.to(language)).markdown(text);
    with_text(card, &decided.action, language)
}

/// The card of a proposal that is no longer open.
pub(crate) fn proposal_over(language: Language) -> Card {
    Card::titled(TITLE.to(language)).plain(OVER.to(language))
}

/// The reply to the member who decided.
pub(super) fn decided(verdict: Verdict) -> Bilingual {
    match verdict {
        Verdict::Approved => Bilingual::new("已批准。", "Approved."),
        Verdict::Declined => Bilingual::new("已拒绝。", "Declined."),
    }
}

/// The reply if a proposal was not accepted, or was not decided on.
pub(super) fn refused(cause: &Cause, language: Language) -> String {
    let words = match cause {
        Cause::TooManyProposals { limit } => return TOO_MANY.fill(language, limit),
        Cause::Declined { by, reason } => {
            return declined(by.as_deref(), reason.as_deref(), language);
        }
        Cause::OwnProposal => OWN,
        Cause::NobodyToAsk => NOBODY_TO_ASK,
        Cause::TextChanged => TEXT_CHANGED,
        Cause::NotApproved => NOT_APPROVED,
        _ => OVER,
    };
    words.to(language).to_owned()
}

/// The reply to the author of a proposal that was declined.
fn declined(by: Option<&str>, reason: Option<&str>, language: Language) -> String {
    let declined = match by.filter(|name| !name.is_empty()) {
        Some(name) => DECLINED_BY.fill(language, quoted(name, language)),
        None => DECLINED.to(language).to_owned(),
    };
    match reason {
        Some(reason) => {
            let reason = BECAUSE.fill(language, quoted(reason, language));
            format!("{declined}{}{reason}", GAP.to(language))
        }
        None => declined,
    }
}

/// The label of the button that lets a proposal run.
fn approval(action: &ProposedAction) -> Bilingual {
    match action {
        ProposedAction::Announce { due: None, .. } => PUBLISH,
        _ => Bilingual::new("批准", "Approve"),
    }
}

fn what(action: &ProposedAction) -> Bilingual {
    match action {
        ProposedAction::PutMessage { .. } => Bilingual::new("置顶消息", "pin messages"),
        ProposedAction::PutAnnouncement { .. } => {
            Bilingual::new("置顶群公告", "pin the announcement")
        }
        ProposedAction::Edit { text, .. } if text.kind == ChangeKind::Notice => {
            Bilingual::new("修改通知", "change a notice")
        }
        ProposedAction::Edit { .. } => {
            Bilingual::new("修改已发布的内容", "change what was announced")
        }
        ProposedAction::Announce { options, .. } if options.notice => {
            if options.notify {
                Bilingual::new("发布通知并通知所有人", "post notices and notify everyone")
            } else {
                Bilingual::new("发布通知", "post notices")
            }
        }
        ProposedAction::Announce { options, .. } => match (options.replace, options.notify) {
            (None, false) => Bilingual::new("发布群公告", "post to the announcement"),
            (Some(_), false) => Bilingual::new("替换群公告", "replace the announcement"),
            (None, true) => Bilingual::new(
                "发布群公告并通知所有人",
                "post to the announcement and notify everyone",
            ),
            (Some(_), true) => Bilingual::new(
                "替换群公告并通知所有人",
                "replace the announcement and notify everyone",
            ),
        },
    }
}

const TITLE: Bilingual = Bilingual::new("审批", "Approval");
pub(super) const PUBLISH: Bilingual = Bilingual::new("发布", "Publish");
const DECLINE: Bilingual = Bilingual::new("拒绝", "Decline");
/// In the empty input.
const WHY: Bilingual = Bilingual::new("拒绝的理由（选填）", "Why you decline (optional)");
/// How much of a text is shown where the card was rejected, in characters.
const SHOWN_TEXT: usize = 1000;
/// How much is shown of the text that an edit changes, in characters.
const FORMER: usize = 200;

/// Where the card was rejected.
const NO_BUTTONS: Bilingual = Bilingual::new(
    "本群无法显示审批卡片，请由有权限的成员发送该命令。",
    "The card with the buttons cannot be shown here, so ask somebody who may to send the command.",
);

const OVER: Bilingual = Bilingual::new(
    "该申请已处理、已撤回或已过期，未执行。",
    "That request was already decided or withdrawn, or it has expired, so nothing was done.",
);

const TOO_MANY: Bilingual = Bilingual::new(
    "本群待审批的申请已达上限（{} 项），未提交。请等待审批，或取消不需要的申请，发送 /记录 查看。",
    "This group has reached the limit of {} requests that wait for approval, so yours was not submitted. Wait for a decision, or cancel one; send /history to see them.",
);

const NOT_APPROVED: Bilingual = Bilingual::new(
    "该申请无人及时审批，已过期，未执行。如仍需要，请重新发送。",
    "Nobody decided on the request in time, so it expired and nothing was done. If you still need it, send it again.",
);

const OWN: Bilingual = Bilingual::new(
    "不能审批自己的申请，请由其他有权限的成员处理。如需自己执行，请去掉 --审批 重新发送。",
    "You cannot approve your own request; another member who may has to decide. To do it yourself, send the command without --ask.",
);

const NOBODY_TO_ASK: Bilingual = Bilingual::new(
    "除你之外，本群没有其他成员可以审批，未提交。请去掉 --审批 重新发送，或先添加一位群管理员。",
    "Nobody else in this group may approve it, so it was not submitted. Send it without --ask, or appoint an admin first.",
);

const TEXT_CHANGED: Bilingual = Bilingual::new(
    "该内容此后已被修改，未执行。如仍需修改，请重新发送 /修改 内容。",
    "That text was changed in the meantime, so nothing was done. If it still has to be changed, send /edit text again.",
);

/// `{}` is a quote.
const BECAUSE: Bilingual = Bilingual::new("理由：{}", "The reason: {}");

const DECLINED: Bilingual = Bilingual::new(
    "该申请被拒绝，未执行。",
    "The request was declined, so nothing was done.",
);

const DECLINED_BY: Bilingual = Bilingual::new(
    "{}拒绝了该申请，未执行。",
    "{} declined the request, so nothing was done.",
);
