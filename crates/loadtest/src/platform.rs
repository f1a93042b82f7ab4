//! The simulator in this process, with its app, people and chats.

use feishu_sim::{AnnouncementKind, App, ChatId, ChatSpec, InChat, Person, RateLimits, Simulator};
use tokio::runtime::Runtime;

/// A simulator on the system clock, with an owner, a member, and chats of both announcement kinds
/// alternately.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) sim: Simulator,
    pub(crate) app: App,
    pub(crate) chats: Vec<ChatId>,
    pub(crate) owner: Person,
    pub(crate) member: Person,
}

impl Platform {
    /// `factor` multiplies the documented rate limits; 0 turns them off.
    pub(crate) fn start(runtime: &Runtime, chats: usize, factor: u32) -> std::io::Result<Self> {
        let limits = match factor {
            0 => RateLimits::Off,
            1 => RateLimits::Documented,
            factor => RateLimits::Times(factor),
        };
        let builder = Simulator::builder()
            .follow_system_clock()
            .rate_limits(limits);
        let sim = runtime.block_on(builder.start())?;
        let (owner, member) = (sim.add_person("Olga"), sim.add_person("Mei"));
        let found = |number: usize| {
            let kind = if number.is_multiple_of(2) {
                AnnouncementKind::Docx
            } else {
                AnnouncementKind::Doc
            };
            let spec = ChatSpec::named(&format!("group {number}"))
                .owner(&owner)
                .member(&member)
                .announcement(kind);
            sim.add_chat(spec)
        };
        let chats = (0..chats).map(found).collect();
        Ok(Self {
            app: sim.app(),
            chats,
            owner,
            member,
            sim,
        })
    }

    /// The member, in one of the chats.
    pub(crate) fn member_in(&self, chat: &ChatId) -> InChat {
        self.sim.as_person(&self.member).in_chat(chat)
    }

    /// The owner, in one of the chats.
    pub(crate) fn owner_in(&self, chat: &ChatId) -> InChat {
        self.sim.as_person(&self.owner).in_chat(chat)
    }

    /// The encrypt key and the verification token.
    pub(crate) fn secrets(&self) -> [String; 2] {
        let key = self.app.encrypt_key.clone().unwrap_or_default();
        [key, self.app.verification_token.clone()]
    }
}
