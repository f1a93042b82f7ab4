//! Several apps on one platform.

use feishu_sim::{App, AppKind, ChatId, ChatSpec, RateLimits, Sent, Simulator, Words};
use reqwest::Client;
use serde_json::{Value, json};

use crate::client::{Fixture, Got};
use crate::consent::{REDIRECT, V2};
use crate::socket::{Socket, ask};
use crate::webhook::Webhook;

/// The platform as another app sees it, and a client with that app's token.
async fn second(first: &Fixture, change: impl FnOnce(&mut App)) -> Fixture {
    let mut second = Fixture {
        sim: first.sim.add_app(change),
        client: Client::clone(&first.client),
        token: String::new(),
        lin: first.lin.clone(),
        mia: first.mia.clone(),
    };
    if second.sim.app().kind == AppKind::Custom {
        second.token = second.fresh_token().await;
    }
    second
}

/// Another custom app of the same tenant.
async fn colleague(first: &Fixture) -> Fixture {
    let tenant_key = first.sim.app().tenant_key;
    second(first, |app| app.tenant_key = tenant_key).await
}

impl Fixture {
    async fn read_chat(&self, chat: &ChatId) -> Got {
        self.get(&format!("/open-apis/im/v1/chats/{chat}/members"))
            .await
    }

    /// The token of a store app in a tenant.
    async fn store_token(&self, tenant_key: &str, ticket: &str) -> Got {
        let app = self.sim.app();
        let body = json!({
            "app_id": app.app_id, "app_secret": app.app_secret, "app_ticket": ticket,
        });
        let got = self.post("/open-apis/auth/v3/app_access_token", body).await;
        let body = json!({
            "app_access_token": got.json()["app_access_token"], "tenant_key": tenant_key,
        });
        self.post("/open-apis/auth/v3/tenant_access_token", body)
            .await
    }

    async fn exchange(&mut self, code: &str) -> Got {
        let fields = [("code", code), ("redirect_uri", REDIRECT)];
        let body = self.grant("authorization_code", &fields);
        self.token_call(V2, body).await
    }

    async fn refresh(&mut self, token: &str) -> Got {
        let body = self.grant("refresh_token", &[("refresh_token", token)]);
        self.token_call(V2, body).await
    }
}

fn received(webhook: &Webhook) -> usize {
    webhook.log.lock().unwrap().got.len()
}

/// The pushes that went to this address, in clear.
fn pushed_to(sim: &Simulator, address: &str) -> Vec<Value> {
    let is_sent = |push: &feishu_sim::PushRecord| {
        let mut attempts = push.attempts.iter();
        attempts.any(|one| matches!(&one.sent, Sent::Request { url, .. } if url == address))
    };
    let pushes = sim.pushes().into_iter().filter(is_sent);
    pushes.map(|push| push.envelope).collect()
}

#[tokio::test]
async fn apps_have_their_own_credentials() {
    let one = Fixture::new().await;
    let two = colleague(&one).await;
    let (first, second) = (one.sim.app(), two.sim.app());
    assert_ne!(
        (&first.app_id, &first.app_secret),
        (&second.app_id, &second.app_secret)
    );
    let mixed = json!({"app_id": first.app_id, "app_secret": second.app_secret});
    let path = "/open-apis/auth/v3/tenant_access_token/internal";
    assert_eq!(one.post(path, mixed).await.code(), 10_014);

    let bot = async |fixture: &Fixture| {
        let got = fixture.get("/open-apis/bot/v3/info").await.json();
        got["bot"]["open_id"].as_str().unwrap().to_owned()
    };
    assert_eq!(bot(&one).await, first.bot_open_id);
    assert_eq!(bot(&two).await, second.bot_open_id);
    let callers = one.sim.calls_to(feishu_sim::Endpoint::BotInfo);
    let callers: Vec<_> = callers
        .into_iter()
        .map(|call| call.app_id.unwrap())
        .collect();
    assert_eq!(callers, [first.app_id, second.app_id]);

    two.sim.expire_tokens();
    assert_eq!(two.get("/open-apis/bot/v3/info").await.code(), 99_991_663);
    assert_eq!(one.get("/open-apis/bot/v3/info").await.code(), 0);
    one.sim.finish();
}

