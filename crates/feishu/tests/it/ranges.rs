//! Lengths as this crate counts them, against the platform's own count.

use std::ops::Range;

use feishu::{
    ChatId, Client, HeadingLevel, InsertLocation, LegacyBlock, LegacyElement, LegacyList,
    LegacyListType, LegacyParagraph, LegacyParagraphStyle, LegacyTextStyle, OpenId, Operation,
};
use feishu_sim::{AnnouncementKind, ChatSpec};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::{client, platform};

fn any_style() -> impl Strategy<Value = LegacyParagraphStyle> {
    let plain = LegacyParagraphStyle::default();
    let list_type = prop_oneof![
        (1..100u32).prop_map(LegacyListType::Number),
        Just(LegacyListType::Bullet),
        Just(LegacyListType::Code),
    ];
    let list = (list_type, 1..=LegacyList::DEEPEST).prop_map(move |(list_type, indent_level)| {
        LegacyParagraphStyle {
            list: Some(LegacyList {
                list_type,
                indent_level,
            }),
            ..plain
        }
    });
    let heading = (1..=9u8).prop_map(move |level| LegacyParagraphStyle {
        heading_level: HeadingLevel::new(level),
        ..plain
    });
    let quote = LegacyParagraphStyle {
        quote: true,
        ..plain
    };
    prop_oneof![Just(plain), list, heading, Just(quote)]
}

/// `None` is a mention.
fn any_block() -> impl Strategy<Value = Option<(LegacyParagraphStyle, Vec<Option<String>>)>> {
    let text = prop_oneof!["[a好👋𠮷é ]{0,6}", "[^\n]{0,6}"];
    let elements = vec(prop_oneof![4 => text.prop_map(Some), 1 => Just(None)], 0..4);
    prop_oneof![6 => (any_style(), elements).prop_map(Some), 1 => Just(None)]
}

fn block(shape: Option<(LegacyParagraphStyle, Vec<Option<String>>)>, who: &OpenId) -> LegacyBlock {
    let Some((style, elements)) = shape else {
        return LegacyBlock::HorizontalLine;
    };
    let elements = elements.into_iter().map(|text| match text {
        Some(text) => LegacyElement::TextRun {
            text,
            style: LegacyTextStyle {
                bold: true,
                ..LegacyTextStyle::default()
            },
        },
        None => LegacyElement::Person {
            open_id: who.clone(),
        },
    });
    LegacyBlock::Paragraph(LegacyParagraph {
        elements: elements.collect(),
        style,
    })
}

/// The ranges of the blocks in an empty document.
fn expected(blocks: &[LegacyBlock]) -> Vec<Range<u64>> {
    let mut start = 1;
    let ranges = blocks.iter().map(|block| {
        let end = start + u64::try_from(block.utf16_len()).unwrap();
        let range = start..end;
        start = end + 1;
        range
    });
    ranges.collect()
}

async fn written(client: &Client, chat: &ChatId, blocks: &[LegacyBlock]) {
    let insert = Operation::InsertBlocks(InsertLocation::StartOfZone, blocks.to_vec());
    client.patch_announcement(chat, 0, &[insert]).await.unwrap();
    let read = client.get_announcement(chat).await.unwrap();
    let read = read.document().unwrap().blocks;
    let ranges: Vec<_> = read
        .iter()
        .filter_map(|block| block.range.clone())
        .collect();
    assert_eq!(ranges[..blocks.len()], expected(blocks));
    for (placed, block) in read.iter().zip(blocks) {
        assert!(placed.holds(block), "{placed:?} is not {block:?}");
        let style = match block {
            LegacyBlock::Paragraph(paragraph) => paragraph.style,
            LegacyBlock::HorizontalLine | LegacyBlock::Copied(_) => LegacyParagraphStyle::default(),
        };
        assert_eq!(placed.style, style);
    }
}

/// A document that is read and written into an empty one is the same.
async fn copied(client: &Client, from: &ChatId, to: &ChatId) {
    let read = async |chat| {
        let read = client.get_announcement(chat).await.unwrap();
        read.document().unwrap().blocks
    };
    let original = read(from).await;
    let copies = original.iter().map(|block| {
        let copied = block.copied(|thing| format!("{thing:?}"));
        assert!(copied.lost.is_empty());
        LegacyBlock::Copied(copied.block)
    });
    // The last line is the one that ends every document.
    let copies: Vec<_> = copies.take(original.len() - 1).collect();
    let insert = Operation::InsertBlocks(InsertLocation::StartOfZone, copies.clone());
    client.patch_announcement(to, 0, &[insert]).await.unwrap();
    assert_eq!(read(to).await, original);
    for (placed, copy) in original.iter().zip(&copies) {
        assert!(placed.holds(copy));
        let range = placed.range.clone().unwrap();
        let length = u64::try_from(copy.utf16_len()).unwrap();
        assert_eq!(range.end - range.start, length);
    }
}

#[test]
fn ranges_are_those_that_the_platform_counts() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let sim = runtime.block_on(platform());
    let client = client(&sim);
    let lin = sim.add_person("Lin");
    let who = OpenId::new(&lin.open_id);
    let config = ProptestConfig::with_cases(64);
    proptest!(config, |(shapes in vec(any_block(), 1..12))| {
        let chat = || {
            let spec = ChatSpec::named("Ops").owner(&lin).announcement(AnnouncementKind::Doc);
            ChatId::new(sim.add_chat(spec).as_str())
        };
        let (first, second) = (chat(), chat());
        let blocks: Vec<_> = shapes.into_iter().map(|shape| block(shape, &who)).collect();
        runtime.block_on(written(&client, &first, &blocks));
        runtime.block_on(copied(&client, &first, &second));
    });
    sim.finish();
}
