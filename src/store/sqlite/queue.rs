//! Recovers, accepts and claims jobs. Callers manage the transaction.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::model::job::{JobId, JobKey, NewJob};
use crate::store::job::{Owned, SUSPECT};
use crate::store::lease::SOLE_OWNER;
use crate::store::row::job;
use crate::store::sqlite::executor;
use crate::store::statement::{Row, Statement, timestamp};
use crate::store::statements::jobs;
use crate::store::{Accepted, Claim, Claimable, Lease};

/// Requeues the jobs that were running when the last process ended. A single job is blamed for the
/// crash; of several, each is a suspect. A job that was suspected twice runs alone, after a growing
/// delay. Renewals of grants that it had reserved are free at once.
pub(super) fn recover(connection: &Connection, app: &str, now: Timestamp) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE grants SET renewing_until = NULL WHERE app = ?1 AND renewing_until IS NOT NULL",
        [app],
    )?;
    connection
        .prepare(
            "WITH ended AS (SELECT count(*) AS jobs FROM jobs
                 WHERE app = ?3 AND state = 'running'),
             blamed AS MATERIALIZED (
                 SELECT id, CASE WHEN alone OR ended.jobs = 1 THEN 1 ELSE 0 END AS own
                 FROM jobs, ended WHERE app = ?3 AND state = 'running')
             UPDATE jobs SET state = 'ready', owner = NULL, begun = 1, alone = 0,
                 crashes = crashes + own, suspicions = suspicions + 1 - own,
                 run_at = CASE WHEN suspicions + 1 - own < ?2 THEN run_at
                     ELSE max(run_at, ?1 + (1000 << min(suspicions + 1 + crashes - ?2, 6))) END
             FROM blamed WHERE jobs.id = blamed.id",
        )?
        .execute(params![now.as_millisecond(), SUSPECT, app])
        .map(drop)
}

/// The result of accepting a job.
pub(super) struct Acceptance {
    pub(super) accepted: Accepted,
    /// Number of inserted rows.
    pub(super) opened: usize,
    /// Whether it can be claimed now. A job behind another one of its chat is claimed after that
    /// one is released.
    pub(super) first_of_chat: bool,
}

/// Queues a job, unless it is known or its chat has `bound` open jobs.
pub(super) fn accept(
    connection: &Connection,
    job: &NewJob,
    bound: usize,
    now: Timestamp,
) -> rusqlite::Result<Acceptance> {
    let OfChat {
        waiting,
        head,
        last,
    } = open_of_chat(connection, job)?;
    let (accepted, opened) = if waiting < bound {
        // Jobs keep their order even if the clock went backwards.
        let ordered_at = last.map_or(Ok(now), timestamp)?.max(now);
        let inserted = insert(connection, &jobs::insert(job, ordered_at, None))?;
        let accepted = if inserted {
            Accepted::New
        } else {
            Accepted::Duplicate
        };
        (accepted, inserted)
    } else if is_known(connection, job)? {
        (Accepted::Duplicate, false)
    } else {
        let inserted = match jobs::insert_overflow(job, head.unwrap_or_default()) {
            Some(notice) => insert(connection, &notice)?,
            None => false,
        };
        (Accepted::TooManyOfChat, inserted)
    };
    Ok(Acceptance {
        accepted,
        opened: usize::from(opened),
        first_of_chat: opened && (waiting == 0 || accepted == Accepted::TooManyOfChat),
    })
}

/// The unfinished jobs of a chat.
struct OfChat {
    waiting: usize,
    head: Option<i64>,
    last: Option<i64>,
}

const OF_CHAT: &str = "SELECT count(*), min(id), max(ordered_at) FROM jobs
     WHERE app = ?1 AND tenant = ?2 AND chat = ?3 AND kind = ?4
         AND state IN ('ready', 'running')";

fn open_of_chat(connection: &Connection, job: &NewJob) -> rusqlite::Result<OfChat> {
    let tenant = &job.key.tenant;
    connection.prepare_cached(OF_CHAT)?.query_row(
        params![
            tenant.app,
            tenant.key.as_str(),
            job.chat,
            job.key.kind.as_str()
        ],
        |row| {
            Ok(OfChat {
                waiting: row.get(0)?,
                head: row.get(1)?,
                last: row.get(2)?,
            })
        },
    )
}

fn is_known(connection: &Connection, job: &NewJob) -> rusqlite::Result<bool> {
    let JobKey {
        tenant,
        origin,
        kind,
    } = &job.key;
    let sql = "SELECT 1 FROM jobs WHERE app = ?1 AND tenant = ?2 AND origin = ?3 AND kind = ?4";
    connection.prepare_cached(sql)?.exists(params![
        tenant.app,
        tenant.key.as_str(),
        origin,
        kind.as_str()
    ])
}

/// Whether a row was inserted.
fn insert(connection: &Connection, job: &Statement) -> rusqlite::Result<bool> {
    Ok(executor::execute(connection, job)? > 0)
}

