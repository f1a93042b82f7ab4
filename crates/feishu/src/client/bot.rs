//! The bot's own identity.
//!
//! Official page `bot-v3/bot-overview`.

use reqwest::Method;
use serde::Deserialize;

use super::Client;
use crate::http::Request;
use crate::wire::or_default;
use crate::{Error, OpenId};

/// Who the bot is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BotInfo {
    /// The bot as mentions name it.
    pub open_id: OpenId,
    /// The app's name.
    #[serde(default, deserialize_with = "or_default")]
    pub app_name: String,
    /// 0 to 6; see [`BotInfo::ACTIVE`].
    pub activate_status: i64,
}

impl BotInfo {
    /// The `activate_status` of a bot that works.
    pub const ACTIVE: i64 = 2;
}

impl Client {
    /// Tells who the bot is; needs no scope.
    pub async fn bot_info(&self) -> Result<BotInfo, Error> {
        // This old call keeps its payload under `bot`, not `data`.
        #[derive(Deserialize)]
        struct Payload {
            bot: BotInfo,
        }
        self.call(Request {
            endpoint: "bot_info",
            method: Method::GET,
            path: &["bot", "v3", "info"],
            query: &[],
            body: None,
        })
        .await?
        .whole()
        .map(|payload: Payload| payload.bot)
    }
}
