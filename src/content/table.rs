//! Tables: found in typed lines, and written as text where a table is not possible.

use unicode_width::UnicodeWidthStr as _;

use super::document::{Block, Inline, Table, TextStyle, merged, words};
use crate::language::Language;

/// Most cells of the tables of one text. A cell may take a call of its own, of which the platform
/// allows three a second, so larger tables are written as text.
pub(super) const MOST_CELLS: usize = 200;
/// Most columns of a table; each after the ninth takes a call.
const MOST_COLUMNS: usize = 20;
/// Most columns of characters of a table that is aligned; Chinese characters take two.
const MOST_WIDTH: usize = 80;

impl Table {
    pub(super) fn column_count(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// Whether it fits into a table of an announcement, after that many cells of others.
    pub(super) fn fits(&self, cells: usize) -> bool {
        let columns = self.column_count();
        (1..=MOST_COLUMNS).contains(&columns) && cells + self.cell_count() <= MOST_CELLS
    }

    /// Including those that its shorter rows lack.
    pub(super) fn cell_count(&self) -> usize {
        self.rows.len() * self.column_count()
    }

    /// The width of each column in pixels.
    pub(super) fn column_widths(&self, language: Language) -> Vec<u32> {
        let widths = self.text_widths(language).into_iter();
        let pixels = widths.map(|width| u32::try_from(8 * width + 32).unwrap_or(u32::MAX));
        pixels.map(|width| width.clamp(80, 360)).collect()
    }

    /// The rows as text: aligned, if no cell has formatting and no line gets too long; else as lines.
    pub(super) fn to_text(&self, language: Language) -> Vec<Block> {
        if let Some(text) = self.aligned(language) {
            let language = String::new();
            return vec![Block::Code { language, text }];
        }
        let rows = self.rows.iter().map(|row| {
            let mut line = Vec::new();
            for (number, cell) in row.iter().enumerate() {
                if number > 0 {
                    line.push(Inline::plain(Self::BETWEEN));
                }
                line.extend(cell.iter().cloned());
            }
            Block::Paragraph(merged(line))
        });
        rows.collect()
    }

    fn aligned(&self, language: Language) -> Option<String> {
        let plain = TextStyle::default();
        let is_plain = |inline: &Inline| matches!(inline, Inline::Text(run) if run.style == plain);
        let mut cells = self.rows.iter().flatten().flatten();
        let widths = self.text_widths(language);
        let gaps = Self::BETWEEN.len() * widths.len().saturating_sub(1);
        if !cells.all(is_plain) || widths.iter().sum::<usize>() + gaps > MOST_WIDTH {
            return None;
        }
        let line = |row: &Vec<Vec<Inline>>| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| {
                let text = words(cell, language);
                let blanks = " ".repeat(width.saturating_sub(text.width()));
                text + &blanks
            });
            let line = cells.collect::<Vec<_>>().join(Self::BETWEEN);
            line.trim_end().to_owned()
        };
        let lines = self.rows.iter().map(line);
        Some(lines.collect::<Vec<_>>().join("\n"))
    }

    /// The widest text of each column, in columns of characters.
    fn text_widths(&self, language: Language) -> Vec<usize> {
        let mut widths = vec![0; self.column_count()];
        for row in &self.rows {
            for (cell, width) in row.iter().zip(&mut widths) {
                *width = words(cell, language).width().max(*width);
            }
        }
        widths
    }

    /// The table at the start of these blocks, and the number of its lines.
    fn at_start(blocks: &[Block]) -> Option<(Self, usize)> {
        let [
            Block::Paragraph(names),
            Block::Paragraph(dashes),
            after @ ..,
        ] = blocks
        else {
            return None;
        };
        let columns = column_count(dashes)?;
        let names = cells(names).filter(|names| names.len() == columns)?;
        let rows = after.iter().map_while(|block| match block {
            Block::Paragraph(content) => cells(content),
            _ => None,
        });
        let rows: Vec<_> = [names].into_iter().chain(rows).collect();
        let lines = rows.len() + 1;
        Some((Self { rows }, lines))
    }
}

/// Turns lines in the form of a Markdown table into a table: a line with the names of the columns, a
/// line of dashes, and the lines with pipes after it.
pub(super) fn with_tables(blocks: Vec<Block>) -> Vec<Block> {
    let is_dashes = |block: &Block| match block {
        Block::Paragraph(content) => column_count(content).is_some(),
        _ => false,
    };
    if !blocks.iter().any(is_dashes) {
        return blocks;
    }
    let mut folded = Vec::with_capacity(blocks.len());
    let mut rest = blocks.as_slice();
    while let Some((first, after)) = rest.split_first() {
        if let Some((table, lines)) = Table::at_start(rest) {
            folded.push(Block::Table(table));
            rest = &rest[lines..];
        } else {
            folded.push(first.clone());
            rest = after;
        }
    }
    folded
}

/// The number of columns that a line of dashes has; `None` for any other line.
fn column_count(content: &[Inline]) -> Option<usize> {
    let mut line = String::new();
    for inline in content {
        match inline {
            Inline::Text(run) if run.style == TextStyle::default() => line.push_str(&run.text),
            _ => return None,
        }
    }
    let line = line.trim();
    if !line.contains('|') {
        return None;
    }
    let inner = line.strip_prefix('|').unwrap_or(line);
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    let is_dashes = |cell: &str| {
        let cell = cell.trim();
        let cell = cell.strip_prefix(':').unwrap_or(cell);
        let cell = cell.strip_suffix(':').unwrap_or(cell);
        !cell.is_empty() && cell.bytes().all(|byte| byte == b'-')
    };
    let mut columns = inner.split('|');
    let count = columns.clone().count();
    columns.all(is_dashes).then_some(count)
}

