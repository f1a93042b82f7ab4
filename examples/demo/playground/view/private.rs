//! What only the selected member sees: private cards of the group, and direct messages of the bot.

use feishu_sim::{Message, PrivateCard};
use maud::{Markup, html};
use serde_json::Value;

use super::super::Playground;
use super::super::card::Card;
use super::super::stream::Piece;
use super::super::viewer::Viewer;
use super::{bot_avatar, clock, message, rich};

/// A piece and when it was sent.
pub(super) type Dated = (u64, Piece);

/// In the order in which they were sent. Direct messages are shown in every group.
pub(super) fn pieces(
    playground: &Playground,
    viewer: &Viewer,
    state: &feishu_sim::State,
) -> Vec<Dated> {
    let person = &viewer.member(playground).person;
    let chat = &viewer.group(playground).chat;
    let cards = state
        .private_cards(person)
        .filter(|card| card.chat == *chat);
    let cards = cards.map(|card| private_card(playground, viewer, card));
    let messages = state.direct_messages(person);
    let messages = messages.map(|message| direct_message(playground, viewer, message));
    let mut pieces: Vec<Dated> = cards.chain(messages).collect();
    pieces.sort_by_key(|(at_ms, _)| *at_ms);
    pieces
}

fn private_card(playground: &Playground, viewer: &Viewer, card: &PrivateCard) -> Dated {
    let action = format!("/press{}&card={}", viewer.query(playground), card.id);
    let inside = shown_card(&card.content, card.id.as_str(), Some(&action));
    let piece = piece(
        playground,
        viewer,
        card.id.as_str(),
        card.created_ms,
        (viewer.words().only_you, &inside),
    );
    (card.created_ms, piece)
}

fn direct_message(playground: &Playground, viewer: &Viewer, message: &Message) -> Dated {
    let id = message.id.as_str();
    let inside = if message.msg_type == "interactive" {
        shown_card(&message.content, id, None)
    } else {
        html! { p.text { (rich::mentioning(&message.text(), &message.mentions)) } }
    };
    let piece = piece(
        playground,
        viewer,
        id,
        message.created_ms,
        (viewer.words().direct_message, &inside),
    );
    (message.created_ms, piece)
}

fn shown_card(content: &str, id: &str, action: Option<&str>) -> Markup {
    let content: Value = serde_json::from_str(content).unwrap_or_default();
    message::card(&Card::read(&content), id, action)
}

fn piece(
    playground: &Playground,
    viewer: &Viewer,
    id: &str,
    at_ms: u64,
    (label, inside): (&str, &Markup),
) -> Piece {
    let id = format!("m-{id}");
    let markup = html! {
        li #(id) .message .private {
            (bot_avatar())
            div.said {
                p.meta {
                    b { "noticebot" }
                    " " span.role { (viewer.words().bot) }
                    " " time { (clock(playground, at_ms, "%H:%M")) }
                    " " span.badge.warn { (label) }
                }
                div.bubble { (inside) }
            }
        }
    };
    Piece { id, markup }
}
