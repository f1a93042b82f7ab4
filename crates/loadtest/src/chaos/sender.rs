//! The members of one chat and the platform's pushes: one command after the other, each delivered
//! again until it is acknowledged, as the platform does, only sooner.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use feishu_sim::{ChatId, MessageId};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::script::{self, Wish};
use crate::chaos::progress::Progress;
use crate::events::WEBHOOK;
use crate::load::PUSH_DEADLINE;
use crate::platform::Platform;
use crate::time::Limits;
use crate::wire::{self, Connection};

/// No more of a chat's commands than this are unfinished at a time, so that intake and work go on
/// beside each other for the whole run.
const WINDOW: usize = 6;
/// How often a full window is looked at.
const GLANCE: Duration = Duration::from_millis(5);
/// The ladder of redeliveries ends at so many times its first step.
const LONGEST_STEP: u32 = 8;

/// A command that was typed.
#[derive(Debug)]
pub(crate) struct Typed {
    pub(crate) id: MessageId,
    pub(crate) wish: Wish,
    /// The message that it replied to.
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
    /// Pushes that went out, whatever came of them.
    pub(crate) pushes: AtomicUsize,
    /// Pushes that came again because nobody had acknowledged them.
    pub(crate) redelivered: AtomicUsize,
    /// Pushes that came again although they had been acknowledged.
    pub(crate) duplicates: AtomicUsize,
}

/// What every chat's sender needs.
pub(crate) struct Sender<'a> {
    pub(crate) platform: &'a Platform,
    /// The platform's pushes go to any of them, as through a proxy in front.
    pub(crate) bots: Vec<SocketAddr>,
    pub(crate) limits: &'a Limits,
    /// The wait before the first redelivery; each next one is twice as long, up to eight times.
    pub(crate) redeliver_after: Duration,
    /// The share of acknowledged pushes that come again all the same.
    pub(crate) duplicates: f64,
    pub(crate) progress: &'a Progress,
    pub(crate) counts: &'a Counts,
}

impl Sender<'_> {
    /// Types all wishes into the chat.
    pub(crate) fn talk(&self, chat: &ChatId, wishes: &[Wish], seed: u64) -> Conversation {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut line = Line {
            sender: self,
            connection: None,
            next: rng.random_range(0..self.bots.len()),
        };
        let mut typed: Vec<Typed> = Vec::new();
        let mut envelopes: Vec<Value> = Vec::new();
        for wish in wishes {
            let has_room = || typed.len() < self.progress.finished_in(chat) + WINDOW;
            self.limits.poll(GLANCE, || has_room().then_some(()));
            if self.limits.are_over() {
                break;
            }
            let mut said = self.say(chat, wish);
            let envelope = self.platform.sim.envelope_for(&said.id);
            said.acknowledged = line.deliver(&envelope);
            typed.push(said);
            envelopes.push(envelope);
            if rng.random_bool(self.duplicates) {
                let mut again = envelopes[rng.random_range(0..envelopes.len())].clone();
                if rng.random() {
                    again["header"]["event_id"] = json!(format!("{:032x}", rng.random::<u128>()));
                }
                self.counts.duplicates.fetch_add(1, Ordering::Relaxed);
                line.push(&again);
            }
        }
        Conversation {
            chat: chat.clone(),
            typed,
        }
    }

    fn say(&self, chat: &ChatId, wish: &Wish) -> Typed {
        let member = self.platform.member_in(chat);
        let target = matches!(wish, Wish::PinReply).then(|| member.say("worth keeping").id);
        let text = match wish {
            Wish::PinAnnouncement => "/pin announcement".to_owned(),
            Wish::PinReply => "/pin".to_owned(),
            Wish::Unpin => "/unpin".to_owned(),
            Wish::Announce { tag, lines } => {
                format!("/announce {}", script::lines(tag, *lines).join("\n"))
            }
        };
        let member = match &target {
            None => member,
            Some(target) => member.reply_to(target),
        };
        Typed {
            id: member.say(text).id,
            wish: wish.clone(),
            target,
            acknowledged: false,
        }
    }
}

/// One chat's connection to the bot.
struct Line<'a> {
    sender: &'a Sender<'a>,
    connection: Option<Connection>,
    /// Which bot the next push goes to.
    next: usize,
}

impl Line<'_> {
    /// Pushes until the bot acknowledges; false if the run was over before.
    fn deliver(&mut self, envelope: &Value) -> bool {
        let first = self.sender.redeliver_after;
        let mut wait = first;
        while !self.sender.limits.are_over() {
            if self.push(envelope) {
                return true;
            }
            let counts = self.sender.counts;
            counts.redelivered.fetch_add(1, Ordering::Relaxed);
            self.sender.limits.sleep(wait);
            wait = (wait * 2).min(first * LONGEST_STEP);
        }
        false
    }

    /// Pushes once, sealed anew; whether the answer was 200 in time.
    fn push(&mut self, envelope: &Value) -> bool {
        self.sender.counts.pushes.fetch_add(1, Ordering::Relaxed);
        let sealed = self.sender.platform.sim.seal(envelope);
        let request = wire::post(WEBHOOK, &sealed.headers, &sealed.body);
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
            self.connection = connection.kept();
            Ok(status)
        });
        matches!(answered, Ok(200))
    }
}
