//! A proposal or a preview as its card shows it.

use feishu::OpenId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::job::JobRef;
use crate::model::schedule::{ProposedAction, Verdict};

/// What a member proposed to those who may do it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proposed {
    /// The number by which members refer to it; 0 until the store assigns one.
    pub(crate) number: u32,
    /// Identifies it in the values of the buttons.
    pub(crate) job_ref: JobRef,
    pub(crate) action: ProposedAction,
    /// Whether its author asked for approval, rather than lacks the right.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) on_request: bool,
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
    /// Why it was declined, in the words of who did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// A preview, without its text, which is stored for as long as the preview is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Previewed {
    /// Identifies it in the values of the buttons.
    pub(crate) job_ref: JobRef,
    pub(crate) at: Timestamp,
    /// Until when it can be published.
    pub(crate) until: Timestamp,
    /// Whether the text will lose its formatting, because the announcement is of the old kind.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) in_old_kind: bool,
    /// The number of groups of its list, if it is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) groups: Option<usize>,
}
