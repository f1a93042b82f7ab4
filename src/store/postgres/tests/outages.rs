//! Outages of the database: requests succeed afterwards without a restart.

use std::net::SocketAddr;

use test_servers::{Database, Proxy, Server};
use tokio::time::sleep;

use super::*;

/// How long after an outage the store must have recovered.
const RECOVERY: Duration = Duration::from_secs(5);
const EVENT: Duration = Duration::from_millis(2500);
const GLANCE: Duration = Duration::from_millis(20);

/// A replica on a database, possibly through a proxy.
struct Replica {
    store: Store,
    running: StoreTasks,
}

impl Replica {
    async fn at(url: &str) -> Self {
        let (clock, _) = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        let options = StoreOptions {
            bounds: Bounds {
                open: 1000,
                open_of_chat: 1000,
            },
            ..options(url, &clock)
        };
        let (store, running) = Store::open(options).await.unwrap();
        Self { store, running }
    }

    async fn on(database: &Database) -> Self {
        Self::at(&database.url()).await
    }

    /// Accepts, claims and releases a job.
    async fn work(&self, origin: &str) -> Result<(), StoreError> {
        // The time limit for storing an event.
        let accepted = timeout(EVENT, self.store.accept(job(origin, origin))).await;
        accepted.map_err(|_| StoreError::Database)??;
        match self.store.claim(Claimable::All).await? {
            Claim::Job(job) => self.store.release(&job, Release::Done).await,
            _ => Err(StoreError::Database),
        }
    }

    /// Checks that all sessions work: each is used at least once.
    async fn uses_every_session(&self) {
        assert!(self.every_session_works().await);
    }

    async fn every_session_works(&self) -> bool {
        let all = (0..8).map(|_| self.store.queue());
        let answers = futures_util::future::join_all(all).await;
        answers.iter().all(Result::is_ok)
    }

    /// Waits until a request fails.
    async fn fails(&self) {
        let failing = async { while self.store.probe().await.is_ok() {} };
        timeout(PATIENCE, failing).await.unwrap();
    }

    /// Waits for the recovery, which must be prompt and complete.
    async fn recovers(&self) {
        self.recovers_within(RECOVERY).await;
    }

    async fn recovers_within(&self, most: Duration) {
        let begun = Instant::now();
        let recovering = async {
            while self
                .work(&format!("om_{:?}", begun.elapsed()))
                .await
                .is_err()
            {
                sleep(GLANCE).await;
            }
        };
        let recovered = timeout(most, recovering).await;
        assert!(recovered.is_ok(), "it does not work after {most:?}");
        eprintln!("works again after {:?}", begun.elapsed());
        // The renewal of the lease may detect the outage only now, and cancel requests in flight.
        let all = async { while !self.every_session_works().await {} };
        timeout(most, all).await.unwrap();
        self.store.probe().await.unwrap();
    }
}

async fn end_sessions(database: &Database) {
    end_sessions_of(database, database).await;
}

/// Ends the sessions from a connection to another database.
async fn end_sessions_of(database: &Database, admin: &Database) {
    let others = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = '{}' AND pid <> pg_backend_pid()",
        name(database)
    );
    admin.execute(&others).await.unwrap();
}

async fn promote(standby: &Database) {
    standby.execute("SELECT pg_promote()").await.unwrap();
}

/// A role that owns only what it creates, and can be locked out.
struct Role {
    name: String,
    url: String,
}

impl Role {
    async fn of(database: &Database) -> Self {
        let name = format!("role_of_{}", name(database));
        let make = format!(
            "CREATE ROLE {name} LOGIN PASSWORD 'known'; GRANT CREATE ON DATABASE {} TO {name}",
            self::name(database)
        );
        database.execute(&make).await.unwrap();
        let url = database.url();
        let (_, place) = url.split_once('@').unwrap();
        let url = format!("postgres://{name}:known@{place}");
        Self { name, url }
    }

    async fn drop(self, database: &Database) {
        let drop = format!("DROP OWNED BY {0} CASCADE; DROP ROLE {0}", self.name);
        database.execute(&drop).await.unwrap();
    }
}

fn name(database: &Database) -> String {
    let url = database.url();
    let (_, name) = url.rsplit_once('/').unwrap();
    name.split('?').next().unwrap().to_owned()
}

async fn address(database: &Database) -> SocketAddr {
    let port = database.number("SELECT inet_server_port()::bigint").await;
    SocketAddr::from(([127, 0, 0, 1], u16::try_from(port.unwrap()).unwrap()))
}

