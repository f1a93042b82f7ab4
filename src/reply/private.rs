//! Replies that only the author of a command sees.

use feishu::Card;

use super::{Answer, Emoji};
use crate::language::{Bilingual, Language};
use crate::model::outcome::Outcome;

/// A card with the words of the reply in plain text, so that nothing in them is markup.
pub(super) fn answer(words: String, outcome: &Outcome, language: Language) -> Answer {
    let (title, emoji) = match outcome {
        Outcome::Refused(_) => (NOT_RUN, Emoji::CrossMark),
        _ => (CONSENT, Emoji::Done),
    };
    Answer::Private {
        card: Box::new(Card::titled(title.to(language)).plain(&*words)),
        emoji,
        or_say: words,
    }
}

// Old clients show only the title. The platform marks the card as visible to one person.

const NOT_RUN: Bilingual = Bilingual::new("命令未执行", "Command not run");

/// Only `/login` and `/logout` succeed with a private reply.
const CONSENT: Bilingual = Bilingual::new("授权", "Consent");
