//! The blocks of a docx announcement.
//!
//! Official pages `group/upgraded-group-announcement/chat-announcement-block/**`.

use std::ops::Range;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::pages::Page;
use super::{Client, OPEN_ID};
use crate::docx::Block;
use crate::docx_update::BlockUpdate;
use crate::error::InvalidResponse;
use crate::http::{MAX_TEXT, Request};
use crate::wire::or_default;
use crate::{BlockId, ChatId, Error};

/// How many blocks one page of a listing has at most.
const PAGE_SIZE: &str = "500";

/// Well above the number of blocks that a document may have.
const MAX_PAGES: usize = 100;

/// An insertion of consecutive blocks.
#[derive(Debug)]
pub struct CreateChildren<'a, B = Block> {
    /// The parent block; the page block has the id of the chat.
    pub parent: &'a BlockId,
    /// The index of the child before which they are inserted.
    pub index: usize,
    /// 1 to 50 blocks.
    pub children: &'a [B],
    /// The revision that `index` refers to; −1 is the latest.
    pub revision_id: i64,
    /// The platform inserts once per token.
    pub client_token: &'a str,
}

/// The result of an insertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The new blocks in the answer, in order.
    pub block_ids: Vec<BlockId>,
    /// The new revision, if the answer names it.
    pub revision_id: Option<i64>,
}

/// A deletion of consecutive blocks.
#[derive(Debug, Clone)]
pub struct DeleteChildren<'a> {
    /// The parent block.
    pub parent: &'a BlockId,
    /// The indexes of the children at `revision_id`.
    pub range: Range<usize>,
    /// The revision that `range` refers to.
    pub revision_id: i64,
    /// The platform deletes once per token.
    pub client_token: &'a str,
}

/// Updates of several blocks, of which all or none apply.
#[derive(Debug)]
pub struct UpdateBlocks<'a, U = BlockUpdate> {
    /// 1 to 200 updates, at most one of each block.
    pub updates: &'a [U],
    /// The revision that the updates refer to; −1 is the latest.
    pub revision_id: i64,
    /// The platform applies them once per token.
    pub client_token: &'a str,
}

impl Client {
    /// All blocks of an announcement at one revision, in reading order; the first is the page.
    ///
    /// Tokens: tenant, user.
    pub async fn list_docx_blocks<B: DeserializeOwned>(
        &self,
        chat: &ChatId,
        revision_id: i64,
    ) -> Result<Vec<B>, Error> {
        let revision = revision_id.to_string();
        let query = [
            ("page_size", PAGE_SIZE),
            ("revision_id", &revision),
            OPEN_ID,
        ];
        let path = blocks_path(chat);
        let request = Request::get("list_docx_blocks", &path)
            .query(&query)
            .max_answer(MAX_TEXT);
        let mut blocks = Vec::new();
        let mut page_token = String::new();
        let mut length = 0;
        for page in 1.. {
            let answer = self.page(&request, &page_token).await?;
            // All pages together have the limit of one answer.
            length += answer.len();
            if length > MAX_TEXT {
                return Err(answer.invalid(InvalidResponse::TooLarge));
            }
            let read: Page<B> = answer.data()?;
            blocks.extend(read.items);
            if !read.has_more {
                break;
            }
            if read.next.is_empty() {
                return Err(answer.invalid(InvalidResponse::Shape));
            }
            if page == MAX_PAGES || read.next == page_token {
                return Err(answer.invalid(InvalidResponse::Endless));
            }
            page_token = read.next;
        }
        Ok(blocks)
    }

    /// One block of an announcement at one revision; the page has the id of the chat.
    ///
    /// Tokens: tenant, user.
    pub async fn get_docx_block(
        &self,
        chat: &ChatId,
        block: &BlockId,
        revision_id: i64,
    ) -> Result<Block, Error> {
        let path = [&blocks_path(chat)[..], &[block.as_str()]].concat();
        let revision = revision_id.to_string();
        let query = [("revision_id", &*revision), OPEN_ID];
        let request = Request::get("get_docx_block", &path).query(&query);
        let read: OneBlock = self.call(request.max_answer(MAX_TEXT)).await?.data()?;
        Ok(read.block)
    }

