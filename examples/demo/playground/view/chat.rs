//! The groups, the top notice, the messages and the input field.

use feishu_sim::{AnnouncementKind, Message, MessageId, TopNotice, WhoMay};
use maud::{Markup, html};

use super::super::Playground;
use super::super::sample::Sample;
use super::super::stream::{Piece, Region};
use super::super::viewer::Viewer;
use super::icon::{Icon, icon};
use super::{announcement, avatar, message, name_of, of_one, private, region, role_name, steps};
use crate::fixture::{Group, Organization};

/// Maximum number of messages shown.
const MAX_MESSAGES: usize = 200;

pub(super) fn groups(playground: &Playground, viewer: &Viewer) -> Markup {
    let words = viewer.words();
    html! {
        nav #groups aria-label=(words.groups) {
            h2 { (words.groups) }
            (region("ul", "group-list", group_list(playground, viewer)))
        }
    }
}

/// The groups in the page's language of the organizations for which the bot works.
pub(super) fn group_list(playground: &Playground, viewer: &Viewer) -> Region {
    let groups = playground.fixture.groups.iter().enumerate();
    let served = groups.filter(|(_, group)| {
        group.world.language == viewer.language && playground.is_served(group.world.organization)
    });
    let piece = |(at, group): (usize, &Group)| {
        let there = viewer.in_group(at, playground);
        let id = format!("group-item-{at}");
        let markup = html! {
            li #(id) .second[group.world.organization == Organization::Second] {
                a #{ "group-" (at) } href={ "/" (there.query(playground)) }
                    aria-current=[(at == viewer.group).then_some("page")] {
                    (avatar(group.name))
                    span.name { (group.name) }
                    span.about { (kind(group, viewer)) }
                }
            }
        };
        Piece { id, markup }
    };
    Region {
        id: "group-list",
        pieces: served.map(piece).collect(),
    }
}

fn kind(group: &Group, viewer: &Viewer) -> &'static str {
    let words = viewer.words();
    match group.kind {
        _ if group.world.organization == Organization::Second => words.second_organization,
        _ if group.is_topic => words.topic,
        AnnouncementKind::Docx => words.docx,
        AnnouncementKind::Doc => words.doc,
    }
}

pub(super) fn chat(playground: &Playground, viewer: &Viewer) -> Markup {
    let (words, group) = (viewer.words(), viewer.group(playground));
    let who_may = match group.who_may {
        WhoMay::AllMembers => words.open_group,
        WhoMay::OnlyOwner => words.closed_group,
    };
    html! {
        section #chat .pane aria-labelledby="chat-name" {
            div.title {
                h2 #chat-name { (group.name) }
                p.about { (kind(group, viewer)) " · " (who_may) }
            }
            (region("div", "steps", steps::steps(playground, viewer)))
            (region("div", "top", top(playground, viewer)))
            div.scroll data-stick="" #scroll-messages tabindex="0" role="log" aria-live="polite"
                aria-relevant="additions" aria-label=(words.messages) {
                (region("ol", "messages", messages(playground, viewer)))
            }
            (composer(playground, viewer))
        }
    }
}

pub(super) fn top(playground: &Playground, viewer: &Viewer) -> Region {
    let (words, chat) = (viewer.words(), &viewer.group(playground).chat);
    let (is_set, notice) = playground.sim.read(|state| match state.top_notice(chat) {
        None => (false, html! { span { (words.nothing_on_top) } }),
        Some(TopNotice::Announcement) => {
            let first = announcement::first_line(state, chat, words);
            let text = html! { b { (words.top_announcement) } " " span { (first) } };
            (true, text)
        }
        Some(TopNotice::Message(id)) => match state.message(id) {
            Some(message) => {
                let name = name_of(&message.sender);
                let text = message::summary(message, words);
                (true, html! { b { (name) } " " span { (text) } })
            }
            None => (true, html! { span { (words.top_is_gone) } }),
        },
    });
    let class = if is_set { "notice set" } else { "notice" };
    let markup = html! {
        p #top-notice .(class) {
            (icon(Icon::Pin))
            span.hidden { (words.top_notice) (words.colon) }
            (notice)
        }
    };
    of_one("top", "top-notice", markup)
}

