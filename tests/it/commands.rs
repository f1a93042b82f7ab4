//! Responses to typed commands.

use std::time::Duration;

use feishu_sim::{
    AnnouncementKind::{Doc, Docx},
    Endpoint, Fault, MessageId, TopNotice, Words,
};

use crate::harness::Bench;

#[tokio::test]
async fn pin_takes_two_calls_with_warm_caches() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let first = bench.say(&group, "the first").id;
    let warm_up = bench.reply(&group, &first, "/pin").id;
    assert_eq!(bench.reaction(&warm_up).await, "Pin");
    bench.idle().await;

    let target = bench.say(&group, "dinner at seven").id;
    bench.sim.clear_calls();
    let command = bench.reply(&group, &target, "/pin").id;
    assert_eq!(bench.reaction(&command).await, "Pin");
    assert_eq!(
        bench.sim.top_notice(&group),
        Some(TopNotice::Message(target.clone()))
    );
    let puts = bench.sim.calls_to(Endpoint::PutTopNotice);
    assert_eq!(puts.len(), 1);
    let body = serde_json::json!({
        "chat_top_notice": [{ "action_type": "1", "message_id": target.as_str() }],
    });
    assert_eq!(puts[0].body, body);
    assert_eq!(bench.sim.calls().len(), 2, "{}", bench.sim.conversation());
    bench.finish().await;
}

#[tokio::test]
async fn announcement_can_be_pinned_and_unpinned() {
    let bench = Bench::new().await;
    let group = bench.group(Doc);
    let pin = bench.say(&group, "/pin announcement").id;
    assert_eq!(bench.reaction(&pin).await, "Pin");
    assert_eq!(bench.sim.top_notice(&group), Some(TopNotice::Announcement));
    let put = &bench.sim.calls_to(Endpoint::PutTopNotice)[0];
    assert_eq!(
        put.body,
        serde_json::json!({ "chat_top_notice": [{ "action_type": "2" }] })
    );
    let unpin = bench.say(&group, "/unpin").id;
    assert_eq!(bench.reaction(&unpin).await, "DONE");
    assert_eq!(bench.sim.top_notice(&group), None);
    bench.finish().await;
}

#[tokio::test]
async fn all_spellings_of_a_command_work() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let target = bench.say(&group, "something").id;
    for spelling in [
        "/pin",
        "/PIN",
        "／pin",
        "/置顶",
        "／置顶",
        " /pin ",
        "/pin\u{3000}",
    ] {
        let command = bench.reply(&group, &target, spelling).id;
        assert_eq!(bench.reaction(&command).await, "Pin", "{spelling}");
    }
    for spelling in [
        "/pin announcement",
        "/pin 公告",
        "/置顶 公告",
        "/置顶公告",
        "/pin：announcement",
    ] {
        let command = bench.say(&group, spelling).id;
        assert_eq!(bench.reaction(&command).await, "Pin", "{spelling}");
    }
    for spelling in ["/unpin", "/取消置顶"] {
        let command = bench.say(&group, spelling).id;
        assert_eq!(bench.reaction(&command).await, "DONE", "{spelling}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn mention_may_precede_or_follow_the_command() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let target = bench.say(&group, "something").id;
    let chat = || {
        bench
            .sim
            .as_person(&bench.member)
            .in_chat(&group)
            .reply_to(&target)
    };
    for words in [
        Words::at_bot().text(" /pin"),
        Words::at_bot().text("/pin"),
        Words::from("/pin ").bot(),
    ] {
        let command = chat().say(words).id;
        assert_eq!(bench.reaction(&command).await, "Pin");
    }
    bench.finish().await;
}

#[tokio::test]
async fn commands_in_rich_text_work() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let target = bench.say(&group, "something").id;
    let chat = bench
        .sim
        .as_person(&bench.member)
        .in_chat(&group)
        .reply_to(&target);
    let command = chat.post("", [Words::at_bot().text(" ").bold("/pin")]).id;
    assert_eq!(bench.reaction(&command).await, "Pin");
    bench.finish().await;
}

