//! Tokens, the order of checks, limits, and strictness.

use std::time::Duration;

use feishu_sim::{Endpoint, RateLimits, Simulator};
use serde_json::json;

use crate::client::{Fixture, chat_path, docx_path};

const TOKEN_PATH: &str = "/open-apis/auth/v3/tenant_access_token/internal";

#[tokio::test]
async fn calls_are_told_apart_by_their_address() {
    let fixture = Fixture::new().await;
    let addresses = [(); 2].map(|()| fixture.sim.add_address().unwrap());
    for address in addresses {
        let url = format!("http://{address}{TOKEN_PATH}");
        let request = fixture.client.post(url).json(&json!({}));
        assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
    }
    let calls = fixture.sim.calls();
    let last: Vec<u16> = calls.iter().rev().map(|call| call.port).take(2).collect();
    assert_eq!(last, [addresses[1].port(), addresses[0].port()]);
}

#[tokio::test]
async fn the_token_endpoint_always_answers_200() {
    let fixture = Fixture::new().await;
    let app = fixture.sim.app();
    let ask = async |app_id: &str, secret: &str| {
        fixture
            .post(TOKEN_PATH, json!({"app_id": app_id, "app_secret": secret}))
            .await
    };
    let good = ask(&app.app_id, &app.app_secret).await;
    assert_eq!(
        (good.outcome(), good.json()["expire"].as_u64()),
        ((200, 0), Some(7200))
    );
    let unknown = ask("cli_ffffffffffffffff", &app.app_secret).await;
    assert_eq!(
        unknown.text,
        r#"{"code":10003,"data":{},"msg":"invalid param"}"#
    );
    assert_eq!(unknown.status, 200);
    let wrong = ask(&app.app_id, "guess").await;
    assert_eq!(
        (wrong.outcome(), wrong.json()["msg"].as_str()),
        ((200, 10014), Some("app secret invalid"))
    );
    let slash = fixture
        .post(
            &format!("{TOKEN_PATH}/"),
            json!({"app_id": "x", "app_secret": "y"}),
        )
        .await;
    assert_eq!(slash.outcome(), (200, 10003));
    fixture.sim.finish();
}

#[tokio::test]
async fn a_token_is_renewed_shortly_before_expiry() {
    let mut fixture = Fixture::new().await;
    let first = fixture.token.clone();
    fixture.sim.clock().advance(Duration::from_mins(90));
    assert_eq!(fixture.fresh_token().await, first);
    fixture.sim.clock().advance(Duration::from_secs(1));
    let second = fixture.fresh_token().await;
    assert_ne!(second, first);
    assert_eq!(
        fixture.get("/open-apis/bot/v3/info").await.outcome(),
        (200, 0)
    );
    fixture.sim.clock().advance(Duration::from_mins(30));
    assert_eq!(
        fixture.get("/open-apis/bot/v3/info").await.outcome(),
        (400, 99_991_663)
    );
    fixture.token = second;
    assert_eq!(
        fixture.get("/open-apis/bot/v3/info").await.outcome(),
        (200, 0)
    );
}

#[tokio::test]
async fn bot_info_stands_under_bot() {
    let fixture = Fixture::new().await;
    let info = fixture.get("/open-apis/bot/v3/info").await.json();
    assert_eq!(info["bot"]["open_id"], json!(fixture.sim.app().bot_open_id));
    assert_eq!(
        (&info["bot"]["activate_status"], info.get("data")),
        (&json!(2), None)
    );
}

