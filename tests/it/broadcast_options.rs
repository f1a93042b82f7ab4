//! `--to` together with the other options: recurring, previewed and approved announcements to the
//! groups of a list.

use std::time::Duration;

use feishu_sim::AnnouncementKind::{Doc, Docx};
use feishu_sim::{
    ChatId, ChatSpec, Endpoint, Fault, MessageId, Person, State, ToastKind, TopNotice, WhoMay,
};

use crate::broadcasts::{announced, list};
use crate::harness::Bench;
use crate::presses::press;
use crate::settings::kind;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// The first run is on the next day at 9:00 in Shanghai: a bench starts in the morning.
const DAILY: &str = "/announce --to weekly --every day 9:00 standup";

/// Three groups of the list `weekly`, and Ada, who is in all of them.
struct Weekly {
    bench: Bench,
    ada: Person,
    groups: Vec<ChatId>,
}

impl Weekly {
    async fn new() -> Self {
        Self::with("", |spec| spec).await
    }

    /// With another configuration, and other settings of the first group, in which commands are typed.
    async fn with(file: &str, first: impl FnOnce(ChatSpec) -> ChatSpec) -> Self {
        let mut bench = Bench::new().await;
        let ada = bench.sim.add_person("Ada");
        let spec = |name: &str, kind| {
            ChatSpec::named(name)
                .owner(&bench.owner)
                .member(&bench.member)
                .member(&ada)
                .announcement(kind)
        };
        let specs = [
            first(spec("Ops", Docx)),
            spec("Sales", Doc),
            spec("Legal", Docx),
        ];
        let groups = specs.map(|spec| bench.sim.add_chat(spec)).to_vec();
        bench.reconfigure(&format!("{}{file}", list(&groups))).await;
        Self { bench, ada, groups }
    }

    fn ops(&self) -> &ChatId {
        &self.groups[0]
    }

    /// Waits for this many reports with these words on a command.
    async fn reports(&self, command: &MessageId, words: &str, count: usize) {
        let reported = |state: &State| {
            let answers = state.answers_to(command).into_iter();
            let reports = answers.filter(|answer| answer.contains(words));
            (reports.count() == count).then_some(())
        };
        let what = format!("{count} reports with {words}");
        let step = Duration::from_millis(500);
        self.bench.wait_in_steps_of(step, &what, reported).await;
        self.bench.idle().await;
    }

    fn counts(&self, text: &str) -> Vec<usize> {
        let groups = self.groups.iter();
        groups
            .map(|group| announced(&self.bench, group, text))
            .collect()
    }

    /// Waits until the text is in each group so many times: the entry before goes after a run.
    async fn shows(&self, text: &str, counts: [usize; 3]) {
        let shown = |state: &State| {
            let mut groups = self.groups.iter().zip(counts);
            let all = groups.all(|(group, count)| {
                let lines = state.announcement_text(group).into_iter();
                lines.filter(|line| line == text).count() == count
            });
            all.then_some(())
        };
        self.bench.wait(&format!("{counts:?}"), shown).await;
        self.bench.settled().await;
    }

    /// Waits until a command that others approved, or that its author has seen, is scheduled.
    async fn scheduled(&self, command: &MessageId) {
        let scheduled = |state: &State| {
            let answers = state.answers_to(command);
            answers
                .iter()
                .any(|answer| answer.starts_with("Scheduled"))
                .then_some(())
        };
        self.bench.wait("the schedule", scheduled).await;
        self.bench.idle().await;
    }

    /// Schedules a series, and returns its command.
    async fn repeat(&self, command: &str) -> MessageId {
        let command = self.bench.say(self.ops(), command).id;
        let answer = self.bench.answer(&command).await;
        assert!(
            answer.contains("every") && answer.contains("weekly"),
            "{answer}"
        );
        self.bench.idle().await;
        command
    }

