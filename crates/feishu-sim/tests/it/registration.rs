//! Apps that people create by scanning a QR code.

use std::io::Write as _;
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use feishu_sim::Words;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::client::{Fixture, Got};

const BEGIN: &str =
    "action=begin&archetype=PersonalAgent&auth_method=client_secret&request_user_info=open_id";

impl Fixture {
    async fn register(&self, form: &str) -> Got {
        let url = format!("{}/oauth/v1/app/registration", self.sim.base_url());
        let request = self.client.post(url).body(form.to_owned());
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let response = request.send().await.unwrap();
        Got {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    /// The device code, and the link with parameters.
    async fn begin(&self, parameters: &str) -> (String, String) {
        let begun = self.register(BEGIN).await.json();
        let text = |name: &str| begun[name].as_str().unwrap().to_owned();
        let page = text("verification_uri_complete");
        let link = format!("{page}&from=sdk&tp=sdk&source=test{parameters}");
        (text("device_code"), link)
    }

    async fn poll(&self, device_code: &str) -> Value {
        self.sim.clock().advance(Duration::from_secs(5));
        let form = format!("action=poll&device_code={device_code}");
        self.register(&form).await.json()
    }
}

fn addons(addons: &Value) -> String {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(addons.to_string().as_bytes()).unwrap();
    format!("&addons={}", URL_SAFE_NO_PAD.encode(gzip.finish().unwrap()))
}

#[tokio::test]
async fn a_created_app_works_at_once() {
    let fixture = Fixture::new().await;
    let asked = addons(&json!({
        "preset": false,
        "scopes": {"tenant": ["im:message.group_msg", "im:chat:readonly"]},
        "events": {"items": {"tenant": ["im.message.receive_v1"]}},
    }));
    let (device_code, link) = fixture.begin(&asked).await;
    let waiting = fixture.poll(&device_code).await;
    assert_eq!(waiting["error"], "authorization_pending");
    let bot = fixture.sim.scan(&link, &fixture.lin).unwrap();
    let made = fixture.poll(&device_code).await;
    let app = bot.app();
    assert_eq!(made["client_id"], json!(app.app_id));
    assert_eq!(made["client_secret"], json!(app.app_secret));
    let user = json!({"open_id": fixture.lin.open_id, "tenant_brand": "feishu"});
    assert_eq!(made["user_info"], user);
    assert_eq!(app.encrypt_key, None);

    let of_bot = Fixture {
        sim: bot,
        token: String::new(),
        client: fixture.client.clone(),
        lin: fixture.lin.clone(),
        mia: fixture.mia.clone(),
    };
    let token = of_bot.fresh_token().await;
    let of_bot = Fixture { token, ..of_bot };
    let chat = of_bot.sim.add_chat(of_bot.group());
    let path = format!("/open-apis/im/v1/chats/{chat}");
    assert_eq!(of_bot.get(&path).await.code(), 0);
    let body = json!({"chat_top_notice": [{"action_type": "2"}]});
    let path = format!("/open-apis/im/v1/chats/{chat}/top_notice/put_top_notice");
    assert_eq!(of_bot.post(&path, body).await.code(), 99_991_672);
    // Its events wait for a long connection.
    let said = of_bot
        .sim
        .as_person(&of_bot.lin)
        .in_chat(&chat)
        .say(Words::at_bot());
    let pushes = of_bot.sim.pushes();
    assert_eq!(pushes.len(), 1, "{said:?}");
    fixture.sim.finish();
}

#[tokio::test]
async fn scopes_may_wait_for_an_admin() {
    let fixture = Fixture::new().await;
    let needs = vec!["im:message.group_msg".to_owned()];
    fixture
        .sim
        .change_behaviour(|behaviour| behaviour.registration.to_approve = needs);
    let asked = json!({"preset": false, "scopes": {"tenant": ["im:chat", "im:message.group_msg"]}});
    let (_, link) = fixture.begin(&addons(&asked)).await;
    let bot = fixture.sim.scan(&link, &fixture.lin).unwrap();
    let scopes =
        |scopes: std::collections::BTreeSet<String>| scopes.into_iter().collect::<Vec<_>>();
    assert_eq!(scopes(bot.app().scopes), ["im:chat"]);
    assert_eq!(scopes(bot.app().requested_scopes), ["im:message.group_msg"]);
    bot.approve_scopes();
    assert_eq!(
        scopes(bot.app().scopes),
        ["im:chat", "im:message.group_msg"]
    );
}

#[tokio::test]
async fn a_link_works_once_and_for_ten_minutes() {
    let fixture = Fixture::new().await;
    let (_, used) = fixture.begin("").await;
    fixture.sim.scan(&used, &fixture.lin).unwrap();
    let (_, expired) = fixture.begin("").await;
    fixture.sim.clock().advance(Duration::from_mins(10));
    for link in [&used, &expired] {
        let refused = fixture.sim.scan(link, &fixture.mia).unwrap_err();
        assert_eq!(refused, "the link is not valid");
        assert!(fixture.sim.refuse_scan(link).is_err());
    }
}

#[tokio::test]
async fn links_of_no_sdk_are_refused() {
    let fixture = Fixture::new().await;
    let scope = |name: &str| json!({"scopes": {"tenant": [name]}});
    for (parameters, reason) in [
        ("&color=red".to_owned(), "unknown parameter"),
        ("&createOnly=1".to_owned(), "`createOnly`"),
        ("&clientID=cli_none".to_owned(), "no such app"),
        ("&addons=%21".to_owned(), "addons: "),
        ("&addons=e30".to_owned(), "addons: "),
        (addons(&json!({"security": {}})), "unknown field"),
        (addons(&scope("im:everything")), "unknown scope"),
        (
            addons(&json!({"events": {"items": {"tenant": ["x"]}}})),
            "unknown event",
        ),
        (
            addons(&json!({"callbacks": {"items": ["x"]}})),
            "unknown callback",
        ),
    ] {
        let (_, link) = fixture.begin(&parameters).await;
        let refused = fixture.sim.scan(&link, &fixture.lin).unwrap_err();
        assert!(refused.contains(reason), "{parameters}: {refused}");
    }
}

#[tokio::test]
async fn odd_requests_for_an_app_are_violations() {
    let forms = [
        "action=dance",
        "action=begin&archetype=PersonalAgent&auth_method=client_secret",
        "action=begin&archetype=Bot&auth_method=client_secret&request_user_info=open_id",
        "action=begin&archetype=PersonalAgent&auth_method=x&request_user_info=open_id",
        "action=poll&device_code=x&color=red",
    ];
    for form in forms {
        let fixture = Fixture::new().await;
        let refused = fixture.register(form).await;
        assert_eq!(refused.status, 400, "{form}");
        assert_eq!(refused.json()["error"], "invalid_request", "{form}");
        assert_eq!(fixture.sim.violations().len(), 1, "{form}");
    }
    let fixture = Fixture::new().await;
    let unknown = fixture.register("action=poll&device_code=x").await.json();
    assert_eq!(unknown["error"], "invalid_grant");
    let init = fixture.register("action=init").await.json();
    assert_eq!(init["supported_auth_methods"][0], "client_secret");
    fixture.sim.finish();
}
