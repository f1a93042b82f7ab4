//! Tables in both kinds of announcement.

use std::time::Duration;

use feishu_sim::AnnouncementKind::{Doc, Docx};
use feishu_sim::{ChatId, Edit, Endpoint, Fault, FirstLine, State, Words};
use serde_json::Value;

use crate::harness::Bench;

const FIRST_LINES: [FirstLine; 3] = [FirstLine::AtOnce, FirstLine::Later, FirstLine::Never];

const TABLE: &str = "/announce Shifts\n| Who | **When** |\n|---|---|\n| Lin | 9:00 |\n| Kai | |";

/// A bot that does not sign entries.
async fn bench(first_line: FirstLine) -> Bench {
    let bench = Bench::with(|builder| builder, "[announce]\nsignature = false").await;
    bench
        .sim
        .change_behaviour(|behaviour| behaviour.docx.first_line = first_line);
    bench
}

/// The rows of the first table, the lines of each cell joined by a slash.
fn rows(bench: &Bench, group: &ChatId) -> Vec<Vec<String>> {
    let document = bench.sim.announcement_document(group);
    let blocks = document["items"].as_array().unwrap();
    let by_id = |id: &Value| blocks.iter().find(|block| block["block_id"] == *id);
    let Some(table) = blocks.iter().find(|block| block["block_type"] == 31) else {
        return Vec::new();
    };
    let line = |block: &Value| -> String {
        let elements = block["text"]["elements"].as_array().unwrap().iter();
        let words = elements.map(|element| {
            let run = element["text_run"]["content"].as_str();
            run.unwrap_or("@").to_owned()
        });
        words.collect()
    };
    let cell = |id: &Value| {
        let children = by_id(id).unwrap()["children"].as_array().cloned();
        let lines = children.unwrap_or_default();
        let lines = lines.iter().map(|id| line(by_id(id).unwrap()));
        lines.collect::<Vec<_>>().join("/")
    };
    let columns = table["table"]["property"]["column_size"].as_u64().unwrap();
    let cells: Vec<String> = table["children"]
        .as_array()
        .unwrap()
        .iter()
        .map(cell)
        .collect();
    let rows = cells.chunks(usize::try_from(columns).unwrap());
    rows.map(<[String]>::to_vec).collect()
}

async fn announced(bench: &Bench, group: &ChatId, command: &str) {
    let command = bench.say(group, command).id;
    bench.idle_in_steps_of(Duration::from_secs(1)).await;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
}

/// A table with that many rows and columns, whose cells are numbered.
fn numbered(row_count: usize, columns: usize) -> (String, Vec<Vec<String>>) {
    let cell = |row: usize, column: usize| format!("{row}.{column}");
    let row = |row: usize| {
        (0..columns)
            .map(|column| cell(row, column))
            .collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> = (0..row_count).map(row).collect();
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| format!("| {} |", row.join(" | ")))
        .collect();
    lines.insert(1, format!("|{}", "---|".repeat(columns)));
    (format!("/announce {}", lines.join("\n")), rows)
}

#[tokio::test]
async fn table_is_written_whatever_cells_contain() {
    for first_line in FIRST_LINES {
        let bench = bench(first_line).await;
        let group = bench.group(Docx);
        let words = Words::from("/announce | Who | **When** |\n|---|---|\n| ").at(&bench.owner);
        let words = words.text(" | 9:00 |\n| Kai | |");
        let said = bench
            .sim
            .as_person(&bench.member)
            .in_chat(&group)
            .say(words);
        bench.idle_in_steps_of(Duration::from_secs(1)).await;
        assert_eq!(bench.reaction(&said.id).await, "Loudspeaker");
        assert_eq!(
            rows(&bench, &group),
            [["Who", "When"], ["@", "9:00"], ["Kai", ""]],
            "{first_line:?}"
        );
        bench.finish().await;
    }
}

