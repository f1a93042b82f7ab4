//! The people and groups of the simulated Feishu.

use feishu_sim::{AnnouncementKind, ChatId, ChatSpec, Person, Simulator, WhoMay, Words};

/// The role of a person in all groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Owner,
    Admin,
    Member,
    /// A member of another organization.
    Guest,
}

/// The key of the second organization, which installs the store app.
pub(crate) const SECOND_TENANT: &str = "second_tenant";

/// An organization with groups and people of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Organization {
    First,
    Second,
}

/// A person whom the visitor can be.
pub(crate) struct Member {
    pub(crate) person: Person,
    pub(crate) role: Role,
    /// The organization in whose groups the person is.
    pub(crate) organization: Organization,
}

pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) organization: Organization,
    pub(crate) about: &'static str,
    pub(crate) kind: AnnouncementKind,
    pub(crate) who_may: WhoMay,
    pub(crate) is_topic: bool,
    pub(crate) chat: ChatId,
}

pub(crate) struct Fixture {
    pub(crate) people: Vec<Member>,
    pub(crate) groups: Vec<Group>,
}

impl Fixture {
    /// The owner and a member in three groups, for the terminal.
    pub(crate) fn small(sim: &Simulator) -> Self {
        let people = [("Olga", Role::Owner), ("Mei", Role::Member)];
        Self::create(sim, Organization::First, &people, &GROUPS[..3])
    }

    /// A person in each role, in groups of every kind, and a second organization.
    pub(crate) fn full(sim: &Simulator) -> Self {
        let people = [
            ("Olga", Role::Owner),
            ("Adam", Role::Admin),
            ("Mei", Role::Member),
            ("Gus", Role::Guest),
        ];
        let first = Self::create(sim, Organization::First, &people, &GROUPS);
        let people = [("Bea", Role::Owner), ("Ben", Role::Member)];
        let second = Self::create(sim, Organization::Second, &people, &SECOND_GROUPS);
        Self {
            people: first.people.into_iter().chain(second.people).collect(),
            groups: first.groups.into_iter().chain(second.groups).collect(),
        }
    }

    fn create(
        sim: &Simulator,
        organization: Organization,
        people: &[(&str, Role)],
        specs: &[GroupSpec],
    ) -> Self {
        let member = |&(name, role): &(&str, Role)| {
            let person = match (role, organization) {
                (Role::Guest, _) => sim.add_person_of("another_tenant", name),
                (_, Organization::First) => sim.add_person(name),
                (_, Organization::Second) => sim.add_person_of(SECOND_TENANT, name),
            };
            Member {
                person,
                role,
                organization,
            }
        };
        let people: Vec<Member> = people.iter().map(member).collect();
        let group = |spec: &GroupSpec| spec.create(sim, organization, &people);
        let groups = specs.iter().map(group).collect();
        Self { people, groups }
    }

    /// This person, if there is one in the organization of the group, or else an ordinary member.
    pub(crate) fn person_in(&self, group: usize, person: Option<usize>) -> usize {
        let organization = self.groups[group].organization;
        let is_colleague = |member: &Member| member.organization == organization;
        let person = person.filter(|at| is_colleague(&self.people[*at]));
        let mut people = self.people.iter();
        let default = || people.position(|one| is_colleague(one) && one.role == Role::Member);
        person.or_else(default).unwrap_or_default()
    }

    /// The words of a text, in which `@name` is a mention.
    pub(crate) fn words(&self, text: &str) -> Words {
        self.append(Words::new(), text)
    }

    /// The words of a line of rich text, in which `**` encloses bold text.
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
            let mut people = self.people.iter().map(|member| &member.person);
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

/// The settings and the first content of a group.
struct GroupSpec {
    name: &'static str,
    about: &'static str,
    kind: AnnouncementKind,
    who_may: WhoMay,
    is_topic: bool,
    message: &'static str,
    announcement: [&'static str; 2],
}

const GROUPS: [GroupSpec; 5] = [
    GroupSpec {
        name: "Ops",
        about: "new announcement (docx); everybody may pin and announce",
        kind: AnnouncementKind::Docx,
        who_may: WhoMay::AllMembers,
        is_topic: false,
        message: "Dinner on Friday at seven, in the Blue Room.",
        announcement: ["Welcome to Ops.", "The duty roster is in the wiki."],
    },
    GroupSpec {
        name: "Club",
        about: "old announcement (doc); everybody may pin and announce",
        kind: AnnouncementKind::Doc,
        who_may: WhoMay::AllMembers,
        is_topic: false,
        message: "We meet on Tuesdays.",
        announcement: ["Welcome to the club.", "Bring your own cup."],
    },
    GroupSpec {
        name: "Board",
        about: "new announcement (docx); only owner and admins may",
        kind: AnnouncementKind::Docx,
        who_may: WhoMay::OnlyOwner,
        is_topic: false,
        message: "The minutes are in the usual place.",
        announcement: ["This is the board.", "What is said here stays here."],
    },
    GroupSpec {
        name: "Archive",
        about: "old announcement (doc); only owner and admins may",
        kind: AnnouncementKind::Doc,
        who_may: WhoMay::OnlyOwner,
        is_topic: false,
        message: "The plans of 2019 are scanned.",
        announcement: ["This is the archive.", "Please return what you take."],
    },
    GroupSpec {
        name: "Questions",
        about: "a topic group; everybody may pin and announce",
        kind: AnnouncementKind::Docx,
        who_may: WhoMay::AllMembers,
        is_topic: true,
        message: "Where do I get a parking permit?",
        announcement: ["One question, one topic.", "Look before you ask."],
    },
];

const SECOND_GROUPS: [GroupSpec; 1] = [GroupSpec {
    name: "Lab",
    about: "a group of another organization, which installed the store app",
    kind: AnnouncementKind::Docx,
    who_may: WhoMay::AllMembers,
    is_topic: false,
    message: "The oven is free after four.",
    announcement: ["Welcome to the lab.", "Goggles on."],
}];

impl GroupSpec {
    /// Adds the group with its first message and its announcement.
    fn create(&self, sim: &Simulator, organization: Organization, people: &[Member]) -> Group {
        let mut spec = ChatSpec::named(self.name)
            .announcement(self.kind)
            .edit_permission(self.who_may)
            .pin_manage_setting(Some(self.who_may));
        for Member { person, role, .. } in people {
            spec = match role {
                Role::Owner => spec.owner(person),
                Role::Admin => spec.admin(person),
                Role::Member => spec.member(person),
                Role::Guest => spec.member(person).external(),
            };
        }
        if self.who_may == WhoMay::OnlyOwner {
            // Otherwise the bot could change nothing in this group.
            spec = spec.bot_is_admin();
        }
        if self.is_topic {
            spec = spec.topic();
        }
        let chat = sim.add_chat(spec);
        let owner = people.iter().find(|member| member.role == Role::Owner);
        if let Some(Member { person, .. }) = owner {
            let owner = sim.as_person(person).in_chat(&chat);
            owner.say(self.message);
            owner.edit_announcement(self.announcement);
        }
        Group {
            name: self.name,
            organization,
            about: self.about,
            kind: self.kind,
            who_may: self.who_may,
            is_topic: self.is_topic,
            chat,
        }
    }
}
