//! What the bot answers with.

use feishu::Card;

/// How an outcome is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// By a reaction on the command's message, so that the group stays quiet.
    React {
        /// The reaction.
        emoji: Emoji,
        /// What to say where reacting is refused.
        or_say: String,
    },
    /// In words.
    Say(String),
    /// By a card.
    Show {
        /// The card.
        card: Box<Card>,
        /// What to say where it is refused.
        or_say: String,
    },
    /// Not at all.
    Nothing,
}

/// The reactions of the bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emoji {
    /// Something was pinned.
    Pin,
    /// Something was announced.
    Loudspeaker,
    /// Anything else is done.
    Done,
    /// It takes a moment.
    OneSecond,
    /// It was refused, for a reason that its author was told a moment ago.
    CrossMark,
}

impl Emoji {
    /// Feishu's name of it, case and all (official pages `im-v1/message-reaction`).
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pin => "Pin",
            Self::Loudspeaker => "Loudspeaker",
            Self::Done => "DONE",
            Self::OneSecond => "OneSecond",
            Self::CrossMark => "CrossMark",
        }
    }
}
