//! The program from outside: words, exit codes, signals.

use std::process::Stdio;
use std::time::{Duration, Instant};

use feishu_sim::{Endpoint, Fault, Simulator, State};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::process::{PROGRAM, Serving, end, listening, on, platform, program, serve};

/// A shell's script that is to start the program with the settings of that command.
fn sh(script: &str, like: &Command) -> Command {
    let settings = like.as_std().get_envs();
    let settings = settings.filter_map(|(name, value)| Some((name, value?)));
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script, PROGRAM])
        .env_clear()
        .envs(settings)
        .kill_on_drop(true);
    shell
}

async fn terminate(child: &Child) {
    send("-TERM", child).await;
}

async fn send(signal: &str, child: &Child) {
    let pid = child.id().unwrap().to_string();
    Command::new("kill")
        .args([signal, &pid])
        .status()
        .await
        .unwrap();
}

#[tokio::test]
async fn bad_usage_and_configuration_exit_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let unknown = &write("unknown.toml", "[policy]\nmdoe = 'group'");
    let url = &write("url.toml", "[feishu]\nbase_url = 'feishu'");
    for (verb, words) in [
        (vec!["serve"], "`FEISHU_APP_ID`"),
        (vec!["config"], "`FEISHU_ENCRYPT_KEY`"),
        (vec!["serve", "--config", "/nowhere.toml"], "/nowhere.toml"),
        (vec!["serve", "--config", unknown], "did you mean `mode`?"),
        (vec!["serve", "--config", url], "`feishu.base_url`"),
        (vec!["dance"], "dance"),
        (vec!["jobs"], "Usage"),
        (vec!["jobs", "list", "--state", "odd"], "odd"),
        (vec!["jobs", "list", "--limit", "-1"], "-1"),
        (vec!["jobs", "list", "--chat", "ops"], "`oc_…`"),
        (vec!["audit", "--chat", "ou_1"], "`oc_…`"),
        (vec!["check", "--chat", "oc_…"], "`oc_…`"),
        (vec!["backup"], "<FILE>"),
        (vec!["config", "--json"], "--json"),
        (vec!["serve", "--confg", "x"], "--confg"),
        (vec!["jobs", "list", "--config", "/"], "is a directory"),
        (vec!["audit", "--config", unknown], "did you mean `mode`?"),
        (vec!["backup", "x", "--config", unknown], "line 2 of"),
        (vec!["healthcheck", "--config", unknown], "line 2 of"),
        (vec![], "Usage"),
    ] {
        let ended = end(program(&verb)).await;
        assert_eq!(ended.code, Some(2), "{verb:?}: {}", ended.err);
        assert!(ended.err.contains(words), "{verb:?}: {}", ended.err);
    }
    // For a check it is a finding.
    for verb in [vec!["check"], vec!["check", "--config", unknown]] {
        let ended = end(program(&verb)).await;
        assert_eq!(ended.code, Some(2), "{verb:?}: {}", ended.out);
        assert!(ended.out.starts_with("✗ configuration: "), "{}", ended.out);
        assert_eq!(ended.err, "");
    }
}

#[tokio::test]
async fn each_stop_signal_stops_the_bot_cleanly() {
    let sim = Simulator::builder().start().await.unwrap();
    for signal in ["-TERM", "-INT", "-QUIT", "-HUP"] {
        let folder = tempfile::tempdir().unwrap();
        let mut bot = serve(&sim, &folder).await;
        send(signal, &bot.child).await;
        // A second one changes nothing.
        send(signal, &bot.child).await;
        let ended = bot.child.wait().await.unwrap();
        assert_eq!(ended.code(), Some(0), "{signal}: {ended}");
    }
}

