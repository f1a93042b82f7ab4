//! A job that is interrupted at any await point ends right after a restart.
//!
//! Each round drops the attempt one poll later than the round before, as a kill would, with all its
//! calls in flight. Then the store is opened again and a new worker continues.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use feishu::{AppKind, Client, ClientConfig, ClockHand, Envelope, ExtraRoots, OnCall};
use feishu_sim::{
    AnnouncementKind, ChatId, ChatSpec, MessageId, Person, RateLimits, Simulator, TopNotice,
};
use tokio::task::JoinSet;

use super::*;
use crate::config::DatabaseUrl;
use crate::config::{Config, Environment, GroupLists};
use crate::event::Event;
use crate::model::job::{NewJob, Tenant};
use crate::store::{Bounds, StoreOptions, StoreTasks};

mod isolation;

/// Polls a future at most `left` times.
struct Cut<F> {
    inner: Pin<Box<F>>,
    left: usize,
}

impl<F: Future> Future for Cut<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(left) = self.left.checked_sub(1) else {
            return Poll::Ready(None);
        };
        self.left = left;
        match self.inner.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// The simulator, and the clock of both sides.
struct Bench {
    sim: Simulator,
    owner: Person,
    clock: Clock,
    hand: ClockHand,
    private_replies: bool,
}

impl Bench {
    async fn new() -> Self {
        let sim = Simulator::builder()
            .rate_limits(RateLimits::Off)
            .start()
            .await
            .unwrap();
        let now = i64::try_from(sim.clock().now_ms()).unwrap();
        let (clock, hand) = Clock::manual(Timestamp::from_millisecond(now).unwrap());
        let owner = sim.add_person("Olga");
        Self {
            sim,
            owner,
            clock,
            hand,
            private_replies: true,
        }
    }

    fn group(&self, kind: AnnouncementKind) -> ChatId {
        self.sim
            .add_chat(ChatSpec::named("Ops").owner(&self.owner).announcement(kind))
    }

    fn tenant(&self) -> Tenant {
        Tenant::own(self.sim.app().app_id)
    }

    /// The owner sends a message; returns the job that intake would store.
    fn say(&self, group: &ChatId, text: &str) -> (MessageId, NewJob) {
        let message = self.sim.as_person(&self.owner).in_chat(group).say(text).id;
        let envelope = self.sim.envelope_for(&message).to_string();
        let Ok(Envelope::Event(envelope)) = Envelope::parse(envelope.as_bytes()) else {
            panic!("no event");
        };
        let Ok(Event::Candidate(job)) = Event::read(&envelope, &self.tenant(), None) else {
            panic!("no command");
        };
        (message, job)
    }

    /// A newly started worker.
    async fn dispatcher(&self, url: &str) -> (Dispatcher, StoreTasks) {
        self.dispatcher_watched_by(None, url).await
    }

