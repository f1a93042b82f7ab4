//! Announcements to many groups, with faults of the platform and kills.

use std::time::Duration;

use feishu_sim::AnnouncementKind::{Doc, Docx};
use feishu_sim::{Endpoint, Fault, State};

use crate::broadcasts::{announced, named, report_of, with_list};
use crate::harness::Bench;

/// More than there are deliveries at the same time.
const CALLS_BEFORE_A_KILL: usize = 10;

/// Groups of both kinds, while the platform limits the rate and loses responses.
#[tokio::test]
async fn many_groups_get_it_once_despite_faults_and_kills() {
    let count = 200;
    let (mut bench, groups) = with_list(|bench| {
        let kinds = [Docx, Doc].into_iter().cycle();
        let group = |(n, kind)| named(bench, &format!("Group {n}"), kind);
        (0..count).zip(kinds).map(group).collect()
    })
    .await;
    let ops = groups[0].clone();
    let posts = [Endpoint::CreateChildren, Endpoint::PatchDocAnnouncement];
    let reverts = [Endpoint::DeleteChildren, Endpoint::PatchDocAnnouncement];
    let command = bench.say(&ops, "/announce --to weekly lunch").id;
    disturb(&mut bench, posts).await;
    report_of(&bench, &ops, &command, &format!("{count} posted")).await;
    for group in &groups {
        assert_eq!(announced(&bench, group, "lunch"), 1);
    }
    let undo = bench.say(&ops, "/undo").id;
    disturb(&mut bench, reverts).await;
    report_of(&bench, &ops, &command, &format!("{count} reverted")).await;
    for group in &groups {
        assert_eq!(announced(&bench, group, "lunch"), 0);
    }
    assert_eq!(bench.reaction(&undo).await, "DONE");
    assert_eq!(bench.sim.read(|state| state.answers_to(&command).len()), 1);
    bench.finish().await;
}

/// Kills the bot ten times, each time after some of these calls, of which many fail.
async fn disturb(bench: &mut Bench, calls: [Endpoint; 2]) {
    for endpoint in calls {
        for _ in 0..10 {
            for fault in [
                Fault::Nothing,
                Fault::LoseAnswer,
                Fault::Nothing,
                Fault::ServerError,
            ] {
                bench.sim.fault(endpoint, fault);
            }
        }
    }
    let made = |state: &State| -> usize {
        let counts = calls.map(|call| state.calls_to(call).count());
        counts.iter().sum()
    };
    for kill in 0..10 {
        // A job whose bot is killed five times before it gets any further is given up.
        let before = bench.sim.read(made);
        bench
            .wait("more of these calls", |state| {
                (made(state) >= before + CALLS_BEFORE_A_KILL).then_some(())
            })
            .await;
        if kill % 3 == 0 {
            bench
                .sim
                .rate_limit(calls[kill % 2], Duration::from_secs(3));
        }
        bench.kill().await;
    }
}
