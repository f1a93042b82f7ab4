//! The events of a store app: its tickets, and tenants that install and remove it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::clock::millis;
use crate::push::Push;
use crate::shared::Shared;
use crate::simulator::Simulator;
use crate::state::State;
use crate::store_app::{Installation, Ticket};

impl State {
    /// A new ticket in its envelope, which is of version 1 and names no tenant.
    fn ticket_envelope(&mut self) -> Value {
        let value = self.ids.prefixed("ticket-");
        let issued_ms = self.now();
        let event = json!({
            "app_id": self.app().app_id, "app_ticket": value, "type": "app_ticket",
        });
        let ticket = Ticket { value, issued_ms };
        self.apps.present_mut().store_app.tickets.push(ticket);
        self.envelope_v1(&event)
    }

    /// The app was uninstalled, so what the people of the tenant have granted has ended.
    fn end_grants_in(&mut self, tenant_key: &str) {
        let Self { apps, people, .. } = self;
        let members = people.values().filter(|one| one.tenant_key == tenant_key);
        for person in members {
            apps.present_mut().grants.revoke(&person.open_id);
        }
    }

    fn tenant_envelope(&mut self, event_type: &str, tenant_key: &str, more: &Value) -> Value {
        let mut event = json!({
            "app_id": self.app().app_id, "tenant_key": tenant_key, "type": event_type,
        });
        if let (Some(event), Some(more)) = (event.as_object_mut(), more.as_object()) {
            event.extend(more.clone());
        }
        self.envelope_v1(&event)
    }

    fn envelope_v1(&mut self, event: &Value) -> Value {
        let now_ms = self.now();
        json!({
            "ts": format!("{}.{:03}0000", now_ms / 1000, now_ms % 1000),
            "uuid": self.ids.hex(),
            "token": self.app().verification_token,
            "type": "event_callback",
            "event": event,
        })
    }
}

impl Simulator {
    /// Pushes a new ticket, as the platform does every hour.
    pub fn push_ticket(&self) -> Push {
        let envelope = self.change(State::ticket_envelope);
        self.shared.push(self.app, envelope, None)
    }

    /// Expires all tickets.
    pub fn expire_tickets(&self) {
        self.change(|state| state.apps.present_mut().store_app.tickets.clear());
    }

    /// A tenant installs the app or starts it again, and the platform reports it.
    pub fn install(&self, tenant_key: &str) -> Push {
        self.set_installation(tenant_key, Some(Installation::Running));
        let more = json!({
            "applicants": [], "installer": { "open_id": "ou_installer" },
        });
        self.push_tenant_event("app_open", tenant_key, &more)
    }

    /// The tenant's admin stops the app.
    pub fn stop_app(&self, tenant_key: &str) -> Push {
        self.set_installation(tenant_key, Some(Installation::Stopped));
        let more = json!({ "status": "stop_by_tenant" });
        self.push_tenant_event("app_status_change", tenant_key, &more)
    }

    /// The tenant uninstalls the app; its tokens become invalid.
    pub fn uninstall(&self, tenant_key: &str) -> Push {
        self.set_installation(tenant_key, None);
        self.push_tenant_event("app_uninstalled", tenant_key, &json!({}))
    }

    /// Changes an installation without an event.
    pub fn set_installation(&self, tenant_key: &str, installation: Option<Installation>) {
        self.change(|state| {
            let present = state.apps.present_mut();
            let tenants = &mut present.store_app.tenants;
            if let Some(installation) = installation {
                tenants.insert(tenant_key.to_owned(), installation);
            } else {
                tenants.remove(tenant_key);
                present.tokens.expire_of(tenant_key);
                state.end_grants_in(tenant_key);
            }
        });
    }

    fn push_tenant_event(&self, event_type: &str, tenant_key: &str, more: &Value) -> Push {
        let envelope = self.change(|state| state.tenant_envelope(event_type, tenant_key, more));
        self.shared.push(self.app, envelope, None)
    }
}

impl Shared {
    /// Sends the tickets that apps asked for, each after its delay on the simulator's clock.
    pub(crate) fn send_tickets(self: &Arc<Self>) {
        let to_send = self.change(|state| state.apps.take_tickets_to_send());
        for (app, delay) in to_send {
            let shared = Arc::clone(self);
            let later = async move {
                let clock = shared.lock().clock.clone();
                let due = clock.now_ms() + millis(delay);
                tokio::select! {
                    () = clock.reach(due) => {}
                    () = shared.stopped() => return,
                }
                let envelope = shared.change_as(app, State::ticket_envelope);
                shared.push(app, envelope, None);
            };
            self.tasks.spawn_on(later, &self.runtime);
        }
    }
}
