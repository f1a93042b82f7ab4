//! The client, and caches that save calls.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use feishu::{
    AnnouncementKind, Chat, ChatId, Client, ClientConfig, Clock, Error, IdType, OnCall, OpenId,
    SharedLimits,
};
use jiff::Timestamp;
use quick_cache::sync::Cache;
use tokio::sync::{OnceCell, Semaphore};

use crate::config::Config;

/// The text runs that all jobs may write at once: one of the longest texts, or several shorter ones.
pub(crate) const BUDGET: usize = 4_000;
const MAX_SETTINGS_AGE: Duration = Duration::from_mins(1);
const MAX_NAMES_AGE: Duration = Duration::from_mins(10);
/// In groups.
const NAMES_CAPACITY: usize = 100;
/// In groups.
const CAPACITY: usize = 10_000;

pub(crate) struct Platform {
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    pub(crate) settings: Cache<(ChatId, IdType), Settings>,
    pub(crate) kinds: Cache<ChatId, AnnouncementKind>,
    pub(crate) names: Cache<ChatId, (Arc<HashMap<OpenId, String>>, Timestamp)>,
    pub(crate) own_id: OwnId,
    /// Held while a long text is parsed, which needs many times the memory of the text.
    pub(crate) reading: Semaphore,
    /// Limits how much text is written at once.
    pub(crate) writing: Semaphore,
    /// Whether later insertions at the start of a `doc` announcement come before earlier ones of the
    /// same request. The documentation does not say.
    pub(crate) later_insert_first: AtomicBool,
}

/// The bot's own id, once it is known. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnId(Arc<OnceCell<OpenId>>);

impl OwnId {
    pub(crate) fn get(&self) -> Option<&OpenId> {
        self.0.get()
    }
}

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) group: Arc<Chat>,
    pub(crate) read_at: Timestamp,
    /// Whether they were read for this request.
    pub(crate) fresh: bool,
}

impl Platform {
    pub(crate) fn new(client: Client, clock: Clock) -> Self {
        Self {
            client,
            clock,
            settings: Cache::new(CAPACITY),
            kinds: Cache::new(CAPACITY),
            names: Cache::new(NAMES_CAPACITY),
            own_id: OwnId::default(),
            reading: Semaphore::new(1),
            writing: Semaphore::new(BUDGET),
            later_insert_first: AtomicBool::new(false),
        }
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
    pub(crate) async fn me(&self) -> Result<&OpenId, Error> {
        let read = async || self.client.bot_info().await.map(|info| info.open_id);
        self.own_id.0.get_or_try_init(read).await
    }

    /// At most ten minutes old. `None` if the platform does not return them.
    pub(crate) async fn names(&self, chat: &ChatId) -> Option<Arc<HashMap<OpenId, String>>> {
        let now = self.clock.now();
        if let Some((names, read_at)) = self.names.get(chat)
            && now.duration_since(read_at).unsigned_abs() < MAX_NAMES_AGE
        {
            return Some(names);
        }
        match self.client.list_members(chat).await {
            Ok(members) => {
                let names = members.into_iter().map(|member| (member.id, member.name));
                let names = Arc::new(names.collect());
                self.names.insert(chat.clone(), (Arc::clone(&names), now));
                Some(names)
            }
            Err(error) => {
                tracing::debug!(error = %error, "could not read the names of the members");
                None
            }
        }
    }

    /// At most a minute old.
    pub(crate) async fn settings(&self, chat: &ChatId, people: IdType) -> Result<Settings, Error> {
        let recent = |settings: &Settings| {
            self.clock
                .now()
                .duration_since(settings.read_at)
                .unsigned_abs()
                < MAX_SETTINGS_AGE
        };
        match self.settings.get(&(chat.clone(), people)).filter(recent) {
            Some(settings) => Ok(Settings {
                fresh: false,
                ..settings
            }),
            None => self.read_settings(chat, people).await,
        }
    }

    /// Whether the group may have members of other tenants. `false` if not known.
    pub(crate) fn is_external(&self, chat: &ChatId) -> bool {
        let kinds = [IdType::OpenId, IdType::UnionId, IdType::UserId];
        let known = |kind| self.settings.get(&(chat.clone(), kind));
        kinds
            .into_iter()
            .find_map(known)
            .is_some_and(|settings| settings.group.external)
    }

    pub(crate) async fn read_settings(
        &self,
        chat: &ChatId,
        people: IdType,
    ) -> Result<Settings, Error> {
        let group = Arc::new(self.client.get_chat(chat, people).await?);
        let settings = Settings {
            group,
            read_at: self.clock.now(),
            fresh: true,
        };
        self.settings
            .insert((chat.clone(), people), settings.clone());
        Ok(settings)
    }

    /// Possibly outdated: groups are upgraded from the old kind to the new one.
    pub(crate) fn kind(&self, chat: &ChatId) -> Option<AnnouncementKind> {
        self.kinds.get(chat)
    }

    pub(crate) fn remember_kind(&self, chat: &ChatId, kind: AnnouncementKind) {
        self.kinds.insert(chat.clone(), kind);
    }

    pub(crate) fn forget(&self, chat: &ChatId) {
        for people in [IdType::OpenId, IdType::UnionId, IdType::UserId] {
            self.settings.remove(&(chat.clone(), people));
        }
        self.kinds.remove(chat);
        self.names.remove(chat);
    }

    pub(crate) fn forget_kind(&self, chat: &ChatId) {
        self.kinds.remove(chat);
    }
}

pub(crate) fn client(
    config: &Config,
    clock: Clock,
    on_call: OnCall,
    shared_limits: Option<SharedLimits>,
) -> anyhow::Result<Client> {
    let feishu = &config.feishu;
    let client = Client::new(ClientConfig {
        base_url: feishu.platform().to_owned(),
        app_id: feishu.app_id.as_str().into(),
        app_secret: feishu.app_secret.clone(),
        clock,
        timeout: feishu.timeout,
        extra_roots: config.tls.extra_roots()?,
        limits_factor: feishu.limits_factor,
        on_call: Some(on_call),
        shared_limits,
    })?;
    Ok(client)
}
