//! Single calls that write blocks. A call is repeated without what the platform may have refused.

use feishu::{BlockId, BlockUpdate, CreateChildren, Created, Error, UpdateBlocks, codes};
use serde::Serialize;
use serde_json::Value;

use super::Context;

/// The latest revision.
pub(super) const LATEST: i64 = -1;

/// Errors that a too long run of text may cause.
const OVER_LENGTH: [i64; 3] = [
    codes::FIELD_INVALID,
    codes::DOCX_INVALID_PARAM,
    codes::DOCX_CONTENT_TOO_LARGE,
];

/// Errors that properties may cause which the pages do not list for the creation.
pub(super) const OVER_FIELDS: [i64; 3] = [
    codes::FIELD_INVALID,
    codes::DOCX_INVALID_PARAM,
    codes::DOCX_SCHEMA_MISMATCH,
];

/// The position at which a call creates blocks.
pub(super) struct Position<'a> {
    pub(super) parent: &'a BlockId,
    pub(super) index: usize,
    pub(super) revision: i64,
}

impl Position<'_> {
    /// If a run may be too long, long ones are split; if properties may be refused, they are left out.
    pub(super) async fn send(
        &self,
        children: &[Value],
        key: &str,
        context: Context<'_>,
    ) -> Result<Created, Error> {
        let error = match self.send_as_is(children, key, context).await {
            Err(error) => error,
            created => return created,
        };
        let listed = Some(children).filter(|_| has_code(&error, &OVER_FIELDS));
        let listed = listed.and_then(feishu::with_listed_fields);
        let (error, children) = match &listed {
            Some(listed) => {
                let key = format!("{key} listed");
                match self.send_as_is(listed, &key, context).await {
                    Err(error) => (error, listed.as_slice()),
                    created => return created,
                }
            }
            None => (error, children),
        };
        let short = Some(children).filter(|_| has_code(&error, &OVER_LENGTH));
        match short.and_then(feishu::with_short_docx_runs) {
            Some(short) => {
                let key = format!("{key} short");
                self.send_as_is(&short, &key, context).await
            }
            None => Err(error),
        }
    }

    async fn send_as_is(
        &self,
        children: &[Value],
        key: &str,
        context: Context<'_>,
    ) -> Result<Created, Error> {
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

/// Updates blocks. If a run may be too long, long ones are split.
pub(super) async fn update(
    updates: &[BlockUpdate],
    revision: i64,
    key: &str,
    context: Context<'_>,
) -> Result<(), Error> {
    let error = match update_as_is(updates, revision, key, context).await {
        Err(error) if has_code(&error, &OVER_LENGTH) => error,
        updated => return updated,
    };
    match feishu::with_short_docx_runs(updates) {
        Some(short) => update_as_is(&short, revision, &format!("{key} short"), context).await,
        None => Err(error),
    }
}

async fn update_as_is<U: Serialize>(
    updates: &[U],
    revision: i64,
    key: &str,
    context: Context<'_>,
) -> Result<(), Error> {
    let update = UpdateBlocks {
        updates,
        revision_id: revision,
        client_token: &context.job.key.idempotency_key(key).to_string(),
    };
    let client = context.client;
    client.update_docx_blocks(context.chat_id, update).await?;
    Ok(())
}

pub(super) fn has_code(error: &Error, codes: &[i64]) -> bool {
    error.code().is_some_and(|code| codes.contains(&code))
}
