//! Replies to `/history`.

use std::mem;

use feishu::Card;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::Answer;
use super::cards::button;
use super::punctuation::{GAP, labeled};
use super::quote::TextFormat;
use super::{broadcast, recurring, settings};
use crate::command::{PinTarget, day_in_words, time_in_words};
use crate::language::{Bilingual, Language};
use crate::model::broadcast::Reach;
use crate::model::button::ButtonAction;
use crate::model::change::ChangeKind;
use crate::model::outcome::{
    Approver, History, HistoryChange, HistorySchedule, ReadBy, ScheduledChange,
};
use crate::model::settings::ListChange;

/// Maximum number of schedules on a card, each with a button: cards are limited to 30 KB.
pub(super) const MAX_SCHEDULES: usize = 20;

/// A card with the last changes and the schedules.
pub(super) fn answer(history: &History, language: Language, time_zone: &TimeZone) -> Answer {
    if history.changes.is_empty() && history.schedules.is_empty() {
        let nothing = Bilingual::new(
            "本群暂无操作记录，也没有计划。",
            "No changes in this chat yet, and nothing is scheduled.",
        );
        return Answer::Say(nothing.to(language).to_owned());
    }
    let or_say = in_text(history, language, time_zone);
    // A list that is too long for a card is sent as text.
    if history.schedules.len() > MAX_SCHEDULES {
        return Answer::Say(or_say);
    }
    let card = Box::new(history_card(history, language, time_zone));
    Answer::Show { card, or_say }
}

/// The last changes and the first schedules, with buttons to undo the last change and to cancel the
/// schedules.
pub(crate) fn history_card(history: &History, language: Language, time_zone: &TimeZone) -> Card {
    let format = TextFormat::Card;
    let mut card = Card::titled(Bilingual::new("操作记录", "History").to(language));
    let mut writer = HistoryWriter::new(history, format, language, time_zone);
    let schedules = in_order(&history.schedules);
    if !schedules.is_empty() {
        writer.heading(SCHEDULES);
    }
    for schedule in schedules.iter().take(MAX_SCHEDULES) {
        writer.schedule(schedule);
        if let Some(job_ref) = schedule.job_ref.clone() {
            let label = Bilingual::new("取消计划 {}", "Cancel schedule {}");
            let label = label.fill(language, schedule.number);
            card = card.markdown(writer.take());
            card = button(
                card,
                &label,
                ButtonAction::Cancel(job_ref.clone()),
                language,
            );
            if schedule.every.is_some() {
                let (label, action) = match schedule.paused {
                    None => (PAUSE, ButtonAction::Pause(job_ref)),
                    Some(_) => (RESUME, ButtonAction::Resume(job_ref)),
                };
                let label = label.fill(language, schedule.number);
                card = button(card, &label, action, language);
            }
        }
    }
    let others = schedules.len().saturating_sub(MAX_SCHEDULES);
    if others > 0 {
        writer.push(MORE.fill(language, others));
    }
    if !history.changes.is_empty() {
        writer.changes(history);
    }
    let rest = writer.take();
    if !rest.is_empty() {
        card = card.markdown(rest);
    }
    if let Some(job_ref) = history.undoable.clone() {
        let label = Bilingual::new("撤销最近一次改动", "Undo the last change").to(language);
        card = button(card, label, ButtonAction::Undo(job_ref), language);
    }
    card
}

fn in_text(history: &History, language: Language, time_zone: &TimeZone) -> String {
    let mut writer = HistoryWriter::new(history, TextFormat::Text, language, time_zone);
    let schedules = in_order(&history.schedules);
    if let Some(first) = schedules.first() {
        writer.heading(SCHEDULES);
        for schedule in &schedules {
            writer.schedule(schedule);
        }
        let cancel = Bilingual::new(
            "如需取消计划 {}，请发送 /取消 {}。",
            "To cancel schedule {}, send /cancel {}.",
        );
        writer.push(cancel.fill(language, first.number));
    }
    if !history.changes.is_empty() {
        writer.changes(history);
    }
    if history.undoable.is_some() {
        let undo = Bilingual::new(
            "如需撤销最近一次改动，请发送 /撤销。",
            "To undo the last change, send /undo.",
        );
        writer.push(undo.to(language).to_owned());
    }
    writer.take()
}

fn in_order(schedules: &[HistorySchedule]) -> Vec<&HistorySchedule> {
    let mut schedules: Vec<_> = schedules.iter().collect();
    schedules.sort_by_key(|schedule| schedule.number);
    schedules
}

const PAUSE: Bilingual = Bilingual::new("暂停计划 {}", "Pause schedule {}");
const RESUME: Bilingual = Bilingual::new("恢复计划 {}", "Resume schedule {}");
const SCHEDULES: Bilingual = Bilingual::new("计划", "Scheduled");
const CHANGES: Bilingual = Bilingual::new("最近操作", "Recent changes");

