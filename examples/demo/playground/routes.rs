//! The addresses of the playground, and what each form does.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, FromRequestParts, Query};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use feishu_sim::{Edit, InChat, MessageId, Seen, Sender, ToastKind};
use serde::Deserialize;
use serde_json::json;

use super::bot::Receive;
use super::card::Card;
use super::guard::guard;
use super::language::Language;
use super::log::{BotState, UserAction};
use super::switches::Switch;
use super::viewer::Viewer;
use super::{Playground, stream, view};

/// The longest form that is taken, in bytes.
const MOST_BYTES: usize = 256 * 1024;
/// Behind every block of an announcement.
const END: usize = usize::MAX;

const STYLE: &str = include_str!("assets/playground.css");
const SCRIPT: &str = include_str!("assets/playground.js");
const ICON: &str = include_str!("assets/icon.svg");

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

async fn page(
    Visit {
        playground, viewer, ..
    }: Visit,
) -> Html<String> {
    Html(view::page(&playground, &viewer).0)
}

/// A request of somebody who has the page open.
struct Visit {
    playground: Arc<Playground>,
    viewer: Viewer,
    /// It was made by the page's script, which shows what comes of it.
    is_by_script: bool,
}

impl FromRequestParts<Arc<Playground>> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        playground: &Arc<Playground>,
    ) -> Result<Self, Infallible> {
        let viewer = Viewer::from_request_parts(parts, playground).await?;
        let accepts = parts.headers.get(ACCEPT).map(HeaderValue::as_bytes);
        Ok(Self {
            playground: Arc::clone(playground),
            viewer,
            is_by_script: accepts == Some(b"application/json"),
        })
    }
}

impl Visit {
    /// The played member of the shown group.
    fn player(&self) -> InChat {
        self.viewer.in_chat(&self.playground)
    }

    /// Whether the message is in the shown group, and was not
    /// taken back.
    fn sees(&self, id: &MessageId) -> bool {
        let chat = &self.viewer.group(&self.playground).chat;
        self.playground.sim.read(|state| {
            let message = state.message(id);
            message.is_some_and(|message| message.chat == *chat && !message.recalled)
        })
    }

    /// Tells what came of it. Without a script the browser shows the page anew.
    fn answer(&self, done: Done) -> Response {
        if !self.is_by_script {
            let query = self.viewer.query(&self.playground);
            return Redirect::to(&format!("/{query}")).into_response();
        }
        let Done::Word(kind, text) = done else {
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
}

/// The response to a form.
enum Done {
    /// It shows on the page.
    Shown,
    /// A word for a moment.
    Word(ToastKind, String),
}

impl Done {
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

async fn say(visit: Visit, Form(saying): Form<Saying>) -> Response {
    // Browsers send line breaks as two characters.
    let text = saying.text.replace("\r\n", "\n");
    let text = text.trim();
    if text.is_empty() {
        return visit.answer(Done::mistake(visit.viewer.words().say_what));
    }
    let mut player = visit.player();
    let replied_to = MessageId::from(saying.reply);
    if visit.sees(&replied_to) {
        player = player.reply_to(&replied_to);
    }
    let fixture = &visit.playground.fixture;
    if saying.rich.is_some() {
        player.post("", text.lines().map(|line| fixture.rich_words(line)));
    } else {
        player.say(fixture.words(text));
    }
    visit.answer(Done::Shown)
}

#[derive(Deserialize)]
struct OfMessage {
    message: String,
}

/// Replies `/pin` or `/置顶` to a message.
async fn pin(visit: Visit, Form(OfMessage { message }): Form<OfMessage>) -> Response {
    let message = MessageId::from(message);
    if visit.sees(&message) {
        let command = visit.viewer.words().pin_command;
        visit.player().reply_to(&message).say(command);
    }
    visit.answer(Done::Shown)
}

/// Takes a message back, if it is one's own.
async fn recall(visit: Visit, Form(OfMessage { message }): Form<OfMessage>) -> Response {
    let message = MessageId::from(message);
    let person = &visit.viewer.resident(&visit.playground).person;
    let is_own = visit.playground.sim.read(|state| {
        let sender = state.message(&message).map(|message| &message.sender);
        matches!(sender, Some(Sender::Person(sender)) if sender == person)
    });
    if is_own && visit.sees(&message) {
        visit.player().recall(&message);
    }
    visit.answer(Done::Shown)
}

#[derive(Deserialize)]
struct OnCard {
    card: String,
}

#[derive(Deserialize)]
struct Label {
    button: String,
}

/// Presses a button and waits for the answer.
async fn press(
    visit: Visit,
    Query(OnCard { card }): Query<OnCard>,
    Form(Label { button }): Form<Label>,
) -> Response {
    let (words, card) = (visit.viewer.words(), MessageId::from(card));
    let shown = visit
        .sees(&card)
        .then(|| Card::read(&visit.playground.sim.card(&card)));
    let Some(value) = shown.and_then(|shown| shown.value_of(&button)) else {
        return visit.answer(Done::mistake(words.button_is_gone));
    };
    let pressed = visit.player().press_value(&card, value);
    visit.answer(match pressed.seen().await {
        Seen::Nothing => Done::Shown,
        Seen::Failed(code) => Done::mistake(&format!("{} {code}", words.press_failed)),
        Seen::Toast {
            kind, zh_cn, en_us, ..
        } => match visit.viewer.language {
            Language::Zh => Done::Word(kind, zh_cn),
            Language::En => Done::Word(kind, en_us),
        },
    })
}

#[derive(Deserialize)]
struct Line {
    line: String,
}

/// Writes a line at the announcement's end by hand, as people do in Feishu.
async fn write(visit: Visit, Form(Line { line }): Form<Line>) -> Response {
    let line = line.trim().to_owned();
    if !line.is_empty() {
        visit.player().edit(Edit::Type { at: END, line });
    }
    visit.answer(Done::Shown)
}

/// The new state of a switch: the one that the button named, whatever the page did
/// not show yet.
#[derive(Deserialize)]
struct Turned {
    switch: String,
    on: bool,
}

async fn turn(visit: Visit, Form(Turned { switch, on }): Form<Turned>) -> Response {
    if let Some(switch) = Switch::from_key(&switch) {
        let playground = &visit.playground;
        let scopes = playground.scopes();
        if on != playground.sim.read(|state| switch.is_on(state, &scopes)) {
            playground.note_deed(UserAction::Turned { switch, on });
            switch.turn(on, &playground.sim);
        }
    }
    visit.answer(Done::Shown)
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

async fn change_bot(visit: Visit, Form(Change { r#do }): Form<Change>) -> Response {
    let playground = Arc::clone(&visit.playground);
    // The client may disconnect before the bot has stopped; the bot is started again all the
    // same.
    let changing = visit.playground.changes_of_bot.spawn(async move {
        let (bot, sim) = (&playground.bot, &playground.sim);
        match r#do {
            Do::Kill => {
                if playground.bot_state() != BotState::Gone {
                    playground.note_deed(UserAction::Killed);
                }
                bot.kill().await;
                Ok(())
            }
            Do::Start => bot.start(sim).await,
            Do::Webhook => bot.receive_by(Receive::Webhook, sim).await,
            Do::LongConnection => bot.receive_by(Receive::LongConnection, sim).await,
        }
    });
    let changed = changing.await.map_err(Into::into).flatten();
    visit.answer(match changed {
        Ok(()) => Done::Shown,
        Err(error) => Done::mistake(&format!("{error:#}")),
    })
}
