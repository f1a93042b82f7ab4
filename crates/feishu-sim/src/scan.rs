//! What people do with the link to the page for creating an app (official page
//! `integrating-agents-with-feishu/overview`).

use std::collections::HashMap;

use reqwest::Url;

use crate::addons::AppSetup;
use crate::app::App;
use crate::apps::Registration;
use crate::ids::AppIndex;
use crate::people::Person;
use crate::published::Published;
use crate::receiver::Receiver;
use crate::registrations::RegistrationState;
use crate::request::query_of;
use crate::simulator::Simulator;
use crate::state::State;

/// The parameters of a link. The last three fill in the form for a new app.
const KNOWN: [&str; 10] = [
    "user_code",
    "from",
    "tp",
    "source",
    "addons",
    "createOnly",
    "clientID",
    "avatar",
    "name",
    "desc",
];

/// A link as the page reads it.
struct Link {
    user_code: String,
    setup: AppSetup,
    /// The id of the app to change.
    app_id: Option<String>,
    /// The person may choose an app that exists.
    may_choose: bool,
}

impl Link {
    /// Fails for a link that no official SDK writes.
    fn read(link: &str) -> Result<Self, String> {
        let url = Url::parse(link).map_err(|error| error.to_string())?;
        let mut query: HashMap<_, _> = query_of(&url).into_iter().collect();
        if url.path() != "/page/launcher" {
            return Err(format!("not the page: {link}"));
        }
        if let Some(name) = query.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(format!("unknown parameter `{name}`"));
        }
        let is = |name: &str, value: &str| query.get(name).is_some_and(|sent| sent == value);
        if !is("from", "sdk")
            || !is("tp", "sdk")
            || query.get("source").is_none_or(String::is_empty)
        {
            return Err("`from`, `tp` and `source` are not those of an SDK".to_owned());
        }
        let is_new = query.contains_key("createOnly");
        if is_new && !is("createOnly", "true") {
            return Err("`createOnly` is not `true`".to_owned());
        }
        let setup = query.get("addons").map(|text| AppSetup::decode(text));
        Ok(Self {
            setup: setup.transpose()?.unwrap_or_else(AppSetup::template),
            app_id: query.remove("clientID").filter(|_| !is_new),
            may_choose: !is_new,
            user_code: query.remove("user_code").unwrap_or_default(),
        })
    }
}

impl Simulator {
    /// A person opens the link, or scans it, and confirms: a new app is created, or the one that the
    /// link names is changed. Returns the platform as this app sees it, and fails where the page
    /// would.
    pub fn scan(&self, link: &str, person: &Person) -> Result<Self, String> {
        let link = Link::read(link)?;
        let app = self.change(|state| {
            let app = match &link.app_id {
                Some(app_id) => state.find_app(app_id).ok_or("no such app")?,
                None => state.create_app(person),
            };
            state.confirm(&link, person, app).map(|()| app)
        })?;
        Ok(self.seen_by(app))
    }

    /// Like [`Simulator::scan`], but the person chooses the app that `other` is.
    pub fn scan_for(&self, link: &str, person: &Person, other: &Self) -> Result<(), String> {
        let link = Link::read(link)?;
        if !link.may_choose {
            return Err("only a new app can be created".to_owned());
        }
        self.change(|state| state.confirm(&link, person, other.app))
    }

    /// A person opens the link and refuses.
    pub fn refuse_scan(&self, link: &str) -> Result<(), String> {
        let link = Link::read(link)?;
        self.change(|state| {
            let now_ms = state.now();
            let flow = state.registrations.open(&link.user_code, now_ms);
            flow.ok_or("the link is not valid")?.state = RegistrationState::Refused;
            Ok(())
        })
    }

    /// An admin approves all scopes that the app asks for.
    pub fn approve_scopes(&self) {
        self.change_app(|app| {
            let asked = std::mem::take(&mut app.requested_scopes);
            app.scopes.extend(asked);
        });
    }

    /// Every code of a device flow that creates apps, for searches in logs and output.
    pub fn registration_codes(&self) -> Vec<String> {
        self.read(|state| state.registrations.secrets().cloned().collect())
    }
}

impl State {
    fn find_app(&self, app_id: &str) -> Option<AppIndex> {
        let mut apps = self.apps.indices();
        apps.find(|app| self.apps.get(*app).app.app_id == app_id)
    }

    /// It has no encrypt key, and gets its events over a long connection.
    fn create_app(&mut self, person: &Person) -> AppIndex {
        let app = App {
            encrypt_key: None,
            tenant_key: person.tenant_key.clone(),
            scopes: [].into(),
            user_scopes: [].into(),
            published: None,
            ..App::another(&mut self.ids)
        };
        let seed = self.ids.number();
        let mut registration = Registration::new(app, seed);
        registration.receiver = Some(Receiver::LongConnection);
        self.apps.add(registration)
    }

    fn confirm(&mut self, link: &Link, person: &Person, app: AppIndex) -> Result<(), String> {
        let now_ms = self.now();
        let flow = self.registrations.open(&link.user_code, now_ms);
        flow.ok_or("the link is not valid")?.state = RegistrationState::Confirmed {
            app,
            open_id: person.open_id.clone(),
        };
        let rules = &self.behaviour.registration;
        let setup = if rules.ignores_addons {
            AppSetup::template()
        } else {
            link.setup.clone()
        };
        let to_approve = rules.to_approve.clone();
        self.apps.enter(app);
        let app = &mut self.apps.present_mut().app;
        let needs_approval = |scope: &String| to_approve.contains(scope);
        let (asked, granted): (Vec<_>, Vec<_>) = setup.scopes.into_iter().partition(needs_approval);
        app.requested_scopes.extend(asked);
        app.scopes.extend(granted);
        app.user_scopes.extend(setup.user_scopes);
        let published = app.published.get_or_insert_with(Published::first);
        published.events.extend(setup.events);
        published.callbacks.extend(setup.callbacks);
        Ok(())
    }
}
