//! Writing an entry into a `docx` announcement: blocks created at the top, in
//! order, at most 50 a call.

use feishu::{BlockId, CreateChildren};

use super::{Failure, Scene, call};
use crate::content::Entry;
use crate::outcome::Call;
use crate::store::Written;

/// The most blocks that one call creates.
const CHUNK: usize = 50;
/// The newest revision, whatever it is.
const LATEST: i64 = -1;
/// "invalid param": among others, a mention of a person whom the bot cannot see.
const INVALID_PARAM: i64 = 1_770_001;

/// Writes the entry from where the last attempt stopped.
///
/// Each call's `client_token` is derived from the job and the place of its first
/// block, so a call whose answer was lost is made again without a second effect.
pub(super) async fn write(entry: &Entry, revision: i64, scene: Scene<'_>) -> Result<(), Failure> {
    let (mut written, mut revision, mut nameless) = match scene.written() {
        Some(Written::Docx {
            blocks,
            revision,
            nameless,
        }) => (blocks, revision, nameless),
        _ => (0, revision, false),
    };
    let of = entry.line_count();
    loop {
        let blocks = if nameless {
            entry.nameless().to_docx()
        } else {
            entry.to_docx()
        };
        let Some(chunk) = blocks
            .get(written..)
            .and_then(|rest| rest.chunks(CHUNK).next())
        else {
            return Ok(());
        };
        let name = if nameless { "docx nameless" } else { "docx" };
        let token = scene.job.key.idempotency_key(&format!("{name} {written}"));
        let request = CreateChildren {
            // The page block, the parent of all that stands in the
            // announcement, has the chat's id.
            parent: &BlockId::new(scene.message.chat_id.as_str()),
            index: written,
            children: chunk,
            revision_id: revision,
            client_token: &token.to_string(),
        };
        let chat = &scene.message.chat_id;
        match scene
            .platform
            .client
            .create_docx_children(chat, request)
            .await
        {
            Ok(created) => {
                written += chunk.len();
                revision = created.revision_id.unwrap_or(LATEST);
            }
            // The author is named by a mention. Where the platform does not
            // take it, the announcement still goes out.
            Err(error)
                if error.code() == Some(INVALID_PARAM) && entry.names_author() && !nameless =>
            {
                nameless = true;
            }
            Err(error) => return Err(call(Call::WriteAnnouncement)(error).after(written, of)),
        }
        if written < blocks.len() {
            let written = Written::Docx {
                blocks: written,
                revision,
                nameless,
            };
            scene.save(entry.text(), Some(written)).await?;
        }
    }
}
