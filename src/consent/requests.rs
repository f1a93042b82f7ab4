//! How members consent that the bot acts as them.
//!
//! With a public URL, the member follows a link to this bot, which redirects to the platform's page
//! and gets a code back (authorization code with PKCE). Otherwise the link leads to the platform at
//! once, and the bot polls for the result (device flow). Either way, the tokens are stored only if
//! they belong to the member who was asked.

use std::sync::Arc;
use std::time::Duration;

use feishu::{Client, Clock, Error, TenantKey, TokenTypeHint, UserInfo, UserTokens};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Notify;

use super::grants::Grants;
use super::keys::context;
use crate::command::CommandName;
use crate::model::grant::{Member, PendingConsent};
use crate::store::{Store, StoreError};

mod device;
mod redirect;

pub(crate) use redirect::Visit;

/// A request that ends sooner than this is replaced: its member would not have enough time.
const LEAST_TIME: Duration = Duration::from_mins(1);
/// What keeps a grant alive after the first access token.
const OFFLINE: &str = "offline_access";

/// The requests of one app for consent. Clones share everything.
#[derive(Clone)]
pub(crate) struct Consents(Arc<Inner>);

struct Inner {
    app: String,
    store: Store,
    clock: Clock,
    client: Client,
    grants: Grants,
    /// Without a trailing slash; `None` for the device flow.
    public_url: Option<String>,
    /// How long a command waits.
    wait: Duration,
    requested: Notify,
}

/// What the module needs.
pub(crate) struct ConsentSettings {
    pub(crate) app_id: String,
    pub(crate) public_url: Option<String>,
    pub(crate) wait: Duration,
}

/// A link to consent.
#[derive(Debug, Clone)]
pub(crate) struct ConsentLink {
    pub(crate) url: SecretString,
    pub(crate) expires_at: Timestamp,
}

/// Why consent could not be requested.
#[derive(Debug)]
pub(crate) enum ConsentError {
    Call(Error),
    Store,
    Internal,
}

/// How a visit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VisitEnd {
    Granted,
    Declined,
    /// The link or the visit is over, or belongs to another browser.
    Invalid,
    /// Somebody else consented.
    WrongPerson,
    /// The platform refused the code or did not answer; the link is still valid.
    Failed,
}

impl Consents {
    pub(crate) fn new(
        settings: ConsentSettings,
        store: Store,
        clock: Clock,
        client: Client,
        grants: Grants,
    ) -> Self {
        Self(Arc::new(Inner {
            app: settings.app_id,
            store,
            clock,
            client,
            grants,
            public_url: settings.public_url,
            wait: settings.wait,
            requested: Notify::new(),
        }))
    }

    /// Whether members reach the bot over an encrypted connection.
    pub(crate) fn is_https(&self) -> bool {
        let url = self.0.public_url.as_deref();
        url.is_some_and(|url| url.starts_with("https:"))
    }

    /// Whether consent takes the redirect flow, which needs pages of the bot.
    pub(crate) fn redirects(&self) -> bool {
        self.0.public_url.is_some()
    }

    /// The page to which the platform redirects.
    fn redirect_uri(&self) -> Option<String> {
        self.0.public_url.as_deref().map(redirect_uri)
    }

    /// The link for a member, from the request that is not answered or from a new one.
    pub(crate) async fn request(&self, member: &Member) -> Result<ConsentLink, ConsentError> {
        let enough = self.0.clock.now() + LEAST_TIME;
        let pending = self.0.store.consent(member, enough).await?;
        if let Some(link) = pending.as_ref().and_then(|consent| self.link(consent)) {
            return Ok(link);
        }
        let consent = match &self.0.public_url {
            Some(url) => self.redirect_request(member, url)?,
            None => self.device_request(member).await?,
        };
        // Another replica may have stored a request meanwhile, which is used then. A request whose
        // key is lost is replaced.
        let replaced = pending.map_or(enough, |lost| lost.expires_at + LEAST_TIME);
        self.0.store.save_consent(&consent, replaced).await?;
        self.0.requested.notify_one();
        let pending = self.0.store.consent(member, self.0.clock.now()).await?;
        let link = pending.and_then(|consent| self.link(&consent));
        link.ok_or(ConsentError::Internal)
    }

