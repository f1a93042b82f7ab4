//! Acting as members: consent, the commands that wait for it, and its end.

use std::time::Duration;

use feishu_sim::{
    AnnouncementKind, Builder, ChatId, Decision, Endpoint, Fault, MessageId, Person, WhoMay,
};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use crate::harness::{Bench, log};

const PUBLIC: &str = "https://bot.example.com";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER_KEY: &str = "HxwdHhsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";

/// A bot that acts as members, with a public URL.
async fn bench() -> Bench {
    with(
        |builder| builder,
        &format!("[server]\npublic_url = '{PUBLIC}'"),
    )
    .await
}

/// The same without one, so that consent takes the device flow.
async fn device_bench() -> Bench {
    with(|builder| builder, "").await
}

async fn with(change: impl FnOnce(Builder) -> Builder, file: &str) -> Bench {
    let file = format!("[feishu]\nact_as = 'member'\ntoken_key = '{KEY}'\n{file}");
    let bench = Bench::with(change, &file).await;
    bench.sim.change_app(|app| {
        app.redirect_uris.push(format!("{PUBLIC}/oauth/callback"));
    });
    bench
}

/// A browser that follows no redirects.
struct Browser {
    client: Client,
    cookie: Option<String>,
}

impl Browser {
    fn new() -> Self {
        let client = Client::builder()
            .tls_certs_only([])
            .no_proxy()
            .redirect(Policy::none())
            .build()
            .unwrap();
        let cookie = None;
        Self { client, cookie }
    }

    /// Status, target of the redirect, and body. `url` is a public one of the bot.
    async fn open(&mut self, bench: &Bench, url: &str) -> (u16, String, String) {
        let local = url.replace(PUBLIC, bench.public());
        let mut request = self.client.get(local);
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let answer = tokio::time::timeout(Duration::from_secs(10), request.send()).await;
        let answer = answer
            .unwrap_or_else(|_| panic!("no answer: {}", log()))
            .unwrap();
        let text = |name| {
            let value = answer.headers().get(name);
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        if let Some(cookie) = text(SET_COOKIE) {
            assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
            assert!(cookie.ends_with("; Secure"), "{cookie}");
            let (pair, _) = cookie.split_once(';').unwrap();
            self.cookie = Some(pair.to_owned());
        }
        let status = answer.status().as_u16();
        let target = text(LOCATION).unwrap_or_default();
        (status, target, answer.text().await.unwrap())
    }

    /// Follows the bot's link, decides on the platform's page as a person, and returns to the bot.
    async fn decide(&mut self, bench: &Bench, link: &str, person: &Person, what: Decision) -> Page {
        let (status, page, _) = self.open(bench, link).await;
        assert_eq!(status, 303);
        let callback = bench.sim.decide(&page, person, what).unwrap();
        let (status, _, body) = self.open(bench, &callback).await;
        Page { status, body }
    }
}

/// The bot's page at the end of a visit.
struct Page {
    status: u16,
    body: String,
}

impl Bench {
    /// The newest link that a person got privately.
    async fn link(&self, person: &Person) -> String {
        self.wait("a link", |state| state.links_for(person).pop())
            .await
    }

    /// The next link that the member gets, after `count` others.
    async fn link_after(&self, count: usize) -> String {
        self.wait("another link", |state| {
            let links = state.links_for(&self.member);
            (links.len() > count).then(|| links.last().cloned())?
        })
        .await
    }

    /// Consents through the link that the member got.
    async fn consent(&self) {
        let link = self.link(&self.member).await;
        let page = Browser::new()
            .decide(self, &link, &self.member, Decision::Consent)
            .await;
        assert_eq!(page.status, 200, "{}", page.body);
    }

    /// A member who has consented.
    async fn granted(&self) {
        let group = self.group(AnnouncementKind::Docx);
        let command = self.say(&group, "/login").id;
        self.reaction_or_answer(&command).await;
        self.consent().await;
        assert_eq!(self.grants().await, 1);
    }

