//! The client, and caches that save calls.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use feishu::{
    AnnouncementKind, Chat, ChatId, Client, ClientConfig, Clock, Credentials, Error, IdType,
    MemberTokens, MessageId, OnCall, OpenId, Readers, SharedLimits, TenantKey,
};
use jiff::Timestamp;
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use crate::config::Config;

/// The text runs that all jobs may write at once: one of the longest texts, or several shorter ones.
pub(crate) const BUDGET: usize = 4_000;
const MAX_SETTINGS_AGE: Duration = Duration::from_mins(1);
const MAX_NAMES_AGE: Duration = Duration::from_mins(10);
/// In groups.
const NAMES_CAPACITY: usize = 100;
/// So that `/history` makes few calls, however often it is sent.
const MAX_READERS_AGE: Duration = Duration::from_mins(1);
/// In messages.
const READERS_CAPACITY: usize = 1_000;
/// The client lists no more members.
const MAX_MEMBERS: usize = 1_000;
/// In groups.
const CAPACITY: usize = 10_000;
/// In tenants.
const OWN_IDS_CAPACITY: usize = 20_000;

/// A tenant, seen by the bot in it. Clones share the caches, also those for other tenants.
#[derive(Clone)]
pub(crate) struct Platform {
    pub(crate) client: Client,
    tenant: TenantKey,
    shared: Arc<Shared>,
}

/// A chat of a tenant: the platform does not promise that ids differ between tenants.
type Key = (TenantKey, ChatId);

/// What all tenants share.
pub(crate) struct Shared {
    clock: Clock,
    settings: Cache<(Key, IdType), ChatSettings>,
    kinds: Cache<Key, AnnouncementKind>,
    names: Cache<Key, (Arc<Names>, Timestamp)>,
    readers: Cache<(TenantKey, MessageId), (Result<Readers, ReadersError>, Timestamp)>,
    pub(crate) own_ids: OwnIds,
    /// Held while a long text is parsed, which needs many times the memory of the text.
    pub(crate) reading: Semaphore,
    /// Limits how much text is written at once.
    pub(crate) writing: Semaphore,
    /// Whether later insertions at the start of a `doc` announcement come before earlier ones of the
    /// same request. The documentation does not say.
    later_insert_first: AtomicBool,
}

pub(crate) type Names = HashMap<OpenId, String>;

/// Why it is unknown who has read a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadersError {
    /// The platform does not return it for this message.
    OfMessage,
    /// The platform does not respond, or asks to wait.
    OfPlatform,
}

/// The number of people in a chat, unless there are more than the client lists.
pub(crate) fn member_count(names: &Names) -> Option<usize> {
    Some(names.len()).filter(|count| *count < MAX_MEMBERS)
}

const ID_TYPES: [IdType; 3] = [IdType::OpenId, IdType::UnionId, IdType::UserId];

/// The bot's own id in each tenant, once it is known. Clones share them.
#[derive(Clone)]
pub(crate) struct OwnIds(Arc<Cache<TenantKey, OpenId>>);

impl OwnIds {
    pub(crate) fn get(&self, tenant: &TenantKey) -> Option<OpenId> {
        self.0.get(tenant)
    }
}

impl Default for OwnIds {
    fn default() -> Self {
        Self(Arc::new(Cache::new(OWN_IDS_CAPACITY)))
    }
}

/// The settings of a chat, with its owner and admins.
#[derive(Clone)]
pub(crate) struct ChatSettings {
    pub(crate) group: Arc<Chat>,
    read_at: Timestamp,
    /// Whether they were read for this request.
    pub(crate) fresh: bool,
}

impl Deref for Platform {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Platform {
    /// The tenant of a custom app.
    pub(crate) fn new(client: Client, clock: Clock) -> Self {
        let shared = Shared {
            clock,
            settings: Cache::new(CAPACITY),
            kinds: Cache::new(CAPACITY),
            names: Cache::new(NAMES_CAPACITY),
            readers: Cache::new(READERS_CAPACITY),
            own_ids: OwnIds::default(),
            reading: Semaphore::new(1),
            writing: Semaphore::new(BUDGET),
            later_insert_first: AtomicBool::new(false),
        };
        Self {
            client,
            tenant: TenantKey::OWN,
            shared: Arc::new(shared),
        }
    }

    /// The same for another tenant.
    pub(crate) fn in_tenant(&self, tenant: &TenantKey) -> Self {
        let credentials = Credentials::Bot(tenant.clone());
        Self {
            client: self.client.with_credentials(credentials),
            tenant: tenant.clone(),
            shared: Arc::clone(&self.shared),
        }
    }

    /// A client that acts as a member of this tenant.
    pub(crate) fn as_member(&self, person: &OpenId) -> Client {
        let member = Credentials::Member(self.tenant.clone(), person.clone());
        self.client.with_credentials(member)
    }

    /// Drops what is known of a tenant that has removed the app.
    pub(crate) fn forget_tenant(&self, tenant: &TenantKey) {
        self.client.forget_tenant(tenant);
        self.own_ids.0.remove(tenant);
    }

    fn key(&self, chat: &ChatId) -> Key {
        (self.tenant.clone(), chat.clone())
    }

