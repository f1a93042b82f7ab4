//! Tables, grids and other containers of upgraded announcements, and updates of blocks.

use feishu_sim::{ChatId, Edit, FirstLine, RateLimits, Simulator};
use serde_json::{Value, json};

use crate::client::{Fixture, Got, docx_path};

async fn unlimited() -> Fixture {
    Fixture::with(Simulator::builder().rate_limits(RateLimits::Off)).await
}

async fn create(fixture: &Fixture, chat: &ChatId, parent: &str, block: Value) -> Got {
    let path = docx_path(chat, &format!("/blocks/{parent}/children"));
    fixture.post(&path, json!({ "children": [block] })).await
}

async fn update(fixture: &Fixture, chat: &ChatId, requests: Value) -> Got {
    let path = docx_path(chat, "/blocks/batch_update");
    let body = json!({ "requests": requests });
    fixture.call("PATCH", &path, Some(body)).await
}

async fn blocks(fixture: &Fixture, chat: &ChatId) -> Vec<Value> {
    let listed = fixture.get(&docx_path(chat, "/blocks")).await.json();
    listed["data"]["items"].as_array().unwrap().clone()
}

fn table(rows: usize, columns: usize) -> Value {
    let property = json!({ "row_size": rows, "column_size": columns });
    json!({ "block_type": 31, "table": { "property": property } })
}

fn text(content: &str) -> Value {
    json!({ "block_type": 2, "text": { "elements": [{ "text_run": { "content": content } }] } })
}

fn id(got: &Got) -> String {
    let id = &got.json()["data"]["children"][0]["block_id"];
    id.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_new_table_has_its_cells() {
    let fixture = unlimited().await;
    let chat = fixture.chat();
    let created = create(&fixture, &chat, chat.as_str(), table(2, 3))
        .await
        .json();
    let table = &created["data"]["children"][0];
    assert_eq!(table["children"], table["table"]["cells"]);
    assert_eq!(table["children"].as_array().unwrap().len(), 6);
    let whole = json!({ "row_span": 1, "col_span": 1 });
    let property = json!({
        "row_size": 2, "column_size": 3, "column_width": [100, 100, 100],
        "merge_info": vec![whole; 6],
    });
    assert_eq!(table["table"]["property"], property);
    let cell = &blocks(&fixture, &chat).await[2];
    assert_eq!(
        (&cell["block_type"], &cell["table_cell"]),
        (&json!(32), &json!({}))
    );
}

#[tokio::test]
async fn first_lines_come_as_the_switch_says() {
    for (first_line, before, after) in [
        (FirstLine::AtOnce, 1, 1),
        (FirstLine::Later, 0, 1),
        (FirstLine::Never, 0, 0),
    ] {
        let fixture = unlimited().await;
        let chat = fixture.chat();
        fixture
            .sim
            .change_behaviour(|behaviour| behaviour.docx.first_line = first_line);
        let callout = json!({ "block_type": 19, "callout": { "background_color": 3 } });
        create(&fixture, &chat, chat.as_str(), callout).await;
        for expected in [before, after, after] {
            let lines = blocks(&fixture, &chat).await.len() - 2;
            assert_eq!(lines, expected, "{first_line:?}");
        }
    }
}

#[tokio::test]
async fn updates_apply_together_or_not_at_all() {
    let fixture = unlimited().await;
    let chat = fixture.chat();
    let table = id(&create(&fixture, &chat, chat.as_str(), table(1, 2)).await);
    let line = |blocks: &[Value], at: usize| blocks[at]["block_id"].as_str().unwrap().to_owned();
    let read = blocks(&fixture, &chat).await;
    let (first, second) = (line(&read, 3), line(&read, 5));
    let words = |block: &str, words: &str| {
        let elements = json!([{ "text_run": { "content": words } }]);
        json!({ "block_id": block, "update_text_elements": { "elements": elements } })
    };
    let row = json!({ "block_id": table, "insert_table_row": { "row_index": -1 } });
    let both = json!([words(&first, "a"), words(&second, "b"), row]);
    assert_eq!(update(&fixture, &chat, both).await.code(), 0);
    assert_eq!(fixture.sim.announcement_text(&chat), ["a", "b", "", ""]);
    let revision = fixture.sim.read(|state| state.announcement_revision(&chat));
    for (requests, code) in [
        (json!([words(&first, "c"), words("doxcn1", "d")]), 1_770_002),
        (json!([words(&first, "c"), words(&table, "d")]), 1_770_025),
        (
            json!([{ "block_id": table, "insert_table_column": { "column_index": 4 } }]),
            1_770_027,
        ),
    ] {
        assert_eq!(update(&fixture, &chat, requests).await.code(), code);
    }
    assert_eq!(fixture.sim.announcement_text(&chat), ["a", "b", "", ""]);
    assert_eq!(
        fixture.sim.read(|state| state.announcement_revision(&chat)),
        revision
    );
    let twice = json!([words(&first, "c"), words(&first, "d")]);
    assert_eq!(update(&fixture, &chat, twice).await.code(), 1_770_019);
    assert_eq!(fixture.sim.violations().len(), 1);
}

#[tokio::test]
async fn columns_are_inserted_in_every_row() {
    let fixture = unlimited().await;
    let chat = fixture.chat();
    let table = id(&create(&fixture, &chat, chat.as_str(), table(2, 1)).await);
    for (cell, line) in [(0, "a"), (1, "b")] {
        let line = line.to_owned();
        let edit = Edit::Cell { at: 0, cell, line };
        fixture
            .sim
            .as_person(&fixture.lin)
            .in_chat(&chat)
            .edit(edit);
    }
    let column = json!([{ "block_id": table, "insert_table_column": { "column_index": -1 } }]);
    update(&fixture, &chat, column).await;
    assert_eq!(fixture.sim.announcement_text(&chat), ["a", "", "b", ""]);
}

#[tokio::test]
async fn containers_take_only_documented_children() {
    let fixture = unlimited().await;
    let chat = fixture.chat();
    let grid = json!({ "block_type": 24, "grid": { "column_size": 2 } });
    let grid = create(&fixture, &chat, chat.as_str(), grid).await;
    let column = grid.json()["data"]["children"][0]["children"][0].clone();
    let column = column.as_str().unwrap();
    let made = create(&fixture, &chat, column, table(1, 1)).await;
    let cell = made.json()["data"]["children"][0]["children"][0].clone();
    let cell = cell.as_str().unwrap();
    let quote = json!({ "block_type": 34, "quote_container": {} });
    for (parent, block, code) in [
        (column, text("x"), 0),
        (
            column,
            json!({ "block_type": 24, "grid": { "column_size": 2 } }),
            1_770_030,
        ),
        (cell, quote, 0),
        (cell, table(1, 1), 1_770_030),
        (chat.as_str(), table(10, 1), 1_770_001),
        (
            chat.as_str(),
            json!({ "block_type": 24, "grid": { "column_size": 6 } }),
            1_770_012,
        ),
        (
            chat.as_str(),
            json!({ "block_type": 32, "table_cell": {} }),
            99_992_402,
        ),
    ] {
        let got = create(&fixture, &chat, parent, block.clone()).await;
        assert_eq!(got.code(), code, "{block}");
    }
    let path = docx_path(&chat, &format!("/blocks/{cell}/children/batch_delete"));
    let all = json!({ "start_index": 0, "end_index": 2 });
    assert_eq!(
        fixture.call("DELETE", &path, Some(all)).await.code(),
        1_770_024
    );
}
