//! On machines with a wrong clock the bot uses the platform's time.

use std::time::Duration;

use feishu_sim::AnnouncementKind::Docx;
use feishu_sim::{DateHeader, Endpoint, MessageId};

use crate::harness::{Bench, log};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const UTC: &str = "[reply]\ntimezone = \"UTC\"\n[announce]\nsignature = false";

/// A bot on a machine whose clock is ahead.
async fn ahead(seconds: i64) -> Bench {
    let mut bench = Bench::with(|builder| builder, UTC).await;
    bench.set_bot_ahead(seconds);
    // No call may be in flight when a test sets the clock again.
    bench.restart_and_look().await;
    bench.panel_is_free(Duration::ZERO).await;
    bench.sim.clear_calls();
    bench
}

#[tokio::test]
async fn commands_work_with_a_wrong_clock() {
    for seconds in [
        20 * MINUTE,
        -6 * MINUTE,
        -20 * MINUTE,
        9 * HOUR,
        -9 * HOUR,
        400 * 24 * HOUR,
        -(400 * 24 * HOUR),
    ] {
        let bench = ahead(seconds).await;
        let group = bench.group(Docx);
        let said = bench.say(&group, "/pin announcement");
        assert_eq!(said.answer().await.status, 200, "{seconds}");
        assert_eq!(bench.reaction(&said.id).await, "Pin", "{seconds}");
        let off = format!("noticebot_clock_offset_seconds {seconds}");
        let metrics = bench.metrics().await;
        let offset = metrics.lines().find_map(|line| {
            let offset = line.strip_prefix("noticebot_clock_offset_seconds ")?;
            offset.parse::<f64>().ok()
        });
        let difference =
            offset.map(|offset| (offset - f64::from(i32::try_from(seconds).unwrap())).abs());
        assert!(difference.is_some_and(|by| by <= 1.0), "{off}: {offset:?}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn schedule_is_due_by_platform_time() {
    for seconds in [14 * MINUTE, -14 * MINUTE] {
        let bench = ahead(seconds).await;
        let group = bench.group(Docx);
        // It is 01:00.
        let plan = bench.say(&group, "/announce --at 1:03 dinner").id;
        let planned = bench.answer(&plan).await;
        assert!(
            planned.contains("01:03") || planned.contains("1:03"),
            "{planned}"
        );
        bench.advance(Duration::from_mins(2));
        bench.settled().await;
        assert!(bench.sim.announcement_text(&group).is_empty(), "{seconds}");
        bench.advance(Duration::from_secs(70));
        let written = |state: &feishu_sim::State| {
            let text = state.announcement_text(&group);
            (!text.is_empty()).then_some(text)
        };
        let text = bench.wait("the announcement", written).await;
        assert_eq!(text, ["dinner"]);
        bench.settled().await;
        assert!(
            !bench
                .sim
                .answers_to(&plan)
                .iter()
                .any(|said| said.contains("late"))
        );
        bench.finish().await;
    }
}

#[tokio::test]
async fn clock_change_while_running_is_harmless() {
    let right = 0;
    for (before, after) in [
        (right, 20 * MINUTE),
        (20 * MINUTE, -6 * MINUTE),
        (-6 * MINUTE, 9 * HOUR),
        (9 * HOUR, right),
        (right, -20 * MINUTE),
    ] {
        // A new bot, because a bot reads the platform's time at most once a second.
        let bench = ahead(before).await;
        let group = bench.group(Docx);
        bench.set_bot_ahead(after);
        let said = bench.say(&group, "/pin announcement");
        assert_eq!(said.answer().await.status, 200, "{before} {after}");
        assert_eq!(bench.reaction(&said.id).await, "Pin", "{before} {after}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn single_wrong_date_is_ignored() {
    let bench = Bench::with(|builder| builder, UTC).await;
    for date in [
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Fri, 11 Sep 2026 09:00:00 GMT",
        "yesterday",
    ] {
        let group = bench.group(Docx);
        let code = feishu_sim::Foreign::json(400, r#"{"code":230002,"msg":"no"}"#);
        bench
            .sim
            .fault(Endpoint::GetChat, code.with("date", date).into());
        let asked = bench.say(&group, "/pin announcement").id;
        bench.answer(&asked).await;
        let said = bench.say(&group, "/pin announcement");
        assert_eq!(said.answer().await.status, 200, "{date}");
        assert_eq!(bench.reaction(&said.id).await, "Pin", "{date}");
    }
    let metrics = bench.metrics().await;
    assert!(
        !metrics.contains("noticebot_clock_offset_seconds -2"),
        "{metrics}"
    );
    bench.finish().await;
}

#[tokio::test]
async fn without_platform_time_a_day_is_tolerated() {
    let mut bench = Bench::with(|builder| builder, UTC).await;
    bench
        .sim
        .change_behaviour(|behaviour| behaviour.date = DateHeader::Unreadable);
    for (seconds, status) in [
        (-6 * MINUTE, 200),
        (9 * HOUR, 200),
        (25 * HOUR, 401),
        (-25 * HOUR, 401),
    ] {
        bench.set_bot_ahead(seconds);
        bench.restart().await;
        let group = bench.group(Docx);
        let said = bench.say(&group, "hello");
        assert_eq!(said.answer().await.status, status, "{seconds}");
    }
    assert!(log().contains("rejected a request with a valid signature"));
    bench.set_bot_ahead(0);
    bench.finish().await;
}

/// Delivers a message in an event with the current time.
async fn push_as_sent_now(bench: &Bench, message: &MessageId) {
    let mut envelope = bench.sim.envelope_for(message);
    let now = bench.sim.clock().now_ms().to_string();
    envelope["header"]["create_time"] = now.into();
    let sealed = bench.sim.seal(&envelope);
    let answer = bench.sim.push_raw(&sealed.headers, sealed.body).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn age_of_a_late_message_is_its_events() {
    let bench = Bench::with(|builder| builder, UTC).await;
    let group = bench.group(Docx);
    let typed = bench.say_unpushed(&group, "/pin announcement");
    bench.advance(Duration::from_mins(20));
    push_as_sent_now(&bench, &typed).await;
    assert_eq!(bench.reaction(&typed).await, "Pin");
    bench.finish().await;
}

#[tokio::test]
async fn rejected_event_ages_from_its_first_delivery() {
    let bench = Bench::with(|builder| builder, UTC).await;
    let group = bench.group(Docx);
    let broken = bench.break_store().await;
    let said = bench.say(&group, "/pin announcement");
    assert_eq!(said.answer().await.status, 503);
    drop(broken);
    bench.advance(Duration::from_mins(20));
    push_as_sent_now(&bench, &said.id).await;
    let answer = bench.answer(&said.id).await;
    assert!(answer.contains("expired"), "{answer}");
    bench.finish().await;
}

#[tokio::test]
async fn wrong_clock_is_logged_once_an_hour() {
    let warnings = || log().matches("differs from the platform's").count();
    let before = warnings();
    let bench = ahead(20 * MINUTE).await;
    let wait_for = async |count| {
        for _ in 0..2000 {
            if warnings() - before >= count {
                return;
            }
            bench.advance(Duration::from_secs(10));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("reported {} times", warnings() - before);
    };
    wait_for(1).await;
    bench.advance(Duration::from_mins(58));
    bench.settled().await;
    wait_for(2).await;
    bench.finish().await;
}

#[tokio::test]
async fn missing_access_is_logged_at_start() {
    let warnings = || log().matches("could not get an access token").count();
    let mut bench = Bench::new().await;
    bench.set("FEISHU_APP_SECRET", "wrong");
    let before = warnings();
    bench.restart().await;
    let wait_for = async |bench: &Bench, count| {
        for _ in 0..2000 {
            if warnings() - before >= count {
                return;
            }
            bench.advance(Duration::from_secs(5));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("reported {} times", warnings() - before);
    };
    wait_for(&bench, 2).await;
    assert!(log().contains("set `FEISHU_APP_SECRET`"));
    bench.cut_off().await;
}
