//! One message with its reactions, buttons and replies.

use feishu_sim::{Message, MessageId, Sender, State};
use maud::{Markup, html};
use serde_json::Value;

use super::super::card::{Card, Part};
use super::super::language::Words;
use super::super::viewer::Viewer;
use super::super::{PIN_EMOJI, Playground, REDELIVERY_WAITS};
use super::icon::{Icon, icon};
use super::{clock, media, name_of, rich, role_name, sender_avatar};

/// In characters.
const SUMMARY_LENGTH: usize = 90;

pub(super) fn element_id(id: &MessageId) -> String {
    format!("m-{id}")
}

/// The start of a message on one line.
pub(super) fn summary(message: &Message, words: &Words) -> String {
    if message.recalled {
        return words.recalled_message.to_owned();
    }
    let content: Value = serde_json::from_str(&message.content).unwrap_or_default();
    match message.msg_type.as_str() {
        "image" => return media::picture_name(words),
        "file" => {
            return media::file_name(content["file_name"].as_str().unwrap_or_default(), words);
        }
        _ => {}
    }
    let placed = message.text();
    let mut text = String::new();
    for (before, name) in rich::parts(&placed, &message.mentions) {
        text.push_str(before);
        for word in name.into_iter().flat_map(|name| ["@", name]) {
            text.push_str(word);
        }
    }
    let text = text.replace('\n', " ");
    if text.trim().is_empty() {
        return media::picture_name(words);
    }
    match text.char_indices().nth(SUMMARY_LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

pub(super) fn message(
    playground: &Playground,
    viewer: &Viewer,
    (state, now_ms): (&State, u64),
    message: &Message,
) -> Markup {
    let words = viewer.words();
    let id = element_id(&message.id);
    let name = name_of(&message.sender);
    if message.recalled {
        return html! { li #(id) .recalled { (name) " " (words.recalled) } };
    }
    let person = &viewer.member(playground).person;
    let is_own = matches!(&message.sender, Sender::Person(sender) if sender == person);
    let is_topic = viewer.group(playground).is_topic;
    // A reply in a topic is shown below its parent.
    let replied_to = message.parent.as_ref().filter(|_| !is_topic);
    let replied_to = replied_to.and_then(|id| state.message(id));
    html! {
        li #(id) .message .own[is_own] .at-right[is_own && !is_topic]
            .in-topic[is_topic && message.root.is_some()] {
            (sender_avatar(&message.sender))
            div.said {
                p.meta {
                    b { (name) }
                    " " span.role { (role(playground, &message.sender, words)) }
                    " " time { (clock(playground, message.created_ms, "%H:%M")) }
                    @if message.updated_ms.is_some() { " · " (words.edited) }
                }
                div.bubble {
                    @if let Some(other) = replied_to {
                        blockquote.quote { b { (name_of(&other.sender)) } (words.colon) (summary(other, words)) }
                    }
                    (body(playground, viewer, state, message))
                }
                (reactions(message, words))
                (delivery(state, now_ms, message, words))
                (acts(playground, viewer, message, is_own))
            }
        }
    }
}

fn role(playground: &Playground, sender: &Sender, words: &Words) -> &'static str {
    let Sender::Person(person) = sender else {
        return words.bot;
    };
    let mut people = playground.fixture.people.iter();
    let member = people.find(|member| member.person == *person);
    member.map_or("", |member| role_name(member.role, words))
}

fn body(playground: &Playground, viewer: &Viewer, state: &State, message: &Message) -> Markup {
    let words = viewer.words();
    let content: Value = serde_json::from_str(&message.content).unwrap_or_default();
    match message.msg_type.as_str() {
        "interactive" => {
            let action = format!("/press{}&card={}", viewer.query(playground), message.id);
            card(&Card::read(&content), message.id.as_str(), Some(&action))
        }
        "post" => rich::post(state, message, &content, words),
        "image" => media::picture(
            state,
            content["image_key"].as_str().unwrap_or_default(),
            words,
        ),
        "file" => media::file(content["file_name"].as_str().unwrap_or_default(), words),
        _ => html! { p.text { (rich::mentioning(&message.text(), &message.mentions)) } },
    }
}

/// A card. A press on one of its buttons sends the button's name to `action`; without one they
/// cannot be pressed.
pub(super) fn card(card: &Card, id: &str, action: Option<&str>) -> Markup {
    html! {
        div.{ "card " (card.template) } {
            h3 { (card.title) }
            div.parts {
                @for (at, part) in card.parts.iter().enumerate() {
                    @match part {
                        Part::Markdown(text) => (rich::markdown(text)),
                        Part::Plain(text) => p.text { (text) },
                        Part::Button { label, .. } => form.buttons method="post" action=[action] {
                            button #{ "b-" (id) "-" (at) } name="button" value=(label)
                                disabled[action.is_none()] { (label) }
                        },
                        // Enter presses its own button.
                        Part::Form { placeholder, max_length, label, .. } => form.buttons method="post" action=[action] {
                            input #{ "i-" (id) "-" (at) } name="typed" maxlength=(max_length)
                                placeholder=(placeholder) aria-label=(placeholder)
                                disabled[action.is_none()];
                            button #{ "b-" (id) "-" (at) } name="button" value=(label)
                                disabled[action.is_none()] { (label) }
                        },
                        Part::Link { label, url } => p.buttons { (rich::link(url, &html! { (label) })) },
                    }
                }
            }
        }
    }
}

fn reactions(message: &Message, words: &Words) -> Markup {
    html! {
        @if !message.reactions.is_empty() || !message.other_reactions.is_empty() {
            ul.reactions role="list" aria-label=(words.reactions) {
                @for reaction in &message.reactions {
                    @let name = &reaction.emoji_type;
                    li title={ (name) " · noticebot" } {
                        (icon(Icon::of_reaction(name)))
                        span.hidden { (name) }
                    }
                }
                @for (emoji, names) in of_people(message) {
                    li.of_people {
                        (icon(Icon::of_reaction(emoji)))
                        span.hidden { (emoji) (words.colon) }
                        span { (names.join(words.comma)) }
                    }
                }
            }
        }
    }
}

/// The reactions of people: each emoji with their names.
fn of_people(message: &Message) -> Vec<(&str, Vec<&str>)> {
    let mut emojis: Vec<(&str, Vec<&str>)> = Vec::new();
    for reaction in &message.other_reactions {
        let name = name_of(&reaction.operator);
        let emoji = reaction.emoji_type.as_str();
        match emojis.iter_mut().find(|(known, _)| *known == emoji) {
            Some((_, names)) => names.push(name),
            None => emojis.push((emoji, vec![name])),
        }
    }
    emojis
}

/// Says that the bot has not accepted the event of a message, and when it is delivered again.
fn delivery(state: &State, now_ms: u64, message: &Message, words: &Words) -> Markup {
    let mut pushes = state.pushes().iter().rev();
    let push = match message.sender {
        Sender::Person(_) => pushes.find(|push| push.message.as_ref() == Some(&message.id)),
        Sender::App | Sender::OtherBot { .. } => None,
    };
    let failed = push.and_then(|push| {
        let last = push.attempts.last().filter(|last| !last.is_taken())?;
        Some((push.attempts.len(), last.at_ms))
    });
    let Some((attempts, at_ms)) = failed else {
        return html! {};
    };
    let text = match REDELIVERY_WAITS.get(attempts - 1) {
        Some(wait) => {
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            let left_ms = (at_ms + wait_ms).saturating_sub(now_ms);
            let left = left_ms.div_ceil(1000).to_string();
            words.not_delivered_yet.replace("{}", &left)
        }
        None => words.not_delivered.to_owned(),
    };
    html! { p.delivery { (text) } }
}

/// The buttons for a message.
fn acts(playground: &Playground, viewer: &Viewer, message: &Message, is_own: bool) -> Markup {
    let words = viewer.words();
    let query = viewer.query(playground);
    let id = &message.id;
    let person = &viewer.member(playground).person;
    let has_reacted = message.other_reactions.iter().any(|reaction| {
        reaction.emoji_type == PIN_EMOJI
            && matches!(&reaction.operator, Sender::Person(operator) if operator == person)
    });
    let (pressed, label) = if has_reacted {
        ("true", words.remove_pin_emoji)
    } else {
        ("false", words.pin_emoji)
    };
    html! {
        form.acts method="post" {
            a #{ "r-" (id) } href=(viewer.replying_to(id, playground)) { (words.reply) }
            button #{ "p-" (id) } formaction={ "/pin" (query) } name="message" value=(id) { (words.pin) }
            @if is_own {
                button #{ "x-" (id) } formaction={ "/recall" (query) } name="message" value=(id) { (words.recall) }
            }
            button.react #{ "e-" (id) } formaction={ "/react" (query) "&on=" (!has_reacted) } name="message" value=(id)
                aria-pressed=(pressed) aria-label=(label) title=(label) { (icon(Icon::Pin)) }
        }
    }
}
