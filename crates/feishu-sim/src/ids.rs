//! Ids of apps, chats, messages and connections, and their generator.

use std::fmt;

use uuid::Uuid;

/// Declares the type of an id, which is a string on the wire.
macro_rules! identifier {
    ($(#[$about:meta])* $name:ident) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The identifier on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identifier!(
    /// A chat: `oc_` and 32 hexadecimal digits.
    ChatId
);
identifier!(
    /// A message: `om_` and 32 hexadecimal digits.
    MessageId
);

identifier!(
    /// A long connection: the `device_id` in the URL that it was opened with.
    ConnectionId
);

/// An app, in the order in which they were added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AppIndex(usize);

impl AppIndex {
    /// The app that the simulator starts with.
    pub(crate) const FIRST: Self = Self(0);

    pub(crate) fn as_usize(self) -> usize {
        self.0
    }
}

impl From<usize> for AppIndex {
    fn from(index: usize) -> Self {
        Self(index)
    }
}

/// Generates ids that look random and are the same in every run.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    made: u64,
}

impl Ids {
    /// The next number, counted from 1.
    pub(crate) fn number(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// 32 new hexadecimal digits.
    pub(crate) fn hex(&mut self) -> String {
        let number = self.number().to_be_bytes();
        Uuid::new_v5(&Uuid::NAMESPACE_OID, &number)
            .simple()
            .to_string()
    }

    /// `prefix` and new digits, for example `om_…`.
    pub(crate) fn prefixed(&mut self, prefix: &str) -> String {
        format!("{prefix}{}", self.hex())
    }
}
