//! What stands in several places says the same everywhere.

use noticebot::config::{DEFAULT_TOML, ENVIRONMENT};

const README: &str = include_str!("../../README.md");

/// What stands between two marks in the README.
fn section(name: &str) -> &'static str {
    let (_, rest) = README.split_once(&format!("<!-- {name} -->")).unwrap();
    let (section, _) = rest.split_once(&format!("<!-- /{name} -->")).unwrap();
    section.trim()
}

#[test]
fn the_readmes_commands_are_those_that_the_parser_knows() {
    assert_eq!(
        section("commands"),
        noticebot::command::readme_table().trim()
    );
}

#[test]
fn the_readmes_settings_are_those_of_the_default_file() {
    let mut table = String::from("| Key | Environment | Default | Meaning |\n|---|---|---|---|");
    let mut group = "";
    let mut meaning = Vec::new();
    // The head of the file is not about a key.
    let (_, body) = DEFAULT_TOML.split_once("\n\n").unwrap();
    for line in body.lines() {
        if let Some(name) = line.strip_prefix('[') {
            group = name.trim_end_matches(']');
        } else if let Some(text) = line.strip_prefix("# ") {
            meaning.push(text);
        } else if let Some((key, default)) = line.split_once(" = ") {
            let text = meaning.join(" ");
            let (text, environment) = match text.split_once(" Environment: ") {
                Some((text, names)) => {
                    let names: Vec<String> = names
                        .trim_end_matches('.')
                        .split(" or ")
                        .map(|name| format!("`{name}`"))
                        .collect();
                    (text, names.join(" or "))
                }
                None => (text.as_str(), String::new()),
            };
            table += &format!("\n| `{group}.{key}` | {environment} | `{default}` | {text} |");
            meaning.clear();
        }
    }
    assert_eq!(section("configuration"), table);
}

#[test]
fn the_default_file_names_every_variable_beside_its_key() {
    for variable in ENVIRONMENT {
        let (group, key) = variable.key.split_once('.').unwrap();
        let (_, rest) = DEFAULT_TOML.split_once(&format!("[{group}]\n")).unwrap();
        let (before, _) = rest.split_once(&format!("\n{key} = ")).unwrap();
        let comment = before.lines().next_back().unwrap();
        let mut expected = format!("Environment: {}", variable.name);
        if variable.secret {
            expected += &format!(" or {}_FILE", variable.name);
        }
        assert!(comment.ends_with(&format!("{expected}.")), "{comment}");
    }
}

#[test]
fn one_toolchain_is_named_everywhere() {
    let toolchain: toml::Table = toml::from_str(include_str!("../../rust-toolchain.toml")).unwrap();
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap();
    let manifest: toml::Table = toml::from_str(include_str!("../../Cargo.toml")).unwrap();
    assert_eq!(
        manifest["workspace"]["package"]["rust-version"].as_str(),
        Some(channel)
    );
    assert!(include_str!("../../Dockerfile").contains(&format!("rust:{channel}-slim-bookworm")));
}

#[test]
fn every_dependency_is_accounted_for() {
    let manifest: toml::Table = toml::from_str(include_str!("../../Cargo.toml")).unwrap();
    let contributing = include_str!("../../CONTRIBUTING.md");
    for name in manifest["workspace"]["dependencies"]
        .as_table()
        .unwrap()
        .keys()
    {
        assert!(contributing.contains(&format!("| `{name}` |")), "{name}");
    }
}

#[test]
fn every_rule_names_tests_that_there_are() {
    let page = include_str!("../../docs/ARCHITECTURE.md");
    let sources = [
        include_str!("announce.rs"),
        include_str!("attacks.rs"),
        include_str!("cli.rs"),
        include_str!("commands.rs"),
        include_str!("docs.rs"),
        include_str!("rules.rs"),
        include_str!("../../src/policy.rs"),
        include_str!("../../src/config/tests.rs"),
        include_str!("../../src/store/sqlite/tests.rs"),
    ]
    .concat();
    let rules = page.lines().filter(|line| line.starts_with("| **"));
    let mut seen = 0;
    for rule in rules {
        seen += 1;
        let tests = rule.rsplit('|').nth(1).unwrap();
        for name in tests.split('`').skip(1).step_by(2) {
            assert!(sources.contains(&format!("fn {name}(")), "{name}");
        }
    }
    assert_eq!(seen, 10);
}
