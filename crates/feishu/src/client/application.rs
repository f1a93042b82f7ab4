//! What the app is subscribed to, and how many long connections it has.
//!
//! Official pages `application-v6/application-app_version/list`, `application-v6/application/get`
//! and `event-v1/connection/get`.

use serde::Deserialize;
use serde_json::Value;

use super::Client;
use crate::Error;
use crate::http::Request;
use crate::wire::{number, or_default};

/// The language of names, which nobody reads.
const LANGUAGE: (&str, &str) = ("lang", "zh_cn");
/// The `status` of a version that an admin has approved.
const APPROVED: i64 = 1;

/// The version of the app that is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppVersion {
    /// The number that the developer chose.
    pub version: String,
    /// The types of the subscribed events, such as `im.message.receive_v1`.
    pub events: Vec<String>,
}

#[derive(Deserialize)]
struct ListedVersion {
    #[serde(default, deserialize_with = "or_default")]
    version: String,
    #[serde(deserialize_with = "number")]
    status: i64,
    /// In seconds; null or empty before the publication.
    #[serde(default)]
    publish_time: Value,
    #[serde(default, deserialize_with = "or_default")]
    event_infos: Vec<EventInfo>,
}

#[derive(Deserialize)]
struct EventInfo {
    #[serde(default, deserialize_with = "or_default")]
    event_type: String,
}

impl ListedVersion {
    /// `None` before the publication.
    fn published_at(&self) -> Option<i64> {
        let at = self.publish_time.as_i64();
        let at = at.or_else(|| self.publish_time.as_str()?.parse().ok());
        at.filter(|at| self.status == APPROVED && *at > 0)
    }
}

impl Client {
    /// The version that was published last; `None` before the first one. At most one draft precedes
    /// it in the list.
    ///
    /// Tokens: tenant.
    pub async fn published_version(&self) -> Result<Option<AppVersion>, Error> {
        let path = ["application", "v6", "applications", "me", "app_versions"];
        let query = [LANGUAGE, ("page_size", "10")];
        let request = Request::get("list_app_versions", &path).query(&query);
        let listed: Vec<ListedVersion> = self.first_pages(request, 1).await?.items;
        let newest = listed.into_iter().max_by_key(ListedVersion::published_at);
        let newest = newest.filter(|version| version.published_at().is_some());
        Ok(newest.map(|newest| AppVersion {
            version: newest.version,
            events: newest
                .event_infos
                .into_iter()
                .map(|event| event.event_type)
                .collect(),
        }))
    }

    /// The subscribed callbacks, such as `card.action.trigger`; `None` if the platform does not tell,
    /// because the page does not list the field.
    ///
    /// Tokens: tenant.
    pub async fn subscribed_callbacks(&self) -> Result<Option<Vec<String>>, Error> {
        #[derive(Deserialize)]
        struct Payload {
            app: App,
        }
        #[derive(Deserialize)]
        struct App {
            callback_info: Option<CallbackInfo>,
        }
        #[derive(Deserialize)]
        struct CallbackInfo {
            #[serde(default, deserialize_with = "or_default")]
            subscribed_callbacks: Vec<String>,
        }
        let path = ["application", "v6", "applications", "me"];
        let request = Request::get("get_application", &path).query(&[LANGUAGE]);
        let Payload { app } = self.call(request).await?.data()?;
        Ok(app.callback_info.map(|info| info.subscribed_callbacks))
    }

    /// How many long connections of the app are open, those of all processes; needs no scope.
    ///
    /// Tokens: tenant.
    pub async fn online_connections(&self) -> Result<usize, Error> {
        #[derive(Deserialize)]
        struct Payload {
            online_instance_cnt: usize,
        }
        let path = ["event", "v1", "connection"];
        let answer = self.call(Request::get("count_connections", &path)).await?;
        answer.data().map(|told: Payload| told.online_instance_cnt)
    }
}
