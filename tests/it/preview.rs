//! Previews: what their author sees first, and publishes or discards.

use std::time::Duration;

use feishu_sim::AnnouncementKind::{Doc, Docx};
use feishu_sim::{
    ChatId, Endpoint, Fault, MessageId, Person, PrivateCard, ToastKind, WhoMay, Words,
};

use crate::harness::Bench;
use crate::settings::{kind, value};

const PUBLISH: &str = "Publish";
const DISCARD: &str = "Discard";
/// The reaction to a command whose preview only its author sees.
const PREVIEWED: &str = "OnIt";

impl Bench {
    /// The last card that only this person sees.
    fn seen_by(&self, person: &Person) -> PrivateCard {
        self.sim.private_cards(person).pop().unwrap()
    }

    /// The member previews a text; returns the command and the card.
    async fn previewed(&self, group: &ChatId, command: &str) -> (MessageId, PrivateCard) {
        let command = self.say(group, command).id;
        let shown = self.answer(&command).await;
        assert!(shown.starts_with("Preview\n"), "{shown}");
        (command, self.seen_by(&self.member))
    }

    /// Waits until the bot has removed its reaction to the command of a preview.
    async fn until_over(&self, command: &MessageId) {
        let is_removed = |state: &feishu_sim::State| {
            let reactions = state.reactions(command);
            (!reactions.contains(&PREVIEWED.to_owned())).then_some(())
        };
        self.wait("the reaction is removed", is_removed).await;
        self.settled().await;
    }

    async fn press_preview(&self, group: &ChatId, card: &MessageId, label: &str) -> ToastKind {
        self.press(&self.member, group, card, label).await
    }

    /// Rows that contain this text.
    async fn kept(&self, text: &str) -> i64 {
        let texts = "coalesce(payload, '') || coalesce(progress, '') || coalesce(outcome, '')";
        let jobs = format!("jobs WHERE {texts} LIKE '%{text}%'");
        let changes = format!("changes WHERE coalesce(summary, '') LIKE '%{text}%'");
        self.count(&jobs).await + self.count(&changes).await
    }
}

#[tokio::test]
async fn a_preview_is_published_once() {
    for kind in [Doc, Docx] {
        let bench = Bench::new().await;
        let group = bench.group(kind);
        let command = "/announce --preview # Lunch\n- at **noon**";
        let (command, card) = bench.previewed(&group, command).await;
        assert_eq!(card.buttons(), [PUBLISH, DISCARD]);
        let text = card.text();
        assert!(text.contains("# Lunch\n\n- at **noon**"), "{text}");
        assert!(text.contains(&format!("— <at id=\"{}\"></at>", bench.member.open_id)));
        assert_eq!(text.contains("shows text only"), kind == Doc, "{text}");
        assert_eq!(bench.reaction(&command).await, PREVIEWED);
        assert_eq!(bench.sim.announcement_text(&group), [""; 0]);
        assert_eq!(bench.sim.messages(&group).len(), 1);
        let member = bench.sim.as_person(&bench.member).in_chat(&group);
        let presses = [
            member.press(&card.id, PUBLISH),
            member.press(&card.id, PUBLISH),
        ];
        let mut kinds = Vec::new();
        for pressed in &presses {
            kinds.push(crate::settings::kind(pressed).await);
        }
        assert!(kinds.contains(&ToastKind::Success), "{kinds:?}");
        assert!(kinds.contains(&ToastKind::Warning), "{kinds:?}");
        bench.idle().await;
        let lines = bench.sim.announcement_text(&group);
        assert_eq!(
            lines.iter().filter(|line| line.contains("Lunch")).count(),
            1
        );
        assert_eq!(bench.sim.reactions(&command), ["Loudspeaker"]);
        // The card is deleted, as the platform recommends.
        assert!(bench.sim.private_cards(&bench.member).is_empty());
        let undo = bench.say(&group, "/undo").id;
        assert!(bench.answer(&undo).await.contains("removed"));
        bench.finish().await;
    }
}