    async fn previewed(&self, command: &str) -> (MessageId, MessageId, String) {
        let command = self.bench.say(self.ops(), command).id;
        let shown = self.bench.answer(&command).await;
        assert!(shown.starts_with("Preview\n"), "{shown}");
        let card = self.bench.sim.private_cards(&self.bench.member).pop();
        (command, card.unwrap().id, shown)
    }

    /// Sends a command that waits for approval; returns it and the card.
    async fn asked(&self, command: &str) -> (MessageId, MessageId) {
        let command = self.bench.say(self.ops(), command).id;
        let card = self.bench.answer(&command).await;
        assert!(
            card.contains("waits for approval") && card.contains("weekly"),
            "{card}"
        );
        let card = self.bench.sim.messages(self.ops()).pop().unwrap().id;
        (command, card)
    }

    async fn pressed(&self, person: &Person, card: &MessageId, label: &str) -> ToastKind {
        let person = self.bench.sim.as_person(person).in_chat(self.ops());
        kind(&person.press(card, label)).await
    }

    async fn history(&self) -> String {
        self.bench.reply_to(self.ops(), "/history").await
    }
}

#[tokio::test]
async fn each_run_replaces_the_entry_before_in_every_group() {
    let mut list = Weekly::new().await;
    let command = list.repeat(DAILY).await;
    let history = list.history().await;
    assert!(history.contains("(list `weekly`)"), "{history}");
    for run in 1..=3 {
        list.bench.advance(DAY);
        list.reports(&command, "3 posted", run).await;
        list.shows("standup", [1, 1, 1]).await;
        list.bench.settled().await;
        list.bench.restart().await;
    }
    let history = list.history().await;
    assert!(!history.contains("removed on expiry"), "{history}");
    // One `/undo` takes the last run back.
    let undo = list.bench.say(list.ops(), "/undo").id;
    assert_eq!(list.bench.reaction(&undo).await, "DONE");
    list.reports(&command, "3 reverted", 1).await;
    assert_eq!(list.counts("standup"), [0, 0, 0]);
    list.bench.finish().await;
}

#[tokio::test]
async fn an_edited_entry_of_a_group_stays() {
    let mut list = Weekly::new().await;
    // By the date of its run, an entry differs from the one before.
    let signed = crate::broadcasts::list(&list.groups).replace("false", "true");
    list.bench.reconfigure(&signed).await;
    let command = list.repeat(DAILY).await;
    list.bench.advance(DAY);
    list.reports(&command, "3 posted", 1).await;
    let sales = list.bench.sim.as_person(&list.bench.member);
    sales
        .in_chat(&list.groups[1])
        .edit_announcement(["standup at ten"]);
    for run in 2..=3 {
        list.bench.advance(DAY);
        list.reports(&command, "3 posted", run).await;
        list.shows("standup", [1, 1, 1]).await;
        list.shows("standup at ten", [0, 1, 0]).await;
    }
    list.bench.finish().await;
}

#[tokio::test]
async fn kills_and_lost_responses_repeat_and_lose_no_run() {
    let mut list = Weekly::new().await;
    let command = list.repeat(DAILY).await;
    for run in 1..=3 {
        for endpoint in [
            Endpoint::CreateChildren,
            Endpoint::PatchDocAnnouncement,
            Endpoint::DeleteChildren,
        ] {
            list.bench.sim.fault(endpoint, Fault::LoseAnswer);
        }
        list.bench.advance(DAY);
        for _ in 0..4 {
            list.bench.advance(Duration::from_millis(300));
            list.bench.kill().await;
        }
        list.reports(&command, "3 posted", run).await;
        list.shows("standup", [1, 1, 1]).await;
    }
    list.bench.finish().await;
}

