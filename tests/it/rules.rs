//! The rules of docs/ARCHITECTURE.md; each test has the number of its rule.

use std::time::Duration;

use feishu_sim::{
    AnnouncementKind::{Doc, Docx},
    Endpoint, Fault, State, TopNotice, WhoMay, Words,
};

use crate::UNAVAILABLE;
use crate::harness::{Bench, log};

#[tokio::test]
async fn rule_1_nothing_happens_before_the_commit() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let broken = bench.break_store().await;
    let said = bench.say(&group, "/pin announcement");
    assert_eq!(said.answer().await.status, UNAVAILABLE);
    assert_eq!(bench.ask("/readyz").await.0, 503);
    assert!(bench.sim.calls().is_empty(), "{}", bench.sim.conversation());
    drop(broken);
    // The platform redelivers after 15 s.
    bench.advance(Duration::from_secs(16));
    assert_eq!(bench.reaction(&said.id).await, "Pin");
    bench.finish().await;
}

#[tokio::test]
async fn rule_2_repeated_event_acts_once() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let said = bench.say(&group, "/announce once");
    for _ in 0..4 {
        assert_eq!(bench.sim.redeliver(&said.id).answer().await.status, 200);
    }
    bench.reaction(&said.id).await;
    bench.sim.redeliver(&said.id).answer().await;
    bench.idle().await;
    assert_eq!(bench.sim.calls_to(Endpoint::CreateChildren).len(), 1);
    assert_eq!(bench.sim.calls_to(Endpoint::AddReaction).len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn rule_2_redelivery_under_new_id_acts_once() {
    let mut bench = Bench::new().await;
    let group = bench.group(Doc);
    let said = bench.say(&group, "/announce once");
    bench
        .sim
        .deliver_again_under_new_event_id(&said.id)
        .answer()
        .await;
    bench.reaction(&said.id).await;
    for _ in 0..2 {
        bench.restart().await;
        let push = bench.sim.deliver_again_under_new_event_id(&said.id);
        assert_eq!(push.answer().await.status, 200);
    }
    bench.idle().await;
    assert_eq!(bench.sim.calls_to(Endpoint::PatchDocAnnouncement).len(), 1);
    assert_eq!(bench.sim.calls_to(Endpoint::AddReaction).len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn rule_2_an_acknowledged_command_survives_a_kill() {
    let mut bench = Bench::new().await;
    let group = bench.group(Docx);
    bench.sim.set_api_down(true);
    let said = bench.say(&group, "/pin announcement");
    assert_eq!(said.answer().await.status, 200);
    bench.kill().await;
    bench.sim.set_api_down(false);
    assert_eq!(bench.reaction(&said.id).await, "Pin");
    bench.finish().await;
}

#[tokio::test]
async fn rule_3_group_settings_apply_to_ordinary_members() {
    let bench = Bench::new().await;
    let group = bench.closed_group();
    for (text, setting) in [
        ("/pin announcement", "manage top notices"),
        ("/unpin", "manage top notices"),
        ("/announce hi", "edit group info"),
    ] {
        let command = bench.say(&group, text).id;
        let answer = bench.answer(&command).await;
        assert!(answer.contains(setting), "{answer}");
        // Denials are throttled for a minute.
        bench.advance(Duration::from_mins(1));
    }
    assert_eq!(bench.sim.top_notice(&group), None);
    assert!(bench.sim.announcement_text(&group).is_empty());
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    let command = owner.say("/pin announcement").id;
    assert_eq!(bench.reaction(&command).await, "Pin");
    bench.finish().await;
}

#[tokio::test]
async fn rule_3_setting_opened_just_now_applies() {
    let bench = Bench::new().await;
    let group = bench.closed_group();
    let denied = bench.say(&group, "/pin announcement").id;
    bench.answer(&denied).await;
    bench.sim.change_chat(&group, |chat| {
        chat.pin_manage_setting = Some(WhoMay::AllMembers);
    });
    let allowed = bench.say(&group, "/pin announcement").id;
    assert_eq!(bench.reaction(&allowed).await, "Pin");
    bench.finish().await;
}

#[tokio::test]
async fn rule_3_edit_setting_replaces_missing_pin_setting() {
    let bench = Bench::new().await;
    for (edit, permitted) in [(WhoMay::AllMembers, true), (WhoMay::OnlyOwner, false)] {
        let spec = bench
            .spec()
            .edit_permission(edit)
            .pin_manage_setting(None)
            .bot_is_admin();
        let group = bench.sim.add_chat(spec);
        let command = bench.say(&group, "/pin announcement").id;
        if permitted {
            assert_eq!(bench.reaction(&command).await, "Pin");
        } else {
            bench.answer(&command).await;
        }
        assert_eq!(bench.sim.top_notice(&group).is_some(), permitted);
    }
    bench.finish().await;
}

#[tokio::test]
async fn rule_3_people_of_other_tenants_are_denied() {
    let bench = Bench::new().await;
    bench.sim.change_app(|app| app.external_chats = true);
    let guest = bench.sim.add_person_of("elsewhere", "Guest");
    let group = bench.sim.add_chat(bench.spec().member(&guest).external());
    let command = bench
        .sim
        .as_person(&guest)
        .in_chat(&group)
        .say("/pin announcement")
        .id;
    bench.answer(&command).await;
    assert_eq!(bench.sim.top_notice(&group), None);
    bench.finish().await;
}

#[tokio::test]
async fn rule_3_unreadable_settings_blame_no_member() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench.sim.change_app(|app| {
        app.scopes.retain(|scope| {
            !matches!(
                scope.as_str(),
                "im:chat" | "im:chat:read" | "im:chat:readonly"
            )
        });
    });
    let command = bench.say(&group, "/pin announcement").id;
    let answer = bench.answer(&command).await;
    assert!(answer.contains("im:chat"), "{answer}");
    assert!(!answer.contains("you may not"), "{answer}");
    bench.finish().await;
}

#[tokio::test]
async fn rule_3_absent_bot_blames_no_member() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench.sim.change_chat(&group, |chat| chat.bot_in = false);
    let said = bench
        .sim
        .as_person(&bench.member)
        .in_chat(&group)
        .say("/pin announcement");
    bench
        .sim
        .deliver_again_under_new_event_id(&said.id)
        .answer()
        .await;
    bench.idle().await;
    let commands = bench.metrics().await;
    assert!(
        commands.contains(r#"noticebot_commands_total{command="pin",result="refused"} 1"#),
        "{commands}"
    );
    assert!(bench.sim.calls_to(Endpoint::PutTopNotice).is_empty());
    bench.sim.change_chat(&group, |chat| chat.bot_in = true);
    let now = bench.say(&group, "/pin announcement").id;
    assert_eq!(bench.reaction(&now).await, "Pin");
    bench.finish().await;
}

#[tokio::test]
async fn rule_5_replies_and_responses_reveal_no_internals() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench.sim.fault(Endpoint::PutTopNotice, Fault::NotJson);
    let command = bench.say(&group, "/pin announcement").id;
    let said = bench
        .wait("an answer", |state| {
            let reaction = state.reactions(&command).first().cloned();
            reaction.or_else(|| state.answers_to(&command).first().cloned())
        })
        .await;
    let app = bench.sim.app();
    for secret in [
        app.app_secret.as_str(),
        app.verification_token.as_str(),
        "reqwest",
        "src/",
        "http://",
    ] {
        assert!(!said.contains(secret), "{said}");
        assert!(!bench.metrics().await.contains(secret));
    }
    bench.finish().await;
}

#[tokio::test]
async fn rule_5_log_contains_no_secret_or_text() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench.sim.expire_tokens();
    for text in [
        "/announce xyzzy",
        "/pin xyzzy",
        "/announce --at xyzzy",
        "chatter xyzzy",
    ] {
        bench.say(&group, text).answer().await;
    }
    let addressed = bench.sim.as_person(&bench.member).in_chat(&group);
    addressed
        .say(Words::at_bot().text(" /xyzzy"))
        .answer()
        .await;
    bench.idle().await;
    let app = bench.sim.app();
    let log = log();
    assert!(log.contains("the command is concluded"), "{log}");
    for secret in [
        app.app_secret,
        app.encrypt_key.unwrap(),
        app.verification_token,
        "Bearer".to_owned(),
    ] {
        assert!(!log.contains(&secret), "{secret}");
    }
    let quoting =
        |line: &&str| line.contains("xyzzy") && !line.contains("DEBUG") && !line.contains("TRACE");
    assert_eq!(log.lines().find(quoting), None);
    bench.finish().await;
}

