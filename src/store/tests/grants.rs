//! Grants, requests for consent, and jobs that wait for it.

use super::*;
use crate::model::grant::{ConsentFlow, Member, PendingConsent, SealedTokens};

fn member(person: &str) -> Member {
    Member {
        tenant: Tenant::own(APP),
        person: person.into(),
    }
}

fn tokens(name: &str, clock: &Clock) -> SealedTokens {
    SealedTokens {
        access: format!("access {name}"),
        refresh: Some(format!("refresh {name}")),
        access_expires_at: clock.now() + Duration::from_hours(2),
    }
}

impl Bench {
    async fn suspend(&self, chat: &str, origin: &str, person: &str, time: Duration) {
        self.accept(chat, origin).await;
        let job = self.claim().await.unwrap();
        assert_eq!(job.key.origin, origin);
        let release = Release::Suspended {
            member: member(person),
            until: self.clock.now() + time,
        };
        self.store.release(&job, release).await.unwrap();
    }

    /// Stores a grant with the tokens `a`; returns its version.
    async fn consent(&self, person: &str) -> i64 {
        let sealed = tokens("a", &self.clock);
        self.store
            .save_grant(&member(person), &sealed)
            .await
            .unwrap();
        self.access(person).await.unwrap().1
    }

    async fn access(&self, person: &str) -> Option<(String, i64)> {
        let grant = self.store.grant(&member(person)).await.unwrap()?;
        (!grant.has_ended).then_some((grant.tokens.access, grant.version))
    }
}

for_both_stores! {
    a_suspended_job_blocks_nothing_and_keeps_its_place,
    consent_continues_only_the_members_jobs,
    a_suspended_job_continues_when_its_time_ends,
    a_suspended_job_without_a_request_continues,
    consent_just_before_a_suspension_is_noticed,
    suspended_jobs_outlive_a_kill,
    suspended_jobs_that_end_make_room,
    a_withdrawn_preview_leaves_no_text,
    one_process_renews_a_grant_at_a_time,
    idle_grants_are_found,
    an_old_renewal_changes_no_later_grant,
    a_late_renewal_revives_an_ended_grant,
    a_pending_request_is_kept_until_it_ends,
    a_poll_is_reserved_once,
    erasing_a_tenant_erases_its_grants,
}

async fn a_suspended_job_blocks_nothing_and_keeps_its_place(bench: Bench) {
    bench
        .suspend("oc_1", "om_1", "ou_1", Duration::from_mins(10))
        .await;
    bench.hand.advance(Duration::from_secs(1));
    bench.accept("oc_1", "om_2").await;
    assert_eq!(bench.open().await, 2, "it counts as open");
    assert_eq!(
        bench.store.count_suspended(&member("ou_1")).await.unwrap(),
        1
    );
    let second = bench.claim().await.unwrap();
    assert_eq!(second.key.origin, "om_2");
    bench.store.release(&second, Release::Done).await.unwrap();
    assert!(bench.claim().await.is_none());
    bench.accept("oc_1", "om_3").await;
    bench.consent("ou_1").await;
    let first = bench.claim().await.unwrap();
    assert_eq!(first.key.origin, "om_1");
    assert_eq!(
        first.started_at,
        bench.clock.now(),
        "it has new time for retries"
    );
    assert!(first.suspended_until.is_some());
    assert!(!first.waited_in_vain);
}

async fn consent_continues_only_the_members_jobs(bench: Bench) {
    bench
        .suspend("oc_1", "om_1", "ou_1", Duration::from_mins(10))
        .await;
    bench
        .suspend("oc_2", "om_2", "ou_2", Duration::from_mins(10))
        .await;
    bench.consent("ou_2").await;
    assert_eq!(bench.claimed_origin().await.as_deref(), Some("om_2"));
    assert_eq!(bench.claimed_origin().await, None);
    bench.store.end_consent(&member("ou_1")).await.unwrap();
    let declined = bench.claim().await.unwrap();
    assert_eq!(declined.key.origin, "om_1");
    assert!(declined.waited_in_vain);
}