/// A group that failed is retried with the old text only if no later run has posted there.
#[tokio::test]
async fn a_late_retry_posts_nothing_over_a_later_run() {
    let list = Weekly::new().await;
    let command = list.repeat(DAILY).await;
    let legal = |who| {
        let change = |chat: &mut feishu_sim::Chat| chat.edit_permission = who;
        list.bench.sim.change_chat(&list.groups[2], change);
    };
    legal(WhoMay::OnlyOwner);
    list.bench.advance(DAY);
    list.reports(&command, "1 failed", 1).await;
    let messages = list.bench.sim.messages(list.ops()).into_iter();
    let mut reports = messages.filter(|message| message.text().contains("1 failed"));
    let failed = reports.next().unwrap().id;
    legal(WhoMay::AllMembers);
    list.bench.advance(DAY);
    list.reports(&command, "3 posted", 1).await;
    let pressed = press(&list.bench, list.ops(), &failed, "Retry failed groups");
    assert_eq!(kind(&pressed).await, ToastKind::Success);
    list.reports(&command, "2 posted, 1 not posted", 1).await;
    list.shows("standup", [1, 1, 1]).await;
    list.bench.advance(DAY);
    list.reports(&command, "3 posted", 2).await;
    list.shows("standup", [1, 1, 1]).await;
    list.bench.finish().await;
}

#[tokio::test]
async fn members_pause_resume_edit_and_cancel_it() {
    let list = Weekly::new().await;
    let command = list.repeat(DAILY).await;
    let say = async |text: &str| {
        let command = list.bench.say(list.ops(), text).id;
        list.bench.reaction(&command).await
    };
    list.bench.advance(DAY);
    list.reports(&command, "3 posted", 1).await;
    assert_eq!(say("/pause 1").await, "DONE");
    list.bench.advance(DAY);
    list.bench.idle().await;
    let history = list.history().await;
    assert!(
        history.contains("paused") && history.contains("(list `weekly`)"),
        "{history}"
    );
    assert_eq!(say("/edit 1 meeting").await, "DONE");
    let resumed = list.bench.reply_to(list.ops(), "/resume 1").await;
    assert!(resumed.contains("9:00"), "{resumed}");
    list.bench.advance(DAY);
    list.reports(&command, "3 posted", 2).await;
    list.shows("standup", [0, 0, 0]).await;
    list.shows("meeting", [1, 1, 1]).await;
    assert_eq!(say("/cancel 1").await, "DONE");
    list.bench.advance(DAY * 2);
    list.bench.idle().await;
    list.shows("meeting", [1, 1, 1]).await;
    list.bench.finish().await;
}

#[tokio::test]
async fn a_run_needs_its_author_in_each_group() {
    let list = Weekly::new().await;
    let command = list.repeat(DAILY).await;
    let member = list.bench.member.open_id.clone();
    let leaves = |group: &ChatId| {
        let leave = |chat: &mut feishu_sim::Chat| {
            chat.members.retain(|person| person.open_id != member);
        };
        list.bench.sim.change_chat(group, leave);
    };
    leaves(&list.groups[1]);
    list.bench.advance(DAY);
    list.reports(&command, "2 posted, 1 failed", 1).await;
    list.shows("standup", [1, 0, 1]).await;
    // A series belongs to the group of its command.
    leaves(list.ops());
    list.bench.advance(DAY);
    list.reports(&command, "/resume 1", 1).await;
    list.shows("standup", [1, 0, 1]).await;
    list.bench.finish().await;
}

