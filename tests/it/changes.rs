//! Changes are recorded, expire, and can be undone.

use std::time::Duration;

use feishu_sim::AnnouncementKind::{self, Doc, Docx};
use feishu_sim::{ChatId, Endpoint, Fault, MessageId, State, TopNotice, WhoMay};

use crate::harness::Bench;

const HOUR: Duration = Duration::from_hours(1);
/// So long that no schedule is too late when a test advances the clock.
const PATIENT: &str = "[worker]\nplan_grace = '30d'";

/// A bot and a group with two messages.
async fn context() -> (Bench, ChatId, MessageId, MessageId) {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let first = bench.say(&group, "dinner at seven").id;
    let second = bench.say(&group, "dinner at eight").id;
    (bench, group, first, second)
}

async fn pin(bench: &Bench, group: &ChatId, message: &MessageId, text: &str) -> MessageId {
    let command = bench.reply(group, message, text).id;
    assert_eq!(bench.reaction(&command).await, "Pin");
    command
}

async fn wait_for_top(bench: &Bench, group: &ChatId, expected: Option<TopNotice>) {
    let see = |state: &State| (state.top_notice(group) == expected.as_ref()).then_some(());
    bench.wait("the top notice", see).await;
}

#[tokio::test]
async fn timed_pin_expires_silently_even_after_restart() {
    let (mut bench, group, first, _) = context().await;
    let command = pin(&bench, &group, &first, "/pin 2h").await;
    bench.idle().await;
    bench.restart().await;
    bench.advance(Duration::from_mins(119));
    bench.say(&group, "/history");
    bench.idle().await;
    assert_eq!(
        bench.sim.top_notice(&group),
        Some(TopNotice::Message(first))
    );
    bench.advance(Duration::from_mins(1));
    wait_for_top(&bench, &group, None).await;
    bench.idle().await;
    assert!(bench.sim.answers_to(&command).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn expiry_ignores_a_replaced_or_removed_pin() {
    for replacement in ["/pin", "/pin announcement", "/unpin"] {
        let (bench, group, first, second) = context().await;
        pin(&bench, &group, &first, "/置顶2小时").await;
        let command = bench.reply(&group, &second, replacement).id;
        bench.reaction(&command).await;
        let top = bench.sim.top_notice(&group);
        bench.sim.clear_calls();
        bench.advance(3 * HOUR);
        let history = bench.say(&group, "/history").id;
        let history = bench.answer(&history).await;
        assert!(!history.contains("Scheduled"), "{history}");
        assert!(bench.sim.calls_to(Endpoint::DeleteTopNotice).is_empty());
        assert_eq!(bench.sim.top_notice(&group), top, "{replacement}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn failed_expiry_is_retried_then_reported() {
    let (bench, group, first, _) = context().await;
    let failing = pin(&bench, &group, &first, "/pin 1h").await;
    bench
        .sim
        .fault(Endpoint::DeleteTopNotice, Fault::ServerError);
    bench.idle().await;
    bench.advance(HOUR);
    bench
        .wait_in_steps_of(Duration::from_secs(1), "the end of the pin", |state| {
            state.top_notice(&group).is_none().then_some(())
        })
        .await;
    assert!(bench.sim.answers_to(&failing).is_empty());

    let refused = pin(&bench, &group, &first, "/pin 1h").await;
    bench
        .sim
        .fault(Endpoint::DeleteTopNotice, Fault::code(232_009));
    bench.idle().await;
    bench.advance(HOUR);
    let answer = bench.answer(&refused).await;
    assert!(answer.contains("scheduled removal failed"), "{answer}");
    assert!(answer.contains("232009"), "{answer}");
    bench.finish().await;
}

#[tokio::test]
async fn undo_restores_earlier_top_notices_in_turn() {
    let (bench, group, first, second) = context().await;
    pin(&bench, &group, &first, "/pin").await;
    pin(&bench, &group, &second, "/pin").await;
    let unpin = bench.say(&group, "/unpin").id;
    assert_eq!(bench.reaction(&unpin).await, "DONE");
    for expected in [
        Some(TopNotice::Message(second)),
        Some(TopNotice::Message(first)),
        None,
    ] {
        let undo = bench.say(&group, "/undo").id;
        let answer = bench.answer(&undo).await;
        assert!(answer.contains("manual"), "{answer}");
        assert_eq!(bench.sim.top_notice(&group), expected);
    }
    let undo = bench.say(&group, "/撤销").id;
    let answer = bench.answer(&undo).await;
    assert!(answer.contains("没有可撤销"), "{answer}");
    bench.finish().await;
}

#[tokio::test]
async fn undo_of_an_unknown_top_notice_is_explained() {
    let (bench, group, _, _) = context().await;
    let unpin = bench.say(&group, "/unpin").id;
    bench.reaction(&unpin).await;
    let undo = bench.say(&group, "/undo").id;
    let answer = bench.answer(&undo).await;
    assert!(answer.contains("does not know"), "{answer}");
    assert!(bench.sim.calls_to(Endpoint::PutTopNotice).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn undo_of_a_timed_pin_cancels_its_expiry() {
    let (bench, group, first, second) = context().await;
    pin(&bench, &group, &first, "/pin 2h").await;
    let undo = bench.say(&group, "/undo").id;
    bench.answer(&undo).await;
    let history = bench.say(&group, "/history").id;
    let history = bench.answer(&history).await;
    assert!(!history.contains("Scheduled"), "{history}");
    pin(&bench, &group, &second, "/pin").await;
    bench.idle().await;
    bench.advance(3 * HOUR);
    let help = bench.say(&group, "/history").id;
    bench.answer(&help).await;
    let top = Some(TopNotice::Message(second));
    assert_eq!(bench.sim.top_notice(&group), top);
    bench.finish().await;
}

#[tokio::test]
async fn restored_timed_pin_still_expires() {
    let (bench, group, first, second) = context().await;
    pin(&bench, &group, &first, "/pin 2h").await;
    pin(&bench, &group, &second, "/pin").await;
    let undo = bench.say(&group, "/undo").id;
    bench.answer(&undo).await;
    let top = Some(TopNotice::Message(first));
    assert_eq!(bench.sim.top_notice(&group), top);
    bench.idle().await;
    bench.advance(2 * HOUR);
    wait_for_top(&bench, &group, None).await;
    bench.finish().await;
}

#[tokio::test]
async fn undo_needs_the_permission_of_its_change() {
    let bench = Bench::new().await;
    let group = bench.closed_group();
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    let pin = owner.say("/pin announcement").id;
    assert_eq!(bench.reaction(&pin).await, "Pin");
    let undo = bench.say(&group, "/undo").id;
    let answer = bench.answer(&undo).await;
    assert!(answer.contains("Only the owner"), "{answer}");
    assert_eq!(bench.sim.top_notice(&group), Some(TopNotice::Announcement));
    bench.finish().await;
}

#[tokio::test]
async fn history_lists_schedules_that_cancel_takes_by_number() {
    let (bench, group, first, _) = context().await;
    let empty = bench.say(&group, "/history").id;
    let empty = bench.answer(&empty).await;
    assert!(empty.contains("nothing"), "{empty}");
    bench.say(&group, "/pin announcement");
    bench.idle().await;
    pin(&bench, &group, &first, "/pin 2h").await;
    let history = bench.say(&group, "/history").id;
    let history = bench.answer(&history).await;
    for change in ["pinned the announcement", "pinned a message"] {
        assert!(history.contains(&format!("`Mei` {change}")), "{history}");
    }
    assert!(history.contains("Schedule 1: "), "{history}");

    let cancel = bench.say(&group, "/cancel 1").id;
    assert_eq!(bench.reaction(&cancel).await, "DONE");
    let again = bench.say(&group, "/取消 1").id;
    let answer = bench.answer(&again).await;
    assert!(answer.contains("没有该计划"), "{answer}");
    bench.advance(3 * HOUR);
    let history = bench.say(&group, "/记录").id;
    let history = bench.answer(&history).await;
    assert!(history.contains("取消了一项计划"), "{history}");
    assert!(history.contains("置顶了一条消息"), "{history}");
    assert_eq!(
        bench.sim.top_notice(&group),
        Some(TopNotice::Message(first))
    );
    bench.finish().await;
}

#[tokio::test]
async fn author_can_cancel_a_schedule_without_permission() {
    let (bench, group, first, _) = context().await;
    pin(&bench, &group, &first, "/pin 2h").await;
    bench.sim.change_chat(&group, |chat| {
        chat.pin_manage_setting = Some(WhoMay::OnlyOwner);
    });
    let cancel = bench.say(&group, "/cancel 1").id;
    assert_eq!(bench.reaction(&cancel).await, "DONE");
    bench.finish().await;
}

#[tokio::test]
async fn direct_chat_has_no_history_and_no_undo() {
    let bench = Bench::new().await;
    let chat = bench.sim.direct_chat(&bench.member);
    let history = bench.say(&chat, "/history").id;
    let answer = bench.answer(&history).await;
    assert!(answer.contains("nothing"), "{answer}");
    let undo = bench.say(&chat, "/undo").id;
    let answer = bench.answer(&undo).await;
    assert!(answer.contains("groups only"), "{answer}");
    bench.finish().await;
}

const KINDS: [AnnouncementKind; 2] = [Doc, Docx];

async fn announce(bench: &Bench, group: &ChatId, text: &str) -> MessageId {
    let command = bench.say(group, text).id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    command
}

async fn wait_for_text(bench: &Bench, group: &ChatId, expected: &[&str]) {
    let see = |state: &State| {
        let text = state.announcement_text(group);
        let lines = text.iter().filter(|line| !line.starts_with("— "));
        lines.eq(expected).then_some(())
    };
    bench.wait(&format!("{expected:?}"), see).await;
}

#[tokio::test]
async fn repeated_undo_removes_earlier_entries() {
    for kind in KINDS {
        let bench = Bench::new().await;
        let group = bench.group(kind);
        let editor = bench.sim.as_person(&bench.owner).in_chat(&group);
        editor.edit_announcement(["the rules"]);
        announce(&bench, &group, "/announce first\nof two lines").await;
        announce(&bench, &group, "/announce second").await;
        wait_for_text(
            &bench,
            &group,
            &["second", "first", "of two lines", "the rules"],
        )
        .await;
        for expected in [
            &["first", "of two lines", "the rules"][..],
            &["the rules"][..],
        ] {
            let undo = bench.say(&group, "/undo").id;
            let answer = bench.answer(&undo).await;
            assert!(answer.contains("removed from the announcement"), "{answer}");
            wait_for_text(&bench, &group, expected).await;
        }
        let text = bench.sim.announcement_text(&group);
        assert_eq!(text, ["the rules"], "{kind:?}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn undo_keeps_an_entry_that_was_edited() {
    for kind in KINDS {
        let bench = Bench::new().await;
        let group = bench.group(kind);
        announce(&bench, &group, "/announce dinner at seven").await;
        let editor = bench.sim.as_person(&bench.owner).in_chat(&group);
        editor.edit_announcement(["dinner at eight"]);
        let undo = bench.say(&group, "/undo").id;
        let answer = bench.answer(&undo).await;
        let left_alone = answer.contains("has changed") || answer.contains("no longer in");
        assert!(left_alone, "{answer}");
        wait_for_text(&bench, &group, &["dinner at eight"]).await;
        bench.finish().await;
    }
}

#[tokio::test]
async fn timed_entry_expires_without_the_others() {
    for kind in KINDS {
        let (mut bench, group) = {
            let bench = Bench::new().await;
            let group = bench.group(kind);
            (bench, group)
        };
        let command = announce(&bench, &group, "/公告 --限时 2天 今晚停电").await;
        announce(&bench, &group, "/announce stays").await;
        bench.idle().await;
        bench.restart().await;
        bench.advance(48 * HOUR);
        wait_for_text(&bench, &group, &["stays"]).await;
        bench.idle().await;
        assert!(bench.sim.answers_to(&command).is_empty());
        bench.finish().await;
    }
}

#[tokio::test]
async fn undo_without_deletion_asks_the_author() {
    let bench = Bench::new().await;
    let group = bench.group(Doc);
    let command = announce(&bench, &group, "/announce --for 1h dinner").await;
    bench.sim.change_behaviour(|behaviour| {
        behaviour.legacy_deletes_refused = true;
    });
    bench.idle().await;
    bench.advance(HOUR);
    let answer = bench.answer(&command).await;
    assert!(
        answer.contains("does not allow the bot to delete"),
        "{answer}"
    );
    wait_for_text(&bench, &group, &["dinner"]).await;

    // The bot now knows this, and says so in advance, for scheduled announcements, too.
    for later in ["/announce --for 1h tea", "/公告 --定时 9:00 --限时 1天 茶"] {
        let refused = bench.say(&group, later).id;
        let answer = bench.answer(&refused).await;
        let named = answer.contains("without --for") || answer.contains("去掉 --限时");
        assert!(named, "{answer}");
    }
    announce(&bench, &group, "/announce tea").await;
    wait_for_text(&bench, &group, &["tea", "dinner"]).await;

    // The new kind allows deletion.
    bench.sim.upgrade_announcement(&group);
    announce(&bench, &group, "/announce --for 1h supper").await;
    bench.idle().await;
    bench.advance(HOUR);
    wait_for_text(&bench, &group, &[]).await;
    bench.finish().await;
}

#[tokio::test]
async fn partly_unsigned_entry_can_be_undone() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let lines = "\nline".repeat(60);
    let words = feishu_sim::Words::new()
        .text("/announce ")
        .at(&bench.owner)
        .text(&lines);
    bench.sim.fault(Endpoint::CreateChildren, Fault::Nothing);
    let refused = Fault::code(1_770_001);
    bench.sim.fault(Endpoint::CreateChildren, refused);
    let chat = bench.sim.as_person(&bench.member).in_chat(&group);
    let command = chat.say(words).id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    let text = bench.sim.announcement_text(&group);
    assert!(text[0].contains(&bench.owner.name), "{text:?}");
    assert!(text[61].starts_with("— 2"), "{text:?}");
    let undo = bench.say(&group, "/undo").id;
    let answer = bench.answer(&undo).await;
    assert!(answer.contains("removed from the announcement"), "{answer}");
    assert!(bench.sim.announcement_text(&group).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn undo_finds_no_entry_after_an_upgrade() {
    let bench = Bench::new().await;
    let group = bench.group(Doc);
    announce(&bench, &group, "/announce dinner").await;
    bench.sim.upgrade_announcement(&group);
    let undo = bench.say(&group, "/undo").id;
    let answer = bench.answer(&undo).await;
    assert!(answer.contains("upgraded to the new format"), "{answer}");
    let undo = bench.say(&group, "/undo").id;
    let answer = bench.answer(&undo).await;
    assert!(answer.contains("nothing to undo"), "{answer}");
    bench.finish().await;
}

#[tokio::test]
async fn announce_with_pin_is_undone_as_a_whole() {
    let (bench, group, first, _) = context().await;
    pin(&bench, &group, &first, "/pin").await;
    announce(&bench, &group, "/announce --top dinner").await;
    assert_eq!(bench.sim.top_notice(&group), Some(TopNotice::Announcement));
    let undo = bench.say(&group, "/undo").id;
    bench.answer(&undo).await;
    assert!(bench.sim.announcement_text(&group).is_empty());
    let top = Some(TopNotice::Message(first));
    assert_eq!(bench.sim.top_notice(&group), top);
    bench.finish().await;
}

#[tokio::test]
async fn announce_with_pin_needs_both_permissions() {
    let bench = Bench::new().await;
    let closed = bench.spec().pin_manage_setting(Some(WhoMay::OnlyOwner));
    let group = bench.sim.add_chat(closed);
    let refused = bench.say(&group, "/announce --top dinner").id;
    let answer = bench.answer(&refused).await;
    assert!(answer.contains("top notice"), "{answer}");
    assert!(bench.sim.announcement_text(&group).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn scheduled_announcement_is_posted_even_after_restart() {
    for kind in KINDS {
        let mut bench = Bench::with(|builder| builder, PATIENT).await;
        let group = bench.group(kind);
        let command = bench.say(&group, "/announce --at 9:00 **standup** now").id;
        let answer = bench.answer(&command).await;
        assert!(answer.contains("9:00"), "{answer}");
        assert!(answer.contains("(schedule 1)"), "{answer}");
        assert!(answer.contains("standup now"), "{answer}");
        let history = bench.say(&group, "/history").id;
        let history = bench.answer(&history).await;
        assert!(history.contains("standup now"), "{history}");
        assert!(bench.sim.announcement_text(&group).is_empty());
        bench.idle().await;
        bench.restart().await;
        bench
            .wait_in_steps_of(Duration::from_mins(30), "the announcement", |state| {
                (!state.announcement_text(&group).is_empty()).then_some(())
            })
            .await;
        wait_for_text(&bench, &group, &["standup now"]).await;
        bench.finish().await;
    }
}

#[tokio::test]
async fn missed_schedule_runs_late_or_is_reported() {
    for (away, words) in [(HOUR, "late"), (36 * HOUR, "too late")] {
        let mut bench = Bench::new().await;
        let group = bench.group(Docx);
        let command = bench.say(&group, "/announce --at 9:00 standup").id;
        bench.answer(&command).await;
        bench.idle().await;
        bench.sim.set_api_down(true);
        bench.advance(24 * HOUR + away);
        bench.sim.set_api_down(false);
        bench.restart().await;
        bench
            .wait("the word", |state| {
                let replies = state.answers_to(&command);
                let replied = replies.iter().any(|reply| reply.contains(words));
                replied.then_some(())
            })
            .await;
        bench.finish().await;
    }
}

#[tokio::test]
async fn due_schedule_checks_the_permission_again() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let command = bench.say(&group, "/announce --at 9:00 standup").id;
    bench.answer(&command).await;
    bench.sim.change_chat(&group, |chat| {
        chat.edit_permission = WhoMay::OnlyOwner;
    });
    bench
        .wait_in_steps_of(Duration::from_mins(30), "the refusal", |state| {
            let replies = state.answers_to(&command);
            let replied = replies.iter().any(|reply| reply.contains("Only the owner"));
            replied.then_some(())
        })
        .await;
    assert!(bench.sim.announcement_text(&group).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn expiry_works_after_the_text_is_pruned() {
    for kind in KINDS {
        let bench = Bench::new().await;
        let group = bench.group(kind);
        announce(&bench, &group, "/announce --for 2w the long one").await;
        bench.idle().await;
        // In steps of an hour, because texts are pruned every hour.
        bench
            .wait_in_steps_of(HOUR, "the end of the entry", |state| {
                let text = state.announcement_text(&group).concat();
                (!text.contains("the long one")).then_some(())
            })
            .await;
        bench.finish().await;
    }
}

#[tokio::test]
async fn undo_of_announce_with_pin_needs_pin_permission() {
    let bench = Bench::new().await;
    let spec = bench.spec().pin_manage_setting(Some(WhoMay::OnlyOwner));
    let group = bench.sim.add_chat(spec.bot_is_admin());
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    let command = owner.say("/announce --top dinner").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    let undo = bench.say(&group, "/undo").id;
    let answer = bench.answer(&undo).await;
    assert!(answer.contains("manage top notices"), "{answer}");
    assert_eq!(bench.sim.top_notice(&group), Some(TopNotice::Announcement));
    bench.finish().await;
}

#[tokio::test]
async fn entry_without_its_pin_is_recorded_and_expires() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench
        .sim
        .fault(Endpoint::PutTopNotice, Fault::code(232_009));
    let command = bench.say(&group, "/announce --top --for 1h dinner").id;
    let answer = bench.answer(&command).await;
    assert!(
        answer.contains("was posted to the announcement"),
        "{answer}"
    );
    bench.idle().await;
    bench.advance(HOUR);
    wait_for_text(&bench, &group, &[]).await;
    bench.finish().await;
}

#[tokio::test]
async fn irreversible_change_does_not_hide_earlier_ones() {
    let (bench, group, _, _) = context().await;
    announce(&bench, &group, "/announce dinner").await;
    let unpin = bench.say(&group, "/unpin").id;
    bench.reaction(&unpin).await;
    for words in ["does not know", "removed from the announcement"] {
        let undo = bench.say(&group, "/undo").id;
        let answer = bench.answer(&undo).await;
        assert!(answer.contains(words), "{answer}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn lost_deletion_response_removes_nothing_else() {
    for kind in KINDS {
        let bench = Bench::new().await;
        let group = bench.group(kind);
        // Of two equal texts, only the first is removed.
        announce(&bench, &group, "/announce dinner").await;
        announce(&bench, &group, "/announce dinner").await;
        let write = match kind {
            Doc => Endpoint::PatchDocAnnouncement,
            Docx => Endpoint::DeleteChildren,
        };
        bench.sim.fault(write, Fault::LoseAnswer);
        let undo = bench.say(&group, "/undo").id;
        let replied = |state: &State| state.answers_to(&undo).first().cloned();
        let answer = bench
            .wait_in_steps_of(Duration::from_secs(1), "the answer", replied)
            .await;
        assert!(answer.contains("announcement"), "{answer}");
        wait_for_text(&bench, &group, &["dinner"]).await;
        bench.finish().await;
    }
}
