//! Writing an entry into a `docx` announcement: blocks created at the top, in
//! order, by planned calls.

use feishu::{BlockId, CreateChildren};

use super::plan::{Parent, Step, line_count, plan};
use super::{Draft, Failure, Scene, call};
use crate::change::Placed;
use crate::content::Entry;
use crate::outcome::{Call, Refusal};
use crate::store::Written;

/// The newest revision, whatever it is.
const LATEST: i64 = -1;
/// "invalid param": among others, a mention of a person whom the bot cannot see.
const INVALID_PARAM: i64 = 1_770_001;

/// How far an entry has come.
struct Writing {
    calls: usize,
    parents: Vec<BlockId>,
    page_blocks: Vec<BlockId>,
    revision: i64,
    nameless: bool,
}

/// Writes the entry from where the last attempt stopped.
///
/// The plan is the same at each attempt, and each call's `client_token` is
/// derived from the job and the call's place in it, so a call whose answer was
/// lost is made again without a second effect.
pub(super) async fn write(
    entry: &Entry,
    revision: i64,
    draft: Draft<'_>,
    scene: Scene<'_>,
) -> Result<Placed, Failure> {
    let mut writing = Writing::resumed(revision, scene);
    let mut steps = writing.plan(entry);
    while let Some(step) = steps.get(writing.calls) {
        match writing.create(step, scene).await {
            Ok(()) => {}
            // Where the platform does not take a mention, the announcement
            // still goes out.
            Err(Failure::Call(_, error))
                if error.code() == Some(INVALID_PARAM)
                    && entry.names_anybody()
                    && !writing.nameless =>
            {
                writing.nameless = true;
                steps = writing.plan(entry);
                continue;
            }
            Err(failure) => {
                let stand = line_count(&steps[..writing.calls]);
                return Err(failure.after(stand, line_count(&steps)));
            }
        }
        if writing.calls < steps.len() {
            scene.save(draft, Some(writing.so_far())).await?;
        }
    }
    Ok(writing.placed(entry))
}

impl Writing {
    fn resumed(revision: i64, scene: Scene<'_>) -> Self {
        match scene.written() {
            Some(Written::Docx {
                calls,
                parents,
                page_blocks,
                revision,
                nameless,
            }) => Self {
                calls,
                parents,
                page_blocks,
                revision,
                nameless,
            },
            Some(Written::Legacy { .. } | Written::Removal { .. }) | None => Self {
                calls: 0,
                parents: Vec::new(),
                page_blocks: Vec::new(),
                revision,
                nameless: false,
            },
        }
    }

    fn so_far(&self) -> Written {
        Written::Docx {
            calls: self.calls,
            parents: self.parents.clone(),
            page_blocks: self.page_blocks.clone(),
            revision: self.revision,
            nameless: self.nameless,
        }
    }

    /// The entry as it stands now.
    fn placed(self, entry: &Entry) -> Placed {
        Placed {
            entry: entry.clone(),
            nameless: self.nameless,
            blocks: Some(self.page_blocks),
        }
    }

    /// The calls in all. Without mentions they are as many, below the same
    /// parents.
    fn plan(&self, entry: &Entry) -> Vec<Step> {
        plan(if self.nameless {
            entry.nameless().to_docx()
        } else {
            entry.to_docx()
        })
    }

    /// Makes the next call.
    async fn create(&mut self, step: &Step, scene: Scene<'_>) -> Result<(), Failure> {
        let chat = &scene.message.chat_id;
        let parent = match step.parent {
            // The page block, the parent of all that stands in the
            // announcement, has the chat's id.
            Parent::Page => BlockId::new(chat.as_str()),
            Parent::Created(number) => match self.parents.get(number) {
                Some(parent) => parent.clone(),
                None => return Err(Refusal::Internal.into()),
            },
        };
        let name = if self.nameless {
            "docx nameless"
        } else {
            "docx"
        };
        let token = scene
            .job
            .key
            .idempotency_key(&format!("{name} {}", self.calls));
        let request = CreateChildren {
            parent: &parent,
            index: step.index,
            children: &step.blocks,
            revision_id: self.revision,
            client_token: &token.to_string(),
        };
        let created = scene
            .platform
            .client
            .create_docx_children(chat, request)
            .await
            .map_err(call(Call::WriteAnnouncement))?;
        self.calls += 1;
        self.revision = created.revision_id.unwrap_or(LATEST);
        if step.parent == Parent::Page {
            self.page_blocks.extend(created.block_ids.iter().cloned());
        }
        let parents = step.parents.iter();
        let parents = parents.map_while(|place| created.block_ids.get(*place).cloned());
        let before = self.parents.len();
        self.parents.extend(parents);
        if self.parents.len() < before + step.parents.len() {
            tracing::error!("the answer does not name the blocks that it created");
            return Err(Refusal::Internal.into());
        }
        Ok(())
    }
}
