//! Tests that both stores must pass. The clock is set by hand.

use std::time::Duration;

use feishu::{Clock, ClockHand, ExtraRoots};
use futures_util::future::join_all;
use tempfile::TempDir;
#[cfg(feature = "postgres-tests")]
use test_servers::Database;

use super::*;
use crate::content::Document;
use crate::model::change::{Change, ChangeKind, ChangeRecord, ChangeResult, PinnedItem};
use crate::model::job::{JobKind, Tenant};
use crate::model::outcome::{Done, Scheduled};
use crate::model::progress::{Creation, MediaState, WriteProgress};
use crate::model::refusal::Cause;
use crate::model::schedule::AnnounceOptions;
use crate::model::settings::{Setting, SettingChange};
use crate::supervision::Background;

mod tenants;

const BOUNDS: Bounds = Bounds {
    open: 100,
    open_of_chat: 60,
};
const APP: &str = "cli_1";

impl StoreTasks {
    pub(crate) fn background(&mut self) -> Vec<&mut Background> {
        match self {
            Self::Sqlite(running) => vec![&mut running.threads, &mut running.looking],
            Self::Postgres(running) => vec![&mut running.tasks],
        }
    }
}

pub(super) struct Bench {
    pub(super) store: Store,
    running: StoreTasks,
    pub(super) hand: ClockHand,
    pub(super) clock: Clock,
    pub(super) place: Place,
}

pub(super) enum Place {
    Folder(TempDir),
    #[cfg(feature = "postgres-tests")]
    Server(Database),
}

impl Place {
    pub(super) fn url(&self) -> DatabaseUrl {
        match self {
            Self::Folder(folder) => DatabaseUrl::Sqlite(folder.path().join("bot.db")),
            #[cfg(feature = "postgres-tests")]
            Self::Server(database) => DatabaseUrl::parse(&database.url()).unwrap(),
        }
    }

    pub(super) async fn open(
        &self,
        app: &str,
        clock: &Clock,
    ) -> anyhow::Result<(Store, StoreTasks)> {
        let options = StoreOptions {
            url: self.url(),
            app: app.to_owned(),
            bounds: BOUNDS,
            clock: clock.clone(),
            connections: 5,
            extra_roots: ExtraRoots::default(),
            metrics: Metrics::new(),
            allow_network_file: false,
        };
        Store::open(options).await
    }

    /// Opens the store as after a kill, once the leases of killed replicas have expired.
    async fn open_after_a_kill(&self, clock: &Clock) -> (Store, StoreTasks) {
        #[cfg(feature = "postgres-tests")]
        if let Self::Server(_) = self {
            self.execute("UPDATE replicas SET lease_until = lease_until - interval '9 s'")
                .await;
        }
        loop {
            // The lock of a file is released when the threads end.
            match self.open(APP, clock).await {
                Ok(opened) => return opened,
                Err(error) if error.is::<std::fs::TryLockError>() => {
                    tokio::task::yield_now().await;
                }
                Err(error) => panic!("{error:#}"),
            }
        }
    }

    /// Changes rows over a connection of its own.
    pub(super) async fn execute(&self, sql: &str) {
        match self {
            Self::Folder(folder) => beside(folder).execute_batch(sql).unwrap(),
            #[cfg(feature = "postgres-tests")]
            Self::Server(database) => {
                let sql = format!("SET search_path = noticebot; {sql}");
                database.execute(&sql).await.unwrap();
            }
        }
    }

    /// Counts rows over a connection of its own.
    pub(super) async fn count(&self, what: &str) -> i64 {
        match self {
            Self::Folder(folder) => {
                let sql = format!("SELECT count(*) FROM {what}");
                let row = beside(folder).query_row(&sql, [], |row| row.get(0));
                row.unwrap()
            }
            #[cfg(feature = "postgres-tests")]
            Self::Server(database) => {
                let sql = format!("SELECT count(*) FROM noticebot.{what}");
                database.number(&sql).await.unwrap()
            }
        }
    }
}

fn beside(folder: &TempDir) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.path().join("bot.db")).unwrap()
}

impl Bench {
    pub(super) async fn in_folder() -> Self {
        Self::at(Place::Folder(tempfile::tempdir().unwrap())).await
    }

    #[cfg(feature = "postgres-tests")]
    pub(super) async fn on_server() -> Self {
        Self::at(Place::Server(Database::create().await.unwrap())).await
    }

    async fn at(place: Place) -> Self {
        let (clock, hand) = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        let (store, running) = place.open(APP, &clock).await.unwrap();
        Self {
            store,
            running,
            hand,
            clock,
            place,
        }
    }

