//! Creates an app, or changes one, with a person who scans a QR code.
//!
//! Official page `integrating-agents-with-feishu/overview` describes it, and the SDKs for Node and
//! Python and the command line client show the protocol: a device flow (RFC 8628) at the accounts
//! host. It begins at Feishu's; if the person is of Lark, the answers to polls say so, and the app
//! is at Lark's.

mod addons;

use std::time::Duration;

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;

pub use addons::Addons;

use crate::error::InvalidResponse;
use crate::http::{Answer, Http, OAuthBody, OAuthRequest};
use crate::oauth_error::OAuthError;
use crate::token::is_usable;
use crate::wire::{or_default, seconds};
use crate::{AppId, Clock, Error, ExtraRoots};

const PATH: &[&str] = &["oauth", "v1", "app", "registration"];
/// How long a link is valid if the answer does not say.
const LIFE: Duration = Duration::from_mins(10);
/// The time between two polls if the answer does not say.
const INTERVAL: Duration = Duration::from_secs(5);
/// The bounds of the time between two polls, whatever the answer says.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_INTERVAL: Duration = Duration::from_mins(1);
/// By how much a poll becomes rarer when the platform says so.
const SLOW_DOWN: Duration = Duration::from_secs(5);
/// The hosts of the page, by brand.
const PAGE_HOSTS: (&str, &str) = ("open.feishu.cn", "open.larksuite.com");

/// The public platform of a person or an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brand {
    /// Feishu, in China.
    Feishu,
    /// Lark, elsewhere.
    Lark,
}

/// Where and how a [`Registration`] is made.
#[derive(Debug, Clone)]
pub struct RegistrationConfig {
    /// Feishu's accounts host, `https://accounts.feishu.cn`, or that of a private deployment.
    pub accounts_url: String,
    /// Lark's accounts host, `https://accounts.larksuite.com`, or the same as the other.
    pub lark_accounts_url: String,
    /// Corrected by the dates of the platform's answers.
    pub clock: Clock,
    /// The timeout of one exchange.
    pub timeout: Duration,
    /// Certificate authorities that TLS trusts in addition to those of the machine.
    pub extra_roots: ExtraRoots,
}

/// A started flow.
#[derive(Debug)]
pub struct Registration {
    hosts: Hosts,
    device_code: SecretString,
    /// The page for the person, without parameters of ours.
    page: Url,
    /// How long the link is valid.
    expires_in: Duration,
    interval: Duration,
}

/// Both hosts, and the one to poll.
struct Hosts {
    feishu: Http,
    lark: Http,
    brand: Brand,
}

/// What the link offers to the person.
#[derive(Debug, Clone, Default)]
pub struct LinkOptions<'a> {
    /// The program that made the link.
    pub source: &'a str,
    /// What is selected on the page.
    pub addons: Addons,
    /// The app to change; `None` creates a new one, and lets the person choose no other.
    pub app_id: Option<&'a AppId>,
    /// Opens the page at Lark's host.
    pub at_lark: bool,
}

/// The state of a flow.
#[derive(Debug, Clone)]
pub enum RegistrationPoll {
    /// The person confirmed.
    Confirmed(NewApp),
    /// The person has not decided yet; poll again after [`Registration::interval`].
    Pending,
    /// The person confirmed, but the app authenticates in another way and has no secret.
    WithoutSecret(AppId),
    /// The person refused.
    Refused,
    /// The link has expired, or its result was already returned.
    Expired,
}

/// The app of a confirmed flow.
#[derive(Debug, Clone)]
pub struct NewApp {
    /// Its id.
    pub app_id: AppId,
    /// Its secret.
    pub app_secret: SecretString,
    /// Where it exists.
    pub brand: Brand,
}

