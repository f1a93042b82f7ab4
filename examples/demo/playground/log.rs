//! The log of the page: pushed events, the bot's calls and jobs, and actions of the visitor.

use std::collections::VecDeque;

use feishu_sim::{Endpoint, State};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::bot::{BotEvent, Mode};
use super::switches::Switch;
use crate::fixture::is_of_panel;

pub(crate) mod group;

/// Maximum number of entries; the page shows all of them.
pub(crate) const MAX_ENTRIES: usize = 120;

/// The last entries, oldest first.
#[derive(Default)]
pub(crate) struct EventLog {
    list: VecDeque<LogEntry>,
    counted: u64,
    /// The number of pushes and calls of the simulator that were added.
    pushes: usize,
    calls: usize,
    pub(crate) bot_state: BotState,
    pub(crate) first_steps: FirstSteps,
}

/// What the visitor has done of the first steps.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FirstSteps {
    pub(crate) pinned: bool,
    pub(crate) announced: bool,
    pub(crate) recovery: Recovery,
}

/// Whether the visitor has seen a command outlive a kill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Recovery {
    #[default]
    NotKilled,
    Killed,
    /// A command was executed after the bot was killed.
    Executed,
}

impl FirstSteps {
    pub(crate) fn are_done(self) -> bool {
        self.pinned && self.announced && self.recovery == Recovery::Executed
    }

    /// Notes a successful call.
    fn note(&mut self, endpoint: Option<Endpoint>) {
        match endpoint {
            Some(Endpoint::PutTopNotice) => self.pinned = true,
            Some(Endpoint::CreateChildren | Endpoint::PatchDocAnnouncement) => {
                self.announced = true;
            }
            _ => return,
        }
        if self.recovery == Recovery::Killed {
            self.recovery = Recovery::Executed;
        }
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum BotState {
    #[default]
    Stopped,
    Starting {
        pid: u32,
        mode: Mode,
    },
    Serving {
        pid: u32,
        mode: Mode,
    },
}

pub(crate) struct LogEntry {
    /// Counts up from 1.
    pub(crate) number: u64,
    pub(crate) at_ms: u64,
    pub(crate) what: What,
}

pub(crate) enum What {
    /// An event pushed by the simulator: its index in the list of pushes.
    Push(usize),
    /// A call of the bot: its index in the list of calls.
    Call(usize),
    Job(Job),
    /// A line of the bot's log that belongs to no job.
    Line(LogLine),
    UserAction(UserAction),
}

/// A job of the bot, as its log describes it.
pub(crate) struct Job {
    /// The short id in logs and replies.
    pub(crate) reference: String,
    pub(crate) lines: Vec<LogLine>,
}

/// A line of the bot's log.
pub(crate) struct LogLine {
    pub(crate) at_ms: u64,
    pub(crate) level: String,
    pub(crate) message: String,
    pub(crate) fields: Vec<(String, String)>,
}

/// An action of the visitor other than a message.
#[derive(Clone, Copy)]
pub(crate) enum UserAction {
    Started { pid: u32, mode: Mode },
    Killed,
    Turned { switch: Switch, on: bool },
}

impl EventLog {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &LogEntry> {
        self.list.iter()
    }

    /// Adds new pushes and calls.
    pub(crate) fn catch_up(&mut self, state: &State, now_ms: u64) {
        let new = state.calls().iter().enumerate().skip(self.calls);
        for (at, call) in new.filter(|(_, call)| !is_of_panel(call)) {
            if call.code == Some(0) {
                self.first_steps.note(call.endpoint);
            }
            self.add(call.at_ms, What::Call(at));
        }
        self.calls = state.calls().len();
        for at in self.pushes..state.pushes().len() {
            // Not the time in the envelope, which is the same for a redelivery.
            self.add(now_ms, What::Push(at));
        }
        self.pushes = state.pushes().len();
    }

    pub(crate) fn add_bot_event(&mut self, event: BotEvent, now_ms: u64) {
        match event {
            BotEvent::Started { pid, mode } => {
                self.bot_state = BotState::Starting { pid, mode };
                self.add_action(UserAction::Started { pid, mode }, now_ms);
            }
            BotEvent::Exited => self.bot_state = BotState::Stopped,
            BotEvent::Line(line) => self.add_line(&line, now_ms),
        }
    }

    pub(crate) fn add_action(&mut self, action: UserAction, now_ms: u64) {
        let recovery = &mut self.first_steps.recovery;
        if matches!(action, UserAction::Killed) && *recovery == Recovery::NotKilled {
            *recovery = Recovery::Killed;
        }
        self.add(now_ms, What::UserAction(action));
    }

    fn add_line(&mut self, line: &str, now_ms: u64) {
        let (line, reference) = LogLine::read(line, now_ms);
        if let (BotState::Starting { pid, mode }, "noticebot started") =
            (self.bot_state, line.message.as_str())
        {
            self.bot_state = BotState::Serving { pid, mode };
        }
        let Some(reference) = reference else {
            return self.add(line.at_ms, What::Line(line));
        };
        let mut jobs = self.list.iter_mut().rev().filter_map(LogEntry::job);
        if let Some(job) = jobs.find(|job| job.reference == reference) {
            job.lines.push(line);
        } else {
            let at_ms = line.at_ms;
            let lines = vec![line];
            self.add(at_ms, What::Job(Job { reference, lines }));
        }
    }

    /// Inserts an entry by its time: the bot's log arrives a little late.
    fn add(&mut self, at_ms: u64, what: What) {
        self.counted += 1;
        let entry = LogEntry {
            number: self.counted,
            at_ms,
            what,
        };
        let later = self.list.iter().rev();
        let later = later.take_while(|other| other.at_ms > at_ms).count();
        self.list.insert(self.list.len() - later, entry);
        if self.list.len() > MAX_ENTRIES {
            self.list.pop_front();
        }
    }
}

impl LogEntry {
    fn job(&mut self) -> Option<&mut Job> {
        match &mut self.what {
            What::Job(job) => Some(job),
            _ => None,
        }
    }
}

impl Job {
    /// The last value of a field of the log.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.lines.iter().rev().flat_map(|line| &line.fields);
        fields
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

impl LogLine {
    /// Parses a line; also returns the reference of its job. A line that is not JSON is a message.
    fn read(line: &str, now_ms: u64) -> (Self, Option<String>) {
        let Ok(mut line) = serde_json::from_str::<Map<String, Value>>(line) else {
            let line = Self {
                at_ms: now_ms,
                level: "ERROR".to_owned(),
                message: line.to_owned(),
                fields: Vec::new(),
            };
            return (line, None);
        };
        let spans = line.remove("spans");
        line.remove("span");
        let mut take = |name: &str| match line.remove(name) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let (level, message, time) = (take("level"), take("message"), take("timestamp"));
        let own = take("job.reference");
        take("target");
        let spans = spans.as_ref().and_then(Value::as_array);
        let mut around = spans
            .into_iter()
            .flatten()
            .filter_map(|span| span["job.reference"].as_str());
        let reference = around.next().map(str::to_owned);
        let reference = reference.or_else(|| (!own.is_empty()).then_some(own));
        let at = time.parse().map(Timestamp::as_millisecond);
        let at_ms = at.ok().and_then(|at| u64::try_from(at).ok());
        let plain = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let fields = line.into_iter().map(|(name, value)| (name, plain(value)));
        let line = Self {
            at_ms: at_ms.unwrap_or(now_ms),
            level,
            message,
            fields: fields.collect(),
        };
        (line, reference)
    }
}
