//! The client: one method per call of the platform, each judged by its `code`.
//!
//! "Tokens" in the description of a call are the kinds that the platform accepts, by the official
//! pages and the types of the official SDKs; see [`Credentials`].

mod announcement;
mod application;
mod bot;
mod chat;
mod docx;
mod media;
mod message;
mod notification;
mod oauth;
mod pages;
mod scope;
mod slash_command;
mod top_notice;

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

pub use announcement::{AnnouncementInfo, AnnouncementKind, LegacyAnnouncement};
pub use application::AppVersion;
pub use bot::BotInfo;
pub use chat::{Chat, ListedChat, ListedChats, Member, Who};
pub use docx::{CreateChildren, Created, DeleteChildren, UpdateBlocks};
pub use media::{MAX_UPLOAD, MediaUpload, MessageResource, UploadKind};
pub use message::{CardForm, Message, MessageSender};
pub use notification::Readers;
pub use scope::Scope;
pub use slash_command::{MAX_SLASH_COMMANDS, SlashCommand, SlashDescription};
pub use top_notice::TopNotice;

use crate::credentials::{AppKind, AppSecret, Credentials};
use crate::http::{Answer, Http, OnCall, Request};
use crate::limits::{Limits, Pace, SharedLimits};
use crate::member_token::MemberTokens;
use crate::ticket::AppTicket;
use crate::token::{AccessToken, Tokens};
use crate::{AppId, ChatId, Clock, Error, ExtraRoots, TenantKey};

/// The shortest time between two requests for the platform's time: replayed requests with a valid
/// signature must not use up the app's rate limits.
const CONFIRM_EVERY: Duration = Duration::from_secs(1);
/// How many calls are made while the answers disagree.
const CONFIRMATIONS: usize = 3;
/// How many files are copied at a time, each with its buffers.
const COPIES: usize = 3;

/// Asks for people's open ids.
const OPEN_ID: (&str, &str) = ("user_id_type", "open_id");

/// The settings of a [`Client`].
#[derive(Clone)]
pub struct ClientConfig {
    /// `https://open.feishu.cn`, `https://open.larksuite.com`, or a simulator.
    pub base_url: String,
    /// Where members consent; see [`accounts_url`](crate::accounts_url).
    pub accounts_url: String,
    /// The id of the app.
    pub app_id: AppId,
    /// The secret of the app.
    pub app_secret: SecretString,
    /// The kind of the app.
    pub app_kind: AppKind,
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
    /// The tokens for [`Credentials::Member`]; without them, no member has consented.
    pub member_tokens: Option<MemberTokens>,
}

/// Calls the platform as one app. Clones share connections, tokens and rate limits, also those with
/// other [`Credentials`].
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    credentials: Credentials,
}

struct Inner {
    http: Http,
    /// At [`ClientConfig::accounts_url`].
    accounts: Http,
    tokens: Tokens,
    limits: Arc<Limits>,
    clock: Clock,
    /// When [`Client::confirm_time`] last made a call.
    confirmed: Mutex<Option<Instant>>,
    /// The files that may be copied now.
    copies: Semaphore,
}

