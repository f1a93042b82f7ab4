//! Legacy announcements: offsets, operations, and rebasing.

use feishu_sim::{AnnouncementKind, ChatId, Edit, Endpoint, Fault, WhoMay};
use serde_json::{Value, json};

use crate::client::{Fixture, Got, chat_path};

fn run(text: &str) -> Value {
    json!({"type": "textRun", "textRun": {"text": text, "style": {}}})
}

fn paragraph(text: &str, style: Option<Value>) -> Value {
    let elements: Vec<Value> = (!text.is_empty()).then(|| run(text)).into_iter().collect();
    let mut paragraph = json!({"elements": elements});
    if let Some(style) = style {
        paragraph["style"] = style;
    }
    json!({"type": "paragraph", "paragraph": paragraph})
}

fn operation(name: &str, body: &Value) -> Value {
    let mut request =
        json!({"requestType": format!("{}{}RequestType", name[..1].to_uppercase(), &name[1..])});
    request[format!("{name}Request")] = body.clone();
    json!(request.to_string())
}

fn insert(blocks: &[Value], location: &Value) -> Value {
    let mut place = json!({"zoneId": "0", "index": 0});
    place
        .as_object_mut()
        .unwrap()
        .extend(location.as_object().unwrap().clone());
    let payload = json!({"blocks": blocks}).to_string();
    operation(
        "insertBlocks",
        &json!({"payload": payload, "location": place}),
    )
}

fn lines_at(lines: &[&str], location: &Value) -> Value {
    let blocks: Vec<Value> = lines.iter().map(|line| paragraph(line, None)).collect();
    insert(&blocks, location)
}

fn at_start(lines: &[&str]) -> Value {
    lines_at(lines, &json!({"startOfZone": true}))
}

fn at_index(lines: &[&str], index: usize) -> Value {
    lines_at(lines, &json!({"index": index}))
}

fn delete(start: usize, end: usize) -> Value {
    let range = json!({"zoneId": "0", "startIndex": start, "endIndex": end});
    operation("deleteContentRange", &json!({"deleteRange": range}))
}

fn title(text: &str) -> Value {
    operation(
        "updateTitle",
        &json!({"payload": json!({"elements": [run(text)], "style": {}}).to_string()}),
    )
}

impl Fixture {
    fn doc(&self) -> ChatId {
        self.sim
            .add_chat(self.group().announcement(AnnouncementKind::Doc))
    }

    async fn patch(&self, chat: &ChatId, revision: u64, requests: &[Value]) -> Got {
        let body = json!({"revision": revision.to_string(), "requests": requests});
        self.call("PATCH", &chat_path(chat, "/announcement"), Some(body))
            .await
    }

    async fn content(&self, chat: &ChatId) -> Value {
        let got = self.get(&chat_path(chat, "/announcement")).await.json();
        serde_json::from_str(got["data"]["content"].as_str().unwrap()).unwrap()
    }
}

fn range(value: &Value) -> Value {
    json!([
        value["location"]["startIndex"],
        value["location"]["endIndex"]
    ])
}

