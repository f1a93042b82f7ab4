//! The pretend Feishu with its people and groups, and the bot beside it.

use std::time::Duration;

use anyhow::Context as _;
use feishu_sim::{AnnouncementKind, App, ChatId, ChatSpec, Person, Simulator, WhoMay};
use jiff::Timestamp;
use noticebot::config::{Config, Environment};
use noticebot::{Clock, ClockHand, Server, telemetry};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long the bot waits for an answer; short, as people watch it wait.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// How often the bot is asked whether it is done.
const GLANCE: Duration = Duration::from_millis(2);
/// What passes on clocks set by hand between two such questions.
const TICK: Duration = Duration::from_millis(250);
/// Clocks set by hand stand at a multiple of this, ten minutes, when a line is
/// typed, so that no date depends on how long the bot took.
const TURN_MS: u64 = 10 * 60 * 1000;

/// How time passes for the bot and the pretend Feishu.
#[derive(Clone, Copy)]
pub(crate) enum Time {
    /// As for everybody.
    Real,
    /// In jumps, so that nobody waits.
    ByHand,
}

/// A group on the stage.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) kind: AnnouncementKind,
    pub(crate) chat: ChatId,
}

/// Everything that a conversation needs.
pub(crate) struct Stage {
    pub(crate) sim: Simulator,
    /// The owner of all groups, then a member.
    pub(crate) people: [Person; 2],
    pub(crate) groups: [Group; 3],
    hand: Option<ClockHand>,
    bot: Bot,
    /// How often the bot had put something off when it was last done.
    put_off: u64,
}

impl Stage {
    /// Starts everything.
    pub(crate) async fn set(time: Time, log: bool) -> anyhow::Result<Self> {
        let builder = Simulator::builder();
        let (sim, clock, hand) = match time {
            Time::Real => (
                builder.follow_system_clock().start().await?,
                Clock::system(),
                None,
            ),
            Time::ByHand => {
                let sim = builder.start().await?;
                let now = i64::try_from(sim.clock().now_ms())?;
                let (clock, hand) = Clock::manual(Timestamp::from_millisecond(now)?);
                (sim, clock, Some(hand))
            }
        };
        let people = ["Olga", "Mei"].map(|name| sim.add_person(name));
        // What is said before the bot comes, nobody tells it.
        let groups = PLANS.map(|plan| plan.found(&sim, &people));
        let bot = Bot::start(&sim, clock, log).await?;
        sim.set_webhook(&bot.webhook);
        Ok(Self {
            sim,
            people,
            groups,
            hand,
            bot,
            put_off: 0,
        })
    }

