//! `/announce --replace` on both kinds of announcement, and its undo.

use std::time::Duration;

use feishu_sim::AnnouncementKind::{self, Doc, Docx};
use feishu_sim::{ChatId, Edit, Endpoint, Fault, MessageId, State, TopNotice, Words};
use serde_json::{Value, json};

use crate::harness::Bench;

const BOTH: [AnnouncementKind; 2] = [Doc, Docx];
const HOUR: Duration = Duration::from_hours(1);

/// A bot that does not sign entries.
const UNSIGNED: &str = "[announce]\nsignature = false";

/// A group whose announcement has these lines of people.
async fn context(kind: AnnouncementKind, lines: &[&str]) -> (Bench, ChatId) {
    let bench = Bench::with(|builder| builder, UNSIGNED).await;
    let group = filled(&bench, kind, lines);
    (bench, group)
}

fn filled(bench: &Bench, kind: AnnouncementKind, lines: &[&str]) -> ChatId {
    let group = bench.group(kind);
    let editor = bench.sim.as_person(&bench.owner).in_chat(&group);
    editor.edit_announcement(lines.iter().copied());
    group
}

fn edit(bench: &Bench, group: &ChatId, edit: Edit) {
    let editor = bench.sim.as_person(&bench.owner).in_chat(group);
    editor.edit(edit);
}

fn text(bench: &Bench, group: &ChatId) -> Vec<String> {
    bench.sim.announcement_text(group)
}

/// The content, without the ids and positions that change with each write.
fn content(bench: &Bench, group: &ChatId) -> Value {
    let mut document = bench.sim.announcement_document(group);
    strip(&mut document);
    document
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for key in ["block_id", "parent_id", "location", "lineId", "revision"] {
                object.remove(key);
            }
            if let Some(children) = object.get_mut("children") {
                *children = json!(children.as_array().map_or(0, Vec::len));
            }
            object.values_mut().for_each(strip);
        }
        Value::Array(array) => array.iter_mut().for_each(strip),
        _ => {}
    }
}

async fn announced(bench: &Bench, group: &ChatId, command: &str) -> MessageId {
    let command = bench.say(group, command).id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    command
}

async fn wait_for_text(bench: &Bench, group: &ChatId, expected: &[&str]) {
    let see = |state: &State| (state.announcement_text(group) == expected).then_some(());
    bench
        .wait_in_steps_of(Duration::from_secs(1), &format!("{expected:?}"), see)
        .await;
}

/// The reply if the first call to the endpoint fails, and the announcement then cannot be read until
/// the bot gives up.
async fn given_up(
    (bench, group, kind): (&Bench, &ChatId, AnnouncementKind),
    command: &str,
    fault: Fault,
) -> String {
    let calls = match kind {
        Doc => (Endpoint::PatchDocAnnouncement, Endpoint::GetDocAnnouncement),
        Docx => (Endpoint::DeleteChildren, Endpoint::GetDocxAnnouncement),
    };
    given_up_at(calls, (bench, group), command, fault).await
}

/// The reply if the first call to one endpoint fails, and calls to another are then rejected until
/// the bot gives up.
async fn given_up_at(
    calls: (Endpoint, Endpoint),
    (bench, group): (&Bench, &ChatId),
    command: &str,
    fault: Fault,
) -> String {
    bench.idle().await;
    bench.sim.clear_calls();
    bench.sim.fault(calls.0, fault);
    let command = bench.say(group, command).id;
    bench.given_up(&command, calls).await
}

