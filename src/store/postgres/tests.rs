//! Tests for several replicas on one database.
#![cfg(feature = "postgres-tests")]

use std::collections::HashMap;
use std::time::Duration;

use feishu::{ExtraRoots, TenantKey};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::migrate::{Migration, migrate_with};
use super::replicas::RENEW_EVERY;
use super::*;
use crate::model::job::JobKind;
use crate::store::tests::{Bench, Place, claimed, job};
use crate::store::{DatabaseUrl, RateLimit, Store, StoreTasks};

mod outages;
mod poolers;

/// Longer than any successful operation takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Another replica on the same database.
struct Replica {
    store: Store,
    _running: StoreTasks,
}

impl Bench {
    async fn replica(&self) -> Replica {
        let (store, running) = self.place.open("cli_1", &self.clock).await.unwrap();
        Replica {
            store,
            _running: running,
        }
    }

    /// Expires the lease under which a job was claimed.
    async fn outlive(&self, job: &Job) {
        let Lease::Expiring(held) = &job.lease else {
            panic!("no lease");
        };
        let sql = format!(
            "UPDATE replicas SET lease_until = lease_until - interval '1 h' WHERE id = {}",
            held.lease().owner()
        );
        self.place.execute(&sql).await;
    }
}

fn database(place: &Place) -> &test_servers::Database {
    match place {
        Place::Server(database) => database,
        Place::Folder(_) => panic!("no server"),
    }
}

