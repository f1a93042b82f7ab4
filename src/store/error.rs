//! Errors of the store.

#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// `store.max_open_jobs` is reached.
    #[error("the queue is full")]
    Full,
    /// The cause has been logged.
    #[error("the database failed")]
    Database,
    /// Another replica owns the job.
    #[error("another replica owns the job")]
    Lost,
    #[error("the store is closed")]
    Closed,
}
