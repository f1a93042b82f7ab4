//! The log, one line per entry.

use feishu_sim::{Attempt, Call, PushRecord, Sent, State};
use maud::{Markup, html};
use serde_json::Value;

use super::super::Playground;
use super::super::log::group::{Group, groups};
use super::super::log::{Job, LogEntry, LogLine, UserAction, What};
use super::super::stream::{Piece, Region};
use super::super::viewer::Viewer;
use super::{clock, faults, in_mode, region};

const TIME: &str = "%H:%M:%S%.3f";
const SHORT_TIME: &str = "%H:%M:%S";
/// Characters shown of an encrypted body.
const SEALED_LENGTH: usize = 160;
/// Fields of bodies that are not shown.
const SECRETS: [&str; 8] = [
    "app_secret",
    "AppSecret",
    "client_secret",
    "code",
    "code_verifier",
    "device_code",
    "refresh_token",
    "token",
];

pub(super) fn pane(playground: &Playground, viewer: &Viewer) -> Markup {
    let words = viewer.words();
    html! {
        section #happenings .pane aria-labelledby="happenings-name" {
            div.title { h2 #happenings-name { (words.log) } }
            div.scroll data-stick="" #scroll-list tabindex="0" role="region" aria-label=(words.log) {
                (region("ol", "list", list(playground, viewer)))
            }
        }
    }
}

pub(super) fn list(playground: &Playground, viewer: &Viewer) -> Region {
    let entries = playground.lock();
    let mut pieces: Vec<Piece> = playground.sim.read(|state| {
        let renderer = Renderer {
            playground,
            viewer,
            state,
        };
        let mut groups = groups(&entries, state);
        groups.retain(|group| renderer.is_of_world(group));
        groups.iter().map(|group| renderer.piece(group)).collect()
    });
    if pieces.is_empty() {
        let markup = html! { li #h-0 .hint { (viewer.words().log_is_empty) } };
        let id = "h-0".to_owned();
        pieces.push(Piece { id, markup });
    }
    Region { id: "list", pieces }
}

struct Renderer<'a> {
    playground: &'a Playground,
    viewer: &'a Viewer,
    state: &'a State,
}

/// The summary line of an entry.
struct Head {
    kind: &'static str,
    class: &'static str,
    name: String,
    /// Distinguishes the entry from others of its kind.
    detail: String,
    badge: Option<(&'static str, String)>,
}

impl Renderer<'_> {
    /// The groups of the other language are on the other page.
    fn is_of_world(&self, group: &Group<'_>) -> bool {
        let chat = group.chat(self.state);
        let mut groups = self.playground.fixture.groups.iter();
        let known = groups.find(|known| Some(&known.chat) == chat.as_ref());
        known.is_none_or(|known| known.world.language == self.viewer.language)
    }

    /// A group of several entries is folded.
    fn piece(&self, group: &Group<'_>) -> Piece {
        let first = group.entries[0];
        let (Some(job), [_, _, ..]) = (group.job, &*group.entries) else {
            return Piece {
                id: format!("h-{}", first.number),
                markup: self.entry(first),
            };
        };
        let id = format!("g-{}", first.number);
        let inside = html! {
            ol role="list" { @for entry in &group.entries { (self.entry(entry)) } }
        };
        let markup = self.folded(
            &id,
            &self.group_head(group, job),
            first.at_ms,
            Some(&inside),
        );
        Piece { id, markup }
    }

    /// Shows the event and how the job ended.
    fn group_head(&self, group: &Group<'_>, job: &Job) -> Head {
        let words = self.viewer.words();
        let (of_job, _) = self.job(job);
        let mut entries = group.entries.iter();
        let push = entries.find_map(|entry| match entry.what {
            What::Push(at) => Some(self.push(&self.state.pushes()[at]).0),
            _ => None,
        });
        let (kind, name) = match push {
            Some(push) => (push.kind, push.name),
            None => (of_job.kind, of_job.name),
        };
        let is_call = |entry: &&&LogEntry| matches!(entry.what, What::Call(_));
        let calls = group.entries.iter().filter(is_call).count();
        let detail = match calls {
            0 => String::new(),
            1 => words.one_call.to_owned(),
            count => words.calls.replace("{}", &count.to_string()),
        };
        Head {
            kind,
            class: "group",
            name,
            detail,
            badge: of_job.badge,
        }
    }

    fn entry(&self, entry: &LogEntry) -> Markup {
        let (head, inside) = match &entry.what {
            What::Push(at) => self.push(&self.state.pushes()[*at]),
            What::Call(at) => self.call(&self.state.calls()[*at]),
            What::Job(job) => self.job(job),
            What::Line(line) => self.line(line),
            What::UserAction(action) => (self.action(*action), None),
        };
        let id = format!("h-{}", entry.number);
        self.folded(&id, &head, entry.at_ms, inside.as_ref())
    }

