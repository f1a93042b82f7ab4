//! Recurring announcements: their pauses, and how long their texts are kept.

use super::edits::announcement;
use super::*;
use crate::model::change::UNDO_AGE;
use crate::model::schedule::ScheduleRow;
use crate::store::{Rewrite, Then};

for_both_stores! {
    a_paused_series_waits_until_it_is_resumed,
    the_latest_text_of_a_series_is_kept,
    a_reason_is_erased_with_the_text,
}

const DAY: Duration = Duration::from_hours(24);

/// The run of a series with this origin.
fn run(origin: &str, number: Option<u32>, due: Timestamp) -> NewSchedule {
    NewSchedule {
        kind: JobKind::Publish,
        origin: Some(origin.to_owned()),
        number,
        ..expiry(due)
    }
}

impl Bench {
    /// A series with the number 1, whose first run is on the next day.
    async fn start_series(&self) {
        let first = run("om_1#1", None, self.clock.now() + DAY);
        self.carry_out("om_1", |conclusion| Conclusion {
            schedules: vec![first],
            ..conclusion
        })
        .await;
    }

    async fn series(&self) -> Option<ScheduleRow> {
        let mut schedules = self.store.schedules(chat()).await.unwrap();
        schedules.pop()
    }

    async fn rewrite(&self, origin: &str, then: Then) {
        let id = self.series().await.unwrap().id;
        let payload = SCHEDULE.to_owned();
        let rewrite = Rewrite { id, payload, then };
        self.carry_out(origin, |conclusion| Conclusion {
            rewrites: Some(rewrite),
            ..conclusion
        })
        .await;
    }

    /// Forgets texts and rows that are old enough; returns how many.
    async fn forget_old(&self) -> usize {
        let before = self.clock.now() - UNDO_AGE;
        let forgotten = self.store.forget_changes(before, before);
        forgotten.await.unwrap()
    }
}

async fn a_paused_series_waits_until_it_is_resumed(bench: Bench) {
    bench.start_series().await;
    bench.rewrite("om_2", Then::Pauses).await;
    bench.hand.advance(DAY * 2);
    let bench = bench.killed().await;
    assert!(bench.claim().await.is_none());
    assert_eq!(bench.series().await.unwrap().number, 1);
    let due = bench.clock.now() + DAY;
    bench.rewrite("om_3", Then::Resumes(due)).await;
    assert!(bench.claim().await.is_none());
    assert_eq!(bench.series().await.unwrap().due, due);
    bench.hand.advance(DAY);
    let job = bench.claim().await.unwrap();
    assert_eq!(job.key.origin, "om_1#1");
    assert!(job.is_first_attempt());
}

/// The next run removes it, also after a pause that is longer than texts are kept.
async fn the_latest_text_of_a_series_is_kept(bench: Bench) {
    bench.start_series().await;
    bench.hand.advance(DAY);
    let job = bench.claim().await.unwrap();
    let next = run("om_1#2", job.number, bench.clock.now() + UNDO_AGE * 3);
    let conclusion = Conclusion {
        record: Some(announcement("standup")),
        schedules: vec![next],
        ..Conclusion::of(Outcome::Done(Done::Announced))
    };
    bench.store.conclude(&job, conclusion).await.unwrap();
    bench.store.release(&job, Release::Done).await.unwrap();
    bench.hand.advance(UNDO_AGE + DAY);
    assert_eq!(bench.forget_old().await, 0);
    bench.rewrite("om_2", Then::Pauses).await;
    assert_eq!(bench.forget_old().await, 0);
    assert!(bench.text(1).await.is_some());
    let id = bench.series().await.unwrap().id;
    bench
        .carry_out("om_3", |conclusion| Conclusion {
            cancels: Some(id),
            ..conclusion
        })
        .await;
    assert!(bench.forget_old().await > 0);
    assert_eq!(bench.store.numbered_change(chat(), 1).await.unwrap(), None);
}

async fn a_reason_is_erased_with_the_text(bench: Bench) {
    let record = ChangeRecord {
        result: ChangeResult::Refused("declined"),
        reason: Some("too long\0".to_owned()),
        ..announcement("lunch")
    };
    bench.record("om_1", record).await;
    let count = async || bench.place.count("changes WHERE reason = 'too long'").await;
    assert_eq!(count().await, 1);
    bench.hand.advance(UNDO_AGE + DAY);
    let before = bench.clock.now() - UNDO_AGE;
    let forgotten = bench.store.forget_changes(before, Timestamp::UNIX_EPOCH);
    assert_eq!(forgotten.await.unwrap(), 1);
    assert_eq!(count().await, 0);
}
