//! The simulator in this process, with its app, people and chats.

use std::collections::HashMap;
use std::time::Duration;

use feishu_sim::{
    AnnouncementKind, App, Behaviour, ChatId, ChatSpec, InChat, Installation, Person, RateLimits,
    Simulator,
};
use tokio::runtime::Runtime;

/// How long the platform takes to push a ticket that a store app asked for.
const TICKET_DELAY: Duration = Duration::from_millis(300);

/// A simulator on the system clock, with an owner, a member, and chats of both announcement kinds
/// alternately.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) sim: Simulator,
    pub(crate) app: App,
    pub(crate) chats: Vec<ChatId>,
    /// The owner of the first chat.
    pub(crate) owner: Person,
    /// The member of the first chat.
    pub(crate) member: Person,
    people: HashMap<ChatId, [Person; 2]>,
}

impl Platform {
    /// `factor` multiplies the documented rate limits; 0 turns them off.
    pub(crate) fn start(runtime: &Runtime, chats: usize, factor: u32) -> std::io::Result<Self> {
        Self::with_tenants(runtime, chats, factor, None)
    }

    /// A store app whose tenants have the chats in turn, or without tenants a custom app.
    pub(crate) fn with_tenants(
        runtime: &Runtime,
        chats: usize,
        factor: u32,
        tenants: Option<usize>,
    ) -> std::io::Result<Self> {
        let limits = match factor {
            0 => RateLimits::Off,
            1 => RateLimits::Documented,
            factor => RateLimits::Times(factor),
        };
        let mut builder = Simulator::builder()
            .follow_system_clock()
            .rate_limits(limits);
        if tenants.is_some() {
            let delay = |behaviour: &mut Behaviour| behaviour.ticket_delay = TICKET_DELAY;
            builder = builder.store_app().behaviour(delay);
        }
        let sim = runtime.block_on(builder.start())?;
        let app = sim.app();
        let keys: Vec<String> = match tenants {
            None => vec![app.tenant_key.clone()],
            Some(tenants) => (0..tenants).map(tenant_key).collect(),
        };
        let pairs = keys.iter().map(|key| {
            sim.set_installation(key, Some(Installation::Running));
            ["Olga", "Mei"].map(|name| sim.add_person_of(key, name))
        });
        let pairs: Vec<[Person; 2]> = pairs.collect();
        let add = |number: usize| {
            // Every tenant has both kinds.
            let kind = if (number / pairs.len()).is_multiple_of(2) {
                AnnouncementKind::Docx
            } else {
                AnnouncementKind::Doc
            };
            let [owner, member] = &pairs[number % pairs.len()];
            let spec = ChatSpec::named(&format!("group {number}"))
                .owner(owner)
                .member(member)
                .announcement(kind);
            let chat = sim.add_chat(spec);
            (chat, [owner.clone(), member.clone()])
        };
        let people: Vec<(ChatId, [Person; 2])> = (0..chats).map(add).collect();
        let [owner, member] = pairs[0].clone();
        Ok(Self {
            app,
            chats: people.iter().map(|(chat, _)| chat.clone()).collect(),
            owner,
            member,
            people: people.into_iter().collect(),
            sim,
        })
    }

    /// The member, in one of the chats.
    pub(crate) fn member_in(&self, chat: &ChatId) -> InChat {
        let [_, member] = &self.people[chat];
        self.sim.as_person(member).in_chat(chat)
    }

    /// The owner, in one of the chats.
    pub(crate) fn owner_in(&self, chat: &ChatId) -> InChat {
        let [owner, _] = &self.people[chat];
        self.sim.as_person(owner).in_chat(chat)
    }

    /// The encrypt key and the verification token.
    pub(crate) fn secrets(&self) -> [String; 2] {
        let key = self.app.encrypt_key.clone().unwrap_or_default();
        [key, self.app.verification_token.clone()]
    }
}

/// The key of a store app's tenant.
pub(crate) fn tenant_key(number: usize) -> String {
    format!("tenant-{number}")
}
