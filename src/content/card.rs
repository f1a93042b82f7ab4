//! Conversion of an entry to the Markdown of cards.
//!
//! The official page of the rich text component has the syntax and the escapes. Underlines are
//! dropped, because cards have none; a mention of everyone, a table and a file become text.

use std::fmt::Write as _;
use std::mem::discriminant;

use super::document::{Block, Document, Inline, Marker, Run, TextStyle};
use super::entry::Entry;
use super::mention::everyone;
use crate::language::Language;

/// Deeper headings do not exist.
const DEEPEST_HEADING: u8 = 6;

impl Entry {
    /// The text and the signature.
    pub(crate) fn to_card(&self) -> (String, Option<String>) {
        let signature = self.signature_line().map(|line| line.to_card());
        (self.text().to_card(), signature)
    }
}

impl Document {
    pub(super) fn to_card(&self) -> String {
        let language = self.language();
        let mut text = String::new();
        write_blocks(&self.blocks, language, &mut text);
        text
    }
}

fn write_blocks(blocks: &[Block], language: Language, text: &mut String) {
    let mut last: Option<&Block> = None;
    for block in blocks {
        if let Block::Table(table) = block {
            if last.is_some() {
                text.push_str("\n\n");
            }
            write_blocks(&table.to_text(language), language, text);
        } else {
            if let Some(last) = last {
                text.push_str(between(last, block));
            }
            text.push_str(&line(block, language));
        }
        last = Some(block);
    }
}

/// A line that follows an item or a quote would continue it, and a paragraph above a divider would
/// become a heading.
fn between(last: &Block, next: &Block) -> &'static str {
    if discriminant(last) == discriminant(next) {
        "\n"
    } else {
        "\n\n"
    }
}

fn line(block: &Block, language: Language) -> String {
    let content = || content(block.content(), language);
    match block {
        Block::Paragraph(_) => content(),
        Block::Heading { level, .. } => {
            let level = usize::from(level.get().min(DEEPEST_HEADING));
            format!("{} {}", "#".repeat(level), content())
        }
        Block::ListItem { marker, depth, .. } => {
            let indent = "    ".repeat(usize::from(*depth));
            match marker {
                Marker::Bullet => format!("{indent}- {}", content()),
                Marker::Number(number) => format!("{indent}{number}. {}", content()),
            }
        }
        Block::Quote(_) => format!("> {}", content()),
        Block::Code { language, text } => {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let language = Some(language).filter(|name| name.chars().all(is_name));
            let language = language.map_or("", String::as_str);
            let text = without_tags(&text.replace("```", "｀｀｀"));
            format!("```{language}\n{text}\n```")
        }
        Block::Divider => "---".to_owned(),
        Block::Media(media) => without_number(escaped(&media.line(language), true)),
        // Written as text before.
        Block::Table(_) => String::new(),
    }
}

/// The content of a line.
fn content(content: &[Inline], language: Language) -> String {
    let mut line = String::new();
    for (index, inline) in content.iter().enumerate() {
        let is_first = line.is_empty();
        match inline {
            Inline::Text(run) => {
                let next = content.get(index + 1).and_then(first_character);
                write_run(run, is_first, next, &mut line);
            }
            // Cards show the name that the platform knows.
            Inline::Mention { open_id, .. } => {
                // Writing to a string cannot fail.
                let _ = write!(line, "<at id=\"{open_id}\"></at>");
            }
            Inline::Everyone => line.push_str(everyone(language)),
        }
    }
    without_number(line)
}

/// Escapes what would begin a numbered item, which may consist of several runs.
fn without_number(mut line: String) -> String {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let mark = line[digits..].chars().next();
    if let Some(mark @ ('.' | ')')) = mark.filter(|_| digits > 0) {
        line.replace_range(digits..=digits, &format!("&#{};", u32::from(mark)));
    }
    line
}

fn first_character(inline: &Inline) -> Option<char> {
    match inline {
        Inline::Text(run) => run.text.chars().next(),
        Inline::Mention { .. } | Inline::Everyone => None,
    }
}

fn write_run(run: &Run, is_first: bool, next: Option<char>, line: &mut String) {
    let text = run.text.trim();
    let at = run.text.find(text).unwrap_or(0);
    let (before, after) = (&run.text[..at], &run.text[at + text.len()..]);
    if is_first {
        // Four spaces, or a tab, would begin a block of code.
        line.push_str(&before.replace('\t', "    ").replace(' ', "&nbsp;"));
    } else {
        line.push_str(before);
    }
    let marks = marks(&run.style);
    if text.is_empty() || marks.is_empty() && run.style.link.is_none() && !run.style.code {
        line.push_str(&escaped(text, is_first && before.is_empty()));
        line.push_str(after);
        return;
    }
    // Marks beside a letter have no effect if there is punctuation on their other side.
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let is_wrapped = !marks.is_empty();
    if is_wrapped && is_word(line.chars().next_back()) && !is_word(text.chars().next()) {
        line.push(' ');
    }
    let inner = if run.style.code {
        format!("`{}`", without_tags(&text.replace('`', "｀")))
    } else {
        escaped(text, false)
    };
    let inner = match &run.style.link {
        Some(link) => format!("[{inner}]({})", address(link)),
        None => inner,
    };
    line.push_str(&marks);
    line.push_str(&inner);
    line.extend(marks.chars().rev());
    if is_wrapped && after.is_empty() && is_word(next) && !is_word(text.chars().next_back()) {
        line.push(' ');
    }
    line.push_str(after);
}

