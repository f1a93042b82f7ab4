//! Text as a person types it, with mentions, links and styles, and its form in messages.

use serde_json::{Value, json};

use crate::people::Person;

/// A line or text as a person types it. A text message has links as `[t](u)` and no styles; a post
/// has both (official page `message_content`).
#[derive(Clone, Debug, Default)]
pub struct Words(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Text {
        text: String,
        styles: Vec<&'static str>,
    },
    Link {
        text: String,
        href: String,
    },
    At(At),
    Image(String),
    Video(String),
    Code {
        language: String,
        text: String,
    },
    Rule,
}

#[derive(Clone, Debug)]
enum At {
    Bot,
    All,
    Person(Person),
}

/// A mention in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// `@_user_1`, `@_user_2`, … in the order of the text.
    pub key: String,
    /// The person's or the bot's name.
    pub name: String,
    /// Identifier for this app.
    pub open_id: String,
    /// `None` for the bot.
    pub union_id: Option<String>,
    /// `None` for the bot.
    pub user_id: Option<String>,
    /// The tenant of the mentioned person.
    pub tenant_key: String,
}

impl Words {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// A text that starts by mentioning the bot.
    pub fn at_bot() -> Self {
        Self::new().bot()
    }

    /// Appends plain text.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.0.push(Piece::Text {
            text: text.to_owned(),
            styles: Vec::new(),
        });
        self
    }

    /// Appends bold text.
    #[must_use]
    pub fn bold(self, text: &str) -> Self {
        self.styled(text, &["bold"])
    }

    /// Appends text in styles: `bold`, `italic`, `underline`, `lineThrough`.
    #[must_use]
    pub fn styled(mut self, text: &str, styles: &[&'static str]) -> Self {
        self.0.push(Piece::Text {
            text: text.to_owned(),
            styles: styles.to_vec(),
        });
        self
    }

    /// Appends a link.
    #[must_use]
    pub fn link(mut self, text: &str, href: &str) -> Self {
        self.0.push(Piece::Link {
            text: text.to_owned(),
            href: href.to_owned(),
        });
        self
    }

    /// Mentions the bot.
    #[must_use]
    pub fn bot(mut self) -> Self {
        self.0.push(Piece::At(At::Bot));
        self
    }

    /// Mentions a person.
    #[must_use]
    pub fn at(mut self, person: &Person) -> Self {
        self.0.push(Piece::At(At::Person(person.clone())));
        self
    }

    /// Mentions everyone: `@_all` in the text, without an entry in `mentions`.
    #[must_use]
    pub fn at_all(mut self) -> Self {
        self.0.push(Piece::At(At::All));
        self
    }

    /// Appends a picture; only in posts.
    #[must_use]
    pub fn image(mut self, image_key: &str) -> Self {
        self.0.push(Piece::Image(image_key.to_owned()));
        self
    }

    /// Appends a video; only in posts.
    #[must_use]
    pub fn video(mut self, file_key: &str) -> Self {
        self.0.push(Piece::Video(file_key.to_owned()));
        self
    }

    /// Appends a block of code in one of the client's languages, such as `GO`.
    #[must_use]
    pub fn code(mut self, language: &str, text: &str) -> Self {
        self.0.push(Piece::Code {
            language: language.to_owned(),
            text: text.to_owned(),
        });
        self
    }

    /// Appends a horizontal line; only in posts.
    #[must_use]
    pub fn rule(mut self) -> Self {
        self.0.push(Piece::Rule);
        self
    }

    /// The text of a text message.
    pub(crate) fn to_text(&self, mentions: &mut Mentions<'_>) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text { text, .. } | Piece::Code { text, .. } => text.clone(),
            Piece::Link { text, href } => format!("[{text}]({href})"),
            Piece::At(at) => mentions.key(at).0,
            Piece::Image(_) | Piece::Video(_) | Piece::Rule => String::new(),
        };
        self.0.iter().map(piece).collect()
    }

    /// One paragraph of a received post.
    pub(crate) fn to_paragraph(&self, mentions: &mut Mentions<'_>) -> Value {
        let piece = |piece: &Piece| match piece {
            Piece::Text { text, styles } => {
                json!({"tag": "text", "text": text, "style": styles})
            }
            Piece::Link { text, href } => {
                json!({"tag": "a", "text": text, "href": href, "style": []})
            }
            Piece::Image(key) => json!({"tag": "img", "image_key": key}),
            Piece::Video(key) => {
                json!({"tag": "media", "file_key": key, "image_key": "img_v3_cover"})
            }
            Piece::Code { language, text } => {
                json!({"tag": "code_block", "language": language, "text": text})
            }
            Piece::Rule => json!({"tag": "hr"}),
            Piece::At(at) => {
                let (key, name) = mentions.key(at);
                json!({"tag": "at", "user_id": key, "user_name": name, "style": []})
            }
        };
        self.0.iter().map(piece).collect()
    }
}

impl From<&str> for Words {
    fn from(text: &str) -> Self {
        Self::new().text(text)
    }
}

impl From<String> for Words {
    fn from(text: String) -> Self {
        Self::new().text(&text)
    }
}

/// Numbers the mentions of one message.
pub(crate) struct Mentions<'a> {
    pub(crate) app: &'a crate::app::App,
    /// Of the chat; `None` if there is no such chat.
    pub(crate) tenant_key: Option<&'a str>,
    pub(crate) list: Vec<Mention>,
}

impl Mentions<'_> {
    fn tenant_key(&self) -> &str {
        self.tenant_key.unwrap_or(&self.app.tenant_key)
    }

    /// The placeholder and the name of a mention; each occurrence has its own placeholder.
    fn key(&mut self, at: &At) -> (String, String) {
        let key = format!("@_user_{}", self.list.len() + 1);
        let mention = match at {
            At::All => return ("@_all".to_owned(), "所有人".to_owned()),
            At::Bot => Mention {
                key,
                name: self.app.bot_name.clone(),
                open_id: self.app.bot_open_id_in(self.tenant_key()).to_owned(),
                union_id: None,
                user_id: None,
                tenant_key: self.tenant_key().to_owned(),
            },
            At::Person(person) => Mention {
                key,
                name: person.name.clone(),
                open_id: person.open_id.clone(),
                union_id: Some(person.union_id.clone()),
                user_id: Some(person.user_id.clone()),
                tenant_key: person.tenant_key.clone(),
            },
        };
        let named = (mention.key.clone(), mention.name.clone());
        self.list.push(mention);
        named
    }
}
