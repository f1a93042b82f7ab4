//! What each way of setting comes to, and the sentence for each mistake.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;

use secrecy::ExposeSecret as _;

use super::*;

const COMPLETE: [(&str, &str); 4] = [
    ("FEISHU_APP_ID", "cli_1"),
    ("FEISHU_APP_SECRET", "s3cret"),
    ("FEISHU_ENCRYPT_KEY", "k3y"),
    ("FEISHU_VERIFICATION_TOKEN", "t0ken"),
];

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

/// The complaint about a complete environment with these changes.
fn complaint(file: Option<&str>, changes: &[(&str, &str)]) -> String {
    let variables: Vec<_> = COMPLETE.iter().chain(changes).copied().collect();
    read(file, &variables).expect_err("this should not be taken")
}

#[test]
fn the_environment_goes_over_the_file_and_the_file_over_the_defaults() {
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

#[test]
fn every_variable_sets_the_key_that_the_table_names() {
    let values = HashMap::from([
        ("feishu.app_id", "cli_9"),
        ("feishu.region", "lark"),
        ("feishu.base_url", "http://127.0.0.1:9"),
        ("feishu.receive", "long_connection"),
        ("feishu.allow_plaintext", "true"),
        ("tls.ca_file", "/etc/ca.pem"),
        ("server.listen", "127.0.0.1:1"),
        ("server.admin_listen", "127.0.0.1:2"),
        ("store.database_url", "sqlite://elsewhere.db"),
        ("reply.language", "zh"),
        ("reply.timezone", "UTC"),
        ("log.filter", "debug"),
        ("log.format", "json"),
    ]);
    let environment = ENVIRONMENT.iter().map(|variable| {
        let value = values.get(variable.key).copied();
        (variable.name, value.unwrap_or("a secret"))
    });
    let environment = environment.collect();
    let config = Config::read(None, &environment).unwrap();
    let shown: toml::Table = toml::from_str(&config.to_toml().unwrap()).unwrap();
    for variable in ENVIRONMENT {
        let (section, key) = variable.key.split_once('.').unwrap();
        let expected = values.get(variable.key).copied().unwrap_or("(hidden)");
        let value = &shown[section][key];
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        assert_eq!(value, expected, "{}", variable.name);
    }
}

#[test]
fn a_secret_may_stand_in_a_file_of_its_own() {
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
fn secrets_are_hidden_wherever_settings_are_shown() {
    let variables: Vec<_> = COMPLETE
        .into_iter()
        .chain([
            ("FEISHU_PREVIOUS_ENCRYPT_KEY", "0ldk3y"),
            ("FEISHU_PREVIOUS_VERIFICATION_TOKEN", "0ldt0ken"),
            ("NOTICEBOT_DATABASE_URL", "postgres://bot:passw0rd@host/x"),
        ])
        .collect();
    let config = read(None, &variables).unwrap();
    for shown in [config.to_toml().unwrap(), format!("{:?}", config.feishu)] {
        for secret in ["s3cret", "k3y", "t0ken", "0ldk3y", "passw0rd"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    }
}

#[test]
fn each_mistake_has_a_sentence_that_names_the_key_and_the_remedy() {
    let mut told = format!("nothing set at all\n{}\n", read(None, &[]).unwrap_err());
    let blank = [("FEISHU_ENCRYPT_KEY", " "), ("FEISHU_APP_ID", "cli_1 ")];
    writeln!(told, "\nblanks\n{}", complaint(None, &blank)).unwrap();
    for file in [
        "[policy]\nmdoe = 'group'",
        "[policy]\nwhatever = 1",
        "[polcy]\nmode = 'group'",
        "[policy]\nmode = 'all'",
        "[policy]\nallow = 'ou_1'",
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
        "this is no TOML",
        "[feishu]\napp_secret = 'hush",
    ] {
        let (written, told_so) = (file.replace('\n', " "), complaint(Some(file), &[]));
        writeln!(told, "\n{written}\n{told_so}").unwrap();
    }
    for (name, value) in [
        ("FEISHU_BASE_URL", "open.feishu.cn"),
        ("FEISHU_REGION", "china"),
        ("FEISHU_RECEIVE", "pigeon"),
        ("FEISHU_ALLOW_PLAINTEXT", "maybe"),
        ("FEISHU_ALLOW_PLAINTEXT", "true"),
        ("NOTICEBOT_LISTEN", "8080"),
        ("FEISHU_PREVIOUS_ENCRYPT_KEY", " old"),
        ("FEISHU_ENCRYPTION_KEY", "k3y"),
        ("FEISHU_PREVIOUS_ENCRYPT_KEY_FIEL", "/run/secrets/key"),
        ("NOTICEBOT_LISTNE", "127.0.0.1:8080"),
        ("NOTICEBOT_TIME_ZONE", "UTC"),
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
    ] {
        let told_so = complaint(None, &[(name, value)]);
        writeln!(told, "\n{name}={value}\n{told_so}").unwrap();
    }
    insta::assert_snapshot!("mistakes", told);
}

#[test]
fn what_is_set_for_a_command_or_a_chat_is_shown_as_it_is_set() {
    let file = "[policy]\nallow = ['ou_1']\n\
        [policy.commands.announce]\nmode = 'admins'\ndeny = ['on_1']\n\
        [policy.chats.oc_1]\nmode = 'anyone'\npin_setting_missing = 'allow'\n\
        [policy.chats.oc_1.commands.pin]\nmode = 'group'\nallow = ['a1b2c3']\n\
        [policy.chats.oc_2]\ndeny = ['ou_2']\n";
    let config = read(Some(file), &COMPLETE).unwrap();
    let shown = config.to_toml().unwrap();
    let (_, policy) = shown.split_once("[policy]").unwrap();
    let (policy, _) = policy.split_once("[announce]").unwrap();
    insta::assert_snapshot!(policy.trim(), @r#"
    mode = "group"
    pin_setting_missing = "edit_permission"
    allow = ["ou_1"]
    deny = []

    [policy.commands.announce]
    mode = "admins"
    allow = []
    deny = ["on_1"]

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
fn the_example_file_holds_only_known_keys() {
    let example = include_str!("../../config/example.toml");
    assert!(read(Some(example), &COMPLETE).is_ok());
}

#[test]
fn variables_that_others_set_are_none_of_ours() {
    // Kubernetes sets such for a service called noticebot; other tools of Feishu's have their own.
    let foreign = [
        ("NOTICEBOT_PORT", "tcp://10.0.0.1:8080"),
        ("NOTICEBOT_SERVICE_HOST", "10.0.0.1"),
        ("NOTICEBOT_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("NOTICEBOT_TEST_POSTGRES_URL", "postgres://localhost/test"),
        ("FEISHU_APP_TOKEN", "bascn"),
        ("FEISHU_WEBHOOK", "https://example.com"),
        ("FEISHU_BOT_NAME", "noticebot"),
        ("FEISHU", "1"),
    ];
    let variables: Vec<_> = COMPLETE.into_iter().chain(foreign).collect();
    assert!(read(None, &variables).is_ok());
}