#[tokio::test]
async fn quoted_command_in_rich_text_is_ignored() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let chat = bench.sim.as_person(&bench.member).in_chat(&group);
    let code = serde_json::json!({
        "title": "",
        "content": [[{ "tag": "code_block", "language": "PLAIN_TEXT", "text": "/unpin" }]],
    });
    let said = [chat.send("post", &code).id];
    bench.idle().await;
    for message in said {
        assert!(bench.sim.answers_to(&message).is_empty());
    }
    assert!(bench.sim.calls_to(Endpoint::DeleteTopNotice).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn pin_in_a_topic_pins_its_first_message() {
    let bench = Bench::new().await;
    let group = bench.sim.add_chat(bench.spec().topic());
    let first = bench.say(&group, "a topic").id;
    let second = bench.reply(&group, &first, "a remark").id;
    let command = bench.reply(&group, &second, "/pin").id;
    assert_eq!(bench.reaction(&command).await, "Pin");
    assert_eq!(
        bench.sim.top_notice(&group),
        Some(TopNotice::Message(first))
    );
    bench.finish().await;
}

#[tokio::test]
async fn pin_without_a_reply_is_explained() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let english = bench.say(&group, "/pin").id;
    let chinese = bench.say(&group, "/置顶").id;
    assert!(bench.answer(&english).await.contains("Reply"));
    assert!(bench.answer(&chinese).await.contains("回复"));
    assert!(bench.sim.calls_to(Endpoint::PutTopNotice).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn help_lists_every_command() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let direct = bench.sim.direct_chat(&bench.member);
    for chat in [&group, &direct] {
        let help = bench.say(chat, "/help").id;
        let answer = bench.answer(&help).await;
        assert!(answer.lines().count() <= 8, "{answer}");
        assert!(!answer.contains("/置顶"), "{answer}");
        let card = bench.sim.messages(chat).pop().unwrap().id;
        assert_eq!(bench.sim.buttons(&card), ["All commands"]);
        let member = bench.sim.as_person(&bench.member).in_chat(chat);
        member.press(&card, "All commands").seen().await;
        bench.idle().await;
        let shown = bench.sim.card(&card).to_string();
        for command in noticebot::command::CommandName::all() {
            let name = format!("/{}", command.as_str());
            let is_offered = !command.spec().only_as_member;
            assert_eq!(shown.contains(&name), is_offered, "{name}: {shown}");
        }
        assert!(bench.sim.buttons(&card).is_empty());
    }
    let pin = bench.say(&direct, "/pin").id;
    assert!(bench.answer(&pin).await.contains("group"));
    bench.finish().await;
}

#[tokio::test]
async fn bare_mention_gets_help() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let chat = || bench.sim.as_person(&bench.member).in_chat(&group);
    let direct = bench.sim.direct_chat(&bench.member);
    let asked = [
        chat().say(Words::at_bot()).id,
        chat().say(Words::at_bot().text(" help")).id,
        chat().say(Words::at_bot().text("帮助")).id,
        bench.say(&direct, "help").id,
    ];
    let others = [
        bench.say(&group, "help").id,
        chat().say(Words::new().at(&bench.owner)).id,
    ];
    for message in &asked {
        let answer = bench.answer(message).await;
        let undo = ["/undo", "/撤销"].iter().any(|name| answer.contains(name));
        assert!(undo, "{answer}");
    }
    bench.idle().await;
    for message in &others {
        assert!(bench.sim.answers_to(message).is_empty());
    }
    bench.finish().await;
}

#[tokio::test]
async fn unknown_command_is_answered_if_addressed_or_similar() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let silent = ["/weather", "/ping", "/etc/pin"].map(|text| bench.say(&group, text).id);
    let near = bench.say(&group, "/pni").id;
    let chat = bench.sim.as_person(&bench.member).in_chat(&group);
    let addressed = chat.say(Words::at_bot().text(" /pinboard")).id;
    for message in [near, addressed] {
        let answer = bench.answer(&message).await;
        assert!(answer.contains("/pin"), "{answer}");
    }
    bench.idle().await;
    for message in silent {
        assert!(bench.sim.answers_to(&message).is_empty());
    }
    bench.finish().await;
}

