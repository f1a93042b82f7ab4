//! A press on a button of a card, and what the person who pressed sees.

use serde::Deserialize;

use crate::ids::MessageId;

/// What a person sees of the answer after pressing a button, apart from the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A word for a moment, in the reader's language.
    Toast {
        /// How it looks.
        kind: ToastKind,
        /// What a reader of Chinese sees: `i18n.zh_cn`, or `content` where that is missing.
        zh_cn: String,
        /// What a reader of English sees: `i18n.en_us`, or `content` where that is missing.
        en_us: String,
        /// What readers of other languages see.
        content: String,
    },
    /// No toast.
    Nothing,
    /// The client's error number, for example 200341 where no answer came in time.
    Failed(u32),
}

/// How a toast looks.
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
    /// Absent until the callback was answered or its time is over.
    pub(crate) seen: Option<Seen>,
}

/// Why a token does not let its card be updated.
#[derive(Clone, Copy)]
pub(crate) enum Unusable {
    Unknown,
    BeforeTheAnswer,
    Expired,
    UsedUp,
}
