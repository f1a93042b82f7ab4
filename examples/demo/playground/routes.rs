//! The addresses of the playground, and what each form does.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use feishu_sim::{Edit, MessageId, Seen, Sender, ToastKind};
use serde::Deserialize;
use serde_json::json;

use super::bot::Receive;
use super::card::Card;
use super::guard::guard;
use super::happenings::{Deed, Standing};
use super::language::Language;
use super::switches::Switch;
use super::viewer::Viewer;
use super::{Playground, stream, view};

/// The longest form that is taken, in bytes.
const MOST_BYTES: usize = 64 * 1024;
/// Behind every block of an announcement.
const END: usize = usize::MAX;

const STYLE: &str = include_str!("assets/playground.css");
const SCRIPT: &str = include_str!("assets/playground.js");
const ICON: &str = include_str!("assets/icon.svg");

type Shared = State<Arc<Playground>>;

pub(crate) fn router(playground: Arc<Playground>, address: SocketAddr) -> Router {
    let asset = |kind: &'static str, text: &'static str| {
        get(move || async move { ([(CONTENT_TYPE, kind)], text) })
    };
    Router::new()
        .route("/", get(page))
        .route("/events", get(stream::events))
        .route("/playground.css", asset("text/css; charset=utf-8", STYLE))
        .route(
            "/playground.js",
            asset("text/javascript; charset=utf-8", SCRIPT),
        )
        .route("/icon.svg", asset("image/svg+xml", ICON))
        .route("/say", post(say))
        .route("/pin", post(pin))
        .route("/recall", post(recall))
        .route("/press", post(press))
        .route("/write", post(write))
        .route("/switch", post(turn))
        .route("/bot", post(change_bot))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(from_fn_with_state(address, guard))
        .with_state(playground)
}

async fn page(State(playground): Shared, viewer: Viewer) -> Response {
    Html(view::page(&playground, &viewer).0).into_response()
}

/// What comes of a form, for whoever sent it.
enum Done {
    /// It shows on the page.
    Shown,
    /// A word for a moment.
    Word(ToastKind, String),
}

impl Done {
    /// A script is told; without one the browser shows the page anew.
    fn tell(self, headers: &HeaderMap, viewer: &Viewer, playground: &Playground) -> Response {
        let accepts = headers.get(ACCEPT).map(HeaderValue::as_bytes);
        if accepts != Some(b"application/json") {
            return Redirect::to(&format!("/{}", viewer.query(playground))).into_response();
        }
        let Self::Word(kind, text) = self else {
            return StatusCode::NO_CONTENT.into_response();
        };
        let kind = match kind {
            ToastKind::Info => "info",
            ToastKind::Success => "success",
            ToastKind::Error => "error",
            ToastKind::Warning => "warning",
        };
        let word = json!({ "kind": kind, "text": text }).to_string();
        ([(CONTENT_TYPE, "application/json")], word).into_response()
    }

    fn mistake(text: &str) -> Self {
        Self::Word(ToastKind::Error, text.to_owned())
    }
}

#[derive(Deserialize)]
struct Saying {
    text: String,
    #[serde(default)]
    reply: String,
    /// Present where the box is ticked.
    rich: Option<String>,
}

async fn say(
    State(playground): Shared,
    viewer: Viewer,
    headers: HeaderMap,
    Form(saying): Form<Saying>,
) -> Response {
    // Browsers send line breaks as two characters.
    let text = saying.text.replace("\r\n", "\n");
    let text = text.trim();
    let done = if text.is_empty() {
        Done::mistake(viewer.words().say_what)
    } else {
        let mut speaker = viewer.in_chat(&playground);
        let replied_to = MessageId::from(saying.reply);
        if is_in_group(&playground, &viewer, &replied_to) {
            speaker = speaker.reply_to(&replied_to);
        }
        let world = &playground.world;
        if saying.rich.is_some() {
            speaker.post("", text.lines().map(|line| world.rich_words(line)));
        } else {
            speaker.say(world.words(text));
        }
        Done::Shown
    };
    done.tell(&headers, &viewer, &playground)
}

#[derive(Deserialize)]
struct OfMessage {
    message: String,
}

/// Replies `/pin` or `/置顶` to a message.
async fn pin(
    State(playground): Shared,
    viewer: Viewer,
    headers: HeaderMap,
    Form(OfMessage { message }): Form<OfMessage>,
) -> Response {
    let message = MessageId::from(message);
    if is_in_group(&playground, &viewer, &message) {
        let command = viewer.words().pin_command;
        viewer.in_chat(&playground).reply_to(&message).say(command);
    }
    Done::Shown.tell(&headers, &viewer, &playground)
}

