//! Creates blocks in a `docx` announcement by a fixed sequence of calls.

use feishu::{Block, BlockId, DeleteChildren, Medium, codes};
use serde::Serialize;
use serde_json::json;

use super::blocks::{LATEST, Position, has_code, update};
use super::calls::{Parent, PlannedCall, line_count, plan};
use super::fill::{Step, Wanted, missing};
use super::media::MediaBlock;
use super::{AnnouncementRequest, Context, Failure, page};
use crate::action::announce::common::failed;
use crate::content::DocxNode;
use crate::model::outcome::NotCopied;
use crate::model::progress::{Creation, MediaState, WriteProgress};
use crate::model::refusal::{Call, Cause};

/// Errors that mentions may cause: the bot cannot see a person, or a call or document has too many
/// mentions, which restored content may have.
pub(super) const OVER_MENTIONS: [i64; 3] = [
    codes::DOCX_INVALID_PARAM,
    codes::DOCX_TOO_MANY_OPERATIONS,
    codes::DOCX_TOO_MANY_RESOURCES,
];

/// Errors that pictures and files may cause, whose creation in announcements nobody has reported.
const OVER_MEDIA: [i64; 6] = [
    codes::FIELD_INVALID,
    codes::DOCX_INVALID_PARAM,
    codes::DOCX_SCHEMA_MISMATCH,
    codes::DOCX_NOT_CREATABLE,
    codes::DOCX_TOO_MANY_OPERATIONS,
    codes::DOCX_TOO_MANY_RESOURCES,
];

/// The calls, and their progress.
///
/// The calls are the same in each attempt, and each `client_token` is derived from the job and the
/// position of the call. So repeating a call whose response was lost has no effect.
pub(super) struct BlockCreation<B> {
    /// Distinguishes these calls from others of the job.
    name: &'static str,
    /// The index at the top level of the page.
    at: usize,
    calls: Vec<PlannedCall<B>>,
    /// The same calls with names instead of mentions, if there are any; same number, same parents.
    calls_without_mentions: Option<Vec<PlannedCall<B>>>,
    /// The top-level blocks with containers, by their position.
    containers: Vec<(usize, Wanted)>,
    media: Vec<MediaBlock>,
    pub(super) creation: Creation,
}

impl<B: Serialize> BlockCreation<B> {
    /// Creates these blocks, from this index of the page; the second form has names instead of
    /// mentions.
    pub(super) fn new(
        name: &'static str,
        at: usize,
        nodes: Vec<DocxNode<B>>,
        without_mentions: Option<Vec<DocxNode<B>>>,
        creation: Creation,
    ) -> Self {
        let with_containers = nodes.iter().enumerate();
        let with_containers = with_containers.filter(|(_, node)| Wanted::has_container(node));
        let wanted = with_containers.filter_map(|(position, node)| {
            let named = without_mentions
                .as_ref()
                .and_then(|nodes| nodes.get(position));
            Some((position, Wanted::new(node, named)?))
        });
        Self {
            name,
            at,
            containers: wanted.collect(),
            media: MediaBlock::all(&nodes, at),
            calls: plan(nodes),
            calls_without_mentions: without_mentions.map(plan),
            creation,
        }
    }

    /// Makes all remaining calls.
    pub(super) async fn run(
        &mut self,
        request: AnnouncementRequest<'_>,
        progress: impl Fn(Creation) -> WriteProgress,
        context: Context<'_>,
    ) -> Result<(), Failure> {
        self.create_blocks(request, &progress, context).await?;
        self.copy_media(request, &progress, context).await
    }

    /// Makes the remaining calls that create blocks and stores the progress after each; after the last
    /// one, too, because a later step may fail.
    pub(super) async fn create_blocks(
        &mut self,
        request: AnnouncementRequest<'_>,
        progress: &impl Fn(Creation) -> WriteProgress,
        context: Context<'_>,
    ) -> Result<(), Failure> {
        let media = &mut self.creation.media;
        media.resize(self.media.len(), MediaState::Empty);
        if !context.settings.images && self.creation.calls == 0 {
            self.creation.lines_instead = Some(NotCopied::Off);
        }
        while let Some(call) = self.calls().get(self.creation.calls) {
            match self.create(call, context).await {
                Ok(creation) => self.creation = creation,
                Err(Failure::Call(_, error)) if self.may_be_over_mentions(&error) => {
                    self.creation.without_mentions = true;
                    continue;
                }
                Err(Failure::Call(_, error)) if self.may_be_over_media(call, &error) => {
                    let code = error.code().unwrap_or_default();
                    self.creation.lines_instead = Some(NotCopied::Refused { code });
                    continue;
                }
                Err(failure) => return Err(failure),
            }
            let next = self.calls().get(self.creation.calls);
            if next.is_none_or(|next| next.parent == Parent::Page) {
                let first = self
                    .containers
                    .first()
                    .map_or(usize::MAX, |(first, _)| *first);
                self.creation.whole = self.creation.page_blocks.len().min(first);
            }
            let written = progress(self.creation.clone());
            context.save(request, Some(written)).await?;
        }
        if self.creation.whole < self.creation.page_blocks.len() {
            self.fill(request, progress, context).await?;
            self.creation.whole = self.creation.page_blocks.len();
            let written = progress(self.creation.clone());
            context.save(request, Some(written)).await?;
        }
        Ok(())
    }

