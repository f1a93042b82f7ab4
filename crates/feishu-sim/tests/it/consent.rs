//! The pages of consent, and tokens of users at the gateway.

use std::time::Duration;

use feishu_sim::{ChatId, ChatSpec, Decision, Endpoint, Person, Push, Revoked, RevokedBy, WhoMay};
use reqwest::Url;
use serde_json::{Value, json};

use crate::client::{Fixture, Got, chat_path, docx_path};
use crate::socket::Socket;
use crate::webhook::Webhook;

pub(crate) const REDIRECT: &str = "https://bot.example.com/oauth";
pub(crate) const V2: &str = "/open-apis/authen/v2/oauth/token";
const V3: &str = "/oauth/v3/token";

impl Fixture {
    async fn consenting() -> Self {
        let fixture = Self::new().await;
        let register = |app: &mut feishu_sim::App| app.redirect_uris.push(REDIRECT.to_owned());
        fixture.sim.change_app(register);
        fixture
    }

    fn link(&self, changes: &[(&str, &str)]) -> String {
        let app_id = self.sim.app().app_id;
        let mut pairs = vec![
            ("client_id", app_id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", REDIRECT),
            (
                "scope",
                "im:chat im:chat.announcement:write_only offline_access",
            ),
            ("state", "s1"),
        ];
        pairs.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        pairs.extend(changes);
        let base = format!("{}/open-apis/authen/v1/authorize", self.sim.base_url());
        Url::parse_with_params(&base, pairs).unwrap().into()
    }

    pub(crate) fn code(&self, person: &Person) -> String {
        let target = self.sim.decide(&self.link(&[]), person, Decision::Consent);
        parameter(&target.unwrap(), "code")
    }

    /// A body for the token endpoint.
    pub(crate) fn grant(&self, grant_type: &str, more: &[(&str, &str)]) -> Value {
        let app = self.sim.app();
        let mut body = json!({
            "grant_type": grant_type, "client_id": app.app_id, "client_secret": app.app_secret,
        });
        for (name, value) in more {
            body[*name] = json!(value);
        }
        body
    }

    /// Calls without a token.
    pub(crate) async fn token_call(&mut self, path: &str, body: Value) -> Got {
        let token = std::mem::take(&mut self.token);
        let got = self.post(path, body).await;
        self.token = token;
        got
    }

    async fn user_token(&mut self, person: &Person) -> String {
        self.tokens(person).await.0
    }

    /// An access token and a refresh token.
    async fn tokens(&mut self, person: &Person) -> (String, String) {
        let code = self.code(person);
        let body = self.grant(
            "authorization_code",
            &[("code", &code), ("redirect_uri", REDIRECT)],
        );
        let got = self.token_call(V2, body).await.json();
        let text = |name: &str| got[name].as_str().unwrap().to_owned();
        (text("access_token"), text("refresh_token"))
    }

    async fn pin_announcement(&self, chat: &ChatId) -> Got {
        let body = json!({"chat_top_notice": [{"action_type": "2"}]});
        self.post(&chat_path(chat, "/top_notice/put_top_notice"), body)
            .await
    }
}

fn parameter(url: &str, name: &str) -> String {
    let url = Url::parse(url).unwrap();
    let mut pairs = url.query_pairs();
    pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
}

#[tokio::test]
async fn the_page_redirects_after_a_decision() {
    let fixture = Fixture::consenting().await;
    let link = fixture.link(&[]);
    let browser = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let page = browser
        .get(&link)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(page.contains("im:chat.announcement:write_only"), "{page}");
    assert!(page.contains(&fixture.lin.open_id), "{page}");
    let decide = async |decision: &str| {
        let body = format!("person={}&decision={decision}", fixture.lin.open_id);
        let answer = browser.post(&link).body(body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 302);
        answer.headers()["location"].to_str().unwrap().to_owned()
    };
    let refused = decide("refuse").await;
    assert_eq!(refused, format!("{REDIRECT}?error=access_denied&state=s1"));
    let consented = decide("consent").await;
    assert_eq!(parameter(&consented, "state"), "s1");
    let code = parameter(&consented, "code");
    let mut fixture = fixture;
    let body = fixture.grant(
        "authorization_code",
        &[("code", &code), ("redirect_uri", REDIRECT)],
    );
    let got = fixture.token_call(V2, body).await;
    assert_eq!(got.outcome(), (200, 0));
    fixture.sim.finish();
}

#[tokio::test]
async fn a_wrong_link_shows_its_code() {
    let fixture = Fixture::consenting().await;
    let many = vec!["im:chat"; 51].join(" ");
    for (change, expected) in [
        (("client_id", "cli_ffffffffffffffff"), 20_048),
        (("redirect_uri", "https://bot.example.com/else"), 20_029),
        (("redirect_uri", "nowhere"), 20_029),
        (("scope", "im:chat contact:all"), 20_027),
        (("scope", &*many), 20_043),
        (("response_type", "token"), 20_001),
    ] {
        let link = fixture.link(&[change]);
        let shown = fixture.sim.decide(&link, &fixture.lin, Decision::Consent);
        assert_eq!(shown, Err(expected), "{change:?}");
    }
    // A query is no part of what is registered.
    let link = fixture.link(&[("redirect_uri", &format!("{REDIRECT}?a=b"))]);
    let target = fixture.sim.decide(&link, &fixture.lin, Decision::Consent);
    assert!(
        target
            .unwrap()
            .starts_with(&format!("{REDIRECT}?a=b&code="))
    );
}

#[tokio::test]
async fn the_device_page_takes_one_decision() {
    let fixture = Fixture::consenting().await;
    let app = fixture.sim.app();
    let url = format!("{}/oauth/v1/device_authorization", fixture.sim.base_url());
    let ask = async |secret: &str| {
        let request = fixture
            .client
            .post(&url)
            .basic_auth(&app.app_id, Some(secret));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let body = format!("client_id={}&scope=im%3Achat", app.app_id);
        let answer = request.body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str::<Value>(&text).unwrap())
    };
    let (status, refused) = ask("wrong").await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_client")));
    let (status, flow) = ask(&app.app_secret).await;
    assert_eq!((status, flow.get("code")), (200, None));
    let link = flow["verification_uri_complete"].as_str().unwrap();
    let page = fixture.client.get(link).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("im:chat"));
    assert_eq!(
        fixture
            .sim
            .decide_device(link, &fixture.lin, Decision::Consent),
        Ok(())
    );
    let again = fixture
        .sim
        .decide_device(link, &fixture.mia, Decision::Consent);
    assert_eq!(again, Err(20_003));
    assert_eq!(fixture.sim.granted_scopes(&fixture.lin), ["im:chat"]);
    fixture.sim.finish();
}