/// The last messages; in a topic group the replies follow their topic.
pub(super) fn messages(playground: &Playground, viewer: &Viewer) -> Region {
    let group = viewer.group(playground);
    let now_ms = playground.sim.clock().now_ms();
    let pieces = playground.sim.read(|state| {
        let mut messages: Vec<&Message> = state.messages(&group.chat).collect();
        messages.drain(..messages.len().saturating_sub(MAX_MESSAGES));
        if group.is_topic {
            let place = |id: &MessageId| messages.iter().position(|message| message.id == *id);
            let mut placed: Vec<_> = messages
                .iter()
                .map(|message| (message.root.as_ref().and_then(place), *message))
                .enumerate()
                .map(|(at, (root, message))| ((root.unwrap_or(at), at), message))
                .collect();
            placed.sort_by_key(|(place, _)| *place);
            messages = placed.into_iter().map(|(_, message)| message).collect();
        }
        let piece = |message: &Message| Piece {
            id: message::element_id(&message.id),
            markup: message::message(playground, viewer, (state, now_ms), message),
        };
        let dated = |message: &Message| (message.created_ms, piece(message));
        let mut pieces: Vec<_> = messages.into_iter().map(dated).collect();
        for (at_ms, private) in private::pieces(playground, viewer, state) {
            let later = pieces.iter().rposition(|(other_ms, _)| *other_ms <= at_ms);
            let place = later.map_or(0, |at| at + 1);
            pieces.insert(place, (at_ms, private));
        }
        pieces.into_iter().map(|(_, piece)| piece).collect()
    });
    Region {
        id: "messages",
        pieces,
    }
}

/// The selection of a member, examples, and the input field.
fn composer(playground: &Playground, viewer: &Viewer) -> Markup {
    let words = viewer.words();
    let query = viewer.query(playground);
    let replied_to = viewer.reply.as_ref().and_then(|id| {
        playground.sim.read(|state| {
            let message = state.message(id)?;
            let name = name_of(&message.sender).to_owned();
            Some((id, name, message::summary(message, words)))
        })
    });
    html! {
        div.composer {
            (identity(playground, viewer))
            ul.chips role="list" aria-label=(words.try_it) {
                li aria-hidden="true" { (words.try_it) }
                @for text in viewer.language.suggestions() {
                    li { a.chip data-draft=(text) href=(drafted(&format!("/{query}#text"), text)) { (text) } }
                }
            }
            form #say method="post" action={ "/say" (query) } {
                @if let Some((id, name, text)) = replied_to {
                    p.replying {
                        span { (words.replying_to) " " b { (name) } ": " (text) }
                        a #no-reply href={ "/" (query) "#text" } { (words.cancel_reply) }
                    }
                    input type="hidden" name="reply" value=(id);
                }
                label.hidden for="text" { (words.message_field) }
                textarea #text name="text" rows="1" maxlength="20000"
                    placeholder=(words.message_hint) aria-describedby="send-hint" { (viewer.draft) }
                div.row {
                    label.tick { input #rich type="checkbox" name="rich" value="1"; " " (words.rich) }
                    label.hidden for="attachment" { (words.attachment) }
                    select #attachment name="attachment" {
                        option value="" { (words.no_attachment) }
                        @for sample in Sample::ALL {
                            option value=(sample.key()) { (sample.label(words)) }
                        }
                    }
                    span #send-hint .hint title=(words.new_line_hint) { (words.send_hint) }
                    button #send .primary { (words.send) }
                }
            }
        }
    }
}

/// The selection of a member.
fn identity(playground: &Playground, viewer: &Viewer) -> Markup {
    let words = viewer.words();
    let world = viewer.group(playground).world;
    let people = playground.fixture.people.iter().enumerate();
    let people = people.filter(|(_, member)| member.world == world);
    html! {
        nav.people aria-label=(words.you_are) {
            span aria-hidden="true" { (words.you_are) }
            @for (at, member) in people {
                @let them = Viewer { person: at, ..viewer.clone() };
                a #{ "as-" (at) } href={ "/" (them.query(playground)) }
                    aria-current=[(at == viewer.person).then_some("true")] {
                    (avatar(&member.person.name))
                    span { (member.person.name) }
                    span.role { (role_name(member.role, words)) }
                }
            }
        }
    }
}

/// The URL of the same page with a text in the input field.
pub(super) fn drafted(href: &str, text: &str) -> String {
    let (page, place) = href.split_once('#').unwrap_or((href, "text"));
    format!("{page}&draft={}#{place}", encoded(text))
}

/// Percent-encodes a text for a query (RFC 3986).
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}
