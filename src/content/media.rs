//! Pictures and files of messages, which an announcement of the new kind may contain.

use feishu::{ImageLayout, Media, Medium, MessageId};
use serde::{Deserialize, Serialize};

use crate::language::{Bilingual, Language};

/// A picture or a file in a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MediaFile {
    pub(crate) medium: Medium,
    /// The name of a file; pictures have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) key: String,
    /// The message from which it is downloaded; `None` if it cannot be downloaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<MessageId>,
    /// Of its line, if no text around it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) language: Option<Language>,
    /// The token of its copy in an announcement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    /// How the announcement showed a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) layout: Option<Box<ImageLayout>>,
}

/// A picture or a file that is to be copied into the announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileToCopy {
    pub(crate) medium: Medium,
    /// The platform requires one.
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) message: MessageId,
    /// The token of an earlier copy.
    pub(crate) token: Option<String>,
    pub(crate) layout: Option<Box<ImageLayout>>,
    /// The line in its place if it cannot be copied.
    pub(crate) line: String,
}

impl MediaFile {
    /// A picture, a video or a file that has a key.
    pub(super) fn of(media: &Media) -> Option<Self> {
        let is_copied = matches!(media.medium, Medium::Image | Medium::Video | Medium::File);
        Some(Self {
            medium: media.medium,
            name: media.name.as_deref().map(on_one_line),
            key: media.key.clone().filter(|_| is_copied)?,
            message: None,
            language: None,
            token: None,
            layout: None,
        })
    }

    /// Its kind in brackets, and its name: the line in its place where it cannot be.
    pub(crate) fn line(&self, language: Language) -> String {
        let language = self.language.unwrap_or(language);
        let kind = medium_in_words(self.medium).to(language);
        let name = self.name.as_deref().unwrap_or_default();
        format!("[{kind}] {name}").trim_end().to_owned()
    }

    /// The empty block that it is copied into.
    pub(super) fn block(&self) -> feishu::Block {
        match self.medium {
            Medium::Image => feishu::Block::image(),
            _ => feishu::Block::file(),
        }
    }

    /// What to copy; `None` if it cannot be downloaded.
    pub(super) fn to_copy(&self, language: Language) -> Option<FileToCopy> {
        let unnamed = match self.medium {
            Medium::Image => "image.png",
            Medium::Video => "video.mp4",
            _ => "file",
        };
        Some(FileToCopy {
            medium: self.medium,
            name: self.name.as_deref().unwrap_or(unnamed).to_owned(),
            key: self.key.clone(),
            message: self.message.clone()?,
            token: self.token.clone(),
            layout: self.layout.clone(),
            line: self.line(language),
        })
    }
}

/// File names may contain anything.
fn on_one_line(name: &str) -> String {
    let words = name.split(|c: char| c.is_whitespace() || c.is_control());
    let words = words.filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// The name of a medium.
pub(crate) fn medium_in_words(medium: Medium) -> Bilingual {
    match medium {
        Medium::Image => Bilingual::new("图片", "image"),
        Medium::Video => Bilingual::new("视频", "video"),
        Medium::File => Bilingual::new("文件", "file"),
        Medium::Audio => Bilingual::new("语音", "audio"),
        Medium::Sticker => Bilingual::new("表情", "sticker"),
        Medium::Other => Bilingual::new("其他内容", "other content"),
    }
}
