//! `noticebot check`: finds what prevents the bot from working, without changing anything.
//!
//! The report also names what could not be checked.

mod chat;
mod connections;
pub(crate) mod console;
mod groups;
mod intake;
mod members;
mod panel;
mod platform;
mod report;
mod request_url;
pub(crate) mod scopes;
mod store;
mod store_app;
mod subscriptions;

use feishu::{ChatId, Client, Clock, ExtraRoots};
use reqwest::Url;
use tokio::sync::mpsc::UnboundedSender;

pub use report::Report;
pub(crate) use report::{Check, Verdict};

use crate::command::Scope;
use crate::config::{AppType, Config, ConfigError};
use console::Console;
use platform::Probe;
use store::StoreFacts;

#[derive(Debug, Clone, Default)]
pub struct CheckOptions {
    /// The tenant of a store app whose scopes and groups are checked.
    pub tenant: Option<String>,
    /// The id of a group whose permissions are checked.
    pub chat: Option<String>,
    /// The request URL in the developer console.
    pub url: Option<Url>,
}

/// The report on invalid settings.
pub fn misconfigured(error: &ConfigError) -> Report {
    let mut report = Report::default();
    for problem in &error.problems {
        report.bad("configuration", &*problem.what, &*problem.remedy);
    }
    report
}

/// Checks a bot whose settings are valid.
pub async fn check(config: &Config, clock: Clock, options: &CheckOptions) -> Report {
    run(config, clock, options, None).await
}

/// The same; `listener` gets the result of each check when it is known.
pub(crate) async fn check_and_tell(
    config: &Config,
    clock: Clock,
    options: &CheckOptions,
    listener: UnboundedSender<Check>,
) -> Report {
    run(config, clock, options, Some(listener)).await
}

/// Checks one group with the client of a running bot.
pub(crate) async fn check_group(
    config: &Config,
    clock: &Clock,
    client: &Client,
    chat: &ChatId,
) -> Report {
    let mut report = Report::new(Console::new(&config.feishu));
    match config.tls.extra_roots() {
        Ok(roots) => {
            let url = config.store.database_url.url();
            let facts = StoreFacts::new(config, url, &roots, clock).await;
            chat::check(&mut report, config, client, &facts, chat.as_str()).await;
        }
        Err(error) => return misconfigured(&error),
    }
    report
}

async fn run(
    config: &Config,
    clock: Clock,
    options: &CheckOptions,
    listener: Option<UnboundedSender<Check>>,
) -> Report {
    let mut report = Report::new(Console::new(&config.feishu)).told_to(listener);
    match config.tls.extra_roots() {
        Ok(roots) => check_with(&mut report, config, &roots, clock, options).await,
        Err(error) => return misconfigured(&error),
    }
    report.tell();
    report
}

async fn check_with(
    report: &mut Report,
    config: &Config,
    roots: &ExtraRoots,
    clock: Clock,
    options: &CheckOptions,
) {
    report.good("configuration", "complete");
    intake::secrets(report, &config.feishu);
    let facts = store::check(report, config, roots, &clock).await;
    members::check(report, config, &facts).await;
    if let Some(url) = &options.url {
        request_url::check(report, config, roots, url).await;
    } else {
        intake::no_url(report, &config.feishu);
    }
    let platform = match Probe::new(config, &clock) {
        Ok(platform) => platform,
        Err(error) => {
            report.bad(
                "platform",
                format!("cannot create the client ({error:#})"),
                "check `tls.ca_file` and `feishu.base_url`",
            );
            return;
        }
    };
    let client = match config.feishu.app_type {
        AppType::Custom => Some(platform.client.clone()),
        AppType::Store => {
            let tenant = options.tenant.as_deref();
            let known = (&facts, &clock);
            store_app::check(report, config, known, &platform.client, tenant).await
        }
    };
    let Some(client) = client else {
        return;
    };
    if platform::credentials(report, config, &client).await {
        platform::clock(report, &platform);
        check_platform(report, config, &client, roots, &facts).await;
        if let Some(chat) = &options.chat {
            chat::check(report, config, &client, &facts, chat).await;
        }
    } else {
        report.note(
            "other checks",
            "skipped, because they need valid credentials",
        );
    }
}

/// Those of the bot's scopes that the tenant of a custom app has not granted, optional ones included. A
/// broader scope that replaces one does not count.
///
/// # Errors
///
/// When the client cannot be created, or the platform does not list the granted scopes.
pub async fn unapproved_scopes(config: &Config, clock: &Clock) -> anyhow::Result<Vec<Scope>> {
    let platform = Probe::new(config, clock)?;
    let unapproved = scopes::unapproved(&platform.client).await?;
    Ok(unapproved.iter().map(|missing| missing.scope).collect())
}

async fn check_platform(
    report: &mut Report,
    config: &Config,
    client: &Client,
    roots: &ExtraRoots,
    facts: &StoreFacts,
) {
    platform::bot(report, client).await;
    scopes::check(report, client).await;
    subscriptions::check(report, config, client, facts).await;
    connections::check(report, &config.feishu, client, facts).await;
    intake::long_connection(report, config, roots, client).await;
    intake::commands(report, facts);
    panel::check(report, config, client, facts).await;
    groups::check(report, client).await;
}
