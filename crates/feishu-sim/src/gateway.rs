//! The gateway: checks token, rate limit, scope, query and body in the platform's order, and records
//! calls.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::app::Holder;
use crate::apps::Registration;
use crate::endpoint::Endpoint;
use crate::faults::{DateHeader, Fault};
use crate::ids::AppIndex;
use crate::limits::{Caller, Counted, Exceeded, Limit};
use crate::record::Call;
use crate::refusal::Refusal;
use crate::request::{Answer, Reply, Request, rate_limited};
use crate::routes::{Spec, WRITE_DOCX};
use crate::state::State;
use crate::store_app::Installation;

/// The response to an unknown path or a wrong method, which is not JSON.
pub(crate) const NOT_FOUND: &str = "404 page not found";

impl State {
    /// Checks, performs and records a call.
    pub(crate) fn serve(&mut self, spec: &Spec, request: &Request) -> Reply {
        let log_id = self.log_id();
        self.forget_caller();
        let is_call = spec.endpoint != Endpoint::LongConnection;
        if self.faults.down || (self.faults.api_down && is_call) {
            return self.finish(Some(spec.endpoint), request, log_id, Reply::Close, None);
        }
        let fault = self.faults.take(spec.endpoint);
        match &fault {
            Some(Fault::Hang) => {
                return self.finish(Some(spec.endpoint), request, log_id, Reply::Hang, None);
            }
            Some(Fault::ExpireTokens) => {
                let now_ms = self.now();
                for one in self.apps.iter_mut() {
                    one.tokens.expire_all();
                    one.grants.expire_access(now_ms);
                }
            }
            Some(Fault::Edit(chat, edit)) => self.edit_by_hand(chat, edit.clone()),
            _ => {}
        }
        let answer = match &fault {
            Some(Fault::Answer { status, code, msg }) => {
                let mut refusal = Refusal::new(*status, *code, msg);
                refusal.is_oauth = spec.endpoint.is_oauth();
                refused(&refusal, &log_id)
            }
            Some(Fault::ServerError) => page(
                500,
                "<html><body>Internal Server Error</body></html>",
                "text/html",
            ),
            Some(Fault::Foreign(foreign)) => {
                if foreign.is_done {
                    self.perform(spec, request, &log_id);
                }
                Answer {
                    headers: foreign.headers.clone(),
                    ..page(foreign.status, &foreign.body, foreign.content_type)
                }
            }
            Some(Fault::NotJson) => page(200, "<html><body>Welcome</body></html>", "text/html"),
            _ => self.perform(spec, request, &log_id),
        };
        let code = answer.code;
        let reply = if fault == Some(Fault::LoseAnswer) {
            Reply::Close
        } else {
            Reply::Answer(answer)
        };
        self.finish(Some(spec.endpoint), request, log_id, reply, code)
    }

    /// Responds to an unknown path or method.
    pub(crate) fn serve_unknown(&mut self, request: &Request) -> Reply {
        let log_id = self.log_id();
        self.forget_caller();
        let what = format!("unknown route: {} {}", request.method, request.path);
        self.record.violations.push(what);
        let reply = if self.faults.down {
            Reply::Close
        } else {
            Reply::Answer(page(404, NOT_FOUND, "text/plain"))
        };
        self.finish(None, request, log_id, reply, None)
    }

    fn perform(&mut self, spec: &Spec, request: &Request, log_id: &str) -> Answer {
        let result = self
            .admit(spec, request)
            .and_then(|()| (spec.run)(self, request));
        match result {
            Ok(Value::Null) => self.file_or_nothing(),
            Ok(body) => json_answer(200, 0, &body),
            Err(refusal) => {
                if let Some(violation) = &refusal.violation {
                    let what = format!("{} {}: {violation}", request.method, request.path);
                    self.record.violations.push(what);
                }
                refused(&refusal, log_id)
            }
        }
    }

    /// The file that the call sends; without one, an empty body.
    fn file_or_nothing(&mut self) -> Answer {
        let Some(file) = self.sent_file.take() else {
            return page(200, "", "application/json; charset=utf-8");
        };
        let status = if file.range.is_some() { 206 } else { 200 };
        Answer {
            file: Some(file),
            code: Some(0),
            ..page(status, "", "application/octet-stream")
        }
    }

    /// Checks token, rate limit, scope, and the form of query and body.
    fn admit(&mut self, spec: &Spec, request: &Request) -> Result<(), Refusal> {
        if !spec.endpoint.is_called_with_secret() && spec.endpoint != Endpoint::UserInfo {
            self.check_token(spec, request)?;
        }
        if let Some(wait_s) = self.faults.wait_s(spec.endpoint, self.now()) {
            return Err(rate_limited(Exceeded { limit: 1, wait_s }));
        }
        let caller = self.caller();
        self.count(&Counted::Calls(spec.endpoint, caller.clone()), spec.limits)
            .map_err(rate_limited)?;
        if spec.scopes == WRITE_DOCX {
            // This limit of the docx writes is reported with HTTP 400, the others with 429.
            let exceeded = self.count(&Counted::DocxWrites(caller), &[Limit::per_second(5)]);
            exceeded.map_err(|exceeded| Refusal {
                status: 400,
                ..rate_limited(exceeded)
            })?;
        }
        self.check_scope(spec.scopes)?;
        check_query(spec, request)?;
        check_content_type(spec, request)
    }