    /// Simulates a kill: nothing is closed.
    pub(super) async fn killed(self) -> Self {
        let Self {
            store,
            running,
            hand,
            clock,
            place,
        } = self;
        drop((store, running));
        let (store, running) = place.open_after_a_kill(&clock).await;
        Self {
            store,
            running,
            hand,
            clock,
            place,
        }
    }

    pub(super) async fn accept(&self, chat: &str, origin: &str) -> Accepted {
        self.store.accept(job(chat, origin)).await.unwrap()
    }

    pub(super) async fn claim(&self) -> Option<Job> {
        claimed(&self.store).await
    }

    /// Number of open jobs.
    pub(super) async fn open(&self) -> usize {
        self.store.queue().await.unwrap().open
    }

    async fn conclude(&self, job: &Job, outcome: Outcome) -> Outcome {
        let conclusion = Conclusion::of(outcome);
        self.store.conclude(job, conclusion).await.unwrap()
    }

    pub(super) async fn claimed_origin(&self) -> Option<String> {
        self.claim().await.map(|job| job.key.origin)
    }

    pub(super) fn running(&mut self) -> &mut StoreTasks {
        &mut self.running
    }

    pub(super) async fn close(self) -> Place {
        drop(self.store);
        self.running.close().await.unwrap();
        self.place
    }
}

pub(super) async fn claimed(store: &Store) -> Option<Job> {
    match store.claim(Claimable::All).await.unwrap() {
        Claim::Job(job) => Some(*job),
        Claim::NothingUntil(_) => None,
        Claim::Unreadable => panic!("an unreadable row"),
    }
}

pub(super) fn job(chat: &str, origin: &str) -> NewJob {
    let key = JobKey {
        tenant: Tenant::own(APP),
        origin: origin.to_owned(),
        kind: JobKind::Command,
    };
    NewJob {
        key,
        chat: chat.to_owned(),
        payload: format!("{{\"of\":\"{origin}\"}}"),
        trace: None,
    }
}

/// Generates each test for both stores.
macro_rules! for_both_stores {
    ($($promise:ident,)*) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(super::Bench::in_folder().await).await;
            })*
        }
        #[cfg(feature = "postgres-tests")]
        mod postgres {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(super::Bench::on_server().await).await;
            })*
        }
    };
}

mod broadcasts;
mod edits;
mod grants;
mod panel;
mod series;

for_both_stores! {
    a_redelivered_job_is_accepted_once,
    chats_run_in_order_and_concurrently,
    a_retry_blocks_only_its_own_chat,
    jobs_running_at_a_kill_are_requeued,
    a_stopped_job_counts_as_begun,
    a_lone_job_is_blamed_for_a_crash,
    a_full_queue_rejects_jobs,
    a_full_chat_is_notified_once,
    notices_do_not_count_against_commands,
    an_unreadable_row_blocks_nothing,
    payloads_are_erased_early_and_rows_late,
    concurrent_jobs_are_all_accepted,
    each_change_is_undone_once,
    only_the_last_twenty_changes_are_undoable,
    texts_of_changes_are_erased_before_rows,
    schedules_can_be_cancelled_until_due,
    one_job_schedules_several,
    leaving_a_chat_erases_schedules_and_texts,
    automatic_reverts_belong_to_their_change,
    chat_order_survives_clock_changes,
    jobs_of_other_apps_stay_untouched,
    queue_reports_count_and_oldest_job,
    limits_and_answers_outlive_a_restart,
    any_text_is_stored_unchanged,
    every_change_has_its_quoted_reference,
    a_job_is_found_by_its_reference,
    text_deletion_result_is_stored,
    unknown_settings_are_ignored,
    undo_skips_changes_of_a_later_release,
    unreadable_progress_is_an_error,
    retention_leaves_other_apps_untouched,
    a_failed_request_fails_alone,
}

async fn a_redelivered_job_is_accepted_once(bench: Bench) {
    assert_eq!(bench.accept("oc_1", "om_1").await, Accepted::New);
    assert_eq!(bench.accept("oc_1", "om_1").await, Accepted::Duplicate);
    let job = bench.claim().await.unwrap();
    assert_eq!(bench.accept("oc_1", "om_1").await, Accepted::Duplicate);
    bench.store.release(&job, Release::Done).await.unwrap();
    let bench = bench.killed().await;
    assert_eq!(bench.accept("oc_1", "om_1").await, Accepted::Duplicate);
    assert_eq!(bench.open().await, 0);
}

