//! Facts about an announcement that its text does not show.

/// The revision, the times and the last editor of an announcement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metadata {
    pub(crate) revision: u64,
    pub(crate) created_ms: u64,
    pub(crate) updated_ms: u64,
    pub(crate) edited_by_bot: bool,
}

impl Metadata {
    /// Of a document that is created at `revision`.
    pub(crate) fn new(revision: u64, now_ms: u64) -> Self {
        Self {
            revision,
            created_ms: now_ms,
            updated_ms: now_ms,
            edited_by_bot: false,
        }
    }

    pub(crate) fn add_revision(&mut self, now_ms: u64) {
        self.revision += 1;
        self.updated_ms = now_ms;
    }
}
