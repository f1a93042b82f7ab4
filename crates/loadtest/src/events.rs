//! Distinct events, encrypted and signed before the measurement starts.

use feishu_sim::{ChatId, MessageId, Words};
use serde_json::{Value, json};

use crate::http;
use crate::platform::Platform;

/// The path of the webhook.
pub(crate) const WEBHOOK: &str = "/webhook/event";
/// Messages that are no commands.
const CHATTER: [&str; 6] = [
    "收到，我下午三点前把上周的记录发到群里，麻烦大家先看一下议程，有要补充的直接回复这条消息。",
    "The build of the release branch is green again; I have started the deployment to staging.",
    "明天的评审改到四号会议室，时间不变。",
    "ok",
    "Who is on duty tonight? The dashboard of the payment service shows a slow query every few minutes since 17:40.",
    "谢谢！辛苦了[THUMBSUP]",
];

/// An event as an HTTP request.
#[derive(Debug)]
pub(crate) struct Event {
    /// The whole request.
    pub(crate) request: Vec<u8>,
    /// The message, if it is a command.
    pub(crate) command: Option<MessageId>,
}

/// Prepares events for all chats in turn; `commands` is the percentage of commands.
pub(crate) fn seal(platform: &Platform, events: usize, command_percent: usize) -> Vec<Event> {
    let templates = chatter_envelopes(platform);
    // After `n` events there have been `n * percent / 100` commands: evenly spread.
    let commands_before = |number: usize| number * command_percent / 100;
    (0..events)
        .map(|number| {
            if commands_before(number + 1) > commands_before(number) {
                command(platform, commands_before(number))
            } else {
                chatter(platform, &templates, number)
            }
        })
        .collect()
}

fn command(platform: &Platform, number: usize) -> Event {
    let chat = &platform.chats[number % platform.chats.len()];
    let (request, message) = command_in(platform, chat);
    Event {
        request,
        command: Some(message),
    }
}

/// A command in this chat: its request and its message.
pub(crate) fn command_in(platform: &Platform, chat: &ChatId) -> (Vec<u8>, MessageId) {
    said_in(platform, chat, "/pin announcement")
}

/// A text in this chat: its request and its message.
pub(crate) fn said_in(platform: &Platform, chat: &ChatId, text: &str) -> (Vec<u8>, MessageId) {
    let said = platform.member_in(chat).say(text);
    let envelope = platform.sim.envelope_for(&said.id);
    (sealed(platform, &envelope), said.id)
}

/// Messages that the simulator does not store, because nothing asks for them.
fn chatter(platform: &Platform, templates: &[Value; 3], number: usize) -> Event {
    let chat = &platform.chats[number % platform.chats.len()];
    let text = CHATTER[number % CHATTER.len()];
    let mut envelope = templates[number % templates.len()].clone();
    envelope["header"]["event_id"] = json!(format!("{number:032x}"));
    let message = &mut envelope["event"]["message"];
    let text = match message["mentions"] {
        Value::Null => format!("{text} {number}"),
        _ => format!("@_user_1 @_user_2 {text} {number}"),
    };
    message["message_id"] = json!(format!("om_{number:032x}"));
    message["chat_id"] = json!(chat.as_str());
    message["content"] = json!(json!({ "text": text }).to_string());
    Event {
        request: sealed(platform, &envelope),
        command: None,
    }
}

/// A message, a reply, and a reply that mentions two people.
fn chatter_envelopes(platform: &Platform) -> [Value; 3] {
    let member = platform.member_in(&platform.chats[0]);
    let first = member.say("chatter").id;
    let reply = member.reply_to(&first);
    let mentions = Words::new().at(&platform.owner).at(&platform.member);
    let messages = [first, reply.say("chatter").id, reply.say(mentions).id];
    messages.map(|message| platform.sim.envelope_for(&message))
}

fn sealed(platform: &Platform, envelope: &Value) -> Vec<u8> {
    let sealed = platform.sim.seal(envelope);
    http::post(WEBHOOK, &sealed.headers, &sealed.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_spread_evenly_over_distinct_events() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let platform = Platform::start(&runtime, 3, 0).unwrap();
        let check = |percent, expected: &[usize]| {
            let events = seal(&platform, 8, percent);
            let commands: Vec<usize> = (0..8)
                .filter(|&number| events[number].command.is_some())
                .collect();
            assert_eq!(commands, expected, "{percent}");
            let distinct: std::collections::HashSet<_> =
                events.iter().map(|event| &event.request).collect();
            assert_eq!(distinct.len(), 8);
        };
        check(0, &[]);
        check(25, &[3, 7]);
        check(100, &[0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn chatter_has_realistic_lengths() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let platform = Platform::start(&runtime, 1, 0).unwrap();
        let events = seal(&platform, 30, 0);
        let total: usize = events.iter().map(|event| event.request.len()).sum();
        assert!((1200..2200).contains(&(total / 30)), "{}", total / 30);
    }
}
