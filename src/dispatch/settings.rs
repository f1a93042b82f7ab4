//! The settings of the job's group: what it has set for itself, and what is in force.
//!
//! They are read for every job, by primary key, and not cached: a change applies to the next command
//! of the group, whichever replica runs it.

use feishu::ReceivedMessage;
use jiff::tz::TimeZone;

use super::intent::Next;
use super::{Dispatcher, text_of};
use crate::action::Failure;
use crate::command::SettingsCommand;
use crate::config::ReplyLanguage;
use crate::event::{ReactionPin, Stored, StoredCallback};
use crate::language::Language;
use crate::model::action::Action;
use crate::model::job::ChatKey;
use crate::model::refusal::Cause;
use crate::model::rights::Actor;
use crate::model::settings::{
    Origin, Setting, SettingChange, SettingInForce, SettingValue, SettingsInForce, Switch,
};
use crate::policy::{self, GroupPolicy, Scope};
use crate::store::{Job, StoreError};

impl Dispatcher {
    /// The same dispatcher with the settings of a group.
    pub(super) async fn in_group(&self, chat: &ChatKey) -> Result<Self, StoreError> {
        let settings = self.store.group_settings(chat).await?;
        Ok(Self {
            group: settings.into(),
            ..self.clone()
        })
    }

    pub(super) fn policy(&self) -> GroupPolicy<'_> {
        GroupPolicy {
            config: &self.settings.policy,
            own_mode: self.group.settings.mode(),
            own_on_denied: self.group.settings.on_denied(),
        }
    }

    pub(super) fn time_zone(&self) -> &TimeZone {
        let own = self.group.time_zone.as_ref();
        own.unwrap_or(&self.settings.time_zone)
    }

    pub(super) fn language(&self) -> ReplyLanguage {
        let own = self.group.settings.language();
        own.unwrap_or(self.settings.language)
    }

    /// Whether a reaction with the Pin emoji pins a message in the group.
    pub(super) fn reaction_pins(&self) -> Switch {
        let own = self.group.settings.reaction_pins();
        own.unwrap_or(self.settings.reaction_pins)
    }

    /// The language of the answer to a message.
    pub(super) fn language_of(&self, message: &ReceivedMessage) -> Language {
        let of_text = || Language::of(&text_of(message).unwrap_or_default());
        self.language().fixed().unwrap_or_else(of_text)
    }

    /// The language of the answer to a press.
    pub(super) fn language_of_press(&self, press: &StoredCallback) -> Language {
        let of_card = press.button.language;
        self.language().fixed().unwrap_or(of_card)
    }

    /// The language of the answer to a reaction.
    pub(super) fn language_of_reaction(&self, reaction: &ReactionPin) -> Language {
        self.language().fixed().unwrap_or(reaction.language)
    }

    pub(super) fn language_of_request(&self, stored: &Stored) -> Language {
        match stored {
            Stored::Message(message) => self.language_of(&message.event.message),
            Stored::Press(press) => self.language_of_press(press),
            Stored::Reaction(reaction) => self.language_of_reaction(reaction),
            Stored::Retraction(retraction) => retraction.language,
        }
    }

    /// `/settings`.
    pub(super) async fn settings_command(
        &self,
        job: &Job,
        actor: Actor<'_>,
        command: SettingsCommand,
    ) -> Result<Next, Failure> {
        let (setting, new) = match command {
            SettingsCommand::Show => return Ok(self.show_settings(actor)),
            SettingsCommand::Set(value) => (value.setting(), Some(value)),
            SettingsCommand::Reset(setting) => (setting, None),
            SettingsCommand::ShowLists => return self.show_lists(job).await,
            SettingsCommand::ChangeList(change) => return self.change_list(job, change).await,
        };
        let change = SettingChange {
            setting,
            old: self.group.settings.get(setting).cloned(),
            new,
        };
        Ok(self.change_setting(actor, change)?)
    }

    /// A button on a settings card.
    pub(super) fn setting_pressed(
        &self,
        press: &StoredCallback,
        chat: &str,
        change: &SettingChange,
    ) -> Result<Next, Cause> {
        let own = self.group.settings.get(change.setting);
        if chat != press.chat_id.as_str() || own != change.old.as_ref() {
            return Err(Cause::CardOutdated);
        }
        self.change_setting(press.actor(), change.clone())
    }

    fn change_setting(&self, actor: Actor<'_>, change: SettingChange) -> Result<Next, Cause> {
        if change.is_nothing() {
            return Ok(self.show_settings(actor));
        }
        // A value of the group without effect may still be removed.
        if change.new.is_some() && self.in_force(actor, change.setting).is_fixed() {
            return Err(Cause::SettingFixed(change.setting));
        }
        Ok(Next::Authorize(Action::Set(change)))
    }

    fn show_settings(&self, actor: Actor<'_>) -> Next {
        let settings = Box::new(self.settings_in_force(actor));
        Next::Authorize(Action::ShowSettings(settings))
    }

    pub(super) fn settings_in_force(&self, actor: Actor<'_>) -> SettingsInForce {
        SettingsInForce {
            chat: actor.chat.to_string(),
            settings: Setting::all()
                .map(|setting| self.in_force(actor, setting))
                .collect(),
            exceptions: policy::exceptions_to_mode(self.policy(), Scope::of(actor)),
        }
    }

    fn in_force(&self, actor: Actor<'_>, setting: Setting) -> SettingInForce {
        let own = self.group.settings.get(setting).cloned();
        let origin = own.as_ref().map_or(Origin::Default, |_| Origin::Group);
        let (value, origin) = match setting {
            Setting::Language => (SettingValue::Language(self.language()), origin),
            Setting::Timezone => {
                let configured = || self.settings.zone.clone();
                let zone = self
                    .group
                    .settings
                    .zone()
                    .cloned()
                    .unwrap_or_else(configured);
                (SettingValue::Timezone(zone), origin)
            }
            Setting::Mode => {
                let (mode, origin) = policy::mode(self.policy(), Scope::of(actor));
                (SettingValue::Mode(mode), origin)
            }
            Setting::ReactionPins => (SettingValue::ReactionPins(self.reaction_pins()), origin),
            Setting::Approval => {
                let (on_denied, origin) = policy::on_denied(self.policy(), Scope::of(actor));
                (SettingValue::Approval(on_denied), origin)
            }
        };
        SettingInForce { value, origin, own }
    }
}

impl ReplyLanguage {
    /// The language, unless it depends on the command.
    fn fixed(self) -> Option<Language> {
        match self {
            Self::Auto => None,
            Self::Zh => Some(Language::Zh),
            Self::En => Some(Language::En),
        }
    }

    /// The languages of a card that answers no command.
    pub(super) fn of_group(self) -> &'static [Language] {
        match self {
            Self::Auto => &[Language::Zh, Language::En],
            Self::Zh => &[Language::Zh],
            Self::En => &[Language::En],
        }
    }
}