/// With every option of an announcement.
#[tokio::test]
async fn options_hold_in_every_group() {
    let list = Weekly::with("", ChatSpec::bot_is_admin).await;
    let owner = list.bench.sim.as_person(&list.bench.owner);
    for group in &list.groups {
        owner.in_chat(group).edit_announcement(["old"]);
        list.bench.sim.change_chat(group, |chat| {
            chat.at_all_permission = Some(WhoMay::AllMembers);
        });
    }
    let options = "--at 9:00 --for 2h --top --notify --replace";
    let command = format!("/announce --to weekly {options} lunch");
    let command = list.bench.say(list.ops(), &command).id;
    let scheduled = list.bench.answer(&command).await;
    assert!(scheduled.contains("weekly"), "{scheduled}");
    list.bench.idle().await;
    list.bench.advance(DAY);
    list.reports(&command, "3 posted", 1).await;
    list.shows("lunch", [1, 1, 1]).await;
    assert_eq!(list.counts("old"), [0, 0, 0]);
    for group in &list.groups {
        let top = list.bench.sim.top_notice(group);
        assert_eq!(top, Some(TopNotice::Announcement));
        let messages = list.bench.sim.messages(group);
        let notified = messages
            .iter()
            .filter(|message| message.text().contains("lunch") && message.content.contains("all"));
        assert!(notified.count() >= 1);
    }
    list.bench.advance(HOUR * 2);
    let restored = |state: &State| {
        let all = list.groups.iter().all(|group| {
            let lines = state.announcement_text(group);
            lines == ["old"]
        });
        all.then_some(())
    };
    list.bench.wait("the end", restored).await;
    list.bench.finish().await;
}

#[tokio::test]
async fn a_preview_names_the_list_and_starts_the_broadcast() {
    let mut list = Weekly::new().await;
    let (command, card, shown) = list
        .previewed("/announce --to weekly --preview lunch")
        .await;
    assert!(
        shown.contains("every group of the list") && shown.contains("`weekly` (3 groups)"),
        "{shown}"
    );
    assert_eq!(list.counts("lunch"), [0, 0, 0]);
    list.bench.kill().await;
    let member = list.bench.member.clone();
    list.bench
        .sim
        .fault(Endpoint::CreateChildren, Fault::LoseAnswer);
    let pressed = list.pressed(&member, &card, "Publish").await;
    assert_eq!(pressed, ToastKind::Success);
    list.bench.kill().await;
    list.reports(&command, "3 posted", 1).await;
    list.shows("lunch", [1, 1, 1]).await;
    let undo = list.bench.say(list.ops(), "/undo").id;
    assert_eq!(list.bench.reaction(&undo).await, "DONE");
    list.reports(&command, "3 reverted", 1).await;
    list.bench.finish().await;
}

#[tokio::test]
async fn a_previewed_series_runs_in_every_group() {
    let list = Weekly::new().await;
    let preview = format!("{DAILY} --preview");
    let (command, card, shown) = list.previewed(&preview).await;
    assert!(
        shown.contains("every day at 9:00") && shown.contains("3 groups"),
        "{shown}"
    );
    let pressed = list.pressed(&list.bench.member, &card, "Schedule").await;
    assert_eq!(pressed, ToastKind::Success);
    list.scheduled(&command).await;
    for run in 1..=2 {
        list.bench.advance(DAY);
        list.reports(&command, "3 posted", run).await;
        list.shows("standup", [1, 1, 1]).await;
    }
    list.bench.finish().await;
}

/// The approver's permissions count, in each group.
#[tokio::test]
async fn an_approved_text_needs_its_approver_in_each_group() {
    let mut list = Weekly::new().await;
    let strict = |chat: &mut feishu_sim::Chat| {
        chat.edit_permission = WhoMay::OnlyOwner;
        chat.bot_is_manager = true;
    };
    for group in [0, 1, 2] {
        list.bench.sim.change_chat(&list.groups[group], strict);
    }
    let ada = list.ada.clone();
    // Ada is an admin of two of the groups.
    for group in [0, 1] {
        let promote = |chat: &mut feishu_sim::Chat| chat.managers.push(ada.clone());
        list.bench.sim.change_chat(&list.groups[group], promote);
    }
    let (command, card) = list.asked("/announce --to weekly --ask lunch").await;
    assert_eq!(list.counts("lunch"), [0, 0, 0]);
    list.bench.kill().await;
    let pressed = list.pressed(&list.bench.member, &card, "Publish").await;
    assert_eq!(pressed, ToastKind::Error);
    let pressed = list.pressed(&ada, &card, "Publish").await;
    assert_eq!(pressed, ToastKind::Success);
    list.bench.kill().await;
    list.reports(&command, "2 posted, 1 failed", 1).await;
    list.shows("lunch", [1, 1, 0]).await;
    let history = list.history().await;
    assert!(
        history.contains("`Mei` announced to `weekly`, 2 of 3 groups: `lunch` (approved by `Ada`)"),
        "{history}"
    );
    let decided = format!("decided by {}", ada.open_id);
    let audited = list.bench.audited().await;
    let decided = audited.iter().filter(|line| line.contains(&decided));
    // The broadcast, and the two groups.
    assert_eq!(decided.count(), 3, "{audited:?}");
    list.bench.finish().await;
}

