//! Reactions that pin a message.

use std::time::Duration;

use feishu_sim::AnnouncementKind::Docx;
use feishu_sim::{ChatId, Endpoint, Fault, InChat, MessageId, Person, PrivateCard, TopNotice};

use crate::harness::Bench;

const ON: &str = "[pin]\nby_reaction = true";

impl Bench {
    /// A bot with a group that pins by reactions.
    async fn with_reaction_pins() -> (Self, ChatId) {
        let bench = Self::new().await;
        let group = bench.group(Docx);
        bench.switch_reaction_pins(&group, "on").await;
        bench.sim.clear_calls();
        (bench, group)
    }

    async fn switch_reaction_pins(&self, group: &ChatId, to: &str) {
        let text = format!("/settings reaction pins {to}");
        let owner = self.sim.as_person(&self.owner).in_chat(group);
        let command = owner.say(text).id;
        assert_eq!(self.reaction(&command).await, "DONE");
        self.idle().await;
    }

    fn here(&self, person: &Person, group: &ChatId) -> InChat {
        self.sim.as_person(person).in_chat(group)
    }

    /// A message of the owner that is no command.
    fn words(&self, group: &ChatId) -> MessageId {
        self.here(&self.owner, group).say("lunch at noon").id
    }

    /// The member adds the reaction, and the bot finishes its work.
    async fn react(&self, group: &ChatId, message: &MessageId) {
        self.react_as(&self.member, group, message).await;
    }

    async fn react_as(&self, person: &Person, group: &ChatId, message: &MessageId) {
        let pushed = self.here(person, group).react(message, "Pin");
        assert_eq!(pushed.unwrap().answer().await.status, 200);
        self.idle().await;
    }

    fn pinned(&self, group: &ChatId) -> Option<MessageId> {
        match self.sim.top_notice(group)? {
            TopNotice::Message(message) => Some(message),
            TopNotice::Announcement => None,
        }
    }

    fn puts(&self) -> usize {
        self.sim.calls_to(Endpoint::PutTopNotice).len()
    }

    async fn reaction_jobs(&self) -> i64 {
        self.count("jobs WHERE kind IN ('reaction', 'reaction_pin')")
            .await
    }

    fn cards_for(&self, person: &Person) -> Vec<String> {
        let cards = self.sim.private_cards(person);
        cards.iter().map(PrivateCard::text).collect()
    }
}

#[tokio::test]
async fn a_reaction_pins_like_the_command() {
    let (bench, group) = Bench::with_reaction_pins().await;
    let (first, second) = (bench.words(&group), bench.words(&group));
    bench.react(&group, &first).await;
    assert_eq!(bench.pinned(&group).as_ref(), Some(&first));
    assert_eq!(bench.sim.reactions(&first), ["Pin"]);
    bench.react(&group, &second).await;
    assert_eq!(bench.pinned(&group).as_ref(), Some(&second));
    let command = bench.say(&group, "/history").id;
    let history = bench.answer(&command).await;
    assert_eq!(
        history.matches("`Mei` pinned a message").count(),
        2,
        "{history}"
    );
    let command = bench.say(&group, "/undo").id;
    let undone = bench.answer(&command).await;
    assert!(
        undone.contains("the previous message is pinned"),
        "{undone}"
    );
    assert_eq!(bench.pinned(&group).as_ref(), Some(&first));
    // Undone, it can be pinned again.
    let member = bench.here(&bench.member, &group);
    member.take_off(&second, "Pin");
    bench.advance(Duration::from_secs(1));
    bench.react(&group, &second).await;
    assert_eq!(bench.pinned(&group).as_ref(), Some(&second));
    bench.finish().await;
}

#[tokio::test]
async fn reactions_cost_nothing_where_off() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let message = bench.words(&group);
    bench.react(&group, &message).await;
    assert_eq!(bench.reaction_jobs().await, 0);
    // Another group wants them, so the message has to be read.
    let other = bench.group(Docx);
    bench.switch_reaction_pins(&other, "on").await;
    bench.sim.clear_calls();
    let second = bench.words(&group);
    bench.react(&group, &second).await;
    assert_eq!(bench.sim.calls_to(Endpoint::GetMessage).len(), 1);
    assert_eq!(bench.count("jobs WHERE kind = 'reaction_pin'").await, 0);
    let member = bench.here(&bench.member, &group);
    for emoji in ["THUMBSUP", "DONE", "pin"] {
        let pushed = member.react(&message, emoji);
        assert_eq!(pushed.unwrap().answer().await.status, 200);
    }
    bench.switch_reaction_pins(&other, "default").await;
    let third = bench.words(&group);
    bench.react(&group, &third).await;
    assert_eq!(bench.reaction_jobs().await, 1);
    assert_eq!(bench.puts(), 0);
    bench.finish().await;
}

