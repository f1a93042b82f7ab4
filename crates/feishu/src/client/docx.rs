//! The blocks of a docx announcement.
//!
//! Official pages `group/upgraded-group-announcement/chat-announcement-block/**`.

use std::ops::Range;

use reqwest::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Client, OPEN_ID};
use crate::docx::Block;
use crate::error::InvalidResponse;
use crate::http::{MAX_TEXT, Request};
use crate::wire::or_default;
use crate::{BlockId, ChatId, Error};

/// The most blocks that one page of a listing holds.
const PAGE_SIZE: &str = "500";

/// A bound on a listing, well above the blocks that a document may have.
const MAX_PAGES: usize = 100;

/// An insertion of blocks.
#[derive(Debug)]
pub struct CreateChildren<'a, B = Block> {
    /// Below which block; the page block has the chat's id.
    pub parent: &'a BlockId,
    /// Before which child, counted from 0.
    pub index: usize,
    /// What to insert: 1 to 50 blocks.
    pub children: &'a [B],
    /// The revision on which this builds; −1 is the latest.
    pub revision_id: i64,
    /// The same token never inserts twice.
    pub client_token: &'a str,
}

/// What an insertion brought about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The new blocks, in order, as far as the answer names them.
    pub block_ids: Vec<BlockId>,
    /// The revision with them, if the answer names it.
    pub revision_id: Option<i64>,
}

/// A deletion of consecutive blocks.
#[derive(Debug, Clone)]
pub struct DeleteChildren<'a> {
    /// Below which block.
    pub parent: &'a BlockId,
    /// Which of its children, counted from 0 at `revision_id`.
    pub range: Range<usize>,
    /// The revision at which the children were read.
    pub revision_id: i64,
    /// The same token never deletes twice.
    pub client_token: &'a str,
}

impl Client {
    /// All blocks of an announcement at one revision, in reading order; the first is the page.
    pub async fn list_docx_blocks<B: DeserializeOwned>(
        &self,
        chat: &ChatId,
        revision_id: i64,
    ) -> Result<Vec<B>, Error> {
        let revision = revision_id.to_string();
        let mut blocks = Vec::new();
        let mut page_token = String::new();
        let mut pages = 0;
        let mut length = 0;
        loop {
            let mut query = vec![
                ("page_size", PAGE_SIZE),
                ("revision_id", &revision),
                OPEN_ID,
            ];
            if !page_token.is_empty() {
                query.push(("page_token", &page_token));
            }
            let answer = self
                .call(Request {
                    endpoint: "list_docx_blocks",
                    method: Method::GET,
                    path: &[
                        "docx",
                        "v1",
                        "chats",
                        chat.as_str(),
                        "announcement",
                        "blocks",
                    ],
                    query: &query,
                    body: None,
                })
                .await?;
            // All pages together are bounded like one answer.
            length += answer.len();
            if length > MAX_TEXT {
                return Err(answer.invalid(InvalidResponse::TooLarge));
            }
            let page: Listing<B> = answer.data()?;
            blocks.extend(page.items);
            if !page.has_more {
                return Ok(blocks);
            }
            if page.page_token.is_empty() {
                return Err(answer.invalid(InvalidResponse::Shape));
            }
            pages += 1;
            if pages == MAX_PAGES || page.page_token == page_token {
                return Err(answer.invalid(InvalidResponse::Endless));
            }
            page_token = page.page_token;
        }
    }

    /// Inserts blocks. Announcements take 3 edits a second, an app makes 5 writes a second.
    pub async fn create_docx_children<B: Serialize>(
        &self,
        chat: &ChatId,
        insertion: CreateChildren<'_, B>,
    ) -> Result<Created, Error> {
        let answer = self
            .write_docx(
                chat,
                Request {
                    endpoint: "create_docx_children",
                    method: Method::POST,
                    path: &children_path(chat, insertion.parent, &[]),
                    query: &[
                        ("revision_id", &insertion.revision_id.to_string()),
                        ("client_token", insertion.client_token),
                        OPEN_ID,
                    ],
                    body: Some(json!({
                        "index": insertion.index,
                        "children": insertion.children,
                    })),
                },
            )
            .await?;
        // The blocks stand, whatever the answer lacks.
        let edited: Edited = answer.data().unwrap_or_default();
        Ok(Created {
            block_ids: edited.block_ids(),
            revision_id: edited.revision(),
        })
    }

    /// Deletes blocks and returns the new revision, if the answer names it.
    pub async fn delete_docx_children(
        &self,
        chat: &ChatId,
        deletion: DeleteChildren<'_>,
    ) -> Result<Option<i64>, Error> {
        let answer = self
            .write_docx(
                chat,
                Request {
                    endpoint: "delete_docx_children",
                    method: Method::DELETE,
                    path: &children_path(chat, deletion.parent, &["batch_delete"]),
                    query: &[
                        ("revision_id", &deletion.revision_id.to_string()),
                        ("client_token", deletion.client_token),
                    ],
                    body: Some(json!({
                        "start_index": deletion.range.start,
                        "end_index": deletion.range.end,
                    })),
                },
            )
            .await?;
        let edited: Edited = answer.data().unwrap_or_default();
        Ok(edited.revision())
    }
}

fn children_path<'a>(chat: &'a ChatId, parent: &'a BlockId, rest: &[&'a str]) -> Vec<&'a str> {
    let mut path = vec![
        "docx",
        "v1",
        "chats",
        chat.as_str(),
        "announcement",
        "blocks",
    ];
    path.extend([parent.as_str(), "children"]);
    path.extend(rest);
    path
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "B: DeserializeOwned"))]
struct Listing<B> {
    #[serde(default, deserialize_with = "or_default")]
    items: Vec<B>,
    #[serde(default)]
    has_more: bool,
    #[serde(default, deserialize_with = "or_default")]
    page_token: String,
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
