//! `noticebot check`: whether the bot can do its job, and what to mend if not.
//!
//! Everything is asked that can be asked without changing anything. What cannot be
//! known is said, too, so that nobody takes silence for a yes.

mod chat;
mod groups;
mod intake;
mod platform;
mod report;
mod request_url;
mod scopes;
mod store;

use feishu::{Client, Clock, ExtraRoots};
use reqwest::Url;

pub use report::Report;

use crate::config::{Config, ConfigError};
use platform::Platform;
use store::Kept;

/// What to look at besides the bot itself.
#[derive(Debug, Clone, Default)]
pub struct Questions {
    /// A group, by its id: what the bot may do there, and who may have it done.
    pub chat: Option<String>,
    /// The request URL as the developer console has it.
    pub url: Option<Url>,
}

/// What there is to say of settings that cannot be worked with.
pub fn misconfigured(error: &ConfigError) -> Report {
    let mut report = Report::default();
    for problem in &error.problems {
        report.bad("configuration", &*problem.what, &*problem.remedy);
    }
    report
}

/// Asks all that can be asked; the settings are valid.
pub async fn check(config: &Config, clock: Clock, questions: &Questions) -> Report {
    let roots = match config.tls.extra_roots() {
        Ok(roots) => roots,
        Err(error) => return misconfigured(&error),
    };
    let mut report = Report::default();
    report.good("configuration", "complete");
    intake::secrets(&mut report, &config.feishu);
    let kept = store::check(&mut report, config, &roots, &clock).await;
    if let Some(url) = &questions.url {
        request_url::check(&mut report, config, &roots, url).await;
    } else {
        intake::no_url(&mut report, &config.feishu);
    }
    let platform = match Platform::new(config, &clock) {
        Ok(platform) => platform,
        Err(error) => {
            report.bad(
                "platform",
                format!("no call can be made ({error:#})"),
                "see what it says",
            );
            return report;
        }
    };
    if platform::credentials(&mut report, config, &platform).await {
        platform::clock(&mut report, &platform);
        on_platform(&mut report, config, &platform.client, &roots, &kept).await;
        if let Some(chat) = &questions.chat {
            chat::check(&mut report, config, &platform.client, &kept, chat).await;
        }
    } else {
        report.note("the rest", "not asked, as it takes accepted credentials");
    }
    report
}

async fn on_platform(
    report: &mut Report,
    config: &Config,
    client: &Client,
    roots: &ExtraRoots,
    kept: &Kept,
) {
    platform::bot(report, client).await;
    scopes::check(report, config, client).await;
    intake::long_connection(report, config, roots, client).await;
    intake::commands(report, kept);
    groups::check(report, client).await;
}
