//! Sources of settings, and the message for each mistake.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::*;

const COMPLETE: [(&str, &str); 4] = [
    ("FEISHU_APP_ID", "cli_1"),
    ("FEISHU_APP_SECRET", "s3cret"),
    ("FEISHU_ENCRYPT_KEY", "k3y"),
    ("FEISHU_VERIFICATION_TOKEN", "t0ken"),
];

/// Both are 32 bytes in base64.
const TOKEN_KEY: &str = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU=";
const PREVIOUS_TOKEN_KEY: &str = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU=";

fn read(file: Option<&str>, variables: &[(&str, &str)]) -> Result<Config, String> {
    let environment = variables.iter().copied().collect();
    let mut written = tempfile::NamedTempFile::new().unwrap();
    written
        .write_all(file.unwrap_or_default().as_bytes())
        .unwrap();
    let path = file.is_some().then(|| written.path());
    let named = |error: ConfigError| {
        error
            .to_string()
            .replace(&written.path().display().to_string(), "FILE")
    };
    let config = Config::read(path, &environment).map_err(named)?;
    config.validate().map_err(named)?;
    Ok(config)
}

/// The error for a complete environment with these changes.
fn complaint(file: Option<&str>, changes: &[(&str, &str)]) -> String {
    let variables: Vec<_> = COMPLETE.iter().chain(changes).copied().collect();
    read(file, &variables).expect_err("invalid settings were accepted")
}

#[test]
fn environment_overrides_file_and_file_overrides_defaults() {
    let file = "[feishu]\nregion = \"lark\"\n[reply]\ntimezone = \"UTC\"\n";
    let variables: Vec<_> = COMPLETE
        .into_iter()
        .chain([("NOTICEBOT_TIMEZONE", "Europe/Berlin")])
        .collect();
    let config = read(Some(file), &variables).unwrap();
    assert_eq!(config.feishu.platform(), "https://open.larksuite.com");
    assert_eq!(config.reply.timezone, "Europe/Berlin");
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(config.feishu.encrypt_key.expose_secret(), "k3y");
}

/// A valid value of each key that is not its default.
const OTHER_VALUES: &[(&str, &str)] = &[
    ("announce.signature", "false"),
    ("announce.images", "off"),
    ("pin.by_reaction", "true"),
    ("audit.keep_days", "30"),
    ("feishu.app_id", "cli_9"),
    ("feishu.app_type", "store"),
    ("feishu.act_as", "member"),
    ("feishu.region", "lark"),
    ("feishu.base_url", "http://127.0.0.1:9"),
    ("feishu.accounts_url", "http://127.0.0.1:8"),
    ("feishu.receive", "long_connection"),
    ("feishu.allow_plaintext", "true"),
    ("feishu.timeout", "5s"),
    ("feishu.limits_factor", "2"),
    ("tls.ca_file", "/etc/ca.pem"),
    ("server.listen", "127.0.0.1:1"),
    ("server.admin_listen", "127.0.0.1:2"),
    ("server.admin_hosts", "bot.example.com"),
    ("server.public_url", "https://bot.example.com"),
    ("server.max_connections", "99"),
    ("server.signature_max_age", "9h"),
    ("store.database_url", "sqlite://elsewhere.db"),
    ("store.connections", "7"),
    ("store.keep_finished", "3days"),
    ("store.max_open_jobs", "77"),
    ("store.max_open_jobs_per_chat", "55"),
    ("store.allow_network_file", "true"),
    ("worker.concurrency", "8"),
    ("worker.give_up_after", "1m"),
    ("worker.stale_after", "2m"),
    ("worker.plan_grace", "3m"),
    ("worker.consent_wait", "4m"),
    ("policy.mode", "admins"),
    ("policy.pin_setting_missing", "deny"),
    ("policy.on_denied", "ask"),
    ("reply.language", "zh"),
    ("reply.timezone", "UTC"),
    ("log.filter", "debug"),
    ("reply.private", "false"),
    ("log.format", "json"),
    ("telemetry.otlp_endpoint", "http://collector:4318"),
];

