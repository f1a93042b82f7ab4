//! A database that is a file.

use std::time::Duration;

use feishu_sim::AnnouncementKind::Docx;

use crate::UNAVAILABLE;
use crate::harness::Bench;

/// Without a file, requests fail at once; the bot works again when the file is back.
#[tokio::test]
async fn moved_database_fails_requests_until_it_returns() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench.move_database("bot.db", "elsewhere.db");
    let said = bench.say(&group, "/pin announcement");
    assert_eq!(said.answer().await.status, UNAVAILABLE);
    assert_eq!(bench.ask("/readyz").await.0, 503);
    bench.move_database("elsewhere.db", "bot.db");
    bench.advance(Duration::from_secs(16));
    assert_eq!(bench.reaction(&said.id).await, "Pin");
    bench.finish().await;
}
