//! Compares manifests, systemd unit, workflow, alerts and documents with the program.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use feishu_sim::AnnouncementKind;
use noticebot::config::{self, CONFIG_FILE_VARIABLE, DEFAULT_TOML, ENV_FILE_VARIABLE};
use serde_json::Value;

use crate::harness::Bench;

pub(crate) fn file(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A YAML file, with anchors and merges resolved.
fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&file(path)).unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    let values = value.as_array().into_iter().flatten();
    values.filter_map(Value::as_str).collect()
}

/// The words of a text that have the form of our environment variables.
fn variables(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c| !is_part(c));
    let ours = |word: &&str| {
        let rest = word
            .strip_prefix("FEISHU_")
            .or_else(|| word.strip_prefix("NOTICEBOT_"));
        rest.is_some_and(|rest| !rest.is_empty() && !rest.ends_with('_'))
    };
    words.filter(ours).collect()
}

fn is_known_variable(name: &str) -> bool {
    // The URL variable is for tests only.
    [CONFIG_FILE_VARIABLE, ENV_FILE_VARIABLE].contains(&name)
        || name == test_servers::URL_VARIABLE
        || config::variables().iter().any(|variable| {
            let of_file = name.strip_suffix("_FILE").filter(|_| variable.secret);
            let is = |name: &str| variable.name == name || variable.full_name() == name;
            is(name) || of_file.is_some_and(is)
        })
}

/// The documents for admins, members and contributors.
const PAGES: [&str; 13] = [
    "README.md",
    "README.zh-CN.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/ARCHITECTURE.md",
    "docs/COMMANDS.md",
    "docs/COMMANDS.zh-CN.md",
    "docs/CONFIGURATION.md",
    "docs/FEISHU.md",
    "docs/OPERATIONS.md",
    "docs/SETUP.md",
    "docs/SETUP.zh-CN.md",
];

const DEPLOYED: [&str; 6] = [
    "Dockerfile",
    "docker-compose.yml",
    "deploy/compose/docker-compose.yml",
    "deploy/compose/Caddyfile",
    "deploy/kubernetes/noticebot.yaml",
    "deploy/systemd/noticebot.service",
];

#[test]
fn documents_name_known_variables() {
    for path in PAGES.iter().chain(&DEPLOYED) {
        let text = file(path);
        // A variable that is ignored, and the pattern of names.
        let text = text.replace("NOTICEBOT_SERVICE_HOST", "");
        let text = text.replace("NOTICEBOT_SECTION_KEY", "");
        for name in variables(&text) {
            assert!(is_known_variable(name), "{path} names `{name}`");
        }
    }
    let page = file("docs/CONFIGURATION.md");
    for variable in config::variables() {
        assert!(page.contains(&variable.name), "{}", variable.name);
    }
}

#[test]
fn documents_name_known_keys() {
    let defaults: toml::Table = toml::from_str(DEFAULT_TOML).unwrap();
    let is_key = |word: &str| {
        let (section, key) = word.split_once('.').unwrap();
        let Some(section) = defaults.get(section).and_then(toml::Value::as_table) else {
            return true;
        };
        // Names below `commands` and `chats` are the admin's.
        let key = key.split('.').next().unwrap();
        section.contains_key(key)
    };
    for path in PAGES {
        let text = file(path);
        for word in text.split('`').skip(1).step_by(2) {
            let part = |c: char| c.is_ascii_lowercase() || c == '_';
            let shaped = word.split('.').count() > 1
                && word
                    .split('.')
                    .all(|part_of| !part_of.is_empty() && part_of.chars().all(part));
            // File names have the form of keys.
            let named = ["toml", "rs", "md", "yml", "db", "log", "lock"];
            let is_file = named.iter().any(|end| word.ends_with(&format!(".{end}")));
            assert!(!shaped || is_file || is_key(word), "{path} names `{word}`");
        }
    }
}

/// The metrics of a bot that has executed a command.
pub(crate) struct Metrics(String);

impl Metrics {
    pub(crate) async fn new() -> Self {
        let bench = Bench::new().await;
        let group = bench.group(AnnouncementKind::Docx);
        let said = bench.say(&group, "/announce dinner").id;
        bench.reaction(&said).await;
        bench.idle().await;
        let metrics = bench.metrics().await;
        bench.finish().await;
        Self(metrics)
    }