const CLAIM: &str = "UPDATE jobs SET state = 'running', owner = ?3,
         started_at = coalesce(started_at, ?1)
     WHERE id = (
         SELECT job.id FROM jobs job
         WHERE job.app = ?2 AND job.state = 'ready' AND job.ordered_at <= ?1 AND job.run_at <= ?1
           AND (job.kind = 'overflow' OR NOT EXISTS (
               SELECT 1 FROM jobs busy
               WHERE busy.app = job.app AND busy.tenant = job.tenant AND busy.chat = job.chat
                 AND busy.state = 'running'))
           AND (?4 OR job.kind NOT IN ('delivery', 'retraction'))
           AND NOT EXISTS (
               SELECT 1 FROM jobs before
               WHERE before.app = job.app AND before.tenant = job.tenant
                 AND before.chat = job.chat
                 AND before.state IN ('ready', 'running')
                 AND (before.ordered_at, before.id) < (job.ordered_at, job.id))
         ORDER BY job.ordered_at, job.id LIMIT 1)
     RETURNING *, suspended_for IS NOT NULL AS waited_in_vain";

/// Claims the next job; `Err` if its row cannot be read.
///
/// A job that waits for a retry blocks those behind it: its `ordered_at` has passed, its `run_at`
/// has not. A schedule, whose `ordered_at` is in the future, blocks none.
pub(super) fn claim(
    connection: &Connection,
    app: &str,
    claimable: Claimable,
    now: Timestamp,
) -> rusqlite::Result<Result<Claim, Owned>> {
    let all = claimable == Claimable::All;
    let claimed = connection
        .prepare_cached(CLAIM)?
        .query_row(params![now.as_millisecond(), app, SOLE_OWNER, all], |row| {
            let id = JobId(row.get("id")?);
            let owner = SOLE_OWNER;
            Ok(job(&Row::Sqlite(row), Lease::Sole).map_err(|_| Owned { id, owner }))
        })
        .optional()?;
    Ok(match claimed {
        Some(job) => job.map(|job| Claim::Job(Box::new(job))),
        None => Ok(Claim::NothingUntil(next_run(connection, app, now)?)),
    })
}

/// As separate queries, each uses an index or reads only the few late jobs.
const NEXT_RUN: &str = "SELECT min(at) FROM (
         SELECT min(ordered_at) AS at FROM jobs
         WHERE app = ?2 AND state = 'ready' AND ordered_at > ?1
         UNION ALL
         SELECT min(run_at) FROM jobs
         WHERE app = ?2 AND state = 'ready' AND ordered_at <= ?1 AND run_at > ?1)";

/// When the earliest waiting job is due. A due job behind another one of its chat is claimed when
/// that one is released.
fn next_run(
    connection: &Connection,
    app: &str,
    now: Timestamp,
) -> rusqlite::Result<Option<Timestamp>> {
    let at: Option<i64> = connection
        .prepare_cached(NEXT_RUN)?
        .query_row(params![now.as_millisecond(), app], |row| row.get(0))?;
    Ok(at.map(timestamp).transpose()?)
}

/// Writes `application_id` (it spells "noti"), which needs no table: it is part of the file's
/// header.
pub(super) fn probe(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", 0x6e6f_7469)
}

#[cfg(test)]
mod tests {
    use feishu::OpenId;
    use rusqlite::StatementStatus;

    use super::*;
    use crate::model::change::ChangeId;
    use crate::model::grant::Member;
    use crate::model::job::{ChatKey, Tenant};
    use crate::store::row::NEXT_NUMBER;
    use crate::store::sqlite::file;
    use crate::store::sqlite::migrate::migrate;
    use crate::store::statements::{broadcasts, changes, chats, consents, grants, schedules};

    /// SQLite's query plan, one entry per table.
    fn plan(connection: &Connection, sql: &str) -> Vec<String> {
        let mut plan = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let nulls = vec![rusqlite::types::Null; plan.parameter_count()];
        let kinds = plan
            .query_map(rusqlite::params_from_iter(nulls), |row| row.get("detail"))
            .unwrap();
        kinds.collect::<Result<_, _>>().unwrap()
    }

    fn assert_indexes(connection: &Connection, sql: &str, expected: &[(&str, &str)]) {
        let kinds = plan(connection, sql);
        for (table, index) in expected {
            // The row to change is found by its id.
            let mut of_table = kinds
                .iter()
                .filter(|kind| kind.contains(&format!(" {table} ")))
                .filter(|kind| !kind.contains("PRIMARY KEY"))
                .peekable();
            assert!(of_table.peek().is_some(), "{kinds:#?}");
            assert!(of_table.all(|kind| kind.contains(index)), "{kinds:#?}");
        }
    }

