//! The notice at the top of a chat.
//!
//! Official pages `group/chat/{put,delete}_top_notice`.

use reqwest::Method;
use serde_json::json;

use super::Client;
use crate::http::Request;
use crate::{ChatId, Error, MessageId};

/// What may stand at the top of a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopNotice<'a> {
    /// A message of that chat.
    Message(&'a MessageId),
    /// The group announcement.
    Announcement,
}

impl Client {
    /// Puts a notice at the top, in place of what stands there.
    pub async fn put_top_notice(&self, chat: &ChatId, notice: TopNotice<'_>) -> Result<(), Error> {
        // The official sample pairs "2" with a message id; by its own table that is the
        // announcement, and the message id means nothing.
        let notice = match notice {
            TopNotice::Message(id) => json!({ "action_type": "1", "message_id": id }),
            TopNotice::Announcement => json!({ "action_type": "2" }),
        };
        self.call(Request {
            endpoint: "put_top_notice",
            method: Method::POST,
            path: &[
                "im",
                "v1",
                "chats",
                chat.as_str(),
                "top_notice",
                "put_top_notice",
            ],
            query: &[],
            body: Some(json!({ "chat_top_notice": [notice] })),
        })
        .await
        .map(drop)
    }

    /// Takes the notice at the top off, whatever it is.
    pub async fn delete_top_notice(&self, chat: &ChatId) -> Result<(), Error> {
        self.call(Request {
            endpoint: "delete_top_notice",
            method: Method::POST,
            path: &[
                "im",
                "v1",
                "chats",
                chat.as_str(),
                "top_notice",
                "delete_top_notice",
            ],
            query: &[],
            body: None,
        })
        .await
        .map(drop)
    }
}