#[tokio::test]
async fn a_discarded_preview_leaves_nothing() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let command = "/announce --preview banquet";
    let (command, card) = bench.previewed(&group, command).await;
    bench.settled().await;
    assert_eq!(bench.kept("banquet").await, 1);
    let history = bench.say(&group, "/history").id;
    assert!(!bench.answer(&history).await.contains("banquet"));
    let publish = {
        let card: serde_json::Value = serde_json::from_str(&card.content).unwrap();
        let elements = card["body"]["elements"].as_array().unwrap().clone();
        let button = elements.iter().find(|it| it["text"]["content"] == PUBLISH);
        button.unwrap()["behaviors"][0]["value"].clone()
    };
    let pressed = bench.press_preview(&group, &card.id, DISCARD).await;
    assert_eq!(pressed, ToastKind::Success);
    bench.idle().await;
    bench.until_over(&command).await;
    assert_eq!(bench.kept("banquet").await, 0);
    assert!(bench.sim.private_cards(&bench.member).is_empty());
    assert_eq!(bench.count("changes").await, 0);
    // Another client may still show the card.
    let (_, other) = bench.previewed(&group, "/announce --preview lunch").await;
    let member = bench.sim.as_person(&bench.member).in_chat(&group);
    let pressed = member.press_value(&other.id, publish);
    assert_eq!(kind(&pressed).await, ToastKind::Warning);
    bench.idle().await;
    assert_eq!(bench.sim.announcement_text(&group), [""; 0]);
    // The first text of the group has the first number.
    let (_, card) = bench.previewed(&group, "/announce --preview supper").await;
    let pressed = bench.press_preview(&group, &card.id, PUBLISH).await;
    assert_eq!(pressed, ToastKind::Success);
    let posted = |state: &feishu_sim::State| {
        let lines = state.announcement_text(&group);
        (!lines.is_empty()).then_some(())
    };
    bench.wait("the text", posted).await;
    let history = "changes WHERE number IS NOT NULL";
    bench.idle().await;
    assert_eq!(bench.count(history).await, 1);
    assert_eq!(bench.count(&format!("{history} AND number = 1")).await, 1);
    bench.finish().await;
}

#[tokio::test]
async fn a_preview_is_forgotten_after_an_hour() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let (command, card) = bench.previewed(&group, "/announce --preview banquet").await;
    bench.advance(Duration::from_mins(59));
    bench.settled().await;
    assert_eq!(bench.kept("banquet").await, 1);
    bench.advance(Duration::from_mins(1));
    let over = "jobs WHERE kind = 'preview' AND state = 'done'";
    while bench.count(over).await == 0 {
        bench.advance(Duration::from_millis(100));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    bench.until_over(&command).await;
    assert_eq!(bench.kept("banquet").await, 0);
    let pressed = bench.press_preview(&group, &card.id, PUBLISH).await;
    assert_eq!(pressed, ToastKind::Warning);
    bench.idle().await;
    assert_eq!(bench.sim.announcement_text(&group), [""; 0]);
    assert_eq!(bench.sim.answers_to(&command).len(), 0);
    bench.finish().await;
}

