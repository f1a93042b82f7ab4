//! Hostile texts, requests to other servers, requests from other origins, and load.

use reqwest::StatusCode;

use crate::browser::{PATIENCE, http};
use crate::playground::Playground;

/// Text that would run scripts or break the page if any of it were interpreted as HTML.
const HOSTILE: &str = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>\
    </li></ol><b>bold</b> <a href=\"javascript:window.pwned = 3\">x</a> &lt;i&gt; \" ' ${1} `x`";

#[tokio::test]
async fn html_in_messages_is_shown_as_text() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    page.say(HOSTILE).await;
    page.until_text("#messages li:last-child .text", HOSTILE)
        .await;
    page.click("#messages li:last-child button[formaction^='/pin']")
        .await;
    page.until_text("#top .set", "<script>").await;
    page.until_text("#messages .quote", "<script>").await;
    page.click("#rich").await;
    page.say(&format!("{HOSTILE} rich")).await;
    page.until_text("#messages li:last-child .text", "` rich")
        .await;
    page.click("#rich").await;
    page.say(&format!("/announce {HOSTILE}")).await;
    page.until_text("#board", "<script>window.pwned").await;
    page.say("/history").await;
    page.until_text(".card", "script").await;
    // Also where the server renders it as part of the whole page.
    page.click("#messages li:nth-child(2) .acts a").await;
    page.until_text(".replying", "<script>").await;
    page.go_to("/?lang=en&draft=%3C/textarea%3E%3Cscript%3Ewindow.pwned=4%3C/script%3E")
        .await;
    page.until("the page is live", "'live' in document.body.dataset")
        .await;
    assert!(page.get("window.pwned").await.is_null());
    let stray = "document.querySelectorAll('#messages script, #messages img:not(.avatar), #board b, main script').length";
    assert_eq!(page.get(stray).await, 0);
    page.finish().await;
}

#[tokio::test]
async fn the_page_is_small_and_loads_nothing_external() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/").await;
    page.until("the page is live", "'live' in document.body.dataset")
        .await;
    page.get("1").await;
    let files = page.events("Network.loadingFinished");
    let files: f64 = files
        .filter_map(|event| event["encodedDataLength"].as_f64())
        .sum();
    let streamed = page.events("Network.dataReceived");
    let streamed: f64 = streamed
        .filter_map(|event| event["dataLength"].as_f64())
        .sum();
    let requests = page.events("Network.requestWillBeSent").count();
    println!("{requests} requests, {files} bytes on the wire, {streamed} bytes of content");
    assert!((5..=7).contains(&requests), "{requests}");
    assert!(files.max(streamed) < 200.0 * 1024.0, "{files} {streamed}");
    page.finish().await;
}

#[tokio::test]
async fn other_origins_can_neither_read_nor_send() {
    let playground = Playground::open().await;
    let client = http();
    let port = playground.address.rsplit(':').next().unwrap();
    let page = client.get(&playground.address).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
    assert!(!policy.contains("unsafe"));
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");

    for (host, expected) in [
        (format!("127.0.0.1:{port}"), StatusCode::OK),
        (format!("localhost:{port}"), StatusCode::OK),
        (
            format!("evil.example:{port}"),
            StatusCode::MISDIRECTED_REQUEST,
        ),
        ("127.0.0.1".to_owned(), StatusCode::MISDIRECTED_REQUEST),
    ] {
        for path in ["/", "/playground.js"] {
            let asked = client.get(format!("{}{path}", playground.address));
            let answer = asked.header("host", &host).send().await.unwrap();
            assert_eq!(answer.status(), expected, "{host}{path}");
        }
    }
    let own = playground.address.as_str();
    for (name, value, expected) in [
        ("sec-fetch-site", "same-origin", StatusCode::SEE_OTHER),
        ("sec-fetch-site", "same-site", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "cross-site", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "none", StatusCode::FORBIDDEN),
        ("origin", own, StatusCode::SEE_OTHER),
        ("origin", "null", StatusCode::FORBIDDEN),
        ("origin", "http://evil.example", StatusCode::FORBIDDEN),
    ] {
        let form = client.post(format!("{own}/say"));
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        let answer = form.header(name, value).body("text=hello").send();
        assert_eq!(answer.await.unwrap().status(), expected, "{name}: {value}");
    }
    for (path, mode, expected) in [
        ("/icon.svg", "no-cors", StatusCode::FORBIDDEN),
        ("/events", "cors", StatusCode::FORBIDDEN),
        ("/", "no-cors", StatusCode::FORBIDDEN),
        // A link on another page.
        ("/", "navigate", StatusCode::OK),
    ] {
        let asked = client.get(format!("{own}{path}"));
        let asked = asked.header("sec-fetch-site", "cross-site");
        let answer = asked.header("sec-fetch-mode", mode).send().await.unwrap();
        assert_eq!(answer.status(), expected, "{path} {mode}");
    }
    let long = client.post(format!("{own}/say"));
    let long = long.header("content-type", "application/x-www-form-urlencoded");
    let answer = long.body(format!("text={}", "x".repeat(1 << 19))).send();
    assert_eq!(
        answer.await.unwrap().status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test]
async fn a_thousand_mentions_in_a_message_are_drawn() {
    let playground = Playground::open().await;
    let client = http();
    let body = format!("text={}", "%40Mei+".repeat(1000));
    let form = client
        .post(format!("{}/say", playground.address))
        .body(body);
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(form.send().await.unwrap().status(), StatusCode::SEE_OTHER);
    let page = async { client.get(&playground.address).send().await?.text().await };
    let page = tokio::time::timeout(PATIENCE, page).await.unwrap().unwrap();
    let mentions = page.matches("<span class=\"mention\">@Mei</span>").count();
    assert_eq!(mentions, 1000);
}

#[tokio::test]
async fn reconnects_miss_nothing_and_slow_readers_block_nobody() {
    let playground = Playground::open().await;
    let client = http();
    let events = format!("{}/events?lang=en", playground.address);
    // Reads only the head of the response.
    let _slow = client.get(&events).send().await.unwrap();
    for number in 0..200 {
        let form = client.post(format!("{}/say", playground.address));
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        let body = format!("text=message+{number}+{}", "x".repeat(2000));
        let answer = form.body(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    }
    let mut stream = client.get(&events).send().await.unwrap();
    let mut received = String::new();
    while !received.contains("message 199 ") {
        let chunk = stream.chunk().await.unwrap().unwrap();
        received.push_str(&String::from_utf8_lossy(&chunk));
    }
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    page.say("and one more").await;
    page.until_text("#messages li:last-child", "and one more")
        .await;
    page.finish().await;
}
