//! The whole bot while its database is away, and after that.

use std::process::Stdio;
use std::time::{Duration, Instant};

use feishu_sim::AnnouncementKind::Docx;
use test_servers::{Bouncer, Database};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::harness::Bench;

/// A bot has to work again within this time of its database.
const RECOVERY: Duration = Duration::from_secs(5);
const GLANCE: Duration = Duration::from_millis(20);

impl Bench {
    /// Waits until the bot says that it is ready, or not.
    async fn readiness(&self, status: u16) {
        let asking = async {
            while self.ask("/readyz").await.0 != status {
                sleep(GLANCE).await;
            }
        };
        let asked = timeout(2 * RECOVERY, asking).await;
        assert!(asked.is_ok(), "/readyz is not {status}");
    }

    /// An outage, and what ends it: readiness says so, liveness does not, and commands work again.
    async fn survives(&self, begin: &str, end: &str) {
        let group = self.group(Docx);
        let before = self.say(&group, "/pin announcement").id;
        self.reaction(&before).await;
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        // A connection from before, as an admin has one.
        let admin = self.database().hold(begin).await.unwrap();
        self.database().execute(others).await.ok();
        drop(admin);
        self.readiness(503).await;
        assert_eq!(self.ask("/healthz").await.0, 200);
        self.database().execute(end).await.unwrap();
        let begun = Instant::now();
        self.readiness(200).await;
        let said = self.say(&group, "/unpin").id;
        self.reaction(&said).await;
        let took = begun.elapsed();
        assert!(took < RECOVERY, "{took:?}");
    }

    fn database_name(&self) -> String {
        let url = self.database().url();
        let (_, name) = url.rsplit_once('/').unwrap();
        name.split('?').next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn commands_work_again_after_a_read_only_spell() {
    let bench = Bench::new().await;
    let set = format!(
        "ALTER DATABASE {} SET default_transaction_read_only",
        bench.database_name()
    );
    let (on, off) = (format!("{set} = on"), format!("{set} = off"));
    let off = format!("BEGIN READ WRITE; {off}; COMMIT");
    bench.survives(&on, &off).await;
    bench.survives(&on, &off).await;
    bench.finish().await;
}

#[tokio::test]
async fn commands_work_again_after_tables_were_away() {
    let bench = Bench::new().await;
    let away = "ALTER TABLE noticebot.replicas RENAME TO away";
    let back = "ALTER TABLE noticebot.away RENAME TO replicas";
    bench.survives(away, back).await;
    bench.finish().await;
}

#[tokio::test]
async fn a_check_names_a_pooler_that_shares_sessions() {
    let bench = Bench::new().await;
    let bouncer = Bouncer::start(bench.database(), "transaction", 20).unwrap();
    let shared = bench.database().url_at(&[bouncer.address()]);
    let line = bench.bad_store_line(shared).await;
    assert!(line.contains("pool_mode=session"), "{line}");
    let bouncer = Bouncer::start(bench.database(), "session", 20).unwrap();
    let own = bench.database().url_at(&[bouncer.address()]);
    let (verdict, line) = bench
        .store_line(|config| config.store.database_url = own)
        .await;
    assert_eq!(verdict, "good", "{line}");
    bench.finish().await;
}

/// The program as a process: a value that no release has made ends the task that reads it, and the
/// process with it, so that an orchestrator starts another.
#[tokio::test]
async fn a_background_task_that_ends_ends_the_process_with_1() {
    let bench = Bench::new().await;
    let database = Database::create().await.unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_noticebot"));
    process
        .arg("serve")
        .env_clear()
        .envs(bench.environment())
        .env("NOTICEBOT_DATABASE_URL", database.url())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let child = process.spawn().unwrap();
    let started = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'SELECT pg_notify%'";
    while database.number(started).await.unwrap() == 0 {
        sleep(GLANCE).await;
    }
    let strange = "ALTER TABLE noticebot.jobs ALTER COLUMN place TYPE numeric";
    database.execute(strange).await.unwrap();
    let ended = timeout(4 * RECOVERY, child.wait_with_output()).await;
    let ended = ended.unwrap().unwrap();
    let words = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{words}");
    assert!(
        words.contains("the background task `lease` panicked"),
        "{words}"
    );
    bench.finish().await;
}