    async fn dispatcher_watched_by(
        &self,
        on_call: Option<OnCall>,
        url: &str,
    ) -> (Dispatcher, StoreTasks) {
        let bounds = Bounds {
            open: 10,
            open_of_chat: 10,
        };
        let (store, running) = loop {
            // The threads of the previous store may still hold the lock.
            let options = StoreOptions {
                url: DatabaseUrl::parse(url).unwrap(),
                app: self.sim.app().app_id,
                bounds,
                clock: self.clock.clone(),
                connections: 3,
                extra_roots: ExtraRoots::default(),
                metrics: Metrics::new(),
                allow_network_file: false,
            };
            match Store::open(options).await {
                Ok(opened) => break opened,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        let app = self.sim.app();
        let client = Client::new(ClientConfig {
            base_url: self.sim.base_url(),
            accounts_url: self.sim.base_url(),
            app_id: app.app_id.as_str().into(),
            app_secret: app.app_secret.into(),
            app_kind: AppKind::Custom,
            clock: self.clock.clone(),
            timeout: Duration::from_secs(10),
            extra_roots: ExtraRoots::default(),
            limits_factor: 1000,
            on_call,
            shared_limits: None,
            member_tokens: None,
        });
        let defaults = Config::read(None, &Environment::default()).unwrap();
        let dispatcher = Dispatcher {
            attempts: Attempts::default(),
            store,
            platform: Platform::new(client.unwrap(), self.clock.clone()),
            metrics: Metrics::new(),
            traces: Traces::default(),
            clock: self.clock.clone(),
            callbacks: PendingCallbacks::default(),
            members: None,
            acting: None,
            group: OfGroup::default(),
            settings: Arc::new(DispatcherSettings {
                policy: defaults.policy,
                announce: AnnounceSettings {
                    images: true,
                    media_patience: Duration::from_mins(5),
                    signature: false,
                    call_timeout: Duration::from_secs(10),
                },
                groups: GroupLists::new(),
                delivery_interval: delivery_interval(1),
                language: ReplyLanguage::Auto,
                private_replies: self.private_replies,
                reaction_pins: Switch::Off,
                zone: ZoneName::new("UTC").unwrap(),
                time_zone: TimeZone::UTC,
                act_as: ActAs::Bot,
                worker: WorkerConfig {
                    concurrency: 4,
                    ..defaults.worker
                },
            }),
        };
        (dispatcher, running)
    }

    /// Runs until the queue is empty.
    async fn work_off(&self, (dispatcher, running): (Dispatcher, StoreTasks)) {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(dispatcher.clone().run(stop.clone()));
        let idle = async {
            while dispatcher.store.queue().await.unwrap().open > 0 {
                self.pass(Duration::from_millis(500));
                sleep(Duration::from_millis(1)).await;
            }
        };
        let idle = timeout(Duration::from_secs(10), idle).await;
        assert!(idle.is_ok(), "{}", self.sim.conversation());
        stop.cancel();
        tasks.join_all().await;
        drop((dispatcher, running));
    }

    fn pass(&self, time: Duration) {
        self.sim.clock().advance(time);
        self.hand.advance(time);
    }

    /// The bot is added to the group; returns the job that intake would store.
    fn add_bot(&self, group: &ChatId) -> NewJob {
        let body = serde_json::json!({
            "schema": "2.0",
            "header": { "event_id": "e1", "event_type": feishu::BOT_ADDED },
            "event": { "chat_id": group.as_str() },
        });
        let body = body.to_string();
        let Ok(Envelope::Event(envelope)) = Envelope::parse(body.as_bytes()) else {
            panic!("no event");
        };
        let Ok(Event::Candidate(job)) = Event::read(&envelope, &self.tenant(), None) else {
            panic!("no job");
        };
        job
    }

    /// Interrupts the command at each await point in turn; `check` verifies the final state.
    async fn walk(
        &self,
        kind: AnnouncementKind,
        text: &str,
        check: impl Fn(&Simulator, &ChatId, &MessageId) -> bool,
    ) {
        self.walk_job(kind, |group| self.say(group, text), check)
            .await;
    }

    async fn walk_job(
        &self,
        kind: AnnouncementKind,
        job: impl Fn(&ChatId) -> (MessageId, NewJob),
        check: impl Fn(&Simulator, &ChatId, &MessageId) -> bool,
    ) {
        for polls in 0..1000 {
            let folder = tempfile::tempdir().unwrap();
            let url = format!("sqlite://{}", folder.path().join("bot.db").display());
            let group = self.group(kind);
            let (message, job) = job(&group);
            let (dispatcher, running) = self.dispatcher(&url).await;
            dispatcher.store.accept(job).await.unwrap();
            let Ok(Claim::Job(job)) = dispatcher.store.claim(Claimable::All).await else {
                panic!("nothing to claim");
            };
            let inner = Box::pin(dispatcher.attempt(&job));
            let ended = Cut { inner, left: polls }.await;
            drop((dispatcher, running));
            self.pass(Duration::from_secs(1));
            self.work_off(self.dispatcher(&url).await).await;
            let right = check(&self.sim, &group, &message);
            assert!(
                right,
                "cut after {polls} polls\n{}",
                self.sim.conversation()
            );
            if ended.is_some() {
                assert!(polls > 5, "the attempt ended after {polls} polls");
                self.sim.finish();
                return;
            }
        }
        panic!("the attempt does not end");
    }
}

fn answered_with(sim: &Simulator, message: &MessageId, emoji: &str) -> bool {
    let reactions = sim.reactions(message);
    let last: Vec<_> = reactions
        .iter()
        .filter(|reaction| *reaction != "OneSecond")
        .collect();
    last == [emoji] && sim.replies_to(message).is_empty()
}

#[tokio::test]
async fn an_interrupted_pin_is_finished() {
    let bench = Bench::new().await;
    let check = |sim: &Simulator, group: &ChatId, message: &MessageId| {
        let top = sim.top_notice(group);
        top == Some(feishu_sim::TopNotice::Announcement) && answered_with(sim, message, "Pin")
    };
    bench
        .walk(AnnouncementKind::Docx, "/pin announcement", check)
        .await;
}

#[tokio::test]
async fn an_interrupted_private_answer_reaches_only_its_author() {
    let bench = Bench::new().await;
    let check = |sim: &Simulator, _: &ChatId, message: &MessageId| {
        // The call has no key, so the card may be sent again.
        let answers = sim.answers_to(message);
        (1..=2).contains(&answers.len())
            && answers.iter().all(|answer| *answer == answers[0])
            && answered_with(sim, message, "CrossMark")
    };
    bench.walk(AnnouncementKind::Docx, "/pin", check).await;
}

#[tokio::test]
async fn an_interrupted_refusal_is_sent_once() {
    let mut bench = Bench::new().await;
    bench.private_replies = false;
    let check =
        |sim: &Simulator, _: &ChatId, message: &MessageId| sim.replies_to(message).len() == 1;
    bench.walk(AnnouncementKind::Docx, "/pin", check).await;
}

#[tokio::test]
async fn an_interrupted_announcement_is_written_once() {
    let lines: Vec<String> = (0..60).map(|number| format!("line {number}")).collect();
    for kind in [AnnouncementKind::Docx, AnnouncementKind::Doc] {
        let bench = Bench::new().await;
        let check = |sim: &Simulator, group: &ChatId, message: &MessageId| {
            sim.announcement_text(group) == lines && answered_with(sim, message, "Loudspeaker")
        };
        bench
            .walk(kind, &format!("/announce {}", lines.join("\n")), check)
            .await;
    }
}

#[tokio::test]
async fn an_interrupted_notification_is_sent_once() {
    for kind in [AnnouncementKind::Docx, AnnouncementKind::Doc] {
        let bench = Bench::new().await;
        let check = |sim: &Simulator, group: &ChatId, message: &MessageId| {
            let messages = sim.messages(group);
            let notifications = messages.iter().filter(|message| message.notifies_all);
            sim.announcement_text(group) == ["lunch"]
                && notifications.count() == 1
                && answered_with(sim, message, "Loudspeaker")
        };
        bench.walk(kind, "/announce --notify lunch", check).await;
    }
}

#[tokio::test]
async fn an_interrupted_notice_is_posted_once() {
    let bench = Bench::new().await;
    let check = |sim: &Simulator, group: &ChatId, message: &MessageId| {
        let messages = sim.messages(group);
        let cards = messages.iter().filter(|one| one.text() == "Notice\nlunch");
        let mut top = cards
            .clone()
            .map(|card| TopNotice::Message(card.id.clone()));
        let top = top.next();
        cards.count() == 1 && sim.top_notice(group) == top && answered_with(sim, message, "Pin")
    };
    bench
        .walk(AnnouncementKind::Docx, "/notice lunch", check)
        .await;
}

#[tokio::test]
async fn an_interrupted_welcome_is_sent_once() {
    let bench = Bench::new().await;
    let added = |group: &ChatId| (MessageId::from("om_none"), bench.add_bot(group));
    let check = |sim: &Simulator, group: &ChatId, _: &MessageId| sim.messages(group).len() == 1;
    bench.walk_job(AnnouncementKind::Docx, added, check).await;
}

#[tokio::test]
async fn an_interrupted_nested_list_is_written_once() {
    let bench = Bench::new().await;
    let check = |sim: &Simulator, group: &ChatId, message: &MessageId| {
        sim.announcement_text(group) == ["a", "b", "c", "d"]
            && answered_with(sim, message, "Loudspeaker")
    };
    let command = "/announce - a\n  - b\n    - c\n- d";
    bench.walk(AnnouncementKind::Docx, command, check).await;
}

/// An observer that panics at the first `times` calls that only the job itself makes. The
/// acknowledgement of a slow command makes others, and its panic is not a crash.
fn panicking(times: u32) -> OnCall {
    let left = AtomicU32::new(times);
    Arc::new(move |call| {
        if !["get_chat", "reply"].contains(&call.endpoint) {
            return;
        }
        let one_less = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        });
        assert!(
            one_less.is_err(),
            "the observer of `{}` panics",
            call.endpoint
        );
    })
}

