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

    /// The id of a type, as in the query parameter `user_id_type`.
    pub(crate) fn id(&self, user_id_type: &str) -> &str {
        match user_id_type {
            "union_id" => &self.union_id,
            "user_id" => &self.user_id,
            _ => &self.open_id,
        }
    }
}
