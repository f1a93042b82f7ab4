//! The settings that a group has of its own.

use std::time::Duration;

use feishu_sim::AnnouncementKind::Docx;
use feishu_sim::{ChatId, MessageId, Person, Pressed, Seen, State, ToastKind};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use noticebot::admin::Audit;
use serde_json::{Value, json};

use crate::harness::Bench;

const ENGLISH: &str = "Language: English";
const CHINESE: &str = "Language: Chinese";
const ADMINS: &str = "Mode: only the owner and admins";
const DEFAULT_MODE: &str = "Mode: default";

impl Bench {
    /// The owner changes a setting.
    async fn configure_group(&self, group: &ChatId, command: &str) {
        let command = self.say_as(&self.owner, group, command);
        assert_eq!(self.reaction(&command).await, "DONE");
    }

    /// The text of the owner's settings card.
    async fn settings(&self, group: &ChatId) -> String {
        let command = self.say_as(&self.owner, group, "/settings");
        self.answer(&command).await
    }

    /// The owner's settings card.
    async fn settings_card(&self, group: &ChatId) -> MessageId {
        self.settings(group).await;
        self.sim.messages(group).pop().unwrap().id
    }

    /// Presses a button of a card as this person.
    pub(crate) async fn press(
        &self,
        person: &Person,
        group: &ChatId,
        card: &MessageId,
        label: &str,
    ) -> ToastKind {
        let person = self.sim.as_person(person).in_chat(group);
        kind(&person.press(card, label)).await
    }

    /// The lines of `noticebot audit`.
    pub(crate) async fn audited(&self) -> Vec<String> {
        let audit = Audit {
            tenant: None,
            chat: None,
            since: "60d".to_owned(),
            with_text: false,
            json: false,
        };
        let mut out = Vec::new();
        self.admin().await.audit(&audit, &mut out).await.unwrap();
        let out = String::from_utf8(out).unwrap();
        out.lines().map(str::to_owned).collect()
    }
}

pub(crate) async fn kind(pressed: &Pressed) -> ToastKind {
    match pressed.seen().await {
        Seen::Toast { kind, .. } => kind,
        other => panic!("{other:?}"),
    }
}

/// The value of the button with this label.
pub(crate) fn value(bench: &Bench, card: &MessageId, label: &str) -> Value {
    let card = bench.sim.card(card);
    let elements = card["body"]["elements"].as_array().unwrap();
    let in_forms = elements.iter().filter_map(|it| it["elements"].as_array());
    let mut parts = elements.iter().chain(in_forms.flatten());
    let button = parts.find(|it| it["text"]["content"] == label);
    button.unwrap()["behaviors"][0]["value"].clone()
}

#[tokio::test]
async fn own_language_applies_to_every_answer() {
    let bench = Bench::new().await;
    let (group, other) = (bench.group(Docx), bench.group(Docx));
    bench.configure_group(&group, "/settings language zh").await;
    for (chat, text, expected) in [
        (&group, "/pin weather", "无法识别"),
        (&group, "/help", "你在本群可以使用"),
        (
            &group,
            "/history",
            "修改了设置：语言由「默认值」改为「中文」",
        ),
        (&group, "/announce --at tomorrow 9:00 dinner", "计划"),
        (&other, "/pin weather", "Could not understand"),
    ] {
        let command = bench.say(chat, text).id;
        let answer = bench.answer(&command).await;
        assert!(answer.contains(expected), "{text}: {answer}");
    }
    bench.configure_group(&group, "/设置 语言 英文").await;
    let command = bench.say(&group, "/置顶 天气").id;
    let answer = bench.answer(&command).await;
    assert!(answer.contains("Could not understand"), "{answer}");
    bench.configure_group(&group, "/设置 语言 默认").await;
    let command = bench.say(&group, "/置顶 天气").id;
    assert!(bench.answer(&command).await.contains("无法识别"));
    bench.finish().await;
}

