//! Upgraded announcements: blocks, revisions, replays and limits.

use std::time::Duration;

use feishu_sim::{AnnouncementKind, ChatId, Edit, Endpoint, Fault, RateLimits, Simulator, WhoMay};
use serde_json::{Value, json};

use crate::client::{Fixture, Got, docx_path};

fn text(content: &str) -> Value {
    json!({"block_type": 2, "text": {"elements": [{"text_run": {"content": content}}]}})
}

impl Fixture {
    async fn unlimited() -> Self {
        Self::with(Simulator::builder().rate_limits(RateLimits::Off)).await
    }

    async fn create(&self, chat: &ChatId, query: &str, body: Value) -> Got {
        self.post(
            &docx_path(chat, &format!("/blocks/{chat}/children{query}")),
            body,
        )
        .await
    }

    async fn add(&self, chat: &ChatId, index: i64, lines: &[&str]) -> Got {
        let children: Vec<Value> = lines.iter().map(|line| text(line)).collect();
        self.create(chat, "", json!({"index": index, "children": children}))
            .await
    }

    async fn remove(&self, chat: &ChatId, query: &str, start: i64, end: i64) -> Got {
        let path = docx_path(
            chat,
            &format!("/blocks/{chat}/children/batch_delete{query}"),
        );
        self.call(
            "DELETE",
            &path,
            Some(json!({"start_index": start, "end_index": end})),
        )
        .await
    }
}

#[tokio::test]
async fn a_new_announcement_is_an_empty_page() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    let about = fixture.get(&docx_path(&chat, "")).await.json()["data"].clone();
    assert_eq!(
        (&about["revision_id"], &about["announcement_type"]),
        (&json!(1), &json!("docx"))
    );
    assert!(about["create_time"].is_u64() && about["create_time_v2"].is_string());
    let blocks = fixture.get(&docx_path(&chat, "/blocks")).await.json()["data"].clone();
    let [page] = blocks["items"].as_array().unwrap().as_slice() else {
        panic!("{blocks}")
    };
    assert_eq!(
        (&page["block_id"], &page["block_type"]),
        (&json!(chat.as_str()), &json!(1))
    );
    assert_eq!(
        (page.get("children"), &blocks["has_more"]),
        (None, &json!(false))
    );
}

#[tokio::test]
async fn both_kinds_answer_only_the_info_call() {
    let fixture = Fixture::new().await;
    let chat = fixture
        .sim
        .add_chat(fixture.group().announcement(AnnouncementKind::Doc));
    let about = fixture.get(&docx_path(&chat, "")).await.json()["data"].clone();
    assert_eq!(
        (&about["announcement_type"], &about["revision_id"]),
        (&json!("doc"), &json!(0))
    );
    assert_eq!(
        fixture.get(&docx_path(&chat, "/blocks")).await.outcome(),
        (400, 1_772_006)
    );
    assert_eq!(
        fixture.add(&chat, 0, &["a"]).await.outcome(),
        (400, 1_772_006)
    );
}

#[tokio::test]
async fn created_blocks_come_back_with_defaults_filled_in() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    let got = fixture
        .create(
            &chat,
            "?revision_id=-1",
            json!({"children": [text("通知👋")]}),
        )
        .await
        .json();
    let data = &got["data"];
    assert_eq!(data["revision_id"], json!(2));
    assert!(!data["client_token"].as_str().unwrap().is_empty());
    let style = json!({
        "bold": false, "inline_code": false, "italic": false, "strikethrough": false, "underline": false,
    });
    let expected = json!({
        "block_id": data["children"][0]["block_id"], "block_type": 2, "parent_id": chat.as_str(),
        "text": {
            "elements": [{"text_run": {"content": "通知👋", "text_element_style": style}}],
            "style": {"align": 1, "folded": false},
        },
    });
    assert_eq!(data["children"][0], expected);
    let id = data["children"][0]["block_id"].as_str().unwrap();
    let one = fixture
        .get(&docx_path(&chat, &format!("/blocks/{id}")))
        .await
        .json();
    assert_eq!(one["data"]["block"], expected);
    assert_eq!(
        fixture.sim.announcement_document(&chat)["items"][1],
        expected
    );
    fixture.sim.finish();
}

