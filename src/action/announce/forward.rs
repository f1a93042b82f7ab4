//! Forwarded messages: a quote of each, with its author.

use std::collections::HashMap;

use feishu::{Content, Message, MessageId, MessageSender};
use tokio::sync::Semaphore;

use crate::action::announce::common::{LINE_LIMIT, TEXT_LIMIT};
use crate::action::announce::reading::{read_announced, refusal};
use crate::action::context::{Context, Failure};
use crate::command::Mention;
use crate::content::{Document, Speaker, Unfit, kind_in_words, media, medium_in_words};
use crate::language::{Bilingual, Language};
use crate::model::refusal::Cause;
use crate::platform::Names;

/// How deep bundles inside bundles are read.
const DEEPEST: usize = 5;

/// `TEXT_LIMIT` in bytes: one UTF-16 unit is three bytes at most.
const MAX_BYTES: usize = 3 * TEXT_LIMIT;

const CHAT_HISTORY: Bilingual = Bilingual::new("聊天记录", "chat history");

/// The texts of the messages of a bundle, in order; bundles in it after the line that names them.
/// Pictures and files are named: the platform does not return those of forwarded messages.
pub(super) async fn document(
    bundle: &Message,
    mentions: &impl Fn(&Message) -> Vec<Mention>,
    context: Context<'_>,
) -> Result<Document, Failure> {
    let names = context.platform.names(context.chat_id).await;
    let mut reading = Reading {
        parts: by_bundle(bundle),
        names: names.as_deref(),
        turns: &context.platform.reading,
        language: language(bundle),
        has_text: false,
    };
    let mut document = Document::default();
    // The parts that are left, first last, with their depth.
    let mut next = reading.take(bundle.id.as_ref(), 0);
    while let Some((part, depth)) = next.pop() {
        let read = reading.part(part, mentions(part)).await?;
        let left_out = media(&Content::read(&part.msg_type, &part.content));
        document.left_out.extend(left_out);
        document.append(read.quoted(&reading.speaker(part), depth));
        document = document.bounded();
        if document.text_len() > MAX_BYTES {
            return Err(Cause::TextTooLong { limit: TEXT_LIMIT }.into());
        }
        if document.blocks.len() > LINE_LIMIT {
            return Err(Cause::TooManyLines { limit: LINE_LIMIT }.into());
        }
        if depth < DEEPEST {
            next.extend(reading.take(part.id.as_ref(), depth + 1));
        }
    }
    if !reading.has_text {
        return Err(Cause::RepliedToIsForward.into());
    }
    Ok(document)
}

/// Chinese if any of the messages is.
fn language(bundle: &Message) -> Language {
    let is_chinese = |part: &Message| Language::of(&part.content) == Language::Zh;
    if bundle.parts.iter().any(is_chinese) {
        Language::Zh
    } else {
        Language::En
    }
}

struct Reading<'a> {
    /// The messages of each bundle; those whose bundle is unknown belong to the outermost one.
    parts: HashMap<Option<&'a MessageId>, Vec<&'a Message>>,
    names: Option<&'a Names>,
    turns: &'a Semaphore,
    /// Of the words in place of content that is not text.
    language: Language,
    /// Whether there was any text.
    has_text: bool,
}

fn by_bundle(bundle: &Message) -> HashMap<Option<&MessageId>, Vec<&Message>> {
    let is_bundle = |part: &&Message| part.msg_type == "merge_forward";
    let bundles = bundle.parts.iter().filter(is_bundle);
    let bundles: Vec<&MessageId> = bundles.filter_map(|part| part.id.as_ref()).collect();
    let mut parts: HashMap<Option<&MessageId>, Vec<&Message>> = HashMap::new();
    for part in &bundle.parts {
        let upper = part.upper_id.as_ref();
        let upper =
            upper.filter(|upper| bundles.contains(upper) && Some(*upper) != part.id.as_ref());
        parts
            .entry(upper.or(bundle.id.as_ref()))
            .or_default()
            .push(part);
    }
    parts
}

impl<'a> Reading<'a> {
    /// The messages of a bundle, the first last. Each is taken once.
    fn take(&mut self, bundle: Option<&'a MessageId>, depth: usize) -> Vec<(&'a Message, usize)> {
        let parts = self.parts.remove(&bundle).unwrap_or_default();
        parts.into_iter().rev().map(|part| (part, depth)).collect()
    }

    async fn part(&mut self, part: &Message, mentions: Vec<Mention>) -> Result<Document, Failure> {
        let content = Content::read(&part.msg_type, &part.content);
        let name = match &content {
            Content::Forward => CHAT_HISTORY,
            Content::Media(media) => medium_in_words(media.medium),
            Content::Words(kind, _) => kind_in_words(*kind),
            _ => Bilingual::new("其他内容", "other content"),
        };
        match read_announced(content, mentions, self.turns).await {
            Ok(read) => {
                let has_text = read.has_text();
                self.has_text |= has_text;
                let language = if has_text {
                    read.language()
                } else {
                    self.language
                };
                Ok(read.with_named_media(language))
            }
            Err(Unfit::Empty | Unfit::OnlyMedia) => Ok(Document::named(name, self.language)),
            Err(unfit) => Err(refusal(unfit, Cause::Internal).into()),
        }
    }

    fn speaker(&self, part: &Message) -> Speaker {
        match &part.sender {
            MessageSender::Person { open_id, name } => Speaker::Person {
                open_id: open_id.clone(),
                name: name.clone().or_else(|| self.names?.get(open_id).cloned()),
            },
            MessageSender::Bot { name } => Speaker::Bot(name.clone()),
            MessageSender::Unknown => Speaker::Nobody,
        }
    }
}
