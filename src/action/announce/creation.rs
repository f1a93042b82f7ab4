//! Creates blocks in a `docx` announcement by a fixed sequence of calls.

use feishu::{BlockId, CreateChildren, Created, codes};
use serde::Serialize;

use super::calls::{Parent, PlannedCall, line_count};
use super::{AnnouncementRequest, Context, Failure};
use crate::action::announce::common::failed;
use crate::model::progress::{Creation, WriteProgress};
use crate::model::refusal::{Call, Cause};

/// The latest revision.
const LATEST: i64 = -1;
/// Errors that mentions may cause: the bot cannot see a person, or a call or document has too many
/// mentions, which restored content may have.
const OVER_MENTIONS: [i64; 3] = [
    codes::DOCX_INVALID_PARAM,
    codes::DOCX_TOO_MANY_OPERATIONS,
    codes::DOCX_TOO_MANY_RESOURCES,
];

/// Errors that a too long run of text may cause.
const OVER_LENGTH: [i64; 3] = [
    codes::FIELD_INVALID,
    codes::DOCX_INVALID_PARAM,
    codes::DOCX_CONTENT_TOO_LARGE,
];

/// The calls, and their progress.
///
/// The calls are the same in each attempt, and each `client_token` is derived from the job and the
/// position of the call. So repeating a call whose response was lost has no effect.
pub(super) struct BlockCreation<B> {
    /// Distinguishes these calls from others of the job.
    pub(super) name: &'static str,
    /// The index at the top level of the page.
    pub(super) at: usize,
    pub(super) calls: Vec<PlannedCall<B>>,
    /// The same calls with names instead of mentions, if there are any; same number, same parents.
    pub(super) calls_without_mentions: Option<Vec<PlannedCall<B>>>,
    pub(super) creation: Creation,
}

impl<B: Serialize> BlockCreation<B> {
    /// Makes the remaining calls and stores the progress after each; after the last one, too, because
    /// a later step may fail.
    pub(super) async fn run(
        &mut self,
        request: AnnouncementRequest<'_>,
        progress: impl Fn(Creation) -> WriteProgress,
        context: Context<'_>,
    ) -> Result<(), Failure> {
        while let Some(call) = self.calls().get(self.creation.calls) {
            match self.create(call, context).await {
                Ok(creation) => self.creation = creation,
                Err(Failure::Call(_, error)) if self.may_be_over_mentions(&error) => {
                    self.creation.without_mentions = true;
                    continue;
                }
                Err(failure) => return Err(failure),
            }
            let next = self.calls().get(self.creation.calls);
            if next.is_none_or(|next| next.parent == Parent::Page) {
                self.creation.whole = self.creation.page_blocks.len();
            }
            let written = progress(self.creation.clone());
            context.save(request, Some(written)).await?;
        }
        Ok(())
    }

    /// Whether the platform may accept the call with names instead of mentions.
    fn may_be_over_mentions(&self, error: &feishu::Error) -> bool {
        has_code(error, &OVER_MENTIONS)
            && self.calls_without_mentions.is_some()
            && !self.creation.without_mentions
    }

    /// The number of lines that are written, and of all lines.
    pub(super) fn lines(&self) -> (usize, usize) {
        let written = &self.calls[..self.creation.calls.min(self.calls.len())];
        (line_count(written), line_count(&self.calls))
    }

    fn calls(&self) -> &[PlannedCall<B>] {
        match &self.calls_without_mentions {
            Some(calls) if self.creation.without_mentions => calls,
            _ => &self.calls,
        }
    }

    async fn create(
        &self,
        call: &PlannedCall<B>,
        context: Context<'_>,
    ) -> Result<Creation, Failure> {
        let chat = context.chat_id;
        let mut creation = self.creation.clone();
        let (parent, index) = match call.parent {
            // The page block, the root of the announcement, has the chat's id.
            Parent::Page => (BlockId::new(chat.as_str()), self.at + call.index),
            Parent::Created(number) => match creation.parents.get(number) {
                Some(parent) => (parent.clone(), call.index),
                None => return Err(Cause::Internal.into()),
            },
        };
        let position = Position {
            parent: &parent,
            index,
            revision: creation.revision,
        };
        let form = if creation.without_mentions {
            " without mentions"
        } else {
            ""
        };
        let key = format!("{}{form} {}", self.name, creation.calls);
        let created = match position.send(&call.blocks, &key, context).await {
            Err(error) if has_code(&error, &OVER_LENGTH) => {
                match feishu::with_short_docx_runs(&call.blocks) {
                    Some(short) => {
                        position
                            .send(&short, &format!("{key} short"), context)
                            .await
                    }
                    None => Err(error),
                }
            }
            created => created,
        };
        let created = created.map_err(failed(Call::WriteAnnouncement))?;
        creation.calls += 1;
        creation.revision = created.revision_id.unwrap_or(LATEST);
        if call.parent == Parent::Page {
            creation.page_blocks.extend_from_slice(&created.block_ids);
        }
        let parents = call.parents.iter();
        let parents = parents.map_while(|position| created.block_ids.get(*position).cloned());
        creation.parents.extend(parents);
        if creation.parents.len() < self.creation.parents.len() + call.parents.len() {
            tracing::error!("the response lacks ids of created blocks");
            return Err(Cause::Internal.into());
        }
        Ok(creation)
    }
}

/// The position at which a call creates blocks.
struct Position<'a> {
    parent: &'a BlockId,
    index: usize,
    revision: i64,
}

impl Position<'_> {
    async fn send<C: Serialize>(
        &self,
        children: &[C],
        key: &str,
        context: Context<'_>,
    ) -> Result<Created, feishu::Error> {
        let request = CreateChildren {
            parent: self.parent,
            index: self.index,
            children,
            revision_id: self.revision,
            client_token: &context.job.key.idempotency_key(key).to_string(),
        };
        let client = context.client;
        client.create_docx_children(context.chat_id, request).await
    }
}

fn has_code(error: &feishu::Error, codes: &[i64]) -> bool {
    error.code().is_some_and(|code| codes.contains(&code))
}
