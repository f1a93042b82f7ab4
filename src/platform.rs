//! The platform as the bot sees it: the client, and what is remembered so that
//! a command costs few calls.

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

/// What is written at once, in runs of text: one of the longest texts, or several shorter ones.
pub(crate) const BUDGET: usize = 4_000;
/// A group's settings are read again after this time.
const SETTINGS_AGE: Duration = Duration::from_mins(1);
/// So are the names of its members, after this one.
const NAMES_AGE: Duration = Duration::from_mins(10);
/// The most groups whose names are remembered.
const REMEMBERED_NAMES: usize = 100;
/// The most groups that are remembered.
const REMEMBERED: usize = 10_000;

/// The client with a memory.
pub(crate) struct Platform {
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    pub(crate) settings: Cache<(ChatId, IdType), Settings>,
    pub(crate) kinds: Cache<ChatId, AnnouncementKind>,
    pub(crate) names: Cache<ChatId, (Arc<HashMap<OpenId, String>>, Timestamp)>,
    pub(crate) own_id: OwnId,
    /// Taken to read a long text: a parser takes many times the memory of its text, and each thread
    /// keeps some of it.
    pub(crate) reading: Semaphore,
    /// Bounds how much text is written at once.
    pub(crate) writing: Semaphore,
    /// Of several insertions at the start of a `doc` announcement in one request,
    /// the later one came out before the earlier. No page says which it is.
    pub(crate) later_insert_first: AtomicBool,
}

/// The bot's own id, once it was asked for; all clones learn it at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnId(Arc<OnceCell<OpenId>>);

impl OwnId {
    /// The id, if it is known.
    pub(crate) fn get(&self) -> Option<&OpenId> {
        self.0.get()
    }
}

/// A group's settings and when they were read.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) group: Arc<Chat>,
    pub(crate) read_at: Timestamp,
    /// Whether they were read for this very question.
    pub(crate) fresh: bool,
}

impl Platform {
    pub(crate) fn new(client: Client, clock: Clock) -> Self {
        Self {
            client,
            clock,
            settings: Cache::new(REMEMBERED),
            kinds: Cache::new(REMEMBERED),
            names: Cache::new(REMEMBERED_NAMES),
            own_id: OwnId::default(),
            reading: Semaphore::new(1),
            writing: Semaphore::new(BUDGET),
            later_insert_first: AtomicBool::new(false),
        }
    }

    pub(crate) fn later_insert_is_first(&self) -> bool {
        self.later_insert_first.load(Ordering::Relaxed)
    }

    /// Remembers the order that was seen. Several announcements may see it at
    /// once, so the order itself is stored, never toggled.
    pub(crate) fn learn_insert_order(&self, later_first: bool) {
        self.later_insert_first
            .store(later_first, Ordering::Relaxed);
    }

    /// The bot's own id, by which it knows that it is mentioned.
    pub(crate) async fn me(&self) -> Result<&OpenId, Error> {
        let read = async || self.client.bot_info().await.map(|info| info.open_id);
        self.own_id.0.get_or_try_init(read).await
    }

    /// The names of the group's members, at most ten minutes old; `None` where
    /// the platform does not tell them.
    pub(crate) async fn names(&self, chat: &ChatId) -> Option<Arc<HashMap<OpenId, String>>> {
        let now = self.clock.now();
        if let Some((names, read_at)) = self.names.get(chat)
            && now.duration_since(read_at).unsigned_abs() < NAMES_AGE
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
                tracing::debug!(error = %error, "the members' names cannot be read");
                None
            }
        }
    }

    /// The group's settings, at most a minute old; people go by that kind of id.
    pub(crate) async fn settings(&self, chat: &ChatId, people: IdType) -> Result<Settings, Error> {
        let recent = |settings: &Settings| {
            self.clock
                .now()
                .duration_since(settings.read_at)
                .unsigned_abs()
                < SETTINGS_AGE
        };
        match self.settings.get(&(chat.clone(), people)).filter(recent) {
            Some(settings) => Ok(Settings {
                fresh: false,
                ..settings
            }),
            None => self.settings_anew(chat, people).await,
        }
    }

    /// Whether people of other tenants may be in the group, as far as that is known.
    pub(crate) fn is_external(&self, chat: &ChatId) -> bool {
        let kinds = [IdType::OpenId, IdType::UnionId, IdType::UserId];
        let known = |kind| self.settings.get(&(chat.clone(), kind));
        kinds
            .into_iter()
            .find_map(known)
            .is_some_and(|settings| settings.group.external)
    }

    /// The group's settings as they are now.
    pub(crate) async fn settings_anew(
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

    /// Which kind of announcement the group has, if that is known. Groups are
    /// moved from the old kind to the new one, so it may be wrong.
    pub(crate) fn kind(&self, chat: &ChatId) -> Option<AnnouncementKind> {
        self.kinds.get(chat)
    }

    pub(crate) fn remember_kind(&self, chat: &ChatId, kind: AnnouncementKind) {
        self.kinds.insert(chat.clone(), kind);
    }

    /// Forgets everything about a chat that the bot has left.
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
