//! Announcements that are posted again and again.

use std::time::Duration;

use feishu_sim::AnnouncementKind::{Doc, Docx};
use feishu_sim::{ChatId, Endpoint, MessageId, Seen, State, ToastKind, WhoMay};
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::harness::Bench;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

impl Bench {
    /// The platform's time.
    pub(crate) fn now(&self) -> Timestamp {
        let now = i64::try_from(self.sim.clock().now_ms()).unwrap();
        Timestamp::from_millisecond(now).unwrap()
    }

    /// Advances the clocks to a moment in the future.
    fn advance_to(&self, moment: Timestamp) {
        let by = moment.duration_since(self.now());
        self.advance(by.unsigned_abs());
    }

    /// Schedules an announcement, and returns its command.
    async fn repeat(&self, group: &ChatId, command: &str) -> MessageId {
        let command = self.say(group, command).id;
        let answer = self.answer(&command).await;
        assert!(answer.contains("every"), "{answer}");
        self.idle().await;
        command
    }

    /// Waits until the announcement has exactly these lines, each at least in part.
    async fn shows(&self, group: &ChatId, lines: &[&str]) {
        let shown = |state: &State| {
            let text = state.announcement_text(group);
            let fits = text.len() == lines.len()
                && text
                    .iter()
                    .zip(lines)
                    .all(|(line, part)| line.contains(part));
            fits.then_some(())
        };
        let what = format!("{lines:?}");
        self.wait(&what, shown).await;
    }

    /// Waits for a reply to a message that contains these words.
    async fn told(&self, message: &MessageId, words: &str) -> String {
        let told = |state: &State| {
            let answers = state.answers_to(message).into_iter();
            answers
                .into_iter()
                .find(|answer| answer.contains(words))
                .clone()
        };
        self.wait(words, told).await
    }

    async fn listed(&self, group: &ChatId) -> String {
        let command = self.say(group, "/history").id;
        self.answer(&command).await
    }
}

/// The first run is on the next day at 9:00 in Shanghai: a bench starts in the morning.
const DAILY: &str = "/announce --every day 9:00 standup";

#[tokio::test]
async fn each_run_replaces_the_entry_before() {
    for kind in [Doc, Docx] {
        let mut bench = Bench::new().await;
        let group = bench.group(kind);
        let command = bench.say(&group, DAILY).id;
        let answer = bench.answer(&command).await;
        assert!(answer.contains("every day at 9:00"), "{answer}");
        let history = bench.listed(&group).await;
        assert!(history.contains("every day at 9:00"), "{history}");
        bench.idle().await;
        let mut texts = Vec::new();
        for _ in 0..3 {
            bench.advance(DAY);
            let shown = |state: &State| {
                let text = state.announcement_text(&group);
                (text.len() == 2 && !texts.contains(&text)).then_some(text)
            };
            let text = bench.wait("the next run", shown).await;
            assert_eq!(text[0], "standup");
            texts.push(text);
            bench.settled().await;
            bench.restart().await;
        }
        let history = bench.listed(&group).await;
        assert!(!history.contains("removed on expiry"), "{history}");
        assert_eq!(bench.sim.answers_to(&command).len(), 1);
        bench.finish().await;
    }
}

#[tokio::test]
async fn an_edited_entry_stays() {
    for kind in [Doc, Docx] {
        let bench = Bench::new().await;
        let group = bench.group(kind);
        let command = bench.repeat(&group, DAILY).await;
        bench.advance(DAY);
        bench.shows(&group, &["standup", "Mei"]).await;
        bench.settled().await;
        let member = bench.sim.as_person(&bench.member).in_chat(&group);
        member.edit_announcement(["standup at ten"]);
        bench.advance(DAY);
        bench
            .shows(&group, &["standup", "Mei", "standup at ten"])
            .await;
        bench.settled().await;
        bench.advance(DAY);
        bench
            .shows(&group, &["standup", "Mei", "standup at ten"])
            .await;
        bench.settled().await;
        // Nobody needs to hear of it.
        assert_eq!(bench.sim.answers_to(&command).len(), 1);
        bench.finish().await;
    }
}

