//! Texts that are edited: their numbers, their present state, and how long they are kept.

use super::*;
use crate::content::Entry;
use crate::model::change::{
    AnnouncementState, EditedChange, PlacedBlocks, PlacedEntry, State, UNDO_AGE,
};

for_both_stores! {
    texts_and_schedules_share_their_numbers,
    an_edit_gives_the_text_its_state,
    the_latest_edit_is_found_until_it_is_undone,
    edits_are_reverted_with_their_text,
    an_edited_text_is_kept_with_its_edit,
}

/// An entry with this text.
fn entry(text: &str) -> PlacedEntry {
    PlacedEntry {
        entry: Entry::new(&Document::from_markdown(text, &[]), None),
        without_mentions: false,
        kind: PlacedBlocks::Doc,
    }
}

fn of_text(kind: ChangeKind, change: Change) -> ChangeRecord {
    ChangeRecord {
        kind,
        change: Some(change),
        ..top(PinnedItem::Unknown, PinnedItem::Unknown)
    }
}

pub(super) fn announcement(text: &str) -> ChangeRecord {
    let after = AnnouncementState::Entry(entry(text));
    let change = Change::of_announcement(AnnouncementState::OtherContent, after);
    of_text(ChangeKind::Announce, change)
}

fn edit(id: ChangeId, [before, after]: [&str; 2]) -> ChangeRecord {
    let change = Change::of_edit(entry(before), entry(after));
    let announcement = Some(AnnouncementState::Entry(entry(after)));
    let after = Some(State {
        announcement,
        ..State::default()
    });
    ChangeRecord {
        edited: Some(EditedChange { id, after }),
        ..of_text(ChangeKind::Edit, change)
    }
}

async fn the_latest_edit_is_found_until_it_is_undone(bench: Bench) {
    bench.record("om_1", announcement("one")).await;
    let made = bench.id_of("om_1").await;
    let latest = async || {
        let latest = bench.store.latest_edit(chat(), made).await.unwrap();
        latest.map(|edit| edit.id)
    };
    assert_eq!(latest().await, None);
    bench.record("om_2", edit(made, ["one", "two"])).await;
    let given_up = ChangeRecord {
        result: ChangeResult::Refused("unreachable"),
        edited: Some(EditedChange {
            id: made,
            after: None,
        }),
        ..edit(made, ["two", "three"])
    };
    bench.record("om_3", given_up).await;
    let [second, third] = [bench.id_of("om_2").await, bench.id_of("om_3").await];
    assert_eq!(latest().await, Some(third));
    bench.revert("om_4", third).await;
    assert_eq!(latest().await, Some(second));
    bench.revert("om_5", second).await;
    assert_eq!(latest().await, None);
}

impl Bench {
    pub(super) async fn record(&self, origin: &str, record: ChangeRecord) {
        self.carry_out(origin, |conclusion| Conclusion {
            record: Some(record),
            ..conclusion
        })
        .await;
    }

    /// The text with this number; `None` if it was erased.
    pub(super) async fn text(&self, number: u32) -> Option<Entry> {
        let made = self.store.numbered_change(chat(), number).await.unwrap();
        let change = made.unwrap().change?;
        Some(change.entry()?.0.entry.clone())
    }

    async fn id_of(&self, origin: &str) -> ChangeId {
        let made = self.store.change_of_message(chat(), &origin.into()).await;
        made.unwrap().unwrap().id
    }

    async fn revert(&self, origin: &str, reverted: ChangeId) {
        let record = ChangeRecord {
            reverts: Some(reverted),
            ..of_text(ChangeKind::Undo, Change::restored(Vec::new()))
        };
        self.record(origin, record).await;
    }
}

async fn texts_and_schedules_share_their_numbers(bench: Bench) {
    bench.record("om_1", announcement("a")).await;
    let due = bench.clock.now() + Duration::from_hours(1);
    for (origin, record) in [("om_2", None), ("om_3", Some(announcement("c")))] {
        bench
            .carry_out(origin, |conclusion| Conclusion {
                record,
                schedules: vec![expiry(due)],
                ..conclusion
            })
            .await;
    }
    bench.change("om_4", "om_a", None).await;
    bench.record("om_5", announcement("d")).await;
    let schedules = bench.store.schedules(chat()).await.unwrap();
    let numbers: Vec<u32> = schedules.iter().map(|schedule| schedule.number).collect();
    // A text and its end have the same number.
    assert_eq!(numbers, [2, 3]);
    for (number, text) in [(1, "a"), (3, "c"), (4, "d")] {
        assert_eq!(bench.text(number).await, Some(entry(text).entry));
    }
    assert_eq!(bench.store.numbered_change(chat(), 2).await.unwrap(), None);
}

async fn an_edit_gives_the_text_its_state(bench: Bench) {
    bench.record("om_1", announcement("a")).await;
    let id = bench.id_of("om_1").await;
    bench.record("om_2", edit(id, ["a", "b"])).await;
    assert_eq!(bench.text(1).await, Some(entry("b").entry));
    let made = bench.store.change_of_message(chat(), &"om_2".into()).await;
    let made = made.unwrap().unwrap();
    assert_eq!((made.edits, made.number), (Some(id), None));
    // It is unknown which text an edit that was given up has left.
    let given_up = ChangeRecord {
        result: ChangeResult::Refused("unclear"),
        edited: Some(EditedChange { id, after: None }),
        ..edit(id, ["b", "c"])
    };
    bench.record("om_3", given_up).await;
    assert_eq!(bench.text(1).await, Some(entry("b").entry));
    assert_eq!(bench.undoable().await, Some(bench.id_of("om_3").await));
}

async fn edits_are_reverted_with_their_text(bench: Bench) {
    for origin in ["om_1", "om_2"] {
        bench.record(origin, announcement("a")).await;
    }
    let [first, second] = [bench.id_of("om_1").await, bench.id_of("om_2").await];
    bench.record("om_3", edit(first, ["a", "b"])).await;
    bench.record("om_4", edit(second, ["a", "b"])).await;
    bench.revert("om_5", second).await;
    assert_eq!(bench.undoable().await, Some(bench.id_of("om_3").await));
    bench.revert("om_6", first).await;
    assert_eq!(bench.undoable().await, None);
}

async fn an_edited_text_is_kept_with_its_edit(bench: Bench) {
    for origin in ["om_1", "om_2"] {
        bench.record(origin, announcement("a")).await;
    }
    let id = bench.id_of("om_1").await;
    let day = Duration::from_hours(24);
    bench.hand.advance(day);
    bench.record("om_3", edit(id, ["a", "b"])).await;
    let forget = async || {
        let before = bench.clock.now() - UNDO_AGE;
        let forgotten = bench.store.forget_changes(before, Timestamp::UNIX_EPOCH);
        forgotten.await.unwrap()
    };
    // Only the texts themselves are that old.
    bench.hand.advance(UNDO_AGE);
    assert_eq!(forget().await, 1);
    assert_eq!(bench.text(1).await, Some(entry("b").entry));
    assert_eq!(bench.text(2).await, None);
    bench.hand.advance(day);
    assert_eq!(forget().await, 2);
    assert_eq!(bench.text(1).await, None);
}
