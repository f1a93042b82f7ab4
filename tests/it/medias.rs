//! Pictures and files in announcements.

use std::time::Duration;

use feishu_sim::AnnouncementKind::{Doc, Docx};
use feishu_sim::{ChatId, Edit, Endpoint, Fault, InChat, MediaRoute, MessageId, State, Words};

use crate::harness::Bench;

const SECOND: Duration = Duration::from_secs(1);
const UNSIGNED: &str = "[announce]\nsignature = false";

/// A bot that does not sign entries.
async fn bench() -> Bench {
    Bench::with(|builder| builder, UNSIGNED).await
}

fn member(bench: &Bench, group: &ChatId) -> InChat {
    bench.sim.as_person(&bench.member).in_chat(group)
}

/// The answer to a message, or its reaction.
async fn ended(bench: &Bench, message: &MessageId) -> String {
    let seen = |state: &State| {
        let answer = state.answers_to(message).first().cloned();
        answer.or_else(|| {
            let mut reactions = state.reactions(message).into_iter();
            reactions.find(|emoji| emoji != "OneSecond")
        })
    };
    bench.wait_in_steps_of(SECOND, "the end", seen).await
}

/// Undoes the last change, after which the announcement has these lines; returns the reply.
async fn undone(bench: &Bench, group: &ChatId, lines: &[&str]) -> String {
    let undo = bench.say(group, "/undo").id;
    let answer = ended(bench, &undo).await;
    assert_eq!(text(bench, group), lines, "{answer}");
    answer
}

/// The contents of the pictures and files of an announcement; an empty block is `-`.
fn files(bench: &Bench, group: &ChatId) -> Vec<String> {
    let media = bench.sim.announced_media(group).into_iter();
    let contents = media.map(|media| match media {
        Some(media) => String::from_utf8_lossy(&media.bytes).into_owned(),
        None => "-".to_owned(),
    });
    contents.collect()
}

/// The lines of an announcement; pictures are `<>`, and a line that names one is `[image]`.
fn text(bench: &Bench, group: &ChatId) -> Vec<String> {
    let lines = bench.sim.announcement_text(group).into_iter();
    lines.map(|line| line.replace("[picture]", "<>")).collect()
}

/// A command with text and two pictures.
fn poster(bench: &Bench, group: &ChatId) -> MessageId {
    let [one, two] = ["one", "two"].map(|bytes| bench.sim.add_image(bytes));
    let paragraphs = [
        Words::from("/announce Party"),
        Words::new().image(&one),
        Words::from("Tonight"),
        Words::new().image(&two).text("Bring friends"),
    ];
    member(bench, group).post("", paragraphs).id
}

const SHOWN: [&str; 5] = ["Party", "<>", "Tonight", "<>", "Bring friends"];

const NAMED: [&str; 5] = ["Party", "[image]", "Tonight", "[image]", "Bring friends"];

#[tokio::test]
async fn pictures_of_a_post_keep_their_places() {
    let bench = bench().await;
    let group = bench.group(Docx);
    let command = poster(&bench, &group);
    assert_eq!(ended(&bench, &command).await, "Loudspeaker");
    assert_eq!(text(&bench, &group), SHOWN);
    assert_eq!(files(&bench, &group), ["one", "two"]);
    undone(&bench, &group, &[]).await;
    bench.finish().await;
}

