//! The routes of the playground and the handlers of its forms.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, FromRequestParts, Path, Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use feishu_sim::{Edit, InChat, MessageId, Seen, ToastKind};
use noticebot::web;
use noticebot::web::guard::{Guard, Hosts, guard};
use serde::Deserialize;
use serde_json::{Value, json};

use super::bot::{ActsAs, AppType, Mode, Receive};
use super::card::Card;
use super::log::{BotState, UserAction};
use super::switches::Switch;
use super::viewer::Viewer;
use super::{Playground, picture, stream, view};
use crate::language::Language;

mod message;

const MAX_FORM_BYTES: usize = 256 * 1024;
/// In characters, as in the bot's only input.
const LONGEST_INPUT: usize = 200;
/// After every block of an announcement.
const END: usize = usize::MAX;

const STYLE: &str = include_str!("assets/playground.css");
const SCRIPT: &str = include_str!("assets/playground.js");

pub(crate) fn router(playground: Arc<Playground>, address: SocketAddr) -> Router {
    let asset = |kind: &'static str, text: &'static str| {
        get(move || async move { ([(CONTENT_TYPE, kind)], text) })
    };
    let rules = Guard {
        hosts: Hosts::Exactly(address),
        may_be_linked: |path| path == "/",
    };
    Router::new()
        .route("/", get(page))
        .route("/events", get(stream::events))
        .route("/base.css", asset("text/css; charset=utf-8", web::STYLE))
        .route("/playground.css", asset("text/css; charset=utf-8", STYLE))
        .route(
            "/playground.js",
            asset("text/javascript; charset=utf-8", SCRIPT),
        )
        .route("/icon.svg", asset("image/svg+xml", web::ICON))
        .route("/picture/{key}", get(picture))
        .route("/say", post(message::say))
        .route("/pin", post(message::pin))
        .route("/react", post(message::react))
        .route("/recall", post(message::recall))
        .route("/press", post(press))
        .route("/write", post(write))
        .route("/switch", post(set_switch))
        .route("/bot", post(change_bot))
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .layer(from_fn_with_state(rules, guard))
        .with_state(playground)
}

async fn page(
    PageRequest {
        playground, viewer, ..
    }: PageRequest,
) -> Html<String> {
    Html(view::page(&playground, &viewer).0)
}

/// A picture of a message or of an announcement, and nothing else: the browser interprets no other
/// content.
async fn picture(State(playground): State<Arc<Playground>>, Path(key): Path<String>) -> Response {
    let content = playground.sim.read(|state| state.file(&key));
    let picture = content.and_then(|content| Some((picture::content_type(&content)?, content)));
    match picture {
        Some((kind, content)) => ([(CONTENT_TYPE, kind)], content).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A request with the parameters of its page.
struct PageRequest {
    playground: Arc<Playground>,
    viewer: Viewer,
    /// Whether the page's script made it and shows the response.
    is_from_script: bool,
}

impl FromRequestParts<Arc<Playground>> for PageRequest {
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
            is_from_script: accepts == Some(b"application/json"),
        })
    }
}

impl PageRequest {
    /// The selected member in the shown group.
    fn member(&self) -> InChat {
        self.viewer.in_chat(&self.playground)
    }

    /// Whether the message is in the shown group and was not recalled.
    fn can_see(&self, id: &MessageId) -> bool {
        let chat = &self.viewer.group(&self.playground).chat;
        self.playground.sim.read(|state| {
            let message = state.message(id);
            message.is_some_and(|message| message.chat == *chat && !message.recalled)
        })
    }

    /// The present content of a card that the selected member sees in the shown group; null if there is
    /// none.
    fn card(&self, id: &MessageId) -> Value {
        if self.can_see(id) {
            return self.playground.sim.card(id);
        }
        let person = &self.viewer.member(&self.playground).person;
        let chat = &self.viewer.group(&self.playground).chat;
        let content = self.playground.sim.read(|state| {
            let mut cards = state.private_cards(person);
            let card = cards.find(|card| card.id == *id && card.chat == *chat);
            card.map(|card| card.content.clone())
        });
        let content = content.and_then(|content| serde_json::from_str(&content).ok());
        content.unwrap_or_default()
    }

    /// The HTTP response. Without a script the browser reloads the page.
    fn answer(&self, response: FormResponse) -> Response {
        if !self.is_from_script {
            let query = self.viewer.query(&self.playground);
            return Redirect::to(&format!("/{query}")).into_response();
        }
        let FormResponse::Toast(kind, text) = response else {
            return StatusCode::NO_CONTENT.into_response();
        };
        let kind = match kind {
            ToastKind::Info => "info",
            ToastKind::Success => "success",
            ToastKind::Error => "error",
            ToastKind::Warning => "warning",
        };
        let toast = json!({ "kind": kind, "text": text }).to_string();
        ([(CONTENT_TYPE, "application/json")], toast).into_response()
    }
}

