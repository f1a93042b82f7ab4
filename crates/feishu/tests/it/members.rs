//! Consent of members, and calls in their names.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use feishu::codes::Class;
use feishu::{
    AuthorizationRequest, Client, ClientConfig, CodeExchange, CodeVerifier, Credentials,
    DevicePoll, Envelope, Error, MemberTokenError, MemberTokens, OpenId, RefusedToken,
    RevokedTokens, TenantKey, TokenRefusal, TokenTypeHint, TopNotice, USER_TOKEN_REVOKED,
    UserTokenRevoked, UserTokens,
};
use feishu_sim::{ChatId, ChatSpec, Decision, Endpoint, Fault, Person, Simulator, WhoMay};
use reqwest::Url;
use secrecy::SecretString;

use crate::{client, config, platform};

const REDIRECT: &str = "https://bot.example.com/oauth";
const SCOPES: &[&str] = &["im:chat", "offline_access"];

async fn consenting_platform() -> (Simulator, Person) {
    let sim = platform().await;
    sim.change_app(|app| app.redirect_uris.push(REDIRECT.to_owned()));
    let lin = sim.add_person("Lin");
    (sim, lin)
}

/// A person consents; the code of the redirect.
fn code_of(
    sim: &Simulator,
    client: &Client,
    person: &Person,
    verifier: &CodeVerifier,
) -> SecretString {
    let link = client.authorize_url(&AuthorizationRequest {
        redirect_uri: REDIRECT,
        scopes: SCOPES,
        state: "s 1&",
        verifier,
    });
    let target = sim.decide(&link, person, Decision::Consent).unwrap();
    assert_eq!(parameter(&target, "state").as_deref(), Some("s 1&"));
    parameter(&target, "code").unwrap().into()
}

fn parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).unwrap();
    let mut pairs = url.query_pairs();
    let (_, value) = pairs.find(|(key, _)| key == name)?;
    Some(value.into_owned())
}

async fn tokens_of(sim: &Simulator, client: &Client, person: &Person) -> UserTokens {
    let verifier = CodeVerifier::random().unwrap();
    let code = code_of(sim, client, person, &verifier);
    let exchange = CodeExchange {
        code: &code,
        redirect_uri: REDIRECT,
        verifier: &verifier,
    };
    client.exchange_code(&exchange).await.unwrap()
}

fn refresh_token(tokens: &UserTokens) -> &SecretString {
    &tokens.refresh_token.as_ref().unwrap().value
}

/// The grants of a bot with one member: the next tokens, and what was told.
#[derive(Clone, Default)]
struct Keeper {
    tokens: Arc<Mutex<Vec<SecretString>>>,
    refusals: Arc<Mutex<Vec<TokenRefusal>>>,
}

impl Keeper {
    fn add(&self, tokens: &UserTokens) {
        self.tokens
            .lock()
            .unwrap()
            .push(tokens.access_token.clone());
    }

    fn refusals(&self) -> Vec<TokenRefusal> {
        std::mem::take(&mut self.refusals.lock().unwrap())
    }

    /// A refused token is dropped, and the next one is used.
    fn source(&self) -> MemberTokens {
        let (tokens, told) = (Arc::clone(&self.tokens), self.clone());
        MemberTokens {
            fetch: Arc::new(move |_, _| {
                let first = tokens.lock().unwrap().first().cloned();
                Box::pin(async move { first.ok_or(MemberTokenError::NoGrant) })
            }),
            on_refusal: Arc::new(move |refused: RefusedToken| {
                if !matches!(refused.refusal, TokenRefusal::ScopesMissing(_)) {
                    told.tokens.lock().unwrap().remove(0);
                }
                told.refusals.lock().unwrap().push(refused.refusal);
                Box::pin(async {})
            }),
        }
    }

    fn client(&self, sim: &Simulator, person: &Person) -> Client {
        let member_tokens = Some(self.source());
        let config = ClientConfig {
            member_tokens,
            ..config(sim)
        };
        as_member(&Client::new(config).unwrap(), person)
    }
}

fn as_member(client: &Client, person: &Person) -> Client {
    let member = OpenId::new(&*person.open_id);
    client.with_credentials(Credentials::Member(TenantKey::OWN, member))
}

async fn pin(client: &Client, chat: &ChatId) -> Result<(), Error> {
    let chat = chat.as_str().into();
    client.put_top_notice(&chat, TopNotice::Announcement).await
}

