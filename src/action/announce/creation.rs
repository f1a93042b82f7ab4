//! Blocks on their way into a `docx` announcement, by calls that are planned beforehand.

use feishu::{BlockId, CreateChildren, Created, codes};
use serde::Serialize;

use super::calls::{Parent, PlannedCall, line_count};
use super::{AnnouncementRequest, Context, Failure};
use crate::action::announce::common::call;
use crate::model::progress::{Creation, WriteProgress};
use crate::model::refusal::{Call, Cause};

/// The newest revision, whatever it is.
const LATEST: i64 = -1;
/// What mentions may be refused with: a person whom the bot cannot see, or more people than a call
/// or a document takes, which what was there before may well do.
const OVER_MENTIONS: [i64; 3] = [
    codes::DOCX_INVALID_PARAM,
    codes::DOCX_TOO_MANY_OPERATIONS,
    codes::DOCX_TOO_MANY_RESOURCES,
];

/// What a run of text that is too long may be refused with.
const OVER_LENGTH: [i64; 3] = [
    codes::FIELD_INVALID,
    codes::DOCX_INVALID_PARAM,
    codes::DOCX_CONTENT_TOO_LARGE,
];

/// What is to be written, and how far it has come.
///
/// The plan is the same at each attempt, and each call's `client_token` is derived from the job
/// and the call's place in it, so a call whose answer was lost is made again without a second
/// effect.
pub(super) struct Writing<B> {
    /// Names the calls among the others of the job.
    pub(super) name: &'static str,
    /// Before which block right below the page.
    pub(super) at: usize,
    pub(super) steps: Vec<PlannedCall<B>>,
    /// The same with nobody mentioned, where people are: as many calls, below the same parents.
    pub(super) nameless_steps: Option<Vec<PlannedCall<B>>>,
    pub(super) nameless: bool,
    pub(super) creation: Creation,
}

impl<B: Serialize> Writing<B> {
    /// Makes all calls that are left, and remembers each: what follows the last one may fail, too.
    pub(super) async fn run(
        &mut self,
        draft: AnnouncementRequest<'_>,
        so_far: impl Fn(Creation, bool) -> WriteProgress,
        context: Context<'_>,
    ) -> Result<(), Failure> {
        while let Some(step) = self.steps().get(self.creation.calls) {
            match self.create(step, context).await {
                Ok(creation) => self.creation = creation,
                // Where the platform does not take a mention, the text still goes out.
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

    /// How many lines stand, and how many are to.
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

    /// Makes the next call.
    async fn create(
        &self,
        step: &PlannedCall<B>,
        context: Context<'_>,
    ) -> Result<Creation, Failure> {
        let chat = context.chat_id;
        let mut creation = self.creation.clone();
        let (parent, index) = match step.parent {
            // The page block, the parent of all that stands in the announcement, has the chat's id.
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
            tracing::error!("the answer does not name the blocks that it created");
            return Err(Cause::Internal.into());
        }
        Ok(creation)
    }
}

/// Where a call creates blocks.
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
