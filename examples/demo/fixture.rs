//! The people and groups of the pretend Feishu.

use feishu_sim::{AnnouncementKind, ChatId, ChatSpec, Person, Simulator, WhoMay, Words};

/// What somebody is in every group that they are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Owner,
    Admin,
    Member,
    /// A member of another organisation.
    Guest,
}

/// Somebody who can be played.
pub(crate) struct Resident {
    pub(crate) person: Person,
    pub(crate) role: Role,
}

/// A group to go to.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) kind: AnnouncementKind,
    pub(crate) who_may: WhoMay,
    pub(crate) is_topic: bool,
    pub(crate) chat: ChatId,
}

/// Everybody and every group.
pub(crate) struct Fixture {
    pub(crate) people: Vec<Resident>,
    pub(crate) groups: Vec<Group>,
}

impl Fixture {
    /// The owner and a member, in three groups: what one terminal has room for.
    pub(crate) fn small(sim: &Simulator) -> Self {
        Self::found(
            sim,
            &[("Olga", Role::Owner), ("Mei", Role::Member)],
            &PLANS[..3],
        )
    }

    /// Somebody in each role, in groups of every kind.
    pub(crate) fn whole(sim: &Simulator) -> Self {
        let people = [
            ("Olga", Role::Owner),
            ("Adam", Role::Admin),
            ("Mei", Role::Member),
            ("Gus", Role::Guest),
        ];
        Self::found(sim, &people, &PLANS)
    }

    fn found(sim: &Simulator, people: &[(&str, Role)], plans: &[Plan]) -> Self {
        let resident = |&(name, role): &(&str, Role)| {
            let person = match role {
                Role::Guest => sim.add_person_of("another_tenant", name),
                Role::Owner | Role::Admin | Role::Member => sim.add_person(name),
            };
            Resident { person, role }
        };
        let people: Vec<Resident> = people.iter().map(resident).collect();
        let groups = plans.iter().map(|plan| plan.found(sim, &people)).collect();
        Self { people, groups }
    }

    /// What was typed, with `@name` as a mention.
    pub(crate) fn words(&self, text: &str) -> Words {
        self.append(Words::new(), text)
    }

    /// The same for a rich text, where `**` makes the text between two of
    /// them bold.
    pub(crate) fn rich_words(&self, line: &str) -> Words {
        let pieces = line.split("**").enumerate();
        pieces.fold(Words::new(), |words, (at, piece)| match (at % 2, piece) {
            (_, "") => words,
            (0, plain) => self.append(words, plain),
            (_, bold) => words.bold(bold),
        })
    }

    fn append(&self, words: Words, text: &str) -> Words {
        let typed = |words: Words, text: &str| {
            if text.is_empty() {
                words
            } else {
                words.text(text)
            }
        };
        let mut pieces = text.split('@');
        let start = typed(words, pieces.next().unwrap_or_default());
        pieces.fold(start, |words, piece| {
            let mut people = self.people.iter().map(|resident| &resident.person);
            if let Some(rest) = strip_name(piece, "noticebot") {
                typed(words.bot(), rest)
            } else if let Some((person, rest)) =
                people.find_map(|person| Some((person, strip_name(piece, &person.name)?)))
            {
                typed(words.at(person), rest)
            } else {
                words.text(&format!("@{piece}"))
            }
        })
    }
}

fn strip_name<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then_some(rest)
}

/// A group before anybody is in it.
struct Plan {
    name: &'static str,
    about: &'static str,
    kind: AnnouncementKind,
    who_may: WhoMay,
    is_topic: bool,
    message: &'static str,
    announcement: [&'static str; 2],
}

const PLANS: [Plan; 5] = [
    Plan {
        name: "Ops",
        about: "new announcement (docx); everybody may pin and announce",
        kind: AnnouncementKind::Docx,
        who_may: WhoMay::AllMembers,
        is_topic: false,
        message: "Dinner on Friday at seven, in the Blue Room.",
        announcement: ["Welcome to Ops.", "The duty roster is in the wiki."],
    },
    Plan {
        name: "Club",
        about: "old announcement (doc); everybody may pin and announce",
        kind: AnnouncementKind::Doc,
        who_may: WhoMay::AllMembers,
        is_topic: false,
        message: "We meet on Tuesdays.",
        announcement: ["Welcome to the club.", "Bring your own cup."],
    },
    Plan {
        name: "Board",
        about: "new announcement (docx); only owner and admins may",
        kind: AnnouncementKind::Docx,
        who_may: WhoMay::OnlyOwner,
        is_topic: false,
        message: "The minutes are in the usual place.",
        announcement: ["This is the board.", "What is said here stays here."],
    },
    Plan {
        name: "Archive",
        about: "old announcement (doc); only owner and admins may",
        kind: AnnouncementKind::Doc,
        who_may: WhoMay::OnlyOwner,
        is_topic: false,
        message: "The plans of 2019 are scanned.",
        announcement: ["This is the archive.", "Please return what you take."],
    },
    Plan {
        name: "Questions",
        about: "a topic group; everybody may pin and announce",
        kind: AnnouncementKind::Docx,
        who_may: WhoMay::AllMembers,
        is_topic: true,
        message: "Where do I get a parking permit?",
        announcement: ["One question, one topic.", "Look before you ask."],
    },
];

impl Plan {
    /// The group, with its first message and with an announcement.
    fn found(&self, sim: &Simulator, people: &[Resident]) -> Group {
        let mut spec = ChatSpec::named(self.name)
            .announcement(self.kind)
            .edit_permission(self.who_may)
            .pin_manage_setting(Some(self.who_may));
        for Resident { person, role } in people {
            spec = match role {
                Role::Owner => spec.owner(person),
                Role::Admin => spec.admin(person),
                Role::Member => spec.member(person),
                Role::Guest => spec.member(person).external(),
            };
        }
        if self.who_may == WhoMay::OnlyOwner {
            // Else the bot could do nothing there, for nobody.
            spec = spec.bot_is_admin();
        }
        if self.is_topic {
            spec = spec.topic();
        }
        let chat = sim.add_chat(spec);
        let owner = people.iter().find(|resident| resident.role == Role::Owner);
        if let Some(Resident { person, .. }) = owner {
            let owner = sim.as_person(person).in_chat(&chat);
            owner.say(self.message);
            owner.edit_announcement(self.announcement);
        }
        Group {
            name: self.name,
            about: self.about,
            kind: self.kind,
            who_may: self.who_may,
            is_topic: self.is_topic,
            chat,
        }
    }
}