#[tokio::test]
async fn a_code_is_exchanged_once_for_tokens() {
    let (sim, lin) = consenting_platform().await;
    let client = client(&sim);
    let verifier = CodeVerifier::random().unwrap();
    let code = code_of(&sim, &client, &lin, &verifier);
    let exchange = CodeExchange {
        code: &code,
        redirect_uri: REDIRECT,
        verifier: &verifier,
    };
    let tokens = client.exchange_code(&exchange).await.unwrap();
    assert_eq!(tokens.expires_in, Duration::from_hours(2));
    assert_eq!(tokens.scopes, SCOPES);
    let refresh = tokens.refresh_token.unwrap();
    assert_eq!(refresh.expires_in, Some(Duration::from_hours(7 * 24)));

    let person = client.user_info(&tokens.access_token).await.unwrap();
    assert_eq!(person.open_id.as_str(), lin.open_id);
    assert_eq!(person.tenant_key.as_str(), lin.tenant_key);
    assert_eq!(person.name, "Lin");
    let error = client.user_info(&"eyJ-none".into()).await.unwrap_err();
    assert_eq!(error.code(), Some(20_005));

    let error = client.exchange_code(&exchange).await.unwrap_err();
    assert_eq!(error.code(), Some(20_065));
    sim.finish();
}

#[tokio::test]
async fn a_refused_consent_has_no_code() {
    let (sim, lin) = consenting_platform().await;
    let link = client(&sim).authorize_url(&AuthorizationRequest {
        redirect_uri: REDIRECT,
        scopes: SCOPES,
        state: "s1",
        verifier: &CodeVerifier::random().unwrap(),
    });
    let refused = sim.decide(&link, &lin, Decision::Refuse).unwrap();
    assert_eq!(refused, format!("{REDIRECT}?error=access_denied&state=s1"));
    sim.change_behaviour(|behaviour| behaviour.consent.is_refused = true);
    assert_eq!(sim.decide(&link, &lin, Decision::Consent), Ok(refused));
    assert_eq!(sim.granted_scopes(&lin), [""; 0]);
}

#[tokio::test]
async fn a_code_is_bound_to_its_request() {
    let (sim, lin) = consenting_platform().await;
    let client = client(&sim);
    let verifier = CodeVerifier::random().unwrap();
    let other = CodeVerifier::random().unwrap();
    for (redirect_uri, verifier_sent, age, expected) in [
        (REDIRECT, &other, 0, 20_049),
        ("https://bot.example.com/other", &verifier, 0, 20_071),
        (REDIRECT, &verifier, 5, 20_004),
    ] {
        let code = code_of(&sim, &client, &lin, &verifier);
        sim.clock().advance(Duration::from_mins(age));
        let exchange = CodeExchange {
            code: &code,
            redirect_uri,
            verifier: verifier_sent,
        };
        let error = client.exchange_code(&exchange).await.unwrap_err();
        assert_eq!(error.code(), Some(expected));
        assert_eq!(error.class(), Some(Class::GrantKept));
        assert!(!error.is_retryable() && !error.is_app_refused());
    }
    sim.finish();
}

#[tokio::test]
async fn a_refresh_token_works_once() {
    let (sim, lin) = consenting_platform().await;
    let client = client(&sim);
    for reused in [20_064, 20_073] {
        sim.change_behaviour(|behaviour| behaviour.consent.reused_refresh_token = reused);
        let first = tokens_of(&sim, &client, &lin).await;
        let old = refresh_token(&first);
        let second = client.refresh_user_token(old).await.unwrap();
        // The old access token stays valid.
        client.user_info(&first.access_token).await.unwrap();
        client.user_info(&second.access_token).await.unwrap();
        let error = client.refresh_user_token(old).await.unwrap_err();
        assert_eq!(error.code(), Some(reused));
        assert_eq!(error.class(), Some(Class::GrantEnded));
        assert!(!error.is_retryable() && !error.may_have_taken_effect());
        client
            .refresh_user_token(refresh_token(&second))
            .await
            .unwrap();
    }
    sim.finish();
}

