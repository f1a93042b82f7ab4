//! Each background task of a bot is watched.

use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::config::Environment;

const PATIENCE: Duration = Duration::from_secs(10);

/// A bot on this database, which reaches no platform.
async fn bot(database: &str, receive: &str) -> Server {
    let environment: Environment = [
        ("FEISHU_APP_ID", "cli_a1b2c3d4e5f6a7b8"),
        ("FEISHU_APP_SECRET", "secret"),
        ("FEISHU_ENCRYPT_KEY", "key"),
        ("FEISHU_VERIFICATION_TOKEN", "token"),
        ("FEISHU_BASE_URL", "http://127.0.0.1:9"),
        ("FEISHU_RECEIVE", receive),
        ("NOTICEBOT_LISTEN", "127.0.0.1:0"),
        ("NOTICEBOT_ADMIN_LISTEN", "127.0.0.1:0"),
        ("NOTICEBOT_DATABASE_URL", database),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into_iter()
    .collect();
    let config = Config::read(None, &environment).unwrap();
    Server::bind(config, Clock::system()).await.unwrap()
}

/// The names of all background tasks, by the sets that watch them.
async fn sets(database: &str, receive: &str) -> Vec<Vec<&'static str>> {
    let (mut tasks, stop) = (Background::default(), CancellationToken::new());
    let mut running = bot(database, receive).await.start(&mut tasks, &stop);
    let mut sets = vec![tasks.names()];
    sets.extend(running.background().iter().map(|set| set.names()));
    stop.cancel();
    supervise(tasks, running, stop).await.unwrap();
    sets
}

/// The result of the bot after a task of that set panics.
async fn end(database: &str, receive: &str, set: usize, name: &'static str) -> String {
    let (mut tasks, stop) = (Background::default(), CancellationToken::new());
    let mut running = bot(database, receive).await.start(&mut tasks, &stop);
    {
        let mut sets = vec![&mut tasks];
        sets.extend(running.background());
        sets[set].spawn(name, async { panic!("a fault of the task") });
    }
    let ended = timeout(PATIENCE, supervise(tasks, running, stop)).await;
    format!("{:#}", ended.unwrap().unwrap_err())
}

async fn each_task_ends_the_bot(database: &str, receive: &str, expected: &[&str]) {
    let sets = sets(database, receive).await;
    let mut found = sets.concat();
    found.sort_unstable();
    assert_eq!(found, expected);
    for (set, names) in sets.iter().enumerate() {
        for &name in names {
            let ended = end(database, receive, set, name).await;
            let expected = format!("the background task `{name}` panicked: restart the bot");
            assert!(ended.starts_with(&expected), "{ended}");
        }
    }
}

#[tokio::test]
async fn each_background_task_stops_a_sqlite_bot() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite://{}", folder.path().join("bot.db").display());
    let expected = [
        "access",
        "admin listener",
        "checkpointer",
        "clock",
        "console",
        "dispatcher",
        "look at the file",
        "public listener",
        "rate limits",
        "retention",
        "writer",
    ];
    each_task_ends_the_bot(&file, "webhook", &expected).await;
}

#[cfg(feature = "postgres-tests")]
#[tokio::test]
async fn each_background_task_stops_a_postgres_bot() {
    let database = test_servers::Database::create().await.unwrap();
    let expected = [
        "access",
        "admin listener",
        "clock",
        "console",
        "dispatcher",
        "lease",
        "listener",
        "long connection",
        "public listener",
        "rate limits",
        "retention",
    ];
    each_task_ends_the_bot(&database.url(), "long_connection", &expected).await;
}
