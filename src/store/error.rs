//! What keeps the store from doing what it is asked.

/// The store could not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// As many jobs wait as `store.max_open_jobs` lets.
    #[error("the queue is full")]
    Full,
    /// The database refused or failed; the store has logged why.
    #[error("the database failed")]
    Database,
    /// Another bot has taken the job over.
    #[error("the job is not ours any more")]
    Lost,
    /// The store was closed while the request waited.
    #[error("the store is closed")]
    Closed,
}
