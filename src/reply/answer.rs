//! The forms of a reply.

use feishu::Card;

/// The form of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A reaction to the command's message, to keep the group quiet.
    React {
        emoji: Emoji,
        /// The fallback text if the reaction fails.
        or_say: String,
    },
    /// A text message.
    Say(String),
    /// A card.
    Show {
        card: Box<Card>,
        /// The fallback text if the card fails.
        or_say: String,
    },
    /// A card that only the author of the command sees, with a reaction to the command: the card
    /// notifies nobody, and a client that is offline never shows it.
    Private {
        card: Box<Card>,
        emoji: Emoji,
        /// The reply where the card or the reaction is not possible.
        or_say: String,
    },
    /// No reply.
    Nothing,
}

impl Answer {
    /// The text that says the same.
    pub(crate) fn into_words(self) -> String {
        match self {
            Self::React { or_say, .. }
            | Self::Show { or_say, .. }
            | Self::Private { or_say, .. } => or_say,
            Self::Say(words) => words,
            Self::Nothing => String::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emoji {
    Pin,
    Loudspeaker,
    /// Any other success.
    Done,
    /// The command takes a moment.
    OneSecond,
    /// The author of the command was sent something to look at.
    OnIt,
    /// Refused for a reason that only the author was sent.
    CrossMark,
}

impl Emoji {
    /// Feishu's case-sensitive name (official page `im-v1/message-reaction`).
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pin => "Pin",
            Self::Loudspeaker => "Loudspeaker",
            Self::Done => "DONE",
            Self::OneSecond => "OneSecond",
            Self::OnIt => "OnIt",
            Self::CrossMark => "CrossMark",
        }
    }
}
