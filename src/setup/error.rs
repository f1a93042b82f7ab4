//! Why a set-up ended.

/// Why there is no set-up.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {remedy}")]
pub struct SetupError {
    pub what: String,
    pub remedy: String,
    /// Whether usage or configuration is wrong.
    pub is_misuse: bool,
}

impl SetupError {
    pub(super) fn failed(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
            is_misuse: false,
        }
    }

    pub(super) fn misuse(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            is_misuse: true,
            ..Self::failed(what, remedy)
        }
    }
}
