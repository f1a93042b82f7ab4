//! The switches for faults.

use maud::{Markup, html};

use super::super::Playground;
use super::super::bot::Receive;
use super::super::language::Words;
use super::super::log::BotState;
use super::super::stream::{Piece, Region};
use super::super::switches::{Switch, limited_for};
use super::super::viewer::Viewer;
use super::{bot_state, of_one, region};

pub(super) fn pane(playground: &Playground, viewer: &Viewer) -> Markup {
    let words = viewer.words();
    html! {
        section #faults .pane aria-labelledby="faults-name" {
            div.title { h2 #faults-name { (words.faults) } }
            div.scroll #scroll-faults tabindex="0" role="region" aria-label=(words.faults) {
                p.hint { (words.faults_hint) }
                (region("div", "bot", bot(playground, viewer)))
                (region("div", "switches", switches(playground, viewer)))
            }
        }
    }
}

/// The name and the description of a switch.
pub(super) fn named(switch: Switch, words: &Words) -> (&'static str, &'static str) {
    match switch {
        Switch::RateLimit => (words.rate_limit, words.rate_limit_about),
        Switch::LostAnswer => (words.lost_answer, words.lost_answer_about),
        Switch::NoRight => (words.no_right, words.no_right_about),
        Switch::ExpiredToken => (words.expired_token, words.expired_token_about),
        Switch::Redelivery => (words.redelivery, words.redelivery_about),
    }
}

/// The bot's process.
pub(super) fn bot(playground: &Playground, viewer: &Viewer) -> Region {
    let words = viewer.words();
    let state = playground.bot_state();
    let (class, word) = bot_state(state, words);
    let (pid, receive) = match state {
        BotState::Stopped => (None, None),
        BotState::Starting { pid, receive } | BotState::Serving { pid, receive } => {
            (Some(pid), Some(receive))
        }
    };
    let (key, verb, about) = match state {
        BotState::Stopped => ("start", words.start, words.start_about),
        BotState::Starting { .. } | BotState::Serving { .. } => {
            ("kill", words.kill, words.kill_about)
        }
    };
    let ways = [
        ("webhook", Receive::Webhook, words.webhook),
        (
            "long_connection",
            Receive::LongConnection,
            words.long_connection,
        ),
    ];
    let action = format!("/bot{}", viewer.query(playground));
    let markup = html! {
        form #bot-process .switch method="post" action=(action) {
            h3 { (words.the_bot) }
            button #kill-or-start .danger[key == "kill"] .primary[key == "start"] name="do" value=(key) { (verb) }
            p.{ "bot_state " (class) } {
                (word)
                @if let Some(pid) = pid { (words.comma) (words.process) " " (pid) }
            }
            p.ways role="group" aria-label=(words.receive) {
                span { (words.receive) }
                @for (key, way, name) in ways {
                    button #{ "by-" (key) } name="do" value=(key)
                        aria-pressed=(if receive == Some(way) { "true" } else { "false" }) { (name) }
                }
            }
            p.hint { (about) }
        }
    };
    of_one("bot", "bot-process", markup)
}

pub(super) fn switches(playground: &Playground, viewer: &Viewer) -> Region {
    let words = viewer.words();
    let scopes = playground.scopes();
    let action = format!("/switch{}", viewer.query(playground));
    let pieces = Switch::ALL.map(|switch| {
        let (name, about) = named(switch, words);
        let (is_on, left) = playground
            .sim
            .read(|state| (switch.is_on(state, &scopes), limited_for(state)));
        let verb = match (switch.lasts(), is_on) {
            (false, _) => words.do_it,
            (true, false) => words.switch_on,
            (true, true) => words.switch_off,
        };
        let left = left.filter(|_| switch == Switch::RateLimit);
        let id = format!("switch-{}", switch.key());
        let markup = html! {
            form #(id) .switch .on[is_on] method="post" action=(action) {
                h3 {
                    (name)
                    @if is_on {
                        " " span.badge.warn {
                            (words.on)
                            @if let Some(left) = left { ", " (left.as_secs() + 1) " " (words.seconds_left) }
                        }
                    }
                }
                input type="hidden" name="on" value=(!is_on);
                button #{ (id) "-do" } name="switch" value=(switch.key())
                    aria-label={ (name) ": " (verb) } aria-describedby={ (id) "-about" } { (verb) }
                p.hint #{ (id) "-about" } { (about) }
            }
        };
        Piece { id, markup }
    });
    Region {
        id: "switches",
        pieces: pieces.into(),
    }
}