async fn chats_run_in_order_and_concurrently(bench: Bench) {
    for (chat, origin) in [("oc_1", "om_1"), ("oc_1", "om_2"), ("oc_2", "om_3")] {
        bench.accept(chat, origin).await;
    }
    let first = bench.claim().await.unwrap();
    assert_eq!(first.key.origin, "om_1");
    assert_eq!(bench.claimed_origin().await.as_deref(), Some("om_3"));
    assert_eq!(bench.claimed_origin().await, None);
    bench.store.release(&first, Release::Done).await.unwrap();
    assert_eq!(bench.claimed_origin().await.as_deref(), Some("om_2"));
}

async fn a_retry_blocks_only_its_own_chat(bench: Bench) {
    bench.accept("oc_1", "om_1").await;
    bench.accept("oc_1", "om_2").await;
    bench.accept("oc_2", "om_3").await;
    let first = bench.claim().await.unwrap();
    let run_at = bench.clock.now() + Duration::from_secs(5);
    bench
        .store
        .release(&first, Release::Retry { run_at })
        .await
        .unwrap();
    assert_eq!(bench.claimed_origin().await.as_deref(), Some("om_3"));
    let Claim::NothingUntil(Some(due)) = bench.store.claim(Claimable::All).await.unwrap() else {
        panic!("nothing is due yet");
    };
    assert_eq!(due, run_at);
    bench.hand.advance(Duration::from_secs(5));
    let again = bench.claim().await.unwrap();
    assert_eq!((again.key.origin.as_str(), again.retries), ("om_1", 1));
    assert_eq!(again.started_at, first.started_at);
}

async fn jobs_running_at_a_kill_are_requeued(bench: Bench) {
    bench.accept("oc_1", "om_1").await;
    let job = bench.claim().await.unwrap();
    let written = Some(WriteProgress::Docx {
        creation: Creation {
            calls: 2,
            parents: vec!["dox1".into()],
            media: vec![MediaState::Empty],
            ..Creation::at(7)
        },
        snapshot: None,
    });
    let progress = Progress {
        options: AnnounceOptions::default(),
        document: Document::from_markdown("**hello**", &[]),
        written,
        notification: None,
    };
    let outcome = Outcome::Done(Done::Announced);
    bench.store.save_progress(&job, &progress).await.unwrap();
    bench.conclude(&job, outcome.clone()).await;
    bench.store.save_replying(&job).await.unwrap();
    bench
        .store
        .save_acknowledgement(&job, "r1".into())
        .await
        .unwrap();
    let bench = bench.killed().await;
    let again = bench.claim().await.unwrap();
    assert_eq!(again.acknowledgement, Some("r1".into()));
    assert_eq!(again.crashes, 1);
    assert_eq!(again.payload, job.payload);
    assert_eq!(again.progress, Some(progress));
    assert_eq!(again.outcome, Some(outcome));
    assert_eq!(again.replying_since, Some(bench.clock.now()));
}

async fn a_stopped_job_counts_as_begun(bench: Bench) {
    bench.accept("oc_1", "om_1").await;
    let job = bench.claim().await.unwrap();
    bench.store.release(&job, Release::Stopped).await.unwrap();
    let again = bench.claim().await.unwrap();
    assert_eq!((again.retries, again.crashes, again.begun), (0, 0, true));
    assert!(job.is_first_attempt() && !again.is_first_attempt());
}

async fn a_lone_job_is_blamed_for_a_crash(mut bench: Bench) {
    for number in 1..=3 {
        bench
            .accept(&format!("oc_{number}"), &format!("om_{number}"))
            .await;
    }
    for suspicions in 0..2 {
        for _ in 0..3 {
            let job = bench.claim().await.unwrap();
            assert_eq!((job.crashes, job.suspicions), (0, suspicions));
            assert!(!job.is_suspect());
        }
        bench = bench.killed().await;
    }
    // Each runs alone, after a delay.
    assert!(bench.claim().await.is_none());
    bench.hand.advance(Duration::from_secs(2));
    let suspect = bench.claim().await.unwrap();
    assert!(suspect.is_suspect() && suspect.crashes == 0);
    bench.store.run_alone(&suspect).await.unwrap();
    bench.claim().await.unwrap();
    let bench = bench.killed().await;
    bench.hand.advance(Duration::from_secs(4));
    let counts = async || {
        let job = bench.claim().await.unwrap();
        (job.key.origin, job.crashes, job.suspicions)
    };
    assert_eq!(counts().await, ("om_1".to_owned(), 1, 2));
    assert_eq!(counts().await, ("om_2".to_owned(), 0, 3));
    assert_eq!(counts().await, ("om_3".to_owned(), 0, 2));
}

