//! A proposal as its card shows it.

use feishu::OpenId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::job::JobRef;
use crate::model::schedule::{ProposedAction, Verdict};

/// How much of a text the card shows, in characters.
pub(crate) const SHOWN_TEXT: usize = 1000;

/// What a member proposed to those who may do it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proposed {
    /// The number by which members refer to it; 0 until the store assigns one.
    pub(crate) number: u32,
    /// Identifies it in the values of the buttons.
    pub(crate) job_ref: JobRef,
    pub(crate) action: ProposedAction,
    pub(crate) at: Timestamp,
    /// Until when it can be approved.
    pub(crate) until: Timestamp,
    /// Whom the card mentions.
    pub(crate) asked: Vec<OpenId>,
}

/// A proposal after its decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decided {
    pub(crate) action: ProposedAction,
    pub(crate) verdict: Verdict,
    /// The name of the member who decided, if the platform returns it.
    pub(crate) by: Option<String>,
}