async fn a_suspended_job_continues_when_its_time_ends(bench: Bench) {
    let now = bench.clock.now();
    let consent = redirect("ou_1", "t1", now + Duration::from_mins(10));
    bench.store.save_consent(&consent, now).await.unwrap();
    bench
        .suspend("oc_1", "om_1", "ou_1", Duration::from_mins(10))
        .await;
    let next = bench.store.end_overdue_consents().await.unwrap();
    assert_eq!(next, Some(bench.clock.now() + Duration::from_mins(10)));
    assert!(bench.claim().await.is_none());
    bench.hand.advance(Duration::from_mins(10));
    assert_eq!(bench.store.end_overdue_consents().await.unwrap(), None);
    assert_eq!(bench.claimed_origin().await.as_deref(), Some("om_1"));
}

async fn a_suspended_job_without_a_request_continues(bench: Bench) {
    bench
        .suspend("oc_1", "om_1", "ou_1", Duration::from_mins(10))
        .await;
    assert_eq!(bench.store.end_overdue_consents().await.unwrap(), None);
    let job = bench.claim().await.unwrap();
    assert_eq!(job.key.origin, "om_1");
    assert!(!job.waited_in_vain);
}

async fn consent_just_before_a_suspension_is_noticed(bench: Bench) {
    bench.consent("ou_1").await;
    bench
        .suspend("oc_1", "om_1", "ou_1", Duration::from_mins(10))
        .await;
    bench
        .store
        .resume_if_granted(&member("ou_2"))
        .await
        .unwrap();
    assert!(bench.claim().await.is_none());
    bench
        .store
        .resume_if_granted(&member("ou_1"))
        .await
        .unwrap();
    assert_eq!(bench.claimed_origin().await.as_deref(), Some("om_1"));
}

async fn suspended_jobs_outlive_a_kill(bench: Bench) {
    bench
        .suspend("oc_1", "om_1", "ou_1", Duration::from_mins(10))
        .await;
    let bench = bench.killed().await;
    assert!(bench.claim().await.is_none());
    bench.store.end_consent(&member("ou_1")).await.unwrap();
    assert_eq!(bench.claimed_origin().await.as_deref(), Some("om_1"));
}

async fn suspended_jobs_that_end_make_room(bench: Bench) {
    let messages: Vec<_> = (0..BOUNDS.open).map(|n| format!("om_{n}")).collect();
    let wait = Duration::from_mins(10);
    for message in &messages {
        bench.suspend("oc_1", message, "ou_1", wait).await;
    }
    assert!(bench.store.is_full());
    let tenant = Tenant::own(APP);
    let withdrawn = bench.store.withdraw(&tenant, &"om_0".into()).await;
    assert!(withdrawn.unwrap());
    assert!(!bench.store.is_full());
    bench.accept("oc_2", "om_new").await;
    assert!(bench.store.is_full());
    let chat = ChatKey {
        tenant,
        chat: "oc_1".to_owned(),
    };
    bench.store.leave(chat).await.unwrap();
    assert!(!bench.store.is_full());
    assert_eq!(bench.open().await, 1);
}

/// Of another command, or once its author has pressed a button, it stays.
async fn a_withdrawn_preview_leaves_no_text(bench: Bench) {
    let due = bench.clock.now() + Duration::from_hours(1);
    for origin in ["om_1", "om_2"] {
        let schedule = |kind| NewSchedule {
            kind,
            ..expiry(due)
        };
        bench
            .carry_out(origin, |conclusion| Conclusion {
                schedules: [JobKind::Preview, JobKind::Proposal].map(schedule).into(),
                ..conclusion
            })
            .await;
    }
    let tenant = Tenant::own(APP);
    let withdraw = async |origin: &str| {
        let message = origin.into();
        bench.store.withdraw(&tenant, &message).await.unwrap()
    };
    assert!(withdraw("om_1").await);
    let left = "jobs WHERE kind = 'preview' AND payload <> ''";
    assert_eq!(bench.place.count(left).await, 1);
    assert!(!withdraw("om_1").await, "it is gone");
    bench.hand.advance(Duration::from_hours(1));
    let mut due = Vec::new();
    while let Some(job) = bench.claim().await {
        if job.key.kind == JobKind::Preview {
            assert!(!withdraw(&job.key.origin).await, "it runs");
        }
        bench.store.release(&job, Release::Done).await.unwrap();
        due.push((job.key.origin, job.key.kind));
    }
    let of = |origin: &str, kind| (origin.to_owned(), kind);
    let expected = [
        of("om_1", JobKind::Proposal),
        of("om_2", JobKind::Preview),
        of("om_2", JobKind::Proposal),
    ];
    assert!(expected.iter().all(|job| due.contains(job)), "{due:?}");
    assert_eq!(due.len(), expected.len());
}