#[tokio::test]
async fn own_time_zone_applies_to_times() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench
        .configure_group(&group, "/settings timezone America/New_York")
        .await;
    let command = bench.say(&group, "/announce --at tomorrow 9:00 dinner").id;
    let answer = bench.answer(&command).await;
    assert!(answer.contains("9:00"), "{answer}");
    let now = i64::try_from(bench.sim.clock().now_ms()).unwrap();
    let now = Timestamp::from_millisecond(now).unwrap();
    let there = now.to_zoned(TimeZone::get("America/New_York").unwrap());
    let due = (there + 1.day())
        .with()
        .hour(9)
        .minute(0)
        .second(0)
        .subsec_nanosecond(0);
    let due = due.build().unwrap().timestamp().as_millisecond();
    let scheduled = format!("jobs WHERE kind = 'publish' AND run_at = {due}");
    assert_eq!(bench.count(&scheduled).await, 1);
    // A schedule keeps its moment, which is shown in the new time zone.
    bench
        .configure_group(&group, "/settings timezone default")
        .await;
    assert_eq!(bench.count(&scheduled).await, 1);
    let command = bench.say(&group, "/history").id;
    let history = bench.answer(&command).await;
    assert!(!history.contains(" 9:00"), "{history}");
    bench.finish().await;
}

#[tokio::test]
async fn own_time_zone_applies_to_signatures() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench
        .configure_group(&group, "/settings timezone UTC")
        .await;
    let command = bench.say(&group, "/announce standup").id;
    bench.reaction(&command).await;
    let document = bench.sim.announcement_document(&group).to_string();
    // 09:00 in Asia/Shanghai, the configured zone.
    assert!(document.contains(" · 2026-09-11 01:0"), "{document}");
    bench.finish().await;
}

#[tokio::test]
async fn own_language_applies_to_the_greeting() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench.configure_group(&group, "/settings language zh").await;
    bench.idle().await;
    // The event that would delete the settings is lost.
    bench.sim.change_chat(&group, |chat| chat.bot_in = false);
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    let before = bench.sim.messages(&group).len();
    owner.add_bot().unwrap();
    let greeted = |state: &State| (state.messages(&group).count() > before).then_some(());
    bench.wait("the greeting", greeted).await;
    bench.idle().await;
    let messages = bench.sim.messages(&group);
    assert_eq!(messages.len(), before + 1);
    let greeting = messages.last().unwrap().text();
    assert!(greeting.contains("/置顶"), "{greeting}");
    assert!(!greeting.contains("/pin"), "{greeting}");
    bench.finish().await;
}

#[tokio::test]
async fn own_mode_decides_who_may_pin() {
    let bench = Bench::new().await;
    let (open, closed) = (bench.group(Docx), bench.closed_group());
    bench.configure_group(&open, "/settings mode admins").await;
    let command = bench.say(&open, "/pin announcement").id;
    let answer = bench.answer(&command).await;
    assert!(
        answer.contains("as they have set with /settings"),
        "{answer}"
    );
    let command = bench.say(&open, "/help").id;
    let answer = bench.answer(&command).await;
    assert!(
        answer.contains("as they have set with /settings"),
        "{answer}"
    );
    bench
        .configure_group(&closed, "/settings mode everyone")
        .await;
    let command = bench.say(&closed, "/pin announcement").id;
    assert_eq!(bench.reaction(&command).await, "Pin");
    bench.configure_group(&open, "/settings mode default").await;
    let command = bench.say(&open, "/pin announcement").id;
    assert_eq!(bench.reaction(&command).await, "Pin");
    bench.finish().await;
}

#[tokio::test]
async fn members_may_not_see_or_change_settings() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let shown = bench.say(&group, "/settings").id;
    let answer = bench.answer(&shown).await;
    assert!(
        answer.contains("Only the owner and admins can see"),
        "{answer}"
    );
    // The mode of the group does not open its settings.
    bench.configure_group(&group, "/settings mode anyone").await;
    bench.advance(Duration::from_mins(2));
    let changed = bench.say(&group, "/settings mode admins").id;
    let answer = bench.answer(&changed).await;
    assert!(
        answer.contains("Only the owner and admins can see"),
        "{answer}"
    );
    assert_eq!(bench.count("settings WHERE value = 'anyone'").await, 1);
    let direct = bench.sim.direct_chat(&bench.owner);
    let alone = bench.say_as(&bench.owner, &direct, "/settings language zh");
    let answer = bench.answer(&alone).await;
    assert!(answer.contains("works in groups only"), "{answer}");
    assert_eq!(bench.count("settings").await, 1);
    bench.finish().await;
}