const MORE: Bilingual = Bilingual::new(
    "另有 {} 项计划，发送 /记录 查看全部。",
    "And {} more; send /history to see them all.",
);

/// Builds lines under headings; a day is shown once for all lines below it.
struct HistoryWriter {
    lines: Vec<String>,
    day: Option<Date>,
    now: Zoned,
    format: TextFormat,
    language: Language,
}

impl HistoryWriter {
    fn new(
        history: &History,
        format: TextFormat,
        language: Language,
        time_zone: &TimeZone,
    ) -> Self {
        Self {
            lines: Vec::new(),
            day: None,
            now: history.asked_at.to_zoned(time_zone.clone()),
            format,
            language,
        }
    }

    fn push(&mut self, line: String) {
        self.lines.push(line);
    }

    fn heading(&mut self, words: Bilingual) {
        self.day = None;
        let heading = self.format.heading(words.to(self.language));
        self.push(heading);
    }

    fn changes(&mut self, history: &History) {
        self.heading(CHANGES);
        for change in &history.changes {
            self.change(change);
        }
    }

    fn schedule(&mut self, schedule: &HistorySchedule) {
        let time = match schedule.paused {
            Some(reason) => recurring::paused(reason).to(self.language).to_owned(),
            None => self.time(schedule.due),
        };
        let every = schedule.every.map(|every| every.in_words(self.language));
        let what = match schedule.what {
            ScheduledChange::Unpin => Bilingual::new("取消置顶", "remove the top notice"),
            ScheduledChange::Announce => Bilingual::new("发布公告", "post"),
            ScheduledChange::Notice => Bilingual::new("发布通知", "post a notice"),
            ScheduledChange::RemoveEntry => {
                Bilingual::new("从群公告移除", "remove from the announcement")
            }
            ScheduledChange::Replace => Bilingual::new("替换公告", "replace the announcement"),
            ScheduledChange::RestoreContent => {
                Bilingual::new("恢复替换前的公告", "restore the previous announcement")
            }
            ScheduledChange::Decision(kind) => proposed(kind),
        };
        let list = schedule.to.as_ref().map(|list| {
            let words = Bilingual::new("（群列表{}）", " (list {})");
            words.fill(self.language, self.format.quote(list, self.language))
        });
        let what = what.to(self.language).to_owned() + &list.unwrap_or_default();
        let what = self.summarized(what, &schedule.summary);
        let every = match (every, self.language) {
            (Some(every), Language::Zh) => format!("（{every}）"),
            (Some(every), Language::En) => format!(" ({every})"),
            (None, _) => String::new(),
        };
        let author = self.name_of(schedule.author.as_deref());
        let number = schedule.number;
        // Not a list item: Markdown would renumber the items of each part of the card.
        self.push(match self.language {
            Language::Zh => format!("计划 {number}：{time}{every} {what}（{author}）"),
            Language::En => format!("Schedule {number}: {time}{every}, {what} ({author})"),
        });
    }

    fn change(&mut self, change: &HistoryChange) {
        let time = self.time(change.made_at);
        let what = if let Some(what) = setting_changed(change, self.language) {
            what
        } else if let Some(list) = list_changed(change) {
            let name = self.format.quote(&list.list, self.language);
            broadcast::list_changed(&list, &name, self.language)
        } else if let Some(reach) = &change.reach {
            self.broadcast(reach, &change.summary)
        } else {
            let what = kind(change).to(self.language).to_owned();
            self.summarized(what, &change.summary)
        };
        let what = format!("{what}{}", self.approval(change.approver.as_ref()));
        let undone = Bilingual::new("（已撤销）", " (reverted)").to(self.language);
        let undone = if change.undone { undone } else { "" };
        let time = match change.number {
            Some(number) => NUMBERED.fill(self.language, number) + &time,
            None => time,
        };
        let read = read_by(change.read_by, self.language);
        self.push(if change.kind.is_commanded() {
            let actor = self.name_of(change.actor.as_deref());
            let gap = match self.format {
                TextFormat::Card if change.actor.is_some() => " ",
                _ => GAP.to(self.language),
            };
            format!("{time} {actor}{gap}{what}{undone}{read}")
        } else {
            format!("{time} {what}{undone}{read}")
        });
    }

    fn approval(&self, approver: Option<&Approver>) -> String {
        let Some(approver) = approver else {
            return String::new();
        };
        let approved_by = Bilingual::new("（由{}批准）", " (approved by {})");
        approved_by.fill(self.language, self.name_of(approver.name.as_deref()))
    }

