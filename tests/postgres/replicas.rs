//! Several replicas that act as members.

use std::time::Duration;

use feishu_sim::AnnouncementKind::{Doc, Docx};
use feishu_sim::{Endpoint, Fault, State};
use jiff::{Timestamp, ToSpan as _};

use crate::harness::{Bench, Bot};
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

/// Three replicas, each with the id of its lease.
struct Replicas {
    bench: Bench,
    /// The lease of the bench's bot.
    first: i64,
    others: Vec<(i64, Bot)>,
}

impl Replicas {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let first = Self::newest(&bench).await;
        let mut others = Vec::new();
        for _ in 0..2 {
            others.push(Self::start(&bench).await);
        }
        Self {
            bench,
            first,
            others,
        }
    }

    async fn newest(bench: &Bench) -> i64 {
        let newest = "SELECT max(id) FROM noticebot.replicas";
        bench.database().number(newest).await.unwrap()
    }

    async fn start(bench: &Bench) -> (i64, Bot) {
        let bot = bench.replica().await;
        (Self::newest(bench).await, bot)
    }

    /// Kills the replica that runs the only running job, and starts another.
    async fn kill_running(&mut self) {
        let owner = "SELECT owner FROM noticebot.jobs WHERE state = 'running'";
        let owner = self.bench.database().number(owner).await.unwrap();
        let (next, bot) = Self::start(&self.bench).await;
        if owner == self.first {
            self.bench.replace_killed(bot).await;
            self.first = next;
        } else {
            let of_owner = |(id, _): &(i64, Bot)| *id == owner;
            let killed = self.others.iter().position(of_owner).unwrap();
            let (_, killed) = std::mem::replace(&mut self.others[killed], (next, bot));
            killed.kill().await;
        }
        let over = format!(
            "UPDATE noticebot.replicas SET lease_until = lease_until - interval '1 h'
             WHERE id = {owner}"
        );
        self.bench.database().execute(&over).await.unwrap();
        let lease = format!("replicas WHERE id = {owner}");
        self.count(&lease, 0, Duration::ZERO).await;
    }

    /// Waits until the store has this many rows, while the clocks advance at that pace.
    async fn count(&self, what: &str, rows: i64, step: Duration) {
        let counted = async {
            while self.bench.count(what).await != rows {
                self.bench.advance(step);
            }
        };
        let counted = tokio::time::timeout(Duration::from_mins(1), counted).await;
        assert!(counted.is_ok(), "not {rows} {what}");
    }

    async fn finish(self) {
        for (_, bot) in self.others {
            bot.stop().await;
        }
        self.bench.finish().await;
    }
}

const STEP: Duration = Duration::from_millis(100);
const PUBLISHED: &str = "changes WHERE job_kind = 'publish'";

/// The replica that hangs in a call of a run is killed; the response to the same call may have been
/// lost before.
#[tokio::test]
async fn replicas_post_each_run_once() {
    use Fault::{Hang, LoseAnswer};
    let (create, delete) = (Endpoint::CreateChildren, Endpoint::DeleteChildren);
    let patch = Endpoint::PatchDocAnnouncement;
    let runs = [
        (Doc, vec![vec![], vec![], vec![(patch, Hang)]]),
        (
            Docx,
            vec![
                vec![],
                vec![],
                vec![(create, Hang)],
                vec![(delete, Hang)],
                vec![(create, LoseAnswer), (create, Hang)],
            ],
        ),
    ];
    for (kind, runs) in runs {
        let mut replicas = Replicas::new().await;
        let bench = &replicas.bench;
        let group = bench.group(kind);
        let command = bench.say(&group, "/announce --every day 9:00 standup").id;
        bench.answer(&command).await;
        bench.idle().await;
        for faults in runs {
            replicas.run(&faults).await;
            assert_eq!(replicas.bench.announced(&group, "standup"), 1);
        }
        assert_eq!(replicas.bench.sim.answers_to(&command).len(), 1);
        replicas.finish().await;
    }
}

impl Replicas {
    /// The next run, in which the platform has these faults; a replica that hangs is killed.
    async fn run(&mut self, faults: &[(Endpoint, Fault)]) {
        let bench = &self.bench;
        let due = "SELECT run_at FROM noticebot.jobs WHERE kind = 'publish' AND state = 'ready'";
        let due = bench.database().number(due).await.unwrap();
        let due = Timestamp::from_millisecond(due).unwrap();
        let runs = bench.count(PUBLISHED).await;
        for (call, fault) in faults {
            bench.sim.fault(*call, fault.clone());
        }
        let last = faults.last().map(|(call, _)| *call);
        let calls = last.map_or(0, |call| bench.sim.calls_to(call).len() + faults.len());
        bench.advance(due.duration_since(bench.now()).unsigned_abs());
        if let Some(call) = last {
            let hangs = |state: &State| (state.calls_to(call).count() == calls).then_some(());
            bench.wait("the call", hangs).await;
            self.kill_running().await;
        }
        self.count(PUBLISHED, runs + 1, STEP).await;
        let unfinished = "jobs WHERE state = 'running' OR (state = 'ready' AND kind = 'supersede')";
        self.count(unfinished, 0, STEP).await;
        let in_time = format!(
            "{PUBLISHED} AND made_at >= {} AND made_at < {}",
            due.as_millisecond(),
            (due + 1.minute()).as_millisecond(),
        );
        assert_eq!(self.bench.count(&in_time).await, 1, "at {due}");
    }
}