    async fn reaction_or_answer(&self, message: &MessageId) {
        self.wait("an answer", |state| {
            let answered = !state.replies_to(message).is_empty();
            let reacted = !state.reactions(message).is_empty();
            (answered || reacted).then_some(())
        })
        .await;
    }

    async fn grants(&self) -> i64 {
        self.count("grants WHERE ended_at IS NULL").await
    }

    fn announced(&self, chat: &ChatId, text: &str) -> usize {
        let lines = self.sim.read(|state| state.announcement_text(chat));
        lines.iter().filter(|line| line.contains(text)).count()
    }

    /// A group in which the bot may do nothing.
    fn group_without_bot_rights(&self) -> ChatId {
        let spec = self.spec().edit_permission(WhoMay::OnlyOwner);
        self.sim
            .add_chat(spec.pin_manage_setting(Some(WhoMay::OnlyOwner)))
    }
}

#[tokio::test]
async fn a_command_continues_after_consent() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    let link = bench.link(&bench.member).await;
    assert!(
        link.starts_with(&format!("{PUBLIC}/oauth/start?ticket=")),
        "{link}"
    );
    assert_eq!(bench.announced(&group, "hello"), 0);
    let mut browser = Browser::new();
    let page = browser
        .decide(&bench, &link, &bench.member, Decision::Consent)
        .await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("授权成功"), "{}", page.body);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(bench.announced(&group, "hello"), 1);
    let granted = bench.sim.granted_scopes(&bench.member);
    assert_eq!(
        granted,
        [
            "im:chat.announcement:read",
            "im:chat.announcement:write_only",
            "im:chat.top_notice:write_only",
            "offline_access",
        ]
    );
    let next = bench.say(&group, "/pin announcement").id;
    assert_eq!(bench.reaction(&next).await, "Pin");
    assert_eq!(bench.sim.calls_to(Endpoint::UserToken).len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn a_waiting_command_holds_nobody_up() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    bench.say(&group, "/announce hello");
    bench.link(&bench.member).await;
    let help = bench.say(&group, "/help").id;
    bench.answer(&help).await;
    assert_eq!(bench.ask("/readyz").await.0, 200);
    bench.cut_off().await;
}

#[tokio::test]
async fn several_commands_continue_in_order() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    let commands = ["one", "two", "three"].map(|text| {
        let text = format!("/announce {text}");
        bench.say(&group, &text).id
    });
    bench
        .wait("all links", |state| {
            (state.links_for(&bench.member).len() == 3).then_some(())
        })
        .await;
    bench.consent().await;
    for command in &commands {
        assert_eq!(bench.reaction(command).await, "Loudspeaker");
    }
    let lines = bench.sim.read(|state| state.announcement_text(&group));
    let at = |text| lines.iter().position(|line| line.contains(text)).unwrap();
    assert!(
        at("three") < at("two") && at("two") < at("one"),
        "{lines:?}"
    );
    bench.finish().await;
}

#[tokio::test]
async fn a_command_expires_without_consent() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    let link = bench.link(&bench.member).await;
    bench.advance(Duration::from_mins(9));
    assert!(
        bench
            .sim
            .read(|state| state.replies_to(&command).is_empty())
    );
    bench.advance(Duration::from_mins(1));
    let answer = bench.answer(&command).await;
    assert!(answer.contains("/login"), "{answer}");
    assert_eq!(Browser::new().open(&bench, &link).await.0, 400);
    assert_eq!(bench.announced(&group, "hello"), 0);
    bench.finish().await;
}

#[tokio::test]
async fn a_refused_consent_ends_the_command() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    let link = bench.link(&bench.member).await;
    let page = Browser::new()
        .decide(&bench, &link, &bench.member, Decision::Refuse)
        .await;
    assert_eq!(page.status, 200);
    bench.answer(&command).await;
    assert_eq!(bench.grants().await, 0);
    bench.finish().await;
}

