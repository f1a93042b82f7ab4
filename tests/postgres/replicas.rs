//! Several replicas that act as members.

use std::time::Duration;

use feishu_sim::AnnouncementKind::Docx;
use feishu_sim::Endpoint;

use crate::harness::Bench;
use crate::traces::{self, Collector};
use crate::{members, panel};

#[tokio::test]
async fn replicas_renew_a_token_once() {
    let mut bench = members::bench().await;
    bench.granted().await;
    let replica = bench.replica().await;
    bench.sim.clear_calls();
    bench.advance(Duration::from_mins(118));
    bench.announces_in_groups::<12>().await;
    assert_eq!(bench.sim.calls_to(Endpoint::UserToken).len(), 1);
    bench.switch_to(replica).await;
    bench.finish().await;
}

#[tokio::test]
async fn settings_apply_on_the_other_replica() {
    let mut bench = Bench::new().await;
    let group = bench.group(Docx);
    let replica = bench.replica().await;
    // Both have read the group's settings before.
    let before = bench.say(&group, "/pin weather").id;
    assert!(bench.answer(&before).await.contains("Could not understand"));
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    let change = owner.say("/settings language zh").id;
    assert_eq!(bench.reaction(&change).await, "DONE");
    bench.switch_to(replica).await;
    let after = bench.say(&group, "/pin weather").id;
    assert!(bench.answer(&after).await.contains("无法识别"));
    bench.finish().await;
}

#[tokio::test]
async fn logout_reaches_the_other_replica() {
    let bench = members::bench().await;
    bench.granted().await;
    let links = bench.links();
    let group = bench.group(Docx);
    let command = bench.say(&group, "/announce hello").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    // As another replica does, if the platform does not confirm the revocation.
    let deleted = "DELETE FROM noticebot.grants";
    bench.database().execute(deleted).await.unwrap();
    bench.advance(Duration::from_secs(10));
    bench.say(&group, "/announce again");
    bench.link_after(links).await;
    assert_eq!(bench.announced(&group, "again"), 0);
    bench.cut_off().await;
}

#[tokio::test]
async fn replicas_fill_the_panel_once() {
    let mut bench = Bench::with(panel::with_scopes, "").await;
    let replica = bench.replica().await;
    bench.panel_with(panel::all().len()).await;
    // The second replica waits until the first reservation would have ended.
    bench.advance(Duration::from_mins(6));
    let looked = |state: &feishu_sim::State| {
        let looks = state.calls_to(Endpoint::ListSlashCommands).count();
        (looks > 0).then_some(())
    };
    bench.wait("another look at the panel", looked).await;
    bench.switch_to(replica).await;
    let created = bench.sim.calls_to(Endpoint::CreateSlashCommand);
    assert_eq!(created.len(), panel::all().len());
    assert!(
        created.iter().all(|call| call.code == Some(0)),
        "{created:#?}"
    );
    bench.finish().await;
}

#[tokio::test]
async fn replicas_continue_each_others_traces() {
    let mut bench = Bench::new().await;
    let collector = Collector::new().await;
    collector.watch(&mut bench).await;
    let group = bench.group(Docx);
    let replica = bench.replica().await;
    // The first replica accepts the command and cannot finish it.
    let refused = Duration::from_secs(20);
    bench.sim.rate_limit(Endpoint::PutTopNotice, refused);
    let command = bench.say(&group, "/pin announcement").id;
    let called =
        |state: &feishu_sim::State| state.calls_to(Endpoint::PutTopNotice).next().map(drop);
    bench.wait("the refused call", called).await;
    bench.switch_to(replica).await;
    assert_eq!(bench.reaction(&command).await, "Pin");
    let done = |spans: &[traces::Seen]| {
        let mut jobs = spans.iter().filter(|span| span.name == "job");
        jobs.any(|span| span.get("job.release") == "done")
    };
    let spans = collector.wait("the pin", done).await;
    let spans = traces::connected(&spans, command.as_str());
    let [event] = traces::named(&spans, "event")[..] else {
        panic!("{spans:#?}");
    };
    let jobs = traces::named(&spans, "job").into_iter();
    let done = jobs.clone().find(|job| job.get("job.release") == "done");
    let done = done.unwrap();
    assert_ne!(done.instance, event.instance, "{spans:#?}");
    assert_eq!(done.parent, event.id);
    let [reply] = traces::named(&spans, "reply")[..] else {
        panic!("{spans:#?}");
    };
    assert_eq!(reply.parent, done.id);
    bench.finish().await;
}
