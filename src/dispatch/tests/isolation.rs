//! A job that crashes the worker or the bot does not affect other jobs.

use std::sync::Mutex;

use feishu_sim::{Endpoint, Fault};
use rusqlite::Connection;

use super::*;

#[tokio::test]
async fn a_panic_of_an_acknowledgement_is_harmless() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("bot.db").display());
    let group = bench.group(AnnouncementKind::Docx);
    let (message, job) = bench.say(&group, "/pin announcement");
    for _ in 0..6 {
        bench.sim.fault(Endpoint::PutTopNotice, Fault::ServerError);
    }
    let panics = AtomicU32::new(1);
    let on_call: OnCall = Arc::new(move |call| {
        let is_last = || panics.swap(0, Ordering::Relaxed) == 0;
        assert!(
            call.endpoint != "add_reaction" || is_last(),
            "the observer panics"
        );
    });
    let worker = bench.dispatcher_watched_by(Some(on_call), &url).await;
    worker.0.store.accept(job).await.unwrap();
    bench.work_off(worker).await;
    assert!(
        answered_with(&bench.sim, &message, "Pin"),
        "{}",
        bench.sim.conversation()
    );
}

#[tokio::test]
async fn suspects_run_alone() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bot.db");
    let url = format!("sqlite://{}", file.display());
    // The number of running jobs at each call while one runs alone.
    let concurrent = Arc::new(Mutex::new(Vec::new()));
    let on_call: OnCall = {
        let (file, concurrent) = (file.clone(), Arc::clone(&concurrent));
        Arc::new(move |_| {
            let running: i64 = Connection::open(&file)
                .and_then(|connection| {
                    let sql = "SELECT count(*) * max(alone) FROM jobs WHERE state = 'running'";
                    connection.query_row(sql, [], |row| row.get(0))
                })
                .unwrap_or(-1);
            if running != 0 {
                concurrent.lock().unwrap().push(running);
            }
        })
    };
    let worker = bench.dispatcher_watched_by(Some(on_call), &url).await;
    let mut messages = Vec::new();
    for _ in 0..6 {
        let group = bench.group(AnnouncementKind::Docx);
        let (message, job) = bench.say(&group, "/pin announcement");
        worker.0.store.accept(job).await.unwrap();
        messages.push(message);
    }
    let suspects = "UPDATE jobs SET suspicions = 2 WHERE id IN (2, 5)";
    Connection::open(&file)
        .unwrap()
        .execute(suspects, [])
        .unwrap();
    bench.work_off(worker).await;
    for message in &messages {
        assert!(answered_with(&bench.sim, message, "Pin"));
    }
    let concurrent = concurrent.lock().unwrap();
    assert!(
        concurrent.len() >= 4,
        "too few calls by suspects: {concurrent:?}"
    );
    assert!(
        concurrent.iter().all(|running| *running == 1),
        "{concurrent:?}"
    );
}
