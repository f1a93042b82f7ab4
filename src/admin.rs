//! The commands `noticebot jobs`, `noticebot audit`, `noticebot tenants` and `noticebot backup`.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use anyhow::Context as _;
use feishu::Clock;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned, civil};
use serde::Serialize;
use strum::VariantArray as _;

use crate::config::{AppType, Config, ConfigError};
use crate::model::job::Tenant;
use crate::model::tenant::TenantRow;
use crate::store::{AdminStore, AuditFilter, AuditRow, JobSummary, Retry, TenantCounts};
use crate::text::{printable, printable_json};

pub use crate::store::{JobFilter, JobState};

mod dump;
mod stand_ins;

use dump::Texts;

/// The author of these commands in the audit.
const BY: &str = "admin@command-line";
/// Rows of the audit log that are read at once.
const PAGE: u32 = 1000;

/// Which changes to show.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Only those in this tenant, by its key.
    pub tenant: Option<String>,
    /// Only those in this chat.
    pub chat: Option<String>,
    /// Only changes since then: a duration such as `7d`, or a date with or without a time.
    pub since: String,
    /// Whether to include the first words of each text.
    pub with_text: bool,
    /// One JSON object per line.
    pub json: bool,
}

/// A tenant with what the store holds of it.
#[derive(Serialize)]
struct TenantDetails {
    #[serde(flatten)]
    tenant: TenantRow,
    #[serde(flatten)]
    counts: TenantCounts,
}

/// An opened store.
pub struct Admin {
    store: AdminStore,
    app: String,
    app_type: AppType,
    clock: Clock,
    time_zone: TimeZone,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

impl Admin {
    /// Opens the configured store, whether the bot runs or not.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for invalid settings; otherwise when the store does not exist, is
    /// unreachable, or belongs to another release.
    pub async fn open(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        config.validate_store()?;
        Ok(Self {
            store: AdminStore::open(config.store.database_url.url(), &config.tls.extra_roots()?)
                .await?,
            app: config.feishu.app_id.clone(),
            app_type: config.feishu.app_type,
            clock,
            time_zone: config.reply.time_zone()?,
        })
    }

    /// Lists jobs, newest first. Without states in the filter, all but `done`.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn list_jobs(&self, mut filter: JobFilter, json: bool) -> anyhow::Result<String> {
        if filter.states.is_empty() {
            let all = JobState::VARIANTS.iter().copied();
            filter.states = all.filter(|state| *state != JobState::Done).collect();
        }
        let now = self.clock.now();
        let jobs = self.store.jobs(&self.app, &filter, now).await?;
        if json {
            return lines_of_json(&jobs);
        }
        if jobs.is_empty() {
            let states: Vec<_> = filter.states.iter().map(|state| state.as_str()).collect();
            let chat = filter.chat.as_ref();
            let chat = chat.map_or_else(String::new, |chat| format!(" in {}", printable(chat)));
            return Ok(format!("No jobs in state {}{chat}.\n", states.join(", ")));
        }
        Ok(self.table(&jobs))
    }

    /// Describes a job, given its id or reference; includes texts only with `with_text`.
    ///
    /// # Errors
    ///
    /// When there is no such job, or the store cannot be read.
    pub async fn show_job(
        &self,
        name: &str,
        with_text: bool,
        json: bool,
    ) -> anyhow::Result<String> {
        let now = self.clock.now();
        let job = self.store.job(&self.app, name, with_text, now).await?;
        if json {
            return lines_of_json(&[job]);
        }
        Ok(self.in_full(&job))
    }

    /// A job with its event as JSON, with stand-ins for ids and, unless `with_text`, for texts.
    ///
    /// # Errors
    ///
    /// When there is no such job, or the store cannot be read.
    pub async fn dump_job(&self, name: &str, with_text: bool) -> anyhow::Result<String> {
        let record = self.store.record(&self.app, name, self.clock.now()).await?;
        let texts = if with_text {
            Texts::Included
        } else {
            Texts::Replaced
        };
        let fixture = dump::fixture(&record, texts)?;
        let json = serde_json::to_string_pretty(&fixture)?;
        Ok(printable_json(&json).into_owned())
    }

    /// Requeues a job.
    ///
    /// # Errors
    ///
    /// When there is no such job, it cannot be retried, or the store cannot be written.
    pub async fn retry_job(&mut self, name: &str) -> anyhow::Result<String> {
        let now = self.clock.now();
        let (job, how) = self.store.retry(&self.app, name, BY, now).await?;
        let what = match how {
            Retry::Sooner => "runs now",
            Retry::Again => "runs again",
            Retry::Answer => "has run already; its reply is sent again",
        };
        let JobSummary { id, reference, .. } = job;
        Ok(format!("Job {id} ({reference}) {what}.\n"))
    }

