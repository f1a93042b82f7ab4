//! `/login` and `/logout`.

use std::future::ready;

use super::Dispatcher;
use crate::action::Failure;
use crate::command::CommandName;
use crate::event::Stored;
use crate::model::refusal::Cause;
use crate::store::{Conclusion, Job};

impl Dispatcher {
    /// Asks the member to consent to the bot acting as them.
    pub(super) async fn sign_in(&self, _: &Job, _: &Stored) -> Result<Conclusion, Failure> {
        let _ = self;
        ready(Err(Cause::ActsAsBot(CommandName::Login).into())).await
    }

    /// Withdraws that consent.
    pub(super) async fn sign_out(&self, _: &Job, _: &Stored) -> Result<Conclusion, Failure> {
        let _ = self;
        ready(Err(Cause::ActsAsBot(CommandName::Logout).into())).await
    }
}
