//! The SDKs' clients of the REST interface: every call that the bot makes, and its answer read.

use std::time::Duration;

use feishu_sim::{
    AnnouncementKind, ChatId, ChatSpec, Endpoint, MessageId, Person, RateLimits, Seen, Simulator,
    WhoMay, Words,
};
use serde_json::{Value, json};

use crate::driver::{Driver, Sdk, settings};
use crate::report;

/// What the bot calls, and what the simulator offers besides.
const CALLS: [Endpoint; 25] = [
    Endpoint::TenantAccessToken,
    Endpoint::BotInfo,
    Endpoint::ListScopes,
    Endpoint::GetChat,
    Endpoint::IsInChat,
    Endpoint::ListMembers,
    Endpoint::PutTopNotice,
    Endpoint::DeleteTopNotice,
    Endpoint::GetDocAnnouncement,
    Endpoint::PatchDocAnnouncement,
    Endpoint::GetDocxAnnouncement,
    Endpoint::ListBlocks,
    Endpoint::GetBlock,
    Endpoint::ListChildren,
    Endpoint::CreateChildren,
    Endpoint::UpdateBlocks,
    Endpoint::DeleteChildren,
    Endpoint::GetMessage,
    Endpoint::GetMessageResource,
    Endpoint::UploadMedia,
    Endpoint::CreateMessage,
    Endpoint::ReplyMessage,
    Endpoint::AddReaction,
    Endpoint::DeleteReaction,
    Endpoint::UpdateCard,
];

/// A platform, a group, and an SDK that is logged in.
struct Bench {
    sim: Simulator,
    driver: Driver,
    chat: ChatId,
    mei: Person,
    message: MessageId,
}

/// One call: to an endpoint, with its parts of the path, its query and its body.
struct Call<'a> {
    endpoint: Endpoint,
    path: Value,
    query: Value,
    body: Value,
    /// Method and path, for what an SDK has no method for.
    raw: (&'a str, &'a str),
}

impl Call<'_> {
    fn to(endpoint: Endpoint, path: Value) -> Self {
        Self {
            endpoint,
            path,
            query: json!({}),
            body: Value::Null,
            raw: ("", ""),
        }
    }

    fn query(self, query: Value) -> Self {
        Self { query, ..self }
    }

    fn body(self, body: Value) -> Self {
        Self { body, ..self }
    }
}

impl Bench {
    async fn new(sdk: Sdk, kind: AnnouncementKind) -> Self {
        let sim = Simulator::builder().rate_limits(RateLimits::Off);
        let sim = sim.start().await.unwrap();
        let (olga, mei) = (sim.add_person("Olga"), sim.add_person("Mei"));
        let spec = ChatSpec::named("Ops").owner(&olga).member(&mei);
        let chat = sim.add_chat(
            spec.announcement(kind)
                .pin_manage_setting(Some(WhoMay::AllMembers)),
        );
        let message = sim
            .as_person(&mei)
            .in_chat(&chat)
            .say("Power off at nine")
            .id;
        let mut driver = Driver::start(sdk).await;
        driver.ask("login", settings(&sim)).await;
        Self {
            sim,
            driver,
            chat,
            mei,
            message,
        }
    }

    /// The SDK's answer as it read it.
    async fn answer(&mut self, call: Call<'_>) -> Value {
        let order = json!({
            "endpoint": format!("{:?}", call.endpoint),
            "path": call.path, "query": call.query, "body": call.body,
            "method": call.raw.0, "uri": call.raw.1,
        });
        let before = self.sim.calls_to(call.endpoint).len();
        let answer = self.driver.ask("call", order).await;
        let arrived = self.sim.calls_to(call.endpoint).len() - before;
        assert_eq!(arrived, 1, "{:?}: {answer}", call.endpoint);
        assert_eq!(answer["typed"], json!(call.raw.0.is_empty()));
        answer["answer"].clone()
    }