#[tokio::test]
async fn each_bot_is_in_its_own_chats() {
    let one = Fixture::new().await;
    let (two, other) = (colleague(&one).await, second(&one, |_| {}).await);
    let chat = one.chat();
    assert_eq!(one.read_chat(&chat).await.code(), 0);
    assert_eq!(two.read_chat(&chat).await.code(), 232_011);
    assert_eq!(other.read_chat(&chat).await.code(), 232_010);
    two.sim.set_webhook("http://127.0.0.1:1/");
    let lin = two.sim.as_person(&two.lin).in_chat(&chat);
    let added = lin.add_bot().unwrap();
    let envelope = &one.sim.pushes()[0].envelope;
    assert_eq!(envelope["header"]["event_id"], json!(added.event_id()));
    assert_eq!(envelope["header"]["app_id"], json!(two.sim.app().app_id));
    assert_eq!(two.read_chat(&chat).await.code(), 0);

    let own = two.sim.add_chat(two.group());
    assert_eq!(two.read_chat(&own).await.code(), 0);
    assert_eq!(one.read_chat(&own).await.code(), 232_011);
    lin.remove_bot().unwrap();
    assert_eq!(two.read_chat(&chat).await.code(), 232_011);
    one.sim.finish();
}

#[tokio::test]
async fn a_message_reaches_every_bot_of_its_chat() {
    let one = Fixture::new().await;
    let (two, three) = (colleague(&one).await, colleague(&one).await);
    let mut hooks = Vec::new();
    for fixture in [&one, &two, &three] {
        let hook = Webhook::answering(&[]).await;
        fixture.sim.set_webhook(&hook.url);
        hooks.push(hook);
    }
    let chat = one.chat();
    two.sim.as_person(&two.lin).in_chat(&chat).add_bot();
    let lin = two.sim.as_person(&two.lin).in_chat(&chat);
    let said = lin.say(Words::at_bot().text(" hello"));
    said.answer().await;
    one.sim.redeliver(&said.id).answer().await;

    assert_eq!([received(&hooks[1]), received(&hooks[2])], [2, 0]);
    for (fixture, hook) in [(&one, &hooks[0]), (&two, &hooks[1])] {
        let pushed = pushed_to(&one.sim, &hook.url);
        let header = &pushed.last().unwrap()["header"];
        let app = fixture.sim.app();
        assert_eq!(
            (&header["app_id"], &header["token"]),
            (&json!(app.app_id), &json!(app.verification_token))
        );
        let mention = &pushed.last().unwrap()["event"]["message"]["mentions"][0];
        assert_eq!(mention["id"]["open_id"], json!(two.sim.app().bot_open_id));
    }
    one.sim.finish();
}

#[tokio::test]
async fn what_a_bot_adds_is_its_own() {
    let one = Fixture::new().await;
    let two = colleague(&one).await;
    let chat = one.chat();
    two.sim.as_person(&two.lin).in_chat(&chat).add_bot();
    let said = one.sim.as_person(&one.lin).in_chat(&chat).say("hello").id;
    let reaction = one.react(&said, "Pin").await.json()["data"]["reaction_id"].clone();
    assert_eq!(one.sim.reactions(&said), ["Pin"]);
    assert!(two.sim.reactions(&said).is_empty());
    let path = format!(
        "/open-apis/im/v1/messages/{said}/reactions/{}",
        reaction.as_str().unwrap()
    );
    assert_eq!(two.call("DELETE", &path, None).await.code(), 231_007);

    let text =
        json!({"msg_type": "text", "content": json!({"text": "hi"}).to_string(), "uuid": "u"});
    let path = format!("/open-apis/im/v1/messages/{said}/reply");
    assert_eq!(two.post(&path, text.clone()).await.code(), 0);
    assert_eq!(one.sim.replies_to(&said), Vec::<String>::new());
    assert_eq!(two.sim.replies_to(&said), ["hi"]);
    let sender = &one.post(&path, text).await.json()["data"]["sender"];
    assert_eq!(sender["id"], json!(one.sim.app().app_id));
    assert_ne!(one.sim.direct_chat(&one.lin), two.sim.direct_chat(&two.lin));
    one.sim.finish();
}

