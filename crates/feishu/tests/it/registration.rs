//! Apps that people create by scanning a QR code.

use std::time::Duration;

use feishu::{
    Addons, AppId, Brand, Clock, Error, ExtraRoots, LinkOptions, NewApp, Registration,
    RegistrationConfig, RegistrationPoll,
};
use feishu_sim::{AppSetup, Endpoint, Fault, Foreign, LarkReport, Person, Simulator};
use secrecy::ExposeSecret as _;

use crate::platform;

fn config(sim: &Simulator) -> RegistrationConfig {
    RegistrationConfig {
        accounts_url: sim.base_url(),
        lark_accounts_url: format!("{}/lark", sim.base_url()),
        clock: Clock::system(),
        timeout: Duration::from_secs(10),
        extra_roots: ExtraRoots::default(),
    }
}

async fn begin(sim: &Simulator) -> Registration {
    Registration::begin(config(sim)).await.unwrap()
}

fn addons() -> Addons {
    Addons {
        scopes: vec![
            "im:chat:readonly".to_owned(),
            "im:message.group_msg".to_owned(),
        ],
        user_scopes: vec!["offline_access".to_owned()],
        events: vec!["im.message.receive_v1".to_owned()],
        callbacks: vec!["card.action.trigger".to_owned()],
    }
}

fn link(registration: &Registration, app_id: Option<&AppId>) -> String {
    let options = LinkOptions {
        source: "noticebot",
        addons: addons(),
        app_id,
        at_lark: false,
    };
    registration.link(&options).into()
}

/// Time passes until the next poll.
async fn poll(sim: &Simulator, registration: &mut Registration) -> RegistrationPoll {
    sim.clock().advance(registration.interval());
    registration.poll().await.unwrap()
}

fn confirmed(poll: RegistrationPoll) -> NewApp {
    match poll {
        RegistrationPoll::Confirmed(app) => app,
        other => panic!("{other:?}"),
    }
}

async fn lin() -> (Simulator, Person) {
    let sim = platform().await;
    let lin = sim.add_person("Lin");
    (sim, lin)
}

#[tokio::test]
async fn a_scan_creates_an_app() {
    let (sim, lin) = lin().await;
    let mut registration = begin(&sim).await;
    assert_eq!(registration.expires_in(), Duration::from_mins(10));
    assert_eq!(registration.interval(), Duration::from_secs(5));
    let waiting = poll(&sim, &mut registration).await;
    assert!(matches!(waiting, RegistrationPoll::Pending), "{waiting:?}");

    let made = sim.scan(&link(&registration, None), &lin).unwrap().app();
    let app = confirmed(poll(&sim, &mut registration).await);
    assert_eq!(app.app_id.as_str(), made.app_id);
    assert_eq!(app.app_secret.expose_secret(), made.app_secret);
    assert_eq!(app.brand, Brand::Feishu);
    let (asked, published) = (addons(), made.published.unwrap());
    let setup = AppSetup {
        scopes: made.scopes,
        user_scopes: made.user_scopes,
        events: published.events,
        callbacks: published.callbacks,
    };
    let expected = AppSetup {
        scopes: asked.scopes.into_iter().collect(),
        user_scopes: asked.user_scopes.into_iter().collect(),
        events: asked.events.into_iter().collect(),
        callbacks: asked.callbacks.into_iter().collect(),
    };
    assert_eq!(setup, expected);
    let again = poll(&sim, &mut registration).await;
    assert!(matches!(again, RegistrationPoll::Expired), "{again:?}");
    sim.finish();
}

#[tokio::test]
async fn an_existing_app_gets_what_it_lacks() {
    let (sim, lin) = lin().await;
    sim.change_app(|app| app.scopes = ["im:chat:read".to_owned()].into());
    let before = sim.app();
    let mut registration = begin(&sim).await;
    let app_id = AppId::new(before.app_id);
    sim.scan(&link(&registration, Some(&app_id)), &lin).unwrap();
    let app = confirmed(poll(&sim, &mut registration).await);
    assert_eq!(app.app_id, app_id);
    assert_eq!(app.app_secret.expose_secret(), before.app_secret);
    let scopes: Vec<_> = sim.app().scopes.into_iter().collect();
    assert_eq!(
        scopes,
        ["im:chat:read", "im:chat:readonly", "im:message.group_msg"]
    );
    sim.finish();
}

#[tokio::test]
async fn a_new_app_cannot_be_an_existing_one() {
    let (sim, lin) = lin().await;
    let registration = begin(&sim).await;
    let refused = sim.scan_for(&link(&registration, None), &lin, &sim);
    assert_eq!(refused, Err("only a new app can be created".to_owned()));
}

#[tokio::test]
async fn each_end_of_a_flow_is_told_apart() {
    let (sim, _) = lin().await;
    for status in [400, 200] {
        sim.change_behaviour(|behaviour| behaviour.registration.pending_status = status);
        let mut refused = begin(&sim).await;
        sim.refuse_scan(&link(&refused, None)).unwrap();
        let end = poll(&sim, &mut refused).await;
        assert!(matches!(end, RegistrationPoll::Refused), "{end:?}");

        let mut expired = begin(&sim).await;
        let waiting = poll(&sim, &mut expired).await;
        assert!(matches!(waiting, RegistrationPoll::Pending), "{waiting:?}");
        sim.clock().advance(expired.expires_in());
        let end = poll(&sim, &mut expired).await;
        assert!(matches!(end, RegistrationPoll::Expired), "{end:?}");
    }
    sim.finish();
}