#[tokio::test]
async fn offsets_are_those_of_the_known_samples() {
    let samples: Value =
        serde_json::from_str(include_str!("../data/legacy_doc_offsets.json")).unwrap();
    let fixture = Fixture::new().await;
    for sample in samples.as_array().unwrap() {
        let chat = fixture.doc();
        let expected = sample["paragraphs"].as_array().unwrap();
        // A fresh document already has the empty paragraph that ends each sample.
        let blocks: Vec<Value> = expected[..expected.len() - 1]
            .iter()
            .map(|line| {
                let style = line["style_key_present"]
                    .as_bool()
                    .unwrap()
                    .then(|| json!({}));
                paragraph(line["text"].as_str().unwrap(), style)
            })
            .collect();
        let mut requests = vec![title(sample["title"].as_str().unwrap())];
        if !blocks.is_empty() {
            requests.push(insert(&blocks, &json!({"startOfZone": true})));
        }
        assert_eq!(fixture.patch(&chat, 0, &requests).await.code(), 0);

        let content = fixture.content(&chat).await;
        assert_eq!(range(&content["title"]), sample["title_range"]);
        let shown = content["body"]["blocks"].as_array().unwrap();
        assert_eq!(shown.len(), expected.len());
        for (shown, expected) in shown.iter().zip(expected) {
            assert_eq!(range(&shown["paragraph"]), expected["paragraph"]);
            assert_eq!(
                shown["paragraph"].get("style").is_some(),
                expected["style_key_present"] == json!(true)
            );
            let run = &shown["paragraph"]["elements"][0]["textRun"];
            assert!(
                expected["run"].is_null() || range(run) == expected["run"],
                "{shown}"
            );
        }
        let last = shown.last().unwrap()["paragraph"]["location"]["endIndex"]
            .as_u64()
            .unwrap();
        assert_eq!(json!(last + 1), sample["doc_length"]);
    }
    fixture.sim.finish();
}

#[tokio::test]
async fn each_batch_raises_the_revision_by_one() {
    let fixture = Fixture::new().await;
    let chat = fixture.doc();
    let got = fixture.get(&chat_path(&chat, "/announcement")).await.json()["data"].clone();
    assert_eq!(
        (&got["revision"], &got["owner_id"]),
        (&json!("0"), &json!(fixture.lin.open_id))
    );
    assert!(got["create_time"].is_string());
    assert_eq!(
        fixture
            .patch(&chat, 0, &[at_start(&["a"]), at_start(&["b"])])
            .await
            .code(),
        0
    );
    let got = fixture.get(&chat_path(&chat, "/announcement")).await.json()["data"].clone();
    assert_eq!(
        (&got["revision"], &got["modifier_id_type"]),
        (&json!("1"), &json!("app_id"))
    );
    assert_eq!(fixture.sim.announcement_text(&chat), ["a", "b"]);
}

/// Writes `a👋` (1 to 4), `bb` (5 to 7) and an empty line (8), then one batch.
async fn check(requests: &[Value], expected: Result<&[&str], &str>) {
    let fixture = Fixture::new().await;
    let chat = fixture.doc();
    fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&chat)
        .edit_announcement(["a👋", "bb"]);
    let before = fixture.sim.announcement_document(&chat);
    let got = fixture.patch(&chat, 1, requests).await;
    match expected {
        Ok(lines) => {
            assert_eq!(got.code(), 0, "{requests:?}: {}", got.text);
            assert_eq!(fixture.sim.announcement_text(&chat), lines, "{requests:?}");
        }
        Err(reason) => {
            assert_eq!(got.outcome(), (400, 232_018), "{requests:?}");
            let msg = got.json()["msg"].as_str().unwrap().to_owned();
            assert!(
                msg.starts_with("Updating announcement failed.") && msg.contains(reason),
                "{msg}"
            );
            assert_eq!(
                fixture.sim.announcement_document(&chat),
                before,
                "all or nothing"
            );
        }
    }
}

#[tokio::test]
async fn blocks_are_inserted_at_line_starts_only() {
    check(&[at_index(&["x"], 1)], Ok(&["x", "a👋", "bb"])).await;
    check(&[at_index(&["x", "y"], 5)], Ok(&["a👋", "x", "y", "bb"])).await;
    check(&[at_index(&["x"], 8)], Ok(&["a👋", "bb", "x"])).await;
    check(
        &[lines_at(&["x"], &json!({"endOfZone": true}))],
        Ok(&["a👋", "bb", "x"]),
    )
    .await;
    check(
        &[at_index(&["x"], 1), at_index(&["y"], 1)],
        Ok(&["x", "y", "a👋", "bb"]),
    )
    .await;
    for wrong in [0, 2, 4, 9, 99] {
        check(&[at_index(&["x"], wrong)], Err("checkInsertBlocks fail")).await;
    }
    check(
        &[at_index(&["x"], 5), at_index(&["x"], 6)],
        Err("checkInsertBlocks fail"),
    )
    .await;
    check(
        &[lines_at(&["x"], &json!({"zoneId": "cell"}))],
        Err("no such zone"),
    )
    .await;
    check(&[at_start(&["x"; 51])], Err("1 to 50 blocks")).await;
}

