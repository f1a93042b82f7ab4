//! An app: its credentials, scopes and tenant access tokens.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::Ids;
use crate::published::Published;
use crate::store_app::AppKind;

/// How long a tenant access token is valid: two hours.
const TOKEN_LIFE_MS: u64 = 2 * 60 * 60 * 1000;
/// A token that expires sooner is replaced by a new one.
const RENEWAL_MS: u64 = 30 * 60 * 1000;

/// All scopes that the bot's calls and events require.
const ALL_SCOPES: [&str; 12] = [
    "application:application:self_manage",
    "auth:user_access_token:read",
    "docs:document.media:download",
    "docs:document.media:upload",
    "im:chat",
    "im:chat.announcement:read",
    "im:chat.announcement:write_only",
    "im:message",
    "im:message.group_msg",
    "im:message.p2p_msg",
    "im:message.reactions:read",
    "im:message.reactions:write_only",
];

/// The scopes that members can grant by default.
const USER_SCOPES: [&str; 9] = [
    "docs:document.media:download",
    "docs:document.media:upload",
    "im:chat",
    "im:chat:read",
    "im:chat:readonly",
    "im:chat.announcement:read",
    "im:chat.announcement:write_only",
    "im:chat.top_notice:write_only",
    "offline_access",
];

/// The app's settings in the developer console.
#[derive(Clone, Debug)]
pub struct App {
    /// Its kind, set at the start.
    pub kind: AppKind,
    /// `cli_` and 16 hexadecimal digits.
    pub app_id: String,
    /// Checked by the token endpoint.
    pub app_secret: String,
    /// `None`: pushes are sent unencrypted and unsigned.
    pub encrypt_key: Option<String>,
    /// Sent in every envelope.
    pub verification_token: String,
    /// The bot's open id in messages and mentions.
    pub bot_open_id: String,
    /// The bot's open id in tenants where it has another one.
    pub bot_open_ids: BTreeMap<String, String>,
    /// The displayed name.
    pub bot_name: String,
    /// The app's own tenant, in which it is installed from the start.
    pub tenant_key: String,
    /// Scopes granted by the tenant's admin.
    pub scopes: BTreeSet<String>,
    /// Scopes that the app asks for and the admin has not granted yet.
    pub requested_scopes: BTreeSet<String>,
    /// Scopes that members can grant, `offline_access` included.
    pub user_scopes: BTreeSet<String>,
    /// Where the page of consent may redirect to, without query and fragment.
    pub redirect_uris: Vec<String>,
    /// Tokens of users may be refreshed.
    pub may_refresh: bool,
    /// The version that is in use; `None` before one is approved.
    pub published: Option<Published>,
    /// The open ids of people to whom the app is not available.
    pub unavailable_to: BTreeSet<String>,
    /// The bot ability is switched on.
    pub bot_active: bool,
    /// The bot may work in external chats.
    pub external_chats: bool,
    /// The ids of a person in events: all or some of [`PERSON_IDS`].
    pub sender_ids: Vec<&'static str>,
}

/// All ids of a person.
pub const PERSON_IDS: [&str; 3] = ["open_id", "union_id", "user_id"];

impl App {
    pub(crate) fn new(ids: &mut Ids) -> Self {
        Self {
            kind: AppKind::Custom,
            app_id: "cli_0123456789abcdef".to_owned(),
            app_secret: "simulated-app-secret".to_owned(),
            encrypt_key: Some("simulated-encrypt-key".to_owned()),
            verification_token: "simulated-verification-token".to_owned(),
            bot_open_id: ids.prefixed("ou_"),
            bot_open_ids: BTreeMap::new(),
            bot_name: "noticebot".to_owned(),
            tenant_key: "simulated_tenant".to_owned(),
            scopes: ALL_SCOPES.map(str::to_owned).into(),
            requested_scopes: BTreeSet::new(),
            user_scopes: USER_SCOPES.map(str::to_owned).into(),
            redirect_uris: Vec::new(),
            may_refresh: true,
            published: Some(Published::default()),
            unavailable_to: BTreeSet::new(),
            bot_active: true,
            external_chats: true,
            sender_ids: PERSON_IDS.to_vec(),
        }
    }

    /// Another app, of a tenant of its own.
    pub(crate) fn another(ids: &mut Ids) -> Self {
        let hex = ids.hex();
        Self {
            app_id: format!("cli_{}", &hex[..16]),
            app_secret: ids.prefixed("secret-"),
            encrypt_key: Some(ids.prefixed("key-")),
            verification_token: ids.prefixed("token-"),
            bot_name: format!("bot-{}", &hex[..4]),
            tenant_key: format!("tenant_{}", &hex[..8]),
            ..Self::new(ids)
        }
    }

    /// The bot's open id in a tenant.
    pub fn bot_open_id_in(&self, tenant_key: &str) -> &str {
        let own = self.bot_open_ids.get(tenant_key);
        own.unwrap_or(&self.bot_open_id)
    }

    /// Whether the published version is subscribed to an event.
    pub(crate) fn receives(&self, event_type: &str) -> bool {
        let published = self.published.as_ref();
        published.is_some_and(|published| published.events.contains(event_type))
    }

    /// Whether the published version is subscribed to a callback.
    pub(crate) fn takes_callback(&self, callback: &str) -> bool {
        let published = self.published.as_ref();
        published.is_some_and(|published| published.callbacks.contains(callback))
    }

    pub(crate) fn has_scope(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }
}

/// Whom a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A store app.
    App,
    /// The app in a tenant.
    Tenant(String),
}

/// The tokens issued so far that may still be valid.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    issued: Vec<Token>,
}

#[derive(Debug)]
struct Token {
    holder: Holder,
    text: String,
    expires_ms: u64,
}

impl Tokens {
    /// The holder's current token and its remaining seconds. With less than half an hour left, a new token is
    /// issued, and both are valid (official pages `auth-v3`).
    pub(crate) fn current(&mut self, holder: Holder, now_ms: u64, ids: &mut Ids) -> (String, u64) {
        self.issued.retain(|token| token.expires_ms > now_ms);
        let mut of_holder = self.issued.iter().rev();
        let newest = of_holder.find(|token| token.holder == holder);
        let fresh = |token: &&Token| token.expires_ms - now_ms >= RENEWAL_MS;
        if let Some(token) = newest.filter(fresh) {
            return (token.text.clone(), (token.expires_ms - now_ms) / 1000);
        }
        let text = ids.prefixed(match holder {
            Holder::App => "a-",
            Holder::Tenant(_) => "t-",
        });
        self.issued.push(Token {
            holder,
            text: text.clone(),
            expires_ms: now_ms + TOKEN_LIFE_MS,
        });
        (text, TOKEN_LIFE_MS / 1000)
    }

    /// `None` if the token is invalid.
    pub(crate) fn holder(&self, text: &str, now_ms: u64) -> Option<&Holder> {
        let mut valid = self.issued.iter().filter(|token| token.expires_ms > now_ms);
        let token = valid.find(|token| token.text == text)?;
        Some(&token.holder)
    }

    pub(crate) fn expire_of(&mut self, tenant_key: &str) {
        let holder = Holder::Tenant(tenant_key.to_owned());
        self.issued.retain(|token| token.holder != holder);
    }

    pub(crate) fn expire_all(&mut self) {
        self.issued.clear();
    }
}
