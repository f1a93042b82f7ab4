//! Throttles repeated warnings and errors: the first is logged at once, the others as one summary
//! a second.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

const WINDOW: Duration = Duration::from_secs(1);
/// Further distinct events are not throttled.
const MAX_EVENTS: usize = 1000;
/// The number of jobs that a summary names.
const MAX_REFERENCES: usize = 50;
/// A longer word with a digit is an identifier, which an [`EventKey`] does not include. Error codes
/// are shorter.
const MAX_CODE_LENGTH: usize = 8;

/// A layer that drops repeated events. Clones share their state.
#[derive(Clone, Default)]
pub(super) struct Throttle(Arc<ThrottleState>);

#[derive(Default)]
struct ThrottleState {
    events: Mutex<RecentEvents>,
    /// Notified when there is an event to summarize.
    added: Condvar,
}

/// The distinct events logged within the last second.
#[derive(Default)]
struct RecentEvents(HashMap<EventKey, Repeated>);

#[derive(Clone, PartialEq, Eq, Hash)]
struct EventKey {
    /// File and line.
    callsite: &'static str,
    /// Without identifiers.
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Repeated {
    level: Level,
    target: String,
    /// The first event, with its fields.
    text: String,
    since: Instant,
    suppressed: u64,
    /// Of the jobs whose events were dropped.
    references: Vec<String>,
}

impl RecentEvents {
    /// Whether to log an event. Counts the event otherwise.
    fn admit(&mut self, key: EventKey, first: Repeated, reference: Option<&str>) -> bool {
        let now = first.since;
        let is_full = self.0.len() >= MAX_EVENTS;
        match self.0.get_mut(&key) {
            Some(repeated) if repeated.suppressed == 0 && repeated.is_due(now) => {
                *repeated = first;
                true
            }
            Some(repeated) => {
                repeated.suppressed += 1;
                let references = &mut repeated.references;
                let known = |reference: &str| references.iter().any(|seen| seen == reference);
                if let Some(new) = reference.filter(|reference| !known(reference))
                    && references.len() < MAX_REFERENCES
                {
                    references.push(new.to_owned());
                }
                false
            }
            None if is_full => true,
            None => {
                self.0.insert(key, first);
                true
            }
        }
    }

    /// The events repeated within the last second. Forgets the others.
    fn summaries(&mut self, now: Instant) -> Vec<Repeated> {
        let mut summaries = Vec::new();
        self.0.retain(|_, repeated| {
            if !repeated.is_due(now) {
                return true;
            }
            if repeated.suppressed == 0 {
                return false;
            }
            summaries.push(repeated.clone());
            repeated.suppressed = 0;
            repeated.references.clear();
            repeated.since = now;
            true
        });
        summaries
    }
}

impl Repeated {
    fn is_due(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= WINDOW
    }

    fn write_summary(&self) {
        let Self {
            target,
            text,
            suppressed,
            ..
        } = self;
        let jobs = self.references.join(" ");
        let jobs = (!jobs.is_empty()).then_some(jobs);
        if self.level == Level::ERROR {
            tracing::error!(count = suppressed, of = target, jobs, "repeated: {text}");
        } else {
            tracing::warn!(count = suppressed, of = target, jobs, "repeated: {text}");
        }
    }
}

impl Throttle {
    /// Starts the thread that writes the summaries. It sleeps while nothing is logged.
    pub(super) fn start(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.0);
        let name = "log-summaries".to_owned();
        let run = move || {
            loop {
                let mut events = shared.events.lock();
                shared
                    .added
                    .wait_while(&mut events, |events| events.0.is_empty());
                drop(events);
                thread::sleep(WINDOW);
                shared.write_summaries(Instant::now());
            }
        };
        thread::Builder::new().name(name).spawn(run).map(drop)
    }

    /// Writes all summaries that are still due.
    pub(super) fn flush(&self) {
        self.0.write_summaries(Instant::now() + WINDOW);
    }
}

impl ThrottleState {
    fn write_summaries(&self, now: Instant) {
        let summaries = self.events.lock().summaries(now);
        for summary in summaries {
            summary.write_summary();
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Throttle {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut reference = Reference(None);
        attributes.record(&mut reference);
        if let (Reference(Some(_)), Some(span)) = (&reference, context.span(id)) {
            span.extensions_mut().insert(reference);
        }
    }

    fn event_enabled(&self, event: &Event<'_>, context: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN || metadata.target() == module_path!() {
            return true;
        }
        let mut text = EventText::default();
        event.record(&mut text);
        let text = text.0;
        let key = EventKey {
            callsite: metadata.name(),
            text: without_identifiers(&text),
        };
        let first = Repeated {
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            text,
            since: Instant::now(),
            suppressed: 0,
            references: Vec::new(),
        };
        let spans = context.event_scope(event);
        let reference = spans.into_iter().flatten().find_map(|span| {
            let extensions = span.extensions();
            extensions
                .get::<Reference>()
                .and_then(|found| found.0.clone())
        });
        let admitted = self.0.events.lock().admit(key, first, reference.as_deref());
        self.0.added.notify_one();
        admitted
    }
}

/// The short id of the job of a span.
struct Reference(Option<String>);

impl Visit for Reference {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "job.reference" {
            self.0 = Some(format!("{value:?}").trim_matches('"').to_owned());
        }
    }
}

/// The message of an event, then its fields.
#[derive(Default)]
struct EventText(String);

impl Visit for EventText {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = if field.name() == "message" {
            let fields = std::mem::take(&mut self.0);
            write!(self.0, "{value:?}{fields}")
        } else {
            write!(self.0, " {field}={value:?}")
        };
    }
}

fn without_identifiers(text: &str) -> String {
    let is_part = |character: char| character.is_ascii_alphanumeric();
    let mut shown = String::new();
    for word in text.split_inclusive(|character| !is_part(character)) {
        let bare = word.trim_end_matches(|character| !is_part(character));
        if bare.len() > MAX_CODE_LENGTH
            && bare.contains(|character: char| character.is_ascii_digit())
        {
            shown.push('#');
            shown.push_str(&word[bare.len()..]);
        } else {
            shown.push_str(word);
        }
    }
    shown
}

#[cfg(test)]
mod tests;