#[tokio::test]
async fn only_whole_blocks_are_deleted() {
    check(&[delete(1, 5)], Ok(&["bb"])).await;
    check(&[delete(1, 4)], Ok(&["", "bb"])).await;
    check(&[delete(5, 8)], Ok(&["a👋"])).await;
    check(&[delete(1, 8)], Ok(&[])).await;
    check(&[delete(1, 9)], Ok(&[])).await;
    check(&[delete(1, 8), at_index(&["new"], 1)], Ok(&["new"])).await;
    check(&[delete(5, 8), delete(1, 5)], Ok(&[])).await;
    for (start, end) in [(0, 5), (2, 5), (1, 3), (1, 10), (5, 5), (6, 3)] {
        check(&[delete(start, end)], Err("checkDeleteContentRange fail")).await;
    }
    check(&[delete(1, 8), delete(5, 8)], Err("overlap")).await;
    check(&[delete(1, 8), at_index(&["x"], 5)], Err("overlap")).await;
}

#[tokio::test]
async fn operations_that_announcements_refuse_are_232018() {
    check(
        &[operation("replaceAllText", &json!({}))],
        Err("invalid batch_update request type"),
    )
    .await;
    check(
        &[operation("updateParagraphStyle", &json!({}))],
        Err("invalid batch_update request type"),
    )
    .await;
    check(&[json!("{")], Err("95025")).await;
    check(&[title("t"), title("u")], Err("at most once")).await;
    check(&[title("t"), at_index(&["x"], 1)], Ok(&["x", "a👋", "bb"])).await;
}

#[tokio::test]
async fn an_older_revision_is_rebased() {
    let fixture = Fixture::new().await;
    let chat = fixture.doc();
    let hands = fixture.sim.as_person(&fixture.lin).in_chat(&chat);
    hands.edit_announcement(["a", "b"]);
    assert_eq!(
        fixture
            .patch(&chat, 1, &[at_index(&["between"], 3)])
            .await
            .code(),
        0
    );
    assert_eq!(
        fixture.patch(&chat, 2, &[title("long title")]).await.code(),
        0
    );
    // Revision 1 knew `a` at 1, `b` at 3 and the empty line at 5.
    assert_eq!(
        fixture
            .patch(&chat, 1, &[delete(1, 5), at_index(&["end"], 5)])
            .await
            .code(),
        0
    );
    assert_eq!(fixture.sim.announcement_text(&chat), ["between", "end"]);
    assert_eq!(
        fixture.patch(&chat, 9, &[at_start(&["x"])]).await.outcome(),
        (400, 232_018)
    );
    for _ in 0..97 {
        hands.edit_announcement(["c"]);
    }
    assert_eq!(fixture.patch(&chat, 1, &[at_start(&["d"])]).await.code(), 0);
    let old = fixture.patch(&chat, 1, &[at_start(&["e"])]).await;
    assert!(
        old.code() == 232_018 && old.text.contains("revision too old"),
        "{}",
        old.text
    );
    assert_eq!(fixture.sim.announcement_text(&chat), ["d", "c"]);
    fixture.sim.finish();
}

#[tokio::test]
async fn a_refused_delete_undoes_the_batch() {
    let fixture = Fixture::new().await;
    let chat = fixture.doc();
    fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&chat)
        .edit_announcement(["old"]);
    fixture
        .sim
        .change_behaviour(|behaviour| behaviour.legacy_deletes_refused = true);
    let replace = [delete(1, 5), at_index(&["new"], 1)];
    assert_eq!(
        fixture.patch(&chat, 1, &replace).await.outcome(),
        (400, 232_018)
    );
    assert_eq!(fixture.sim.announcement_text(&chat), ["old"]);
    assert_eq!(
        fixture.patch(&chat, 1, &[at_start(&["new"])]).await.code(),
        0
    );
    assert_eq!(fixture.sim.announcement_text(&chat), ["new", "old"]);
}

