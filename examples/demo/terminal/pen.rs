//! Text output: columns, line breaks and colors.

/// The width of the output.
pub(crate) const COLUMNS: usize = 78;
/// Columns to the left of a chat, for the numbers of messages.
pub(crate) const MARGIN: usize = 6;

/// Writes text with or without color.
#[derive(Clone, Copy)]
pub(crate) struct Pen {
    colored: bool,
}

/// The meaning of a color.
#[derive(Clone, Copy)]
pub(crate) enum Ink {
    Person,
    Bot,
    Reaction,
    Frame,
    Aside,
    Error,
}

impl Pen {
    pub(crate) fn plain() -> Self {
        Self { colored: false }
    }

    pub(crate) fn colored() -> Self {
        Self { colored: true }
    }

    pub(crate) fn write(self, ink: Ink, text: &str) -> String {
        // "Select graphic rendition" of ECMA-48.
        let code = match ink {
            Ink::Person => "1",
            Ink::Bot => "1;34",
            Ink::Reaction => "1;32",
            Ink::Frame => "36",
            Ink::Aside => "2",
            Ink::Error => "31",
        };
        if self.colored {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// Texts in one frame, each below its title. The right side is open, because the width of a
    /// character depends on the terminal.
    pub(crate) fn frame(self, boards: &[(&str, &[String])]) -> Vec<String> {
        let columns = COLUMNS - MARGIN;
        let rule = |start: String| self.write(Ink::Frame, &format!("{start:─<columns$}"));
        let bar = self.write(Ink::Frame, "│");
        let mut lines = Vec::new();
        for (title, text) in boards {
            let corner = if lines.is_empty() { "┌" } else { "├" };
            lines.push(rule(format!("{corner} {title} ")));
            let inside = text.iter().flat_map(|text| wrap(text, columns - 2));
            lines.extend(inside.map(|line| format!("{bar} {line}")));
        }
        if !lines.is_empty() {
            lines.push(rule("└".to_owned()));
        }
        let margin = " ".repeat(MARGIN);
        lines.iter().map(|line| format!("{margin}{line}")).collect()
    }
}

/// Breaks text into lines of at most `columns`: at line breaks, after a space or a wide character,
/// otherwise within a word.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    text.split('\n')
        .flat_map(|line| wrap_line(line.trim_end(), columns))
        .collect()
}

fn wrap_line(line: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut start, mut used) = (0, 0);
    let mut gap = None;
    for (at, c) in line.char_indices() {
        used += width(c);
        if used > columns && c != ' ' {
            let end = gap.take().unwrap_or(at);
            lines.push(line[start..end].trim_end().to_owned());
            start = end;
            used = line[start..at].chars().map(width).sum::<usize>() + width(c);
        }
        if c == ' ' || width(c) == 2 {
            gap = Some(at + c.len_utf8());
        }
    }
    lines.push(line[start..].to_owned());
    lines
}

/// The width of a character: two for Chinese, its punctuation and emoji.
fn width(c: char) -> usize {
    let wide = matches!(c,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}' | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}');
    1 + usize::from(wide)
}