#[tokio::test]
async fn groups_override_the_configured_default() {
    let bench = Bench::with(|builder| builder, ON).await;
    let (group, other) = (bench.group(Docx), bench.group(Docx));
    bench.switch_reaction_pins(&other, "off").await;
    for (group, expected) in [(&group, true), (&other, false)] {
        let message = bench.words(group);
        bench.react(group, &message).await;
        assert_eq!(bench.pinned(group).is_some(), expected);
    }
    bench.finish().await;
}

#[tokio::test]
async fn repeated_reactions_pin_once() {
    let (mut bench, group) = Bench::with_reaction_pins().await;
    let message = bench.words(&group);
    let member = bench.here(&bench.member, &group);
    let pushed = member.react(&message, "Pin").unwrap();
    pushed.again().answer().await;
    bench.idle().await;
    bench.restart().await;
    pushed.again().answer().await;
    bench.idle().await;
    assert_eq!(bench.puts(), 1);
    // The same reaction of another person, and once more.
    bench.react_as(&bench.owner, &group, &message).await;
    member.take_off(&message, "Pin");
    bench.advance(Duration::from_secs(1));
    bench.react(&group, &message).await;
    assert_eq!(bench.count("changes WHERE kind = 'pin'").await, 1);
    assert_eq!(bench.pinned(&group).as_ref(), Some(&message));
    assert_eq!(bench.sim.reactions(&message), ["Pin"]);
    bench.finish().await;
}

#[tokio::test]
async fn taking_the_reaction_off_unpins_nothing() {
    let (bench, group) = Bench::with_reaction_pins().await;
    let message = bench.words(&group);
    bench.react(&group, &message).await;
    let member = bench.here(&bench.member, &group);
    let pushed = member.take_off(&message, "Pin").unwrap();
    assert_eq!(pushed.answer().await.status, 200);
    bench.idle().await;
    assert_eq!(bench.pinned(&group).as_ref(), Some(&message));
    bench.finish().await;
}

#[tokio::test]
async fn rule_10_reactions_of_apps_are_ignored() {
    let (bench, group) = Bench::with_reaction_pins().await;
    let message = bench.words(&group);
    let bot = bench.sim.as_bot("Other").in_chat(&group);
    let pushed = bot.react(&message, "Pin").unwrap();
    assert_eq!(pushed.answer().await.status, 200);
    bench.idle().await;
    assert_eq!((bench.reaction_jobs().await, bench.puts()), (0, 0));
    bench.finish().await;
}

#[tokio::test]
async fn denied_reactions_are_answered_privately_once() {
    let bench = Bench::with(|builder| builder, ON).await;
    let group = bench.closed_group();
    let (first, second) = (bench.words(&group), bench.words(&group));
    let messages = bench.sim.messages(&group).len();
    bench.react(&group, &first).await;
    bench.react(&group, &second).await;
    let cards = bench.cards_for(&bench.member);
    assert_eq!(cards.len(), 1, "{cards:?}");
    assert!(
        cards[0].contains("Only the owner and admins can manage top notices"),
        "{cards:?}"
    );
    assert_eq!(bench.sim.messages(&group).len(), messages);
    assert!(bench.sim.reactions(&first).is_empty());
    assert_eq!(bench.puts(), 0);
    // Where no such card is possible, nobody reads anything.
    bench.advance(Duration::from_mins(2));
    bench
        .sim
        .fault(Endpoint::SendPrivateCard, Fault::code(18_053));
    let third = bench.words(&group);
    bench.react(&group, &third).await;
    assert_eq!(bench.sim.messages(&group).len(), messages + 1);
    bench.react_as(&bench.owner, &group, &third).await;
    assert_eq!(bench.pinned(&group), Some(third));
    bench.finish().await;
}

#[tokio::test]
async fn failures_are_told_to_the_person_only() {
    let (bench, group) = Bench::with_reaction_pins().await;
    bench
        .sim
        .fault(Endpoint::PutTopNotice, Fault::code(232_014));
    let message = bench.words(&group);
    let messages = bench.sim.messages(&group).len();
    bench.react(&group, &message).await;
    let cards = bench.cards_for(&bench.member);
    assert_eq!(cards.len(), 1, "{cards:?}");
    assert!(cards[0].starts_with("Command not run"), "{cards:?}");
    assert_eq!(bench.sim.messages(&group).len(), messages);
    bench.finish().await;
}

