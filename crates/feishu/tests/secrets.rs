//! No secret is printed or logged. A process of its own, because a subscriber that counts for one
//! thread only does not see every event while other tests run.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use feishu::{
    AppId, AppKind, AuthorizationRequest, Client, ClientConfig, Clock, CodeExchange, CodeVerifier,
    Credentials, ExtraRoots, LinkOptions, MemberTokens, OpenId, Registration, RegistrationConfig,
    TenantKey, TokenTypeHint, TopNotice,
};
use feishu_sim::{ChatSpec, Decision, Endpoint, Fault, Simulator};
use secrecy::{ExposeSecret as _, SecretString};

const REDIRECT: &str = "https://bot.example.com/oauth";
const SCOPES: &[&str] = &["im:chat", "offline_access"];

/// Collects a log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn client(sim: &Simulator, member_tokens: Option<MemberTokens>) -> Client {
    let app = sim.app();
    let config = ClientConfig {
        base_url: sim.base_url(),
        accounts_url: sim.base_url(),
        app_id: AppId::new(app.app_id),
        app_secret: app.app_secret.into(),
        app_kind: AppKind::Custom,
        clock: Clock::system(),
        timeout: Duration::from_secs(10),
        extra_roots: ExtraRoots::default(),
        limits_factor: 1000,
        on_call: None,
        shared_limits: None,
        member_tokens,
    };
    Client::new(config).unwrap()
}

fn tokens(access_token: SecretString) -> MemberTokens {
    MemberTokens {
        fetch: Arc::new(move |_, _| {
            let token = access_token.clone();
            Box::pin(async move { Ok(token) })
        }),
        on_refusal: Arc::new(|_| Box::pin(async {})),
    }
}

/// What is printed of a new app, and its secrets.
async fn create_app(sim: &Simulator) -> (String, [SecretString; 2]) {
    let registration = Registration::begin(RegistrationConfig {
        accounts_url: sim.base_url(),
        lark_accounts_url: sim.base_url(),
        clock: Clock::system(),
        timeout: Duration::from_secs(10),
        extra_roots: ExtraRoots::default(),
    });
    let mut registration = registration.await.unwrap();
    let options = LinkOptions {
        source: "test",
        ..LinkOptions::default()
    };
    let person = sim.add_person("Mia");
    let bot = sim.scan(registration.link(&options).as_str(), &person);
    let poll = registration.poll().await.unwrap();
    let code = sim.registration_codes().swap_remove(0);
    let secrets = [bot.unwrap().app().app_secret, code];
    let shown = format!("{registration:?} {poll:?}");
    (shown, secrets.map(SecretString::from))
}

#[tokio::test]
async fn no_secret_is_printed_or_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let sim = Simulator::builder().start().await.unwrap();
    sim.change_app(|app| app.redirect_uris.push(REDIRECT.to_owned()));
    let lin = sim.add_person("Lin");
    let chat = sim.add_chat(ChatSpec::named("Ops").owner(&lin));
    let bot = client(&sim, None);
    let verifier = CodeVerifier::random().unwrap();
    let link = bot.authorize_url(&AuthorizationRequest {
        redirect_uri: REDIRECT,
        scopes: SCOPES,
        state: "s1",
        verifier: &verifier,
    });
    let target = sim.decide(&link, &lin, Decision::Consent).unwrap();
    let target = reqwest::Url::parse(&target).unwrap();
    let code = target.query_pairs().find(|(name, _)| name == "code");
    let code = SecretString::from(code.unwrap().1.into_owned());
    let exchange = CodeExchange {
        code: &code,
        redirect_uri: REDIRECT,
        verifier: &verifier,
    };
    let granted = bot.exchange_code(&exchange).await.unwrap();
    let refresh = &granted.refresh_token.as_ref().unwrap().value;
    let member = Credentials::Member(TenantKey::OWN, OpenId::new(lin.open_id));
    let member = client(&sim, Some(tokens(granted.access_token.clone()))).with_credentials(member);
    let id = chat.as_str().into();
    let put = member.put_top_notice(&id, TopNotice::Announcement);
    put.await.unwrap();
    let flow = bot.start_device_flow(SCOPES).await.unwrap();
    bot.poll_device_flow(&flow.device_code).await.unwrap();
    let mut shown = vec![format!("{exchange:?} {granted:?} {flow:?}")];
    for fault in [Fault::LoseAnswer, Fault::NotJson, Fault::code(20_064)] {
        sim.fault(Endpoint::UserToken, fault);
        let error = bot.refresh_user_token(refresh).await.unwrap_err();
        shown.push(format!("{error} {error:?}"));
    }
    let revoke = bot.revoke_user_token(refresh, TokenTypeHint::RefreshToken);
    revoke.await.unwrap();
    let (new_app, hidden) = create_app(&sim).await;
    shown.push(new_app);
    sim.finish();

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("called the platform") && log.contains("TRACE"));
    shown.push(log);
    let app_secret = SecretString::from(sim.app().app_secret);
    let secrets = [
        &code,
        verifier.secret(),
        &granted.access_token,
        refresh,
        &flow.device_code,
        &app_secret,
    ];
    let secrets = secrets.into_iter().chain(&hidden);
    for secret in secrets.map(SecretString::expose_secret) {
        let place = shown.iter().find(|text| text.contains(secret));
        assert_eq!(place, None, "{secret}");
    }
}
