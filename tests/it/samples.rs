//! Samples and links in the documents: every sample configuration is valid, every relative link
//! has a target, and translations show the same samples.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use noticebot::config::{Config, Environment};

/// Credentials for samples that leave them to the environment.
const CREDENTIALS: [(&str, &str); 4] = [
    ("FEISHU_APP_ID", "cli_0123456789abcdef"),
    ("FEISHU_APP_SECRET", "secret"),
    ("FEISHU_ENCRYPT_KEY", "key"),
    ("FEISHU_VERIFICATION_TOKEN", "token"),
];

/// 32 bytes.
const TOKEN_KEY: &str = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU=";

/// Every Markdown file of the repository with its text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut pages = Vec::new();
    collect(Path::new("."), &mut pages);
    assert!(pages.len() >= 14, "{pages:?}");
    pages
}

fn collect(folder: &Path, pages: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "corpus" {
            collect(&path, pages);
        } else if path.extension().is_some_and(|end| end == "md") {
            let text = std::fs::read_to_string(&path).unwrap();
            pages.push((path, text));
        }
    }
}

/// The code blocks of a page, each with its language.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.trim().strip_prefix("```")) {
            (None, Some(language)) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of code does not end");
    blocks
}

fn of_language(language: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for (path, page) in pages() {
        for (of_block, text) in blocks(&page) {
            if of_block == language {
                found.push((path.clone(), text));
            }
        }
    }
    found
}

/// Validates a configuration file together with variables.
fn validate(file: Option<&str>, variables: &[(String, String)]) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("noticebot.toml");
    std::fs::write(&path, file.unwrap_or_default()).unwrap();
    let named: BTreeSet<&str> = variables.iter().map(|(name, _)| name.as_str()).collect();
    let others = CREDENTIALS.iter().filter(|(name, _)| !named.contains(name));
    let others = others.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let environment: Environment = others.chain(variables.iter().cloned()).collect();
    let config = Config::read(Some(&path), &environment).map_err(|error| error.to_string())?;
    config.validate().map_err(|error| error.to_string())
}

#[test]
fn toml_samples_are_valid_configurations() {
    let samples = of_language("toml");
    assert!(!samples.is_empty());
    for (path, sample) in samples {
        let valid = validate(Some(&sample), &[]);
        assert_eq!(valid, Ok(()), "{}:\n{sample}", path.display());
    }
}

/// The assignments in a sample of an env file or shell command, with placeholders filled in.
fn assignments(sample: &str) -> Vec<(String, String)> {
    let words = sample.split(|c: char| c.is_whitespace());
    let words = words.map(|word| word.trim_start_matches("--setenv="));
    let assignments = words.filter_map(|word| word.split_once('='));
    let ours = assignments
        .filter(|(name, _)| name.starts_with("FEISHU_") || name.starts_with("NOTICEBOT_"));
    ours.map(|(name, value)| {
        let filling = if name == "NOTICEBOT_TOKEN_KEY" {
            TOKEN_KEY
        } else {
            "something"
        };
        let value = value.trim_matches('"').replace('…', filling);
        (name.to_owned(), value)
    })
    .collect()
}

#[test]
fn env_samples_are_valid_configurations() {
    let mut seen = 0;
    for (path, sample) in of_language("sh") {
        let variables = assignments(&sample);
        // Some blocks configure other programs.
        if variables.is_empty() || path.starts_with("./crates") {
            continue;
        }
        seen += 1;
        let only_config = variables.iter().all(|(name, _)| name == "NOTICEBOT_CONFIG");
        assert!(!only_config, "{}", path.display());
        let valid = validate(None, &variables);
        assert_eq!(valid, Ok(()), "{}:\n{sample}", path.display());
    }
    assert!(seen >= 3, "{seen}");
}

#[test]
fn deployments_set_valid_variables() {
    for path in [
        "docker-compose.yml",
        "deploy/compose/docker-compose.yml",
        "deploy/systemd/noticebot.service",
        "Dockerfile",
    ] {
        let text = std::fs::read_to_string(path).unwrap();
        let mut variables = Vec::new();
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with('#'))
        {
            let line = line
                .trim_start_matches("Environment=")
                .trim_start_matches("ENV ");
            let pair = line.split_once(": ").or_else(|| line.split_once('='));
            let Some((name, value)) = pair else { continue };
            if name.starts_with("FEISHU_") || name.starts_with("NOTICEBOT_") {
                let value = value.replace("${POSTGRES_PASSWORD:?set it in .env}", "secret");
                variables.push((name.to_owned(), value));
            }
        }
        assert_eq!(validate(None, &variables), Ok(()), "{path}: {variables:?}");
    }
}

