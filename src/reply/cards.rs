//! Parts of cards.

use feishu::Card;

use crate::language::{Bilingual, Language};
use crate::model::button::{Button, ButtonAction};

pub(super) fn button(card: Card, label: &str, action: ButtonAction, language: Language) -> Card {
    card.button(label, Button { action, language }.value())
}

/// The card that reports an undone change.
pub(super) fn undone(words: &str, language: Language) -> Card {
    Card::titled(Bilingual::new("撤销", "Undo").to(language)).markdown(words)
}
