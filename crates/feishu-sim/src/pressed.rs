//! A press on a button of a card, and its visible result.

use serde::Deserialize;

use crate::ids::MessageId;

/// The visible result of pressing a button, apart from the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A toast, in the reader's language.
    Toast {
        /// Its style.
        kind: ToastKind,
        /// For Chinese: `i18n.zh_cn`, or `content` if that is missing.
        zh_cn: String,
        /// For English: `i18n.en_us`, or `content` if that is missing.
        en_us: String,
        /// For other languages.
        content: String,
    },
    /// No toast.
    Nothing,
    /// The client's error number, for example 200341 for a timeout.
    Failed(u32),
}

/// The style of a toast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToastKind {
    /// `info`
    Info,
    /// `success`
    Success,
    /// `error`
    Error,
    /// `warning`
    Warning,
}

/// A press, kept under its token.
#[derive(Debug)]
pub(crate) struct Press {
    pub(crate) card: MessageId,
    pub(crate) at_ms: u64,
    pub(crate) uses_left: u8,
    /// `None` until the callback has a response or has timed out.
    pub(crate) seen: Option<Seen>,
}

/// Why a token does not permit an update of its card.
#[derive(Clone, Copy)]
pub(crate) enum Unusable {
    Unknown,
    BeforeTheAnswer,
    Expired,
    UsedUp,
}
