//! Answers that only the author of a command sees.

use std::time::Duration;

use feishu_sim::AnnouncementKind::Docx;
use feishu_sim::{ChatId, Endpoint, Fault, MessageId};

use crate::harness::Bench;

const DENIAL: &str = "Only the owner and admins can manage top notices";

impl Bench {
    /// The texts of the cards that only the member has seen.
    fn member_saw(&self) -> Vec<String> {
        let cards = self.sim.private_cards(&self.member);
        cards.iter().map(feishu_sim::PrivateCard::text).collect()
    }

    fn private_calls(&self) -> usize {
        self.sim.calls_to(Endpoint::SendPrivateCard).len()
    }

    /// A command of the member that is denied.
    fn denied(&self, group: &ChatId) -> MessageId {
        self.say(group, "/pin announcement").id
    }
}

#[tokio::test]
async fn denials_are_private_with_a_reaction() {
    let bench = Bench::new().await;
    let group = bench.closed_group();
    let command = bench.denied(&group);
    let answer = bench.answer(&command).await;
    bench.idle().await;
    assert!(answer.starts_with("Command not run\n"), "{answer}");
    assert!(answer.contains(DENIAL), "{answer}");
    assert_eq!(bench.sim.reactions(&command), ["CrossMark"]);
    assert!(bench.sim.replies_to(&command).is_empty());
    assert!(bench.sim.private_cards(&bench.owner).is_empty());
    assert_eq!(bench.sim.messages(&group).len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn misunderstood_commands_are_answered_privately() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    for (text, words) in [
        ("/pni", "Did you mean /pin?"),
        ("/置项", "你要用的是 /置顶 吗？"),
        (
            "/pin *b* `x` [y](https://e.cn)",
            "Could not understand “*b*",
        ),
        ("/pin", "Which message should be pinned?"),
        ("/undo", "There is nothing to undo"),
        ("/logout", "/logout is not needed"),
    ] {
        let command = bench.say(&group, text).id;
        let answer = bench.answer(&command).await;
        assert!(answer.contains(words), "{text}: {answer}");
        assert!(bench.sim.replies_to(&command).is_empty(), "{text}");
    }
    assert_eq!(bench.member_saw().len(), 6);
    bench.finish().await;
}

#[tokio::test]
async fn direct_chats_and_topics_get_replies() {
    let bench = Bench::new().await;
    let direct = bench.sim.direct_chat(&bench.member);
    let topics = bench.sim.add_chat(bench.spec().topic());
    let threads = bench.sim.add_chat(bench.spec().thread_messages());
    for chat in [&direct, &topics, &threads] {
        let command = bench.say(chat, "/pni").id;
        bench.answer(&command).await;
        // The acknowledgement of a slow command is removed then.
        bench.idle().await;
        assert_eq!(bench.sim.replies_to(&command).len(), 1, "{chat}");
        assert!(bench.sim.reactions(&command).is_empty(), "{chat}");
    }
    assert_eq!(bench.private_calls(), 0);
    bench.finish().await;
}

#[tokio::test]
async fn refused_cards_are_replaced_by_replies() {
    let bench = Bench::new().await;
    let group = bench.closed_group();
    for (index, code) in [18_053, 11_205, 230_013, 99_999].into_iter().enumerate() {
        bench
            .sim
            .fault(Endpoint::SendPrivateCard, Fault::code(code));
        let command = bench.denied(&group);
        let answer = bench.answer(&command).await;
        assert!(answer.contains(DENIAL), "{code}: {answer}");
        assert_eq!(bench.sim.replies_to(&command).len(), 1, "{code}");
        assert_eq!(bench.private_calls(), index + 1);
        // The next denial is not throttled.
        bench.idle().await;
        bench.advance(Duration::from_mins(2));
    }
    assert!(bench.member_saw().is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn replies_replace_rejected_reactions() {
    let bench = Bench::new().await;
    let group = bench.closed_group();
    bench.sim.fault(Endpoint::AddReaction, Fault::code(231_001));
    let command = bench.denied(&group);
    bench.answer(&command).await;
    assert_eq!(bench.sim.replies_to(&command).len(), 1);
    assert_eq!(bench.private_calls(), 0);
    bench.finish().await;
}

#[tokio::test]
async fn lost_response_may_repeat_a_private_card() {
    let bench = Bench::new().await;
    let group = bench.closed_group();
    bench
        .sim
        .fault(Endpoint::SendPrivateCard, Fault::LoseAnswer);
    let command = bench.denied(&group);
    bench
        .wait("the second card", |state| {
            (state.answers_to(&command).len() == 2).then_some(())
        })
        .await;
    bench.idle().await;
    let saw = bench.member_saw();
    assert_eq!(saw.len(), 2);
    assert_eq!(saw[0], saw[1]);
    assert!(bench.sim.replies_to(&command).is_empty());
    assert_eq!(bench.sim.reactions(&command), ["CrossMark"]);
    bench.finish().await;
}

#[tokio::test]
async fn kill_after_a_private_card_repeats_it() {
    let mut bench = Bench::new().await;
    let group = bench.closed_group();
    bench
        .sim
        .fault(Endpoint::SendPrivateCard, Fault::LoseAnswer);
    let command = bench.denied(&group);
    bench.answer(&command).await;
    bench.kill().await;
    bench.idle().await;
    let saw = bench.member_saw();
    assert!((1..=2).contains(&saw.len()), "{saw:?}");
    assert!(saw.iter().all(|card| *card == saw[0]));
    assert!(bench.sim.replies_to(&command).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn outage_of_private_cards_ends_in_a_reply() {
    let bench = Bench::new().await;
    let group = bench.closed_group();
    for _ in 0..60 {
        bench
            .sim
            .fault(Endpoint::SendPrivateCard, Fault::ServerError);
    }
    let command = bench.denied(&group);
    let answer = bench.answer(&command).await;
    assert!(answer.contains(DENIAL), "{answer}");
    assert_eq!(bench.sim.replies_to(&command).len(), 1);
    assert!(bench.private_calls() > 1);
    bench.sim.withdraw_faults(Endpoint::SendPrivateCard);
    bench.finish().await;
}

#[tokio::test]
async fn offline_member_finds_the_reaction() {
    let bench = Bench::new().await;
    let group = bench.closed_group();
    bench.sim.set_online(&bench.member, false);
    let command = bench.denied(&group);
    assert_eq!(bench.reaction(&command).await, "CrossMark");
    bench.idle().await;
    assert!(bench.sim.answers_to(&command).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn failures_are_reported_to_the_group() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench
        .sim
        .fault(Endpoint::PutTopNotice, Fault::code(232_009));
    let command = bench.say(&group, "/pin announcement").id;
    let answer = bench.answer(&command).await;
    assert!(answer.contains("232009"), "{answer}");
    assert_eq!(bench.sim.replies_to(&command).len(), 1);
    assert_eq!(bench.private_calls(), 0);
    bench.finish().await;
}

#[tokio::test]
async fn private_answers_can_be_turned_off() {
    let bench = Bench::with(|builder| builder, "reply.private = false").await;
    let group = bench.closed_group();
    let command = bench.denied(&group);
    let answer = bench.answer(&command).await;
    bench.idle().await;
    assert!(answer.contains(DENIAL), "{answer}");
    assert_eq!(bench.sim.replies_to(&command).len(), 1);
    assert!(bench.sim.reactions(&command).is_empty());
    assert_eq!(bench.private_calls(), 0);
    bench.finish().await;
}