#[tokio::test]
async fn policy_can_open_the_settings() {
    let rules = "[policy.commands.settings]\nmode = 'anyone'";
    let bench = Bench::with(|builder| builder, rules).await;
    let group = bench.group(Docx);
    let command = bench.say(&group, "/settings language zh").id;
    assert_eq!(bench.reaction(&command).await, "DONE");
    bench.finish().await;
}

#[tokio::test]
async fn settings_survive_a_restart() {
    let mut bench = Bench::new().await;
    let (group, other) = (bench.group(Docx), bench.group(Docx));
    bench.configure_group(&group, "/settings language en").await;
    bench
        .configure_group(&group, "/settings timezone Asia/Tokyo")
        .await;
    bench.kill().await;
    let shown = bench.settings(&group).await;
    for line in [
        "**Language**: English (set in this group)",
        "**Timezone**: Asia/Tokyo (set in this group)",
        "**Mode**: as the group's own settings say (default)",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let shown = bench.settings(&other).await;
    assert_eq!(shown.matches("(default)").count(), 5, "{shown}");
    bench.finish().await;
}

#[tokio::test]
async fn changes_of_settings_are_audited() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench.configure_group(&group, "/settings language zh").await;
    bench.configure_group(&group, "/settings language en").await;
    // No change, so nothing to record.
    let same = bench.say_as(&bench.owner, &group, "/settings language en");
    assert!(bench.answer(&same).await.contains("set in this group"));
    let denied = bench.say(&group, "/settings language zh").id;
    bench.answer(&denied).await;
    bench.idle().await;
    // The texts of members are removed after a week.
    bench.advance(Duration::from_hours(24 * 30));
    bench.configure_group(&group, "/settings mode admins").await;
    let lines = bench.audited().await;
    let ends = [
        "settings: done, \"language: default → zh\"",
        "settings: done, \"language: zh → en\"",
        "settings: denied, \"language: en → zh\"",
        "settings: done, \"mode: default → admins\"",
    ];
    assert_eq!(lines.len(), ends.len(), "{lines:?}");
    for (line, end) in lines.iter().zip(ends) {
        assert!(line.ends_with(end), "{line}");
    }
    let owner = bench.owner.open_id.as_str();
    assert!(lines[0].contains(owner), "{}", lines[0]);
    assert!(
        lines[2].contains(bench.member.open_id.as_str()),
        "{}",
        lines[2]
    );
    let command = bench.say(&group, "/history").id;
    let history = bench.answer(&command).await;
    let last = "`Olga` changed a setting: mode, from “default” to “only the owner and admins”";
    assert!(history.contains(last), "{history}");
    // `/undo` is for pins and announcements.
    let command = bench.say_as(&bench.owner, &group, "/undo");
    assert!(bench.answer(&command).await.contains("nothing to undo"));
    bench.finish().await;
}

#[tokio::test]
async fn rules_of_the_file_fix_a_setting() {
    let mut bench = Bench::new().await;
    let group = bench.group(Docx);
    bench.configure_group(&group, "/settings mode admins").await;
    let rules = format!(
        "[policy.chats.{group}]\nmode = 'anyone'\n[policy.chats.{group}.commands.unpin]\nmode = 'group'\n"
    );
    bench.reconfigure(&rules).await;
    let card = bench.settings_card(&group).await;
    let shown = bench.sim.card(&card).to_string();
    for words in [
        "all members (set for this group by the bot's admin)",
        "; “only the owner and admins”, set in this group, has no effect",
        "The bot's admin has other rules for: `/unpin`",
    ] {
        assert!(shown.contains(words), "{shown}");
    }
    let buttons = bench.sim.buttons(&card);
    let of_mode: Vec<_> = buttons.iter().filter(|it| it.starts_with("Mode")).collect();
    assert_eq!(of_mode, [DEFAULT_MODE]);
    let command = bench.say(&group, "/pin announcement").id;
    assert_eq!(bench.reaction(&command).await, "Pin");
    let refused = bench.say_as(&bench.owner, &group, "/settings mode group");
    let answer = bench.answer(&refused).await;
    assert!(answer.contains("in the configuration file"), "{answer}");
    // The value without effect can be removed.
    bench
        .configure_group(&group, "/settings mode default")
        .await;
    assert_eq!(bench.count("settings").await, 0);
    bench.finish().await;
}

