//! The device flow, whose result the bot polls, and the end of all requests.

use std::time::Duration;

use feishu::DevicePoll;
use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use super::{ConsentError, Consents, VisitEnd, user_scopes};
use crate::consent::keys::context;
use crate::model::grant::{ConsentFlow, Member, PendingConsent};

/// How often a replica looks for requests of others.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// The shortest pause between two looks.
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
/// By how much a poll becomes rarer when the platform says so.
const SLOW_DOWN: Duration = Duration::from_secs(5);
/// The bounds of the time between two polls, whatever the platform states.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_INTERVAL: Duration = Duration::from_mins(1);
/// Polls at a time.
const POLLS: usize = 8;

impl Consents {
    pub(super) async fn device_request(
        &self,
        member: &Member,
    ) -> Result<PendingConsent, ConsentError> {
        let scopes = user_scopes();
        let flow = self.0.client.start_device_flow(&scopes).await?;
        let now = self.0.clock.now();
        let interval = flow.interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL);
        let link = flow.verification_uri_complete.into();
        Ok(PendingConsent {
            member: member.clone(),
            link: self.seal(&link, &context(member, "link"))?,
            expires_at: now + flow.expires_in.min(self.0.wait),
            flow: ConsentFlow::Device {
                code: self.seal(&flow.device_code, &context(member, "device"))?,
                interval,
                next_poll_at: now + interval,
            },
        })
    }

    /// Polls device flows and continues jobs that have waited long enough, until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let work = async {
            loop {
                let next = self
                    .0
                    .store
                    .end_overdue_consents()
                    .await
                    .unwrap_or_default();
                let polls = self.0.store.due_polls().await.unwrap_or_default();
                stream::iter(polls)
                    .for_each_concurrent(POLLS, |consent| self.poll_to_the_end(consent))
                    .await;
                let now = self.0.clock.now();
                let pause = next.map_or(LOOK_EVERY, |at| {
                    now.duration_until(at).try_into().unwrap_or_default()
                });
                let pause = pause.clamp(SHORTEST_PAUSE, LOOK_EVERY);
                tokio::select! {
                    () = self.0.clock.sleep(pause) => {}
                    () = self.0.requested.notified() => {}
                }
            }
        };
        stop.run_until_cancelled(Box::pin(work)).await;
    }

    /// A device code works once, so a stop waits for the result.
    async fn poll_to_the_end(&self, consent: PendingConsent) {
        let consents = self.clone();
        let poll = async move { consents.poll(&consent).await };
        let _ = self.0.grants.uninterrupted(poll).await;
    }

    async fn poll(&self, consent: &PendingConsent) {
        let (store, member) = (&self.0.store, &consent.member);
        let ConsentFlow::Device {
            code,
            interval,
            next_poll_at,
        } = &consent.flow
        else {
            return;
        };
        let now = self.0.clock.now();
        let reserved = store.reserve_poll(member, *next_poll_at, now + *interval, *interval);
        if !reserved.await.unwrap_or(false) {
            return;
        }
        let Some(code) = self.open(code, &context(member, "device")) else {
            return;
        };
        // A result that the store does not take is lost; the member may send `/login`.
        let _ = match self.0.client.poll_device_flow(&code).await {
            Ok(DevicePoll::Granted(tokens)) => match self.keep(member, &tokens, now).await {
                Ok(VisitEnd::Granted) => Ok(()),
                Ok(_) | Err(_) => store.give_up_consent(member).await,
            },
            Ok(DevicePoll::Pending) => Ok(()),
            Ok(DevicePoll::SlowDown) => {
                let slower = *interval + SLOW_DOWN;
                let reserved = store.reserve_poll(member, now + *interval, now + slower, slower);
                reserved.await.map(drop)
            }
            Ok(DevicePoll::Denied) => store.end_consent(member).await,
            Ok(DevicePoll::Expired) => store.give_up_consent(member).await,
            Err(error) => {
                tracing::warn!(error = %error, "could not poll for a member's consent");
                Ok(())
            }
        };
    }
}