#[tokio::test]
async fn each_token_endpoint_check_has_its_code() {
    let mut fixture = Fixture::consenting().await;
    let code = "code";
    let good = |fixture: &Fixture| {
        let text = fixture.code(&fixture.lin);
        fixture.grant(
            "authorization_code",
            &[(code, &text), ("redirect_uri", REDIRECT)],
        )
    };
    for (field, value, expected) in [
        ("grant_type", "password", 20_036),
        ("client_id", "cli_ffffffffffffffff", 20_048),
        ("client_secret", "guess", 20_002),
        ("client_secret", "", 20_001),
        ("code", "unknown", 20_003),
        ("redirect_uri", "https://bot.example.com/else", 20_071),
        ("scope", "im:chat im:chat", 20_067),
        ("scope", "contact:all", 20_068),
    ] {
        let mut body = good(&fixture);
        body[field] = json!(value);
        let got = fixture.token_call(V2, body).await;
        assert_eq!(got.outcome(), (400, expected), "{field}={value}");
        assert!(got.json()["error_description"].is_string(), "{}", got.text);
    }
    // A header in addition to the secret in the body.
    let body = good(&fixture);
    let got = fixture.post(V2, body).await;
    assert_eq!(got.outcome(), (400, 20_070));
    let guest = fixture.sim.add_person_of("other_tenant", "Guest");
    let text = fixture.code(&guest);
    let body = fixture.grant(
        "authorization_code",
        &[(code, &text), ("redirect_uri", REDIRECT)],
    );
    assert_eq!(fixture.token_call(V2, body).await.code(), 20_010);
    fixture.sim.finish();

    let mut body = good(&fixture);
    body["redirect_url"] = json!(REDIRECT);
    assert_eq!(fixture.token_call(V2, body).await.code(), 20_063);
    assert_eq!(fixture.sim.violations().len(), 1);
}

#[tokio::test]
async fn version_3_takes_a_form_too() {
    let mut fixture = Fixture::consenting().await;
    let code = fixture.code(&fixture.lin);
    let body = fixture.grant(
        "authorization_code",
        &[("code", &code), ("redirect_uri", REDIRECT)],
    );
    let got = fixture.token_call(V3, body).await;
    assert_eq!(got.outcome(), (200, 0));
    let refresh = got.json()["refresh_token"].as_str().unwrap().to_owned();
    let app = fixture.sim.app();
    let form = format!(
        "grant_type=refresh_token&client_id={}&client_secret={}&refresh_token={refresh}",
        app.app_id, app.app_secret
    );
    let url = format!("{}{V3}", fixture.sim.base_url());
    let request = fixture.client.post(url).body(form);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
    fixture.sim.finish();
}

