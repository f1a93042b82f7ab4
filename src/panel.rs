//! The `/` panel of the input box: keeps the bot's commands there as the table of commands has them.
//!
//! Entries stay at the platform until they are deleted, and other programs of the app may have
//! entries, too. So the bot remembers in the store what it made, and changes nothing else.

use std::time::Duration;

use feishu::{Client, Clock, Error, codes};
use jiff::Timestamp;

use crate::model::job::Tenant;
use crate::model::panel::MadeCommand;

mod background;
mod by_hand;
mod memory;
mod plan;
mod wanted;

pub use by_hand::{SyncOptions, sync_by_hand};
pub(crate) use memory::Memory;
pub use plan::Reorder;
pub(crate) use plan::{Plan, plan};
pub(crate) use wanted::{Wanted, wanted};

/// The panel sorts by the second of the creation.
const APART: Duration = Duration::from_millis(1100);
/// How long a process reserves the panel: longer than creating all commands takes.
const RESERVED: Duration = Duration::from_mins(5);

/// The panel of one app.
pub(crate) struct Panel {
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    /// Whose token changes the panel.
    pub(crate) tenant: Tenant,
    pub(crate) memory: Memory,
    pub(crate) wanted: Vec<Wanted>,
}

/// What was changed.
#[derive(Debug, Default)]
pub(crate) struct Synced {
    pub(crate) plan: Plan,
    /// Commands that the platform did not let the bot change.
    pub(crate) refused: Vec<(String, Error)>,
}

/// Why the panel was not changed, or not completely.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SyncError {
    #[error("another process is changing the `/` panel")]
    Busy,
    #[error("{0}")]
    Platform(#[from] Error),
    #[error("{0:#}")]
    Store(#[from] anyhow::Error),
}

/// Whether the app lacks a scope for the panel: two codes are known for that.
pub(crate) fn lacks_scope(error: &Error) -> bool {
    error.is_scope_missing() || error.code() == Some(codes::SLASH_COMMANDS_DENIED)
}

impl Panel {
    /// What there is to change.
    pub(crate) async fn look(&self, reorder: Reorder) -> Result<Plan, SyncError> {
        let listed = self.client.list_slash_commands().await?;
        let made = self.memory.made(&self.tenant).await?;
        Ok(plan(&listed, &made, &self.wanted, reorder))
    }

    /// Changes the panel, unless another process does so.
    pub(crate) async fn sync(&self, reorder: Reorder) -> Result<Synced, SyncError> {
        let now = self.clock.now();
        let until = now + RESERVED;
        if !self.memory.reserve(&self.tenant, now, until).await? {
            return Err(SyncError::Busy);
        }
        let synced = self.change(reorder, until).await;
        // A reservation that is not given up ends by itself.
        let _ = self.memory.release(&self.tenant, until).await;
        synced
    }

    async fn change(&self, reorder: Reorder, until: Timestamp) -> Result<Synced, SyncError> {
        let plan = self.look(reorder).await?;
        for made in &plan.gone {
            self.memory.forget(&self.tenant, made).await?;
        }
        for (pending, id) in &plan.recognized {
            self.learn(pending, id.clone()).await?;
        }
        let mut synced = Synced::default();
        for command in &plan.deletions {
            let deleted = self.client.delete_slash_command(&command.id).await;
            synced.note(&command.name, deleted)?;
        }
        for (command, description) in &plan.updates {
            let id = &command.id;
            let updated = self.client.update_slash_command(id, description).await;
            synced.note(&command.name, updated)?;
        }
        for (number, wanted) in plan.creations.iter().enumerate() {
            if number > 0 {
                self.clock.sleep(APART).await;
            }
            if self.clock.now() >= until {
                return Err(SyncError::Busy);
            }
            let created = self.create(wanted).await?;
            synced.note(wanted.name, created)?;
        }
        Ok(Synced { plan, ..synced })
    }

    /// Creates a command. It is remembered before, so that it is recognized if the answer is lost.
    async fn create(&self, wanted: &Wanted) -> anyhow::Result<Result<(), Error>> {
        let pending = MadeCommand {
            name: wanted.name.to_owned(),
            description: wanted.description.clone(),
            id: None,
        };
        let now = self.clock.now();
        self.memory.save(&self.tenant, &pending, now).await?;
        let description = &wanted.description;
        let created = self.client.create_slash_command(wanted.name, description);
        match created.await {
            Ok(Some(id)) => self.learn(&pending, id).await?,
            // The next look at the panel finds the id.
            Ok(None) => {}
            Err(error) => {
                if !error.may_have_taken_effect() {
                    self.memory.forget(&self.tenant, &pending).await?;
                }
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }

    /// The platform has named a command that was about to be made.
    async fn learn(&self, pending: &MadeCommand, id: String) -> anyhow::Result<()> {
        let made = MadeCommand {
            id: Some(id),
            ..pending.clone()
        };
        // In this order, a kill in between leaves both, which means the same.
        let now = self.clock.now();
        self.memory.save(&self.tenant, &made, now).await?;
        self.memory.forget(&self.tenant, pending).await
    }
}

impl Synced {
    /// Notes a refusal of one command; any other failure ends the work.
    fn note(&mut self, name: &str, result: Result<(), Error>) -> Result<(), Error> {
        match result {
            Err(error) if is_of_one(&error) => self.refused.push((name.to_owned(), error)),
            Err(error) => return Err(error),
            Ok(()) => {}
        }
        Ok(())
    }
}

/// Whether the platform refused this command only.
fn is_of_one(error: &Error) -> bool {
    error.code().is_some()
        && !(error.is_retryable() || error.is_app_refused() || lacks_scope(error))
}
