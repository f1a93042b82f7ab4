//! What others said, as a quote with its author, and words for content that is not text.

use feishu::{MessageKind, OpenId};

use super::document::{Block, Document, Inline, merged};
use crate::language::{Bilingual, Language};

/// Who said something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speaker {
    Person {
        open_id: OpenId,
        /// As far as known; announcements show the name that the platform knows.
        name: Option<String>,
    },
    /// A bot, with its name if it is known.
    Bot(Option<String>),
    /// Somebody without a name.
    Nobody,
}

impl Speaker {
    fn named(&self, language: Language) -> Inline {
        let unnamed = |words: Bilingual| words.to(language).to_owned();
        match self {
            Self::Person { open_id, name } => Inline::Mention {
                open_id: open_id.clone(),
                name: name
                    .clone()
                    .unwrap_or_else(|| unnamed(Bilingual::new("成员", "member"))),
            },
            Self::Bot(Some(name)) => Inline::plain(name),
            Self::Bot(None) => Inline::plain(unnamed(Bilingual::new("机器人", "bot"))),
            Self::Nobody => Inline::plain(unnamed(Bilingual::new("匿名", "anonymous"))),
        }
    }
}

impl Document {
    /// A line that names content in brackets.
    pub(crate) fn named(thing: Bilingual, language: Language) -> Self {
        let line = format!("[{}]", thing.to(language));
        Self {
            blocks: vec![Block::Paragraph(vec![Inline::plain(line)])],
            ..Self::default()
        }
    }

    /// The document as a quote. The depth counts the bundles of messages around it.
    pub(crate) fn quoted(self, speaker: &Speaker, depth: usize) -> Self {
        let language = self.language();
        let mut head = vec![speaker.named(language)];
        if depth > 0 {
            head.insert(0, Inline::plain("› ".repeat(depth)));
        }
        let mut blocks = Vec::with_capacity(self.blocks.len() + 1);
        let mut rest = self.blocks.into_iter().peekable();
        if let Some(Block::Paragraph(content)) =
            rest.next_if(|block| matches!(block, Block::Paragraph(_)))
        {
            head.push(Inline::plain(Bilingual::new("：", ": ").to(language)));
            head.extend(content);
        }
        blocks.push(Block::Quote(merged(head)));
        // Quotes contain lines only; lists, code and tables follow them.
        blocks.extend(rest.map(|block| match block {
            Block::Paragraph(content) | Block::Heading { content, .. } => Block::Quote(content),
            block => block,
        }));
        Self { blocks, ..self }
    }

    /// Puts the name of a kind of message before the first line.
    pub(super) fn of_kind(mut self, kind: MessageKind) -> Self {
        let name = format!("[{}] ", kind_in_words(kind).to(self.language()));
        if let Some(Block::Paragraph(content)) = self.blocks.first_mut() {
            content.insert(0, Inline::plain(name));
        } else {
            let line = vec![Inline::plain(name.trim_end())];
            self.blocks.insert(0, Block::Paragraph(line));
        }
        self
    }
}

/// The name of a kind of message that is not typed.
pub(crate) fn kind_in_words(kind: MessageKind) -> Bilingual {
    match kind {
        MessageKind::Poll => Bilingual::new("投票", "poll"),
        MessageKind::Task => Bilingual::new("任务", "task"),
        MessageKind::Location => Bilingual::new("位置", "location"),
        MessageKind::Meeting => Bilingual::new("视频会议", "video meeting"),
        MessageKind::Event => Bilingual::new("日程", "calendar event"),
        MessageKind::RedPacket => Bilingual::new("红包", "red packet"),
        MessageKind::GroupCard => Bilingual::new("群名片", "group card"),
        MessageKind::PersonCard => Bilingual::new("个人名片", "contact card"),
        MessageKind::System => Bilingual::new("系统消息", "system message"),
    }
}