#[tokio::test]
async fn replied_pictures_and_files_are_copied() {
    let bench = bench().await;
    let group = bench.group(Docx);
    let video = bench.sim.add_file("film");
    let video =
        serde_json::json!({ "file_key": video, "image_key": "img_v3_1", "file_name": "a.mp4" });
    let image = bench.sim.add_image("inner");
    let messages = [
        member(&bench, &group).picture("picture").id,
        member(&bench, &group).file("plan.pdf", "plan").id,
        member(&bench, &group).send("media", &video).id,
        member(&bench, &group)
            .post("Title", [Words::new().image(&image)])
            .id,
    ];
    for message in &messages {
        let command = bench.reply(&group, message, "/announce").id;
        assert_eq!(ended(&bench, &command).await, "Loudspeaker");
    }
    assert_eq!(files(&bench, &group), ["inner", "film", "plan", "picture"]);
    let expected = ["Title", "<>", "[file a.mp4]", "[file plan.pdf]", "<>"];
    assert_eq!(text(&bench, &group), expected);
    for _ in &messages {
        let undo = bench.say(&group, "/undo").id;
        let answer = ended(&bench, &undo).await;
        assert!(answer.contains("Reverted"), "{answer}");
    }
    assert!(text(&bench, &group).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn uploads_name_the_announcement_where_needed() {
    for (route, uploads) in [(MediaRoute::None, 2), (MediaRoute::ChatId, 4)] {
        let bench = bench().await;
        bench
            .sim
            .change_behaviour(|behaviour| behaviour.media.route = route);
        let group = bench.group(Docx);
        let command = poster(&bench, &group);
        assert_eq!(ended(&bench, &command).await, "Loudspeaker");
        assert_eq!(files(&bench, &group), ["one", "two"]);
        let calls = bench.sim.calls_to(Endpoint::UploadMedia);
        assert_eq!(calls.len(), uploads);
        bench.finish().await;
    }
}

#[tokio::test]
async fn refused_files_are_named_by_lines() {
    let bench = bench().await;
    bench
        .sim
        .change_behaviour(|behaviour| behaviour.media.route = MediaRoute::Never);
    let group = bench.group(Docx);
    member(&bench, &group).edit_announcement(["old"]);
    let command = poster(&bench, &group);
    let answer = ended(&bench, &command).await;
    assert!(answer.contains("1061044"), "{answer}");
    let expected = [&NAMED[..], &["old"]].concat();
    assert_eq!(text(&bench, &group), expected);
    assert!(files(&bench, &group).is_empty());
    let file = member(&bench, &group).file("plan.pdf", "plan").id;
    let command = bench.reply(&group, &file, "/announce --replace").id;
    let answer = ended(&bench, &command).await;
    assert!(answer.contains("file. Feishu refused"), "{answer}");
    assert_eq!(text(&bench, &group), ["[file] plan.pdf"]);
    for expected in [expected.as_slice(), &["old"]] {
        undone(&bench, &group, expected).await;
    }
    bench.finish().await;
}

#[tokio::test]
async fn reasons_of_refused_files_are_given() {
    let bench = bench().await;
    for (endpoint, code, expected) in [
        (Endpoint::UploadMedia, 1_061_043, "at most 20 MB"),
        (Endpoint::UploadMedia, 1_061_004, "does not let the bot"),
        (Endpoint::UploadMedia, 1_061_061, "storage"),
        (Endpoint::UploadMedia, 1_061_073, "noticebot check"),
        (Endpoint::UploadMedia, 99_991_672, "noticebot check"),
        (Endpoint::UploadMedia, 1_062_009, "code 1062009"),
        (Endpoint::GetMessageResource, 234_037, "at most 20 MB"),
        (
            Endpoint::GetMessageResource,
            234_038,
            "does not let the bot",
        ),
        (Endpoint::GetMessageResource, 230_110, "recalled"),
        (Endpoint::GetMessageResource, 99_991_672, "noticebot check"),
        (Endpoint::UpdateBlocks, 1_770_008, "at most 20 MB"),
        (Endpoint::UpdateBlocks, 1_770_013, "code 1770013"),
    ] {
        let group = bench.group(Docx);
        bench.sim.fault(endpoint, Fault::code(code));
        let picture = member(&bench, &group).picture("picture").id;
        let command = bench.reply(&group, &picture, "/announce").id;
        let answer = ended(&bench, &command).await;
        assert!(answer.contains(expected), "{code}: {answer}");
        assert_eq!(text(&bench, &group), ["[image]"], "{code}");
        assert!(files(&bench, &group).is_empty(), "{code}");
        bench.sim.withdraw_faults(endpoint);
    }
    bench.finish().await;
}

#[tokio::test]
async fn old_announcements_name_pictures() {
    let bench = bench().await;
    let group = bench.group(Doc);
    let command = poster(&bench, &group);
    let answer = ended(&bench, &command).await;
    assert!(
        answer.contains("image. An announcement of the old kind"),
        "{answer}"
    );
    assert_eq!(text(&bench, &group), NAMED);
    assert!(bench.sim.calls_to(Endpoint::GetMessageResource).is_empty());
    undone(&bench, &group, &[]).await;
    bench.finish().await;
}

#[tokio::test]
async fn pictures_can_be_turned_off() {
    let file = format!("{UNSIGNED}\nimages = \"off\"");
    let bench = Bench::with(|builder| builder, &file).await;
    for kind in [Docx, Doc] {
        let group = bench.group(kind);
        let command = poster(&bench, &group);
        let answer = ended(&bench, &command).await;
        assert!(answer.contains("turned off"), "{answer}");
        assert_eq!(text(&bench, &group), NAMED);
        assert!(files(&bench, &group).is_empty());
        undone(&bench, &group, &[]).await;
    }
    let group = bench.group(Docx);
    let command = bench.say(&group, "/announce text").id;
    ended(&bench, &command).await;
    let key = bench.sim.add_image("new");
    let edit = [Words::from("/edit words").image(&key)];
    let edit = member(&bench, &group).reply_to(&command).post("", edit).id;
    let answer = ended(&bench, &edit).await;
    assert!(answer.contains("turned off"), "{answer}");
    assert_eq!(text(&bench, &group), ["words", "[image]"]);
    assert!(bench.sim.calls_to(Endpoint::UploadMedia).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn large_files_are_refused_before_they_are_read() {
    let bench = bench().await;
    let group = bench.group(Docx);
    for length in [(20 << 20) + 1, 100 << 20] {
        let file = member(&bench, &group).file("film.mov", vec![1; length]).id;
        let before = bench.sim.sent_bytes();
        let command = bench.reply(&group, &file, "/announce --replace").id;
        let answer = ended(&bench, &command).await;
        assert!(answer.contains("at most 20 MB"), "{answer}");
        assert_eq!(text(&bench, &group), ["[file] film.mov"]);
        // What fits into the buffers of a connection.
        assert!(bench.sim.sent_bytes() - before < 8 << 20);
    }
    assert!(bench.sim.calls_to(Endpoint::UploadMedia).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn files_of_unknown_length_are_measured() {
    let bench = bench().await;
    bench
        .sim
        .change_behaviour(|behaviour| behaviour.media.length_is_told = false);
    for (length, is_copied) in [(20 << 20, true), ((20 << 20) + 1, false)] {
        let group = bench.group(Docx);
        let file = member(&bench, &group).file("film.mov", vec![1; length]).id;
        let command = bench.reply(&group, &file, "/announce").id;
        let answer = ended(&bench, &command).await;
        assert_eq!(answer == "Loudspeaker", is_copied, "{answer}");
        assert_eq!(
            bench.sim.announced_media(&group).len(),
            usize::from(is_copied)
        );
    }
    bench.finish().await;
}

#[tokio::test]
async fn uploads_wait_for_the_rate_limit() {
    let bench = bench().await;
    let group = bench.group(Docx);
    let keys: Vec<String> = (0..22)
        .map(|n| bench.sim.add_image(n.to_string()))
        .collect();
    let pictures = keys.iter().map(|key| Words::new().image(key));
    let paragraphs = std::iter::once(Words::from("/announce Photos")).chain(pictures);
    let command = member(&bench, &group).post("", paragraphs).id;
    let answer = ended(&bench, &command).await;
    assert!(answer.contains("At most 20"), "{answer}");
    let expected: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    assert_eq!(files(&bench, &group), expected);
    assert_eq!(text(&bench, &group).len(), 23);
    assert_eq!(bench.sim.calls_while_rate_limited(Endpoint::UploadMedia), 0);
    bench.finish().await;
}

#[tokio::test]
async fn outages_of_the_upload_end_with_a_line() {
    let bench = bench().await;
    let group = bench.group(Docx);
    (0..100).for_each(|_| bench.sim.fault(Endpoint::UploadMedia, Fault::ServerError));
    let command = poster(&bench, &group);
    let answer = ended(&bench, &command).await;
    assert!(answer.contains("repeatedly"), "{answer}");
    assert_eq!(text(&bench, &group), NAMED);
    assert!(files(&bench, &group).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn deleted_blocks_stay_deleted() {
    for route in [MediaRoute::None, MediaRoute::Never] {
        let bench = bench().await;
        bench
            .sim
            .change_behaviour(|behaviour| behaviour.media.route = route);
        let group = bench.group(Docx);
        bench.sim.fault(Endpoint::UploadMedia, Fault::ServerError);
        let command = poster(&bench, &group);
        bench
            .wait("an upload", |state| {
                (state.calls_to(Endpoint::UploadMedia).count() > 0).then_some(())
            })
            .await;
        member(&bench, &group).edit_announcement(["all new"]);
        ended(&bench, &command).await;
        assert_eq!(text(&bench, &group), ["all new"], "{route:?}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn broken_downloads_are_repeated() {
    for length_is_told in [true, false] {
        let bench = bench().await;
        bench.sim.change_behaviour(|behaviour| {
            behaviour.media.broken_downloads = 3;
            behaviour.media.length_is_told = length_is_told;
        });
        let group = bench.group(Docx);
        let file = "x".repeat(3 << 20);
        let plan = member(&bench, &group).file("plan.pdf", file.clone()).id;
        let command = bench.reply(&group, &plan, "/announce").id;
        assert_eq!(ended(&bench, &command).await, "Loudspeaker");
        assert_eq!(files(&bench, &group), [file], "{length_is_told}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn rejected_tokens_are_replaced_during_a_copy() {
    let bench = bench().await;
    let group = bench.group(Docx);
    for endpoint in [Endpoint::GetMessageResource, Endpoint::UploadMedia] {
        bench.sim.fault(endpoint, Fault::code(99_991_663));
    }
    let command = poster(&bench, &group);
    assert_eq!(ended(&bench, &command).await, "Loudspeaker");
    assert_eq!(files(&bench, &group), ["one", "two"]);
    bench.finish().await;
}

#[tokio::test]
async fn replaced_pictures_come_back() {
    let mut bench = bench().await;
    let group = bench.group(Docx);
    let command = poster(&bench, &group);
    assert_eq!(ended(&bench, &command).await, "Loudspeaker");
    let plan = member(&bench, &group).file("plan.pdf", "plan").id;
    let command = bench.reply(&group, &plan, "/announce").id;
    assert_eq!(ended(&bench, &command).await, "Loudspeaker");
    let lines = [&["[file plan.pdf]"], &SHOWN[..]].concat();
    // The second time, the announcement has copies of copies.
    for _ in 0..2 {
        let replace = bench.say(&group, "/announce --replace new").id;
        assert_eq!(ended(&bench, &replace).await, "Loudspeaker");
        assert_eq!(text(&bench, &group), ["new"]);
        bench.restart().await;
        let answer = undone(&bench, &group, &lines).await;
        assert!(answer.contains("restored"), "{answer}");
        assert_eq!(files(&bench, &group), ["plan", "one", "two"]);
    }
    for expected in [&SHOWN[..], &[]] {
        undone(&bench, &group, expected).await;
    }
    bench.finish().await;
}

#[tokio::test]
async fn edits_keep_pictures_or_bring_others() {
    let bench = bench().await;
    let group = bench.group(Docx);
    let command = poster(&bench, &group);
    ended(&bench, &command).await;
    let uploads = || bench.sim.calls_to(Endpoint::UploadMedia).len();
    for (new, lines, copies) in [
        (
            "Party!\nToday\nBring cake",
            ["Party!", "<>", "Today", "<>", "Bring cake"].as_slice(),
            2,
        ),
        ("Party canceled", &["Party canceled", "<>", "<>"], 4),
    ] {
        let edit = bench.reply(&group, &command, &format!("/edit {new}")).id;
        assert_eq!(ended(&bench, &edit).await, "DONE");
        assert_eq!(text(&bench, &group), lines);
        assert_eq!(files(&bench, &group), ["one", "two"]);
        assert_eq!(uploads(), copies);
    }
    let other = bench.sim.add_image("three");
    let words = Words::from("/edit Concert").image(&other);
    let edit = member(&bench, &group)
        .reply_to(&command)
        .post("", [words])
        .id;
    assert_eq!(ended(&bench, &edit).await, "DONE");
    assert_eq!(text(&bench, &group), ["Concert", "<>"]);
    assert_eq!(files(&bench, &group), ["three"]);
    for expected in [
        ["Party canceled", "<>", "<>"].as_slice(),
        &["Party!", "<>", "Today", "<>", "Bring cake"],
        &SHOWN,
        &[],
    ] {
        undone(&bench, &group, expected).await;
    }
    bench.finish().await;
}

#[tokio::test]
async fn pictures_above_the_command_are_copied() {
    let bench = bench().await;
    for (words, lines) in [
        ("/announce Lunch", &["<>", "Lunch"][..]),
        ("/announce", &["<>"]),
    ] {
        let group = bench.group(Docx);
        let key = bench.sim.add_image("above");
        let post = [Words::new().image(&key), Words::from(words)];
        let command = member(&bench, &group).post("", post).id;
        assert_eq!(ended(&bench, &command).await, "Loudspeaker");
        assert_eq!(text(&bench, &group), lines);
        assert_eq!(files(&bench, &group), ["above"]);
    }
    bench.finish().await;
}

#[tokio::test]
async fn refused_blocks_are_lines() {
    let bench = bench().await;
    for code in [1_770_029, 1_770_001, 1_770_035] {
        let group = bench.group(Docx);
        bench.sim.fault(Endpoint::CreateChildren, Fault::code(code));
        let command = poster(&bench, &group);
        let answer = ended(&bench, &command).await;
        assert!(answer.contains(&format!("code {code}")), "{answer}");
        assert_eq!(text(&bench, &group), NAMED, "{code}");
        undone(&bench, &group, &[]).await;
    }
    bench.finish().await;
}

#[tokio::test]
async fn many_pictures_come_back() {
    let bench = bench().await;
    let group = bench.group(Docx);
    let keys: Vec<String> = (0..15)
        .map(|n| bench.sim.add_image(n.to_string()))
        .collect();
    for _ in 0..2 {
        let pictures = keys.iter().map(|key| Words::new().image(key));
        let paragraphs = std::iter::once(Words::from("/announce Photos")).chain(pictures);
        let command = member(&bench, &group).post("", paragraphs).id;
        assert_eq!(ended(&bench, &command).await, "Loudspeaker");
    }
    let before = files(&bench, &group);
    let replace = bench.say(&group, "/announce --replace new").id;
    assert_eq!(ended(&bench, &replace).await, "Loudspeaker");
    let undo = bench.say(&group, "/undo").id;
    let answer = ended(&bench, &undo).await;
    assert!(answer.contains("restored"), "{answer}");
    assert_eq!(files(&bench, &group), before);
    bench.finish().await;
}

#[tokio::test]
async fn long_rate_limits_end_with_lines() {
    let bench = bench().await;
    let group = bench.group(Docx);
    bench
        .sim
        .rate_limit(Endpoint::UploadMedia, Duration::from_hours(5));
    let command = poster(&bench, &group);
    let answer = ended(&bench, &command).await;
    assert!(answer.contains("repeatedly"), "{answer}");
    assert_eq!(text(&bench, &group), NAMED);
    assert!(files(&bench, &group).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn edit_that_would_lose_pictures_is_refused() {
    let bench = bench().await;
    let group = bench.group(Docx);
    let plan = member(&bench, &group).picture("plan").id;
    let command = bench.reply(&group, &plan, "/announce").id;
    ended(&bench, &command).await;
    member(&bench, &group).recall(&plan);
    let edit = bench.reply(&group, &command, "/edit Two\nlines").id;
    let answer = bench.answer(&edit).await;
    assert!(answer.contains("could not be copied again"), "{answer}");
    assert_eq!(text(&bench, &group), ["<>"]);
    assert_eq!(files(&bench, &group), ["plan"]);
    bench.finish().await;
}

#[tokio::test]
async fn lines_in_place_of_pictures_are_undone() {
    let bench = bench().await;
    let group = bench.group(Docx);
    let command = poster(&bench, &group);
    ended(&bench, &command).await;
    let replace = bench.say(&group, "/announce --replace new").id;
    ended(&bench, &replace).await;
    member(&bench, &group).recall(&command);
    for expected in [&NAMED[..], &[]] {
        undone(&bench, &group, expected).await;
    }
    bench.finish().await;
}

#[tokio::test]
async fn lines_are_in_the_language_of_the_command() {
    let bench = bench().await;
    let group = bench.group(Doc);
    let plan = member(&bench, &group).file("计划.pdf", "plan").id;
    let picture = member(&bench, &group).picture("picture").id;
    for message in [plan, picture] {
        let command = bench.reply(&group, &message, "/公告").id;
        ended(&bench, &command).await;
    }
    assert_eq!(text(&bench, &group), ["[图片]", "[文件] 计划.pdf"]);
    bench.finish().await;
}

#[tokio::test]
async fn recalled_pictures_come_back_as_lines() {
    let bench = bench().await;
    let group = bench.group(Docx);
    let command = poster(&bench, &group);
    ended(&bench, &command).await;
    let replace = bench.say(&group, "/announce --replace new").id;
    ended(&bench, &replace).await;
    member(&bench, &group).recall(&command);
    let answer = undone(&bench, &group, &NAMED).await;
    assert!(answer.contains("by name only: image"), "{answer}");
    bench.finish().await;
}

#[tokio::test]
async fn pictures_that_are_lost_at_the_end_of_a_duration_are_reported() {
    let bench = bench().await;
    let group = bench.group(Docx);
    let command = poster(&bench, &group);
    ended(&bench, &command).await;
    let replace = bench.say(&group, "/announce --replace --for 2h new").id;
    assert_eq!(ended(&bench, &replace).await, "Loudspeaker");
    member(&bench, &group).recall(&command);
    bench.idle().await;
    bench.advance(Duration::from_hours(2));
    let answer = bench.patient_answer(&replace).await;
    assert!(answer.contains("by name only: image"), "{answer}");
    assert_eq!(text(&bench, &group), NAMED);
    bench.finish().await;
}

#[tokio::test]
async fn restored_pictures_are_shown_as_before() {
    let bench = bench().await;
    let group = bench.group(Docx);
    let command = poster(&bench, &group);
    ended(&bench, &command).await;
    member(&bench, &group).edit(Edit::Layout {
        at: 1,
        size: (640, 480),
        align: 3,
        caption: "The garden".to_owned(),
    });
    let layouts = || {
        let document = bench.sim.announcement_document(&group);
        let blocks = document["items"].as_array().unwrap().iter();
        let images = blocks.filter_map(|block| block.get("image").cloned());
        let without_token = images.map(|mut image| {
            image["token"].take();
            image
        });
        without_token.collect::<Vec<_>>()
    };
    let before = layouts();
    assert_eq!(before[0]["caption"]["content"], "The garden");
    // The second time the platform refuses the layout.
    for refused in [false, true] {
        let replace = bench.say(&group, "/announce --replace new").id;
        assert_eq!(ended(&bench, &replace).await, "Loudspeaker");
        if refused {
            let fault = Fault::code(1_770_001);
            bench.sim.fault(Endpoint::UpdateBlocks, fault);
        }
        undone(&bench, &group, &SHOWN).await;
        assert_eq!(layouts() == before, !refused);
    }
    bench.finish().await;
}

/// A file is refused where the whole announcement is too long to be read.
#[tokio::test]
async fn refused_files_leave_no_empty_block_on_a_long_page() {
    for route in [MediaRoute::Never, MediaRoute::None] {
        let bench = bench().await;
        bench
            .sim
            .change_behaviour(|behaviour| behaviour.media.route = route);
        let group = bench.group(Docx);
        let long = "x".repeat(90_000);
        member(&bench, &group).edit_announcement(vec![long; 30]);
        let command = poster(&bench, &group);
        let plan = member(&bench, &group).file("plan.pdf", "plan").id;
        let answer = ended(&bench, &command).await;
        let file = bench.reply(&group, &plan, "/announce").id;
        let answer_to_file = ended(&bench, &file).await;
        let lines = text(&bench, &group);
        if route == MediaRoute::Never {
            assert!(answer.contains("1061044"), "{answer}");
            assert!(answer_to_file.contains("1061044"), "{answer_to_file}");
            assert_eq!(lines[0], "[file] plan.pdf");
            assert_eq!(lines[1..6], NAMED);
            assert!(files(&bench, &group).is_empty());
        } else {
            assert_eq!([&*answer, &answer_to_file], ["Loudspeaker"; 2]);
            assert_eq!(lines[1..6], SHOWN);
            assert_eq!(files(&bench, &group), ["plan", "one", "two"]);
        }
        assert_eq!(lines.len(), 36);
        bench.finish().await;
    }
}

/// More replacements than fit in the memory budget at once.
#[tokio::test]
async fn slow_uploads_do_not_delay_other_replacements() {
    let bench = bench().await;
    let picture = bench.sim.add_image("picture");
    let groups: Vec<ChatId> = (0..3).map(|_| bench.group(Docx)).collect();
    for group in &groups {
        member(&bench, group).edit_announcement(["old"]);
        bench.sim.fault(Endpoint::UploadMedia, Fault::Hang);
        let words = [
            Words::from("/announce --replace new"),
            Words::new().image(&picture),
        ];
        member(&bench, group).post("", words);
    }
    let all = |state: &State| (state.calls_to(Endpoint::UploadMedia).count() == 3).then_some(());
    bench.wait("the uploads", all).await;
    let group = bench.group(Docx);
    let replace = bench.say(&group, "/announce --replace new").id;
    assert_eq!(bench.reaction(&replace).await, "Loudspeaker");
    assert_eq!(bench.sim.calls_to(Endpoint::UploadMedia).len(), 3);
    bench.cut_off().await;
}

#[tokio::test]
async fn pictures_of_people_are_not_replaced() {
    let bench = bench().await;
    let group = bench.group(Docx);
    let command = poster(&bench, &group);
    ended(&bench, &command).await;
    member(&bench, &group).edit(Edit::OtherPicture { at: 1 });
    for command in ["/announce --replace new", "/undo"] {
        let command = bench.say(&group, command).id;
        let answer = bench.answer(&command).await;
        assert!(answer.contains("not run"), "{answer}");
        assert_eq!(text(&bench, &group), SHOWN);
    }
    bench.finish().await;
}

/// The calls of a copy, each of which may get no response.
const CALLS: [Endpoint; 7] = [
    Endpoint::CreateChildren,
    Endpoint::GetMessageResource,
    Endpoint::UploadMedia,
    Endpoint::UpdateBlocks,
    Endpoint::ListBlocks,
    Endpoint::GetBlock,
    Endpoint::DeleteChildren,
];

/// Loses the response to each call in turn and kills the bot then.
#[tokio::test]
async fn kill_after_any_call_leaves_each_picture_once() {
    walk(MediaRoute::ChatId).await;
}

#[tokio::test]
async fn kill_after_any_call_leaves_no_empty_block() {
    walk(MediaRoute::Never).await;
}

async fn walk(route: MediaRoute) {
    for_each_call(async |endpoint, call| walked(route, endpoint, call).await).await;
}

/// Repeats a test for each call, until it returns that there was none.
async fn for_each_call(test: impl AsyncFn(Endpoint, usize) -> bool) {
    for endpoint in CALLS {
        for call in 1.. {
            if !test(endpoint, call).await {
                break;
            }
        }
    }
}

/// Loses the response to this call.
fn lose_response(bench: &Bench, endpoint: Endpoint, call: usize) {
    (1..call).for_each(|_| bench.sim.fault(endpoint, Fault::Nothing));
    bench.sim.fault(endpoint, Fault::LoseAnswer);
}

#[tokio::test]
async fn kill_after_any_call_restores_each_picture_once() {
    for_each_call(async |endpoint, call| {
        let mut bench = bench().await;
        let group = bench.group(Docx);
        let command = poster(&bench, &group);
        ended(&bench, &command).await;
        let replace = bench.say(&group, "/announce --replace new").id;
        ended(&bench, &replace).await;
        bench.sim.clear_calls();
        lose_response(&bench, endpoint, call);
        let undo = bench.say(&group, "/undo").id;
        let is_reached = killed(&mut bench, endpoint, call, &undo).await;
        ended(&bench, &undo).await;
        bench.sim.withdraw_faults(endpoint);
        let name = format!("{endpoint:?} {call}");
        assert_eq!(text(&bench, &group), SHOWN, "{name}");
        assert_eq!(files(&bench, &group), ["one", "two"], "{name}");
        bench.finish().await;
        is_reached
    })
    .await;
}

#[tokio::test]
async fn kill_after_any_call_edits_each_picture_once() {
    for_each_call(async |endpoint, call| {
        let mut bench = bench().await;
        let group = bench.group(Docx);
        let command = poster(&bench, &group);
        ended(&bench, &command).await;
        bench.sim.clear_calls();
        lose_response(&bench, endpoint, call);
        let three = bench.sim.add_image("three");
        let paragraphs = [
            Words::from("/edit Party"),
            Words::new().image(&three),
            Words::from("Tomorrow"),
        ];
        let reply = member(&bench, &group).reply_to(&command);
        let edit = reply.post("", paragraphs).id;
        let is_reached = killed(&mut bench, endpoint, call, &edit).await;
        ended(&bench, &edit).await;
        bench.sim.withdraw_faults(endpoint);
        let name = format!("{endpoint:?} {call}");
        let lines = ["Party", "<>", "Tomorrow"];
        assert_eq!(text(&bench, &group), lines, "{name}");
        assert_eq!(files(&bench, &group), ["three"], "{name}");
        bench.finish().await;
        is_reached
    })
    .await;
}

/// Kills the bot once it has made that many of these calls, if it does before the command ends.
async fn killed(bench: &mut Bench, endpoint: Endpoint, call: usize, command: &MessageId) -> bool {
    let reached = |state: &State| {
        let is_reached = state.calls_to(endpoint).count() >= call;
        let is_done = !state.reactions(command).is_empty() || !state.answers_to(command).is_empty();
        (is_reached || is_done).then_some(is_reached)
    };
    let is_reached = bench.wait_in_steps_of(SECOND, "the call", reached).await;
    if is_reached {
        bench.kill().await;
    }
    is_reached
}

/// Returns whether there was such a call.
async fn walked(route: MediaRoute, endpoint: Endpoint, call: usize) -> bool {
    let mut bench = bench().await;
    bench
        .sim
        .change_behaviour(|behaviour| behaviour.media.route = route);
    let group = bench.group(Docx);
    lose_response(&bench, endpoint, call);
    let command = poster(&bench, &group);
    let is_reached = killed(&mut bench, endpoint, call, &command).await;
    ended(&bench, &command).await;
    bench.sim.withdraw_faults(endpoint);
    let name = format!("{route:?} {endpoint:?} {call}");
    let (lines, expected): (_, &[&str]) = match route {
        MediaRoute::Never => (NAMED, &[]),
        _ => (SHOWN, &["one", "two"]),
    };
    assert_eq!(text(&bench, &group), lines, "{name}");
    assert_eq!(files(&bench, &group), expected, "{name}");
    bench.finish().await;
    is_reached
}