/// The cells of a row; `None` for a line without pipes. Pipes in code and in links are text, and so
/// are those after a backslash.
fn cells(content: &[Inline]) -> Option<Vec<Vec<Inline>>> {
    let mut cells = vec![Vec::new()];
    for inline in content {
        match inline {
            Inline::Text(run) if !run.style.code && run.style.link.is_none() => {
                for (number, part) in split_pipes(&run.text).into_iter().enumerate() {
                    if number > 0 {
                        cells.push(Vec::new());
                    }
                    cells.last_mut()?.push(Inline::styled(part, &run.style));
                }
            }
            inline => cells.last_mut()?.push(inline.clone()),
        }
    }
    if cells.len() == 1 {
        return None;
    }
    let mut cells: Vec<Vec<Inline>> = cells.into_iter().map(trimmed).collect();
    // Pipes around the row are optional.
    if cells.last().is_some_and(Vec::is_empty) {
        cells.pop();
    }
    if cells.len() > 1 && cells.first().is_some_and(Vec::is_empty) {
        cells.remove(0);
    }
    Some(cells)
}

fn split_pipes(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, parts.last_mut()) {
            ('\\', Some(part)) if rest.peek() == Some(&'|') => {
                part.push('|');
                rest.next();
            }
            ('|', _) => parts.push(String::new()),
            (c, Some(part)) => part.push(c),
            (_, None) => {}
        }
    }
    parts
}

/// A cell without blanks around its content.
fn trimmed(cell: Vec<Inline>) -> Vec<Inline> {
    let mut cell = merged(cell);
    if let Some(Inline::Text(run)) = cell.first_mut() {
        run.text = run.text.trim_start().to_owned();
    }
    if let Some(Inline::Text(run)) = cell.last_mut() {
        run.text = run.text.trim_end().to_owned();
    }
    merged(cell)
}

#[cfg(test)]
mod tests {
    use super::super::{Document, Mention};
    use super::*;

    fn document(markdown: &str) -> Document {
        let mention = Mention {
            key: "@_user_1".to_owned(),
            name: "小林".to_owned(),
            open_id: Some("ou_lin".into()),
            is_me: false,
        };
        Document::from_markdown(markdown, &[mention])
    }

    /// Each row of the first table, its cells in brackets.
    fn check(markdown: &str, expected: &[&str]) {
        let document = document(markdown);
        let tables = document.blocks.iter().filter_map(|block| match block {
            Block::Table(table) => Some(table),
            _ => None,
        });
        let rows = tables.flat_map(|table| &table.rows).map(|row| {
            let cells = row
                .iter()
                .map(|cell| format!("[{}]", words(cell, Language::En)));
            cells.collect::<String>()
        });
        assert_eq!(rows.collect::<Vec<_>>(), expected, "{markdown}");
    }

    #[test]
    fn lines_with_pipes_and_dashes_are_a_table() {
        let expected = ["[a][b]", "[1][2]"];
        check("| a | b |\n|---|---|\n| 1 | 2 |", &expected);
        check("a | b\n:-- | --:\n1 | 2", &expected);
        check("text\n| a | b |\n|-|:-:|\n| 1 | 2 |\nafter", &expected);
        check("| a |\n|---|\n| 1 |", &["[a]", "[1]"]);
    }

    #[test]
    fn rows_keep_every_cell() {
        check(
            "| a | b |\n|---|---|\n| 1 |\n| 1 | | 3 | 4\n||\n| | x |",
            &["[a][b]", "[1]", "[1][][3][4]", "[]", "[][x]"],
        );
        check(
            "| a | `x|y` |\n|---|---|\n| 1 \\| 2 | @_user_1 |",
            &["[a][x|y]", "[1 | 2][@小林]"],
        );
    }

    #[test]
    fn other_lines_with_pipes_are_text() {
        for text in [
            "a | b",
            "a | b\n---",
            "| a | b |\n|---|",
            "a\n|---|",
            "> | a |\n> |---|",
            "- | a |\n  |---|",
            "```\n| a |\n|---|\n```",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn cells_keep_their_formatting() {
        let document = document("| a |\n|---|\n| **b** [c](https://c.cn) |");
        let Block::Table(table) = &document.blocks[0] else {
            panic!("{document:?}")
        };
        let bold = TextStyle {
            bold: true,
            ..TextStyle::default()
        };
        let link = TextStyle::default().with_link("https://c.cn");
        let expected = [
            Inline::styled("b", &bold),
            Inline::plain(" "),
            Inline::styled("c", &link),
        ];
        assert_eq!(table.rows[1][0], expected);
    }

    #[test]
    fn plain_cells_are_aligned_by_display_width() {
        let document = document("| 项目 | n |\n|---|---|\n| 停电 🔌 | 1 |\n| ab | 20 |");
        let Block::Table(table) = &document.blocks[0] else {
            panic!("{document:?}")
        };
        let text = "项目    | n\n停电 🔌 | 1\nab      | 20";
        let language = String::new();
        let code = Block::Code {
            language,
            text: text.to_owned(),
        };
        assert_eq!(table.to_text(Language::Zh), [code]);
    }

    #[test]
    fn formatted_or_long_cells_are_lines() {
        let long = "字".repeat(41);
        for markdown in [
            format!("| a | b |\n|---|---|\n| {long} | 1 |"),
            "| a | b |\n|---|---|\n| **x** | 1 |".to_owned(),
        ] {
            let document = document(&markdown);
            let Block::Table(table) = &document.blocks[0] else {
                panic!("{document:?}")
            };
            let text = table.to_text(Language::En);
            assert_eq!(text[0], Block::Paragraph(vec![Inline::plain("a | b")]));
            assert_eq!(text.len(), 2);
        }
    }
}
