//! The page as HTML. Every text goes through maud, which escapes it.

use std::fmt::Display;

use feishu_sim::Sender;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

use super::Playground;
use super::bot::{ActsAs, AppType, Mode, Receive};
use super::language::Words;
use super::log::BotState;
use super::stream::{Piece, Region};
use super::viewer::{Pane, Viewer};
use crate::fixture::Role;

mod announcement;
mod chat;
mod faults;
mod icon;
mod log;
mod media;
mod message;
mod private;
mod rich;
mod steps;

pub(crate) fn page(playground: &Playground, viewer: &Viewer) -> Markup {
    let words = viewer.words();
    let query = viewer.query(playground);
    html! {
        (DOCTYPE)
        html lang=(viewer.language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (viewer.group(playground).name) " · " (words.page_title) }
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/base.css";
                link rel="stylesheet" href="/playground.css";
                script src="/playground.js" defer {}
            }
            body data-pane=(viewer.pane.key()) data-events={ "/events" (query) } {
                a.skip href="#text" { (words.skip) }
                (head(playground, viewer))
                (panes(playground, viewer))
                main {
                    (chat::groups(playground, viewer))
                    (chat::chat(playground, viewer))
                    (announcement::pane(playground, viewer))
                    (faults::pane(playground, viewer))
                    (log::pane(playground, viewer))
                }
                p #offline hidden role="alert" { (words.offline) }
                p #word hidden role="status" {}
            }
        }
    }
}

/// The parts of the page that are updated.
pub(crate) fn regions(playground: &Playground, viewer: &Viewer) -> Vec<Region> {
    vec![
        status(playground, viewer),
        chat::group_list(playground, viewer),
        steps::steps(playground, viewer),
        chat::top(playground, viewer),
        chat::messages(playground, viewer),
        announcement::board(playground, viewer),
        faults::bot(playground, viewer),
        faults::switches(playground, viewer),
        log::list(playground, viewer),
    ]
}

fn head(playground: &Playground, viewer: &Viewer) -> Markup {
    let words = viewer.words();
    let other = Viewer {
        language: viewer.language.other(),
        ..viewer.clone()
    };
    html! {
        header {
            img src="/icon.svg" alt="" width="28" height="28";
            h1 { (words.page_title) }
            p.what { (words.what_is_this) }
            (region("p", "status", status(playground, viewer)))
            a #language href={ "/" (other.query(playground)) } lang=(other.language.tag())
                hreflang=(other.language.tag()) { (words.other_language) }
        }
        noscript { p.noscript { (words.no_script) } }
    }
}

fn status(playground: &Playground, viewer: &Viewer) -> Region {
    let (class, word) = bot_state(playground.bot_state(), viewer.words());
    of_one(
        "status",
        "status-bot",
        html! {
            span #status-bot .{ "bot_state " (class) } { (viewer.words().the_bot) (viewer.words().colon) (word) }
        },
    )
}

fn bot_state(bot_state: BotState, words: &Words) -> (&'static str, String) {
    match bot_state {
        BotState::Stopped => ("gone", words.bot_gone.to_owned()),
        BotState::Starting { .. } => ("starting", words.bot_starting.to_owned()),
        BotState::Serving { mode, .. } => {
            let word = [words.bot_serving, words.comma, &in_mode(mode, words)];
            ("serving", word.concat())
        }
    }
}

fn in_mode(mode: Mode, words: &Words) -> String {
    let receive = match mode.receive {
        Receive::Webhook => words.webhook,
        Receive::LongConnection => words.long_connection,
    };
    let app = (mode.app == AppType::Store).then_some(words.store_app);
    let acts_as = (mode.acts_as == ActsAs::Member).then_some(words.acting_as_member);
    let parts = [Some(receive), app, acts_as].into_iter().flatten();
    parts.collect::<Vec<_>>().join(words.comma)
}

/// Links between the parts of the page, for narrow screens.
fn panes(playground: &Playground, viewer: &Viewer) -> Markup {
    let words = viewer.words();
    let name = |pane| match pane {
        Pane::Chat => words.pane_chat,
        Pane::Announcement => words.pane_announcement,
        Pane::Log => words.pane_log,
        Pane::Faults => words.pane_faults,
    };
    html! {
        nav #panes aria-label=(words.panes) {
            @for pane in Pane::ALL {
                @let shown = Viewer { pane, ..viewer.clone() };
                a #{ "to-" (pane.key()) } data-pane=(pane.key())
                    href={ "/" (shown.query(playground)) }
                    aria-current=[(pane == viewer.pane).then_some("true")] { (name(pane)) }
            }
        }
    }
}

/// An element with the current pieces of a region.
fn region(tag: &str, id: &str, region: Region) -> Markup {
    let inside = html! { @for piece in region.pieces { (piece.markup) } };
    html! {
        @match tag {
            "ol" => ol #(id) role="list" { (inside) },
            "ul" => ul #(id) role="list" { (inside) },
            "p" => p #(id) { (inside) },
            _ => div #(id) { (inside) },
        }
    }
}

/// A region with one piece, whose id is `piece`.
fn of_one(id: &'static str, piece: &str, markup: Markup) -> Region {
    let pieces = vec![Piece {
        id: piece.to_owned(),
        markup,
    }];
    Region { id, pieces }
}

/// The image of a person or of a bot. The bot of the page has its own.
fn sender_avatar(sender: &Sender) -> Markup {
    match sender {
        Sender::App => bot_avatar(),
        Sender::Person(_) | Sender::OtherBot { .. } => avatar(name_of(sender)),
    }
}

fn bot_avatar() -> Markup {
    html! { img.{ "avatar bot" } src="/icon.svg" alt="" width="34" height="34"; }
}

/// A round image with the first letter of the name.
fn avatar(name: &str) -> Markup {
    let hue = name.bytes().map(usize::from).sum::<usize>() % 6;
    let letter: String = name.chars().take(1).collect();
    html! { span.{ "avatar hue-" (hue) } aria-hidden="true" { (letter.to_uppercase()) } }
}

fn name_of(sender: &Sender) -> &str {
    match sender {
        Sender::Person(person) => &person.name,
        Sender::App => "noticebot",
        Sender::OtherBot { name, .. } => name,
    }
}

fn role_name(role: Role, words: &Words) -> &'static str {
    match role {
        Role::Owner => words.owner,
        Role::Admin => words.admin,
        Role::Member => words.member,
        Role::Guest => words.guest,
    }
}

/// A moment in the time zone of the page; `format` is that of `strftime`.
fn clock(playground: &Playground, at_ms: u64, format: &str) -> impl Display + use<> {
    let at = i64::try_from(at_ms).unwrap_or_default();
    let at = Timestamp::from_millisecond(at).unwrap_or_default();
    at.to_zoned(playground.zone.clone())
        .strftime(format)
        .to_string()
}
