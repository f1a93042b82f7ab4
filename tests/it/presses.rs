//! Buttons on cards.

use std::time::Duration;

use feishu_sim::AnnouncementKind::Docx;
use feishu_sim::{ChatId, Endpoint, Fault, MessageId, Pressed, Seen, State, ToastKind, TopNotice};
use serde_json::json;

use crate::harness::Bench;

const UNDO: &str = "Undo the last change";
const DROP: &str = "Cancel";

/// A group with one change, and the card of its history.
async fn context() -> (Bench, ChatId, MessageId) {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let command = bench.say(&group, "/pin announcement").id;
    bench.reaction(&command).await;
    let history = card(&bench, &group, "/history").await;
    (bench, group, history)
}

/// The card of the reply to a command.
async fn card(bench: &Bench, group: &ChatId, command: &str) -> MessageId {
    let command = bench.say(group, command).id;
    bench.answer(&command).await;
    bench.sim.messages(group).pop().unwrap().id
}

pub(crate) fn press(bench: &Bench, group: &ChatId, card: &MessageId, label: &str) -> Pressed {
    let member = bench.sim.as_person(&bench.member).in_chat(group);
    member.press(card, label)
}

/// The text of a toast.
pub(crate) async fn toast(pressed: &Pressed) -> (ToastKind, String) {
    match pressed.seen().await {
        Seen::Toast { kind, en_us, .. } => (kind, en_us),
        other => panic!("{other:?}"),
    }
}

async fn shows_it_taken_back(bench: &Bench, card: &MessageId) {
    let changed = |state: &State| {
        let shown = state.card(card).to_string();
        shown.contains("reverted").then_some(())
    };
    bench.wait("the changed card", changed).await;
}

fn text(bench: &Bench, card: &MessageId) -> String {
    bench.sim.card(card).to_string()
}

#[tokio::test]
async fn undo_button_updates_the_card() {
    let (bench, group, history) = context().await;
    assert_eq!(bench.sim.buttons(&history), [UNDO]);
    let (kind, words) = toast(&press(&bench, &group, &history, UNDO)).await;
    assert_eq!(kind, ToastKind::Success);
    assert!(words.contains("Reverted"), "{words}");
    assert_eq!(bench.sim.top_notice(&group), None);
    assert!(text(&bench, &history).contains("reverted"));
    assert!(bench.sim.buttons(&history).is_empty());
    // The bot sent no message.
    let messages = bench.sim.messages(&group).len();
    assert_eq!(messages, 3, "two commands and a card");
    bench.finish().await;
}

#[tokio::test]
async fn double_click_acts_once() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    for command in ["/announce one", "/announce two"] {
        let command = bench.say(&group, command).id;
        bench.reaction(&command).await;
    }
    let history = card(&bench, &group, "/history").await;
    // Announcement writes are rate limited.
    bench.advance(Duration::from_secs(1));
    let pressed = [(); 2].map(|()| press(&bench, &group, &history, UNDO));
    let mut toasts = Vec::new();
    for pressed in &pressed {
        toasts.push(toast(pressed).await);
    }
    // Either may be executed first.
    toasts.sort_by_key(|(kind, _)| *kind != ToastKind::Success);
    assert_eq!(toasts[0].0, ToastKind::Success);
    let (kind, words) = &toasts[1];
    assert_eq!(*kind, ToastKind::Warning);
    assert!(words.contains("already undone"), "{words}");
    assert_eq!(pressed[0].push.again().answer().await.status, 200);
    bench.idle().await;
    let lines = bench.sim.announcement_text(&group);
    assert_eq!(lines[0], "one");
    assert_eq!(lines.len(), 2, "with its signature: {lines:?}");
    // The card offers the change that is now the last one.
    assert_eq!(bench.sim.buttons(&history), [UNDO]);
    bench.finish().await;
}