#[tokio::test]
async fn rule_6_undo_restores_the_replaced_content() {
    for kind in BOTH {
        let (bench, group) = context(kind, &["Be kind 🙂", "", "Rules"]).await;
        let rich = "/announce **bold** [link](https://x.cn/?a=1) `code`\n# Title\n- a\n  1. b\n> q\n---\n@_user_1";
        announced(&bench, &group, rich).await;
        let before = content(&bench, &group);
        bench.sim.clear_calls();
        announced(&bench, &group, "/公告 --替换 全新的公告\n第二行").await;
        assert_eq!(text(&bench, &group), ["全新的公告", "第二行"]);
        if kind == Doc {
            assert_eq!(bench.sim.calls_to(Endpoint::PatchDocAnnouncement).len(), 1);
        }
        let answer = bench.reply_to(&group, "/undo").await;
        assert!(answer.contains("was restored"), "{answer}");
        assert_eq!(content(&bench, &group), before, "{kind:?}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn second_undo_reverts_the_earlier_change() {
    for kind in BOTH {
        let (bench, group) = context(kind, &["rules"]).await;
        for command in [
            "/announce one",
            "/announce --replace two",
            "/announce --replace three",
            "/announce four",
        ] {
            announced(&bench, &group, command).await;
        }
        assert_eq!(text(&bench, &group), ["four", "three"]);
        for expected in [
            &["three"][..],
            &["two"][..],
            &["one", "rules"][..],
            &["rules"][..],
        ] {
            bench.reply_to(&group, "/undo").await;
            assert_eq!(text(&bench, &group), expected, "{kind:?}");
        }
        let answer = bench.reply_to(&group, "/undo").await;
        assert!(answer.contains("nothing to undo"), "{answer}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn concurrent_edits_are_kept_and_reported() {
    let typed = |at| Edit::Type {
        at,
        line: "typed".to_owned(),
    };
    for (kind, before, at, expected) in [
        (Docx, Endpoint::CreateChildren, 1, &["new", "typed"][..]),
        (Docx, Endpoint::ListBlocks, 1, &["new", "typed"]),
        (Docx, Endpoint::DeleteChildren, 2, &["new", "typed"]),
        (Doc, Endpoint::PatchDocAnnouncement, 1, &["new", "typed"]),
    ] {
        let (bench, group) = context(kind, &["a", "b"]).await;
        if before == Endpoint::ListBlocks {
            bench.sim.fault(before, Fault::Nothing);
        }
        bench
            .sim
            .fault(before, Fault::Edit(group.clone(), typed(at)));
        let command = bench.say(&group, "/announce --replace new").id;
        let ended = |state: &State| {
            let done = state
                .reactions(&command)
                .contains(&"Loudspeaker".to_owned());
            (done || !state.answers_to(&command).is_empty()).then_some(())
        };
        bench.wait("the end", ended).await;
        assert_eq!(text(&bench, &group), expected, "{before:?}");
        // The reply mentions it if the bot reads the announcement again.
        let said = bench.sim.answers_to(&command).concat();
        let is_seen = kind == Docx && before != Endpoint::DeleteChildren;
        assert_eq!(said.contains("one line of theirs"), is_seen, "{said}");
        bench.reply_to(&group, "/undo").await;
        let mut all = text(&bench, &group);
        assert_eq!(all.iter().position(|line| line == "a"), Some(0), "{all:?}");
        all.sort();
        assert_eq!(all, ["a", "b", "typed"], "{before:?}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn line_edited_before_its_deletion_is_kept() {
    let (bench, group) = context(Docx, &["a", "b", "c"]).await;
    // The edit comes between the write and the second read.
    bench
        .sim
        .fault(Endpoint::GetDocxAnnouncement, Fault::Nothing);
    bench
        .sim
        .fault(Endpoint::GetDocxAnnouncement, Fault::Nothing);
    let change = Edit::Rewrite {
        at: 2,
        line: "b, changed".to_owned(),
    };
    let change = Fault::Edit(group.clone(), change);
    bench.sim.fault(Endpoint::GetDocxAnnouncement, change);
    let answer = bench.reply_to(&group, "/announce --replace new").await;
    assert!(answer.contains("one line of theirs"), "{answer}");
    assert_eq!(text(&bench, &group), ["new", "b, changed"]);
    bench.reply_to(&group, "/undo").await;
    assert_eq!(text(&bench, &group), ["a", "c", "b, changed"]);
    bench.finish().await;
}

#[tokio::test]
async fn unrestorable_content_is_replaced_only_on_request() {
    for kind in BOTH {
        let (bench, group) = context(kind, &["a", "b"]).await;
        edit(&bench, &group, Edit::Picture { at: 1 });
        let answer = bench.reply_to(&group, "/announce --replace new").await;
        assert!(answer.contains("(image)"), "{answer}");
        assert!(answer.contains("--replace!"), "{answer}");
        assert_eq!(text(&bench, &group), ["a", "[picture]", "b"]);
        announced(&bench, &group, "/announce --replace! new").await;
        assert_eq!(text(&bench, &group), ["new"]);
        let answer = bench.reply_to(&group, "/undo").await;
        assert!(answer.contains("by name only: image"), "{answer}");
        assert_eq!(text(&bench, &group), ["a", "[image]", "b"], "{kind:?}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn undo_restores_an_empty_announcement() {
    for kind in BOTH {
        let (bench, group) = context(kind, &[]).await;
        announced(&bench, &group, "/announce --replace new").await;
        assert_eq!(text(&bench, &group), ["new"]);
        bench.reply_to(&group, "/undo").await;
        assert!(text(&bench, &group).is_empty(), "{kind:?}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn without_deletion_the_text_is_added_above() {
    for signature in [true, false] {
        let settings = format!("[announce]\nsignature = {signature}");
        let bench = Bench::with(|builder| builder, &settings).await;
        let group = bench.group(Doc);
        let editor = bench.sim.as_person(&bench.owner).in_chat(&group);
        editor.edit_announcement(["old"]);
        bench.sim.change_behaviour(|behaviour| {
            behaviour.legacy_deletes_refused = true;
        });
        let answer = bench
            .reply_to(&group, "/announce --replace --for 1h new")
            .await;
        assert!(
            answer.contains("does not allow the bot to delete"),
            "{answer}"
        );
        let lines = text(&bench, &group);
        assert_eq!(
            (lines[0].as_str(), lines.last().unwrap().as_str()),
            ("new", "old")
        );
        assert_eq!(lines.len(), 2 + usize::from(signature));
        // It is recorded as an addition, without a scheduled expiry.
        let history = bench.reply_to(&group, "/history").await;
        assert!(history.contains("posted: `new`"), "{history}");
        assert!(!history.contains("Scheduled"), "{history}");
        bench.finish().await;
    }
}

/// Loses the response to each write in turn; the result is the same as without.
#[tokio::test]
async fn lost_responses_do_not_repeat_replace_or_undo() {
    let bench = Bench::with(|builder| builder, UNSIGNED).await;
    for (kind, endpoint) in [
        (Doc, Endpoint::GetDocAnnouncement),
        (Doc, Endpoint::PatchDocAnnouncement),
        (Docx, Endpoint::GetDocxAnnouncement),
        (Docx, Endpoint::ListBlocks),
        (Docx, Endpoint::CreateChildren),
        (Docx, Endpoint::DeleteChildren),
    ] {
        for fault in [Fault::LoseAnswer, Fault::ServerError] {
            for undo in [false, true] {
                let mut lost = 0;
                while loses(&bench, kind, (endpoint, &fault, lost), undo).await {
                    lost += 1;
                }
                assert!(lost > 0, "{endpoint:?} is not called");
            }
        }
    }
    bench.finish().await;
}

/// Replaces or undoes, and fails the call after so many others; returns whether there is such a call.
async fn loses(
    bench: &Bench,
    kind: AnnouncementKind,
    (endpoint, fault, after): (Endpoint, &Fault, usize),
    undo: bool,
) -> bool {
    let group = filled(bench, kind, &["a", "b"]);
    announced(bench, &group, "/announce - one\n  - two\n    - three").await;
    let before = content(bench, &group);
    if undo {
        announced(bench, &group, "/announce --replace - x\n  - y").await;
    }
    bench.idle().await;
    bench.sim.clear_calls();
    (0..after).for_each(|_| bench.sim.fault(endpoint, Fault::Nothing));
    bench.sim.fault(endpoint, fault.clone());
    let name = format!("{endpoint:?} {after} {fault:?}");
    if undo {
        bench.reply_to(&group, "/undo").await;
        assert_eq!(content(bench, &group), before, "{name}");
    } else {
        let command = bench.say(&group, "/announce --replace - x\n  - y").id;
        bench.idle_in_steps_of(Duration::from_secs(1)).await;
        assert_eq!(bench.reaction(&command).await, "Loudspeaker", "{name}");
        assert_eq!(text(bench, &group), ["x", "y"], "{name}");
    }
    bench.sim.withdraw_faults(endpoint);
    bench.sim.calls_to(endpoint).len() > after
}

#[tokio::test]
async fn kill_after_any_call_gives_same_result() {
    for (kind, endpoint, calls) in [
        (Doc, Endpoint::PatchDocAnnouncement, 1),
        (Docx, Endpoint::CreateChildren, 2),
        (Docx, Endpoint::DeleteChildren, 1),
    ] {
        for command in ["/announce --replace - x\n  - y", "/undo"] {
            for call in 1..=calls {
                let (mut bench, group) = context(kind, &["a", "b"]).await;
                announced(&bench, &group, "/announce - one\n  - two").await;
                if command == "/undo" {
                    announced(&bench, &group, "/announce --replace new").await;
                }
                bench.idle().await;
                bench.sim.clear_calls();
                (1..call).for_each(|_| bench.sim.fault(endpoint, Fault::Nothing));
                bench.sim.fault(endpoint, Fault::LoseAnswer);
                bench.say(&group, command);
                let done = |state: &State| (state.calls_to(endpoint).count() >= call).then_some(());
                bench.wait("the call", done).await;
                bench.kill().await;
                bench.idle_in_steps_of(Duration::from_secs(1)).await;
                let expected = match command {
                    "/undo" => &["one", "two", "a", "b"][..],
                    _ => &["x", "y"],
                };
                assert_eq!(
                    text(&bench, &group),
                    expected,
                    "{command} {endpoint:?} {call}"
                );
                bench.finish().await;
            }
        }
    }
}

#[tokio::test]
async fn expiry_restores_the_replaced_content() {
    for kind in BOTH {
        let (mut bench, group) = context(kind, &["rules"]).await;
        let command = announced(&bench, &group, "/announce --for 2h --replace party").await;
        let history = bench.reply_to(&group, "/history").await;
        assert!(
            history.contains("restore the previous announcement"),
            "{history}"
        );
        bench.idle().await;
        bench.restart().await;
        bench.advance(2 * HOUR);
        wait_for_text(&bench, &group, &["rules"]).await;
        bench.idle().await;
        assert!(bench.sim.answers_to(&command).is_empty());
        bench.finish().await;
    }
}

#[tokio::test]
async fn expiry_ignores_a_superseded_replacement() {
    for kind in BOTH {
        let (bench, group) = context(kind, &["rules"]).await;
        announced(&bench, &group, "/announce --replace --for 2h party").await;
        announced(&bench, &group, "/announce --replace the end").await;
        bench.idle().await;
        bench.advance(2 * HOUR);
        bench.idle().await;
        assert_eq!(text(&bench, &group), ["the end"], "{kind:?}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn restored_replacement_still_expires() {
    for kind in BOTH {
        let (bench, group) = context(kind, &["rules"]).await;
        announced(&bench, &group, "/announce --replace --for 2h party").await;
        announced(&bench, &group, "/announce --replace the end").await;
        bench.reply_to(&group, "/undo").await;
        assert_eq!(text(&bench, &group), ["party"]);
        bench.idle().await;
        bench.advance(2 * HOUR);
        wait_for_text(&bench, &group, &["rules"]).await;
        bench.finish().await;
    }
}

#[tokio::test]
async fn replacement_can_be_scheduled_and_pinned() {
    for kind in BOTH {
        // So long that the schedule is not too late when the clock advances.
        let patient = format!("{UNSIGNED}\n[worker]\nplan_grace = '30d'");
        let bench = Bench::with(|builder| builder, &patient).await;
        let group = bench.group(kind);
        let editor = bench.sim.as_person(&bench.owner).in_chat(&group);
        editor.edit_announcement(["rules"]);
        let plan = "/announce --replace --at tomorrow 9:00 --top party";
        let answer = bench.reply_to(&group, plan).await;
        assert!(answer.contains("tomorrow"), "{answer}");
        let history = bench.reply_to(&group, "/history").await;
        assert!(history.contains("replace the announcement"), "{history}");
        assert_eq!(text(&bench, &group), ["rules"]);
        bench.idle().await;
        let due = |state: &State| (state.announcement_text(&group) == ["party"]).then_some(());
        bench
            .wait_in_steps_of(Duration::from_mins(10), "the replacement", due)
            .await;
        bench.settled().await;
        assert_eq!(bench.sim.top_notice(&group), Some(TopNotice::Announcement));
        bench.reply_to(&group, "/undo").await;
        assert_eq!(text(&bench, &group), ["rules"], "{kind:?}");
        assert_eq!(bench.sim.top_notice(&group), None);
        bench.finish().await;
    }
}

#[tokio::test]
async fn rejected_deletion_keeps_both_texts() {
    let (bench, group) = context(Docx, &["rules"]).await;
    let refused = Fault::code(1_770_031);
    bench.sim.fault(Endpoint::DeleteChildren, refused);
    let answer = bench.reply_to(&group, "/announce --replace party").await;
    assert!(answer.contains("still below"), "{answer}");
    assert!(answer.contains("1770031"), "{answer}");
    assert_eq!(text(&bench, &group), ["party", "rules"]);
    let answer = bench.reply_to(&group, "/undo").await;
    assert!(answer.contains("removed from the announcement"), "{answer}");
    assert_eq!(text(&bench, &group), ["rules"]);
    bench.finish().await;
}

#[tokio::test]
async fn long_text_replaces_long_text_in_either_order() {
    let lines = |word: &str| -> Vec<String> { (1..=120).map(|n| format!("{word} {n}")).collect() };
    for later_first in [false, true] {
        for kind in BOTH {
            let (bench, group) = context(kind, &[]).await;
            bench.sim.change_behaviour(|behaviour| {
                behaviour.legacy_later_insert_first = later_first;
            });
            let editor = bench.sim.as_person(&bench.owner).in_chat(&group);
            editor.edit_announcement(lines("old"));
            let command = format!("/announce --replace {}", lines("new").join("\n"));
            announced(&bench, &group, &command).await;
            assert_eq!(text(&bench, &group), lines("new"), "{kind:?} {later_first}");
            bench.reply_to(&group, "/undo").await;
            assert_eq!(text(&bench, &group), lines("old"), "{kind:?} {later_first}");
            bench.finish().await;
        }
    }
}

#[tokio::test]
async fn undo_of_many_lines_learns_the_order() {
    let lines: Vec<String> = (1..=120).map(|number| format!("old {number}")).collect();
    let (bench, group) = context(Doc, &[]).await;
    let editor = bench.sim.as_person(&bench.owner).in_chat(&group);
    editor.edit_announcement(lines.clone());
    announced(&bench, &group, "/announce --replace new").await;
    bench.sim.change_behaviour(|behaviour| {
        behaviour.legacy_later_insert_first = true;
    });
    bench.reply_to(&group, "/undo").await;
    assert_eq!(text(&bench, &group), lines);
    bench.finish().await;
}

#[tokio::test]
async fn mentions_of_former_members_become_text() {
    for kind in BOTH {
        let bench = Bench::new().await;
        let group = bench.group(kind);
        announced(&bench, &group, "/announce one").await;
        announced(&bench, &group, "/announce --replace two").await;
        let (write, code) = match kind {
            Doc => (Endpoint::PatchDocAnnouncement, 232_018),
            Docx => (Endpoint::CreateChildren, 1_770_001),
        };
        let refusals = if kind == Doc { 3 } else { 1 };
        (0..refusals).for_each(|_| bench.sim.fault(write, Fault::code(code)));
        let answer = bench.reply_to(&group, "/undo").await;
        assert!(answer.contains("was restored"), "{answer}");
        let lines = text(&bench, &group);
        assert_eq!(lines[0], "one", "{kind:?}");
        assert!(lines[1].starts_with("— @Mei · "), "{lines:?}");
        let document = bench.sim.announcement_document(&group).to_string();
        assert!(!document.contains("mention_user") && !document.contains("\"person\""));
        bench.finish().await;
    }
}

#[tokio::test]
async fn oversized_announcement_is_not_replaced() {
    for kind in BOTH {
        let (bench, group) = context(kind, &[]).await;
        let editor = bench.sim.as_person(&bench.owner).in_chat(&group);
        editor.edit_announcement(vec!["old"; 451]);
        for option in ["--replace", "--replace!"] {
            let answer = bench
                .reply_to(&group, &format!("/announce {option} new"))
                .await;
            assert!(answer.contains("more than 450 lines"), "{answer}");
        }
        editor.edit_announcement(vec!["old"; 450]);
        announced(&bench, &group, "/announce --replace new").await;
        bench.reply_to(&group, "/undo").await;
        assert_eq!(text(&bench, &group), vec!["old"; 450], "{kind:?}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn undo_keeps_an_edited_replacement() {
    for kind in BOTH {
        let (bench, group) = context(kind, &["rules"]).await;
        announced(&bench, &group, "/announce --replace one\ntwo").await;
        let change = Edit::Rewrite {
            at: 1,
            line: "three".to_owned(),
        };
        edit(&bench, &group, change);
        let answer = bench.reply_to(&group, "/undo").await;
        assert!(answer.contains("was edited"), "{answer}");
        assert_eq!(text(&bench, &group), ["one", "three"], "{kind:?}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn undo_restores_content_after_manual_deletion() {
    for kind in BOTH {
        let (bench, group) = context(kind, &["rules"]).await;
        announced(&bench, &group, "/announce --replace one").await;
        let editor = bench.sim.as_person(&bench.owner).in_chat(&group);
        editor.edit_announcement(["hello"]);
        bench.reply_to(&group, "/undo").await;
        assert_eq!(text(&bench, &group), ["rules", "hello"], "{kind:?}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn lost_response_plus_edit_is_reported_as_unknown() {
    let (bench, group) = context(Doc, &["rules"]).await;
    bench
        .sim
        .fault(Endpoint::PatchDocAnnouncement, Fault::LoseAnswer);
    bench
        .sim
        .fault(Endpoint::GetDocAnnouncement, Fault::Nothing);
    let change = Edit::Rewrite {
        at: 0,
        line: "changed".to_owned(),
    };
    let change = Fault::Edit(group.clone(), change);
    bench.sim.fault(Endpoint::GetDocAnnouncement, change);
    let answer = bench.reply_to(&group, "/announce --replace new").await;
    assert!(answer.contains("result is unknown"), "{answer}");
    assert_eq!(text(&bench, &group), ["changed"]);
    bench.reply_to(&group, "/undo").await;
    assert_eq!(text(&bench, &group), ["rules", "changed"]);
    bench.finish().await;
}

#[tokio::test]
async fn unrestorable_content_is_replaced_in_any_language() {
    for kind in BOTH {
        let (bench, group) = context(kind, &["a", "b"]).await;
        edit(&bench, &group, Edit::Picture { at: 1 });
        announced(&bench, &group, "/announce --replace! 全新的公告").await;
        assert_eq!(text(&bench, &group), ["全新的公告"], "{kind:?}");
        bench.reply_to(&group, "/undo").await;
        assert_eq!(text(&bench, &group), ["a", "[image]", "b"], "{kind:?}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn equal_earlier_line_does_not_confirm_replacement() {
    let (bench, group) = context(Doc, &["new", "old"]).await;
    let patch = Endpoint::PatchDocAnnouncement;
    bench.sim.fault(patch, Fault::ServerError);
    let read = Endpoint::GetDocAnnouncement;
    bench.sim.fault(read, Fault::Nothing);
    let change = Edit::Rewrite {
        at: 1,
        line: "older".to_owned(),
    };
    bench.sim.fault(read, Fault::Edit(group.clone(), change));
    let answer = bench.reply_to(&group, "/announce --replace new").await;
    assert!(answer.contains("result is unknown"), "{answer}");
    assert_eq!(text(&bench, &group), ["new", "older"]);
    bench.finish().await;
}

/// Replaces a line with itself, alone and next to another, by a request whose response is lost.
#[tokio::test]
async fn equal_replacement_appears_once() {
    for lines in [&["new"][..], &["new", "old"], &["old", "new", "new"]] {
        let (bench, group) = context(Doc, lines).await;
        let patch = Endpoint::PatchDocAnnouncement;
        bench.sim.fault(patch, Fault::LoseAnswer);
        let command = bench.say(&group, "/announce --replace new").id;
        bench.idle_in_steps_of(Duration::from_secs(1)).await;
        assert_eq!(bench.reaction(&command).await, "Loudspeaker", "{lines:?}");
        assert_eq!(text(&bench, &group), ["new"]);
        bench.reply_to(&group, "/undo").await;
        assert_eq!(text(&bench, &group), lines);
        bench.finish().await;
    }
}

#[tokio::test]
async fn rejected_undo_can_be_repeated() {
    let (bench, group) = context(Doc, &["rules"]).await;
    announced(&bench, &group, "/announce --replace new").await;
    let refused = || Fault::code(232_018);
    (0..3).for_each(|_| bench.sim.fault(Endpoint::PatchDocAnnouncement, refused()));
    let answer = bench.reply_to(&group, "/undo").await;
    assert!(answer.contains("232018"), "{answer}");
    assert_eq!(text(&bench, &group), ["new"]);
    let answer = bench.reply_to(&group, "/undo").await;
    assert!(answer.contains("was restored"), "{answer}");
    assert_eq!(text(&bench, &group), ["rules"]);
    // The group does not count as one without deletion either.
    announced(&bench, &group, "/announce --for 1h party").await;
    bench.finish().await;
}

/// Together the entries have more mentions than one call accepts.
#[tokio::test]
async fn many_mentions_are_restored_as_text() {
    for kind in BOTH {
        let (bench, group) = context(kind, &[]).await;
        let lines = ["@_user_1 @_user_1 @_user_1"; 20].join("\n");
        for _ in 0..2 {
            let words = Words::new().text("/announce ").at(&bench.owner);
            let words = words.text(&format!(" {lines}"));
            let chat = bench.sim.as_person(&bench.member).in_chat(&group);
            assert_eq!(bench.reaction(&chat.say(words).id).await, "Loudspeaker");
        }
        let before = text(&bench, &group);
        announced(&bench, &group, "/announce --replace new").await;
        let answer = bench.reply_to(&group, "/undo").await;
        assert!(answer.contains("was restored"), "{answer}");
        assert_eq!(text(&bench, &group), before, "{kind:?}");
        bench.finish().await;
    }
}

/// The content is restored once, whether it was replaced or not.
#[tokio::test]
async fn rule_6_unconfirmed_replacement_can_be_undone() {
    for (kind, fault, expected) in [
        (Doc, Fault::LoseAnswer, &["new"][..]),
        (Doc, Fault::ServerError, &["a", "b"]),
        (Docx, Fault::LoseAnswer, &["new"]),
        (Docx, Fault::ServerError, &["new", "a", "b"]),
    ] {
        let (bench, group) = context(kind, &["a", "b"]).await;
        let command = "/announce --replace new";
        let answer = given_up((&bench, &group, kind), command, fault.clone()).await;
        assert!(answer.contains("cannot confirm"), "{answer}");
        assert_eq!(text(&bench, &group), expected, "{kind:?}");
        bench.reply_to(&group, "/undo").await;
        assert_eq!(text(&bench, &group), ["a", "b"], "{kind:?} {fault:?}");
        bench.finish().await;
    }
}

/// The entry is found by its signature, or the reply says that it does not exist.
#[tokio::test]
async fn unconfirmed_announcement_can_be_undone() {
    let doc = (
        Doc,
        (Endpoint::PatchDocAnnouncement, Endpoint::GetDocAnnouncement),
    );
    let docx = (Docx, (Endpoint::CreateChildren, Endpoint::CreateChildren));
    for ((kind, calls), fault, is_there) in [
        (doc, Fault::LoseAnswer, true),
        (doc, Fault::ServerError, false),
        (docx, Fault::LoseAnswer, true),
        (docx, Fault::ServerError, false),
    ] {
        let bench = Bench::new().await;
        let group = bench.group(kind);
        let editor = bench.sim.as_person(&bench.owner).in_chat(&group);
        editor.edit_announcement(["rules", "b"]);
        let command = "/announce new\n- a\n@_all";
        let answer = given_up_at(calls, (&bench, &group), command, fault).await;
        assert!(answer.contains("cannot confirm"), "{answer}");
        assert_eq!(text(&bench, &group).len() > 2, is_there, "{kind:?}");
        let answer = bench.reply_to(&group, "/undo").await;
        let expected = if is_there { "was removed" } else { "no longer" };
        assert!(answer.contains(expected), "{kind:?}: {answer}");
        assert_eq!(text(&bench, &group), ["rules", "b"], "{kind:?}");
        bench.finish().await;
    }
}

/// Two equal texts cannot be distinguished.
#[tokio::test]
async fn rule_6_unconfirmed_unsigned_text_is_kept() {
    for (kind, calls) in [
        (
            Doc,
            (Endpoint::PatchDocAnnouncement, Endpoint::GetDocAnnouncement),
        ),
        (Docx, (Endpoint::CreateChildren, Endpoint::CreateChildren)),
    ] {
        let (bench, group) = context(kind, &["new"]).await;
        let fault = Fault::ServerError;
        let answer = given_up_at(calls, (&bench, &group), "/announce new", fault).await;
        assert!(answer.contains("cannot confirm"), "{answer}");
        let answer = bench.reply_to(&group, "/undo").await;
        assert!(answer.contains("nothing to undo"), "{answer}");
        assert_eq!(text(&bench, &group), ["new"], "{kind:?}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn rule_6_interrupted_replacement_can_be_undone() {
    for (kind, write) in [
        (Doc, Endpoint::PatchDocAnnouncement),
        (Docx, Endpoint::DeleteChildren),
    ] {
        let (mut bench, group) = context(kind, &["rules"]).await;
        bench.sim.fault(write, Fault::LoseAnswer);
        let command = bench.say(&group, "/announce --replace new").id;
        let done = |state: &State| (state.announcement_text(&group) == ["new"]).then_some(());
        let the_call = bench.wait_in_steps_of(Duration::ZERO, "the call", done);
        the_call.await;
        bench.kill_and_stay_away(HOUR).await;
        assert!(bench.answer(&command).await.contains("interrupted"));
        bench.reply_to(&group, "/undo").await;
        assert_eq!(text(&bench, &group), ["rules"], "{kind:?}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn next_undo_resumes_one_that_was_given_up() {
    for (kind, fault) in [
        (Doc, Fault::LoseAnswer),
        (Doc, Fault::ServerError),
        (Docx, Fault::LoseAnswer),
        (Docx, Fault::ServerError),
    ] {
        let (bench, group) = context(kind, &["a", "b"]).await;
        announced(&bench, &group, "/announce --replace new").await;
        let answer = given_up((&bench, &group, kind), "/undo", fault).await;
        assert!(answer.contains("cannot confirm"), "{answer}");
        bench.reply_to(&group, "/undo").await;
        assert_eq!(text(&bench, &group), ["a", "b"], "{kind:?}");
        let answer = bench.reply_to(&group, "/undo").await;
        assert!(answer.contains("nothing to undo"), "{answer}");
        bench.finish().await;
    }
}

/// Content that the first undo restored is not written a second time.
#[tokio::test]
async fn next_undo_resumes_one_that_was_rejected() {
    for (endpoint, call) in [
        (Endpoint::CreateChildren, 0),
        (Endpoint::CreateChildren, 2),
        (Endpoint::DeleteChildren, 0),
    ] {
        let (bench, group) = context(Docx, &[]).await;
        let lines: Vec<String> = (1..=60).map(|number| format!("- {number}")).collect();
        let snapshot = format!("/announce - x\n  - y\n{}", lines.join("\n"));
        announced(&bench, &group, &snapshot).await;
        let before = content(&bench, &group);
        announced(&bench, &group, "/announce --replace new").await;
        (0..call).for_each(|_| bench.sim.fault(endpoint, Fault::Nothing));
        bench.sim.fault(endpoint, Fault::code(1_770_031));
        let answer = bench.reply_to(&group, "/undo").await;
        assert!(answer.contains("1770031"), "{answer}");
        bench.reply_to(&group, "/undo").await;
        assert_eq!(content(&bench, &group), before, "{endpoint:?} {call}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn failed_deletion_and_failed_pin_are_both_reported() {
    let (bench, group) = context(Docx, &["rules"]).await;
    let refused = Fault::code(1_770_031);
    bench.sim.fault(Endpoint::DeleteChildren, refused);
    bench
        .sim
        .fault(Endpoint::PutTopNotice, Fault::code(232_014));
    let answer = bench
        .reply_to(&group, "/announce --replace --top party")
        .await;
    assert!(answer.contains("is still below"), "{answer}");
    assert!(
        answer.contains("Could not pin the announcement"),
        "{answer}"
    );
    assert!(answer.contains("232014"), "{answer}");
    bench.finish().await;
}

#[tokio::test]
async fn failed_expiry_can_be_undone_for_a_week() {
    for (kind, read) in [
        (Doc, Endpoint::GetDocAnnouncement),
        (Docx, Endpoint::GetDocxAnnouncement),
    ] {
        for days in [6, 8] {
            let (bench, group) = context(kind, &["rules"]).await;
            let command = announced(&bench, &group, "/announce --replace --for 30d party").await;
            bench.idle().await;
            bench.sim.rate_limit(read, 31 * 24 * HOUR);
            bench.advance(30 * 24 * HOUR);
            let told_so = |state: &feishu_sim::State| state.answers_to(&command).first().cloned();
            let told_so = bench
                .wait_in_steps_of(Duration::from_secs(5), "a reply", told_so)
                .await;
            assert!(told_so.contains("scheduled removal failed"), "{told_so}");
            bench.settled().await;
            bench.advance(days * 24 * HOUR);
            bench.idle().await;
            let answer = bench.reply_to(&group, "/undo").await;
            let back = days == 6;
            assert_eq!(answer.contains("was restored"), back, "{answer}");
            let expected = if back { ["rules"] } else { ["party"] };
            assert_eq!(text(&bench, &group), expected, "{kind:?}");
            bench.finish().await;
        }
    }
}
