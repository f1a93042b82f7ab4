//! A short notation for documents, for tests.

use crate::content::document::{Block, Document, Inline, Run};
use crate::language::Language;

/// A line for each block: `p`, `h1`, `-`, `1.`, `>`, `code language|line|line` or `divider`, and
/// in it `[b:bold]`, `[caption](url)`, `<open_id>` and `<all>`.
pub(crate) fn show(document: &Document) -> Vec<String> {
    document.blocks.iter().map(block).collect()
}

fn block(block: &Block) -> String {
    let words: String = block.content().iter().map(inline).collect();
    match block {
        Block::Paragraph(_) => format!("p {words}"),
        Block::Heading { level, .. } => format!("h{} {words}", level.get()),
        Block::ListItem { marker, depth, .. } => {
            format!("{}{}{words}", "  ".repeat((*depth).into()), marker.words())
        }
        Block::Quote(_) => format!("> {words}"),
        Block::Code { language, text } => format!("code {language}|{}", text.replace('\n', "|")),
        Block::Divider => "divider".to_owned(),
        Block::Media(file) => file.line(Language::En),
        Block::Table(table) => {
            let rows = table.row_texts(Language::En);
            format!("table|{}", rows.collect::<Vec<_>>().join("|"))
        }
    }
}

fn inline(inline: &Inline) -> String {
    let Inline::Text(Run { text, style }) = inline else {
        return match inline {
            Inline::Mention { open_id, .. } => format!("<{open_id}>"),
            Inline::Text(_) | Inline::Everyone => "<all>".to_owned(),
        };
    };
    let switches = [
        (style.bold, 'b'),
        (style.italic, 'i'),
        (style.strike, 's'),
        (style.underline, 'u'),
        (style.code, 'c'),
    ];
    let on: String = switches
        .iter()
        .filter_map(|(on, letter)| on.then_some(*letter))
        .collect();
    match (&style.link, on.as_str()) {
        (Some(link), "") => format!("[{text}]({link})"),
        (Some(link), on) => format!("[{on}:{text}]({link})"),
        (None, "") => text.clone(),
        (None, on) => format!("[{on}:{text}]"),
    }
}
