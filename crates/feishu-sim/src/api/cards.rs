//! Updates of cards: of any card of the bot (official page `im-v1/message/patch`), and the delayed
//! update of a card whose button was pressed.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::messages::{MESSAGE_CODES, known};
use super::notifications::is_own;
use super::success;
use crate::content;
use crate::limits::{Counted, Limit};
use crate::pressed::Unusable;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::shared::Shared;
use crate::state::State;

/// A card can be updated for 14 days.
const UPDATABLE_FOR_MS: u64 = 14 * 24 * 60 * 60 * 1000;
/// Updates of one card.
const PER_CARD: Limit = Limit::per_second(5);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    content: String,
}

/// Only the bot's own cards. No page names the code for other messages.
pub(crate) fn patch(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let Patch { content } = request.body()?;
    let message = known(state, request)?.clone();
    state.enter(message.chat.as_str(), MESSAGE_CODES)?;
    if !is_own(state, &message) || message.msg_type != "interactive" {
        return Err(Refusal::code(230_001).violating("not a card of this bot"));
    }
    if message.recalled {
        return Err(Refusal::code(state.behaviour.messages.recalled_card));
    }
    if state.now() > message.created_ms + UPDATABLE_FOR_MS {
        return Err(Refusal::code(230_031));
    }
    content::check("interactive", &content)?;
    state
        .count(&Counted::CardUpdates(message.id.clone()), &[PER_CARD])
        .map_err(|_| Refusal::code(230_020))?;
    let now = state.now();
    if let Some(message) = state.messages.get_mut(&message.id) {
        message.content = content;
        message.updated_ms = Some(now);
    }
    Ok(success(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    token: String,
    card: Value,
}

/// Error codes are not documented, so every error is a failed field validation.
pub(crate) fn update(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let Update { token, card } = request.body()?;
    content::check("interactive", &card.to_string())
        .map_err(|refusal| Refusal::field("card", &refusal.msg).instead_of(refusal))?;
    state.update_card(&token, &card).map_err(refusal)?;
    Ok(success(json!({})))
}

fn refusal(unusable: Unusable) -> Refusal {
    let what = match unusable {
        Unusable::Unknown => "no press has this token",
        Unusable::Expired => "the press is older than 30 min",
        Unusable::UsedUp => "the token was used twice",
        Unusable::BeforeTheAnswer => {
            let what = "the press has no response yet";
            return Refusal::field("token", what).violating(what);
        }
    };
    Refusal::field("token", what)
}

/// How long an update waits for the response that it may have overtaken, in wall time.
const GRACE: Duration = Duration::from_millis(500);

/// Waits a moment for the response to the press: it arrives over another connection than the
/// update, so an update that was sent after it may overtake it.
pub(crate) async fn let_answer_arrive(shared: &Shared, request: &Request) {
    let Ok(Update { token, .. }) = request.body() else {
        return;
    };
    let answered = |state: &State| (!state.awaits_answer(&token)).then_some(());
    let arrived = shared.wait_for("the response before an update of a card", answered);
    // The endpoint refuses an update that is still too early.
    tokio::time::timeout(GRACE, arrived).await.ok();
}