#[tokio::test]
async fn a_read_only_database_recovers() {
    let database = Database::create().await.unwrap();
    let replica = Replica::on(&database).await;
    replica.uses_every_session().await;
    let set = |value: &str| {
        let name = name(&database);
        format!("ALTER DATABASE {name} SET default_transaction_read_only = {value}")
    };
    database.execute(&set("on")).await.unwrap();
    end_sessions(&database).await;
    replica.fails().await;
    assert!(replica.store.accept(job("oc_1", "om_1")).await.is_err());
    // Reverting the setting is a write, too.
    let back = format!("BEGIN READ WRITE; {}; COMMIT", set("off"));
    database.execute(&back).await.unwrap();
    replica.recovers().await;
}

/// Sessions become read-only without being closed.
#[tokio::test]
async fn sessions_that_became_read_only_are_discarded() {
    let server = Server::primary().unwrap();
    let database = Database::create_on(&server).await.unwrap();
    let replica = Replica::on(&database).await;
    replica.uses_every_session().await;
    let set = async |value: &str| {
        let set = format!("ALTER SYSTEM SET default_transaction_read_only = {value}");
        database.execute(&set).await.unwrap();
        database.execute("SELECT pg_reload_conf()").await.unwrap();
    };
    set("on").await;
    replica.fails().await;
    set("off").await;
    replica.recovers().await;
}

#[tokio::test]
async fn ended_sessions_are_replaced_without_a_failed_job() {
    let database = Database::create().await.unwrap();
    let replica = Replica::on(&database).await;
    for round in 0..3 {
        replica.uses_every_session().await;
        end_sessions(&database).await;
        let accepted = replica.store.accept(job("oc_1", &format!("om_{round}")));
        assert_eq!(accepted.await.unwrap(), Accepted::New, "{round}");
    }
}

#[tokio::test]
async fn statements_that_became_invalid_are_prepared_again() {
    let database = Database::create().await.unwrap();
    let replica = Replica::on(&database).await;
    replica.work("om_1").await.unwrap();
    for change in [
        "ALTER TABLE noticebot.jobs ALTER COLUMN origin TYPE varchar(200)",
        "ALTER TABLE noticebot.jobs ALTER COLUMN payload TYPE varchar",
    ] {
        database.execute(change).await.unwrap();
        replica.recovers().await;
    }
    let store = inner(&replica.store);
    for _ in 0..3 {
        let session = store.sessions.get().await.unwrap();
        session.batch_execute("DEALLOCATE ALL").await.unwrap();
    }
    replica.recovers().await;
}

/// A request leaves a failed transaction open.
#[tokio::test]
async fn a_session_in_a_failed_transaction_is_discarded() {
    let database = Database::create().await.unwrap();
    let replica = Replica::on(&database).await;
    let store = inner(&replica.store);
    {
        let session = store.sessions.get().await.unwrap();
        let broken = session.batch_execute("BEGIN; SELECT 1 / 0");
        assert!(broken.await.is_err());
    }
    let accepted = replica.store.accept(job("oc_1", "om_1")).await.unwrap();
    assert_eq!(accepted, Accepted::New);
    replica.recovers().await;
}

#[tokio::test]
async fn connections_that_fall_silent_are_replaced() {
    let database = Database::create().await.unwrap();
    let proxy = Proxy::open(address(&database).await).await.unwrap();
    let replica = Replica::at(&database.url_at(&[proxy.address()])).await;
    replica.uses_every_session().await;
    proxy.silence();
    replica.recovers().await;
}

/// A virtual address leads to a standby, then to the primary again, and the connections to the
/// standby stay open.
#[tokio::test]
async fn an_address_recovers_after_leading_to_a_standby() {
    let primary = Server::primary().unwrap();
    let database = Database::create_on(&primary).await.unwrap();
    let proxy = Proxy::open(primary.address()).await.unwrap();
    let replica = Replica::at(&database.url_at(&[proxy.address()])).await;
    let standby = primary.standby().unwrap();
    replica.uses_every_session().await;
    proxy.lead_to(standby.address());
    proxy.cut();
    replica.fails().await;
    // Each session looks for a writable server.
    for _ in 0..20 {
        assert!(
            replica
                .store
                .accept(job("oc_1", "om_standby"))
                .await
                .is_err()
        );
    }
    proxy.lead_to(primary.address());
    replica.recovers().await;
}

