//! Copies pictures and files of messages into the blocks that were created for them.
//!
//! Each takes three calls: the download, whose answer is the content of the upload, and the update
//! that shows it. A repeated upload leaves nothing in the announcement, and a repeated update has no
//! effect. If a file cannot be copied, its empty block is deleted, and a line names the file.

use std::collections::HashMap;

use feishu::codes::{self, Class};
use feishu::{
    Block, BlockChange, BlockId, BlockType, BlockUpdate, Error, ImageLayout, MediaUpload, Medium,
    MessageResource, TextElement, UploadKind,
};
use serde_json::json;

use super::blocks::{LATEST, OVER_FIELDS, Position, has_code, update};
use super::page::{self, Deletion};
use super::{Context, Failure};
use crate::action::announce::common::failed;
use crate::content::{DocxNode, FileToCopy, MediaFile};
use crate::model::change::AnnouncementState;
use crate::model::outcome::NotCopied;
use crate::model::progress::{Creation, MediaState};
use crate::model::refusal::{Call, Cause};

/// How many attempts to copy files may fail while the platform does not respond.
const ATTEMPTS: u32 = 8;

/// Errors of a file that is too large.
const TOO_LARGE: [i64; 3] = [
    codes::MEDIA_TOO_LARGE,
    codes::RESOURCE_TOO_LARGE,
    codes::DOCX_FILE_TOO_LARGE,
];
/// Errors of a file that the bot may not read or write.
const FORBIDDEN: [i64; 2] = [codes::MEDIA_FORBIDDEN, codes::RESOURCE_RESTRICTED];
/// Errors of a storage that is full.
const FULL: [i64; 2] = [codes::MEDIA_USER_QUOTA, codes::MEDIA_FILE_QUOTA];

/// A picture or a file with its position at the top level of what is written.
pub(super) struct MediaBlock {
    pub(super) position: usize,
    /// The index of the first of them when they were written.
    at: usize,
    file: FileToCopy,
}

impl MediaBlock {
    pub(super) fn all<B>(nodes: &[DocxNode<B>], at: usize) -> Vec<Self> {
        let nodes = nodes.iter().enumerate();
        let media = nodes.filter_map(|(position, node)| {
            let file = node.media.clone()?;
            Some(Self { position, at, file })
        });
        media.collect()
    }

    pub(super) fn medium(&self) -> Medium {
        self.file.medium
    }

    /// The line that names the file.
    pub(super) fn line(&self) -> Block {
        Block::paragraph(vec![TextElement::plain(&self.file.line)])
    }

    /// Whether it is a copy of a file that an announcement showed.
    pub(super) fn was_shown(&self) -> bool {
        self.file.token.is_some()
    }

