//! Rate limits, late commands, full queues and failing disks.

use std::time::Duration;

use feishu_sim::{
    AnnouncementKind::{Doc, Docx},
    Endpoint, Fault,
};

use crate::UNAVAILABLE;
use crate::harness::Bench;

#[tokio::test]
async fn rate_limit_applies_to_all_chats() {
    let bench = Bench::new().await;
    bench
        .sim
        .rate_limit(Endpoint::PutTopNotice, Duration::from_secs(20));
    let first = bench.group(Docx);
    let pin = bench.say(&first, "/pin announcement").id;
    bench
        .sim
        .wait_for("the limit", |state| {
            state.calls_to(Endpoint::PutTopNotice).next().map(drop)
        })
        .await;
    bench.advance(Duration::from_secs(1));
    let mut pins = vec![pin];
    let mut unpins = Vec::new();
    for _ in 0..20 {
        let group = bench.group(Docx);
        pins.push(bench.say(&group, "/pin announcement").id);
        let group = bench.group(Docx);
        unpins.push(bench.say(&group, "/unpin").id);
    }
    for unpin in &unpins {
        assert_eq!(
            bench
                .sim
                .wait_for("an unpin", |state| state.reactions(unpin).first().cloned())
                .await,
            "DONE"
        );
    }
    for pin in &pins {
        assert_eq!(bench.reaction(pin).await, "Pin");
    }
    assert_eq!(
        bench.sim.calls_after_told_to_wait(Endpoint::PutTopNotice),
        0
    );
    bench.finish().await;
}

#[tokio::test]
async fn announcement_writes_keep_documented_rate_limits() {
    let bench = Bench::new().await;
    let groups: Vec<_> = (0..12).map(|_| bench.group(Docx)).collect();
    let mut commands = Vec::new();
    for group in &groups {
        for number in 0..3 {
            let said = bench.say(group, &format!("/announce number {number}"));
            assert_eq!(said.answer().await.status, 200);
            commands.push(said.id);
        }
    }
    for command in &commands {
        assert_eq!(bench.reaction(command).await, "Loudspeaker");
    }
    let limited = bench.sim.calls_to(Endpoint::CreateChildren).into_iter();
    let limited: Vec<_> = limited.filter(|call| call.code != Some(0)).collect();
    assert!(limited.is_empty(), "{limited:?}");
    for group in &groups {
        let text = bench.sim.announcement_text(group);
        let numbers: Vec<_> = text
            .iter()
            .filter(|line| line.starts_with("number"))
            .collect();
        assert_eq!(numbers, ["number 2", "number 1", "number 0"]);
    }
    bench.finish().await;
}

#[tokio::test]
async fn waiting_chat_does_not_block_others() {
    let bench = Bench::new().await;
    let slow = bench.group(Doc);
    bench.sim.fault(Endpoint::PatchDocAnnouncement, Fault::Hang);
    let waiting = bench.say(&slow, "/announce hello").id;
    let group = bench.group(Docx);
    let quick = bench.say(&group, "/pin announcement").id;
    let seen = bench.sim.wait_for("the other chat", |state| {
        state.reactions(&quick).first().cloned()
    });
    assert_eq!(seen.await, "Pin");
    assert!(
        !bench
            .sim
            .reactions(&waiting)
            .contains(&"Loudspeaker".to_owned())
    );
    // The platform never responds, so the stop interrupts the call.
    bench.cut_off().await;
}

#[tokio::test]
async fn stale_command_is_not_executed() {
    let mut bench = Bench::new().await;
    let group = bench.group(Docx);
    let late = bench.say_unpushed(&group, "/pin announcement");
    bench.advance(Duration::from_mins(16));
    bench.sim.redeliver(&late).answer().await;
    assert!(bench.answer(&late).await.contains("expired"));
    assert!(bench.sim.calls_to(Endpoint::PutTopNotice).is_empty());

    bench.reconfigure("[worker]\nstale_after = '0s'").await;
    let later = bench.say_unpushed(&group, "/pin announcement");
    bench.advance(Duration::from_hours(1));
    bench.sim.redeliver(&later).answer().await;
    assert_eq!(bench.reaction(&later).await, "Pin");
    bench.finish().await;
}

#[tokio::test]
async fn overfull_chat_is_notified_once() {
    let bench = Bench::with(|builder| builder, "[store]\nmax_open_jobs_per_chat = 3").await;
    let group = bench.group(Docx);
    bench
        .sim
        .rate_limit(Endpoint::PutTopNotice, Duration::from_secs(20));
    let mut commands = Vec::new();
    for _ in 0..6 {
        let said = bench.say(&group, "/pin announcement");
        assert_eq!(said.answer().await.status, 200);
        commands.push(said.id);
    }
    let reply = bench.sim.wait_for("a word", |state| {
        state.answers_to(&commands[3]).first().cloned()
    });
    assert!(reply.await.contains("Too many commands"));
    for command in &commands[..3] {
        assert_eq!(bench.reaction(command).await, "Pin");
    }
    bench.idle().await;
    for command in &commands[4..] {
        assert!(
            bench.sim.answers_to(command).is_empty() && bench.sim.reactions(command).is_empty()
        );
    }
    let next = bench.say(&group, "/unpin").id;
    assert_eq!(bench.reaction(&next).await, "DONE");
    bench.finish().await;
}

#[tokio::test]
async fn full_queue_rejects_events() {
    let bench = Bench::with(|builder| builder, "[store]\nmax_open_jobs = 2").await;
    bench
        .sim
        .rate_limit(Endpoint::PutTopNotice, Duration::from_secs(20));
    let groups: Vec<_> = (0..3).map(|_| bench.group(Docx)).collect();
    let mut commands = Vec::new();
    for (group, status) in groups.iter().zip([200, 200, UNAVAILABLE]) {
        let said = bench.say(group, "/pin announcement");
        assert_eq!(said.answer().await.status, status);
        commands.push(said.id);
    }
    assert_eq!(
        bench.ask("/readyz").await,
        (503, "the queue is full\n".to_owned())
    );
    for command in &commands[..2] {
        assert_eq!(bench.reaction(command).await, "Pin");
    }
    bench.idle().await;
    bench.sim.redeliver(&commands[2]).answer().await;
    assert_eq!(bench.reaction(&commands[2]).await, "Pin");
    assert_eq!(bench.ask("/readyz").await.0, 200);
    bench.finish().await;
}
