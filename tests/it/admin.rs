//! The admin commands while the bot runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use feishu_sim::AnnouncementKind::{Doc, Docx};
use feishu_sim::{Endpoint, Fault, State, TopNotice};
use noticebot::admin::{Admin, Audit, JobFilter, JobState};
use noticebot::config::Config;
use noticebot::{Clock, Server};
use serde_json::Value;
use test_servers::Database;
use tokio::process::Command;

use crate::STORE;
use crate::harness::Bench;

impl Bench {
    async fn jobs(&self, states: &[JobState]) -> Vec<Value> {
        let list = JobFilter {
            states: states.to_vec(),
            tenant: None,
            chat: None,
            before: None,
            limit: 100,
        };
        objects(&self.admin().await.list_jobs(list, true).await.unwrap())
    }
}

fn objects(lines: &str) -> Vec<Value> {
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn audit(admin: &Admin, change: impl FnOnce(&mut Audit)) -> String {
    let mut audit = Audit {
        tenant: None,
        chat: None,
        since: "7d".to_owned(),
        with_text: false,
        json: false,
    };
    change(&mut audit);
    let mut out = Vec::new();
    admin.audit(&audit, &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

#[tokio::test]
async fn dead_jobs_are_retried_while_the_bot_runs() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let command = bench.pin_that_is_given_up(&group).await;

    let [dead] = &bench.jobs(&[]).await[..] else {
        panic!("one job was given up");
    };
    assert_eq!(dead["state"], "dead");
    assert_eq!(dead["outcome"], "unreachable");
    assert_eq!(dead["chat"], group.as_str());
    let reference = dead["reference"].as_str().unwrap();
    let mut admin = bench.admin().await;
    let shown = admin.show_job(reference, false, false).await.unwrap();
    assert!(shown.contains(command.as_str()), "{shown}");
    assert!(!shown.contains("/pin"), "what people wrote: {shown}");
    let shown = admin.show_job(reference, true, false).await.unwrap();
    assert!(shown.contains("/pin announcement"), "{shown}");

    bench.advance(Duration::from_hours(1));
    let text = admin.retry_job(reference).await.unwrap();
    assert!(text.contains("runs again"), "{text}");
    // The bot finds it out by itself.
    assert_eq!(bench.reaction(&command).await, "Pin");
    bench.idle().await;
    assert_eq!(bench.sim.top_notice(&group), Some(TopNotice::Announcement));
    assert!(bench.jobs(&[]).await.is_empty());
    // It has not failed, as its history has it.
    let rows = audit(&admin, |_| {}).await;
    assert_eq!(rows.lines().count(), 2, "{rows}");
    assert!(rows.contains("pin: done"), "{rows}");
    assert!(
        rows.contains("admin@command-line  admin_retry: done"),
        "{rows}"
    );
    bench.finish().await;
}

#[tokio::test]
async fn schedules_can_be_dropped_but_done_jobs_cannot() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let plan = bench.say(&group, "/announce --at tomorrow 9:00 dinner").id;
    bench.answer(&plan).await;
    bench.idle().await;
    let [planned] = &bench.jobs(&[JobState::Planned]).await[..] else {
        panic!("one plan");
    };
    assert_eq!(planned["number"], 1);
    assert_eq!(planned["kind"], "publish");
    let id = planned["id"].to_string();
    let mut admin = bench.admin().await;
    let refused = admin.retry_job(&id).await.unwrap_err();
    assert!(refused.to_string().contains("scheduled"), "{refused}");
    admin.drop_job(&id).await.unwrap();
    assert!(bench.jobs(&[JobState::Planned]).await.is_empty());
    let asked = bench.say(&group, "/history").id;
    let history = bench.answer(&asked).await;
    assert!(!history.contains("dinner"), "{history}");

    for (job, words) in [(id.as_str(), "is done"), ("77777", "no such job")] {
        for refused in [
            admin.retry_job(job).await.unwrap_err(),
            admin.drop_job(job).await.unwrap_err(),
        ] {
            assert!(refused.to_string().contains(words), "{refused}");
        }
    }
    let list = JobFilter {
        states: vec![JobState::Done],
        tenant: None,
        chat: Some(group.to_string()),
        before: None,
        limit: 2,
    };
    let table = admin.list_jobs(list.clone(), false).await.unwrap();
    assert_eq!(table.lines().count(), 3, "{table}");
    // The table and the full view name what JSON names.
    let json = admin.list_jobs(list.clone(), true).await.unwrap();
    let jobs = objects(&json);
    // A job that was dropped has no outcome.
    let done = jobs.iter().find(|job| !job["outcome"].is_null()).unwrap();
    let is_key = |words: &str| {
        done.get(words.trim().to_lowercase().replace(' ', "_"))
            .is_some()
    };
    let heads = table.lines().next().unwrap().split("  ");
    for head in heads.filter(|head| !head.trim().is_empty()) {
        assert!(is_key(head), "{head} in {done:#}");
    }
    let in_full = admin.show_job(&done["id"].to_string(), false, false).await;
    for line in in_full.unwrap().lines() {
        let name = line.split("  ").next().unwrap();
        assert!(is_key(name), "{name} in {done:#}");
    }
    let none = JobFilter {
        states: vec![JobState::Dead],
        tenant: None,
        ..list
    };
    let text = admin.list_jobs(none, false).await.unwrap();
    assert_eq!(text, format!("No jobs in state dead in {group}.\n"));
    bench.finish().await;
}

/// What a replacement has taken out is known to its job alone, until that is a change.
#[tokio::test]
async fn replaced_content_survives_drop_and_retry() {
    let bench = Bench::new().await;
    let group = bench.group(Doc);
    let editor = bench.sim.as_person(&bench.owner).in_chat(&group);
    editor.edit_announcement(["rules"]);
    let (write, read) = (Endpoint::PatchDocAnnouncement, Endpoint::GetDocAnnouncement);
    bench.sim.fault(write, Fault::LoseAnswer);
    let command = bench.say(&group, "/announce --replace new").id;
    let sent = |state: &State| state.calls_to(write).next().map(drop);
    bench.wait("the call", sent).await;
    bench.sim.rate_limit(read, Duration::from_hours(1));
    bench.settled().await;
    let [waiting] = &bench.jobs(&[JobState::Ready]).await[..] else {
        panic!("one job waits");
    };
    let id = waiting["id"].to_string();
    let mut admin = bench.admin().await;
    let refused = admin.drop_job(&id).await.unwrap_err();
    assert!(refused.to_string().contains("would be lost"), "{refused}");

    let text = |state: &State| state.answers_to(&command).first().cloned();
    bench
        .wait_in_steps_of(Duration::from_secs(1), "the answer", text)
        .await;
    bench.idle().await;
    let refused = admin.retry_job(&id).await.unwrap_err();
    assert!(refused.to_string().contains("`/undo`"), "{refused}");
    admin.drop_job(&id).await.unwrap();
    bench.advance(Duration::from_hours(1));
    let undo = bench.say(&group, "/undo").id;
    bench.answer(&undo).await;
    bench.idle().await;
    assert_eq!(bench.sim.announcement_text(&group), ["rules"]);
    bench.finish().await;
}

#[tokio::test]
async fn a_waiting_job_is_retried_at_once() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench.sim.set_api_down(true);
    let command = bench.say(&group, "/pin announcement").id;
    bench
        .wait_in_steps_of(Duration::from_secs(1), "some tries", |state| {
            (state.calls().len() > 8).then_some(())
        })
        .await;
    bench.settled().await;
    bench.sim.set_api_down(false);
    let [waiting] = &bench.jobs(&[JobState::Ready]).await[..] else {
        panic!("one job waits");
    };
    let mut admin = bench.admin().await;
    let text = admin.retry_job(&waiting["id"].to_string()).await.unwrap();
    assert!(text.contains("runs now"), "{text}");
    // Its time does not come, because the clock is stopped.
    let pinned = |state: &State| state.top_notice(&group).cloned();
    let top = bench.sim.wait_for("the top notice", pinned).await;
    assert_eq!(top, TopNotice::Announcement);
    bench.reaction(&command).await;
    bench.finish().await;
}

