//! The people and groups of the simulated Feishu.

use feishu_sim::{Call, Endpoint, Simulator, Words};
use noticebot::config::GroupLists;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::language::Language;

pub(crate) use world::{Group, Member, Organization, Role, SECOND_TENANT, World};

mod world;

pub(crate) struct Fixture {
    pub(crate) people: Vec<Member>,
    pub(crate) groups: Vec<Group>,
}

impl Fixture {
    /// The owner and a member in three groups, for the terminal.
    pub(crate) fn small(sim: &Simulator) -> Self {
        let world = World {
            organization: Organization::First,
            language: Language::En,
        };
        let [owner, _, member, _] = world::PEOPLE;
        Self::create(sim, world, &[owner, member], &world::GROUPS[..3])
    }

    /// In each language: a person in each role, in groups of every kind, and a second organization.
    pub(crate) fn full(sim: &Simulator) -> Self {
        let (mut people, mut groups) = (Vec::new(), Vec::new());
        for language in [Language::En, Language::Zh] {
            let world = |organization| World {
                organization,
                language,
            };
            let first = world(Organization::First);
            let second = world(Organization::Second);
            for part in [
                Self::create(sim, first, &world::PEOPLE, &world::GROUPS),
                Self::create(sim, second, &world::SECOND_PEOPLE, &world::SECOND_GROUPS),
            ] {
                people.extend(part.people);
                groups.extend(part.groups);
            }
        }
        Self { people, groups }
    }

    fn create(
        sim: &Simulator,
        world: World,
        people: &[world::PersonSpec],
        specs: &[world::GroupSpec],
    ) -> Self {
        let people: Vec<Member> = people.iter().map(|spec| spec.create(sim, world)).collect();
        let group = |spec: &world::GroupSpec| spec.create(sim, world, &people);
        let groups = specs.iter().map(group).collect();
        Self { people, groups }
    }

    /// A list of groups in each language, for `/announce --to`.
    pub(crate) fn lists(&self) -> GroupLists {
        let mut lists = GroupLists::new();
        for group in &self.groups {
            if group.world.organization == Organization::First {
                let name = match group.world.language {
                    Language::En => "weekly",
                    Language::Zh => "周报",
                };
                let list = lists.entry(name.to_owned()).or_default();
                list.chats.push(group.chat.to_string());
            }
        }
        lists
    }

    /// This person, if there is one in the world of the group, or else an ordinary member.
    pub(crate) fn person_in(&self, group: usize, person: Option<usize>) -> usize {
        let world = self.groups[group].world;
        let is_colleague = |member: &Member| member.world == world;
        let person = person.filter(|at| is_colleague(&self.people[*at]));
        let mut people = self.people.iter();
        let default = || people.position(|one| is_colleague(one) && one.role == Role::Member);
        person.or_else(default).unwrap_or_default()
    }

    /// The words of a text, in which `@name` is a mention.
    pub(crate) fn words(&self, text: &str) -> Words {
        self.append(Words::new(), text)
    }

    /// The words of a line of rich text, whose styles and links are typed as in Markdown.
    pub(crate) fn rich_words(&self, line: &str) -> Words {
        // A mark of a list, a heading or a quote is text. After a dot, no line begins with one.
        let typed = format!(".{line}");
        let mut words = Words::new();
        let (mut styles, mut href, mut is_first) = (Vec::new(), None, true);
        for event in Parser::new_ext(&typed, Options::ENABLE_STRIKETHROUGH) {
            match event {
                Event::Start(Tag::Link { dest_url, .. }) => href = Some(dest_url),
                Event::End(TagEnd::Link) => href = None,
                Event::Start(tag) => styles.extend(style(&tag)),
                Event::End(TagEnd::Strong | TagEnd::Emphasis | TagEnd::Strikethrough) => {
                    styles.pop();
                }
                Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => {
                    let text = if std::mem::take(&mut is_first) {
                        &text[1..]
                    } else {
                        &text
                    };
                    words = match &href {
                        _ if text.is_empty() => words,
                        Some(href) => words.link(text, href),
                        None if styles.is_empty() => self.append(words, text),
                        None => words.styled(text, &styles),
                    };
                }
                Event::Code(text) => words = words.text(&format!("`{text}`")),
                _ => {}
            }
        }
        words
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

/// Whether a call is about the `/` panel, which the demo does not show: its input field has none.
pub(crate) fn is_of_panel(call: &Call) -> bool {
    matches!(
        call.endpoint,
        Some(
            Endpoint::ListSlashCommands
                | Endpoint::CreateSlashCommand
                | Endpoint::UpdateSlashCommand
                | Endpoint::DeleteSlashCommand
        )
    )
}

/// The name of a style in a post (official page `message_content`).
fn style(tag: &Tag<'_>) -> Option<&'static str> {
    match tag {
        Tag::Strong => Some("bold"),
        Tag::Emphasis => Some("italic"),
        Tag::Strikethrough => Some("lineThrough"),
        _ => None,
    }
}
