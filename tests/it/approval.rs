//! Commands of members without the right, which the owner and admins approve or decline.

use std::time::Duration;

use feishu_sim::AnnouncementKind::{Doc, Docx};
use feishu_sim::{
    AnnouncementKind, ChatId, Endpoint, Fault, MessageId, Person, Pressed, ToastKind, TopNotice,
    WhoMay,
};

use crate::harness::Bench;
use crate::settings::{kind, value};

const ASK: &str = "[policy]\non_denied = \"ask\"\n";
const APPROVE: &str = "Approve";
const PUBLISH: &str = "Publish";
const DECLINE: &str = "Decline";

/// A group where only the owner and Ada, its admin, may pin and announce, and the member asks.
struct Approval {
    bench: Bench,
    ada: Person,
    group: ChatId,
}

impl Approval {
    async fn new() -> Self {
        Self::of(Docx).await
    }

    async fn of(kind: AnnouncementKind) -> Self {
        Self::of_policy(kind, ASK).await
    }

    async fn of_policy(kind: AnnouncementKind, policy: &str) -> Self {
        let bench = Bench::with(|builder| builder, policy).await;
        let ada = bench.sim.add_person("Ada");
        let closed = WhoMay::OnlyOwner;
        let spec = bench
            .spec()
            .admin(&ada)
            .announcement(kind)
            .edit_permission(closed)
            .pin_manage_setting(Some(closed))
            .bot_is_admin();
        let group = bench.sim.add_chat(spec);
        Self { bench, ada, group }
    }

    /// Waits for the card that replies to a command.
    async fn card(&self, command: &MessageId) -> MessageId {
        let replies = self.bench.answer(command).await;
        assert!(replies.contains("waits for approval"), "{replies}");
        self.bench.sim.messages(&self.group).pop().unwrap().id
    }

    /// The owner asks for a text.
    async fn owner_asks(&self, command: &str) -> (MessageId, MessageId) {
        let command = self.bench.say_as(&self.bench.owner, &self.group, command);
        let card = self.card(&command).await;
        (command, card)
    }

    /// The member asks for a text; returns the command and the card.
    async fn ask(&self, command: &str) -> (MessageId, MessageId) {
        let command = self.bench.say(&self.group, command).id;
        let card = self.card(&command).await;
        (command, card)
    }

    fn press(&self, person: &Person, card: &MessageId, label: &str) -> Pressed {
        let person = self.bench.sim.as_person(person).in_chat(&self.group);
        person.press(card, label)
    }

    async fn pressed(&self, person: &Person, card: &MessageId, label: &str) -> ToastKind {
        kind(&self.press(person, card, label)).await
    }

    fn lines(&self) -> Vec<String> {
        self.bench.sim.announcement_text(&self.group)
    }

    fn shown(&self, card: &MessageId) -> String {
        self.bench.sim.card(card).to_string()
    }

    async fn history(&self) -> String {
        let command = self.bench.say(&self.group, "/history").id;
        self.bench.answer(&command).await
    }
}

#[tokio::test]
async fn an_approved_pin_is_made_once() {
    let approval = Approval::new().await;
    let (bench, group) = (&approval.bench, &approval.group);
    let notice = bench.say(group, "dinner at seven").id;
    let command = bench.reply(group, &notice, "/pin").id;
    let card = approval.card(&command).await;
    let shown = approval.shown(&card);
    for person in [&bench.owner, &approval.ada] {
        assert!(shown.contains(person.open_id.as_str()), "{shown}");
    }
    assert_eq!(bench.sim.buttons(&card), [APPROVE, DECLINE]);
    // Members who may not pin may not approve a pin either.
    let pressed = approval.pressed(&bench.member, &card, APPROVE).await;
    assert_eq!(pressed, ToastKind::Error);
    assert_eq!(bench.sim.top_notice(group), None);
    let pressed = approval.pressed(&approval.ada, &card, APPROVE).await;
    assert_eq!(pressed, ToastKind::Success);
    assert_eq!(bench.reaction(&command).await, "Pin");
    assert_eq!(
        bench.sim.top_notice(group),
        Some(TopNotice::Message(notice))
    );
    assert!(approval.shown(&card).contains("Approved by `Ada`"));
    assert!(bench.sim.buttons(&card).is_empty());
    let history = approval.history().await;
    assert!(
        history.contains("`Mei` pinned a message (approved by `Ada`)"),
        "{history}"
    );
    let (member, ada) = (&bench.member.open_id, &approval.ada.open_id);
    let audited = format!("{member}  pin: done, decided by {ada}");
    let lines = bench.audited().await;
    assert!(lines[0].ends_with(&audited), "{lines:?}");
    let undo = bench.say_as(&bench.owner, group, "/undo");
    assert!(bench.answer(&undo).await.contains("Reverted"));
    assert_eq!(bench.sim.top_notice(group), None);
    approval.bench.finish().await;
}