async fn one_process_renews_a_grant_at_a_time(bench: Bench) {
    let (store, of) = (&bench.store, member("ou_1"));
    let version = bench.consent("ou_1").await;
    let reserve = async || {
        let reserved = store.reserve_renewal(&of, version, Duration::from_secs(40));
        reserved.await.unwrap()
    };
    assert!(reserve().await);
    assert!(!reserve().await);
    bench.hand.advance(Duration::from_secs(41));
    assert!(reserve().await, "its process was killed");
    store.release_renewal(&of, version).await.unwrap();
    assert!(reserve().await);
    let renewed = tokens("b", &bench.clock);
    assert!(store.renew_grant(&of, version, &renewed).await.unwrap());
    assert!(!reserve().await, "the version is old");
    let (access, renewed) = bench.access("ou_1").await.unwrap();
    assert_eq!((access.as_str(), renewed), ("access b", version + 1));
}

async fn idle_grants_are_found(bench: Bench) {
    let (store, of) = (&bench.store, member("ou_1"));
    let idle = async || {
        let since = bench.clock.now() - Duration::from_hours(24);
        let idle = store.idle_grants(since, 10).await.unwrap();
        idle.into_iter()
            .map(|(member, _)| member)
            .collect::<Vec<_>>()
    };
    let version = bench.consent("ou_1").await;
    bench.consent("ou_2").await;
    assert!(idle().await.is_empty());
    bench.hand.advance(Duration::from_hours(25));
    assert_eq!(idle().await.len(), 2);
    let renewed = tokens("b", &bench.clock);
    store.renew_grant(&of, version, &renewed).await.unwrap();
    assert_eq!(idle().await, [member("ou_2")]);
    let (_, version) = bench.access("ou_2").await.unwrap();
    store.end_grant(&member("ou_2"), version).await.unwrap();
    assert!(idle().await.is_empty());
}

async fn an_old_renewal_changes_no_later_grant(bench: Bench) {
    let (store, of) = (&bench.store, member("ou_1"));
    let version = bench.consent("ou_1").await;
    store.forget_member(&of).await.unwrap();
    assert_eq!(bench.access("ou_1").await, None);
    bench.hand.advance(Duration::from_millis(1));
    store
        .save_grant(&of, &tokens("b", &bench.clock))
        .await
        .unwrap();
    let late = tokens("late", &bench.clock);
    assert!(!store.renew_grant(&of, version, &late).await.unwrap());
    assert!(!store.end_grant(&of, version).await.unwrap());
    assert_eq!(bench.access("ou_1").await.unwrap().0, "access b");
}

async fn a_late_renewal_revives_an_ended_grant(bench: Bench) {
    let (store, of) = (&bench.store, member("ou_1"));
    let version = bench.consent("ou_1").await;
    assert!(store.end_grant(&of, version).await.unwrap());
    assert_eq!(bench.access("ou_1").await, None);
    let reserved = store.reserve_renewal(&of, version, Duration::from_secs(40));
    assert!(!reserved.await.unwrap(), "its refresh token is used up");
    let late = tokens("late", &bench.clock);
    assert!(store.renew_grant(&of, version, &late).await.unwrap());
    assert_eq!(bench.access("ou_1").await.unwrap().0, "access late");
    assert!(store.end_grant(&of, version + 1).await.unwrap());
    bench.hand.advance(Duration::from_hours(25));
    store.end_overdue_consents().await.unwrap();
    assert_eq!(bench.place.count("grants").await, 0);
}