/// The value of a key in the shown configuration.
fn shown(config: &Config, key: &str) -> String {
    let shown: toml::Table = toml::from_str(&config.to_toml().unwrap()).unwrap();
    let (section, key) = key.split_once('.').unwrap();
    let value = &shown[section][key];
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn scalar_keys_have_variables() {
    for variable in variables() {
        let known = OTHER_VALUES.iter().find(|(key, _)| *key == variable.key);
        let value = known.map_or("s3cret", |(_, value)| value);
        let expected = known.map_or("(hidden)", |(_, value)| value);
        for name in [&variable.name, &variable.full_name()] {
            let environment = [(name.as_str(), value)].into_iter().collect();
            let config = Config::read(None, &environment).unwrap();
            let now = shown(&config, &variable.key);
            assert!(
                now == expected || now.replace(' ', "") == expected,
                "{name}: {now}"
            );
        }
        assert!(known.is_some() || variable.secret, "{}", variable.key);
    }
    let scalar = |value: &&toml::Value| !value.is_array() && !value.is_table();
    let sections = defaults::defaults().values();
    let keys = sections.flat_map(|section| section.as_table().unwrap().values());
    assert_eq!(keys.filter(scalar).count(), variables().len());
}

#[test]
fn names_of_variables_are_unique() {
    let all = variables().iter().flat_map(|variable| {
        let mut names = vec![variable.name.clone(), variable.full_name()];
        names.dedup();
        names
    });
    let all: Vec<_> = all.collect();
    let distinct: std::collections::HashSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn secret_is_read_from_a_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "from a file").unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let mut variables = COMPLETE.to_vec();
    variables[1] = ("FEISHU_APP_SECRET_FILE", &path);
    let config = read(None, &variables).unwrap();
    assert_eq!(config.feishu.app_secret.expose_secret(), "from a file");
    writeln!(file, "and more").unwrap();
    let refused = read(None, &variables).unwrap_err();
    let words = "the file that `FEISHU_APP_SECRET_FILE` names has several lines";
    assert!(refused.contains(words), "{refused}");
}

#[test]
fn token_key_is_read_from_a_file() {
    for text in [
        TOKEN_KEY.to_owned(),
        format!("{TOKEN_KEY}\n"),
        format!("\u{feff}{TOKEN_KEY}\r\n"),
        format!("{TOKEN_KEY}\n\n"),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &text).unwrap();
        let path = file.path().to_str().unwrap();
        let changes = [
            ("NOTICEBOT_TOKEN_KEY_FILE", path),
            ("FEISHU_ACT_AS", "member"),
        ];
        let variables: Vec<_> = COMPLETE.into_iter().chain(changes).collect();
        let config = read(None, &variables).unwrap();
        let keys = config.feishu.token_keys().unwrap();
        assert_eq!(keys[0].expose_secret(), b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345");
    }
}