    /// The time of a moment; adds a line for its day if it changed.
    fn time(&mut self, moment: Timestamp) -> String {
        let moment = moment.to_zoned(self.now.time_zone().clone());
        if self.day.replace(moment.date()) != Some(moment.date()) {
            let day = day_in_words(&moment, &self.now, self.language);
            self.push(day);
        }
        time_in_words(&moment)
    }

    fn summarized(&self, what: String, summary: &str) -> String {
        if summary.is_empty() {
            return what;
        }
        let summary = self.format.quote(summary, self.language);
        labeled(&what, &summary, self.language)
    }

    fn broadcast(&self, reach: &Reach, summary: &str) -> String {
        let list = self.format.quote(&reach.list, self.language);
        let what = broadcast::reached(reach, &list, self.language);
        self.summarized(what, summary)
    }

    fn name_of(&self, name: Option<&str>) -> String {
        match name.filter(|name| !name.is_empty()) {
            Some(name) => self.format.quote(name, self.language),
            None => Bilingual::new("一位成员", "a member")
                .to(self.language)
                .to_owned(),
        }
    }

    /// Takes the lines so far.
    fn take(&mut self) -> String {
        mem::take(&mut self.lines).join("\n")
    }
}

/// Before the time of a text that can be edited.
const NUMBERED: Bilingual = Bilingual::new("编号 {}：", "No. {}: ");

/// How many have read the message that mentions everybody.
fn read_by(read: Option<ReadBy>, language: Language) -> String {
    let Some(ReadBy {
        readers,
        has_more,
        members,
    }) = read
    else {
        return String::new();
    };
    match (has_more, members, language) {
        (true, _, Language::Zh) => format!("（超过 {readers} 人已读）"),
        (true, _, Language::En) => format!(" (read by more than {readers})"),
        (false, None, Language::Zh) => format!("（{readers} 人已读）"),
        (false, None, Language::En) => format!(" (read by {readers})"),
        (false, Some(members), Language::Zh) => format!("（{members} 人中 {readers} 人已读）"),
        (false, Some(members), Language::En) => format!(" (read by {readers} of {members})"),
    }
}

/// The old and new value of a setting that this release knows.
fn setting_changed(change: &HistoryChange, language: Language) -> Option<String> {
    let recorded = Some(&change.summary).filter(|_| change.kind == ChangeKind::Settings)?;
    let changed = settings::changed(&recorded.parse().ok()?, language);
    Some(labeled(kind(change).to(language), &changed, language))
}

/// The list that a group joined or left.
fn list_changed(change: &HistoryChange) -> Option<ListChange> {
    let recorded = Some(&change.summary).filter(|_| change.kind == ChangeKind::Settings)?;
    ListChange::recorded(recorded)
}

/// What happens to a proposal that nobody has decided on.
fn proposed(kind: ChangeKind) -> Bilingual {
    match kind {
        ChangeKind::Pin => Bilingual::new("置顶申请到期（待审批）", "the request to pin expires"),
        ChangeKind::Notice => Bilingual::new(
            "发布通知申请到期（待审批）",
            "the request to post a notice expires",
        ),
        ChangeKind::Replace => Bilingual::new(
            "替换公告申请到期（待审批）",
            "the request to replace the announcement expires",
        ),
        ChangeKind::Edit => Bilingual::new(
            "修改申请到期（待审批）",
            "the request to change a text expires",
        ),
        _ => Bilingual::new("发布公告申请到期（待审批）", "the request to post expires"),
    }
}

fn kind(change: &HistoryChange) -> Bilingual {
    match (change.kind, change.pinned) {
        (ChangeKind::Pin, Some(PinTarget::RepliedMessage)) => {
            Bilingual::new("置顶了一条消息", "pinned a message")
        }
        (ChangeKind::Pin, Some(PinTarget::Announcement)) => {
            Bilingual::new("置顶了群公告", "pinned the announcement")
        }
        (ChangeKind::Pin, None) => Bilingual::new("设置了置顶", "pinned something"),
        (ChangeKind::Unpin, _) => Bilingual::new("取消了置顶", "removed the top notice"),
        (ChangeKind::Announce, _) => Bilingual::new("发布了公告", "posted"),
        (ChangeKind::Replace, _) => Bilingual::new("替换了公告", "replaced the announcement"),
        (ChangeKind::Notice, _) => Bilingual::new("发布了通知", "posted a notice"),
        (ChangeKind::Edit, _) => Bilingual::new("修改了内容", "edited a text"),
        (ChangeKind::Undo, _) => Bilingual::new("撤销了一次改动", "reverted a change"),
        (ChangeKind::Expire, _) => Bilingual::new("到期自动移除", "removed on expiry"),
        (ChangeKind::Cancel, _) => Bilingual::new("取消了一项计划", "canceled a schedule"),
        (ChangeKind::Pause, _) => Bilingual::new("暂停了一项计划", "paused a schedule"),
        (ChangeKind::Resume, _) => Bilingual::new("恢复了一项计划", "resumed a schedule"),
        (ChangeKind::Settings, _) => Bilingual::new("修改了设置", "changed a setting"),
        (ChangeKind::Recalled, _) => {
            Bilingual::new("置顶的消息被撤回", "the pinned message was recalled")
        }
    }
}

