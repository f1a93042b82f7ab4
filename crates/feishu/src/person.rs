//! The ids of people.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{OpenId, TenantKey, UnionId, UserId};
use crate::lenient::Json;

/// The types of a person's id (`user_id_type`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum IdType {
    /// Differs per app, `ou_…`.
    #[default]
    OpenId,
    /// The same for all apps of a developer, `on_…`.
    UnionId,
    /// Unique in a tenant; only for apps that may read it.
    UserId,
}

impl IdType {
    /// The value in a call.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenId => "open_id",
            Self::UnionId => "union_id",
            Self::UserId => "user_id",
        }
    }
}

impl fmt::Display for IdType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The identifiers of one person or bot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonIds {
    /// The id for this app.
    pub open_id: Option<OpenId>,
    /// The id for all apps of this developer.
    pub union_id: Option<UnionId>,
    /// Unique in a tenant; only for apps that may read it.
    pub user_id: Option<UserId>,
}

/// The sender of a message, the operator of a button, or the operator of a reaction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sender {
    /// The id for this app.
    pub open_id: Option<OpenId>,
    /// The id for all apps of this developer.
    pub union_id: Option<UnionId>,
    /// The id in the tenant, for apps that may read it.
    pub user_id: Option<UserId>,
    /// `user`, `bot` or `app`; empty if absent.
    pub sender_type: String,
    /// The tenant of the sender, which may differ from that of the chat.
    pub tenant_key: Option<TenantKey>,
}

impl PersonIds {
    /// Events have an object of ids, answers a single id.
    pub(crate) fn read(json: Json<'_>) -> Self {
        if json.is_object() {
            let [open_id, union_id, user_id] = json.fields(["open_id", "union_id", "user_id"]);
            return Self {
                open_id: open_id.and_then(Json::id),
                union_id: union_id.and_then(Json::id),
                user_id: user_id.and_then(user_id_of),
            };
        }
        let mut ids = Self::default();
        match json.id::<String>() {
            Some(id) if id.starts_with("ou_") => ids.open_id = Some(id.into()),
            Some(id) if id.starts_with("on_") => ids.union_id = Some(id.into()),
            id => ids.user_id = id.map(UserId::from),
        }
        ids
    }
}

/// Tenants choose these ids, and may choose numbers.
fn user_id_of(json: Json<'_>) -> Option<UserId> {
    let is_number = !json.is_object() && !json.is_array() && json.string().is_none();
    match json.text() {
        Some(number) if is_number => Some(UserId::new(number)),
        _ => json.id(),
    }
}

impl Sender {
    /// Reads the `sender` of a message event.
    pub(crate) fn of_message(sender: Json<'_>) -> Self {
        let [ids, sender_type, tenant_key] =
            sender.fields(["sender_id", "sender_type", "tenant_key"]);
        let ids = ids.map(PersonIds::read).unwrap_or_default();
        let sender_type = sender_type.and_then(Json::text).unwrap_or_default();
        Self::new(ids, sender_type.into_owned(), tenant_key)
    }

    /// Reads the `operator` of a callback, which is always a person.
    pub(crate) fn of_callback(operator: Json<'_>) -> Self {
        let ids = if operator.is_object() {
            PersonIds::read(operator)
        } else {
            PersonIds::default()
        };
        Self::new(ids, "user".to_owned(), operator.field("tenant_key"))
    }

    /// Reads who added a reaction; an app has no ids here.
    pub(crate) fn of_reaction(person: Option<Json<'_>>, operator_type: Option<Json<'_>>) -> Self {
        let ids = person.map(PersonIds::read).unwrap_or_default();
        let sender_type = operator_type.and_then(Json::text).unwrap_or_default();
        Self::new(ids, sender_type.into_owned(), None)
    }

    fn new(ids: PersonIds, sender_type: String, tenant_key: Option<Json<'_>>) -> Self {
        Self {
            open_id: ids.open_id,
            union_id: ids.union_id,
            user_id: ids.user_id,
            sender_type,
            tenant_key: tenant_key.and_then(Json::id),
        }
    }

    /// The id for calls about the sender: preferably the open id.
    pub fn id(&self) -> Option<(IdType, &str)> {
        let open_id = self.open_id.as_ref().map(OpenId::as_str);
        let union_id = self.union_id.as_ref().map(UnionId::as_str);
        let user_id = self.user_id.as_ref().map(UserId::as_str);
        open_id
            .map(|id| (IdType::OpenId, id))
            .or(union_id.map(|id| (IdType::UnionId, id)))
            .or(user_id.map(|id| (IdType::UserId, id)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sender(value: &serde_json::Value) -> Sender {
        let text = value.to_string();
        Sender::of_message(Json::parse(&text).unwrap())
    }

    #[test]
    fn calls_name_a_sender_by_open_id() {
        for (ids, expected) in [
            (
                json!({ "open_id": "ou_1", "union_id": "on_1", "user_id": "u1" }),
                Some((IdType::OpenId, "ou_1")),
            ),
            (
                json!({ "open_id": "", "union_id": "on_1", "user_id": "u1" }),
                Some((IdType::UnionId, "on_1")),
            ),
            (
                json!({ "open_id": null, "user_id": "u1" }),
                Some((IdType::UserId, "u1")),
            ),
            (json!({ "user_id": 7 }), Some((IdType::UserId, "7"))),
            (json!("ou_1"), Some((IdType::OpenId, "ou_1"))),
            (json!("on_1"), Some((IdType::UnionId, "on_1"))),
            (json!({ "open_id": [], "user_id": "  " }), None),
            (json!({}), None),
            (json!(null), None),
            (json!([]), None),
        ] {
            assert_eq!(sender(&json!({ "sender_id": ids })).id(), expected, "{ids}");
        }
        assert_eq!(sender(&json!(null)), Sender::default());
    }
}
