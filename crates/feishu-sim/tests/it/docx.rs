//! Upgraded announcements: blocks, revisions, replays and limits.

use std::time::Duration;

use feishu_sim::{AnnouncementKind, ChatId, Edit, Endpoint, Fault, RateLimits, Simulator, WhoMay};
use serde_json::{Value, json};

use crate::client::{Got, World, docx_path};

fn text(content: &str) -> Value {
    json!({"block_type": 2, "text": {"elements": [{"text_run": {"content": content}}]}})
}

impl World {
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
async fn a_fresh_announcement_is_an_empty_page_at_revision_1() {
    let world = World::new().await;
    let chat = world.chat();
    let about = world.get(&docx_path(&chat, "")).await.json()["data"].clone();
    assert_eq!(
        (&about["revision_id"], &about["announcement_type"]),
        (&json!(1), &json!("docx"))
    );
    assert!(about["create_time"].is_u64() && about["create_time_v2"].is_string());
    let blocks = world.get(&docx_path(&chat, "/blocks")).await.json()["data"].clone();
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
async fn both_kinds_answer_the_first_question_and_only_that() {
    let world = World::new().await;
    let chat = world
        .sim
        .add_chat(world.group().announcement(AnnouncementKind::Doc));
    let about = world.get(&docx_path(&chat, "")).await.json()["data"].clone();
    assert_eq!(
        (&about["announcement_type"], &about["revision_id"]),
        (&json!("doc"), &json!(0))
    );
    assert_eq!(
        world.get(&docx_path(&chat, "/blocks")).await.outcome(),
        (400, 1_772_006)
    );
    assert_eq!(
        world.add(&chat, 0, &["a"]).await.outcome(),
        (400, 1_772_006)
    );
}

#[tokio::test]
async fn created_blocks_come_back_with_defaults_filled_in() {
    let world = World::new().await;
    let chat = world.chat();
    let got = world
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
    let one = world
        .get(&docx_path(&chat, &format!("/blocks/{id}")))
        .await
        .json();
    assert_eq!(one["data"]["block"], expected);
    assert_eq!(world.sim.announcement_document(&chat)["items"][1], expected);
    world.sim.finish();
}

#[tokio::test]
async fn children_stand_where_they_were_put() {
    let world = World::unlimited().await;
    let chat = world.chat();
    assert_eq!(world.add(&chat, -1, &["b", "c"]).await.code(), 0);
    assert_eq!(world.add(&chat, 0, &["a"]).await.code(), 0);
    assert_eq!(world.add(&chat, 3, &["d"]).await.code(), 0);
    assert_eq!(
        world.add(&chat, 5, &["e"]).await.outcome(),
        (400, 1_770_001)
    );
    assert_eq!(world.sim.announcement_text(&chat), ["a", "b", "c", "d"]);
    assert_eq!(world.remove(&chat, "", 1, 3).await.code(), 0);
    assert_eq!(world.sim.announcement_text(&chat), ["a", "d"]);
    for (start, end) in [(0, 3), (1, 1), (-1, 1), (2, 3)] {
        assert_eq!(
            world.remove(&chat, "", start, end).await.outcome(),
            (400, 1_770_001)
        );
    }
    assert_eq!(world.sim.announcement_revision(&chat), 5);
    world.sim.finish();
}

#[tokio::test]
async fn blocks_come_in_pages_in_the_order_of_reading() {
    let world = World::unlimited().await;
    let chat = world.chat();
    let first =
        world.add(&chat, -1, &["a", "b"]).await.json()["data"]["children"][0]["block_id"].clone();
    let path = docx_path(
        &chat,
        &format!("/blocks/{}/children", first.as_str().unwrap()),
    );
    assert_eq!(
        world
            .post(&path, json!({"children": [text("a1")]}))
            .await
            .code(),
        0
    );
    assert_eq!(world.sim.announcement_text(&chat), ["a", "a1", "b"]);
    let page = world
        .get(&docx_path(&chat, "/blocks?page_size=3"))
        .await
        .json()["data"]
        .clone();
    let token = page["page_token"].as_str().unwrap();
    let rest = world
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
    let children = world
        .get(&docx_path(&chat, &format!("/blocks/{chat}/children")))
        .await
        .json();
    assert_eq!(children["data"]["items"].as_array().unwrap().len(), 2);
    assert_eq!(world.remove(&chat, "", 0, 1).await.code(), 0);
    assert_eq!(world.sim.announcement_text(&chat), ["b"]);
}

#[tokio::test]
async fn list_items_take_children_and_code_quotes_and_lines_do_not() {
    let world = World::unlimited().await;
    let chat = world.chat();
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
        let created = world
            .create(&chat, "", json!({"children": [parent.clone()]}))
            .await
            .json();
        let id = created["data"]["children"][0]["block_id"].as_str().unwrap();
        let path = docx_path(&chat, &format!("/blocks/{id}/children"));
        let child = json!({"index": 0, "children": [text("child")]});
        let got = world.post(&path, child).await;
        let expected = if takes { (200, 0) } else { (400, 1_770_028) };
        assert_eq!(got.outcome(), expected, "{parent}");
        if takes {
            let child = &got.json()["data"]["children"][0];
            assert_eq!(child["parent_id"], json!(id));
            let parent = world.get(&docx_path(&chat, &format!("/blocks/{id}"))).await;
            assert_eq!(
                parent.json()["data"]["block"]["children"],
                json!([child["block_id"]])
            );
        }
    }
    world.sim.finish();
}

#[tokio::test]
async fn more_than_fifty_children_are_refused_by_the_gateway() {
    let world = World::new().await;
    let chat = world.chat();
    let got = world.add(&chat, 0, &["x"; 51]).await;
    assert_eq!(got.outcome(), (400, 99_992_402));
    let violation = &got.json()["error"]["field_violations"][0];
    assert_eq!(
        (&violation["field"], &violation["description"]),
        (&json!("children"), &json!("the max len is 50"))
    );
    assert_eq!(world.add(&chat, 0, &["x"; 50]).await.code(), 0);
    world.sim.finish();
}

#[tokio::test]
async fn a_client_token_has_one_effect() {
    let world = World::new().await;
    let chat = world.chat();
    let body = || json!({"index": 0, "children": [text("once")]});
    let first = world.create(&chat, "?client_token=8f6c", body()).await;
    let again = world
        .create(
            &chat,
            "?client_token=8f6c",
            json!({"children": [text("other")]}),
        )
        .await;
    assert_eq!(first.text, again.text);
    assert_eq!(first.json()["data"]["client_token"], json!("8f6c"));
    assert_eq!(world.sim.announcement_text(&chat), ["once"]);
    world.create(&chat, "?client_token=", body()).await;
    assert_eq!(world.sim.announcement_text(&chat), ["once", "once"]);
    assert_eq!(world.sim.announcement_revision(&chat), 3);
}

#[tokio::test]
async fn a_write_at_an_older_revision_keeps_what_others_wrote_meanwhile() {
    let world = World::unlimited().await;
    let chat = world.chat();
    let hands = world.sim.as_person(&world.lin).in_chat(&chat);
    hands.edit_announcement(["a", "b"]);
    world.add(&chat, 1, &["between"]).await;
    // Revision 2 knew only `a` and `b`.
    assert_eq!(world.remove(&chat, "?revision_id=2", 0, 2).await.code(), 0);
    assert_eq!(world.sim.announcement_text(&chat), ["between"]);
    let late = json!({"index": 2, "children": [text("end")]});
    assert_eq!(world.create(&chat, "?revision_id=2", late).await.code(), 0);
    assert_eq!(world.sim.announcement_text(&chat), ["between", "end"]);
    for wrong in ["0", "99"] {
        let got = world
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
    let world = World::unlimited().await;
    for (edit, expected) in cases {
        let chat = world.chat();
        let made = world.add(&chat, 0, &["a", "b"]).await.json()["data"]["children"].clone();
        let first = made[0]["block_id"].as_str().unwrap();
        let path = docx_path(&chat, &format!("/blocks/{first}/children"));
        let child = json!({"children": [text("a1")]});
        assert_eq!(world.post(&path, child).await.code(), 0);
        let before = world.get(&docx_path(&chat, "")).await.json()["data"].clone();
        let hands = world.sim.as_person(&world.mia).in_chat(&chat);
        hands.edit(edit.clone());
        assert_eq!(world.sim.announcement_text(&chat), expected, "{edit:?}");
        let after = world.get(&docx_path(&chat, "")).await.json()["data"].clone();
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
    world.sim.finish();
}

#[tokio::test]
async fn a_rewritten_block_is_the_same_block_and_a_picture_holds_nothing() {
    let world = World::unlimited().await;
    let chat = world.chat();
    let body = json!({"elements": [{"text_run": {"content": "a"}}]});
    let heading = json!({"children": [{"block_type": 3, "heading1": body}]});
    let made = world.create(&chat, "", heading).await.json()["data"]["children"].clone();
    let id = made[0]["block_id"].as_str().unwrap();
    let path = docx_path(&chat, &format!("/blocks/{id}/children"));
    let child = world
        .post(&path, json!({"children": [text("a1")]}))
        .await
        .json();
    let hands = world.sim.as_person(&world.lin).in_chat(&chat);
    hands.edit(rewritten(0));
    hands.edit(Edit::Picture { at: 1 });
    let items = world.sim.announcement_document(&chat)["items"].clone();
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
        json!({"block_id": picture, "parent_id": chat.as_str(), "block_type": 27, "image": {}})
    );
    let path = docx_path(
        &chat,
        &format!("/blocks/{}/children", picture.as_str().unwrap()),
    );
    let got = world.post(&path, json!({"children": [text("x")]})).await;
    assert_eq!(got.outcome(), (400, 1_770_028));
    world.sim.finish();
}

#[tokio::test]
async fn what_a_person_does_between_two_calls_moves_the_children_of_older_revisions() {
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
    let world = World::unlimited().await;
    for (query, cases) in [("", newest), ("?revision_id=2", known)] {
        for (edit, expected) in cases {
            let chat = world.chat();
            world.add(&chat, 0, &["a", "b", "c"]).await;
            let fault = Fault::Edit(chat.clone(), edit.clone());
            world.sim.fault(Endpoint::DeleteChildren, fault);
            let got = world.remove(&chat, query, 0, 2).await;
            assert_eq!(got.code(), 0, "{edit:?}: {}", got.text);
            assert_eq!(
                world.sim.announcement_text(&chat),
                expected,
                "{query} {edit:?}"
            );
        }
    }
    world.sim.finish();
}

#[tokio::test]
async fn a_revision_more_than_a_thousand_behind_is_too_old() {
    let world = World::unlimited().await;
    let chat = world.chat();
    let hands = world.sim.as_person(&world.lin).in_chat(&chat);
    for _ in 0..1001 {
        hands.edit_announcement(["a"]);
    }
    assert_eq!(
        world.remove(&chat, "?revision_id=1", 0, 1).await.outcome(),
        (400, 1_770_021)
    );
    assert_eq!(
        world.remove(&chat, "?revision_id=1002", 0, 1).await.code(),
        0
    );
}

#[tokio::test]
async fn three_edits_a_second_for_one_announcement_and_five_writes_for_the_app() {
    let world = World::new().await;
    let (chat, other) = (world.chat(), world.chat());
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        outcomes.push(world.add(&chat, 0, &["x"]).await.outcome());
    }
    assert_eq!(outcomes, [(200, 0), (200, 0), (200, 0), (429, 99_991_400)]);
    assert_eq!(world.add(&other, 0, &["x"]).await.outcome(), (200, 0));
    let over = world.add(&other, 0, &["x"]).await;
    assert_eq!(over.outcome(), (400, 99_991_400));
    assert_eq!(over.headers["x-ogw-ratelimit-reset"], "1");
    world.sim.clock().advance(Duration::from_secs(1));
    assert_eq!(world.add(&chat, 0, &["x"]).await.outcome(), (200, 0));
}

#[tokio::test]
async fn blocks_must_hold_what_their_type_says() {
    let world = World::unlimited().await;
    let chat = world.chat();
    let guest = world.sim.add_person_of("other_tenant", "Guest");
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
        (mention(&world.lin.open_id), 0, 0),
        (link("https%3A%2F%2Fexample.com"), 0, 0),
        (mention(&guest.open_id), 1_770_001, 0),
        (mention("ou_none"), 1_770_001, 0),
        (json!({"block_type": 31}), 1_770_029, 0),
        (json!({"block_type": 27}), 1_770_029, 0),
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
        let before = world.sim.violations().len();
        let got = world
            .create(&chat, "", json!({"children": [block.clone()]}))
            .await;
        assert_eq!(got.code(), code, "{block}: {}", got.text);
        assert_eq!(world.sim.violations().len() - before, violations, "{block}");
    }
    assert_eq!(
        world.sim.announcement_text(&chat),
        ["x", "x", "---", "@Lin", "x"]
    );
}

