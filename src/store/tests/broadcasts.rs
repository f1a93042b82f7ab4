//! Broadcasts: their jobs, their results, and how long they are kept.

use feishu::{ChatId, OpenId};

use super::*;
use crate::model::broadcast::{DeliveryState, PostedRun, ReportState};
use crate::model::change::UNDO_AGE;
use crate::model::job::JobRef;
use crate::model::refusal::{Cause, Refusal};
use crate::store::{BroadcastChange, DeliveryEnd, NewBroadcast, NewDelivery, Repeat};

for_both_stores! {
    a_broadcast_is_stored_with_its_jobs,
    results_are_stored_once,
    an_undone_delivery_keeps_its_later_job,
    a_delivery_without_a_job_has_failed,
    the_last_run_in_a_group_is_found,
    a_claim_can_leave_deliveries_out,
    a_report_that_returns_is_no_suspect,
    broadcasts_are_erased_with_their_texts,
}

const GROUPS: [&str; 2] = ["oc_2", "oc_3"];

fn tenant() -> Tenant {
    Tenant::own(APP)
}

fn broadcast() -> JobRef {
    JobRef {
        origin: "om_1".to_owned(),
        kind: JobKind::Command,
    }
}

fn job_of(asked_by: &str, kind: JobKind, chat: &str) -> NewJob {
    NewJob {
        key: JobKey {
            tenant: tenant(),
            origin: format!("{asked_by}/{chat}"),
            kind,
        },
        chat: chat.to_owned(),
        payload: "{}".to_owned(),
        trace: None,
    }
}

impl Bench {
    /// The jobs of the groups, one second after the other.
    fn jobs_of(&self, asked_by: &str, kind: JobKind) -> Vec<NewDelivery> {
        let jobs = GROUPS.iter().zip(1..).map(|(chat, second)| NewDelivery {
            job: job_of(asked_by, kind, chat),
            due: self.clock.now() + Duration::from_secs(second),
        });
        jobs.collect()
    }

    async fn start_broadcast(&self) {
        let new = NewBroadcast {
            message: "om_1".into(),
            list: "weekly".to_owned(),
            author: Some(OpenId::from("ou_1")),
            payload: "text".to_owned(),
            series: Some("om_1".to_owned()),
            deliveries: self.jobs_of("om_1", JobKind::Delivery),
            report: job_of("om_1", JobKind::Report, "om_1"),
        };
        self.carry_out("om_1", |conclusion| Conclusion {
            broadcast: Some(BroadcastChange::Start(Box::new(new))),
            ..conclusion
        })
        .await;
    }

    async fn revert_broadcast(&self) {
        let repeat = Repeat {
            broadcast: broadcast(),
            deliveries: self.jobs_of("om_2", JobKind::Retraction),
            report: job_of("om_2", JobKind::Report, "om_1"),
        };
        self.carry_out("om_2", |conclusion| Conclusion {
            broadcast: Some(BroadcastChange::Repeat(Box::new(repeat))),
            ..conclusion
        })
        .await;
    }

    /// Claims the next job that is no report.
    async fn delivery(&self) -> Job {
        loop {
            let job = self.claim().await.unwrap();
            if job.key.kind != JobKind::Report {
                return job;
            }
            self.store.release(&job, Release::Done).await.unwrap();
        }
    }

    async fn end_delivery(&self, job: &Job, state: DeliveryState, refusal: Option<Refusal>) {
        let end = DeliveryEnd {
            broadcast: broadcast(),
            chat: ChatId::from(job.chat.as_str()),
            state,
            refusal,
            name: Some("Ops".to_owned()),
        };
        let conclusion = Conclusion {
            broadcast: Some(BroadcastChange::End(Box::new(end))),
            ..Conclusion::of(Outcome::Done(Done::Announced))
        };
        self.store.conclude(job, conclusion).await.unwrap();
        self.store.release(job, Release::Done).await.unwrap();
    }

    async fn states(&self) -> Vec<DeliveryState> {
        let deliveries = self.store.deliveries(&tenant(), &broadcast()).await;
        let states = deliveries.unwrap().into_iter();
        states.map(|delivery| delivery.state).collect()
    }
}

async fn a_broadcast_is_stored_with_its_jobs(bench: Bench) {
    bench.start_broadcast().await;
    let bench = bench.killed().await;
    assert_eq!(bench.states().await, [DeliveryState::Waiting; 2]);
    let queue = bench.store.queue().await.unwrap();
    assert_eq!((queue.open, queue.deliveries), (0, 3));
    let (open, last) = bench.store.open_deliveries(&tenant()).await.unwrap();
    assert_eq!(open, 2);
    assert_eq!(last, Some(bench.clock.now() + Duration::from_secs(2)));
    let author = OpenId::from("ou_1");
    let open = bench.store.open_broadcasts(&tenant(), &author).await;
    assert_eq!(open.unwrap(), 1);
    let stored = bench.store.broadcast(&tenant(), &broadcast()).await;
    let stored = stored.unwrap().unwrap();
    assert_eq!((&*stored.payload, stored.chat.as_str()), ("text", "oc_1"));
    let report = ReportState {
        card: Some("om_9".into()),
        is_refused: false,
        shown: 1,
    };
    let saved = bench
        .store
        .save_report(&tenant(), &broadcast(), &report)
        .await;
    saved.unwrap();
    let stored = bench.store.broadcast(&tenant(), &broadcast()).await;
    assert_eq!(stored.unwrap().unwrap().report, report);
    let of_job = bench.store.broadcast_of(&tenant(), "om_1/oc_3").await;
    assert_eq!(of_job.unwrap(), Some(broadcast()));
}

