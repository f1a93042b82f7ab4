//! Responses of proxies instead of the platform, and undocumented limits.

use std::time::Duration;

use feishu_sim::AnnouncementKind::{self, Doc, Docx};
use feishu_sim::{ChatId, Endpoint, Fault, Foreign};

use crate::harness::{Bench, log};

const UNSIGNED: &str = "[announce]\nsignature = false";
const BOTH: [AnnouncementKind; 2] = [Doc, Docx];

/// Responses of proxies, portals and firewalls.
fn foreign() -> Vec<Foreign> {
    let mut answers: Vec<Foreign> = [200, 302, 307, 401, 403, 404, 407, 451, 502, 504]
        .map(Foreign::page)
        .into();
    let bodies = [
        "",
        "{",
        r#"{"code":0,"msg":"ok","data":{"#,
        r#"{"code":"0","msg":"ok"}"#,
        r#"{"code":null}"#,
        "[]",
        r#"[{"code":0}]"#,
        "null",
        "0",
        r#""ok""#,
        r#"{"message":"Forbidden"}"#,
    ];
    answers.extend(bodies.map(|body| Foreign::json(200, body)));
    answers.extend([
        Foreign::json(403, r#"{"code":403,"msg":"blocked"}"#),
        Foreign::json(502, r#"{"code":0,"msg":"ok"}"#),
        Foreign::json(204, ""),
        Foreign {
            content_type: "text/html",
            ..Foreign::json(200, r#"{"code":0,"msg":"ok","data":{}}"#)
        },
        Foreign::page(302).with("location", "http://127.0.0.1:1/login"),
        Foreign::json(200, "{}").with("content-encoding", "gzip"),
    ]);
    answers
}

fn text(bench: &Bench, group: &ChatId) -> Vec<String> {
    bench.sim.announcement_text(group)
}

async fn unsigned() -> Bench {
    Bench::with(|builder| builder, UNSIGNED).await
}

#[tokio::test]
async fn foreign_response_to_a_write_is_retried() {
    let bench = unsigned().await;
    for answer in foreign() {
        let mut commands = Vec::new();
        for (kind, write) in [
            (Doc, Endpoint::PatchDocAnnouncement),
            (Docx, Endpoint::CreateChildren),
        ] {
            // Each is for one of the next two calls.
            for answer in [answer.clone(), answer.clone().after_effect()] {
                bench.sim.fault(write, answer.into());
                let group = bench.group(kind);
                commands.push((bench.say(&group, "/announce once").id, group));
            }
        }
        for (said, group) in commands {
            assert_eq!(bench.reaction(&said).await, "Loudspeaker", "{answer:?}");
            assert_eq!(text(&bench, &group), ["once"], "{answer:?}");
        }
    }
    bench.finish().await;
}

#[tokio::test]
async fn foreign_response_to_any_call_is_retried() {
    let bench = unsigned().await;
    for answer in foreign() {
        let group = bench.group(Docx);
        for endpoint in [
            Endpoint::GetChat,
            Endpoint::PutTopNotice,
            Endpoint::AddReaction,
        ] {
            bench.sim.fault(endpoint, answer.clone().into());
        }
        let said = bench.say(&group, "/pin announcement").id;
        assert_eq!(bench.reaction(&said).await, "Pin", "{answer:?}");
        bench
            .sim
            .fault(Endpoint::ReplyMessage, answer.clone().after_effect().into());
        let lost = bench.say(&group, "/pin").id;
        bench.answer(&lost).await;
        bench.idle().await;
        assert_eq!(bench.sim.answers_to(&lost).len(), 1, "{answer:?}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn foreign_token_response_is_retried() {
    let bench = unsigned().await;
    for answer in foreign() {
        bench.sim.expire_tokens();
        bench
            .sim
            .fault(Endpoint::TenantAccessToken, answer.clone().into());
        let group = bench.group(Docx);
        let said = bench.say(&group, "/announce once").id;
        assert_eq!(bench.reaction(&said).await, "Loudspeaker", "{answer:?}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn undo_finds_an_entry_without_a_response() {
    let bench = unsigned().await;
    for kind in BOTH {
        let group = bench.group(kind);
        let write = match kind {
            Doc => Endpoint::PatchDocAnnouncement,
            Docx => Endpoint::CreateChildren,
        };
        bench
            .sim
            .fault(write, Foreign::page(403).after_effect().into());
        let said = bench.say(&group, "/announce once").id;
        assert_eq!(bench.reaction(&said).await, "Loudspeaker");
        let undo = bench.say(&group, "/undo").id;
        bench.answer(&undo).await;
        assert!(text(&bench, &group).is_empty(), "{kind:?}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn persistent_firewall_is_reported() {
    let bench = Bench::with(|builder| builder, "[worker]\ngive_up_after = \"30s\"").await;
    let group = bench.group(Docx);
    for _ in 0..50 {
        bench
            .sim
            .fault(Endpoint::GetChat, Foreign::page(403).into());
    }
    let said = bench.say(&group, "/pin announcement").id;
    let answer = bench.answer(&said).await;
    assert!(answer.contains("nothing was changed"), "{answer}");
    bench.sim.withdraw_faults(Endpoint::GetChat);
    bench.finish().await;
}

#[tokio::test]
async fn gateway_429_is_obeyed_with_any_body() {
    for header in ["x-ogw-ratelimit-reset", "retry-after"] {
        let bench = unsigned().await;
        let (first, second) = (bench.group(Docx), bench.group(Docx));
        let page = Foreign::page(429).with(header, "20");
        bench.sim.fault(Endpoint::PutTopNotice, page.into());
        let start = bench.sim.clock().now_ms();
        let one = bench.say(&first, "/pin announcement").id;
        bench
            .sim
            .wait_for("the limit", |state| {
                state.calls_to(Endpoint::PutTopNotice).next().map(drop)
            })
            .await;
        bench.advance(Duration::from_secs(1));
        let two = bench.say(&second, "/pin announcement").id;
        for said in [&one, &two] {
            assert_eq!(bench.reaction(said).await, "Pin", "{header}");
        }
        let calls = bench.sim.calls_to(Endpoint::PutTopNotice);
        assert!(
            calls[1..].iter().all(|call| call.at_ms >= start + 20_000),
            "{header}"
        );
        bench.finish().await;
    }
}

#[tokio::test]
async fn rate_limited_token_endpoint_is_not_called() {
    let bench = unsigned().await;
    bench.sim.expire_tokens();
    let page = Foreign::page(429).with("x-ogw-ratelimit-reset", "20");
    bench.sim.fault(Endpoint::TenantAccessToken, page.into());
    bench.sim.clear_calls();
    let start = bench.sim.clock().now_ms();
    let mut commands = Vec::new();
    for _ in 0..5 {
        let group = bench.group(Docx);
        commands.push(bench.say(&group, "/pin announcement").id);
    }
    for said in &commands {
        assert_eq!(bench.reaction(said).await, "Pin");
    }
    let calls = bench.sim.calls_to(Endpoint::TenantAccessToken);
    assert!(calls[1..].iter().all(|call| call.at_ms >= start + 20_000));
    bench.finish().await;
}

#[tokio::test]
async fn hour_long_limit_is_probed_then_reported() {
    let bench = unsigned().await;
    let limited = Foreign::json(
        429,
        r#"{"code":99991400,"msg":"request trigger frequency limit"}"#,
    );
    let limited: Fault = limited.with("x-ogw-ratelimit-reset", "3600").into();
    bench.sim.fault(Endpoint::CreateChildren, limited.clone());
    bench.sim.fault(Endpoint::CreateChildren, limited);
    let start = bench.sim.clock().now_ms();
    let group = bench.group(Docx);
    let said = bench.say(&group, "/announce once").id;
    let step = Duration::from_secs(1);
    let done = bench.wait_in_steps_of(step, "a reaction", |state| {
        state
            .reactions(&said)
            .into_iter()
            .find(|emoji| emoji != "OneSecond")
    });
    assert_eq!(done.await, "Loudspeaker");
    assert_eq!(bench.sim.calls_to(Endpoint::CreateChildren).len(), 3);
    assert!(bench.sim.clock().now_ms() - start < 240_000);

    bench
        .sim
        .rate_limit(Endpoint::CreateChildren, Duration::from_hours(1));
    let given_up = bench.say(&group, "/announce twice").id;
    let answer = bench.wait_in_steps_of(Duration::from_secs(2), "a reply", |state| {
        state.answers_to(&given_up).first().cloned()
    });
    let answer = answer.await;
    assert!(answer.contains("nothing was changed"), "{answer}");
    let calls = bench.sim.calls_while_rate_limited(Endpoint::CreateChildren);
    assert!((5..=12).contains(&calls), "{calls}");
    bench.idle().await;
    bench.finish().await;
}

#[tokio::test]
async fn unconfirmed_write_is_reported_as_such() {
    let bench = Bench::with(|builder| builder, "[worker]\ngive_up_after = \"1m\"").await;
    let group = bench.group(Docx);
    bench.sim.fault(
        Endpoint::PutTopNotice,
        Foreign::page(502).after_effect().into(),
    );
    let said = bench.say(&group, "/pin announcement").id;
    bench
        .sim
        .wait_for("the pin", |state| {
            state.calls_to(Endpoint::PutTopNotice).next().map(drop)
        })
        .await;
    bench
        .sim
        .rate_limit(Endpoint::PutTopNotice, Duration::from_hours(1));
    let answer = bench.answer(&said).await;
    assert!(answer.contains("cannot confirm"), "{answer}");
    bench.finish().await;
}

#[tokio::test]
async fn long_text_runs_are_split_on_rejection() {
    let long = "很长的一行 ".repeat(500);
    let lists = format!("- {long}\n  - {long}\n\n```\n{long}\n```\n**{long}**");
    for most in [100, 500] {
        for kind in BOTH {
            for command in [&long, &lists] {
                let bench = unsigned().await;
                bench
                    .sim
                    .change_behaviour(|behaviour| behaviour.longest_run = Some(most));
                let group = bench.group(kind);
                let said = bench.say(&group, &format!("/announce {command}")).id;
                assert_eq!(bench.reaction(&said).await, "Loudspeaker", "{kind:?}");
                let written = text(&bench, &group).join("\n");
                assert!(written.contains(long.trim()), "{kind:?} {most}");
                let undo = bench.say(&group, "/undo").id;
                bench.answer(&undo).await;
                assert!(text(&bench, &group).is_empty(), "{kind:?} {most}");
                bench.finish().await;
            }
        }
    }
}

#[tokio::test]
async fn platform_messages_are_truncated_and_logged_at_debug() {
    let bench = unsigned().await;
    let group = bench.group(Docx);
    let msg = format!("quoted-words\n{}", "x".repeat(10_000));
    let refused = Fault::Answer {
        status: 400,
        code: 1_770_999,
        msg,
    };
    bench.sim.fault(Endpoint::CreateChildren, refused);
    let said = bench.say(&group, "/announce once").id;
    let answer = bench.answer(&said).await;
    assert!(!answer.contains("quoted-words"), "{answer}");
    let log = log();
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("quoted-words"))
        .collect();
    assert!(!lines.is_empty());
    for line in lines {
        assert!(line.contains("DEBUG") && line.len() < 2_000, "{line}");
        // The line break is escaped.
        assert!(line.contains("nxxx"), "{line}");
    }
    assert!(!log.contains(&"x".repeat(201)));
    bench.finish().await;
}
