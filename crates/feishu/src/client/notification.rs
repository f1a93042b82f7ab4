//! Messages of the bot that mention everybody, and how many people have read them.
//!
//! Official pages `im-v1/message/{create,read_users,delete}`.

use serde::de::IgnoredAny;

use super::message::{OutgoingContent, without_markup};
use super::pages::Page;
use super::{Client, OPEN_ID};
use crate::Error;
use crate::http::Request;
use crate::ids::{ChatId, MessageId};

/// How many pages of readers are read.
const MAX_READER_PAGES: usize = 10;

/// The people who have read a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readers {
    /// At most a thousand.
    pub count: usize,
    /// Whether there are more.
    pub has_more: bool,
}

impl Client {
    /// Sends a text that mentions everybody in a group. Tags in `text` have no effect. `uuid` and
    /// the returned value are those of [`Client::create_message`].
    ///
    /// Refused with [`codes::GROUP_FORBIDS_MESSAGE`] if the group's settings do not permit it.
    ///
    /// Tokens: tenant, user. As for [`Client::create_message`].
    ///
    /// [`codes::GROUP_FORBIDS_MESSAGE`]: crate::codes::GROUP_FORBIDS_MESSAGE
    pub async fn mention_all(
        &self,
        chat: &ChatId,
        text: &str,
        uuid: &str,
    ) -> Result<Option<MessageId>, Error> {
        let text = format!("<at user_id=\"all\"></at> {}", without_markup(text));
        self.create("chat_id", chat.as_str(), OutgoingContent::text(&text), uuid)
            .await
    }

    /// Counts the people who have read a message of the bot, the first thousand. The platform
    /// answers for seven days after the message was sent.
    ///
    /// Tokens: tenant; whether user tokens are accepted is not known.
    pub async fn count_readers(&self, message: &MessageId) -> Result<Readers, Error> {
        let path = ["im", "v1", "messages", message.as_str(), "read_users"];
        let query = [OPEN_ID, ("page_size", "100")];
        let request = Request::get("count_readers", &path).query(&query);
        let read: Page<IgnoredAny> = self.first_pages(request, MAX_READER_PAGES).await?;
        Ok(Readers {
            count: read.items.len(),
            has_more: read.has_more,
        })
    }

    /// Recalls a message of the bot. The organization decides for how long that is possible.
    ///
    /// Tokens: tenant, user. Each only for messages of its own.
    pub async fn recall_message(&self, message: &MessageId) -> Result<(), Error> {
        let path = ["im", "v1", "messages", message.as_str()];
        self.call(Request::delete("recall_message", &path))
            .await
            .map(drop)
    }
}
