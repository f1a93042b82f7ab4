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
/// Where members reach a bot that acts as them: a name for any of its replicas.
pub(crate) const PUBLIC_URL: &str = "https://noticebot.example.com";
/// How many chats share a member whom the bot acts as. One member can have 20 commands that wait for
/// consent.
const CHATS_PER_MEMBER: usize = 3;
/// The life of a member's access token. The bot renews it five minutes before the end, so a member
/// who sends commands all the time gets a new one every few seconds.
const ACCESS_TOKEN_LIFE: Duration = Duration::from_secs(5 * 60 + 5);

/// What a platform has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Setting {
    pub(crate) chats: usize,
    /// More groups, which announcements are sent to all at once.
    pub(crate) list: usize,
    /// Multiplies the documented rate limits; 0 turns them off.
    pub(crate) limits_factor: u32,
    /// The tenants of a store app, which have the chats in turn; without them it is a custom app.
    pub(crate) tenants: Option<usize>,
    /// The bot acts as members, each of whom has a few chats.
    pub(crate) acts_as_members: bool,
}

/// A simulator on the system clock, with an owner, a member, and chats of both announcement kinds
/// alternately.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) sim: Simulator,
    pub(crate) app: App,
    pub(crate) chats: Vec<ChatId>,
    /// The groups of the list.
    pub(crate) list: Vec<ChatId>,
    /// The owner of the first chat.
    pub(crate) owner: Person,
    /// The member of the first chat.
    pub(crate) member: Person,
    pub(crate) acts_as_members: bool,
    people: HashMap<ChatId, [Person; 2]>,
}

impl Platform {
    /// A custom app that acts as itself; `factor` as in [`Setting::limits_factor`].
    pub(crate) fn start(runtime: &Runtime, chats: usize, factor: u32) -> std::io::Result<Self> {
        let setting = Setting {
            chats,
            limits_factor: factor,
            ..Setting::default()
        };
        Self::with(runtime, setting)
    }

    pub(crate) fn with(runtime: &Runtime, setting: Setting) -> std::io::Result<Self> {
        let sim = start(runtime, setting)?;
        let app = sim.app();
        let keys: Vec<String> = match setting.tenants {
            None => vec![app.tenant_key.clone()],
            Some(tenants) => (0..tenants).map(tenant_key).collect(),
        };
        let crews: Vec<Crew> = keys
            .iter()
            .map(|key| {
                sim.set_installation(key, Some(Installation::Running));
                Crew::join(&sim, key, setting, keys.len())
            })
            .collect();
        let add = |number: usize| {
            let (tenant, seat) = (number % keys.len(), number / keys.len());
            let people = crews[tenant].people(seat);
            let chat = sim.add_chat(chat(number, seat, &people));
            (chat, people)
        };
        let people: Vec<(ChatId, [Person; 2])> =
            (0..setting.chats + setting.list).map(add).collect();
        let mut chats: Vec<ChatId> = people.iter().map(|(chat, _)| chat.clone()).collect();
        let list = chats.split_off(setting.chats);
        let [owner, member] = crews[0].people(0);
        Ok(Self {
            app,
            chats,
            list,
            owner,
            member,
            acts_as_members: setting.acts_as_members,
            people: people.into_iter().collect(),
            sim,
        })
    }

    /// The members of all chats, each once.
    pub(crate) fn members(&self) -> Vec<Person> {
        let mut members: Vec<Person> = Vec::new();
        for chat in &self.chats {
            let [_, member] = &self.people[chat];
            if !members.contains(member) {
                members.push(member.clone());
            }
        }
        members
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

/// The people of one tenant.
struct Crew {
    owner: Person,
    members: Vec<Person>,
}

impl Crew {
    fn join(sim: &Simulator, tenant: &str, setting: Setting, tenants: usize) -> Self {
        let chats = (setting.chats + setting.list).div_ceil(tenants);
        let members = if setting.acts_as_members {
            chats.div_ceil(CHATS_PER_MEMBER)
        } else {
            1
        };
        Self {
            owner: sim.add_person_of(tenant, "Olga"),
            members: (0..members.max(1))
                .map(|_| sim.add_person_of(tenant, "Mei"))
                .collect(),
        }
    }

    /// Owner and member of one of the tenant's chats.
    fn people(&self, seat: usize) -> [Person; 2] {
        let number = seat / CHATS_PER_MEMBER % self.members.len();
        [self.owner.clone(), self.members[number].clone()]
    }
}

fn start(runtime: &Runtime, setting: Setting) -> std::io::Result<Simulator> {
    let limits = match setting.limits_factor {
        0 => RateLimits::Off,
        1 => RateLimits::Documented,
        factor => RateLimits::Times(factor),
    };
    let mut builder = Simulator::builder()
        .follow_system_clock()
        .rate_limits(limits);
    if setting.tenants.is_some() {
        let delay = |behaviour: &mut Behaviour| behaviour.ticket_delay = TICKET_DELAY;
        builder = builder.store_app().behaviour(delay);
    }
    let sim = runtime.block_on(builder.start())?;
    if setting.acts_as_members {
        let callback = format!("{PUBLIC_URL}/oauth/callback");
        sim.change_app(|app| app.redirect_uris.push(callback));
        sim.change_behaviour(|behaviour| behaviour.consent.access_token_life = ACCESS_TOKEN_LIFE);
    }
    Ok(sim)
}

fn chat(number: usize, seat: usize, [owner, member]: &[Person; 2]) -> ChatSpec {
    // Every tenant has both kinds.
    let kind = if seat.is_multiple_of(2) {
        AnnouncementKind::Docx
    } else {
        AnnouncementKind::Doc
    };
    ChatSpec::named(&format!("group {number}"))
        .owner(owner)
        .member(member)
        .announcement(kind)
}

/// The key of a store app's tenant.
pub(crate) fn tenant_key(number: usize) -> String {
    format!("tenant-{number}")
}
