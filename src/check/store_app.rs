//! Checks what only a store app has: its tickets and its tenants.

use feishu::{Client, Clock, Credentials, TenantKey};

use super::Report;
use super::console::Page;
use super::store::StoreFacts;
use crate::config::Config;
use crate::model::tenant::TenantState;
use crate::store_app;

/// Maximum number of listed tenants.
const LISTED: usize = 10;

/// The client for the tenant to check; `None` if there is none or no token for it.
pub(super) async fn check(
    report: &mut Report,
    config: &Config,
    (facts, clock): (&StoreFacts, &Clock),
    client: &Client,
    tenant: Option<&str>,
) -> Option<Client> {
    tickets(report, config, (facts, clock), client).await;
    let tenant = chosen(report, facts, tenant).await?;
    if !client.has_app_ticket() {
        return None;
    }
    Some(client.with_credentials(Credentials::Bot(tenant)))
}

/// Reports the newest ticket in the store, and gives all of them to the client.
async fn tickets(
    report: &mut Report,
    config: &Config,
    (facts, clock): (&StoreFacts, &Clock),
    client: &Client,
) {
    const NAME: &str = "app ticket";
    let now = clock.now();
    let sealed = facts.tickets(now).await;
    let tickets = store_app::open_tickets(&config.feishu.app_id, &config.feishu.app_secret, sealed);
    let newest = tickets.iter().map(|ticket| ticket.received_at).max();
    for ticket in tickets {
        client.add_app_ticket(ticket);
    }
    match newest {
        Some(newest) if client.has_app_ticket() => {
            let minutes = now.duration_since(newest).as_mins();
            report.good(NAME, format!("received {minutes} min ago"));
        }
        _ => {
            report.bad(
                NAME,
                "none that is valid, so the bot cannot call the platform",
                "start the bot, which asks for one, and check that the request URL is saved in the developer console: the ticket is pushed there within two minutes",
            );
            report.link(Page::Events);
        }
    }
}

/// Reports the tenants and returns the one to check: the named one, or the only one.
async fn chosen(report: &mut Report, facts: &StoreFacts, named: Option<&str>) -> Option<TenantKey> {
    const NAME: &str = "tenants";
    let tenants = facts.tenants().await;
    let shown = tenants.iter().take(LISTED);
    let shown = shown.map(|row| format!("`{}` ({})", row.key, row.state.as_str()));
    let shown = shown.collect::<Vec<_>>().join(", ");
    let more = tenants.len().saturating_sub(LISTED);
    match (tenants.is_empty(), more) {
        (true, _) => report.note(NAME, "none yet: the first event of each adds it"),
        (false, 0) => report.good(NAME, shown),
        (false, _) => report.good(NAME, format!("{shown} and {more} more")),
    }
    if let Some(named) = named {
        if !tenants.iter().any(|row| row.key.as_str() == named) {
            report.bad(
                NAME,
                format!("`{named}` is not one of them"),
                "name one that `noticebot tenants list` lists",
            );
            return None;
        }
        return Some(named.into());
    }
    let mut active = tenants
        .into_iter()
        .filter(|row| row.state == TenantState::Active);
    match (active.next(), active.next()) {
        (Some(only), None) => Some(only.key),
        (Some(_), Some(_)) => {
            report.note(
                "other checks",
                "skipped, because they need a tenant: name one with `--tenant`",
            );
            None
        }
        (None, _) => None,
    }
}
