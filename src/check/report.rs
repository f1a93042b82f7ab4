//! The answers, for people and for machines.

use std::fmt;

use serde::Serialize;

use crate::text::{printable, printable_json};

/// The answers to all questions, in order.
#[derive(Debug, Default)]
pub struct Report {
    checks: Vec<Check>,
}

/// The answer to one of them.
#[derive(Debug, Serialize)]
struct Check {
    /// What was looked at.
    name: &'static str,
    verdict: Verdict,
    /// What was found.
    text: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Good,
    /// It works, or cannot be known, but somebody should know.
    Note,
    Bad,
}

impl Report {
    /// Whether nothing was found that keeps the bot from its job.
    pub fn is_good(&self) -> bool {
        self.bad_ones() == 0
    }

    /// As a JSON object.
    ///
    /// # Errors
    ///
    /// None that could come up.
    pub fn to_json(&self) -> serde_json::Result<String> {
        #[derive(Serialize)]
        struct Whole<'a> {
            good: bool,
            checks: &'a [Check],
        }
        let json = serde_json::to_string_pretty(&Whole {
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

    /// A note with something to do about it.
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

    fn add(
        &mut self,
        name: &'static str,
        verdict: Verdict,
        text: impl Into<String>,
        remedy: Option<String>,
    ) {
        let text = text.into();
        self.checks.push(Check {
            name,
            verdict,
            text,
            remedy,
        });
    }

    fn bad_ones(&self) -> usize {
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
        }
        match self.bad_ones() {
            0 => writeln!(f, "\nNothing keeps the bot from its job."),
            1 => writeln!(f, "\n1 thing keeps the bot from its job."),
            more => writeln!(f, "\n{more} things keep the bot from its job."),
        }
    }
}
