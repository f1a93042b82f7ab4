//! Tests with a pooler between the bot and its server.

use test_servers::{Bouncer, Database};

use super::*;

async fn tables_outside(database: &Database) -> i64 {
    let ours = "SELECT count(*) FROM pg_class
        WHERE relnamespace NOT IN (
            SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_' OR nspname = 'information_schema')";
    database.number(ours).await.unwrap()
}

#[tokio::test]
async fn a_sharing_pooler_is_rejected_before_any_change() {
    let (clock, _) = Clock::manual(Timestamp::UNIX_EPOCH);
    for (mode, size) in [("transaction", 20), ("transaction", 1), ("statement", 20)] {
        let database = Database::create().await.unwrap();
        let bouncer = Bouncer::start(&database, mode, size).unwrap();
        let url = database.url_at(&[bouncer.address()]);
        let text = refused(options(&url, &clock)).await;
        assert!(text.contains("pool_mode=session"), "{mode}: {text}");
        assert!(text.contains("NOTICEBOT_DATABASE_URL"), "{mode}: {text}");
        assert_eq!(tables_outside(&database).await, 0, "{mode}");
        let DatabaseUrl::Postgres(server) = DatabaseUrl::parse(&url).unwrap() else {
            panic!("no server");
        };
        let seen = inspect(&server, "cli_1", &ExtraRoots::default()).await;
        assert!(seen.unwrap().shared_sessions, "{mode}");
    }
}

/// Other clients use sessions at the same time, and some sessions are idle.
#[tokio::test]
async fn a_busy_sharing_pooler_is_detected() {
    let database = Database::create().await.unwrap();
    let bouncer = Bouncer::start(&database, "transaction", 20).unwrap();
    let url = database.url_at(&[bouncer.address()]);
    let mut others = JoinSet::new();
    for _ in 0..6 {
        let url = url.clone();
        others.spawn(async move {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
                .await
                .unwrap();
            let work = async {
                loop {
                    client.simple_query("SELECT 1").await.unwrap();
                }
            };
            tokio::select! {
                () = work => {}
                _ = connection => {}
            }
        });
    }
    let (clock, _) = Clock::manual(Timestamp::UNIX_EPOCH);
    for _ in 0..5 {
        let text = refused(options(&url, &clock)).await;
        assert!(text.contains("pool_mode=session"), "{text}");
    }
}

/// Such a pooler accepts all connections and lets some wait.
#[tokio::test]
async fn a_pooler_with_few_sessions_is_named() {
    let database = Database::create().await.unwrap();
    let try_with = async |size| {
        let bouncer = Bouncer::start(&database, "session", size).unwrap();
        let url = database.url_at(&[bouncer.address()]).parse().unwrap();
        let connector = Connector::new(&url, &ExtraRoots::default(), Access::Write).unwrap();
        start::try_to_open(&connector, 3).await
    };
    let (one, two, three) = tokio::join!(try_with(1), try_with(2), try_with(3));
    for refused in [one, two] {
        let unreachable = refused.err().unwrap().to_string();
        assert!(unreachable.contains("`default_pool_size`"), "{unreachable}");
    }
    assert!(matches!(three, Ok(Some(_))));
}

#[tokio::test]
async fn a_session_pooler_works() {
    let database = Database::create().await.unwrap();
    let bouncer = Bouncer::start(&database, "session", 20).unwrap();
    let url = database.url_at(&[bouncer.address()]);
    let (clock, _) = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
    let (store, running) = Store::open(options(&url, &clock)).await.unwrap();
    store.accept(job("oc_1", "om_1")).await.unwrap();
    let job = claimed(&store).await.unwrap();
    store.release(&job, Release::Done).await.unwrap();
    store.probe().await.unwrap();
    // Everything created is in our schema.
    let elsewhere = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(database.number(elsewhere).await.unwrap(), 0);
    drop(store);
    running.close().await.unwrap();
}