#[tokio::test]
async fn an_approved_series_runs_with_its_approver() {
    let list = Weekly::new().await;
    let (command, card) = list.asked(&format!("{DAILY} --ask")).await;
    let pressed = list.pressed(&list.bench.owner, &card, "Approve").await;
    assert_eq!(pressed, ToastKind::Success);
    list.scheduled(&command).await;
    for run in 1..=2 {
        list.bench.advance(DAY);
        list.reports(&command, "3 posted", run).await;
        list.shows("standup", [1, 1, 1]).await;
    }
    list.bench.finish().await;
}

#[tokio::test]
async fn a_declined_broadcast_reaches_nobody() {
    let list = Weekly::new().await;
    let (command, card) = list
        .asked("/announce --to weekly --ask --at 9:00 lunch")
        .await;
    let pressed = list.pressed(&list.bench.owner, &card, "Decline").await;
    assert_eq!(pressed, ToastKind::Success);
    list.reports(&command, "declined", 1).await;
    list.bench.advance(DAY);
    list.bench.idle().await;
    assert_eq!(list.counts("lunch"), [0, 0, 0]);
    list.bench.finish().await;
}

/// Where denials are proposals, the group of the command decides whether others are asked.
#[tokio::test]
async fn a_denied_member_asks_for_the_whole_list() {
    for text in [
        "/announce --to weekly lunch",
        "/announce --to weekly --at 9:00 lunch",
        "/notice --to weekly lunch",
    ] {
        let list = Weekly::with("[policy]\non_denied = \"ask\"\n", |spec| {
            let closed = WhoMay::OnlyOwner;
            let spec = spec.edit_permission(closed);
            spec.pin_manage_setting(Some(closed)).bot_is_admin()
        })
        .await;
        let (command, card) = list.asked(text).await;
        assert_eq!(list.counts("lunch"), [0, 0, 0]);
        let shown = list.bench.sim.buttons(&card);
        let pressed = list.pressed(&list.bench.owner, &card, &shown[0]).await;
        assert_eq!(pressed, ToastKind::Success);
        if text.contains("--at") {
            list.scheduled(&command).await;
            list.bench.advance(DAY);
        }
        list.reports(&command, "3 posted", 1).await;
        list.bench.finish().await;
    }
}

/// An editor of a text for other groups needs the permission there.
#[tokio::test]
async fn the_rights_of_an_editor_count_in_each_group() {
    let list = Weekly::new().await;
    let bob = list.bench.sim.add_person("Bob");
    list.bench.sim.change_chat(list.ops(), |chat| {
        chat.members.push(bob.clone());
    });
    let command = "/announce --to weekly --at 9:00 lunch";
    let command = list.bench.say(list.ops(), command).id;
    list.bench.answer(&command).await;
    let edit = list.bench.say_as(&bob, list.ops(), "/edit 1 party");
    assert_eq!(list.bench.reaction(&edit).await, "DONE");
    list.bench.idle().await;
    list.bench.advance(DAY);
    list.reports(&command, "1 posted, 2 failed", 1).await;
    list.shows("party", [1, 0, 0]).await;
    list.bench.finish().await;
}