#[tokio::test]
async fn chatter_and_commands_for_others_are_ignored() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let guest = bench.sim.add_person("Gus");
    let chat = || bench.sim.as_person(&bench.member).in_chat(&group);
    let target = bench.say(&group, "lunch?").id;
    let mut said = vec![target.clone()];
    said.push(bench.say(&group, "please do not /pin this").id);
    said.push(bench.reply(&group, &target, "> /pin").id);
    said.push(bench.say(&group, "/usr/bin/env").id);
    said.push(
        chat()
            .reply_to(&target)
            .say(Words::new().at(&guest).text(" /pin"))
            .id,
    );
    said.push(chat().say(Words::new().at_all().text(" /announce hi")).id);
    said.push(chat().image().id);
    let mark = bench.say(&group, "/pin announcement").id;
    bench.reaction(&mark).await;
    bench.idle().await;
    for message in said {
        assert!(bench.sim.answers_to(&message).is_empty());
        assert!(bench.sim.reactions(&message).is_empty());
    }
    assert_eq!(bench.sim.calls_to(Endpoint::PutTopNotice).len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn configured_language_overrides_that_of_the_command() {
    for (language, words) in [("zh", "回复"), ("en", "Reply")] {
        let bench = Bench::with(
            |builder| builder,
            &format!("[reply]\nlanguage = '{language}'"),
        )
        .await;
        let group = bench.group(Docx);
        for spelling in ["/pin", "/置顶"] {
            let command = bench.say(&group, spelling).id;
            assert!(bench.answer(&command).await.contains(words));
        }
        bench.finish().await;
    }
}

/// Sends `/pin` while pins are rate limited, and waits for the reaction.
async fn waiting_pin(bench: &Bench) -> MessageId {
    let group = bench.group(Docx);
    bench
        .sim
        .rate_limit(Endpoint::PutTopNotice, Duration::from_secs(20));
    let command = bench.say(&group, "/pin announcement").id;
    bench
        .wait("the first reaction", |state| {
            (state.reactions(&command) == ["OneSecond"]).then_some(())
        })
        .await;
    command
}

#[tokio::test]
async fn answer_removes_the_reaction_of_waiting() {
    let bench = Bench::new().await;
    let command = waiting_pin(&bench).await;
    bench
        .wait("the last reaction", |state| {
            (state.reactions(&command) == ["Pin"]).then_some(())
        })
        .await;
    assert_eq!(bench.sim.calls_to(Endpoint::AddReaction).len(), 2);
    assert_eq!(
        bench.sim.calls_after_told_to_wait(Endpoint::PutTopNotice),
        0
    );
    bench.finish().await;
}

#[tokio::test]
async fn restart_leaves_no_reaction_of_waiting() {
    let mut bench = Bench::new().await;
    let command = waiting_pin(&bench).await;
    bench.restart().await;
    bench
        .wait("the last reaction", |state| {
            (state.reactions(&command) == ["Pin"]).then_some(())
        })
        .await;
    bench.finish().await;
}

#[tokio::test]
async fn unremovable_reaction_is_harmless() {
    let bench = Bench::new().await;
    for fault in [Fault::code(231_007), Fault::ServerError, Fault::NotJson] {
        let command = waiting_pin(&bench).await;
        bench.sim.fault(Endpoint::DeleteReaction, fault);
        assert_eq!(bench.reaction(&command).await, "Pin");
        bench.idle().await;
        assert!(bench.sim.answers_to(&command).is_empty());
    }
    bench.finish().await;
}

#[tokio::test]
async fn reply_replaces_a_rejected_reaction() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench.sim.fault(Endpoint::AddReaction, Fault::code(231_002));
    let command = bench.say(&group, "/pin announcement").id;
    assert!(bench.answer(&command).await.len() < 80);
    assert_eq!(bench.sim.answers_to(&command).len(), 1);
    bench.finish().await;
}