    /// Counts a call against rate limits.
    pub(crate) fn count(&mut self, counted: &Counted, limits: &[Limit]) -> Result<(), Exceeded> {
        let now = self.now();
        self.limiter.admit(counted, limits, now)
    }

    /// The token decides in which tenant the call is made.
    fn check_token(&mut self, spec: &Spec, request: &Request) -> Result<(), Refusal> {
        let token = request.bearer().ok_or_else(|| Refusal::code(99_991_661))?;
        if token.starts_with("eyJ") {
            return self.check_user_token(spec, token);
        }
        let now_ms = self.now();
        self.enter_app_where(|one| one.tokens.holder(token, now_ms).is_some());
        let tokens = &self.apps.present().tokens;
        let Some(Holder::Tenant(tenant)) = tokens.holder(token, now_ms) else {
            return Err(Refusal::code(99_991_663));
        };
        let tenant = tenant.clone();
        self.enter_tenant(tenant)
    }

    /// The token decides in whose name the call is made.
    fn check_user_token(&mut self, spec: &Spec, token: &str) -> Result<(), Refusal> {
        if !spec.endpoint.accepts_user_tokens() {
            let msg = "user access token not support";
            return Err(Refusal::new(400, 99_991_668, msg));
        }
        self.enter_app_where(|one| one.grants.access(token).is_some());
        self.grants_mut().note_presented(token);
        let known = self.grants().access(token).cloned();
        let known = known.ok_or_else(|| Refusal::code(99_991_668))?;
        if self.now() >= known.expires_ms {
            return Err(Refusal::code(99_991_677));
        }
        let person = self.people.get(&known.open_id);
        let tenant = person
            .ok_or_else(|| Refusal::code(99_991_668))?
            .tenant_key
            .clone();
        self.operator = Some(known);
        self.enter_tenant(tenant)
    }

    /// Makes the app present for which `is_it` holds; `false` if there is none.
    pub(crate) fn enter_app_where(&mut self, is_it: impl FnMut(&Registration) -> bool) -> bool {
        self.is_app_named = self.apps.enter_where(is_it);
        self.is_app_named
    }

    fn forget_caller(&mut self) {
        self.apps.enter(AppIndex::FIRST);
        self.is_app_named = false;
        self.caller.clear();
        self.operator = None;
    }

    /// For whom the calls of an app in a tenant are counted.
    pub(crate) fn caller(&self) -> Caller {
        (self.apps.index(), self.caller.clone())
    }

    fn enter_tenant(&mut self, tenant: String) -> Result<(), Refusal> {
        let tenants = &self.apps.present().store_app.tenants;
        if tenants.get(&tenant) == Some(&Installation::Stopped) {
            return Err(Refusal::code(self.behaviour.stopped_tenant));
        }
        self.caller = tenant;
        Ok(())
    }

    /// Refuses with 99991672 unless the app has one of the scopes, and with 99991679 unless the
    /// person has granted one.
    pub(crate) fn check_scope(&self, any_of: &[&str]) -> Result<(), Refusal> {
        let has_one = |scopes: &BTreeSet<String>| {
            any_of.is_empty() || any_of.iter().any(|scope| scopes.contains(*scope))
        };
        let Some(operator) = &self.operator else {
            return app_has_scope(any_of, has_one(&self.app().scopes));
        };
        app_has_scope(any_of, has_one(&self.app().user_scopes))?;
        if has_one(&operator.scopes) {
            return Ok(());
        }
        let msg = format!(
            "Unauthorized. You do not have permission to perform the requested operation on the \
             resource. Please request user re-authorization and try again. required one of these \
             privileges under the user identity: [{}]",
            any_of.join(", ")
        );
        let status = self.behaviour.consent.scope_missing_status;
        let violation =
            |scope: &&str| json!({"type": "action_privilege_required", "subject": scope});
        let mut refusal = Refusal::new(status, 99_991_679, &msg);
        refusal.error =
            json!({"permission_violations": any_of.iter().map(violation).collect::<Vec<_>>()});
        Err(refusal)
    }

    fn log_id(&mut self) -> String {
        format!("{}{:019x}", self.now(), self.ids.number())
    }

    /// The `Date` header of a response.
    fn date(&self) -> String {
        let ahead_s = match self.behaviour.date {
            DateHeader::Unreadable => return "unknown".to_owned(),
            DateHeader::Right => 0,
            DateHeader::Ahead(seconds) => seconds,
        };
        http_date(self.now().saturating_add_signed(ahead_s * 1000))
    }

