//! What the program knows of the terminal, and questions to the person at it.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

/// The columns of the terminal that standard output goes to; `None` if it is no terminal.
pub(crate) fn columns() -> Option<u16> {
    let out = io::stdout();
    if !out.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&out).ok()?;
    Some(size.ws_col)
}

/// Whether somebody can be asked.
pub(crate) fn has_person() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Asks a question on standard output; anything but yes is no.
pub(crate) fn ask(question: &str) -> io::Result<bool> {
    let mut out = io::stdout();
    write!(out, "{question}")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}
