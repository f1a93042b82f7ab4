//! The limits of broadcasts: their pace, how many wait, and how many a member has.

use std::time::Duration;

use feishu_sim::AnnouncementKind::Docx;
use feishu_sim::{ChatId, Endpoint, Fault};

use crate::broadcasts::{announced, named, report_of, with_list};
use crate::harness::Bench;

fn groups(bench: &Bench, count: usize) -> Vec<ChatId> {
    let group = |n| named(bench, &format!("Group {n}"), Docx);
    (0..count).map(group).collect()
}

/// Two a second, so that others can still announce.
#[tokio::test]
async fn deliveries_are_due_twice_a_second() {
    let (bench, groups) = with_list(|bench| groups(bench, 5)).await;
    let begun = bench.clock.now().as_millisecond();
    let commands = ["lunch", "dinner"].map(|text| {
        let text = format!("/announce --to weekly {text}");
        bench.say(&groups[0], &text).id
    });
    for command in &commands {
        report_of(&bench, &groups[0], command, "5 posted").await;
    }
    let ended = bench.clock.now().as_millisecond();
    let mut due = 0;
    for second in (begun..ended).step_by(1000) {
        let within = format!("due >= {second} AND due < {}", second + 1000);
        let count = bench.count(&format!("deliveries WHERE {within}")).await;
        assert!(count <= 2, "{count} in a second");
        due += count;
    }
    assert_eq!(due, 10);
    bench.finish().await;
}

/// The clocks advance a little while the bot replies, so a few of the first groups are done.
#[tokio::test]
async fn waiting_broadcasts_are_limited() {
    let (bench, groups) = with_list(|bench| groups(bench, 500)).await;
    let (ops, command) = (&groups[0], "/announce --to weekly lunch");
    for _ in 0..3 {
        let accepted = bench.say(ops, command).id;
        report_of(&bench, ops, &accepted, "waiting").await;
    }
    let refused = bench.reply_to(ops, command).await;
    assert!(
        refused.contains("3 of your announcements to several groups are not finished"),
        "{refused}"
    );
    // Three times 500 groups wait, and 500 more may.
    let owner = bench.sim.as_person(&bench.owner);
    let accepted = owner.in_chat(ops).say(command).id;
    report_of(&bench, ops, &accepted, "waiting").await;
    let full = owner.in_chat(ops).say(command).id;
    let refused = bench.answer(&full).await;
    assert!(
        refused.contains("Too many announcements to several groups are waiting"),
        "{refused}"
    );
    bench.cut_off().await;
}

fn card_refused() -> Fault {
    Fault::Answer {
        status: 400,
        code: 230_099,
        msg: "Failed to create card content.".to_owned(),
    }
}

/// At the end, because a text cannot be updated.
#[tokio::test]
async fn the_report_is_a_text_where_cards_are_refused() {
    for refused_call in [Endpoint::ReplyMessage, Endpoint::PatchCard] {
        let (bench, groups) = with_list(|bench| groups(bench, 3)).await;
        let ops = &groups[0];
        bench.sim.fault(refused_call, card_refused());
        let command = bench.say(ops, "/announce --to weekly lunch").id;
        let last = bench
            .wait("the report", |state| {
                let answers = state.answers_to(&command);
                answers
                    .into_iter()
                    .next_back()
                    .filter(|it| it.contains("3 posted"))
            })
            .await;
        assert!(last.contains("List: “weekly”"), "{last}");
        let words = bench.sim.messages(ops).pop().unwrap();
        assert_eq!(words.msg_type, "text", "{refused_call:?}");
        for group in &groups {
            assert_eq!(announced(&bench, group, "lunch"), 1);
        }
        // Nothing else is said once it is final.
        bench.idle_in_steps_of(Duration::from_secs(1)).await;
        assert_eq!(bench.sim.messages(ops).pop().unwrap().id, words.id);
        bench.finish().await;
    }
}