#[tokio::test]
async fn who_may_edit_decides() {
    let world = World::unlimited().await;
    let closed = world.group().edit_permission(WhoMay::OnlyOwner);
    let chat = world.sim.add_chat(closed.clone());
    assert_eq!(
        world.add(&chat, 0, &["x"]).await.outcome(),
        (400, 1_772_005)
    );
    world
        .sim
        .change_behaviour(|behaviour| behaviour.docx_denial_is_forbidden = true);
    assert_eq!(
        world.remove(&chat, "", 0, 1).await.outcome(),
        (403, 1_770_032)
    );
    let chat = world.sim.add_chat(closed.bot_is_admin());
    assert_eq!(world.add(&chat, 0, &["x"]).await.code(), 0);
    let outside = world.sim.add_chat(world.group().without_bot());
    assert_eq!(
        world.add(&outside, 0, &["x"]).await.outcome(),
        (400, 1_772_003)
    );
    assert_eq!(
        world
            .get(&docx_path(&ChatId::from("oc_none"), ""))
            .await
            .outcome(),
        (404, 1_770_002)
    );
    let missing = docx_path(&chat, "/blocks/doxcnnone/children");
    assert_eq!(
        world
            .post(&missing, json!({"children": [text("x")]}))
            .await
            .outcome(),
        (404, 1_770_002)
    );
    world
        .sim
        .change_app(|app| app.scopes.remove("im:chat.announcement:read"));
    assert_eq!(world.get(&docx_path(&chat, "")).await.code(), 99_991_672);
}
