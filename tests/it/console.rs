//! The console over plain HTTP: who may open it, and what it refuses.

use feishu_sim::AnnouncementKind::Docx;
use reqwest::header::{COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Method, RequestBuilder, Response, StatusCode};

use crate::harness::Bench;

const TOKEN: &str = "a token that nobody guesses";

/// A visitor of the console, as a client that follows no redirects.
pub(crate) struct Visitor {
    client: reqwest::Client,
    origin: String,
    cookie: Option<String>,
}

impl Visitor {
    pub(crate) fn of(bench: &Bench) -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none());
        Self {
            client: client.build().unwrap(),
            origin: format!("http://{}", bench.admin_address()),
            cookie: None,
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .client
            .request(method, format!("{}{path}", self.origin));
        match &self.cookie {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    fn form(&self, path: &str, pairs: &[(&str, &str)]) -> RequestBuilder {
        let mut body = reqwest::Url::parse("http://form").unwrap();
        body.query_pairs_mut().extend_pairs(pairs);
        self.request(Method::POST, path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.query().unwrap_or_default().to_owned())
    }

    pub(crate) async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Response {
        self.form(path, pairs).send().await.unwrap()
    }

    /// The token of the page's forms.
    pub(crate) async fn csrf(&self, path: &str) -> String {
        let page = self.text(path).await;
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    async fn log_in(&mut self, token: &str) -> Response {
        let csrf = self.csrf("/login").await;
        let answer = self
            .post("/login", &[("csrf", &csrf), ("token", token)])
            .await;
        if let Some(cookie) = answer.headers().get(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
            self.cookie = Some(cookie.to_owned());
        }
        answer
    }
}

async fn with_token() -> Bench {
    let mut bench = Bench::new().await;
    bench.set("NOTICEBOT_ADMIN_TOKEN", TOKEN);
    bench.restart().await;
    bench
}

#[tokio::test]
async fn a_token_is_asked_for_where_it_is_set() {
    let bench = with_token().await;
    let mut visitor = Visitor::of(&bench);
    for path in [
        "/",
        "/jobs",
        "/jobs/1",
        "/audit",
        "/audit.csv",
        "/groups",
        "/tenants",
        "/check",
        "/settings",
    ] {
        let answer = visitor.get(path).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        let to = answer.headers()[LOCATION].to_str().unwrap();
        assert!(to.starts_with("/login?back=%2F"), "{to}");
    }
    for path in [
        "/jobs/1/retry",
        "/jobs/1/drop",
        "/jobs/1/text",
        "/audit",
        "/check",
        "/tenants/revoke",
        "/logout",
    ] {
        let answer = visitor.post(path, &[("csrf", "x")]).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(
        visitor.get("/live?page=overview").await.status(),
        StatusCode::UNAUTHORIZED
    );
    let refused = visitor.log_in("another token").await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(visitor.cookie, None);
    let logged_in = visitor.log_in(TOKEN).await;
    assert_eq!(logged_in.status(), StatusCode::SEE_OTHER);
    let cookie = logged_in.headers()[SET_COOKIE].to_str().unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(visitor.text("/").await.contains("Overview"));
    // Health and metrics need no login.
    assert!(bench.metrics().await.contains("noticebot_open_jobs"));
    bench.finish().await;
}

#[tokio::test]
async fn a_cookie_is_worth_nothing_after_the_logout() {
    let bench = with_token().await;
    let mut visitor = Visitor::of(&bench);
    visitor.log_in(TOKEN).await;
    let csrf = visitor.csrf("/check").await;
    let stolen = Visitor {
        cookie: visitor.cookie.clone(),
        ..Visitor::of(&bench)
    };
    assert_eq!(stolen.get("/").await.status(), StatusCode::OK);
    // Only a form of the page ends the session.
    let forged = visitor.post("/logout", &[("csrf", "x")]).await;
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        visitor.post("/logout", &[("csrf", &csrf)]).await.status(),
        StatusCode::SEE_OTHER
    );
    assert_eq!(stolen.get("/").await.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        stolen.post("/check", &[("csrf", &csrf)]).await.status(),
        StatusCode::UNAUTHORIZED
    );
    bench.finish().await;
}

#[tokio::test]
async fn guessing_the_token_is_slow() {
    let bench = with_token().await;
    let mut visitor = Visitor::of(&bench);
    let csrf = visitor.csrf("/login").await;
    let mut refused = 0;
    for attempt in 0..1_000 {
        let guess = format!("guess {attempt}");
        let answer = visitor
            .post("/login", &[("csrf", &csrf), ("token", &guess)])
            .await;
        match answer.status() {
            StatusCode::UNAUTHORIZED => {}
            StatusCode::TOO_MANY_REQUESTS => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert!(refused > 950, "{refused}");
    // Nor does the right token help while the attempts are used up.
    let answer = visitor.log_in(TOKEN).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait = answer.headers()["retry-after"].to_str().unwrap();
    assert!((1..=11).contains(&wait.parse::<u64>().unwrap()), "{wait}");
    bench.finish().await;
}

#[tokio::test]
async fn an_open_address_needs_a_token() {
    let mut bench = Bench::new().await;
    bench.set("NOTICEBOT_ADMIN_LISTEN", "0.0.0.0:0");
    bench.restart().await;
    let port = bench.admin_address().port();
    let visitor = Visitor {
        origin: format!("http://127.0.0.1:{port}"),
        ..Visitor::of(&bench)
    };
    for path in ["/", "/jobs", "/audit.json", "/login", "/live?page=overview"] {
        let answer = visitor.get(path).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
        let text = answer.text().await.unwrap();
        assert!(text.contains("NOTICEBOT_ADMIN_TOKEN"), "{text}");
    }
    let posted = visitor.post("/jobs/1/drop", &[("csrf", "x")]).await;
    assert_eq!(posted.status(), StatusCode::FORBIDDEN);
    assert_eq!(visitor.get("/metrics").await.status(), StatusCode::OK);

    bench.set("NOTICEBOT_ADMIN_TOKEN", TOKEN);
    bench.set("NOTICEBOT_ADMIN_HOSTS", "bot.example.com, other.example");
    bench.restart().await;
    let port = bench.admin_address().port();
    let mut visitor = Visitor {
        origin: format!("http://127.0.0.1:{port}"),
        ..Visitor::of(&bench)
    };
    assert_eq!(visitor.log_in(TOKEN).await.status(), StatusCode::SEE_OTHER);
    for (host, status) in [
        ("bot.example.com", StatusCode::OK),
        ("other.example:443", StatusCode::OK),
        ("10.0.0.7:9090", StatusCode::OK),
        ("evil.example", StatusCode::MISDIRECTED_REQUEST),
    ] {
        let asked = visitor.request(Method::GET, "/jobs").header(HOST, host);
        assert_eq!(asked.send().await.unwrap().status(), status, "{host}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn other_web_pages_can_neither_read_nor_send() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    bench.pin_that_is_given_up(&group).await;
    let visitor = Visitor::of(&bench);
    let answer = visitor.get("/").await;
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");

    // A page whose host name was pointed here.
    for path in ["/", "/jobs", "/assets/console.js", "/live?page=overview"] {
        let rebound = visitor
            .request(Method::GET, path)
            .header(HOST, "evil.example");
        let status = rebound.send().await.unwrap().status();
        assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{path}");
    }
    let csrf = visitor.csrf("/jobs/1").await;
    let retry = |csrf| visitor.form("/jobs/1/retry", &[("csrf", csrf)]);
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
        ("origin", "http://evil.example"),
        ("origin", "null"),
    ] {
        let sent = retry(&csrf).header(name, value).send().await.unwrap();
        assert_eq!(sent.status(), StatusCode::FORBIDDEN, "{name}: {value}");
    }
    for csrf in ["", "x", &csrf[1..]] {
        let sent = retry(csrf).send().await.unwrap();
        assert_eq!(sent.status(), StatusCode::FORBIDDEN, "{csrf}");
    }
    let without = visitor.post("/jobs/1/retry", &[]).await;
    assert_eq!(without.status(), StatusCode::FORBIDDEN);
    assert!(visitor.text("/jobs?state=dead").await.contains("badge bad"));

    for (path, mode, status) in [
        ("/audit.csv", "cors", StatusCode::FORBIDDEN),
        ("/live?page=overview", "cors", StatusCode::FORBIDDEN),
        ("/assets/icon.svg", "no-cors", StatusCode::FORBIDDEN),
        // A link on another page.
        ("/jobs", "navigate", StatusCode::OK),
    ] {
        let asked = visitor.request(Method::GET, path);
        let asked = asked
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", mode);
        assert_eq!(asked.send().await.unwrap().status(), status, "{path}");
    }
    // A form of our own page.
    let own = retry(&csrf)
        .header(ORIGIN, &visitor.origin)
        .send()
        .await
        .unwrap();
    assert_eq!(own.status(), StatusCode::SEE_OTHER);
    bench.finish().await;
}

#[tokio::test]
async fn texts_are_shown_on_request_and_that_is_recorded() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let said = bench
        .say(&group, "/announce <script>alert(1)</script> dinner")
        .id;
    bench.reaction(&said).await;
    bench.idle().await;
    let visitor = Visitor::of(&bench);
    for path in [
        "/",
        "/jobs?state=all",
        "/audit",
        "/audit.csv",
        "/audit.json",
    ] {
        assert!(!visitor.text(path).await.contains("dinner"), "{path}");
    }
    let csrf = visitor.csrf("/audit").await;
    let shown = visitor
        .post("/audit", &[("csrf", &csrf)])
        .await
        .text()
        .await
        .unwrap();
    assert!(shown.contains("&lt;script&gt;alert(1)"), "{shown}");
    assert!(!shown.contains("<script>alert"), "{shown}");
    let audit = visitor.text("/audit.json").await;
    assert!(audit.contains("\"deed\":\"admin_show_text\""), "{audit}");
    assert!(audit.contains("admin@127.0.0.1"), "{audit}");
    // Members do not see in their history what admins did.
    let history = bench.reply_to(&group, "/history").await;
    assert!(!history.contains("admin"), "{history}");
    bench.finish().await;
}

#[tokio::test]
async fn the_audit_is_searched_page_by_page() {
    let bench = Bench::new().await;
    let groups = [bench.group(Docx), bench.group(Docx)];
    for number in 0..60 {
        let said = bench.say(&groups[number % 2], "/pin announcement").id;
        bench.reaction(&said).await;
    }
    bench.idle().await;
    let visitor = Visitor::of(&bench);
    let (member, other) = (bench.member.open_id.as_str(), groups[1].as_str());
    let mut seen = 0;
    let mut path = "/audit".to_owned();
    loop {
        let page = visitor.text(&path).await;
        seen += page.matches("<tr><td>").count();
        let Some((_, rest)) = page.split_once("rel=\"next\" href=\"") else {
            break;
        };
        path = rest.split('"').next().unwrap().replace("&amp;", "&");
    }
    assert_eq!(seen, 60);
    for (query, rows) in [
        (format!("person={member}"), 50),
        (format!("chat={other}"), 30),
        (format!("chat={other}&person={member}&result=done"), 30),
        ("result=failed".to_owned(), 0),
        ("result=done".to_owned(), 50),
        ("person=ou_nobody".to_owned(), 0),
        ("from=2001-01-01&to=2001-12-31".to_owned(), 0),
        ("from=2001-01-01&to=2999-12-31".to_owned(), 50),
        ("from=2999-01-01".to_owned(), 0),
    ] {
        let page = visitor.text(&format!("/audit?{query}")).await;
        assert_eq!(page.matches("<tr><td>").count(), rows, "{query}");
        let export = visitor.text(&format!("/audit.json?{query}")).await;
        let all = if rows == 50 { 60 } else { rows };
        assert_eq!(export.lines().count(), all, "{query}");
    }
    for query in ["from=yesterday", "to=2026-13-01", "from=%00"] {
        let answer = visitor.get(&format!("/audit?{query}")).await;
        assert_eq!(answer.status(), StatusCode::CONFLICT, "{query}");
    }
    for path in ["/jobs/999", "/jobs/x", "/jobs/%00"] {
        assert_eq!(
            visitor.get(path).await.status(),
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    for query in ["before=x", "state=nonsense", "chat=%27%3B--", "before=-1"] {
        assert_eq!(
            visitor.get(&format!("/jobs?{query}")).await.status(),
            StatusCode::OK,
            "{query}"
        );
    }
    bench.finish().await;
}
