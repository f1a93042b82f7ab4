//! A chat as text: its messages, the top notice and the announcement.

use feishu_sim::{ChatId, Message, MessageId, PrivateCard, Sender, State, TopNotice};

use super::pen::{COLUMNS, Ink, MARGIN, Pen, wrap};

/// A chat as lines of text.
#[derive(Default)]
pub(crate) struct Picture {
    /// The lines of each message.
    messages: Vec<Vec<String>>,
    top: Vec<String>,
    announcement: Vec<String>,
}

impl Picture {
    pub(crate) fn of(state: &State, chat: &ChatId, pen: Pen) -> Self {
        let entries = entries(state, chat);
        let number = |id: &MessageId| Some(entries.iter().position(|entry| entry.id() == id)? + 1);
        let draw = |(at, entry): (usize, &Entry<'_>)| match entry {
            Entry::Message(message) => {
                let view = MessageView {
                    number: at + 1,
                    reply_to: message.parent.as_ref().and_then(number),
                    message,
                    buttons: state.buttons(&message.id),
                    reactions: state.reactions(&message.id),
                };
                view.lines(pen)
            }
            Entry::Private(person, card) => {
                let text = if card.deleted {
                    "(deleted)".to_owned()
                } else {
                    in_brackets(&card.text(), &card.buttons())
                };
                let text = format!("noticebot (only {person} sees it): {text}");
                numbered(at + 1, wrap(&text, COLUMNS - MARGIN), pen)
            }
        };
        let announcement = match state.announcement_text(chat) {
            lines if lines.iter().all(String::is_empty) => vec!["(empty)".to_owned()],
            lines => lines,
        };
        let top = match state.top_notice(chat) {
            None => "(nothing)".to_owned(),
            Some(TopNotice::Announcement) => {
                format!("Group announcement: {}", first_line(&announcement[0]))
            }
            Some(TopNotice::Message(id)) => match state.message(id) {
                Some(message) => format!("{}: {}", name(message), first_line(&text(message))),
                None => "(a message that is gone)".to_owned(),
            },
        };
        Self {
            messages: entries.iter().enumerate().map(draw).collect(),
            top: vec![top],
            announcement,
        }
    }

    pub(crate) fn whole(&self, pen: Pen) -> Vec<String> {
        self.changes(&Self::default(), pen)
    }

    /// The top notice and the announcement.
    pub(crate) fn boards(&self, pen: Pen) -> Vec<String> {
        pen.frame(&[
            ("top of the chat", &self.top),
            ("announcement", &self.announcement),
        ])
    }

    /// The differences from `before`.
    pub(crate) fn changes(&self, before: &Self, pen: Pen) -> Vec<String> {
        let messages = self.messages.iter().enumerate();
        let mut changes: Vec<String> = messages
            .filter(|(at, message)| before.messages.get(*at) != Some(message))
            .flat_map(|(_, message)| message.clone())
            .collect();
        let mut boards: Vec<(&str, &[String])> = Vec::new();
        if self.top != before.top {
            boards.push(("top of the chat", &self.top));
        }
        if self.announcement != before.announcement {
            boards.push(("announcement", &self.announcement));
        }
        changes.extend(pen.frame(&boards));
        changes
    }
}

/// Something in the conversation; its number is its position.
pub(crate) enum Entry<'a> {
    Message(&'a Message),
    /// With the name of the person who sees it.
    Private(String, &'a PrivateCard),
}

impl Entry<'_> {
    pub(crate) fn id(&self) -> &MessageId {
        match self {
            Self::Message(message) => &message.id,
            Self::Private(_, card) => &card.id,
        }
    }

    fn sent_at(&self) -> u64 {
        match self {
            Self::Message(message) => message.created_ms,
            Self::Private(_, card) => card.created_ms,
        }
    }
}

/// What was sent in the chat, in order.
pub(crate) fn entries<'a>(state: &'a State, chat: &ChatId) -> Vec<Entry<'a>> {
    let cards = state.private_cards_in(chat);
    let cards = cards.map(|(person, card)| Entry::Private(person, card));
    let mut entries: Vec<_> = state
        .messages(chat)
        .map(Entry::Message)
        .chain(cards)
        .collect();
    entries.sort_by_key(Entry::sent_at);
    entries
}

/// A message with its number, buttons and reactions.
struct MessageView<'a> {
    number: usize,
    reply_to: Option<usize>,
    message: &'a Message,
    buttons: Vec<String>,
    reactions: Vec<String>,
}

impl MessageView<'_> {
    /// The text, with brackets around buttons.
    fn text(&self) -> String {
        in_brackets(&text(self.message), &self.buttons)
    }

    fn lines(&self, pen: Pen) -> Vec<String> {
        let name = name(self.message);
        let to = self
            .reply_to
            .map(|number| format!(" → {number}"))
            .unwrap_or_default();
        let text = format!("{name}{to}: {}", self.text());
        let mut lines = wrap(&text, COLUMNS - MARGIN);
        let ink = match self.message.sender {
            Sender::Person(_) => Ink::Person,
            Sender::App | Sender::OtherBot { .. } => Ink::Bot,
        };
        if let Some(rest) = lines[0].strip_prefix(name) {
            lines[0] = format!("{}{rest}", pen.write(ink, name));
        }
        if let Some(last) = lines.last_mut() {
            for reaction in &self.reactions {
                last.push_str("  ");
                last.push_str(&pen.write(Ink::Reaction, &format!("[{reaction}]")));
            }
        }
        numbered(self.number, lines, pen)
    }
}

/// A text with brackets around the labels of buttons.
fn in_brackets(text: &str, buttons: &[String]) -> String {
    let lines = text.lines().map(|line| {
        if buttons.iter().any(|button| button == line) {
            format!("[ {line} ]")
        } else {
            line.to_owned()
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Lines with a number to the left of the first one.
fn numbered(number: usize, lines: Vec<String>, pen: Pen) -> Vec<String> {
    let number = pen.write(Ink::Aside, &format!("{number:>4}  "));
    let margins = std::iter::once(number).chain(std::iter::repeat(" ".repeat(MARGIN)));
    margins
        .zip(lines)
        .map(|(margin, line)| format!("{margin}{line}").trim_end().to_owned())
        .collect()
}

fn name(message: &Message) -> &str {
    match &message.sender {
        Sender::Person(person) => &person.name,
        Sender::App => "noticebot",
        Sender::OtherBot { name, .. } => name,
    }
}

/// The text with names in place of placeholders.
fn text(message: &Message) -> String {
    // In reverse order, because `@_user_1` is a prefix of `@_user_10`.
    let mentions = message.mentions.iter().rev();
    mentions.fold(message.text(), |text, mention| {
        text.replace(&mention.key, &format!("@{}", mention.name))
    })
}

fn first_line(text: &str) -> String {
    match text.split_once('\n') {
        Some((first, _)) => format!("{first} …"),
        None => text.to_owned(),
    }
}
