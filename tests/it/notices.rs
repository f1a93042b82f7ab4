//! `/notice`: a card that is pinned, edited in place and withdrawn.

use std::time::Duration;

use feishu_sim::AnnouncementKind::Docx;
use feishu_sim::{ChatId, Endpoint, Fault, Message, MessageId, Sender, State, TopNotice, WhoMay};

use crate::harness::Bench;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// A bot that does not sign, so that a card has only its text.
const UNSIGNED: &str = "[announce]\nsignature = false\n[worker]\nplan_grace = '30d'";

async fn context() -> (Bench, ChatId) {
    let bench = Bench::with(|builder| builder, UNSIGNED).await;
    let group = bench.group(Docx);
    (bench, group)
}

fn is_notice(message: &Message) -> bool {
    let text = message.text();
    message.sender == Sender::App && (text.starts_with("Notice\n") || text.starts_with("通知\n"))
}

/// The cards in the chat that were not recalled, with their texts.
fn cards(bench: &Bench, group: &ChatId) -> Vec<(MessageId, String)> {
    let messages = bench.sim.messages(group).into_iter();
    let cards = messages.filter(|message| is_notice(message) && !message.recalled);
    cards
        .map(|card| {
            let text = card.text();
            (card.id, text.split_once('\n').unwrap().1.to_owned())
        })
        .collect()
}

/// The only card, which is on top.
fn card_on_top(bench: &Bench, group: &ChatId) -> (MessageId, String) {
    let [(card, text)] = &cards(bench, group)[..] else {
        panic!("{}", bench.sim.conversation());
    };
    let top = bench.sim.top_notice(group);
    assert_eq!(top, Some(TopNotice::Message(card.clone())));
    (card.clone(), text.clone())
}

async fn posted(bench: &Bench, group: &ChatId, command: &str) -> MessageId {
    let command = bench.say(group, command).id;
    assert_eq!(bench.reaction(&command).await, "Pin");
    command
}

async fn edited(bench: &Bench, group: &ChatId, to: &MessageId, command: &str) {
    let command = bench.reply(group, to, command).id;
    assert_eq!(bench.reaction(&command).await, "DONE");
}

/// The reply to a command that replies to a message, if to any.
async fn answer(bench: &Bench, group: &ChatId, to: Option<&MessageId>, command: &str) -> String {
    let command = match to {
        Some(to) => bench.reply(group, to, command).id,
        None => bench.say(group, command).id,
    };
    let replied = |state: &State| state.answers_to(&command).first().cloned();
    let step = Duration::from_secs(1);
    let answer = bench.wait_in_steps_of(step, "the answer", replied).await;
    bench.idle().await;
    answer
}

#[tokio::test]
async fn a_notice_is_a_pinned_card() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let text = "/notice **Lunch** at one\n- soup\n- <at user_id=\"all\"></at> *salad*";
    posted(&bench, &group, text).await;
    let (card, text) = card_on_top(&bench, &group);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..3], ["**Lunch** at one", "", "- soup"], "{text}");
    // Nobody is notified by a typed tag.
    assert!(lines[3].starts_with("- &#60;at user&#95;id"), "{text}");
    let author = format!("— <at id=\"{}\"></at> · ", bench.member.open_id);
    assert!(lines[4].starts_with(&author), "{text}");
    let sent = bench.sim.messages(&group);
    let card = sent.iter().find(|message| message.id == card).unwrap();
    assert!(card.msg_type == "interactive" && card.parent.is_none());
    assert!(!card.notifies_all);
    posted(&bench, &group, "/通知 今晚停电").await;
    let texts: Vec<_> = cards(&bench, &group)
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert!(texts[1].starts_with("今晚停电\n— "), "{texts:?}");
    let history = answer(&bench, &group, None, "/history").await;
    assert!(history.contains("posted a notice: `今晚停电`"), "{history}");
    bench.finish().await;
}

#[tokio::test]
async fn undo_recalls_the_card_and_restores_the_top() {
    let (bench, group) = context().await;
    let lunch = bench.say(&group, "lunch at one").id;
    let pin = bench.reply(&group, &lunch, "/pin").id;
    assert_eq!(bench.reaction(&pin).await, "Pin");
    posted(&bench, &group, "/notice one").await;
    posted(&bench, &group, "/notice two").await;
    let words = answer(&bench, &group, None, "/undo").await;
    assert!(words.contains("the notice was recalled"), "{words}");
    assert_eq!(card_on_top(&bench, &group).1, "one");
    let words = answer(&bench, &group, None, "/undo").await;
    assert!(words.contains("the one from before"), "{words}");
    assert!(cards(&bench, &group).is_empty());
    assert_eq!(
        bench.sim.top_notice(&group),
        Some(TopNotice::Message(lunch))
    );
    bench.finish().await;
}

