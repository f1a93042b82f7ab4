//! The switches for faults.

use maud::{Markup, html};

use super::super::Playground;
use super::super::bot::{ActsAs, AppType, Receive};
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
        Switch::RefusedUploads => (words.refused_uploads, words.refused_uploads_about),
        Switch::RoutedUploads => (words.routed_uploads, words.routed_uploads_about),
        Switch::NoLength => (words.no_length, words.no_length_about),
        Switch::ExpiredToken => (words.expired_token, words.expired_token_about),
        Switch::Revocation => (words.revocation, words.revocation_about),
        Switch::Redelivery => (words.redelivery, words.redelivery_about),
    }
}

/// The bot's process.
pub(super) fn bot(playground: &Playground, viewer: &Viewer) -> Region {
    let words = viewer.words();
    let state = playground.bot_state();
    let (class, word) = bot_state(state, words);
    let (pid, mode) = match state {
        BotState::Stopped => (None, None),
        BotState::Starting { pid, mode } | BotState::Serving { pid, mode } => {
            (Some(pid), Some(mode))
        }
    };
    let (key, verb, about) = match state {
        BotState::Stopped => ("start", words.start, words.start_about),
        BotState::Starting { .. } | BotState::Serving { .. } => {
            ("kill", words.kill, words.kill_about)
        }
    };
    let is_by = |way| mode.is_some_and(|mode| mode.receive == way);
    let receive = [
        ("webhook", is_by(Receive::Webhook), words.webhook),
        (
            "long_connection",
            is_by(Receive::LongConnection),
            words.long_connection,
        ),
    ];
    let is_as = |acts_as| mode.is_some_and(|mode| mode.acts_as == acts_as);
    let acts_as = [
        ("as_bot", is_as(ActsAs::Bot), words.as_bot),
        ("as_member", is_as(ActsAs::Member), words.as_member),
    ];
    let is_app = |app| mode.is_some_and(|mode| mode.app == app);
    let apps = [
        ("custom_app", is_app(AppType::Custom), words.custom_app),
        ("store_app", is_app(AppType::Store), words.store_app),
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
            (choice(words.receive, &receive))
            (choice(words.acts_as, &acts_as))
            (choice(words.app, &apps))
            p.hint { (about) }
            @if is_as(ActsAs::Member) { p.hint { (words.as_member_about) } }
            @if is_app(AppType::Store) { p.hint { (words.store_app_about) } }
        }
    };
    of_one("bot", "bot-process", markup)
}

/// A choice of modes; each has a key, whether it is the present one, and a name.
fn choice(label: &str, modes: &[(&str, bool, &str)]) -> Markup {
    html! {
        p.ways role="group" aria-label=(label) {
            span { (label) }
            @for (key, is_present, name) in modes {
                button #{ "by-" (key) } name="do" value=(key)
                    aria-pressed=(if *is_present { "true" } else { "false" }) { (name) }
            }
        }
    }
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
                            @if let Some(left) = left { (words.comma) (left.as_secs() + 1) " " (words.seconds_left) }
                        }
                    }
                }
                input type="hidden" name="on" value=(!is_on);
                button #{ (id) "-do" } name="switch" value=(switch.key())
                    aria-label={ (name) (words.colon) (verb) } aria-describedby={ (id) "-about" } { (verb) }
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
