//! Replies about proposals: commands of members without the right, which others may approve.

use feishu::Card;
use jiff::tz::TimeZone;

use super::Answer;
use super::cards::button;
use super::punctuation::{FULL_STOP, labeled};
use super::quote::{TextFormat, quoted};
use super::schedule::options;
use crate::command::moment_in_words;
use crate::language::{Bilingual, Language};
use crate::model::button::ButtonAction;
use crate::model::proposal::{Decided, Proposed, SHOWN_TEXT};
use crate::model::schedule::{ProposedAction, Verdict};

/// A card with the request, and buttons to decide on it.
pub(super) fn answer(proposed: &Proposed, language: Language, time_zone: &TimeZone) -> Answer {
    let now = proposed.at.to_zoned(time_zone.clone());
    let until = moment_in_words(proposed.until, &now, language);
    let what = what(&proposed.action).to(language);
    let request = |format: TextFormat| {
        let until = format.heading(&until);
        match language {
            Language::Zh => {
                format!("该成员没有{what}的权限，已提交审批。有权限的成员可在{until} 前处理。")
            }
            Language::En => format!(
                "This member may not {what}, so it waits for approval. Members who may can decide until {until}."
            ),
        }
    };
    let due = proposed.action.due().map(|due| {
        let label = Bilingual::new("发布时间", "To be posted").to(language);
        let every = proposed.action.every().map(|rule| rule.in_words(language));
        let due = every.unwrap_or_else(|| moment_in_words(due, &now, language));
        labeled(label, &due, language)
    });
    let options = options(proposed.action.options(), language);
    let mut details: Vec<String> = due.into_iter().chain(options).collect();
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
        .markdown(format!("{mentions}\n{}", request(TextFormat::Card)));
    if let Some(text) = proposed.action.shown_text(SHOWN_TEXT) {
        card = card.plain(text);
    }
    details.push(withdraw);
    card = card.markdown(details.join("\n"));
    let job_ref = &proposed.job_ref;
    for (label, action) in [
        (APPROVE, ButtonAction::Approve(job_ref.clone())),
        (DECLINE, ButtonAction::Decline(job_ref.clone())),
    ] {
        card = button(card, label.to(language), action, language);
    }

    let mut words = vec![request(TextFormat::Text)];
    let text = proposed.action.first_characters(SHOWN_TEXT);
    if !text.is_empty() {
        words.push(quoted(&text, language));
    }
    words.extend(details);
    words.push(NO_BUTTONS.to(language).to_owned());
    Answer::Show {
        card: Box::new(card),
        or_say: words.join("\n"),
    }
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
    let text = labeled(&label, &what, language);
    let card = Card::titled(TITLE.to(language)).markdown(text);
    match decided.action.shown_text(SHOWN_TEXT) {
        Some(text) => card.plain(text),
        None => card,
    }
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

/// The reply to the author of a proposal that was declined.
pub(super) fn declined(by: Option<&str>, language: Language) -> String {
    match by.filter(|name| !name.is_empty()) {
        Some(name) => DECLINED_BY.fill(language, quoted(name, language)),
        None => DECLINED.to(language).to_owned(),
    }
}

fn what(action: &ProposedAction) -> Bilingual {
    match action {
        ProposedAction::PutMessage { .. } => Bilingual::new("置顶消息", "pin messages"),
        ProposedAction::PutAnnouncement { .. } => {
            Bilingual::new("置顶群公告", "pin the announcement")
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
const APPROVE: Bilingual = Bilingual::new("批准", "Approve");
const DECLINE: Bilingual = Bilingual::new("拒绝", "Decline");

/// Where the card was rejected.
const NO_BUTTONS: Bilingual = Bilingual::new(
    "本群无法显示审批卡片，请由有权限的成员发送该命令。",
    "The card with the buttons cannot be shown here, so ask somebody who may to send the command.",
);

pub(super) const OVER: Bilingual = Bilingual::new(
    "该申请已处理、已撤回或已过期，未执行。",
    "That request was already decided or withdrawn, or it has expired, so nothing was done.",
);

pub(super) const TOO_MANY: Bilingual = Bilingual::new(
    "本群待审批的申请已达上限（{} 项），未提交。请等待审批，或取消不需要的申请，发送 /记录 查看。",
    "This group has reached the limit of {} requests that wait for approval, so yours was not submitted. Wait for a decision, or cancel one; send /history to see them.",
);

pub(super) const NOT_APPROVED: Bilingual = Bilingual::new(
    "该申请无人及时审批，已过期，未执行。如仍需要，请重新发送。",
    "Nobody decided on the request in time, so it expired and nothing was done. If you still need it, send it again.",
);

const DECLINED: Bilingual = Bilingual::new(
    "该申请被拒绝，未执行。",
    "The request was declined, so nothing was done.",
);

const DECLINED_BY: Bilingual = Bilingual::new(
    "{}拒绝了该申请，未执行。",
    "{} declined the request, so nothing was done.",
);