#[tokio::test]
async fn previews_survive_kills() {
    let mut bench = Bench::new().await;
    let group = bench.group(Docx);
    let (command, card) = bench.previewed(&group, "/announce --preview dinner").await;
    bench.kill().await;
    bench.sim.fault(Endpoint::CreateChildren, Fault::LoseAnswer);
    let pressed = bench.press_preview(&group, &card.id, PUBLISH).await;
    assert_eq!(pressed, ToastKind::Success);
    bench.kill().await;
    let published = |state: &feishu_sim::State| {
        let reactions = state.reactions(&command);
        reactions.contains(&"Loudspeaker".to_owned()).then_some(())
    };
    bench.wait("the reaction", published).await;
    let lines = bench.sim.announcement_text(&group);
    assert_eq!(lines.iter().filter(|line| *line == "dinner").count(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn only_the_author_of_a_public_preview_uses_it() {
    for why in ["topic", "refused"] {
        let bench = Bench::new().await;
        let group = match why {
            "topic" => bench.sim.add_chat(bench.spec().topic()),
            _ => bench.group(Docx),
        };
        if why == "refused" {
            bench
                .sim
                .fault(Endpoint::SendPrivateCard, Fault::code(18_053));
        }
        let command = bench
            .say(&group, "/公告 --预览 @_user_1 晚餐 <at id=all></at>")
            .id;
        let shown = bench.answer(&command).await;
        assert!(shown.starts_with("预览\n"), "{shown}");
        let card = bench.sim.messages(&group).pop().unwrap().id;
        let publish = value(&bench, &card, "发布");
        let pressed = bench.press(&bench.owner, &group, &card, "发布").await;
        assert_eq!(pressed, ToastKind::Error);
        let pressed = bench.press(&bench.owner, &group, &card, "放弃").await;
        assert_eq!(pressed, ToastKind::Error);
        assert_eq!(bench.sim.announcement_text(&group), [""; 0]);
        // A forwarded card is in another group.
        let elsewhere = bench.group(Docx);
        let history = bench.say(&elsewhere, "/help").id;
        bench.answer(&history).await;
        let other = bench.sim.messages(&elsewhere).pop().unwrap().id;
        let member = bench.sim.as_person(&bench.member).in_chat(&elsewhere);
        let pressed = member.press_value(&other, publish);
        assert_eq!(kind(&pressed).await, ToastKind::Warning);
        let pressed = bench.press_preview(&group, &card, "发布").await;
        assert_eq!(pressed, ToastKind::Success);
        let published = |state: &feishu_sim::State| {
            let reactions = state.reactions(&command);
            reactions.contains(&"Loudspeaker".to_owned()).then_some(())
        };
        bench.wait("the reaction", published).await;
        let shown = bench.sim.card(&card).to_string();
        assert!(
            shown.contains("已确认") && !shown.contains("晚餐"),
            "{shown}"
        );
        bench.finish().await;
    }
}

#[tokio::test]
async fn a_right_is_checked_when_the_preview_is_used() {
    for (policy, is_proposed) in [("", false), ("[policy]\non_denied = \"ask\"\n", true)] {
        let bench = Bench::with(|builder| builder, policy).await;
        let group = bench.group(Docx);
        let (command, card) = bench.previewed(&group, "/announce --preview dinner").await;
        bench.sim.change_chat(&group, |chat| {
            chat.edit_permission = WhoMay::OnlyOwner;
        });
        bench.advance(Duration::from_mins(2));
        let pressed = bench.press_preview(&group, &card.id, PUBLISH).await;
        if is_proposed {
            assert_eq!(pressed, ToastKind::Success);
            let told = bench.wait("the proposal", |state| state.replies_to(&command).pop());
            assert!(told.await.contains("waits for approval"));
        } else {
            assert_eq!(pressed, ToastKind::Error);
            // The preview stays open, as the right may come back.
            bench.sim.change_chat(&group, |chat| {
                chat.edit_permission = WhoMay::AllMembers;
            });
            bench.advance(Duration::from_mins(2));
            let pressed = bench.press_preview(&group, &card.id, PUBLISH).await;
            assert_eq!(pressed, ToastKind::Success);
        }
        bench.idle().await;
        bench.finish().await;
    }
}

#[tokio::test]
async fn a_preview_is_submitted_for_approval() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let command = "/announce --ask --preview --at in 30 minutes dinner";
    let (command, card) = bench.previewed(&group, command).await;
    let text = card.text();
    assert!(text.contains("To be posted: today"), "{text}");
    assert_eq!(card.buttons(), ["Submit for approval", DISCARD]);
    let pressed = bench
        .press_preview(&group, &card.id, "Submit for approval")
        .await;
    assert_eq!(pressed, ToastKind::Success);
    let asked = bench.wait("the request", |state| state.replies_to(&command).pop());
    assert!(asked.await.contains("asks to post"));
    let request = bench.sim.messages(&group).pop().unwrap().id;
    let pressed = bench.press(&bench.owner, &group, &request, "Approve").await;
    assert_eq!(pressed, ToastKind::Success);
    let scheduled = bench.wait("the schedule", |state| {
        state.replies_to(&command).get(1).cloned()
    });
    assert!(scheduled.await.contains("Scheduled for"));
    bench.finish().await;
}

#[tokio::test]
async fn notices_and_edits_have_previews() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let (notice, card) = bench.previewed(&group, "/notice --preview dinner").await;
    assert!(card.text().contains("it will be a pinned notice"));
    let pressed = bench.press_preview(&group, &card.id, PUBLISH).await;
    assert_eq!(pressed, ToastKind::Success);
    let on_top = |state: &feishu_sim::State| state.top_notice(&group).cloned();
    bench.wait("the notice", on_top).await;
    bench.idle().await;
    let edit = bench.reply(&group, &notice, "/edit --preview supper").id;
    let shown = bench.answer(&edit).await;
    assert!(shown.starts_with("Preview\n"), "{shown}");
    let card = bench.seen_by(&bench.member);
    let text = card.text();
    assert!(text.contains("The text so far: `dinner`"), "{text}");
    let pressed = bench.press_preview(&group, &card.id, "Change").await;
    assert_eq!(pressed, ToastKind::Success);
    let done = |state: &feishu_sim::State| {
        let reactions = state.reactions(&edit);
        reactions.contains(&"DONE".to_owned()).then_some(())
    };
    bench.wait("the edit", done).await;
    // `/pin` shows nothing that could be previewed.
    let pin = bench.reply(&group, &edit, "/pin --preview").id;
    assert!(bench.answer(&pin).await.contains("--preview"));
    bench.finish().await;
}

#[tokio::test]
async fn a_recalled_command_discards_its_preview() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let (command, card) = bench.previewed(&group, "/announce --preview banquet").await;
    bench
        .sim
        .as_person(&bench.member)
        .in_chat(&group)
        .recall(&command);
    bench.idle().await;
    assert_eq!(bench.kept("banquet").await, 0);
    let pressed = bench.press_preview(&group, &card.id, PUBLISH).await;
    assert_eq!(pressed, ToastKind::Warning);
    bench.finish().await;
}