#[tokio::test]
async fn cells_that_have_a_line_take_one_call() {
    let bench = bench(FirstLine::AtOnce).await;
    let group = bench.group(Docx);
    let (command, expected) = numbered(9, 9);
    announced(&bench, &group, &command).await;
    assert_eq!(rows(&bench, &group), expected);
    assert_eq!(bench.sim.calls_to(Endpoint::CreateChildren).len(), 1);
    assert_eq!(bench.sim.calls_to(Endpoint::UpdateBlocks).len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn large_tables_grow_by_rows_and_columns() {
    let bench = bench(FirstLine::AtOnce).await;
    let group = bench.group(Docx);
    let (command, expected) = numbered(12, 11);
    announced(&bench, &group, &command).await;
    assert_eq!(rows(&bench, &group), expected);
    // Three rows, two columns, and the texts.
    assert_eq!(bench.sim.calls_to(Endpoint::UpdateBlocks).len(), 6);
    bench.finish().await;
}

#[tokio::test]
async fn tables_over_the_limit_are_text() {
    let bench = bench(FirstLine::AtOnce).await;
    for (rows_of_table, columns) in [(101, 2), (2, 21)] {
        let group = bench.group(Docx);
        let (command, expected) = numbered(rows_of_table, columns);
        announced(&bench, &group, &command).await;
        assert!(rows(&bench, &group).is_empty());
        let text = bench.sim.announcement_text(&group).join("\n");
        for cell in expected.iter().flatten() {
            assert!(text.contains(cell), "{cell}");
        }
    }
    bench.finish().await;
}

#[tokio::test]
async fn legacy_announcements_have_aligned_text() {
    let bench = bench(FirstLine::AtOnce).await;
    let group = bench.group(Doc);
    announced(
        &bench,
        &group,
        "/announce | 项目 | n |\n|---|---|\n| 停电 | 1 |\n| ab | 20 |",
    )
    .await;
    let expected = ["项目 | n", "停电 | 1", "ab   | 20"];
    assert_eq!(bench.sim.announcement_text(&group), expected);
    bench.finish().await;
}

/// Loses the response to each call in turn, and kills the bot then: the table is there once.
#[tokio::test]
async fn kill_after_any_call_writes_the_table_once() {
    let (command, expected) = numbered(10, 3);
    for first_line in FIRST_LINES {
        for endpoint in [
            Endpoint::CreateChildren,
            Endpoint::UpdateBlocks,
            Endpoint::ListBlocks,
            Endpoint::DeleteChildren,
        ] {
            for call in 1.. {
                let mut bench = bench(first_line).await;
                let group = bench.group(Docx);
                (1..call).for_each(|_| bench.sim.fault(endpoint, Fault::Nothing));
                bench.sim.fault(endpoint, Fault::LoseAnswer);
                let said = bench.say(&group, &command).id;
                let reached = |state: &State| {
                    let calls = state.calls_to(endpoint).count();
                    let is_done = !state.reactions(&said).is_empty();
                    (calls >= call || is_done).then_some(calls >= call)
                };
                let is_reached = bench
                    .wait_in_steps_of(Duration::from_secs(1), "the call", reached)
                    .await;
                if is_reached {
                    bench.kill().await;
                }
                bench.idle_in_steps_of(Duration::from_secs(1)).await;
                let name = format!("{first_line:?} {endpoint:?} {call}");
                assert_eq!(rows(&bench, &group), expected, "{name}");
                let document = bench.sim.announcement_document(&group);
                let blocks = document["items"].as_array().unwrap().len();
                assert_eq!(blocks, 1 + 1 + 2 * 30, "{name}");
                bench.finish().await;
                // Each further call is like the last of these.
                if !is_reached || call == 6 {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn undo_removes_a_table_unless_edited() {
    for first_line in FIRST_LINES {
        let bench = bench(first_line).await;
        let group = bench.group(Docx);
        announced(&bench, &group, TABLE).await;
        let answer = bench.reply_to(&group, "/undo").await;
        assert!(bench.sim.announcement_text(&group).is_empty(), "{answer}");
        announced(&bench, &group, TABLE).await;
        let before = bench.sim.announcement_text(&group);
        let line = "Lin".to_owned();
        let edit = Edit::Cell {
            at: 1,
            cell: 4,
            line,
        };
        bench.sim.as_person(&bench.owner).in_chat(&group).edit(edit);
        let answer = bench.reply_to(&group, "/undo").await;
        let after = bench.sim.announcement_text(&group);
        assert_eq!(after.len(), before.len(), "{answer}");
        assert!(after.contains(&"Lin".to_owned()), "{answer}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn person_invisible_in_a_cell_is_named() {
    for first_line in FIRST_LINES {
        let bench = bench(first_line).await;
        let group = bench.group(Docx);
        let guest = bench.sim.add_person_of("other_tenant", "Guest");
        let words = Words::from("/announce | a |\n|---|\n| ")
            .at(&guest)
            .text(" |\n| c |");
        let said = bench
            .sim
            .as_person(&bench.member)
            .in_chat(&group)
            .say(words)
            .id;
        bench.idle_in_steps_of(Duration::from_secs(1)).await;
        assert_eq!(bench.reaction(&said).await, "Loudspeaker");
        assert_eq!(
            rows(&bench, &group),
            [["a"], ["@Guest"], ["c"]],
            "{first_line:?}"
        );
        bench.finish().await;
    }
}

#[tokio::test]
async fn replaced_tables_come_back() {
    for first_line in FIRST_LINES {
        let bench = bench(first_line).await;
        let group = bench.group(Docx);
        let (command, expected) = numbered(11, 2);
        announced(&bench, &group, &command).await;
        announced(&bench, &group, "/announce --replace new").await;
        assert_eq!(bench.sim.announcement_text(&group), ["new"]);
        bench.reply_to(&group, "/undo").await;
        assert_eq!(rows(&bench, &group), expected, "{first_line:?}");
        bench.finish().await;
    }
}