#[tokio::test]
async fn without_the_permission_a_series_pauses_until_it_is_resumed() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let command = bench.repeat(&group, DAILY).await;
    bench.sim.change_chat(&group, |chat| {
        chat.edit_permission = WhoMay::OnlyOwner;
        chat.bot_is_manager = true;
    });
    bench.advance(DAY);
    let told = bench.told(&command, "Only the owner").await;
    assert!(told.contains("/resume 1"), "{told}");
    for _ in 0..3 {
        bench.advance(DAY);
        bench.settled().await;
    }
    assert_eq!(bench.sim.answers_to(&command).len(), 2, "told once");
    let history = bench.listed(&group).await;
    assert!(history.contains("paused: no permission"), "{history}");
    // Its author still lacks it.
    let denied = bench.say(&group, "/resume 1").id;
    let denied = bench.answer(&denied).await;
    assert!(denied.contains("Only the owner"), "{denied}");
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    let resumed = owner.say("/resume 1").id;
    let resumed = bench.answer(&resumed).await;
    assert!(resumed.contains("Resumed"), "{resumed}");
    bench.idle().await;
    // From now on, the owner's permission counts.
    for _ in 0..2 {
        bench.advance(DAY);
        bench.shows(&group, &["standup", "Mei"]).await;
        bench.settled().await;
    }
    assert_eq!(bench.sim.answers_to(&command).len(), 2);
    bench.finish().await;
}

