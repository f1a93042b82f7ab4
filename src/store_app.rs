//! What only store apps have: tickets, and tenants that install and remove the app.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use feishu::{AppEvent, AppTicket, Client, Clock};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::model::job::Tenant;
use crate::model::tenant::TenantState;
use crate::platform::Platform;
use crate::sealed::SealingKey;
use crate::store::{Store, StoreError};

/// How often a replica without a ticket looks for one that another has received.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often it looks while it has one.
const REFRESH_EVERY: Duration = Duration::from_mins(10);
/// How long an event waits until the data of its tenant is erased.
const ERASE_TIMEOUT: Duration = Duration::from_secs(1);
/// How often the platform is asked for a ticket. It takes up to two minutes to push one.
const ASK_EVERY: Duration = Duration::from_mins(2);

/// Handles the events of a store app.
#[derive(Clone)]
pub(crate) struct StoreApp {
    app_id: String,
    store: Store,
    platform: Platform,
    clock: Clock,
    key: Arc<SealingKey>,
}

impl StoreApp {
    /// # Errors
    ///
    /// When no key can be derived from the app's secret.
    pub(crate) fn new(
        app_id: &str,
        app_secret: &SecretString,
        store: Store,
        platform: Platform,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let key = ticket_key(app_secret).context("deriving a key from the app's secret")?;
        Ok(Self {
            app_id: app_id.to_owned(),
            store,
            platform,
            clock,
            key: Arc::new(key),
        })
    }

    /// Handles an event that the platform sent at `sent_at`; what it changes is on disk when this
    /// returns.
    pub(crate) async fn handle(
        &self,
        event: AppEvent,
        tenant: Option<&Tenant>,
        sent_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let state = match event {
            AppEvent::Ticket(value) => return self.save_ticket(value, sent_at).await,
            AppEvent::Started => TenantState::Active,
            AppEvent::Stopped => TenantState::Stopped,
            AppEvent::Uninstalled => TenantState::Erased,
        };
        let Some(tenant) = tenant else {
            tracing::warn!("ignored an event about a tenant that it does not name");
            return Ok(());
        };
        if state == TenantState::Active && self.is_erased(tenant).await? {
            // The rest of an earlier installation must not mix with the new one.
            self.store.erase_tenant(tenant).await?;
        }
        let changed_at = sent_at.unwrap_or_else(|| self.clock.now());
        let saved = self.store.save_tenant_state(tenant, state, changed_at);
        if !saved.await? {
            tracing::info!(
                tenant.key = tenant.key.as_str(),
                tenant.state = state.as_str(),
                "ignored an old event about a tenant"
            );
            return Ok(());
        }
        tracing::info!(
            tenant.key = tenant.key.as_str(),
            tenant.state = state.as_str(),
            "a tenant changed"
        );
        if state == TenantState::Erased {
            self.platform.forget_tenant(&tenant.key);
            // The state is on disk, so the background task can finish what takes longer.
            let erasing = timeout(ERASE_TIMEOUT, self.store.erase_tenant(tenant));
            let _ = erasing.await;
        }
        Ok(())
    }

    async fn is_erased(&self, tenant: &Tenant) -> Result<bool, StoreError> {
        let erased = self.store.tenants_to_erase().await?;
        Ok(erased.iter().any(|row| row.key == tenant.key))
    }

    async fn save_ticket(
        &self,
        value: SecretString,
        sent_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        // A redelivery may come hours later.
        let now = self.clock.now();
        let received_at = sent_at.unwrap_or(now).min(now);
        // Without the store, this process can use it nevertheless.
        self.platform.client.add_app_ticket(AppTicket {
            value: value.clone(),
            received_at,
        });
        match self.key.seal(&value, &self.app_id) {
            Some(sealed) => self.store.save_ticket(&sealed, received_at).await,
            None => Ok(()),
        }
    }

    /// Loads the tickets that this or another replica received.
    async fn load_tickets(&self) {
        let sealed = self.store.tickets().await.unwrap_or_default();
        for ticket in opened(&self.key, &self.app_id, sealed) {
            self.platform.client.add_app_ticket(ticket);
        }
    }

    /// Keeps a valid ticket until `stop`, and erases what is left of uninstalled tenants.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let work = async {
            let mut asked_at = None;
            loop {
                self.finish_erasing().await;
                self.load_tickets().await;
                let client = &self.platform.client;
                if client.has_app_ticket() {
                    tokio::select! {
                        () = client.app_ticket_wanted() => {}
                        () = self.clock.sleep(REFRESH_EVERY) => {}
                    }
                    continue;
                }
                let now = self.clock.machine_now();
                let age = |at| now.duration_since(at).unsigned_abs();
                if asked_at.is_none_or(|at| age(at) >= ASK_EVERY) {
                    asked_at = Some(now);
                    ask(client).await;
                }
                tokio::select! {
                    () = client.app_ticket_added() => {}
                    () = self.clock.sleep(LOOK_EVERY) => {}
                }
            }
        };
        stop.run_until_cancelled(Box::pin(work)).await;
    }

    async fn finish_erasing(&self) {
        for row in self.store.tenants_to_erase().await.unwrap_or_default() {
            let tenant = Tenant {
                app: self.app_id.clone(),
                key: row.key,
            };
            // If this fails, the next round tries again.
            let _ = self.store.erase_tenant(&tenant).await;
        }
    }
}

/// The key of the tickets in the store. It is derived from the app's secret, without which a ticket
/// is useless.
fn ticket_key(app_secret: &SecretString) -> Option<SealingKey> {
    SealingKey::of(app_secret.expose_secret().as_bytes(), "app tickets")
}

/// Decrypts tickets of the store.
pub(crate) fn open_tickets(
    app_id: &str,
    app_secret: &SecretString,
    sealed: Vec<(String, Timestamp)>,
) -> Vec<AppTicket> {
    let key = ticket_key(app_secret);
    key.map_or_else(Vec::new, |key| opened(&key, app_id, sealed))
}

/// A ticket of an earlier secret cannot be opened.
fn opened(key: &SealingKey, app_id: &str, sealed: Vec<(String, Timestamp)>) -> Vec<AppTicket> {
    let open = |(sealed, received_at): (String, Timestamp)| {
        let value = key.open(&sealed, app_id)?;
        Some(AppTicket { value, received_at })
    };
    sealed.into_iter().filter_map(open).collect()
}

async fn ask(client: &Client) {
    match client.resend_app_ticket().await {
        Ok(()) => {
            tracing::info!("asked the platform for an app ticket, which takes up to two minutes");
        }
        Err(error) => tracing::error!(
            error = %error,
            "could not ask the platform for an app ticket: check FEISHU_APP_ID, FEISHU_APP_SECRET and FEISHU_APP_TYPE"
        ),
    }
}
