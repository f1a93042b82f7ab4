//! `noticebot commands sync`.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use feishu::{CallRecord, Client, Clock, Credentials};

use super::{Memory, Panel, Plan, Reorder, Synced, lacks_scope, wanted};
use crate::config::{AppType, Config};
use crate::model::job::Tenant;
use crate::store::AdminStore;
use crate::text::printable;
use crate::{platform, store_app};

#[derive(Debug, Clone)]
pub struct SyncOptions {
    /// The tenant of a store app whose token is used.
    pub tenant: Option<String>,
    /// Show what would be changed.
    pub dry_run: bool,
    pub reorder: Reorder,
}

/// Reconciles the panel, and returns the report and whether the platform refused nothing.
///
/// # Errors
///
/// When the store or the platform fails, or another process changes the panel.
pub async fn sync_by_hand(
    config: &Config,
    clock: Clock,
    options: &SyncOptions,
) -> anyhow::Result<(String, bool)> {
    let panel = open(config, clock, options.tenant.as_deref()).await?;
    let synced = if options.dry_run {
        let plan = panel.look(options.reorder).await;
        plan.map(|plan| Synced {
            plan,
            refused: Vec::new(),
        })
    } else {
        panel.sync(options.reorder).await
    };
    let synced = match synced {
        Err(super::SyncError::Platform(error)) if lacks_scope(&error) => {
            return Err(anyhow::Error::new(error).context(
                "the app lacks a scope: grant `application:app_slash_command:read` and `application:app_slash_command:write` in the developer console, then create a version and have it approved",
            ));
        }
        synced => synced?,
    };
    Ok((report(&synced, options.dry_run), synced.refused.is_empty()))
}

async fn open(config: &Config, clock: Clock, tenant: Option<&str>) -> anyhow::Result<Panel> {
    config.validate()?;
    let clock = clock.uncorrected();
    let url = config.store.database_url.url();
    let store = AdminStore::open(url, &config.tls.extra_roots()?).await?;
    let on_call = |_: &CallRecord<'_>| {};
    let client = platform::client(config, clock.clone(), Arc::new(on_call), None, None)?;
    let app = &config.feishu.app_id;
    let (client, tenant) = match (config.feishu.app_type, tenant) {
        (AppType::Custom, None) => (client, Tenant::own(app)),
        (AppType::Custom, Some(_)) => {
            anyhow::bail!("only a store app has tenants: leave `--tenant` out")
        }
        (AppType::Store, key) => {
            let key = key.context("name one of the tenants with `--tenant`")?;
            let tenant = Tenant {
                app: app.clone(),
                key: key.into(),
            };
            (
                with_ticket(config, &clock, &store, client, &tenant).await?,
                tenant,
            )
        }
    };
    Ok(Panel {
        client,
        clock,
        tenant,
        memory: Memory::Admin(store),
        wanted: wanted(config.feishu.act_as, config.reply.language),
    })
}

/// A client with the tickets in the store, for one tenant.
async fn with_ticket(
    config: &Config,
    clock: &Clock,
    store: &AdminStore,
    client: Client,
    tenant: &Tenant,
) -> anyhow::Result<Client> {
    let sealed = store.tickets(&tenant.app, clock.now()).await?;
    for ticket in store_app::open_tickets(&tenant.app, &config.feishu.app_secret, sealed) {
        client.add_app_ticket(ticket);
    }
    ensure!(
        client.has_app_ticket(),
        "the store has no valid ticket of the app: start the bot, which asks for one"
    );
    Ok(client.with_credentials(Credentials::Bot(tenant.key.clone())))
}

fn report(synced: &Synced, dry_run: bool) -> String {
    let Synced { plan, refused } = synced;
    let mut out = String::new();
    let mut line = |past: &str, future: &str, names: Vec<&str>| {
        let names: Vec<_> = names
            .iter()
            .filter(|name| refused.iter().all(|(refused, _)| refused != *name))
            .map(|name| format!("/{name}"))
            .collect();
        if !names.is_empty() {
            let verb = if dry_run { future } else { past };
            let names = names.join(", ");
            let _ = writeln!(out, "{verb} {}", printable(&names));
        }
    };
    let Plan {
        deletions,
        updates,
        creations,
        ..
    } = plan;
    let deleted: Vec<_> = deletions.iter().map(|one| one.name.as_str()).collect();
    let updated = updates.iter().map(|(command, _)| command.name.as_str());
    // As the panel shows them.
    let created = creations.iter().rev().map(|wanted| wanted.name);
    let (moved, added): (Vec<_>, Vec<_>) = created.partition(|name| deleted.contains(name));
    line("Removed", "Would remove", plan.removed().collect());
    line("Updated", "Would update", updated.collect());
    line("Moved", "Would move", moved);
    line("Added", "Would add", added);
    line("Kept", "Would keep", plan.kept.clone());
    for name in &plan.taken {
        let _ = writeln!(
            out,
            "/{name}: another command has this name and stays as it is; `noticebot` did not make it"
        );
    }
    for name in &plan.left_out {
        let _ = writeln!(
            out,
            "/{name}: no room, because an app can have 100 commands"
        );
    }
    for (name, error) in refused {
        let text = error.to_string();
        let _ = writeln!(out, "/{}: refused ({})", printable(name), printable(&text));
    }
    if plan.has_calls() && !dry_run {
        out.push_str("Clients show changes after about five minutes.\n");
    }
    out
}