    fn finish(
        &mut self,
        endpoint: Option<Endpoint>,
        request: &Request,
        log_id: String,
        mut reply: Reply,
        code: Option<i64>,
    ) -> Reply {
        let mut status = None;
        if let Reply::Answer(answer) = &mut reply {
            answer.headers.push(("x-tt-logid", log_id.clone()));
            if answer.headers.iter().all(|(name, _)| *name != "date") {
                answer.headers.push(("date", self.date()));
            }
            status = Some(answer.status);
        }
        let app_id = self.is_app_named.then(|| self.app().app_id.clone());
        self.record.calls.push(Call {
            at_ms: self.now(),
            port: request.port,
            app_id,
            operator: self.operator.as_ref().map(|token| token.open_id.clone()),
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            endpoint,
            body: request.recorded_body(),
            status,
            code,
            log_id,
        });
        reply
    }
}

/// Refuses unless the app has one of the scopes.
fn app_has_scope(any_of: &[&str], has_one: bool) -> Result<(), Refusal> {
    if has_one {
        return Ok(());
    }
    let names = any_of.join(", ");
    let msg = format!("Access denied. One of the following scopes is required: [{names}].");
    let violation = |scope: &&str| json!({"type": "action_scope_required", "subject": scope});
    let mut refusal = Refusal::new(400, 99_991_672, &msg);
    refusal.error =
        json!({"permission_violations": any_of.iter().map(violation).collect::<Vec<_>>()});
    Err(refusal)
}

fn check_query(spec: &Spec, request: &Request) -> Result<(), Refusal> {
    if let Some((name, _)) = request
        .query
        .iter()
        .find(|(name, _)| !spec.query.contains(&name.as_str()))
    {
        let what = format!("unknown query parameter `{name}`");
        return Err(Refusal::field(name, "unknown parameter").violating(what));
    }
    for name in ["user_id_type", "member_id_type"] {
        let kind = request.query(name).unwrap_or("open_id");
        if !["open_id", "union_id", "user_id"].contains(&kind) {
            return Err(Refusal::field(name, "must be open_id, union_id or user_id"));
        }
    }
    Ok(())
}

/// Requires a JSON body with its content type, and none with GET. Two exceptions are needed for the
/// platform's own SDKs: Node's sends `{}` with GET, Python's requests tokens without a content type.
fn check_content_type(spec: &Spec, request: &Request) -> Result<(), Refusal> {
    let sent = match &request.content_type {
        None if spec.endpoint.is_called_with_secret() => return Ok(()),
        sent => sent.as_deref().unwrap_or_default(),
    };
    let kind = sent.split(';').next().unwrap_or_default().trim();
    let empty: &[&[u8]] = &[b"", b"{}"];
    let fits = match request.method.as_str() {
        "GET" => empty.contains(&&*request.body),
        _ if spec.endpoint.is_oauth() && request.is_form() => true,
        _ if spec.endpoint == Endpoint::UploadMedia => request.is_multipart(),
        _ => request.body.is_empty() || kind.eq_ignore_ascii_case("application/json"),
    };
    if fits {
        return Ok(());
    }
    let what = format!("{} body of content type `{sent}`", request.method);
    Err(Refusal::field("Content-Type", "must be application/json").violating(what))
}

fn refused(refusal: &Refusal, log_id: &str) -> Answer {
    let mut body = json!({"code": refusal.code, "msg": refusal.msg});
    if refusal.is_oauth {
        body = json!({"error": refusal.oauth_error(), "error_description": refusal.msg});
        if refusal.code != 0 {
            body["code"] = json!(refusal.code);
        }
        for (name, value) in refusal.error.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
    } else if refusal.code == 10_003 {
        body["data"] = json!({});
    } else if refusal.status != 200 {
        body["error"] = refusal.error.clone();
        body["error"]["log_id"] = json!(log_id);
    }
    let mut answer = json_answer(refusal.status, refusal.code, &body);
    if let Some((limit, wait_s)) = refusal.rate_limit {
        answer
            .headers
            .push(("x-ogw-ratelimit-limit", limit.to_string()));
        answer
            .headers
            .push(("x-ogw-ratelimit-reset", wait_s.to_string()));
    }
    answer
}

fn json_answer(status: u16, code: i64, body: &Value) -> Answer {
    let content_type = "application/json; charset=utf-8";
    Answer {
        status,
        headers: Vec::new(),
        content_type,
        body: body.to_string(),
        file: None,
        code: Some(code),
    }
}

/// A time in the format of the header `Date` (RFC 9110, section 5.6.7).
fn http_date(unix_ms: u64) -> String {
    let moment = SystemTime::UNIX_EPOCH + Duration::from_millis(unix_ms);
    httpdate::fmt_http_date(moment)
}

fn page(status: u16, text: &str, content_type: &'static str) -> Answer {
    Answer {
        status,
        headers: Vec::new(),
        content_type,
        body: text.to_owned(),
        file: None,
        code: None,
    }
}