impl Registration {
    /// Starts a flow.
    pub async fn begin(config: RegistrationConfig) -> Result<Self, Error> {
        let hosts = Hosts::new(&config)?;
        let fields = [
            ("action", "begin"),
            ("archetype", "PersonalAgent"),
            ("auth_method", "client_secret"),
            ("request_user_info", "open_id tenant_brand"),
        ];
        let answer = hosts.feishu.send_oauth(OAuthRequest {
            endpoint: "begin_registration",
            path: PATH,
            body: OAuthBody::Form(&fields),
        });
        let answer = answer.await?;
        let wire: WireBegin = answer.whole()?;
        let page = wire.page(hosts.feishu.is_plain());
        let page = page.ok_or_else(|| answer.invalid(InvalidResponse::Shape))?;
        let life = seconds(&wire.expire_in).or_else(|| seconds(&wire.expires_in));
        let interval = seconds(&wire.interval).unwrap_or(INTERVAL);
        Ok(Self {
            hosts,
            page,
            device_code: wire.device_code,
            expires_in: life.unwrap_or(LIFE),
            interval: interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL),
        })
    }

    /// The link for the person, which one person can use.
    pub fn link(&self, options: &LinkOptions<'_>) -> Url {
        let mut link = self.page.clone();
        if options.at_lark && link.host_str() == Some(PAGE_HOSTS.0) {
            // Possible for a URL that has a host.
            let _ = link.set_host(Some(PAGE_HOSTS.1));
        }
        {
            let mut query = link.query_pairs_mut();
            query.append_pair("from", "sdk").append_pair("tp", "sdk");
            query.append_pair("source", options.source);
            query.append_pair("addons", &options.addons.encode());
            match options.app_id {
                Some(app_id) => query.append_pair("clientID", app_id.as_str()),
                None => query.append_pair("createOnly", "true"),
            };
        }
        link
    }

    /// How long the link is valid from the start on.
    pub fn expires_in(&self) -> Duration {
        self.expires_in
    }

    /// The time to wait before each poll; it grows when the platform asks for that.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Asks for the result. A result may be returned only once, so do not drop this call.
    pub async fn poll(&mut self) -> Result<RegistrationPoll, Error> {
        let mut answer = self.ask().await?;
        let mut wire: WirePoll = answer.whole()?;
        if self.hosts.brand == Brand::Feishu && wire.is_of_lark() && !wire.is_complete() {
            self.hosts.brand = Brand::Lark;
            answer = self.ask().await?;
            wire = answer.whole()?;
        }
        if wire.is_complete() {
            return wire
                .app(self.hosts.brand)
                .map(RegistrationPoll::Confirmed)
                .ok_or_else(|| answer.invalid(InvalidResponse::Shape));
        }
        match answer.oauth() {
            Ok(_) if wire.has_no_secret() => {
                let app_id = AppId::new(wire.client_id);
                Ok(RegistrationPoll::WithoutSecret(app_id))
            }
            Ok(_) => Ok(RegistrationPoll::Pending),
            Err(Error::Api(refusal)) => match refusal.oauth_error {
                Some(OAuthError::AuthorizationPending) => Ok(RegistrationPoll::Pending),
                Some(OAuthError::SlowDown) => {
                    self.interval = (self.interval + SLOW_DOWN).min(LONGEST_INTERVAL);
                    Ok(RegistrationPoll::Pending)
                }
                Some(OAuthError::AccessDenied) => Ok(RegistrationPoll::Refused),
                Some(OAuthError::ExpiredToken | OAuthError::InvalidGrant) => {
                    Ok(RegistrationPoll::Expired)
                }
                _ => Err(Error::Api(refusal)),
            },
            Err(error) => Err(error),
        }
    }

    async fn ask(&self) -> Result<Answer, Error> {
        let fields = [
            ("action", "poll"),
            ("device_code", self.device_code.expose_secret()),
        ];
        let host = match self.hosts.brand {
            Brand::Feishu => &self.hosts.feishu,
            Brand::Lark => &self.hosts.lark,
        };
        host.send_unjudged(OAuthRequest {
            endpoint: "poll_registration",
            path: PATH,
            body: OAuthBody::Form(&fields),
        })
        .await
    }
}

impl Hosts {
    fn new(config: &RegistrationConfig) -> Result<Self, Error> {
        let at = |url: &str| {
            let clock = config.clock.clone();
            Http::new(url, config.timeout, &config.extra_roots, clock, None)
        };
        Ok(Self {
            feishu: at(&config.accounts_url)?,
            lark: at(&config.lark_accounts_url)?,
            brand: Brand::Feishu,
        })
    }
}

impl std::fmt::Debug for Hosts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hosts")
            .field("brand", &self.brand)
            .finish_non_exhaustive()
    }
}

/// The answer to the start.
#[derive(Deserialize)]
struct WireBegin {
    device_code: SecretString,
    #[serde(default, deserialize_with = "or_default")]
    user_code: String,
    #[serde(default, deserialize_with = "or_default")]
    verification_uri: String,
    #[serde(default, deserialize_with = "or_default")]
    verification_uri_complete: String,
    #[serde(default)]
    expire_in: Value,
    /// The earlier name.
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    interval: Value,
}