#[tokio::test]
async fn polls_become_rarer_when_asked() {
    let (sim, _) = lin().await;
    let mut registration = begin(&sim).await;
    registration.poll().await.unwrap();
    let pending = registration.poll().await.unwrap();
    assert!(matches!(pending, RegistrationPoll::Pending), "{pending:?}");
    assert_eq!(registration.interval(), Duration::from_secs(10));
    sim.finish();
}

#[tokio::test]
async fn the_app_of_a_lark_user_is_found() {
    for report in [LarkReport::Pending, LarkReport::AppId, LarkReport::Secret] {
        let (sim, lin) = lin().await;
        sim.change_behaviour(|behaviour| behaviour.registration.lark = Some(report));
        let mut registration = begin(&sim).await;
        let made = sim.scan(&link(&registration, None), &lin).unwrap().app();
        let app = confirmed(poll(&sim, &mut registration).await);
        assert_eq!(
            (app.app_id.as_str(), app.brand),
            (&*made.app_id, Brand::Lark)
        );
        assert_eq!(app.app_secret.expose_secret(), made.app_secret);
        // With the secret there is nothing left to ask for.
        let at_lark = sim.calls_to(Endpoint::LarkAppRegistration).len();
        assert_eq!(
            at_lark,
            usize::from(report != LarkReport::Secret),
            "{report:?}"
        );
        sim.finish();
    }
}

#[tokio::test]
async fn an_app_without_a_secret_is_named() {
    let (sim, lin) = lin().await;
    sim.change_behaviour(|behaviour| behaviour.registration.without_secret = true);
    let mut registration = begin(&sim).await;
    let made = sim.scan(&link(&registration, None), &lin).unwrap().app();
    let end = poll(&sim, &mut registration).await;
    let RegistrationPoll::WithoutSecret(app_id) = end else {
        panic!("{end:?}");
    };
    assert_eq!(app_id.as_str(), made.app_id);
    sim.finish();
}

#[tokio::test]
async fn both_names_of_the_life_are_read() {
    let (sim, _) = lin().await;
    for field in ["expire_in", "expires_in"] {
        sim.change_behaviour(|behaviour| {
            behaviour.registration.life_field = field;
            behaviour.registration.life = Duration::from_mins(3);
        });
        assert_eq!(begin(&sim).await.expires_in(), Duration::from_mins(3));
    }
}

#[tokio::test]
async fn broken_answers_may_be_asked_again() {
    let (sim, lin) = lin().await;
    let mut registration = begin(&sim).await;
    for fault in [
        Fault::ServerError,
        Fault::NotJson,
        Foreign::page(502).into(),
        Foreign::json(503, "{}").into(),
        Foreign::json(200, "[]").into(),
        Foreign::json(200, r#"{"client_id":"cli_1","client_secret":"a\nb"}"#).into(),
    ] {
        sim.fault(Endpoint::AppRegistration, fault.clone());
        sim.clock().advance(registration.interval());
        let error = registration.poll().await.unwrap_err();
        assert!(error.is_retryable(), "{fault:?}: {error}");
    }
    sim.scan(&link(&registration, None), &lin).unwrap();
    confirmed(poll(&sim, &mut registration).await);

    sim.fault(Endpoint::AppRegistration, Foreign::json(200, "{}").into());
    let error = Registration::begin(config(&sim)).await.unwrap_err();
    assert!(matches!(error, Error::InvalidResponse { .. }), "{error}");
    sim.fault(
        Endpoint::AppRegistration,
        Foreign::json(400, r#"{"error":"invalid_request"}"#).into(),
    );
    let error = Registration::begin(config(&sim)).await.unwrap_err();
    assert!(!error.is_retryable(), "{error}");
    sim.finish();
}

#[tokio::test]
async fn a_lark_link_opens_at_larks_host() {
    let (sim, _) = lin().await;
    let page = |host: &str| {
        let uri = format!("https://{host}/page/launcher?user_code=AB-CD");
        let body = format!(r#"{{"device_code":"d","verification_uri_complete":"{uri}"}}"#);
        Fault::from(Foreign::json(200, &body))
    };
    for (host, at_lark, expected) in [
        ("open.feishu.cn", false, "open.feishu.cn"),
        ("open.feishu.cn", true, "open.larksuite.com"),
        ("open.larksuite.com", false, "open.larksuite.com"),
        ("open.example.com", true, "open.example.com"),
    ] {
        sim.fault(Endpoint::AppRegistration, page(host));
        let registration = begin(&sim).await;
        let options = LinkOptions {
            at_lark,
            ..LinkOptions::default()
        };
        let link = registration.link(&options);
        assert_eq!(link.host_str(), Some(expected), "{host}");
        assert!(
            link.query()
                .unwrap()
                .starts_with("user_code=AB-CD&from=sdk&tp=sdk")
        );
    }
}
