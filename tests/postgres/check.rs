//! `noticebot check` with a server behind the bot.

use feishu_sim::AnnouncementKind::Docx;
use noticebot::check::{self, CheckOptions};
use noticebot::config::Config;
use serde_json::Value;
use test_servers::Database;

use crate::harness::Bench;

impl Bench {
    /// What a check says of the store, and nothing else may be bad.
    pub(crate) async fn store_line(&self, change: impl FnOnce(&mut Config)) -> (String, String) {
        let mut config = self.config();
        change(&mut config);
        let report = check::check(&config, self.clock.clone(), &CheckOptions::default()).await;
        let found: Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
        let checks = found["checks"].as_array().unwrap();
        let (of_store, others): (Vec<_>, Vec<_>) =
            checks.iter().partition(|check| check["name"] == "store");
        assert!(
            others.iter().all(|check| check["verdict"] != "bad"),
            "{others:#?}"
        );
        let [one] = &of_store[..] else {
            panic!("one line: {of_store:?}");
        };
        let text = |field: &str| one[field].as_str().unwrap_or_default().to_owned();
        (
            text("verdict"),
            format!("{} → {}", text("text"), text("remedy")),
        )
    }

    pub(crate) async fn bad_store_line(&self, url: String) -> String {
        let (verdict, line) = self
            .store_line(|config| config.store.database_url = url.parse().unwrap())
            .await;
        assert_eq!(verdict, "bad", "{line}");
        line
    }
}

#[tokio::test]
async fn check_reports_a_usable_database_with_its_replicas() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let said = bench.say(&group, "/help").id;
    bench.answer(&said).await;
    let (verdict, line) = bench.store_line(|_| {}).await;
    assert_eq!(verdict, "good", "{line}");
    assert!(
        line.contains("is writable; bots of this app on it: 1"),
        "{line}"
    );
    let empty = Database::create().await.unwrap();
    let url = empty.url();
    let (verdict, line) = bench
        .store_line(|config| config.store.database_url = url.parse().unwrap())
        .await;
    assert_eq!(verdict, "good", "{line}");
    assert!(
        line.contains("will be created at the first start"),
        "{line}"
    );
    bench.finish().await;
}

#[tokio::test]
async fn check_names_obstacles_to_a_database() {
    let bench = Bench::new().await;
    let url = bench.database().url();
    let port = "postgres://postgres@127.0.0.1:9/noticebot?sslmode=disable";
    let line = bench.bad_store_line(port.to_owned()).await;
    assert!(
        line.contains("cannot use the database") && line.contains("`NOTICEBOT_DATABASE_URL`"),
        "{line}"
    );

    let database = Database::create().await.unwrap();
    let settings = "ALTER DATABASE DATABASE SET default_transaction_read_only = on";
    let name = database.url();
    let name = name.rsplit_once('/').unwrap().1.split('?').next().unwrap();
    let settings = settings.replacen("DATABASE SET", &format!("{name} SET"), 1);
    database.execute(&settings).await.unwrap();
    let line = bench.bad_store_line(database.url()).await;
    assert!(
        line.contains("is read-only") && line.contains("primary"),
        "{line}"
    );

    let newer = "UPDATE noticebot.migrations SET needs = 999";
    bench.database().execute(newer).await.unwrap();
    let line = bench.bad_store_line(url.clone()).await;
    assert!(line.contains("were created by a newer noticebot"), "{line}");
    let known = "UPDATE noticebot.migrations SET needs = 1";
    bench.database().execute(known).await.unwrap();

    let stranger = format!("stranger_{}", std::process::id());
    let role = format!(
        "CREATE ROLE {stranger} LOGIN PASSWORD 'known'; GRANT USAGE ON SCHEMA noticebot TO {stranger};
        GRANT SELECT ON ALL TABLES IN SCHEMA noticebot TO {stranger}"
    );
    bench.database().execute(&role).await.unwrap();
    let as_stranger = |url: &str| {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (_, place) = rest.split_once('@').unwrap_or(("", rest));
        format!("{scheme}://{stranger}:known@{place}")
    };
    let line = bench.bad_store_line(as_stranger(&url)).await;
    assert!(
        line.contains("rejects new rows") && line.contains("permission denied"),
        "{line}"
    );
    let empty = Database::create().await.unwrap();
    let line = bench.bad_store_line(as_stranger(&empty.url())).await;
    assert!(
        line.contains("cannot create them") && line.contains("GRANT CREATE"),
        "{line}"
    );
    let gone = format!("DROP OWNED BY {stranger}; DROP ROLE {stranger}");
    bench.database().execute(&gone).await.unwrap();
    bench.finish().await;
}