#[tokio::test]
async fn an_approved_text_is_that_of_its_author() {
    for kind in [Doc, Docx] {
        let approval = Approval::of(kind).await;
        let (bench, group) = (&approval.bench, &approval.group);
        let (command, card) = approval.ask("/announce **dinner** <at>").await;
        let shown = approval.shown(&card);
        assert!(shown.contains("**dinner** &#60;at&#62;"), "{shown}");
        assert_eq!(approval.lines(), [""; 0]);
        let pressed = approval.pressed(&bench.owner, &card, PUBLISH).await;
        assert_eq!(pressed, ToastKind::Success);
        assert_eq!(bench.reaction(&command).await, "Loudspeaker");
        let lines = approval.lines();
        assert_eq!(lines[0], "dinner <at>");
        assert!(lines[1].starts_with("— @Mei · "), "{lines:?}");
        // The member may not revert it, who could not have made it alone.
        let undo = bench.say(group, "/undo").id;
        assert!(bench.answer(&undo).await.contains("Only the owner"));
        approval.bench.finish().await;
    }
}

#[tokio::test]
async fn a_declined_request_changes_nothing() {
    let approval = Approval::new().await;
    let bench = &approval.bench;
    let (command, card) = approval.ask("/announce --replace dinner").await;
    let pressed = approval.pressed(&bench.member, &card, PUBLISH).await;
    assert_eq!(pressed, ToastKind::Error);
    let [approve, decline] = [PUBLISH, DECLINE].map(|label| value(bench, &card, label));
    let pressed = approval.pressed(&bench.owner, &card, DECLINE).await;
    assert_eq!(pressed, ToastKind::Success);
    let told = bench.nth_answer(&command, 1).await;
    assert_eq!(told, "“Olga” declined the request, so nothing was done.");
    assert!(approval.shown(&card).contains("Declined by `Olga`"));
    assert_eq!(approval.lines(), [""; 0]);
    // The card has no buttons now, but another client may still show them.
    for (person, value) in [(&approval.ada, approve), (&bench.owner, decline)] {
        let person = bench.sim.as_person(person).in_chat(&approval.group);
        let pressed = person.press_value(&card, value);
        assert_eq!(kind(&pressed).await, ToastKind::Warning);
    }
    let (member, owner) = (&bench.member.open_id, &bench.owner.open_id);
    let audited = format!("{member}  replace: declined, decided by {owner}");
    let lines = bench.audited().await;
    assert!(lines[0].ends_with(&audited), "{lines:?}");
    approval.bench.finish().await;
}

#[tokio::test]
async fn a_request_expires_after_a_day() {
    let approval = Approval::new().await;
    let bench = &approval.bench;
    let (command, card) = approval.ask("/announce dinner").await;
    let history = approval.history().await;
    assert!(history.contains("the request to post expires"), "{history}");
    bench.advance(Duration::from_hours(23));
    bench.settled().await;
    assert_eq!(bench.sim.answers_to(&command).len(), 1);
    bench.advance(Duration::from_hours(1));
    let told = bench.nth_answer(&command, 1).await;
    assert!(told.starts_with("Nobody decided"), "{told}");
    let pressed = approval.pressed(&bench.owner, &card, PUBLISH).await;
    assert_eq!(pressed, ToastKind::Warning);
    assert!(approval.shown(&card).contains("has expired"));
    assert_eq!(approval.lines(), [""; 0]);
    let audited = format!("{}  announce: not_approved", bench.member.open_id);
    let lines = bench.audited().await;
    assert!(lines[0].ends_with(&audited), "{lines:?}");
    approval.bench.finish().await;
}