#[tokio::test]
async fn rule_7_only_code_0_is_success() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench
        .sim
        .fault(Endpoint::PutTopNotice, Fault::code(232_014));
    let command = bench.say(&group, "/pin announcement").id;
    let answer = bench.answer(&command).await;
    let log_id = bench.sim.calls_to(Endpoint::PutTopNotice)[0].log_id.clone();
    assert!(answer.contains("make the bot a group admin"), "{answer}");
    let (_, reference) = answer.split_once("\ncode: 232014, reference: ").unwrap();
    assert!(!answer.contains(&log_id), "{answer}");
    let of_it = |line: &str| line.contains(reference) && line.contains(&log_id);
    assert!(log().lines().any(of_it), "{reference}");
    bench.idle().await;
    assert!(bench.sim.reactions(&command).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn rule_7_temporary_failures_are_retried() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    for fault in [
        Fault::ServerError,
        Fault::LoseAnswer,
        Fault::ExpireTokens,
        Fault::code(99_991_400),
    ] {
        bench.sim.fault(Endpoint::PutTopNotice, fault.clone());
        let command = bench.say(&group, "/pin announcement").id;
        assert_eq!(bench.reaction(&command).await, "Pin", "{fault:?}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn rule_7_commands_run_after_secret_correction() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    for _ in 0..5 {
        bench
            .sim
            .fault(Endpoint::TenantAccessToken, Fault::code(10_014));
    }
    let command = bench.say(&group, "/pin announcement").id;
    assert_eq!(bench.reaction(&command).await, "Pin");
    assert_eq!(bench.sim.calls_to(Endpoint::PutTopNotice).len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn rule_7_reply_replaces_a_failing_reaction() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    for _ in 0..50 {
        bench.sim.fault(Endpoint::AddReaction, Fault::ServerError);
    }
    let command = bench.say(&group, "/pin announcement").id;
    assert!(bench.answer(&command).await.contains("top"));
    assert_eq!(bench.sim.calls_to(Endpoint::PutTopNotice).len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn rule_7_partial_write_is_reported() {
    // A call of the old kind writes the whole text, one of the new kind fifty lines.
    for (kind, write, code, taken) in [
        (Doc, Endpoint::PatchDocAnnouncement, 232_002, 0),
        (Docx, Endpoint::CreateChildren, 1_770_004, 1),
    ] {
        let bench = Bench::new().await;
        let group = bench.group(kind);
        for _ in 0..taken {
            bench.sim.fault(write, Fault::Nothing);
        }
        bench.sim.fault(write, Fault::code(code));
        let lines: Vec<String> = (1..=120).map(|number| format!("line {number}")).collect();
        let command = bench
            .say(&group, &format!("/announce {}", lines.join("\n")))
            .id;
        let answer = bench.answer(&command).await;
        let count = bench.sim.announcement_text(&group).len();
        assert_eq!(count, taken * 50);
        let part = format!("Only {count} of 121 lines");
        assert_eq!(answer.contains(&part), taken > 0, "{answer}");
        assert!(answer.contains(&code.to_string()), "{answer}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn rule_7_long_outage_is_reported_afterwards() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let warm_up = bench.say(&group, "/pin announcement").id;
    bench.reaction(&warm_up).await;
    for _ in 0..200 {
        bench
            .sim
            .fault(Endpoint::DeleteTopNotice, Fault::ServerError);
    }
    let command = bench.say(&group, "/unpin").id;
    let see = |state: &State| state.answers_to(&command).first().cloned();
    let answer = bench
        .wait_in_steps_of(Duration::from_secs(5), "the end of patience", see)
        .await;
    assert!(answer.contains("confirm"), "{answer}");
    assert_eq!(bench.sim.top_notice(&group), Some(TopNotice::Announcement));
    bench.finish().await;
}

#[tokio::test]
async fn rule_10_other_bots_are_ignored() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench.sim.change_app(|app| {
        app.scopes
            .insert("im:message.group_at_msg.include_bot:readonly".to_owned());
    });
    let other = bench
        .sim
        .as_bot("weather")
        .in_chat(&group)
        .say(Words::at_bot().text(" /pin announcement"));
    assert_eq!(other.answer().await.status, 200);
    bench.idle().await;
    assert!(bench.sim.calls().is_empty());
    bench.finish().await;
}