    /// Makes a call that succeeds, and finds these values in its answer.
    async fn call(&mut self, call: Call<'_>, expected: &[(&str, Value)]) -> Value {
        let endpoint = call.endpoint;
        let answer = self.answer(call).await;
        let sdk = self.driver.sdk;
        assert_eq!(answer["code"], 0, "{sdk:?} {endpoint:?}: {answer}");
        for (pointer, value) in expected {
            let found = answer.pointer(pointer);
            assert_eq!(
                found,
                Some(value),
                "{sdk:?} {endpoint:?} {pointer}: {answer}"
            );
        }
        answer
    }

    fn chat_path(&self) -> Value {
        json!({"chat_id": self.chat.as_str()})
    }

    fn message_path(&self) -> Value {
        json!({"message_id": self.message.as_str()})
    }
}

#[tokio::test]
async fn sdks_make_all_calls_of_the_bot() {
    let mut settings = Vec::new();
    for sdk in Sdk::ALL {
        let mut bench = Bench::new(sdk, AnnouncementKind::Docx).await;
        settings.push(chats(&mut bench).await);
        top_notice(&mut bench).await;
        messages(&mut bench).await;
        cards(&mut bench).await;
        docx(&mut bench).await;
        picture(&mut bench).await;
        let mut called = bench.sim.calls();
        bench.sim.finish();
        let mut bench = Bench::new(sdk, AnnouncementKind::Doc).await;
        doc(&mut bench).await;
        called.extend(bench.sim.calls());
        bench.sim.finish();
        for endpoint in CALLS {
            let found = called.iter().find(|call| call.endpoint == Some(endpoint));
            assert_eq!(
                found.and_then(|call| call.code),
                Some(0),
                "{sdk:?} {endpoint:?}"
            );
        }
    }
    report::compare("`pin_manage_setting` of a chat", &settings);
}

/// Whether the setting that is on no page survives the SDK's types.
async fn chats(bench: &mut Bench) -> &'static str {
    let bot = bench.sim.app().bot_open_id;
    let info = Call {
        raw: ("GET", "/open-apis/bot/v3/info"),
        ..Call::to(Endpoint::BotInfo, json!({}))
    };
    bench.call(info, &[("/bot/open_id", json!(bot))]).await;
    let first = bench.sim.app().scopes.first().cloned();
    let expected = [
        ("/data/scopes/0/scope_name", json!(first)),
        ("/data/scopes/0/grant_status", json!(1)),
    ];
    let scopes = Call::to(Endpoint::ListScopes, json!({}));
    bench.call(scopes, &expected).await;
    let open_id = json!({"user_id_type": "open_id"});
    let get = Call::to(Endpoint::GetChat, bench.chat_path()).query(open_id);
    let expected = [
        ("/data/name", json!("Ops")),
        ("/data/edit_permission", json!("all_members")),
        ("/data/user_manager_id_list", json!([])),
        ("/data/bot_manager_id_list", json!([])),
    ];
    let chat = bench.call(get, &expected).await;
    let is_in_chat = Call::to(Endpoint::IsInChat, bench.chat_path());
    bench
        .call(is_in_chat, &[("/data/is_in_chat", json!(true))])
        .await;
    let list = Call::to(Endpoint::ListMembers, bench.chat_path())
        .query(json!({"member_id_type": "open_id", "page_size": 100}));
    let expected = [
        ("/data/items/1/name", json!("Mei")),
        ("/data/has_more", json!(false)),
        ("/data/member_total", json!(2)),
    ];
    bench.call(list, &expected).await;
    if chat["data"]["pin_manage_setting"] == "all_members" {
        "read"
    } else {
        "lost in its types"
    }
}

async fn top_notice(bench: &mut Bench) {
    let entry = json!({"action_type": "1", "message_id": bench.message.as_str()});
    let put = Call::to(Endpoint::PutTopNotice, bench.chat_path());
    let put = put.body(json!({"chat_top_notice": [entry]}));
    bench.call(put, &[]).await;
    assert!(bench.sim.top_notice(&bench.chat).is_some());
    let delete = Call::to(Endpoint::DeleteTopNotice, bench.chat_path());
    bench.call(delete, &[]).await;
    assert_eq!(bench.sim.top_notice(&bench.chat), None);
}

