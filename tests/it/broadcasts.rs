//! `--to`: one announcement to the groups of a list.

use std::time::Duration;

use feishu_sim::AnnouncementKind::{self, Doc, Docx};
use feishu_sim::{ChatId, Endpoint, Fault, MessageId, State, ToastKind, WhoMay};

use crate::harness::Bench;
use crate::presses::{press, toast};

const UNDO: &str = "Undo all";
const RETRY: &str = "Retry failed groups";

/// A bot that does not sign, with the list `weekly` of these groups.
pub(crate) async fn with_list(groups: impl FnOnce(&Bench) -> Vec<ChatId>) -> (Bench, Vec<ChatId>) {
    let mut bench = Bench::new().await;
    let groups = groups(&bench);
    bench.reconfigure(&list(&groups)).await;
    (bench, groups)
}

pub(crate) fn list(groups: &[ChatId]) -> String {
    let ids: Vec<_> = groups.iter().map(|id| format!("'{id}'")).collect();
    format!(
        "[announce]\nsignature = false\n[groups.weekly]\nchats = [{}]\n",
        ids.join(", ")
    )
}

pub(crate) fn named(bench: &Bench, name: &str, kind: AnnouncementKind) -> ChatId {
    let spec = feishu_sim::ChatSpec::named(name)
        .owner(&bench.owner)
        .member(&bench.member)
        .announcement(kind);
    bench.sim.add_chat(spec)
}

pub(crate) fn three(bench: &Bench) -> Vec<ChatId> {
    vec![
        named(bench, "Ops", Docx),
        named(bench, "Sales", Doc),
        named(bench, "Legal", Docx),
    ]
}

/// Sends a command, and waits until its report says this; returns the card.
async fn reported(bench: &Bench, group: &ChatId, command: &str, words: &str) -> MessageId {
    let command = bench.say(group, command).id;
    report_of(bench, group, &command, words).await
}

pub(crate) async fn report_of(
    bench: &Bench,
    group: &ChatId,
    command: &MessageId,
    words: &str,
) -> MessageId {
    let says = |state: &State| {
        let answer = state.answers_to(command).into_iter().next()?;
        answer.contains(words).then_some(())
    };
    bench.wait(words, says).await;
    let messages = bench.sim.messages(group).into_iter();
    let mut cards = messages.filter(|message| message.text().contains(words));
    cards.next_back().unwrap().id
}

pub(crate) fn announced(bench: &Bench, group: &ChatId, text: &str) -> usize {
    let lines = bench.sim.announcement_text(group).into_iter();
    lines.filter(|line| line == text).count()
}

#[tokio::test]
async fn every_group_of_the_list_gets_the_text() {
    let (bench, groups) = with_list(three).await;
    let [ops, sales, legal] = &groups[..] else {
        unreachable!()
    };
    let card = reported(&bench, ops, "/announce --to weekly lunch", "3 posted").await;
    for group in &groups {
        assert_eq!(announced(&bench, group, "lunch"), 1);
    }
    let text = bench.sim.card(&card).to_string();
    assert!(text.contains("“Ops”, “Sales”, “Legal”"), "{text}");
    assert_eq!(bench.sim.buttons(&card), [UNDO]);
    // Nothing is said in the other groups.
    assert_eq!(bench.sim.messages(sales).len(), 0);
    assert_eq!(bench.sim.messages(legal).len(), 0);
    let history = bench.reply_to(ops, "/history").await;
    assert!(
        history.contains("announced to “weekly”, 3 of 3 groups: “lunch”")
            || history.contains("announced to `weekly`, 3 of 3 groups: `lunch`"),
        "{history}"
    );
    bench.finish().await;
}

#[tokio::test]
async fn undo_reverts_it_in_every_group() {
    let (bench, groups) = with_list(three).await;
    let ops = &groups[0];
    let command = bench.say(ops, "/announce --to weekly lunch").id;
    report_of(&bench, ops, &command, "3 posted").await;
    // The text in this group is a part of the whole.
    let undo = bench.say(ops, "/undo").id;
    assert_eq!(bench.reaction(&undo).await, "DONE");
    report_of(&bench, ops, &command, "3 reverted").await;
    for group in &groups {
        assert_eq!(announced(&bench, group, "lunch"), 0);
    }
    let nothing = bench.reply_to(ops, "/undo").await;
    assert!(nothing.contains("nothing to undo"), "{nothing}");
    bench.finish().await;
}

#[tokio::test]
async fn denied_groups_are_named_and_others_are_posted() {
    let (bench, groups) = with_list(|bench| {
        let closed = bench.spec().edit_permission(WhoMay::OnlyOwner);
        let strangers = feishu_sim::ChatSpec::named("Board").owner(&bench.owner);
        vec![
            named(bench, "Ops", Docx),
            bench.sim.add_chat(closed),
            bench.sim.add_chat(strangers),
        ]
    })
    .await;
    let ops = &groups[0];
    let card = reported(&bench, ops, "/announce --to weekly lunch", "2 failed").await;
    let text = bench.sim.card(&card).to_string();
    assert!(
        text.contains("Only the owner and admins can edit"),
        "{text}"
    );
    // The name of a group is not shown to people outside it.
    assert!(
        text.contains("Only members of the group") && !text.contains("Board"),
        "{text}"
    );
    assert_eq!(announced(&bench, ops, "lunch"), 1);
    assert_eq!(announced(&bench, &groups[1], "lunch"), 0);
    assert_eq!(announced(&bench, &groups[2], "lunch"), 0);
    bench.finish().await;
}

