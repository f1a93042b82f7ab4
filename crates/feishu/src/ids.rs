//! The platform's identifiers, each with its own type.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])+ $name:ident;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps an identifier of the platform.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The identifier as the platform writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }
    )+};
}

ids! {
    /// An app, `cli_…`.
    AppId;
    /// A group or direct chat, `oc_…`.
    ChatId;
    /// A message, `om_…`.
    MessageId;
    /// A topic, `omt_…`.
    ThreadId;
    /// A person or bot, `ou_…`; differs per app.
    OpenId;
    /// A person, `on_…`; the same for all apps of a developer.
    UnionId;
    /// A person in a tenant; only for apps that may read employee ids.
    UserId;
    /// A tenant, which is one organization.
    TenantKey;
    /// One event, the same in every delivery of it.
    EventId;
    /// A block of a docx document; the page block of an announcement has the id of the chat.
    BlockId;
    /// One reaction on a message.
    ReactionId;
}

impl TenantKey {
    /// The tenant of a custom app, which needs no key because it is the only one.
    pub const OWN: Self = Self(String::new());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_strings_on_the_wire() {
        let id = ChatId::from("oc_1");
        assert_eq!(serde_json::to_string(&id).unwrap(), r#""oc_1""#);
        assert_eq!(serde_json::from_str::<ChatId>(r#""oc_1""#).unwrap(), id);
        assert_eq!(format!("{id} {id:?}"), r#"oc_1 ChatId("oc_1")"#);
        assert_eq!(id.as_ref(), id.as_str());
    }
}