#[tokio::test]
async fn insertions_at_the_start_have_either_order() {
    for (later_first, expected) in [(false, ["a", "b", "c"]), (true, ["c", "b", "a"])] {
        let fixture = Fixture::new().await;
        let chat = fixture.doc();
        fixture
            .sim
            .change_behaviour(|behaviour| behaviour.legacy_later_insert_first = later_first);
        let batch = ["a", "b", "c"].map(|text| at_start(&[text]));
        assert_eq!(fixture.patch(&chat, 0, &batch).await.code(), 0);
        assert_eq!(fixture.sim.announcement_text(&chat), expected);
        fixture.sim.finish();
    }
}

#[tokio::test]
async fn insertions_at_one_index_have_either_order() {
    // Positions are those of the revision: `c` is last although all others move to its place.
    let batches = [
        vec![at_index(&["a"], 1), at_index(&["b"], 1)],
        vec![delete(1, 8), at_index(&["a"], 1), at_index(&["b"], 1)],
        vec![at_index(&["a"], 1), delete(1, 8), at_index(&["b"], 1)],
        vec![at_index(&["a"], 1), at_index(&["b"], 1), delete(1, 8)],
    ];
    for (later_first, expected) in [(false, ["a", "b"]), (true, ["b", "a"])] {
        for batch in &batches {
            for end in [0, batch.len()] {
                let mut batch = batch.clone();
                batch.insert(end, at_index(&["c"], 8));
                let (fixture, chat) = two_lines().await;
                fixture.sim.change_behaviour(|behaviour| {
                    behaviour.legacy_later_insert_first = later_first;
                });
                fixture.by_hand(&chat, typed(0));
                assert_eq!(fixture.patch(&chat, 1, &batch).await.code(), 0);
                let mut lines = fixture.sim.announcement_text(&chat);
                lines.retain(|line| !["a👋", "bb"].contains(&line.as_str()));
                assert_eq!(lines, ["x", expected[0], expected[1], "c"], "{batch:?}");
                fixture.sim.finish();
            }
        }
    }
}

/// A line of a person's.
fn typed(at: usize) -> Edit {
    let line = "x".to_owned();
    Edit::Type { at, line }
}

fn rewritten(at: usize) -> Edit {
    let line = "x".to_owned();
    Edit::Rewrite { at, line }
}

/// `a👋` (1 to 4), `bb` (5 to 7) and an empty line (8), at revision 1.
async fn two_lines() -> (Fixture, ChatId) {
    let fixture = Fixture::new().await;
    let chat = fixture.doc();
    fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&chat)
        .edit_announcement(["a👋", "bb"]);
    (fixture, chat)
}

impl Fixture {
    fn by_hand(&self, chat: &ChatId, edit: Edit) {
        self.sim.as_person(&self.mia).in_chat(chat).edit(edit);
    }
}

#[tokio::test]
async fn a_person_edits_single_blocks() {
    let cases: [(Edit, &[&str]); 10] = [
        (typed(0), &["x", "a👋", "bb"]),
        (typed(1), &["a👋", "x", "bb"]),
        (typed(2), &["a👋", "bb", "x"]),
        (typed(9), &["a👋", "bb", "x"]),
        (rewritten(1), &["a👋", "x"]),
        (rewritten(2), &["a👋", "bb", "x"]),
        (Edit::Remove { at: 0 }, &["bb"]),
        (Edit::Remove { at: 2 }, &["a👋", "bb"]),
        (Edit::Picture { at: 1 }, &["a👋", "[picture]", "bb"]),
        (Edit::Picture { at: 9 }, &["a👋", "bb", "[picture]"]),
    ];
    for (edit, expected) in cases {
        let (fixture, chat) = two_lines().await;
        assert_eq!(fixture.patch(&chat, 1, &[title("t")]).await.code(), 0);
        fixture.by_hand(&chat, edit.clone());
        assert_eq!(fixture.sim.announcement_text(&chat), expected, "{edit:?}");
        let got = fixture.get(&chat_path(&chat, "/announcement")).await.json()["data"].clone();
        assert_eq!(
            (&got["revision"], &got["modifier_id_type"]),
            (&json!("3"), &json!("open_id")),
            "{edit:?}"
        );
    }
}

