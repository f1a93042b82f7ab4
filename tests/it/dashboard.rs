//! The dashboard of `deploy/grafana`: every query matches the metrics of a running bot.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::deploy::{Metrics, file, metrics_in};

/// Labels that Prometheus adds.
const OF_PROMETHEUS: [&str; 1] = ["instance"];
/// Labels of histograms and of the build.
const OF_ALL: [&str; 2] = ["le", "version"];
/// The values of these depend on what the platform answers and which calls are made.
const OPEN: [&str; 2] = ["code", "instance"];

fn dashboard() -> Value {
    serde_json::from_str(&file("deploy/grafana/noticebot.json")).unwrap()
}

/// The title of each panel with its queries and legends.
fn queries(dashboard: &Value) -> Vec<(String, String, String)> {
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap().to_owned();
        if panel["type"] == "row" {
            continue;
        }
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            let text = |key: &str| target[key].as_str().unwrap_or_default().to_owned();
            queries.push((title.clone(), text("expr"), text("legendFormat")));
        }
    }
    queries
}

/// The name of a metric without the ending of a series of a histogram.
fn base<'n>(name: &'n str, metrics: &Metrics) -> &'n str {
    let ends = ["_bucket", "_sum", "_count"];
    let base = ends.iter().find_map(|end| name.strip_suffix(end));
    base.filter(|base| metrics.names().contains(base))
        .unwrap_or(name)
}

/// The parts of a query between `open` and `close`.
fn between<'q>(query: &'q str, open: &str, close: char) -> Vec<&'q str> {
    let parts = query.split(open).skip(1);
    parts
        .map(|part| part.split(close).next().unwrap())
        .collect()
}

/// The label, operator and alternatives of each matcher.
fn matchers(selector: &str) -> Vec<(&str, Vec<&str>)> {
    let matchers = selector.split("\", ").filter(|one| !one.is_empty());
    matchers
        .map(|matcher| {
            let (label, values) = matcher.split_once(['=', '!']).unwrap();
            let values = values.trim_start_matches(['=', '~']).trim_matches('"');
            (label.trim(), values.split('|').collect())
        })
        .collect()
}

#[tokio::test]
async fn dashboard_queries_match_the_metrics() {
    let metrics = Metrics::new().await;
    let dashboard = dashboard();
    let mut shown = BTreeSet::new();
    for (title, query, legend) in queries(&dashboard) {
        let asked = metrics_in(&query);
        assert_eq!(asked.len(), 1, "{title}: {query}");
        let name = asked.first().unwrap();
        let metric = base(name, &metrics);
        assert!(metrics.names().contains(metric), "{title}: `{name}`");
        shown.insert(metric.to_owned());
        let labels = metrics.labels(metric);
        let known = |label: &str| {
            labels.contains(label) || OF_PROMETHEUS.contains(&label) || OF_ALL.contains(&label)
        };
        let grouped = between(&query, "by (", ')').into_iter();
        let grouped: Vec<&str> = grouped.flat_map(|list| list.split(", ")).collect();
        for label in &grouped {
            assert!(known(label), "{title}: by `{label}`");
        }
        // A legend shows only labels that are left.
        for label in between(&legend, "{{", '}') {
            let is_left = grouped.contains(&label) || !query.contains('(');
            assert!(is_left && known(label), "{title}: {legend}");
        }
        let selectors = between(&query, &format!("{name}{{"), '}');
        assert_eq!(selectors.len(), query.matches(name).count(), "{query}");
        for (label, values) in selectors.into_iter().flat_map(matchers) {
            assert!(known(label), "{title}: `{label}`");
            for value in values {
                let exists = OPEN.contains(&label) || metrics.has(metric, label, value);
                assert!(exists, "{title}: {label} {value}");
            }
        }
        assert!(query.contains("instance=~\"$instance\""), "{title}");
        assert_eq!(
            query.matches(['(', '{', '[']).count(),
            query.matches([')', '}', ']']).count(),
            "{query}"
        );
    }
    let names = metrics.names();
    let shown: BTreeSet<&str> = shown.iter().map(String::as_str).collect();
    assert_eq!(shown, names, "every metric has a panel");
}

#[test]
fn dashboard_can_be_imported_anywhere() {
    let dashboard = dashboard();
    assert_eq!(dashboard["uid"], "noticebot");
    assert!(dashboard.get("id").is_none(), "an id belongs to one server");
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: Vec<_> = variables.iter().map(|variable| &variable["name"]).collect();
    assert_eq!(names, ["datasource", "instance"]);
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let place = &panel["gridPos"];
        let end = place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap();
        assert!(end <= 24, "{panel}");
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
        }
    }
}
