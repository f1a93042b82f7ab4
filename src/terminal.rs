//! What an admin's terminal shows of what others have named.

use std::borrow::Cow;

/// The text without characters that move the cursor, colour what follows or end the line: whoever
/// names a group does not write the admin's screen.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let shown = |character: char| match character {
        control if control.is_control() => control.escape_default().collect(),
        other => String::from(other),
    };
    Cow::Owned(text.chars().map(shown).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_text_is_shown() {
        for (text, shown) in [
            ("Ops 运维 🙂", "Ops 运维 🙂"),
            ("Ops\u{1b}[31m\n✓ all good", "Ops\\u{1b}[31m\\n✓ all good"),
            ("a\u{9b}0mb\0\t", "a\\u{9b}0mb\\u{0}\\t"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }
}
