//! Every call once as it succeeds and once as it is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use feishu::{
    AnnouncementKind, AppId, AppVersion, Block, BlockChange, BlockId, BlockType, BlockUpdate,
    BotInfo, Card, ChatId, CreateChildren, DeleteChildren, Error, InsertLocation, LegacyBlock,
    LegacyElement, LegacyParagraph, LegacyTextStyle, Link, MessageId, OpenId, Operation, Scope,
    SlashDescription, TextElement, TextElementStyle, TopNotice, UpdateBlocks, Who,
};
use feishu_sim::{ChatSpec, Endpoint, Fault, Seen, Simulator, WhoMay, Words};
use serde_json::json;

use crate::{client, platform};

/// Queues a refusal of the next such call and checks the resulting error.
async fn refused<T: Debug>(
    sim: &Simulator,
    endpoint: Endpoint,
    code: i64,
    call: impl Future<Output = Result<T, Error>>,
) {
    sim.fault(endpoint, Fault::code(code));
    let error = call.await.unwrap_err();
    assert_eq!(error.code(), Some(code), "{error}");
    assert!(
        !error.may_have_taken_effect() && !error.is_retryable(),
        "{error}"
    );
    let log_id = sim.calls_to(endpoint).pop().unwrap().log_id;
    assert_eq!(error.log_id(), Some(&*log_id));
}

fn id<T: for<'a> From<&'a str>>(of: &impl ToString) -> T {
    T::from(&of.to_string())
}

#[tokio::test]
async fn the_top_notice_is_put_then_deleted() {
    let sim = platform().await;
    let client = client(&sim);
    let lin = sim.add_person("Lin");
    let place = sim.add_chat(ChatSpec::named("Ops").owner(&lin));
    let said = sim.as_person(&lin).in_chat(&place).say("lunch at noon");
    let (chat, message): (ChatId, MessageId) = (id(&place), id(&said.id));

    client
        .put_top_notice(&chat, TopNotice::Message(&message))
        .await
        .unwrap();
    assert_eq!(
        sim.top_notice(&place),
        Some(feishu_sim::TopNotice::Message(said.id))
    );
    client
        .put_top_notice(&chat, TopNotice::Announcement)
        .await
        .unwrap();
    assert_eq!(
        sim.top_notice(&place),
        Some(feishu_sim::TopNotice::Announcement)
    );
    let sent = sim.calls_to(Endpoint::PutTopNotice).pop().unwrap().body;
    assert_eq!(
        sent.to_string(),
        r#"{"chat_top_notice":[{"action_type":"2"}]}"#
    );
    client.delete_top_notice(&chat).await.unwrap();
    assert_eq!(sim.top_notice(&place), None);

    let put = client.put_top_notice(&chat, TopNotice::Announcement);
    refused(&sim, Endpoint::PutTopNotice, 232_014, put).await;
    let delete = client.delete_top_notice(&chat);
    refused(&sim, Endpoint::DeleteTopNotice, 232_014, delete).await;
    sim.finish();
}

