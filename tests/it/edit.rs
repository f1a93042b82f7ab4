//! `/edit` on both kinds of announcement, of schedules, and its undo.

use std::time::Duration;

use feishu_sim::AnnouncementKind::{self, Doc, Docx};
use feishu_sim::{ChatId, Edit, Endpoint, Fault, MessageId, Person, State, WhoMay};

use crate::harness::Bench;

const BOTH: [AnnouncementKind; 2] = [Doc, Docx];
const HOUR: Duration = Duration::from_hours(1);

/// A bot that does not sign entries.
const UNSIGNED: &str = "[announce]\nsignature = false";

/// A group whose announcement has these lines of people.
async fn context(kind: AnnouncementKind, lines: &[&str]) -> (Bench, ChatId) {
    let bench = Bench::with(|builder| builder, UNSIGNED).await;
    let group = bench.group(kind);
    by_hand(&bench, &group).edit_announcement(lines.iter().copied());
    (bench, group)
}

fn by_hand(bench: &Bench, group: &ChatId) -> feishu_sim::InChat {
    bench.sim.as_person(&bench.owner).in_chat(group)
}

fn text(bench: &Bench, group: &ChatId) -> Vec<String> {
    bench.sim.announcement_text(group)
}

async fn announced(bench: &Bench, group: &ChatId, command: &str) -> MessageId {
    let command = bench.say(group, command).id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    command
}

async fn edited(bench: &Bench, group: &ChatId, to: &MessageId, command: &str) -> MessageId {
    let command = bench.reply(group, to, command).id;
    assert_eq!(bench.reaction(&command).await, "DONE");
    command
}

/// The reply to a command that replies to a message, if to any.
async fn answer(bench: &Bench, group: &ChatId, to: Option<&MessageId>, command: &str) -> String {
    let command = match to {
        Some(to) => bench.reply(group, to, command).id,
        None => bench.say(group, command).id,
    };
    let answer = bench.patient_answer(&command).await;
    bench.idle().await;
    answer
}

async fn undone(bench: &Bench, group: &ChatId, expected: &[&str]) {
    let words = answer(bench, group, None, "/undo").await;
    assert_eq!(text(bench, group), expected, "{words}");
}

/// The new texts and what the entry becomes: with the same structure, with another one, with a part of
/// the former lines, and with all of them and more.
const TEXTS: [(&str, &[&str]); 4] = [
    (
        "lunch at two\nbring *cake*",
        &["lunch at two", "bring cake"],
    ),
    ("# Lunch\n- a\n  - b", &["Lunch", "a", "b"]),
    ("lunch at one", &["lunch at one"]),
    (
        "lunch at one\nbring bread\nsoon",
        &["lunch at one", "bring bread", "soon"],
    ),
];
const FORMER: &str = "/announce lunch at one\nbring bread";

#[tokio::test]
async fn an_edit_is_made_and_undone_in_place() {
    for kind in BOTH {
        for (new, lines) in TEXTS {
            let (bench, group) = context(kind, &["Be kind"]).await;
            let command = announced(&bench, &group, FORMER).await;
            announced(&bench, &group, "/announce above").await;
            edited(&bench, &group, &command, &format!("/edit {new}")).await;
            // Between blocks of a legacy announcement, list items may have a marker.
            let expected = || {
                ["above"]
                    .into_iter()
                    .chain(lines.iter().copied())
                    .chain(["Be kind"])
            };
            let found = text(&bench, &group);
            assert_eq!(found.len(), expected().count(), "{kind:?} {found:?}");
            for (line, words) in found.iter().zip(expected()) {
                assert!(line.contains(words), "{kind:?} {found:?}");
            }
            undone(
                &bench,
                &group,
                &["above", "lunch at one", "bring bread", "Be kind"],
            )
            .await;
            undone(&bench, &group, &["lunch at one", "bring bread", "Be kind"]).await;
            undone(&bench, &group, &["Be kind"]).await;
            bench.finish().await;
        }
    }
}