#[tokio::test]
async fn each_check_comes_before_the_next() {
    let mut fixture = Fixture::new().await;
    let chat = fixture.chat();
    let path = chat_path(&chat, "/top_notice/put_top_notice");
    let bad = || json!({"wrong": true});
    fixture.sim.change_chat(&chat, |chat| chat.bot_in = false);
    fixture.sim.change_app(|app| app.scopes.clear());
    fixture
        .sim
        .rate_limit(Endpoint::PutTopNotice, Duration::from_secs(7));
    let token = std::mem::take(&mut fixture.token);

    let got = fixture.post("/open-apis/im/v1/nowhere", bad()).await;
    assert_eq!((got.status, got.text.as_str()), (404, "404 page not found"));
    assert_eq!(got.headers["content-type"], "text/plain");
    assert_eq!(
        fixture.post(&path, bad()).await.outcome(),
        (400, 99_991_661)
    );
    fixture.token = "t-made-up".to_owned();
    assert_eq!(
        fixture.post(&path, bad()).await.outcome(),
        (400, 99_991_663)
    );
    fixture.token = token;

    let limited = fixture.post(&path, bad()).await;
    assert_eq!(limited.outcome(), (429, 99_991_400));
    assert_eq!(limited.headers["x-ogw-ratelimit-reset"], "7");
    assert!(limited.headers.contains_key("x-ogw-ratelimit-limit"));
    fixture.sim.clock().advance(Duration::from_secs(7));

    let unscoped = fixture.post(&path, bad()).await;
    assert_eq!(unscoped.outcome(), (400, 99_991_672));
    let msg = "Access denied. One of the following scopes is required: [im:chat, im:chat.top_notice:write_only].";
    assert_eq!(unscoped.json()["msg"], json!(msg));
    let subject = &unscoped.json()["error"]["permission_violations"][1]["subject"];
    assert_eq!(subject, &json!("im:chat.top_notice:write_only"));
    fixture
        .sim
        .change_app(|app| app.scopes.insert("im:chat".to_owned()));

    assert_eq!(
        fixture.post(&path, bad()).await.outcome(),
        (400, 99_992_402)
    );
    let good = json!({"chat_top_notice": [{"action_type": "2"}]});
    assert_eq!(
        fixture.post(&path, good.clone()).await.outcome(),
        (400, 232_011)
    );
    fixture.sim.change_chat(&chat, |chat| chat.bot_in = true);
    let done = fixture.post(&path, good).await;
    assert_eq!(done.text, r#"{"code":0,"data":{},"msg":"success"}"#);
    assert!(done.headers.contains_key("x-tt-logid"));
    assert_eq!(
        fixture.sim.calls_while_rate_limited(Endpoint::PutTopNotice),
        1
    );
}

#[tokio::test]
async fn documented_limits_hold_unless_changed() {
    let check = async |rule, expected: Vec<u16>| {
        let fixture = Fixture::with(Simulator::builder().rate_limits(rule)).await;
        let path = docx_path(&fixture.chat(), "/blocks");
        let mut statuses = Vec::new();
        for _ in 0..21 {
            statuses.push(fixture.get(&path).await.status);
        }
        statuses.dedup();
        assert_eq!(statuses, expected, "{rule:?}");
        fixture.sim.clock().advance(Duration::from_secs(1));
        assert_eq!(fixture.get(&path).await.status, 200);
    };
    check(RateLimits::Documented, vec![200, 429]).await;
    check(RateLimits::Times(2), vec![200, 429]).await;
    check(RateLimits::Times(3), vec![200]).await;
    check(RateLimits::Off, vec![200]).await;
}

#[tokio::test]
async fn undocumented_requests_are_violations() {
    let check = async |method: &str, path: &str, body, outcome, violation: &str| {
        let fixture = Fixture::new().await;
        let chat = fixture.chat();
        let path = path.replace("CHAT", chat.as_str());
        let got = fixture.call(method, &path, body).await;
        assert_eq!(
            (got.status, got.code()),
            outcome,
            "{method} {path}: {}",
            got.text
        );
        let violations = fixture.sim.violations();
        assert!(
            violations.len() == 1 && violations[0].contains(violation),
            "{violations:?}"
        );
        assert!(fixture.sim.conversation().contains(violation));
    };
    let put = "/open-apis/im/v1/chats/CHAT/top_notice/put_top_notice";
    let misspelt = json!({"chat_top_notice": [{"action_typ": "2"}]});
    check("POST", put, Some(misspelt), (400, 99_992_402), "action_typ").await;
    check(
        "POST",
        put,
        Some(json!({"chat_top_notice": [{"action_type": 2}]})),
        (400, 99_992_402),
        "integer",
    )
    .await;
    check("POST", put, None, (400, 99_992_402), "EOF").await;
    check("GET", put, None, (404, -1), "unknown route: GET").await;
    check(
        "POST",
        "/open-apis/im/v1/chat/CHAT",
        None,
        (404, -1),
        "unknown route: POST",
    )
    .await;
    let chat = "/open-apis/im/v1/chats/CHAT?user_type=open_id";
    check("GET", chat, None, (400, 99_992_402), "`user_type`").await;
    let delete = "/open-apis/im/v1/chats/CHAT/top_notice/delete_top_notice";
    check(
        "POST",
        delete,
        Some(json!({"chat": 1})),
        (400, 99_992_402),
        "chat",
    )
    .await;
}

#[tokio::test]
async fn another_content_type_is_a_violation() {
    let fixture = Fixture::new().await;
    let path = chat_path(&fixture.chat(), "/top_notice/put_top_notice");
    let url = format!("{}{path}", fixture.sim.base_url());
    let request = fixture
        .client
        .post(url)
        .bearer_auth(&fixture.token)
        .header("content-type", "text/plain");
    let response = request
        .body(r#"{"chat_top_notice":[{"action_type":"2"}]}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), 400);
    assert_eq!(fixture.sim.violations().len(), 1);
}

#[tokio::test]
async fn deviations_of_the_official_sdks_are_accepted() {
    let fixture = Fixture::new().await;
    let token = format!("{}{TOKEN_PATH}", fixture.sim.base_url());
    let app = fixture.sim.app();
    let credentials = json!({"app_id": app.app_id, "app_secret": app.app_secret}).to_string();
    let response = fixture.client.post(token).body(credentials).send();
    assert_eq!(response.await.unwrap().status().as_u16(), 200);
    let chat = chat_path(&fixture.chat(), "");
    let get = async |body| fixture.call("GET", &chat, Some(body)).await.outcome();
    assert_eq!(get(json!({})).await, (200, 0));
    fixture.sim.finish();

    assert_eq!(get(json!({"a": 1})).await, (400, 99_992_402));
    let put = chat_path(&fixture.chat(), "/top_notice/put_top_notice");
    let put = fixture
        .client
        .post(format!("{}{put}", fixture.sim.base_url()));
    let put = put.bearer_auth(&fixture.token).body("{}").send();
    assert_eq!(put.await.unwrap().status().as_u16(), 400);
    assert_eq!(fixture.sim.violations().len(), 2);
}

#[tokio::test]
async fn calls_are_written_down() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    fixture.sim.clear_calls();
    fixture
        .get(&chat_path(&chat, "?user_id_type=union_id"))
        .await;
    let [call] = fixture.sim.calls_to(Endpoint::GetChat).try_into().unwrap();
    assert_eq!(
        (call.method.as_str(), call.path),
        ("GET", chat_path(&chat, ""))
    );
    assert_eq!(
        call.query,
        [("user_id_type".to_owned(), "union_id".to_owned())]
    );
    assert_eq!((call.status, call.code), (Some(200), Some(0)));
    assert_eq!(fixture.sim.calls().len(), 1);
}