#[tokio::test]
async fn a_bot_under_nohup_survives_a_hangup() {
    let sim = Simulator::builder().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let settings = on(&sim, &folder, &[]);
    let mut shell = sh("trap '' HUP; exec \"$0\" serve", &settings);
    shell.current_dir(&folder);
    let mut bot = listening(shell).await;
    send("-HUP", &bot.child).await;
    let mut health = on(&sim, &folder, &["healthcheck"]);
    health.env("NOTICEBOT_LISTEN", &bot.address);
    assert_eq!(end(health).await.code, Some(0));
    terminate(&bot.child).await;
    assert_eq!(bot.child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_closed_log_does_not_end_the_bot() {
    let sim = Simulator::builder().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut verbose = on(&sim, &folder, &["serve"]);
    verbose.env("NOTICEBOT_LOG", "trace");
    let Serving {
        mut child,
        address,
        log,
    } = listening(verbose).await;
    drop(log);
    for _ in 0..3 {
        let mut health = on(&sim, &folder, &["healthcheck"]);
        health.env("NOTICEBOT_LISTEN", &address);
        let well = end(health).await;
        assert_eq!(well.code, Some(0), "{}", well.err);
    }
    terminate(&child).await;
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_closed_output_pipe_is_not_an_error() {
    let sim = platform().await;
    let folder = tempfile::tempdir().unwrap();
    let mut bot = serve(&sim, &folder).await;
    for verb in [
        &["config"][..],
        &["jobs", "list"],
        &["jobs", "list", "--json"],
        &["audit"],
        &["check"],
        &["check", "--json"],
        &["--help"],
        &["--version"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = on(&sim, &folder, verb);
        command.stdout(writer).stderr(Stdio::piped());
        let ended = command.spawn().unwrap().wait_with_output().await.unwrap();
        let err = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(0), "{verb:?}: {err}");
        assert_eq!(err, "", "{verb:?}");
    }
    // A full disk is a failure.
    let full = std::fs::File::options().write(true).open("/dev/full");
    let mut unwritten = on(&sim, &folder, &["config"]);
    unwritten.stdout(full.unwrap()).stderr(Stdio::piped());
    let ended = unwritten.spawn().unwrap().wait_with_output().await.unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        String::from_utf8(ended.stderr)
            .unwrap()
            .contains("No space left")
    );
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut misused = program(&["serve"]);
    misused.stderr(writer);
    assert_eq!(misused.status().await.unwrap().code(), Some(2));
    terminate(&bot.child).await;
    assert_eq!(bot.child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn variables_that_set_nothing_are_refused() {
    let sim = Simulator::builder().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, value, words) in [
        ("NOTICEBOT_POLICY_MODE", "closed", "`policy.mode`"),
        ("FEISHU_TIMEOUT", "5s", "`NOTICEBOT_FEISHU_TIMEOUT`"),
        ("NOTICEBOT_POLICY_DENY", "ou_1", "`policy.deny`"),
        ("NOTICEBOT_WORKER_STALE_AFTER", "9999y", "from 0s to 365d"),
    ] {
        for verb in [&["serve"][..], &["config"], &["jobs", "list"]] {
            // What concerns the store alone does not need valid limits.
            if verb[0] == "jobs" && name == "NOTICEBOT_WORKER_STALE_AFTER" {
                continue;
            }
            let mut command = on(&sim, &folder, verb);
            command.env(name, value);
            let ended = end(command).await;
            assert_eq!(ended.code, Some(2), "{name}: {}", ended.err);
            assert!(ended.err.contains(words), "{name}: {}", ended.err);
        }
    }
    let mut set = on(&sim, &folder, &["config"]);
    set.env("NOTICEBOT_POLICY_MODE", "admins")
        .env("NOTICEBOT_SERVICE_HOST", "10.0.0.1")
        .env("NOTICEBOT_PORT", "tcp://10.0.0.1:8080");
    let shown = end(set).await;
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    assert!(shown.out.contains("mode = \"admins\""), "{}", shown.out);
}

#[tokio::test]
async fn config_shows_effective_values_without_secrets() {
    let sim = Simulator::builder().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ended = end(on(&sim, &folder, &["config"])).await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(
        ended
            .out
            .contains(&format!("base_url = \"{}\"", sim.base_url())),
        "{}",
        ended.out
    );
    let app = sim.app();
    for secret in [
        app.app_secret,
        app.encrypt_key.unwrap(),
        app.verification_token,
    ] {
        assert!(!ended.out.contains(&secret) && !ended.err.contains(&secret));
    }
}

#[tokio::test]
async fn check_exits_with_0_only_without_problems() {
    let sim = platform().await;
    let folder = tempfile::tempdir().unwrap();
    let good = end(on(&sim, &folder, &["check"])).await;
    assert_eq!(good.code, Some(0), "{}", good.out);
    let said = good.out.contains("✓ configuration: complete");
    assert!(said && !good.out.contains('✗'), "{}", good.out);
    assert!(good.out.ends_with("No problems found.\n"), "{}", good.out);
    let made: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert!(made.is_empty(), "a check leaves nothing behind: {made:?}");

    let owner = sim.add_person("Olga");
    let closed = feishu_sim::ChatSpec::named("Ops")
        .owner(&owner)
        .edit_permission(feishu_sim::WhoMay::OnlyOwner);
    let closed = sim.add_chat(closed);
    let verb = ["check", "--json", "--chat", closed.as_str()];
    let bad = end(on(&sim, &folder, &verb)).await;
    assert_eq!(bad.code, Some(1), "{}", bad.out);
    let found: serde_json::Value = serde_json::from_str(&bad.out).unwrap();
    assert_eq!(found["good"], false);

    let bot = serve(&sim, &folder).await;
    let url = format!("http://{}/webhook/event", bot.address);
    let served = end(on(&sim, &folder, &["check", "--url", &url])).await;
    assert_eq!(served.code, Some(0), "{}", served.out);
    assert!(served.out.contains("✓ request URL: "), "{}", served.out);
    let misused = end(on(&sim, &folder, &["check", "--url", "bot.example.com"])).await;
    assert_eq!(misused.code, Some(2), "{}", misused.err);
    assert!(
        misused.err.contains("expected an address such as"),
        "{}",
        misused.err
    );
}

#[tokio::test]
async fn check_names_a_full_disk_and_nothing_else() {
    let sim = platform().await;
    let folder = tempfile::tempdir().unwrap();
    let settings = on(&sim, &folder, &[]);
    let mut shell = sh(
        "trap '' XFSZ; ulimit -S -f 600; exec \"$0\" check",
        &settings,
    );
    shell.current_dir(&folder);
    let full = end(shell).await;
    assert_eq!(full.code, Some(1), "{}", full.out);
    let bad: Vec<_> = full.out.lines().filter(|line| line.contains('✗')).collect();
    assert_eq!(bad.len(), 1, "{bad:?}");
    assert!(
        bad[0].contains("disk space: the disk of `noticebot.db` is full"),
        "{bad:?}"
    );
}

#[tokio::test]
async fn check_reports_files_a_running_bot_misses() {
    let sim = platform().await;
    let folder = tempfile::tempdir().unwrap();
    let bot = serve(&sim, &folder).await;
    let checked = async || {
        let mut check = on(&sim, &folder, &["check"]);
        check.env("NOTICEBOT_LISTEN", &bot.address);
        end(check).await.out
    };
    let well = checked().await;
    assert!(well.contains("is in use by a running noticebot"), "{well}");

    let [file, aside] = ["noticebot.db", "aside.db"].map(|name| folder.path().join(name));
    std::fs::rename(&file, &aside).unwrap();
    // What it says is good for a second.
    let is_ready = async || {
        let mut health = on(&sim, &folder, &["healthcheck"]);
        health.env("NOTICEBOT_LISTEN", &bot.address);
        end(health).await.code == Some(0)
    };
    while is_ready().await {}
    let gone = checked().await;
    assert!(
        gone.contains("✗ store: `noticebot.db` is missing"),
        "{gone}"
    );
    // Another file of the same content is not the one that the bot writes to.
    std::fs::copy(&aside, &file).unwrap();
    let replaced = checked().await;
    let words = "✗ store: `noticebot.db` is in use by a noticebot that is not ready";
    assert!(replaced.contains(words), "{replaced}");
}

#[tokio::test]
async fn admin_commands_work_while_the_bot_runs() {
    let sim = platform().await;
    let folder = tempfile::tempdir().unwrap();
    for verb in [&["jobs", "list"][..], &["audit"], &["backup", "copy.db"]] {
        let early = end(on(&sim, &folder, verb)).await;
        assert_eq!(early.code, Some(1), "{}", early.err);
        let is_reported = early
            .err
            .contains("the database `noticebot.db` does not exist");
        assert!(is_reported, "{}", early.err);
    }
    let owner = sim.add_person("Olga");
    let group = sim.add_chat(feishu_sim::ChatSpec::named("Ops").owner(&owner));
    let bot = serve(&sim, &folder).await;
    sim.set_webhook(&format!("http://{}/webhook/event", bot.address));
    let command = sim
        .as_person(&owner)
        .in_chat(&group)
        .say("/announce dinner");
    let announced = |state: &State| {
        let reactions = state.reactions(&command.id);
        (reactions == ["Loudspeaker"]).then_some(())
    };
    sim.wait_for("the last reaction", announced).await;
    // The job ends a moment after its reaction.
    let listed = async {
        let done = ["jobs", "list", "--state", "done"];
        while !end(on(&sim, &folder, &done))
            .await
            .out
            .contains(group.as_str())
        {}
    };
    timeout(Duration::from_secs(10), listed).await.unwrap();

    for (verb, code, words) in [
        (&["jobs", "show", "1"][..], 0, command.id.as_str()),
        (&["jobs", "show", "77"], 1, "no such job"),
        (&["jobs", "retry", "1"], 1, "the job is done"),
        (&["jobs", "drop", "1"], 1, "the job is done"),
        (&["audit"], 0, "announce: done"),
        (&["audit", "--text"], 0, "dinner"),
        (&["audit", "--json"], 0, "\"deed\":\"announce\""),
        (
            &["audit", "--since", "soon"],
            2,
            "`--since soon` is not a time",
        ),
        (&["backup", "copy.db"], 0, "Wrote `copy.db`"),
        (
            &["backup", "copy.db"],
            1,
            "name a new file in an existing folder",
        ),
        (
            &["backup", "nowhere/copy.db"],
            1,
            "creating `nowhere/copy.db`",
        ),
    ] {
        let ended = end(on(&sim, &folder, verb)).await;
        let said = format!("{}{}", ended.out, ended.err);
        assert_eq!(ended.code, Some(code), "{verb:?}: {said}");
        assert!(said.contains(words), "{verb:?}: {said}");
    }
    let mut of_copy = on(&sim, &folder, &["audit", "--text"]);
    of_copy.env("NOTICEBOT_DATABASE_URL", "sqlite://copy.db");
    let of_copy = end(of_copy).await;
    assert!(of_copy.out.contains("dinner"), "{}", of_copy.err);
}

#[tokio::test]
async fn a_failed_backup_leaves_no_file() {
    let sim = Simulator::builder().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bot = serve(&sim, &folder).await;
    let back_up = on(&sim, &folder, &[]);
    let mut shell = sh(
        "trap '' XFSZ; ulimit -S -f 8; exec \"$0\" backup copy.db",
        &back_up,
    );
    shell.current_dir(&folder);
    let ended = end(shell).await;
    assert_eq!(ended.code, Some(1), "{}", ended.out);
    assert!(ended.err.contains("writing `copy.db`"), "{}", ended.err);
    assert!(!folder.path().join("copy.db").exists());
    drop(bot);
}

#[tokio::test]
async fn sigterm_ends_serve_within_five_seconds() {
    let sim = Simulator::builder().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut bot = serve(&sim, &folder).await;

    let mut health = on(&sim, &folder, &["healthcheck"]);
    let well = end({
        health.env("NOTICEBOT_LISTEN", &bot.address);
        health
    })
    .await;
    assert_eq!(well.code, Some(0), "{}", well.err);

    let second = end(on(&sim, &folder, &["serve"])).await;
    assert_eq!(second.code, Some(1), "{}", second.err);
    assert!(
        second.err.contains("another noticebot uses"),
        "{}",
        second.err
    );

    let begun = Instant::now();
    terminate(&bot.child).await;
    assert_eq!(bot.child.wait().await.unwrap().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5));

    let mut health = on(&sim, &folder, &["healthcheck"]);
    health.env("NOTICEBOT_LISTEN", &bot.address);
    assert_eq!(end(health).await.code, Some(1));
}

#[tokio::test]
async fn jobs_interrupted_by_sigterm_run_after_restart() {
    let sim = platform().await;
    let folder = tempfile::tempdir().unwrap();
    let owner = sim.add_person("Olga");
    let group = sim.add_chat(feishu_sim::ChatSpec::named("Ops").owner(&owner));
    sim.fault(Endpoint::PutTopNotice, Fault::Hang);
    let mut bot = serve(&sim, &folder).await;
    sim.set_webhook(&format!("http://{}/webhook/event", bot.address));
    let command = sim
        .as_person(&owner)
        .in_chat(&group)
        .say("/pin announcement")
        .id;
    sim.wait_for("the call that hangs", |state| {
        state.calls_to(Endpoint::PutTopNotice).next().map(drop)
    })
    .await;

    let begun = Instant::now();
    terminate(&bot.child).await;
    assert_eq!(bot.child.wait().await.unwrap().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(!sim.reactions(&command).contains(&"Pin".to_owned()));

    let _again = on(&sim, &folder, &["serve"]).spawn().unwrap();
    sim.wait_for("the reaction", |state| {
        state
            .reactions(&command)
            .iter()
            .find(|emoji| *emoji == "Pin")
            .cloned()
    })
    .await;
    sim.finish();
}

#[tokio::test]
async fn full_disk_returns_503_until_freed() {
    let sim = platform().await;
    let folder = tempfile::tempdir().unwrap();
    let owner = sim.add_person("Olga");
    // A bound on the size of files simulates the end of the disk; without the trap
    // the signal that goes with it would end the process.
    let limited = "trap '' XFSZ; ulimit -S -f 600; exec \"$0\" serve";
    let mut shell = sh(limited, &on(&sim, &folder, &[]));
    shell.current_dir(&folder);
    let bot = listening(shell).await;
    sim.set_webhook(&format!("http://{}/webhook/event", bot.address));
    let say = || {
        let group = sim.add_chat(feishu_sim::ChatSpec::named("Ops").owner(&owner));
        sim.as_person(&owner)
            .in_chat(&group)
            .say("/pin announcement")
    };
    let mut full = None;
    for _ in 0..500 {
        let said = say();
        if said.answer().await.status == 503 {
            full = Some(said.id);
            break;
        }
    }
    let full = full.expect("the disk does not end");
    let pid = bot.child.id().unwrap().to_string();
    let room = Command::new("prlimit")
        .args(["--pid", &pid, "--fsize=unlimited"])
        .status();
    assert!(room.await.unwrap().success());
    assert_eq!(say().answer().await.status, 200);
    assert_eq!(sim.redeliver(&full).answer().await.status, 200);
    sim.wait_for("the pin", |state| {
        state
            .reactions(&full)
            .iter()
            .find(|emoji| *emoji == "Pin")
            .cloned()
    })
    .await;
}

#[tokio::test]
async fn trace_logs_hide_long_connection_credentials() {
    let sim = Simulator::builder().start().await.unwrap();
    sim.receive_by_long_connection();
    let folder = tempfile::tempdir().unwrap();
    let mut bot = on(&sim, &folder, &["serve"]);
    bot.env("FEISHU_RECEIVE", "long_connection")
        .env("NOTICEBOT_LOG", "trace");
    let mut child = bot.stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut seen = String::new();
    while !seen.contains("opened the long connection") {
        let line = log.next_line().await.unwrap().unwrap();
        seen.extend([&*line, "\n"]);
    }
    assert!(seen.contains("TRACE"), "{seen}");
    for secret in ["access_key", "ticket", &sim.app().app_secret] {
        assert!(!seen.contains(secret), "{secret}");
    }
}
