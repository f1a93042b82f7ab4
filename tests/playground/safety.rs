//! What people type stays text, nobody else is asked, and nobody else may ask.

use reqwest::StatusCode;

use crate::browser::PATIENCE;
use crate::stage::{Stage, http};

/// Text that would run, show or close something if any of it were taken for HTML.
const HOSTILE: &str = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>\
    </li></ol><b>bold</b> <a href=\"javascript:window.pwned = 3\">x</a> &lt;i&gt; \" ' ${1} `x`";

#[tokio::test]
async fn a_text_full_of_html_and_script_is_shown_as_it_was_typed() {
    let stage = Stage::open().await;
    let (_browser, mut page) = stage.visit("/?lang=en").await;
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
    // Also where it is drawn by the server as part of a whole page.
    page.click("#messages li:nth-child(2) .acts a").await;
    page.until_text(".replying", "<script>").await;
    page.go_to("/?lang=en&draft=%3C/textarea%3E%3Cscript%3Ewindow.pwned=4%3C/script%3E")
        .await;
    page.until("it is live", "'live' in document.body.dataset")
        .await;
    assert!(page.get("window.pwned").await.is_null());
    let stray = "document.querySelectorAll('#messages script, #messages img, #board b, main script').length";
    assert_eq!(page.get(stray).await, 0);
    page.finish().await;
}

#[tokio::test]
async fn it_asks_nobody_else_and_weighs_little() {
    let stage = Stage::open().await;
    let (_browser, mut page) = stage.visit("/").await;
    page.until("it is live", "'live' in document.body.dataset")
        .await;
    page.get("1").await;
    let files = page.told("Network.loadingFinished");
    let files: f64 = files
        .filter_map(|told| told["encodedDataLength"].as_f64())
        .sum();
    let streamed = page.told("Network.dataReceived");
    let streamed: f64 = streamed
        .filter_map(|told| told["dataLength"].as_f64())
        .sum();
    let requests = page.told("Network.requestWillBeSent").count();
    println!("{requests} requests, {files} bytes on the wire, {streamed} bytes of content");
    assert!((5..=7).contains(&requests), "{requests}");
    assert!(files.max(streamed) < 200.0 * 1024.0, "{files} {streamed}");
    page.finish().await;
}

#[tokio::test]
async fn pages_of_others_can_neither_read_nor_send() {
    let stage = Stage::open().await;
    let client = http();
    let port = stage.address.rsplit(':').next().unwrap();
    let page = client.get(&stage.address).send().await.unwrap();
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
            let asked = client.get(format!("{}{path}", stage.address));
            let answer = asked.header("host", &host).send().await.unwrap();
            assert_eq!(answer.status(), expected, "{host}{path}");
        }
    }
    let own = stage.address.as_str();
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
async fn a_message_of_a_thousand_mentions_is_drawn_like_any_other() {
    let stage = Stage::open().await;
    let client = http();
    let body = format!("text={}", "%40Mei+".repeat(1000));
    let form = client.post(format!("{}/say", stage.address)).body(body);
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(form.send().await.unwrap().status(), StatusCode::SEE_OTHER);
    let page = async { client.get(&stage.address).send().await?.text().await };
    let page = tokio::time::timeout(PATIENCE, page).await.unwrap().unwrap();
    let mentions = page.matches("<span class=\"mention\">@Mei</span>").count();
    assert_eq!(mentions, 1000);
}

#[tokio::test]
async fn whoever_comes_back_is_told_everything_and_whoever_is_slow_holds_up_nobody() {
    let stage = Stage::open().await;
    let client = http();
    let events = format!("{}/events?lang=en", stage.address);
    // Asks, and reads no more than the head of the answer.
    let _slow = client.get(&events).send().await.unwrap();
    for number in 0..200 {
        let form = client.post(format!("{}/say", stage.address));
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        let body = format!("text=message+{number}+{}", "x".repeat(2000));
        let answer = form.body(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    }
    let mut stream = client.get(&events).send().await.unwrap();
    let mut told = String::new();
    while !told.contains("message 199 ") {
        let chunk = stream.chunk().await.unwrap().unwrap();
        told.push_str(&String::from_utf8_lossy(&chunk));
    }
    let (_browser, mut page) = stage.visit("/?lang=en").await;
    page.say("and one more").await;
    page.until_text("#messages li:last-child", "and one more")
        .await;
    page.finish().await;
}