#[tokio::test]
async fn two_decisions_at_once_count_once() {
    for (first, second) in [(PUBLISH, PUBLISH), (PUBLISH, DECLINE), (DECLINE, PUBLISH)] {
        let approval = Approval::new().await;
        let bench = &approval.bench;
        let (_, card) = approval.ask("/announce dinner").await;
        let pressed = [
            approval.press(&bench.owner, &card, first),
            approval.press(&approval.ada, &card, second),
        ];
        let mut kinds = Vec::new();
        for pressed in &pressed {
            kinds.push(kind(pressed).await);
        }
        assert!(kinds.contains(&ToastKind::Success), "{kinds:?}");
        assert!(kinds.contains(&ToastKind::Warning), "{kinds:?}");
        bench.idle().await;
        assert_eq!(bench.count("changes").await, 1);
        let lines = approval.lines();
        let posted = lines.iter().filter(|line| *line == "dinner");
        let approved = bench.count("changes WHERE result = 'done'").await;
        assert_eq!(posted.count(), usize::try_from(approved).unwrap());
        approval.bench.finish().await;
    }
}

#[tokio::test]
async fn decisions_survive_kills() {
    let mut approval = Approval::new().await;
    let (command, card) = approval.ask("/announce dinner").await;
    approval.bench.kill().await;
    approval
        .bench
        .sim
        .fault(Endpoint::CreateChildren, Fault::LoseAnswer);
    let owner = approval.bench.owner.clone();
    let pressed = approval.pressed(&owner, &card, PUBLISH).await;
    assert_eq!(pressed, ToastKind::Success);
    approval.bench.kill().await;
    assert_eq!(approval.bench.reaction(&command).await, "Loudspeaker");
    let posted = approval.lines();
    assert_eq!(posted.iter().filter(|line| *line == "dinner").count(), 1);
    approval.bench.finish().await;
}

#[tokio::test]
async fn an_approved_schedule_needs_its_approver() {
    for keeps_right in [true, false] {
        let approval = Approval::new().await;
        let (bench, group) = (&approval.bench, &approval.group);
        let (command, card) = approval.ask("/announce --at in 30 minutes dinner").await;
        assert!(approval.shown(&card).contains("To be posted: today"));
        let pressed = approval.pressed(&approval.ada, &card, APPROVE).await;
        assert_eq!(pressed, ToastKind::Success);
        let scheduled = bench.nth_answer(&command, 1).await;
        assert!(scheduled.contains("Scheduled for"), "{scheduled}");
        assert_eq!(approval.lines(), [""; 0]);
        if !keeps_right {
            bench.sim.change_chat(group, |chat| chat.managers.clear());
        }
        bench.advance(Duration::from_mins(30));
        if keeps_right {
            assert_eq!(bench.reaction(&command).await, "Loudspeaker");
            assert_eq!(approval.lines()[0], "dinner");
            assert!(approval.history().await.contains("(approved by `Ada`)"));
        } else {
            let told = bench.nth_answer(&command, 2).await;
            assert!(told.contains("was not posted"), "{told}");
            assert_eq!(approval.lines(), [""; 0]);
        }
        approval.bench.finish().await;
    }
}

#[tokio::test]
async fn an_approved_series_needs_its_approver_at_each_run() {
    let day = Duration::from_hours(24);
    let approval = Approval::new().await;
    let (bench, group) = (&approval.bench, &approval.group);
    let (command, card) = approval.ask("/announce --every day 9:00 standup").await;
    let pressed = approval.pressed(&approval.ada, &card, APPROVE).await;
    assert_eq!(pressed, ToastKind::Success);
    let scheduled = bench.nth_answer(&command, 1).await;
    assert!(scheduled.contains("every day at 9:00"), "{scheduled}");
    bench.idle().await;
    let mut before = approval.lines();
    for _ in 0..2 {
        bench.advance(day);
        before = bench
            .wait("the next run", |state| {
                let lines = state.announcement_text(group);
                let is_new = lines != before && lines.len() == 2;
                is_new.then_some(lines)
            })
            .await;
        assert_eq!(before[0], "standup");
        bench.settled().await;
    }
    bench.sim.change_chat(group, |chat| chat.managers.clear());
    bench.advance(day);
    let told = bench.nth_answer(&command, 2).await;
    assert!(told.contains("is paused"), "{told}");
    assert_eq!(approval.lines(), before);
    approval.bench.finish().await;
}

