//! A job that brings the bot down, beside others: real processes that are killed.

use std::time::Duration;

use feishu_sim::AnnouncementKind::Docx;
use feishu_sim::{ChatId, ChatSpec, Endpoint, Fault, MessageId, Person, Simulator, State};
use tempfile::TempDir;
use test_servers::Database;
use tokio::time::{sleep, timeout};

use crate::STORE;
use crate::process::{Serving, listening, on, platform};

/// Long enough for a start, a look at the database and a call on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
const GLANCE: Duration = Duration::from_millis(50);
const KILLS: usize = 5;

/// Where bots that follow each other keep their jobs.
struct Place {
    folder: TempDir,
    server: Option<Database>,
}

impl Place {
    async fn new() -> Self {
        let server = match STORE {
            "postgres" => Some(Database::create().await.unwrap()),
            _ => None,
        };
        let folder = tempfile::tempdir().unwrap();
        Self { folder, server }
    }

    async fn serve(&self, sim: &Simulator) -> Serving {
        let mut command = on(sim, &self.folder, &["serve"]);
        let file = || format!("sqlite://{}", self.folder.path().join("bot.db").display());
        let url = self.server.as_ref().map_or_else(file, Database::url);
        command.env("NOTICEBOT_DATABASE_URL", url);
        let bot = listening(command).await;
        sim.set_webhook(&format!("http://{}/webhook/event", bot.address));
        bot
    }

    /// Changes something beside the bot, which looks for work then.
    async fn execute(&self, statement: &str) {
        if let Some(server) = &self.server {
            let all = format!(
                "SET search_path = noticebot; {statement}; SELECT pg_notify('noticebot', 'everybody')"
            );
            return server.execute(&all).await.unwrap();
        }
        let file = rusqlite::Connection::open(self.folder.path().join("bot.db")).unwrap();
        file.execute_batch(statement).unwrap();
    }

    /// Kills the bot; where it had a lease, that is over.
    async fn kill(&self, mut bot: Serving) {
        bot.child.kill().await.unwrap();
        if self.server.is_some() {
            let over = "UPDATE replicas SET lease_until = lease_until - interval '1 h'";
            self.execute(over).await;
        }
    }

    /// Waits for something, while no job has to wait for its next attempt.
    async fn wait<T>(&self, sim: &Simulator, what: &str, see: impl Fn(&State) -> Option<T>) -> T {
        let waiting = async {
            loop {
                if let Some(seen) = sim.read(&see) {
                    return seen;
                }
                let now = "UPDATE jobs SET run_at = 0 WHERE state = 'ready' AND run_at > 0";
                self.execute(now).await;
                sleep(GLANCE).await;
            }
        };
        let seen = timeout(PATIENCE, waiting).await;
        seen.unwrap_or_else(|_| panic!("waited in vain for {what}\n{}", sim.conversation()))
    }
}

fn say(sim: &Simulator, owner: &Person, text: &str) -> (ChatId, MessageId) {
    let group = sim.add_chat(ChatSpec::named("Ops").owner(owner).announcement(Docx));
    let said = sim.as_person(owner).in_chat(&group).say(text).id;
    (group, said)
}

fn calls(state: &State, endpoint: Endpoint) -> usize {
    state.calls_to(endpoint).count()
}

/// Three announcements run beside the job at the first kill, and their first attempts are lost; at
/// the second one they are written, but the answers do not arrive.
#[tokio::test]
async fn jobs_beside_a_poisoned_one_are_done_once() {
    let (sim, place) = (platform().await, Place::new().await);
    let owner = sim.add_person("Olga");
    for _ in 0..KILLS {
        sim.fault(Endpoint::PutTopNotice, Fault::Hang);
    }
    for fault in [Fault::Hang, Fault::LoseAnswer] {
        for _ in 0..3 {
            sim.fault(Endpoint::CreateChildren, fault.clone());
        }
    }
    let mut bot = place.serve(&sim).await;
    let texts = ["one", "two", "three"];
    let innocent = texts.map(|text| say(&sim, &owner, &format!("/announce {text}")));
    let (_, poisoned) = say(&sim, &owner, "/pin announcement");
    for kill in 1..=KILLS {
        let written = 3 * kill.min(2);
        place
            .wait(&sim, "the calls before a kill", |state| {
                let hangs = calls(state, Endpoint::PutTopNotice) == kill;
                let together = calls(state, Endpoint::CreateChildren) >= written;
                (hangs && (together || kill > 2)).then_some(())
            })
            .await;
        place.kill(bot).await;
        bot = place.serve(&sim).await;
    }
    for ((group, said), text) in innocent.iter().zip(texts) {
        let done = |state: &State| {
            let reactions = state.reactions(said);
            let is_done = reactions.iter().any(|emoji| emoji == "Loudspeaker");
            is_done.then(|| state.announcement_text(group))
        };
        let written = place.wait(&sim, text, done).await;
        let times = written.iter().filter(|line| line.contains(text)).count();
        assert_eq!(times, 1, "{written:?}");
        assert!(sim.answers_to(said).is_empty(), "{}", sim.conversation());
    }
    // Kills in company do not count, so it is not given up either.
    let pinned = |state: &State| {
        let reactions = state.reactions(&poisoned);
        reactions.iter().any(|emoji| emoji == "Pin").then_some(())
    };
    place.wait(&sim, "the pin", pinned).await;
    place.kill(bot).await;
    sim.finish();
}
