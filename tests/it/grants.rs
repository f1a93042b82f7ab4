//! Tokens of members: renewal, revocation and keys.

use std::time::Duration;

use feishu_sim::{AnnouncementKind, Decision, Endpoint, Fault};

use crate::console::Visitor;
use crate::harness::log;
use crate::members::{Asked, Browser, KEY, PUBLIC, bench, use_other_ids};

pub(crate) const OTHER_KEY: &str = "HxwdHhsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";

#[tokio::test]
async fn an_expired_token_is_renewed_once() {
    let bench = bench().await;
    bench.granted().await;
    bench.sim.clear_calls();
    bench.advance(Duration::from_mins(118));
    bench.announces_in_groups::<4>().await;
    assert_eq!(bench.sim.calls_to(Endpoint::UserToken).len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn a_refused_token_is_renewed_and_the_call_repeated() {
    let bench = bench().await;
    bench.granted().await;
    bench.sim.expire_user_tokens();
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(bench.announced(&group, "hello"), 1);
    bench.finish().await;
}

#[tokio::test]
async fn a_lost_renewal_asks_for_consent_again() {
    let bench = bench().await;
    bench.granted().await;
    bench.advance(Duration::from_mins(121));
    bench.sim.fault(Endpoint::UserToken, Fault::LoseAnswer);
    let group = bench.group(AnnouncementKind::Docx);
    let before = bench.sim.links_for(&bench.member).len();
    let command = bench.say(&group, "/announce hello").id;
    bench.link_after(before).await;
    assert_eq!(bench.grants().await, 0);
    bench.consent().await;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn an_admin_revokes_a_grant_in_the_console() {
    let bench = bench().await;
    bench.granted().await;
    let visitor = Visitor::of(&bench);
    let person = bench.member.open_id.as_str();
    let page = visitor.text("/tenants").await;
    assert!(page.contains(person), "{page}");
    let csrf = visitor.csrf("/tenants").await;
    let form = [("csrf", &*csrf), ("tenant", ""), ("person", person)];
    let answer = visitor.post("/tenants/revoke", &form).await;
    assert_eq!(answer.status(), 303);
    assert_eq!(bench.grants().await, 0);
    assert_eq!(bench.sim.calls_to(Endpoint::RevokeUserToken).len(), 1);
    let page = visitor.text("/tenants").await;
    assert!(!page.contains(person), "{page}");
    let again = visitor.post("/tenants/revoke", &form).await;
    assert_eq!(again.status(), 404);
    let audit = visitor.text("/audit.json").await;
    assert!(audit.contains("\"deed\":\"admin_revoke\""), "{audit}");
    // The next command asks for consent again.
    let group = bench.group(AnnouncementKind::Docx);
    let before = bench.sim.links_for(&bench.member).len();
    bench.say(&group, "/announce hello");
    bench.link_after(before).await;
    bench.finish().await;
}

#[tokio::test]
async fn a_revoked_grant_is_forgotten() {
    let bench = bench().await;
    bench.granted().await;
    let answer = bench
        .sim
        .revoke_grant(&bench.member)
        .unwrap()
        .answer()
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(bench.count("grants").await, 0);
    bench.finish().await;
}

#[tokio::test]
async fn a_grant_revoked_without_an_event_is_noticed() {
    let bench = bench().await;
    bench.granted().await;
    bench.sim.forget_grant(&bench.member);
    let group = bench.group(AnnouncementKind::Docx);
    let before = bench.sim.links_for(&bench.member).len();
    let command = bench.say(&group, "/announce hello").id;
    bench.link_after(before).await;
    bench.consent().await;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn logout_revokes_and_deletes_the_grant() {
    let bench = bench().await;
    bench.granted().await;
    let group = bench.group(AnnouncementKind::Docx);
    let again = bench.say(&group, "/login").id;
    let answer = bench.answer(&again).await;
    assert!(answer.contains("/logout"), "{answer}");
    let logout = bench.say(&group, "/logout").id;
    bench.reaction_or_answer(&logout).await;
    assert_eq!(bench.count("grants").await, 0);
    assert!(bench.sim.granted_scopes(&bench.member).is_empty());
    let none = bench.say(&group, "/logout").id;
    bench.answer(&none).await;
    bench.finish().await;
}

#[tokio::test]
async fn grants_survive_a_new_token_key() {
    let mut bench = bench().await;
    bench.granted().await;
    let file = |keys: &str| {
        format!("[feishu]\nact_as = 'member'\n{keys}\n[server]\npublic_url = '{PUBLIC}'")
    };
    let both = format!("token_key = '{OTHER_KEY}'\nprevious_token_key = '{KEY}'");
    bench.reconfigure(&file(&both)).await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce one").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench
        .reconfigure(&file(&format!("token_key = '{OTHER_KEY}'")))
        .await;
    let command = bench.say(&group, "/announce two").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    // A lost key ends the grants.
    bench
        .reconfigure(&file(&format!("token_key = '{KEY}'")))
        .await;
    let before = bench.sim.links_for(&bench.member).len();
    bench.say(&group, "/announce three");
    bench.link_after(before).await;
    bench.cut_off().await;
}

#[tokio::test]
async fn no_token_of_a_member_is_readable() {
    let bench = bench().await;
    use_other_ids(&bench);
    bench.granted().await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    bench.reaction(&command).await;
    bench.advance(Duration::from_mins(118));
    let command = bench.say(&group, "/pin announcement").id;
    bench.reaction(&command).await;
    let secrets = bench.sim.user_secrets();
    assert!(secrets.len() >= 4, "{secrets:?}");
    let mut stored = log().into_bytes();
    for file in std::fs::read_dir(bench.folder.path()).unwrap() {
        stored.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let config = bench.config().to_toml().unwrap();
    stored.extend(config.into_bytes());
    for secret in secrets {
        let mut parts = stored.windows(secret.len());
        let found = parts.any(|bytes| bytes == secret.as_bytes());
        assert!(!found, "{secret}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn a_kept_refresh_token_renews_again() {
    let bench = bench().await;
    bench
        .sim
        .change_behaviour(|rules| rules.consent.refresh_token_is_kept = true);
    bench.granted().await;
    let links = bench.links();
    let group = bench.group(AnnouncementKind::Docx);
    for _ in 0..3 {
        bench.advance(Duration::from_mins(121));
        let command = bench.say(&group, "/announce hello").id;
        assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    }
    assert_eq!(bench.links(), links);
    bench.finish().await;
}

#[tokio::test]
async fn an_app_without_refresh_asks_again() {
    let bench = bench().await;
    bench.granted().await;
    let group = bench.group(AnnouncementKind::Docx);
    // 20074 for the token that was issued before, and none afterwards.
    bench.sim.change_app(|app| app.may_refresh = false);
    for _ in 0..2 {
        bench.advance(Duration::from_mins(121));
        let links = bench.links();
        let command = bench.say(&group, "/announce hello").id;
        bench.link_after(links).await;
        bench.consent().await;
        assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    }
    bench.finish().await;
}

#[tokio::test]
async fn passing_errors_of_a_renewal_keep_the_grant() {
    let bench = bench().await;
    bench.granted().await;
    let links = bench.links();
    let group = bench.group(AnnouncementKind::Docx);
    for code in [20_050, 20_072, 20_066] {
        bench.advance(Duration::from_mins(121));
        let refused = Fault::Answer {
            status: 400,
            code,
            msg: "An unexpected server error occurred.".to_owned(),
        };
        bench.sim.fault(Endpoint::UserToken, refused);
        let command = bench.say(&group, "/announce hello").id;
        assert_eq!(bench.reaction(&command).await, "Loudspeaker", "{code}");
    }
    assert_eq!(bench.links(), links);
    bench.finish().await;
}

#[tokio::test]
async fn a_wrong_clock_costs_no_consent() {
    for seconds in [-10_000, 10_000] {
        let bench = bench().await;
        bench.granted().await;
        let links = bench.links();
        let group = bench.group(AnnouncementKind::Docx);
        bench.sim.clock().advance(Duration::from_hours(1));
        bench.set_bot_ahead(seconds);
        let command = bench.say(&group, "/announce hello").id;
        assert_eq!(bench.reaction(&command).await, "Loudspeaker", "{seconds}");
        assert_eq!(bench.links(), links);
        bench.finish().await;
    }
}

#[tokio::test]
async fn a_refused_new_token_asks_again() {
    let bench = bench().await;
    let Asked { command, link, .. } = bench.asked(AnnouncementKind::Docx).await;
    for _ in 0..2 {
        bench
            .sim
            .fault(Endpoint::GetDocxAnnouncement, invalid_token());
    }
    let page = bench.visit(&link, &bench.member, Decision::Consent).await;
    assert_eq!(page.status, 200);
    bench.link_after(1).await;
    bench.settled().await;
    bench.advance(Duration::from_mins(1));
    assert_eq!(bench.links(), 2);
    bench.consent().await;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

/// The platform accepts no token for a call.
pub(crate) fn invalid_token() -> Fault {
    Fault::Answer {
        status: 400,
        code: 99_991_668,
        msg: "Invalid access token for authorization.".to_owned(),
    }
}

#[tokio::test]
async fn a_grant_that_cannot_be_renewed_is_replaced() {
    let bench = bench().await;
    bench.granted().await;
    bench.advance(Duration::from_mins(121));
    let other_app = Fault::Answer {
        status: 400,
        code: 20_024,
        msg: "The refresh token does not match the provided client ID.".to_owned(),
    };
    bench.sim.fault(Endpoint::UserToken, other_app);
    let group = bench.group(AnnouncementKind::Docx);
    let links = bench.links();
    bench.say(&group, "/login");
    bench.link_after(links).await;
    bench.consent().await;
    let command = bench.say(&group, "/announce hello").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn a_grant_serves_only_its_member() {
    let bench = bench().await;
    bench.granted().await;
    let group = bench.group(AnnouncementKind::Docx);
    bench.sim.clear_calls();
    bench.say_as(&bench.owner, &group, "/announce hello");
    bench.link(&bench.owner).await;
    assert_eq!(bench.announced(&group, "hello"), 0);
    let calls = bench.sim.calls();
    let as_member = calls.iter().find(|call| call.operator.is_some());
    assert!(as_member.is_none(), "{as_member:?}");
    bench.cut_off().await;
}

#[tokio::test]
async fn a_lost_key_replaces_requests_and_visits() {
    let mut bench = bench().await;
    let Asked {
        group,
        command,
        link,
    } = bench.asked(AnnouncementKind::Docx).await;
    let mut browser = Browser::new();
    let (_, page, _) = browser.open(&bench, &link).await;
    let callback = bench
        .sim
        .decide(&page, &bench.member, Decision::Consent)
        .unwrap();
    bench.settled().await;
    let file = format!(
        "[feishu]\nact_as = 'member'\ntoken_key = '{OTHER_KEY}'\n[server]\npublic_url = '{PUBLIC}'"
    );
    bench.reconfigure(&file).await;
    assert_eq!(browser.open(&bench, &callback).await.0, 400);
    bench.say(&group, "/login");
    let next = bench.link_after(1).await;
    assert_ne!(next, link);
    bench.consent().await;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn a_late_revocation_spares_a_new_grant() {
    let bench = bench().await;
    bench.granted().await;
    let revoked = bench.sim.revoke_grant(&bench.member).unwrap();
    assert_eq!(revoked.answer().await.status, 200);
    assert_eq!(bench.count("grants").await, 0);
    bench.advance(Duration::from_mins(1));
    let group = bench.group(AnnouncementKind::Docx);
    let links = bench.links();
    bench.say(&group, "/login");
    bench.link_after(links).await;
    bench.consent().await;
    assert_eq!(revoked.again().answer().await.status, 200);
    assert_eq!(bench.grants().await, 1);
    bench.finish().await;
}

#[tokio::test]
async fn a_worthless_grant_is_asked_for_once() {
    let bench = bench().await;
    bench.granted().await;
    let links = bench.links();
    for _ in 0..2 {
        bench
            .sim
            .fault(Endpoint::GetDocxAnnouncement, invalid_token());
    }
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    bench.link_after(links).await;
    bench.settled().await;
    bench.advance(Duration::from_mins(1));
    assert_eq!(bench.grants().await, 0);
    assert_eq!(bench.links(), links + 1);
    bench.consent().await;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn idle_grants_are_renewed_daily() {
    let bench = bench().await;
    bench.granted().await;
    bench.sim.clear_calls();
    // Longer than a refresh token lives.
    bench
        .wait_in_steps_of(Duration::from_hours(1), "renewals", |state| {
            let calls = state.calls().iter();
            let renewals = calls.filter(|call| call.endpoint == Some(Endpoint::UserToken));
            (renewals.count() >= 9).then_some(())
        })
        .await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn a_found_key_makes_grants_usable_again() {
    let mut bench = bench().await;
    bench.granted().await;
    let links = bench.links();
    let file = |key: &str| {
        format!(
            "[feishu]\nact_as = 'member'\ntoken_key = '{key}'\n[server]\npublic_url = '{PUBLIC}'"
        )
    };
    bench.reconfigure(&file(OTHER_KEY)).await;
    for _ in 0..50 {
        bench.advance(Duration::from_hours(1));
        // The bot looks for idle grants each hour.
        bench.ask("/healthz").await;
    }
    bench.reconfigure(&file(KEY)).await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(bench.links(), links);
    bench.finish().await;
}