    fn samples(&self) -> impl Iterator<Item = &str> {
        self.0.lines().filter(|line| !line.starts_with('#'))
    }

    pub(crate) fn names(&self) -> BTreeSet<&str> {
        let names = self
            .samples()
            .map(|line| line.split(['{', ' ']).next().unwrap());
        names
            .map(|name| {
                let ends = ["_bucket", "_sum", "_count"];
                let end = ends.iter().find_map(|end| name.strip_suffix(end));
                end.unwrap_or(name)
            })
            .collect()
    }

    /// The label names of a metric.
    pub(crate) fn labels(&self, name: &str) -> BTreeSet<&str> {
        let of_metric = self.samples().filter_map(|line| {
            let (found, rest) = line.split_once('{')?;
            let (labels, _) = rest.rsplit_once('}')?;
            found.starts_with(name).then_some(labels)
        });
        of_metric
            .flat_map(|labels| labels.split(','))
            .filter_map(|label| Some(label.split_once('=')?.0))
            .filter(|label| *label != "le" && *label != "version")
            .collect()
    }

    pub(crate) fn has(&self, name: &str, label: &str, value: &str) -> bool {
        let pair = format!("{label}=\"{value}\"");
        self.samples()
            .any(|line| line.starts_with(&format!("{name}{{")) && line.contains(&pair))
    }
}

/// The words of a text that have the form of our metrics.
pub(crate) fn metrics_in(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    text.split(|c| !is_part(c))
        .filter(|word| word.starts_with("noticebot_"))
        .filter(|word| !["noticebot_data"].contains(word))
        .collect()
}

#[tokio::test]
async fn operations_page_lists_every_metric_and_label() {
    let metrics = Metrics::new().await;
    let page = file("docs/OPERATIONS.md");
    let mut documented = BTreeSet::new();
    for row in page
        .lines()
        .filter(|line| line.starts_with("| `noticebot_"))
    {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`');
        documented.insert(name);
        let labels = cells[2].split(", ").map(|label| label.trim_matches('`'));
        let labels: BTreeSet<&str> = labels.filter(|label| !label.is_empty()).collect();
        assert_eq!(labels, metrics.labels(name), "{name}");
        // Every value that the page lists exists.
        for value in cells[3]
            .split(": `")
            .skip(1)
            .flat_map(|list| list.split("`, `"))
        {
            let value = value.split('`').next().unwrap();
            let known = labels.iter().any(|label| metrics.has(name, label, value));
            assert!(known, "{name} has no `{value}`");
        }
    }
    assert_eq!(documented, metrics.names());
    for path in PAGES
        .iter()
        .chain(["deploy/prometheus/alerts.yml", "src/check/intake.rs"].iter())
    {
        for name in metrics_in(&file(path)) {
            assert!(metrics.names().contains(name), "{path} names `{name}`");
        }
    }
}

#[tokio::test]
async fn alerts_use_known_metrics_and_have_runbooks() {
    let metrics = Metrics::new().await;
    let alerts = yaml("deploy/prometheus/alerts.yml");
    let rules = alerts["groups"][0]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 6);
    let page = file("docs/OPERATIONS.md");
    for rule in rules {
        let (name, expr) = (
            rule["alert"].as_str().unwrap(),
            rule["expr"].as_str().unwrap(),
        );
        let asked = metrics_in(expr);
        assert!(!asked.is_empty(), "{name} uses no metric");
        for metric in asked {
            assert!(metrics.names().contains(metric), "{name} uses `{metric}`");
            // Label values, including alternatives.
            for selector in expr.split(&format!("{metric}{{")).skip(1) {
                let selector = selector.split('}').next().unwrap();
                let (label, values) = selector.split_once(['=', '!']).unwrap();
                let values = values.trim_start_matches(['=', '~']).trim_matches('"');
                for value in values.split('|') {
                    assert!(metrics.has(metric, label, value), "{name}: {label} {value}");
                }
            }
        }
        assert!(
            page.contains(&format!("\n### {name}\n")),
            "{name} has no section"
        );
        let runbook = rule["annotations"]["runbook"].as_str().unwrap();
        assert_eq!(
            runbook,
            format!("docs/OPERATIONS.md#{}", name.to_lowercase())
        );
    }
    let tested = file("deploy/prometheus/alerts_test.yml");
    for name in metrics_in(&tested) {
        assert!(
            metrics.names().contains(name),
            "a test of alerts has `{name}`"
        );
    }
}

