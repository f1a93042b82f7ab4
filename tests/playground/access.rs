//! Accessible names, document structure and keyboard operation.

use serde_json::{Value, json};

use crate::playground::Playground;

#[tokio::test]
async fn controls_have_accessible_names() {
    let playground = Playground::open().await;
    for query in ["lang=en", "lang=zh", "lang=en&group=questions&as=gus"] {
        let (_browser, mut page) = playground.visit(&format!("/?{query}")).await;
        page.say("/history").await;
        page.until_text("#messages .meta b", "noticebot").await;
        page.call("Accessibility.enable", json!({})).await;
        let tree = page.call("Accessibility.getFullAXTree", json!({})).await;
        let nodes = tree["nodes"].as_array().unwrap();
        let of_role = |role: &str| {
            let of_role = nodes.iter().filter(|node| node["ignored"] == false);
            let role = role.to_owned();
            of_role.filter(move |node| node["role"]["value"] == role)
        };
        for role in [
            "button",
            "link",
            "textbox",
            "checkbox",
            "log",
            "region",
            "navigation",
        ] {
            let mut count = 0;
            for node in of_role(role) {
                count += 1;
                assert_ne!(node["name"]["value"], "", "{role}: {node}");
            }
            assert!(count > 0, "no {role} on the page");
        }
        for (role, count) in [("main", 1), ("banner", 1), ("log", 1)] {
            assert_eq!(of_role(role).count(), count, "{role}");
        }
        let duplicates =
            "(() => { const ids = [...document.querySelectorAll('[id]')].map((it) => it.id);
            return ids.filter((id, at) => ids.indexOf(id) !== at); })()";
        assert_eq!(page.get(duplicates).await, json!([]));
        let levels =
            "[...document.querySelectorAll('h1, h2, h3')].map((it) => Number(it.tagName[1]))";
        let levels = page.get(levels).await;
        let levels: Vec<u64> = levels
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_u64)
            .collect();
        let steps = levels.windows(2).all(|pair| pair[1] <= pair[0] + 1);
        assert!(levels[0] == 1 && steps, "{levels:?}");
        page.finish().await;
    }
}

#[tokio::test]
async fn the_keyboard_is_enough() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    page.press("Tab").await;
    assert_eq!(page.get("document.activeElement.className").await, "skip");
    page.press("Enter").await;
    page.until(
        "the field has the focus",
        "document.activeElement.id === 'text'",
    )
    .await;
    page.call("Input.insertText", json!({ "text": "/pin announcement" }))
        .await;
    page.press("Enter").await;
    page.until_text("#top .set", "Group announcement").await;

    page.get("document.querySelector('#messages .acts a').focus()")
        .await;
    page.press("Enter").await;
    page.until(
        "a reply is started",
        "document.querySelector('.replying') && document.activeElement.id === 'text'",
    )
    .await;
    page.press("Escape").await;
    page.until(
        "the reply is canceled",
        "!document.querySelector('.replying')",
    )
    .await;
    assert_eq!(page.get("document.activeElement.id").await, "text");

    page.get("document.querySelector('#messages .acts a').focus()")
        .await;
    page.press("Enter").await;
    page.until("a reply is started", "document.querySelector('.replying')")
        .await;
    page.call("Input.insertText", json!({ "text": "/pin" }))
        .await;
    page.press("Enter").await;
    page.until_text("#top .set", "Dinner").await;
    // The focus is visible.
    page.press("Tab").await;
    let outline = "getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(page.get(outline).await, "solid");
    page.finish().await;
}
