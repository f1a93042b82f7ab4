//! `noticebot jobs dump`: what it leaves out, and that another bot can run what is left.

use std::time::Duration;

use feishu_sim::AnnouncementKind::Docx;
use feishu_sim::Endpoint;
use serde_json::Value;

use crate::harness::Bench;

const TEXT: &str = "Party 下周五, call Lin at 13800138000 or https://intra.example.com/Plan";
/// The same with every letter and digit replaced.
const MASKED: &str = "Xxxxx 某某某, xxxx Xxx xx 00000000000 xx https://xxxxx.xxxxxxx.xxx/Xxxx";

/// The job of an announcement that was given up before its first call.
async fn given_up(bench: &Bench) -> (Value, String) {
    let group = bench.group(Docx);
    bench
        .sim
        .rate_limit(Endpoint::CreateChildren, Duration::from_hours(1));
    let command = bench.say(&group, &format!("/announce --top {TEXT}")).id;
    let step = Duration::from_secs(10);
    bench
        .wait_in_steps_of(step, "the word", |state| {
            state.answers_to(&command).first().cloned()
        })
        .await;
    bench.idle().await;
    let admin = bench.admin().await;
    let filter = noticebot::admin::JobFilter {
        chat: Some(group.to_string()),
        limit: 1,
        ..Default::default()
    };
    let job: Value = serde_json::from_str(&admin.list_jobs(filter, true).await.unwrap()).unwrap();
    let id = job["id"].to_string();
    (job, id)
}

async fn dump(bench: &Bench, id: &str, with_text: bool) -> String {
    let admin = bench.admin().await;
    admin.dump_job(id, with_text).await.unwrap()
}

#[tokio::test]
async fn dump_replaces_ids_and_texts() {
    let bench = Bench::new().await;
    let (job, id) = given_up(&bench).await;
    let json = dump(&bench, &id, false).await;
    let with_text = dump(&bench, &id, true).await;
    let ids = [
        job["chat"].as_str().unwrap(),
        job["origin"].as_str().unwrap(),
        bench.member.open_id.as_str(),
        &bench.sim.app().app_id,
    ];
    for id in ids {
        for dumped in [&json, &with_text] {
            assert!(!dumped.contains(id), "{id} in {dumped}");
        }
    }
    for word in ["Party", "Lin", "下周五", "13800138000", "intra"] {
        assert!(!json.contains(word), "{word} in {json}");
        assert!(with_text.contains(word), "{word} not in {with_text}");
    }
    let dumped: Value = serde_json::from_str(&json).unwrap();
    let job = &dumped["job"];
    let event = &job["payload"]["event"];
    assert_eq!(event["message"]["chat_id"], job["chat"]);
    assert_eq!(event["message"]["message_id"], job["origin"]);
    let content = event["message"]["content"].as_str().unwrap();
    let content: Value = serde_json::from_str(content).unwrap();
    assert_eq!(content["text"], format!("/announce --top {MASKED}"));
    assert_eq!(
        job["outcome"]["refused"]["cause"]["unreachable"]["call"],
        "write_announcement"
    );
    assert_eq!(job["state"], "dead");
    bench.finish().await;
}

#[tokio::test]
async fn dumped_job_runs_in_another_store() {
    let bench = Bench::new().await;
    let (_, id) = given_up(&bench).await;
    let fixture = dump(&bench, &id, false).await;
    bench.finish().await;

    // The people and the group of the other platform take the places of the stand-ins.
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let command = bench.say_unpushed(&group, "the command was a message");
    let value: Value = serde_json::from_str(&fixture).unwrap();
    let job = &value["job"];
    let sender = &job["payload"]["event"]["sender"]["sender_id"];
    let mut here = fixture.clone();
    for (stand_in, id) in [
        (&job["app"], bench.sim.app().app_id.as_str()),
        (&job["chat"], group.as_str()),
        (&job["origin"], command.as_str()),
        (&sender["open_id"], bench.member.open_id.as_str()),
        (&sender["user_id"], bench.member.user_id.as_str()),
        (&sender["union_id"], bench.member.union_id.as_str()),
    ] {
        here = here.replace(stand_in.as_str().unwrap(), id);
    }
    let value: Value = serde_json::from_str(&here).unwrap();
    bench.insert_job(&value["job"]).await;
    let reference = value["job"]["reference"].as_str().unwrap();
    let mut admin = bench.admin().await;
    admin.retry_job(reference).await.unwrap();
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    let lines = bench.sim.announcement_text(&group);
    assert_eq!(lines.first().map(String::as_str), Some(MASKED), "{lines:?}");
    bench.finish().await;
}
