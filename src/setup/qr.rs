//! A QR code for a terminal.

use qrcode::{Color, EcLevel, QrCode};

/// Light modules around the code; fewer in a narrow terminal.
const MARGINS: [usize; 2] = [2, 1];
/// Black on white, so that the code is the same in light and dark terminals.
const COLORS: &str = "\x1b[30;107m";
const RESET: &str = "\x1b[0m";

/// Two modules a character, one above the other. `None` if the code is too wide for the terminal, or
/// the text too long for a code.
pub(super) fn render(text: &str, columns: usize) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let (width, modules) = (code.width(), code.to_colors());
    let fits = |margin: &usize| width + 2 * margin <= columns;
    let margin = MARGINS.into_iter().find(fits)?;
    let side = width + 2 * margin;
    let is_dark = |x: usize, y: usize| {
        let inside = |at: usize| at.checked_sub(margin).filter(|at| *at < width);
        let module = inside(x)
            .zip(inside(y))
            .map(|(x, y)| modules[y * width + x]);
        module == Some(Color::Dark)
    };
    let mut lines = String::new();
    for y in (0..side).step_by(2) {
        lines.push_str(COLORS);
        lines.extend((0..side).map(|x| match (is_dark(x, y), is_dark(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        }));
        lines.push_str(RESET);
        lines.push('\n');
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The dark modules of a rendered code.
    fn read(rendered: &str) -> Vec<Vec<bool>> {
        let mut rows = Vec::new();
        for line in rendered.lines() {
            let line = line
                .strip_prefix(COLORS)
                .unwrap()
                .strip_suffix(RESET)
                .unwrap();
            rows.push(line.chars().map(|c| matches!(c, '█' | '▀')).collect());
            rows.push(line.chars().map(|c| matches!(c, '█' | '▄')).collect());
        }
        rows
    }

    #[test]
    fn the_modules_are_those_of_the_code() {
        let code = QrCode::with_error_correction_level("https://a.b", EcLevel::L).unwrap();
        let width = code.width();
        for (columns, margin) in [(80, 2), (width + 4, 2), (width + 3, 1), (width + 2, 1)] {
            let rows = read(&render("https://a.b", columns).unwrap());
            let side = width + 2 * margin;
            assert_eq!(rows.len(), side.next_multiple_of(2));
            for (y, row) in rows.iter().enumerate() {
                assert_eq!(row.len(), side);
                for (x, dark) in row.iter().enumerate() {
                    let inside = |at: usize| (margin..margin + width).contains(&at);
                    let expected =
                        inside(x) && inside(y) && code[(x - margin, y - margin)] == Color::Dark;
                    assert_eq!(*dark, expected, "{x} {y}");
                }
            }
        }
        assert!(render("https://a.b", width + 1).is_none());
    }

    #[test]
    fn a_narrow_terminal_has_no_code() {
        // The longest text for eighty columns.
        let text = "x".repeat(520);
        assert!(render(&text, 80).is_some());
        assert!(render(&"x".repeat(521), 80).is_none());
        assert!(render(&text, 60).is_none());
        assert!(render(&"x".repeat(4000), 1000).is_none());
    }
}