#[tokio::test]
async fn blocks_of_the_same_structure_are_kept() {
    let (bench, group) = context(Docx, &["Be kind"]).await;
    let command = announced(&bench, &group, "/announce # Lunch\n- at one\n  - bread").await;
    let ids = |bench: &Bench| {
        let document = bench.sim.announcement_document(&group);
        let blocks = document["items"].as_array().unwrap().iter();
        blocks
            .map(|block| block["block_id"].clone())
            .collect::<Vec<_>>()
    };
    let before = ids(&bench);
    bench.sim.clear_calls();
    edited(
        &bench,
        &group,
        &command,
        "/edit # Dinner\n- at one\n  - cake",
    )
    .await;
    assert_eq!(ids(&bench), before);
    let update = bench.sim.calls_to(Endpoint::UpdateBlocks);
    assert_eq!(update.len(), 1);
    // The line that is the same is not sent.
    assert_eq!(update[0].body["requests"].as_array().unwrap().len(), 2);
    assert!(bench.sim.calls_to(Endpoint::CreateChildren).is_empty());
    assert_eq!(
        text(&bench, &group),
        ["Dinner", "at one", "cake", "Be kind"]
    );
    bench.finish().await;
}

#[tokio::test]
async fn two_edits_are_undone_in_turn() {
    for kind in BOTH {
        let (bench, group) = context(kind, &[]).await;
        let command = announced(&bench, &group, FORMER).await;
        let first = edited(&bench, &group, &command, "/edit a").await;
        // A reply to the edit edits the same text.
        edited(&bench, &group, &first, "/edit b\nc").await;
        assert_eq!(text(&bench, &group), ["b", "c"]);
        undone(&bench, &group, &["a"]).await;
        edited(&bench, &group, &command, "/edit d").await;
        undone(&bench, &group, &["a"]).await;
        undone(&bench, &group, &["lunch at one", "bring bread"]).await;
        undone(&bench, &group, &[]).await;
        let words = answer(&bench, &group, None, "/undo").await;
        assert!(words.contains("nothing to undo"), "{words}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn an_entry_that_a_person_edited_stays() {
    for kind in BOTH {
        for new in ["x\ny", "x"] {
            let (bench, group) = context(kind, &["Be kind"]).await;
            let command = announced(&bench, &group, FORMER).await;
            let line = "bring nothing".to_owned();
            by_hand(&bench, &group).edit(Edit::Rewrite { at: 1, line });
            let before = text(&bench, &group);
            let words = answer(&bench, &group, Some(&command), &format!("/edit {new}")).await;
            assert!(words.contains("edited after it was posted"), "{words}");
            assert_eq!(text(&bench, &group), before);
            by_hand(&bench, &group).edit(Edit::Remove { at: 0 });
            by_hand(&bench, &group).edit(Edit::Remove { at: 0 });
            let words = answer(&bench, &group, Some(&command), &format!("/edit {new}")).await;
            assert!(words.contains("no longer in the announcement"), "{words}");
            assert_eq!(text(&bench, &group), ["Be kind"]);
            bench.finish().await;
        }
    }
}

#[tokio::test]
async fn a_timed_entry_expires_with_its_edited_text() {
    for kind in BOTH {
        for new in ["x\ny", "x"] {
            let (bench, group) = context(kind, &["Be kind"]).await;
            let command = announced(&bench, &group, &format!("{FORMER} --for 2h")).await;
            edited(&bench, &group, &command, &format!("/edit {new}")).await;
            bench.idle().await;
            bench.advance(2 * HOUR);
            let over =
                |state: &State| (state.announcement_text(&group) == ["Be kind"]).then_some(());
            bench.wait("the end", over).await;
            bench.idle().await;
            let words = answer(&bench, &group, None, "/undo").await;
            assert!(words.contains("nothing to undo"), "{words}");
            bench.finish().await;
        }
    }
}

#[tokio::test]
async fn an_edited_replacement_still_restores_the_content() {
    for kind in BOTH {
        for new in ["x\ny", "x"] {
            let (bench, group) = context(kind, &["Be kind", "Rules"]).await;
            let command = announced(&bench, &group, "/announce --replace a\nb").await;
            edited(&bench, &group, &command, &format!("/edit {new}")).await;
            undone(&bench, &group, &["a", "b"]).await;
            edited(&bench, &group, &command, &format!("/edit {new}")).await;
            undone(&bench, &group, &["a", "b"]).await;
            undone(&bench, &group, &["Be kind", "Rules"]).await;
            bench.finish().await;
        }
    }
}

#[tokio::test]
async fn texts_are_named_by_reply_or_number() {
    let (bench, group) = context(Docx, &[]).await;
    let first = announced(&bench, &group, "/announce one").await;
    announced(&bench, &group, "/announce two").await;
    let by_number = bench.say(&group, "/edit 1 uno").id;
    assert_eq!(bench.reaction(&by_number).await, "DONE");
    assert_eq!(text(&bench, &group), ["two", "uno"]);
    edited(&bench, &group, &first, "/edit 1 eins").await;
    assert_eq!(text(&bench, &group), ["two", "eins"]);
    let history = answer(&bench, &group, None, "/history").await;
    assert!(history.contains("No. 2: "), "{history}");
    let chat = text(&bench, &group);
    let other = bench.group(Docx);
    let lunch = bench.say(&group, "lunch at one").id;
    for (group, to, command, words) in [
        (&group, None, "/edit new", "Which text"),
        (&group, None, "/edit 9 new", "nothing to change"),
        (&other, None, "/edit 1 new", "nothing to change"),
        (&group, Some(&lunch), "/edit new", "nothing to change"),
        (&group, Some(&first), "/edit 2 new", "Use only one"),
        (&group, Some(&first), "/edit --top new", "--top"),
        (&group, Some(&first), "/edit **--top** new", "plain text"),
        (&group, Some(&first), "/edit", "new text is missing"),
    ] {
        let said = answer(&bench, group, to, command).await;
        assert!(said.contains(words), "{command}: {said}");
    }
    assert_eq!(text(&bench, &group), chat);
    edited(&bench, &group, &first, "/edit -- 2 people").await;
    assert_eq!(text(&bench, &group), ["two", "2 people"]);
    undone(&bench, &group, &["two", "eins"]).await;
    undone(&bench, &group, &["two", "uno"]).await;
    undone(&bench, &group, &["two", "one"]).await;
    undone(&bench, &group, &["one"]).await;
    let gone = answer(&bench, &group, None, "/edit 2 zwei").await;
    assert!(gone.contains("nothing to change"), "{gone}");
    bench.finish().await;
}

#[tokio::test]
async fn a_reply_to_the_bots_answer_names_the_text() {
    let (bench, group) = context(Docx, &[]).await;
    // A reaction is refused, so that the bot answers in words.
    bench.sim.fault(Endpoint::AddReaction, Fault::code(231_002));
    let command = bench.say(&group, "/announce one").id;
    bench.answer(&command).await;
    let reply = bench.sim.read(|state| {
        let mut messages = state.messages(&group);
        let is_reply = |message: &&feishu_sim::Message| message.parent.as_ref() == Some(&command);
        messages.find(is_reply).unwrap().id.clone()
    });
    edited(&bench, &group, &reply, "/edit uno").await;
    assert_eq!(text(&bench, &group), ["uno"]);
    bench.finish().await;
}

#[tokio::test]
async fn a_schedule_is_posted_with_its_edited_text() {
    let (bench, group) = context(Docx, &["Be kind"]).await;
    let command = bench
        .say(&group, "/announce --at in 2 hours --for 1h lunch")
        .id;
    let words = bench.answer(&command).await;
    assert!(words.contains("cheduled"), "{words}");
    edited(&bench, &group, &command, "/edit dinner").await;
    let by_number = bench.say(&group, "/edit 1 supper").id;
    assert_eq!(bench.reaction(&by_number).await, "DONE");
    let history = answer(&bench, &group, None, "/history").await;
    assert!(history.contains("supper"), "{history}");
    bench.idle().await;
    bench.advance(2 * HOUR);
    let posted =
        |state: &State| (state.announcement_text(&group) == ["supper", "Be kind"]).then_some(());
    bench.wait("the announcement", posted).await;
    bench.idle().await;
    // It keeps its number.
    let again = bench.say(&group, "/edit 1 soup").id;
    assert_eq!(bench.reaction(&again).await, "DONE");
    assert_eq!(text(&bench, &group), ["soup", "Be kind"]);
    bench.advance(HOUR);
    let over = |state: &State| (state.announcement_text(&group) == ["Be kind"]).then_some(());
    bench.wait("the end", over).await;
    bench.finish().await;
}

/// As the signature of an announcement that somebody else edited.
#[tokio::test]
async fn the_signature_tells_that_somebody_else_edited_a_schedule() {
    for (is_author, notice) in [(true, false), (false, false), (false, true)] {
        let bench = Bench::new().await;
        let group = bench.group(Docx);
        let name = if notice { "notice" } else { "announce" };
        let command = bench
            .say(&group, &format!("/{name} --at in 2 hours one"))
            .id;
        bench.answer(&command).await;
        bench.advance(HOUR);
        if is_author {
            edited(&bench, &group, &command, "/edit two").await;
        } else {
            let owner = by_hand(&bench, &group).reply_to(&command);
            let edit = owner.say("/edit two").id;
            assert_eq!(bench.reaction(&edit).await, "DONE");
        }
        bench.idle().await;
        bench.advance(HOUR);
        let posted = |state: &State| {
            let lines = state.announcement_text(&group);
            let card = state.messages(&group).map(feishu_sim::Message::text);
            let mut texts = card.chain([lines.join("\n")]);
            texts.find(|text| text.contains("two\n— "))
        };
        let text = bench.wait("the text", posted).await;
        assert_eq!(text.contains(" · edited 20"), !is_author, "{text}");
        bench.idle().await;
        bench.finish().await;
    }
}

/// A text of the member in a group that has since closed its announcement to members.
async fn closed_context(bot_is_admin: bool) -> (Bench, ChatId, MessageId) {
    let bench = Bench::with(|builder| builder, UNSIGNED).await;
    let spec = bench.spec().announcement(Docx);
    let group = bench.sim.add_chat(if bot_is_admin {
        spec.bot_is_admin()
    } else {
        spec
    });
    let command = announced(&bench, &group, "/announce one").await;
    bench
        .sim
        .change_chat(&group, |chat| chat.edit_permission = WhoMay::OnlyOwner);
    bench.advance(Duration::from_mins(2));
    (bench, group, command)
}

#[tokio::test]
async fn authors_edit_without_the_right_to_announce() {
    let (bench, group, command) = closed_context(true).await;
    let kai = bench.sim.add_person("Kai");
    let joins = kai.clone();
    bench
        .sim
        .change_chat(&group, |chat| chat.members.push(joins));
    let as_person = |person: &Person, text: &str| {
        let chat = bench.sim.as_person(person).in_chat(&group);
        chat.reply_to(&command).say(text).id
    };
    let by_other = as_person(&kai, "/edit two");
    let words = bench.answer(&by_other).await;
    assert!(words.contains("Only the owner"), "{words}");
    assert_eq!(text(&bench, &group), ["one"]);
    edited(&bench, &group, &command, "/edit three").await;
    let by_owner = as_person(&bench.owner, "/edit four");
    assert_eq!(bench.reaction(&by_owner).await, "DONE");
    assert_eq!(text(&bench, &group), ["four"]);
    // To undo an edit of somebody else takes the right to announce.
    let words = answer(&bench, &group, None, "/undo").await;
    assert!(words.contains("Only the owner"), "{words}");
    edited(&bench, &group, &command, "/edit five").await;
    undone(&bench, &group, &["four"]).await;
    bench.finish().await;
}

#[tokio::test]
async fn a_refused_edit_blames_the_bot() {
    let (bench, group, command) = closed_context(false).await;
    let words = answer(&bench, &group, Some(&command), "/edit two").await;
    assert!(words.contains("Make the bot a group admin"), "{words}");
    assert_eq!(text(&bench, &group), ["one"]);
    bench.finish().await;
}

#[tokio::test]
async fn a_pinned_schedule_takes_both_rights_to_edit() {
    let bench = Bench::with(|builder| builder, UNSIGNED).await;
    let spec = bench.spec().announcement(Docx);
    let spec = spec.pin_manage_setting(Some(WhoMay::OnlyOwner));
    let group = bench.sim.add_chat(spec);
    for (options, may) in [("", true), ("--top ", false)] {
        let command = format!("/announce --at in 2 hours {options}lunch");
        let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
        let command = owner.say(command.as_str()).id;
        bench.answer(&command).await;
        let edit = bench.reply(&group, &command, "/edit dinner").id;
        if may {
            assert_eq!(bench.reaction(&edit).await, "DONE");
        } else {
            let words = bench.answer(&edit).await;
            assert!(words.contains("Only the owner"), "{words}");
        }
    }
    bench.finish().await;
}

#[tokio::test]
async fn entries_with_containers_are_replaced_in_place() {
    let [lin, kai] = ["Lin", "Kai"].map(|who| format!("Shifts\n| Who |\n|---|\n| {who} |\nend"));
    let [quote, other_quote] = ["Lin", "Kai"].map(|who| format!("> {who}\n> - soon\n\nend"));
    for kind in BOTH {
        for (former, new) in [
            (lin.as_str(), kai.as_str()),
            (&quote, &other_quote),
            (&quote, &lin),
            (&lin, "end"),
            ("end", &lin),
        ] {
            let (bench, group) = context(kind, &["Be kind"]).await;
            let model = bench.group(kind);
            let command = announced(&bench, &group, &format!("/announce {former}")).await;
            let before = text(&bench, &group);
            edited(&bench, &group, &command, &format!("/edit {new}")).await;
            announced(&bench, &model, &format!("/announce {new}")).await;
            let mut expected = text(&bench, &model);
            expected.push("Be kind".to_owned());
            assert_eq!(text(&bench, &group), expected, "{kind:?} {former}");
            let before: Vec<&str> = before.iter().map(String::as_str).collect();
            bench.idle().await;
            undone(&bench, &group, &before).await;
            undone(&bench, &group, &["Be kind"]).await;
            bench.finish().await;
        }
    }
}

#[tokio::test]
async fn an_announcement_without_deletion_stays() {
    let (bench, group) = context(Doc, &["Be kind"]).await;
    let command = announced(&bench, &group, FORMER).await;
    bench.sim.change_behaviour(|behaviour| {
        behaviour.legacy_deletes_refused = true;
    });
    let words = answer(&bench, &group, Some(&command), "/edit new").await;
    assert!(words.contains("does not allow the bot"), "{words}");
    assert_eq!(text(&bench, &group), FORMER_LINES);
    bench.finish().await;
}

/// A write of an edit, and the call at which the edit is given up.
type Write = (AnnouncementKind, Endpoint, Endpoint);

const DOC_WRITE: Write = (
    Doc,
    Endpoint::PatchDocAnnouncement,
    Endpoint::GetDocAnnouncement,
);

/// Writes of edits, each with a new text.
const WRITES: [(Write, &str); 4] = [
    (DOC_WRITE, TEXTS[0].0),
    (
        (Docx, Endpoint::UpdateBlocks, Endpoint::UpdateBlocks),
        TEXTS[0].0,
    ),
    (
        (Docx, Endpoint::CreateChildren, Endpoint::CreateChildren),
        TEXTS[3].0,
    ),
    (
        (
            Docx,
            Endpoint::DeleteChildren,
            Endpoint::GetDocxAnnouncement,
        ),
        TEXTS[3].0,
    ),
];

/// The former text is restored, whether the edit had an effect or not.
#[tokio::test]
async fn an_edit_that_was_given_up_is_undone() {
    let in_full = (DOC_WRITE, TEXTS[3].0);
    for ((kind, write, refused), new) in WRITES.into_iter().chain([in_full]) {
        for fault in [Fault::LoseAnswer, Fault::ServerError] {
            let bench = Bench::new().await;
            let group = bench.group(kind);
            by_hand(&bench, &group).edit_announcement(["Be kind"]);
            let command = announced(&bench, &group, FORMER).await;
            bench.idle().await;
            let before = text(&bench, &group);
            bench.sim.clear_calls();
            bench.sim.fault(write, fault.clone());
            let edit = bench.reply(&group, &command, &format!("/edit {new}")).id;
            let words = bench.given_up(&edit, (write, refused)).await;
            assert!(words.contains("cannot confirm"), "{words}");
            bench.idle().await;
            let before: Vec<&str> = before.iter().map(String::as_str).collect();
            undone(&bench, &group, &before).await;
            undone(&bench, &group, &["Be kind"]).await;
            bench.finish().await;
        }
    }
}

/// At the end of its time, either text is removed.
#[tokio::test]
async fn an_edit_that_was_given_up_expires() {
    for ((kind, write, refused), new) in WRITES {
        for (fault, replace) in [
            (Fault::LoseAnswer, false),
            (Fault::LoseAnswer, true),
            (Fault::ServerError, false),
        ] {
            let bench = Bench::new().await;
            let group = bench.group(kind);
            by_hand(&bench, &group).edit_announcement(["Be kind"]);
            let options = if replace { " --replace" } else { "" };
            let command = format!("{FORMER} --for 3h{options}");
            let command = announced(&bench, &group, &command).await;
            bench.idle().await;
            bench.sim.clear_calls();
            bench.sim.fault(write, fault.clone());
            let edit = bench.reply(&group, &command, &format!("/edit {new}")).id;
            let words = bench.given_up(&edit, (write, refused)).await;
            assert!(words.contains("cannot confirm"), "{words}");
            bench.idle().await;
            bench.advance(3 * HOUR);
            let what = format!("{kind:?} {write:?} {fault:?} {replace}");
            let over =
                |state: &State| (state.announcement_text(&group) == ["Be kind"]).then_some(());
            let step = Duration::from_secs(1);
            bench.wait_in_steps_of(step, &what, over).await;
            bench.finish().await;
        }
    }
}

#[tokio::test]
async fn the_signature_tells_of_the_edit() {
    for kind in BOTH {
        let bench = Bench::new().await;
        let group = bench.group(kind);
        let command = announced(&bench, &group, "/announce one").await;
        let before = text(&bench, &group);
        bench.advance(HOUR);
        edited(&bench, &group, &command, "/edit two").await;
        let after = text(&bench, &group);
        assert_eq!(after[0], "two");
        assert!(after[1].starts_with(&before[1]), "{after:?}");
        assert!(after[1].contains("edited 20"), "{after:?}");
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        undone(&bench, &group, &before).await;
        bench.finish().await;
    }
}

/// The calls that an edit and its undo make.
fn writes(kind: AnnouncementKind) -> &'static [Endpoint] {
    match kind {
        Doc => &[Endpoint::PatchDocAnnouncement],
        Docx => &[
            Endpoint::UpdateBlocks,
            Endpoint::CreateChildren,
            Endpoint::DeleteChildren,
        ],
    }
}

const FORMER_LINES: [&str; 3] = ["lunch at one", "bring bread", "Be kind"];

#[tokio::test]
async fn an_interrupted_edit_acts_once() {
    for kind in BOTH {
        walk(kind, &Fault::LoseAnswer).await;
    }
}

#[tokio::test]
async fn an_edit_without_response_acts_once() {
    for kind in BOTH {
        walk(kind, &Fault::Hang).await;
    }
}

/// Walks all calls of an edit, and of its undo: each fails in turn, and the bot stops before the next
/// attempt.
async fn walk(kind: AnnouncementKind, fault: &Fault) {
    for (new, lines) in [TEXTS[0], TEXTS[3]] {
        let edited: Vec<&str> = lines.iter().copied().chain(["Be kind"]).collect();
        let edit = format!("/edit {new}");
        for (commands, expected) in [
            (vec![edit.as_str()], &edited[..]),
            (vec![edit.as_str(), "/undo"], &FORMER_LINES[..]),
        ] {
            let (bench, group) = context(kind, &["Be kind"]).await;
            last_of(&bench, &group, &commands, None).await;
            bench.idle().await;
            for endpoint in writes(kind) {
                for nth in 0..bench.sim.calls_to(*endpoint).len() {
                    let call = (*endpoint, nth, fault);
                    interrupted(kind, &commands, call, expected).await;
                }
            }
            bench.finish().await;
        }
    }
}

/// Announces, and says the commands. The call of the last one after so many others fails.
async fn last_of(
    bench: &Bench,
    group: &ChatId,
    commands: &[&str],
    call: Option<(Endpoint, usize, &Fault)>,
) {
    let command = announced(bench, group, FORMER).await;
    for (number, text) in commands.iter().enumerate() {
        bench.idle().await;
        bench.sim.clear_calls();
        let is_last = number + 1 == commands.len();
        if let (true, Some((endpoint, nth, fault))) = (is_last, call) {
            (0..nth).for_each(|_| bench.sim.fault(endpoint, Fault::Nothing));
            bench.sim.fault(endpoint, fault.clone());
        }
        let said = bench.reply(group, &command, text).id;
        if !is_last {
            bench.reaction(&said).await;
        }
    }
}

async fn interrupted(
    kind: AnnouncementKind,
    commands: &[&str],
    call: (Endpoint, usize, &Fault),
    expected: &[&str],
) {
    let (endpoint, nth, fault) = call;
    let (mut bench, group) = context(kind, &["Be kind"]).await;
    last_of(&bench, &group, commands, Some(call)).await;
    let is_called = |state: &State| (state.calls_to(endpoint).count() > nth).then_some(());
    bench.wait("the call", is_called).await;
    match fault {
        // A graceful stop would wait for the response.
        Fault::Hang => bench.kill().await,
        _ => bench.restart().await,
    }
    bench.idle_in_steps_of(Duration::from_secs(1)).await;
    let context = format!("{kind:?} {endpoint:?} {nth} {commands:?}");
    assert_eq!(text(&bench, &group), expected, "{context}");
    bench.finish().await;
}