#[test]
fn shown_settings_hide_secrets() {
    let variables: Vec<_> = COMPLETE
        .into_iter()
        .chain([
            ("FEISHU_PREVIOUS_ENCRYPT_KEY", "0ldk3y"),
            ("FEISHU_PREVIOUS_VERIFICATION_TOKEN", "0ldt0ken"),
            ("NOTICEBOT_TOKEN_KEY", TOKEN_KEY),
            ("NOTICEBOT_PREVIOUS_TOKEN_KEY", PREVIOUS_TOKEN_KEY),
            ("NOTICEBOT_DATABASE_URL", "postgres://bot:passw0rd@host/x"),
        ])
        .collect();
    let config = read(None, &variables).unwrap();
    for shown in [config.to_toml().unwrap(), format!("{:?}", config.feishu)] {
        let secrets = ["s3cret", "k3y", "t0ken", "0ldk3y", "passw0rd"];
        for secret in secrets.into_iter().chain([TOKEN_KEY, PREVIOUS_TOKEN_KEY]) {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    }
}

const WRONG_FILES: &[&str] = &[
    "[feishu]\napp_type = 'store'\nreceive = 'long_connection'",
    "[feishu]\napp_type = 'isv'",
    "[feishu]\napp_type = 'store'\n[policy.tenants.t1]\nallow = ['a1b2c3']",
    "[policy.tenants.t1]\nallow = ['oc_1']",
    "[policy]\nmdoe = 'group'",
    "[policy]\nwhatever = 1",
    "[polcy]\nmode = 'group'",
    "[policy]\nmode = 'all'",
    "[policy]\nallow = 'ou_1'",
    "[policy]\nallow = ['ou_1', 7]",
    "[policy]\ndeny = ['ou_…', 'mei@example.com']",
    "policy = 'admins'",
    "[policy.chats.oc_…]\nmode = 'admins'",
    "[policy]\nmode = 'group'\nmode = 'admins'",
    "[announce]\nsignature = 'yes'",
    "[groups.weekly]\nchats = 'oc_1'",
    "[groups.weekly]\nchats = ['ops', 'oc_1', 'oc_1']",
    "[groups.weekly]\nchat = ['oc_1']",
    "[groups.'all hands']\nchats = ['oc_1']",
    "[groups]\nweekly = ['oc_1']",
    "[audit]\nkeep_days = 0",
    "[worker]\nstale_after = '10000y'",
    "[worker]\nplan_grace = '0s'",
    "[worker]\nconsent_wait = '30s'",
    "[worker]\nconsent_wait = '61m'",
    "[feishu]\nact_as = 'user'",
    "[feishu]\nact_as = 'member'",
    "[feishu]\nact_as = 'member'\ntoken_key = ' '",
    "[worker]\nconcurrency = -1",
    "[policy.commands.pni]\nmode = 'group'",
    "[policy.commands.help]\nmode = 'group'",
    "[policy.commands.pin]\nmdoe = 'group'",
    "[policy.commands.pin]\npin_setting_missing = 'allow'",
    "[policy.commands.pin]\nmode = 'all'",
    "[policy.commands.pin]\nallow = 'ou_1'",
    "[policy.commands]\npin = 'admins'",
    "[policy.chats]\nmode = 'admins'",
    "[policy.chats.ops]\nmode = 'admins'",
    "[policy.chats.oc_]\nmode = 'admins'",
    "[policy.chats.'oc_1 ']\nmode = 'admins'",
    "[policy.chats.oc_1]\nalow = ['ou_1']",
    "[policy.chats.oc_1]\npin_setting_missing = 'yes'",
    "[policy.chats.oc_1.commands.announce]\ndney = ['ou_1']",
    "[policy.chats.oc_1.commands.announce]\ndeny = 7",
    "[server]\nmax_connections = 'many'",
    "[server]\nmax_connections = 0",
    "[server]\nmax_connections = 9223372036854775807",
    "[feishu]\nlimits_factor = 0",
    "[server]\nlisten = 'here'",
    "[feishu]\ntimeout = 'soon'",
    "[feishu]\ntimeout = '0s'",
    "[store]\nkeep_finished = '20000y'",
    "[store]\nkeep_finished = '1h'",
    "[server]\nsignature_max_age = '30d'",
    "this is no TOML",
    "[feishu]\napp_secret = 'hush",
];

const WRONG_VARIABLES: &[(&str, &str)] = &[
    ("FEISHU_BASE_URL", "open.feishu.cn"),
    ("FEISHU_BASE_URL", "https://bot:hush@feishu.example.com"),
    ("FEISHU_ACCOUNTS_URL", "accounts.feishu.cn"),
    ("NOTICEBOT_PUBLIC_URL", "http://bot.example.com"),
    (
        "NOTICEBOT_PUBLIC_URL",
        "https://bot.example.com/oauth/callback",
    ),
    ("NOTICEBOT_TOKEN_KEY", "correct horse"),
    ("NOTICEBOT_TOKEN_KEY", "QUJD"),
    ("NOTICEBOT_TOKEN_KEY_FILE", "/nowhere"),
    ("NOTICEBOT_PREVIOUS_TOKEN_KEY", PREVIOUS_TOKEN_KEY),
    ("NOTICEBOT_PREVIOUS_TOKEN_KEY", "…"),
    ("FEISHU_REGION", "china"),
    ("FEISHU_RECEIVE", "pigeon"),
    ("FEISHU_ALLOW_PLAINTEXT", "maybe"),
    ("FEISHU_ALLOW_PLAINTEXT", "true"),
    ("NOTICEBOT_LISTEN", "8080"),
    ("FEISHU_PREVIOUS_ENCRYPT_KEY", " old"),
    ("FEISHU_ENCRYPTION_KEY", "k3y"),
    ("FEISHU_PREVIOUS_ENCRYPT_KEY_FIEL", "/run/secrets/key"),
    ("FEISHU_APP_ID", "a1b2c3"),
    ("FEISHU_APP_SECRET", "…"),
    ("FEISHU_ENCRYPT_KEY", "\"k3y\""),
    ("FEISHU_APP_ID_FILE", "/run/secrets/id"),
    ("FEISHU_TIMEOUT", "5s"),
    ("FEISHU_WEBHOOK", "https://example.com"),
    ("NOTICEBOT_LISTNE", "127.0.0.1:8080"),
    ("NOTICEBOT_PORT", "8080"),
    ("NOTICEBOT_POLICY_ALLOW", "ou_1"),
    ("NOTICEBOT_POLICY_MODE", "admin"),
    ("NOTICEBOT_WORKER_CONCURRENCY", "many"),
    ("NOTICEBOT_FEISHU_TIMEOUT", "5"),
    ("NOTICEBOT_TIME_ZONE", "UTC"),
    ("NOTICEBOT_LANGUAGE", "zh "),
    ("NOTICEBOT_DATABASE", "sqlite://bot.db"),
    ("NOTICEBOT_CA_FILE", "/nowhere.pem"),
    ("NOTICEBOT_CA_FILE", "/dev/null"),
    ("NOTICEBOT_DATABASE_URL", "bot.db"),
    ("NOTICEBOT_DATABASE_URL", "postgres:///bot"),
    (
        "NOTICEBOT_DATABASE_URL",
        "postgres://bot:hush@db/bot?sslrootcert=ca.pem",
    ),
    ("NOTICEBOT_DATABASE_URL", "sqlite://bot.db?mode=rwc"),
    ("NOTICEBOT_DATABASE_URL", "sqlite://:memory:"),
    ("NOTICEBOT_TIMEZONE", "Mars/Olympus"),
    ("NOTICEBOT_LOG", "a=b=c"),
    ("NOTICEBOT_LOG", "verbose"),
    ("NOTICEBOT_LOG_FORMAT", "xml"),
    ("NOTICEBOT_LANGUAGE", "fr"),
    ("NOTICEBOT_CONFIG", "/nowhere.toml"),
    ("FEISHU_APP_SECRET_FILE", "/set/twice"),
    ("NOTICEBOT_DATABASE_URL_FILE", "/nowhere"),
];

#[test]
fn lists_of_groups_are_bounded() {
    let list = |name: usize, chats: usize| {
        let chats: Vec<String> = (0..chats).map(|chat| format!("'oc_{chat}'")).collect();
        format!("[groups.list{name}]\nchats = [{}]\n", chats.join(", "))
    };
    let lists = |count: usize| (0..count).map(|name| list(name, 1)).collect::<String>();
    let most = lists(99) + &list(99, 500);
    assert!(read(Some(&most), &COMPLETE).is_ok());
    for (file, problem) in [
        (lists(101), "`groups` has 101 lists: expected at most 100"),
        (
            list(1, 501),
            "`groups.list1.chats` has 501 groups: expected at most 500",
        ),
    ] {
        let problems = complaint(Some(&file), &[]);
        assert!(problems.contains(problem), "{problems}");
    }
}

#[test]
fn mistakes_are_reported_with_key_and_remedy() {
    let mut report = format!("nothing set at all\n{}\n", read(None, &[]).unwrap_err());
    let blank = [("FEISHU_ENCRYPT_KEY", " "), ("FEISHU_APP_ID", "cli_1 ")];
    writeln!(report, "\nblanks\n{}", complaint(None, &blank)).unwrap();
    for file in WRONG_FILES {
        let (written, problems) = (file.replace('\n', " "), complaint(Some(file), &[]));
        writeln!(report, "\n{written}\n{problems}").unwrap();
    }
    for &(name, value) in WRONG_VARIABLES {
        let problems = complaint(None, &[(name, value)]);
        writeln!(report, "\n{name}={value}\n{problems}").unwrap();
    }
    insta::assert_snapshot!("mistakes", report);
}

#[test]
fn shown_policy_can_be_read_back() {
    let file = "[policy]\nallow = ['ou_1']\n\
        [policy.commands.announce]\nmode = 'admins'\ndeny = ['on_1']\n\
        [policy.tenants.t1]\nmode = 'admins'\n\
        [policy.chats.oc_1]\nmode = 'anyone'\npin_setting_missing = 'allow'\n\
        [policy.chats.oc_1.commands.pin]\nmode = 'group'\nallow = ['a1b2c3']\n\
        [policy.chats.oc_2]\ndeny = ['ou_2']\n";
    let config = read(Some(file), &COMPLETE).unwrap();
    let shown = config.to_toml().unwrap();
    let (_, policy) = shown.split_once("[policy]").unwrap();
    let (policy, _) = policy.split_once("[pin]").unwrap();
    insta::assert_snapshot!(policy.trim(), @r#"
    mode = "group"
    pin_setting_missing = "edit_permission"
    on_denied = "refuse"
    allow = ["ou_1"]
    deny = []

    [policy.commands.announce]
    mode = "admins"
    allow = []
    deny = ["on_1"]

    [policy.tenants.t1]
    mode = "admins"
    allow = []
    deny = []

    [policy.chats.oc_1]
    mode = "anyone"
    pin_setting_missing = "allow"
    allow = []
    deny = []

    [policy.chats.oc_1.commands.pin]
    mode = "group"
    allow = ["a1b2c3"]
    deny = []

    [policy.chats.oc_2]
    allow = []
    deny = ["ou_2"]
    "#);
    let again = read(Some(&format!("[policy]{policy}")), &COMPLETE).unwrap();
    assert_eq!(again.to_toml().unwrap(), shown);
}

#[test]
fn example_file_has_only_known_keys() {
    let example = include_str!("../../config/example.toml");
    assert!(read(Some(example), &COMPLETE).is_ok());
}

#[test]
fn service_links_of_kubernetes_are_ignored() {
    for (name, value) in [
        ("NOTICEBOT_PORT", "tcp://10.0.0.1:8080"),
        ("NOTICEBOT_SERVICE_HOST", "10.0.0.1"),
        ("NOTICEBOT_SERVICE_PORT", "80"),
        ("NOTICEBOT_SERVICE_PORT_WEBHOOK", "80"),
        ("NOTICEBOT_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("NOTICEBOT_PORT_8080_TCP_PROTO", "tcp"),
        ("NOTICEBOT_PORT_8080_TCP_PORT", "8080"),
        ("NOTICEBOT_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("NOTICEBOT_ADMIN_SERVICE_HOST", "fd00::1"),
        ("NOTICEBOT_ADMIN_PORT", "tcp://[fd00::1]:9090"),
        ("NOTICEBOT_ADMIN_PORT_53_UDP", "udp://[fd00::1]:53"),
        ("NOTICEBOT_ADMIN_PORT_53_UDP_PROTO", "udp"),
        ("FEISHU_PROXY_SERVICE_HOST", "10.0.0.2"),
        ("FEISHU_PROXY_PORT_443_TCP_ADDR", "10.0.0.2"),
        ("FEISHU", "1"),
        ("NOTICEBOT", "1"),
        ("MY_NOTICEBOT_LISTEN", "1"),
    ] {
        let variables: Vec<_> = COMPLETE.into_iter().chain([(name, value)]).collect();
        assert!(read(None, &variables).is_ok(), "{name}={value}");
    }
}

#[test]
fn unknown_variables_name_the_nearest() {
    for (name, value, nearest) in [
        ("NOTICEBOT_PORT", "8080", ""),
        ("NOTICEBOT_NOPE", "x", ""),
        ("FEISHU_SECRET", "x", "FEISHU_APP_SECRET"),
        ("FEISHU_TOKEN", "x", "FEISHU_VERIFICATION_TOKEN"),
        ("NOTICEBOT_DATABASE", "x", "NOTICEBOT_DATABASE_URL"),
        ("NOTICEBOT_SERVICE_HOST", "noticebot.local", ""),
        ("FEISHU_TIMEOUT", "5s", "NOTICEBOT_FEISHU_TIMEOUT"),
        ("NOTICEBOT_APP_ID", "cli_1", "FEISHU_APP_ID"),
        ("NOTICEBOT_APP_SECRET", "x", "FEISHU_APP_SECRET"),
        ("FEISHU_DATABASE_URL", "x", "NOTICEBOT_DATABASE_URL"),
        ("NOTICEBOT_MODE", "admins", "NOTICEBOT_POLICY_MODE"),
        ("NOTICEBOT_POLICY_MODES", "admins", "NOTICEBOT_POLICY_MODE"),
        ("NOTICEBOT_POLCY_MODE", "admins", "NOTICEBOT_POLICY_MODE"),
        ("NOTICEBOT_POLICYMODE", "admins", "NOTICEBOT_POLICY_MODE"),
        (
            "NOTICEBOT_MAX_CONNECTIONS",
            "9",
            "NOTICEBOT_SERVER_MAX_CONNECTIONS",
        ),
        (
            "NOTICEBOT_STALE_AFTER",
            "1m",
            "NOTICEBOT_WORKER_STALE_AFTER",
        ),
        (
            "NOTICEBOT_REPLY_TIME_ZONE",
            "UTC",
            "NOTICEBOT_REPLY_TIMEZONE",
        ),
        ("NOTICEBOT_TZ", "UTC", ""),
        ("NOTICEBOT_CONFIG_FILE", "x", "NOTICEBOT_CONFIG"),
        ("NOTICEBOT_LOG_LEVEL", "info", "NOTICEBOT_LOG"),
        ("FEISHU_APP_SECRET_FIL", "x", "FEISHU_APP_SECRET_FILE"),
        ("FEISHU_TENANT", "t", ""),
        ("FEISHU_APPTYPE", "store", "FEISHU_APP_TYPE"),
        ("FEISHU_WEBHOOK", "https://example.com", ""),
        ("NOTICEBOT_TOKENKEY", "x", "NOTICEBOT_TOKEN_KEY"),
        ("FEISHU_TOKEN_KEY", "x", "NOTICEBOT_TOKEN_KEY"),
        ("NOTICEBOT_ENCRYPTION_KEY", "x", "FEISHU_ENCRYPT_KEY"),
        ("NOTICEBOT_ACT_AS", "member", "FEISHU_ACT_AS"),
        (
            "NOTICEBOT_CONSENT_WAIT",
            "5m",
            "NOTICEBOT_WORKER_CONSENT_WAIT",
        ),
        ("feishu_app_id", "cli_1", "FEISHU_APP_ID"),
        ("Noticebot_Listen", "0.0.0.0:1", "NOTICEBOT_LISTEN"),
        // An empty variable sets nothing, but its name is still wrong.
        ("FEISHU_ENCRYPTKEY", "", "FEISHU_ENCRYPT_KEY"),
    ] {
        let refused = complaint(None, &[(name, value)]);
        assert!(
            refused.contains(&format!("unknown variable `{name}`")),
            "{refused}"
        );
        if nearest.is_empty() {
            assert!(!refused.contains("did you mean"), "{refused}");
            continue;
        }
        let known = refused
            .split('`')
            .nth(3)
            .unwrap_or_else(|| panic!("{refused}"));
        let is_known = variables().iter().any(|variable| {
            [&variable.name, &variable.full_name()]
                .iter()
                .any(|name| *name == known || format!("{name}_FILE") == known)
        });
        assert!(is_known || known == CONFIG_FILE_VARIABLE, "{refused}");
        assert_eq!(known, nearest, "{refused}");
    }
}

#[test]
fn variables_of_lists_and_tables_are_rejected() {
    for (name, key) in [
        ("NOTICEBOT_POLICY_ALLOW", "policy.allow"),
        ("NOTICEBOT_POLICY_DENY", "policy.deny"),
        ("NOTICEBOT_POLICY_DENY_FILE", "policy.deny"),
        ("NOTICEBOT_POLICY_COMMANDS", "policy.commands"),
        ("NOTICEBOT_POLICY_COMMANDS_PIN_MODE", "policy.commands"),
        ("NOTICEBOT_POLICY_CHATS_OC_1_MODE", "policy.chats"),
    ] {
        let refused = complaint(None, &[(name, "ou_1")]);
        for words in [name, &format!("set `{key}` in the configuration file")] {
            assert!(refused.contains(words), "{refused}");
        }
    }
}

#[test]
fn several_problems_are_reported_at_once() {
    let file = "[policy]\nmdoe = 'group'\n\n[wroker]\nconcurrency = 1\n[server]\r\nlisten = 8080\n\
        [policy.chats.oc_1.commands.pin]\nmode = 'all'\n";
    let changes = [
        ("FEISHU_TIMEOUT", "5s"),
        ("NOTICEBOT_LANGUAGE", "fr"),
        ("NOTICEBOT_WORKER_CONCURRENCY", "many"),
        ("NOTICEBOT_STORE_CONNECTIONS", "-1"),
        ("NOTICEBOT_REPLY_TIMEZONE", " UTC"),
    ];
    let refused = complaint(Some(file), &changes);
    for words in [
        "unknown key `policy.mdoe` in line 2 of FILE:",
        "unknown key `wroker` in line 5 of FILE:",
        "`server.listen` in line 7 of FILE:",
        "`policy.chats.oc_1.commands.pin.mode` in line 9 of FILE is `all`",
        "unknown variable `FEISHU_TIMEOUT`",
        "`reply.language` in `NOTICEBOT_LANGUAGE` is `fr`",
        "invalid value for `worker.concurrency` in `NOTICEBOT_WORKER_CONCURRENCY`",
        "invalid value for `store.connections` in `NOTICEBOT_STORE_CONNECTIONS`",
        "the value of `NOTICEBOT_REPLY_TIMEZONE` begins or ends with white space",
    ] {
        assert!(refused.contains(words), "{words} in:\n{refused}");
    }
    assert_eq!(refused.lines().count(), 9, "{refused}");
}

#[test]
fn key_set_by_two_variables_is_rejected() {
    for (one, other) in [
        ("NOTICEBOT_TIMEZONE", "NOTICEBOT_REPLY_TIMEZONE"),
        ("FEISHU_APP_ID", "NOTICEBOT_FEISHU_APP_ID"),
        ("FEISHU_APP_SECRET", "NOTICEBOT_FEISHU_APP_SECRET_FILE"),
        ("FEISHU_APP_SECRET", "FEISHU_APP_SECRET_FILE"),
    ] {
        let refused = complaint(None, &[(one, "UTC"), (other, "UTC")]);
        let words = format!("both `{one}` and `{other}` are set: unset one of them");
        assert!(refused.contains(&words), "{refused}");
    }
    // An empty variable counts as unset.
    let changes = [
        ("NOTICEBOT_TIMEZONE", ""),
        ("NOTICEBOT_REPLY_TIMEZONE", "UTC"),
    ];
    let variables: Vec<_> = COMPLETE.iter().chain(&changes).copied().collect();
    assert_eq!(read(None, &variables).unwrap().reply.timezone, "UTC");
}

#[test]
fn lists_accept_only_ids_of_people() {
    let with = |list: &str, id: &str| format!("[policy]\n{list} = ['{id}']");
    let long = "u".repeat(65);
    for id in [
        "mei@example.com",
        "@Mei",
        "ou_…",
        "ou_",
        "on_",
        "OU_7d8a6e6df7621556ce0d21922b676706",
        "ou_7d8a 6e6d",
        " ou_7d8a",
        "ou_7d8a,ou_9c1b",
        "ｏｕ_7d8a",
        "小梅",
        "",
        "*",
        "oc_a0553eda9014c201e6969b478895c230",
        "cli_a1b2c3",
        "om_dc13264520392913993dd051dba21dcf",
        "ou_7d8a\u{202e}",
        &long,
    ] {
        for list in ["allow", "deny"] {
            let refused = complaint(Some(&with(list, id)), &[]);
            assert!(
                refused.contains(&format!("`policy.{list}` has `")),
                "{refused}"
            );
            assert!(refused.contains("(`ou_…`)"), "{refused}");
        }
    }
    for id in [
        "ou_1",
        "on_1",
        "a1b2c3d4",
        "u273y71",
        "mei.zhang",
        "EMP-0042",
    ] {
        assert!(read(Some(&with("deny", id)), &COMPLETE).is_ok(), "{id}");
    }
    let nested = "[policy.chats.oc_1.commands.pin]\nallow = ['ou_1', 'Mei Zhang']\n\
        [policy.commands.announce]\ndeny = ['mei@example.com']\n[policy.chats.oc_2]\ndeny = ['ou_…']\n";
    let refused = complaint(Some(nested), &[]);
    for key in [
        "`policy.chats.oc_1.commands.pin.allow` has `Mei Zhang`",
        "`policy.commands.announce.deny` has `mei@example.com`, which is an e-mail address",
        "`policy.chats.oc_2.deny` has `ou_…`, which is a placeholder",
    ] {
        assert!(refused.contains(key), "{refused}");
    }
}

#[test]
fn windows_files_are_read() {
    let file = "\u{feff}[policy]\r\nmode = \"admins\"\r\n";
    let config = read(Some(file), &COMPLETE).unwrap();
    assert_eq!(config.policy.mode, PolicyMode::Admins);
}

#[test]
fn unreadable_files_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |path: &Path| {
        let environment = COMPLETE.into_iter().collect();
        Config::read(Some(path), &environment)
            .unwrap_err()
            .to_string()
    };
    let words = refused(folder.path());
    assert!(
        words.contains("is a directory: give the path of a file"),
        "{words}"
    );
    let file = folder.path().join("utf16.toml");
    std::fs::write(&file, b"\xff\xfe[\0p\0").unwrap();
    let words = refused(&file);
    assert!(
        words.contains("is not UTF-8 text: save it as UTF-8"),
        "{words}"
    );
    let words = refused(Path::new("/dev/zero"));
    assert!(words.contains("is larger than 16 MiB"), "{words}");
}

#[test]
fn variables_that_are_not_utf8_are_reported() {
    let environment = Environment {
        texts: COMPLETE
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        not_text: vec!["NOTICEBOT_LOG".to_owned(), "LS_COLORS".to_owned()],
        file: None,
    };
    let refused = Config::read(None, &environment).unwrap_err().to_string();
    assert_eq!(
        refused,
        "the value of the variable `NOTICEBOT_LOG` is not UTF-8 text: set it to UTF-8 text, or unset it"
    );
}

proptest::proptest! {
    /// The bot adds configured durations to times of events, of jobs and of its clock.
    #[test]
    fn no_valid_duration_overflows(
        seconds in proptest::prelude::any::<u64>(),
        small in 0..100_000_000_u64,
        number in proptest::prelude::any::<u32>(),
        day in 0..366 * 200_i64,
    ) {
        for seconds in [seconds, small] {
            let mut config = read(None, &COMPLETE).unwrap();
            let long = Duration::from_secs(seconds);
            config.feishu.timeout = long;
            config.server.signature_max_age = long;
            config.store.keep_finished = long;
            config.worker.give_up_after = long;
            config.worker.stale_after = long;
            config.worker.plan_grace = long;
            config.worker.consent_wait = long;
            config.audit.keep_days = u16::try_from(number % 70_000).unwrap_or(u16::MAX);
            let problems = bounds::find(&config);
            // Each key is checked alone.
            let valid = |key: &str| {
                !problems.iter().any(|problem| problem.what.starts_with(&format!("`{key}`")))
            };
            let now = jiff::Timestamp::UNIX_EPOCH + Duration::from_hours(24 * u64::try_from(day).unwrap());
            for (key, duration) in [
                ("feishu.timeout", config.feishu.timeout),
                ("server.signature_max_age", config.server.signature_max_age),
                ("store.keep_finished", config.store.keep_finished),
                ("worker.give_up_after", config.worker.give_up_after),
                ("worker.stale_after", config.worker.stale_after),
                ("worker.plan_grace", config.worker.plan_grace),
                ("worker.consent_wait", config.worker.consent_wait),
                ("audit.keep_days", config.audit.keep()),
            ] {
                if valid(key) {
                    proptest::prop_assert!(now.checked_add(duration * 2).is_ok(), "{key}");
                    proptest::prop_assert!(now.checked_sub(duration * 2).is_ok(), "{key}");
                    let instant = std::time::Instant::now();
                    proptest::prop_assert!(instant.checked_add(duration * 2).is_some(), "{key}");
                }
            }
        }
    }
}
