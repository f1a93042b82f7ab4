//! The history of each chat, from the calls that the simulator has seen.

use std::collections::{HashMap, HashSet};

use feishu_sim::{Call, Endpoint, State};

use super::checker::{Effect, History, Observed};
use super::script::{self, Command};
use super::sender::Conversation;
use crate::chaos::checker::Sent;

/// The reaction that acknowledges a command before it is done.
const HEARD: &str = "OneSecond";

pub(crate) fn collect(state: &State, conversations: &[Conversation]) -> Vec<History> {
    let mut seen = seen_by_chat(state, conversations);
    let waited = waited(state, conversations);
    conversations
        .iter()
        .map(|conversation| History {
            sent: conversation
                .typed
                .iter()
                .map(|typed| Sent {
                    id: typed.id.to_string(),
                    effect: effect(
                        &typed.command,
                        typed.target.as_ref().map(ToString::to_string),
                    ),
                    lines: match &typed.command {
                        Command::Announce { tag, lines } => script::lines(tag, *lines),
                        Command::PinAnnouncement | Command::PinReply | Command::Unpin => Vec::new(),
                    },
                    acknowledged: typed.acknowledged,
                    may_have_waited: waited.contains(typed.id.as_str()),
                    replies: answers(state, &typed.id),
                })
                .collect(),
            seen: seen.remove(conversation.chat.as_str()).unwrap_or_default(),
            standing: state.announcement_text(&conversation.chat),
        })
        .collect()
}

/// What a successful call changes; `None` if it only reads.
pub(crate) fn seen(call: &Call) -> Option<Observed> {
    if call.code != Some(0) {
        return None;
    }
    let message = || path_id(call, "messages");
    let seen = match call.endpoint? {
        Endpoint::PutTopNotice => {
            let entry = &call.body["chat_top_notice"][0];
            Observed::Effect(match entry["action_type"].as_str()? {
                "1" => Effect::PinMessage(entry["message_id"].as_str()?.to_owned()),
                _ => Effect::PinAnnouncement,
            })
        }
        Endpoint::DeleteTopNotice => Observed::Effect(Effect::Unpin),
        Endpoint::CreateChildren | Endpoint::PatchDocAnnouncement => {
            Observed::Effect(Effect::Announce(tag(&call.body.to_string())?))
        }
        Endpoint::AddReaction if call.body["reaction_type"]["emoji_type"] == HEARD => return None,
        Endpoint::AddReaction => Observed::Reaction(message()?),
        Endpoint::ReplyMessage => Observed::Reply(message()?),
        _ => return None,
    };
    Some(seen)
}

/// The commands that were not answered when their member was asked for consent in their chat. The
/// platform does not show which of them waits for it.
fn waited<'a>(state: &State, conversations: &'a [Conversation]) -> HashSet<&'a str> {
    let mut answered_at: HashMap<String, u64> = HashMap::new();
    let mut asked_at: HashMap<&str, Vec<u64>> = HashMap::new();
    for call in state.calls() {
        if let Some(Observed::Reaction(id) | Observed::Reply(id)) = seen(call) {
            answered_at.entry(id).or_insert(call.at_ms);
        }
        let chat = call.body["chat_id"].as_str();
        if call.endpoint == Some(Endpoint::SendPrivateCard)
            && let Some(chat) = chat
        {
            asked_at.entry(chat).or_default().push(call.at_ms);
        }
    }
    let mut waited = HashSet::new();
    for conversation in conversations {
        let Some(asked_at) = asked_at.get(conversation.chat.as_str()) else {
            continue;
        };
        for id in conversation.typed.iter().map(|typed| &typed.id) {
            let typed_at = state.message(id).map(|message| message.created_ms);
            let answered_at = answered_at.get(id.as_str()).copied().unwrap_or(u64::MAX);
            let open = typed_at.unwrap_or_default()..=answered_at;
            if asked_at.iter().any(|at| open.contains(at)) {
                waited.insert(id.as_str());
            }
        }
    }
    waited
}

fn seen_by_chat(state: &State, conversations: &[Conversation]) -> HashMap<String, Vec<Observed>> {
    let chat_of: HashMap<&str, &str> = conversations
        .iter()
        .flat_map(|conversation| {
            let chat = conversation.chat.as_str();
            conversation
                .typed
                .iter()
                .map(move |typed| (typed.id.as_str(), chat))
        })
        .collect();
    let mut by_chat: HashMap<String, Vec<Observed>> = HashMap::new();
    for call in state.calls() {
        let Some(seen) = seen(call) else { continue };
        let chat = match &seen {
            Observed::Effect(_) => path_id(call, "chats"),
            Observed::Reaction(id) | Observed::Reply(id) => {
                chat_of.get(id.as_str()).map(|&chat| chat.to_owned())
            }
        };
        by_chat
            .entry(chat.unwrap_or_default())
            .or_default()
            .push(seen);
    }
    by_chat
}

fn effect(command: &Command, target: Option<String>) -> Effect {
    match command {
        Command::PinAnnouncement => Effect::PinAnnouncement,
        Command::PinReply => Effect::PinMessage(target.unwrap_or_default()),
        Command::Unpin => Effect::Unpin,
        Command::Announce { tag, .. } => Effect::Announce(tag.clone()),
    }
}

/// The segment after `kind` in the call's path.
fn path_id(call: &Call, kind: &str) -> Option<String> {
    let mut parts = call.path.split('/').skip_while(|part| *part != kind);
    parts.nth(1).map(str::to_owned)
}

/// The tag at the start of a text: `note-` and six digits.
fn tag(body: &str) -> Option<String> {
    let at = body.find("note-")?;
    body.get(at..at + "note-000000".len()).map(str::to_owned)
}

/// The replies to a message, and the different private cards: the call that sends one has no key, so
/// it may be repeated.
fn answers(state: &feishu_sim::State, message: &feishu_sim::MessageId) -> Vec<String> {
    let mut answers = state.answers_to(message);
    let mut private = answers.split_off(state.replies_to(message).len());
    private.dedup();
    answers.extend(private);
    answers
}
