//! The pictures and files of a document.

use std::collections::BTreeSet;

use feishu::{Content, Media, Medium, MessageId, Post, PostElement};

use super::document::{Block, Document, Inline};
use super::media::MediaFile;
use crate::language::Language;

/// Maximum number of pictures and files of an entry: the platform allows as many pictures per call.
const MOST_MEDIA: usize = 20;

impl Document {
    /// The pictures and files in order.
    pub(crate) fn media(&self) -> impl Iterator<Item = &MediaFile> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Media(file) => Some(file),
            _ => None,
        })
    }

    /// The kinds of those that can be downloaded, with the reason why they are not copied.
    pub(crate) fn media_named<R: Copy>(&self, why: R) -> Vec<(Medium, R)> {
        let files = self.media().filter(|file| file.message.is_some());
        files.map(|file| (file.medium, why)).collect()
    }

    /// Whether it contains anything but pictures and files.
    pub(crate) fn has_text(&self) -> bool {
        let is_text = |block: &&Block| !matches!(block, Block::Media(_));
        let words = self.blocks.iter().filter(is_text);
        words
            .map(|block| block.words(Language::En))
            .any(|words| !words.trim().is_empty())
    }

    /// Downloads pictures and files from this message. Those beyond the limit remain lines. Without
    /// text, the lines are in this language.
    #[must_use]
    pub(crate) fn of_message(mut self, message: &MessageId, language: Language) -> Self {
        let language = Some(language).filter(|_| !self.has_text());
        let files = self.blocks.iter_mut().filter_map(|block| match block {
            Block::Media(file) => Some(file),
            _ => None,
        });
        for (number, file) in files.enumerate() {
            file.language = language;
            if number < MOST_MEDIA {
                file.message = Some(message.clone());
            }
        }
        self
    }

    /// Replaces each picture or file that can be downloaded by another, or by a line that names it.
    /// They are numbered in order. A line also names those that cannot be downloaded.
    #[must_use]
    pub(crate) fn map_media(
        &self,
        language: Language,
        mut change: impl FnMut(usize, MediaFile) -> Option<MediaFile>,
    ) -> Self {
        let mut number = 0;
        let mut document = self.clone();
        for block in &mut document.blocks {
            let Block::Media(file) = block else { continue };
            let line = file.line(language);
            let changed = file.message.is_some().then(|| change(number, file.clone()));
            number += usize::from(changed.is_some());
            *block = match changed.flatten() {
                Some(file) => Block::Media(file),
                None => Block::Paragraph(vec![Inline::plain(line)]),
            };
        }
        document
    }

    /// Lines name all pictures and files.
    #[must_use]
    pub(crate) fn with_named_media(&self, language: Language) -> Self {
        self.map_media(language, |_, _| None)
    }

    /// The pictures and files of a post alone.
    pub(crate) fn of_media(content: &Content) -> Self {
        let files = elements(content).filter_map(MediaFile::of);
        Self {
            blocks: files.map(Block::Media).collect(),
            ..Self::default()
        }
    }

    /// Keeps the pictures and files of a former text, unless this one has some of its own: at the same
    /// lines if there are as many, or else below the text.
    #[must_use]
    pub(crate) fn with_media_of(mut self, former: &Self) -> Self {
        if self.media().next().is_some() {
            return self;
        }
        let is_file = |block: &Block| matches!(block, Block::Media(_));
        let lines = former.blocks.iter().filter(|block| !is_file(block)).count();
        let has_same_lines = lines == self.blocks.len();
        for (position, block) in former.blocks.iter().enumerate() {
            if is_file(block) {
                let position = if has_same_lines {
                    position
                } else {
                    self.blocks.len()
                };
                self.blocks
                    .insert(position.min(self.blocks.len()), block.clone());
            }
        }
        self
    }

    fn contains_file(&self, file: &MediaFile) -> bool {
        let mut files = self.media();
        files.any(|own| own.key == file.key)
    }

    /// The media of the content that are not in this document.
    pub(super) fn media_left_out(&self, content: &Content) -> BTreeSet<Medium> {
        let is_missing =
            |media: &&Media| MediaFile::of(media).is_none_or(|file| !self.contains_file(&file));
        let missing = elements(content).filter(is_missing);
        missing
            .map(|media| media.medium)
            .chain(unknown(content))
            .collect()
    }
}

/// The media of a message.
pub(crate) fn media(content: &Content) -> BTreeSet<Medium> {
    let known = elements(content).map(|media| media.medium);
    known.chain(unknown(content)).collect()
}

fn post(content: &Content) -> Option<&Post> {
    match content {
        Content::Post(post) | Content::Card(post) | Content::Words(_, post) => Some(post),
        _ => None,
    }
}

fn elements(content: &Content) -> impl Iterator<Item = &Media> {
    let alone = match content {
        Content::Media(media) => Some(media),
        _ => None,
    };
    let paragraphs = post(content).into_iter().flat_map(|post| &post.paragraphs);
    let within = paragraphs.flatten().filter_map(|element| match element {
        PostElement::Media(media) => Some(media),
        _ => None,
    });
    alone.into_iter().chain(within)
}

/// Parts of unknown kinds.
fn unknown(content: &Content) -> Option<Medium> {
    let paragraphs = post(content).into_iter().flat_map(|post| &post.paragraphs);
    let mut elements = paragraphs.flatten();
    let is_unknown = |element: &PostElement| matches!(element, PostElement::Other { .. });
    elements.any(is_unknown).then_some(Medium::Other)
}
