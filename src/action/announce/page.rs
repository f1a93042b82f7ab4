//! The page of a `docx` announcement: what stands on it, and blocks taken off it.

use std::ops::Range;

use feishu::{BlockId, DeleteChildren, codes};
use serde::de::DeserializeOwned;

use super::{Context, Failure};
use crate::action::announce::common::call;
use crate::model::refusal::Call;

/// How often it is read again while people write.
const ATTEMPTS: usize = 3;

/// All blocks, as the platform lists them, and the revision at which they stand so.
pub(super) async fn read<B: DeserializeOwned>(
    context: Context<'_>,
) -> Result<(i64, Vec<B>), Failure> {
    let chat = context.chat_id;
    let client = &context.platform.client;
    let mut attempt = 1;
    loop {
        let announcement = client.get_docx_announcement(chat).await;
        let revision = announcement
            .map_err(call(Call::ReadAnnouncement))?
            .revision_id;
        match client.list_docx_blocks(chat, revision).await {
            Ok(blocks) => return Ok((revision, blocks)),
            Err(error) if error.code() == Some(codes::DOCX_OUTDATED) && attempt < ATTEMPTS => {
                attempt += 1;
            }
            Err(error) => return Err(call(Call::ReadAnnouncement)(error)),
        }
    }
}

/// What came of deleting blocks.
pub(super) struct Deletion {
    /// So many are gone.
    pub(super) deleted: usize,
    /// Why the rest still stands.
    pub(super) failure: Option<Failure>,
}

/// Deletes the blocks that stood in these places right below the page.
///
/// From the bottom up, all at the revision that was read: whatever people type meanwhile, these
/// are the blocks that are meant.
pub(super) async fn delete(places: Vec<usize>, revision: i64, context: Context<'_>) -> Deletion {
    let chat = context.chat_id;
    let mut deleted = 0;
    for range in runs(places).into_iter().rev() {
        let name = format!("remove {revision} {}..{}", range.start, range.end);
        let deletion = DeleteChildren {
            parent: &BlockId::new(chat.as_str()),
            range: range.clone(),
            revision_id: revision,
            client_token: &context.job.key.idempotency_key(&name).to_string(),
        };
        let client = &context.platform.client;
        if let Err(error) = client.delete_docx_children(chat, deletion).await {
            let failure = Some(call(Call::WriteAnnouncement)(error));
            return Deletion { deleted, failure };
        }
        deleted += range.len();
    }
    let failure = None;
    Deletion { deleted, failure }
}

/// Places as ranges of neighbours, in order.
fn runs(mut places: Vec<usize>) -> Vec<Range<usize>> {
    places.sort_unstable();
    let mut runs: Vec<Range<usize>> = Vec::new();
    for place in places {
        match runs.last_mut() {
            Some(run) if run.end == place => run.end += 1,
            _ => runs.push(place..place + 1),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_deleted_by_runs_of_neighbours() {
        assert_eq!(runs(vec![4, 0, 1, 5, 7]), [0..2, 4..6, 7..8]);
        assert!(runs(Vec::new()).is_empty());
    }
}