#[tokio::test]
async fn a_document_always_has_a_line() {
    let (fixture, chat) = two_lines().await;
    for edit in [rewritten(3), Edit::Remove { at: 3 }] {
        fixture.by_hand(&chat, edit);
    }
    assert_eq!(fixture.sim.announcement_revision(&chat), 1, "no such block");
    fixture.by_hand(&chat, Edit::Remove { at: 2 });
    fixture.by_hand(&chat, typed(9));
    let lines = fixture.sim.announcement_text(&chat);
    assert_eq!(lines, ["a👋", "bb", "x"]);
    for _ in 0..4 {
        fixture.by_hand(&chat, Edit::Remove { at: 0 });
    }
    let content = fixture.content(&chat).await;
    let [line] = content["body"]["blocks"].as_array().unwrap().as_slice() else {
        panic!("{content}")
    };
    assert_eq!(range(&line["paragraph"]), json!([1, 1]));
}

#[tokio::test]
async fn a_picture_takes_one_unit() {
    let (fixture, chat) = two_lines().await;
    fixture.by_hand(&chat, Edit::Picture { at: 1 });
    let blocks = fixture.content(&chat).await["body"]["blocks"].clone();
    let location = json!({"zoneId": "0", "startIndex": 5, "endIndex": 6});
    assert_eq!(
        blocks[1],
        json!({"type": "gallery", "gallery": {"location": location}})
    );
    assert_eq!(range(&blocks[2]["paragraph"]), json!([7, 9]));
    assert_eq!(fixture.patch(&chat, 2, &[delete(5, 7)]).await.code(), 0);
    assert_eq!(fixture.sim.announcement_text(&chat), ["a👋", "bb"]);
    fixture.sim.finish();
}

#[tokio::test]
async fn a_replacement_keeps_concurrent_edits() {
    let all = || [delete(1, 8), at_index(&["new"], 1)];
    let first = || [delete(1, 5), at_index(&["new"], 1)];
    let second = || [delete(5, 8), at_index(&["new"], 5)];
    // Without its newline: an empty line remains.
    let short = || [delete(5, 7), at_index(&["new"], 5)];
    let cases: [(Option<Edit>, [Value; 2], &[&str]); 17] = [
        (None, all(), &["new"]),
        (None, first(), &["new", "bb"]),
        (None, second(), &["a👋", "new"]),
        (None, short(), &["a👋", "new", ""]),
        (Some(typed(0)), all(), &["x", "new"]),
        (Some(typed(1)), all(), &["new", "x"]),
        (Some(typed(9)), all(), &["new", "x"]),
        (Some(rewritten(0)), all(), &["new", "x"]),
        (Some(rewritten(1)), all(), &["new", "x"]),
        (Some(rewritten(2)), all(), &["new", "x"]),
        (Some(Edit::Remove { at: 0 }), all(), &["new"]),
        (Some(Edit::Remove { at: 2 }), all(), &["new"]),
        (Some(Edit::Picture { at: 1 }), all(), &["new", "[picture]"]),
        (Some(typed(0)), first(), &["x", "new", "bb"]),
        (Some(typed(1)), first(), &["new", "x", "bb"]),
        (Some(typed(1)), short(), &["a👋", "x", "new", ""]),
        (Some(typed(9)), short(), &["a👋", "new", "", "x"]),
    ];
    for (edit, requests, expected) in cases {
        let (fixture, chat) = two_lines().await;
        if let Some(edit) = edit.clone() {
            let fault = Fault::Edit(chat.clone(), edit);
            fixture.sim.fault(Endpoint::PatchDocAnnouncement, fault);
        }
        let got = fixture.patch(&chat, 1, &requests).await;
        assert_eq!(got.code(), 0, "{edit:?} {requests:?}: {}", got.text);
        let lines = fixture.sim.announcement_text(&chat);
        assert_eq!(lines, expected, "{edit:?} {requests:?}");
        let edits = u64::from(edit.is_some());
        assert_eq!(fixture.sim.announcement_revision(&chat), 2 + edits);
        fixture.sim.finish();
    }
}