/// An author without the right could otherwise replace what was approved.
#[tokio::test]
async fn others_edit_an_approved_text() {
    let approval = Approval::new().await;
    let (bench, group) = (&approval.bench, &approval.group);
    let (command, card) = approval.ask("/announce lunch").await;
    let pressed = approval.pressed(&approval.ada, &card, PUBLISH).await;
    assert_eq!(pressed, ToastKind::Success);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    let edit = bench.reply(group, &command, "/edit dinner").id;
    approval.card(&edit).await;
    assert_eq!(approval.lines()[0], "lunch");
    let ada = bench.sim.as_person(&approval.ada).in_chat(group);
    let edit = ada.reply_to(&command).say("/edit supper").id;
    assert_eq!(bench.reaction(&edit).await, "DONE");
    assert_eq!(approval.lines()[0], "supper");
    approval.bench.finish().await;
}

#[tokio::test]
async fn an_edited_schedule_is_approved_by_its_editor() {
    let approval = Approval::new().await;
    let (bench, group) = (&approval.bench, &approval.group);
    let (command, card) = approval.ask("/announce --at in 30 minutes lunch").await;
    let pressed = approval.pressed(&approval.ada, &card, APPROVE).await;
    assert_eq!(pressed, ToastKind::Success);
    bench.nth_answer(&command, 1).await;
    let edit = bench.reply(group, &command, "/edit dinner").id;
    approval.card(&edit).await;
    let owner = bench.sim.as_person(&bench.owner).in_chat(group);
    let edit = owner.reply_to(&command).say("/edit supper").id;
    assert_eq!(bench.reaction(&edit).await, "DONE");
    // Ada's approval no longer counts.
    bench.sim.change_chat(group, |chat| chat.managers.clear());
    bench.advance(Duration::from_mins(30));
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(approval.lines()[0], "supper");
    let history = approval.history().await;
    assert!(history.contains("(approved by `Olga`)"), "{history}");
    approval.bench.finish().await;
}

#[tokio::test]
async fn a_request_ends_before_its_own_time() {
    let approval = Approval::new().await;
    let (command, card) = approval.ask("/announce --at in 30 minutes dinner").await;
    approval.bench.advance(Duration::from_mins(31));
    let told = approval.bench.nth_answer(&command, 1).await;
    assert!(told.starts_with("Nobody decided"), "{told}");
    let owner = &approval.bench.owner;
    assert_eq!(
        approval.pressed(owner, &card, APPROVE).await,
        ToastKind::Warning
    );
    approval.bench.finish().await;
}

#[tokio::test]
async fn an_author_can_withdraw_a_request() {
    let approval = Approval::new().await;
    let (bench, group) = (&approval.bench, &approval.group);
    let (_, card) = approval.ask("/announce dinner").await;
    assert!(approval.shown(&card).contains("/cancel 1"));
    let cancel = bench.say(group, "/cancel 1").id;
    assert_eq!(bench.reaction(&cancel).await, "DONE");
    let pressed = approval.pressed(&bench.owner, &card, PUBLISH).await;
    assert_eq!(pressed, ToastKind::Warning);
    let (_, card) = approval.ask("/announce supper").await;
    let pressed = approval.pressed(&bench.member, &card, DECLINE).await;
    assert_eq!(pressed, ToastKind::Success);
    bench.idle().await;
    assert_eq!(approval.lines(), [""; 0]);
    approval.bench.finish().await;
}

#[tokio::test]
async fn groups_choose_who_is_asked() {
    let approval = Approval::new().await;
    let (bench, group) = (&approval.bench, &approval.group);
    let configure = async |command: &str| {
        let command = bench.say_as(&bench.owner, group, command);
        assert_eq!(bench.reaction(&command).await, "DONE");
    };
    configure("/settings approval owner").await;
    let (_, card) = approval.ask("/pin announcement").await;
    let shown = approval.shown(&card);
    assert!(shown.contains(bench.owner.open_id.as_str()), "{shown}");
    assert!(!shown.contains(approval.ada.open_id.as_str()), "{shown}");
    configure("/设置 审批 关闭").await;
    let command = bench.say(group, "/pin announcement").id;
    assert!(bench.answer(&command).await.contains("Only the owner"));
    let settings = bench.say_as(&bench.owner, group, "/settings");
    let settings = bench.answer(&settings).await;
    assert!(
        settings.contains("**Approval**: nobody is asked (set in this group)"),
        "{settings}"
    );
    approval.bench.finish().await;
}

