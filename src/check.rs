//! `noticebot check`: whether the bot can do its job, and what to mend if not;
//! and `noticebot healthcheck`, the question to a running one.
//!
//! Scopes are tried by calls that can change nothing: they name a chat and a
//! message that do not exist, and the platform looks at scopes before it looks
//! for those.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::body::Body;
use axum::http::{Request, header};
use feishu::{
    AnnouncementKind, Block, BlockId, BotInfo, Chat, ChatId, Client, Clock, CreateChildren, Error,
    MessageId, TopNotice, Who,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config::{Config, Receive};
use crate::server;
use crate::store::{self, DatabaseUrl, Inspected};
use crate::telemetry::Metrics;
use crate::transport::long_connection::{Unconnected, remedy};

/// Ids of the right form that nothing has.
const NO_CHAT: &str = "oc_00000000000000000000000000000000";
const NO_MESSAGE: &str = "om_00000000000000000000000000000000";
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

/// The answers to all questions, in order.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    verdict: Verdict,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    /// Works, but somebody should know.
    Note,
    Bad,
}

impl Report {
    /// Whether the bot can do its job.
    pub fn is_good(&self) -> bool {
        self.lines.iter().all(|line| line.verdict != Verdict::Bad)
    }

    fn good(&mut self, text: impl Into<String>) {
        self.add(Verdict::Good, text);
    }

    fn note(&mut self, text: impl Into<String>) {
        self.add(Verdict::Note, text);
    }

    fn bad(&mut self, text: impl Into<String>) {
        self.add(Verdict::Bad, text);
    }

    fn add(&mut self, verdict: Verdict, text: impl Into<String>) {
        let text = text.into();
        self.lines.push(Line { verdict, text });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            let sign = match line.verdict {
                Verdict::Good => "✓",
                Verdict::Note => "!",
                Verdict::Bad => "✗",
            };
            writeln!(f, "{sign} {}", line.text)?;
        }
        Ok(())
    }
}

/// Asks everything that can be asked without changing anything.
pub async fn check(config: Config, clock: Clock, chat: Option<&str>) -> Report {
    let mut report = Report::default();
    report.good("configuration: complete");
    if config.feishu.allow_plaintext {
        report.note("encryption: off; set an encrypt key in the developer console and `FEISHU_ENCRYPT_KEY`, and turn `FEISHU_ALLOW_PLAINTEXT` off");
    }
    check_store(&mut report, &config).await;
    match server::client(&config, clock, &Metrics::new(), None) {
        Ok(client) => check_platform(&mut report, &config, &client, chat).await,
        Err(error) => report.bad(format!("platform: {error:#}")),
    }
    report
}

async fn check_store(report: &mut Report, config: &Config) {
    let url = &config.store.database_url;
    let Ok(DatabaseUrl::Sqlite(path)) = DatabaseUrl::parse(url) else {
        return;
    };
    match store::inspect(path).await {
        Ok(Inspected::Writable) => report.good(format!("store: `{url}` can be written")),
        Ok(Inspected::InUse) => report.good(format!("store: `{url}` is in use by a noticebot that runs")),
        Ok(Inspected::Missing { folder_is_there: true }) => {
            report.note(format!("store: `{url}` is made at the first start"));
        }
        Ok(Inspected::Missing { folder_is_there: false }) => report.bad(format!(
            "store: the folder of `{url}` is not there: make it, or set `NOTICEBOT_DATABASE_URL`"
        )),
        Err(error) => report.bad(format!("store: `{url}` cannot be written ({error:#}): check the disk's space and the file's rights")),
    }
}