fn redirect(person: &str, ticket: &str, expires_at: Timestamp) -> PendingConsent {
    PendingConsent {
        member: member(person),
        link: format!("link {ticket}"),
        expires_at,
        flow: ConsentFlow::Redirect {
            ticket: ticket.to_owned(),
        },
    }
}

async fn a_pending_request_is_kept_until_it_ends(bench: Bench) {
    let (store, now) = (&bench.store, bench.clock.now());
    let enough = now + Duration::from_mins(1);
    for ticket in ["t1", "t2"] {
        let consent = redirect("ou_1", ticket, now + Duration::from_mins(10));
        store.save_consent(&consent, enough).await.unwrap();
    }
    let of = member("ou_1");
    let kept = store.consent(&of, enough).await.unwrap().unwrap();
    assert_eq!(kept.link, "link t1");
    assert!(store.consent_by_ticket("t2").await.unwrap().is_none());
    let found = store.consent_by_ticket("t1").await.unwrap().unwrap();
    assert_eq!(found.member, of);
    bench.hand.advance(Duration::from_mins(10));
    assert!(store.consent_by_ticket("t1").await.unwrap().is_none());
    let later = bench.clock.now() + Duration::from_mins(1);
    let consent = redirect("ou_1", "t3", later + Duration::from_mins(10));
    store.save_consent(&consent, later).await.unwrap();
    assert!(store.consent_by_ticket("t3").await.unwrap().is_some());
    bench.consent("ou_1").await;
    assert!(
        store.consent_by_ticket("t3").await.unwrap().is_none(),
        "it is answered"
    );
}

async fn a_poll_is_reserved_once(bench: Bench) {
    let (store, now) = (&bench.store, bench.clock.now());
    let interval = Duration::from_secs(5);
    let consent = PendingConsent {
        flow: ConsentFlow::Device {
            code: "sealed".to_owned(),
            interval,
            next_poll_at: now + interval,
        },
        ..redirect("ou_1", "", now + Duration::from_mins(4))
    };
    store.save_consent(&consent, now).await.unwrap();
    assert!(store.due_polls().await.unwrap().is_empty());
    let next = store.end_overdue_consents().await.unwrap();
    assert_eq!(next, Some(now + interval));
    bench.hand.advance(interval);
    let due = store.due_polls().await.unwrap();
    let [PendingConsent { member, flow, .. }] = &*due else {
        panic!("{due:?}");
    };
    let ConsentFlow::Device { next_poll_at, .. } = flow else {
        panic!("{flow:?}");
    };
    let next = bench.clock.now() + interval;
    let reserve = async || {
        let reserved = store.reserve_poll(member, *next_poll_at, next, interval);
        reserved.await.unwrap()
    };
    assert!(reserve().await);
    assert!(!reserve().await);
    assert!(store.due_polls().await.unwrap().is_empty());
}

async fn erasing_a_tenant_erases_its_grants(bench: Bench) {
    let tenant = Tenant {
        key: "t1".into(),
        ..Tenant::own(APP)
    };
    let of_tenant = Member {
        tenant: tenant.clone(),
        ..member("ou_1")
    };
    let (store, now) = (&bench.store, bench.clock.now());
    for of in [&of_tenant, &member("ou_1")] {
        store
            .save_grant(of, &tokens("a", &bench.clock))
            .await
            .unwrap();
        let consent = PendingConsent {
            member: of.clone(),
            ..redirect(
                "ou_1",
                of.tenant.key.as_str(),
                now + Duration::from_mins(10),
            )
        };
        store.save_consent(&consent, now).await.unwrap();
    }
    store.erase_tenant(&tenant).await.unwrap();
    assert_eq!(bench.place.count("grants").await, 1);
    assert_eq!(bench.place.count("consents").await, 1);
    assert!(store.grant(&member("ou_1")).await.unwrap().is_some());
}
