//! The notice at the top of a chat.
//!
//! Official pages `group/chat/{put,delete}_top_notice`.

use serde_json::json;

use super::Client;
use crate::http::Request;
use crate::{ChatId, Error, MessageId};

/// A top notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopNotice<'a> {
    /// A message of that chat.
    Message(&'a MessageId),
    /// The group announcement.
    Announcement,
}

impl Client {
    /// Puts a notice at the top of a chat; it replaces the one there.
    ///
    /// Tokens: tenant, user.
    pub async fn put_top_notice(&self, chat: &ChatId, notice: TopNotice<'_>) -> Result<(), Error> {
        // The official sample pairs "2" with a message id; by its own table that is the
        // announcement, and the message id means nothing.
        let notice = match notice {
            TopNotice::Message(id) => json!({ "action_type": "1", "message_id": id }),
            TopNotice::Announcement => json!({ "action_type": "2" }),
        };
        let path = path(chat, "put_top_notice");
        let body = json!({ "chat_top_notice": [notice] });
        self.call(Request::post("put_top_notice", &path).body(body))
            .await
            .map(drop)
    }

    /// Removes the notice at the top of a chat, whichever it is.
    ///
    /// Tokens: tenant, user.
    pub async fn delete_top_notice(&self, chat: &ChatId) -> Result<(), Error> {
        let path = path(chat, "delete_top_notice");
        self.call(Request::post("delete_top_notice", &path))
            .await
            .map(drop)
    }
}

fn path<'a>(chat: &'a ChatId, verb: &'a str) -> [&'a str; 6] {
    ["im", "v1", "chats", chat.as_str(), "top_notice", verb]
}
