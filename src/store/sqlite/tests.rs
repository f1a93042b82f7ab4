//! The store by its promises. The clock is set by hand.

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use feishu::ClockHand;

use super::*;
use crate::change::{Change, ChangeId, Deed, Record, Top};
use crate::content::Document;
use crate::outcome::Done;
use crate::plan::Manner;
use crate::store::{Creation, NewPlan, Step, Written};

const BOUNDS: Bounds = Bounds {
    open: 100,
    open_of_chat: 60,
};

struct Bench {
    store: SqliteStore,
    running: Running,
    hand: ClockHand,
    clock: Clock,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let (clock, hand) = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let (store, running) = SqliteStore::open(&url(&folder), BOUNDS, clock.clone())
            .await
            .unwrap();
        Self {
            store,
            running,
            hand,
            clock,
            folder,
        }
    }

    /// As after a kill: nothing is closed in order.
    async fn killed(self) -> Self {
        let Self {
            store,
            running,
            hand,
            clock,
            folder,
        } = self;
        drop((store, running));
        let (store, running) = loop {
            // The lock goes with the threads, which end by themselves.
            match SqliteStore::open(&url(&folder), BOUNDS, clock.clone()).await {
                Ok(opened) => break opened,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        Self {
            store,
            running,
            hand,
            clock,
            folder,
        }
    }

    async fn accept(&self, chat: &str, origin: &str) -> Accepted {
        self.store.accept(job(chat, origin)).await.unwrap()
    }

    async fn claim(&self) -> Option<Job> {
        match self.store.claim().await.unwrap() {
            Claim::Job(job) => Some(*job),
            Claim::NothingUntil(_) => None,
            Claim::Unreadable => panic!("an unreadable row"),
        }
    }

    async fn conclude(&self, job: &Job, outcome: Outcome) -> Outcome {
        let conclusion = Conclusion {
            outcome,
            record: None,
            plan: None,
            cancels: None,
        };
        self.store.conclude(job, conclusion).await.unwrap()
    }

    async fn claimed_origin(&self) -> Option<String> {
        self.claim().await.map(|job| job.key.origin)
    }
}

fn url(folder: &tempfile::TempDir) -> String {
    format!("sqlite://{}", folder.path().join("bot.db").display())
}

fn job(chat: &str, origin: &str) -> NewJob {
    let key = JobKey {
        app: "cli_1".to_owned(),
        origin: origin.to_owned(),
        step: Step::Command,
    };
    NewJob {
        key,
        chat: chat.to_owned(),
        payload: format!("{{\"of\":\"{origin}\"}}"),
    }
}

#[tokio::test]
async fn a_job_is_taken_once_however_often_it_comes_and_also_after_its_end() {
    let bench = Bench::new().await;
    assert_eq!(bench.accept("oc_1", "om_1").await, Accepted::New);
    assert_eq!(bench.accept("oc_1", "om_1").await, Accepted::Duplicate);
    let job = bench.claim().await.unwrap();
    assert_eq!(bench.accept("oc_1", "om_1").await, Accepted::Duplicate);
    bench.store.release(job.id, Release::Done).await.unwrap();
    let bench = bench.killed().await;
    assert_eq!(bench.accept("oc_1", "om_1").await, Accepted::Duplicate);
    assert_eq!(bench.store.open_jobs(), 0);
}

#[tokio::test]
async fn one_chat_goes_in_order_and_other_chats_beside_it() {
    let bench = Bench::new().await;
    for (chat, origin) in [("oc_1", "om_1"), ("oc_1", "om_2"), ("oc_2", "om_3")] {
        bench.accept(chat, origin).await;
    }
    let first = bench.claim().await.unwrap();
    assert_eq!(first.key.origin, "om_1");
    assert_eq!(bench.claimed_origin().await.as_deref(), Some("om_3"));
    assert_eq!(bench.claimed_origin().await, None);
    bench.store.release(first.id, Release::Done).await.unwrap();
    assert_eq!(bench.claimed_origin().await.as_deref(), Some("om_2"));
}

#[tokio::test]
async fn a_job_that_is_tried_again_holds_up_its_own_chat_until_it_is_due() {
    let bench = Bench::new().await;
    bench.accept("oc_1", "om_1").await;
    bench.accept("oc_1", "om_2").await;
    bench.accept("oc_2", "om_3").await;
    let first = bench.claim().await.unwrap();
    let run_at = bench.clock.now() + Duration::from_secs(5);
    bench
        .store
        .release(first.id, Release::Retry { run_at })
        .await
        .unwrap();
    assert_eq!(bench.claimed_origin().await.as_deref(), Some("om_3"));
    let Claim::NothingUntil(Some(due)) = bench.store.claim().await.unwrap() else {
        panic!("nothing is due yet");
    };
    assert_eq!(due, run_at);
    bench.hand.advance(Duration::from_secs(5));
    let again = bench.claim().await.unwrap();
    assert_eq!((again.key.origin.as_str(), again.retries), ("om_1", 1));
    assert_eq!(again.started_at, first.started_at);
}

#[tokio::test]
async fn what_was_running_at_a_kill_is_ready_again_with_all_that_was_remembered() {
    let bench = Bench::new().await;
    bench.accept("oc_1", "om_1").await;
    let job = bench.claim().await.unwrap();
    let written = Some(Written::Docx {
        creation: Creation {
            calls: 2,
            page_blocks: Vec::new(),
            parents: vec!["dox1".into()],
            whole: 0,
            revision: 7,
        },
        nameless: false,
        former: None,
    });
    let progress = Progress {
        manner: Manner::default(),
        document: Document::from_markdown("**hello**", &[]),
        written,
    };
    let outcome = Outcome::Done(Done::Announced);
    bench.store.save_progress(job.id, &progress).await.unwrap();
    bench.conclude(&job, outcome.clone()).await;
    bench.store.save_replying(job.id).await.unwrap();
    let bench = bench.killed().await;
    let again = bench.claim().await.unwrap();
    assert_eq!(again.crashes, 1);
    assert_eq!(again.payload, job.payload);
    assert_eq!(again.progress, Some(progress));
    assert_eq!(again.outcome, Some(outcome));
    assert_eq!(again.replying_since, Some(bench.clock.now()));
}

#[tokio::test]
async fn a_stop_gives_a_job_back_as_one_that_was_begun() {
    let bench = Bench::new().await;
    bench.accept("oc_1", "om_1").await;
    let job = bench.claim().await.unwrap();
    bench.store.release(job.id, Release::Stopped).await.unwrap();
    let again = bench.claim().await.unwrap();
    assert_eq!((again.retries, again.crashes), (0, 1));
}

#[tokio::test]
async fn a_second_process_on_the_same_file_is_told_what_to_do() {
    let bench = Bench::new().await;
    let Err(error) = SqliteStore::open(&url(&bench.folder), BOUNDS, bench.clock.clone()).await
    else {
        panic!("two processes on one file");
    };
    let text = format!("{error:#}");
    assert!(text.starts_with("another noticebot uses"), "{text}");
    assert!(text.contains("NOTICEBOT_DATABASE_URL"), "{text}");
}

#[tokio::test]
async fn a_full_queue_takes_nothing_more_until_something_ends() {
    let bench = Bench::new().await;
    for number in 0..100 {
        bench
            .accept(&format!("oc_{}", number % 2), &format!("om_{number}"))
            .await;
    }
    assert!(matches!(
        bench.store.accept(job("oc_1", "om_new")).await,
        Err(StoreError::Full)
    ));
    let first = bench.claim().await.unwrap();
    bench.store.release(first.id, Release::Dead).await.unwrap();
    assert_eq!(bench.accept("oc_1", "om_new").await, Accepted::New);
}

#[tokio::test]
async fn a_chat_with_too_many_waiting_is_told_so_once_and_before_all_else() {
    let bench = Bench::new().await;
    for number in 0..60 {
        assert_eq!(
            bench.accept("oc_1", &format!("om_{number}")).await,
            Accepted::New
        );
    }
    for (origin, accepted) in [
        ("om_one_too_many", Accepted::TooManyOfChat),
        ("om_two_too_many", Accepted::TooManyOfChat),
        ("om_59", Accepted::Duplicate),
    ] {
        assert_eq!(bench.accept("oc_1", origin).await, accepted);
    }
    assert_eq!(bench.accept("oc_2", "om_elsewhere").await, Accepted::New);
    assert_eq!(bench.store.open_jobs(), 62);
    let notice = bench.claim().await.unwrap();
    assert_eq!(
        (notice.key.step, notice.payload.contains("one_too_many")),
        (Step::Overflow, true)
    );
    let told = Outcome::Refused(crate::outcome::Refusal::TooManyWaiting);
    assert_eq!(notice.outcome, Some(told));
    bench.store.release(notice.id, Release::Done).await.unwrap();
    let first = bench.claim().await.unwrap();
    bench.store.release(first.id, Release::Done).await.unwrap();
    assert_eq!(bench.accept("oc_1", "om_next").await, Accepted::New);
    assert_eq!(
        bench.accept("oc_1", "om_over_again").await,
        Accepted::TooManyOfChat
    );
    assert_eq!(bench.claim().await.unwrap().key.step, Step::Overflow);
}

#[tokio::test]
async fn events_that_nobody_waits_for_leave_room_for_commands_and_are_not_answered() {
    let bench = Bench::new().await;
    let recalled = |number: usize| {
        let mut job = job("oc_1", &format!("e_{number}"));
        job.key.step = Step::Recalled;
        bench.store.accept(job)
    };
    for number in 0..60 {
        assert_eq!(recalled(number).await.unwrap(), Accepted::New);
    }
    assert_eq!(recalled(60).await.unwrap(), Accepted::TooManyOfChat);
    assert_eq!(recalled(0).await.unwrap(), Accepted::Duplicate);
    assert_eq!(bench.store.open_jobs(), 60);
    assert_eq!(bench.accept("oc_1", "om_1").await, Accepted::New);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_holds_up_nothing() {
    let bench = Bench::new().await;
    bench.accept("oc_1", "om_1").await;
    bench.accept("oc_1", "om_2").await;
    let beside = file::connect(&bench.folder.path().join("bot.db")).unwrap();
    beside
        .execute(
            "UPDATE jobs SET outcome = 'no JSON' WHERE origin = 'om_1'",
            [],
        )
        .unwrap();
    assert!(matches!(
        bench.store.claim().await.unwrap(),
        Claim::Unreadable
    ));
    assert_eq!(bench.store.open_jobs(), 1);
    assert_eq!(bench.claimed_origin().await.as_deref(), Some("om_2"));
}

#[tokio::test]
async fn what_people_wrote_goes_when_the_job_is_done_and_the_row_when_it_is_old() {
    let bench = Bench::new().await;
    bench.accept("oc_1", "om_1").await;
    let job = bench.claim().await.unwrap();
    bench.store.release(job.id, Release::Done).await.unwrap();
    let beside = file::connect(&bench.folder.path().join("bot.db")).unwrap();
    let payload: String = beside
        .query_row("SELECT payload FROM jobs", [], |row| row.get(0))
        .unwrap();
    assert_eq!(payload, "");
    assert_eq!(bench.store.prune(bench.clock.now()).await.unwrap(), 0);
    bench.hand.advance(Duration::from_secs(1));
    assert_eq!(bench.store.prune(bench.clock.now()).await.unwrap(), 1);
    assert_eq!(bench.accept("oc_1", "om_1").await, Accepted::New);
}

#[tokio::test]
async fn many_at_once_are_all_taken_and_all_kept() {
    let bench = Bench::new().await;
    let accepts = (0..90).map(|number| {
        let store = bench.store.clone();
        async move {
            store
                .accept(job(&format!("oc_{number}"), &format!("om_{number}")))
                .await
                .unwrap()
        }
    });
    let taken = futures_util::future::join_all(accepts).await;
    assert!(taken.iter().all(|accepted| *accepted == Accepted::New));
    let bench = bench.killed().await;
    assert_eq!(bench.store.open_jobs(), 90);
}

#[tokio::test]
async fn looking_at_a_database_changes_nothing_in_it() {
    let bench = Bench::new().await;
    bench.accept("oc_1", "om_1").await;
    bench.claim().await.unwrap();
    assert_eq!(
        inspect(&url(&bench.folder)).await.unwrap(),
        Inspected::InUse
    );
    let Bench {
        store,
        running,
        folder,
        ..
    } = bench;
    let (url, database) = (url(&folder), folder.path().join("bot.db"));
    running.close(store).await.unwrap();
    let before = std::fs::read(&database).unwrap();
    assert_eq!(inspect(&url).await.unwrap(), Inspected::Writable);
    assert_eq!(std::fs::read(&database).unwrap(), before);
    let mode = std::fs::metadata(&database).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn closing_in_order_leaves_one_file() {
    let bench = Bench::new().await;
    bench.accept("oc_1", "om_1").await;
    bench.running.close(bench.store).await.unwrap();
    let mut files: Vec<String> = std::fs::read_dir(bench.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["bot.db", "bot.db.lock"]);
}

#[tokio::test]
async fn tables_of_a_newer_release_are_left_alone() {
    let bench = Bench::new().await;
    let (url, database) = (url(&bench.folder), bench.folder.path().join("bot.db"));
    bench.running.close(bench.store).await.unwrap();
    let beside = file::connect(&database).unwrap();
    beside.pragma_update(None, "user_version", 99).unwrap();
    drop(beside);
    let Err(error) = SqliteStore::open(&url, BOUNDS, bench.clock).await else {
        panic!("a newer release's tables are used");
    };
    assert!(
        format!("{error:#}").contains("newer noticebot"),
        "{error:#}"
    );
}

fn top(before: Top, after: Top) -> Record {
    Record {
        deed: Deed::Pin,
        actor: Some("ou_1".into()),
        summary: "what was said".to_owned(),
        result: "done",
        log_id: None,
        change: Some(Change::of_top(before, after)),
        takes_back: None,
    }
}

impl Bench {
    /// A whole job: taken, claimed, concluded, done.
    async fn carry_out(&self, origin: &str, conclusion: impl FnOnce(Conclusion) -> Conclusion) {
        self.accept("oc_1", origin).await;
        let job = self.claim().await.unwrap();
        let conclusion = conclusion(Conclusion {
            outcome: Outcome::Done(Done::Unpinned),
            record: None,
            plan: None,
            cancels: None,
        });
        self.store.conclude(&job, conclusion).await.unwrap();
        self.store.release(job.id, Release::Done).await.unwrap();
    }

    async fn change(&self, origin: &str, after: &str, takes_back: Option<ChangeId>) {
        let record = Record {
            takes_back,
            deed: if takes_back.is_some() {
                Deed::Undo
            } else {
                Deed::Pin
            },
            ..top(Top::Unknown, Top::Message(after.into()))
        };
        self.carry_out(origin, |conclusion| Conclusion {
            record: Some(record),
            ..conclusion
        })
        .await;
    }

    async fn undoable(&self) -> Option<ChangeId> {
        self.store
            .undoable(chat())
            .await
            .unwrap()
            .map(|made| made.id)
    }
}

const PLAN: &str = r#"{"tenant_key":null,"event":{"sender":{"sender_type":"user","sender_id":{"open_id":"ou_1"}},"message":{"message_id":"om_1","create_time":"1609073151345","chat_id":"oc_1","chat_type":"group","message_type":"text","content":"{}"}},"plan":{"expire":{"made_by":"command","deed":"pin","summary":""}}}"#;

fn chat() -> ChatKey {
    ChatKey {
        app: "cli_1".to_owned(),
        chat: "oc_1".to_owned(),
    }
}

#[tokio::test]
async fn changes_are_taken_back_one_after_the_other_and_each_once() {
    let bench = Bench::new().await;
    assert_eq!(bench.undoable().await, None);
    bench.change("om_1", "om_a", None).await;
    bench.change("om_2", "om_b", None).await;
    let second = bench.undoable().await.unwrap();
    bench.change("om_3", "om_a", Some(second)).await;
    let first = bench.undoable().await.unwrap();
    assert!(first.0 < second.0);
    bench.change("om_4", "om_x", Some(first)).await;
    assert_eq!(bench.undoable().await, None);

    let history = bench.store.history(chat(), 10).await.unwrap();
    let told: Vec<_> = history
        .iter()
        .map(|made| (made.deed, made.undone))
        .collect();
    let (undo, pin) = ((Deed::Undo, false), (Deed::Pin, true));
    assert_eq!(told, [undo, undo, pin, pin]);
    assert_eq!(history[0].actor, Some("ou_1".into()));
    let stands = bench.store.latest_top(chat()).await.unwrap();
    assert_eq!(stands, Some(history[0].clone()));
}

#[tokio::test]
async fn only_the_last_twenty_changes_can_be_taken_back() {
    let bench = Bench::new().await;
    for number in 0..22 {
        bench.change(&format!("om_{number}"), "om_a", None).await;
    }
    let mut undone = 0;
    while let Some(change) = bench.undoable().await {
        bench
            .change(&format!("om_undo_{undone}"), "om_a", Some(change))
            .await;
        undone += 1;
    }
    assert_eq!(undone, 20);
}

#[tokio::test]
async fn texts_of_changes_go_first_and_the_rows_later_but_the_top_stays_known() {
    let bench = Bench::new().await;
    bench.change("om_1", "om_a", None).await;
    bench.hand.advance(Duration::from_secs(1));
    let now = bench.clock.now();
    let forget = |texts, rows| bench.store.forget_changes(texts, rows);
    assert_eq!(forget(now, Timestamp::UNIX_EPOCH).await.unwrap(), 1);
    assert_eq!(forget(now, Timestamp::UNIX_EPOCH).await.unwrap(), 0);
    let [made] = &bench.store.history(chat(), 10).await.unwrap()[..] else {
        panic!("one change")
    };
    assert_eq!(made.summary, "");
    assert!(made.change.is_some());
    assert_eq!(forget(now, now).await.unwrap(), 1);
    assert_eq!(bench.store.history(chat(), 10).await.unwrap(), []);
}

#[tokio::test]
async fn planned_work_waits_outside_of_the_queue_and_can_be_dropped_until_it_is_due() {
    let bench = Bench::new().await;
    let due = bench.clock.now() + Duration::from_hours(1);
    for origin in ["om_1", "om_2"] {
        bench
            .carry_out(origin, |conclusion| Conclusion {
                outcome: Outcome::Planned {
                    number: 0,
                    due,
                    at: due,
                    maker: None,
                },
                plan: Some(NewPlan {
                    step: Step::Expire,
                    due,
                    payload: PLAN.to_owned(),
                }),
                ..conclusion
            })
            .await;
    }
    assert_eq!(bench.store.open_jobs(), 0);
    let planned = bench.store.planned(chat()).await.unwrap();
    let numbers: Vec<_> = planned.iter().map(|plan| (plan.number, plan.due)).collect();
    assert_eq!(numbers, [(1, due), (2, due)]);
    assert!(bench.claim().await.is_none());

    let cancels = Some(planned[0].id);
    for (origin, found) in [("om_3", true), ("om_4", false)] {
        bench.accept("oc_1", origin).await;
        let job = bench.claim().await.unwrap();
        let conclusion = Conclusion {
            outcome: Outcome::Done(Done::Unpinned),
            record: None,
            plan: None,
            cancels,
        };
        let outcome = bench.store.conclude(&job, conclusion).await.unwrap();
        assert_eq!(outcome == Outcome::Done(Done::Unpinned), found);
        bench.store.release(job.id, Release::Done).await.unwrap();
    }

    let bench = bench.killed().await;
    assert_eq!(bench.store.open_jobs(), 0);
    bench.hand.advance(Duration::from_hours(1));
    let job = bench.claim().await.unwrap();
    assert_eq!(
        (job.key.origin.as_str(), job.key.step),
        ("om_2", Step::Expire)
    );
    assert_eq!(bench.store.planned(chat()).await.unwrap(), []);
    bench.store.release(job.id, Release::Done).await.unwrap();
    assert_eq!(bench.store.open_jobs(), 0);
}

#[tokio::test]
async fn a_chat_that_was_left_keeps_no_plan_and_no_text() {
    let bench = Bench::new().await;
    bench.change("om_1", "om_a", None).await;
    let due = bench.clock.now() + Duration::from_hours(1);
    bench
        .carry_out("om_2", |conclusion| Conclusion {
            plan: Some(NewPlan {
                step: Step::Expire,
                due,
                payload: PLAN.to_owned(),
            }),
            ..conclusion
        })
        .await;
    bench.accept("oc_1", "om_3").await;
    let given_up = bench.claim().await.unwrap();
    bench
        .store
        .release(given_up.id, Release::Dead)
        .await
        .unwrap();
    bench.store.leave(chat()).await.unwrap();
    assert_eq!(bench.store.planned(chat()).await.unwrap(), []);
    assert_eq!(bench.undoable().await, None);
    let [made] = &bench.store.history(chat(), 10).await.unwrap()[..] else {
        panic!("one change")
    };
    assert_eq!((made.summary.as_str(), &made.change), ("", &None));
    let beside = file::connect(&bench.folder.path().join("bot.db")).unwrap();
    let texts = "SELECT count(*) FROM jobs WHERE payload <> '' OR outcome IS NOT NULL";
    let texts: u32 = beside.query_row(texts, [], |row| row.get(0)).unwrap();
    assert_eq!(texts, 0);
}

#[tokio::test]
async fn the_timed_end_of_a_change_is_what_its_own_job_planned() {
    let bench = Bench::new().await;
    let due = bench.clock.now() + Duration::from_hours(1);
    for (origin, is_timed) in [("om_1", true), ("om_2", false)] {
        let record = top(Top::Unknown, Top::Message(origin.into()));
        let plan = NewPlan {
            step: Step::Expire,
            due,
            payload: PLAN.to_owned(),
        };
        bench
            .carry_out(origin, |conclusion| Conclusion {
                record: Some(record),
                plan: is_timed.then_some(plan),
                ..conclusion
            })
            .await;
    }
    let changes = bench.store.history(chat(), 2).await.unwrap();
    let [second, first] = &changes[..] else {
        panic!("{changes:?}")
    };
    let planned = bench.store.planned(chat()).await.unwrap();
    let timed_end = |made: &Made| bench.store.timed_end(made.id);
    assert_eq!(timed_end(first).await.unwrap(), Some(planned[0].id));
    assert_eq!(timed_end(second).await.unwrap(), None);
    // Once it is under way it is too late to drop it.
    bench.hand.advance(Duration::from_hours(1));
    bench.claim().await.unwrap();
    assert_eq!(timed_end(first).await.unwrap(), None);
}
