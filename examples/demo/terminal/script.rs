//! A file with lines to type and their expected output.
//!
//! Output is indented by four spaces and follows the typed line. Comments begin with `#`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::session::Session;

const INDENT: &str = "    ";
/// Far more than any line takes.
const TIMEOUT: Duration = Duration::from_secs(30);
/// After these words the rest of the line differs in every run.
const VOLATILE_PREFIXES: [&str; 4] = ["log id: ", "日志号：", "reference: ", "参考号："];

pub(crate) struct Script {
    path: PathBuf,
    items: Vec<Item>,
}

enum Item {
    /// A comment or an empty line.
    Comment(String),
    Step(Step),
}

/// A typed line and its expected output.
struct Step {
    /// The line number in the file, from 1.
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
                (Some(shown), Some(Item::Step(step))) => step.shown.push(shown.to_owned()),
                (Some(_), _) => bail!(
                    "line {} of the script `{}` is shown after nothing: put the typed line before it, without an indent",
                    at + 1,
                    path.display()
                ),
                (None, _) if line.is_empty() || line.starts_with('#') => {
                    items.push(Item::Comment(line.to_owned()));
                }
                (None, _) => items.push(Item::Step(Step {
                    number: at + 1,
                    typed: line.to_owned(),
                    shown: Vec::new(),
                })),
            }
        }
        Ok(Self { path, items })
    }

    /// Types every line and compares the output, or writes it into the file. Returns a summary.
    pub(crate) async fn run(mut self, mut session: Session, write: bool) -> anyhow::Result<String> {
        let path = self.path.display().to_string();
        let mut count = 0;
        for item in &mut self.items {
            let Item::Step(step) = item else { continue };
            let lines = tokio::time::timeout(TIMEOUT, session.run(&step.typed))
                .await
                .with_context(|| {
                    format!("{path}:{}: the bot did not finish in time", step.number)
                })??
                .unwrap_or_default();
            let shown = normalized(&lines);
            if write {
                step.shown = shown;
            } else if step.shown != shown {
                bail!("{path}:{}: {}", step.number, step.difference(&shown));
            }
            count += 1;
        }
        session.close().await?;
        if write {
            std::fs::write(&self.path, self.to_string())
                .with_context(|| format!("the script `{path}` cannot be written"))?;
            return Ok(format!(
                "{path}: {count} lines typed, what was shown is written down"
            ));
        }
        Ok(format!(
            "{path}: {count} lines typed, all was shown as expected"
        ))
    }
}

impl std::fmt::Display for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for item in &self.items {
            match item {
                Item::Comment(line) => writeln!(f, "{line}")?,
                Item::Step(step) => {
                    writeln!(f, "{}", step.typed)?;
                    for line in &step.shown {
                        writeln!(f, "{INDENT}{line}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Step {
    /// The expected and the actual output.
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

/// Removes text that differs in every run, even if it continues in the next line, and empty lines,
/// which would end the output.
fn normalized(lines: &[String]) -> Vec<String> {
    let mut shown: Vec<String> = Vec::new();
    for line in lines.iter().filter(|line| !line.is_empty()) {
        let is_cut = shown.last().is_some_and(|last| last.ends_with('…'));
        let is_rest = is_cut && line.trim().bytes().all(|byte| byte.is_ascii_hexdigit());
        let volatile = VOLATILE_PREFIXES
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