#[tokio::test]
async fn the_audit_contains_texts_only_on_request() {
    let bench = Bench::new().await;
    let (group, other) = (bench.group(Docx), bench.closed_group());
    let announced = bench.say(&group, "/announce dinner at seven").id;
    bench.reaction(&announced).await;
    bench.idle().await;
    bench.advance(Duration::from_hours(24));
    let denied = bench.say(&other, "/pin announcement").id;
    let answer = bench.answer(&denied).await;
    bench.idle().await;
    let admin = bench.admin().await;

    let all = audit(&admin, |audit| audit.json = true).await;
    let [first, second] = &objects(&all)[..] else {
        panic!("two rows: {all}");
    };
    assert_eq!(first["deed"], "announce");
    assert_eq!(first["result"], "done");
    assert_eq!(first["actor"], bench.member.open_id.as_str());
    assert_eq!(first["message"], announced.as_str());
    assert_eq!(second["result"], "denied");
    assert_eq!(second["chat"], other.as_str());
    let reference = second["reference"].as_str().unwrap();
    assert_eq!(reference.len(), 8, "{second}");
    assert!(!answer.contains(reference), "{answer}");
    assert!(!all.contains("dinner"), "{all}");
    let with_text = audit(&admin, |audit| audit.with_text = true).await;
    assert!(with_text.contains("dinner at seven"), "{with_text}");

    for (since, rows) in [
        ("2h", 1),
        ("3d", 2),
        ("2020-01-01", 2),
        ("2099-01-01T09:00", 0),
    ] {
        let shown = audit(&admin, |audit| audit.since = since.to_owned()).await;
        let lines = shown.lines().filter(|line| line.contains("oc_"));
        assert_eq!(lines.count(), rows, "{since}: {shown}");
        assert_eq!(shown.starts_with("No changes since "), rows == 0, "{shown}");
    }
    let of_chat = audit(&admin, |audit| audit.chat = Some(group.to_string())).await;
    assert_eq!(of_chat.lines().count(), 1, "{of_chat}");
    let strange = Audit {
        tenant: None,
        chat: None,
        since: "soon".to_owned(),
        with_text: false,
        json: false,
    };
    let refused = admin.audit(&strange, &mut Vec::new()).await.unwrap_err();
    assert!(refused.to_string().contains("`--since soon`"), "{refused}");
    bench.finish().await;
}

