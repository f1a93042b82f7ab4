//! Files of messages and of announcements.

use feishu_sim::{ChatId, Fault, MediaRoute, MessageId, RateLimits, Simulator, WhoMay, Words};
use serde_json::{Value, json};

use crate::client::{Fixture, Got, docx_path};

/// Twenty mebibytes, the largest upload.
const LARGEST: usize = 20 << 20;

async fn unlimited() -> Fixture {
    Fixture::with(Simulator::builder().rate_limits(RateLimits::Off)).await
}

/// The id of a new, empty block: of the picture, or of the file in its view.
async fn empty(fixture: &Fixture, chat: &ChatId, block: Value) -> String {
    let path = docx_path(chat, &format!("/blocks/{chat}/children"));
    let created = fixture.post(&path, json!({ "children": [block] })).await;
    let child = &created.json()["data"]["children"][0];
    let id = match child["block_type"].as_u64() {
        Some(33) => &child["children"][0],
        _ => &child["block_id"],
    };
    id.as_str().unwrap().to_owned()
}

async fn picture(fixture: &Fixture, chat: &ChatId) -> String {
    empty(fixture, chat, json!({"block_type": 27, "image": {}})).await
}

fn fields(kind: &str, block: &str, size: usize) -> Vec<(&'static str, String)> {
    vec![
        ("file_name", "a.png".to_owned()),
        ("parent_type", kind.to_owned()),
        ("parent_node", block.to_owned()),
        ("size", size.to_string()),
    ]
}

async fn upload(fixture: &Fixture, fields: &[(&str, String)], file: &[u8]) -> Got {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    body.extend_from_slice(
        b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n",
    );
    body.extend_from_slice(file);
    body.extend_from_slice(b"\r\n--b--\r\n");
    let url = format!(
        "{}/open-apis/drive/v1/medias/upload_all",
        fixture.sim.base_url()
    );
    let request = fixture.client.post(url).bearer_auth(&fixture.token);
    let request = request.header("content-type", "multipart/form-data; boundary=b");
    let response = request.body(body).send().await.unwrap();
    Got {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}

fn token(got: &Got) -> String {
    let token = &got.json()["data"]["file_token"];
    token.as_str().unwrap().to_owned()
}

async fn replace(fixture: &Fixture, chat: &ChatId, block: &str, kind: &str, token: &str) -> Got {
    let path = docx_path(chat, "/blocks/batch_update");
    let mut update = json!({ "block_id": block });
    update[kind] = json!({ "token": token });
    fixture
        .call("PATCH", &path, Some(json!({ "requests": [update] })))
        .await
}

async fn resource(fixture: &Fixture, message: &MessageId, key: &str, kind: &str) -> Got {
    let path = format!("/open-apis/im/v1/messages/{message}/resources/{key}?type={kind}");
    fixture.get(&path).await
}

#[tokio::test]
async fn a_picture_is_created_uploaded_and_shown() {
    let fixture = unlimited().await;
    let chat = fixture.chat();
    let block = picture(&fixture, &chat).await;
    let shown = &fixture.sim.announcement_document(&chat)["items"][1]["image"];
    assert_eq!(
        *shown,
        json!({"token": "", "width": 100, "height": 100, "align": 2})
    );
    assert_eq!(fixture.sim.announced_media(&chat), [None]);
    let bytes = vec![7; LARGEST];
    let uploaded = upload(&fixture, &fields("docx_image", &block, LARGEST), &bytes).await;
    let token = token(&uploaded);
    let replaced = replace(&fixture, &chat, &block, "replace_image", &token).await;
    assert_eq!(replaced.code(), 0);
    let media = fixture.sim.announced_media(&chat).remove(0).unwrap();
    assert_eq!((&*media.name, media.bytes.len()), ("a.png", LARGEST));
    let path = format!("/open-apis/drive/v1/medias/{token}/download");
    let sent = fixture.get(&path).await;
    assert_eq!(sent.status, 200);
    assert_eq!(sent.headers["content-length"], "20971520");
    fixture.sim.finish();
}

#[tokio::test]
async fn a_file_is_inside_a_view() {
    let fixture = unlimited().await;
    let chat = fixture.chat();
    let new = json!({"block_type": 23, "file": {"token": ""}});
    let block = empty(&fixture, &chat, new).await;
    let token = token(&upload(&fixture, &fields("docx_file", &block, 2), b"ab").await);
    let replaced = replace(&fixture, &chat, &block, "replace_file", &token).await;
    assert_eq!(replaced.code(), 0);
    assert_eq!(fixture.sim.announcement_text(&chat), ["[file a.png]"]);
    fixture.sim.finish();
}

#[tokio::test]
async fn uploads_are_checked_in_order() {
    let fixture = unlimited().await;
    let chat = fixture.chat();
    let block = picture(&fixture, &chat).await;
    let good = fields("docx_image", &block, 1);
    let with = |name: &'static str, value: &str| {
        let mut fields = good.clone();
        fields.retain(|(known, _)| *known != name);
        fields.push((name, value.to_owned()));
        fields
    };
    let long = "n".repeat(251);
    for (fields, outcome) in [
        (vec![good[0].clone()], (400, 1_061_002)),
        (with("file_name", &long), (400, 1_061_008)),
        (with("size", "20971521"), (400, 1_061_043)),
        (with("size", "2"), (400, 1_062_009)),
        (with("checksum", "1"), (400, 1_062_008)),
        (with("parent_type", "explorer"), (400, 1_061_002)),
        (with("parent_type", "docx_file"), (400, 1_061_044)),
        (with("parent_node", "doxcn1"), (400, 1_061_044)),
        (with("extra", "{}"), (400, 1_061_002)),
        (with("checksum", "6422626"), (200, 0)),
    ] {
        let got = upload(&fixture, &fields, b"a").await;
        assert_eq!(got.outcome(), outcome, "{fields:?}");
    }
    let other = picture(&fixture, &chat).await;
    let token = token(&upload(&fixture, &good, b"a").await);
    let replaced = replace(&fixture, &chat, &other, "replace_image", &token).await;
    assert_eq!(replaced.outcome(), (400, 1_770_013));
    let replaced = replace(&fixture, &chat, &block, "replace_file", &token).await;
    assert_eq!(replaced.outcome(), (400, 1_770_025));
    fixture.sim.change_app(|app| {
        app.scopes.remove("docs:document.media:upload");
    });
    let got = upload(&fixture, &good, b"a").await;
    assert_eq!(got.outcome(), (400, 99_991_672));
}

