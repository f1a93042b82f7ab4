//! Permissions, and how denials are reported.

use std::time::Duration;

use feishu_sim::{
    AnnouncementKind::{Doc, Docx},
    ChatId, Endpoint, Fault, Person, Said, TopNotice, WhoMay,
};

use crate::harness::{Bench, log};

/// A group whose settings permit everything to its owner and admins only; the bot is neither.
fn barred_group(bench: &Bench, kind: feishu_sim::AnnouncementKind) -> ChatId {
    let spec = bench
        .spec()
        .edit_permission(WhoMay::OnlyOwner)
        .pin_manage_setting(Some(WhoMay::OnlyOwner));
    bench.sim.add_chat(spec.announcement(kind))
}

/// Reactions that are followed by words.
const MARKS: [&str; 2] = ["OneSecond", "CrossMark"];

fn say_as(bench: &Bench, person: &Person, chat: &ChatId, text: &str) -> Said {
    bench.sim.as_person(person).in_chat(chat).say(text)
}

#[tokio::test]
async fn rule_3_commands_and_groups_have_separate_rules() {
    let mut bench = Bench::new().await;
    let (here, there) = (bench.group(Docx), bench.closed_group());
    let (member, owner) = (&bench.member.open_id, &bench.owner.union_id);
    let rules = format!(
        "[policy.commands.announce]\nmode = 'admins'\n\
         [policy.chats.{there}]\nmode = 'anyone'\n\
         [policy.chats.{there}.commands.pin]\ndeny = ['{owner}']\n\
         [policy.chats.{here}.commands.unpin]\nmode = 'admins'\nallow = ['{member}']\n"
    );
    bench.reconfigure(&rules).await;
    let (member, owner) = (&bench.member, &bench.owner);
    for (person, chat, text, expected) in [
        (member, &here, "/pin announcement", "Pin"),
        (member, &here, "/unpin", "DONE"),
        (member, &here, "/announce hi", "policy.mode"),
        (owner, &here, "/announce hi", "Loudspeaker"),
        (member, &there, "/announce hi", "Loudspeaker"),
        (member, &there, "/pin announcement", "Pin"),
        (owner, &there, "/unpin", "DONE"),
        (owner, &there, "/pin announcement", "policy.deny"),
    ] {
        let command = say_as(&bench, person, chat, text).id;
        let seen = bench
            .wait("a reaction or a reply", |state| {
                let reactions = state.reactions(&command).into_iter();
                let mut reactions_and_replies = reactions.chain(state.answers_to(&command));
                reactions_and_replies.find(|text| !MARKS.contains(&text.as_str()))
            })
            .await;
        assert!(seen.contains(expected), "{} {text}: {seen}", person.name);
    }
    bench.finish().await;
}

