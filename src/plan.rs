//! Work that was planned: stored with the message of the command that planned
//! it, as the payload of a job whose time has yet to come.

use serde::{Deserialize, Serialize};

use crate::change::Deed;
use crate::store::Step;

/// What is to be done later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Plan {
    /// Take back what another job of the same message did.
    Expire {
        /// Which job: the command itself, or the publication that it planned.
        made_by: Step,
        /// What it did.
        deed: Deed,
        /// The first words of what is taken back.
        summary: String,
    },
}

impl Plan {
    /// The first words of what it is about.
    pub(crate) fn summary(&self) -> &str {
        match self {
            Self::Expire { summary, .. } => summary,
        }
    }
}
