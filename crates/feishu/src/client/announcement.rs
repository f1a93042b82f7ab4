//! The group announcement: which kind it is, and reading and patching the legacy kind.
//!
//! Official pages `group/chat-announcement/{get,patch}` and
//! `group/upgraded-group-announcement/chat-announcement/get`.

use serde::Deserialize;
use serde_json::json;

use super::{Client, OPEN_ID};
use crate::announcement::{LegacyDocument, Operation};
use crate::http::{MAX_TEXT, Request};
use crate::wire::number;
use crate::{ChatId, Error};

/// The properties of both kinds of announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct AnnouncementInfo {
    /// Decides which calls work on it.
    #[serde(rename = "announcement_type")]
    pub kind: AnnouncementKind,
    /// The current revision.
    #[serde(deserialize_with = "number")]
    pub revision_id: i64,
}

/// The two kinds of announcement; calls for the one never work on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnnouncementKind {
    /// The legacy kind, whose content is one JSON text.
    Doc,
    /// The kind of groups created since the end of 2024, made of blocks.
    Docx,
}

/// A legacy announcement.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LegacyAnnouncement {
    /// The revision that was read, for the next patch.
    #[serde(deserialize_with = "number")]
    pub revision: i64,
    /// The document, as JSON.
    pub content: String,
}

impl LegacyAnnouncement {
    /// Parses the content.
    pub fn document(&self) -> Result<LegacyDocument, serde_json::Error> {
        LegacyDocument::parse(&self.content)
    }
}

impl Client {
    /// Kind and revision of an announcement; answers for both kinds.
    ///
    /// Tokens: tenant, user.
    pub async fn get_docx_announcement(&self, chat: &ChatId) -> Result<AnnouncementInfo, Error> {
        let path = ["docx", "v1", "chats", chat.as_str(), "announcement"];
        let request = Request::get("get_docx_announcement", &path).query(&[OPEN_ID]);
        self.call(request).await?.data()
    }

    /// Reads a legacy announcement; a docx one is refused with
    /// [`ANNOUNCEMENT_IS_DOCX`](crate::codes::ANNOUNCEMENT_IS_DOCX).
    ///
    /// Tokens: tenant, user.
    pub async fn get_announcement(&self, chat: &ChatId) -> Result<LegacyAnnouncement, Error> {
        let path = legacy_path(chat);
        let request = Request::get("get_announcement", &path).query(&[OPEN_ID]);
        self.call(request.max_answer(MAX_TEXT)).await?.data()
    }

    /// Patches a legacy announcement: up to 10 operations, all or none, written against
    /// `revision`. The platform rebases them onto the newest revision, so this is no lock.
    ///
    /// Tokens: tenant, user.
    pub async fn patch_announcement(
        &self,
        chat: &ChatId,
        revision: i64,
        operations: &[Operation],
    ) -> Result<(), Error> {
        let requests: Vec<String> = operations.iter().map(Operation::to_json).collect();
        let body = json!({ "revision": revision.to_string(), "requests": requests });
        let path = legacy_path(chat);
        self.call(Request::patch("patch_announcement", &path).body(body))
            .await
            .map(drop)
    }
}

fn legacy_path(chat: &ChatId) -> [&str; 5] {
    ["im", "v1", "chats", chat.as_str(), "announcement"]
}