#[tokio::test]
async fn button_cancels_a_schedule() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let plan = "/announce --at tomorrow 9:00 dinner";
    let planned = card(&bench, &group, plan).await;
    assert_eq!(bench.sim.buttons(&planned), [DROP]);
    let (kind, _) = toast(&press(&bench, &group, &planned, DROP)).await;
    assert_eq!(kind, ToastKind::Success);
    let shown = text(&bench, &planned);
    assert!(shown.contains("Canceled by `Mei`"), "{shown}");
    assert!(bench.sim.buttons(&planned).is_empty());

    let planned = card(&bench, &group, plan).await;
    let history = card(&bench, &group, "/history").await;
    let drop_two = bench.sim.buttons(&history).remove(0);
    assert_eq!(drop_two, "Cancel schedule 2");
    let (kind, _) = toast(&press(&bench, &group, &history, &drop_two)).await;
    assert_eq!(kind, ToastKind::Success);
    assert!(bench.sim.buttons(&history).is_empty());
    let (kind, words) = toast(&press(&bench, &group, &planned, DROP)).await;
    assert_eq!(kind, ToastKind::Warning);
    assert!(words.contains("no such schedule"), "{words}");
    assert!(text(&bench, &planned).contains("already posted or canceled"));
    bench.advance(Duration::from_hours(48));
    bench.idle().await;
    assert!(bench.sim.announcement_text(&group).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn press_needs_permission_and_answers_privately() {
    let bench = Bench::new().await;
    let group = bench.closed_group();
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    let pin = owner.say("/pin announcement").id;
    bench.reaction(&pin).await;
    let history = card(&bench, &group, "/history").await;
    let before = text(&bench, &history);
    for _ in 0..2 {
        let (kind, words) = toast(&press(&bench, &group, &history, UNDO)).await;
        assert_eq!(kind, ToastKind::Error);
        assert!(words.contains("Only the owner"), "{words}");
    }
    assert_eq!(text(&bench, &history), before);
    assert_eq!(bench.sim.top_notice(&group), Some(TopNotice::Announcement));
    // The same button works for a member with the permission.
    let (kind, _) = toast(&owner.press(&history, UNDO)).await;
    assert_eq!(kind, ToastKind::Success);
    assert_eq!(bench.sim.top_notice(&group), None);
    bench.finish().await;
}

#[tokio::test]
async fn unknown_buttons_are_answered() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let first = bench.say(&group, "/announce one").id;
    bench.reaction(&first).await;
    let history = card(&bench, &group, "/history").await;
    let second = bench.say(&group, "/announce two").id;
    bench.reaction(&second).await;
    let (kind, words) = toast(&press(&bench, &group, &history, UNDO)).await;
    assert_eq!(kind, ToastKind::Warning);
    assert!(words.contains("there is a newer one"), "{words}");
    assert!(text(&bench, &history).contains("two"));

    let member = bench.sim.as_person(&bench.member).in_chat(&group);
    let elsewhere = bench.group(Docx);
    let strange = bench.sim.as_person(&bench.member).in_chat(&elsewhere);
    let stolen = bench.sim.card(&history)["body"]["elements"][1]["behaviors"][0]["value"].clone();
    let other = card(&bench, &elsewhere, "/announce --at tomorrow 9:00 x").await;
    let (kind, _) = toast(&strange.press_value(&other, stolen)).await;
    assert_eq!(kind, ToastKind::Warning, "of another chat");
    for foreign in [
        json!({}),
        json!({ "k": "v" }),
        json!({ "noticebot": { "action": "explode" } }),
        json!("undo"),
    ] {
        let (kind, words) = toast(&member.press_value(&history, foreign)).await;
        assert_eq!(kind, ToastKind::Warning);
        assert!(words.contains("no longer works"), "{words}");
    }
    let lines = bench.sim.announcement_text(&group);
    assert_eq!(lines.len(), 4, "{lines:?}");
    bench.finish().await;
}

#[tokio::test]
async fn slow_press_is_acknowledged_then_updates_the_card() {
    let (bench, group, history) = context().await;
    bench
        .sim
        .fault(Endpoint::DeleteTopNotice, Fault::ServerError);
    bench.sim.fault(Endpoint::UpdateCard, Fault::ServerError);
    let (kind, words) = toast(&press(&bench, &group, &history, UNDO)).await;
    assert_eq!(kind, ToastKind::Info);
    assert!(words.contains("update shortly"), "{words}");
    shows_it_taken_back(&bench, &history).await;
    bench.finish().await;
}

#[tokio::test]
async fn late_failure_is_a_reply_to_the_card() {
    let (bench, group, history) = context().await;
    bench
        .sim
        .fault(Endpoint::DeleteTopNotice, Fault::ServerError);
    bench
        .sim
        .fault(Endpoint::DeleteTopNotice, Fault::code(232_009));
    let (kind, _) = toast(&press(&bench, &group, &history, UNDO)).await;
    assert_eq!(kind, ToastKind::Info);
    let answer = bench.answer(&history).await;
    assert!(answer.contains("232009"), "{answer}");
    bench.finish().await;
}

#[tokio::test]
async fn press_survives_a_kill() {
    let (mut bench, group, history) = context().await;
    bench.sim.set_api_down(true);
    let pressed = press(&bench, &group, &history, UNDO);
    let called =
        |state: &State| (state.calls_to(Endpoint::DeleteTopNotice).count() > 0).then_some(());
    bench.wait("the call", called).await;
    bench.kill().await;
    bench.sim.set_api_down(false);
    shows_it_taken_back(&bench, &history).await;
    assert_eq!(bench.sim.top_notice(&group), None);
    drop(pressed);
    bench.finish().await;
}

#[tokio::test]
async fn text_reply_replaces_a_rejected_card() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench
        .sim
        .fault(Endpoint::ReplyMessage, Fault::code(230_099));
    let command = bench.say(&group, "/announce --at tomorrow 9:00 x").id;
    let answer = bench.answer(&command).await;
    assert!(answer.contains("/cancel 1"), "{answer}");
    assert!(!answer.contains(DROP), "{answer}");
    bench.finish().await;
}

