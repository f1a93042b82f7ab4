//! The first steps, which are ticked off as the visitor does them.

use maud::{Markup, html};

use super::super::Playground;
use super::super::log::Recovery;
use super::super::stream::Region;
use super::super::viewer::{Pane, Viewer};
use super::icon::{Icon, icon};
use super::{chat, of_one};

/// A step, the link that prepares it, and whether it is done.
struct Step {
    key: &'static str,
    text: &'static str,
    href: String,
    /// The draft that the link types.
    draft: Option<&'static str>,
    is_done: bool,
}

pub(super) fn steps(playground: &Playground, viewer: &Viewer) -> Region {
    let words = viewer.words();
    let done = playground.lock().first_steps;
    let query = viewer.query(playground);
    let group = viewer.group(playground);
    let first = playground.sim.read(|state| {
        state
            .messages(&group.chat)
            .next()
            .map(|first| first.id.clone())
    });
    let to_pin = first.map_or_else(
        || format!("/{query}#text"),
        |first| chat::drafted(&viewer.replying_to(&first, playground), words.pin_command),
    );
    let faults = Viewer {
        pane: Pane::Faults,
        ..viewer.clone()
    };
    let announcement = viewer.language.suggestions()[0];
    let steps = [
        Step {
            key: "pin",
            text: words.step_pin,
            href: to_pin,
            draft: None,
            is_done: done.pinned,
        },
        Step {
            key: "announce",
            text: words.step_announce,
            href: chat::drafted(&format!("/{query}#text"), announcement),
            draft: Some(announcement),
            is_done: done.announced,
        },
        Step {
            key: "kill",
            text: words.step_kill,
            href: format!("/{}#kill-or-start", faults.query(playground)),
            draft: None,
            is_done: done.recovery == Recovery::Executed,
        },
    ];
    let markup = html! {
        div #first-steps .done[done.are_done()] {
            @if done.are_done() {
                p { (icon(Icon::Done)) " " (words.steps_done) }
            } @else {
                h3 { (words.steps) }
                ol role="list" { @for step in &steps { (self::step(step, viewer)) } }
            }
        }
    };
    of_one("steps", "first-steps", markup)
}

fn step(step: &Step, viewer: &Viewer) -> Markup {
    html! {
        li #{ "step-" (step.key) } .done[step.is_done] {
            span.tick_off { @if step.is_done { (icon(Icon::Done)) } }
            @if step.is_done {
                span { (step.text) span.hidden { " " (viewer.words().step_is_done) } }
            } @else {
                a #{ "do-" (step.key) } href=(step.href) data-draft=[step.draft] { (step.text) }
            }
        }
    }
}