/// The response to a form.
enum FormResponse {
    /// The page shows the result.
    Page,
    Toast(ToastKind, String),
}

impl FormResponse {
    fn error(text: &str) -> Self {
        Self::Toast(ToastKind::Error, text.to_owned())
    }
}

#[derive(Deserialize)]
struct CardQuery {
    card: String,
}

#[derive(Deserialize)]
struct ButtonForm {
    button: String,
    /// In the input of the card, if it has one.
    #[serde(default)]
    typed: String,
}

/// Presses a button and waits for the response.
async fn press(
    request: PageRequest,
    Query(CardQuery { card }): Query<CardQuery>,
    Form(ButtonForm { button, typed }): Form<ButtonForm>,
) -> Response {
    let (words, card) = (request.viewer.words(), MessageId::from(card));
    let pressed = Card::read(&request.card(&card)).value_of(&button);
    let Some((value, input)) = pressed else {
        return request.answer(FormResponse::error(words.button_is_gone));
    };
    let typed: String = typed.chars().take(LONGEST_INPUT).collect();
    let typed: Vec<(&str, &str)> = input.iter().map(|input| (&**input, &*typed)).collect();
    let press = request.member().submit_value(&card, &value, &typed);
    request.answer(match press.seen().await {
        Seen::Nothing => FormResponse::Page,
        Seen::Failed(code) => FormResponse::error(&format!("{} {code}", words.press_failed)),
        Seen::Toast {
            kind, zh_cn, en_us, ..
        } => match request.viewer.language {
            Language::Zh => FormResponse::Toast(kind, zh_cn),
            Language::En => FormResponse::Toast(kind, en_us),
        },
    })
}

#[derive(Deserialize)]
struct LineForm {
    line: String,
}

/// Appends a line to the announcement, as a member does manually in Feishu.
async fn write(request: PageRequest, Form(LineForm { line }): Form<LineForm>) -> Response {
    let line = line.trim().to_owned();
    if !line.is_empty() {
        request.member().edit(Edit::Type { at: END, line });
    }
    request.answer(FormResponse::Page)
}

/// The new state of a switch. The button names it, because the page may be out of date.
#[derive(Deserialize)]
struct SwitchForm {
    switch: String,
    on: bool,
}

async fn set_switch(
    request: PageRequest,
    Form(SwitchForm { switch, on }): Form<SwitchForm>,
) -> Response {
    if let Some(switch) = Switch::from_key(&switch) {
        let playground = &request.playground;
        let scopes = playground.scopes();
        if on != playground.sim.read(|state| switch.is_on(state, &scopes)) {
            playground.log_action(UserAction::Turned { switch, on });
            switch.turn(on, &playground.sim, &playground.fixture.people);
        }
    }
    request.answer(FormResponse::Page)
}

#[derive(Deserialize)]
struct BotForm {
    r#do: BotAction,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum BotAction {
    Kill,
    Start,
    Webhook,
    LongConnection,
    AsBot,
    AsMember,
    CustomApp,
    StoreApp,
}

async fn change_bot(request: PageRequest, Form(BotForm { r#do }): Form<BotForm>) -> Response {
    let playground = Arc::clone(&request.playground);
    // A task of its own, because the client may disconnect before the bot is started again.
    let task = request.playground.bot_changes.spawn(async move {
        let (bot, sim) = (&playground.bot, &playground.sim);
        let receive = |way| move |mode: &mut Mode| mode.receive_by(way);
        let act = |acts_as| move |mode: &mut Mode| mode.acts_as = acts_as;
        let serve = |app| move |mode: &mut Mode| mode.serve_as(app);
        match r#do {
            BotAction::Kill => {
                if playground.bot_state() != BotState::Stopped {
                    playground.log_action(UserAction::Killed);
                }
                bot.kill().await;
                Ok(())
            }
            BotAction::Start => bot.start(sim).await,
            BotAction::Webhook => bot.change_mode(sim, receive(Receive::Webhook)).await,
            BotAction::LongConnection => {
                bot.change_mode(sim, receive(Receive::LongConnection)).await
            }
            BotAction::AsBot => bot.change_mode(sim, act(ActsAs::Bot)).await,
            BotAction::AsMember => bot.change_mode(sim, act(ActsAs::Member)).await,
            BotAction::CustomApp => bot.change_mode(sim, serve(AppType::Custom)).await,
            BotAction::StoreApp => bot.change_mode(sim, serve(AppType::Store)).await,
        }
    });
    let result = task.await.map_err(Into::into).flatten();
    request.answer(match result {
        Ok(()) => FormResponse::Page,
        Err(error) => FormResponse::error(&format!("{error:#}")),
    })
}
