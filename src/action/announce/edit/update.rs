//! Gives the blocks of an entry other texts, where both texts have the same structure.

use feishu::{Block, BlockChange, BlockId, BlockUpdate, TextBlock};
use serde_json::json;

use super::request::{Rewrite, begun};
use crate::action::announce::blocks::{self, LATEST, has_code};
use crate::action::announce::common::failed;
use crate::action::announce::creation::OVER_MENTIONS;
use crate::action::announce::fill::Wanted;
use crate::action::announce::page::{self, block_of, page_of};
use crate::action::announce::revert::WrittenDocx;
use crate::action::context::{Context, Failure};
use crate::content::DocxNode;
use crate::model::change::{PlacedBlocks, PlacedEntry};
use crate::model::progress::{EditReason, EditStep};
use crate::model::refusal::{Call, Cause};

/// Maximum number of blocks per call.
const UPDATES: usize = 200;

/// Whether only texts differ. Entries with other files and those with containers, such as tables, are written anew.
pub(super) fn have_same_structure(old: &[DocxNode], new: &[DocxNode]) -> bool {
    old.len() == new.len()
        && !old.iter().any(Wanted::has_container)
        && old.iter().zip(new).all(|(old, new)| {
            let is_same = match (&old.block.text, &new.block.text) {
                (Some(_), Some(_)) => old.block.block_type == new.block.block_type,
                _ => old.block == new.block,
            };
            let key = |node: &DocxNode| node.media.as_ref().map(|file| file.key.clone());
            is_same && key(old) == key(new) && have_same_structure(&old.children, &new.children)
        })
}

/// Gives blocks their new texts.
pub(super) async fn update(
    rewrite: Rewrite<'_>,
    written: &WrittenDocx,
    context: Context<'_>,
) -> Result<PlacedEntry, Failure> {
    let earlier = begun(context);
    let mut without_mentions = match earlier {
        Some(EditStep::Update { without_mentions }) => without_mentions,
        _ => false,
    };
    let (_, blocks) = page::read::<Block>(context).await?;
    let page = page_of(&blocks, context.chat_id);
    if !written.ids.iter().any(|id| page.contains(id)) {
        return Err(Cause::EntryGone.into());
    }
    // The files stay, which may be copies of those that the new text names.
    let to = rewrite.to.with_tokens_of(&rewrite.from.entry);
    let rewrite = Rewrite { to: &to, ..rewrite };
    let updated = WrittenDocx {
        forms: vec![
            with_files_of(written, rewrite.to.to_docx()),
            with_files_of(written, rewrite.to.without_mentions().to_docx()),
        ],
        ids: written.ids.clone(),
        is_signed: false,
    };
    // An earlier attempt, or an edit that was given up, may have reached only some of the blocks.
    let may_be_updated = earlier.is_some() || rewrite.reason == EditReason::Undo;
    let is_unedited = |(position, id): (usize, &BlockId)| {
        page.contains(id)
            && (written.is_as_written(position, id, &blocks)
                || may_be_updated && updated.is_as_written(position, id, &blocks))
    };
    if !written.ids.iter().enumerate().all(is_unedited) {
        return Err(Cause::EntryChanged.into());
    }
    loop {
        rewrite
            .save(EditStep::Update { without_mentions }, context)
            .await?;
        let form = &updated.forms[usize::from(without_mentions)];
        match send_texts(written, form, &blocks, without_mentions, context).await {
            Err(Failure::Call(_, error))
                if has_code(&error, &OVER_MENTIONS)
                    && !without_mentions
                    && rewrite.to.mentions_anybody() =>
            {
                without_mentions = true;
            }
            sent => break sent?,
        }
    }
    let blocks = written.ids.clone();
    Ok(rewrite.placed(without_mentions, PlacedBlocks::Docx { blocks }))
}

/// The new blocks with the files that are there.
fn with_files_of(written: &WrittenDocx, mut nodes: Vec<DocxNode>) -> Vec<DocxNode> {
    let former = written.forms.first().into_iter().flatten();
    for (node, former) in nodes.iter_mut().zip(former) {
        node.media.clone_from(&former.media);
    }
    nodes
}

/// Sends the texts that differ from the former ones.
async fn send_texts(
    written: &WrittenDocx,
    form: &[DocxNode],
    blocks: &[Block],
    without_mentions: bool,
    context: Context<'_>,
) -> Result<(), Failure> {
    let mut texts = Vec::new();
    for (position, id) in written.ids.iter().enumerate() {
        let former: Vec<&DocxNode> = written
            .forms
            .iter()
            .filter_map(|nodes| nodes.get(position))
            .collect();
        if let Some(new) = form.get(position) {
            collect_texts(&former, new, id, blocks, &mut texts);
        }
    }
    let kind = if without_mentions { "names" } else { "texts" };
    for (number, texts) in texts.chunks(UPDATES).enumerate() {
        let key = format!("edit {kind} {number}");
        let updates: Vec<_> = texts.iter().map(|(id, text)| text_of(id, text)).collect();
        let sent = blocks::update(&updates, LATEST, &key, context).await;
        sent.map_err(failed(Call::WriteAnnouncement))?;
    }
    Ok(())
}

/// Collects the texts of a node and its children that differ from the former ones, with the ids of
/// their blocks.
fn collect_texts(
    former: &[&DocxNode],
    new: &DocxNode,
    id: &BlockId,
    blocks: &[Block],
    texts: &mut Vec<(BlockId, TextBlock)>,
) {
    if let Some(text) = &new.block.text {
        let reads_like = |node: &&DocxNode| {
            let former = node.block.text.as_ref();
            former.is_some_and(|former| former.reads_like(text))
        };
        if !former.iter().all(reads_like) {
            texts.push((id.clone(), text.clone()));
        }
    }
    let children = block_of(id.as_str(), blocks).map_or(&[][..], |block| &block.children);
    for (position, (new, id)) in new.children.iter().zip(children).enumerate() {
        let former: Vec<&DocxNode> = former
            .iter()
            .filter_map(|node| node.children.get(position))
            .collect();
        collect_texts(&former, new, id, blocks, texts);
    }
}

fn text_of(id: &BlockId, text: &TextBlock) -> BlockUpdate {
    BlockUpdate {
        block_id: id.clone(),
        change: BlockChange::TextElements(json!(text.elements)),
    }
}
