//! The bot, and what the SDKs encrypt and sign brought to its webhook.

use feishu_sim::{ChatSpec, Simulator, TopNotice};
use noticebot::config::Config;
use noticebot::{Clock, Server};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::driver::{Driver, Sdk};

/// The bot at work, until this is dropped.
pub(crate) struct Bot {
    /// Where it takes events.
    pub(crate) webhook: String,
    tasks: JoinSet<anyhow::Result<()>>,
    _folder: TempDir,
}

impl Bot {
    pub(crate) async fn start(sim: &Simulator) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let app = sim.app();
        let settings = [
            ("FEISHU_APP_ID", app.app_id),
            ("FEISHU_APP_SECRET", app.app_secret),
            ("FEISHU_ENCRYPT_KEY", app.encrypt_key.unwrap()),
            ("FEISHU_VERIFICATION_TOKEN", app.verification_token),
            ("FEISHU_BASE_URL", sim.base_url()),
            ("NOTICEBOT_LISTEN", "127.0.0.1:0".to_owned()),
            ("NOTICEBOT_ADMIN_LISTEN", "127.0.0.1:0".to_owned()),
            (
                "NOTICEBOT_DATABASE_URL",
                format!("sqlite://{}", folder.path().join("bot.db").display()),
            ),
        ];
        let config = Config::read(None, &settings.into_iter().collect()).unwrap();
        let server = Server::bind(config, Clock::system()).await.unwrap();
        let address = server.public_address().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(server.run(CancellationToken::new()));
        Self {
            webhook: format!("http://{address}/webhook/event"),
            tasks,
            _folder: folder,
        }
    }

    /// Cuts it off.
    pub(crate) async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

#[tokio::test]
async fn the_bot_accepts_events_encrypted_by_sdks() {
    let sim = Simulator::builder().follow_system_clock();
    let sim = sim.start().await.unwrap();
    let bot = Bot::start(&sim).await;
    let mei = sim.add_person("Mei");
    for sdk in Sdk::ALL {
        let mut driver = Driver::start(sdk).await;
        let chat = sim.add_chat(ChatSpec::named("Ops").owner(&mei));
        let mei = sim.as_person(&mei).in_chat(&chat);
        let notice = mei.say("Power off at nine").id;
        // The SDK brings the event, the platform does not.
        let command = mei.reply_to(&notice).say("/pin");
        assert!(command.push.is_none());
        let app = sim.app();
        let mut order = json!({
            "url": bot.webhook, "encrypt_key": app.encrypt_key, "sign": false,
            "envelope": {
                "challenge": "置顶 1", "token": app.verification_token, "type": "url_verification",
            },
        });
        let answer = driver.ask("push", order.clone()).await;
        let challenge = json!({"challenge": "置顶 1"}).to_string();
        assert_eq!(answer, json!({"status": 200, "body": challenge}), "{sdk:?}");

        order["envelope"] = sim.envelope_for(&command.id);
        let answer = driver.ask("push", order.clone()).await;
        assert_eq!(answer["status"], 401, "{sdk:?}, not signed: {answer}");
        order["sign"] = json!(true);
        let answer = driver.ask("push", order).await;
        assert_eq!(answer["status"], 200, "{sdk:?}: {answer}");
        let on_top = Some(TopNotice::Message(notice));
        let acted = |state: &feishu_sim::State| {
            let put = state.top_notice(&chat).cloned() == on_top;
            (put && !state.reactions(&command.id).is_empty()).then_some(())
        };
        sim.wait_for("the notice on top", acted).await;
    }
    bot.stop().await;
    sim.finish();
}
