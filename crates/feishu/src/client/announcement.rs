//! The group announcement: which kind it is, and reading and patching the legacy kind.
//!
//! Official pages `group/chat-announcement/{get,patch}` and
//! `group/upgraded-group-announcement/chat-announcement/get`.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{Client, OPEN_ID};
use crate::announcement::{LegacyDocument, Operation};
use crate::http::Request;
use crate::wire::number;
use crate::{ChatId, Error};

/// What both kinds of announcement tell of themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct AnnouncementInfo {
    /// Which calls work on it.
    #[serde(rename = "announcement_type")]
    pub kind: AnnouncementKind,
    /// The revision of now.
    #[serde(deserialize_with = "number")]
    pub revision_id: i64,
}

/// The two kinds of announcement; calls for the one never work on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnnouncementKind {
    /// The legacy kind.
    Doc,
    /// The kind of groups made since the end of 2024.
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
    /// Reads the content.
    pub fn document(&self) -> Result<LegacyDocument, serde_json::Error> {
        LegacyDocument::parse(&self.content)
    }
}

impl Client {
    /// Tells the kind and revision of an announcement; answers for both kinds.
    pub async fn get_docx_announcement(&self, chat: &ChatId) -> Result<AnnouncementInfo, Error> {
        self.call(Request {
            endpoint: "get_docx_announcement",
            method: Method::GET,
            path: &["docx", "v1", "chats", chat.as_str(), "announcement"],
            query: &[OPEN_ID],
            body: None,
        })
        .await?
        .data()
    }

    /// Reads a legacy announcement; a docx one is refused with [`ANNOUNCEMENT_IS_DOCX`](crate::codes::ANNOUNCEMENT_IS_DOCX).
    pub async fn get_announcement(&self, chat: &ChatId) -> Result<LegacyAnnouncement, Error> {
        self.call(Request {
            endpoint: "get_announcement",
            method: Method::GET,
            path: &["im", "v1", "chats", chat.as_str(), "announcement"],
            query: &[OPEN_ID],
            body: None,
        })
        .await?
        .data()
    }

    /// Changes a legacy announcement: up to 10 operations, all or none, written against
    /// `revision`. The platform carries them over to the newest revision, so this is no lock.
    pub async fn patch_announcement(
        &self,
        chat: &ChatId,
        revision: i64,
        operations: &[Operation],
    ) -> Result<(), Error> {
        let requests: Vec<String> = operations.iter().map(Operation::to_json).collect();
        self.call(Request {
            endpoint: "patch_announcement",
            method: Method::PATCH,
            path: &["im", "v1", "chats", chat.as_str(), "announcement"],
            query: &[],
            body: Some(json!({ "revision": revision.to_string(), "requests": requests })),
        })
        .await
        .map(drop)
    }
}