/// The container may only write to its mounts.
fn check_container(service: &Value) {
    assert_eq!(service["read_only"], true);
    assert_eq!(texts(&service["cap_drop"]), ["ALL"]);
    assert_eq!(texts(&service["security_opt"]), ["no-new-privileges:true"]);
    // Longer than a graceful stop takes.
    assert_eq!(service["stop_grace_period"], "10s");
}

#[test]
fn compose_files_grant_no_privileges() {
    let one = yaml("docker-compose.yml");
    check_container(&one["services"]["noticebot"]);
    assert_eq!(
        texts(&one["services"]["noticebot"]["ports"]),
        ["127.0.0.1:8080:8080"]
    );

    let many = yaml("deploy/compose/docker-compose.yml");
    let bot = &many["services"]["noticebot"];
    check_container(bot);
    assert_eq!(bot["deploy"]["replicas"], 2);
    assert_eq!(
        bot["depends_on"]["postgres"]["condition"],
        "service_healthy"
    );
    assert!(bot["ports"].is_null(), "only the proxy is public");
    assert!(many["services"]["postgres"]["ports"].is_null());
    assert_eq!(many["networks"]["back"]["internal"], true);
    assert_eq!(texts(&many["services"]["postgres"]["networks"]), ["back"]);
    let proxy = file("deploy/compose/Caddyfile");
    let port = default_port();
    assert!(proxy.contains("handle /webhook/event {"), "{proxy}");
    assert!(
        proxy.contains(&format!("dynamic a noticebot {port} {{")),
        "{proxy}"
    );
}

/// The default port of the public listener.
fn default_port() -> u16 {
    let defaults: toml::Table = toml::from_str(DEFAULT_TOML).unwrap();
    let listen = defaults["server"]["listen"].as_str().unwrap();
    listen.parse::<std::net::SocketAddr>().unwrap().port()
}