#[tokio::test]
async fn children_stand_where_they_were_put() {
    let fixture = Fixture::unlimited().await;
    let chat = fixture.chat();
    assert_eq!(fixture.add(&chat, -1, &["b", "c"]).await.code(), 0);
    assert_eq!(fixture.add(&chat, 0, &["a"]).await.code(), 0);
    assert_eq!(fixture.add(&chat, 3, &["d"]).await.code(), 0);
    assert_eq!(
        fixture.add(&chat, 5, &["e"]).await.outcome(),
        (400, 1_770_001)
    );
    assert_eq!(fixture.sim.announcement_text(&chat), ["a", "b", "c", "d"]);
    assert_eq!(fixture.remove(&chat, "", 1, 3).await.code(), 0);
    assert_eq!(fixture.sim.announcement_text(&chat), ["a", "d"]);
    for (start, end) in [(0, 3), (1, 1), (-1, 1), (2, 3)] {
        assert_eq!(
            fixture.remove(&chat, "", start, end).await.outcome(),
            (400, 1_770_001)
        );
    }
    assert_eq!(fixture.sim.announcement_revision(&chat), 5);
    fixture.sim.finish();
}

#[tokio::test]
async fn blocks_are_listed_in_reading_order() {
    let fixture = Fixture::unlimited().await;
    let chat = fixture.chat();
    let first =
        fixture.add(&chat, -1, &["a", "b"]).await.json()["data"]["children"][0]["block_id"].clone();
    let path = docx_path(
        &chat,
        &format!("/blocks/{}/children", first.as_str().unwrap()),
    );
    assert_eq!(
        fixture
            .post(&path, json!({"children": [text("a1")]}))
            .await
            .code(),
        0
    );
    assert_eq!(fixture.sim.announcement_text(&chat), ["a", "a1", "b"]);
    let page = fixture
        .get(&docx_path(&chat, "/blocks?page_size=3"))
        .await
        .json()["data"]
        .clone();
    let token = page["page_token"].as_str().unwrap();
    let rest = fixture
        .get(&docx_path(
            &chat,
            &format!("/blocks?page_size=3&page_token={token}"),
        ))
        .await
        .json();
    assert_eq!(
        (page["items"].as_array().unwrap().len(), &page["has_more"]),
        (3, &json!(true))
    );
    assert_eq!(
        rest["data"]["items"][0]["text"]["elements"][0]["text_run"]["content"],
        json!("b")
    );
    let children = fixture
        .get(&docx_path(&chat, &format!("/blocks/{chat}/children")))
        .await
        .json();
    assert_eq!(children["data"]["items"].as_array().unwrap().len(), 2);
    assert_eq!(fixture.remove(&chat, "", 0, 1).await.code(), 0);
    assert_eq!(fixture.sim.announcement_text(&chat), ["b"]);
}

#[tokio::test]
async fn only_some_blocks_may_have_children() {
    let fixture = Fixture::unlimited().await;
    let chat = fixture.chat();
    let body = || json!({"elements": [{"text_run": {"content": "x"}}]});
    let cases = [
        (json!({"block_type": 12, "bullet": body()}), true),
        (json!({"block_type": 13, "ordered": body()}), true),
        (json!({"block_type": 11, "heading9": body()}), true),
        (json!({"block_type": 14, "code": body()}), false),
        (json!({"block_type": 15, "quote": body()}), false),
        (json!({"block_type": 22, "divider": {}}), false),
    ];
    for (parent, takes) in cases {
        let created = fixture
            .create(&chat, "", json!({"children": [parent.clone()]}))
            .await
            .json();
        let id = created["data"]["children"][0]["block_id"].as_str().unwrap();
        let path = docx_path(&chat, &format!("/blocks/{id}/children"));
        let child = json!({"index": 0, "children": [text("child")]});
        let got = fixture.post(&path, child).await;
        let expected = if takes { (200, 0) } else { (400, 1_770_028) };
        assert_eq!(got.outcome(), expected, "{parent}");
        if takes {
            let child = &got.json()["data"]["children"][0];
            assert_eq!(child["parent_id"], json!(id));
            let parent = fixture
                .get(&docx_path(&chat, &format!("/blocks/{id}")))
                .await;
            assert_eq!(
                parent.json()["data"]["block"]["children"],
                json!([child["block_id"]])
            );
        }
    }
    fixture.sim.finish();
}