impl WireBegin {
    /// `may_be_plain`: the platform is a simulator without TLS.
    fn page(&self, may_be_plain: bool) -> Option<Url> {
        let complete = Url::parse(&self.verification_uri_complete);
        let page = complete.or_else(|_| {
            let code = [("user_code", &self.user_code)];
            Url::parse_with_params(&self.verification_uri, code)
        });
        let is_good = |url: &Url| {
            let is_plain = may_be_plain && url.scheme() == "http";
            url.has_host() && (url.scheme() == "https" || is_plain)
        };
        page.ok().filter(is_good)
    }
}

/// The answer to a poll, apart from its error.
#[derive(Deserialize)]
struct WirePoll {
    #[serde(default, deserialize_with = "or_default")]
    client_id: String,
    #[serde(default)]
    client_secret: Option<SecretString>,
    /// A list, or words in a string.
    #[serde(default)]
    auth_method: Value,
    #[serde(default, deserialize_with = "or_default")]
    user_info: WireUser,
}

#[derive(Default, Deserialize)]
struct WireUser {
    #[serde(default, deserialize_with = "or_default")]
    tenant_brand: String,
}

impl WirePoll {
    fn is_of_lark(&self) -> bool {
        self.user_info.tenant_brand == "lark"
    }

    fn is_complete(&self) -> bool {
        let secret = self.client_secret.as_ref();
        !self.client_id.is_empty() && secret.is_some_and(|one| !one.expose_secret().is_empty())
    }

    fn has_no_secret(&self) -> bool {
        const OTHER: &str = "private_key_jwt";
        let is_other = match &self.auth_method {
            Value::Array(methods) => methods.iter().any(|method| method == OTHER),
            Value::String(methods) => methods.split_whitespace().any(|method| method == OTHER),
            _ => false,
        };
        is_other && !self.client_id.is_empty()
    }

    /// `None` if id or secret cannot be one.
    fn app(self, host: Brand) -> Option<NewApp> {
        let brand = if self.is_of_lark() { Brand::Lark } else { host };
        let app_secret = self.client_secret.filter(is_usable)?;
        let is_id = self.client_id.bytes().all(|byte| byte.is_ascii_graphic());
        is_id.then(|| NewApp {
            app_id: AppId::new(self.client_id),
            app_secret,
            brand,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(begin: Value, may_be_plain: bool) -> Option<String> {
        let wire: WireBegin = serde_json::from_value(begin).unwrap();
        wire.page(may_be_plain).map(String::from)
    }

    #[test]
    fn the_page_is_an_address_with_its_code() {
        let complete = "https://open.feishu.cn/page/launcher?user_code=AB-CD";
        let begin = json!({ "device_code": "d", "verification_uri_complete": complete });
        assert_eq!(page(begin, false).as_deref(), Some(complete));
        let begin = json!({
            "device_code": "d", "user_code": "AB-CD",
            "verification_uri": "https://open.feishu.cn/page/launcher",
        });
        assert_eq!(page(begin, false).as_deref(), Some(complete));
        let plain = json!({ "device_code": "d", "verification_uri_complete": "http://h/?u=1" });
        assert_eq!(page(plain.clone(), true).as_deref(), Some("http://h/?u=1"));
        assert_eq!(page(plain, false), None);
        for odd in ["", "nowhere", "javascript:alert(1)"] {
            let begin = json!({ "device_code": "d", "verification_uri_complete": odd });
            assert_eq!(page(begin, true), None, "{odd}");
        }
    }

    #[test]
    fn a_result_needs_id_and_secret() {
        let read = |wire: Value| serde_json::from_value::<WirePoll>(wire).unwrap();
        for (wire, is_complete, has_no_secret) in [
            (
                json!({ "client_id": "cli_1", "client_secret": "s" }),
                true,
                false,
            ),
            (
                json!({ "client_id": "cli_1", "client_secret": "" }),
                false,
                false,
            ),
            (
                json!({ "client_id": "cli_1", "client_secret": null }),
                false,
                false,
            ),
            (
                json!({ "client_secret": "s", "user_info": null }),
                false,
                false,
            ),
            (
                json!({ "client_id": "cli_1", "auth_method": ["private_key_jwt"] }),
                false,
                true,
            ),
            (
                json!({ "client_id": "cli_1", "auth_method": "private_key_jwt" }),
                false,
                true,
            ),
            (json!({ "auth_method": ["private_key_jwt"] }), false, false),
            (json!({ "error": "authorization_pending" }), false, false),
        ] {
            let poll = read(wire.clone());
            assert_eq!(poll.is_complete(), is_complete, "{wire}");
            assert_eq!(poll.has_no_secret(), has_no_secret, "{wire}");
        }
        let odd = read(json!({ "client_id": "cli_1", "client_secret": "a\nB=c" }));
        assert!(odd.app(Brand::Feishu).is_none());
    }
}