async fn messages(bench: &mut Bench) {
    let get = Call::to(Endpoint::GetMessage, bench.message_path())
        .query(json!({"user_id_type": "open_id"}));
    let content = json!({"text": "Power off at nine"}).to_string();
    let expected = [
        ("/data/items/0/body/content", json!(content)),
        ("/data/items/0/chat_id", json!(bench.chat.as_str())),
    ];
    bench.call(get, &expected).await;
    let text = json!({"text": "hello"}).to_string();
    let create = Call::to(Endpoint::CreateMessage, json!({}))
        .query(json!({"receive_id_type": "chat_id"}))
        .body(json!({
            "receive_id": bench.chat.as_str(), "msg_type": "text", "content": text, "uuid": "1",
        }));
    bench
        .call(create, &[("/data/body/content", json!(text))])
        .await;
    let card = json!({
        "schema": "2.0",
        "body": {"elements": [{"tag": "markdown", "content": "**done**"}]},
    });
    let reply = Call::to(Endpoint::ReplyMessage, bench.message_path()).body(json!({
        "msg_type": "interactive", "content": card.to_string(), "reply_in_thread": false, "uuid": "2",
    }));
    let parent = json!(bench.message.as_str());
    bench.call(reply, &[("/data/parent_id", parent)]).await;
    assert_eq!(bench.sim.replies_to(&bench.message), ["**done**"]);
    let add = Call::to(Endpoint::AddReaction, bench.message_path())
        .body(json!({"reaction_type": {"emoji_type": "DONE"}}));
    let expected = [
        ("/data/reaction_type/emoji_type", json!("DONE")),
        ("/data/operator/operator_type", json!("app")),
    ];
    let added = bench.call(add, &expected).await;
    let mut path = bench.message_path();
    path["reaction_id"] = added["data"]["reaction_id"].clone();
    let delete = Call::to(Endpoint::DeleteReaction, path);
    bench.call(delete, &[]).await;
    assert!(bench.sim.reactions(&bench.message).is_empty());
}

/// A card that was answered with, after somebody has pressed its button.
async fn cards(bench: &mut Bench) {
    let card = |words: &str| {
        let behaviors = json!([{"type": "callback", "value": {"k": "v"}}]);
        json!({"schema": "2.0", "body": {"elements": [
            {"tag": "markdown", "content": words},
            {"tag": "button", "text": {"tag": "plain_text", "content": "OK"}, "behaviors": behaviors},
        ]}})
    };
    let reply = Call::to(Endpoint::ReplyMessage, bench.message_path()).body(json!({
        "msg_type": "interactive", "content": card("before").to_string(), "uuid": "5",
    }));
    bench.call(reply, &[]).await;
    let sent = bench.sim.messages(&bench.chat).pop().unwrap().id;
    let lin = bench.sim.add_person("Lin");
    let pressed = bench
        .sim
        .as_person(&lin)
        .in_chat(&bench.chat)
        .press(&sent, "OK");
    // No receiver is set, so that nobody answers.
    assert_eq!(pressed.seen().await, Seen::Failed(200_340));
    let update = Call {
        raw: ("POST", "/open-apis/interactive/v1/card/update"),
        ..Call::to(Endpoint::UpdateCard, json!({}))
    };
    let body = json!({"token": pressed.token, "card": card("after")});
    bench.call(update.body(body), &[]).await;
    assert_eq!(bench.sim.card(&sent), card("after"));
}

