//! How members consent, by redirect and by device flow, and who tries to abuse that.

use std::time::Duration;

use feishu_sim::{AnnouncementKind, Decision, Endpoint, Fault, Foreign};
use reqwest::Url;

use crate::harness::log;
use crate::members::{Asked, Browser, PUBLIC, bench, device_bench, use_other_ids, with};

#[tokio::test]
async fn nobody_consents_for_another_member() {
    let bench = bench().await;
    let Asked { command, link, .. } = bench.asked(AnnouncementKind::Docx).await;
    let page = bench.visit(&link, &bench.owner, Decision::Consent).await;
    assert_eq!(page.status, 403);
    assert_eq!(bench.grants().await, 0);
    let revoked = bench.sim.granted_scopes(&bench.owner);
    assert!(revoked.is_empty(), "{revoked:?}");
    bench.consent().await;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn a_callback_needs_its_own_browser_and_state() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    bench.say(&group, "/announce hello");
    let link = bench.link(&bench.member).await;
    let mut victim = Browser::new();
    let (_, page, _) = victim.open(&bench, &link).await;
    let callback = bench
        .sim
        .decide(&page, &bench.member, Decision::Consent)
        .unwrap();
    let exchanges = || bench.sim.calls_to(Endpoint::UserToken).len();
    // Without a cookie, with that of another visit, and with a code under another state.
    let mut other = Browser::new();
    assert_eq!(other.open(&bench, &callback).await.0, 400);
    other.open(&bench, &link).await;
    assert_eq!(other.open(&bench, &callback).await.0, 400);
    let mut injected = Url::parse(&callback).unwrap();
    injected.set_query(Some("code=stolen&state=guessed"));
    assert_eq!(victim.open(&bench, injected.as_str()).await.0, 400);
    for odd in [
        "",
        "?code=a",
        "?state=a",
        "?state=a&state=b",
        "?error=access_denied",
        "?%ff",
    ] {
        let url = format!("{PUBLIC}/oauth/callback{odd}");
        assert_eq!(victim.open(&bench, &url).await.0, 400, "{odd}");
    }
    assert_eq!(exchanges(), 0);
    assert_eq!(victim.open(&bench, &callback).await.0, 200);
    assert_eq!(victim.open(&bench, &callback).await.0, 400, "it is used");
    assert_eq!(exchanges(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn odd_links_are_refused_alike() {
    let bench = bench().await;
    for odd in [
        "",
        "?ticket=",
        "?ticket=guessed",
        "?ticket=a&ticket=b",
        "?ticket=%00",
    ] {
        let url = format!("{PUBLIC}/oauth/start{odd}");
        let (status, target, _) = Browser::new().open(&bench, &url).await;
        assert_eq!((status, target.as_str()), (400, ""), "{odd}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn consent_works_without_a_public_url() {
    let bench = device_bench().await;
    let Asked { command, link, .. } = bench.asked(AnnouncementKind::Doc).await;
    assert_eq!(bench.ask("/oauth/callback?code=a&state=b").await.0, 404);
    bench.decide_device(&link, &bench.member, Decision::Consent);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(bench.grants().await, 1);
    bench.finish().await;
}

#[tokio::test]
async fn a_device_flow_belongs_to_its_member() {
    let bench = device_bench().await;
    let group = bench.group(AnnouncementKind::Doc);
    for (count, (person, decision)) in [
        (&bench.owner, Decision::Consent),
        (&bench.member, Decision::Refuse),
    ]
    .into_iter()
    .enumerate()
    {
        let command = bench.say(&group, "/announce hello").id;
        let link = bench.link_after(count).await;
        bench.decide_device(&link, person, decision);
        bench.reaction_or_answer(&command).await;
        assert_eq!(bench.grants().await, 0);
    }
    bench.finish().await;
}

#[tokio::test]
async fn a_visitor_keeps_their_own_grant() {
    let bench = bench().await;
    bench.granted().await;
    let group = bench.group(AnnouncementKind::Docx);
    bench.say_as(&bench.owner, &group, "/announce hello");
    let forwarded = bench.link(&bench.owner).await;
    let page = bench
        .visit(&forwarded, &bench.member, Decision::Consent)
        .await;
    assert_eq!(page.status, 403);
    bench.advance(Duration::from_mins(121));
    let links = bench.links();
    let command = bench.say(&group, "/announce mine").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(bench.links(), links);
    bench.cut_off().await;
}

#[tokio::test]
async fn tokens_of_unknown_owners_are_revoked() {
    let bench = bench().await;
    let Asked { command, link, .. } = bench.asked(AnnouncementKind::Docx).await;
    for _ in 0..2 {
        bench.sim.fault(Endpoint::UserInfo, Fault::ServerError);
    }
    let page = bench.visit(&link, &bench.member, Decision::Consent).await;
    assert_eq!(page.status, 502);
    assert_eq!(bench.grants().await, 0);
    assert!(bench.sim.granted_scopes(&bench.member).is_empty());
    // The link is still valid, and one failure is no obstacle.
    bench.sim.fault(Endpoint::UserInfo, Fault::NotJson);
    bench.consent().await;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn consent_survives_a_short_outage_of_storage() {
    let file = format!("timeout = '1s'\n[server]\npublic_url = '{PUBLIC}'");
    let bench = with(|builder| builder, &file).await;
    let Asked { command, link, .. } = bench.asked(AnnouncementKind::Docx).await;
    bench.settled().await;
    let mut browser = Browser::new();
    let (_, page, _) = browser.open(&bench, &link).await;
    let callback = bench
        .sim
        .decide(&page, &bench.member, Decision::Consent)
        .unwrap();
    // The store fails while the first request for the identity hangs.
    bench.sim.fault(Endpoint::UserInfo, Fault::Hang);
    let asked = |count| {
        bench.sim.wait_for("the identity", move |state| {
            let asked = state.calls_to(Endpoint::UserInfo).count();
            (asked == count).then_some(())
        })
    };
    let outage = async {
        asked(1).await;
        let broken = bench.break_store().await;
        asked(2).await;
        drop(broken);
    };
    let ((status, _, _), ()) = tokio::join!(browser.open(&bench, &callback), outage);
    assert_eq!(status, 200);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn other_errors_of_the_page_end_nothing() {
    let bench = bench().await;
    let Asked { command, link, .. } = bench.asked(AnnouncementKind::Docx).await;
    let mut browser = Browser::new();
    let (_, page, _) = browser.open(&bench, &link).await;
    let page = Url::parse(&page).unwrap();
    let state = page.query_pairs().find(|(name, _)| name == "state");
    let state = state.unwrap().1;
    let failed = format!("{PUBLIC}/oauth/callback?error=server_error&state={state}");
    assert_eq!(browser.open(&bench, &failed).await.0, 502);
    bench.consent().await;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn a_failed_exchange_leaves_the_link_valid() {
    let bench = bench().await;
    let Asked { command, link, .. } = bench.asked(AnnouncementKind::Docx).await;
    for fault in [
        Fault::LoseAnswer,
        Fault::NotJson,
        Fault::Foreign(Foreign::json(200, "{}")),
        Fault::Foreign(Foreign::json(200, r#"{"code":0,"access_token":7}"#)),
        Fault::Foreign(Foreign::json(200, r#"{"code":0,"access_token":""}"#)),
        Fault::Foreign(Foreign::json(400, r#"{"code":20074,"error":[]}"#)),
    ] {
        bench.sim.fault(Endpoint::UserToken, fault.clone());
        let page = bench.visit(&link, &bench.member, Decision::Consent).await;
        assert_eq!(page.status, 502, "{fault:?}");
    }
    bench.consent().await;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn previews_of_a_link_change_nothing() {
    let bench = bench().await;
    let Asked { command, link, .. } = bench.asked(AnnouncementKind::Docx).await;
    let mut browser = Browser::new();
    let (_, page, _) = browser.open(&bench, &link).await;
    for _ in 0..3 {
        assert_eq!(Browser::new().open(&bench, &link).await.0, 303);
    }
    let callback = bench
        .sim
        .decide(&page, &bench.member, Decision::Consent)
        .unwrap();
    assert_eq!(browser.open(&bench, &callback).await.0, 200);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn a_redirect_leads_to_the_configured_address() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    bench.say(&group, "/announce hello");
    let link = bench.link(&bench.member).await;
    let foreign = format!("{link}&redirect_uri=https://evil.example.com&state=a");
    let local = foreign.replace(PUBLIC, bench.public());
    let mut request = Browser::new().client.get(local);
    for header in ["host", "x-forwarded-host", "forwarded", "origin"] {
        request = request.header(header, "evil.example.com");
    }
    let answer = request.send().await.unwrap();
    let target = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
    assert!(target.as_str().starts_with(&bench.sim.base_url()));
    let redirects: Vec<_> = target
        .query_pairs()
        .filter(|(name, _)| name == "redirect_uri")
        .map(|(_, value)| value.into_owned())
        .collect();
    assert_eq!(redirects, [format!("{PUBLIC}/oauth/callback")]);
    bench.cut_off().await;
}

#[tokio::test]
async fn a_visit_survives_a_restart() {
    let mut bench = bench().await;
    let Asked { command, link, .. } = bench.asked(AnnouncementKind::Docx).await;
    bench.settled().await;
    let mut browser = Browser::new();
    let (_, page, _) = browser.open(&bench, &link).await;
    let callback = bench
        .sim
        .decide(&page, &bench.member, Decision::Consent)
        .unwrap();
    bench.kill().await;
    assert_eq!(browser.open(&bench, &callback).await.0, 200);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn a_slower_device_flow_is_polled_more_rarely() {
    let bench = device_bench().await;
    let Asked { command, link, .. } = bench.asked(AnnouncementKind::Doc).await;
    bench
        .sim
        .change_behaviour(|rules| rules.consent.poll_interval = Duration::from_secs(12));
    bench.sim.clear_calls();
    bench
        .wait_in_steps_of(Duration::from_secs(1), "several polls", |state| {
            (state.calls_to(Endpoint::UserToken).count() == 6).then_some(())
        })
        .await;
    let calls = bench.sim.calls_to(Endpoint::UserToken);
    let times: Vec<_> = calls.iter().map(|call| call.at_ms).collect();
    // The clock runs on while a poll is on its way, so a single interval may seem shorter.
    let last_three = times[5] - times[2];
    assert!(last_three >= 30_000, "{times:?}");
    bench.decide_device(&link, &bench.member, Decision::Consent);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn a_lost_device_answer_is_no_refusal() {
    let bench = device_bench().await;
    let Asked {
        group,
        command,
        link,
    } = bench.asked(AnnouncementKind::Doc).await;
    bench.sim.fault(Endpoint::UserToken, Fault::LoseAnswer);
    bench.decide_device(&link, &bench.member, Decision::Consent);
    let answer = bench.answer(&command).await;
    assert!(answer.contains("in time"), "{answer}");
    assert_eq!(bench.grants().await, 0);
    let again = bench.say(&group, "/announce hello").id;
    let link = bench.link_after(1).await;
    bench.decide_device(&link, &bench.member, Decision::Consent);
    assert_eq!(bench.reaction(&again).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn odd_starts_of_a_device_flow_are_repeated() {
    let bench = device_bench().await;
    let group = bench.group(AnnouncementKind::Doc);
    let odd = r#"{"device_code":1,"verification_uri":null}"#;
    for fault in [
        Fault::NotJson,
        Fault::ServerError,
        Fault::Foreign(Foreign::json(200, odd)),
    ] {
        bench.sim.fault(Endpoint::DeviceAuthorization, fault);
    }
    let command = bench.say(&group, "/announce hello").id;
    let link = bench.link(&bench.member).await;
    bench.decide_device(&link, &bench.member, Decision::Consent);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn a_trimmed_consent_names_the_missing_scope() {
    let bench = bench().await;
    let scope = "im:chat.announcement:write_only";
    bench
        .sim
        .change_behaviour(|rules| rules.consent.withheld_scopes = vec![scope.to_owned()]);
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    bench.consent().await;
    let answer = bench.answer(&command).await;
    assert!(answer.contains(scope), "{answer}");
    assert_eq!(bench.links(), 1);
    assert_eq!(bench.grants().await, 0, "the next command asks again");
    bench.finish().await;
}

#[tokio::test]
async fn a_link_that_no_group_shows_is_sent_directly() {
    let bench = bench().await;
    let topic = bench.sim.add_chat(bench.spec().topic());
    let command = bench.say(&topic, "/announce hello").id;
    bench.link(&bench.member).await;
    assert!(bench.sim.private_cards(&bench.member).is_empty());
    bench.consent().await;
    bench.reaction_or_answer(&command).await;
    bench.finish().await;
}

#[tokio::test]
async fn a_link_is_replied_as_last_resort() {
    let bench = bench().await;
    let topic = bench.sim.add_chat(bench.spec().topic());
    let refused = Fault::Answer {
        status: 400,
        code: 230_013,
        msg: "Bot has NO availability to this user.".to_owned(),
    };
    bench.sim.fault(Endpoint::CreateMessage, refused);
    let command = bench.say(&topic, "/announce hello").id;
    let answer = bench.answer(&command).await;
    let link = answer
        .split_whitespace()
        .find(|word| word.contains("ticket="));
    let link = link.unwrap_or_else(|| panic!("{answer}"));
    let page = bench.visit(link, &bench.owner, Decision::Consent).await;
    assert_eq!(page.status, 403);
    let page = bench.visit(link, &bench.member, Decision::Consent).await;
    assert_eq!(page.status, 200);
    bench.finish().await;
}

#[tokio::test]
async fn direct_chats_take_login_and_logout() {
    let bench = bench().await;
    let direct = bench.sim.direct_chat(&bench.member);
    let login = bench.say(&direct, "login").id;
    bench.reaction_or_answer(&login).await;
    bench.consent().await;
    assert_eq!(bench.grants().await, 1);
    let logout = bench.say(&direct, "/logout").id;
    bench.reaction_or_answer(&logout).await;
    assert_eq!(bench.count("grants").await, 0);
    bench.finish().await;
}

#[tokio::test]
async fn a_withdrawn_request_refuses_the_command() {
    let bench = bench().await;
    let Asked {
        group,
        command,
        link,
    } = bench.asked(AnnouncementKind::Docx).await;
    let logout = bench.say(&group, "/logout").id;
    bench.answer(&logout).await;
    bench.answer(&command).await;
    assert_eq!(Browser::new().open(&bench, &link).await.0, 400);
    assert_eq!(bench.announced(&group, "hello"), 0);
    bench.finish().await;
}

#[tokio::test]
async fn links_and_visits_appear_in_no_log() {
    let bench = bench().await;
    use_other_ids(&bench);
    let group = bench.group(AnnouncementKind::Docx);
    bench.say(&group, "/announce hello");
    let link = bench.link(&bench.member).await;
    let mut browser = Browser::new();
    let (_, page, _) = browser.open(&bench, &link).await;
    let callback = bench
        .sim
        .decide(&page, &bench.member, Decision::Consent)
        .unwrap();
    assert_eq!(browser.open(&bench, &callback).await.0, 200);
    let value = |url: &str, name: &str| {
        let url = Url::parse(url).unwrap();
        let pair = url.query_pairs().find(|(key, _)| key == name);
        pair.unwrap().1.into_owned()
    };
    let cookie = browser.cookie.unwrap();
    let (_, cookie) = cookie.split_once('=').unwrap();
    let secrets = [
        value(&link, "ticket"),
        value(&page, "state"),
        value(&callback, "code"),
        cookie.to_owned(),
    ];
    let log = log();
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn forged_tickets_cost_no_query() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    bench.say(&group, "/announce hello");
    let link = bench.link(&bench.member).await;
    bench.settled().await;
    let broken = bench.break_store().await;
    let (known, secret) = link.split_once("ticket=").unwrap();
    let (one, rest) = secret.split_at(1);
    let other = if one == "A" { "B" } else { "A" };
    let forged = format!("{known}ticket={other}{rest}");
    let guessed = format!("{PUBLIC}/oauth/start?ticket=guessed");
    for url in [forged, guessed] {
        assert_eq!(Browser::new().open(&bench, &url).await.0, 400);
    }
    drop(broken);
    bench.cut_off().await;
}

#[tokio::test]
async fn a_closed_page_does_not_lose_consent() {
    let file = format!("timeout = '1s'\n[server]\npublic_url = '{PUBLIC}'");
    let bench = with(|builder| builder, &file).await;
    let Asked { command, link, .. } = bench.asked(AnnouncementKind::Docx).await;
    let mut browser = Browser::new();
    let (_, page, _) = browser.open(&bench, &link).await;
    let callback = bench
        .sim
        .decide(&page, &bench.member, Decision::Consent)
        .unwrap();
    bench.sim.fault(Endpoint::UserInfo, Fault::Hang);
    let asked = bench.sim.wait_for("the identity", |state| {
        let asked = state.calls_to(Endpoint::UserInfo).count() > 0;
        asked.then_some(())
    });
    tokio::select! {
        _ = browser.open(&bench, &callback) => panic!("the platform does not answer"),
        () = asked => {}
    }
    drop(browser);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}
