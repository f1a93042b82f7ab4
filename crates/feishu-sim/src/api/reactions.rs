//! Reactions to messages (official pages `im-v1/message-reaction`).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{messages::MESSAGE_CODES, success};
use crate::{
    ids::MessageId,
    messages::{Message, Reaction},
    refusal::Refusal,
    request::Request,
    state::State,
};

/// Names that the simulator knows; they are case-sensitive.
const EMOJI: &str = "OK THUMBSUP ThumbsDown DONE CheckMark CrossMark Pin Loudspeaker LGTM OnIt OneSecond \
    Typing Get Alarm ERROR SALUTE MinusOne Yes No JIAYI THINKING APPLAUSE";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddReaction {
    reaction_type: ReactionType,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReactionType {
    emoji_type: String,
}

/// The same emoji a second time is the same reaction.
pub(crate) fn add(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let AddReaction {
        reaction_type: ReactionType { emoji_type },
    } = request.body()?;
    if !EMOJI.split(' ').any(|known| known == emoji_type) {
        return Err(Refusal::code(231_001));
    }
    let (app, reaction_id) = (state.apps.index(), state.ids.hex());
    let message = reachable(state, request)?;
    let known = message
        .reactions
        .iter()
        .find(|reaction| (reaction.app, &reaction.emoji_type) == (app, &emoji_type));
    let reaction = known.cloned().unwrap_or(Reaction {
        app,
        reaction_id,
        emoji_type,
    });
    if !message.reactions.contains(&reaction) {
        message.reactions.push(reaction.clone());
    }
    let (chat, id) = (message.chat.clone(), message.id.clone());
    state.apps.present_mut().reacted.insert(chat, id);
    Ok(success(view(state, &reaction)))
}

pub(crate) fn delete(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let app = state.apps.index();
    let message = reachable(state, request)?;
    let named = |reaction: &Reaction| reaction.reaction_id == request.param("reaction_id");
    let index = message
        .reactions
        .iter()
        .position(named)
        .ok_or_else(|| Refusal::code(231_010))?;
    if message.reactions[index].app != app {
        return Err(Refusal::code(231_007));
    }
    let reaction = message.reactions.remove(index);
    Ok(success(view(state, &reaction)))
}

/// The message, if the bot may react to it.
fn reachable<'a>(state: &'a mut State, request: &Request) -> Result<&'a mut Message, Refusal> {
    let id = MessageId::from(request.param("message_id"));
    let message = state
        .messages
        .get(&id)
        .ok_or_else(|| Refusal::code(231_003))?;
    let chat = state.enter(message.chat.as_str(), MESSAGE_CODES)?;
    state.check_availability(chat, 231_022)?;
    if message.recalled {
        return Err(Refusal::code(230_110));
    }
    state
        .messages
        .get_mut(&id)
        .ok_or_else(|| Refusal::code(231_003))
}

fn view(state: &State, reaction: &Reaction) -> Value {
    json!({
        "reaction_id": reaction.reaction_id,
        "operator": {"operator_id": state.app().app_id, "operator_type": "app"},
        "action_time": state.now().to_string(),
        "reaction_type": {"emoji_type": reaction.emoji_type},
    })
}