#[tokio::test]
async fn a_promoted_standby_is_found_among_several_hosts() {
    let primary = Server::primary().unwrap();
    let database = Database::create_on(&primary).await.unwrap();
    let standby = primary.standby().unwrap();
    let url = database.url_at(&[standby.address(), primary.address()]);
    let replica = Replica::at(&url).await;
    replica.work("om_1").await.unwrap();
    primary.kill().unwrap();
    replica.fails().await;
    promote(&database.on_standby(&standby)).await;
    replica.recovers().await;
}

#[tokio::test]
async fn a_silent_host_does_not_hide_the_next() {
    let primary = Server::primary().unwrap();
    let database = Database::create_on(&primary).await.unwrap();
    let standby = primary.standby().unwrap();
    let url = database.url_at(&[primary.address(), standby.address()]);
    let replica = Replica::at(&url).await;
    replica.work("om_1").await.unwrap();
    primary.freeze().unwrap();
    promote(&database.on_standby(&standby)).await;
    // Each new session first waits for the silent host, so that requests on a busy machine may miss
    // their own time limit. But the next host is found, which it never is if the first has no limit.
    replica.recovers_within(12 * RECOVERY).await;
    primary.thaw().unwrap();
}

#[tokio::test]
async fn a_suspended_server_recovers() {
    let server = Server::primary().unwrap();
    let database = Database::create_on(&server).await.unwrap();
    let replica = Replica::on(&database).await;
    replica.uses_every_session().await;
    server.freeze().unwrap();
    replica.fails().await;
    // Longer than the lease, the request timeout and the TCP timeout.
    sleep(Duration::from_secs(15)).await;
    server.thaw().unwrap();
    replica.recovers().await;
    // New connections wait, open ones work.
    server.freeze_postmaster().unwrap();
    replica.work("om_postmaster").await.unwrap();
    server.thaw().unwrap();
    replica.recovers().await;
}

#[tokio::test]
async fn a_locked_table_delays_work() {
    let database = Database::create().await.unwrap();
    let replica = Replica::on(&database).await;
    let lock = "BEGIN; LOCK TABLE noticebot.jobs, noticebot.replicas";
    let lock = database.hold(lock).await.unwrap();
    let waits = timeout(Duration::from_millis(100), replica.store.probe()).await;
    assert!(!matches!(waits, Ok(Ok(()))));
    drop(lock);
    replica.recovers().await;
}

/// One of three replicas receives no notifications for a moment.
#[tokio::test]
async fn a_lost_listener_listens_again_while_others_work() {
    let database = Database::create().await.unwrap();
    let replicas = [
        Replica::on(&database).await,
        Replica::on(&database).await,
        Replica::on(&database).await,
    ];
    let listening = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'SELECT pg_notify%'";
    let listeners = async |count| {
        while database.number(listening).await.unwrap() != count {
            sleep(GLANCE).await;
        }
    };
    timeout(PATIENCE, listeners(3)).await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'SELECT pg_notify%'";
    database.execute(cut).await.unwrap();
    for (number, replica) in replicas.iter().enumerate() {
        replica.work(&format!("om_{number}")).await.unwrap();
    }
    timeout(RECOVERY, listeners(3)).await.unwrap();
}

#[tokio::test]
async fn a_start_waits_for_a_full_server() {
    let database = Database::create().await.unwrap();
    let role = Role::of(&database).await;
    let full = format!("ALTER ROLE {} CONNECTION LIMIT 0", role.name);
    database.execute(&full).await.unwrap();
    let DatabaseUrl::Postgres(server) = DatabaseUrl::parse(&role.url).unwrap() else {
        panic!("no server");
    };
    let seen = inspect(&server, "cli_1", &ExtraRoots::default()).await;
    let unreachable = seen.unwrap_err().to_string();
    assert!(unreachable.contains("max_connections"), "{unreachable}");
    assert!(!unreachable.contains("certificate"), "{unreachable}");

    let (clock, _) = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
    let options = options(&role.url, &clock);
    let mut starting = Box::pin(Store::open(options));
    let early = timeout(Duration::from_millis(300), starting.as_mut()).await;
    assert!(early.is_err(), "it does not wait");
    let free = format!("ALTER ROLE {} CONNECTION LIMIT -1", role.name);
    database.execute(&free).await.unwrap();
    let started = timeout(RECOVERY, starting).await.unwrap();
    let (store, running) = started.unwrap();
    store.probe().await.unwrap();
    drop(store);
    running.close().await.unwrap();
    role.drop(&database).await;
}