#[tokio::test]
async fn a_refresh_ends_with_token_or_consent() {
    let (sim, lin) = consenting_platform().await;
    let client = client(&sim);
    let mut tokens = tokens_of(&sim, &client, &lin).await;
    for _ in 0..60 {
        sim.clock().advance(Duration::from_hours(6 * 24));
        tokens = client
            .refresh_user_token(refresh_token(&tokens))
            .await
            .unwrap();
    }
    sim.clock().advance(Duration::from_hours(6 * 24));
    let error = client
        .refresh_user_token(refresh_token(&tokens))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some(20_037), "365 days after the consent");

    let tokens = tokens_of(&sim, &client, &lin).await;
    sim.clock().advance(Duration::from_hours(7 * 24));
    let error = client
        .refresh_user_token(refresh_token(&tokens))
        .await
        .unwrap_err();
    assert_eq!(error.class(), Some(Class::GrantEnded));
    sim.finish();
}

#[tokio::test]
async fn a_lost_refresh_differs_from_an_unsent_one() {
    let (sim, lin) = consenting_platform().await;
    let client = client(&sim);
    let tokens = tokens_of(&sim, &client, &lin).await;
    let unreachable = ClientConfig {
        base_url: "http://127.0.0.1:1".to_owned(),
        ..config(&sim)
    };
    let unreachable = Client::new(unreachable).unwrap();
    let error = unreachable
        .refresh_user_token(refresh_token(&tokens))
        .await
        .unwrap_err();
    assert!(!error.may_have_taken_effect(), "{error}");

    sim.fault(Endpoint::UserToken, Fault::LoseAnswer);
    let error = client
        .refresh_user_token(refresh_token(&tokens))
        .await
        .unwrap_err();
    assert!(
        error.may_have_taken_effect() && error.is_retryable(),
        "{error}"
    );
    let error = client
        .refresh_user_token(refresh_token(&tokens))
        .await
        .unwrap_err();
    assert_eq!(error.class(), Some(Class::GrantEnded), "it was used up");
    sim.finish();
}

#[tokio::test]
async fn a_refresh_may_keep_its_token() {
    let (sim, lin) = consenting_platform().await;
    let client = client(&sim);
    let tokens = tokens_of(&sim, &client, &lin).await;
    sim.change_behaviour(|behaviour| behaviour.consent.refresh_token_is_kept = true);
    for _ in 0..2 {
        let renewed = client
            .refresh_user_token(refresh_token(&tokens))
            .await
            .unwrap();
        assert!(renewed.refresh_token.is_none());
    }
    sim.change_app(|app| app.may_refresh = false);
    let error = client
        .refresh_user_token(refresh_token(&tokens))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some(20_074));
    let fresh = tokens_of(&sim, &client, &lin).await;
    assert!(fresh.refresh_token.is_none());
    sim.finish();
}

#[tokio::test]
async fn failures_of_the_token_endpoint_are_classified() {
    let (sim, lin) = consenting_platform().await;
    let client = client(&sim);
    let tokens = tokens_of(&sim, &client, &lin).await;
    for (code, class) in [
        (20_050, Class::RetryOnce),
        (20_072, Class::RetryOnce),
        (20_002, Class::GrantKept),
        (20_026, Class::GrantEnded),
    ] {
        sim.fault(Endpoint::UserToken, Fault::code(code));
        let error = client
            .refresh_user_token(refresh_token(&tokens))
            .await
            .unwrap_err();
        assert_eq!((error.code(), error.class()), (Some(code), Some(class)));
        assert_eq!(error.is_retryable(), class == Class::RetryOnce);
    }
    sim.fault(Endpoint::UserToken, Fault::NotJson);
    let error = client
        .refresh_user_token(refresh_token(&tokens))
        .await
        .unwrap_err();
    assert!(error.may_have_taken_effect());
    client
        .refresh_user_token(refresh_token(&tokens))
        .await
        .unwrap();
    sim.finish();
}

