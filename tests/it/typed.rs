//! Typed messages; `src/command/tests/typed_lines.txt` has more.

use std::time::Duration;

use feishu_sim::AnnouncementKind::Docx;
use feishu_sim::{ChatId, Words};

use crate::harness::Bench;

/// A bot that does not sign entries.
async fn unsigned() -> Bench {
    Bench::with(|builder| builder, "[announce]\nsignature = false").await
}

async fn refused(bench: &Bench, group: &ChatId, text: &str, words: &str) {
    let command = bench.say(group, text).id;
    let answer = bench.answer(&command).await;
    assert!(answer.contains(words), "{text:?}: {answer}");
}

#[tokio::test]
async fn rule_11_mistyped_option_is_rejected() {
    let bench = unsigned().await;
    let group = bench.group(Docx);
    let before = bench.sim.announcement_text(&group);
    for (text, words) in [
        ("/announce --tpo lunch", "--top"),
        ("/announce lunch -repalce", "--replace"),
        ("/公告 今晚停电 ——时限 2天", "--限时"),
        ("/公告 --每 两周 今晚停电", "两周"),
        ("/announce lunch --every 2 weeks", "2 weeks"),
        ("/announce --at 9:00 friyay lunch", "9:00 friyay"),
        ("/announce lunch --at noonish", "noonish"),
        ("/announce --help", "--help"),
        ("/announce /pin", "/pin"),
        ("/announce lunch --top\nat noon", "--top"),
        ("/announce **--tpo** lunch", "--top"),
        ("/announce `--tpo` lunch", "--top"),
        ("/announce _--top_ lunch", "plain text"),
        ("/announce [--tpo](http://x.cn) lunch", "--top"),
        ("/announce ~~--tpo~~ lunch", "--top"),
        ("/announce \\--tpo lunch", "--top"),
        ("/announce - --top", "plain text"),
        ("/announce 1. --tpo lunch", "--top"),
        ("/announce > --tpo lunch", "--top"),
        ("/announce # --tpo lunch", "--top"),
        ("/announce lunch\n- --top", "plain text"),
        ("/announce lunch **--tpo**", "--top"),
        ("/announce ```\n--tpo\n```", "--top"),
        ("/公告 **--置顶** 今晚停电", "普通文字"),
        ("/announce **/pin**", "/pin"),
    ] {
        refused(&bench, &group, text, words).await;
    }
    assert_eq!(bench.sim.announcement_text(&group), before);
    let free = bench.say(&group, "/announce -- --tpo is not an option").id;
    assert_eq!(bench.reaction(&free).await, "Loudspeaker");
    let bold = bench.say(&group, "/announce -- **--top** is bold").id;
    assert_eq!(bench.reaction(&bold).await, "Loudspeaker");
    assert!(
        bench
            .sim
            .announcement_text(&group)
            .contains(&"--tpo is not an option".to_owned())
    );
    bench.finish().await;
}

#[tokio::test]
async fn unexplained_placeholders_are_dropped() {
    let bench = unsigned().await;
    let group = bench.group(Docx);
    for (text, shown) in [
        ("/announce @_user_9 lunch", "lunch"),
        (
            "/announce lunch with @_user_9 at noon",
            "lunch with at noon",
        ),
        ("/announce **@_user_12 dinner**", "dinner"),
    ] {
        let command = bench.say(&group, text).id;
        assert_eq!(bench.reaction(&command).await, "Loudspeaker", "{text}");
        assert_eq!(bench.sim.announcement_text(&group)[0], shown, "{text}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn options_may_follow_the_text() {
    let bench = unsigned().await;
    let group = bench.group(Docx);
    let command = bench
        .say(&group, "/announce lunch\nat noon --for 2h --top")
        .id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(
        bench.sim.announcement_text(&group)[..2],
        ["lunch", "at noon"]
    );
    assert!(bench.sim.top_notice(&group).is_some());
    bench.finish().await;
}

#[tokio::test]
async fn rule_12_addressing_the_bot_gets_an_answer() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let to_bot = |words: &str| {
        let chat = bench.sim.as_person(&bench.member).in_chat(&group);
        chat.say(Words::at_bot().text(words)).id
    };
    let pin = to_bot(" pin announcement");
    assert_eq!(bench.reaction(&pin).await, "Pin");
    let hello = to_bot(" hello");
    assert!(bench.answer(&hello).await.contains("/help"));
    // The reply is throttled to one a minute.
    let again = to_bot(" are you there");
    assert_eq!(bench.reaction(&again).await, "CrossMark");
    assert!(bench.sim.answers_to(&again).is_empty());
    let command = to_bot(" /weather");
    assert!(bench.answer(&command).await.contains("/help"));
    bench.advance(Duration::from_mins(1));
    let later = to_bot(" 请置顶这条消息");
    assert!(bench.answer(&later).await.contains("/置顶"));
    let direct = bench.sim.direct_chat(&bench.member);
    let hello = bench.say(&direct, "hello").id;
    assert!(bench.answer(&hello).await.contains("/help"));
    bench.finish().await;
}

#[tokio::test]
async fn announced_command_loses_its_name() {
    let bench = unsigned().await;
    let group = bench.group(Docx);
    let chat = || bench.sim.as_person(&bench.member).in_chat(&group);
    let asked = chat().say(Words::at_bot().text(" /announce --for 2h lunch at noon --top"));
    bench.reaction(&asked.id).await;
    let command = bench.reply(&group, &asked.id, "/announce").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    let lines = bench.sim.announcement_text(&group);
    assert_eq!(lines[..2], ["lunch at noon", "lunch at noon"]);
    // A command without a text has nothing to announce.
    let undo = bench.say(&group, "/history").id;
    let command = bench.reply(&group, &undo, "/announce").id;
    assert!(!bench.answer(&command).await.is_empty());
    assert_eq!(bench.sim.announcement_text(&group), lines);
    bench.finish().await;
}