#[tokio::test]
async fn the_gateway_refuses_over_fifty_children() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    let got = fixture.add(&chat, 0, &["x"; 51]).await;
    assert_eq!(got.outcome(), (400, 99_992_402));
    let violation = &got.json()["error"]["field_violations"][0];
    assert_eq!(
        (&violation["field"], &violation["description"]),
        (&json!("children"), &json!("the max len is 50"))
    );
    assert_eq!(fixture.add(&chat, 0, &["x"; 50]).await.code(), 0);
    fixture.sim.finish();
}

#[tokio::test]
async fn a_client_token_has_one_effect() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    let body = || json!({"index": 0, "children": [text("once")]});
    let first = fixture.create(&chat, "?client_token=8f6c", body()).await;
    let again = fixture
        .create(
            &chat,
            "?client_token=8f6c",
            json!({"children": [text("other")]}),
        )
        .await;
    assert_eq!(first.text, again.text);
    assert_eq!(first.json()["data"]["client_token"], json!("8f6c"));
    assert_eq!(fixture.sim.announcement_text(&chat), ["once"]);
    fixture.create(&chat, "?client_token=", body()).await;
    assert_eq!(fixture.sim.announcement_text(&chat), ["once", "once"]);
    assert_eq!(fixture.sim.announcement_revision(&chat), 3);
}

#[tokio::test]
async fn a_write_at_an_older_revision_is_rebased() {
    let fixture = Fixture::unlimited().await;
    let chat = fixture.chat();
    let hands = fixture.sim.as_person(&fixture.lin).in_chat(&chat);
    hands.edit_announcement(["a", "b"]);
    fixture.add(&chat, 1, &["between"]).await;
    // Revision 2 knew only `a` and `b`.
    assert_eq!(
        fixture.remove(&chat, "?revision_id=2", 0, 2).await.code(),
        0
    );
    assert_eq!(fixture.sim.announcement_text(&chat), ["between"]);
    let late = json!({"index": 2, "children": [text("end")]});
    assert_eq!(
        fixture.create(&chat, "?revision_id=2", late).await.code(),
        0
    );
    assert_eq!(fixture.sim.announcement_text(&chat), ["between", "end"]);
    for wrong in ["0", "99"] {
        let got = fixture
            .remove(&chat, &format!("?revision_id={wrong}"), 0, 1)
            .await;
        assert_eq!(got.outcome(), (400, 1_770_001));
    }
}

fn typed(at: usize) -> Edit {
    let line = "x".to_owned();
    Edit::Type { at, line }
}

fn rewritten(at: usize) -> Edit {
    let line = "x".to_owned();
    Edit::Rewrite { at, line }
}

#[tokio::test]
async fn a_person_edits_single_blocks() {
    let cases: [(Edit, &[&str]); 9] = [
        (typed(0), &["x", "a", "a1", "b"]),
        (typed(1), &["a", "a1", "x", "b"]),
        (typed(9), &["a", "a1", "b", "x"]),
        (rewritten(0), &["x", "a1", "b"]),
        (Edit::Remove { at: 0 }, &["b"]),
        (Edit::Remove { at: 1 }, &["a", "a1"]),
        (Edit::Picture { at: 1 }, &["a", "a1", "[picture]", "b"]),
        (rewritten(2), &["a", "a1", "b"]),
        (Edit::Remove { at: 2 }, &["a", "a1", "b"]),
    ];
    let fixture = Fixture::unlimited().await;
    for (edit, expected) in cases {
        let chat = fixture.chat();
        let made = fixture.add(&chat, 0, &["a", "b"]).await.json()["data"]["children"].clone();
        let first = made[0]["block_id"].as_str().unwrap();
        let path = docx_path(&chat, &format!("/blocks/{first}/children"));
        let child = json!({"children": [text("a1")]});
        assert_eq!(fixture.post(&path, child).await.code(), 0);
        let before = fixture.get(&docx_path(&chat, "")).await.json()["data"].clone();
        let hands = fixture.sim.as_person(&fixture.mia).in_chat(&chat);
        hands.edit(edit.clone());
        assert_eq!(fixture.sim.announcement_text(&chat), expected, "{edit:?}");
        let after = fixture.get(&docx_path(&chat, "")).await.json()["data"].clone();
        let shown = |about: &Value| {
            (
                about["revision_id"].clone(),
                about["modifier_id_type"].clone(),
            )
        };
        assert_eq!(shown(&before), (json!(3), json!("app_id")));
        let missing = matches!(edit, Edit::Rewrite { at: 2, .. } | Edit::Remove { at: 2 });
        let expected = if missing {
            shown(&before)
        } else {
            (json!(4), json!("open_id"))
        };
        assert_eq!(shown(&after), expected, "{edit:?}");
    }
    fixture.sim.finish();
}