async fn check_platform(report: &mut Report, config: &Config, client: &Client, chat: Option<&str>) {
    let platform = config.feishu.platform();
    if let Err(error) = client.check_credentials().await {
        let app = &config.feishu.app_id;
        report.bad(match error.code() {
            Some(10_003) => format!("credentials: {platform} knows no app `{app}`: check `FEISHU_APP_ID`, and `FEISHU_REGION` if the app lives on the other platform"),
            Some(10_014 | 10_015) => format!("credentials: the secret of `{app}` is wrong, or the app is not enabled: check `FEISHU_APP_SECRET`"),
            Some(code) => format!("credentials: {platform} refused with code {code}{}", log_id(&error)),
            None if matches!(error, Error::InvalidResponse { .. }) => format!("platform: {platform} does not answer like Feishu ({error}): check `FEISHU_BASE_URL`"),
            None => format!("platform: {platform} cannot be reached ({error}): check the network, the proxy and `FEISHU_BASE_URL`"),
        });
        return;
    }
    report.good(format!("credentials: accepted by {platform}"));
    match client.bot_info().await {
        Ok(info) if info.activate_status == BotInfo::ACTIVE => report.good(format!("bot: `{}` is active", info.app_name)),
        Ok(info) => report.bad(format!("bot: its status is {}, not active: enable the bot ability and publish a version in the developer console", info.activate_status)),
        Err(error) => report.bad(format!("bot: not found ({error}{}): enable the bot ability and publish a version in the developer console", log_id(&error))),
    }
    check_scopes(report, client).await;
    match config.feishu.receive {
        Receive::Webhook => report.note("encrypt key and verification token: not checked; the developer console tells whether they fit when it saves the request URL"),
        Receive::LongConnection => check_long_connection(report, client).await,
    }
    report.note("group messages: whether plain `/pin` is heard, or only `@bot /pin`, depends on `im:message.group_msg`, which the platform shows only in the developer console");
    if let Some(chat) = chat {
        check_chat(report, config, client, &ChatId::from(chat)).await;
    }
}

/// Asks where to connect, and does not: an event might come over that
/// connection.
async fn check_long_connection(report: &mut Report, client: &Client) {
    match client.long_connection_endpoint().await {
        Ok(_) => report.good("long connection: the platform offers one; whether events are sent over it depends on the app's event configuration in the developer console"),
        Err(error) => {
            let error = Unconnected::from(error);
            let remedy = remedy(&error).unwrap_or("try again later, and check the network and the proxy");
            report.bad(format!("long connection: {error}: {remedy}"));
        }
    }
}

async fn check_scopes(report: &mut Report, client: &Client) {
    let (chat, message) = (ChatId::from(NO_CHAT), MessageId::from(NO_MESSAGE));
    let parent = BlockId::new(NO_CHAT);
    let nothing = CreateChildren::<Block> {
        parent: &parent,
        index: 0,
        children: &[],
        revision_id: -1,
        client_token: "",
    };
    let tried = [
        (
            "reading a group's settings",
            client.get_chat(&chat).await.err(),
        ),
        (
            "putting a top notice",
            client
                .put_top_notice(&chat, TopNotice::Message(&message))
                .await
                .err(),
        ),
        (
            "reading which kind an announcement is",
            client.get_docx_announcement(&chat).await.err(),
        ),
        (
            "reading an announcement of the old kind",
            client.get_announcement(&chat).await.err(),
        ),
        (
            "writing an announcement of the old kind",
            client.patch_announcement(&chat, 0, &[]).await.err(),
        ),
        (
            "writing an announcement of the new kind",
            client.create_docx_children(&chat, nothing).await.err(),
        ),
        (
            "reading a message",
            client.get_message(&message).await.err(),
        ),
        (
            "replying",
            client.reply(&message, "noticebot", "").await.err(),
        ),
        (
            "reacting",
            client.add_reaction(&message, "DONE").await.err(),
        ),
    ];
    for (what, refusal) in tried {
        match refusal {
            Some(Error::Api(api)) if Error::from(api.clone()).is_scope_missing() => report.bad(format!(
                "{what}: the app lacks a scope: grant one of {} in the developer console and publish a version",
                scopes(&api.missing_scopes)
            )),
            Some(error) if says_nothing_of_scopes(&error) => {
                report.bad(format!("{what}: not tried ({error}{})", log_id(&error)));
            }
            // The chat and the message do not exist, so any other refusal comes
            // from behind the check of scopes.
            Some(_) | None => report.good(format!("{what}: granted")),
        }
    }
}