#[test]
fn manifests_grant_no_privileges() {
    let manifests: Vec<Value> =
        serde_saphyr::from_multiple(&file("deploy/kubernetes/noticebot.yaml")).unwrap();
    let of_kind = |kind: &str| {
        let found = manifests.iter().find(|manifest| manifest["kind"] == kind);
        found.unwrap_or_else(|| panic!("no {kind}"))
    };
    let deployment = &of_kind("Deployment")["spec"];
    assert_eq!(deployment["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
    let pod = &deployment["template"]["spec"];
    let bot = &pod["containers"][0];
    let pause = bot["lifecycle"]["preStop"]["sleep"]["seconds"]
        .as_u64()
        .unwrap();
    let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(
        grace >= pause + 5 && pause > 0,
        "a graceful stop takes up to 5 s"
    );
    for (probe, path) in [
        ("startupProbe", "/healthz"),
        ("livenessProbe", "/healthz"),
        ("readinessProbe", "/readyz"),
    ] {
        assert_eq!(bot[probe]["httpGet"]["path"], path, "{probe}");
        assert_eq!(bot[probe]["httpGet"]["port"], "metrics", "{probe}");
    }
    assert_eq!(bot["ports"][0]["containerPort"], default_port());
    assert!(bot["resources"]["limits"]["memory"].is_string());
    assert!(bot["resources"]["requests"]["cpu"].is_string());
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["enableServiceLinks"], false);
    let rights = &bot["securityContext"];
    assert_eq!(rights["readOnlyRootFilesystem"], true);
    assert_eq!(rights["allowPrivilegeEscalation"], false);
    assert_eq!(texts(&rights["capabilities"]["drop"]), ["ALL"]);
    let settings = of_kind("Secret")["stringData"].as_object().unwrap();
    assert!(
        settings.keys().all(|name| is_known_variable(name)),
        "{settings:?}"
    );
    assert_eq!(of_kind("PodDisruptionBudget")["spec"]["minAvailable"], 1);
    let route = &of_kind("Ingress")["spec"]["rules"][0]["http"]["paths"];
    assert_eq!(
        route.as_array().map(Vec::len),
        Some(1),
        "only the webhook is public"
    );
    assert_eq!(route[0]["path"], "/webhook/event");
}

#[test]
fn systemd_unit_confines_the_bot() {
    let unit = file("deploy/systemd/noticebot.service");
    for line in [
        "ExecStart=/usr/local/bin/noticebot serve",
        "RestartPreventExitStatus=2",
        "DynamicUser=yes",
        "StateDirectory=noticebot",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
}

#[test]
fn image_is_unprivileged_with_a_health_check() {
    let image = file("Dockerfile");
    for line in [
        "USER 65532:65532",
        "    CMD [\"/usr/local/bin/noticebot\", \"healthcheck\"]",
        "CMD [\"serve\"]",
    ] {
        assert!(image.lines().any(|found| found == line), "{line}");
    }
}

/// A manifest that names a file outside of the build context breaks the build.
#[test]
fn image_context_contains_the_whole_workspace() {
    let context = tempfile::tempdir().unwrap();
    let ignore = file(".dockerignore");
    for path in ignore.lines().filter_map(|line| line.strip_prefix('!')) {
        let from = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
        let mut copy = Command::new("cp");
        let copied = copy.arg("-r").arg(from).arg(context.path()).status();
        assert!(copied.unwrap().success(), "{path}");
    }
    // With a compiler that fails at once, Cargo only reads the manifests.
    let build = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--offline", "--package", "noticebot"])
        .args(["--bin", "noticebot", "--config", "build.rustc='false'"])
        .env_remove("RUSTC")
        .env("CARGO_TARGET_DIR", context.path().join("target"))
        .current_dir(&context)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&build.stderr);
    assert!(words.contains("`false -vV`"), "{words}");
}

#[test]
fn workflow_checks_before_it_publishes() {
    let workflow = yaml(".github/workflows/ci.yml");
    let jobs = &workflow["jobs"];
    let steps = jobs["check"]["steps"].as_array().unwrap();
    assert!(steps.iter().any(|step| step["run"] == "bash .ci/run"));
    assert_eq!(jobs["image"]["needs"], "check");
    assert_eq!(jobs["publish"]["needs"], "image");
    let built = jobs["image"]["strategy"]["matrix"]["include"]
        .as_array()
        .unwrap();
    let platforms: Vec<_> = built.iter().map(|machine| &machine["platform"]).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    assert_eq!(jobs["binary"]["needs"], "check");
    let steps = jobs["binary"]["steps"].as_array().unwrap();
    assert!(steps.iter().any(|step| step["run"] == ".ci/release"));
    let runners = texts(&jobs["binary"]["strategy"]["matrix"]["runner"]);
    assert_eq!(runners, ["ubuntu-24.04", "ubuntu-24.04-arm"]);
    assert_eq!(texts(&jobs["release"]["needs"]), ["binary", "publish"]);
}

#[test]
fn deployments_can_use_published_images() {
    let published = "ghcr.io/OWNER/noticebot";
    for path in ["docker-compose.yml", "deploy/compose/docker-compose.yml"] {
        let compose = yaml(path);
        let bot = &compose["services"]["noticebot"];
        assert_eq!(bot["image"], "${BOT_IMAGE:-noticebot}", "{path}");
        // Without a published image, it is built.
        assert!(bot["build"].is_string(), "{path}");
    }
    let version = env!("CARGO_PKG_VERSION");
    for path in ["deploy/kubernetes/noticebot.yaml", "docs/OPERATIONS.md"] {
        let image = format!("{published}:{version}");
        assert!(file(path).contains(&image), "{path}");
    }
    let unit = file("deploy/systemd/noticebot.service");
    assert!(unit.contains("ExecStart=/usr/local/bin/noticebot "));
    let script = file(".ci/release");
    assert!(script.contains("deploy/systemd/noticebot.service"));
}