#[tokio::test]
async fn people_of_other_tenants_pin_nothing() {
    let bench = Bench::with(|builder| builder, ON).await;
    bench.sim.change_app(|app| app.external_chats = true);
    let guest = bench.sim.add_person_of("other", "Gus");
    let group = bench.sim.add_chat(bench.spec().member(&guest).external());
    let message = bench.words(&group);
    bench.react_as(&guest, &group, &message).await;
    assert_eq!(bench.puts(), 0);
    bench.react(&group, &message).await;
    assert_eq!(bench.pinned(&group), Some(message));
    bench.finish().await;
}

#[tokio::test]
async fn in_a_topic_its_first_message_is_pinned() {
    let bench = Bench::with(|builder| builder, ON).await;
    let group = bench.sim.add_chat(bench.spec().topic());
    let first = bench.words(&group);
    let owner = bench.here(&bench.owner, &group);
    let later = owner.reply_to(&first).say("and dinner at six").id;
    bench.react(&group, &later).await;
    assert_eq!(bench.pinned(&group), Some(first));
    bench.finish().await;
}

#[tokio::test]
async fn a_kill_loses_no_reaction() {
    for (endpoint, fault) in [
        (Endpoint::GetMessage, Fault::Hang),
        (Endpoint::PutTopNotice, Fault::LoseAnswer),
        (Endpoint::AddReaction, Fault::LoseAnswer),
    ] {
        let (mut bench, group) = Bench::with_reaction_pins().await;
        let message = bench.words(&group);
        bench.sim.fault(endpoint, fault);
        bench.here(&bench.member, &group).react(&message, "Pin");
        let called = |state: &feishu_sim::State| state.calls_to(endpoint).next().map(drop);
        bench.wait("the call", called).await;
        bench.kill().await;
        bench.idle().await;
        assert_eq!(
            bench.pinned(&group).as_ref(),
            Some(&message),
            "{endpoint:?}"
        );
        assert_eq!(bench.count("changes WHERE kind = 'pin'").await, 1);
        bench.finish().await;
    }
}

#[tokio::test]
async fn old_reactions_pin_nothing() {
    let (mut bench, group) = Bench::with_reaction_pins().await;
    let message = bench.words(&group);
    bench.sim.fault(Endpoint::GetMessage, Fault::Hang);
    bench.here(&bench.member, &group).react(&message, "Pin");
    let called = |state: &feishu_sim::State| state.calls_to(Endpoint::GetMessage).next().map(drop);
    bench.wait("the call", called).await;
    bench.kill_and_stay_away(Duration::from_hours(1)).await;
    bench.idle().await;
    assert_eq!(bench.pinned(&group), None);
    bench.finish().await;
}

#[tokio::test]
async fn a_flood_of_reactions_is_bounded() {
    let settings = format!("{ON}\n[store]\nmax_open_jobs_per_chat = 3\n[feishu]\ntimeout = '2s'");
    let bench = Bench::with(|builder| builder, &settings).await;
    let group = bench.group(Docx);
    let message = bench.words(&group);
    bench.sim.fault(Endpoint::GetMessage, Fault::Hang);
    let member = bench.here(&bench.member, &group);
    for _ in 0..10 {
        let pushed = member.react(&message, "Pin").unwrap();
        assert_eq!(pushed.answer().await.status, 200);
        member.take_off(&message, "Pin");
        bench.sim.clock().advance(Duration::from_millis(1));
    }
    assert_eq!(bench.reaction_jobs().await, 3);
    // Nobody else waits for them.
    let command = bench.here(&bench.owner, &group).say("/pin announcement").id;
    assert_eq!(bench.reaction(&command).await, "Pin");
    bench.finish().await;
}

#[tokio::test]
async fn check_names_the_missing_event_where_on() {
    let bench = Bench::new().await;
    let event = "im.message.reaction.created_v1";
    bench.sim.change_app(|app| {
        app.published.as_mut().unwrap().events.remove(event);
    });
    let found = bench.check(|_| {}).await;
    assert!(!found.has("note", event), "{:#}", found.0);
    let group = bench.group(Docx);
    bench.switch_reaction_pins(&group, "on").await;
    let found = bench.check(|_| {}).await;
    let hint = format!("events: `{event}` is not subscribed to: the emoji `Pin` pins no message");
    assert!(found.is_good(), "{:#}", found.0);
    assert!(found.has("note", &hint), "{:#}", found.0);
    bench.finish().await;
}