    fn tables() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        connection
    }

    #[test]
    fn statements_are_planned_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = file::connect(&folder.path().join("bot.db")).unwrap();
        migrate(&mut connection).unwrap();
        let chat = |number: i64| ChatKey {
            tenant: Tenant::own("cli_1"),
            chat: format!("oc_{number}"),
        };
        for number in 0..3 {
            let now = Timestamp::from_second(number).unwrap();
            assert!(
                claim(&connection, "cli_1", Claimable::All, now)
                    .unwrap()
                    .is_ok()
            );
            let latest = changes::latest_top(&chat(number));
            executor::rows(&connection, &latest).unwrap();
            for sql in [CLAIM, NEXT_RUN, &*latest.statement.sql] {
                let statement = connection.prepare_cached(sql).unwrap();
                let anew = statement.get_status(StatementStatus::RePrepare);
                assert_eq!(anew, 0, "{sql}");
            }
        }
    }

    #[test]
    fn queue_statements_read_no_finished_jobs() {
        let connection = tables();
        let queue = jobs::queue("").statement.sql;
        for (sql, ways) in [
            (
                CLAIM,
                &[
                    ("job", "INDEX jobs_ready"),
                    ("busy", "INDEX jobs_running"),
                    ("before", "INDEX jobs_open"),
                ][..],
            ),
            (NEXT_RUN, &[("jobs", "INDEX jobs_ready")]),
            (
                &queue,
                &[
                    ("jobs", "INDEX jobs_open"),
                    ("suspended", "INDEX jobs_of_member"),
                ],
            ),
            (OF_CHAT, &[("jobs", "INDEX jobs_open")]),
        ] {
            assert_indexes(&connection, sql, ways);
        }
    }

    #[test]
    fn shared_statements_read_through_an_index() {
        let connection = tables();
        let chat = ChatKey {
            tenant: Tenant::own(""),
            chat: String::new(),
        };
        let member = Member {
            tenant: chat.tenant.clone(),
            person: "".into(),
        };
        let (now, id) = (Timestamp::UNIX_EPOCH, ChangeId(1));
        let notices = changes::notices(&chat).statement;
        for (statement, table, index) in [
            (jobs::prune("", now), "jobs", "jobs_finished"),
            (
                changes::forget_texts("", now),
                "changes",
                "changes_with_text",
            ),
            (changes::forget("", now), "changes", "changes_made"),
            (chats::forget_answers("", now), "answers", "answers_sent"),
            (
                changes::history(&chat, 1).statement,
                "changes",
                "changes_done",
            ),
            (
                changes::undoable(&chat, now).statement,
                "changes",
                "changes_with_state",
            ),
            (
                changes::latest_top(&chat).statement,
                "changes",
                "changes_of_top",
            ),
            (
                changes::restored_since(&chat, id).statement,
                "changes",
                "changes_reverting",
            ),
            (notices, "changes", "changes_numbered"),
            (changes::revert_edits(id), "changes", "changes_editing"),
            (
                changes::numbered(&chat, 1).statement,
                "changes",
                "changes_numbered",
            ),
            (changes::forget_texts("", now), "edit", "changes_editing"),
            (schedules::of_chat(&chat).statement, "jobs", "jobs_planned"),
            (grants::resume(&member, now), "jobs", "jobs_of_member"),
            (grants::resume_overdue("", now), "jobs", "jobs_suspended"),
            (
                grants::count_suspended(&member).statement,
                "jobs",
                "jobs_of_member",
            ),
            (
                grants::idle("", now, 1).statement,
                "grants",
                "grants_renewed",
            ),
            (
                consents::by_ticket("", "", now).statement,
                "consents",
                "consents_by_ticket",
            ),
            (
                consents::due_polls("", now).statement,
                "consents",
                "consents_to_poll",
            ),
        ] {
            assert_indexes(&connection, &statement.sql, &[(table, index)]);
        }
        assert_indexes(
            &connection,
            &format!("SELECT {NEXT_NUMBER}"),
            &[("jobs", "jobs_planned"), ("changes", "changes_numbered")],
        );
    }

    #[test]
    fn broadcasts_are_read_through_an_index() {
        let (connection, tenant) = (tables(), Tenant::own(""));
        let author = OpenId::from("");
        for (statement, table, index) in [
            (
                broadcasts::open(&tenant).statement,
                "deliveries",
                "deliveries_open",
            ),
            (
                broadcasts::of_delivery(&tenant, "").statement,
                "deliveries",
                "deliveries_by_job",
            ),
            (
                broadcasts::open_of_author(&tenant, &author).statement,
                "broadcasts",
                "broadcasts_of_author",
            ),
        ] {
            assert_indexes(&connection, &statement.sql, &[(table, index)]);
        }
    }

    #[test]
    fn announced_states_are_read_through_an_index() {
        let chat = ChatKey {
            tenant: Tenant::own(""),
            chat: String::new(),
        };
        let query = changes::announced(&chat);
        assert_indexes(
            &tables(),
            &query.statement.sql,
            &[("changes", "changes_with_state")],
        );
    }
}