#[tokio::test]
async fn a_rewritten_block_keeps_its_id() {
    let fixture = Fixture::unlimited().await;
    let chat = fixture.chat();
    let body = json!({"elements": [{"text_run": {"content": "a"}}]});
    let heading = json!({"children": [{"block_type": 3, "heading1": body}]});
    let made = fixture.create(&chat, "", heading).await.json()["data"]["children"].clone();
    let id = made[0]["block_id"].as_str().unwrap();
    let path = docx_path(&chat, &format!("/blocks/{id}/children"));
    let child = fixture
        .post(&path, json!({"children": [text("a1")]}))
        .await
        .json();
    let hands = fixture.sim.as_person(&fixture.lin).in_chat(&chat);
    hands.edit(rewritten(0));
    hands.edit(Edit::Picture { at: 1 });
    let items = fixture.sim.announcement_document(&chat)["items"].clone();
    assert_eq!(
        (&items[1]["block_id"], &items[1]["block_type"]),
        (&json!(id), &json!(2))
    );
    assert_eq!(
        items[1]["children"],
        json!([child["data"]["children"][0]["block_id"]])
    );
    let picture = items[3]["block_id"].clone();
    assert_eq!(
        items[3],
        json!({
            "block_id": picture, "parent_id": chat.as_str(), "block_type": 27,
            "image": {"token": "boxcn-of-a-person", "width": 100, "height": 100, "align": 2},
        })
    );
    let path = docx_path(
        &chat,
        &format!("/blocks/{}/children", picture.as_str().unwrap()),
    );
    let got = fixture.post(&path, json!({"children": [text("x")]})).await;
    assert_eq!(got.outcome(), (400, 1_770_028));
    fixture.sim.finish();
}

#[tokio::test]
async fn manual_edits_move_children_of_older_revisions() {
    let newest: [(Edit, &[&str]); 4] = [
        (typed(0), &["b", "c"]),
        (rewritten(1), &["c"]),
        (Edit::Remove { at: 0 }, &[]),
        (Edit::Picture { at: 1 }, &["b", "c"]),
    ];
    let known: [(Edit, &[&str]); 4] = [
        (typed(1), &["x", "c"]),
        (rewritten(1), &["c"]),
        (Edit::Remove { at: 0 }, &["c"]),
        (Edit::Picture { at: 1 }, &["[picture]", "c"]),
    ];
    let fixture = Fixture::unlimited().await;
    for (query, cases) in [("", newest), ("?revision_id=2", known)] {
        for (edit, expected) in cases {
            let chat = fixture.chat();
            fixture.add(&chat, 0, &["a", "b", "c"]).await;
            let fault = Fault::Edit(chat.clone(), edit.clone());
            fixture.sim.fault(Endpoint::DeleteChildren, fault);
            let got = fixture.remove(&chat, query, 0, 2).await;
            assert_eq!(got.code(), 0, "{edit:?}: {}", got.text);
            assert_eq!(
                fixture.sim.announcement_text(&chat),
                expected,
                "{query} {edit:?}"
            );
        }
    }
    fixture.sim.finish();
}

#[tokio::test]
async fn revisions_over_a_thousand_behind_are_refused() {
    let fixture = Fixture::unlimited().await;
    let chat = fixture.chat();
    let hands = fixture.sim.as_person(&fixture.lin).in_chat(&chat);
    for _ in 0..1001 {
        hands.edit_announcement(["a"]);
    }
    assert_eq!(
        fixture
            .remove(&chat, "?revision_id=1", 0, 1)
            .await
            .outcome(),
        (400, 1_770_021)
    );
    assert_eq!(
        fixture
            .remove(&chat, "?revision_id=1002", 0, 1)
            .await
            .code(),
        0
    );
}

#[tokio::test]
async fn docx_writes_have_two_rate_limits() {
    let fixture = Fixture::new().await;
    let (chat, other) = (fixture.chat(), fixture.chat());
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        outcomes.push(fixture.add(&chat, 0, &["x"]).await.outcome());
    }
    assert_eq!(outcomes, [(200, 0), (200, 0), (200, 0), (429, 99_991_400)]);
    assert_eq!(fixture.add(&other, 0, &["x"]).await.outcome(), (200, 0));
    let over = fixture.add(&other, 0, &["x"]).await;
    assert_eq!(over.outcome(), (400, 99_991_400));
    assert_eq!(over.headers["x-ogw-ratelimit-reset"], "1");
    fixture.sim.clock().advance(Duration::from_secs(1));
    assert_eq!(fixture.add(&chat, 0, &["x"]).await.outcome(), (200, 0));
}