#[tokio::test]
async fn late_denials_of_presses_are_throttled() {
    let bench = Bench::new().await;
    let group = bench.closed_group();
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    let pin = owner.say("/pin announcement").id;
    bench.reaction(&pin).await;
    let history = card(&bench, &group, "/history").await;
    // The requests time out before the settings are read again.
    bench.sim.fault(Endpoint::GetChat, Fault::ServerError);
    let pressed = [(); 5].map(|()| press(&bench, &group, &history, UNDO));
    for pressed in &pressed {
        assert_eq!(toast(pressed).await.0, ToastKind::Info);
    }
    bench.idle().await;
    assert_eq!(bench.sim.private_cards(&bench.member).len(), 1);
    assert!(bench.sim.replies_to(&history).is_empty());
    assert_eq!(bench.sim.top_notice(&group), Some(TopNotice::Announcement));
    bench.finish().await;
}

#[tokio::test]
async fn waiting_presses_do_not_block_events() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let command = bench.say(&group, "/pin announcement").id;
    bench.reaction(&command).await;
    let history = card(&bench, &group, "/history").await;
    let elsewhere = bench.group(Docx);
    // The first job is retried later, and all others wait behind it.
    bench
        .sim
        .fault(Endpoint::DeleteTopNotice, Fault::ServerError);
    let pressed = [(); 90].map(|()| press(&bench, &group, &history, UNDO));
    let said = bench.say(&elsewhere, "hello");
    let answer = tokio::time::timeout(Duration::from_secs(1), said.answer());
    assert_eq!(answer.await.unwrap().status, 200);
    for pressed in &pressed {
        assert_eq!(toast(pressed).await.0, ToastKind::Info);
    }
    bench.idle().await;
    assert_eq!(bench.sim.top_notice(&group), None);
    bench.finish().await;
}

#[tokio::test]
async fn press_that_is_given_up_counts_as_dead() {
    let bench = Bench::with(|builder| builder, "worker.give_up_after = '100ms'").await;
    let group = bench.group(Docx);
    let command = bench.say(&group, "/pin announcement").id;
    bench.reaction(&command).await;
    let history = card(&bench, &group, "/history").await;
    bench
        .sim
        .fault(Endpoint::DeleteTopNotice, Fault::ServerError);
    let (kind, words) = toast(&press(&bench, &group, &history, UNDO)).await;
    assert_eq!(kind, ToastKind::Error);
    assert!(words.contains("Could not reach Feishu"), "{words}");
    bench.idle().await;
    let metrics = bench.metrics().await;
    let dead = "noticebot_dead_jobs_total 1";
    assert!(metrics.contains(dead), "{metrics}");
    bench.finish().await;
}

#[tokio::test]
async fn waiting_press_is_answered_at_shutdown() {
    let mut bench = Bench::new().await;
    let group = bench.group(Docx);
    let command = bench.say(&group, "/pin announcement").id;
    bench.reaction(&command).await;
    let history = card(&bench, &group, "/history").await;
    bench
        .sim
        .fault(Endpoint::DeleteTopNotice, Fault::ServerError);
    let pressed = press(&bench, &group, &history, UNDO);
    let called =
        |state: &State| (state.calls_to(Endpoint::DeleteTopNotice).count() > 0).then_some(());
    bench.sim.wait_for("the call", called).await;
    bench.restart().await;
    assert_eq!(toast(&pressed).await.0, ToastKind::Info);
    bench.idle().await;
    assert_eq!(bench.sim.top_notice(&group), None);
    bench.finish().await;
}

#[tokio::test]
async fn press_of_another_tenant_is_denied() {
    let bench = Bench::new().await;
    let guest = bench.sim.add_person_of("another_tenant", "Gus");
    let group = bench.sim.add_chat(bench.spec().member(&guest));
    let pin = bench.say(&group, "/pin announcement").id;
    bench.reaction(&pin).await;
    let history = card(&bench, &group, "/history").await;
    let guest = bench.sim.as_person(&guest).in_chat(&group);
    let (kind, words) = toast(&guest.press(&history, UNDO)).await;
    assert_eq!(kind, ToastKind::Error, "{words}");
    assert_eq!(bench.sim.top_notice(&group), Some(TopNotice::Announcement));
    bench.finish().await;
}

#[tokio::test]
async fn simultaneous_undo_and_press_act_once() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let planned = card(&bench, &group, "/announce --at tomorrow 9:00 x").await;
    let typed = bench.say(&group, "/cancel 1").id;
    let pressed = press(&bench, &group, &planned, DROP);
    let (kind, _) = toast(&pressed).await;
    bench.idle().await;
    let done = bench.sim.reactions(&typed).contains(&"DONE".to_owned());
    assert_ne!(done, kind == ToastKind::Success, "one of them was first");
    let history = bench.say(&group, "/history").id;
    let shown = bench.answer(&history).await;
    assert_eq!(shown.matches("canceled a schedule").count(), 1, "{shown}");
    bench.finish().await;
}
