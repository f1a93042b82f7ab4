//! The apps of the platform, and what it keeps for each of them.

use std::collections::HashMap;
use std::time::Duration;

use crate::app::{App, Tokens};
use crate::grants::Grants;
use crate::ids::{AppIndex, ChatId, MessageId};
use crate::long_connections::LongConnections;
use crate::private_card::PrivateCard;
use crate::receiver::Receiver;
use crate::slash_command::SlashCommand;
use crate::store_app::{Installation, StoreApp};

/// What the platform keeps for one app.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) app: App,
    pub(crate) tokens: Tokens,
    pub(crate) store_app: StoreApp,
    pub(crate) grants: Grants,
    /// How the app receives events; `None` pushes nothing.
    pub(crate) receiver: Option<Receiver>,
    pub(crate) long_connections: LongConnections,
    /// The direct chats with the bot, by open id.
    pub(crate) direct: HashMap<String, ChatId>,
    /// By `uuid`: the message that was sent, and when.
    pub(crate) sent_uuids: HashMap<String, (u64, MessageId)>,
    /// Those that the person has seen.
    pub(crate) private_cards: Vec<PrivateCard>,
    /// By group: the message to which it reacted last.
    pub(crate) reacted: HashMap<ChatId, MessageId>,
    /// In the order of their creation.
    pub(crate) panel: Vec<SlashCommand>,
}

impl Registration {
    /// An app that is installed in its own tenant.
    pub(crate) fn new(app: App, seed: u64) -> Self {
        let home = (app.tenant_key.clone(), Installation::Running);
        Self {
            app,
            tokens: Tokens::default(),
            store_app: StoreApp::in_tenants([home]),
            grants: Grants::default(),
            receiver: None,
            long_connections: LongConnections::new(seed),
            direct: HashMap::new(),
            sent_uuids: HashMap::new(),
            private_cards: Vec::new(),
            reacted: HashMap::new(),
            panel: Vec::new(),
        }
    }
}

/// All apps. One of them is present: the one that a call is made by, that an event is for, or that a
/// test looks at.
#[derive(Debug)]
pub(crate) struct Apps {
    list: Vec<Registration>,
    present: AppIndex,
}

impl Apps {
    pub(crate) fn new(first: Registration) -> Self {
        Self {
            list: vec![first],
            present: AppIndex::FIRST,
        }
    }

    pub(crate) fn add(&mut self, registration: Registration) -> AppIndex {
        self.list.push(registration);
        AppIndex::from(self.list.len() - 1)
    }

    pub(crate) fn present(&self) -> &Registration {
        self.get(self.present)
    }

    pub(crate) fn present_mut(&mut self) -> &mut Registration {
        &mut self.list[self.present.as_usize()]
    }

    pub(crate) fn index(&self) -> AppIndex {
        self.present
    }

    pub(crate) fn enter(&mut self, app: AppIndex) {
        self.present = app;
    }

    pub(crate) fn get(&self, app: AppIndex) -> &Registration {
        &self.list[app.as_usize()]
    }

    pub(crate) fn indices(&self) -> impl Iterator<Item = AppIndex> + use<> {
        (0..self.list.len()).map(AppIndex::from)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Registration> {
        self.list.iter_mut()
    }

    /// The apps that asked for tickets, and the delays of these.
    pub(crate) fn take_tickets_to_send(&mut self) -> Vec<(AppIndex, Duration)> {
        let take = |(at, one): (usize, &mut Registration)| {
            let delays = std::mem::take(&mut one.store_app.to_send);
            delays
                .into_iter()
                .map(move |delay| (AppIndex::from(at), delay))
        };
        self.list.iter_mut().enumerate().flat_map(take).collect()
    }

    /// Makes the app present for which `is_it` holds. If there is none, it is the first one, and the
    /// result is `false`.
    pub(crate) fn enter_where(&mut self, is_it: impl FnMut(&Registration) -> bool) -> bool {
        let found = self.list.iter().position(is_it);
        self.present = AppIndex::from(found.unwrap_or_default());
        found.is_some()
    }

    /// Makes the app with this id present, like [`Apps::enter_where`].
    pub(crate) fn enter_id(&mut self, app_id: &str) -> bool {
        self.enter_where(|one| one.app.app_id == app_id)
    }
}
