//! One job that brings the worker or the bot down costs no other job anything.

use std::sync::Mutex;

use feishu_sim::{Endpoint, Fault};
use rusqlite::Connection;

use super::*;

#[tokio::test]
async fn a_panic_beside_the_work_gives_the_job_back() {
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
async fn a_suspect_runs_while_nothing_else_does() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bot.db");
    let url = format!("sqlite://{}", file.display());
    // How many jobs ran at each call while one ran alone.
    let beside = Arc::new(Mutex::new(Vec::new()));
    let on_call: OnCall = {
        let (file, beside) = (file.clone(), Arc::clone(&beside));
        Arc::new(move |_| {
            let running: i64 = Connection::open(&file)
                .and_then(|connection| {
                    let sql = "SELECT count(*) * max(alone) FROM jobs WHERE state = 'running'";
                    connection.query_row(sql, [], |row| row.get(0))
                })
                .unwrap_or(-1);
            if running != 0 {
                beside.lock().unwrap().push(running);
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
    let beside = beside.lock().unwrap();
    assert!(beside.len() >= 4, "each suspect made its calls: {beside:?}");
    assert!(beside.iter().all(|running| *running == 1), "{beside:?}");
}