    /// Takes the next step. After an error, the state is the one for the next attempt.
    pub(super) async fn advance(
        &self,
        name: &str,
        number: usize,
        creation: &mut Creation,
        context: Context<'_>,
    ) -> Result<(), Failure> {
        let state = creation.media[number].clone();
        let deadline = context.job.started_at + context.settings.media_patience;
        let is_late = context.clock.now() >= deadline;
        if state == MediaState::Empty && is_late {
            creation.media[number] = MediaState::Refused(NotCopied::Unavailable);
            return Ok(());
        }
        match self.next(state.clone(), name, creation, context).await {
            Ok(next) => {
                creation.media[number] = next;
                Ok(())
            }
            Err(Failure::Call(_, error))
                if state.is_before_effect() && !concerns_all_calls(&error) =>
            {
                let why = not_copied(&error);
                if why.is_none() {
                    creation.media_failures += u32::from(!error.is_rate_limited());
                    let is_over = is_late || creation.media_failures >= ATTEMPTS;
                    if !is_over || state != MediaState::Empty {
                        return Err(Failure::Call(Call::WriteAnnouncement, error));
                    }
                }
                tracing::warn!(%error, "failed to copy a file into the announcement");
                creation.media[number] = MediaState::Refused(why.unwrap_or(NotCopied::Unavailable));
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    async fn next(
        &self,
        state: MediaState,
        name: &str,
        creation: &mut Creation,
        context: Context<'_>,
    ) -> Result<MediaState, Failure> {
        let Some(block) = creation.page_blocks.get(self.position) else {
            return Err(Cause::Internal.into());
        };
        let key = format!("{name} media {}", self.position);
        Ok(match state {
            MediaState::Empty => match self.block_to_fill(block, context).await? {
                Some(block) => {
                    let token = self.copy(&block, context).await;
                    let token = token.map_err(failed(Call::WriteAnnouncement))?;
                    MediaState::Uploaded { token }
                }
                None => MediaState::Gone,
            },
            MediaState::Uploaded { token } => match self.block_to_fill(block, context).await? {
                Some(block) => {
                    self.show(block, token.clone(), &key, context).await?;
                    let before = self.file.token.clone();
                    MediaState::Shown { token, before }
                }
                None => MediaState::Gone,
            },
            MediaState::Refused(why) => match empty_on_page(block, context).await?.1 {
                Some(_) => MediaState::Deleting(why),
                None => MediaState::Gone,
            },
            MediaState::Deleting(why) => {
                let (revision, position) = empty_on_page(block, context).await?;
                let positions = position.into_iter().collect();
                let Deletion { failure, .. } = page::delete(positions, revision, context).await;
                failure.map_or(Ok(MediaState::Deleted(why)), Err)?
            }
            MediaState::Deleted(why) => {
                let line = self.write_line(&key, creation, context).await?;
                creation.page_blocks[self.position] = line;
                MediaState::Named(why)
            }
            state @ (MediaState::Shown { .. } | MediaState::Named(_) | MediaState::Gone) => state,
        })
    }

    /// The block of the file itself, which is inside that of its view; `None` if a member deleted it.
    async fn block_to_fill(
        &self,
        block: &BlockId,
        context: Context<'_>,
    ) -> Result<Option<BlockId>, Failure> {
        if self.kind() == UploadKind::Image {
            return Ok(Some(block.clone()));
        }
        let view = page::read_block(block, LATEST, context).await?;
        Ok(view.and_then(|view| match view.block_type {
            BlockType::View => view.children.first().cloned(),
            _ => Some(block.clone()),
        }))
    }

    /// Uploads it for a block. Whether an upload has to name the announcement is not documented.
    async fn copy(&self, block: &BlockId, context: Context<'_>) -> Result<String, Error> {
        let client = &context.platform.client;
        let resource = MessageResource {
            client,
            message: &self.file.message,
            key: &self.file.key,
            kind: self.kind(),
        };
        let upload = MediaUpload {
            name: &self.file.name,
            kind: self.kind(),
            block,
            route: None,
        };
        match client.copy_resource(resource, upload).await {
            Err(error) if error.code() == Some(codes::MEDIA_PARENT_UNKNOWN) => {
                let route = Some(context.chat_id);
                let routed = MediaUpload { route, ..upload };
                client.copy_resource(resource, routed).await
            }
            copied => copied,
        }
    }

    async fn show(
        &self,
        block: BlockId,
        token: String,
        key: &str,
        context: Context<'_>,
    ) -> Result<(), Failure> {
        // Another upload is another call.
        let key = format!("{key} {token}");
        let layout = self.file.layout.as_deref();
        let shown = self.show_as(layout, &block, &token, &key, context).await;
        let shown = match shown {
            Err(error) if layout.is_some() && has_code(&error, &OVER_FIELDS) => {
                let key = format!("{key} plain");
                self.show_as(None, &block, &token, &key, context).await
            }
            shown => shown,
        };
        shown.map_err(failed(Call::WriteAnnouncement))
    }

    async fn show_as(
        &self,
        layout: Option<&ImageLayout>,
        block: &BlockId,
        token: &str,
        key: &str,
        context: Context<'_>,
    ) -> Result<(), Error> {
        let token = token.to_owned();
        let updates = [BlockUpdate {
            block_id: block.clone(),
            change: match self.kind() {
                UploadKind::Image => BlockChange::Image(token, layout.cloned().unwrap_or_default()),
                UploadKind::File => BlockChange::File(token),
            },
        }];
        update(&updates, LATEST, key, context).await
    }

    /// Writes the line below the block before it, and returns its id.
    async fn write_line(
        &self,
        key: &str,
        creation: &Creation,
        context: Context<'_>,
    ) -> Result<BlockId, Failure> {
        let (revision, page) = page::read_top_level(context).await?;
        let position = |id: &BlockId| page.iter().position(|child| child == id);
        let (before, rest) = creation.page_blocks.split_at(self.position);
        let below = before
            .iter()
            .rev()
            .find_map(position)
            .map(|above| above + 1);
        let index = below.or_else(|| rest.iter().find_map(position));
        let position = Position {
            parent: &BlockId::new(context.chat_id.as_str()),
            index: index.unwrap_or((self.at + self.position).min(page.len())),
            revision,
        };
        let line = self.line();
        let created = position
            .send(&[json!(line)], &format!("{key} line"), context)
            .await;
        let created = created.map_err(failed(Call::WriteAnnouncement))?;
        let line = created.block_ids.into_iter().next();
        line.ok_or_else(|| Cause::Internal.into())
    }

    fn kind(&self) -> UploadKind {
        match self.file.medium {
            Medium::Image => UploadKind::Image,
            _ => UploadKind::File,
        }
    }
}

/// The files that the bot has copied into the announcement, by their present tokens.
pub(super) async fn copied_before(
    context: Context<'_>,
) -> Result<HashMap<String, MediaFile>, Failure> {
    let mut files: HashMap<String, MediaFile> = HashMap::new();
    for state in context.store.announced(context.chat()).await? {
        match state {
            AnnouncementState::Entry(placed) => {
                let media = placed.entry.media().cloned();
                files.extend(media.filter_map(|file| Some((file.token.clone()?, file))));
            }
            AnnouncementState::Restored(ids) => {
                for (old, new) in ids {
                    if let Some(file) = files.get(old.as_str()) {
                        let token = new.as_str().to_owned();
                        let file = MediaFile {
                            token: Some(token.clone()),
                            ..file.clone()
                        };
                        files.insert(token, file);
                    }
                }
            }
            AnnouncementState::OtherContent | AnnouncementState::Body(_) => {}
        }
    }
    Ok(files)
}

/// The revision of the page, and the position of a block on it, unless a member has given it content.
async fn empty_on_page(
    block: &BlockId,
    context: Context<'_>,
) -> Result<(i64, Option<usize>), Failure> {
    let (revision, page) = page::read_top_level(context).await?;
    let Some(position) = page.iter().position(|child| child == block) else {
        return Ok((revision, None));
    };
    let mut within = vec![block.clone()];
    while let Some(id) = within.pop() {
        if let Some(shown) = page::read_block(&id, revision, context).await? {
            if shown.file_token.is_some() {
                return Ok((revision, None));
            }
            within.extend(shown.children);
        }
    }
    Ok((revision, Some(position)))
}

/// Whether the error says nothing about the file, nor about files at all.
fn concerns_all_calls(error: &Error) -> bool {
    error.is_app_refused()
        || error.needs_consent()
        || matches!(error, Error::NoAppTicket | Error::GrantUnavailable { .. })
}

/// Why a file cannot be copied; `None` if another attempt may succeed.
fn not_copied(error: &Error) -> Option<NotCopied> {
    Some(if error.is_too_large() || has_code(error, &TOO_LARGE) {
        NotCopied::TooLarge
    } else if error.is_retryable() {
        return None;
    } else if error.is_scope_missing() || has_code(error, &[codes::MEDIA_SCOPE_MISSING]) {
        NotCopied::ScopeMissing
    } else if has_code(error, &FORBIDDEN) {
        NotCopied::Forbidden
    } else if has_code(error, &FULL) {
        NotCopied::StorageFull
    } else if error.class() == Some(Class::MessageGone) {
        NotCopied::MessageGone
    } else {
        let code = error.code().unwrap_or_default();
        NotCopied::Refused { code }
    })
}
