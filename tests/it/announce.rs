//! `/announce` on both kinds of announcement.

use std::time::Duration;

use feishu_sim::AnnouncementKind::{self, Doc, Docx};
use feishu_sim::{ChatId, Endpoint, Fault, Words};
use serde_json::{Value, json};

use crate::harness::Bench;

const BOTH: [AnnouncementKind; 2] = [Doc, Docx];

/// A bot that does not sign entries.
const UNSIGNED: &str = "[announce]\nsignature = false";

async fn unsigned() -> Bench {
    Bench::with(|builder| builder, UNSIGNED).await
}

fn text(bench: &Bench, group: &ChatId) -> Vec<String> {
    bench.sim.announcement_text(group)
}

#[tokio::test]
async fn rule_6_new_text_precedes_existing_content() {
    let bench = unsigned().await;
    for kind in BOTH {
        let group = bench.group(kind);
        bench
            .sim
            .as_person(&bench.owner)
            .in_chat(&group)
            .edit_announcement(["House rules", "", "Be kind 🙂"]);
        let command = bench
            .say(&group, "/announce 今晚停电 🔌\n\n  from 22:00 -- bring 🔦")
            .id;
        assert_eq!(bench.reaction(&command).await, "Loudspeaker");
        let second = bench.say(&group, "/公告第二条").id;
        assert_eq!(bench.reaction(&second).await, "Loudspeaker");
        let expected = [
            "第二条",
            "今晚停电 🔌",
            "",
            "  from 22:00 -- bring 🔦",
            "House rules",
            "",
            "Be kind 🙂",
        ];
        assert_eq!(text(&bench, &group), expected, "{kind:?}");
    }
    bench.finish().await;
}

/// Texts that resemble formatting but have none.
const PLAIN_TEXTS: [&str; 36] = [
    "https://zh.wikipedia.org/wiki/飞书",
    "3*4*5 = 60, file_name_v2, __init__",
    "1998. That was a year",
    "snake_case_name and _private and __dunder",
    "a * b * c",
    "~5%~ off, 9~10 o'clock, ~/notes",
    r"C:\temp\*, D:\_new\file.txt",
    r"\\server\share\#1",
    "<b>bold</b> <br/> <!-- note -->",
    "&amp; &lt; &nbsp; &#35; AT&T",
    "https://en.wikipedia.org/wiki/Rust_(programming_language)",
    "(see https://x.cn/a_(b)_c?d=*e*&f=~g)",
    "mei_li@example.com, a*b@x.cn",
    "#5 ist da",
    "#停电 #tag",
    "1) lunch",
    "5) lunch",
    "①lunch ２．dinner １、tea",
    "１９９８．那年",
    "２＊３＝６，＿名＿",
    "a_b_c*d*e~~",
    "2**3**4 = 2**81",
    "**/*.rs, src/**/mod.rs",
    "f(x) = x^2 | y",
    "$HOME, ${HOME}, %PATH%, `id",
    "[ ] todo, [x] done, [link] (no)",
    "![no picture](img)",
    "{\"a\": [1, 2]}",
    "Feb 30th... 'quoted' \"quoted\" “引号”",
    "||spoiler|| ==marked== ^up^",
    "a\u{a0}b\u{3000}c",
    "5*😀 👨‍👩‍👧‍👦",
    "*a",
    "+86 138 0000 0000",
    "= 5, +5, >5 <5",
    "http://localhost:8080/_a_/*b*",
];

#[tokio::test]
async fn plain_text_is_not_changed() {
    let bench = unsigned().await;
    for kind in BOTH {
        let group = bench.group(kind);
        for typed in PLAIN_TEXTS {
            let command = bench.say(&group, &format!("/announce {typed}")).id;
            bench.reaction(&command).await;
            assert_eq!(text(&bench, &group)[0], typed, "{kind:?}");
        }
    }
    bench.finish().await;
}

#[tokio::test]
async fn signature_has_author_and_date_in_configured_zone() {
    let bench = Bench::new().await;
    for kind in BOTH {
        let group = bench.group(kind);
        let command = bench.say(&group, "/announce standup").id;
        bench.reaction(&command).await;
        let document = bench.sim.announcement_document(&group).to_string();
        assert!(document.contains(&bench.member.open_id), "{document}");
        // 01:00 UTC on the simulator's clock, plus the duration of the test.
        assert!(document.contains(" · 2026-09-11 09:0"), "{document}");
        assert_eq!(text(&bench, &group).len(), 2);
    }
    bench.finish().await;
}

