//! Parts of cards, and what a person who pressed a button sees.

use feishu::Card;

use crate::language::{Bilingual, Language};
use crate::model::button::{Button, Does};

pub(super) fn button(card: Card, label: &str, does: Does, language: Language) -> Card {
    card.button(label, Button { does, language }.value())
}

/// What was undone.
pub(super) fn undone(words: &str, language: Language) -> Card {
    Card::titled(Bilingual::new("撤销", "Undo").to(language)).markdown(words)
}
