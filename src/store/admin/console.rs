//! The store as the console shows it: page by page, newest first.

use jiff::{SignedDuration, Timestamp};

use super::search::{self, AuditSearch, IdRange};
use super::{AdminAction, AdminStore, AuditRow, JobFilter, JobSummary, listings};
use crate::model::job::ChatKey;
use crate::model::schedule::ScheduleRow;
use crate::model::tenant::TenantRow;
use crate::store::statements::schedules;

pub(crate) use super::listings::{GrantRow, Minute, ReplicaRow};

/// By how much the clocks of bots may differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_hours(1);

/// Rows, and where the next page begins.
#[derive(Debug)]
pub(crate) struct Rows<T, K> {
    pub(crate) rows: Vec<T>,
    /// `None` on the last page.
    pub(crate) next: Option<K>,
}

impl<T, K> Rows<T, K> {
    /// A page of at most `limit` rows out of one row more.
    fn cut(mut rows: Vec<T>, limit: u32, key: impl Fn(&T) -> K) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more).map(key);
        Self { rows, next }
    }
}

impl AdminStore {
    pub(crate) async fn page_of_jobs(
        &self,
        app: &str,
        filter: &JobFilter,
        now: Timestamp,
    ) -> anyhow::Result<Rows<JobSummary, i64>> {
        let limit = filter.limit;
        let filter = JobFilter {
            limit: limit + 1,
            ..filter.clone()
        };
        let rows = self.jobs(app, &filter, now).await?;
        Ok(Rows::cut(rows, limit, |job| job.id))
    }

    /// A page may have fewer rows than the limit, or none, although there are more: then the search
    /// continues at its key.
    pub(crate) async fn page_of_audit(
        &self,
        app: &str,
        search: &AuditSearch,
    ) -> anyhow::Result<Rows<AuditRow, i64>> {
        let mut search = search.clone();
        if let (None, Some(chat)) = (&search.tenant, &search.chat) {
            // Only rows of a custom app have no tenant.
            let tenant = self.rows(search::tenant_of(app, chat)).await?.pop();
            search.tenant = Some(tenant.unwrap_or_default());
        }
        let range = self.range(app, &search).await?;
        let Some(mut range) = range else {
            return Ok(Rows {
                rows: Vec::new(),
                next: None,
            });
        };
        let mut is_cut = false;
        for end in search::window(app, &search, &range) {
            if let Some(least) = self.rows(end).await?.pop() {
                range.least = range.least.max(least);
                is_cut = true;
            }
        }
        let limit = search.limit;
        search.limit += 1;
        let rows = self.rows(search::audit(app, &search, &range)).await?;
        let mut page = Rows::cut(rows, limit, |row| row.id);
        if page.next.is_none() && is_cut {
            page.next = Some(range.least);
        }
        Ok(page)
    }

    /// `None` if nothing was changed in that time.
    async fn range(&self, app: &str, search: &AuditSearch) -> anyhow::Result<Option<IdRange>> {
        let mut range = IdRange {
            before: search.before.unwrap_or(i64::MAX),
            least: i64::MIN,
        };
        if let Some(until) = search.until {
            let until = until.saturating_add(CLOCKS_DIFFER)?;
            let Some(last) = self.rows(search::last_before(app, until)).await?.pop() else {
                return Ok(None);
            };
            range.before = range.before.min(last.saturating_add(1));
        }
        if let Some(since) = search.since {
            let since = since.saturating_sub(CLOCKS_DIFFER)?;
            let Some(first) = self.rows(search::first_since(app, since)).await?.pop() else {
                return Ok(None);
            };
            range.least = first;
        }
        Ok(Some(range))
    }

    /// What was finished in each minute since then, oldest first, without minutes in which nothing was.
    pub(crate) async fn minutes(&self, app: &str, since: Timestamp) -> anyhow::Result<Vec<Minute>> {
        self.rows(listings::minutes(app, since)).await
    }

    /// The replicas with their leases; `None` for a file, which one process uses.
    pub(crate) async fn replicas(&self, app: &str) -> anyhow::Result<Option<Vec<ReplicaRow>>> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(_) => Ok(Some(self.rows(listings::replicas(app)).await?)),
        }
    }

    /// By key.
    pub(crate) async fn page_of_tenants(
        &self,
        app: &str,
        after: &str,
        limit: u32,
    ) -> anyhow::Result<Rows<TenantRow, String>> {
        let rows = self
            .rows(listings::tenants_after(app, after, limit + 1))
            .await?;
        Ok(Rows::cut(rows, limit, |row| row.key.to_string()))
    }

    /// By tenant and person.
    pub(crate) async fn page_of_grants(
        &self,
        app: &str,
        after: (&str, &str),
        limit: u32,
    ) -> anyhow::Result<Rows<GrantRow, (String, String)>> {
        let rows = self
            .rows(listings::grants_after(app, after, limit + 1))
            .await?;
        let key = |row: &GrantRow| (row.tenant.clone(), row.person.clone());
        Ok(Rows::cut(rows, limit, key))
    }

    /// The schedules of a chat, earliest first.
    pub(crate) async fn schedules(&self, chat: &ChatKey) -> anyhow::Result<Vec<ScheduleRow>> {
        let rows = self.rows(schedules::of_chat(chat)).await?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// Records what an admin did with a chat's data.
    pub(crate) async fn record_action(
        &self,
        action: &AdminAction<'_>,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        self.execute(&listings::record_admin(action, now))
            .await
            .map(drop)
    }
}