#[tokio::test]
async fn help_lists_the_permissions_of_the_group() {
    let mut bench = Bench::new().await;
    let (open, closed) = (bench.group(Docx), bench.closed_group());
    let untold = bench
        .sim
        .add_chat(bench.spec().pin_manage_setting(None).external());
    bench.sim.change_app(|app| app.external_chats = true);
    let direct = bench.sim.direct_chat(&bench.member);
    let setting = "the owner and admins (group setting “who can";
    for (chat, text, lines) in [
        (
            &open,
            "/help",
            "In this group, you can use: `/pin`, `/unpin`, `/announce`\n`/pin`: ",
        ),
        (
            &open,
            "/帮助",
            "你在本群可以使用：`/置顶`、`/取消置顶`、`/公告`\n`/置顶`：",
        ),
        (
            &closed,
            "/help",
            &format!(
                "In this group, you have no permission.\n\
                 `/pin`, `/unpin`: {setting} manage top notices”); \
                 `/announce`: {setting} edit group info”)"
            ),
        ),
        (
            &untold,
            "/help",
            "In this group, you can use: `/pin`, `/unpin`, `/announce`\n`/pin`: ",
        ),
    ] {
        let help = bench.say(chat, text).id;
        let answer = bench.answer(&help).await;
        assert!(answer.contains(lines), "{answer}");
    }
    let alone = bench.say(&direct, "/help").id;
    let answer = bench.answer(&alone).await;
    assert!(answer.contains("In a group, you can send:"), "{answer}");
    let owners = say_as(&bench, &bench.owner, &closed, "/help").id;
    let answer = bench.answer(&owners).await;
    assert!(answer.contains("you can use: `/pin`"), "{answer}");

    let rules = format!(
        "[policy]\npin_setting_missing = 'deny'\n\
         [policy.chats.{open}.commands.announce]\nmode = 'admins'\nallow = ['ou_1']\n"
    );
    bench.reconfigure(&rules).await;
    for (chat, lines) in [
        (
            &open,
            "In this group, you can use: `/pin`, `/unpin`\n\
             `/announce`: the owner and admins (set by the bot's admin)",
        ),
        (
            &untold,
            "In this group, you can use: `/announce`\n\
             `/pin`, `/unpin`: the owner and admins (Feishu does not report the group setting \
             “who can manage top notices”)",
        ),
    ] {
        let help = bench.say(chat, "/help").id;
        let answer = bench.answer(&help).await;
        assert!(answer.contains(lines), "{answer}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn help_works_without_readable_settings() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    for fault in [Fault::ServerError, Fault::code(232_006), Fault::NotJson] {
        bench.sim.fault(Endpoint::GetChat, fault.clone());
        let help = bench.say(&group, "/help").id;
        let answer = bench.answer(&help).await;
        assert!(answer.contains("/announce text"), "{fault:?}: {answer}");
        assert!(!answer.contains("In this group"), "{fault:?}: {answer}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn rule_3_missing_bot_permission_is_explained() {
    let (top, info) = ("“who can manage top notices”", "“who can edit group info”");
    for (kind, forbidden, text, setting, code) in [
        (Docx, false, "/pin announcement", top, "232014"),
        (Docx, false, "/unpin", top, "232014"),
        (Docx, false, "/announce hi", info, "1772005"),
        (Docx, true, "/announce hi", info, "1770032"),
        (Doc, false, "/announce hi", info, "232002"),
    ] {
        let bench = Bench::new().await;
        bench
            .sim
            .change_behaviour(|behaviour| behaviour.docx_denial_is_forbidden = forbidden);
        let group = barred_group(&bench, kind);
        let command = say_as(&bench, &bench.owner, &group, text).id;
        let answer = bench.answer(&command).await;
        for words in [
            "the bot does not",
            "Make the bot a group admin",
            setting,
            code,
        ] {
            assert!(answer.contains(words), "{text}: {answer}");
        }
        bench.idle().await;
        bench
            .sim
            .change_chat(&group, |chat| chat.bot_is_manager = true);
        let again = say_as(&bench, &bench.owner, &group, text).id;
        bench.reaction(&again).await;
        bench.finish().await;
    }
}

#[tokio::test]
async fn rule_3_revoked_permission_is_denied_despite_cache() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let pin = bench.say(&group, "/pin announcement").id;
    assert_eq!(bench.reaction(&pin).await, "Pin");
    bench.sim.change_chat(&group, |chat| {
        chat.pin_manage_setting = Some(WhoMay::OnlyOwner);
    });
    let unpin = bench.say(&group, "/unpin").id;
    let answer = bench.answer(&unpin).await;
    assert!(answer.contains("Only the owner and"), "{answer}");
    assert!(!answer.contains("the bot does not"), "{answer}");
    assert_eq!(bench.sim.top_notice(&group), Some(TopNotice::Announcement));
    bench.finish().await;
}

#[tokio::test]
async fn unexplained_rejection_names_no_setting() {
    for (admin, words) in [
        (false, "Under this group's settings"),
        (true, "The bot is an admin"),
    ] {
        let bench = Bench::new().await;
        let group = bench.group(Docx);
        bench
            .sim
            .change_chat(&group, |chat| chat.bot_is_manager = admin);
        bench
            .sim
            .fault(Endpoint::PutTopNotice, Fault::code(232_014));
        let command = bench.say(&group, "/pin announcement").id;
        let answer = bench.answer(&command).await;
        assert!(answer.contains(words), "{answer}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn rejection_is_explained_without_readable_settings() {
    let bench = Bench::new().await;
    let group = barred_group(&bench, Docx);
    bench.sim.fault(Endpoint::GetChat, Fault::Nothing);
    bench.sim.fault(Endpoint::GetChat, Fault::ServerError);
    let command = say_as(&bench, &bench.owner, &group, "/unpin").id;
    let answer = bench.answer(&command).await;
    for words in ["no permission", "“who can manage top notices”", "232014"] {
        assert!(answer.contains(words), "{answer}");
    }
    bench.finish().await;
}

/// Sends a command and waits for the end of its job, without advancing the clocks.
async fn replies_to(bench: &Bench, person: &Person, chat: &ChatId, text: &str) -> Vec<String> {
    let said = say_as(bench, person, chat, text);
    said.answer().await;
    bench.idle_in_steps_of(Duration::ZERO).await;
    bench.sim.answers_to(&said.id)
}

#[tokio::test]
async fn denials_are_throttled_to_one_a_minute() {
    let bench = Bench::new().await;
    let (group, other_group) = (bench.closed_group(), bench.closed_group());
    let (member, guest) = (&bench.member, bench.sim.add_person("Gus"));
    bench
        .sim
        .change_chat(&group, |chat| chat.members.push(guest.clone()));
    let pin = "/pin announcement";

    assert_eq!(replies_to(&bench, member, &group, pin).await.len(), 1);
    bench.advance(Duration::from_secs(59));
    let unsaid = say_as(&bench, member, &group, "/unpin");
    unsaid.answer().await;
    bench.idle_in_steps_of(Duration::ZERO).await;
    assert!(bench.sim.answers_to(&unsaid.id).is_empty());
    assert_eq!(bench.sim.reactions(&unsaid.id), ["CrossMark"]);
    // This denial has another reason.
    let announce = "/announce hi";
    assert_eq!(replies_to(&bench, member, &group, announce).await.len(), 1);
    assert_eq!(replies_to(&bench, &guest, &group, pin).await.len(), 1);
    assert_eq!(replies_to(&bench, member, &other_group, pin).await.len(), 1);

    // A throttled denial does not extend the throttling.
    bench.advance(Duration::from_secs(1));
    assert_eq!(replies_to(&bench, member, &group, pin).await.len(), 1);
    assert!(replies_to(&bench, member, &group, pin).await.is_empty());

    let metrics = bench.metrics().await;
    for (command, count) in [("pin", 5), ("unpin", 1), ("announce", 1)] {
        let line =
            format!(r#"noticebot_commands_total{{command="{command}",result="refused"}} {count}"#);
        assert!(metrics.contains(&line), "{metrics}");
    }
    let log = log();
    let is_throttled =
        |line: &&str| line.contains("INFO") && line.contains("the reply is throttled");
    let of_it = |line: &str| line.contains(unsaid.id.as_str());
    assert!(log.lines().filter(is_throttled).any(of_it), "{log}");
    bench.finish().await;
}

#[tokio::test]
async fn throttled_denial_survives_rejected_reactions() {
    let bench = Bench::new().await;
    let group = bench.closed_group();
    let pin = "/pin announcement";
    assert_eq!(
        replies_to(&bench, &bench.member, &group, pin).await.len(),
        1
    );
    for fault in [Fault::code(231_002), Fault::code(230_110)] {
        bench.sim.fault(Endpoint::AddReaction, fault);
        assert!(
            replies_to(&bench, &bench.member, &group, pin)
                .await
                .is_empty()
        );
    }
    bench.sim.fault(Endpoint::AddReaction, Fault::ServerError);
    let again = bench.say(&group, pin).id;
    assert_eq!(bench.reaction(&again).await, "CrossMark");
    bench.finish().await;
}

#[tokio::test]
async fn failed_denial_reply_is_retried() {
    let bench = Bench::new().await;
    let group = bench.closed_group();
    for fault in [Fault::ServerError, Fault::LoseAnswer] {
        bench.sim.fault(Endpoint::ReplyMessage, fault);
        let command = bench.say(&group, "/pin announcement").id;
        bench.answer(&command).await;
        bench.idle().await;
        assert_eq!(bench.sim.answers_to(&command).len(), 1);
        bench.advance(Duration::from_mins(1));
    }
    bench.finish().await;
}

#[tokio::test]
async fn other_replies_are_not_throttled() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    for _ in 0..2 {
        let replies = replies_to(&bench, &bench.member, &group, "/pin").await;
        assert_eq!(replies.len(), 1, "{replies:?}");
    }
    bench.finish().await;
}
