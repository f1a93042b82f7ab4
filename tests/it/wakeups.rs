//! Why the worker looked for a job.

use std::time::Duration;

use feishu_sim::AnnouncementKind::Docx;

use crate::harness::Bench;

async fn count(bench: &Bench, reason: &str) -> u64 {
    let metrics = bench.metrics().await;
    let series = format!("noticebot_worker_wakeups_total{{reason=\"{reason}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&series));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn wakeups_are_counted_by_reason() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let before = (count(&bench, "accepted").await, count(&bench, "due").await);
    let command = bench.say(&group, "/announce --for 2h lunch").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.idle().await;
    assert!(count(&bench, "accepted").await > before.0);
    assert!(count(&bench, "finished").await > 0);
    bench.advance(Duration::from_hours(3));
    bench
        .wait("the end of the entry", |state| {
            let lines = state.announcement_text(&group);
            (!lines.iter().any(|line| line == "lunch")).then_some(())
        })
        .await;
    assert!(count(&bench, "due").await > before.1);
    bench.finish().await;
}
