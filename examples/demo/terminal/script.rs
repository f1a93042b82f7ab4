//! A conversation in a file: lines to type, each with what is to be shown.
//!
//! A line at the margin is typed; a line indented by four spaces is shown
//! after it; what begins with `#` is a comment.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::session::Session;

const INDENT: &str = "    ";
/// Far more than any line takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// The words before text that differs in every run, up to its line's end.
const BEFORE_VOLATILE: [&str; 4] = ["log id: ", "日志号：", "reference: ", "参考号："];

/// A script that has been read.
pub(crate) struct Script {
    path: PathBuf,
    items: Vec<Item>,
}

enum Item {
    /// A comment or an empty line.
    Remark(String),
    Turn(Turn),
}

/// A typed line and what is shown after it.
struct Turn {
    /// Its line in the file, counted from 1.
    number: usize,
    typed: String,
    shown: Vec<String>,
}

impl Script {
    pub(crate) fn read(path: PathBuf) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "the script `{}` cannot be read: check the path",
                path.display()
            )
        })?;
        let mut items = Vec::new();
        for (at, line) in text.lines().enumerate() {
            match (line.strip_prefix(INDENT), items.last_mut()) {
                (Some(shown), Some(Item::Turn(turn))) => turn.shown.push(shown.to_owned()),
                (Some(_), _) => bail!(
                    "line {} of the script `{}` is shown after nothing: put the typed line before it, without an indent",
                    at + 1,
                    path.display()
                ),
                (None, _) if line.is_empty() || line.starts_with('#') => {
                    items.push(Item::Remark(line.to_owned()));
                }
                (None, _) => items.push(Item::Turn(Turn {
                    number: at + 1,
                    typed: line.to_owned(),
                    shown: Vec::new(),
                })),
            }
        }
        Ok(Self { path, items })
    }

    /// Types every line and compares what is shown, or writes it into the file.
    /// The answer is what came of it, in a sentence.
    pub(crate) async fn play(
        mut self,
        mut session: Session,
        write: bool,
    ) -> anyhow::Result<String> {
        let path = self.path.display().to_string();
        let mut played = 0;
        for item in &mut self.items {
            let Item::Turn(turn) = item else { continue };
            let lines = tokio::time::timeout(PATIENCE, session.turn(&turn.typed))
                .await
                .with_context(|| {
                    format!("{path}:{}: the bot does not come to an end", turn.number)
                })??
                .unwrap_or_default();
            let shown = settled(&lines);
            if write {
                turn.shown = shown;
            } else if turn.shown != shown {
                bail!("{path}:{}: {}", turn.number, turn.difference(&shown));
            }
            played += 1;
        }
        session.close().await?;
        if write {
            std::fs::write(&self.path, self.to_string())
                .with_context(|| format!("the script `{path}` cannot be written"))?;
            return Ok(format!(
                "{path}: {played} lines typed, what was shown is written down"
            ));
        }
        Ok(format!(
            "{path}: {played} lines typed, all was shown as expected"
        ))
    }
}

impl std::fmt::Display for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for item in &self.items {
            match item {
                Item::Remark(line) => writeln!(f, "{line}")?,
                Item::Turn(turn) => {
                    writeln!(f, "{}", turn.typed)?;
                    for line in &turn.shown {
                        writeln!(f, "{INDENT}{line}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Turn {
    /// Both versions, line by line.
    fn difference(&self, got: &[String]) -> String {
        let mut text = format!("after `{}`", self.typed);
        for (name, lines) in [("expected", self.shown.as_slice()), ("got", got)] {
            write!(text, "\n{name}:").ok();
            for line in lines {
                write!(text, "\n{INDENT}{line}").ok();
            }
        }
        text
    }
}

/// The lines without what is different in every run, also where that goes on
/// in the next line, and without empty ones, which would end what is shown.
fn settled(lines: &[String]) -> Vec<String> {
    let mut shown: Vec<String> = Vec::new();
    for line in lines.iter().filter(|line| !line.is_empty()) {
        let is_cut = shown.last().is_some_and(|last| last.ends_with('…'));
        let is_rest = is_cut && line.trim().bytes().all(|byte| byte.is_ascii_hexdigit());
        let volatile = BEFORE_VOLATILE
            .iter()
            .find_map(|before| Some(line.find(before)? + before.len()));
        match volatile {
            _ if is_rest => {}
            Some(at) => shown.push(format!("{}…", &line[..at])),
            None => shown.push(line.trim_end().to_owned()),
        }
    }
    shown
}