#[tokio::test]
async fn failed_groups_are_retried_by_button() {
    let (bench, groups) = with_list(three).await;
    let ops = &groups[0];
    let set = |who| {
        bench
            .sim
            .change_chat(&groups[2], |chat| chat.edit_permission = who);
    };
    set(WhoMay::OnlyOwner);
    let command = bench.say(ops, "/announce --to weekly lunch").id;
    let card = report_of(&bench, ops, &command, "1 failed").await;
    assert_eq!(bench.sim.buttons(&card), [RETRY, UNDO]);
    set(WhoMay::AllMembers);
    let (kind, words) = toast(&press(&bench, ops, &card, RETRY)).await;
    assert_eq!(
        (kind, words.contains("Trying 1 groups")),
        (ToastKind::Success, true),
        "{words}"
    );
    report_of(&bench, ops, &command, "3 posted").await;
    for group in &groups {
        assert_eq!(announced(&bench, group, "lunch"), 1);
    }
    let (kind, _) = toast(&press(&bench, ops, &card, UNDO)).await;
    assert_eq!(kind, ToastKind::Success);
    report_of(&bench, ops, &command, "3 reverted").await;
    bench.finish().await;
}

/// The names of lists differ in case only, so that a member means both.
#[tokio::test]
async fn lists_of_one_name_are_together_limited() {
    let mut bench = Bench::new().await;
    let ops = bench.group(Docx);
    let lists = |first: usize, second: usize| {
        let ids = |from: usize, count: usize| {
            let ids = (from..from + count).map(|n| format!("'oc_{n}'"));
            ids.collect::<Vec<_>>().join(", ")
        };
        // The lists share a group, which counts once.
        let (upper, lower) = (ids(0, first), ids(first - 1, second));
        format!("[groups.Weekly]\nchats = [{upper}]\n[groups.weekly]\nchats = [{lower}]\n")
    };
    let command = "/announce --to WEEKLY lunch";
    bench.reconfigure(&lists(300, 202)).await;
    let refused = bench.reply_to(&ops, command).await;
    let limit = "“Weekly” has more than 500 groups";
    assert!(refused.contains(limit), "{refused}");
    assert_eq!(bench.count("deliveries").await, 0);
    bench.idle().await;
    bench.reconfigure(&lists(300, 201)).await;
    let command = bench.say(&ops, command).id;
    report_of(&bench, &ops, &command, "waiting").await;
    assert_eq!(bench.count("deliveries").await, 500);
    bench.cut_off().await;
}

#[tokio::test]
async fn unknown_lists_are_refused_with_the_known_ones() {
    let (bench, groups) = with_list(three).await;
    let refused = bench
        .reply_to(&groups[0], "/announce --to wekly lunch")
        .await;
    assert!(refused.contains("Did you mean --to weekly?"), "{refused}");
    bench.finish().await;
}

#[tokio::test]
async fn lost_responses_and_kills_post_once() {
    let (mut bench, groups) = with_list(three).await;
    let ops = &groups[0];
    let command = bench.say(ops, "/announce --to weekly lunch").id;
    for endpoint in [Endpoint::CreateChildren, Endpoint::PatchDocAnnouncement] {
        bench.sim.fault(endpoint, Fault::LoseAnswer);
    }
    for _ in 0..4 {
        bench.advance(Duration::from_millis(300));
        bench.kill().await;
    }
    report_of(&bench, ops, &command, "3 posted").await;
    for group in &groups {
        assert_eq!(announced(&bench, group, "lunch"), 1);
    }
    assert_eq!(bench.sim.read(|state| state.answers_to(&command).len()), 1);
    bench.finish().await;
}

#[tokio::test]
async fn a_scheduled_broadcast_uses_the_list_when_it_is_due() {
    let (mut bench, mut groups) = with_list(three).await;
    let ops = groups[0].clone();
    let command = bench.say(&ops, "/announce --to weekly --at 9:00 lunch").id;
    let scheduled = bench.patient_answer(&command).await;
    assert!(scheduled.contains("weekly"), "{scheduled}");
    groups.push(named(&bench, "New", Docx));
    bench.reconfigure(&list(&groups)).await;
    bench.advance(Duration::from_hours(24));
    let posted = |state: &State| {
        let answers = state.answers_to(&command);
        answers
            .iter()
            .any(|answer| answer.contains("4 posted"))
            .then_some(())
    };
    bench
        .wait_in_steps_of(Duration::from_secs(1), "the report", posted)
        .await;
    for group in &groups {
        assert_eq!(announced(&bench, group, "lunch"), 1);
    }
    bench.finish().await;
}

#[tokio::test]
async fn each_group_reverts_it_when_its_time_is_over() {
    let (bench, groups) = with_list(three).await;
    reported(
        &bench,
        &groups[0],
        "/announce --to weekly --for 1h lunch",
        "3 posted",
    )
    .await;
    bench.advance(Duration::from_hours(1));
    for group in &groups {
        let group = group.clone();
        let gone = move |state: &State| {
            let lines = state.announcement_text(&group);
            (!lines.iter().any(|line| line == "lunch")).then_some(())
        };
        bench.wait("the end", gone).await;
    }
    bench.finish().await;
}
