//! Broadcasts in the store.

use feishu::{ChatId, OpenId};
use jiff::Timestamp;

use super::statements::broadcasts;
use super::{Store, StoreError};
use crate::model::broadcast::{Broadcast, Delivery, PostedRun, ReportState};
use crate::model::job::{ChatKey, JobRef, Tenant};

impl Store {
    pub(crate) async fn broadcast(
        &self,
        tenant: &Tenant,
        broadcast: &JobRef,
    ) -> Result<Option<Broadcast>, StoreError> {
        let query = broadcasts::find(tenant, broadcast);
        self.first("broadcast", query).await
    }

    /// The deliveries of a broadcast, in the order of its list.
    pub(crate) async fn deliveries(
        &self,
        tenant: &Tenant,
        broadcast: &JobRef,
    ) -> Result<Vec<Delivery>, StoreError> {
        let query = broadcasts::deliveries(tenant, broadcast);
        self.rows("deliveries", query).await
    }

    /// The delivery of a broadcast to one group.
    pub(crate) async fn delivery(
        &self,
        tenant: &Tenant,
        broadcast: &JobRef,
        chat: &ChatId,
    ) -> Result<Option<Delivery>, StoreError> {
        let query = broadcasts::delivery(tenant, broadcast, chat);
        self.first("delivery", query).await
    }

    /// The broadcast that the delivery job with this origin belongs to.
    pub(crate) async fn broadcast_of(
        &self,
        tenant: &Tenant,
        posted_by: &str,
    ) -> Result<Option<JobRef>, StoreError> {
        let query = broadcasts::of_delivery(tenant, posted_by);
        Ok(self.first("broadcast_of", query).await?.flatten())
    }

    /// What a series has posted last in a group and not reverted.
    pub(crate) async fn posted_run(
        &self,
        chat: &ChatKey,
        series: &str,
    ) -> Result<Option<PostedRun>, StoreError> {
        let query = broadcasts::posted_run(chat, series);
        self.first("posted_run", query).await
    }

    /// The number of open deliveries in a tenant, and when the last one is due.
    pub(crate) async fn open_deliveries(
        &self,
        tenant: &Tenant,
    ) -> Result<(usize, Option<Timestamp>), StoreError> {
        let open = self.first("open_deliveries", broadcasts::open(tenant));
        Ok(open.await?.unwrap_or_default())
    }

    /// The number of a member's broadcasts with open deliveries.
    pub(crate) async fn open_broadcasts(
        &self,
        tenant: &Tenant,
        author: &OpenId,
    ) -> Result<usize, StoreError> {
        let query = broadcasts::open_of_author(tenant, author);
        Ok(self
            .first("open_broadcasts", query)
            .await?
            .unwrap_or_default())
    }

    /// The number of groups that a broadcast has reached, and of all its groups.
    pub(crate) async fn reach(
        &self,
        tenant: &Tenant,
        broadcast: &JobRef,
    ) -> Result<(usize, usize), StoreError> {
        let query = broadcasts::reach(tenant, broadcast);
        Ok(self.first("reach", query).await?.unwrap_or_default())
    }

    pub(crate) async fn save_report(
        &self,
        tenant: &Tenant,
        broadcast: &JobRef,
        report: &ReportState,
    ) -> Result<(), StoreError> {
        let statement = broadcasts::save_report(tenant, broadcast, report);
        self.execute("save_report", statement).await.map(drop)
    }
}