/// The ways to lock a bot out of a running database and to readmit it.
#[tokio::test]
async fn a_locked_out_bot_recovers() {
    let database = Database::create().await.unwrap();
    let admin = Database::create().await.unwrap();
    let role = Role::of(&database).await;
    let replica = Replica::at(&role.url).await;
    let (role_name, place) = (role.name.as_str(), name(&database));
    for (out, back) in [
        (
            "ALTER ROLE ROLE PASSWORD 'other'",
            "ALTER ROLE ROLE PASSWORD 'known'",
        ),
        (
            "ALTER ROLE ROLE VALID UNTIL '2000-01-01'",
            "ALTER ROLE ROLE VALID UNTIL 'infinity'",
        ),
        ("ALTER ROLE ROLE NOLOGIN", "ALTER ROLE ROLE LOGIN"),
        (
            "ALTER ROLE ROLE CONNECTION LIMIT 0",
            "ALTER ROLE ROLE CONNECTION LIMIT -1",
        ),
        (
            "ALTER DATABASE PLACE CONNECTION LIMIT 0",
            "ALTER DATABASE PLACE CONNECTION LIMIT -1",
        ),
        (
            "ALTER DATABASE PLACE ALLOW_CONNECTIONS false",
            "ALTER DATABASE PLACE ALLOW_CONNECTIONS true",
        ),
        (
            "REVOKE CONNECT ON DATABASE PLACE FROM PUBLIC",
            "GRANT CONNECT ON DATABASE PLACE TO PUBLIC",
        ),
        (
            "ALTER ROLE ROLE SET default_transaction_read_only = on",
            "ALTER ROLE ROLE RESET default_transaction_read_only",
        ),
        (
            "ALTER ROLE ROLE RENAME TO ROLE_away",
            "ALTER ROLE ROLE_away RENAME TO ROLE; ALTER ROLE ROLE PASSWORD 'known'",
        ),
    ] {
        let named = |sql: &str| {
            sql.replace("ALTER ROLE ROLE", &format!("ALTER ROLE {role_name}"))
                .replace("TO ROLE", &format!("TO {role_name}"))
                .replace("; ALTER ROLE ROLE", &format!("; ALTER ROLE {role_name}"))
                .replace("PLACE", &place)
        };
        admin.execute(&named(out)).await.unwrap();
        end_sessions_of(&database, &admin).await;
        replica.fails().await;
        let refused = replica.store.accept(job("oc_1", "om_refused")).await;
        assert!(refused.is_err(), "{out}");
        admin.execute(&named(back)).await.unwrap();
        replica.recovers().await;
    }
    role.drop(&database).await;
}

#[tokio::test]
async fn a_renamed_database_recovers() {
    let database = Database::create().await.unwrap();
    let admin = Database::create().await.unwrap();
    let replica = Replica::on(&database).await;
    replica.work("om_1").await.unwrap();
    let place = name(&database);
    let rename = async |from: &str, to: &str| {
        let close = format!("ALTER DATABASE {from} ALLOW_CONNECTIONS false");
        admin.execute(&close).await.unwrap();
        let end = format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{from}'"
        );
        admin.execute(&end).await.unwrap();
        let rename = format!("ALTER DATABASE {from} RENAME TO {to}");
        admin.execute(&rename).await.unwrap();
        let open = format!("ALTER DATABASE {to} ALLOW_CONNECTIONS true");
        admin.execute(&open).await.unwrap();
    };
    let away = format!("{place}_away");
    rename(&place, &away).await;
    replica.fails().await;
    rename(&away, &place).await;
    replica.recovers().await;
}

/// The permissions and names of the tables change while the bot runs.
#[tokio::test]
async fn inaccessible_tables_recover() {
    let database = Database::create().await.unwrap();
    let role = Role::of(&database).await;
    let replica = Replica::at(&role.url).await;
    for (out, back) in [
        (
            "REVOKE UPDATE ON noticebot.replicas FROM ROLE",
            "GRANT UPDATE ON noticebot.replicas TO ROLE",
        ),
        (
            "REVOKE USAGE ON SCHEMA noticebot FROM ROLE",
            "GRANT USAGE ON SCHEMA noticebot TO ROLE",
        ),
        (
            "ALTER SCHEMA noticebot RENAME TO away",
            "ALTER SCHEMA away RENAME TO noticebot",
        ),
        (
            "ALTER TABLE noticebot.jobs RENAME TO away",
            "ALTER TABLE noticebot.away RENAME TO jobs",
        ),
    ] {
        database
            .execute(&out.replace("ROLE", &role.name))
            .await
            .unwrap();
        let refused = async {
            while replica
                .store
                .accept(job("oc_1", "om_refused"))
                .await
                .is_ok()
                && replica.store.probe().await.is_ok()
            {}
        };
        timeout(PATIENCE, refused).await.unwrap();
        database
            .execute(&back.replace("ROLE", &role.name))
            .await
            .unwrap();
        replica.recovers().await;
    }
    role.drop(&database).await;
}

