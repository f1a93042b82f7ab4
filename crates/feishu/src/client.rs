//! The client: one method per call of the platform, each judged by its `code`.

mod announcement;
mod bot;
mod chat;
mod docx;
mod message;
mod pages;
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
use crate::limits::{Limits, Pace, SharedLimits};
use crate::token::{Credentials, Tokens};
use crate::{AppId, ChatId, Clock, Error, ExtraRoots};

/// The shortest time between two requests for the platform's time: replayed requests with a valid
/// signature must not use up the app's rate limits.
const CONFIRM_EVERY: Duration = Duration::from_secs(1);
/// How many calls are made while the answers disagree.
const CONFIRMATIONS: usize = 3;

/// Asks for people's open ids.
const OPEN_ID: (&str, &str) = ("user_id_type", "open_id");

/// The settings of a [`Client`].
#[derive(Clone)]
pub struct ClientConfig {
    /// `https://open.feishu.cn`, `https://open.larksuite.com`, or a simulator.
    pub base_url: String,
    /// The id of the app.
    pub app_id: AppId,
    /// The secret of the app.
    pub app_secret: SecretString,
    /// Corrected by the dates of the platform's answers.
    pub clock: Clock,
    /// The timeout of one exchange, from connecting to the last byte.
    pub timeout: Duration,
    /// Certificate authorities that TLS trusts in addition to those of the machine.
    pub extra_roots: ExtraRoots,
    /// Multiplies the documented rate limits of `docx` writes; other than 1 only in load tests
    /// against a simulator with the same factor.
    pub limits_factor: u32,
    /// Called after every exchange.
    pub on_call: Option<OnCall>,
    /// Shares rate limits with other processes of the same app.
    pub shared_limits: Option<SharedLimits>,
}

/// Calls the platform as one app. Clones share connections, token and rate limits.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: Http,
    credentials: Credentials,
    tokens: Tokens,
    limits: Arc<Limits>,
    clock: Clock,
    /// When [`Client::confirm_time`] last made a call.
    confirmed: Mutex<Option<Instant>>,
}

impl Client {
    /// Sends nothing yet.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        let http = Http::new(
            &config.base_url,
            config.timeout,
            &config.extra_roots,
            config.clock.clone(),
            config.on_call,
        )?;
        let credentials = Credentials {
            app_id: config.app_id,
            app_secret: config.app_secret,
        };
        let clock = config.clock;
        let factor = config.limits_factor.max(1);
        let limits = Arc::new(Limits::new(clock.clone(), factor, config.shared_limits));
        Ok(Self(Arc::new(Inner {
            tokens: Tokens::new(
                http.clone(),
                credentials.clone(),
                clock.clone(),
                Arc::clone(&limits),
            ),
            limits,
            http,
            credentials,
            clock,
            confirmed: Mutex::default(),
        })))
    }

    /// The app that this client calls as.
    pub fn app_id(&self) -> &AppId {
        &self.0.credentials.app_id
    }

    /// Fetches a token unless there is a valid one, which checks the app id and secret.
    pub async fn check_credentials(&self) -> Result<(), Error> {
        self.0.tokens.get().await.map(drop)
    }

    /// Makes a call to learn the platform's time, so that the clock is right even if it was set a
    /// moment ago. Concurrent callers share the call.
    ///
    /// # Errors
    ///
    /// When the call fails. An answer without a time is no error.
    pub async fn confirm_time(&self) -> Result<(), Error> {
        let mut confirmed = self.0.confirmed.lock().await;
        if confirmed.is_some_and(|at| at.elapsed() < CONFIRM_EVERY) {
            return Ok(());
        }
        *confirmed = Some(Instant::now());
        for _ in 0..CONFIRMATIONS {
            match self.bot_info().await {
                Ok(_) | Err(Error::Api(_)) if self.0.clock.is_confirmed() => break,
                Ok(_) | Err(Error::Api(_)) => {}
                Err(error) => {
                    *confirmed = None;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Makes no call of this API until then, because another process of the app was asked to wait.
    pub fn pause_endpoint(&self, endpoint: &str, until: Timestamp) {
        self.0.limits.pause(endpoint, until);
    }

    pub(crate) fn http(&self) -> &Http {
        &self.0.http
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.0.credentials
    }

    /// Makes a call with a token. If the platform rejects the token, the call is repeated once with
    /// a new one.
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

    /// Makes a call that writes a `docx` announcement, within its rate limits.
    async fn write_docx(&self, chat: &ChatId, request: Request<'_>) -> Result<Answer, Error> {
        let paces = [Pace::Announcement(chat.clone()), Pace::App];
        let _slot = self.0.limits.slot(request.endpoint, &paces).await?;
        self.call(request).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("app_id", self.app_id())
            .finish_non_exhaustive()
    }
}
