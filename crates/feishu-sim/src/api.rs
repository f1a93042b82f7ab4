//! The endpoints, one file per area of the platform, and their shared checks.

pub(crate) mod application;
pub(crate) mod auth;
pub(crate) mod cards;
pub(crate) mod chats;
pub(crate) mod docx;
pub(crate) mod legacy;
pub(crate) mod medias;
pub(crate) mod messages;
pub(crate) mod notifications;
pub(crate) mod oauth;
pub(crate) mod private_cards;
pub(crate) mod reactions;
pub(crate) mod registration;
pub(crate) mod slash_commands;
pub(crate) mod top_notice;

use serde_json::{Value, json};

use crate::{
    chats::{Chat, ChatMode, WhoMay},
    ids::ChatId,
    metadata::Editor,
    people::Person,
    refusal::Refusal,
    request::Request,
    state::State,
};

/// The codes with which a family of APIs refuses calls in a chat.
#[derive(Clone, Copy)]
struct ChatCodes {
    inactive: i64,
    unknown: i64,
    other_tenant: i64,
    dissolved: i64,
    external: i64,
    outside: i64,
    /// For direct chats; `None` if they are allowed.
    direct: Option<i64>,
}

/// For the pages `group/chat`, `group/chat-announcement` and `top_notice`.
const CHAT_CODES: ChatCodes = ChatCodes {
    inactive: 232_025,
    unknown: 232_001,
    other_tenant: 232_010,
    dissolved: 232_009,
    external: 232_033,
    outside: 232_011,
    direct: Some(232_001),
};

impl State {
    /// The chat, if the caller may access it: checks bot ability, existence, tenant and membership.
    fn enter(&self, chat: &str, codes: ChatCodes) -> Result<&Chat, Refusal> {
        if !self.app().bot_active {
            return Err(Refusal::code(codes.inactive));
        }
        let chat = self
            .chats
            .get(&ChatId::from(chat))
            .ok_or_else(|| Refusal::code(codes.unknown))?;
        let refusals = [
            (chat.tenant_key != self.caller, Some(codes.other_tenant)),
            (chat.dissolved, Some(codes.dissolved)),
            (
                chat.external && !self.app().external_chats,
                Some(codes.external),
            ),
            (!self.is_in(chat), Some(codes.outside)),
            (chat.mode == ChatMode::Direct, codes.direct),
        ];
        let refusal = refusals
            .into_iter()
            .find_map(|(refused, code)| code.filter(|_| refused));
        refusal.map_or(Ok(chat), |code| Err(Refusal::code(code)))
    }

    /// Refuses with this code in a direct chat with a person to whom the app is not available.
    fn check_availability(&self, chat: &Chat, code: i64) -> Result<(), Refusal> {
        let is_out = |person: &Person| self.app().unavailable_to.contains(&person.open_id);
        if chat.mode == ChatMode::Direct && chat.members.iter().any(is_out) {
            return Err(Refusal::code(code));
        }
        Ok(())
    }

    /// Whether the caller, a person or the bot, is in the chat.
    fn is_in(&self, chat: &Chat) -> bool {
        match &self.operator {
            None => chat.has_bot(self.apps.index()),
            Some(person) => chat.has_member(&person.open_id),
        }
    }

    /// Whether a setting of the chat permits the caller.
    fn is_permitted(&self, chat: &Chat, setting: Option<WhoMay>) -> bool {
        match &self.operator {
            None => chat.permits_bot(self.apps.index(), setting),
            Some(person) => chat.permits_person(setting, &person.open_id),
        }
    }

    /// The caller as the editor of an announcement.
    fn editor(&self) -> Editor {
        let person = self.operator.as_ref();
        person.map_or(Editor::Bot(self.apps.index()), |person| {
            Editor::Member(person.open_id.clone())
        })
    }
}

/// The owner and the last editor of an announcement, each an id and its type.
fn authors<'a>(
    state: &'a State,
    chat: &'a Chat,
    editor: &Editor,
    id_type: &'a str,
) -> ((&'a str, &'a str), (&'a str, &'a str)) {
    let bot = |app| (state.apps.get(app).app.app_id.as_str(), "app_id");
    let person = |person: &'a Person| (person.id(id_type), id_type);
    let owner = chat.owner.as_ref();
    let owner = owner.map_or_else(|| bot(chat.home_app), person);
    let editor = match editor {
        Editor::Bot(app) => bot(*app),
        Editor::Owner => owner,
        Editor::Member(open_id) => state.people.get(open_id).map_or(owner, person),
    };
    (owner, editor)
}

/// The start and the size of the page that a request asks for.
fn page_bounds(request: &Request, default: i64, most: i64) -> Result<(usize, usize), Refusal> {
    let size = request.number("page_size", default, 1, most)?;
    let start = request.number("page_token", 0, 0, i64::MAX)?;
    let number = |number| usize::try_from(number).unwrap_or(usize::MAX);
    Ok((number(start), number(size)))
}

/// The items of a page and, unless it is the last one, the token of the next.
fn page<T>(items: &[T], (start, size): (usize, usize)) -> (&[T], Option<String>) {
    let start = start.min(items.len());
    let end = start.saturating_add(size).min(items.len());
    let next = (end < items.len()).then(|| end.to_string());
    (&items[start..end], next)
}

/// The body of a successful response.
#[expect(
    clippy::needless_pass_by_value,
    reason = "every caller creates the data for this"
)]
fn success(data: Value) -> Value {
    json!({"code": 0, "msg": "success", "data": data})
}