async fn results_are_stored_once(bench: Bench) {
    bench.start_broadcast().await;
    bench.hand.advance(Duration::from_secs(5));
    let (first, second) = (bench.delivery().await, bench.delivery().await);
    bench
        .end_delivery(&first, DeliveryState::Posted, None)
        .await;
    let refusal = Refusal::from(Cause::BotOutside);
    bench
        .end_delivery(&second, DeliveryState::Failed, Some(refusal.clone()))
        .await;
    let deliveries = bench.store.deliveries(&tenant(), &broadcast()).await;
    let deliveries = deliveries.unwrap();
    for delivery in &deliveries {
        let alone = bench
            .store
            .delivery(&tenant(), &broadcast(), &delivery.chat)
            .await;
        assert_eq!(alone.unwrap().as_ref(), Some(delivery));
    }
    assert_eq!(deliveries[0].name.as_deref(), Some("Ops"));
    assert_eq!(deliveries[1].refusal, Some(refusal));
    let reach = bench.store.reach(&tenant(), &broadcast()).await;
    assert_eq!(reach.unwrap(), (1, 2));
    assert_eq!(bench.store.queue().await.unwrap().deliveries, 0);
}

/// A delivery that ends after its broadcast was undone leaves its state to the retraction.
async fn an_undone_delivery_keeps_its_later_job(bench: Bench) {
    bench.start_broadcast().await;
    bench.hand.advance(Duration::from_secs(1));
    let delivery = bench.delivery().await;
    bench.revert_broadcast().await;
    bench
        .end_delivery(&delivery, DeliveryState::Posted, None)
        .await;
    assert_eq!(bench.states().await, [DeliveryState::Reverting; 2]);
    bench.hand.advance(Duration::from_secs(5));
    for _ in 0..3 {
        let job = bench.delivery().await;
        let state = match job.key.kind {
            JobKind::Retraction => DeliveryState::Reverted,
            _ => DeliveryState::Canceled,
        };
        bench.end_delivery(&job, state, None).await;
    }
    assert_eq!(bench.states().await, [DeliveryState::Reverted; 2]);
}

async fn a_delivery_without_a_job_has_failed(bench: Bench) {
    bench.start_broadcast().await;
    bench.hand.advance(Duration::from_secs(1));
    let job = bench.delivery().await;
    bench.store.release(&job, Release::Dead).await.unwrap();
    let (failed, waiting) = (DeliveryState::Failed, DeliveryState::Waiting);
    assert_eq!(bench.states().await, [failed, waiting]);
}

async fn broadcasts_are_erased_with_their_texts(bench: Bench) {
    bench.start_broadcast().await;
    bench.store.leave(chat()).await.unwrap();
    let stored = bench.store.broadcast(&tenant(), &broadcast()).await;
    assert_eq!(stored.unwrap().unwrap().payload, "");
    bench.hand.advance(UNDO_AGE + Duration::from_secs(1));
    let before = bench.clock.now() - UNDO_AGE;
    while bench.store.forget_changes(before, before).await.unwrap() > 0 {}
    let stored = bench.store.broadcast(&tenant(), &broadcast()).await;
    assert_eq!(stored.unwrap(), None);
    assert_eq!(bench.states().await, []);
}

async fn a_claim_can_leave_deliveries_out(bench: Bench) {
    bench.start_broadcast().await;
    bench.hand.advance(Duration::from_secs(5));
    drop(bench.delivery().await);
    bench.accept("oc_9", "om_9").await;
    for origin in [Some("om_9"), None] {
        let claim = bench.store.claim(Claimable::NoDeliveries).await.unwrap();
        let claimed = match &claim {
            Claim::Job(job) => Some(job.key.origin.as_str()),
            _ => None,
        };
        assert_eq!(claimed, origin);
    }
    assert_eq!(bench.delivery().await.key.kind, JobKind::Delivery);
}

/// It returns every two seconds, so kills of the bot often meet it.
async fn a_report_that_returns_is_no_suspect(bench: Bench) {
    bench.start_broadcast().await;
    let mut bench = bench;
    for _ in 0..2 {
        bench.hand.advance(Duration::from_secs(5));
        while bench.claim().await.is_some() {}
        bench = bench.killed().await;
    }
    bench.hand.advance(Duration::from_secs(5));
    let report = loop {
        let job = bench.claim().await.unwrap();
        if job.key.kind == JobKind::Report {
            break job;
        }
    };
    assert!(report.is_suspect());
    let run_at = bench.clock.now();
    bench
        .store
        .release(&report, Release::Again { run_at })
        .await
        .unwrap();
    assert!(!bench.claim().await.unwrap().is_suspect());
}

async fn the_last_run_in_a_group_is_found(bench: Bench) {
    bench.start_broadcast().await;
    bench.hand.advance(Duration::from_secs(5));
    let (first, second) = (bench.delivery().await, bench.delivery().await);
    let found = async |chat: &str| {
        let chat = ChatKey {
            tenant: tenant(),
            chat: chat.to_owned(),
        };
        bench.store.posted_run(&chat, "om_1").await.unwrap()
    };
    assert_eq!(found(&first.chat).await, None);
    bench
        .end_delivery(&first, DeliveryState::Posted, None)
        .await;
    bench
        .end_delivery(&second, DeliveryState::Failed, None)
        .await;
    let posted = PostedRun {
        run: "om_1".to_owned(),
        posted_by: first.key.origin.clone(),
    };
    assert_eq!(found(&first.chat).await, Some(posted));
    assert_eq!(found(&second.chat).await, None);
}