#[test]
fn the_manifest_sets_valid_variables() {
    let text = std::fs::read_to_string("deploy/kubernetes/noticebot.yaml").unwrap();
    let manifests: Vec<serde_json::Value> = serde_saphyr::from_multiple(&text).unwrap();
    let secret = manifests
        .iter()
        .find(|manifest| manifest["kind"] == "Secret");
    let settings = secret.unwrap()["stringData"].as_object().unwrap();
    let filled = |value: &serde_json::Value| value.as_str().unwrap().replace('…', "something");
    let variables: Vec<_> = settings
        .iter()
        .map(|(name, value)| (name.clone(), filled(value)))
        .collect();
    assert_eq!(validate(None, &variables), Ok(()), "{variables:?}");
}

/// A heading's anchor on GitHub.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        c if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

/// The anchors of a page; equal headings are numbered.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut in_code = false;
    for line in page.lines() {
        if line.trim().starts_with("```") {
            in_code = !in_code;
        }
        let heading = line.trim_start_matches('#');
        let level = line.len() - heading.len();
        if in_code || level == 0 || level > 6 || !heading.starts_with(' ') {
            continue;
        }
        let anchor = anchor(heading);
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone())
            .chain(numbered)
            .find(|anchor| !anchors.contains(anchor));
        anchors.extend(free);
    }
    anchors
}

/// The targets of a page's links and pictures, except those in code.
fn targets(page: &str) -> Vec<String> {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    let events = Parser::new_ext(page, Options::ENABLE_TABLES);
    let targets = events.filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some(vec![dest_url.to_string()])
        }
        Event::InlineHtml(html) | Event::Html(html) => {
            let quoted = html.split("src=\"").skip(1);
            let quoted = quoted.filter_map(|rest| rest.split('"').next());
            Some(quoted.map(str::to_owned).collect())
        }
        _ => None,
    });
    targets.flatten().collect()
}

#[test]
fn relative_links_and_anchors_exist() {
    let mut seen = 0;
    for (path, page) in pages() {
        for target in targets(&page) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            seen += 1;
            let (file, fragment) = target.split_once('#').unwrap_or((&target, ""));
            let linked = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            let place = path.display();
            assert!(
                linked.exists(),
                "{place} links to `{target}`, which does not exist"
            );
            if !fragment.is_empty() {
                let text = std::fs::read_to_string(&linked).unwrap();
                assert!(
                    anchors(&text).contains(fragment),
                    "{place} links to `{target}`, which has no such heading"
                );
            }
        }
    }
    assert!(seen > 40, "{seen}");
}

/// Each page with its translation.
const TRANSLATED: [[&str; 2]; 3] = [
    ["README.md", "README.zh-CN.md"],
    ["docs/COMMANDS.md", "docs/COMMANDS.zh-CN.md"],
    ["docs/SETUP.md", "docs/SETUP.zh-CN.md"],
];

/// The levels of a page's headings, in order.
fn heading_levels(page: &str) -> Vec<usize> {
    use pulldown_cmark::{Event, Parser, Tag};
    let levels = Parser::new(page).filter_map(|event| match event {
        Event::Start(Tag::Heading { level, .. }) => Some(level as usize),
        _ => None,
    });
    levels.collect()
}

/// A sample without comments, which are translated.
fn without_comments(sample: &str) -> String {
    let lines = sample.lines().map(|line| line.split("# ").next().unwrap());
    lines.map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn translations_have_the_same_structure() {
    for [original, translation] in TRANSLATED {
        let original = std::fs::read_to_string(original).unwrap();
        let translated = std::fs::read_to_string(translation).unwrap();
        let (levels, of_translation) = (heading_levels(&original), heading_levels(&translated));
        // A translation may link to reference sections at the end of the original.
        assert!(levels.starts_with(&of_translation), "{translation}");
        assert!(of_translation.len() + 1 >= levels.len(), "{translation}");
        let samples = blocks(&original);
        let samples: BTreeSet<_> = samples.iter().map(|(_, s)| without_comments(s)).collect();
        for (_, sample) in blocks(&translated) {
            let sample = without_comments(&sample);
            assert!(samples.contains(&sample), "{translation}:\n{sample}");
        }
    }
}

#[test]
fn translations_link_to_each_other() {
    for [original, translation] in TRANSLATED {
        for (page, other) in [(original, translation), (translation, original)] {
            let page = std::fs::read_to_string(page).unwrap();
            let name = Path::new(other).file_name().unwrap().to_str().unwrap();
            let second = page.lines().nth(1).unwrap();
            assert!(second.contains(&format!("]({name})")), "{second}");
        }
    }
}

#[test]
fn runbooks_of_alerts_exist() {
    let alerts = std::fs::read_to_string("deploy/prometheus/alerts.yml").unwrap();
    let runbooks = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("runbook: "));
    let mut seen = 0;
    for runbook in runbooks {
        seen += 1;
        let (file, fragment) = runbook.split_once('#').unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        assert!(anchors(&text).contains(fragment), "{runbook}");
    }
    assert!(seen >= 5, "{seen}");
}