#[tokio::test]
async fn buttons_change_settings_with_permission() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let card = bench.settings_card(&group).await;
    let pressed = bench.press(&bench.member, &group, &card, CHINESE).await;
    assert_eq!(pressed, ToastKind::Error);
    assert_eq!(bench.count("settings").await, 0);
    let pressed = bench.press(&bench.owner, &group, &card, CHINESE).await;
    assert_eq!(pressed, ToastKind::Success);
    assert_eq!(bench.count("settings WHERE value = 'zh'").await, 1);
    let shown = bench.sim.card(&card).to_string();
    assert!(shown.contains("**语言**：中文（本群设定）"), "{shown}");
    assert!(
        bench
            .sim
            .buttons(&card)
            .contains(&"语言：默认值".to_owned())
    );
    let pressed = bench
        .press(&bench.owner, &group, &card, "语言：默认值")
        .await;
    assert_eq!(pressed, ToastKind::Success);
    assert_eq!(bench.count("settings").await, 0);
    let pressed = bench
        .press(&bench.owner, &group, &card, "权限：仅群主和群管理员")
        .await;
    assert_eq!(pressed, ToastKind::Success);
    let command = bench.say(&group, "/pin announcement").id;
    assert!(bench.answer(&command).await.contains("as they have set"));
    bench.finish().await;
}

#[tokio::test]
async fn outdated_and_foreign_cards_change_nothing() {
    let bench = Bench::new().await;
    let (group, other) = (bench.group(Docx), bench.group(Docx));
    let card = bench.settings_card(&group).await;
    let foreign = bench.settings_card(&other).await;
    let of_group = value(&bench, &card, ADMINS);
    bench.configure_group(&group, "/settings language zh").await;
    let pressed = bench.press(&bench.owner, &group, &card, ENGLISH).await;
    assert_eq!(pressed, ToastKind::Warning);
    let updated = |state: &State| {
        let shown = state.card(&card).to_string();
        shown.contains("本群设定").then_some(())
    };
    bench.wait("the updated card", updated).await;
    let owner = bench.sim.as_person(&bench.owner).in_chat(&other);
    let pressed = kind(&owner.press_value(&foreign, of_group)).await;
    assert_eq!(pressed, ToastKind::Warning);
    for unknown in [
        json!({ "set": { "chat": other.as_str(), "change": { "setting": "color", "old": null, "new": null } } }),
        json!({ "set": { "chat": other.as_str(), "change": { "setting": "mode", "old": null, "new": { "mode": "all" } } } }),
    ] {
        let unknown = json!({ "noticebot": { "action": unknown, "language": "en" } });
        let pressed = kind(&owner.press_value(&foreign, unknown)).await;
        assert_eq!(pressed, ToastKind::Warning);
    }
    assert_eq!(bench.count("settings").await, 1);
    assert_eq!(bench.count("settings WHERE value = 'zh'").await, 1);
    bench.finish().await;
}

#[tokio::test]
async fn settings_end_when_the_bot_leaves() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench.configure_group(&group, "/settings language zh").await;
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    owner.remove_bot().unwrap().answer().await;
    bench.idle().await;
    assert_eq!(bench.count("settings").await, 0);
    // What was changed stays in the audit.
    let lines = bench.audited().await;
    assert!(
        lines[0].ends_with("\"language: default → zh\""),
        "{lines:?}"
    );
    bench.finish().await;
}