async fn recall(
    State(playground): Shared,
    viewer: Viewer,
    headers: HeaderMap,
    Form(OfMessage { message }): Form<OfMessage>,
) -> Response {
    let message = MessageId::from(message);
    let person = Sender::Person(viewer.resident(&playground).person.clone());
    let is_own = playground.sim.read(|state| {
        let message = state.message(&message);
        message.is_some_and(|message| message.sender == person)
    });
    if is_own {
        viewer.in_chat(&playground).recall(&message);
    }
    Done::Shown.tell(&headers, &viewer, &playground)
}

#[derive(Deserialize)]
struct OnCard {
    card: String,
}

#[derive(Deserialize)]
struct Label {
    button: String,
}

async fn press(
    State(playground): Shared,
    viewer: Viewer,
    headers: HeaderMap,
    Query(OnCard { card }): Query<OnCard>,
    Form(Label { button }): Form<Label>,
) -> Response {
    let id = MessageId::from(card);
    let words = viewer.words();
    let value = is_in_group(&playground, &viewer, &id)
        .then(|| Card::read(&playground.sim.card(&id)).value_of(&button))
        .flatten();
    let done = match value {
        None => Done::mistake(words.button_is_gone),
        Some(value) => {
            let pressed = viewer.in_chat(&playground).press_value(&id, value);
            match pressed.seen().await {
                Seen::Nothing => Done::Shown,
                Seen::Failed(code) => Done::mistake(&format!("{} {code}", words.press_failed)),
                Seen::Toast {
                    kind, zh_cn, en_us, ..
                } => Done::Word(
                    kind,
                    match viewer.language {
                        Language::Zh => zh_cn,
                        Language::En => en_us,
                    },
                ),
            }
        }
    };
    done.tell(&headers, &viewer, &playground)
}

#[derive(Deserialize)]
struct Line {
    line: String,
}

/// Writes a line at the announcement's end by hand, as people do in Feishu.
async fn write(
    State(playground): Shared,
    viewer: Viewer,
    headers: HeaderMap,
    Form(Line { line }): Form<Line>,
) -> Response {
    let line = line.trim().to_owned();
    if !line.is_empty() {
        let writer = viewer.in_chat(&playground);
        writer.edit(Edit::Type { at: END, line });
    }
    Done::Shown.tell(&headers, &viewer, &playground)
}

#[derive(Deserialize)]
struct Turned {
    switch: String,
}

async fn turn(
    State(playground): Shared,
    viewer: Viewer,
    headers: HeaderMap,
    Form(Turned { switch }): Form<Turned>,
) -> Response {
    if let Some(switch) = Switch::from_key(&switch) {
        let scopes = playground.scopes();
        let is_on = playground.sim.read(|state| switch.is_on(state, &scopes));
        playground.note_deed(Deed::Turned { switch, on: !is_on });
        switch.turn(!is_on, &playground.sim);
    }
    Done::Shown.tell(&headers, &viewer, &playground)
}

/// What can be done to the bot.
#[derive(Deserialize)]
struct Change {
    r#do: Do,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Do {
    Kill,
    Start,
    Webhook,
    LongConnection,
}

async fn change_bot(
    State(playground): Shared,
    viewer: Viewer,
    headers: HeaderMap,
    Form(Change { r#do }): Form<Change>,
) -> Response {
    let (bot, sim) = (&playground.bot, &playground.sim);
    let changed = match r#do {
        Do::Kill => {
            if playground.standing() != Standing::Gone {
                playground.note_deed(Deed::Killed);
            }
            bot.kill().await;
            Ok(())
        }
        Do::Start => bot.start(sim).await,
        Do::Webhook => bot.receive_by(Receive::Webhook, sim).await,
        Do::LongConnection => bot.receive_by(Receive::LongConnection, sim).await,
    };
    let done = match changed {
        Ok(()) => Done::Shown,
        Err(error) => Done::mistake(&format!("{error:#}")),
    };
    done.tell(&headers, &viewer, &playground)
}

/// Whether the message stands in the group that is looked at, and was not taken
/// back.
fn is_in_group(playground: &Playground, viewer: &Viewer, id: &MessageId) -> bool {
    let chat = &viewer.group(playground).chat;
    playground.sim.read(|state| {
        let message = state.message(id);
        message.is_some_and(|message| message.chat == *chat && !message.recalled)
    })
}