#[tokio::test]
async fn a_series_whose_author_has_left_pauses() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let command = bench.repeat(&group, DAILY).await;
    let member = bench.member.clone();
    bench.sim.change_chat(&group, |chat| {
        chat.members
            .retain(|person| person.open_id != member.open_id);
    });
    bench.advance(DAY);
    let told = bench.told(&command, "Only members of the group").await;
    assert!(told.contains("/resume 1"), "{told}");
    assert!(bench.sim.announcement_text(&group).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn members_pause_resume_edit_and_cancel_a_series() {
    let mut bench = Bench::new().await;
    let group = bench.group(Docx);
    let command = bench.repeat(&group, DAILY).await;
    bench.advance(DAY);
    bench.shows(&group, &["standup", "Mei"]).await;
    bench.settled().await;
    let say = async |text: &str| {
        let command = bench.say(&group, text).id;
        bench.reaction(&command).await
    };
    assert_eq!(say("/pause 1").await, "DONE");
    let again = bench.reply_to(&group, "/pause 1").await;
    assert!(again.contains("paused already"), "{again}");
    assert_eq!(say("/edit 1 meeting").await, "DONE");
    bench.idle().await;
    bench.restart().await;
    bench.advance(DAY);
    bench.idle().await;
    bench.shows(&group, &["standup", "Mei"]).await;
    let resumed = bench.reply_to(&group, "/resume 1").await;
    assert!(resumed.contains("9:00"), "{resumed}");
    let again = bench.reply_to(&group, "/resume 1").await;
    assert!(again.contains("not paused"), "{again}");
    bench.idle().await;
    bench.advance(DAY);
    bench.shows(&group, &["meeting", "Mei"]).await;
    bench.settled().await;
    let cancel = bench.say(&group, "/cancel 1").id;
    assert_eq!(bench.reaction(&cancel).await, "DONE");
    bench.advance(DAY * 2);
    bench.idle().await;
    bench.shows(&group, &["meeting", "Mei"]).await;
    // Now the number is that of its last entry.
    let edit = bench.say(&group, "/edit 1 party").id;
    assert_eq!(bench.reaction(&edit).await, "DONE");
    bench.shows(&group, &["party", "Mei"]).await;
    let gone = bench.reply_to(&group, "/pause 1").await;
    assert!(gone.contains("no such schedule"), "{gone}");
    // A reply to its command means the same entry.
    let edit = bench.reply(&group, &command, "/edit dinner").id;
    assert_eq!(bench.reaction(&edit).await, "DONE");
    bench.shows(&group, &["dinner", "Mei"]).await;
    bench.finish().await;
}

#[tokio::test]
async fn a_single_schedule_cannot_be_paused() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench
        .reply_to(&group, "/announce --at tomorrow 9:00 dinner")
        .await;
    for command in ["/pause 1", "/resume 1"] {
        let answer = bench.reply_to(&group, command).await;
        assert!(answer.contains("only once"), "{answer}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn buttons_pause_and_resume_a_series() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench.repeat(&group, DAILY).await;
    bench.listed(&group).await;
    let card = bench.sim.messages(&group).pop().unwrap().id;
    // The card names the run before.
    bench.advance(DAY);
    bench.shows(&group, &["standup", "Mei"]).await;
    bench.idle().await;
    let member = bench.sim.as_person(&bench.member).in_chat(&group);
    let press = async |label: &str| match member.press(&card, label).seen().await {
        Seen::Toast { kind, .. } => kind,
        seen => panic!("{seen:?}"),
    };
    assert_eq!(press("Pause schedule 1").await, ToastKind::Success);
    let shown = bench.sim.card(&card).to_string();
    assert!(shown.contains("paused"), "{shown}");
    assert_eq!(press("Resume schedule 1").await, ToastKind::Success);
    assert_eq!(press("Cancel schedule 1").await, ToastKind::Success);
    bench.advance(DAY * 3);
    bench.idle().await;
    bench.shows(&group, &["standup", "Mei"]).await;
    bench.finish().await;
}

#[tokio::test]
async fn missed_runs_collapse_into_one() {
    let mut bench = Bench::new().await;
    let group = bench.group(Docx);
    let command = bench.repeat(&group, DAILY).await;
    let shanghai = TimeZone::get("Asia/Shanghai").unwrap();
    // An hour after the third run, then a day and 20 hours after another.
    let third = bench.now().to_zoned(shanghai.clone()).date() + 3.days();
    let late = third.at(10, 0, 0, 0).to_zoned(shanghai.clone()).unwrap();
    let away = late.timestamp().duration_since(bench.now()).unsigned_abs();
    bench.kill_and_stay_away(away).await;
    let told = bench.told(&command, "late").await;
    assert!(told.contains("9:00"), "{told}");
    bench.shows(&group, &["standup", "Mei"]).await;
    bench.settled().await;
    bench.kill_and_stay_away(DAY + 20 * HOUR).await;
    let told = bench.told(&command, "too late").await;
    assert!(told.contains("continues"), "{told}");
    assert_eq!(bench.sim.answers_to(&command).len(), 3);
    bench.idle().await;
    bench.advance(DAY);
    bench.settled().await;
    bench.shows(&group, &["standup", "Mei"]).await;
    bench.finish().await;
}

#[tokio::test]
async fn kills_repeat_and_lose_no_run() {
    for kind in [Doc, Docx] {
        let mut bench = Bench::new().await;
        let group = bench.group(kind);
        bench.repeat(&group, DAILY).await;
        // After one more call in each run.
        for calls in 1..8 {
            let before = bench.sim.calls().len();
            let shown = bench.sim.announcement_text(&group);
            bench.advance(DAY);
            let called = |state: &State| (state.calls().len() >= before + calls).then_some(());
            bench.wait("the calls", called).await;
            bench.kill().await;
            let next = |state: &State| {
                let text = state.announcement_text(&group);
                (text.len() == 2 && text != shown).then_some(())
            };
            bench.wait("the next run", next).await;
            // The text may be that of the killed bot, whose run the next one has to end.
            let runs = async || bench.count("changes WHERE job_kind = 'publish'").await;
            let expected = i64::try_from(calls).unwrap();
            let ended = async {
                while runs().await < expected {
                    bench.advance(Duration::from_millis(100));
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            };
            let ended = tokio::time::timeout(Duration::from_secs(30), ended).await;
            assert!(ended.is_ok(), "the run was lost");
            bench.idle().await;
            assert_eq!(runs().await, expected);
        }
        bench.finish().await;
    }
}

#[tokio::test]
async fn a_series_ends_with_its_group() {
    for paused in [false, true] {
        let bench = Bench::new().await;
        let group = bench.group(Docx);
        bench.repeat(&group, DAILY).await;
        if paused {
            let pause = bench.say(&group, "/pause 1").id;
            bench.reaction(&pause).await;
        }
        let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
        assert_eq!(owner.disband().unwrap().answer().await.status, 200);
        bench.idle().await;
        let left = bench
            .count("jobs WHERE kind = 'publish' AND state <> 'done'")
            .await;
        assert_eq!(left, 0);
        bench.finish().await;
    }
}

#[tokio::test]
async fn failures_pause_a_series() {
    let bench = Bench::with(|builder| builder, "[worker]\ngive_up_after = '10s'").await;
    let group = bench.group(Docx);
    let command = bench.repeat(&group, DAILY).await;
    bench.sim.rate_limit(Endpoint::CreateChildren, DAY * 10);
    for answers in 2..=4 {
        bench.advance(DAY);
        let told = |state: &State| (state.answers_to(&command).len() == answers).then_some(());
        bench
            .wait_in_steps_of(Duration::from_secs(1), "the reply", told)
            .await;
    }
    let last = bench.sim.answers_to(&command).pop().unwrap();
    assert!(last.contains("paused"), "{last}");
    bench.advance(DAY * 2);
    bench.settled().await;
    assert_eq!(bench.sim.answers_to(&command).len(), 4);
    let history = bench.listed(&group).await;
    assert!(history.contains("failed repeatedly"), "{history}");
    bench.finish().await;
}

#[tokio::test]
async fn a_notice_can_recur() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench
        .repeat(&group, "/notice --every day 9:00 standup")
        .await;
    let mut tops = Vec::new();
    for _ in 0..2 {
        bench.advance(DAY);
        let pinned = |state: &State| {
            let top = state.top_notice(&group).cloned();
            top.filter(|top| !tops.contains(top))
        };
        let top = bench.wait("the next card", pinned).await;
        tops.push(top);
        bench.settled().await;
    }
    bench.finish().await;
}

#[tokio::test]
async fn a_run_with_a_duration_ends_before_the_next() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench
        .repeat(&group, "/announce --every day 9:00 --for 2h standup")
        .await;
    for _ in 0..2 {
        bench.advance(21 * HOUR);
        bench.settled().await;
        let shown = |state: &State| (state.announcement_text(&group).len() == 2).then_some(());
        bench
            .wait_in_steps_of(Duration::from_mins(10), "the run", shown)
            .await;
        let gone = |state: &State| state.announcement_text(&group).is_empty().then_some(());
        bench
            .wait_in_steps_of(Duration::from_mins(10), "its end", gone)
            .await;
    }
    // The number means the series, not the end of an entry.
    let cancel = bench.say(&group, "/cancel 1").id;
    assert_eq!(bench.reaction(&cancel).await, "DONE");
    bench.idle().await;
    assert_eq!(
        bench
            .count("jobs WHERE kind = 'publish' AND state = 'ready'")
            .await,
        0
    );
    bench.finish().await;
}

/// A rule in a group with a time zone, and its times in a year.
struct Yearly {
    group: ChatId,
    times: Vec<Timestamp>,
}

/// The first valid moment of the local time.
fn local(zone: &TimeZone, day: Date, (hour, minute): (i8, i8)) -> Timestamp {
    let mut time = day.at(hour, minute, 0, 0);
    loop {
        let moment = zone.to_ambiguous_timestamp(time);
        if !matches!(moment.offset(), jiff::tz::AmbiguousOffset::Gap { .. }) {
            return moment.earlier().unwrap();
        }
        time += 1.minute();
    }
}

/// A zone, a rule, on which days it applies, and its local time.
type Rule = (&'static str, &'static str, fn(Date) -> bool, (i8, i8));

const RULES: [Rule; 3] = [
    ("America/New_York", "day 2:30", |_| true, (2, 30)),
    (
        "Europe/Berlin",
        "sun 2:30",
        |day| day.weekday() == Weekday::Sunday,
        (2, 30),
    ),
    (
        "Asia/Shanghai",
        "month last 18:00",
        |day| day == day.last_of_month(),
        (18, 0),
    ),
];

impl Yearly {
    async fn begin(bench: &Bench, (zone, rule, has, time): Rule) -> Self {
        let group = bench.group(Docx);
        let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
        let set = owner.say(format!("/settings timezone {zone}")).id;
        bench.reaction(&set).await;
        let command = format!("/announce --every {rule} standup");
        bench.repeat(&group, &command).await;
        let zone = TimeZone::get(zone).unwrap();
        let first = bench.now().to_zoned(zone.clone()).date();
        let days = (0..366).map(|days| first + days.days());
        let times = days
            .filter(|day| has(*day))
            .map(|day| local(&zone, day, time));
        let now = bench.now();
        let times = times.filter(|time| *time > now).collect();
        Self { group, times }
    }

    /// The run at this time, which is over when the function returns.
    async fn run(&self, bench: &Bench, time: Timestamp, before: u64) {
        if bench.now() < time {
            bench.advance_to(time);
        }
        // The first run replaces nothing.
        let writes = if self.times.first() == Some(&time) {
            1
        } else {
            2
        };
        let written = |state: &State| {
            let is_written = state.announcement_revision(&self.group) >= before + writes;
            (is_written && state.announcement_text(&self.group).len() == 2).then_some(())
        };
        bench.wait("the run", written).await;
        bench.settled().await;
        let made = format!(
            "changes WHERE job_kind = 'publish' AND made_at >= {} AND made_at < {}",
            time.as_millisecond(),
            (time + 2.minutes()).as_millisecond(),
        );
        assert_eq!(bench.count(&made).await, 1, "at {time}");
    }
}

#[tokio::test]
async fn a_year_in_three_time_zones() {
    // It counts the changes of a year.
    let mut bench = Bench::with(|builder| builder, "[audit]\nkeep_days = 400").await;
    let mut series = Vec::new();
    for rule in RULES {
        series.push(Yearly::begin(&bench, rule).await);
    }
    let mut runs = Vec::new();
    for yearly in &series {
        runs.extend(yearly.times.iter().map(|time| (*time, yearly)));
    }
    runs.sort_by_key(|(time, _)| *time);
    assert!(runs.len() > 420, "{}", runs.len());
    for (number, (time, yearly)) in runs.iter().enumerate() {
        let before = bench.sim.announcement_revision(&yearly.group);
        let early = bench.count("changes WHERE job_kind = 'publish'").await;
        assert_eq!(early, i64::try_from(number).unwrap(), "before {time}");
        match number % 40 {
            7 => bench.restart().await,
            // The bot is down when the run is due.
            21 => {
                let away = time.duration_since(bench.now()).unsigned_abs();
                let away = away + Duration::from_secs(30);
                bench.kill_and_stay_away(away).await;
            }
            _ => {}
        }
        yearly.run(&bench, *time, before).await;
    }
    // One of the times of the year was in a gap.
    let zone = TimeZone::get("America/New_York").unwrap();
    let hours = series[0]
        .times
        .iter()
        .map(|time| time.to_zoned(zone.clone()).hour());
    assert_eq!(hours.filter(|hour| *hour == 3).count(), 1);
    bench.finish().await;
}