async fn a_full_queue_rejects_jobs(bench: Bench) {
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
    bench.store.release(&first, Release::Dead).await.unwrap();
    assert_eq!(bench.accept("oc_1", "om_new").await, Accepted::New);
}

async fn a_full_chat_is_notified_once(bench: Bench) {
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
    assert_eq!(bench.open().await, 62);
    let notice = bench.claim().await.unwrap();
    assert_eq!(
        (notice.key.kind, notice.payload.contains("one_too_many")),
        (JobKind::Overflow, true)
    );
    let refused = Outcome::refused(Cause::TooManyWaiting);
    assert_eq!(notice.outcome, Some(refused));
    bench.store.release(&notice, Release::Done).await.unwrap();
    let first = bench.claim().await.unwrap();
    bench.store.release(&first, Release::Done).await.unwrap();
    assert_eq!(bench.accept("oc_1", "om_next").await, Accepted::New);
    assert_eq!(
        bench.accept("oc_1", "om_over_again").await,
        Accepted::TooManyOfChat
    );
    assert_eq!(bench.claim().await.unwrap().key.kind, JobKind::Overflow);
    assert_eq!(bench.place.count("jobs WHERE reference = ''").await, 0);
}

async fn notices_do_not_count_against_commands(bench: Bench) {
    let recalled = |number: usize| {
        let mut job = job("oc_1", &format!("e_{number}"));
        job.key.kind = JobKind::Recalled;
        bench.store.accept(job)
    };
    for number in 0..60 {
        assert_eq!(recalled(number).await.unwrap(), Accepted::New);
    }
    assert_eq!(recalled(60).await.unwrap(), Accepted::TooManyOfChat);
    assert_eq!(recalled(0).await.unwrap(), Accepted::Duplicate);
    assert_eq!(bench.open().await, 60);
    assert_eq!(bench.accept("oc_1", "om_1").await, Accepted::New);
}

async fn an_unreadable_row_blocks_nothing(bench: Bench) {
    bench.accept("oc_1", "om_1").await;
    bench.accept("oc_1", "om_2").await;
    bench
        .place
        .execute("UPDATE jobs SET outcome = 'no JSON' WHERE origin = 'om_1'")
        .await;
    // With other replicas, which may run a later release, the row is requeued for a while.
    while !matches!(
        bench.store.claim(Claimable::All).await.unwrap(),
        Claim::Unreadable
    ) {
        bench.hand.advance(Duration::from_secs(2));
    }
    assert_eq!(bench.open().await, 1);
    assert_eq!(bench.claimed_origin().await.as_deref(), Some("om_2"));
}

async fn payloads_are_erased_early_and_rows_late(bench: Bench) {
    bench.accept("oc_1", "om_1").await;
    let job = bench.claim().await.unwrap();
    bench.store.release(&job, Release::Done).await.unwrap();
    assert_eq!(bench.place.count("jobs WHERE payload = ''").await, 1);
    assert_eq!(bench.store.prune(bench.clock.now()).await.unwrap(), 0);
    bench.hand.advance(Duration::from_secs(1));
    assert_eq!(bench.store.prune(bench.clock.now()).await.unwrap(), 1);
    assert_eq!(bench.accept("oc_1", "om_1").await, Accepted::New);
}

async fn concurrent_jobs_are_all_accepted(bench: Bench) {
    let accepts = (0..90).map(|number| {
        let store = bench.store.clone();
        async move {
            store
                .accept(job(&format!("oc_{number}"), &format!("om_{number}")))
                .await
                .unwrap()
        }
    });
    let accepted = join_all(accepts).await;
    assert!(accepted.iter().all(|accepted| *accepted == Accepted::New));
    let bench = bench.killed().await;
    assert_eq!(bench.open().await, 90);
}

fn top(before: PinnedItem, after: PinnedItem) -> ChangeRecord {
    ChangeRecord {
        kind: ChangeKind::Pin,
        actor: Some("ou_1".into()),
        approver: Some("ou_2".into()),
        summary: "what was said".to_owned(),
        result: ChangeResult::Done,
        reason: None,
        log_id: None,
        change: Some(Change::of_top(before, after)),
        reverts: None,
        edited: None,
    }
}

impl Bench {
    /// A complete job: accepted, claimed, concluded, released.
    async fn carry_out(&self, origin: &str, conclusion: impl FnOnce(Conclusion) -> Conclusion) {
        self.accept("oc_1", origin).await;
        let job = self.claim().await.unwrap();
        let conclusion = conclusion(Conclusion::of(Outcome::Done(Done::Unpinned)));
        Box::pin(self.store.conclude(&job, conclusion))
            .await
            .unwrap();
        self.store.release(&job, Release::Done).await.unwrap();
    }