#[tokio::test]
async fn a_notice_that_stays_is_marked_or_left() {
    for (patch, words, text) in [
        (
            None,
            "now says that it was withdrawn",
            "This notice was withdrawn.",
        ),
        (Some(230_031), "still in the chat", "one"),
    ] {
        let (bench, group) = context().await;
        posted(&bench, &group, "/notice one").await;
        bench
            .sim
            .fault(Endpoint::RecallMessage, Fault::code(230_009));
        if let Some(code) = patch {
            bench.sim.fault(Endpoint::PatchCard, Fault::code(code));
        }
        let said = answer(&bench, &group, None, "/undo").await;
        assert!(said.contains(words), "{said}");
        assert_eq!(cards(&bench, &group)[0].1, text);
        assert_eq!(bench.sim.top_notice(&group), None);
        bench.finish().await;
    }
}

#[tokio::test]
async fn lost_answers_leave_one_card() {
    for fault in [Fault::LoseAnswer, Fault::Hang, Fault::ServerError] {
        for endpoint in [Endpoint::CreateMessage, Endpoint::PutTopNotice] {
            let (bench, group) = context().await;
            bench.sim.fault(endpoint, fault.clone());
            posted(&bench, &group, "/notice one").await;
            assert_eq!(card_on_top(&bench, &group).1, "one");
            bench.finish().await;
        }
    }
}

#[tokio::test]
async fn an_unclear_card_is_not_posted_again() {
    let (mut bench, group) = context().await;
    // A repeated key is refused, or the platform has forgotten it.
    bench
        .sim
        .change_behaviour(|behaviour| behaviour.messages.repeat_refusal = Some(230_001));
    bench.sim.fault(Endpoint::CreateMessage, Fault::LoseAnswer);
    let words = answer(&bench, &group, None, "/notice one").await;
    assert!(words.contains("reply to it with /pin"), "{words}");
    assert_eq!(cards(&bench, &group).len(), 1);
    assert_eq!(bench.sim.top_notice(&group), None);
    bench
        .reconfigure(&format!("{UNSIGNED}\nstale_after = '0s'"))
        .await;
    bench.sim.clear_calls();
    bench.sim.fault(Endpoint::CreateMessage, Fault::LoseAnswer);
    let command = bench.say(&group, "/notice two").id;
    let called = |state: &State| state.calls_to(Endpoint::CreateMessage).next().map(drop);
    bench.wait("the call", called).await;
    bench.kill_and_stay_away(HOUR).await;
    let words = bench.answer(&command).await;
    assert!(words.contains("may have posted the card"), "{words}");
    assert_eq!(cards(&bench, &group).len(), 2);
    bench.finish().await;
}

