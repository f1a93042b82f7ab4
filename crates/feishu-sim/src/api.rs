//! The endpoints, one file per area of the platform, and the checks that they share.

pub(crate) mod auth;
pub(crate) mod cards;
pub(crate) mod chats;
pub(crate) mod docx;
pub(crate) mod legacy;
pub(crate) mod messages;
pub(crate) mod reactions;
pub(crate) mod top_notice;

use serde_json::{Value, json};

use crate::{
    chats::{Chat, ChatMode},
    ids::ChatId,
    refusal::Refusal,
    state::State,
};

/// The codes by which one family of APIs refuses to work in a chat.
#[derive(Clone, Copy)]
struct Door {
    inactive: i64,
    unknown: i64,
    dissolved: i64,
    external: i64,
    outside: i64,
    /// What a direct chat gets; absent where it is as good as a group.
    direct: Option<i64>,
}

/// Doors of the pages `group/chat`, `group/chat-announcement` and `top_notice`.
const CHAT_DOOR: Door = Door {
    inactive: 232_025,
    unknown: 232_001,
    dissolved: 232_009,
    external: 232_033,
    outside: 232_011,
    direct: Some(232_001),
};

impl State {
    /// The chat, if the bot may work in it: bot ability, existence, tenant, membership, in this order.
    fn enter(&self, chat: &str, door: Door) -> Result<&Chat, Refusal> {
        if !self.app.bot_active {
            return Err(Refusal::code(door.inactive));
        }
        let chat = self
            .chats
            .get(&ChatId::from(chat))
            .ok_or_else(|| Refusal::code(door.unknown))?;
        let refusals = [
            (chat.dissolved, Some(door.dissolved)),
            (
                chat.external && !self.app.external_chats,
                Some(door.external),
            ),
            (!chat.bot_in, Some(door.outside)),
            (chat.mode == ChatMode::Direct, door.direct),
        ];
        let refusal = refusals
            .into_iter()
            .find_map(|(refused, code)| code.filter(|_| refused));
        refusal.map_or(Ok(chat), |code| Err(Refusal::code(code)))
    }
}

/// The body of a successful answer.
#[expect(
    clippy::needless_pass_by_value,
    reason = "every caller makes the data just for this"
)]
fn success(data: Value) -> Value {
    json!({"code": 0, "msg": "success", "data": data})
}