    async fn change(&self, origin: &str, after: &str, reverts: Option<ChangeId>) {
        let record = ChangeRecord {
            reverts,
            kind: if reverts.is_some() {
                ChangeKind::Undo
            } else {
                ChangeKind::Pin
            },
            ..top(PinnedItem::Unknown, PinnedItem::Message(after.into()))
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

const SCHEDULE: &str = r#"{"tenant_key":null,"event":{"sender":{"sender_type":"user","sender_id":{"open_id":"ou_1"}},"message":{"message_id":"om_1","create_time":"1609073151345","chat_id":"oc_1","chat_type":"group","message_type":"text","content":"{}"}},"schedule":{"expire":{"made_by":"command","kind":"pin","summary":""}}}"#;

fn expiry(due: Timestamp) -> NewSchedule {
    NewSchedule {
        kind: JobKind::Expire,
        origin: None,
        number: None,
        due,
        payload: SCHEDULE.to_owned(),
        is_paused: false,
    }
}

fn chat() -> ChatKey {
    ChatKey {
        tenant: Tenant::own(APP),
        chat: "oc_1".to_owned(),
    }
}

async fn each_change_is_undone_once(bench: Bench) {
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
    let found: Vec<_> = history
        .iter()
        .map(|made| (made.kind, made.undone))
        .collect();
    let (undo, pin) = ((ChangeKind::Undo, false), (ChangeKind::Pin, true));
    assert_eq!(found, [undo, undo, pin, pin]);
    assert_eq!(history[0].actor, Some("ou_1".into()));
    let stands = bench.store.latest_top(chat()).await.unwrap();
    assert_eq!(stands, Some(history[0].clone()));
}

async fn only_the_last_twenty_changes_are_undoable(bench: Bench) {
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

async fn texts_of_changes_are_erased_before_rows(bench: Bench) {
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

async fn schedules_can_be_cancelled_until_due(bench: Bench) {
    let due = bench.clock.now() + Duration::from_hours(1);
    for origin in ["om_1", "om_2"] {
        bench
            .carry_out(origin, |conclusion| Conclusion {
                outcome: Outcome::Scheduled(Scheduled {
                    number: 0,
                    due,
                    at: due,
                    job_ref: None,
                    summary: String::new(),
                    options: AnnounceOptions::default(),
                    to: None,
                    every: None,
                }),
                schedules: vec![expiry(due)],
                ..conclusion
            })
            .await;
    }
    assert_eq!(bench.open().await, 0);
    let schedules = bench.store.schedules(chat()).await.unwrap();
    let numbers: Vec<_> = schedules
        .iter()
        .map(|schedule| (schedule.number, schedule.due))
        .collect();
    assert_eq!(numbers, [(1, due), (2, due)]);
    assert!(bench.claim().await.is_none());

    let cancels = Some(schedules[0].id);
    for (origin, found) in [("om_3", true), ("om_4", false)] {
        bench.accept("oc_1", origin).await;
        let job = bench.claim().await.unwrap();
        let conclusion = Conclusion {
            cancels,
            ..Conclusion::of(Outcome::Done(Done::Unpinned))
        };
        let outcome = bench.store.conclude(&job, conclusion).await.unwrap();
        assert_eq!(outcome == Outcome::Done(Done::Unpinned), found);
        bench.store.release(&job, Release::Done).await.unwrap();
    }

    let bench = bench.killed().await;
    assert_eq!(bench.open().await, 0);
    bench.hand.advance(Duration::from_hours(1));
    let job = bench.claim().await.unwrap();
    assert_eq!(
        (job.key.origin.as_str(), job.key.kind),
        ("om_2", JobKind::Expire)
    );
    assert_eq!(bench.store.schedules(chat()).await.unwrap(), []);
    bench.store.release(&job, Release::Done).await.unwrap();
    assert_eq!(bench.open().await, 0);
    assert_eq!(bench.place.count("jobs WHERE reference = ''").await, 0);
}

async fn one_job_schedules_several(bench: Bench) {
    let due = bench.clock.now() + Duration::from_hours(1);
    let publish = |origin: Option<&str>, number| NewSchedule {
        kind: JobKind::Publish,
        origin: origin.map(str::to_owned),
        number,
        ..expiry(due)
    };
    for origin in ["om_1", "om_2"] {
        let runs = [
            publish(None, None),
            publish(Some("om_x#2"), Some(7)),
            publish(Some("om_y#2"), None),
        ];
        bench
            .carry_out(origin, |conclusion| Conclusion {
                schedules: runs.to_vec(),
                ..conclusion
            })
            .await;
    }
    let schedules = bench.store.schedules(chat()).await.unwrap();
    let found: Vec<_> = schedules
        .iter()
        .map(|schedule| (schedule.job_ref.origin.as_str(), schedule.number))
        .collect();
    // What has an origin of its own is scheduled once.
    let expected = [("om_1", 1), ("om_x#2", 7), ("om_y#2", 8), ("om_2", 9)];
    assert_eq!(found, expected);
}

async fn leaving_a_chat_erases_schedules_and_texts(bench: Bench) {
    bench.change("om_1", "om_a", None).await;
    let due = bench.clock.now() + Duration::from_hours(1);
    bench
        .carry_out("om_2", |conclusion| Conclusion {
            schedules: vec![expiry(due)],
            ..conclusion
        })
        .await;
    bench.accept("oc_1", "om_3").await;
    let failed = bench.claim().await.unwrap();
    bench.store.release(&failed, Release::Dead).await.unwrap();
    bench.store.leave(chat()).await.unwrap();
    assert_eq!(bench.store.schedules(chat()).await.unwrap(), []);
    assert_eq!(bench.undoable().await, None);
    let [made] = &bench.store.history(chat(), 10).await.unwrap()[..] else {
        panic!("one change")
    };
    assert_eq!((made.summary.as_str(), &made.change), ("", &None));
    let texts = "jobs WHERE payload <> '' OR outcome IS NOT NULL";
    assert_eq!(bench.place.count(texts).await, 0);
}

async fn automatic_reverts_belong_to_their_change(bench: Bench) {
    let due = bench.clock.now() + Duration::from_hours(1);
    for (origin, is_timed) in [("om_1", true), ("om_2", false)] {
        let record = top(PinnedItem::Unknown, PinnedItem::Message(origin.into()));
        let schedule = is_timed.then(|| expiry(due));
        bench
            .carry_out(origin, |conclusion| Conclusion {
                record: Some(record),
                schedules: schedule.into_iter().collect(),
                ..conclusion
            })
            .await;
    }
    let changes = bench.store.history(chat(), 2).await.unwrap();
    let [second, first] = &changes[..] else {
        panic!("{changes:?}")
    };
    let schedules = bench.store.schedules(chat()).await.unwrap();
    let timed_end = |made: &RecordedChange| bench.store.timed_end(made.id);
    assert_eq!(timed_end(first).await.unwrap(), Some(schedules[0].id));
    assert_eq!(timed_end(second).await.unwrap(), None);
    // A running schedule can no longer be cancelled.
    bench.hand.advance(Duration::from_hours(1));
    bench.claim().await.unwrap();
    assert_eq!(timed_end(first).await.unwrap(), None);
}

async fn chat_order_survives_clock_changes(bench: Bench) {
    bench.accept("oc_1", "om_1").await;
    // As if another replica's clock were behind.
    bench
        .place
        .execute("UPDATE jobs SET ordered_at = ordered_at + 60000, run_at = run_at + 60000")
        .await;
    bench.accept("oc_1", "om_2").await;
    bench.accept("oc_2", "om_3").await;
    assert_eq!(bench.claimed_origin().await.as_deref(), Some("om_3"));
    assert_eq!(bench.claimed_origin().await, None);
    bench.hand.advance(Duration::from_mins(1));
    assert_eq!(bench.claimed_origin().await.as_deref(), Some("om_1"));
}

async fn jobs_of_other_apps_stay_untouched(bench: Bench) {
    let mut foreign = job("oc_1", "om_1");
    foreign.key.tenant.app = "cli_2".to_owned();
    bench.store.accept(foreign).await.unwrap();
    bench.accept("oc_1", "om_1").await;
    let own = bench.claim().await.unwrap();
    assert_eq!(own.key.tenant.app, APP);
    bench.store.release(&own, Release::Done).await.unwrap();
    assert!(bench.claim().await.is_none());
    assert_eq!(bench.store.queue().await.unwrap().open, 0);
}

async fn queue_reports_count_and_oldest_job(bench: Bench) {
    let empty = Queue {
        deliveries: 0,
        open: 0,
        oldest: None,
    };
    assert_eq!(bench.store.queue().await.unwrap(), empty);
    let first = bench.clock.now();
    bench.accept("oc_1", "om_1").await;
    bench.hand.advance(Duration::from_secs(5));
    bench.accept("oc_2", "om_2").await;
    let queue = |open, oldest| Queue {
        deliveries: 0,
        open,
        oldest: Some(oldest),
    };
    assert_eq!(bench.store.queue().await.unwrap(), queue(2, first));
    let job = bench.claim().await.unwrap();
    assert_eq!(bench.store.queue().await.unwrap(), queue(2, first));
    bench.store.release(&job, Release::Done).await.unwrap();
    let second = bench.clock.now();
    assert_eq!(bench.store.queue().await.unwrap(), queue(1, second));
}

async fn limits_and_answers_outlive_a_restart(bench: Bench) {
    let now = bench.clock.now();
    let limited = |api: &str, seconds| RateLimit {
        tenant: TenantKey::OWN,
        api: api.to_owned(),
        until: now + Duration::from_secs(seconds),
    };
    for (api, seconds) in [("reply", 30), ("reply", 10), ("get_chat", 1)] {
        bench.store.save_limit(limited(api, seconds)).await.unwrap();
    }
    let at = |seconds| now + Duration::from_secs(seconds);
    let to = |person: &str, reason| Recipient {
        chat: chat(),
        person: person.into(),
        reason,
    };
    for seconds in [5, 3] {
        let recorded = bench
            .store
            .record_answer(to("ou_1", "by_mode"), at(seconds));
        recorded.await.unwrap();
    }
    let bench = bench.killed().await;
    bench.hand.advance(Duration::from_secs(1));
    assert_eq!(bench.store.limits().await.unwrap(), [limited("reply", 30)]);
    let last = |person, reason| bench.store.last_answer(to(person, reason));
    assert_eq!(last("ou_1", "by_mode").await.unwrap(), Some(at(5)));
    assert_eq!(last("ou_1", "deny_listed").await.unwrap(), None);
    assert_eq!(last("ou_2", "by_mode").await.unwrap(), None);
    bench.hand.advance(Duration::from_hours(1));
    let now = bench.clock.now();
    bench.store.forget_changes(now, now).await.unwrap();
    assert_eq!(last("ou_1", "by_mode").await.unwrap(), None);
    assert_eq!(bench.place.count("limits").await, 0);
}

async fn any_text_is_stored_unchanged(bench: Bench) {
    let odd = "NUL \0, quotes ' \" \\, 公告 📌, a line\nbreak";
    let record = ChangeRecord {
        summary: odd.to_owned(),
        ..top(PinnedItem::Unknown, PinnedItem::Message("om_a".into()))
    };
    bench
        .carry_out("om_1", |conclusion| Conclusion {
            record: Some(record),
            ..conclusion
        })
        .await;
    let history = bench.store.history(chat(), 1).await.unwrap();
    assert_eq!(history[0].summary.replace('\0', ""), odd.replace('\0', ""));
}

/// No other row is read: the column alone decides.
async fn a_job_is_found_by_its_reference(bench: Bench) {
    bench.accept("oc_1", "om_1").await;
    bench.accept("oc_1", "om_2").await;
    let reference = job("oc_1", "om_2").key.reference();
    let desk = AdminStore::open(&bench.place.url(), &ExtraRoots::default()).await;
    let (desk, now) = (desk.unwrap(), bench.clock.now());
    let found = desk.job(APP, &reference, false, now).await.unwrap();
    assert_eq!((&*found.origin, found.reference), ("om_2", reference));
    let other = "UPDATE jobs SET reference = '01234567' WHERE origin = 'om_1'";
    bench.place.execute(other).await;
    let found = desk.job(APP, "01234567", false, now).await.unwrap();
    assert_eq!(found.origin, "om_1");
    assert!(desk.job(APP, "76543210", false, now).await.is_err());
}

async fn every_change_has_its_quoted_reference(bench: Bench) {
    bench.change("om_1", "om_a", None).await;
    let reference = job("oc_1", "om_1").key.reference();
    let known = format!("changes WHERE reference = '{reference}'");
    assert_eq!(bench.place.count(&known).await, 1);
}

/// A row that only a later release can read does not hide the others.
async fn unknown_settings_are_ignored(bench: Bench) {
    let setting = Setting::Language;
    let change = SettingChange {
        setting,
        old: None,
        new: setting.stored("zh"),
    };
    bench
        .carry_out("om_1", |conclusion| Conclusion {
            sets: Some(change),
            ..conclusion
        })
        .await;
    let known = bench.store.group_settings(&chat()).await.unwrap();
    for row in ["'color', 'red'", "'mode', 'hologram'"] {
        let columns = "app, tenant, chat, name, value, changed_at";
        let of_chat = format!("'{APP}', '', 'oc_1', {row}, 0");
        let sql = format!("INSERT INTO settings ({columns}) VALUES ({of_chat})");
        bench.place.execute(&sql).await;
    }
    let found = bench.store.group_settings(&chat()).await.unwrap();
    assert_eq!(found, known);
    assert_eq!(found.get(setting), setting.stored("zh").as_ref());
}

async fn text_deletion_result_is_stored(bench: Bench) {
    assert_eq!(bench.store.can_delete_text(chat()).await.unwrap(), None);
    for can_delete_text in [false, true, true, false] {
        let saved = bench.store.save_can_delete_text(chat(), can_delete_text);
        saved.await.unwrap();
        let known = bench.store.can_delete_text(chat()).await.unwrap();
        assert_eq!(known, Some(can_delete_text));
    }
    let other = ChatKey {
        chat: "oc_other".to_owned(),
        ..chat()
    };
    assert_eq!(bench.store.can_delete_text(other).await.unwrap(), None);
}

async fn undo_skips_changes_of_a_later_release(bench: Bench) {
    bench.change("om_1", "om_a", None).await;
    let older = bench.undoable().await.unwrap();
    for (origin, unknown) in [
        ("om_2", r#"after = '{"top":"hologram"}'"#),
        ("om_3", "kind = 'hologram'"),
    ] {
        bench.change(origin, "om_b", None).await;
        let sql = format!("UPDATE changes SET {unknown} WHERE origin = '{origin}'");
        bench.place.execute(&sql).await;
        assert_eq!(bench.undoable().await, Some(older), "{unknown}");
    }
}

async fn unreadable_progress_is_an_error(bench: Bench) {
    bench.accept("oc_1", "om_1").await;
    let job = bench.claim().await.unwrap();
    assert_eq!(bench.store.progress(&job).await.unwrap(), None);
    bench
        .place
        .execute("UPDATE jobs SET progress = '{\"hologram\":1}'")
        .await;
    let read = bench.store.progress(&job).await;
    assert!(matches!(read, Err(StoreError::Database)), "{read:?}");
}

async fn retention_leaves_other_apps_untouched(bench: Bench) {
    bench.change("om_1", "om_a", None).await;
    let to = Recipient {
        chat: chat(),
        person: "ou_1".into(),
        reason: "by_mode",
    };
    let recorded = bench.store.record_answer(to, bench.clock.now());
    recorded.await.unwrap();
    let limited = RateLimit {
        tenant: TenantKey::OWN,
        api: "reply".to_owned(),
        until: bench.clock.now(),
    };
    bench.store.save_limit(limited).await.unwrap();
    bench.accept("oc_1", "om_2").await;
    let _held = bench.claim().await.unwrap();
    for table in ["jobs", "changes", "answers", "limits"] {
        let sql = format!("UPDATE {table} SET app = 'cli_other'");
        bench.place.execute(&sql).await;
    }
    // On a server, the job's replica belongs to the other app as well.
    #[cfg(feature = "postgres-tests")]
    if let Place::Server(_) = &bench.place {
        let replica = "UPDATE replicas SET app = 'cli_other'";
        bench.place.execute(replica).await;
    }
    let bench = bench.killed().await;
    bench.hand.advance(Duration::from_hours(1));
    let now = bench.clock.now();
    assert_eq!(bench.store.prune(now).await.unwrap(), 0);
    assert_eq!(bench.store.forget_changes(now, now).await.unwrap(), 0);
    for (rows, count) in [
        ("jobs", 2),
        ("jobs WHERE state = 'running' AND crashes = 0", 1),
        ("changes WHERE after IS NOT NULL", 1),
        ("answers", 1),
        ("limits", 1),
    ] {
        assert_eq!(bench.place.count(rows).await, count, "{rows}");
    }
}

async fn a_failed_request_fails_alone(bench: Bench) {
    bench.accept("oc_1", "om_1").await;
    let job = bench.claim().await.unwrap();
    bench
        .place
        .execute("UPDATE jobs SET progress = 'no JSON'")
        .await;
    // Sent together, so that one transaction may execute all of them.
    let accepted = (0..20).map(|number| {
        let new = self::job("oc_2", &format!("om_2{number}"));
        bench.store.accept(new)
    });
    let failed = (0..20).map(|_| bench.store.progress(&job));
    let (accepted, failed) = tokio::join!(join_all(accepted), join_all(failed));
    assert!(failed.iter().all(Result::is_err));
    for accepted in accepted {
        assert_eq!(accepted.unwrap(), Accepted::New);
    }
    assert_eq!(bench.open().await, 21);
}
