//! Creates blocks in a `docx` announcement by a fixed sequence of calls.

use feishu::{BlockId, CreateChildren, Created, codes};
use serde::Serialize;

use super::calls::{Parent, PlannedCall, line_count};
use super::{AnnouncementRequest, Context, Failure};
use crate::action::announce::common::call;
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
pub(super) struct Writing<B> {
    /// Distinguishes these calls from others of the job.
    pub(super) name: &'static str,
    /// The index at the top level of the page.
    pub(super) at: usize,
    pub(super) steps: Vec<PlannedCall<B>>,
    /// The same calls with names instead of mentions, if there are any; same number, same parents.
    pub(super) nameless_steps: Option<Vec<PlannedCall<B>>>,
    pub(super) nameless: bool,
    pub(super) creation: Creation,
}

impl<B: Serialize> Writing<B> {
    /// Makes the remaining calls and stores the progress after each. It is stored after the last
    /// one, too, because what follows may fail.
    pub(super) async fn run(
        &mut self,
        draft: AnnouncementRequest<'_>,
        so_far: impl Fn(Creation, bool) -> WriteProgress,
        context: Context<'_>,
    ) -> Result<(), Failure> {
        while let Some(step) = self.steps().get(self.creation.calls) {
            match self.create(step, context).await {
                Ok(creation) => self.creation = creation,
                // If the platform rejects a mention, write the name.
                Err(Failure::Call(_, error))
                    if error
                        .code()
                        .is_some_and(|code| OVER_MENTIONS.contains(&code))
                        && self.nameless_steps.is_some()
                        && !self.nameless =>
                {
                    self.nameless = true;
                    continue;
                }
                Err(failure) => return Err(failure),
            }
            let next = self.steps().get(self.creation.calls);
            if next.is_none_or(|next| next.parent == Parent::Page) {
                self.creation.whole = self.creation.page_blocks.len();
            }
            let written = so_far(self.creation.clone(), self.nameless);
            context.save(draft, Some(written)).await?;
        }
        Ok(())
    }

    /// The number of lines that are written, and of all lines.
    pub(super) fn lines(&self) -> (usize, usize) {
        let stand = &self.steps[..self.creation.calls.min(self.steps.len())];
        (line_count(stand), line_count(&self.steps))
    }

    fn steps(&self) -> &[PlannedCall<B>] {
        match &self.nameless_steps {
            Some(steps) if self.nameless => steps,
            _ => &self.steps,
        }
    }

    async fn create(
        &self,
        step: &PlannedCall<B>,
        context: Context<'_>,
    ) -> Result<Creation, Failure> {
        let chat = context.chat_id;
        let mut creation = self.creation.clone();
        let (parent, index) = match step.parent {
            // The page block, the root of the announcement, has the chat's id.
            Parent::Page => (BlockId::new(chat.as_str()), self.at + step.index),
            Parent::Created(number) => match creation.parents.get(number) {
                Some(parent) => (parent.clone(), step.index),
                None => return Err(Cause::Internal.into()),
            },
        };
        let spot = Spot {
            parent: &parent,
            index,
            revision: creation.revision,
        };
        let form = if self.nameless { " nameless" } else { "" };
        let key = format!("{}{form} {}", self.name, creation.calls);
        let created = match spot.send(&step.blocks, &key, context).await {
            Err(error) if is_over_length(&error) => {
                match feishu::with_short_docx_runs(&step.blocks) {
                    Some(short) => spot.send(&short, &format!("{key} short"), context).await,
                    None => Err(error),
                }
            }
            created => created,
        };
        let created = created.map_err(call(Call::WriteAnnouncement))?;
        creation.calls += 1;
        creation.revision = created.revision_id.unwrap_or(LATEST);
        if step.parent == Parent::Page {
            let ids = created.block_ids.iter().cloned();
            creation.page_blocks.extend(ids);
        }
        let parents = step.parents.iter();
        let parents = parents.map_while(|place| created.block_ids.get(*place).cloned());
        creation.parents.extend(parents);
        if creation.parents.len() < self.creation.parents.len() + step.parents.len() {
            tracing::error!("the response lacks ids of created blocks");
            return Err(Cause::Internal.into());
        }
        Ok(creation)
    }
}

/// The position at which a call creates blocks.
struct Spot<'a> {
    parent: &'a BlockId,
    index: usize,
    revision: i64,
}

impl Spot<'_> {
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
        let client = &context.platform.client;
        client.create_docx_children(context.chat_id, request).await
    }
}

fn is_over_length(error: &feishu::Error) -> bool {
    error.code().is_some_and(|code| OVER_LENGTH.contains(&code))
}
