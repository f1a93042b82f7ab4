//! The members of a chat and the platform's pushes: one command after the other, each redelivered
//! until it is acknowledged, as the platform does, only sooner.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use feishu_sim::{ChatId, MessageId, Person};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::script::{self, Command};
use crate::chaos::progress::Progress;
use crate::events::WEBHOOK;
use crate::http::{self, Connection};
use crate::load::PUSH_DEADLINE;
use crate::platform::Platform;
use crate::time::Limits;

/// The most unfinished commands of a chat, so that intake and work overlap for the whole run.
const WINDOW: usize = 6;
/// How often a full window is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// The longest wait between redeliveries, as a multiple of the first.
const MAX_BACK_OFF: u32 = 8;

/// A command that was typed.
#[derive(Debug)]
pub(crate) struct Typed {
    pub(crate) id: MessageId,
    pub(crate) command: Command,
    /// The message that it replies to.
    pub(crate) target: Option<MessageId>,
    pub(crate) acknowledged: bool,
}

/// What was typed in one chat, in order.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) chat: ChatId,
    pub(crate) typed: Vec<Typed>,
}

/// Sums over all chats.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// All pushes.
    pub(crate) pushes: AtomicUsize,
    /// Redeliveries of unacknowledged pushes.
    pub(crate) redelivered: AtomicUsize,
    /// Redeliveries of acknowledged pushes.
    pub(crate) duplicates: AtomicUsize,
}

/// Shared by the threads of all chats.
pub(crate) struct Sender<'a> {
    pub(crate) platform: &'a Platform,
    /// Pushes go to each in turn, as through a load balancer.
    pub(crate) bots: Vec<SocketAddr>,
    pub(crate) limits: &'a Limits,
    /// The wait before the first redelivery; it doubles, up to eight times this.
    pub(crate) redeliver_after: Duration,
    /// The share of acknowledged pushes that are delivered again.
    pub(crate) duplicates: f64,
    pub(crate) progress: &'a Progress,
    pub(crate) counts: &'a Counts,
}

impl Sender<'_> {
    /// Types all commands into the chat.
    pub(crate) fn type_all(&self, chat: &ChatId, commands: &[Command], seed: u64) -> Conversation {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut client = PushClient {
            sender: self,
            connection: None,
            next: rng.random_range(0..self.bots.len()),
        };
        let mut typed: Vec<Typed> = Vec::new();
        let mut envelopes: Vec<Value> = Vec::new();
        for command in commands {
            let has_room = || typed.len() < self.progress.finished_in(chat) + WINDOW;
            self.limits.poll(POLL_INTERVAL, || has_room().then_some(()));
            if self.limits.is_over() {
                break;
            }
            let mut said = self.say(chat, command);
            let envelope = self.platform.sim.envelope_for(&said.id);
            said.acknowledged = client.deliver(&envelope);
            typed.push(said);
            envelopes.push(envelope);
            if rng.random_bool(self.duplicates) {
                let mut again = envelopes[rng.random_range(0..envelopes.len())].clone();
                if rng.random() {
                    again["header"]["event_id"] = json!(format!("{:032x}", rng.random::<u128>()));
                }
                self.counts.duplicates.fetch_add(1, Ordering::Relaxed);
                client.push(&again);
            }
        }
        Conversation {
            chat: chat.clone(),
            typed,
        }
    }

    /// Types `/login` in the direct chat with the bot.
    pub(crate) fn log_in(&self, member: &Person) {
        let sim = &self.platform.sim;
        let chat = sim.direct_chat(member);
        let said = sim.as_person(member).in_chat(&chat).say("/login");
        self.deliver(&said.id);
    }

    /// The chat's member types a text.
    pub(crate) fn say_in(&self, chat: &ChatId, text: &str) -> MessageId {
        let said = self.platform.member_in(chat).say(text);
        self.deliver(&said.id);
        said.id
    }

    fn deliver(&self, message: &MessageId) {
        let mut client = PushClient {
            sender: self,
            connection: None,
            next: 0,
        };
        client.deliver(&self.platform.sim.envelope_for(message));
    }

    fn say(&self, chat: &ChatId, command: &Command) -> Typed {
        let member = self.platform.member_in(chat);
        let target = matches!(command, Command::PinReply).then(|| member.say("worth keeping").id);
        let text = match command {
            Command::PinAnnouncement => "/pin announcement".to_owned(),
            Command::PinReply => "/pin".to_owned(),
            Command::Unpin => "/unpin".to_owned(),
            Command::Announce { tag, lines } => {
                format!("/announce {}", script::lines(tag, *lines).join("\n"))
            }
        };
        let member = match &target {
            None => member,
            Some(target) => member.reply_to(target),
        };
        Typed {
            id: member.say(text).id,
            command: command.clone(),
            target,
            acknowledged: false,
        }
    }
}

/// Pushes the events of one chat.
struct PushClient<'a> {
    sender: &'a Sender<'a>,
    connection: Option<Connection>,
    /// The index of the bot that gets the next push.
    next: usize,
}

impl PushClient<'_> {
    /// Pushes until the bot acknowledges; false if the run ended first.
    fn deliver(&mut self, envelope: &Value) -> bool {
        let first = self.sender.redeliver_after;
        let mut wait = first;
        while !self.sender.limits.is_over() {
            if self.push(envelope) {
                return true;
            }
            let counts = self.sender.counts;
            counts.redelivered.fetch_add(1, Ordering::Relaxed);
            self.sender.limits.sleep(wait);
            wait = (wait * 2).min(first * MAX_BACK_OFF);
        }
        false
    }

    /// Pushes once, encrypted and signed anew; true if the answer was 200 in time.
    fn push(&mut self, envelope: &Value) -> bool {
        self.sender.counts.pushes.fetch_add(1, Ordering::Relaxed);
        let sealed = self.sender.platform.sim.seal(envelope);
        let request = http::post(WEBHOOK, &sealed.headers, &sealed.body);
        let bots = &self.sender.bots;
        if bots.len() > 1 {
            self.connection = None;
            self.next = (self.next + 1) % bots.len();
        }
        let connection = match self.connection.take() {
            Some(connection) => Ok(connection),
            None => Connection::open(bots[self.next], PUSH_DEADLINE),
        };
        let answered = connection.and_then(|mut connection| {
            let status = connection.exchange(&request)?;
            self.connection = connection.reusable();
            Ok(status)
        });
        matches!(answered, Ok(200))
    }
}