    /// A summary line, with what it unfolds to.
    fn folded(&self, id: &str, head: &Head, at_ms: u64, inside: Option<&Markup>) -> Markup {
        let line = html! {
            span.kind { (head.kind) }
            span.name { (head.name) @if !head.detail.is_empty() { " " code { (head.detail) } } }
            @if let Some((class, text)) = &head.badge { span.{ "badge " (class) } { (text) } }
            time { (clock(self.playground, at_ms, SHORT_TIME)) }
        };
        html! {
            li #(id) .{ "happening " (head.class) } {
                @match inside {
                    Some(inside) => details #{ (id) "-more" } {
                        summary #{ (id) "-head" } { (line) }
                        div.inside { (inside) }
                    },
                    None => p.plain { (line) },
                }
            }
        }
    }

    fn push(&self, push: &PushRecord) -> (Head, Option<Markup>) {
        let words = self.viewer.words();
        let badge = match push.attempts.last() {
            None => ("", words.on_its_way.to_owned()),
            Some(attempt) if attempt.is_taken() => match push.attempts.len() {
                1 => ("good", "200".to_owned()),
                count => (
                    "good",
                    format!("200 · {}", words.times.replace("{}", &count.to_string())),
                ),
            },
            Some(attempt) => match &attempt.answer {
                Ok(answer) => ("bad", answer.status.to_string()),
                Err(_) => ("bad", words.no_answer.to_owned()),
            },
        };
        let message = push.message.as_ref().and_then(|id| self.state.message(id));
        let name = match message {
            Some(message) => {
                let who = super::name_of(&message.sender);
                format!(
                    "{who}{}{}",
                    words.colon,
                    super::message::summary(message, words)
                )
            }
            None => self
                .reaction(push)
                .unwrap_or_else(|| push.event_type.clone()),
        };
        let kind = if push.event_type == "card.action.trigger" {
            words.callback
        } else {
            words.event
        };
        let head = Head {
            kind,
            class: "push",
            name,
            detail: String::new(),
            badge: Some(badge),
        };
        let inside = html! {
            p { code { (push.event_type) } " " code { (push.event_id) } }
            @for (at, attempt) in push.attempts.iter().enumerate() {
                (self.attempt(at + 1, attempt))
            }
            h4 { (words.decrypted) }
            (json(&push.envelope))
        };
        (head, Some(inside))
    }

    /// The member and the emoji, if the event is a reaction.
    fn reaction(&self, push: &PushRecord) -> Option<String> {
        let event = &push.envelope["event"];
        let emoji = event["reaction_type"]["emoji_type"].as_str()?;
        let who = self.member(event["user_id"]["open_id"].as_str()?)?;
        Some(format!("{who}{}[{emoji}]", self.viewer.words().colon))
    }

    fn attempt(&self, number: usize, attempt: &Attempt) -> Markup {
        let words = self.viewer.words();
        html! {
            h4 { (words.attempt) " " (number) " · " (self.time(attempt.sent_ms)) }
            @match &attempt.sent {
                Sent::Request { url, sealed } => pre tabindex="0" {
                    "POST " (url) "\n"
                    @for (name, value) in &sealed.headers { (name) ": " (value) "\n" }
                    "\n" (shortened(&String::from_utf8_lossy(&sealed.body), SEALED_LENGTH))
                },
                Sent::Frames { connection, message_id } => pre tabindex="0" {
                    (words.frames) " " (connection) "\nmessage_id: " (message_id)
                },
                Sent::Nowhere => p { (words.nowhere) },
            }
            p {
                "→ "
                @match &attempt.answer {
                    Ok(answer) => { code { (answer.status) } " " code { (shortened(&answer.body, SEALED_LENGTH)) } },
                    Err(reason) => (reason),
                }
                " · " (attempt.at_ms.saturating_sub(attempt.sent_ms)) " ms"
            }
        }
    }

    fn call(&self, call: &Call) -> (Head, Option<Markup>) {
        let words = self.viewer.words();
        let badge = match (call.status, call.code) {
            (None, _) => ("bad", words.lost.to_owned()),
            (Some(200), Some(0)) => ("good", "0".to_owned()),
            (Some(200), None) => ("good", "200".to_owned()),
            (Some(status), Some(0) | None) => ("bad", status.to_string()),
            (Some(_), Some(code)) => ("bad", code.to_string()),
        };
        let language = self.viewer.language;
        let what = call.endpoint.map(|endpoint| language.call(endpoint));
        let what = what.unwrap_or_default();
        let name = match self.operator(call) {
            Some(name) => format!("{what} · {}", words.as_whom.replace("{}", name)),
            None => what.to_owned(),
        };
        let head = Head {
            kind: words.call,
            class: "call",
            name,
            detail: format!("{} …{}", call.method, end_of(&call.path)),
            badge: Some(badge),
        };
        let inside = html! {
            p.path { b { (call.method) } " " code { (call.path) } }
            dl {
                dt { (words.code) } dd { @match call.code { Some(code) => (code), None => "–" } }
                dt { (words.status) } dd { @match call.status { Some(status) => (status), None => (words.lost) } }
                dt { (words.log_id) } dd { code { (call.log_id) } }
                @for (name, value) in &call.query { dt { (name) } dd { code { (value) } } }
            }
            @if !call.body.is_null() { h4 { (words.body) } (json(&hidden(call))) }
        };
        (head, Some(inside))
    }

    /// The name of the member in whose name a call is made.
    fn operator(&self, call: &Call) -> Option<&str> {
        self.member(call.operator.as_deref()?)
    }

    fn member(&self, open_id: &str) -> Option<&str> {
        let mut people = self.playground.fixture.people.iter();
        let member = people.find(|member| member.person.open_id == open_id);
        member.map(|member| &*member.person.name)
    }

    fn job(&self, job: &Job) -> (Head, Option<Markup>) {
        let (words, language) = (self.viewer.words(), self.viewer.language);
        let command = job.field("command.name");
        let last = job.lines.last();
        let is_retried = last.is_some_and(|line| line.level == "WARN");
        let badge = match job.field("outcome") {
            Some(label) => {
                let is_good = matches!(label, "done" | "help" | "history" | "scheduled");
                let class = if is_good { "good" } else { "warn" };
                Some((class, language.outcome(label)))
            }
            None if is_retried => Some(("warn", words.tries_again)),
            // A message that is not a command ends without a log line.
            None => command.map(|_| ("", words.in_work)),
        };
        let name = match command {
            Some(name) => format!("/{name}"),
            None if job.field("outcome").is_some() => words.command.to_owned(),
            None => last.map(|line| line.message.clone()).unwrap_or_default(),
        };
        let head = Head {
            kind: words.job,
            class: "job",
            name,
            detail: job.reference.clone(),
            badge: badge.map(|(class, text)| (class, text.to_owned())),
        };
        let inside = html! {
            ol.log role="list" { @for line in &job.lines { li { (self.log(line)) } } }
        };
        (head, Some(inside))
    }

    fn line(&self, line: &LogLine) -> (Head, Option<Markup>) {
        let words = self.viewer.words();
        let badge = match line.level.as_str() {
            "ERROR" => Some(("bad", "error".to_owned())),
            "WARN" => Some(("warn", "warn".to_owned())),
            _ => None,
        };
        let head = Head {
            kind: words.bot_log,
            class: "line",
            name: line.message.clone(),
            detail: String::new(),
            badge,
        };
        let inside = (!line.fields.is_empty()).then(|| self.log(line));
        (head, inside)
    }

    /// A line of the bot's log with its fields.
    fn log(&self, line: &LogLine) -> Markup {
        html! {
            time { (self.time(line.at_ms)) } " " (line.message)
            @for (name, value) in &line.fields { " " code { (name) "=" (value) } }
        }
    }

    fn action(&self, action: UserAction) -> Head {
        let words = self.viewer.words();
        let (kind, class, name) = match action {
            UserAction::Killed => (words.bot_log, "deed bad", words.bot_killed.to_owned()),
            UserAction::Started { pid, mode } => {
                let (pid, mode) = (pid.to_string(), in_mode(mode, words));
                let name = [words.bot_started, words.colon, &pid, words.comma, &mode];
                (words.bot_log, "deed", name.concat())
            }
            UserAction::Turned { switch, on } => {
                let (name, _) = faults::named(switch, words);
                let turned = if on {
                    words.turned_on
                } else {
                    words.turned_off
                };
                (words.fault, "deed", [name, words.colon, turned].concat())
            }
        };
        Head {
            kind,
            class,
            name,
            detail: String::new(),
            badge: None,
        }
    }

    fn time(&self, at_ms: u64) -> impl std::fmt::Display + use<> {
        clock(self.playground, at_ms, TIME)
    }
}

/// Indented JSON.
fn json(value: &Value) -> Markup {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    html! { pre tabindex="0" { (text) } }
}

/// The body of a call without secrets, although they are not real ones here. A form is text.
fn hidden(call: &Call) -> Value {
    let mut body = call.body.clone();
    if let Value::String(form) = &mut body {
        let field = |field: &str| match field.split_once('=') {
            Some((name, _)) if SECRETS.contains(&name) => format!("{name}=…"),
            _ => field.to_owned(),
        };
        *form = form.split('&').map(field).collect::<Vec<_>>().join("&");
    }
    for name in SECRETS {
        if let Some(secret) = body.get_mut(name) {
            *secret = Value::from("…");
        }
    }
    body
}

/// The last part of a path that is not an identifier.
fn end_of(path: &str) -> &str {
    let is_name = |part: &&str| part.len() < 30 && part.chars().any(char::is_alphabetic);
    let name = path.rsplit('/').find(is_name).unwrap_or_default();
    path.rfind(name)
        .and_then(|at| path.get(at.saturating_sub(1)..at + name.len()))
        .unwrap_or(path)
}

fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}