fn inner(store: &Store) -> &PostgresStore {
    match &store.database {
        crate::store::Database::Postgres(store) => store,
        crate::store::Database::Sqlite(_) => panic!("no server"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_keep_the_order_of_each_chat() {
    const CHATS: usize = 4;
    const EACH: usize = 15;
    let bench = Bench::on_server().await;
    let replicas = [bench.replica().await, bench.replica().await];
    let stores: Vec<Store> = replicas
        .iter()
        .map(|replica| replica.store.clone())
        .chain([bench.store.clone()])
        .collect();
    for number in 0..CHATS * EACH {
        let acceptor = &stores[number % stores.len()];
        let job = job(
            &format!("oc_{}", number % CHATS),
            &format!("om_{number:03}"),
        );
        acceptor.accept(job).await.unwrap();
    }
    let seen = Arc::new(Mutex::new((
        HashMap::<String, Vec<String>>::new(),
        Vec::new(),
    )));
    let mut workers = JoinSet::new();
    for store in stores.iter().chain(&stores) {
        let (store, seen) = (store.clone(), Arc::clone(&seen));
        workers.spawn(async move {
            while store.queue().await.unwrap().open > 0 {
                let Some(job) = claimed(&store).await else {
                    tokio::task::yield_now().await;
                    continue;
                };
                {
                    let (_, running) = &mut *seen.lock();
                    assert!(!running.contains(&job.chat), "two at once in {}", job.chat);
                    running.push(job.chat.clone());
                }
                tokio::task::yield_now().await;
                {
                    let (done, running) = &mut *seen.lock();
                    running.retain(|chat| *chat != job.chat);
                    done.entry(job.chat.clone())
                        .or_default()
                        .push(job.key.origin.clone());
                }
                store.release(&job, Release::Done).await.unwrap();
            }
        });
    }
    workers.join_all().await;
    let (done, _) = &*seen.lock();
    assert_eq!(done.len(), CHATS);
    for (chat, origins) in done {
        assert_eq!(origins.len(), EACH, "{chat}");
        assert!(origins.is_sorted(), "{chat}: {origins:?}");
    }
}

#[tokio::test]
async fn a_late_commit_notifies_the_worker() {
    let bench = Bench::on_server().await;
    bench.accept("oc_1", "om_1").await;
    let first = bench.claim().await.unwrap();
    bench.store.changed().await;
    let database = database(&bench.place);
    let same = "BEGIN;
        INSERT INTO noticebot.jobs (app, origin, kind, chat, ordered_at, run_at, payload)
        VALUES ('cli_1', 'om_2', 'command', 'oc_1', 0, 0, '')";
    // It has seen the first one running, and now waits for the unique index.
    let held = database.hold(same).await.unwrap();
    let second = bench.accept("oc_1", "om_2");
    let mut second = std::pin::pin!(second);
    let soon = timeout(Duration::from_millis(100), second.as_mut()).await;
    assert!(soon.is_err(), "{soon:?}");
    bench.store.release(&first, Release::Done).await.unwrap();
    bench.store.changed().await;
    assert_eq!(bench.claimed_origin().await, None);
    drop(held);
    assert_eq!(second.await, Accepted::New);
    let woken = timeout(Duration::from_millis(500), bench.store.changed()).await;
    assert!(woken.is_ok(), "it would wait until somebody looks");
    assert_eq!(bench.claimed_origin().await.as_deref(), Some("om_2"));
}

#[tokio::test]
async fn a_claim_reads_few_jobs() {
    let bench = Bench::on_server().await;
    let fill = "INSERT INTO jobs (app, origin, kind, chat, ordered_at, run_at, payload)
        SELECT 'cli_1', 'om_' || i, 'command', 'oc_' || i % 100, i, i, ''
        FROM generate_series(1, 3000) AS numbers (i)";
    bench.place.execute(fill).await;
    let DatabaseUrl::Postgres(url) = bench.place.url() else {
        panic!("no server");
    };
    let connector = Connector::new(&url, &ExtraRoots::default(), Access::Write).unwrap();
    let pool = connector.pool(1).unwrap();
    let mut client = pool.get().await.unwrap();
    let owner = replicas::register(&client, "cli_1").await.unwrap();
    for known in ["DISCARD PLANS", "ANALYZE noticebot.jobs"] {
        client.batch_execute(known).await.unwrap();
        let transaction = client.transaction().await.unwrap();
        // Running jobs are ordered before claimable ones.
        for _ in 0..20 {
            let claimed = queue::claim(
                &transaction,
                "cli_1",
                owner,
                Claimable::All,
                bench.clock.now(),
            )
            .await;
            assert!(matches!(claimed.unwrap(), Claimed::Row(_)));
        }
        let read = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables
            WHERE relname = 'jobs'";
        let read: i64 = transaction.query_one(read, &[]).await.unwrap().get(0);
        assert!(read < 20 * 50, "{read} rows read after {known}");
        transaction.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn concurrent_claims_of_a_chat_run_one_job() {
    let bench = Bench::on_server().await;
    bench.accept("oc_1", "om_2").await;
    let database = database(&bench.place);
    // Another replica has just claimed the only job. An earlier job of the chat was committed late,
    // and becomes visible with it.
    let claimed = database.talk(async |beside| {
        let transaction = beside.transaction().await?;
        let claim = "SET LOCAL search_path = noticebot;
            UPDATE jobs SET state = 'running', owner = (SELECT min(id) FROM replicas)";
        transaction.batch_execute(claim).await?;
        bench.accept("oc_1", "om_1").await;
        let earlier = "UPDATE noticebot.jobs SET ordered_at = ordered_at - 1 WHERE origin = 'om_1'";
        database.execute(earlier).await?;
        let claim = bench.store.claim(Claimable::All);
        let mut claim = std::pin::pin!(claim);
        // It waits for the other claim.
        let soon = timeout(Duration::from_millis(100), claim.as_mut()).await;
        assert!(soon.is_err(), "{soon:?}");
        transaction.commit().await?;
        Ok(timeout(PATIENCE, claim).await.unwrap().unwrap())
    });
    let claimed = claimed.await.unwrap();
    assert!(matches!(claimed, Claim::NothingUntil(_)), "{claimed:?}");
}

#[tokio::test]
async fn jobs_are_taken_over_after_lease_expiry() {
    let bench = Bench::on_server().await;
    let replica = bench.replica().await;
    bench.accept("oc_1", "om_1").await;
    let left = claimed(&replica.store).await.unwrap();
    assert!(bench.claim().await.is_none());
    inner(&bench.store).renew().await.unwrap();
    assert!(bench.claim().await.is_none(), "its lease still holds");

    bench.outlive(&left).await;
    inner(&bench.store).renew().await.unwrap();
    let again = bench.claim().await.unwrap();
    assert_eq!((again.key.clone(), again.crashes), (left.key.clone(), 1));

    // The old owner can change nothing, and learns that it lost the job.
    let store = &replica.store;
    let lost = |result: Result<(), StoreError>| matches!(result, Err(StoreError::Lost));
    assert!(lost(store.save_replying(&left).await));
    assert!(lost(store.save_acknowledgement(&left, "r1".into()).await));
    assert!(lost(store.release(&left, Release::Done).await));
    let conclusion = Conclusion::of(Outcome::Help);
    assert!(lost(store.conclude(&left, conclusion).await.map(drop)));
    bench.accept("oc_2", "om_2").await;
    assert!(matches!(
        store.claim(Claimable::All).await,
        Err(StoreError::Lost)
    ));
    assert_eq!(left.lease.run(std::future::ready(())).await, Some(()));
    inner(store).renew().await.unwrap();
    assert_eq!(left.lease.run(std::future::ready(())).await, None);
    bench.store.release(&again, Release::Done).await.unwrap();

    // It has a new lease by then.
    assert_eq!(claimed(store).await.unwrap().key.origin, "om_2");
}

/// The response to a claim is lost, or work is dropped while the lease seems expired, and the lease
/// is renewed all the same.
#[tokio::test]
async fn orphaned_claims_are_requeued() {
    let bench = Bench::on_server().await;
    let store = inner(&bench.store);
    for (chat, origin) in [("oc_1", "om_1"), ("oc_2", "om_2"), ("oc_3", "om_3")] {
        bench.accept(chat, origin).await;
    }
    let kept = bench.claim().await.unwrap();
    drop(bench.claim().await.unwrap());
    let lost = format!(
        "UPDATE jobs SET state = 'running', owner = {} WHERE origin = 'om_3'",
        store.lease().owner()
    );
    bench.place.execute(&lost).await;
    assert!(bench.claim().await.is_none());

    store.renew().await.unwrap();
    for origin in ["om_2", "om_3"] {
        let again = bench.claim().await.unwrap();
        assert_eq!((&*again.key.origin, again.begun), (origin, true));
        bench.store.release(&again, Release::Done).await.unwrap();
    }
    assert!(bench.claim().await.is_none());
    bench.store.release(&kept, Release::Done).await.unwrap();
    assert_eq!(bench.open().await, 0);
}

#[tokio::test]
async fn a_corrected_clock_blocks_nothing() {
    let bench = Bench::on_server().await;
    let day = Duration::from_hours(24);
    let (tomorrow, _) = Clock::manual(bench.clock.now() + day);
    let (wrong, _running) = bench.place.open("cli_1", &tomorrow).await.unwrap();
    let window = Duration::from_secs(1);
    for _ in 0..7 {
        wrong.next_write_slot(TenantKey::OWN, window).await.unwrap();
    }
    let limited = |until| RateLimit {
        tenant: TenantKey::OWN,
        api: "reply".to_owned(),
        until,
    };
    let until = tomorrow.now() + Duration::from_secs(30);
    wrong.save_limit(limited(until)).await.unwrap();

    let turn = bench
        .store
        .next_write_slot(TenantKey::OWN, window)
        .await
        .unwrap();
    assert_eq!(turn, WriteSlot::At(bench.clock.now()));
    assert_eq!(bench.store.limits().await.unwrap(), []);
    let soon = limited(bench.clock.now() + Duration::from_secs(5));
    bench.store.save_limit(soon.clone()).await.unwrap();
    assert_eq!(bench.store.limits().await.unwrap(), [soon]);
}

#[tokio::test]
async fn a_waiting_callback_notifies_its_receiver() {
    let bench = Bench::on_server().await;
    let listener = Listener::on(&bench.place).await;
    let replica = bench.replica().await;
    bench.accept("oc_1", "om_1").await;
    let before = bench.claim().await.unwrap();
    let mut press = job("oc_1", "ev_1");
    press.key.kind = JobKind::Press;
    replica.store.accept(press).await.unwrap();
    assert!(claimed(&replica.store).await.is_none());

    // A worker here is idle, so the others are not notified of every end.
    let idle = bench.store.changed();
    let mut idle = std::pin::pin!(idle);
    while timeout(Duration::from_millis(50), idle.as_mut())
        .await
        .is_ok()
    {
        idle.set(bench.store.changed());
    }
    // Earlier notifications.
    while listener.is_notified(Duration::from_millis(100)).await {}
    bench.store.release(&before, Release::Done).await.unwrap();
    idle.await;
    assert!(bench.claim().await.is_none(), "it is left to who took it");
    assert!(listener.is_notified(PATIENCE).await);
    assert_eq!(claimed(&replica.store).await.unwrap().key.origin, "ev_1");
}

#[test]
fn an_expired_lease_is_detected_within_ten_seconds() {
    // The lease expires this long after its last renewal, and other replicas check at that time.
    assert!(LEASE < Duration::from_secs(10));
    assert!(RENEW_EVERY * 3 <= LEASE);
}

#[tokio::test]
async fn renewals_return_the_next_lease_expiry() {
    let bench = Bench::on_server().await;
    let next_end = inner(&bench.store).renew().await.unwrap();
    assert_eq!(next_end, None, "nobody else is there");
    let _neighbour = bench.replica().await;
    let next_end = inner(&bench.store).renew().await.unwrap().unwrap();
    assert!(next_end <= LEASE && next_end > LEASE / 2, "{next_end:?}");
}

#[tokio::test]
async fn a_clean_stop_leaves_no_lease() {
    let bench = Bench::on_server().await;
    let replica = bench.replica().await;
    bench.accept("oc_1", "om_1").await;
    // Its worker did not release it in time.
    bench.claim().await.unwrap();
    let place = bench.close().await;
    assert_eq!(place.count("replicas").await, 1);
    assert!(claimed(&replica.store).await.unwrap().begun);
}

#[tokio::test]
async fn a_callback_is_reserved_for_its_receiver() {
    let bench = Bench::on_server().await;
    let replica = bench.replica().await;
    let mut press = job("oc_1", "e_1");
    press.key.kind = JobKind::Press;
    bench.store.accept(press).await.unwrap();
    let Claim::NothingUntil(Some(due)) = replica.store.claim(Claimable::All).await.unwrap() else {
        panic!("it was taken from who waits");
    };
    assert_eq!(due, bench.clock.now() + Duration::from_secs(3));
    assert_eq!(bench.claimed_origin().await.as_deref(), Some("e_1"));

    let mut left = job("oc_2", "e_2");
    left.key.kind = JobKind::Press;
    bench.store.accept(left).await.unwrap();
    bench.hand.advance(Duration::from_secs(3));
    let taken = claimed(&replica.store).await.unwrap();
    assert_eq!(taken.key.origin, "e_2");
}

/// Receives notifications only; no renewal wakes it.
struct Listener {
    notifier: Arc<Notifier>,
    _task: JoinSet<()>,
}

impl Listener {
    async fn on(place: &Place) -> Self {
        let notifier = Arc::new(Notifier::default());
        let DatabaseUrl::Postgres(url) = place.url() else {
            panic!("no server");
        };
        let connector = Connector::new(&url, &ExtraRoots::default(), Access::Write).unwrap();
        let mut task = JoinSet::new();
        let listening = Arc::clone(&notifier);
        let never = Notify::new();
        task.spawn(async move { listening.listen(connector, "cli_1 0", &never).await });
        // It wakes once when it starts to listen.
        timeout(PATIENCE, notifier.notified()).await.unwrap();
        Self {
            notifier,
            _task: task,
        }
    }

    async fn is_notified(&self, within: Duration) -> bool {
        let woken = timeout(within, self.notifier.notified()).await;
        woken == Ok(Wakeup::Notified)
    }
}

#[tokio::test]
async fn replicas_are_notified_of_new_and_ended_jobs() {
    let bench = Bench::on_server().await;
    let listener = Listener::on(&bench.place).await;
    bench.accept("oc_1", "om_1").await;
    assert!(listener.is_notified(PATIENCE).await, "of a new job");
    let job = bench.claim().await.unwrap();
    bench.store.release(&job, Release::Done).await.unwrap();
    assert!(listener.is_notified(PATIENCE).await, "of a job that ended");
}

#[tokio::test]
async fn rate_limits_reach_other_replicas() {
    let bench = Bench::on_server().await;
    let replica = bench.replica().await;
    let heard = || timeout(PATIENCE, replica.store.limits_changed());
    heard().await.expect("it listens");
    let limited = RateLimit {
        tenant: TenantKey::OWN,
        api: "reply".to_owned(),
        until: bench.clock.now() + Duration::from_secs(30),
    };
    bench.store.save_limit(limited.clone()).await.unwrap();
    heard().await.expect("the limit");
    assert_eq!(replica.store.limits().await.unwrap(), [limited]);
}

#[tokio::test]
async fn replicas_share_write_slots() {
    let bench = Bench::on_server().await;
    let replica = bench.replica().await;
    let now = bench.clock.now();
    let window = Duration::from_secs(1);
    let mut turns = Vec::new();
    for number in 0..16 {
        let store = [&bench.store, &replica.store][number % 2];
        turns.push(store.next_write_slot(TenantKey::OWN, window).await.unwrap());
    }
    let after = |seconds| now + Duration::from_secs(seconds);
    for (number, turn) in turns[..15].iter().enumerate() {
        // Five at once, then five per second.
        let second = u64::try_from(number / 5).unwrap();
        assert_eq!(*turn, WriteSlot::At(after(second)), "{number}");
    }
    assert_eq!(turns[15], WriteSlot::AskAgainAt(after(1)));
    bench.hand.advance(Duration::from_secs(10));
    let turn = bench
        .store
        .next_write_slot(TenantKey::OWN, window)
        .await
        .unwrap();
    assert_eq!(turn, WriteSlot::At(bench.clock.now()));
}

#[tokio::test]
async fn concurrent_starts_migrate_once() {
    let database = test_servers::Database::create().await.unwrap();
    let (clock, _) = Clock::manual(Timestamp::UNIX_EPOCH);
    let place = Place::Server(database);
    let starts = (0..6).map(|_| place.open("cli_1", &clock));
    let started = futures_util::future::join_all(starts).await;
    for bot in &started {
        assert!(bot.is_ok(), "{:#}", bot.as_ref().err().unwrap());
    }
    assert_eq!(place.count("migrations").await, 1);
    assert_eq!(place.count("replicas").await, 6);
}

/// Tables after a later release's migration, on which this release must run.
#[tokio::test]
async fn a_release_survives_additive_migrations() {
    let bench = Bench::on_server().await;
    bench.accept("oc_1", "om_1").await;
    let first = bench.claim().await.unwrap();
    bench
        .place
        .execute(
            "ALTER TABLE jobs ADD COLUMN later text; ALTER TABLE changes ADD COLUMN later text;
             CREATE TABLE laters (id bigint);
             INSERT INTO migrations (version, needs) VALUES (2, 1);",
        )
        .await;
    // A running replica with prepared statements, and one that restarts.
    bench.store.release(&first, Release::Done).await.unwrap();
    let replica = bench.replica().await;
    for (store, origin) in [(&bench.store, "om_2"), (&replica.store, "om_3")] {
        store.accept(job("oc_1", origin)).await.unwrap();
        let job = claimed(store).await.unwrap();
        let conclusion = Conclusion::of(Outcome::Help);
        store.conclude(&job, conclusion).await.unwrap();
        store.release(&job, Release::Done).await.unwrap();
    }
    // A kind of the later release is left to it, and so are jobs behind it.
    bench.accept("oc_1", "om_4").await;
    let later = "UPDATE jobs SET kind = 'juggle' WHERE origin = 'om_4'";
    bench.place.execute(later).await;
    bench.accept("oc_1", "om_5").await;
    assert!(bench.claim().await.is_none());
}

#[tokio::test]
async fn newer_tables_are_left_unchanged() {
    let bench = Bench::on_server().await;
    let newer = "INSERT INTO migrations (version, needs) VALUES (2, 2)";
    bench.place.execute(newer).await;
    let Err(error) = bench.place.open("cli_1", &bench.clock).await else {
        panic!("a newer release's tables are used");
    };
    let text = format!("{error:#}");
    assert!(text.contains("newer noticebot"), "{text}");
}

#[tokio::test]
async fn a_failed_migration_changes_nothing() {
    let bench = Bench::on_server().await;
    let broken = [
        Migration {
            statements: "",
            needs: 1,
        },
        Migration {
            statements: "CREATE TABLE laters (id bigint); SELECT nonsense;",
            needs: 1,
        },
    ];
    let mut session = inner(&bench.store).sessions.get().await.unwrap();
    let error = migrate_with(&mut session.client, &broken)
        .await
        .unwrap_err();
    assert!(format!("{error:#}").contains("migration 2"), "{error:#}");
    assert_eq!(bench.place.count("migrations").await, 1);
    assert!(bench.place.open("cli_1", &bench.clock).await.is_ok());
}

#[tokio::test]
async fn unusable_servers_are_named_with_the_remedy() {
    let database = test_servers::Database::create().await.unwrap();
    let (clock, _) = Clock::manual(Timestamp::UNIX_EPOCH);
    let url = database.url();
    let (user, place) = url.split_once('@').unwrap();
    for (url, words) in [
        (format!("postgres://stranger:wrong@{place}"), "stranger"),
        (
            format!("{user}@127.0.0.1:1/bot?sslmode=disable"),
            "NOTICEBOT_DATABASE_URL",
        ),
        (url.replace("/test_", "/missing_"), "does not exist"),
    ] {
        let text = refused(options(&url, &clock)).await;
        assert!(text.contains(words), "{text}");
        assert!(text.contains("NOTICEBOT_DATABASE_URL"), "{text}");
        assert!(!text.contains("wrong"), "{text}");
    }
}

fn options(url: &str, clock: &Clock) -> StoreOptions {
    StoreOptions {
        url: crate::store::DatabaseUrl::parse(url).unwrap(),
        app: "cli_1".to_owned(),
        bounds: Bounds {
            open: 1,
            open_of_chat: 1,
        },
        clock: clock.clone(),
        connections: 3,
        extra_roots: ExtraRoots::default(),
        metrics: Metrics::new(),
        allow_network_file: false,
    }
}

async fn refused(options: StoreOptions) -> String {
    match Store::open(options).await {
        Ok(_) => panic!("it was opened"),
        Err(error) => format!("{error:#}"),
    }
}

#[tokio::test]
async fn a_private_authority_must_be_configured() {
    let made = test_servers::Database::create_with_tls();
    let (_database, url, authority) = made.await.unwrap();
    let (clock, _) = Clock::manual(Timestamp::UNIX_EPOCH);
    let strange = options(&url, &clock);
    let trusting = StoreOptions {
        extra_roots: ExtraRoots::from_pem(authority.as_bytes()).unwrap(),
        ..strange.clone()
    };
    let (store, running) = Store::open(trusting).await.unwrap();
    store.probe().await.unwrap();
    drop(store);
    running.close().await.unwrap();
    let text = refused(strange).await;
    assert!(text.contains("certificate"), "{text}");
    assert!(text.contains("NOTICEBOT_CA_FILE"), "{text}");
}
