//! The group announcement.

use maud::{Markup, html};

use super::super::Playground;
use super::super::announcement::{Form, Line, Run, lines};
use super::super::language::Words;
use super::super::stream::{Piece, Region};
use super::super::viewer::Viewer;
use super::{region, rich};

pub(super) fn pane(playground: &Playground, viewer: &Viewer) -> Markup {
    let words = viewer.words();
    html! {
        section #announcement .pane aria-labelledby="announcement-name" {
            div.title { h2 #announcement-name { (words.announcement) } }
            div.scroll #scroll-board tabindex="0" role="region" aria-label=(words.announcement) {
                (region("div", "board", board(playground, viewer)))
            }
            form #write method="post" action={ "/write" (viewer.query(playground)) } {
                label for="line" { (words.write_line) }
                div.row {
                    input #line name="line" autocomplete="off" maxlength="2000" required aria-describedby="write-hint";
                    button #write-it { (words.write) }
                }
                p #write-hint .hint { (words.write_hint) }
            }
        }
    }
}

/// The lines. Their ids count from the last line, because the bot adds lines at the top.
pub(super) fn board(playground: &Playground, viewer: &Viewer) -> Region {
    let (words, chat) = (viewer.words(), &viewer.group(playground).chat);
    let (lines, revision) = playground.sim.read(|state| {
        let revision = state.announcement_revision(chat);
        (lines(state, chat), revision)
    });
    let count = lines.len();
    let piece = |(at, line): (usize, &Line)| {
        let id = format!("line-{}", count - at);
        let number = number(&lines, at);
        let markup = self::line(&id, line, number, words);
        Piece { id, markup }
    };
    let mut pieces: Vec<Piece> = lines.iter().enumerate().map(piece).collect();
    let empty = lines.is_empty();
    pieces.push(Piece {
        id: "revision".to_owned(),
        markup: html! {
            p #revision .hint {
                @if empty { (words.announcement_is_empty) " " }
                (words.revision) " " (revision)
            }
        },
    });
    Region {
        id: "board",
        pieces,
    }
}

/// The number of a list item.
fn number(lines: &[Line], at: usize) -> usize {
    let depth = lines[at].depth;
    let before = lines[..at].iter().rev();
    let list = before.take_while(|line| line.depth > depth || line.form == Form::Number);
    list.filter(|line| line.depth == depth).count() + 1
}

fn line(id: &str, line: &Line, number: usize, words: &Words) -> Markup {
    let (class, mark) = match line.form {
        Form::Text if line.is_signature() => ("signature", None),
        Form::Text => ("text", None),
        Form::Heading => ("heading", None),
        Form::Bullet => ("item", Some("•".to_owned())),
        Form::Number => ("item", Some(format!("{number}."))),
        Form::Code => ("code", None),
        Form::Quote => ("quote", None),
        Form::ToDo { done: false } => ("item", Some("☐".to_owned())),
        Form::ToDo { done: true } => ("item", Some("☑".to_owned())),
        Form::Rule => ("rule", None),
        Form::Picture => ("picture", None),
    };
    html! {
        p #(id) .{ "line " (class) " depth-" (line.depth.min(4)) } {
            @if let Some(mark) = mark { span.mark { (mark) } " " }
            @if line.form == Form::Picture { "[" (words.picture) "]" }
            @for run in &line.runs { (self::run(run)) }
        }
    }
}

fn run(run: &Run) -> Markup {
    let text = html! {
        span.bold[run.bold].italic[run.italic].struck[run.struck].mono[run.code]
            .faint[run.colored].mention[run.mention] { (run.text) }
    };
    match &run.href {
        Some(href) => rich::link(href, &text),
        None => text,
    }
}
