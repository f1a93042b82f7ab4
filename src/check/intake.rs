//! What brings events in.

use std::time::Duration;

use feishu::long_connection::Connector;
use feishu::{Client, ExtraRoots};
use secrecy::ExposeSecret as _;
use tokio::time::timeout;

use super::Report;
use super::store::Kept;
use crate::config::{Config, FeishuConfig, Receive};
use crate::healthcheck;
use crate::transport::long_connection::{LongConnectionError, remedy};

/// A bot that runs on this machine answers at once.
const NEAR: Duration = Duration::from_millis(500);

/// What protects the events; that it is all there is a matter of valid settings.
pub(super) fn secrets(report: &mut Report, config: &FeishuConfig) {
    const NAME: &str = "secrets";
    let previous = [
        &config.previous_encrypt_key,
        &config.previous_verification_token,
    ];
    if config.receive == Receive::LongConnection {
        report.good(NAME, "for a long connection App ID and App Secret are all");
    } else if config.allow_plaintext {
        report.hint(
            NAME,
            "there is no encrypt key: nothing but the verification token protects the webhook",
            "make an encrypt key under \"Encryption Strategy\" in the developer console, set `FEISHU_ENCRYPT_KEY`, and turn `FEISHU_ALLOW_PLAINTEXT` off",
        );
    } else if previous
        .iter()
        .any(|secret| !secret.expose_secret().is_empty())
    {
        report.hint(
            NAME,
            "the encrypt key or the verification token before is taken, too",
            "once the developer console has the new ones and `noticebot_previous_secrets_total` rises no more, unset `FEISHU_PREVIOUS_ENCRYPT_KEY` and `FEISHU_PREVIOUS_VERIFICATION_TOKEN`",
        );
    } else {
        report.good(NAME, "encrypt key and verification token are set");
    }
}

/// Says what was not asked.
pub(super) fn no_url(report: &mut Report, config: &FeishuConfig) {
    if config.receive == Receive::Webhook {
        report.note(
            "request URL",
            "not tried: `--url https://…/webhook/event` tries the one that stands in the developer console",
        );
    }
}

/// Opens a connection and closes it, unless the bot that runs here has one: an event that came over
/// ours would be delivered again, but late.
pub(super) async fn long_connection(
    report: &mut Report,
    config: &Config,
    roots: &ExtraRoots,
    client: &Client,
) {
    const NAME: &str = "long connection";
    if config.feishu.receive != Receive::LongConnection {
        return;
    }
    let metrics = healthcheck::ask(config.server.admin_listen, "/metrics");
    if let Ok(Ok((_, metrics))) = timeout(NEAR, metrics).await
        && metrics.contains("\nnoticebot_long_connection_up 1\n")
    {
        report.good(NAME, "the bot that runs here has one");
        return;
    }
    match open_and_close(config, roots, client).await {
        Ok(()) => report.good(NAME, "opens"),
        Err(error) => {
            let known = error.downcast_ref().and_then(remedy);
            let else_ = "check the network and the proxy, and try again later";
            report.bad(NAME, format!("{error:#}"), known.unwrap_or(else_));
        }
    }
}

async fn open_and_close(
    config: &Config,
    roots: &ExtraRoots,
    client: &Client,
) -> anyhow::Result<()> {
    let endpoint = client.long_connection_endpoint().await;
    let endpoint = endpoint.map_err(LongConnectionError::from)?;
    let connector = Connector::new(&config.proxies, roots.clone(), config.feishu.timeout)?;
    let connection = connector.connect(&endpoint).await;
    connection.map_err(LongConnectionError::from)?.close().await;
    Ok(())
}

/// Whether events are subscribed to: no call tells, but the commands that came do.
pub(super) fn commands(report: &mut Report, kept: &Kept) {
    const NAME: &str = "commands";
    match kept.last_command {
        Some(at) => report.good(NAME, format!("the last one came in at {at}")),
        None => report.hint(
            NAME,
            "none has come in yet, and the platform does not tell which events it sends",
            "under \"Events & Callbacks\" in the developer console, say how events are sent, add `im.message.receive_v1`, create a version, and have it approved; then type `/help` in a group that the bot is in",
        ),
    }
}