#[tokio::test]
async fn a_card_that_cannot_be_pinned_is_reported() {
    let (bench, group) = context().await;
    bench
        .sim
        .fault(Endpoint::PutTopNotice, Fault::code(232_014));
    let words = answer(&bench, &group, None, "/notice one").await;
    assert!(
        words.contains("was posted, but it was not pinned"),
        "{words}"
    );
    assert!(words.contains("reply to it with /pin"), "{words}");
    assert_eq!(cards(&bench, &group).len(), 1);
    let words = answer(&bench, &group, None, "/undo").await;
    assert!(words.contains("the notice was recalled"), "{words}");
    assert!(cards(&bench, &group).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn a_notice_takes_the_right_to_pin() {
    let bench = Bench::with(|builder| builder, UNSIGNED).await;
    let spec = bench.spec().pin_manage_setting(Some(WhoMay::OnlyOwner));
    let group = bench.sim.add_chat(spec);
    for command in ["/notice one", "/notice --at in 2 hours one"] {
        let words = answer(&bench, &group, None, command).await;
        assert!(words.contains("can manage top notices"), "{words}");
        // Another denial within a minute is only a reaction.
        bench.advance(Duration::from_mins(2));
    }
    assert!(cards(&bench, &group).is_empty());
    // It does not take the right to announce.
    let spec = bench.spec().edit_permission(WhoMay::OnlyOwner);
    let spec = spec.pin_manage_setting(Some(WhoMay::AllMembers));
    let group = bench.sim.add_chat(spec);
    let command = posted(&bench, &group, "/notice one").await;
    edited(&bench, &group, &command, "/edit two").await;
    let words = answer(&bench, &group, None, "/undo").await;
    assert!(words.contains("before the edit"), "{words}");
    assert_eq!(card_on_top(&bench, &group).1, "one");
    bench.finish().await;
}

#[tokio::test]
async fn others_approve_a_notice() {
    let file = format!("{UNSIGNED}\n[policy]\non_denied = 'ask'");
    let bench = Bench::with(|builder| builder, &file).await;
    let spec = bench.spec().bot_is_admin();
    let spec = spec.pin_manage_setting(Some(WhoMay::OnlyOwner));
    let group = bench.sim.add_chat(spec);
    let command = bench.say(&group, "/notice one").id;
    let asked = bench.answer(&command).await;
    assert!(asked.contains("may not post notices"), "{asked}");
    assert!(cards(&bench, &group).is_empty());
    let card = bench.sim.read(|state| {
        let mut messages = state.messages(&group);
        let is_reply = |message: &&Message| message.parent.as_ref() == Some(&command);
        messages.find(is_reply).unwrap().id.clone()
    });
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    owner.press(&card, "Publish");
    let on_top = |state: &State| state.top_notice(&group).cloned();
    bench.wait("the notice", on_top).await;
    assert_eq!(card_on_top(&bench, &group).1, "one");
    bench.idle().await;
    bench.finish().await;
}

#[tokio::test]
async fn an_edit_updates_the_card_in_place() {
    let (bench, group) = context().await;
    let command = posted(&bench, &group, "/notice one").await;
    let (card, _) = card_on_top(&bench, &group);
    bench.sim.clear_calls();
    edited(&bench, &group, &command, "/edit two").await;
    // A reply to the card names it, too, and so does its number.
    edited(&bench, &group, &card, "/edit **three**").await;
    assert_eq!(
        card_on_top(&bench, &group),
        (card.clone(), "**three**".to_owned())
    );
    let by_number = bench.say(&group, "/edit 1 four").id;
    assert_eq!(bench.reaction(&by_number).await, "DONE");
    assert_eq!(card_on_top(&bench, &group).1, "four");
    assert_eq!(bench.sim.calls_to(Endpoint::PatchCard).len(), 3);
    assert!(bench.sim.calls_to(Endpoint::PutTopNotice).is_empty());
    for text in ["**three**", "two", "one"] {
        let words = answer(&bench, &group, None, "/undo").await;
        assert!(words.contains("before the edit"), "{words}");
        assert_eq!(card_on_top(&bench, &group), (card.clone(), text.to_owned()));
    }
    answer(&bench, &group, None, "/undo").await;
    assert!(cards(&bench, &group).is_empty());
    let words = answer(&bench, &group, Some(&command), "/edit five").await;
    assert!(words.contains("nothing to change"), "{words}");
    bench.finish().await;
}

#[tokio::test]
async fn the_signature_tells_of_the_edit() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let command = posted(&bench, &group, "/notice one").await;
    let (_, before) = card_on_top(&bench, &group);
    edited(&bench, &group, &command, "/edit two").await;
    let (_, text) = card_on_top(&bench, &group);
    assert!(
        text.starts_with("two\n") && text.contains(" · edited "),
        "{text}"
    );
    answer(&bench, &group, None, "/undo").await;
    assert_eq!(card_on_top(&bench, &group).1, before);
    bench.finish().await;
}

#[tokio::test]
async fn a_recalled_or_old_card_is_replaced() {
    for code in [Some(230_011), Some(230_110), None] {
        let (bench, group) = context().await;
        let command = posted(&bench, &group, "/notice --for 3w one").await;
        let (card, _) = card_on_top(&bench, &group);
        match code {
            Some(code) => {
                bench.sim.change_behaviour(|behaviour| {
                    behaviour.messages.recalled_card = code;
                });
                let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
                owner.recall(&card);
                bench.idle().await;
            }
            None => bench.advance(15 * DAY),
        }
        let words = answer(&bench, &group, Some(&command), "/edit two").await;
        assert!(words.contains("a new one was posted and pinned"), "{words}");
        let new = cards(&bench, &group).pop().unwrap();
        assert!(new.0 != card && new.1 == "two", "{new:?}");
        let on_top = |bench: &Bench| bench.sim.top_notice(&group);
        assert_eq!(on_top(&bench), Some(TopNotice::Message(new.0.clone())));
        // Its record points to the new card.
        edited(&bench, &group, &command, "/edit three").await;
        assert_eq!(
            cards(&bench, &group).pop(),
            Some((new.0.clone(), "three".to_owned()))
        );
        for text in ["two", "one"] {
            answer(&bench, &group, None, "/undo").await;
            assert_eq!(
                cards(&bench, &group).pop(),
                Some((new.0.clone(), text.to_owned()))
            );
            assert_eq!(on_top(&bench), Some(TopNotice::Message(new.0.clone())));
        }
        // The end applies to the new card.
        bench.idle().await;
        bench.advance(21 * DAY);
        let over = |state: &State| state.top_notice(&group).is_none().then_some(());
        bench.wait("the end", over).await;
        bench.idle().await;
        bench.finish().await;
    }
}

#[tokio::test]
async fn a_replaced_card_stays_below_a_newer_pin() {
    let (bench, group) = context().await;
    let command = posted(&bench, &group, "/notice one").await;
    let (card, _) = card_on_top(&bench, &group);
    let pin = bench.say(&group, "/pin announcement").id;
    assert_eq!(bench.reaction(&pin).await, "Pin");
    bench
        .sim
        .as_person(&bench.owner)
        .in_chat(&group)
        .recall(&card);
    bench.idle().await;
    let words = answer(&bench, &group, Some(&command), "/edit two").await;
    assert!(words.contains("It is not pinned"), "{words}");
    assert_eq!(cards(&bench, &group)[0].1, "two");
    assert_eq!(bench.sim.top_notice(&group), Some(TopNotice::Announcement));
    bench.finish().await;
}

#[tokio::test]
async fn lost_answers_of_edits_leave_one_card() {
    for endpoint in [
        Endpoint::PatchCard,
        Endpoint::CreateMessage,
        Endpoint::PutTopNotice,
    ] {
        let (bench, group) = context().await;
        let command = posted(&bench, &group, "/notice one").await;
        let (card, _) = card_on_top(&bench, &group);
        if endpoint != Endpoint::PatchCard {
            bench
                .sim
                .as_person(&bench.owner)
                .in_chat(&group)
                .recall(&card);
            bench.idle().await;
        }
        bench.sim.fault(endpoint, Fault::LoseAnswer);
        let edit = bench.reply(&group, &command, "/edit two").id;
        let done = |state: &State| {
            let is_answered = !state.answers_to(&edit).is_empty();
            let is_done = state.reactions(&edit).iter().any(|emoji| emoji == "DONE");
            (is_answered || is_done).then_some(())
        };
        bench.wait("the edit", done).await;
        assert_eq!(card_on_top(&bench, &group).1, "two");
        bench.idle().await;
        bench.finish().await;
    }
}

/// The former text is restored, whether the edit had an effect or not.
#[tokio::test]
async fn an_edit_that_was_given_up_is_undone() {
    for (fault, text) in [(Fault::LoseAnswer, "two"), (Fault::ServerError, "one")] {
        let (bench, group) = context().await;
        let command = posted(&bench, &group, "/notice one").await;
        bench.idle().await;
        bench.sim.clear_calls();
        bench.sim.fault(Endpoint::PatchCard, fault);
        let edit = bench.reply(&group, &command, "/edit two").id;
        let patch = Endpoint::PatchCard;
        let words = bench.given_up(&edit, (patch, patch)).await;
        assert!(words.contains("cannot confirm"), "{words}");
        bench.idle().await;
        assert_eq!(card_on_top(&bench, &group).1, text);
        let words = answer(&bench, &group, None, "/undo").await;
        assert!(words.contains("before the edit"), "{words}");
        assert_eq!(card_on_top(&bench, &group).1, "one");
        edited(&bench, &group, &command, "/edit three").await;
        assert_eq!(card_on_top(&bench, &group).1, "three");
        bench.idle().await;
        bench.finish().await;
    }
}

#[tokio::test]
async fn the_end_of_a_recalled_notice_is_not_listed() {
    let (bench, group) = context().await;
    let command = posted(&bench, &group, "/notice --for 2h one").await;
    let history = answer(&bench, &group, None, "/history").await;
    assert!(history.contains("Scheduled"), "{history}");
    let (card, _) = card_on_top(&bench, &group);
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    owner.recall(&card);
    bench.idle().await;
    let gone = answer(&bench, &group, None, "/history").await;
    assert!(!gone.contains("Scheduled"), "{gone}");
    // The end applies to the card that takes its place.
    answer(&bench, &group, Some(&command), "/edit two").await;
    let history = answer(&bench, &group, None, "/history").await;
    assert!(history.contains("Scheduled"), "{history}");
    bench.finish().await;
}

/// There is nothing to undo but the notice itself.
#[tokio::test]
async fn a_refused_edit_of_a_notice_changes_nothing() {
    let (bench, group) = context().await;
    let command = posted(&bench, &group, "/notice one").await;
    bench.sim.fault(Endpoint::PatchCard, Fault::code(230_099));
    answer(&bench, &group, Some(&command), "/edit two").await;
    let words = answer(&bench, &group, None, "/undo").await;
    assert!(words.contains("the notice was recalled"), "{words}");
    assert!(cards(&bench, &group).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn a_timed_notice_is_unpinned_and_stays() {
    let (bench, group) = context().await;
    posted(&bench, &group, "/notice --for 2h one").await;
    bench.idle().await;
    bench.advance(2 * HOUR);
    let over = |state: &State| state.top_notice(&group).is_none().then_some(());
    bench.wait("the end", over).await;
    bench.idle().await;
    assert_eq!(cards(&bench, &group)[0].1, "one");
    // What was pinned in the meantime stays.
    posted(&bench, &group, "/notice two --for 2h").await;
    posted(&bench, &group, "/notice three").await;
    bench.idle().await;
    bench.advance(3 * HOUR);
    bench.idle().await;
    let three = cards(&bench, &group).pop().unwrap();
    assert_eq!(three.1, "three");
    assert_eq!(
        bench.sim.top_notice(&group),
        Some(TopNotice::Message(three.0))
    );
    bench.finish().await;
}

#[tokio::test]
async fn a_scheduled_notice_is_posted_with_its_edited_text() {
    let (bench, group) = context().await;
    let command = bench.say(&group, "/notice --at in 2 hours --for 1h one").id;
    let words = bench.answer(&command).await;
    assert!(words.contains("unpinned after 1 hour"), "{words}");
    edited(&bench, &group, &command, "/edit two").await;
    let history = answer(&bench, &group, None, "/history").await;
    assert!(history.contains("post a notice: `two`"), "{history}");
    assert!(cards(&bench, &group).is_empty());
    bench.advance(2 * HOUR);
    let on_top = |state: &State| state.top_notice(&group).cloned();
    bench.wait("the notice", on_top).await;
    assert_eq!(card_on_top(&bench, &group).1, "two");
    bench.idle().await;
    edited(&bench, &group, &command, "/edit three").await;
    assert_eq!(card_on_top(&bench, &group).1, "three");
    bench.advance(HOUR);
    let over = |state: &State| state.top_notice(&group).is_none().then_some(());
    bench.wait("the end", over).await;
    bench.idle().await;
    bench.finish().await;
}

#[tokio::test]
async fn a_notice_notifies_everybody_on_request() {
    let (bench, group) = context().await;
    posted(&bench, &group, "/notice one --notify").await;
    let notified = |bench: &Bench| {
        let mut messages = bench.sim.messages(&group);
        messages.retain(|message| message.notifies_all && !message.recalled);
        messages.iter().map(Message::text).collect::<Vec<_>>()
    };
    assert_eq!(notified(&bench), ["@all There is a new notice:\none"]);
    answer(&bench, &group, None, "/undo").await;
    assert!(notified(&bench).is_empty() && cards(&bench, &group).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn rejected_mentions_become_names() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench
        .sim
        .fault(Endpoint::CreateMessage, Fault::code(230_099));
    let command = posted(&bench, &group, "/notice one").await;
    let (_, text) = card_on_top(&bench, &group);
    assert!(text.starts_with("one\n— 20"), "{text}");
    bench.sim.clear_calls();
    edited(&bench, &group, &command, "/edit two").await;
    assert!(card_on_top(&bench, &group).1.starts_with("two\n— 20"));
    bench.finish().await;
}

#[tokio::test]
async fn a_text_that_fits_no_card_is_refused() {
    let (bench, group) = context().await;
    let long = "长".repeat(9_700);
    let long = format!("/notice {long}");
    let words = answer(&bench, &group, None, &long).await;
    assert!(words.contains("30 KB"), "{words}");
    let words = answer(&bench, &group, None, "/notice").await;
    assert!(words.contains("no text for the notice"), "{words}");
    for (option, refusal) in [("--top", "Unknown option"), ("--replace", "Unknown option")] {
        let words = answer(&bench, &group, None, &format!("/notice {option} one")).await;
        assert!(
            words.contains(option) && words.contains("/notice"),
            "{refusal}: {words}"
        );
    }
    let lunch = bench.say(&group, "lunch at one").id;
    let reply = bench.reply(&group, &lunch, "/notice").id;
    assert_eq!(bench.reaction(&reply).await, "Pin");
    assert_eq!(card_on_top(&bench, &group).1, "lunch at one");
    bench.finish().await;
}