    /// Whether pictures or files have yet to be copied into their blocks.
    pub(super) fn has_files_to_copy(&self) -> bool {
        self.creation.media.iter().any(|one| !one.is_final())
    }

    /// Copies the pictures and files into their blocks, one after the other.
    pub(super) async fn copy_media(
        &mut self,
        request: AnnouncementRequest<'_>,
        progress: &impl Fn(Creation) -> WriteProgress,
        context: Context<'_>,
    ) -> Result<(), Failure> {
        while let Some(number) = self.creation.media.iter().position(|one| !one.is_final()) {
            let copied = self.media[number]
                .advance(self.name, number, &mut self.creation, context)
                .await;
            let written = progress(self.creation.clone());
            context.save(request, Some(written)).await?;
            copied?;
        }
        Ok(())
    }

    /// Writes what is in the containers, until nothing is missing.
    async fn fill(
        &mut self,
        request: AnnouncementRequest<'_>,
        progress: &impl Fn(Creation) -> WriteProgress,
        context: Context<'_>,
    ) -> Result<(), Failure> {
        let mut before = Vec::new();
        loop {
            let (revision, blocks) = page::read::<Block>(context).await?;
            let Creation {
                page_blocks,
                without_mentions,
                ..
            } = &self.creation;
            let wanted = self.containers.iter();
            let wanted = wanted.filter_map(|(at, wanted)| Some((page_blocks.get(*at)?, wanted)));
            let steps = missing(wanted, &blocks, *without_mentions);
            // The second case has no effect, although the platform accepted it.
            if steps.is_empty() || steps == before {
                return Ok(());
            }
            for step in &steps {
                match self.take(step, revision, context).await {
                    Err(Failure::Call(_, error)) if self.may_be_over_mentions(&error) => {
                        self.creation.without_mentions = true;
                        let written = progress(self.creation.clone());
                        context.save(request, Some(written)).await?;
                        break;
                    }
                    result => result?,
                }
            }
            before = steps;
        }
    }

    async fn take(&self, step: &Step, revision: i64, context: Context<'_>) -> Result<(), Failure> {
        let (chat, client) = (context.chat_id, context.client);
        let name = format!("{} fill{}", self.name, self.form());
        let token = |key: &str| context.job.key.idempotency_key(key).to_string();
        let result = match step {
            Step::Create {
                parent,
                index,
                blocks,
            } => {
                let position = Position {
                    parent,
                    index: *index,
                    revision,
                };
                let key = format!("{name} {parent} {index}");
                position.send(blocks, &key, context).await.map(drop)
            }
            Step::Update { key, updates } => {
                let key = format!("{name} {key}");
                update(updates, revision, &key, context).await
            }
            Step::Delete { parent, range } => {
                let key = format!("{name} {parent} {revision} {}..{}", range.start, range.end);
                let deletion = DeleteChildren {
                    parent,
                    range: range.clone(),
                    revision_id: revision,
                    client_token: &token(&key),
                };
                client.delete_docx_children(chat, deletion).await.map(drop)
            }
        };
        result.map_err(failed(Call::WriteAnnouncement))
    }

    /// A part of keys.
    fn form(&self) -> &'static str {
        match (self.creation.without_mentions, self.creation.lines_instead) {
            (false, None) => "",
            (true, None) => " without mentions",
            (false, Some(_)) => " without media",
            (true, Some(_)) => " without mentions and media",
        }
    }

    /// The pictures and files that this call creates blocks for, with their numbers.
    fn media_of(&self, call: &PlannedCall<B>) -> impl Iterator<Item = (usize, &MediaBlock)> {
        let created = match call.parent {
            Parent::Page => call.index..call.index + call.blocks.len(),
            Parent::Created(_) => 0..0,
        };
        let media = self.media.iter().enumerate();
        media.filter(move |(_, media)| created.contains(&media.position))
    }

    /// Whether the platform may accept the call with lines instead of pictures and files.
    fn may_be_over_media(&self, call: &PlannedCall<B>, error: &feishu::Error) -> bool {
        has_code(error, &OVER_MEDIA)
            && self.creation.lines_instead.is_none()
            && self.media_of(call).next().is_some()
    }

    /// Whether the platform may accept the call with names instead of mentions.
    fn may_be_over_mentions(&self, error: &feishu::Error) -> bool {
        has_code(error, &OVER_MENTIONS)
            && self.calls_without_mentions.is_some()
            && !self.creation.without_mentions
    }

    /// The pictures and files that are named by lines.
    pub(super) fn named_media(&self) -> impl Iterator<Item = (Medium, NotCopied)> {
        let media = self.media.iter().zip(&self.creation.media);
        media.filter_map(|(media, state)| Some((media.medium(), state.not_copied()?)))
    }

    /// Whether a file that the announcement showed before could not be copied again.
    pub(super) fn loses_files(&self) -> bool {
        let media = self.media.iter().zip(&self.creation.media);
        let mut named = media.filter(|(_, state)| state.not_copied().is_some());
        named.any(|(media, _)| media.was_shown())
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
        let key = format!("{}{} {}", self.name, self.form(), creation.calls);
        let Ok(mut blocks) = feishu::creatable(&call.blocks) else {
            return Err(Cause::Internal.into());
        };
        if let Some(why) = self.creation.lines_instead {
            for (number, media) in self.media_of(call) {
                blocks[media.position - call.index] = json!(media.line());
                creation.media[number] = MediaState::Named(why);
            }
        }
        let created = position.send(&blocks, &key, context).await;
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
