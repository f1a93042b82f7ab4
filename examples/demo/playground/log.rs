//! What happened, in order: events that were pushed, calls that were made, jobs
//! of the bot, and actions of the visitor.

use std::collections::VecDeque;

use feishu_sim::State;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::bot::{FromBot, Receive};
use super::switches::Switch;

/// So many are remembered; the page shows them all.
pub(crate) const MOST: usize = 120;

/// Everything so far.
#[derive(Default)]
pub(crate) struct EventLog {
    list: VecDeque<LogEntry>,
    counted: u64,
    /// How many pushes and calls of the simulator are in the list.
    pushes: usize,
    calls: usize,
    pub(crate) bot_state: BotState,
}

/// Whether the bot works.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum BotState {
    #[default]
    Gone,
    Starting {
        pid: u32,
        receive: Receive,
    },
    Serving {
        pid: u32,
        receive: Receive,
    },
}

/// One thing that happened.
pub(crate) struct LogEntry {
    /// Counts up from 1.
    pub(crate) number: u64,
    pub(crate) at_ms: u64,
    pub(crate) what: What,
}

pub(crate) enum What {
    /// The simulator pushes an event: its place among all pushes.
    Push(usize),
    /// The bot made a call: its place among all calls.
    Call(usize),
    /// The bot works on something.
    Job(Job),
    /// The bot logged something that belongs to no job.
    Line(LogLine),
    UserAction(UserAction),
}

/// A job as the bot's log tells of it.
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

/// Something that was done besides speaking.
#[derive(Clone, Copy)]
pub(crate) enum UserAction {
    Started { pid: u32, receive: Receive },
    Killed,
    Turned { switch: Switch, on: bool },
}

impl EventLog {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &LogEntry> {
        self.list.iter()
    }

    /// Notes pushes and calls that are new.
    pub(crate) fn catch_up(&mut self, state: &State, now_ms: u64) {
        for (at, call) in state.calls().iter().enumerate().skip(self.calls) {
            self.add(call.at_ms, What::Call(at));
        }
        self.calls = state.calls().len();
        for at in self.pushes..state.pushes().len() {
            // Not the time in the envelope: one that is delivered again is as
            // old as the first.
            self.add(now_ms, What::Push(at));
        }
        self.pushes = state.pushes().len();
    }

    pub(crate) fn hear(&mut self, said: FromBot, now_ms: u64) {
        match said {
            FromBot::Started { pid, receive } => {
                self.bot_state = BotState::Starting { pid, receive };
                self.play(UserAction::Started { pid, receive }, now_ms);
            }
            FromBot::Gone => self.bot_state = BotState::Gone,
            FromBot::Line(line) => self.hear_line(&line, now_ms),
        }
    }

    pub(crate) fn play(&mut self, deed: UserAction, now_ms: u64) {
        self.add(now_ms, What::UserAction(deed));
    }

    fn hear_line(&mut self, line: &str, now_ms: u64) {
        let (line, reference) = LogLine::read(line, now_ms);
        if let (BotState::Starting { pid, receive }, "noticebot started") =
            (self.bot_state, line.message.as_str())
        {
            self.bot_state = BotState::Serving { pid, receive };
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

    /// Puts it where its time says: the bot's log comes a little late.
    fn add(&mut self, at_ms: u64, what: What) {
        self.counted += 1;
        let happening = LogEntry {
            number: self.counted,
            at_ms,
            what,
        };
        let later = self.list.iter().rev();
        let later = later.take_while(|other| other.at_ms > at_ms).count();
        self.list.insert(self.list.len() - later, happening);
        if self.list.len() > MOST {
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
    /// What the log says last under this name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.lines.iter().rev().flat_map(|line| &line.fields);
        fields
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

impl LogLine {
    /// Reads a line, and to which job it belongs. What is no JSON is all message.
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