#[tokio::test]
async fn a_legacy_announcement_is_patched() {
    let sim = platform().await;
    let client = client(&sim);
    let lin = sim.add_person("Lin");
    let spec = ChatSpec::named("Ops").owner(&lin);
    let place = sim.add_chat(spec.announcement(feishu_sim::AnnouncementKind::Doc));
    let chat: ChatId = id(&place);
    sim.as_person(&lin)
        .in_chat(&place)
        .edit_announcement(["停电 👋", "old"]);

    let info = client.get_docx_announcement(&chat).await.unwrap();
    assert_eq!(info.kind, AnnouncementKind::Doc);
    let announcement = client.get_announcement(&chat).await.unwrap();
    assert_eq!(
        announcement.document().unwrap().blocks[0].text.as_deref(),
        Some("停电 👋")
    );

    let style = LegacyTextStyle {
        bold: true,
        link: Some("https://example.com/?a=b&c".to_owned()),
        ..LegacyTextStyle::default()
    };
    let rich = LegacyParagraph {
        elements: vec![
            LegacyElement::TextRun {
                text: "新 ".to_owned(),
                style,
            },
            LegacyElement::Person {
                open_id: OpenId::new(&lin.open_id),
            },
        ],
        ..LegacyParagraph::default()
    };
    let expected = rich.plain_text();
    let blocks = vec![
        LegacyBlock::Paragraph(rich),
        LegacyBlock::Paragraph(LegacyParagraph::plain("")),
    ];
    let insert = Operation::InsertBlocks(InsertLocation::StartOfZone, blocks);
    client
        .patch_announcement(&chat, announcement.revision, &[insert])
        .await
        .unwrap();
    let announcement = client.get_announcement(&chat).await.unwrap();
    let document = announcement.document().unwrap();
    let texts: Vec<_> = document
        .blocks
        .iter()
        .filter_map(|block| block.text.as_deref())
        .collect();
    assert_eq!(texts[..4], [&*expected, "", "停电 👋", "old"]);

    let delete = Operation::DeleteContentRange(document.body_range().unwrap());
    client
        .patch_announcement(&chat, announcement.revision, &[delete])
        .await
        .unwrap();
    assert!(sim.announcement_text(&place).iter().all(String::is_empty));

    let get = client.get_announcement(&chat);
    refused(&sim, Endpoint::GetDocAnnouncement, 232_097, get).await;
    let patch = client.patch_announcement(&chat, 0, &[]);
    refused(&sim, Endpoint::PatchDocAnnouncement, 232_018, patch).await;
    sim.finish();
}

#[tokio::test]
async fn a_docx_announcement_is_listed_over_all_pages() {
    let sim = platform().await;
    let client = client(&sim);
    let lin = sim.add_person("Lin");
    let place = sim.add_chat(ChatSpec::named("Ops").owner(&lin));
    let (chat, page): (ChatId, BlockId) = (id(&place), id(&place));
    let lines: Vec<String> = (0..600).map(|line| line.to_string()).collect();
    sim.as_person(&lin).in_chat(&place).edit_announcement(lines);

    let info = client.get_docx_announcement(&chat).await.unwrap();
    assert_eq!(info.kind, AnnouncementKind::Docx);
    let style = TextElementStyle {
        bold: true,
        link: Some(Link::to("https://example.com")),
        ..TextElementStyle::default()
    };
    let first = Block::paragraph(vec![
        TextElement::TextRun {
            content: "新".to_owned(),
            style,
        },
        TextElement::MentionUser {
            open_id: OpenId::new(&lin.open_id),
        },
    ]);
    let children = [
        first.clone(),
        Block::paragraph(vec![TextElement::plain("👋")]),
    ];
    let insertion = || CreateChildren {
        parent: &page,
        index: 0,
        children: &children,
        revision_id: info.revision_id,
        client_token: "0192f1f0-0000-7000-8000-000000000001",
    };
    let create = || client.create_docx_children(&chat, insertion());
    let created = create().await.unwrap();
    assert_eq!(create().await.unwrap(), created);

    let blocks: Vec<Block> = client
        .list_docx_blocks(&chat, created.revision_id.unwrap())
        .await
        .unwrap();
    assert_eq!(sim.calls_to(Endpoint::ListBlocks).len(), 2);
    assert_eq!((blocks.len(), blocks[0].block_type), (603, BlockType::Page));
    assert_eq!(blocks[0].children[..2], created.block_ids);
    assert_eq!(blocks[1].text, first.text);

    let deletion = DeleteChildren {
        parent: &page,
        range: 2..602,
        revision_id: created.revision_id.unwrap(),
        client_token: "0192f1f0-0000-7000-8000-000000000002",
    };
    let revision = client
        .delete_docx_children(&chat, deletion.clone())
        .await
        .unwrap();
    assert!(revision > created.revision_id);
    assert_eq!(
        client
            .list_docx_blocks::<Block>(&chat, revision.unwrap())
            .await
            .unwrap()
            .len(),
        3
    );

    let info = client.get_docx_announcement(&chat);
    refused(&sim, Endpoint::GetDocxAnnouncement, 1_772_003, info).await;
    let list = client.list_docx_blocks::<Block>(&chat, -1);
    refused(&sim, Endpoint::ListBlocks, 1_772_006, list).await;
    refused(&sim, Endpoint::CreateChildren, 1_772_005, create()).await;
    let delete = client.delete_docx_children(&chat, deletion);
    refused(&sim, Endpoint::DeleteChildren, 1_770_032, delete).await;
    sim.finish();
}

