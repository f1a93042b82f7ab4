//! Events other than messages.

use std::time::Duration;

use feishu_sim::{AnnouncementKind::Docx, ChatId, Endpoint, Fault, MessageId, Push, WhoMay};

use crate::UNAVAILABLE;
use crate::harness::{Bench, log};

const EN: &str = "[reply]\nlanguage = 'en'";

impl Bench {
    fn add_bot(&self, group: &ChatId) -> Push {
        let owner = self.sim.as_person(&self.owner).in_chat(group);
        owner.add_bot().unwrap()
    }

    /// The bot's messages in the group that are not replies.
    fn said(&self, group: &ChatId) -> Vec<String> {
        let messages = self.sim.messages(group);
        let cards = messages
            .iter()
            .filter(|message| message.sender == feishu_sim::Sender::App);
        cards.map(feishu_sim::Message::text).collect()
    }

    /// Waits for the welcome card, and returns its text.
    async fn greeting(&self, group: &ChatId) -> String {
        self.wait("a greeting", |state| {
            let mut cards = state.messages(group);
            cards
                .find(|message| message.msg_type == "interactive")
                .map(feishu_sim::Message::text)
        })
        .await
    }

    async fn pin_for_a_day(&self, group: &ChatId, message: &MessageId) {
        let command = self.reply(group, message, "/pin 1d").id;
        assert_eq!(self.reaction(&command).await, "Pin");
        self.idle().await;
        self.sim.clear_calls();
    }

    /// The reply to `/history`.
    async fn history(&self, group: &ChatId) -> String {
        let asked = self.say(group, "/history").id;
        self.answer(&asked).await
    }
}