    /// Whether the member has been asked and has not answered.
    pub(crate) async fn is_pending(&self, member: &Member) -> Result<bool, StoreError> {
        let pending = self.0.store.consent(member, self.0.clock.now()).await?;
        Ok(pending.is_some())
    }

    /// `None` if the key of the link is lost.
    fn link(&self, consent: &PendingConsent) -> Option<ConsentLink> {
        Some(ConsentLink {
            url: self.open(&consent.link, &context(&consent.member, "link"))?,
            expires_at: consent.expires_at,
        })
    }

    fn seal(&self, value: &SecretString, context: &str) -> Result<String, ConsentError> {
        let sealed = self.0.grants.keys().seal(value, context);
        sealed.ok_or(ConsentError::Internal)
    }

    fn open(&self, sealed: &str, context: &str) -> Option<SecretString> {
        self.0.grants.keys().open(sealed, context)
    }

    /// Stores new tokens if they belong to the member.
    async fn keep(
        &self,
        member: &Member,
        tokens: &UserTokens,
        asked_at: Timestamp,
    ) -> Result<VisitEnd, ConsentError> {
        let info = match self.owner_of(tokens).await {
            Ok(info) => info,
            Err(error) => {
                tracing::warn!(error = %error, "could not read to whom new tokens belong");
                self.0.grants.discard(tokens).await;
                return Ok(VisitEnd::Failed);
            }
        };
        let tenant = &member.tenant.key;
        // A custom app has one tenant, whose key it does not know.
        let same_tenant = *tenant == TenantKey::OWN || *tenant == info.tenant_key;
        if info.open_id != member.person || !same_tenant {
            tracing::warn!("somebody consented in the place of another member");
            let mut person = member.clone();
            person.person = info.open_id;
            if !same_tenant {
                person.tenant.key = info.tenant_key;
            }
            self.discard_foreign(person, tokens).await;
            return Ok(VisitEnd::WrongPerson);
        }
        self.0.grants.save(member, tokens, asked_at).await?;
        tracing::info!("a member consented");
        Ok(VisitEnd::Granted)
    }

    /// With one retry: without an answer, the tokens cannot be used.
    async fn owner_of(&self, tokens: &UserTokens) -> Result<UserInfo, Error> {
        let client = &self.0.client;
        match client.user_info(&tokens.access_token).await {
            Err(error) if error.is_retryable() => client.user_info(&tokens.access_token).await,
            answer => answer,
        }
    }

    /// Revokes the tokens of somebody who was not asked. If this person has a grant, it stays.
    async fn discard_foreign(&self, person: Member, tokens: &UserTokens) {
        let grants = &self.0.grants;
        if grants.is_granted(&person).await.unwrap_or(true) {
            let hint = TokenTypeHint::AccessToken;
            grants.discard_token(&tokens.access_token, hint).await;
        } else {
            grants.discard(tokens).await;
        }
    }
}

impl From<Error> for ConsentError {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<StoreError> for ConsentError {
    fn from(_: StoreError) -> Self {
        Self::Store
    }
}

/// The page to which the platform redirects, at a public URL.
pub(crate) fn redirect_uri(public_url: &str) -> String {
    format!("{public_url}/oauth/callback")
}

/// What a member is asked for: all that the commands do as the member.
pub(crate) fn user_scopes() -> Vec<&'static str> {
    let used = CommandName::all().flat_map(|name| name.spec().scopes);
    let mut scopes: Vec<_> = used
        .filter(|scope| scope.is_of_members())
        .map(|scope| scope.as_str())
        .collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes.push(OFFLINE);
    scopes
}