#[tokio::test]
async fn blocks_are_updated_once_per_token() {
    let sim = platform().await;
    let client = client(&sim);
    let lin = sim.add_person("Lin");
    let place = sim.add_chat(ChatSpec::named("Ops").owner(&lin));
    let (chat, page): (ChatId, BlockId) = (id(&place), id(&place));
    let property = json!({ "row_size": 1, "column_size": 1 });
    let columns = json!({ "block_type": 24, "grid": { "column_size": 2 } });
    let children = [
        json!({ "block_type": 31, "table": { "property": property } }),
        columns,
    ];
    let insertion = CreateChildren {
        parent: &page,
        index: 0,
        children: &children,
        revision_id: -1,
        client_token: "0192f1f0-0000-7000-8000-000000000003",
    };
    let created = client.create_docx_children(&chat, insertion).await.unwrap();
    let read: Vec<Block> = client.list_docx_blocks(&chat, -1).await.unwrap();
    let [table, grid] = created.block_ids.try_into().unwrap();
    let update = |block: &BlockId, change| BlockUpdate {
        block_id: block.clone(),
        change,
    };
    let line = read[3].block_id.clone().unwrap();
    let words = json!([TextElement::plain("a")]);
    let updates = [
        update(&line, BlockChange::TextElements(words)),
        update(&table, BlockChange::InsertTableRow),
        update(&grid, BlockChange::GridColumnWidths(vec![30, 70])),
    ];
    let call = || UpdateBlocks {
        updates: &updates,
        revision_id: -1,
        client_token: "0192f1f0-0000-7000-8000-000000000004",
    };
    let revision = client.update_docx_blocks(&chat, call()).await.unwrap();
    assert!(revision.is_some());
    let again = client.update_docx_blocks(&chat, call()).await.unwrap();
    assert_eq!(again, revision);
    assert_eq!(sim.announcement_text(&place), ["a", "", "", ""]);
    let update = client.update_docx_blocks(&chat, call());
    refused(&sim, Endpoint::UpdateBlocks, 1_770_025, update).await;
    sim.finish();
}

#[tokio::test]
async fn a_chat_has_its_settings() {
    let sim = platform().await;
    let client = client(&sim);
    let (lin, kai) = (sim.add_person("Lin"), sim.add_person("Kai"));
    let spec = ChatSpec::named("Ops")
        .owner(&lin)
        .admin(&kai)
        .bot_is_admin();
    let spec = spec
        .edit_permission(WhoMay::OnlyOwner)
        .pin_manage_setting(None);
    let chat: ChatId = id(&sim.add_chat(spec));

    let read = client
        .get_chat(&chat, feishu::IdType::OpenId)
        .await
        .unwrap();
    assert_eq!(read.name, "Ops");
    assert_eq!(read.owner_id, Some(lin.open_id.clone()));
    assert_eq!(read.user_manager_ids, std::slice::from_ref(&kai.open_id));
    assert_eq!(read.bot_manager_ids, [AppId::new(sim.app().app_id)]);
    assert_eq!(
        (read.edit_permission, read.pin_manage_setting),
        (Some(Who::OnlyOwner), None)
    );
    assert_eq!(read.chat_status.as_deref(), Some("normal"));
    assert_eq!(
        (read.tenant_key, read.external),
        (Some((&*sim.app().tenant_key).into()), false)
    );

    refused(
        &sim,
        Endpoint::GetChat,
        232_011,
        client.get_chat(&chat, feishu::IdType::OpenId),
    )
    .await;
    sim.finish();
}

