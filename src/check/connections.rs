//! Compares the open long connections with the running bots that the store knows.

use feishu::Client;

use super::Report;
use super::store::StoreFacts;
use crate::config::{FeishuConfig, Receive};
use crate::credentials::in_full;

pub(super) async fn check(
    report: &mut Report,
    config: &FeishuConfig,
    client: &Client,
    facts: &StoreFacts,
) {
    const NAME: &str = "connections";
    const STOP: &str = "stop other processes that use this app id, or let all bots use one PostgreSQL database; if a bot was restarted a moment ago, check again in some minutes";
    let online = match client.online_connections().await {
        Ok(online) => online,
        Err(error) => return report.note(NAME, format!("not counted ({})", in_full(&error))),
    };
    let running = facts.running;
    match (config.receive, online, running) {
        (Receive::Webhook, 0, _) => {}
        (Receive::Webhook, _, _) => report.hint(
            NAME,
            format!("{online} open, but this bot receives events by webhook: another process uses the app"),
            "stop it, or give it an app of its own",
        ),
        (Receive::LongConnection, 0, 1..) => report.hint(
            NAME,
            format!("none is open; bots running: {running}"),
            "see the bots' log and `/readyz`; if they were started a moment ago, check again in some minutes",
        ),
        (Receive::LongConnection, 1.., 0) => report.hint(
            NAME,
            format!("{online} open, but the store knows no running bot: another process receives the events"),
            STOP,
        ),
        (Receive::LongConnection, _, _) if online > running => report.bad(
            NAME,
            format!("{online} open, bots running: {running}; another process takes a share of the events"),
            STOP,
        ),
        (Receive::LongConnection, _, _) => {
            report.good(NAME, format!("{online} open, bots running: {running}"));
        }
    }
}