#[cfg(test)]
mod tests {
    use pulldown_cmark::{Event, Parser, Tag};

    use super::*;
    use crate::command::{Command, Recurrence, parse};
    use crate::model::job::{JobKind, JobRef};
    use crate::model::series::PauseReason;
    use crate::reply::schedule_canceled;

    const LANGUAGES: [Language; 2] = [Language::Zh, Language::En];

    fn job_ref(number: u32) -> JobRef {
        JobRef {
            origin: format!("om_{number:032}"),
            kind: JobKind::Publish,
        }
    }

    /// Ten changes, and schedules with these numbers, by the member `name`.
    fn history_of(schedules: impl IntoIterator<Item = u32>, name: &str, summary: &str) -> History {
        let now: Timestamp = "2026-12-01T09:00:00Z".parse().unwrap();
        let change = |_| HistoryChange {
            kind: ChangeKind::Announce,
            pinned: None,
            actor: Some(name.to_owned()),
            approver: Some(Approver {
                name: Some(name.to_owned()),
            }),
            summary: summary.to_owned(),
            made_at: now,
            undone: true,
            number: Some(200),
            reach: None,
            read_by: Some(ReadBy {
                readers: 1000,
                has_more: true,
                members: None,
            }),
        };
        let schedule = |number| HistorySchedule {
            job_ref: Some(job_ref(number)),
            number,
            what: ScheduledChange::RestoreContent,
            author: Some(name.to_owned()),
            summary: summary.to_owned(),
            due: now,
            to: Some(name.to_owned()),
            every: every(),
            paused: Some(PauseReason::AuthorLeft),
        };
        History {
            asked_at: now,
            undoable: Some(job_ref(0)),
            changes: (0..10).map(change).collect(),
            schedules: schedules.into_iter().map(schedule).collect(),
        }
    }

    fn every() -> Option<Recurrence> {
        let typed = "/announce --every mon, tue, wed, thu, sat, sun 9:00 text";
        match parse(typed, &[], false) {
            Ok(Some(Command::Announce(announcement))) => announcement.every,
            parsed => panic!("{parsed:?}"),
        }
    }

    fn text(card: &Card) -> String {
        let card = serde_json::to_value(card).unwrap();
        let elements = card["body"]["elements"].as_array().unwrap().iter();
        let texts = elements.filter_map(|element| element["content"].as_str());
        texts.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn schedules_are_listed_by_number() {
        let history = history_of([4, 1, 3], "Mei", "dinner");
        for (language, name) in [(Language::Zh, "计划 "), (Language::En, "Schedule ")] {
            let text = text(&history_card(&history, language, &TimeZone::UTC));
            let numbers = text.lines().filter_map(|line| line.strip_prefix(name));
            let numbers: Vec<_> = numbers.filter_map(|rest| rest.chars().next()).collect();
            assert_eq!(numbers, ['1', '3', '4'], "{text}");
            // Feishu would renumber the items of a Markdown list.
            let listed =
                Parser::new(&text).find(|event| matches!(event, Event::Start(Tag::List(_))));
            assert_eq!(listed, None, "{text}");
        }
    }

    #[test]
    fn names_and_summaries_are_inactive_on_cards() {
        let words = "`[here](https://e.cn) ![](k) *b* `<at id=all></at>` x``";
        let history = history_of([1], words, words);
        let canceled = schedule_canceled(true, Some(words), Language::En);
        let cards = LANGUAGES.map(|language| history_card(&history, language, &TimeZone::UTC));
        for card in cards.iter().chain([&canceled]) {
            let text = text(card);
            let active = Parser::new(&text).find(|event| {
                let is_mark = |tag: &Tag<'_>| !matches!(tag, Tag::Paragraph | Tag::Strong);
                matches!(event, Event::Start(tag) if is_mark(tag))
                    || matches!(event, Event::InlineHtml(_) | Event::Html(_))
            });
            assert_eq!(active, None, "{text}");
        }
    }

    #[test]
    fn cards_stay_below_the_size_limit() {
        let name = "长".repeat(64);
        let history = history_of(1..=200, &name, &"公".repeat(30));
        for language in LANGUAGES {
            let card = history_card(&history, language, &TimeZone::UTC);
            let length = serde_json::to_string(&card).unwrap().len();
            assert!(length < 30_000, "{length}");
        }
    }
}
