//! Column values and row readers that both databases share.

use feishu::ReactionId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::statement::{Row, Unreadable};
use super::{Job, Lease};
use crate::model::change::Place;
use crate::model::job::{JobId, JobKey, JobKind, JobRef, Tenant};
use crate::model::trace::TraceContext;

/// Values of the column `undone` other than 0.
pub(super) const UNDONE: i64 = 1;
pub(super) const CANNOT_BE_UNDONE: i64 = 2;
/// How many of a chat's last changes can be undone.
pub(super) const UNDO_DEPTH: u32 = 20;

/// The next number of a schedule or text of a chat, for the app `$1`, the tenant `$2` and the chat
/// `$3`.
pub(super) const NEXT_NUMBER: &str = "(SELECT coalesce(max(number), 0) + 1 FROM (
             SELECT max(number) AS number FROM jobs
             WHERE app = $1 AND tenant = $2 AND chat = $3 AND number IS NOT NULL
             UNION ALL
             SELECT max(number) FROM changes
             WHERE app = $1 AND tenant = $2 AND chat = $3 AND number IS NOT NULL) AS numbers)";

pub(super) fn job(row: &Row<'_>, lease: Lease) -> Result<Job, Unreadable> {
    let job_ref = job_ref(row, "kind")?.ok_or(Unreadable)?;
    Ok(Job {
        id: JobId(row.get("id")?),
        key: JobKey {
            tenant: Tenant {
                app: row.get("app")?,
                key: row.get::<String>("tenant")?.into(),
            },
            origin: job_ref.origin,
            kind: job_ref.kind,
        },
        chat: row.get("chat")?,
        payload: row.get("payload")?,
        accepted_at: row.time("ordered_at")?,
        started_at: row.time("started_at")?,
        retries: row.count("retries")?,
        crashes: row.count("crashes")?,
        suspicions: row.count("suspicions")?,
        begun: row.get("begun")?,
        progress: from_json(row, "progress")?,
        outcome: from_json(row, "outcome")?,
        number: row.number()?,
        replying_since: row.time_if_any("replying_since")?,
        acknowledgement: row
            .get::<Option<String>>("acknowledgement")?
            .map(ReactionId::from),
        suspended_until: row.time_if_any("suspended_until")?,
        waited_in_vain: row.get("waited_in_vain")?,
        trace: trace(row)?,
        lease,
    })
}

/// The trace of a job. One that cannot be read concerns no member.
pub(super) fn trace(row: &Row<'_>) -> Result<Option<TraceContext>, Unreadable> {
    let trace: Option<String> = row.get("trace")?;
    Ok(trace.and_then(|text| text.parse().ok()))
}

/// The job that made a change or a schedule; `None` for a kind of a later release.
pub(super) fn job_ref(row: &Row<'_>, kind: &str) -> Result<Option<JobRef>, Unreadable> {
    let kind = JobKind::from_column(&row.get::<String>(kind)?);
    let origin = row.get("origin")?;
    Ok(kind.map(|kind| JobRef { origin, kind }))
}

pub(super) fn place_column(place: Place) -> &'static str {
    match place {
        Place::Top => "top",
        Place::Announcement => "announcement",
        Place::Both => "both",
    }
}

pub(super) fn to_json(value: &impl Serialize) -> String {
    #[expect(
        clippy::expect_used,
        reason = "these types have string keys only and cannot fail"
    )]
    serde_json::to_string(value).expect("progress and outcomes serialize to JSON")
}

fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<Option<T>, Unreadable> {
    let json: Option<String> = row.get(column)?;
    let value = json.map(|json| serde_json::from_str(&json));
    value.transpose().map_err(|_| Unreadable)
}