impl Client {
    /// A client with the credentials of the bot in a custom app's tenant. Sends nothing yet.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        let at = |url: &str| {
            Http::new(
                url,
                config.timeout,
                &config.extra_roots,
                config.clock.clone(),
                config.on_call.clone(),
            )
        };
        let (http, accounts) = (at(&config.base_url)?, at(&config.accounts_url)?);
        let secret = AppSecret {
            app_id: config.app_id,
            app_secret: config.app_secret,
        };
        let clock = config.clock;
        let factor = config.limits_factor.max(1);
        let limits = Arc::new(Limits::new(clock.clone(), factor, config.shared_limits));
        let tokens = Tokens::new(
            http.clone(),
            secret,
            config.app_kind,
            clock.clone(),
            Arc::clone(&limits),
            config.member_tokens,
        );
        Ok(Self {
            inner: Arc::new(Inner {
                tokens,
                limits,
                http,
                accounts,
                clock,
                confirmed: Mutex::default(),
                copies: Semaphore::new(COPIES),
            }),
            credentials: Credentials::Bot(TenantKey::OWN),
        })
    }

    /// The same app with other credentials.
    #[must_use]
    pub fn with_credentials(&self, credentials: Credentials) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            credentials,
        }
    }

    /// In whose name this client calls.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The app that this client calls as.
    pub fn app_id(&self) -> &AppId {
        &self.secret().app_id
    }

    /// Fetches a token unless there is a valid one, which checks the app id and secret.
    pub async fn check_credentials(&self) -> Result<(), Error> {
        self.inner.tokens.get(&self.credentials).await.map(drop)
    }

    /// The kind of the app.
    pub fn app_kind(&self) -> AppKind {
        self.inner.tokens.kind()
    }

    /// Adds a ticket that the platform pushed to this store app.
    pub fn add_app_ticket(&self, ticket: AppTicket) {
        self.inner.tokens.tickets().add(ticket);
    }

    /// Waits for the first ticket; does not wait for a custom app, which needs none.
    pub async fn app_ticket_arrived(&self) {
        if self.app_kind() == AppKind::Store {
            self.inner.tokens.tickets().arrived().await;
        }
    }

    /// Whether there is a valid ticket.
    pub fn has_app_ticket(&self) -> bool {
        self.inner.tokens.tickets().has_valid()
    }

    /// Waits until another ticket is added.
    pub async fn app_ticket_added(&self) {
        self.inner.tokens.tickets().added().await;
    }

    /// Waits until a call fails with [`Error::NoAppTicket`].
    pub async fn app_ticket_wanted(&self) {
        self.inner.tokens.tickets().wanted().await;
    }

    /// Asks the platform to push a ticket. It arrives as an event, up to two minutes later.
    pub async fn resend_app_ticket(&self) -> Result<(), Error> {
        self.inner.tokens.resend_ticket().await
    }

    /// Drops the tokens of a tenant that has removed this store app.
    pub fn forget_tenant(&self, tenant: &TenantKey) {
        self.inner.tokens.forget(tenant);
    }

    /// Makes a call to learn the platform's time, so that the clock is right even if it was set a
    /// moment ago. Concurrent callers share the call.
    ///
    /// # Errors
    ///
    /// When the call fails. An answer without a time is no error.
    pub async fn confirm_time(&self) -> Result<(), Error> {
        let mut confirmed = self.inner.confirmed.lock().await;
        if confirmed.is_some_and(|at| at.elapsed() < CONFIRM_EVERY) {
            return Ok(());
        }
        *confirmed = Some(Instant::now());
        for _ in 0..CONFIRMATIONS {
            match self.any_answer().await {
                Ok(()) | Err(Error::Api(_)) if self.inner.clock.is_confirmed() => break,
                Ok(()) | Err(Error::Api(_)) => {}
                Err(error) => {
                    *confirmed = None;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// A store app has no token before its first ticket, but a refusal has a date, too.
    async fn any_answer(&self) -> Result<(), Error> {
        match self.app_kind() {
            AppKind::Custom => self.bot_info().await.map(drop),
            AppKind::Store => self.bot_info_without_token().await,
        }
    }

    /// Makes no call of this API in this tenant until then, because another process of the app was
    /// asked to wait.
    pub fn pause_endpoint(&self, tenant: &TenantKey, endpoint: &str, until: Timestamp) {
        self.inner.limits.pause(tenant, endpoint, until);
    }

    pub(crate) fn http(&self) -> &Http {
        &self.inner.http
    }

    pub(crate) fn accounts(&self) -> &Http {
        &self.inner.accounts
    }

    pub(crate) fn secret(&self) -> &AppSecret {
        self.inner.tokens.secret()
    }

    /// Makes a call with a token. If the platform rejects the token, the call is repeated once with
    /// a new one.
    async fn call(&self, request: Request<'_>) -> Result<Answer, Error> {
        let http = &self.inner.http;
        let token = self.first_token(request.endpoint).await?;
        let result = http.send(&request, Some(&token)).await;
        match self.second_token(request.endpoint, &token, &result).await? {
            None => result,
            Some(token) => {
                let result = http.send(&request, Some(&token)).await;
                self.after_second(request.endpoint, &token, result).await
            }
        }
    }

    /// The token for a call, which may be made now.
    async fn first_token(&self, endpoint: &'static str) -> Result<AccessToken, Error> {
        let Inner { tokens, limits, .. } = &*self.inner;
        let api = (self.credentials.tenant(), endpoint);
        limits.check(api)?;
        let token = tokens.get(&self.credentials).await?;
        limits.enter(api)?;
        Ok(token)
    }

    /// Another token if the platform rejected that of a call. Otherwise, the result is noted.
    async fn second_token<T>(
        &self,
        endpoint: &'static str,
        token: &AccessToken,
        result: &Result<T, Error>,
    ) -> Result<Option<AccessToken>, Error> {
        let Inner { tokens, limits, .. } = &*self.inner;
        if let Err(error) = result
            && tokens.note_refusal(&self.credentials, token, error).await
        {
            return tokens.get(&self.credentials).await.map(Some);
        }
        limits.note((self.credentials.tenant(), endpoint), result);
        Ok(None)
    }

    /// The result of a call that was repeated with another token.
    async fn after_second<T>(
        &self,
        endpoint: &'static str,
        token: &AccessToken,
        result: Result<T, Error>,
    ) -> Result<T, Error> {
        let Inner { tokens, limits, .. } = &*self.inner;
        limits.note((self.credentials.tenant(), endpoint), &result);
        match result {
            Err(error) => Err(tokens.second_refusal(&self.credentials, token, error).await),
            Ok(answer) => Ok(answer),
        }
    }

    /// Makes a call that writes a `docx` announcement, within its rate limits.
    async fn write_docx(&self, chat: &ChatId, request: Request<'_>) -> Result<Answer, Error> {
        let tenant = self.credentials.tenant();
        let paces = [
            Pace::Announcement(tenant.clone(), chat.clone()),
            Pace::Tenant(tenant.clone()),
        ];
        let api = (tenant, request.endpoint);
        let _slot = self.inner.limits.slot(api, &paces).await?;
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
