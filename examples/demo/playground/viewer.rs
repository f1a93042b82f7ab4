//! The member, group and language of a visitor. They are in the URL, so that two tabs can be two
//! members.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Query};
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;
use feishu_sim::{InChat, MessageId};
use serde::Deserialize;

use super::Playground;
use super::language::Words;
use crate::fixture::{Group, Member};
use crate::language::Language;

/// The parameters of a page.
#[derive(Clone)]
pub(crate) struct Viewer {
    pub(crate) group: usize,
    pub(crate) person: usize,
    pub(crate) language: Language,
    pub(crate) pane: Pane,
    /// The message to reply to.
    pub(crate) reply: Option<MessageId>,
    /// The text of the input field.
    pub(crate) draft: String,
}

/// The part of the page that narrow screens show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pane {
    Chat,
    Announcement,
    Log,
    Faults,
}

impl Pane {
    pub(crate) const ALL: [Self; 4] = [Self::Chat, Self::Announcement, Self::Log, Self::Faults];

    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Announcement => "announcement",
            Self::Log => "happenings",
            Self::Faults => "faults",
        }
    }
}

/// The query of a URL; missing or unknown values get a default.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PageQuery {
    group: String,
    r#as: String,
    lang: String,
    pane: String,
    reply: Option<String>,
    draft: String,
}

impl FromRequestParts<Arc<Playground>> for Viewer {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        playground: &Arc<Playground>,
    ) -> Result<Self, Infallible> {
        let query = Query::try_from_uri(&parts.uri);
        let Query(query) = query.unwrap_or_else(|_| Query(PageQuery::default()));
        let fixture = &playground.fixture;
        let languages = parts.headers.get(ACCEPT_LANGUAGE);
        let languages = languages.and_then(|languages| languages.to_str().ok());
        let language = Language::from_key(&query.lang)
            .unwrap_or_else(|| Language::preferred(languages.unwrap_or_default()));
        let is_shown = |group: &Group| {
            group.world.language == language && playground.is_served(group.world.organization)
        };
        let shown = fixture.groups.iter().enumerate();
        let mut shown = shown.filter(|(_, group)| is_shown(group));
        let named = shown
            .clone()
            .find(|(_, group)| group.key.eq_ignore_ascii_case(&query.group));
        let group = named.or_else(|| shown.next()).map_or(0, |(at, _)| at);
        let world = fixture.groups[group].world;
        let mut people = fixture.people.iter();
        let person = people.position(|member| {
            member.world == world && member.key.eq_ignore_ascii_case(&query.r#as)
        });
        let mut panes = Pane::ALL.into_iter();
        Ok(Self {
            group,
            person: fixture.person_in(group, person),
            language,
            pane: panes
                .find(|pane| pane.key() == query.pane)
                .unwrap_or(Pane::Chat),
            reply: query.reply.map(MessageId::from),
            draft: query.draft,
        })
    }
}

impl Viewer {
    pub(crate) fn words(&self) -> &'static Words {
        self.language.words()
    }

    pub(crate) fn group<'p>(&self, playground: &'p Playground) -> &'p Group {
        &playground.fixture.groups[self.group]
    }

    pub(crate) fn member<'p>(&self, playground: &'p Playground) -> &'p Member {
        &playground.fixture.people[self.person]
    }

    /// The same visitor in another group.
    pub(crate) fn in_group(&self, group: usize, playground: &Playground) -> Self {
        Self {
            group,
            person: playground.fixture.person_in(group, Some(self.person)),
            reply: None,
            draft: String::new(),
            ..self.clone()
        }
    }

    /// The selected member in the shown group.
    pub(crate) fn in_chat(&self, playground: &Playground) -> InChat {
        let person = &self.member(playground).person;
        let group = self.group(playground);
        playground.sim.as_person(person).in_chat(&group.chat)
    }

    /// The URL's query, without the draft.
    pub(crate) fn query(&self, playground: &Playground) -> String {
        format!(
            "?group={}&as={}&lang={}&pane={}",
            self.group(playground).key,
            self.member(playground).key,
            self.language.key(),
            self.pane.key(),
        )
    }

    /// The URL of the same page with a reply to a message.
    pub(crate) fn replying_to(&self, message: &MessageId, playground: &Playground) -> String {
        let pane = Pane::Chat;
        let query = Self {
            pane,
            ..self.clone()
        }
        .query(playground);
        format!("/{query}&reply={message}#text")
    }
}