#[tokio::test]
async fn the_last_lines_can_be_replaced() {
    let cases: [([Value; 2], &[&str]); 3] = [
        ([delete(5, 7), at_index(&["new"], 5)], &["a👋", "new"]),
        ([delete(5, 8), at_index(&["new"], 5)], &["a👋", "new"]),
        ([delete(1, 7), at_index(&["new"], 1)], &["new"]),
    ];
    for (requests, expected) in cases {
        let (fixture, chat) = two_lines().await;
        fixture.by_hand(&chat, Edit::Remove { at: 2 });
        assert_eq!(fixture.patch(&chat, 2, &requests).await.code(), 0);
        assert_eq!(
            fixture.sim.announcement_text(&chat),
            expected,
            "{requests:?}"
        );
        let blocks = fixture.content(&chat).await["body"]["blocks"].clone();
        let last = blocks.as_array().unwrap().last().unwrap();
        assert_eq!(last["paragraph"]["elements"], json!([]), "{requests:?}");
        fixture.sim.finish();
    }
}

#[tokio::test]
async fn wrong_blocks_are_violations() {
    let cases = [
        (
            json!({"type": "paragraph", "paragraph": {"elements": [run("a\nb")]}}),
            "line break",
        ),
        (json!({"type": "paragraph", "text": {}}), "text"),
        (json!({"type": "table"}), "`table`"),
        (json!({"type": "gallery"}), "`gallery`"),
        (json!({"type": "gallery", "gallery": {}}), "gallery"),
        (
            json!({"type": "paragraph", "paragraph": {"element": []}}),
            "element",
        ),
        (
            paragraph("x", Some(json!({"headinglevel": 1}))),
            "headinglevel",
        ),
        (
            paragraph("x", Some(json!({"headingLevel": 10}))),
            "headingLevel 10",
        ),
        (
            paragraph(
                "x",
                Some(json!({"list": {"type": "bullet", "indentLevel": 0}})),
            ),
            "indentLevel 0",
        ),
        (
            paragraph("x", Some(json!({"list": {"type": "letters"}}))),
            "letters",
        ),
        (
            json!({"type": "paragraph", "paragraph": {"elements": [
                {"type": "textRun", "textRun": {"text": "x", "style": {"link": {"url": "https://x"}}}},
            ]}}),
            "percent-encoded",
        ),
    ];
    for (block, reason) in cases {
        let fixture = Fixture::new().await;
        let chat = fixture.doc();
        let got = fixture
            .patch(&chat, 0, &[insert(&[block], &json!({"startOfZone": true}))])
            .await;
        assert_eq!(got.outcome(), (400, 232_018), "{}", got.text);
        let violations = fixture.sim.violations();
        assert!(
            violations.len() == 1 && violations[0].contains(reason),
            "{violations:?}"
        );
    }
}

