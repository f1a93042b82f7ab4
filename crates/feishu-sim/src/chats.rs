//! Chats: members, roles, settings and the top notice.

use std::collections::BTreeSet;

use crate::{
    docx,
    ids::{AppIndex, ChatId, MessageId},
    legacy,
    people::Person,
};

/// The members with a permission. `only_owner` includes the admins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhoMay {
    /// The owner and the admins.
    OnlyOwner,
    /// Every member.
    AllMembers,
}

impl WhoMay {
    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::OnlyOwner => "only_owner",
            Self::AllMembers => "all_members",
        }
    }
}

/// The two kinds of announcements; each refuses the other's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnouncementKind {
    /// The legacy document.
    Doc,
    /// The upgraded document, as in every new group.
    Docx,
}

/// The mode of a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatMode {
    /// An ordinary group.
    Group,
    /// An ordinary group switched to threads: `chat_mode=group`, `group_message_type=thread`.
    Threads,
    /// Created as a topic group: `chat_mode=topic`.
    Topic,
    /// One person and the bot.
    Direct,
}

impl ChatMode {
    /// Every message of the chat is in a thread.
    pub(crate) fn is_threaded(self) -> bool {
        matches!(self, Self::Threads | Self::Topic)
    }

    /// `chat_type` of the message event.
    pub(crate) fn event_chat_type(self) -> &'static str {
        match self {
            Self::Direct => "p2p",
            Self::Group | Self::Threads | Self::Topic => "group",
        }
    }
}

/// The top notice of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopNotice {
    /// `action_type` `"1"`.
    Message(MessageId),
    /// `action_type` `"2"`.
    Announcement,
}

/// A chat and everything in it.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, not states"
)]
pub struct Chat {
    pub(crate) id: ChatId,
    /// The tenant that it belongs to.
    pub tenant_key: String,
    /// The group's name.
    pub name: String,
    /// Its mode.
    pub mode: ChatMode,
    /// `None` if the bot owns the chat, and in direct chats.
    pub owner: Option<Person>,
    /// Admins other than the bot.
    pub managers: Vec<Person>,
    /// The app through which the chat was added; the next two fields are about its bot.
    pub(crate) home_app: AppIndex,
    /// The bots of other apps, which are ordinary members.
    pub(crate) guest_bots: BTreeSet<AppIndex>,
    /// The bot is an admin.
    pub bot_is_manager: bool,
    /// Includes the owner and the admins.
    pub members: Vec<Person>,
    /// The bot is in the chat.
    pub bot_in: bool,
    /// Who may edit the group's information and its announcement.
    pub edit_permission: WhoMay,
    /// Who may manage the top notice. `None` omits the field from `get chat` and permits everyone.
    pub pin_manage_setting: Option<WhoMay>,
    /// Who may mention everybody. `None` omits the field from `get chat` and permits everyone.
    pub at_all_permission: Option<WhoMay>,
    /// People of other tenants may be in the chat.
    pub external: bool,
    /// The chat was dissolved.
    pub dissolved: bool,
    pub(crate) top_notice: Option<TopNotice>,
    pub(crate) announcement: Announcement,
    pub(crate) messages: Vec<MessageId>,
}

impl Chat {
    pub(crate) fn has_bot(&self, app: AppIndex) -> bool {
        if app == self.home_app {
            self.bot_in
        } else {
            self.guest_bots.contains(&app)
        }
    }

    /// Adds or removes a bot; returns whether that changed anything.
    pub(crate) fn set_bot(&mut self, app: AppIndex, is_in: bool) -> bool {
        if app == self.home_app {
            std::mem::replace(&mut self.bot_in, is_in) != is_in
        } else if is_in {
            self.guest_bots.insert(app)
        } else {
            self.guest_bots.remove(&app)
        }
    }

    pub(crate) fn bot_count(&self) -> usize {
        self.guest_bots.len() + usize::from(self.bot_in)
    }

    pub(crate) fn permits_bot(&self, app: AppIndex, setting: Option<WhoMay>) -> bool {
        setting != Some(WhoMay::OnlyOwner) || (app == self.home_app && self.bot_is_admin())
    }

    /// The bot owns the chat or is one of its admins.
    fn bot_is_admin(&self) -> bool {
        self.bot_is_manager || (self.owner.is_none() && self.mode != ChatMode::Direct)
    }

    pub(crate) fn has_member(&self, open_id: &str) -> bool {
        self.members.iter().any(|person| person.open_id == open_id)
    }

    pub(crate) fn permits_person(&self, setting: Option<WhoMay>, open_id: &str) -> bool {
        let mut admins = self.owner.iter().chain(&self.managers);
        setting != Some(WhoMay::OnlyOwner) || admins.any(|person| person.open_id == open_id)
    }
}