#[tokio::test]
async fn entry_of_an_invisible_author_is_unsigned() {
    let mut bench = Bench::new().await;
    let guest = bench.sim.add_person_of("elsewhere", "Guest");
    bench
        .reconfigure(&format!("[policy]\nallow = ['{}']", guest.open_id))
        .await;
    bench.sim.change_app(|app| app.external_chats = true);
    for kind in BOTH {
        let group = bench
            .sim
            .add_chat(bench.spec().member(&guest).announcement(kind).external());
        let command = bench
            .sim
            .as_person(&guest)
            .in_chat(&group)
            .say("/announce hello")
            .id;
        assert_eq!(bench.reaction(&command).await, "Loudspeaker", "{kind:?}");
        let lines = text(&bench, &group);
        assert_eq!(
            (lines[0].as_str(), lines[1].starts_with("— 2026-")),
            ("hello", true),
            "{lines:?}"
        );
    }
    bench.finish().await;
}

#[tokio::test]
async fn mention_of_an_invisible_person_becomes_text() {
    let bench = Bench::new().await;
    let guest = bench.sim.add_person_of("elsewhere", "Guest");
    for kind in BOTH {
        let group = bench.group(kind);
        let chat = bench.sim.as_person(&bench.owner).in_chat(&group);
        let message = chat.say(Words::from("ask ").at(&guest)).id;
        let command = bench.reply(&group, &message, "/announce").id;
        assert_eq!(bench.reaction(&command).await, "Loudspeaker", "{kind:?}");
        assert_eq!(text(&bench, &group)[0], "ask @Guest", "{kind:?}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn announce_as_a_reply_posts_the_replied_text() {
    let bench = unsigned().await;
    for kind in BOTH {
        let group = bench.group(kind);
        let chat = || bench.sim.as_person(&bench.owner).in_chat(&group);
        let plain = chat()
            .say(Words::from("ask ").at(&bench.member).text("\nor me"))
            .id;
        let command = bench.reply(&group, &plain, "/announce").id;
        assert_eq!(bench.reaction(&command).await, "Loudspeaker");
        assert_eq!(text(&bench, &group), ["ask @Mei", "or me"]);
        let rich = chat()
            .post(
                "Plan",
                [
                    Words::new().bold("one").text(" ").bot().at(&bench.member),
                    Words::from("- item"),
                    Words::new().rule(),
                    Words::new().code("GO", "a()\nb()"),
                ],
            )
            .id;
        let command = bench.reply(&group, &rich, "/公告").id;
        assert_eq!(bench.reaction(&command).await, "Loudspeaker");
        let code: &[&str] = match kind {
            Doc => &["go", "a()", "b()"],
            Docx => &["go", "a()\nb()"],
        };
        let expected = [&["Plan", "one @noticebot@Mei", "item", "---"], code].concat();
        assert_eq!(text(&bench, &group)[..expected.len()], expected);
        let document = bench.sim.announcement_document(&group).to_string();
        assert!(document.contains(&bench.member.open_id), "{document}");
    }
    bench.finish().await;
}

/// A list of three levels, which takes three calls.
const LIST: &str = "/announce **To do**\n- a\n  - b\n    1. c\n    2. d\n  - e\n- f\nend";

#[tokio::test]
async fn formatting_and_nested_lists_are_written() {
    let bench = unsigned().await;
    for kind in BOTH {
        let group = bench.group(kind);
        bench
            .sim
            .as_person(&bench.owner)
            .in_chat(&group)
            .edit_announcement(["old"]);
        let command = bench.say(&group, LIST).id;
        assert_eq!(bench.reaction(&command).await, "Loudspeaker");
        let expected = ["To do", "a", "b", "c", "d", "e", "f", "end", "old"];
        assert_eq!(text(&bench, &group), expected, "{kind:?}");
        let document = bench.sim.announcement_document(&group);
        let depths = match kind {
            Doc => legacy_depths(&document),
            Docx => docx_depths(&document, group.as_str()),
        };
        assert_eq!(depths, [0, 1, 2, 3, 3, 2, 1, 0, 0], "{kind:?}: {document}");
        assert!(document.to_string().contains(r#""bold":true"#));
    }
    bench.finish().await;
}

/// The list level of each paragraph.
fn legacy_depths(document: &Value) -> Vec<u64> {
    let blocks = document["body"]["blocks"].as_array().into_iter().flatten();
    let levels = blocks.map(|block| &block["paragraph"]["style"]["list"]["indentLevel"]);
    let mut depths: Vec<u64> = levels
        .map(|level| level.as_u64().unwrap_or_default())
        .collect();
    // The empty line at the end.
    depths.pop();
    depths
}

/// The number of list items above each block, including itself.
fn docx_depths(document: &Value, page: &str) -> Vec<u64> {
    let blocks = document["items"].as_array().unwrap();
    let by_id = |id: &Value| blocks.iter().find(|block| &block["block_id"] == id);
    let depth = |block: &Value| {
        let is_item = block["bullet"].is_object() || block["ordered"].is_object();
        let mut depth = u64::from(is_item);
        let mut parent = &block["parent_id"];
        while parent != page {
            depth += 1;
            parent = &by_id(parent).unwrap()["parent_id"];
        }
        depth
    };
    blocks.iter().skip(1).map(depth).collect()
}

#[tokio::test]
async fn list_is_written_once_despite_lost_responses() {
    let bench = unsigned().await;
    for lost in 0..3 {
        for fault in [Fault::LoseAnswer, Fault::ServerError] {
            let group = bench.group(Docx);
            bench.sim.clear_calls();
            for _ in 0..lost {
                bench.sim.fault(Endpoint::CreateChildren, Fault::Nothing);
            }
            bench.sim.fault(Endpoint::CreateChildren, fault.clone());
            let command = bench.say(&group, LIST).id;
            assert_eq!(bench.reaction(&command).await, "Loudspeaker");
            let expected = ["To do", "a", "b", "c", "d", "e", "f", "end"];
            assert_eq!(text(&bench, &group), expected, "{lost} {fault:?}");
            assert_eq!(bench.sim.calls_to(Endpoint::CreateChildren).len(), 4);
        }
    }
    bench.finish().await;
}

#[tokio::test]
async fn missing_text_is_explained() {
    let bench = unsigned().await;
    let group = bench.group(Docx);
    let chat = || bench.sim.as_person(&bench.owner).in_chat(&group);
    let sticker = chat().send("sticker", &json!({ "file_key": "f" })).id;
    let recalled = chat().say("oops").id;
    chat().recall(&recalled);
    let to_sticker = bench.reply(&group, &sticker, "/announce").id;
    let to_recalled = bench.reply(&group, &recalled, "/announce").id;
    let to_nothing = bench.say(&group, "/announce").id;
    let answer = bench.answer(&to_sticker).await;
    assert!(answer.contains("nothing that can be posted"), "{answer}");
    assert!(bench.answer(&to_recalled).await.contains("recalled"));
    assert!(bench.answer(&to_nothing).await.contains("/announce text"));
    assert!(text(&bench, &group).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn many_lines_keep_their_order() {
    let bench = unsigned().await;
    for kind in BOTH {
        let group = bench.group(kind);
        bench
            .sim
            .as_person(&bench.owner)
            .in_chat(&group)
            .edit_announcement(["old"]);
        let lines: Vec<String> = (1..=120).map(|number| format!("line {number}")).collect();
        let command = bench
            .say(&group, &format!("/announce {}", lines.join("\n")))
            .id;
        assert_eq!(bench.reaction(&command).await, "Loudspeaker");
        assert_eq!(text(&bench, &group)[..120], lines, "{kind:?}");
        assert_eq!(text(&bench, &group)[120..], ["old"]);
    }
    bench.finish().await;
}

#[tokio::test]
async fn legacy_lines_take_one_call_in_either_order() {
    let lines: Vec<String> = (1..=120).map(|number| format!("line {number}")).collect();
    let command = format!("/announce {}", lines.join("\n"));
    for fault in [Fault::Nothing, Fault::LoseAnswer, Fault::ServerError] {
        let bench = unsigned().await;
        bench
            .sim
            .change_behaviour(|behaviour| behaviour.legacy_later_insert_first = true);
        // The first command corrects the order, the second knows it.
        for calls in [2, 1] {
            let group = bench.group(Doc);
            bench.sim.clear_calls();
            let lost = usize::from(fault == Fault::ServerError);
            bench
                .sim
                .fault(Endpoint::PatchDocAnnouncement, fault.clone());
            let said = bench.say(&group, &command).id;
            assert_eq!(bench.reaction(&said).await, "Loudspeaker");
            assert_eq!(text(&bench, &group), lines, "{fault:?}");
            let made = bench.sim.calls_to(Endpoint::PatchDocAnnouncement).len();
            assert_eq!(made, calls + lost, "{fault:?}");
        }
        bench.finish().await;
    }
    let bench = unsigned().await;
    let group = bench.group(Doc);
    let said = bench.say(&group, &command).id;
    bench.reaction(&said).await;
    assert_eq!(text(&bench, &group), lines);
    assert_eq!(bench.sim.calls_to(Endpoint::PatchDocAnnouncement).len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn uncorrectable_order_is_reported() {
    let bench = unsigned().await;
    bench.sim.change_behaviour(|behaviour| {
        behaviour.legacy_later_insert_first = true;
        behaviour.legacy_deletes_refused = true;
    });
    let group = bench.group(Doc);
    let said = bench
        .say(&group, &format!("/announce a{}", "\nb".repeat(60)))
        .id;
    let answer = bench.answer(&said).await;
    assert!(answer.contains("reverse order"), "{answer}");
    assert_eq!(text(&bench, &group).len(), 61);
    bench.finish().await;
}

#[tokio::test]
async fn concurrent_long_announcements_learn_the_same_order() {
    let lines: Vec<String> = (1..=120).map(|number| format!("line {number}")).collect();
    let command = format!("/announce {}", lines.join("\n"));
    for replace in ["", "--replace "] {
        let command = command.replacen("/announce ", &format!("/announce {replace}"), 1);
        let bench = unsigned().await;
        let behave = |behaviour: &mut feishu_sim::Behaviour| {
            behaviour.legacy_later_insert_first = true;
        };
        bench.sim.change_behaviour(behave);
        let patch = Endpoint::PatchDocAnnouncement;
        let groups = [bench.group(Doc), bench.group(Doc), bench.group(Doc)];
        // All announcements are written before the first one is read.
        for _ in &groups {
            bench.sim.fault(patch, Fault::LoseAnswer);
        }
        let commands = groups.each_ref().map(|group| bench.say(group, &command).id);
        let sent = |state: &feishu_sim::State| (state.calls_to(patch).count() >= 3).then_some(());
        bench.sim.wait_for("three writes", sent).await;
        for (group, command) in groups.iter().zip(&commands) {
            assert_eq!(bench.reaction(command).await, "Loudspeaker");
            assert_eq!(text(&bench, group), lines, "{replace}");
        }
        bench.finish().await;
    }
}

#[tokio::test]
async fn changed_insertion_order_is_reported() {
    let bench = unsigned().await;
    let patch = Endpoint::PatchDocAnnouncement;
    let behave = |later_first: bool| {
        bench
            .sim
            .change_behaviour(|behaviour| behaviour.legacy_later_insert_first = later_first);
    };
    behave(true);
    let group = bench.group(Doc);
    bench.sim.fault(patch, Fault::LoseAnswer);
    let lines: Vec<String> = (1..=60).map(|number| format!("line {number}")).collect();
    let said = bench
        .say(&group, &format!("/announce {}", lines.join("\n")))
        .id;
    let sent = |state: &feishu_sim::State| state.calls_to(patch).next().map(drop);
    bench.sim.wait_for("the write", sent).await;
    behave(false);
    let answer = bench.answer(&said).await;
    assert!(answer.contains("reverse order"), "{answer}");
    assert_eq!(text(&bench, &group).len(), 60);
    bench.finish().await;
}

#[tokio::test]
async fn lost_correction_is_repeated_in_order() {
    let patch = Endpoint::PatchDocAnnouncement;
    let lines: Vec<String> = (1..=120).map(|number| format!("line {number}")).collect();
    for fault in [Fault::LoseAnswer, Fault::ServerError] {
        let bench = unsigned().await;
        bench
            .sim
            .change_behaviour(|behaviour| behaviour.legacy_later_insert_first = true);
        let group = bench.group(Doc);
        bench.sim.fault(patch, Fault::Nothing);
        bench.sim.fault(patch, fault.clone());
        let said = bench
            .say(&group, &format!("/announce {}", lines.join("\n")))
            .id;
        assert_eq!(bench.reaction(&said).await, "Loudspeaker", "{fault:?}");
        assert_eq!(text(&bench, &group), lines, "{fault:?}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn lost_response_does_not_duplicate_the_text() {
    let bench = unsigned().await;
    for (kind, write) in [
        (Doc, Endpoint::PatchDocAnnouncement),
        (Docx, Endpoint::CreateChildren),
    ] {
        for fault in [Fault::LoseAnswer, Fault::ServerError] {
            let group = bench.group(kind);
            bench.sim.clear_calls();
            bench.sim.fault(write, fault.clone());
            let command = bench.say(&group, "/announce once").id;
            assert_eq!(
                bench.reaction(&command).await,
                "Loudspeaker",
                "{kind:?} {fault:?}"
            );
            assert_eq!(text(&bench, &group), ["once"], "{kind:?} {fault:?}");
        }
    }
    bench.finish().await;
}

#[tokio::test]
async fn repeated_command_posts_its_text_again() {
    let bench = unsigned().await;
    for kind in BOTH {
        let group = bench.group(kind);
        for _ in 0..2 {
            let command = bench.say(&group, "/announce again").id;
            bench.reaction(&command).await;
        }
        assert_eq!(text(&bench, &group), ["again", "again"], "{kind:?}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn rejected_revision_is_read_again() {
    let bench = unsigned().await;
    let group = bench.group(Doc);
    for _ in 0..2 {
        bench
            .sim
            .fault(Endpoint::PatchDocAnnouncement, Fault::code(232_018));
    }
    let command = bench.say(&group, "/announce patience").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(text(&bench, &group), ["patience"]);
    assert_eq!(bench.sim.calls_to(Endpoint::PatchDocAnnouncement).len(), 3);
    bench.finish().await;
}

#[tokio::test]
async fn upgraded_announcement_is_detected() {
    let bench = unsigned().await;
    let group = bench.group(Doc);
    let command = bench.say(&group, "/announce before").id;
    bench.reaction(&command).await;
    bench.sim.upgrade_announcement(&group);
    let command = bench.say(&group, "/announce after").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(text(&bench, &group), ["after"]);
    bench.finish().await;
}

#[tokio::test]
async fn old_scope_alone_works_for_legacy_announcements_only() {
    let bench = unsigned().await;
    bench.sim.change_app(|app| {
        app.scopes.remove("im:chat.announcement:read");
    });
    let old = bench.group(Doc);
    let command = bench.say(&old, "/announce hello").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    let new = bench.group(Docx);
    let command = bench.say(&new, "/announce hello").id;
    let answer = bench.answer(&command).await;
    assert!(answer.contains("im:chat.announcement:read"), "{answer}");
    assert!(answer.contains("reference: "), "{answer}");
    bench.finish().await;
}

#[tokio::test]
async fn kill_after_a_write_does_not_duplicate_it() {
    for (kind, write) in [
        (Doc, Endpoint::PatchDocAnnouncement),
        (Docx, Endpoint::CreateChildren),
    ] {
        let mut bench = unsigned().await;
        let group = bench.group(kind);
        bench.sim.fault(write, Fault::LoseAnswer);
        let command = bench.say(&group, "/announce once").id;
        bench
            .sim
            .wait_for("the write", |state| {
                (!state.announcement_text(&group).is_empty()).then_some(())
            })
            .await;
        bench.kill().await;
        bench.advance(Duration::from_secs(1));
        assert_eq!(bench.reaction(&command).await, "Loudspeaker");
        assert_eq!(text(&bench, &group), ["once"], "{kind:?}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn retry_uses_the_text_of_a_recalled_message() {
    let bench = unsigned().await;
    for (kind, write) in [
        (Doc, Endpoint::PatchDocAnnouncement),
        (Docx, Endpoint::CreateChildren),
    ] {
        let group = bench.group(kind);
        let owner = bench.sim.as_person(&bench.owner);
        let original = owner.in_chat(&group).say("dinner at seven").id;
        bench.sim.fault(write, Fault::LoseAnswer);
        let command = bench.reply(&group, &original, "/announce").id;
        bench
            .sim
            .wait_for("the write", |state| {
                (!state.announcement_text(&group).is_empty()).then_some(())
            })
            .await;
        owner.in_chat(&group).recall(&original);
        assert_eq!(bench.reaction(&command).await, "Loudspeaker");
        assert_eq!(text(&bench, &group), ["dinner at seven"], "{kind:?}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn oversized_text_is_rejected_before_any_write() {
    let bench = unsigned().await;
    let group = bench.group(Docx);
    for text in ["x\n".repeat(501) + "x", "🙂".repeat(50_001)] {
        let command = bench.say(&group, &format!("/announce {text}")).id;
        assert!(bench.answer(&command).await.contains("the limit is"));
    }
    assert!(text(&bench, &group).is_empty());
    bench.finish().await;
}
