//! The whole bot while its database is away, and after that.

use std::time::{Duration, Instant};

use feishu_sim::AnnouncementKind::Docx;
use noticebot::admin::Admin;
use test_servers::Bouncer;
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
async fn the_console_opens_another_connection_when_it_lost_one() {
    let bench = Bench::new().await;
    let url = format!("http://{}/jobs", bench.admin_address());
    assert_eq!(bench.get(&url).await.0, 200);
    let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    bench.database().execute(all).await.ok();
    bench.readiness(200).await;
    assert_eq!(bench.get(&url).await.0, 200);
    bench.finish().await;
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
        .store_line(|config| config.store.database_url = own.parse().unwrap())
        .await;
    assert_eq!(verdict, "good", "{line}");
    bench.finish().await;
}

#[tokio::test]
async fn commands_work_again_after_columns_had_another_type() {
    let bench = Bench::new().await;
    let strange = format!(
        "ALTER TABLE noticebot.replicas ALTER COLUMN probed_at TYPE bool USING NULL;
         ALTER TABLE noticebot.limits ALTER COLUMN api TYPE bytea USING convert_to(api, 'UTF8');
         INSERT INTO noticebot.limits (app, api, until) VALUES ('{}', '\\x00', {})",
        bench.sim.app().app_id,
        bench.sim.clock().now_ms() + 600_000
    );
    let usual = "ALTER TABLE noticebot.replicas
             ALTER COLUMN probed_at TYPE timestamptz USING NULL;
         DELETE FROM noticebot.limits;
         ALTER TABLE noticebot.limits ALTER COLUMN api TYPE text USING convert_from(api, 'UTF8')";
    bench.survives(&strange, usual).await;
    bench.finish().await;
}

/// The bots find a committed change by themselves, so a notification that fails is no failure.
#[tokio::test]
async fn admin_changes_succeed_without_notification() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let plan = bench.say(&group, "/announce --at tomorrow 9:00 dinner").id;
    bench.answer(&plan).await;
    let command = bench.pin_that_is_given_up(&group).await;
    bench.advance(Duration::from_hours(1));

    // The bot's own statement is prepared, and does not go by the name.
    let away = "ALTER FUNCTION pg_catalog.pg_notify(text, text) RENAME TO pg_notify_away";
    bench.database().execute(away).await.unwrap();
    let config = bench.config();
    let mut admin = Admin::open(&config, bench.clock.clone()).await.unwrap();
    let number = async |state: &str| {
        let query = format!("SELECT id FROM noticebot.jobs WHERE state = '{state}'");
        bench.database().number(&query).await.unwrap().to_string()
    };
    let (dead, planned) = (number("dead").await, number("ready").await);
    let dropped = admin.drop_job(&planned).await.unwrap();
    assert!(dropped.contains("Dropped job"), "{dropped}");
    let again = admin.retry_job(&dead).await.unwrap();
    assert!(again.contains("runs again"), "{again}");
    assert_eq!(bench.reaction(&command).await, "Pin");
    bench.finish().await;
}