fn marks(style: &TextStyle) -> String {
    [
        (style.strike, "~~"),
        (style.bold, "**"),
        (style.italic, "*"),
    ]
    .into_iter()
    .filter_map(|(is_on, mark)| is_on.then_some(mark))
    .collect()
}

/// The text of code, in which escapes have no meaning. Whether tags have one there is not documented,
/// and a mention of everyone is not for everybody.
fn without_tags(text: &str) -> String {
    let is_tag = |at: usize| {
        let name = text.get(at + 1..at + 3);
        name.is_some_and(|name| name.eq_ignore_ascii_case("at"))
    };
    let chars = text.char_indices();
    chars
        .map(|(at, c)| if c == '<' && is_tag(at) { '＜' } else { c })
        .collect()
}

/// An address without the characters that end it.
fn address(link: &str) -> String {
    let escaped = |c: char| match c {
        '(' => "%28".to_owned(),
        ')' => "%29".to_owned(),
        '<' => "%3C".to_owned(),
        '>' => "%3E".to_owned(),
        c if c.is_whitespace() || c.is_control() => String::new(),
        c => c.to_string(),
    };
    link.chars().map(escaped).collect()
}

/// Escapes the characters that have a meaning, those at the start of a line only there.
fn escaped(text: &str, starts_line: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        let is_special = match c {
            '\\' | '*' | '_' | '~' | '`' | '[' | ']' | '<' | '>' | '#' | '|' | '$' | '&' => true,
            // The name of an emoji may follow.
            ':' => next.is_some_and(|next| next.is_ascii_alphabetic()),
            '-' | '+' | '=' => starts_line && at == 0,
            _ => false,
        };
        if is_special {
            // Writing to a string cannot fail.
            let _ = write!(shown, "&#{};", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use pulldown_cmark::{Event, Options, Parser, Tag};

    use super::super::Mention;
    use super::*;

    fn shown(markdown: &str) -> String {
        let mention = Mention {
            key: "@_user_1".to_owned(),
            name: "Lin".to_owned(),
            open_id: Some("ou_1".into()),
            is_me: false,
        };
        Document::from_markdown(markdown, &[mention]).to_card()
    }

    #[test]
    fn formatting_becomes_markdown_of_cards() {
        for (typed, expected) in [
            ("lunch\nat noon", "lunch\nat noon"),
            ("**Lunch** at *one*", "**Lunch** at *one*"),
            ("~~**a**~~ `b*`", "~~**a**~~ `b*`"),
            ("# A\ntext", "# A\n\ntext"),
            ("- a\n  - b\n3. c\nd", "- a\n    - b\n3. c\n\nd"),
            ("> a\n---\nb", "> a\n\n---\n\nb"),
            ("```rust\nlet a;\n```", "```rust\nlet a;\n```"),
            ("[map](https://e.cn/a(b))", "[map](https://e.cn/a%28b%29)"),
            ("@_user_1 @_all", "<at id=\"ou_1\"></at> @all"),
            ("今晚**停电：**全楼", "今晚**停电：** 全楼"),
            ("| a | b |\n|---|---|\n| 1 | 2 |", "```\na | b\n1 | 2\n```"),
        ] {
            assert_eq!(shown(typed), expected, "{typed}");
        }
    }

    #[test]
    fn typed_characters_have_no_meaning() {
        for text in [
            "<at id=all></at>",
            "2*3*4 and a_b_c ~~",
            "[here](https is)",
            "- no item",
            "1. no item",
            "1) no item",
            "+ no item",
            "# no title",
            "| no | table |",
            "=== no title",
            "    no code",
            "\tno code",
            "` no code `",
            "\\*",
            "&#42; &lt;",
        ] {
            let document = Document {
                blocks: vec![
                    Block::Paragraph(vec![Inline::plain("above")]),
                    Block::Paragraph(vec![Inline::plain(text)]),
                ],
                ..Document::default()
            };
            let markdown = document.to_card();
            let mut words = String::new();
            for event in Parser::new_ext(&markdown, Options::all()) {
                match event {
                    Event::Text(part) => words.push_str(&part),
                    Event::SoftBreak => words.push('\n'),
                    Event::Start(tag) => assert_eq!(tag, Tag::Paragraph, "{markdown}"),
                    Event::End(_) => {}
                    other => panic!("{other:?} in {markdown}"),
                }
            }
            let words = words.replace('\u{a0}', " ");
            let text = text.replace('\t', "    ");
            assert_eq!(words.trim(), format!("above\n{text}").trim(), "{markdown}");
        }
        assert_eq!(shown(":OK: at 9:00"), "&#58;OK: at 9:00");
        // Underlines are dropped.
        let underlined = Inline::Text(Run {
            text: "1".to_owned(),
            style: TextStyle {
                underline: true,
                ..TextStyle::default()
            },
        });
        let line = [underlined, Inline::plain(". no item")];
        assert_eq!(content(&line, Language::En), "1&#46; no item");
        for code in ["`<at id=all></at>`", "```\n<AT id=all></AT> <b>\n```"] {
            let shown = shown(code);
            assert!(!shown.to_ascii_lowercase().contains("<at"), "{shown}");
        }
    }
}