    /// Drops a job without notifying its author.
    ///
    /// # Errors
    ///
    /// When there is no such job, it cannot be dropped, or the store cannot be written.
    pub async fn drop_job(&mut self, name: &str) -> anyhow::Result<String> {
        let now = self.clock.now();
        let JobSummary { id, reference, .. } = self.store.drop(&self.app, name, BY, now).await?;
        Ok(format!("Dropped job {id} ({reference}).\n"))
    }

    /// Lists the tenants of a store app, by the time of their first event.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn list_tenants(&self, json: bool) -> anyhow::Result<String> {
        let tenants = self.store.tenants(&self.app).await?;
        if json {
            return lines_of_json(&tenants);
        }
        if self.app_type == AppType::Custom {
            return Ok("A custom app has one tenant, its own.\n".to_owned());
        }
        if tenants.is_empty() {
            return Ok("No tenants yet: the first event of each adds it.\n".to_owned());
        }
        let mut rows = vec![["TENANT", "STATE", "FIRST SEEN", "LAST SEEN"].map(str::to_owned)];
        rows.extend(tenants.iter().map(|tenant| {
            [
                tenant.key.to_string(),
                tenant.state.as_str().to_owned(),
                self.moment(tenant.first_seen_at),
                self.moment(tenant.last_seen_at),
            ]
        }));
        Ok(aligned(&rows))
    }

    /// Describes a tenant, given its key.
    ///
    /// # Errors
    ///
    /// When there is no such tenant, or the store cannot be read.
    pub async fn show_tenant(&self, key: &str, json: bool) -> anyhow::Result<String> {
        let tenant = self.find_tenant(key).await?;
        let counts = self.store.tenant_counts(&self.tenant(key)).await?;
        if json {
            return lines_of_json(&[TenantDetails { tenant, counts }]);
        }
        let rows = [
            ("tenant", tenant.key.to_string()),
            ("state", tenant.state.as_str().to_owned()),
            ("first seen", self.moment(tenant.first_seen_at)),
            ("last seen", self.moment(tenant.last_seen_at)),
            ("open jobs", counts.open_jobs.to_string()),
            ("schedules", counts.schedules.to_string()),
            ("changes", counts.changes.to_string()),
            ("chats", counts.chats.to_string()),
        ];
        Ok(aligned(&rows.map(|(name, value)| [name.to_owned(), value])))
    }

    /// Erases everything that the store holds of a tenant.
    ///
    /// # Errors
    ///
    /// When there is no such tenant, or the store cannot be written.
    pub async fn forget_tenant(&self, key: &str) -> anyhow::Result<String> {
        let TenantRow { key, .. } = self.find_tenant(key).await?;
        let tenant = self.tenant(key.as_str());
        self.store.erase_tenant(&tenant, self.clock.now()).await?;
        Ok(format!(
            "Erased the data of tenant {}.\n",
            printable(key.as_str())
        ))
    }

    async fn find_tenant(&self, key: &str) -> anyhow::Result<TenantRow> {
        let tenants = self.store.tenants(&self.app).await?;
        let found = tenants.into_iter().find(|row| row.key.as_str() == key);
        found.context("no such tenant: `noticebot tenants list` lists all tenants")
    }

    fn tenant(&self, key: &str) -> Tenant {
        Tenant {
            app: self.app.clone(),
            key: key.into(),
        }
    }

    /// Writes changes to `out`, oldest first.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for an invalid time; otherwise when the store cannot be read or `out` cannot
    /// be written.
    pub async fn audit(&self, audit: &Audit, out: &mut impl Write) -> anyhow::Result<()> {
        let mut filter = AuditFilter {
            tenant: audit.tenant.clone(),
            chat: audit.chat.clone(),
            since: self.since(&audit.since)?,
            after: 0,
            limit: PAGE,
            with_text: audit.with_text,
        };
        loop {
            let rows = self.store.audit(&self.app, &filter).await?;
            if rows.is_empty() && filter.after == 0 && !audit.json {
                writeln!(out, "{}", self.no_changes(&filter))?;
            }
            for row in &rows {
                if audit.json {
                    let json = serde_json::to_string(row)?;
                    writeln!(out, "{}", printable_json(&json))?;
                } else {
                    writeln!(out, "{}", self.audit_line(row))?;
                }
            }
            match rows.last() {
                Some(last) if rows.len() == PAGE as usize => filter.after = last.id,
                _ => return Ok(()),
            }
        }
    }

    fn no_changes(&self, filter: &AuditFilter) -> String {
        let since = self.moment(filter.since);
        match &filter.chat {
            Some(chat) => format!("No changes in {} since {since}.", printable(chat)),
            None => format!("No changes since {since}."),
        }
    }

    /// Copies the store to a new file: a SQLite database, or an SQL script for PostgreSQL.
    ///
    /// # Errors
    ///
    /// When the file already exists or cannot be written, or the store cannot be read.
    pub async fn back_up(&mut self, file: &Path) -> anyhow::Result<String> {
        self.store.back_up(file).await?;
        let size = std::fs::metadata(file)
            .context("reading the size of the backup")?
            .len();
        Ok(format!("Wrote `{}`, {size} bytes.\n", file.display()))
    }

    /// Parses the option `--since`.
    fn since(&self, text: &str) -> Result<Timestamp, ConfigError> {
        let now = self.clock.now().to_zoned(self.time_zone.clone());
        let ago = |span: Span| now.checked_sub(span).ok();
        let local = |time: civil::DateTime| time.to_zoned(self.time_zone.clone()).ok();
        let zoned = text.parse::<Span>().ok().and_then(ago);
        let zoned = zoned
            .or_else(|| text.parse::<Zoned>().ok())
            .map(|zoned| zoned.timestamp())
            .or_else(|| text.parse::<Timestamp>().ok())
            .or_else(|| Some(local(text.parse().ok()?)?.timestamp()));
        zoned.ok_or_else(|| {
            ConfigError::of(
                format!("`--since {text}` is not a time"),
                "use a duration such as `7d` or `12h`, or a date such as `2026-11-01` or `2026-11-01T09:00`",
            )
        })
    }

    fn moment(&self, at: Timestamp) -> String {
        let at = at.to_zoned(self.time_zone.clone());
        at.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    fn table(&self, jobs: &[JobSummary]) -> String {
        let head = [
            "ID",
            "REFERENCE",
            "STATE",
            "KIND",
            "ORDERED AT",
            "RETRIES",
            "CRASHES",
            "OUTCOME",
            "CHAT",
        ];
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(jobs.iter().map(|job| {
            [
                job.id.to_string(),
                job.reference.clone(),
                job.state.as_str().to_owned(),
                job.kind.clone(),
                self.moment(job.ordered_at),
                job.retries.to_string(),
                job.crashes.to_string(),
                job.outcome.unwrap_or("-").to_owned(),
                job.chat.clone(),
            ]
        }));
        aligned(&rows)
    }

    fn in_full(&self, job: &JobSummary) -> String {
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let moment = |at: Option<Timestamp>| at.map(|at| self.moment(at));
        let text = job.text.as_ref();
        let mut rows = Vec::new();
        for (name, value) in [
            ("id", Some(job.id.to_string())),
            ("reference", Some(job.reference.clone())),
            ("state", Some(job.state.as_str().to_owned())),
            ("kind", Some(job.kind.clone())),
            ("chat", Some(job.chat.clone())),
            ("origin", Some(job.origin.clone())),
            ("number", number(job.number.filter(|number| *number > 0))),
            ("ordered at", moment(Some(job.ordered_at))),
            ("run at", moment(Some(job.run_at))),
            ("started at", moment(job.started_at)),
            ("finished at", moment(job.finished_at)),
            ("retries", number(Some(job.retries))),
            ("crashes", number(Some(job.crashes))),
            ("outcome", job.outcome.map(str::to_owned)),
            ("code", job.code.map(|code| code.to_string())),
            ("log id", job.log_id.clone()),
            ("trace", job.trace.clone()),
            ("text.payload", text.map(|text| text.payload.clone())),
            ("text.progress", text.and_then(|text| text.progress.clone())),
            ("text.outcome", text.and_then(|text| text.outcome.clone())),
        ] {
            rows.extend(value.map(|value| [name.to_owned(), value]));
        }
        aligned(&rows)
    }

    fn audit_line(&self, row: &AuditRow) -> String {
        let mut line = format!(
            "{}  {}  {}  {}  {}: {}",
            self.moment(row.at),
            row.reference,
            printable(&row.chat),
            printable(row.actor.as_deref().unwrap_or("-")),
            row.deed,
            row.result
        );
        if let Some(approver) = &row.approver {
            // Writing to a string cannot fail.
            let _ = write!(line, ", decided by {}", printable(approver));
        }
        if let Some(reason) = &row.reason {
            let _ = write!(line, ": {reason:?}");
        }
        if row.undone {
            line.push_str(", reverted since");
        }
        if let Some(log_id) = &row.log_id {
            let _ = write!(line, ", log id {}", printable(log_id));
        }
        if let Some(summary) = &row.summary {
            let _ = write!(line, ", {summary:?}");
        }
        line
    }
}

fn lines_of_json(rows: &[impl Serialize]) -> anyhow::Result<String> {
    let mut lines = String::new();
    for row in rows {
        lines.push_str(&printable_json(&serde_json::to_string(row)?));
        lines.push('\n');
    }
    Ok(lines)
}

/// Pads all columns but the last to their widest cell.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let lengths = rows.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "{:width$}  ", printable(cell));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests;