impl Chat {
    pub(crate) fn upgrade_announcement(&mut self, now_ms: u64) {
        self.announcement = Announcement::Docx(docx::Document::new(&self.id, now_ms));
    }
}

/// The chat's announcement, of one of two kinds.
#[derive(Debug)]
pub(crate) enum Announcement {
    Doc(legacy::Document),
    Docx(docx::Document),
}

/// A chat to create. The owner and the admins become members.
#[derive(Clone, Debug)]
pub struct ChatSpec {
    name: String,
    mode: ChatMode,
    kind: AnnouncementKind,
    owner: Option<Person>,
    managers: Vec<Person>,
    members: Vec<Person>,
    bot_is_manager: bool,
    bot_in: bool,
    edit_permission: WhoMay,
    pin_manage_setting: Option<WhoMay>,
    at_all_permission: Option<WhoMay>,
    external: bool,
}

impl ChatSpec {
    /// A group with the bot, a docx announcement, and all permissions for all members. The bot is
    /// its owner unless [`ChatSpec::owner`] sets one.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            mode: ChatMode::Group,
            kind: AnnouncementKind::Docx,
            owner: None,
            managers: Vec::new(),
            members: Vec::new(),
            bot_is_manager: false,
            bot_in: true,
            edit_permission: WhoMay::AllMembers,
            pin_manage_setting: Some(WhoMay::AllMembers),
            at_all_permission: Some(WhoMay::AllMembers),
            external: false,
        }
    }

    /// Sets the owner.
    #[must_use]
    pub fn owner(mut self, person: &Person) -> Self {
        self.owner = Some(person.clone());
        self.member(person)
    }

    /// Adds an admin.
    #[must_use]
    pub fn admin(mut self, person: &Person) -> Self {
        self.managers.push(person.clone());
        self.member(person)
    }

    /// Adds a member.
    #[must_use]
    pub fn member(mut self, person: &Person) -> Self {
        if !self.members.contains(person) {
            self.members.push(person.clone());
        }
        self
    }

    /// Makes the bot an admin.
    #[must_use]
    pub fn bot_is_admin(mut self) -> Self {
        self.bot_is_manager = true;
        self
    }

    /// Leaves the bot out.
    #[must_use]
    pub fn without_bot(mut self) -> Self {
        self.bot_in = false;
        self
    }

    /// Sets the kind of announcement.
    #[must_use]
    pub fn announcement(mut self, kind: AnnouncementKind) -> Self {
        self.kind = kind;
        self
    }

    /// "Who can edit group info".
    #[must_use]
    pub fn edit_permission(mut self, who: WhoMay) -> Self {
        self.edit_permission = who;
        self
    }

    /// "Who can manage top notices"; `None` omits the field from `get chat`.
    #[must_use]
    pub fn pin_manage_setting(mut self, who: Option<WhoMay>) -> Self {
        self.pin_manage_setting = who;
        self
    }

    /// "Who can @ all"; `None` omits the field from `get chat`.
    #[must_use]
    pub fn at_all_permission(mut self, who: Option<WhoMay>) -> Self {
        self.at_all_permission = who;
        self
    }

    /// A chat with people of other tenants.
    #[must_use]
    pub fn external(mut self) -> Self {
        self.external = true;
        self
    }

    /// A topic group.
    #[must_use]
    pub fn topic(mut self) -> Self {
        self.mode = ChatMode::Topic;
        self
    }

    /// An ordinary group whose messages are threads.
    #[must_use]
    pub fn thread_messages(mut self) -> Self {
        self.mode = ChatMode::Threads;
        self
    }

    pub(crate) fn direct(person: &Person) -> Self {
        let mut spec = Self::named(&person.name).member(person);
        spec.mode = ChatMode::Direct;
        spec
    }

    /// A chat of the owner's tenant, or else of its first member's.
    pub(crate) fn build(self, id: ChatId, app: AppIndex, home: &str, now_ms: u64) -> Chat {
        let first = self.owner.as_ref().or(self.members.first());
        let tenant_key = first.map_or(home, |person| person.tenant_key.as_str());
        Chat {
            tenant_key: tenant_key.to_owned(),
            home_app: app,
            guest_bots: BTreeSet::new(),
            announcement: match self.kind {
                AnnouncementKind::Doc => Announcement::Doc(legacy::Document::new(now_ms)),
                AnnouncementKind::Docx => Announcement::Docx(docx::Document::new(&id, now_ms)),
            },
            id,
            name: self.name,
            mode: self.mode,
            owner: self.owner,
            managers: self.managers,
            bot_is_manager: self.bot_is_manager,
            members: self.members,
            bot_in: self.bot_in,
            edit_permission: self.edit_permission,
            pin_manage_setting: self.pin_manage_setting,
            at_all_permission: self.at_all_permission,
            external: self.external,
            dissolved: false,
            top_notice: None,
            messages: Vec::new(),
        }
    }
}