    pub(crate) fn later_insert_is_first(&self) -> bool {
        self.later_insert_first.load(Ordering::Relaxed)
    }

    /// Several announcements may observe the order at once, so it is stored and not toggled.
    pub(crate) fn learn_insert_order(&self, later_first: bool) {
        self.later_insert_first
            .store(later_first, Ordering::Relaxed);
    }

    /// The bot's own id.
    pub(crate) async fn me(&self) -> Result<OpenId, Error> {
        let read = async { self.client.bot_info().await.map(|info| info.open_id) };
        self.own_ids.0.get_or_insert_async(&self.tenant, read).await
    }

    /// At most ten minutes old. `None` if the platform does not return them.
    pub(crate) async fn names(&self, chat: &ChatId) -> Option<Arc<Names>> {
        if let Some((names, read_at)) = self.names.get(&self.key(chat))
            && self.is_recent(read_at, MAX_NAMES_AGE)
        {
            return Some(names);
        }
        let asked_at = self.clock.now();
        match self.client.list_members(chat).await {
            Ok(members) => {
                let names = members.into_iter().map(|member| (member.id, member.name));
                let names = Arc::new(names.collect());
                self.names
                    .insert(self.key(chat), (Arc::clone(&names), asked_at));
                Some(names)
            }
            Err(error) => {
                tracing::debug!(error = %error, "could not read the names of the members");
                None
            }
        }
    }

    /// How many people have read a message of the bot, at most a minute ago. The log has the reason
    /// if that is unknown.
    pub(crate) async fn readers(&self, message: &MessageId) -> Result<Readers, ReadersError> {
        let key = (self.tenant.clone(), message.clone());
        if let Some((readers, read_at)) = self.readers.get(&key)
            && self.is_recent(read_at, MAX_READERS_AGE)
        {
            return readers;
        }
        let read_at = self.clock.now();
        let read = self.client.count_readers(message).await;
        let readers = read.map_err(|error| {
            tracing::warn!(
                error = %error,
                api.log_id = error.log_id(),
                "could not read how many have read a message"
            );
            if error.is_retryable() {
                ReadersError::OfPlatform
            } else {
                ReadersError::OfMessage
            }
        });
        self.readers.insert(key, (readers, read_at));
        readers
    }

    /// At most a minute old.
    pub(crate) async fn settings(
        &self,
        chat: &ChatId,
        people: IdType,
    ) -> Result<ChatSettings, Error> {
        let recent = |known: &ChatSettings| self.is_recent(known.read_at, MAX_SETTINGS_AGE);
        match self.settings.get(&(self.key(chat), people)).filter(recent) {
            Some(settings) => Ok(ChatSettings {
                fresh: false,
                ..settings
            }),
            None => self.read_settings(chat, people).await,
        }
    }

    fn is_recent(&self, read_at: Timestamp, max_age: Duration) -> bool {
        // The clock may have been set back.
        self.clock.now().duration_since(read_at).unsigned_abs() < max_age
    }

    /// Whether the group may have members of other tenants. `false` if not known.
    pub(crate) fn is_external(&self, chat: &ChatId) -> bool {
        let known = |people| self.settings.get(&(self.key(chat), people));
        let known = ID_TYPES.into_iter().find_map(known);
        known.is_some_and(|settings| settings.group.external)
    }

    pub(crate) async fn read_settings(
        &self,
        chat: &ChatId,
        people: IdType,
    ) -> Result<ChatSettings, Error> {
        let group = Arc::new(self.client.get_chat(chat, people).await?);
        let settings = ChatSettings {
            group,
            read_at: self.clock.now(),
            fresh: true,
        };
        self.settings
            .insert((self.key(chat), people), settings.clone());
        Ok(settings)
    }

    /// Possibly outdated: groups are upgraded from the old kind to the new one.
    pub(crate) fn kind(&self, chat: &ChatId) -> Option<AnnouncementKind> {
        self.kinds.get(&self.key(chat))
    }

    pub(crate) fn remember_kind(&self, chat: &ChatId, kind: AnnouncementKind) {
        self.kinds.insert(self.key(chat), kind);
    }

    pub(crate) fn forget_kind(&self, chat: &ChatId) {
        self.kinds.remove(&self.key(chat));
    }

    pub(crate) fn forget(&self, chat: &ChatId) {
        for people in ID_TYPES {
            self.settings.remove(&(self.key(chat), people));
        }
        self.kinds.remove(&self.key(chat));
        self.names.remove(&self.key(chat));
    }
}

pub(crate) fn client(
    config: &Config,
    clock: Clock,
    on_call: OnCall,
    shared_limits: Option<SharedLimits>,
    member_tokens: Option<MemberTokens>,
) -> anyhow::Result<Client> {
    let feishu = &config.feishu;
    let client = Client::new(ClientConfig {
        base_url: feishu.platform().to_owned(),
        accounts_url: feishu.accounts(),
        app_id: feishu.app_id.as_str().into(),
        app_secret: feishu.app_secret.clone(),
        app_kind: feishu.app_type.into(),
        clock,
        timeout: feishu.timeout,
        extra_roots: config.tls.extra_roots()?,
        limits_factor: feishu.limits_factor,
        on_call: Some(on_call),
        shared_limits,
        member_tokens,
    })?;
    Ok(client)
}
