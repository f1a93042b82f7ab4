//! Everything that only one person sees: private cards and direct messages.

use crate::ids::{ChatId, MessageId};
use crate::messages::Message;
use crate::people::Person;
use crate::private_card::PrivateCard;
use crate::simulator::Simulator;
use crate::state::State;

impl State {
    /// The cards that only this person sees, in order.
    pub fn private_cards(&self, person: &Person) -> impl Iterator<Item = &PrivateCard> {
        let open_id = person.open_id.clone();
        let cards = self.apps.present().private_cards.iter();
        cards.filter(move |card| card.open_id == open_id && !card.deleted)
    }

    /// The cards of the app in this chat that only one person has seen, in order and including deleted
    /// ones, with the person's name.
    pub fn private_cards_in(&self, chat: &ChatId) -> impl Iterator<Item = (String, &PrivateCard)> {
        let cards = self.apps.present().private_cards.iter();
        let cards = cards.filter(move |card| card.chat == *chat);
        cards.map(|card| (self.name_of(&card.open_id), card))
    }

    /// The texts of the app's answers to a message: its replies, then the cards that only the sender
    /// has seen.
    pub fn answers_to(&self, message: &MessageId) -> Vec<String> {
        let cards = self.apps.present().private_cards.iter();
        let cards = cards.filter(|card| card.answers.as_ref() == Some(message) && !card.deleted);
        let replies = self.replies_to(message).into_iter();
        replies.chain(cards.map(PrivateCard::text)).collect()
    }

    /// The app's messages in the direct chat with this person, in order.
    pub fn direct_messages(&self, person: &Person) -> impl Iterator<Item = &Message> {
        let chat = self.apps.present().direct.get(&person.open_id);
        let messages = chat.into_iter().flat_map(|chat| self.messages(chat));
        messages.filter(|message| self.is_own(message))
    }

    /// The addresses that this person can follow and nobody else: those in private cards, then those
    /// in direct messages.
    pub fn links_for(&self, person: &Person) -> Vec<String> {
        let cards = self.private_cards(person).flat_map(PrivateCard::links);
        let messages = self.direct_messages(person).flat_map(Message::links);
        cards.chain(messages).collect()
    }
}

impl Simulator {
    /// See [`State::private_cards`].
    pub fn private_cards(&self, person: &Person) -> Vec<PrivateCard> {
        self.read(|state| state.private_cards(person).cloned().collect())
    }

    /// See [`State::answers_to`].
    pub fn answers_to(&self, message: &MessageId) -> Vec<String> {
        self.read(|state| state.answers_to(message))
    }

    /// See [`State::direct_messages`].
    pub fn direct_messages(&self, person: &Person) -> Vec<Message> {
        self.read(|state| state.direct_messages(person).cloned().collect())
    }

    /// See [`State::links_for`].
    pub fn links_for(&self, person: &Person) -> Vec<String> {
        self.read(|state| state.links_for(person))
    }

    /// Whether the person's client is online, which everybody's is at first. A person who is
    /// offline never sees a private card.
    pub fn set_online(&self, person: &Person, online: bool) {
        self.change(|state| {
            if online {
                state.offline.remove(&person.open_id);
            } else {
                state.offline.insert(person.open_id.clone());
            }
        });
    }
}