#[tokio::test]
async fn a_device_flow_ends_with_the_decision() {
    let (sim, lin) = consenting_platform().await;
    let client = client(&sim);
    let flow = client.start_device_flow(SCOPES).await.unwrap();
    let poll = async || client.poll_device_flow(&flow.device_code).await.unwrap();
    assert!(matches!(poll().await, DevicePoll::Pending));
    assert!(matches!(poll().await, DevicePoll::SlowDown));
    sim.clock().advance(flow.interval);
    assert!(matches!(poll().await, DevicePoll::Pending));
    sim.decide_device(&flow.verification_uri_complete, &lin, Decision::Consent)
        .unwrap();
    let DevicePoll::Granted(tokens) = poll().await else {
        panic!("no tokens")
    };
    let person = client.user_info(&tokens.access_token).await.unwrap();
    assert_eq!(person.open_id.as_str(), lin.open_id);
    assert!(
        matches!(poll().await, DevicePoll::Expired),
        "one grant per flow"
    );

    let flow = client.start_device_flow(SCOPES).await.unwrap();
    sim.decide_device(&flow.verification_uri_complete, &lin, Decision::Refuse)
        .unwrap();
    let poll = client.poll_device_flow(&flow.device_code).await.unwrap();
    assert!(matches!(poll, DevicePoll::Denied));
    let flow = client.start_device_flow(SCOPES).await.unwrap();
    sim.clock().advance(flow.expires_in);
    let poll = client.poll_device_flow(&flow.device_code).await.unwrap();
    assert!(matches!(poll, DevicePoll::Expired));
    let error = client.start_device_flow(&["no:such"]).await.unwrap_err();
    assert_eq!(error.code(), None);
    assert_eq!(
        error.to_string(),
        "`start_device_flow` answered `invalid_scope`"
    );
    sim.finish();
}

#[tokio::test]
async fn a_revoked_grant_is_gone() {
    let (sim, lin) = consenting_platform().await;
    let client = client(&sim);
    let tokens = tokens_of(&sim, &client, &lin).await;
    let revoke = client.revoke_user_token(&tokens.access_token, TokenTypeHint::AccessToken);
    revoke.await.unwrap();
    client.user_info(&tokens.access_token).await.unwrap_err();
    let refresh = refresh_token(&tokens);
    let renewed = client.refresh_user_token(refresh).await.unwrap();
    let refresh = refresh_token(&renewed);
    let revoke = client.revoke_user_token(refresh, TokenTypeHint::RefreshToken);
    revoke.await.unwrap();
    let error = client.refresh_user_token(refresh).await.unwrap_err();
    assert_eq!(error.class(), Some(Class::GrantEnded));
    client.user_info(&renewed.access_token).await.unwrap_err();
    sim.finish();
}

#[tokio::test]
async fn the_event_of_a_revocation_is_read() {
    let (sim, lin) = consenting_platform().await;
    sim.revoke_grant(&lin).unwrap();
    let body = sim.pushes()[0].envelope.to_string();
    let Ok(Envelope::Event(envelope)) = Envelope::parse(body.as_bytes()) else {
        panic!("no event")
    };
    assert_eq!(envelope.event_type, USER_TOKEN_REVOKED);
    assert_eq!(envelope.tenant_key.as_deref(), Some(&*lin.tenant_key));
    let revoked = UserTokenRevoked::read(envelope.event.unwrap()).unwrap();
    assert_eq!(revoked.user.open_id.unwrap().as_str(), lin.open_id);
    assert_eq!(revoked.tokens, RevokedTokens::Grant);
}

#[tokio::test]
async fn a_member_acts_with_own_rights() {
    let (sim, lin) = consenting_platform().await;
    let (mia, guest) = (sim.add_person("Mia"), sim.add_person("Guest"));
    let spec = ChatSpec::named("Ops").owner(&lin).member(&mia);
    let chat = sim.add_chat(spec.pin_manage_setting(Some(WhoMay::OnlyOwner)));
    let bot = client(&sim);
    assert_eq!(pin(&bot, &chat).await.unwrap_err().code(), Some(232_014));
    for (person, expected) in [(&lin, None), (&mia, Some(232_014)), (&guest, Some(232_011))] {
        let keeper = Keeper::default();
        keeper.add(&tokens_of(&sim, &bot, person).await);
        let result = pin(&keeper.client(&sim, person), &chat).await;
        assert_eq!(result.err().and_then(|error| error.code()), expected);
        assert_eq!(keeper.refusals(), []);
    }
    sim.finish();
}

#[tokio::test]
async fn an_expired_user_token_is_replaced_once() {
    let (sim, lin) = consenting_platform().await;
    let chat = sim.add_chat(ChatSpec::named("Ops").owner(&lin));
    let keeper = Keeper::default();
    let bot = client(&sim);
    keeper.add(&tokens_of(&sim, &bot, &lin).await);
    sim.expire_user_tokens();
    keeper.add(&tokens_of(&sim, &bot, &lin).await);
    let member = keeper.client(&sim, &lin);
    pin(&member, &chat).await.unwrap();
    assert_eq!(keeper.refusals(), [TokenRefusal::Expired]);
    assert_eq!(sim.calls_to(Endpoint::PutTopNotice).len(), 2);
    pin(&member, &chat).await.unwrap();
    assert_eq!(keeper.refusals(), []);
    sim.finish();
}