#[tokio::test]
async fn group_is_greeted_once_despite_repeated_events() {
    let mut bench = Bench::new().await;
    let group = bench.sim.add_chat(bench.spec().without_bot());
    let push = bench.add_bot(&group);
    assert_eq!(push.answer().await.status, 200);
    let card = bench.greeting(&group).await;
    for words in [
        "`/pin`",
        "`/置顶`",
        "`/announce text`",
        "`/公告 内容`",
        "`/help`",
    ] {
        assert!(card.contains(words), "{card}");
    }
    assert!(
        !card.contains("missing") && !card.contains("还缺"),
        "{card}"
    );
    for _ in 0..2 {
        assert_eq!(push.again().answer().await.status, 200);
        bench.restart().await;
    }
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    owner.remove_bot();
    bench.add_bot(&group).answer().await;
    bench.idle().await;
    assert_eq!(bench.said(&group), [card]);
    assert_eq!(bench.sim.calls_to(Endpoint::CreateMessage).len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn lost_response_does_not_repeat_the_greeting() {
    let bench = Bench::new().await;
    let group = bench.sim.add_chat(bench.spec().without_bot());
    bench.sim.fault(Endpoint::CreateMessage, Fault::LoseAnswer);
    bench.add_bot(&group).answer().await;
    bench.greeting(&group).await;
    // The card changes between the two attempts.
    bench.sim.change_chat(&group, |chat| {
        chat.edit_permission = WhoMay::OnlyOwner;
    });
    bench.idle().await;
    assert_eq!(bench.sim.calls_to(Endpoint::CreateMessage).len(), 2);
    assert_eq!(bench.said(&group).len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn acknowledged_event_survives_a_kill() {
    let mut bench = Bench::new().await;
    let group = bench.sim.add_chat(bench.spec().without_bot());
    bench.sim.set_api_down(true);
    assert_eq!(bench.add_bot(&group).answer().await.status, 200);
    bench.kill().await;
    bench.sim.set_api_down(false);
    bench.greeting(&group).await;
    bench.finish().await;
}

#[tokio::test]
async fn unstored_event_is_not_acknowledged() {
    let bench = Bench::new().await;
    let group = bench.sim.add_chat(bench.spec().without_bot());
    let broken = bench.break_store().await;
    let push = bench.add_bot(&group);
    assert_eq!(push.answer().await.status, UNAVAILABLE);
    drop(broken);
    // The platform redelivers after 15 s.
    bench.advance(Duration::from_secs(16));
    bench.greeting(&group).await;
    bench.finish().await;
}

#[tokio::test]
async fn greeting_names_missing_permissions() {
    let settings = ["im:chat", "im:chat:read", "im:chat:readonly"];
    let bench = Bench::with(|builder| builder, EN).await;
    let closed = WhoMay::OnlyOwner;
    let open = || bench.spec().without_bot();
    for (spec, lacking, words) in [
        (open(), &[][..], &[][..]),
        (
            open().edit_permission(closed),
            &[],
            &["who can edit group info"],
        ),
        (
            open().pin_manage_setting(Some(closed)),
            &[],
            &["who can manage top notices", "the bot is neither"],
        ),
        (
            open()
                .edit_permission(closed)
                .pin_manage_setting(Some(closed))
                .bot_is_admin(),
            &[],
            &[],
        ),
        (
            open().pin_manage_setting(None),
            &[],
            &["Feishu does not report the setting “who can manage top notices”"],
        ),
        (
            open(),
            &["im:chat.announcement:read"],
            &["`im:chat.announcement:read`"],
        ),
        (
            open().edit_permission(closed),
            &settings,
            &["`im:chat`, `im:chat:read"],
        ),
    ] {
        bench.sim.change_app(|app| {
            // Even without this scope, the bot receives the event.
            app.scopes.insert("im:chat.members:bot_access".to_owned());
            app.scopes.insert("im:chat".to_owned());
            app.scopes.insert("im:chat.announcement:read".to_owned());
            app.scopes
                .retain(|scope| !lacking.contains(&scope.as_str()));
        });
        let group = bench.sim.add_chat(spec);
        bench.add_bot(&group).answer().await;
        let card = bench.greeting(&group).await;
        assert_eq!(card.contains("Action needed"), !words.is_empty(), "{card}");
        for words in words {
            assert!(card.contains(words), "{words} in {card}");
        }
        assert!(!card.contains("置顶"), "{card}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn rejected_greeting_is_not_an_error() {
    let bench = Bench::new().await;
    let group = bench.sim.add_chat(bench.spec().without_bot());
    bench
        .sim
        .fault(Endpoint::CreateMessage, Fault::code(230_035));
    bench.add_bot(&group).answer().await;
    bench.idle().await;
    assert!(bench.said(&group).is_empty());
    assert_eq!(bench.sim.calls_to(Endpoint::CreateMessage).len(), 1);
    assert!(log().contains("failed to send the welcome card"));
    let metrics = bench.metrics().await;
    assert!(metrics.contains("noticebot_dead_jobs_total 0"), "{metrics}");
    bench.finish().await;
}

#[tokio::test]
async fn failing_checks_do_not_delay_the_greeting() {
    let bench = Bench::new().await;
    let group = bench.sim.add_chat(bench.spec().without_bot());
    bench
        .sim
        .rate_limit(Endpoint::GetDocxAnnouncement, Duration::from_mins(5));
    let start = bench.sim.clock().now_ms();
    bench.add_bot(&group).answer().await;
    let card = bench.greeting(&group).await;
    assert!(!card.contains("Action needed"), "{card}");
    assert!(bench.sim.clock().now_ms() - start < 60_000);
    bench.finish().await;
}

#[tokio::test]
async fn group_that_the_bot_left_is_not_greeted() {
    let bench = Bench::new().await;
    let group = bench.sim.add_chat(bench.spec().without_bot());
    bench.sim.set_api_down(true);
    bench.add_bot(&group).answer().await;
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    owner.remove_bot().unwrap().answer().await;
    bench.sim.set_api_down(false);
    bench.idle().await;
    assert!(bench.said(&group).is_empty());
    assert!(bench.sim.calls_to(Endpoint::CreateMessage).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn leaving_a_group_deletes_its_schedules_and_texts() {
    for dissolved in [false, true] {
        let bench = Bench::new().await;
        let (group, other) = (bench.group(Docx), bench.group(Docx));
        for place in [&group, &other] {
            let message = bench.say(place, "dinner at seven").id;
            bench.pin_for_a_day(place, &message).await;
        }
        let changes = "changes WHERE coalesce(before, after) IS NOT NULL";
        let commands = "jobs WHERE payload <> ''";
        let plans = "jobs WHERE kind = 'expire' AND state = 'ready'";
        let kept = async || {
            let texts = bench.count(changes).await + bench.count(commands).await;
            (texts, bench.count(plans).await)
        };
        assert_eq!(kept().await, (4, 2));
        let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
        let push = if dissolved {
            owner.disband()
        } else {
            owner.remove_bot()
        };
        assert_eq!(push.unwrap().answer().await.status, 200);
        bench.idle().await;
        assert_eq!(kept().await, (2, 1));
        let looks = bench.sim.calls_to(Endpoint::GetChat).len();
        assert_eq!(
            bench.sim.calls().len(),
            looks,
            "{}",
            bench.sim.conversation()
        );
        let history = bench.history(&other).await;
        assert!(history.contains("Scheduled"), "{history}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn late_removal_event_keeps_schedules() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    let late = owner.remove_bot().unwrap();
    bench.sim.change_chat(&group, |chat| chat.bot_in = true);
    let message = bench.say(&group, "dinner at seven").id;
    bench.pin_for_a_day(&group, &message).await;
    assert_eq!(late.answer().await.status, 200);
    let history = bench.history(&group).await;
    assert!(history.contains("Scheduled"), "{history}");
    bench.finish().await;
}

#[tokio::test]
async fn an_unreadable_group_keeps_its_schedules() {
    let bench = Bench::new().await;
    for fault in [
        Fault::LoseAnswer,
        Fault::ServerError,
        Fault::NotJson,
        Fault::code(99_991_400),
        Fault::code(232_025),
        Fault::code(99_991_672),
    ] {
        let group = bench.group(Docx);
        let message = bench.say(&group, "dinner at seven").id;
        bench.pin_for_a_day(&group, &message).await;
        let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
        let late = owner.remove_bot().unwrap();
        bench.sim.change_chat(&group, |chat| chat.bot_in = true);
        bench.sim.fault(Endpoint::GetChat, fault.clone());
        assert_eq!(late.answer().await.status, 200);
        bench.idle().await;
        let history = bench.history(&group).await;
        assert!(history.contains("Scheduled"), "{fault:?}: {history}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn unreachable_platform_ends_no_schedules() {
    let bench = Bench::with(|builder| builder, "[worker]\ngive_up_after = \"30s\"").await;
    let group = bench.group(Docx);
    let message = bench.say(&group, "dinner at seven").id;
    bench.pin_for_a_day(&group, &message).await;
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    bench.sim.set_api_down(true);
    assert_eq!(owner.remove_bot().unwrap().answer().await.status, 200);
    bench.idle_in_steps_of(Duration::from_secs(1)).await;
    bench.sim.set_api_down(false);
    assert_eq!(
        bench
            .count("jobs WHERE kind = 'expire' AND state = 'ready'")
            .await,
        1
    );
    bench.finish().await;
}

#[tokio::test]
async fn outside_group_error_ends_schedules() {
    for code in [232_009, 232_011] {
        let bench = Bench::new().await;
        let group = bench.group(Docx);
        let message = bench.say(&group, "dinner at seven").id;
        bench.pin_for_a_day(&group, &message).await;
        let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
        bench.sim.fault(Endpoint::GetChat, Fault::code(code));
        assert_eq!(owner.remove_bot().unwrap().answer().await.status, 200);
        bench.idle().await;
        let plans = "jobs WHERE kind = 'expire' AND state = 'ready'";
        assert_eq!(bench.count(plans).await, 0, "{code}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn rejoining_a_group_clears_its_caches() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let pin = bench.say(&group, "/pin announcement").id;
    bench.reaction(&pin).await;
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    owner.remove_bot().unwrap().answer().await;
    bench.idle().await;
    bench.sim.change_chat(&group, |chat| {
        chat.bot_in = true;
        chat.edit_permission = WhoMay::OnlyOwner;
        chat.pin_manage_setting = Some(WhoMay::OnlyOwner);
    });
    let denied = bench.say(&group, "/pin announcement").id;
    let answer = bench.answer(&denied).await;
    assert!(answer.contains("who can manage top notices"), "{answer}");
    bench.finish().await;
}

#[tokio::test]
async fn recalled_message_is_no_longer_pinned() {
    let bench = Bench::with(|builder| builder, EN).await;
    let group = bench.group(Docx);
    let pinned = bench.say(&group, "dinner at seven").id;
    let other = bench.say(&group, "or at eight").id;
    bench.pin_for_a_day(&group, &pinned).await;
    let member = bench.sim.as_person(&bench.member).in_chat(&group);
    member.recall(&other).unwrap().answer().await;
    let history = bench.history(&group).await;
    assert!(!history.contains("recalled"), "{history}");
    assert!(history.contains("Scheduled"), "{history}");

    let push = member.recall(&pinned).unwrap();
    assert_eq!(push.answer().await.status, 200);
    push.again().answer().await;
    let history = bench.history(&group).await;
    let recalls = history.matches("the pinned message was recalled").count();
    assert_eq!(recalls, 1, "{history}");
    assert!(!history.contains("Scheduled"), "{history}");
    let touched = [Endpoint::PutTopNotice, Endpoint::DeleteTopNotice];
    for endpoint in touched {
        assert!(bench.sim.calls_to(endpoint).is_empty());
    }
    bench.finish().await;
}

#[tokio::test]
async fn recall_of_an_unpinned_message_changes_nothing() {
    let bench = Bench::with(|builder| builder, EN).await;
    let group = bench.group(Docx);
    let first = bench.say(&group, "dinner at seven").id;
    let second = bench.say(&group, "or at eight").id;
    let member = bench.sim.as_person(&bench.member).in_chat(&group);
    bench.pin_for_a_day(&group, &first).await;
    bench.pin_for_a_day(&group, &second).await;
    member.recall(&first).unwrap().answer().await;
    let unpin = bench.say(&group, "/unpin").id;
    bench.reaction(&unpin).await;
    member.recall(&second).unwrap().answer().await;
    let history = bench.history(&group).await;
    assert!(!history.contains("recalled"), "{history}");
    bench.finish().await;
}