    /// Inserts blocks. The platform allows 3 edits a second per announcement and 5 writes a second
    /// per app.
    ///
    /// Tokens: tenant, user.
    pub async fn create_docx_children<B: Serialize>(
        &self,
        chat: &ChatId,
        insertion: CreateChildren<'_, B>,
    ) -> Result<Created, Error> {
        let path = children_path(chat, insertion.parent, &[]);
        let revision = insertion.revision_id.to_string();
        let query = [
            ("revision_id", &*revision),
            ("client_token", insertion.client_token),
            OPEN_ID,
        ];
        let body = json!({ "index": insertion.index, "children": insertion.children });
        let request = Request::post("create_docx_children", &path).query(&query);
        let answer = self.write_docx(chat, request.body(body)).await?;
        // The blocks exist, whatever the answer lacks.
        let edited: Edited = answer.data().unwrap_or_default();
        Ok(Created {
            block_ids: edited.block_ids(),
            revision_id: edited.revision(),
        })
    }

    /// Updates blocks and returns the new revision, if the answer names it. The limits are those of
    /// [`Client::create_docx_children`].
    ///
    /// Tokens: tenant, user.
    pub async fn update_docx_blocks<U: Serialize>(
        &self,
        chat: &ChatId,
        UpdateBlocks {
            updates,
            revision_id,
            client_token,
        }: UpdateBlocks<'_, U>,
    ) -> Result<Option<i64>, Error> {
        let path = [&blocks_path(chat)[..], &["batch_update"]].concat();
        let revision = revision_id.to_string();
        let query = [
            ("revision_id", &*revision),
            ("client_token", client_token),
            OPEN_ID,
        ];
        let body = json!({ "requests": updates });
        let request = Request::patch("update_docx_blocks", &path).query(&query);
        let answer = self.write_docx(chat, request.body(body)).await?;
        let edited: Edited = answer.data().unwrap_or_default();
        Ok(edited.revision())
    }

    /// Deletes blocks and returns the new revision, if the answer names it.
    ///
    /// Tokens: tenant, user.
    pub async fn delete_docx_children(
        &self,
        chat: &ChatId,
        deletion: DeleteChildren<'_>,
    ) -> Result<Option<i64>, Error> {
        let path = children_path(chat, deletion.parent, &["batch_delete"]);
        let revision = deletion.revision_id.to_string();
        let query = [
            ("revision_id", &*revision),
            ("client_token", deletion.client_token),
        ];
        let Range { start, end } = deletion.range;
        let body = json!({ "start_index": start, "end_index": end });
        let request = Request::delete("delete_docx_children", &path).query(&query);
        let answer = self.write_docx(chat, request.body(body)).await?;
        let edited: Edited = answer.data().unwrap_or_default();
        Ok(edited.revision())
    }
}

fn blocks_path(chat: &ChatId) -> [&str; 6] {
    let chat = chat.as_str();
    ["docx", "v1", "chats", chat, "announcement", "blocks"]
}

fn children_path<'a>(chat: &'a ChatId, parent: &'a BlockId, rest: &[&'a str]) -> Vec<&'a str> {
    [&blocks_path(chat)[..], &[parent.as_str(), "children"], rest].concat()
}

#[derive(Deserialize)]
struct OneBlock {
    block: Block,
}

#[derive(Default, Deserialize)]
struct Edited {
    #[serde(default, deserialize_with = "or_default")]
    children: Value,
    revision_id: Option<i64>,
    /// The name in the sample of the official page; its field table and the platform say
    /// `revision_id`.
    document_revision_id: Option<i64>,
}

impl Edited {
    fn revision(&self) -> Option<i64> {
        self.revision_id.or(self.document_revision_id)
    }

    fn block_ids(&self) -> Vec<BlockId> {
        let blocks = self.children.as_array().into_iter().flatten();
        blocks
            .filter_map(|block| block["block_id"].as_str().map(BlockId::from))
            .collect()
    }
}