#[tokio::test]
async fn a_second_refusal_asks_for_consent() {
    let (sim, lin) = consenting_platform().await;
    let chat = sim.add_chat(ChatSpec::named("Ops").owner(&lin));
    let keeper = Keeper::default();
    let bot = client(&sim);
    for _ in 0..2 {
        keeper.add(&tokens_of(&sim, &bot, &lin).await);
    }
    sim.forget_grant(&lin);
    let error = pin(&keeper.client(&sim, &lin), &chat).await.unwrap_err();
    assert!(matches!(&error, Error::NoGrant { member } if member.as_str() == lin.open_id));
    assert!(error.needs_consent() && !error.is_retryable() && !error.is_app_refused());
    assert!(!error.may_have_taken_effect());
    assert_eq!(
        keeper.refusals(),
        [TokenRefusal::Invalid, TokenRefusal::Repeated]
    );
    assert_eq!(sim.calls_to(Endpoint::PutTopNotice).len(), 2);
    sim.finish();
}

#[tokio::test]
async fn a_scope_that_was_not_granted_is_named() {
    let (sim, lin) = consenting_platform().await;
    let chat = sim.add_chat(ChatSpec::named("Ops").owner(&lin));
    let keeper = Keeper::default();
    let withheld = vec!["im:chat".to_owned()];
    sim.change_behaviour(|behaviour| behaviour.consent.withheld_scopes = withheld);
    let tokens = tokens_of(&sim, &client(&sim), &lin).await;
    assert_eq!(tokens.scopes, ["offline_access"]);
    keeper.add(&tokens);
    let member = keeper.client(&sim, &lin);
    for status in [400, 403] {
        sim.change_behaviour(|behaviour| behaviour.consent.scope_missing_status = status);
        let error = pin(&member, &chat).await.unwrap_err();
        assert_eq!(error.class(), Some(Class::UserScopeMissing));
        assert!(error.needs_consent() && !error.is_scope_missing());
        let scopes = ["im:chat", "im:chat.top_notice:write_only"].map(str::to_owned);
        let missing = TokenRefusal::ScopesMissing(scopes.into());
        assert_eq!(keeper.refusals(), [missing]);
    }
    assert_eq!(sim.calls_to(Endpoint::PutTopNotice).len(), 2);

    sim.change_app(|app| app.user_scopes.clear());
    let error = pin(&member, &chat).await.unwrap_err();
    assert!(error.is_scope_missing() && !error.needs_consent());
    sim.finish();
}

#[tokio::test]
async fn without_a_token_no_call_is_made() {
    let (sim, lin) = consenting_platform().await;
    let chat = sim.add_chat(ChatSpec::named("Ops").owner(&lin));
    let error = pin(&as_member(&client(&sim), &lin), &chat)
        .await
        .unwrap_err();
    assert!(error.needs_consent());
    let retry_after = Some(Duration::from_secs(7));
    let source = MemberTokens {
        fetch: Arc::new(move |_, _| {
            Box::pin(async move { Err(MemberTokenError::Unavailable { retry_after }) })
        }),
        ..Keeper::default().source()
    };
    let config = ClientConfig {
        member_tokens: Some(source),
        ..config(&sim)
    };
    let member = as_member(&Client::new(config).unwrap(), &lin);
    let error = pin(&member, &chat).await.unwrap_err();
    assert!(error.is_retryable() && !error.may_have_taken_effect());
    assert_eq!(error.retry_after(), retry_after);
    assert_eq!(sim.calls_to(Endpoint::PutTopNotice).len(), 0);
    sim.finish();
}

#[tokio::test]
async fn bot_calls_keep_the_user_token() {
    let (sim, lin) = consenting_platform().await;
    let keeper = Keeper::default();
    keeper.add(&tokens_of(&sim, &client(&sim), &lin).await);
    let error = keeper.client(&sim, &lin).bot_info().await.unwrap_err();
    let Error::Api(refusal) = &error else {
        panic!("{error:?}")
    };
    assert!(refusal.is_token_kind_unsupported());
    assert!(!error.needs_consent() && !error.is_app_refused());
    assert_eq!(keeper.refusals(), []);
    assert_eq!(sim.calls_to(Endpoint::BotInfo).len(), 1);
    sim.finish();
}
