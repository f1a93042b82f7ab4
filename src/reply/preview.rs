//! Cards and replies about previews.

use feishu::Card;
use jiff::tz::TimeZone;

use super::cards::button;
use super::proposal::{self, PUBLISH};
use super::quote::TextFormat;
use super::schedule::plan;
use crate::command::moment_in_words;
use crate::content::Entry;
use crate::language::{Bilingual, Language};
use crate::model::button::{ButtonAction, PreviewRef};
use crate::model::outcome::{Done, Outcome};
use crate::model::proposal::Previewed;
use crate::model::schedule::{Preview, ProposedAction};

/// What a card of a preview shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PreviewShown<'a> {
    pub(crate) previewed: &'a Previewed,
    pub(crate) preview: &'a Preview,
    /// The text, if there is one.
    pub(crate) entry: Option<&'a Entry>,
    /// Whether only its author sees the card.
    pub(crate) private: bool,
}

/// The card with the text as it will be, and buttons to publish or discard it.
pub(crate) fn preview_card(
    shown: PreviewShown<'_>,
    language: Language,
    time_zone: &TimeZone,
) -> Card {
    let PreviewShown {
        previewed,
        preview,
        entry,
        private,
    } = shown;
    let now = previewed.at.to_zoned(time_zone.clone());
    let until = moment_in_words(previewed.until, &now, language);
    let until = TextFormat::Card.heading(&until);
    let action = &preview.action;
    let mut head = vec![introduction(preview, &until, language)];
    head.extend(plan(
        action,
        previewed.groups,
        &now,
        TextFormat::Card,
        language,
    ));
    head.extend(proposal::former(action, language));
    let mut card = Card::titled(TITLE.to(language)).markdown(head.join("\n"));
    let mut foot = Vec::new();
    if let Some(entry) = entry {
        // Other members are not to be notified of a card that they see.
        let unnotified;
        let entry = if private {
            entry
        } else {
            unnotified = entry.without_mentions();
            &unnotified
        };
        let (excerpt, signature) = entry.excerpt();
        card = card.markdown(excerpt.text);
        foot.extend(proposal::left_out(excerpt.left_out, language));
        // The signature of a text that was edited names its first author.
        let signature = signature.filter(|_| !matches!(action, ProposedAction::Edit { .. }));
        if let Some(signature) = signature {
            card = card.markdown(signature);
        }
    }
    if previewed.in_old_kind {
        foot.push(IN_OLD_KIND.to(language).to_owned());
    }
    if !foot.is_empty() {
        card = card.markdown(foot.join("\n"));
    }
    let of_button = || PreviewRef {
        job: previewed.job_ref.clone(),
        private,
    };
    let publish = if preview.ask {
        SUBMIT
    } else {
        publication(action)
    };
    let wanted = ButtonAction::Publish(of_button());
    let card = button(card, publish.to(language), wanted, language);
    let unwanted = ButtonAction::Discard(of_button());
    button(card, DISCARD.to(language), unwanted, language)
}

fn introduction(preview: &Preview, until: &str, language: Language) -> String {
    let words = match (preview.ask, &preview.action) {
        (true, _) => Bilingual::new(
            "尚未提交，请在{} 前确认。提交后由其他有权限的成员审批。",
            "Nothing is submitted yet. If you submit it before {}, other members who may decide on it.",
        ),
        (false, ProposedAction::Edit { .. }) => Bilingual::new(
            "尚未修改，请在{} 前确认。修改后的内容如下：",
            "Nothing is changed yet. You can change it until {}; the text will then be:",
        ),
        (false, ProposedAction::Announce { to: Some(_), .. }) => Bilingual::new(
            "尚未发布，请在{} 前确认。确认后发到群列表中的每个群，内容如下：",
            "Nothing is posted yet. You can publish it until {}; every group of the list will get:",
        ),
        (false, ProposedAction::Announce { options, .. }) if options.notice => Bilingual::new(
            "尚未发布，请在{} 前确认。发布后是一条置顶的通知，内容如下：",
            "Nothing is posted yet. You can publish it until {}; it will be a pinned notice:",
        ),
        (false, _) => Bilingual::new(
            "尚未发布，请在{} 前确认。发布后群公告的内容如下：",
            "Nothing is posted yet. You can publish it until {}; the announcement will say:",
        ),
    };
    words.fill(language, until)
}

/// The label of the button.
fn publication(action: &ProposedAction) -> Bilingual {
    match action {
        ProposedAction::Edit { .. } => Bilingual::new("修改", "Change"),
        ProposedAction::Announce { due: Some(_), .. } => Bilingual::new("定时发布", "Schedule"),
        _ => PUBLISH,
    }
}

/// The card of a preview that others see, once its author has pressed a button.
pub(crate) fn preview_over(outcome: &Outcome, language: Language) -> Card {
    let words = match outcome {
        Outcome::Done(done) => chosen(done),
        _ => OVER,
    };
    Card::titled(TITLE.to(language)).plain(words.to(language))
}

/// The reply to a button of a preview.
pub(super) fn chosen(done: &Done) -> Bilingual {
    match done {
        Done::PreviewAccepted => ACCEPTED,
        Done::PreviewDiscarded => DISCARDED,
        _ => OVER,
    }
}

/// The reply where no card can be shown.
pub(crate) fn preview_not_shown(language: Language) -> &'static str {
    Bilingual::new(
        "本群无法显示预览卡片，未发布。请去掉 --预览 重新发送。",
        "The preview cannot be shown here, so nothing was posted. Send the command without --preview.",
    )
    .to(language)
}

const TITLE: Bilingual = Bilingual::new("预览", "Preview");
const SUBMIT: Bilingual = Bilingual::new("提交审批", "Submit for approval");
const DISCARD: Bilingual = Bilingual::new("放弃", "Discard");

const IN_OLD_KIND: Bilingual = Bilingual::new(
    "本群的群公告是旧版，只能显示文字：标题、列表、表格等会变为纯文字，图片和文件只保留名称。",
    "This group has an announcement of the old kind, which shows text only: headings, lists and tables become plain text, and lines name the pictures and files.",
);

const ACCEPTED: Bilingual =
    Bilingual::new("已确认，正在执行。", "Confirmed; it is being done now.");

const DISCARDED: Bilingual = Bilingual::new("已放弃，未发布。", "Discarded; nothing was posted.");

pub(super) const OVER: Bilingual = Bilingual::new(
    "该预览已处理或已过期。如仍需要，请重新发送命令。",
    "That preview was already used or discarded, or it has expired. If you still need it, send the command again.",
);

pub(super) const NOT_YOURS: Bilingual = Bilingual::new(
    "这是其他成员的预览，只有该成员可以发布或放弃。",
    "This is the preview of another member, who alone can publish or discard it.",
);