    /// Waits until the bot has done what was said to it.
    pub(crate) async fn settle(&mut self) -> anyhow::Result<()> {
        loop {
            let glance = self.bot.glance().await?;
            if glance.open_jobs == 0 {
                self.put_off = glance.put_off;
                self.pass_turn();
                return Ok(());
            }
            // Until the bot has chosen to wait, clocks set by hand stand still:
            // what it chooses must not depend on how busy this machine is.
            if glance.put_off > self.put_off {
                self.pass(TICK);
                // Time for what comes after the wait.
                tokio::time::sleep(9 * GLANCE).await;
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Stops the bot in order.
    pub(crate) async fn strike(mut self) -> anyhow::Result<()> {
        self.bot.stop.cancel();
        while let Some(ended) = self.bot.tasks.join_next().await {
            ended??;
        }
        self.sim.shutdown().await;
        Ok(())
    }

    fn pass_turn(&self) {
        let past = self.sim.clock().now_ms() % TURN_MS;
        self.pass(Duration::from_millis(TURN_MS - past));
    }

    /// Lets time pass that does not pass by itself.
    fn pass(&self, time: Duration) {
        if let Some(hand) = &self.hand {
            self.sim.clock().advance(time);
            hand.advance(time);
        }
    }
}

/// A bot at work, with a database that lives as long as it does.
struct Bot {
    webhook: String,
    metrics: String,
    http: reqwest::Client,
    stop: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
    _folder: TempDir,
}

impl Bot {
    async fn start(sim: &Simulator, clock: Clock, log: bool) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let database = format!("sqlite://{}", folder.path().join("noticebot.db").display());
        let mut config = Config::read(None, &environment(sim.app(), sim.base_url(), database))?;
        config.feishu.timeout = CALL_TIMEOUT;
        if log {
            telemetry::init(&config.log)?;
        }
        let server = Server::bind(config, clock).await?;
        let stop = CancellationToken::new();
        let webhook = format!("http://{}/webhook/event", server.public_address()?);
        let metrics = format!("http://{}/metrics", server.admin_address()?);
        let mut tasks = JoinSet::new();
        tasks.spawn(server.run(stop.clone()));
        Ok(Self {
            webhook,
            metrics,
            http: reqwest::Client::builder()
                .tls_certs_only([])
                .no_proxy()
                .build()?,
            stop,
            tasks,
            _folder: folder,
        })
    }

    async fn glance(&self) -> anyhow::Result<Glance> {
        let answer = self.http.get(&self.metrics).send().await;
        let text = answer.context("the bot does not answer")?.text().await?;
        let number = |name: &str| {
            let value = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
            text.lines().find_map(value)
        };
        Ok(Glance {
            open_jobs: number("noticebot_open_jobs").context("the bot does not count its jobs")?,
            put_off: number("noticebot_retries_total").unwrap_or(0),
        })
    }
}

/// The bot's metrics at one moment.
struct Glance {
    open_jobs: u64,
    /// How often it put something off, to try it again later.
    put_off: u64,
}

/// What an admin would set.
fn environment(app: App, platform: String, database: String) -> Environment {
    let anywhere = || "127.0.0.1:0".to_owned();
    let variables = [
        ("FEISHU_APP_ID", app.app_id),
        ("FEISHU_APP_SECRET", app.app_secret),
        ("FEISHU_ENCRYPT_KEY", app.encrypt_key.unwrap_or_default()),
        ("FEISHU_VERIFICATION_TOKEN", app.verification_token),
        ("FEISHU_BASE_URL", platform),
        ("NOTICEBOT_LISTEN", anywhere()),
        ("NOTICEBOT_ADMIN_LISTEN", anywhere()),
        ("NOTICEBOT_DATABASE_URL", database),
    ];
    variables.into_iter().collect()
}

/// A group before anybody is in it.
struct Plan {
    name: &'static str,
    about: &'static str,
    kind: AnnouncementKind,
    who_may: WhoMay,
    message: &'static str,
    announcement: [&'static str; 2],
}

const PLANS: [Plan; 3] = [
    Plan {
        name: "Ops",
        about: "new announcement (docx); everybody may pin and announce",
        kind: AnnouncementKind::Docx,
        who_may: WhoMay::AllMembers,
        message: "Dinner on Friday at seven, in the Blue Room.",
        announcement: ["Welcome to Ops.", "The duty roster is in the wiki."],
    },
    Plan {
        name: "Club",
        about: "old announcement (doc); everybody may pin and announce",
        kind: AnnouncementKind::Doc,
        who_may: WhoMay::AllMembers,
        message: "We meet on Tuesdays.",
        announcement: ["Welcome to the club.", "Bring your own cup."],
    },
    Plan {
        name: "Board",
        about: "new announcement (docx); only owner and admins may",
        kind: AnnouncementKind::Docx,
        who_may: WhoMay::OnlyOwner,
        message: "The minutes are in the usual place.",
        announcement: ["This is the board.", "What is said here stays here."],
    },
];

impl Plan {
    /// The group, with its first message and with an announcement.
    fn found(&self, sim: &Simulator, [olga, mei]: &[Person; 2]) -> Group {
        let mut spec = ChatSpec::named(self.name)
            .owner(olga)
            .member(mei)
            .announcement(self.kind)
            .edit_permission(self.who_may)
            .pin_manage_setting(Some(self.who_may));
        if self.who_may == WhoMay::OnlyOwner {
            // Else the bot could do nothing there, for nobody.
            spec = spec.bot_is_admin();
        }
        let chat = sim.add_chat(spec);
        let olga = sim.as_person(olga).in_chat(&chat);
        olga.say(self.message);
        olga.edit_announcement(self.announcement);
        Group {
            name: self.name,
            about: self.about,
            kind: self.kind,
            chat,
        }
    }
}