#[tokio::test]
async fn a_grant_belongs_to_one_app() {
    let mut one = Fixture::new().await;
    let mut two = colleague(&one).await;
    for fixture in [&one, &two] {
        let register = |app: &mut App| app.redirect_uris.push(REDIRECT.to_owned());
        fixture.sim.change_app(register);
    }
    let lin = one.lin.clone();
    let code = one.code(&lin);
    assert_eq!(two.exchange(&code).await.outcome(), (400, 20_024));
    let got = one.exchange(&code).await.json();
    let refresh = got["refresh_token"].as_str().unwrap();
    assert_eq!(two.refresh(refresh).await.outcome(), (400, 20_024));
    assert!(two.sim.granted_scopes(&lin).is_empty());
    assert_eq!(one.sim.granted_scopes(&lin).len(), 3);
    two.sim.forget_grant(&lin);
    assert_eq!(one.refresh(refresh).await.code(), 0);
    one.sim.finish();
}

#[tokio::test]
async fn a_connection_belongs_to_one_app() {
    let one = Fixture::new().await;
    let two = colleague(&one).await;
    let store = second(&one, |app| app.kind = AppKind::Store).await;
    one.sim.receive_by_long_connection();
    two.sim.receive_by_long_connection();
    let (first, mut other) = (Socket::open(&one).await, Socket::open(&two).await);
    assert_eq!(one.sim.connections(), [first.id]);
    assert_eq!(two.sim.connections(), [other.id.clone()]);
    let push = two
        .sim
        .push_event("im.chat.disbanded_v1", &json!({"chat_id": "oc_1"}));
    let frame = other.frame().await;
    let envelope: Value = serde_json::from_slice(frame.payload.as_ref().unwrap()).unwrap();
    assert_eq!(envelope["header"]["app_id"], json!(two.sim.app().app_id));
    other.send(&frame.ack_code(200)).await;
    assert_eq!(push.answer().await.status, 200);

    let app = store.sim.app();
    let body = json!({"AppID": app.app_id, "AppSecret": app.app_secret});
    assert_eq!(ask(&store, &body, &[("locale", "zh")]).await.code(), 403);
    one.sim.finish();
}

#[tokio::test]
async fn a_store_app_stands_beside_a_custom_one() {
    let one = Fixture::new().await;
    let mut store = second(&one, |app| app.kind = AppKind::Store).await;
    let home = one.sim.app().tenant_key;
    store.sim.push_ticket();
    let push = &one.sim.pushes()[0];
    assert_eq!(
        push.envelope["event"]["app_id"],
        json!(store.sim.app().app_id)
    );
    let ticket = push.envelope["event"]["app_ticket"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(store.store_token(&home, &ticket).await.code(), 10_013);
    store.sim.install(&home);
    store.sim.change_app(|app| {
        app.bot_open_ids
            .insert(home.clone(), "ou_bot_here".to_owned())
    });
    let got = store.store_token(&home, &ticket).await.json();
    store.token = got["tenant_access_token"].as_str().unwrap().to_owned();
    let got = store.get("/open-apis/bot/v3/info").await.json();
    assert_eq!(got["bot"]["open_id"], "ou_bot_here");

    let webhook = Webhook::answering(&[]).await;
    store.sim.set_webhook(&webhook.url);
    let chat = store.sim.add_chat(store.group());
    let lin = store.sim.as_person(&store.lin).in_chat(&chat);
    lin.say(Words::at_bot()).answer().await;
    let pushed = pushed_to(&one.sim, &webhook.url);
    let mention = &pushed[0]["event"]["message"]["mentions"][0];
    assert_eq!(mention["id"]["open_id"], "ou_bot_here");
    assert_eq!(pushed[0]["header"]["tenant_key"], json!(home));
    store.sim.uninstall(&home);
    assert_eq!(store.get("/open-apis/bot/v3/info").await.code(), 99_991_663);
    assert_eq!(one.get("/open-apis/bot/v3/info").await.code(), 0);
    one.sim.finish();
}

#[tokio::test]
async fn apps_do_not_share_rate_limits() {
    let one = Fixture::with(Simulator::builder().rate_limits(RateLimits::Documented)).await;
    let two = colleague(&one).await;
    let chat = one.sim.add_chat(ChatSpec::named("Ops").member(&one.lin));
    two.sim.as_person(&two.lin).in_chat(&chat).add_bot();
    for _ in 0..50 {
        assert_eq!(one.read_chat(&chat).await.code(), 0);
    }
    assert_eq!(one.read_chat(&chat).await.code(), 99_991_400);
    assert_eq!(two.read_chat(&chat).await.code(), 0);
    one.sim.finish();
}
