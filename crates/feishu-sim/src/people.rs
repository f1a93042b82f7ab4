//! People of the app's tenant and of other tenants.

use serde_json::{Value, json};

/// A person, with three ids and a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The display name.
    pub name: String,
    /// Identifier for this app, `ou_…`.
    pub open_id: String,
    /// Identifier for all apps of one developer, `on_…`.
    pub union_id: String,
    /// Identifier inside the tenant.
    pub user_id: String,
    /// The person's tenant.
    pub tenant_key: String,
}

impl Person {
    /// All ids, as in events.
    pub(crate) fn ids(&self) -> Value {
        json!({"union_id": self.union_id, "user_id": self.user_id, "open_id": self.open_id})
    }

    /// All ids, of which those that are not in `shown` are null, as the user id is for an app
    /// without permission to read it.
    pub(crate) fn ids_among(&self, shown: &[&str]) -> Value {
        let mut ids = self.ids();
        for (name, id) in ids.as_object_mut().into_iter().flatten() {
            if !shown.contains(&name.as_str()) {
                *id = Value::Null;
            }
        }
        ids
    }

    /// The id of a type, as in the query parameter `user_id_type`.
    pub(crate) fn id(&self, user_id_type: &str) -> &str {
        match user_id_type {
            "union_id" => &self.union_id,
            "user_id" => &self.user_id,
            _ => &self.open_id,
        }
    }
}
