//! Checks how events are received.

use std::time::Duration;

use feishu::long_connection::Connector;
use feishu::{Client, ExtraRoots};
use secrecy::ExposeSecret as _;
use tokio::time::timeout;

use super::Report;
use super::console::Page;
use super::store::StoreFacts;
use crate::config::{Config, FeishuConfig, Receive};
use crate::healthcheck;
use crate::transport::long_connection::{LongConnectionError, remedy};

/// A bot on this machine responds at once.
const LOCAL_TIMEOUT: Duration = Duration::from_millis(500);

/// The settings are valid, so none of the secrets is missing.
pub(super) fn secrets(report: &mut Report, config: &FeishuConfig) {
    const NAME: &str = "secrets";
    let previous = [
        &config.previous_encrypt_key,
        &config.previous_verification_token,
    ];
    if config.receive == Receive::LongConnection {
        report.good(
            NAME,
            "a long connection needs only the App ID and App Secret",
        );
    } else if config.allow_plaintext {
        report.hint(
            NAME,
            "no encrypt key is set, so only the verification token protects the webhook",
            "create an encrypt key under \"Encryption Strategy\" in the developer console, set `FEISHU_ENCRYPT_KEY`, and turn `FEISHU_ALLOW_PLAINTEXT` off",
        );
    } else if previous
        .iter()
        .any(|secret| !secret.expose_secret().is_empty())
    {
        report.hint(
            NAME,
            "the previous encrypt key or verification token is still accepted",
            "once the developer console has the new ones and `noticebot_previous_secrets_total` no longer increases, unset `FEISHU_PREVIOUS_ENCRYPT_KEY` and `FEISHU_PREVIOUS_VERIFICATION_TOKEN`",
        );
    } else {
        report.good(NAME, "encrypt key and verification token are set");
    }
}

pub(super) fn no_url(report: &mut Report, config: &FeishuConfig) {
    if config.receive == Receive::Webhook {
        report.note(
            "request URL",
            "not checked; pass the URL in the developer console as `--url https://…/webhook/event`",
        );
    }
}

/// Opens a connection and closes it, unless a bot on this machine has one.
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
    // Events that the platform sent over a second connection would be late.
    let metrics = healthcheck::ask(config.server.admin_listen, "/metrics");
    if let Ok(Ok((_, metrics))) = timeout(LOCAL_TIMEOUT, metrics).await
        && metrics.contains("\nnoticebot_long_connection_up 1\n")
    {
        report.good(NAME, "the bot on this machine has one");
        return;
    }
    match open_and_close(config, roots, client).await {
        Ok(()) => report.good(NAME, "can be opened"),
        Err(error) => {
            let known = error.downcast_ref().and_then(remedy);
            let default = "check the network and the proxy, and try again later";
            report.bad(NAME, format!("{error:#}"), known.unwrap_or(default));
            report.link(Page::App);
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

/// A received command proves that everything on its way works.
pub(super) fn commands(report: &mut Report, facts: &StoreFacts) {
    const NAME: &str = "commands";
    match facts.last_command {
        Some(at) => report.good(NAME, format!("the last one was received at {at}")),
        None => report.hint(
            NAME,
            "none received yet",
            "type `/help` in a group of the bot; if it does not answer, see the lines about events above, and whether \"Subscription mode\" under \"Events & Callbacks\" in the developer console is that of the bot",
        ),
    }
}
