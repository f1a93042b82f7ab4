//! `--notify`: a message of the bot that mentions everybody, and how many have read it.

use std::time::Duration;

use feishu_sim::AnnouncementKind::{Doc, Docx};
use feishu_sim::{
    AnnouncementKind, ChatId, Endpoint, Fault, Message, MessageId, Sender, State, TopNotice, WhoMay,
};

use crate::harness::{Bench, log};

const CLOSED: Option<WhoMay> = Some(WhoMay::OnlyOwner);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// So long that no schedule is too late when a test advances the clock.
const PATIENT: &str = "[worker]\nplan_grace = '30d'\n";

impl Bench {
    /// A group where this setting decides who may mention everybody.
    fn group_for(&self, who: Option<WhoMay>) -> ChatId {
        self.sim.add_chat(self.spec().at_all_permission(who))
    }

    /// The messages of the bot that mention everybody, also those that were recalled.
    fn notifications(&self, group: &ChatId) -> Vec<Message> {
        let mut messages = self.sim.messages(group);
        messages.retain(|message| message.sender == Sender::App && message.text().contains("@all"));
        messages
    }

    /// The member notifies everybody; returns the command.
    async fn notify(&self, group: &ChatId) -> MessageId {
        let command = self.say(group, "/announce --notify lunch").id;
        assert_eq!(self.reaction(&command).await, "Loudspeaker");
        command
    }

    async fn history_of(&self, group: &ChatId) -> String {
        let command = self.say(group, "/history").id;
        self.answer(&command).await
    }
}

#[tokio::test]
async fn everybody_is_notified_once() {
    for kind in [Doc, Docx] {
        let bench = Bench::new().await;
        let group = bench.group(kind);
        let text = "/announce --notify <at user_id=\"all\"></at> lunch\nat noon\nin the hall\nbring friends";
        let command = bench.say(&group, text).id;
        assert_eq!(bench.reaction(&command).await, "Loudspeaker");
        let [message] = &bench.notifications(&group)[..] else {
            panic!("{}", bench.sim.conversation());
        };
        assert!(message.notifies_all && message.msg_type == "text");
        let shown = message.text();
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines[0], "@all The group announcement was updated:");
        // Only the bot's own mention is active.
        assert!(lines[1].starts_with("<\u{200b}at "), "{shown}");
        assert_eq!(lines[2..4], ["at noon", "in the hall…"]);
        assert!(lines[4].starts_with("Open the group"), "{shown}");
        assert_eq!(bench.sim.announcement_text(&group)[1], "at noon");
        let plain = bench.say(&group, "/announce lunch").id;
        assert_eq!(bench.reaction(&plain).await, "Loudspeaker");
        assert_eq!(bench.notifications(&group).len(), 1);
        bench.finish().await;
    }
}

#[tokio::test]
async fn other_options_apply_as_well() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let old = bench.say(&group, "/announce dinner").id;
    assert_eq!(bench.reaction(&old).await, "Loudspeaker");
    let text = "/公告 --替换 --限时 1小时 --置顶 --通知 今晚停电";
    let command = bench.say(&group, text).id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(
        bench.notifications(&group)[0].text(),
        "@all 群公告有更新：\n今晚停电"
    );
    assert_eq!(bench.sim.announcement_text(&group)[0], "今晚停电");
    assert_eq!(bench.sim.top_notice(&group), Some(TopNotice::Announcement));
    bench.advance(HOUR);
    let restored = |state: &State| {
        let lines = state.announcement_text(&group);
        (lines[0] == "dinner").then_some(())
    };
    bench.wait("the end of the hour", restored).await;
    bench.idle().await;
    assert!(!bench.notifications(&group)[0].recalled);
    bench.finish().await;
}

