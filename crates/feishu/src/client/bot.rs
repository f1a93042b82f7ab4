//! The bot's own identity.
//!
//! Official page `bot-v3/bot-overview`.

use serde::Deserialize;

use super::Client;
use crate::http::Request;
use crate::wire::or_default;
use crate::{Error, OpenId};

/// The bot's identity.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BotInfo {
    /// The id by which mentions name the bot.
    pub open_id: OpenId,
    /// The app's name.
    #[serde(default, deserialize_with = "or_default")]
    pub app_name: String,
    /// 0 to 6; see [`BotInfo::ACTIVE`].
    pub activate_status: i64,
}

impl BotInfo {
    /// The `activate_status` of an active bot.
    pub const ACTIVE: i64 = 2;
}

fn request() -> Request<'static> {
    Request::get("bot_info", &["bot", "v3", "info"])
}

impl Client {
    /// Makes the call without a token, which the platform refuses.
    pub(super) async fn bot_info_without_token(&self) -> Result<(), Error> {
        self.http().send(&request(), None).await.map(drop)
    }

    /// The bot's own identity; needs no scope.
    ///
    /// Tokens: tenant.
    pub async fn bot_info(&self) -> Result<BotInfo, Error> {
        // This old call keeps its payload under `bot`, not `data`.
        #[derive(Deserialize)]
        struct Payload {
            bot: BotInfo,
        }
        let answer = self.call(request()).await?;
        answer.whole().map(|payload: Payload| payload.bot)
    }
}