/// Whether a refusal came before the platform looked at scopes, or tells that
/// the bot cannot work at all.
fn says_nothing_of_scopes(error: &Error) -> bool {
    const BOT_UNAVAILABLE: [i64; 6] = [99_991_401, 230_006, 232_025, 232_034, 1_772_025, 1_772_034];
    error.is_retryable()
        || error.is_app_refused()
        || error
            .code()
            .is_none_or(|code| BOT_UNAVAILABLE.contains(&code))
}

async fn check_chat(report: &mut Report, config: &Config, client: &Client, chat: &ChatId) {
    let group = match client.get_chat(chat).await {
        Ok(group) => group,
        Err(error) => {
            report.bad(format!("chat `{chat}`: cannot be read ({error}{}): check the id, and add the bot to the group", log_id(&error)));
            return;
        }
    };
    let leads = group
        .bot_manager_ids
        .iter()
        .any(|app| app.as_str() == config.feishu.app_id);
    let role = if leads { "an admin" } else { "no admin" };
    report.good(format!(
        "chat `{}`: readable; the bot is {role} there",
        group.name
    ));
    if group.pin_manage_setting.is_none() && !leads {
        report.note("top notice: the platform does not say who may manage it in this group");
    } else {
        check_right(report, "top notice", leads, group.pin_manage_setting);
    }
    check_right(report, "announcement", leads, group.edit_permission);
    check_kind(report, client, chat).await;
    check_member(report, &group);
}

fn check_right(report: &mut Report, what: &str, leads: bool, setting: Option<Who>) {
    if leads || setting == Some(Who::AllMembers) {
        report.good(format!("{what}: the bot may change it"));
    } else {
        report.bad(format!("{what}: the group leaves it to its owner and admins: make the bot an admin of the group, or open the setting to all members"));
    }
}

async fn check_kind(report: &mut Report, client: &Client, chat: &ChatId) {
    match client.get_docx_announcement(chat).await {
        Ok(info) => {
            let kind = match info.kind {
                AnnouncementKind::Doc => "old (doc)",
                AnnouncementKind::Docx => "new (docx)",
            };
            report.good(format!("announcement: of the {kind} kind"));
        }
        Err(error) => report.bad(format!(
            "announcement: cannot be read ({error}{})",
            log_id(&error)
        )),
    }
}

fn check_member(report: &mut Report, group: &Chat) {
    let open = |setting: Option<Who>| match setting {
        Some(Who::AllMembers) => "all members",
        Some(Who::OnlyOwner | Who::Other) => "owner and admins",
        None => "not said by the platform",
    };
    report.note(format!(
        "members: managing top notices: {}; editing the announcement: {}",
        open(group.pin_manage_setting),
        open(group.edit_permission)
    ));
}

fn scopes(missing: &[String]) -> String {
    let quoted: Vec<String> = missing.iter().map(|scope| format!("`{scope}`")).collect();
    quoted.join(", ")
}

fn log_id(error: &Error) -> String {
    error
        .log_id()
        .map_or_else(String::new, |id| format!(", log id {id}"))
}

/// Asks the bot that listens there whether it is ready.
///
/// # Errors
///
/// When it does not answer, or answers that it is not.
pub async fn healthcheck(listen: SocketAddr) -> anyhow::Result<()> {
    let address = SocketAddr::new(reachable(listen.ip()), listen.port());
    let answer = timeout(HEALTH_TIMEOUT, ask(address))
        .await
        .with_context(|| format!("`{address}` did not answer in time"))?
        .with_context(|| format!("asking `{address}`"))?;
    ensure!(
        answer.is_success(),
        "not ready: `/readyz` answered {answer}"
    );
    Ok(())
}

/// A listener on every address is reached through the loopback one.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

async fn ask(address: SocketAddr) -> anyhow::Result<axum::http::StatusCode> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get("/readyz")
        .header(header::HOST, address.to_string())
        .body(Body::empty())?;
    let answer = async { Ok::<_, anyhow::Error>(sender.send_request(request).await?.status()) };
    // The connection has to be driven while its answer is awaited.
    tokio::select! {
        answer = answer => answer,
        ended = connection => {
            ended?;
            anyhow::bail!("the connection was closed")
        }
    }
}