#[tokio::test]
async fn a_renewal_is_used_by_its_first_call() {
    let mut fixture = Fixture::consenting().await;
    let lin = fixture.lin.clone();
    let (_, first) = fixture.tokens(&lin).await;
    let renew = |fixture: &Fixture, token: &str| {
        let body = fixture.grant("refresh_token", &[("refresh_token", token)]);
        (V2, body)
    };
    let (path, body) = renew(&fixture, &first);
    let renewed = fixture.token_call(path, body).await.json();
    assert!(!fixture.sim.is_renewal_used(&first));
    let second = renewed["refresh_token"].as_str().unwrap();
    let (path, body) = renew(&fixture, second);
    let renewed = fixture.token_call(path, body).await.json();
    assert!(fixture.sim.is_renewal_used(&first));
    assert!(!fixture.sim.is_renewal_used(second));
    let chat = fixture.sim.add_chat(ChatSpec::named("group").owner(&lin));
    fixture.token = renewed["access_token"].as_str().unwrap().to_owned();
    assert_eq!(fixture.pin_announcement(&chat).await.code(), 0);
    assert!(fixture.sim.is_renewal_used(second));
    fixture.sim.finish();
}

#[tokio::test]
async fn user_tokens_are_checked_in_order() {
    let mut fixture = Fixture::consenting().await;
    let chat = fixture.sim.add_chat(fixture.group().without_bot());
    let lin = fixture.lin.clone();
    fixture.token = "eyJ-made-up".to_owned();
    let support = fixture.get("/open-apis/bot/v3/info").await;
    assert_eq!(support.outcome(), (400, 99_991_668));
    assert_eq!(
        support.json()["msg"],
        json!("user access token not support")
    );
    let unknown = fixture.pin_announcement(&chat).await;
    assert_eq!(unknown.outcome(), (400, 99_991_668));
    assert_ne!(unknown.json()["msg"], support.json()["msg"]);

    fixture.token = fixture.user_token(&lin).await;
    fixture.sim.clock().advance(Duration::from_hours(2));
    assert_eq!(
        fixture.pin_announcement(&chat).await.outcome(),
        (401, 99_991_677)
    );

    fixture.token = fixture.user_token(&lin).await;
    let scopes = std::mem::take(&mut fixture.sim.app().user_scopes);
    fixture.sim.change_app(|app| app.user_scopes.clear());
    assert_eq!(
        fixture.pin_announcement(&chat).await.outcome(),
        (400, 99_991_672)
    );
    fixture.sim.change_app(|app| app.user_scopes = scopes);
    let kind = fixture.get(&docx_path(&chat, "")).await;
    assert_eq!(kind.outcome(), (400, 99_991_679));
    let violation = &kind.json()["error"]["permission_violations"][0];
    assert_eq!(violation["type"], json!("action_privilege_required"));
    assert_eq!(violation["subject"], json!("im:chat.announcement:read"));
    // The person is in the chat, the bot need not be.
    assert_eq!(fixture.pin_announcement(&chat).await.outcome(), (200, 0));
    fixture.sim.change_app(|app| app.bot_active = false);
    assert_eq!(
        fixture.pin_announcement(&chat).await.outcome(),
        (400, 232_025)
    );
    fixture.sim.finish();
}

#[tokio::test]
async fn a_person_edits_under_the_setting() {
    let mut fixture = Fixture::consenting().await;
    let spec = fixture.group().edit_permission(WhoMay::OnlyOwner);
    let chat = fixture.sim.add_chat(spec);
    let path = docx_path(&chat, &format!("/blocks/{chat}/children"));
    let text = json!({"elements": [{"text_run": {"content": "hello"}}]});
    let body = json!({"children": [{"block_type": 2, "text": text}]});
    let bot = fixture.token.clone();
    assert_eq!(fixture.post(&path, body.clone()).await.code(), 1_772_005);
    let (lin, mia) = (fixture.lin.clone(), fixture.mia.clone());
    fixture.token = fixture.user_token(&mia).await;
    assert_eq!(fixture.post(&path, body.clone()).await.code(), 1_772_005);
    fixture.token = fixture.user_token(&lin).await;
    assert_eq!(fixture.post(&path, body.clone()).await.code(), 0);
    let outsider = fixture.sim.add_person("Outsider");
    fixture.token = fixture.user_token(&outsider).await;
    assert_eq!(fixture.post(&path, body.clone()).await.code(), 1_772_003);

    fixture.sim.clock().advance(Duration::from_secs(1));
    let open = |chat: &mut feishu_sim::Chat| chat.edit_permission = WhoMay::AllMembers;
    fixture.sim.change_chat(&chat, open);
    fixture.token = fixture.user_token(&mia).await;
    assert_eq!(fixture.post(&path, body.clone()).await.code(), 0);
    fixture.token = bot;
    let info = fixture.get(&docx_path(&chat, "")).await.json();
    assert_eq!(info["data"]["modifier_id"], json!(mia.open_id));
    assert_eq!(fixture.post(&path, body).await.code(), 0);
    let info = fixture.get(&docx_path(&chat, "")).await.json();
    assert_eq!(info["data"]["modifier_id"], json!(fixture.sim.app().app_id));
    fixture.sim.finish();
}