#[tokio::test]
async fn nobody_consents_for_another_member() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    let link = bench.link(&bench.member).await;
    let page = Browser::new()
        .decide(&bench, &link, &bench.owner, Decision::Consent)
        .await;
    assert_eq!(page.status, 403);
    assert_eq!(bench.grants().await, 0);
    let revoked = bench.sim.granted_scopes(&bench.owner);
    assert!(revoked.is_empty(), "{revoked:?}");
    bench.consent().await;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn a_callback_needs_its_own_browser_and_state() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    bench.say(&group, "/announce hello");
    let link = bench.link(&bench.member).await;
    let mut victim = Browser::new();
    let (_, page, _) = victim.open(&bench, &link).await;
    let callback = bench
        .sim
        .decide(&page, &bench.member, Decision::Consent)
        .unwrap();
    let exchanges = || bench.sim.calls_to(Endpoint::UserToken).len();
    // Without a cookie, with that of another visit, and with a code under another state.
    let mut other = Browser::new();
    assert_eq!(other.open(&bench, &callback).await.0, 400);
    other.open(&bench, &link).await;
    assert_eq!(other.open(&bench, &callback).await.0, 400);
    let mut injected = Url::parse(&callback).unwrap();
    injected.set_query(Some("code=stolen&state=guessed"));
    assert_eq!(victim.open(&bench, injected.as_str()).await.0, 400);
    for odd in [
        "",
        "?code=a",
        "?state=a",
        "?state=a&state=b",
        "?error=access_denied",
        "?%ff",
    ] {
        let url = format!("{PUBLIC}/oauth/callback{odd}");
        assert_eq!(victim.open(&bench, &url).await.0, 400, "{odd}");
    }
    assert_eq!(exchanges(), 0);
    assert_eq!(victim.open(&bench, &callback).await.0, 200);
    assert_eq!(victim.open(&bench, &callback).await.0, 400, "it is used");
    assert_eq!(exchanges(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn odd_links_are_refused_alike() {
    let bench = bench().await;
    for odd in [
        "",
        "?ticket=",
        "?ticket=guessed",
        "?ticket=a&ticket=b",
        "?ticket=%00",
    ] {
        let url = format!("{PUBLIC}/oauth/start{odd}");
        let (status, target, _) = Browser::new().open(&bench, &url).await;
        assert_eq!((status, target.as_str()), (400, ""), "{odd}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn consent_works_without_a_public_url() {
    let bench = device_bench().await;
    let group = bench.group(AnnouncementKind::Doc);
    let command = bench.say(&group, "/announce hello").id;
    let link = bench.link(&bench.member).await;
    assert_eq!(bench.ask("/oauth/callback?code=a&state=b").await.0, 404);
    bench
        .sim
        .decide_device(&link, &bench.member, Decision::Consent)
        .unwrap();
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(bench.grants().await, 1);
    bench.finish().await;
}

#[tokio::test]
async fn a_device_flow_belongs_to_its_member() {
    let bench = device_bench().await;
    let group = bench.group(AnnouncementKind::Doc);
    for (count, (person, decision)) in [
        (&bench.owner, Decision::Consent),
        (&bench.member, Decision::Refuse),
    ]
    .into_iter()
    .enumerate()
    {
        let command = bench.say(&group, "/announce hello").id;
        let link = bench.link_after(count).await;
        bench.sim.decide_device(&link, person, decision).unwrap();
        bench.reaction_or_answer(&command).await;
        assert_eq!(bench.grants().await, 0);
    }
    bench.finish().await;
}

#[tokio::test]
async fn the_platform_enforces_the_members_rights() {
    let bench = bench().await;
    bench.granted().await;
    let group = bench.closed_group();
    bench.sim.clear_calls();
    let denied = bench.say(&group, "/announce hello").id;
    let answer = bench.answer(&denied).await;
    assert!(
        answer.contains("owner") && answer.contains("admin"),
        "{answer}"
    );
    assert!(!answer.contains("bot"), "{answer}");
    let writes = bench.sim.calls_to(Endpoint::CreateChildren);
    let reads = bench.sim.calls_to(Endpoint::GetDocxAnnouncement);
    assert!(writes.len() + reads.len() > 0, "the platform refused");
    bench.finish().await;
}

#[tokio::test]
async fn the_bot_needs_no_rights_itself() {
    let bench = bench().await;
    let group = bench.group_without_bot_rights();
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    let command = owner.say("/announce --top hello").id;
    let link = bench.link(&bench.owner).await;
    let page = Browser::new()
        .decide(&bench, &link, &bench.owner, Decision::Consent)
        .await;
    assert_eq!(page.status, 200);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    let undo = owner.say("/undo").id;
    bench.reaction_or_answer(&undo).await;
    assert_eq!(bench.announced(&group, "hello"), 0);
    bench.finish().await;
}

#[tokio::test]
async fn an_expired_token_is_renewed_once() {
    let bench = bench().await;
    bench.granted().await;
    bench.sim.clear_calls();
    bench.advance(Duration::from_mins(118));
    let groups = [(); 4].map(|()| bench.group(AnnouncementKind::Docx));
    let commands = groups
        .each_ref()
        .map(|group| bench.say(group, "/announce hello").id);
    for command in &commands {
        assert_eq!(bench.reaction(command).await, "Loudspeaker");
    }
    assert_eq!(bench.sim.calls_to(Endpoint::UserToken).len(), 1);
    bench.finish().await;
}

#[tokio::test]
async fn a_refused_token_is_renewed_and_the_call_repeated() {
    let bench = bench().await;
    bench.granted().await;
    bench.sim.expire_user_tokens();
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(bench.announced(&group, "hello"), 1);
    bench.finish().await;
}

#[tokio::test]
async fn idle_grants_are_renewed_daily() {
    let bench = bench().await;
    bench.granted().await;
    bench.sim.clear_calls();
    // Longer than a refresh token lives.
    bench
        .wait_in_steps_of(Duration::from_hours(1), "renewals", |state| {
            let calls = state.calls().iter();
            let renewals = calls.filter(|call| call.endpoint == Some(Endpoint::UserToken));
            (renewals.count() >= 9).then_some(())
        })
        .await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn a_lost_renewal_asks_for_consent_again() {
    let bench = bench().await;
    bench.granted().await;
    bench.advance(Duration::from_mins(121));
    bench.sim.fault(Endpoint::UserToken, Fault::LoseAnswer);
    let group = bench.group(AnnouncementKind::Docx);
    let before = bench.sim.links_for(&bench.member).len();
    let command = bench.say(&group, "/announce hello").id;
    bench.link_after(before).await;
    assert_eq!(bench.grants().await, 0);
    bench.consent().await;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn a_revoked_grant_is_forgotten() {
    let bench = bench().await;
    bench.granted().await;
    let answer = bench
        .sim
        .revoke_grant(&bench.member)
        .unwrap()
        .answer()
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(bench.count("grants").await, 0);
    bench.finish().await;
}

#[tokio::test]
async fn a_grant_revoked_without_an_event_is_noticed() {
    let bench = bench().await;
    bench.granted().await;
    bench.sim.forget_grant(&bench.member);
    let group = bench.group(AnnouncementKind::Docx);
    let before = bench.sim.links_for(&bench.member).len();
    let command = bench.say(&group, "/announce hello").id;
    bench.link_after(before).await;
    bench.consent().await;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn logout_revokes_and_deletes_the_grant() {
    let bench = bench().await;
    bench.granted().await;
    let group = bench.group(AnnouncementKind::Docx);
    let again = bench.say(&group, "/login").id;
    let answer = bench.answer(&again).await;
    assert!(answer.contains("/logout"), "{answer}");
    let logout = bench.say(&group, "/logout").id;
    bench.reaction_or_answer(&logout).await;
    assert_eq!(bench.count("grants").await, 0);
    assert!(bench.sim.granted_scopes(&bench.member).is_empty());
    let none = bench.say(&group, "/logout").id;
    bench.answer(&none).await;
    bench.finish().await;
}

#[tokio::test]
async fn schedules_run_under_the_grant_of_their_author() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench
        .say(&group, "/announce --at \"in 30 minutes\" hello")
        .id;
    bench.consent().await;
    bench.answer(&command).await;
    bench
        .wait_in_steps_of(Duration::from_secs(10), "the announcement", |state| {
            let lines = state.announcement_text(&group);
            lines
                .iter()
                .any(|line| line.contains("hello"))
                .then_some(())
        })
        .await;
    bench.finish().await;
}

#[tokio::test]
async fn a_schedule_without_a_grant_asks_its_author() {
    let bench = bench().await;
    bench.granted().await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench
        .say(&group, "/announce --at \"in 30 minutes\" hello")
        .id;
    bench.answer(&command).await;
    bench
        .sim
        .revoke_grant(&bench.member)
        .unwrap()
        .answer()
        .await;
    bench
        .wait_in_steps_of(Duration::from_secs(10), "a direct message", |state| {
            let asked = |message: &feishu_sim::Message| !message.links().is_empty();
            state
                .direct_messages(&bench.member)
                .any(asked)
                .then_some(())
        })
        .await;
    bench.consent().await;
    bench
        .wait("the announcement", |state| {
            let lines = state.announcement_text(&group);
            lines
                .iter()
                .any(|line| line.contains("hello"))
                .then_some(())
        })
        .await;
    bench.finish().await;
}

#[tokio::test]
async fn grants_survive_a_new_token_key() {
    let mut bench = bench().await;
    bench.granted().await;
    let file = |keys: &str| {
        format!("[feishu]\nact_as = 'member'\n{keys}\n[server]\npublic_url = '{PUBLIC}'")
    };
    let both = format!("token_key = '{OTHER_KEY}'\nprevious_token_key = '{KEY}'");
    bench.reconfigure(&file(&both)).await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce one").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench
        .reconfigure(&file(&format!("token_key = '{OTHER_KEY}'")))
        .await;
    let command = bench.say(&group, "/announce two").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    // A lost key ends the grants.
    bench
        .reconfigure(&file(&format!("token_key = '{KEY}'")))
        .await;
    let before = bench.sim.links_for(&bench.member).len();
    bench.say(&group, "/announce three");
    bench.link_after(before).await;
    bench.cut_off().await;
}

#[tokio::test]
async fn waiting_commands_survive_a_kill() {
    let mut bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    let link = bench.link(&bench.member).await;
    bench.settled().await;
    bench.kill().await;
    let page = Browser::new()
        .decide(&bench, &link, &bench.member, Decision::Consent)
        .await;
    assert_eq!(page.status, 200);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(bench.announced(&group, "hello"), 1);
    bench.finish().await;
}

#[tokio::test]
async fn no_token_of_a_member_is_readable() {
    let bench = bench().await;
    bench.granted().await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    bench.reaction(&command).await;
    bench.advance(Duration::from_mins(118));
    let command = bench.say(&group, "/pin announcement").id;
    bench.reaction(&command).await;
    let secrets = bench.sim.user_secrets();
    assert!(secrets.len() >= 4, "{secrets:?}");
    let mut stored = log().into_bytes();
    for file in std::fs::read_dir(bench.folder.path()).unwrap() {
        stored.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let config = bench.config().to_toml().unwrap();
    stored.extend(config.into_bytes());
    for secret in secrets {
        // The platforms of other tests may use it in the id of a message.
        let found = stored
            .windows(secret.len() + 1)
            .any(|bytes| bytes[0] != b'_' && &bytes[1..] == secret.as_bytes());
        assert!(!found, "{secret}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn commands_that_wait_are_bounded() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    for number in 0..20 {
        bench.say(&group, &format!("/announce {number}"));
    }
    bench
        .wait("the suspensions", |state| {
            (state.links_for(&bench.member).len() == 20).then_some(())
        })
        .await;
    bench.settled().await;
    let last = bench.say(&group, "/announce last").id;
    let answer = bench.answer(&last).await;
    assert!(answer.contains("20"), "{answer}");
    bench.cut_off().await;
}