#[tokio::test]
async fn only_missing_rights_are_asked_for() {
    let bench = Bench::new().await;
    let guest = bench.sim.add_person_of("elsewhere", "Guest");
    let spec = bench.spec().member(&guest).external();
    let group = bench.sim.add_chat(spec);
    let mut bench = bench;
    let denied = bench.member.open_id.clone();
    bench
        .reconfigure(&format!("{ASK}deny = [\"{denied}\"]\n"))
        .await;
    for (person, words) in [
        (bench.member.clone(), "blocked you"),
        (guest, "organization"),
    ] {
        let command = bench.say_as(&person, &group, "/pin announcement");
        let answer = bench.answer(&command).await;
        assert!(answer.contains(words), "{answer}");
    }
    assert_eq!(bench.count("jobs WHERE kind = 'proposal'").await, 0);
    bench.finish().await;
}

#[tokio::test]
async fn open_requests_are_limited() {
    let approval = Approval::new().await;
    let bench = &approval.bench;
    for number in 0..20 {
        approval.ask(&format!("/announce dinner {number}")).await;
    }
    let command = bench.say(&approval.group, "/announce one more").id;
    let answer = bench.answer(&command).await;
    assert!(answer.contains("limit of 20 requests"), "{answer}");
    approval.bench.finish().await;
}

#[tokio::test]
async fn a_member_with_the_right_asks_others() {
    let approval = Approval::of_policy(Docx, "").await;
    let (bench, group) = (&approval.bench, &approval.group);
    let (command, card) = approval.owner_asks("/announce --ask dinner").await;
    let shown = approval.shown(&card);
    assert!(shown.contains("asks to post"), "{shown}");
    assert!(shown.contains(approval.ada.open_id.as_str()), "{shown}");
    assert!(!shown.contains(bench.owner.open_id.as_str()), "{shown}");
    assert_eq!(bench.sim.buttons(&card), [PUBLISH, DECLINE]);
    // A second person decides.
    let pressed = approval.pressed(&bench.owner, &card, PUBLISH).await;
    assert_eq!(pressed, ToastKind::Error);
    let pressed = approval.pressed(&bench.member, &card, PUBLISH).await;
    assert_eq!(pressed, ToastKind::Error);
    assert_eq!(approval.lines(), [""; 0]);
    let pressed = approval.pressed(&approval.ada, &card, PUBLISH).await;
    assert_eq!(pressed, ToastKind::Success);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(approval.lines()[0], "dinner");
    let history = approval.history().await;
    assert!(history.contains("`Olga` posted"), "{history}");
    assert!(history.contains("(approved by `Ada`)"), "{history}");
    // Without the right, asking needs no setting.
    let command = bench.say(group, "/pin announcement --ask").id;
    approval.card(&command).await;
    let command = bench.say(group, "/pin announcement").id;
    assert!(bench.answer(&command).await.contains("Only the owner"));
    approval.bench.finish().await;
}