#[tokio::test]
async fn a_reply_is_sent_once_per_uuid() {
    let sim = platform().await;
    let client = client(&sim);
    let lin = sim.add_person("Lin");
    let place = sim.add_chat(ChatSpec::named("Ops").owner(&lin));
    let said = sim
        .as_person(&lin)
        .in_chat(&place)
        .say(Words::at_bot().text(" /help"));
    let message: MessageId = id(&said.id);

    let read = client
        .get_message(&message, feishu::CardForm::Plain)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(read.chat_id, Some(id(&place)));
    assert_eq!((&*read.msg_type, read.deleted), ("text", false));
    assert_eq!(read.content, r#"{"text":"@_user_1 /help"}"#);
    assert_eq!(
        read.mentions[0].id.open_id,
        Some(OpenId::new(sim.app().bot_open_id))
    );

    let uuid = "0192f1f0-0000-7000-8000-000000000003";
    let reply = client
        .reply(&message, "a < b\n<at user_id=\"all\"></at>", uuid)
        .await
        .unwrap();
    assert_eq!(
        client
            .reply(&message, "a < b\n<at user_id=\"all\"></at>", uuid)
            .await
            .unwrap(),
        reply
    );
    let shown = "a < b\n<\u{200b}at user_id=\"all\"><\u{200b}/at>";
    assert_eq!(sim.replies_to(&said.id), [shown]);
    client.add_reaction(&message, "Pin").await.unwrap();
    assert_eq!(sim.reactions(&said.id), ["Pin"]);

    refused(
        &sim,
        Endpoint::GetMessage,
        230_027,
        client.get_message(&message, feishu::CardForm::Plain),
    )
    .await;
    refused(
        &sim,
        Endpoint::ReplyMessage,
        230_011,
        client.reply(&message, "x", "u2"),
    )
    .await;
    refused(
        &sim,
        Endpoint::AddReaction,
        231_001,
        client.add_reaction(&message, "pin"),
    )
    .await;
    sim.as_person(&lin).in_chat(&place).recall(&said.id);
    assert!(
        client
            .get_message(&message, feishu::CardForm::Plain)
            .await
            .is_ok_and(|message| message.is_some_and(|message| message.deleted))
    );
    sim.finish();
}

#[tokio::test]
async fn a_card_is_sent_once_per_uuid() {
    let sim = platform().await;
    let client = client(&sim);
    let lin = sim.add_person("Lin");
    let place = sim.add_chat(ChatSpec::named("Ops").owner(&lin));
    let chat: ChatId = id(&place);
    let card = Card::titled("Hello").markdown("`/pin`\n**so**");

    let uuid = "0192f1f0-0000-7000-8000-000000000004";
    let sent = client.create_message(&chat, &card, uuid).await.unwrap();
    let other = Card::titled("Hello again");
    assert_eq!(
        client.create_message(&chat, &other, uuid).await.unwrap(),
        sent
    );
    let [message] = &sim.messages(&place)[..] else {
        panic!("{}", sim.conversation())
    };
    assert_eq!(sent, Some(id(&message.id)));
    assert_eq!(
        (&*message.msg_type, &*message.text()),
        ("interactive", "Hello\n`/pin`\n**so**")
    );

    refused(
        &sim,
        Endpoint::CreateMessage,
        230_035,
        client.create_message(&chat, &card, "u2"),
    )
    .await;
    sim.finish();
}

#[tokio::test]
async fn a_card_goes_to_one_person() {
    let sim = platform().await;
    let client = client(&sim);
    let (lin, mia) = (sim.add_person("Lin"), sim.add_person("Mia"));
    let place = sim.add_chat(ChatSpec::named("Ops").owner(&lin).member(&mia));
    let (chat, member): (ChatId, _) = (id(&place), OpenId::new(&mia.open_id));
    let card = Card::titled("Hello").markdown("[Open](https://example.com)");

    let shown = client.send_private_card(&chat, &member, &card);
    let shown = shown.await.unwrap();
    assert_eq!(shown, Some(id(&sim.private_cards(&mia)[0].id)));
    let sent = sim.calls_to(Endpoint::SendPrivateCard).pop().unwrap().body;
    let body = json!({
        "chat_id": chat, "open_id": member, "msg_type": "interactive", "card": card,
    });
    assert_eq!(sent, body);
    client.delete_private_card(&shown.unwrap()).await.unwrap();
    assert_eq!(sim.private_cards(&mia), []);

    let sent = client.send_card_to(&member, &card, "u1").await.unwrap();
    let again = client.send_card_to(&member, &card, "u1").await.unwrap();
    assert_eq!(
        (sent.clone(), again),
        (Some(id(&sim.direct_messages(&mia)[0].id)), sent)
    );
    assert_eq!(sim.direct_messages(&mia).len(), 1);

    let topics = sim.add_chat(ChatSpec::named("Topics").owner(&mia).topic());
    let topics: ChatId = id(&topics);
    let shown = client.send_private_card(&topics, &member, &card);
    let error = shown.await.unwrap_err();
    assert_eq!(error.code(), Some(feishu::codes::PRIVATE_CARD_REFUSED));
    sim.change_app(|app| app.unavailable_to.insert(mia.open_id.clone()));
    let error = client.send_card_to(&member, &card, "u2").await.unwrap_err();
    assert_eq!(error.code(), Some(feishu::codes::UNAVAILABLE_TO_PERSON));
    sim.finish();
}

#[tokio::test]
async fn a_private_card_at_the_limit_is_retried() {
    let sim = platform().await;
    let client = client(&sim);
    let lin = sim.add_person("Lin");
    let chat: ChatId = id(&sim.add_chat(ChatSpec::named("Ops").owner(&lin)));
    let (member, card) = (OpenId::new(&lin.open_id), Card::titled("Hello"));
    for code in [11_232, 11_233, 11_247] {
        sim.fault(Endpoint::SendPrivateCard, Fault::code(code));
        let shown = client.send_private_card(&chat, &member, &card);
        let error = shown.await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
    }
    sim.finish();
}

#[tokio::test]
async fn a_card_is_updated_after_a_press() {
    let sim = platform().await;
    let client = client(&sim);
    let lin = sim.add_person("Lin");
    let place = sim.add_chat(ChatSpec::named("Ops").owner(&lin));
    let lin = sim.as_person(&lin).in_chat(&place);
    let said = lin.say(Words::at_bot().text(" /pin"));
    let message: MessageId = id(&said.id);
    let card = Card::titled("Pinned").button("Undo", json!({ "undo": 1 }));

    let uuid = "0192f1f0-0000-7000-8000-000000000005";
    let reply = client.reply_card(&message, &card, uuid).await.unwrap();
    let other = Card::titled("Pinned again");
    let again = client.reply_card(&message, &other, uuid).await.unwrap();
    assert_eq!(again, reply);
    assert_eq!(sim.replies_to(&said.id), ["Pinned\nUndo"]);
    let reply: feishu_sim::MessageId = id(&reply.unwrap());
    assert_eq!(sim.card(&reply), json!(card));

    let pressed = lin.press(&reply, "Undo");
    // Nowhere to call back to: the time for an answer is over at once.
    assert_eq!(pressed.seen().await, Seen::Failed(200_340));
    let undone = Card::titled("Undone").markdown("by Lin");
    client.update_card(&pressed.token, &undone).await.unwrap();
    assert_eq!(sim.card(&reply), json!(undone));
    assert_eq!(sim.buttons(&reply), Vec::<String>::new());

    let reply = client.reply_card(&message, &card, "u2");
    refused(&sim, Endpoint::ReplyMessage, 230_011, reply).await;
    let update = client.update_card(&pressed.token, &card);
    refused(&sim, Endpoint::UpdateCard, 99_992_402, update).await;
    sim.finish();
}

#[tokio::test]
async fn the_bot_tells_who_it_is() {
    let sim = platform().await;
    let client = client(&sim);
    assert_eq!(client.app_id().as_str(), sim.app().app_id);
    let bot = client.bot_info().await.unwrap();
    assert_eq!(bot.open_id.as_str(), sim.app().bot_open_id);
    assert_eq!(
        (bot.app_name, bot.activate_status),
        (sim.app().bot_name, BotInfo::ACTIVE)
    );
    refused(&sim, Endpoint::BotInfo, 230_006, client.bot_info()).await;
    let scopes = client.list_scopes().await.unwrap();
    let granted = scopes
        .into_iter()
        .filter(|scope| scope.grant_status == Scope::GRANTED);
    let granted: BTreeSet<_> = granted.map(|scope| scope.scope_name).collect();
    assert_eq!(granted, sim.app().scopes);
    refused(&sim, Endpoint::ListScopes, 212_100, client.list_scopes()).await;
    sim.finish();
}

#[tokio::test]
async fn the_published_version_names_its_subscriptions() {
    let sim = platform().await;
    let client = client(&sim);
    let published = sim.app().published.unwrap();
    let version = AppVersion {
        version: published.version,
        events: published.events.into_iter().collect(),
    };
    assert_eq!(client.published_version().await.unwrap(), Some(version));
    let callbacks = client.subscribed_callbacks().await.unwrap();
    assert_eq!(callbacks, Some(published.callbacks.into_iter().collect()));
    assert_eq!(client.online_connections().await.unwrap(), 0);

    sim.change_behaviour(|switches| switches.subscriptions.callbacks_are_told = false);
    assert_eq!(client.subscribed_callbacks().await.unwrap(), None);
    sim.change_app(|app| app.published = None);
    assert_eq!(client.published_version().await.unwrap(), None);

    let version = client.published_version();
    refused(&sim, Endpoint::ListAppVersions, 210_503, version).await;
    let callbacks = client.subscribed_callbacks();
    refused(&sim, Endpoint::GetApplication, 210_504, callbacks).await;
    let count = client.online_connections();
    refused(&sim, Endpoint::CountConnections, 99_991_672, count).await;
    sim.finish();
}

#[tokio::test]
async fn commands_of_the_panel_are_managed() {
    let sim = platform().await;
    let client = client(&sim);
    for verb in ["read", "write"] {
        let scope = format!("application:app_slash_command:{verb}");
        sim.change_app(|app| app.scopes.insert(scope));
    }
    let description = |text: &str| SlashDescription {
        default_value: text.to_owned(),
        i18n: BTreeMap::from([("zh_cn".to_owned(), "置顶".to_owned())]),
    };
    let pin = description("pin");
    let id = client.create_slash_command("pin", &pin).await.unwrap();
    let listed = client.list_slash_commands().await.unwrap();
    let [command] = &listed[..] else {
        panic!("one command: {listed:?}")
    };
    assert_eq!(id.as_deref(), Some(command.id.as_str()));
    assert_eq!((&*command.name, &command.description), ("pin", &pin));
    let created_at = command.created_at.unwrap().as_millisecond();
    assert_eq!(u64::try_from(created_at).unwrap(), sim.clock().now_ms());

    let changed = description("stick");
    client
        .update_slash_command(&command.id, &changed)
        .await
        .unwrap();
    assert_eq!(sim.panel()[0].description, json!(changed));
    client.delete_slash_command(&command.id).await.unwrap();
    assert_eq!(client.list_slash_commands().await.unwrap(), []);

    let list = client.list_slash_commands();
    refused(&sim, Endpoint::ListSlashCommands, 99_991_640, list).await;
    let create = client.create_slash_command("pin", &pin);
    refused(&sim, Endpoint::CreateSlashCommand, 40_000_000, create).await;
    let update = client.update_slash_command("7", &pin);
    refused(&sim, Endpoint::UpdateSlashCommand, 40_000_031, update).await;
    let delete = client.delete_slash_command("7");
    refused(&sim, Endpoint::DeleteSlashCommand, 99_992_402, delete).await;
    sim.finish();
}