#[tokio::test]
async fn routes_are_as_the_switch_says() {
    let fixture = unlimited().await;
    let chat = fixture.chat();
    let block = picture(&fixture, &chat).await;
    let plain = fields("docx_image", &block, 1);
    let mut routed = plain.clone();
    let extra = json!({ "drive_route_token": chat.as_str() });
    routed.push(("extra", extra.to_string()));
    for (route, without, with) in [
        (MediaRoute::None, 0, 0),
        (MediaRoute::ChatId, 1_061_044, 0),
        (MediaRoute::Never, 1_061_044, 1_061_044),
    ] {
        let change = |media: &mut feishu_sim::Behaviour| media.media.route = route;
        fixture.sim.change_behaviour(change);
        assert_eq!(upload(&fixture, &plain, b"a").await.code(), without);
        assert_eq!(upload(&fixture, &routed, b"a").await.code(), with);
    }
}

#[tokio::test]
async fn uploads_need_the_right_to_edit() {
    let fixture = unlimited().await;
    let chat = fixture.chat();
    let block = picture(&fixture, &chat).await;
    fixture
        .sim
        .change_chat(&chat, |chat| chat.edit_permission = WhoMay::OnlyOwner);
    let got = upload(&fixture, &fields("docx_image", &block, 1), b"a").await;
    assert_eq!(got.outcome(), (403, 1_061_004));
}

#[tokio::test]
async fn five_uploads_a_second_are_admitted() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    let block = picture(&fixture, &chat).await;
    let fields = fields("docx_image", &block, 1);
    for _ in 0..5 {
        assert_eq!(upload(&fixture, &fields, b"a").await.code(), 0);
    }
    let got = upload(&fixture, &fields, b"a").await;
    assert_eq!(got.outcome(), (400, 99_991_400));
}

#[tokio::test]
async fn resources_are_those_of_their_message() {
    let fixture = unlimited().await;
    let chat = fixture.chat();
    let lin = fixture.sim.as_person(&fixture.lin).in_chat(&chat);
    let key = fixture.sim.add_image(b"abc".to_vec());
    let post = lin.post("", [Words::new().image(&key)]).id;
    let sent = resource(&fixture, &post, &key, "image").await;
    assert_eq!((sent.status, &*sent.text), (200, "abc"));
    assert_eq!(sent.headers["content-length"], "3");
    let file = lin.file("a.pdf", vec![1; 5]).id;
    let sticker = lin.send("sticker", &json!({ "file_key": "file_1" })).id;
    let forward = lin.forward(std::slice::from_ref(&post)).id;
    let gone = lin.post("", [Words::new().image(&key)]).id;
    fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&chat)
        .recall(&gone);
    let large = fixture.sim.add_file(vec![0; (100 << 20) + 1]);
    let video = lin.post("", [Words::new().video(&large)]).id;
    for (message, key, kind, code) in [
        (&post, "img_v3_other", "image", 234_003),
        (&post, &*key, "file", 234_001),
        (&file, &*key, "image", 234_003),
        (&sticker, "file_1", "file", 234_043),
        (&forward, &*key, "image", 234_043),
        (&gone, &*key, "image", 230_110),
        (&video, &*large, "file", 234_037),
    ] {
        let got = resource(&fixture, message, key, kind).await;
        assert_eq!(got.code(), code, "{key}");
    }
    fixture.sim.finish();
}

#[tokio::test]
async fn ranges_and_unknown_lengths_are_sent() {
    let fixture = unlimited().await;
    let chat = fixture.chat();
    let lin = fixture.sim.as_person(&fixture.lin).in_chat(&chat);
    let key = fixture.sim.add_file(b"abcdef".to_vec());
    let message = lin.post("", [Words::new().video(&key)]).id;
    let path = format!("/open-apis/im/v1/messages/{message}/resources/{key}?type=file");
    let url = format!("{}{path}", fixture.sim.base_url());
    let request = fixture.client.get(&url).bearer_auth(&fixture.token);
    let part = request.header("range", "bytes=2-3").send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()["content-range"], "bytes 2-3/6");
    assert_eq!(part.text().await.unwrap(), "cd");
    fixture
        .sim
        .change_behaviour(|behaviour| behaviour.media.length_is_told = false);
    let whole = fixture.get(&path).await;
    assert!(!whole.headers.contains_key("content-length"));
    assert_eq!(whole.text, "abcdef");
    let endpoint = feishu_sim::Endpoint::GetMessageResource;
    fixture.sim.fault(endpoint, Fault::code(234_038));
    assert_eq!(fixture.get(&path).await.code(), 234_038);
    assert_eq!(fixture.sim.sent_bytes(), 8);
}