#[tokio::test]
async fn a_backup_of_a_running_bot_is_complete() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    for command in [
        "/announce one",
        "/announce --at tomorrow 9:00 \\two 'three'",
    ] {
        let said = bench.say(&group, command).id;
        bench
            .wait("an answer", |state| {
                let replies = state.answers_to(&said);
                let reactions = state.reactions(&said);
                replies.into_iter().chain(reactions).next()
            })
            .await;
    }
    bench.idle().await;
    let file = bench.folder.path().join("backup");
    let mut admin = bench.admin().await;
    let text = admin.back_up(&file).await.unwrap();
    assert!(text.starts_with("Wrote `"), "{text}");
    let refused = admin.back_up(&file).await.unwrap_err();
    assert!(format!("{refused:#}").contains("exists"), "{refused:#}");

    let (restored, _database) = restore(&bench.config(), &file).await;
    let restored_admin = Admin::open(&restored, bench.clock.clone()).await.unwrap();
    let list = JobFilter {
        states: vec![],
        tenant: None,
        chat: None,
        before: None,
        limit: 10,
    };
    let before = admin.list_jobs(list.clone(), true).await.unwrap();
    let after = restored_admin.list_jobs(list, true).await.unwrap();
    assert_eq!(before, after);
    assert!(after.contains("publish"), "{after}");
    let all = |audit: &mut Audit| {
        audit.json = true;
        audit.with_text = true;
    };
    let [before, after] = [audit(&admin, all).await, audit(&restored_admin, all).await];
    assert_eq!(before, after);
    // A bot runs on it.
    let server = Server::bind(restored, Clock::system()).await.unwrap();
    drop(server);
    bench.finish().await;
}

/// The settings of a bot on what was backed up.
async fn restore(config: &Config, file: &Path) -> (Config, Option<Database>) {
    let mut restored = config.clone();
    if STORE == "sqlite" {
        restored.store.database_url = format!("sqlite://{}", file.display()).parse().unwrap();
        return (restored, None);
    }
    let database = Database::create().await.unwrap();
    let loaded = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--single-transaction"])
        .args(["--set", "ON_ERROR_STOP=1", "--file"])
        .arg(PathBuf::from(file))
        .arg(database.url())
        .output()
        .await
        .unwrap();
    let words = String::from_utf8_lossy(&loaded.stderr);
    assert!(loaded.status.success(), "{words}");
    restored.store.database_url = database.url().parse().unwrap();
    (restored, Some(database))
}
