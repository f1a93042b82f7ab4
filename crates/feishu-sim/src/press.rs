//! The result of pressing a button of a card: the bot's response, the updated card, and the toast
//! (official pages of the callback `card.action.trigger`).

use serde::Deserialize;
use serde_json::{Value, json};

use crate::content;
use crate::ids::{ChatId, MessageId};
use crate::people::Person;
use crate::pressed::{Press, Seen, ToastKind, Unusable};
use crate::push_client::{NO_RECEIVER, TOO_LATE};
use crate::record::PushAnswer;
use crate::state::State;

/// How long the token of a press permits updates of the card.
const TOKEN_LIFE_MS: u64 = 30 * 60 * 1000;
/// How many updates the token of a press permits.
const TOKEN_USES: u8 = 2;

/// The failure of a press: the client's error number, and the violation if there is one.
struct Failure {
    code: u32,
    violation: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Response {
    toast: Option<Toast>,
    card: Option<NewCard>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Toast {
    #[serde(rename = "type")]
    kind: ToastKind,
    content: String,
    i18n: Option<I18n>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct I18n {
    zh_cn: Option<String>,
    en_us: Option<String>,
}

/// Templates are not simulated.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum NewCard {
    Raw { data: Value },
}

impl State {
    /// Records a press; returns its token and the envelope of its callback.
    pub(crate) fn press(
        &mut self,
        person: &Person,
        (card, chat): (&MessageId, &ChatId),
        action: &Value,
    ) -> (String, Value) {
        let token = self.ids.prefixed("c-");
        let event = json!({
            "operator": {
                "tenant_key": person.tenant_key, "user_id": person.user_id,
                "open_id": person.open_id, "union_id": person.union_id,
            },
            "token": token,
            "action": action,
            "host": "im_message",
            "context": {"open_message_id": card.as_str(), "open_chat_id": chat.as_str()},
        });
        let press = Press {
            card: card.clone(),
            at_ms: self.now(),
            uses_left: TOKEN_USES,
            seen: None,
        };
        self.presses.insert(token.clone(), press);
        (token, self.envelope("card.action.trigger", &event))
    }

    /// Shows the response to a push to the person if it is the first of a press.
    pub(crate) fn show_answer(&mut self, push: usize, answer: &Result<PushAnswer, String>) {
        let token = self.record.pushes[push].envelope["event"]["token"].as_str();
        let press = token.and_then(|token| self.presses.get_mut(token));
        let Some(press) = press.filter(|press| press.seen.is_none()) else {
            return;
        };
        match read(answer) {
            Ok((seen, new)) => {
                press.seen = Some(seen);
                let card = press.card.clone();
                if let Some(new) = new {
                    self.replace_card(&card, &new);
                }
            }
            Err(Failure { code, violation }) => {
                press.seen = Some(Seen::Failed(code));
                let violation = violation.map(|what| format!("response to a press: {what}"));
                self.record.violations.extend(violation);
            }
        }
    }

    /// Whether a press with this token waits for its response.
    pub(crate) fn awaits_answer(&self, token: &str) -> bool {
        let press = self.presses.get(token);
        press.is_some_and(|press| press.seen.is_none())
    }

    /// Updates the card of a press, which is one use of the token.
    pub(crate) fn update_card(&mut self, token: &str, new: &Value) -> Result<(), Unusable> {
        let now = self.now();
        let press = self.presses.get_mut(token).ok_or(Unusable::Unknown)?;
        if press.seen.is_none() {
            return Err(Unusable::BeforeTheAnswer);
        }
        if press.at_ms + TOKEN_LIFE_MS <= now {
            return Err(Unusable::Expired);
        }
        press.uses_left = press.uses_left.checked_sub(1).ok_or(Unusable::UsedUp)?;
        let card = press.card.clone();
        self.replace_card(&card, new);
        Ok(())
    }

    fn replace_card(&mut self, card: &MessageId, new: &Value) {
        let now = self.now();
        if let Some(message) = self.messages.get_mut(card) {
            message.content = new.to_string();
            message.updated_ms = Some(now);
        } else {
            // The page on private cards names no way to change one.
            let what = "a card that one member sees was changed";
            self.record.violations.push(what.to_owned());
        }
    }
}

/// The visible result of a response, and its card.
fn read(answer: &Result<PushAnswer, String>) -> Result<(Seen, Option<Value>), Failure> {
    let failure = |code| Failure {
        code,
        violation: None,
    };
    let answer = answer.as_ref().map_err(|reason| match reason.as_str() {
        NO_RECEIVER => failure(200_340),
        TOO_LATE => failure(200_341),
        _ => failure(200_342),
    })?;
    if answer.status != 200 {
        return Err(failure(200_671));
    }
    let response: Response = serde_json::from_str(&answer.body).map_err(|error| Failure {
        code: 200_672,
        violation: Some(error.to_string()),
    })?;
    let card = response.card.map(|NewCard::Raw { data }| data);
    if let Some(card) = &card {
        content::check("interactive", &card.to_string()).map_err(|refusal| Failure {
            code: 200_673,
            violation: refusal.violation,
        })?;
    }
    Ok((response.toast.map_or(Seen::Nothing, Toast::seen), card))
}

impl Toast {
    fn seen(self) -> Seen {
        let I18n { zh_cn, en_us } = self.i18n.unwrap_or_default();
        Seen::Toast {
            kind: self.kind,
            zh_cn: zh_cn.unwrap_or_else(|| self.content.clone()),
            en_us: en_us.unwrap_or_else(|| self.content.clone()),
            content: self.content,
        }
    }
}