/// The envelope of a push.
fn envelope(fixture: &Fixture, push: &Push) -> Value {
    let id = push.event_id();
    let pushes = fixture.sim.pushes();
    let push = pushes.into_iter().find(|push| push.event_id == id);
    push.unwrap().envelope
}

#[tokio::test]
async fn a_revocation_is_pushed_over_both_channels() {
    let fixture = Fixture::consenting().await;
    let webhook = Webhook::answering(&[]).await;
    fixture.sim.set_webhook(&webhook.url);
    let push = fixture.sim.revoke_grant(&fixture.lin).unwrap();
    assert_eq!(push.answer().await.status, 200);
    let pushed = envelope(&fixture, &push);
    let header = &pushed["header"];
    assert_eq!(header["event_type"], "auth.user_access_token.revoked_v4");
    assert_eq!(header["tenant_key"], json!(fixture.lin.tenant_key));
    let lin = &fixture.lin;
    let event = json!({
        "revoke_token_type": "user_access_token refresh_token",
        "revoke_reason": "Revoked by user action.",
        "open_id": lin.open_id, "union_id": lin.union_id, "user_id": lin.user_id,
    });
    assert_eq!(pushed["event"], event);

    fixture.sim.receive_by_long_connection();
    let mut socket = Socket::open(&fixture).await;
    fixture
        .sim
        .change_app(|app| app.sender_ids = vec!["open_id", "union_id"]);
    let by = RevokedBy::Administrator;
    let push = fixture.sim.revoke(lin, Revoked::Access, by).unwrap();
    let frame = socket.frame().await;
    let pushed: Value = serde_json::from_slice(&frame.payload.unwrap()).unwrap();
    assert_eq!(pushed, envelope(&fixture, &push));
    let event = json!({
        "revoke_token_type": "user_access_token",
        "revoke_reason": "Revoked by administrator action.",
        "open_id": lin.open_id, "union_id": lin.union_id, "user_id": null,
    });
    assert_eq!(pushed["event"], event);
    fixture.sim.finish();
}

#[tokio::test]
async fn a_revocation_ends_the_tokens_it_names() {
    let mut fixture = Fixture::consenting().await;
    for (revoked, access, refresh) in [
        (Revoked::Access, 20_005, 0),
        (Revoked::Refresh, 0, 20_064),
        (Revoked::Both, 20_005, 20_064),
    ] {
        let tokens = fixture.tokens(&fixture.lin.clone()).await;
        fixture
            .sim
            .revoke(&fixture.lin, revoked, RevokedBy::RiskControl);
        let bot = std::mem::replace(&mut fixture.token, tokens.0);
        let info = fixture.get("/open-apis/authen/v1/user_info").await;
        fixture.token = bot;
        assert_eq!(info.code(), access, "{revoked:?}");
        let body = fixture.grant("refresh_token", &[("refresh_token", &tokens.1)]);
        assert_eq!(
            fixture.token_call(V2, body).await.code(),
            refresh,
            "{revoked:?}"
        );
    }
    fixture.sim.finish();
}

#[tokio::test]
async fn revocations_need_a_scope_or_a_switch() {
    let mut fixture = Fixture::consenting().await;
    let app = fixture.sim.app();
    let revoke = async |fixture: &mut Fixture, token: &str| {
        let body = json!({
            "client_id": app.app_id, "client_secret": app.app_secret, "token": token,
        });
        let got = fixture.token_call("/oauth/v1/revoke", body).await;
        assert_eq!(got.status, 200, "{}", got.text);
    };
    let (_, refresh) = fixture.tokens(&fixture.lin.clone()).await;
    revoke(&mut fixture, &refresh).await;
    assert_eq!(fixture.sim.pushes().len(), 0);
    let report = |rules: &mut feishu_sim::Behaviour| {
        rules.consent.own_revocations_are_reported = true;
    };
    fixture.sim.change_behaviour(report);
    let (access, _) = fixture.tokens(&fixture.lin.clone()).await;
    revoke(&mut fixture, &access).await;
    let pushes = fixture.sim.pushes();
    assert_eq!(pushes.len(), 1);
    assert_eq!(
        pushes[0].envelope["event"]["revoke_token_type"],
        "user_access_token"
    );
    fixture
        .sim
        .change_app(|app| app.scopes.remove("auth:user_access_token:read"));
    assert!(fixture.sim.revoke_grant(&fixture.lin).is_none());
    assert_eq!(fixture.sim.calls_to(Endpoint::RevokeUserToken).len(), 2);
    fixture.sim.finish();
}