#[tokio::test]
async fn a_member_has_a_few_open_previews() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let (oldest, first) = bench
        .previewed(&group, "/announce --preview dinner 0")
        .await;
    for number in 1..=3 {
        let command = format!("/announce --preview dinner {number}");
        bench.previewed(&group, &command).await;
    }
    bench.until_over(&oldest).await;
    let open = "jobs WHERE kind = 'preview' AND state = 'ready'";
    assert_eq!(bench.count(open).await, 3);
    let pressed = bench.press_preview(&group, &first.id, PUBLISH).await;
    assert_eq!(pressed, ToastKind::Warning);
    bench.finish().await;
}

#[tokio::test]
async fn consent_is_asked_for_when_a_preview_is_used() {
    let bench = crate::members::bench().await;
    let group = bench.group(Docx);
    let (command, card) = bench.previewed(&group, "/announce --preview dinner").await;
    let pressed = bench.press_preview(&group, &card.id, PUBLISH).await;
    assert_eq!(pressed, ToastKind::Success);
    bench.link(&bench.member).await;
    // It is no longer open, so no other takes its place.
    for number in 1..=3 {
        let command = format!("/announce --preview lunch {number}");
        bench.previewed(&group, &command).await;
    }
    bench.consent().await;
    let published = |state: &feishu_sim::State| {
        let reactions = state.reactions(&command);
        reactions.contains(&"Loudspeaker".to_owned()).then_some(())
    };
    bench.wait("the reaction", published).await;
    bench.finish().await;
}

#[tokio::test]
async fn pictures_are_named_and_then_published() {
    for kind in [Doc, Docx] {
        let bench = Bench::new().await;
        let group = bench.group(kind);
        let [one, two] = ["one", "two"].map(|bytes| bench.sim.add_image(bytes));
        let paragraphs = [
            Words::from("/announce --preview Party"),
            Words::new().image(&one),
            Words::from("Tonight"),
            Words::new().image(&two),
        ];
        let member = bench.sim.as_person(&bench.member).in_chat(&group);
        let command = member.post("", paragraphs).id;
        let shown = bench.answer(&command).await;
        assert!(shown.starts_with("Preview\n"), "{shown}");
        let card = bench.seen_by(&bench.member);
        let text = card.text();
        assert!(
            text.contains("Party\n\n&#91;image&#93;\n\nTonight\n\n&#91;image&#93;"),
            "{text}"
        );
        assert!(bench.sim.announced_media(&group).is_empty());
        let pressed = bench.press_preview(&group, &card.id, PUBLISH).await;
        assert_eq!(pressed, ToastKind::Success);
        bench.until_over(&command).await;
        let media = bench.sim.announced_media(&group).into_iter();
        let media: Vec<_> = media.map(|it| it.unwrap().bytes).collect();
        let expected: &[&[u8]] = if kind == Docx { &[b"one", b"two"] } else { &[] };
        assert_eq!(media, expected);
        bench.finish().await;
    }
}

#[tokio::test]
async fn a_recurring_preview_starts_the_series() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let command = "/announce --preview --every day 9:00 standup";
    let (command, card) = bench.previewed(&group, command).await;
    let text = card.text();
    assert!(text.contains("every day at 9:00"), "{text}");
    assert_eq!(card.buttons(), ["Schedule", DISCARD]);
    let pressed = bench.press_preview(&group, &card.id, "Schedule").await;
    assert_eq!(pressed, ToastKind::Success);
    let scheduled = bench.wait("the schedule", |state| state.replies_to(&command).pop());
    let scheduled = scheduled.await;
    // The preview has used no number.
    assert!(scheduled.contains("every day at 9:00"), "{scheduled}");
    assert!(scheduled.contains("schedule 1)"), "{scheduled}");
    bench.until_over(&command).await;
    let mut last = Vec::new();
    for _ in 0..2 {
        bench.advance(Duration::from_hours(24));
        let posted = |state: &feishu_sim::State| {
            let lines = state.announcement_text(&group);
            (lines.len() == 2 && lines != last).then_some(lines)
        };
        last = bench.wait("a run", posted).await;
        assert_eq!(last[0], "standup");
        bench.settled().await;
    }
    bench.finish().await;
}