#[tokio::test]
async fn blocks_must_hold_what_their_type_says() {
    let fixture = Fixture::unlimited().await;
    let chat = fixture.chat();
    let guest = fixture.sim.add_person_of("other_tenant", "Guest");
    let body = || json!({"elements": [{"text_run": {"content": "x"}}]});
    let mention = |id: &str| json!({"block_type": 2, "text": {"elements": [{"mention_user": {"user_id": id}}]}});
    let styled = |style: Value| {
        let run = json!({"content": "x", "text_element_style": style});
        json!({"block_type": 2, "text": {"elements": [{"text_run": run}]}})
    };
    let link = |url: &str| styled(json!({"link": {"url": url}}));
    let cases = [
        (json!({"block_type": 3, "heading1": body()}), 0, 0),
        (json!({"block_type": 14, "code": body()}), 0, 0),
        (json!({"block_type": 22, "divider": {}}), 0, 0),
        (mention(&fixture.lin.open_id), 0, 0),
        (link("https%3A%2F%2Fexample.com"), 0, 0),
        (mention(&guest.open_id), 1_770_001, 0),
        (mention("ou_none"), 1_770_001, 0),
        (json!({"block_type": 31}), 1_770_006, 1),
        (json!({"block_type": 33}), 1_770_029, 0),
        (
            json!({"block_type": 14, "code": {"elements": [{"text_run": {"content": "👋".repeat(50_001)}}]}}),
            1_770_033,
            0,
        ),
        (styled(json!({"text_color": 8})), 1_770_001, 0),
        (link("https://example.com"), 1_770_001, 1),
        (json!({"block_type": 3, "text": body()}), 1_770_006, 1),
        (
            json!({"block_type": 2, "text": body(), "quote": body()}),
            1_770_006,
            1,
        ),
        (json!({"block_type": 2, "txt": body()}), 99_992_402, 1),
        (styled(json!({"strike_through": true})), 99_992_402, 1),
    ];
    for (block, code, violations) in cases {
        let before = fixture.sim.violations().len();
        let got = fixture
            .create(&chat, "", json!({"children": [block.clone()]}))
            .await;
        assert_eq!(got.code(), code, "{block}: {}", got.text);
        assert_eq!(
            fixture.sim.violations().len() - before,
            violations,
            "{block}"
        );
    }
    assert_eq!(
        fixture.sim.announcement_text(&chat),
        ["x", "x", "---", "@Lin", "x"]
    );
}

#[tokio::test]
async fn who_may_edit_decides() {
    let fixture = Fixture::unlimited().await;
    let closed = fixture.group().edit_permission(WhoMay::OnlyOwner);
    let chat = fixture.sim.add_chat(closed.clone());
    assert_eq!(
        fixture.add(&chat, 0, &["x"]).await.outcome(),
        (400, 1_772_005)
    );
    fixture
        .sim
        .change_behaviour(|behaviour| behaviour.docx_denial_is_forbidden = true);
    assert_eq!(
        fixture.remove(&chat, "", 0, 1).await.outcome(),
        (403, 1_770_032)
    );
    let chat = fixture.sim.add_chat(closed.bot_is_admin());
    assert_eq!(fixture.add(&chat, 0, &["x"]).await.code(), 0);
    let outside = fixture.sim.add_chat(fixture.group().without_bot());
    assert_eq!(
        fixture.add(&outside, 0, &["x"]).await.outcome(),
        (400, 1_772_003)
    );
    assert_eq!(
        fixture
            .get(&docx_path(&ChatId::from("oc_none"), ""))
            .await
            .outcome(),
        (404, 1_770_002)
    );
    let missing = docx_path(&chat, "/blocks/doxcnnone/children");
    assert_eq!(
        fixture
            .post(&missing, json!({"children": [text("x")]}))
            .await
            .outcome(),
        (404, 1_770_002)
    );
    fixture
        .sim
        .change_app(|app| app.scopes.remove("im:chat.announcement:read"));
    assert_eq!(fixture.get(&docx_path(&chat, "")).await.code(), 99_991_672);
}
