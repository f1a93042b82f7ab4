//! Facts about an announcement that its text does not show.

use crate::ids::AppIndex;

/// The revision, the times and the last editor of an announcement.
#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    pub(crate) revision: u64,
    pub(crate) created_ms: u64,
    pub(crate) updated_ms: u64,
    pub(crate) editor: Editor,
}

/// Who edited an announcement last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Editor {
    /// The owner of the group.
    Owner,
    /// The bot of an app.
    Bot(AppIndex),
    /// A person, by open id, through the app.
    Member(String),
}

impl Metadata {
    /// Of a document that is created at `revision`.
    pub(crate) fn new(revision: u64, now_ms: u64) -> Self {
        Self {
            revision,
            created_ms: now_ms,
            updated_ms: now_ms,
            editor: Editor::Owner,
        }
    }

    pub(crate) fn add_revision(&mut self, now_ms: u64) {
        self.revision += 1;
        self.updated_ms = now_ms;
    }
}