async fn docx(bench: &mut Bench) {
    let get = Call::to(Endpoint::GetDocxAnnouncement, bench.chat_path())
        .query(json!({"user_id_type": "open_id"}));
    let expected = [
        ("/data/announcement_type", json!("docx")),
        ("/data/revision_id", json!(1)),
    ];
    bench.call(get, &expected).await;
    let page = json!({"chat_id": bench.chat.as_str(), "block_id": bench.chat.as_str()});
    let style = json!({"bold": true, "link": {"url": "https%3A%2F%2Fexample.com"}});
    let run = json!({"text_run": {"content": "hello", "text_element_style": style}});
    let write = json!({"revision_id": -1, "client_token": "3"});
    let mut with_ids = write.clone();
    with_ids["user_id_type"] = json!("open_id");
    let create = Call::to(Endpoint::CreateChildren, page.clone())
        .query(with_ids)
        .body(json!({"index": 0, "children": [{"block_type": 2, "text": {"elements": [run]}}]}));
    let expected = [
        (
            "/data/children/0/text/elements/0/text_run/content",
            json!("hello"),
        ),
        ("/data/revision_id", json!(2)),
        ("/data/client_token", json!("3")),
    ];
    let created = bench.call(create, &expected).await;
    let block = created["data"]["children"][0]["block_id"].clone();
    let read = json!({"page_size": 500, "revision_id": -1, "user_id_type": "open_id"});
    let list = Call::to(Endpoint::ListBlocks, bench.chat_path()).query(read.clone());
    let expected = [
        ("/data/items/0/children/0", block.clone()),
        ("/data/has_more", json!(false)),
    ];
    bench.call(list, &expected).await;
    let children = Call::to(Endpoint::ListChildren, page.clone()).query(read);
    bench
        .call(children, &[("/data/items/0/block_id", block.clone())])
        .await;
    let path = json!({"chat_id": bench.chat.as_str(), "block_id": block});
    let get = Call::to(Endpoint::GetBlock, path).query(json!({"revision_id": -1}));
    let parent = json!(bench.chat.as_str());
    bench.call(get, &[("/data/block/parent_id", parent)]).await;
    let delete = Call::to(Endpoint::DeleteChildren, page)
        .query(json!({"revision_id": -1, "client_token": "4"}))
        .body(json!({"start_index": 0, "end_index": 1}));
    bench.call(delete, &[("/data/revision_id", json!(3))]).await;
    assert!(bench.sim.announcement_text(&bench.chat).is_empty());
    table(bench).await;
}

async fn table(bench: &mut Bench) {
    let page = json!({"chat_id": bench.chat.as_str(), "block_id": bench.chat.as_str()});
    let size = json!({"row_size": 1, "column_size": 1, "column_width": [120], "header_row": true});
    let create = Call::to(Endpoint::CreateChildren, page)
        .query(json!({"revision_id": -1, "client_token": "5", "user_id_type": "open_id"}))
        .body(json!({"children": [{"block_type": 31, "table": {"property": size}}]}));
    let expected = [
        ("/data/children/0/table/property/row_size", json!(1)),
        ("/data/children/0/table/property/header_row", json!(true)),
    ];
    let created = bench.call(create, &expected).await;
    let table = &created["data"]["children"][0];
    assert_eq!(table["children"], table["table"]["cells"]);
    let read = json!({"page_size": 500, "revision_id": -1, "user_id_type": "open_id"});
    let list = Call::to(Endpoint::ListBlocks, bench.chat_path()).query(read);
    let listed = bench.call(list, &[]).await;
    let line = &listed["data"]["items"][3]["block_id"];
    let elements = json!([{"text_run": {"content": "in a cell"}}]);
    let updates = json!([
        {"block_id": line, "update_text_elements": {"elements": elements}},
        {"block_id": table["block_id"], "insert_table_row": {"row_index": -1}},
    ]);
    let update = Call::to(Endpoint::UpdateBlocks, bench.chat_path())
        .query(json!({"revision_id": -1, "client_token": "6", "user_id_type": "open_id"}))
        .body(json!({"requests": updates}));
    let text = "/data/blocks/0/text/elements/0/text_run/content";
    let rows = "/data/blocks/1/table/property/row_size";
    let expected = [(text, json!("in a cell")), (rows, json!(2))];
    bench.call(update, &expected).await;
    let shown = bench.sim.announcement_text(&bench.chat);
    assert_eq!(shown, ["in a cell", ""]);
}