async fn pin_under(on_call: OnCall) -> (Bench, ChatId, MessageId) {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("bot.db").display());
    let group = bench.group(AnnouncementKind::Docx);
    let (message, job) = bench.say(&group, "/pin announcement");
    let worker = bench.dispatcher_watched_by(Some(on_call), &url).await;
    worker.0.store.accept(job).await.unwrap();
    bench.work_off(worker).await;
    (bench, group, message)
}

#[tokio::test]
async fn a_job_that_panics_is_retried() {
    let (bench, group, message) = pin_under(panicking(4)).await;
    assert_eq!(
        bench.sim.top_notice(&group),
        Some(feishu_sim::TopNotice::Announcement)
    );
    assert!(
        answered_with(&bench.sim, &message, "Pin"),
        "{}",
        bench.sim.conversation()
    );
}

#[tokio::test]
async fn the_author_learns_of_a_job_given_up() {
    let (bench, _, message) = pin_under(panicking(5)).await;
    let replies = bench.sim.replies_to(&message);
    assert!(
        replies[0].contains("reference") && replies.len() == 1,
        "{replies:?}"
    );
    assert!(bench.sim.reactions(&message).is_empty());
}

#[tokio::test]
async fn a_job_whose_reply_panics_ends() {
    let (bench, ..) = pin_under(panicking(u32::MAX)).await;
    assert!(bench.sim.calls().len() < 20, "{}", bench.sim.conversation());
}
