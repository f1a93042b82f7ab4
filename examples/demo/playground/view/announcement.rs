//! The group announcement.

use feishu_sim::{ChatId, State};
use maud::{Markup, html};

use super::super::Playground;
use super::super::announcement::{Form, Line, Run, lines};
use super::super::language::Words;
use super::super::stream::{Piece, Region};
use super::super::viewer::Viewer;
use super::{media, region, rich};

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
    let (mut pieces, revision) = playground.sim.read(|state| {
        let board = Board { state, words };
        let lines = lines(state, chat);
        let piece = |at| {
            let id = format!("line-{}", lines.len() - at);
            let markup = board.line(&lines, at, Some(&id));
            Piece { id, markup }
        };
        let pieces: Vec<Piece> = (0..lines.len()).map(piece).collect();
        (pieces, state.announcement_revision(chat))
    });
    let empty = pieces.is_empty();
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

/// The first line that is not empty, as text.
pub(super) fn first_line(state: &State, chat: &ChatId, words: &Words) -> String {
    let lines = lines(state, chat);
    let mut texts = lines.iter().map(|line| summary(line, words));
    texts.find(|text| !text.is_empty()).unwrap_or_default()
}

fn summary(line: &Line, words: &Words) -> String {
    match &line.form {
        Form::Picture(_) => media::picture_name(words),
        Form::File(name) => media::file_name(name, words),
        Form::Table { rows, .. } => {
            let cells = rows.iter().flatten().map(|cell| {
                let lines = cell.iter().map(|line| summary(line, words));
                lines.collect::<Vec<_>>().join(" ")
            });
            cells.collect::<Vec<_>>().join(" | ")
        }
        _ => line.runs.iter().map(|run| run.text.as_str()).collect(),
    }
}

/// The number of a list item.
fn number(lines: &[Line], at: usize) -> usize {
    let depth = lines[at].depth;
    let before = lines[..at].iter().rev();
    let list = before.take_while(|line| line.depth > depth || line.form == Form::Number);
    list.filter(|line| line.depth == depth).count() + 1
}

struct Board<'a> {
    state: &'a State,
    words: &'a Words,
}

impl Board<'_> {
    fn line(&self, lines: &[Line], at: usize, id: Option<&str>) -> Markup {
        let line = &lines[at];
        let (class, mark) = match &line.form {
            Form::Text if line.is_signature() => ("signature", None),
            Form::Text => ("text", None),
            Form::Heading => ("heading", None),
            Form::Bullet => ("item", Some("•".to_owned())),
            Form::Number => ("item", Some(format!("{}.", number(lines, at)))),
            Form::Code => ("code", None),
            Form::Quote => ("quote", None),
            Form::ToDo { done: false } => ("item", Some("☐".to_owned())),
            Form::ToDo { done: true } => ("item", Some("☑".to_owned())),
            Form::Rule => ("rule", None),
            Form::Picture(_) | Form::File(_) => ("media", None),
            Form::Table { .. } => ("table", None),
        };
        let inside = match &line.form {
            Form::Picture(token) => media::picture(self.state, token, self.words),
            Form::File(name) => media::file(name, self.words),
            Form::Table { rows, has_header } => self.table(rows, *has_header),
            _ => html! { @for run in &line.runs { (run_of(run)) } },
        };
        html! {
            div id=[id] .{ "line " (class) " depth-" (line.depth.min(4)) } {
                @if let Some(mark) = mark { span.mark { (mark) } " " }
                (inside)
            }
        }
    }

    fn table(&self, rows: &[Vec<Vec<Line>>], has_header: bool) -> Markup {
        let cell = |lines: &Vec<Line>| html! { @for at in 0..lines.len() { (self.line(lines, at, None)) } };
        let (header, rows) = rows.split_at(usize::from(has_header).min(rows.len()));
        html! {
            table {
                @for row in header {
                    thead { tr { @for lines in row { th scope="col" { (cell(lines)) } } } }
                }
                tbody {
                    @for row in rows { tr { @for lines in row { td { (cell(lines)) } } } }
                }
            }
        }
    }
}

fn run_of(run: &Run) -> Markup {
    let text = html! {
        span.bold[run.bold].italic[run.italic].struck[run.struck].mono[run.code]
            .faint[run.colored].mention[run.mention] { (run.text) }
    };
    match &run.href {
        Some(href) => rich::link(href, &text),
        None => text,
    }
}