/// A picture of a message, copied into the announcement.
async fn picture(bench: &mut Bench) {
    let page = json!({"chat_id": bench.chat.as_str(), "block_id": bench.chat.as_str()});
    let create = Call::to(Endpoint::CreateChildren, page)
        .query(json!({"revision_id": -1, "client_token": "7", "user_id_type": "open_id"}))
        .body(json!({"index": 0, "children": [{"block_type": 27, "image": {}}]}));
    let created = bench
        .call(create, &[("/data/children/0/block_type", json!(27))])
        .await;
    let block = created["data"]["children"][0]["block_id"].clone();
    let key = bench.sim.add_image("a picture");
    let mei = bench.sim.as_person(&bench.mei).in_chat(&bench.chat);
    let message = mei.post("", [Words::new().image(&key)]).id;
    let order = json!({
        "message": message.as_str(), "key": key, "block": block, "chat": bench.chat.as_str(),
    });
    let copied = bench.driver.ask("copy_file", order).await;
    assert_eq!(copied["code"], 0, "{copied}");
    let token = copied["file_token"].clone();
    let update = Call::to(Endpoint::UpdateBlocks, bench.chat_path())
        .query(json!({"revision_id": -1, "client_token": "8", "user_id_type": "open_id"}))
        .body(json!({"requests": [{"block_id": block, "replace_image": {"token": token}}]}));
    let shown = [("/data/blocks/0/image/token", token)];
    bench.call(update, &shown).await;
    let media = bench.sim.announced_media(&bench.chat);
    let media = media.into_iter().next().flatten().unwrap();
    assert_eq!(
        (&*media.name, &*media.bytes),
        ("图片.png", &b"a picture"[..])
    );
}

async fn doc(bench: &mut Bench) {
    let ids = json!({"user_id_type": "open_id"});
    let get = Call::to(Endpoint::GetDocAnnouncement, bench.chat_path()).query(ids);
    let got = bench.call(get, &[("/data/revision", json!("0"))]).await;
    let content: Value = serde_json::from_str(got["data"]["content"].as_str().unwrap()).unwrap();
    assert!(content["body"]["blocks"].is_array(), "{content}");
    let run = json!({"type": "textRun", "textRun": {"text": "hello", "style": {}}});
    let paragraph = json!({"type": "paragraph", "paragraph": {"elements": [run]}});
    let request = json!({
        "requestType": "InsertBlocksRequestType",
        "insertBlocksRequest": {
            "payload": json!({"blocks": [paragraph]}).to_string(),
            "location": {"zoneId": "0", "index": 0, "startOfZone": true},
        },
    });
    let patch = Call::to(Endpoint::PatchDocAnnouncement, bench.chat_path());
    let patch = patch.body(json!({"revision": "0", "requests": [request.to_string()]}));
    bench.call(patch, &[]).await;
    assert_eq!(bench.sim.announcement_text(&bench.chat)[0], "hello");
}

#[tokio::test]
async fn they_read_refusals() {
    for sdk in Sdk::ALL {
        let mut bench = Bench::new(sdk, AnnouncementKind::Docx).await;
        let delete = |bench: &Bench| Call::to(Endpoint::DeleteTopNotice, bench.chat_path());
        bench.call(delete(&bench), &[]).await;

        let limited = Duration::from_secs(1);
        bench.sim.rate_limit(Endpoint::DeleteTopNotice, limited);
        let answer = bench.answer(delete(&bench)).await;
        assert_eq!(answer["code"], 99_991_400, "{sdk:?}");
        bench.sim.clock().advance(limited);

        bench.sim.expire_tokens();
        let answer = bench.answer(delete(&bench)).await;
        assert_eq!(answer["code"], 99_991_663, "{sdk:?} keeps its token");

        // A new program asks for a new token.
        bench.driver = Driver::start(sdk).await;
        bench.driver.ask("login", settings(&bench.sim)).await;
        bench.sim.change_app(|app| app.scopes.clear());
        let answer = bench.answer(delete(&bench)).await;
        assert_eq!(answer["code"], 99_991_672, "{sdk:?}");
        let words = answer["msg"].as_str().unwrap();
        assert!(words.contains("im:chat"), "{sdk:?} {words}");
        bench.sim.finish();
    }
}