/// Timeouts meant for people, and an isolation level meant for reports.
#[tokio::test]
async fn role_settings_do_not_affect_the_bot() {
    let database = Database::create().await.unwrap();
    let role = Role::of(&database).await;
    let replica = Replica::at(&role.url).await;
    for setting in [
        "statement_timeout = '1ms'",
        "lock_timeout = '1ms'",
        "idle_session_timeout = '1ms'",
        "idle_in_transaction_session_timeout = '1ms'",
        "default_transaction_isolation = 'serializable'",
    ] {
        let set = format!("ALTER ROLE {} SET {setting}", role.name);
        database.execute(&set).await.unwrap();
    }
    end_sessions(&database).await;
    replica.recovers().await;
    let store = inner(&replica.store);
    {
        let session = store.sessions.get().await.unwrap();
        for (setting, expected) in [
            ("lock_timeout", "0"),
            ("idle_session_timeout", "0"),
            ("transaction_isolation", "read committed"),
        ] {
            let asked = session.query_one(&format!("SHOW {setting}"), &[]).await;
            assert_eq!(asked.unwrap().get::<_, String>(0), expected, "{setting}");
        }
    }
    let lock = "BEGIN; LOCK TABLE noticebot.jobs";
    let lock = database.hold(lock).await.unwrap();
    let mut accepted = Box::pin(replica.store.accept(job("oc_1", "om_locked")));
    let early = timeout(Duration::from_millis(100), accepted.as_mut()).await;
    assert!(early.is_err(), "it does not wait for the lock");
    drop(lock);
    assert_eq!(accepted.await.unwrap(), Accepted::New);
    role.drop(&database).await;
}

/// As after a restore without the replicas' rows.
#[tokio::test]
async fn a_missing_lease_is_replaced() {
    let database = Database::create().await.unwrap();
    let replica = Replica::on(&database).await;
    for forget in [
        "UPDATE noticebot.jobs SET owner = NULL, accepted_by = NULL; DELETE FROM noticebot.replicas",
        "TRUNCATE noticebot.replicas CASCADE",
    ] {
        replica.work("om_before").await.ok();
        database.execute(forget).await.unwrap();
        replica.recovers().await;
    }
}

#[tokio::test]
async fn a_start_on_a_standby_awaits_promotion() {
    let primary = Server::primary().unwrap();
    let database = Database::create_on(&primary).await.unwrap();
    let standby = primary.standby().unwrap();
    let there = database.on_standby(&standby);
    let (clock, _) = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
    let mut starting = Box::pin(Store::open(options(&there.url(), &clock)));
    let early = timeout(Duration::from_millis(500), starting.as_mut()).await;
    assert!(early.is_err(), "it does not wait");
    promote(&there).await;
    assert!(timeout(RECOVERY, starting).await.unwrap().is_ok());
}

/// The server accepts connections and does not respond.
#[tokio::test(start_paused = true)]
async fn a_start_gives_up_on_a_silent_server() {
    tokio::time::resume();
    let database = Database::create().await.unwrap();
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::open(silent.local_addr().unwrap()).await.unwrap();
    let (clock, _) = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
    let url = database.url_at(&[proxy.address()]);
    let mut starting = Box::pin(Store::open(options(&url, &clock)));
    tokio::time::pause();
    let early = timeout(Duration::from_mins(1), starting.as_mut()).await;
    assert!(early.is_err(), "it does not wait");
    tokio::time::resume();
    proxy.lead_to(address(&database).await);
    assert!(timeout(2 * PATIENCE, starting).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_wrong_column_type_fails_requests_only() {
    let database = Database::create().await.unwrap();
    let mut replica = Replica::on(&database).await;
    let retype = |name| format!("ALTER TABLE noticebot.jobs ALTER COLUMN ordered_at TYPE {name}");
    database.execute(&retype("numeric")).await.unwrap();
    let failed = replica.store.queue().await;
    assert!(matches!(failed, Err(StoreError::Database)), "{failed:?}");
    database.execute(&retype("bigint")).await.unwrap();
    // A session with outdated plans is replaced first.
    let _ = replica.store.queue().await;
    replica.store.queue().await.unwrap();
    let ended = timeout(Duration::from_millis(10), replica.running.ended()).await;
    assert!(ended.is_err(), "{ended:?}");
}