#[tokio::test]
async fn styled_lines_count_a_placeholder() {
    let fixture = Fixture::new().await;
    let chat = fixture.doc();
    let styles = [
        json!({"headingLevel": 9}),
        json!({"list": {"type": "bullet", "indentLevel": 16}}),
        json!({"list": {"type": "number", "indentLevel": 1, "number": 3}}),
        json!({"list": {"type": "code", "indentLevel": 1}}),
        json!({"quote": true}),
    ];
    let mut blocks: Vec<Value> = styles
        .iter()
        .map(|style| paragraph("👋", Some(style.clone())))
        .collect();
    blocks.push(json!({"type": "horizontalLine", "horizontalLine": {}}));
    let request = insert(&blocks, &json!({"startOfZone": true}));
    assert_eq!(fixture.patch(&chat, 0, &[request]).await.code(), 0);
    let content = fixture.content(&chat).await;
    let shown = content["body"]["blocks"].as_array().unwrap();
    for (number, style) in styles.iter().enumerate() {
        let start = 1 + 4 * number;
        let paragraph = &shown[number]["paragraph"];
        assert_eq!(&paragraph["style"], style);
        assert_eq!(range(paragraph), json!([start, start + 3]), "{style}");
    }
    let line = &shown[styles.len()]["horizontalLine"];
    assert_eq!(range(line), json!([21, 22]));
    assert_eq!(fixture.sim.announcement_text(&chat)[5], "---");
    fixture.sim.finish();
}

#[tokio::test]
async fn people_of_other_tenants_cannot_be_named() {
    let fixture = Fixture::new().await;
    let chat = fixture.doc();
    let guest = fixture.sim.add_person_of("other_tenant", "Guest");
    let person = |open_id: &str| {
        let element = json!({"type": "person", "person": {"openId": open_id}});
        let block = json!({"type": "paragraph", "paragraph": {"elements": [run("hi "), element]}});
        insert(&[block], &json!({"startOfZone": true}))
    };
    assert_eq!(
        fixture
            .patch(&chat, 0, &[person(&guest.open_id)])
            .await
            .code(),
        232_018
    );
    assert_eq!(
        fixture
            .patch(&chat, 0, &[person(&fixture.mia.open_id)])
            .await
            .code(),
        0
    );
    assert_eq!(fixture.sim.announcement_text(&chat), ["hi @Mia"]);
    let block = &fixture.content(&chat).await["body"]["blocks"][0]["paragraph"];
    assert_eq!(range(&block["elements"][1]["person"]), json!([4, 5]));
}

#[tokio::test]
async fn invalid_legacy_requests_are_refused() {
    let fixture = Fixture::new().await;
    let docx = fixture.chat();
    assert_eq!(
        fixture
            .get(&chat_path(&docx, "/announcement"))
            .await
            .outcome(),
        (400, 232_097)
    );
    assert_eq!(
        fixture.patch(&docx, 1, &[at_start(&["x"])]).await.outcome(),
        (400, 232_097)
    );
    let spec = fixture
        .group()
        .announcement(AnnouncementKind::Doc)
        .edit_permission(WhoMay::OnlyOwner);
    let closed = fixture.sim.add_chat(spec);
    assert_eq!(
        fixture
            .patch(&closed, 0, &[at_start(&["x"])])
            .await
            .outcome(),
        (400, 232_002)
    );
    fixture
        .sim
        .change_chat(&closed, |chat| chat.bot_is_manager = true);
    assert_eq!(
        fixture.patch(&closed, 0, &[at_start(&["x"])]).await.code(),
        0
    );
    assert_eq!(
        fixture.patch(&closed, 0, &[]).await.outcome(),
        (400, 232_001)
    );
    let many: Vec<Value> = (0..11).map(|_| at_start(&["x"])).collect();
    assert_eq!(
        fixture.patch(&closed, 0, &many).await.outcome(),
        (400, 232_001)
    );
    let path = chat_path(&closed, "/announcement");
    let number = fixture
        .call(
            "PATCH",
            &path,
            Some(json!({"revision": "-1", "requests": [at_start(&["x"])]})),
        )
        .await;
    assert_eq!(number.outcome(), (400, 232_001));
    fixture.sim.change_chat(&closed, |chat| chat.bot_in = false);
    assert_eq!(fixture.get(&path).await.outcome(), (400, 232_011));
    fixture.sim.finish();
}
