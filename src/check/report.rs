//! The report, as text and as JSON.

use std::fmt;

use serde::Serialize;
use tokio::sync::mpsc::UnboundedSender;

use super::console::{Console, Page};
use crate::text::{printable, printable_json};

#[derive(Debug, Default)]
pub struct Report {
    checks: Vec<Check>,
    console: Console,
    /// Gets each check when it is complete.
    listener: Option<UnboundedSender<Check>>,
    told: usize,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
    /// The page of the developer console where it is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Good,
    /// Does not prevent the bot from working, or could not be checked.
    Note,
    Bad,
}

impl Report {
    pub(super) fn new(console: Console) -> Self {
        Self {
            console,
            ..Self::default()
        }
    }

    pub(super) fn told_to(self, listener: Option<UnboundedSender<Check>>) -> Self {
        Self { listener, ..self }
    }

    pub(crate) fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Tells the listener what it does not know yet. The last check may still get a link, so it waits
    /// for the next one or for the end.
    pub(super) fn tell(&mut self) {
        if let Some(listener) = &self.listener {
            for check in &self.checks[self.told..] {
                // Without a listener, the report is still complete.
                let _ = listener.send(check.clone());
            }
            self.told = self.checks.len();
        }
    }

    pub fn is_good(&self) -> bool {
        self.problems() == 0
    }

    pub fn to_json(&self) -> serde_json::Result<String> {
        #[derive(Serialize)]
        struct JsonReport<'a> {
            good: bool,
            checks: &'a [Check],
        }
        let json = serde_json::to_string_pretty(&JsonReport {
            good: self.is_good(),
            checks: &self.checks,
        })?;
        Ok(printable_json(&json).into_owned())
    }

    pub(super) fn good(&mut self, name: &'static str, text: impl Into<String>) {
        self.add(name, Verdict::Good, text, None);
    }

    pub(super) fn note(&mut self, name: &'static str, text: impl Into<String>) {
        self.add(name, Verdict::Note, text, None);
    }

    /// A note with a remedy.
    pub(super) fn hint(
        &mut self,
        name: &'static str,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(name, Verdict::Note, text, Some(remedy.into()));
    }

    pub(super) fn bad(
        &mut self,
        name: &'static str,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(name, Verdict::Bad, text, Some(remedy.into()));
    }

    /// Adds the page where the last problem is fixed.
    pub(super) fn link(&mut self, page: Page<'_>) {
        let link = self.console.link(page);
        if let Some(last) = self.checks.last_mut() {
            last.link = link;
        }
    }

    fn add(
        &mut self,
        name: &'static str,
        verdict: Verdict,
        text: impl Into<String>,
        remedy: Option<String>,
    ) {
        self.tell();
        let text = text.into();
        self.checks.push(Check {
            name,
            verdict,
            text,
            remedy,
            link: None,
        });
    }

    fn problems(&self) -> usize {
        let bad = |check: &&Check| check.verdict == Verdict::Bad;
        self.checks.iter().filter(bad).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Check {
            name,
            verdict,
            text,
            remedy,
            link,
        } in &self.checks
        {
            let sign = match verdict {
                Verdict::Good => "✓",
                Verdict::Note => "!",
                Verdict::Bad => "✗",
            };
            writeln!(f, "{sign} {name}: {}", printable(text))?;
            if let Some(remedy) = remedy {
                writeln!(f, "  → {}", printable(remedy))?;
            }
            if let Some(link) = link {
                writeln!(f, "    {}", printable(link))?;
            }
        }
        match self.problems() {
            0 => writeln!(f, "\nNo problems found."),
            1 => writeln!(f, "\n1 problem found."),
            count => writeln!(f, "\n{count} problems found."),
        }
    }
}