#[tokio::test]
async fn who_may_not_mention_everybody_posts_nothing() {
    let mut bench = Bench::new().await;
    let allowed = format!("[policy]\nallow = [\"{}\"]\n", bench.member.open_id);
    for file in ["", "[policy]\nmode = 'anyone'\n", &allowed] {
        bench.reconfigure(file).await;
        for (setting, words) in [(CLOSED, "who can @ all"), (None, "does not report")] {
            let group = bench.group_for(setting);
            let command = bench.say(&group, "/announce --notify lunch").id;
            let answer = bench.answer(&command).await;
            let remedy = "Post it without --notify";
            assert!(
                answer.contains(words) && answer.contains(remedy),
                "{answer}"
            );
            let command = bench.say(&group, "/announce lunch").id;
            assert_eq!(bench.reaction(&command).await, "Loudspeaker");
            assert_eq!(bench.notifications(&group).len(), 0);
            let lines = bench.sim.announcement_text(&group);
            assert_eq!(lines.iter().filter(|line| *line == "lunch").count(), 1);
        }
    }
    let group = bench.group_for(None);
    let owner = bench.say_as(&bench.owner, &group, "/announce --notify lunch");
    assert_eq!(bench.reaction(&owner).await, "Loudspeaker");
    assert_eq!(bench.notifications(&group).len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn scheduled_notifications_are_checked_again() {
    for stays_open in [true, false] {
        let bench = Bench::new().await;
        let group = bench.group(Docx);
        let text = "/announce --notify --at in 30 minutes lunch";
        let command = bench.say(&group, text).id;
        let scheduled = bench.answer(&command).await;
        assert!(scheduled.contains("mentions everyone"), "{scheduled}");
        assert_eq!(bench.notifications(&group).len(), 0);
        if !stays_open {
            bench
                .sim
                .change_chat(&group, |chat| chat.at_all_permission = CLOSED);
        }
        bench.advance(HOUR / 2);
        if stays_open {
            assert_eq!(bench.reaction(&command).await, "Loudspeaker");
        } else {
            let told = bench.nth_answer(&command, 1).await;
            let words = "was not posted. Only the owner and admins can mention everyone";
            assert!(told.contains(words), "{told}");
        }
        let count = usize::from(stays_open);
        assert_eq!(bench.notifications(&group).len(), count);
        let lines = bench.sim.announcement_text(&group);
        assert_eq!(lines.iter().filter(|line| *line == "lunch").count(), count);
        bench.finish().await;
    }
}

#[tokio::test]
async fn the_announcement_outlives_a_refused_notification() {
    let bench = Bench::new().await;
    // The owner may mention everybody, the bot may not.
    let group = bench.group_for(CLOSED);
    let command = bench.say_as(&bench.owner, &group, "/announce --notify --top lunch");
    let answer = bench.answer(&command).await;
    for words in [
        "was posted to the announcement, but nobody was notified",
        "You have permission, but the bot does not",
        "no need to post it again",
        "230018",
    ] {
        assert!(answer.contains(words), "{answer}");
    }
    assert_eq!(bench.sim.announcement_text(&group)[0], "lunch");
    assert_eq!(bench.sim.top_notice(&group), Some(TopNotice::Announcement));
    assert!(bench.history_of(&group).await.contains("posted: `lunch`"));
    // The bot becomes an admin; other refusals name their code only.
    bench
        .sim
        .change_chat(&group, |chat| chat.bot_is_manager = true);
    bench
        .sim
        .fault(Endpoint::CreateMessage, Fault::code(230_035));
    let command = bench.say_as(&bench.owner, &group, "/announce --notify tea");
    let answer = bench.answer(&command).await;
    assert!(answer.contains("which may be muted"), "{answer}");
    let undo = bench.say_as(&bench.owner, &group, "/undo");
    let answer = bench.answer(&undo).await;
    assert!(!answer.contains("recalled"), "{answer}");
    bench.finish().await;
}

#[tokio::test]
async fn several_failures_are_one_answer() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench
        .sim
        .fault(Endpoint::PutTopNotice, Fault::code(232_014));
    bench
        .sim
        .fault(Endpoint::CreateMessage, Fault::code(230_035));
    let command = bench.say(&group, "/announce --notify --top lunch").id;
    let answer = bench.answer(&command).await;
    let words = "but the announcement was not pinned, and nobody was notified. Could not pin";
    assert!(answer.contains(words), "{answer}");
    // A refused pin does not keep a lost notification from being sent again.
    bench.sim.fault(Endpoint::CreateMessage, Fault::ServerError);
    for _ in 0..2 {
        bench
            .sim
            .fault(Endpoint::PutTopNotice, Fault::code(232_014));
    }
    let command = bench.say(&group, "/announce --notify --top tea").id;
    let answer = bench.answer(&command).await;
    let words = "but the announcement was not pinned. Could not pin";
    assert!(answer.contains(words), "{answer}");
    assert_eq!(bench.notifications(&group).len(), 1);
    let lines = bench.sim.announcement_text(&group);
    assert_eq!(lines.iter().filter(|line| *line == "tea").count(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn lost_answers_notify_nobody_twice() {
    for kind in [Doc, Docx] {
        for fault in [
            Fault::LoseAnswer,
            Fault::ServerError,
            Fault::code(230_020),
            Fault::code(230_049),
            Fault::ExpireTokens,
        ] {
            let bench = Bench::new().await;
            let group = bench.group(kind);
            bench.sim.fault(Endpoint::CreateMessage, fault);
            bench.notify(&group).await;
            assert_eq!(bench.notifications(&group).len(), 1);
            let lines = bench.sim.announcement_text(&group);
            assert_eq!(lines.iter().filter(|line| *line == "lunch").count(), 1);
            bench.finish().await;
        }
    }
}

#[tokio::test]
async fn kills_notify_nobody_twice() {
    for kind in [Doc, Docx] {
        for fault in [Fault::Hang, Fault::LoseAnswer] {
            let mut bench = Bench::new().await;
            let group = bench.group(kind);
            bench.sim.fault(Endpoint::CreateMessage, fault.clone());
            let command = bench.say(&group, "/announce --notify lunch").id;
            let called = |state: &State| state.calls_to(Endpoint::CreateMessage).next().map(drop);
            bench.sim.wait_for("the call", called).await;
            bench.kill().await;
            assert_eq!(bench.reaction(&command).await, "Loudspeaker");
            assert_eq!(bench.notifications(&group).len(), 1, "{fault:?}");
            let lines = bench.sim.announcement_text(&group);
            assert_eq!(lines.iter().filter(|line| *line == "lunch").count(), 1);
            bench.finish().await;
        }
    }
}

/// A scheduled announcement whose notification was called when the bot was killed, for this long.
async fn killed_while_notifying(fault: Fault, away: Duration) -> (Bench, ChatId, MessageId) {
    let mut bench = Bench::with(|builder| builder, PATIENT).await;
    let group = bench.group(AnnouncementKind::Docx);
    let text = "/announce --notify --at in 30 minutes lunch";
    let command = bench.say(&group, text).id;
    bench.answer(&command).await;
    bench.idle().await;
    bench.sim.clear_calls();
    bench.sim.fault(Endpoint::CreateMessage, fault);
    bench.advance(HOUR / 2);
    let called = |state: &State| state.calls_to(Endpoint::CreateMessage).next().map(drop);
    bench.wait("the call", called).await;
    bench.kill_and_stay_away(away).await;
    (bench, group, command)
}

#[tokio::test]
async fn an_old_call_is_not_repeated() {
    for (fault, sent) in [(Fault::LoseAnswer, 1), (Fault::Hang, 0)] {
        let (bench, group, command) = killed_while_notifying(fault, 2 * HOUR).await;
        let told = bench.nth_answer(&command, 1).await;
        let words = "it is not certain that everyone was notified";
        assert!(told.contains(words), "{told}");
        bench.idle().await;
        assert_eq!(bench.notifications(&group).len(), sent);
        assert_eq!(bench.sim.announcement_text(&group)[0], "lunch");
        bench.finish().await;
    }
    // The platform still knows the key.
    let (bench, group, command) = killed_while_notifying(Fault::LoseAnswer, HOUR / 2).await;
    let told = bench.nth_answer(&command, 1).await;
    assert!(told.starts_with("Posted late"), "{told}");
    assert_eq!(bench.notifications(&group).len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn a_refused_repetition_may_have_been_sent() {
    let bench = Bench::new().await;
    bench
        .sim
        .change_behaviour(|behaviour| behaviour.messages.repeat_refusal = Some(230_001));
    let group = bench.group(Docx);
    bench.sim.fault(Endpoint::CreateMessage, Fault::LoseAnswer);
    let command = bench.say(&group, "/announce --notify lunch").id;
    let answer = bench.answer(&command).await;
    assert!(answer.contains("An earlier attempt may have"), "{answer}");
    assert_eq!(bench.notifications(&group).len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn undo_recalls_the_notification() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench.notify(&group).await;
    let undo = bench.say(&group, "/undo").id;
    let answer = bench.answer(&undo).await;
    let words = "The message that mentions everyone was recalled, too.";
    assert!(answer.contains(words), "{answer}");
    assert!(bench.notifications(&group)[0].recalled);
    assert!(!bench.history_of(&group).await.contains("(read by"));
    // Somebody recalled it by hand.
    bench.notify(&group).await;
    let message = bench.notifications(&group).pop().unwrap().id;
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    owner.recall(&message);
    let undo = bench.say(&group, "/undo").id;
    assert!(bench.answer(&undo).await.contains(words));
    // It is too old, or the scope is missing.
    for (wait, fault) in [(2 * DAY, None), (HOUR, Some(Fault::code(99_991_672)))] {
        bench.notify(&group).await;
        bench.advance(wait);
        if let Some(fault) = fault {
            bench.sim.fault(Endpoint::RecallMessage, fault);
        }
        let undo = bench.say(&group, "/undo").id;
        let answer = bench.answer(&undo).await;
        assert!(answer.contains("could not be recalled"), "{answer}");
        assert!(!bench.has_lunch(&group), "{answer}");
    }
    bench.finish().await;
}

impl Bench {
    fn has_lunch(&self, group: &ChatId) -> bool {
        let lines = self.sim.announcement_text(group);
        lines.iter().any(|line| line == "lunch")
    }
}

#[tokio::test]
async fn history_counts_the_readers() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench.notify(&group).await;
    let message = bench.notifications(&group)[0].id.clone();
    assert!(bench.history_of(&group).await.contains("(read by 0 of 2)"));
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    owner.read(&message);
    // For a minute the platform is not asked again.
    bench.sim.clear_calls();
    assert!(bench.history_of(&group).await.contains("(read by 0 of 2)"));
    assert!(bench.sim.calls_to(Endpoint::ReadUsers).is_empty());
    bench.advance(Duration::from_mins(1));
    assert!(bench.history_of(&group).await.contains("(read by 1 of 2)"));
    assert_eq!(bench.sim.calls_to(Endpoint::ReadUsers).len(), 1);
    bench.advance(Duration::from_mins(1));
    let command = bench.say(&group, "/记录").id;
    let history = bench.answer(&command).await;
    assert!(history.contains("（2 人中 1 人已读）"), "{history}");
    // Where the platform refuses, or does not list the members, there is less to show.
    bench.advance(Duration::from_mins(11));
    bench.sim.fault(Endpoint::ListMembers, Fault::code(232_011));
    assert!(bench.history_of(&group).await.contains("(read by 1)"));
    bench.advance(Duration::from_mins(1));
    bench.sim.fault(Endpoint::ReadUsers, Fault::code(230_027));
    let history = bench.history_of(&group).await;
    assert!(history.contains("posted: `lunch`"), "{history}");
    assert!(!history.contains("(read by"), "{history}");
    assert!(log().contains("could not read how many have read a message"));
    bench.advance(7 * DAY);
    bench.sim.clear_calls();
    assert!(!bench.history_of(&group).await.contains("(read by"));
    assert!(bench.sim.calls_to(Endpoint::ReadUsers).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn an_outage_delays_no_history() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    for _ in 0..3 {
        bench.notify(&group).await;
    }
    bench.sim.clear_calls();
    bench
        .sim
        .rate_limit(Endpoint::ReadUsers, Duration::from_secs(50));
    let history = bench.history_of(&group).await;
    assert!(!history.contains("(read by"), "{history}");
    assert_eq!(bench.sim.calls_to(Endpoint::ReadUsers).len(), 1);
    bench.advance(Duration::from_mins(2));
    let history = bench.history_of(&group).await;
    assert_eq!(history.matches("(read by").count(), 3, "{history}");
    bench.finish().await;
}

#[tokio::test]
async fn approvers_see_that_everybody_is_notified() {
    let bench = Bench::with(|builder| builder, "[policy]\non_denied = \"ask\"\n").await;
    let group = bench
        .sim
        .add_chat(bench.spec().at_all_permission(CLOSED).bot_is_admin());
    let command = bench.say(&group, "/announce --notify lunch").id;
    let asked = bench.answer(&command).await;
    assert!(
        asked.contains("may not post to the announcement and notify everyone"),
        "{asked}"
    );
    let card = bench.sim.messages(&group).pop().unwrap().id;
    let shown = bench.sim.card(&card).to_string();
    assert!(shown.contains("Options: mentions everyone"), "{shown}");
    let press = |person| {
        let person = bench.sim.as_person(person).in_chat(&group);
        person.press(&card, "Publish")
    };
    // The member may post, but not mention everybody.
    press(&bench.member);
    bench.idle().await;
    assert_eq!(bench.notifications(&group).len(), 0);
    press(&bench.owner);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(bench.notifications(&group).len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn the_bot_notifies_where_it_acts_as_members() {
    let bench = crate::members::bench().await;
    let group = bench.group(Docx);
    let closed = bench.group_for(CLOSED);
    let command = bench.say(&closed, "/announce --notify lunch").id;
    let answer = bench.answer(&command).await;
    assert!(answer.contains("Post it without --notify"), "{answer}");
    let command = bench.say(&group, "/announce --notify lunch").id;
    bench.link(&bench.member).await;
    bench.consent().await;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(bench.notifications(&group).len(), 1);
    assert!(bench.history_of(&group).await.contains("(read by 0 of 2)"));
    let undo = bench.say(&group, "/undo").id;
    assert!(bench.answer(&undo).await.contains("was recalled, too"));
    bench.finish().await;
}
