//! The client: one method per call of the platform, each judged by its `code`.

mod announcement;
mod bot;
mod chat;
mod docx;
mod message;
mod scope;
mod top_notice;

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio::time::Instant;

pub use announcement::{AnnouncementInfo, AnnouncementKind, LegacyAnnouncement};
pub use bot::BotInfo;
pub use chat::{Chat, ListedChat, ListedChats, Member, Who};
pub use docx::{CreateChildren, Created, DeleteChildren};
pub use message::{CardForm, Message};
pub use scope::Scope;
pub use top_notice::TopNotice;

use crate::http::{Answer, Http, OnCall, Request};
use crate::limits::{Limits, Neighbours, Pace};
use crate::token::{Grant, Tokens};
use crate::{AppId, ChatId, Clock, Error, ExtraRoots};

/// How often the platform is asked for the time at most: whoever replays a request that is signed
/// must not use up the app's limits.
const CONFIRM_EVERY: Duration = Duration::from_secs(1);
/// Answers that disagree are followed by another, this often in all.
const CONFIRMATIONS: usize = 3;

/// Asks for people's ids in the form that is the app's own.
const OPEN_ID: (&str, &str) = ("user_id_type", "open_id");

/// What a [`Client`] is made of.
#[derive(Clone)]
pub struct ClientConfig {
    /// `https://open.feishu.cn`, `https://open.larksuite.com`, or a stand-in.
    pub base_url: String,
    /// The app.
    pub app_id: AppId,
    /// The app's secret.
    pub app_secret: SecretString,
    /// Learns the platform's time from its answers.
    pub clock: Clock,
    /// How long one exchange may take, from connecting to the last byte.
    pub timeout: Duration,
    /// Whom TLS trusts beside the authorities that the machine trusts.
    pub extra_roots: ExtraRoots,
    /// The documented paces of `docx` writes times this; other than 1 only for
    /// load tests against a stand-in whose limits are raised alike.
    pub limits_factor: u32,
    /// Is told of every exchange.
    pub on_call: Option<OnCall>,
    /// Other processes that call in the name of the same app, if there are any.
    pub neighbours: Option<Neighbours>,
}

/// Calls the platform in the name of one app. Clones share connections and token.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: Http,
    grant: Grant,
    tokens: Tokens,
    limits: Arc<Limits>,
    app_id: AppId,
    clock: Clock,
    /// When the platform was asked for the time.
    confirmed: Mutex<Option<Instant>>,
}

impl Client {
    /// Prepares a client; nothing is sent yet.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        let http = Http::new(
            &config.base_url,
            (config.timeout, &config.extra_roots),
            config.clock.clone(),
            config.on_call,
        )?;
        let grant = Grant::SelfBuilt {
            app_id: config.app_id.clone(),
            app_secret: config.app_secret,
        };
        let clock = config.clock;
        let factor = config.limits_factor.max(1);
        let limits = Arc::new(Limits::new(clock.clone(), factor, config.neighbours));
        Ok(Self(Arc::new(Inner {
            tokens: Tokens::new(
                http.clone(),
                grant.clone(),
                clock.clone(),
                Arc::clone(&limits),
            ),
            limits,
            http,
            grant,
            app_id: config.app_id,
            clock,
            confirmed: Mutex::default(),
        })))
    }

    /// The app in whose name this client calls.
    pub fn app_id(&self) -> &AppId {
        &self.0.app_id
    }

    /// Whether a valid token is in hand; asks nobody.
    pub fn token_ready(&self) -> bool {
        self.0.tokens.is_ready()
    }

    /// Gets a token if none is in hand: shows that app id and secret are right.
    pub async fn check_credentials(&self) -> Result<(), Error> {
        self.0.tokens.get().await.map(drop)
    }

    /// Asks the platform for the time, so that the clock is right even if it was set a moment ago.
    /// Several callers ask once.
    ///
    /// # Errors
    ///
    /// When the platform cannot be asked. One whose answers tell no time is no error.
    pub async fn confirm_time(&self) -> Result<(), Error> {
        let mut asked = self.0.confirmed.lock().await;
        if asked.is_some_and(|asked| asked.elapsed() < CONFIRM_EVERY) {
            return Ok(());
        }
        *asked = Some(Instant::now());
        for _ in 0..CONFIRMATIONS {
            match self.bot_info().await {
                Ok(_) | Err(Error::Api(_)) if self.0.clock.is_confirmed() => break,
                Ok(_) | Err(Error::Api(_)) => {}
                Err(error) => {
                    *asked = None;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Makes no call of this API until then: another process was asked to wait.
    pub fn leave_alone(&self, endpoint: &str, until: Timestamp) {
        self.0.limits.close(endpoint, until);
    }

    pub(crate) fn http(&self) -> &Http {
        &self.0.http
    }

    pub(crate) fn grant(&self) -> &Grant {
        &self.0.grant
    }

    /// Makes a call with a token. If the platform refuses the token, another one is fetched and the
    /// call made once more; a second refusal is final.
    async fn call(&self, request: Request<'_>) -> Result<Answer, Error> {
        let Inner {
            http,
            tokens,
            limits,
            ..
        } = &*self.0;
        limits.check(request.endpoint)?;
        let token = tokens.get().await?;
        limits.enter(request.endpoint)?;
        let mut result = http.send(&request, Some(&token)).await;
        if matches!(&result, Err(error) if error.is_token_rejected()) {
            tokens.evict(&token);
            let token = tokens.get().await?;
            result = http.send(&request, Some(&token)).await;
        }
        limits.note(request.endpoint, &result);
        result
    }

    /// Makes a call that writes a `docx` announcement, at its pace.
    async fn write_docx(&self, chat: &ChatId, request: Request<'_>) -> Result<Answer, Error> {
        let paces = [Pace::Announcement(chat.clone()), Pace::App];
        let _place = self.0.limits.take_place(request.endpoint, &paces).await?;
        self.call(request).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("app_id", &self.0.app_id)
            .finish_non_exhaustive()
    }
}
