//! The handlers of the forms for messages.

use axum::extract::{Form, Query};
use axum::response::Response;
use feishu_sim::{InChat, MessageId, Sender, Words};
use serde::Deserialize;

use super::super::sample::Sample;
use super::super::{PIN_EMOJI, Playground};
use super::{FormResponse, PageRequest};

#[derive(Deserialize)]
pub(super) struct MessageForm {
    text: String,
    #[serde(default)]
    reply: String,
    /// Present if the box is checked.
    rich: Option<String>,
    #[serde(default)]
    attachment: String,
}

pub(super) async fn say(request: PageRequest, Form(form): Form<MessageForm>) -> Response {
    // Browsers send line breaks as CRLF.
    let text = form.text.replace("\r\n", "\n");
    let text = text.trim();
    let sample = Sample::from_key(&form.attachment);
    if text.is_empty() && sample.is_none() {
        return request.answer(FormResponse::error(request.viewer.words().say_what));
    }
    let mut member = request.member();
    let replied_to = MessageId::from(form.reply);
    if request.can_see(&replied_to) {
        member = member.reply_to(&replied_to);
    }
    if let Some((name, content)) = sample.and_then(|sample| sample.file(request.viewer.words())) {
        member.file(name, content);
    }
    let pictures = sample.map(Sample::pictures).unwrap_or_default();
    send(
        &request.playground,
        &member,
        text,
        form.rich.is_some(),
        pictures,
    );
    request.answer(FormResponse::Page)
}

/// Sends a text, a picture, or both as one rich-text message, like the clients of Feishu.
fn send(
    playground: &Playground,
    member: &InChat,
    text: &str,
    is_rich: bool,
    pictures: &[&'static [u8]],
) {
    let Playground { sim, fixture, .. } = playground;
    match pictures {
        [] if text.is_empty() => {}
        [] if !is_rich => {
            member.say(fixture.words(text));
        }
        [picture] if text.is_empty() => {
            member.picture(*picture);
        }
        _ => {
            let line = |line| {
                if is_rich {
                    fixture.rich_words(line)
                } else {
                    fixture.words(line)
                }
            };
            let picture = |picture: &&'static [u8]| Words::new().image(&sim.add_image(*picture));
            member.post(
                "",
                text.lines().map(line).chain(pictures.iter().map(picture)),
            );
        }
    }
}

#[derive(Deserialize)]
pub(super) struct MessageIdForm {
    message: String,
}

/// Replies `/pin` or `/置顶` to a message.
pub(super) async fn pin(
    request: PageRequest,
    Form(MessageIdForm { message }): Form<MessageIdForm>,
) -> Response {
    let message = MessageId::from(message);
    if request.can_see(&message) {
        let command = request.viewer.words().pin_command;
        request.member().reply_to(&message).say(command);
    }
    request.answer(FormResponse::Page)
}

/// Whether the reaction is added or removed. The button names it, because the page may be out of date.
#[derive(Deserialize)]
pub(super) struct ReactionQuery {
    on: bool,
}

/// Adds or removes the emoji that pins a message.
pub(super) async fn react(
    request: PageRequest,
    Query(ReactionQuery { on }): Query<ReactionQuery>,
    Form(MessageIdForm { message }): Form<MessageIdForm>,
) -> Response {
    let message = MessageId::from(message);
    if request.can_see(&message) {
        let member = request.member();
        if on {
            member.react(&message, PIN_EMOJI);
        } else {
            member.take_off(&message, PIN_EMOJI);
        }
    }
    request.answer(FormResponse::Page)
}

/// Recalls a message of the selected member.
pub(super) async fn recall(
    request: PageRequest,
    Form(MessageIdForm { message }): Form<MessageIdForm>,
) -> Response {
    let message = MessageId::from(message);
    let person = &request.viewer.member(&request.playground).person;
    let is_own = request.playground.sim.read(|state| {
        let sender = state.message(&message).map(|message| &message.sender);
        matches!(sender, Some(Sender::Person(sender)) if sender == person)
    });
    if is_own && request.can_see(&message) {
        request.member().recall(&message);
    }
    request.answer(FormResponse::Page)
}