#[tokio::test]
async fn somebody_else_has_to_be_there() {
    let bench = Bench::new().await;
    let group = bench.closed_group();
    let command = bench.say_as(&bench.owner, &group, "/announce --ask dinner");
    let answer = bench.answer(&command).await;
    assert!(answer.contains("Nobody else in this group"), "{answer}");
    // Where all members may announce, any other member decides.
    let group = bench.group(Docx);
    let command = bench.say_as(&bench.owner, &group, "/公告 --审批 晚餐");
    let asked = bench.answer(&command).await;
    assert!(asked.contains("该成员申请发布群公告"), "{asked}");
    let card = bench.sim.messages(&group).pop().unwrap().id;
    let member = bench.sim.as_person(&bench.member).in_chat(&group);
    assert_eq!(kind(&member.press(&card, "发布")).await, ToastKind::Success);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn excluded_members_ask_nobody() {
    let mut bench = Bench::new().await;
    let group = bench.group(Docx);
    let denied = format!("[policy]\ndeny = [\"{}\"]\n", bench.member.open_id);
    bench.reconfigure(&denied).await;
    let command = bench.say(&group, "/announce --ask dinner").id;
    let answer = bench.answer(&command).await;
    assert!(answer.contains("blocked you"), "{answer}");
    let command = bench.say(&group, "/announce --preview dinner").id;
    assert_eq!(bench.reaction(&command).await, "CrossMark");
    bench.finish().await;
}

#[tokio::test]
async fn a_reason_is_told_to_the_author() {
    let approval = Approval::new().await;
    let bench = &approval.bench;
    let (command, card) = approval.ask("/announce dinner").await;
    let ada = bench.sim.as_person(&approval.ada).in_chat(&approval.group);
    let typed = [("reason", " too <at id=all></at>\nearly ")];
    let pressed = ada.submit(&card, DECLINE, &typed);
    assert_eq!(kind(&pressed).await, ToastKind::Success);
    let told = bench.nth_answer(&command, 1).await;
    let expected = "“Ada” declined the request, so nothing was done. \
        The reason: “too ＜at id=all>＜/at> early”";
    assert_eq!(told, expected);
    let shown = approval.shown(&card);
    assert!(
        shown.contains("Reason: `too ＜at id=all>＜/at> early`"),
        "{shown}"
    );
    bench.idle().await;
    let lines = bench.audited().await;
    assert!(lines[0].ends_with(&format!("decided by {}", approval.ada.open_id)));
    let told = "changes WHERE reason = 'too <at id=all></at> early'";
    assert_eq!(bench.count(told).await, 1);
    approval.bench.finish().await;
}

/// Asks the member's change of what the owner announced.
async fn asked_edit(approval: &Approval) -> (MessageId, MessageId, MessageId) {
    let (bench, group) = (&approval.bench, &approval.group);
    let announced = bench.say_as(&bench.owner, group, "/announce lunch at one");
    assert_eq!(bench.reaction(&announced).await, "Loudspeaker");
    let edit = bench.reply(group, &announced, "/edit lunch at two").id;
    let card = approval.card(&edit).await;
    (announced, edit, card)
}

#[tokio::test]
async fn an_approved_edit_changes_the_text() {
    for kind in [Doc, Docx] {
        let approval = Approval::of(kind).await;
        let bench = &approval.bench;
        let (_, edit, card) = asked_edit(&approval).await;
        let shown = approval.shown(&card);
        assert!(shown.contains("The text so far: `lunch at one`"), "{shown}");
        assert!(shown.contains("lunch at two"), "{shown}");
        assert_eq!(bench.sim.buttons(&card), [APPROVE, DECLINE]);
        assert_eq!(approval.lines()[0], "lunch at one");
        let pressed = approval.pressed(&approval.ada, &card, APPROVE).await;
        assert_eq!(pressed, ToastKind::Success);
        assert_eq!(bench.reaction(&edit).await, "DONE");
        assert_eq!(approval.lines()[0], "lunch at two");
        let history = approval.history().await;
        assert!(history.contains("(approved by `Ada`)"), "{history}");
        approval.bench.finish().await;
    }
}

#[tokio::test]
async fn an_edit_of_a_changed_text_is_not_approved() {
    for by_hand in [false, true] {
        let approval = Approval::new().await;
        let (bench, group) = (&approval.bench, &approval.group);
        let (announced, edit, card) = asked_edit(&approval).await;
        let owner = bench.sim.as_person(&bench.owner).in_chat(group);
        if by_hand {
            let line = "lunch at noon".to_owned();
            owner.edit(feishu_sim::Edit::Rewrite { at: 0, line });
            let pressed = approval.pressed(&approval.ada, &card, APPROVE).await;
            assert_eq!(pressed, ToastKind::Success);
            let told = bench.nth_answer(&edit, 1).await;
            assert!(told.contains("edited"), "{told}");
        } else {
            let other = owner.reply_to(&announced).say("/edit supper").id;
            assert_eq!(bench.reaction(&other).await, "DONE");
            let pressed = approval.pressed(&approval.ada, &card, APPROVE).await;
            assert_eq!(pressed, ToastKind::Error);
            assert_eq!(approval.lines()[0], "supper");
        }
        approval.bench.finish().await;
    }
}

#[tokio::test]
async fn a_card_says_what_it_does_not_show() {
    let approval = Approval::new().await;
    let long = "dinner ".repeat(3000);
    let (_, card) = approval.ask(&format!("/announce {long}")).await;
    let shown = approval.shown(&card);
    assert!(shown.contains("more characters)"), "{shown}");
    approval.bench.finish().await;
}
