//! Replies to `/settings`: a card with the settings in force, and buttons that change them.

use feishu::{Card, ChatId};

use super::Answer;
use super::cards::button;
use super::punctuation::{COMMA, labeled};
use super::quote::TextFormat;
use super::rights::commands;
use crate::command::Choice;
use crate::language::{Bilingual, Language};
use crate::model::button::ButtonAction;
use crate::model::settings::{
    Origin, SettingChange, SettingInForce, SettingValue, SettingsInForce,
};

pub(super) fn answer(settings: &SettingsInForce, language: Language) -> Answer {
    let card = Box::new(settings_card(settings, language));
    let mut lines = lines(settings, TextFormat::Text, language);
    lines.extend(forms(settings, TextFormat::Text, language));
    let or_say = lines.join("\n");
    Answer::Show { card, or_say }
}

/// The settings, and a button for each other value.
pub(crate) fn settings_card(settings: &SettingsInForce, language: Language) -> Card {
    let format = TextFormat::Card;
    let mut text = lines(settings, format, language);
    text.extend(forms(settings, format, language));
    let title = Bilingual::new("本群设置", "Settings of this group").to(language);
    let card = Card::titled(title).markdown(text.join("\n"));
    let changes = settings.settings.iter().flat_map(changes);
    changes.fold(card, |card, change| {
        let chat = ChatId::from(settings.chat.as_str());
        let label = changed_to(&change, language);
        button(card, &label, ButtonAction::Set { chat, change }, language)
    })
}

/// The changes that buttons offer.
fn changes(setting: &SettingInForce) -> Vec<SettingChange> {
    let change = |new| SettingChange {
        setting: setting.setting(),
        old: setting.own.clone(),
        new,
    };
    let to_default = setting.own.is_some().then_some(None);
    let choices = setting.setting().spec().choices.iter();
    let others = choices.filter(|choice| !setting.is_fixed() && choice.value != setting.value);
    let others = others.map(|choice| Some(choice.value.clone()));
    others.chain(to_default).map(change).collect()
}

fn lines(settings: &SettingsInForce, format: TextFormat, language: Language) -> Vec<String> {
    let of_setting = |setting: &SettingInForce| {
        let name = capitalized(setting.setting().spec().name.to(language));
        labeled(
            &format.heading(&name),
            &in_force(setting, language),
            language,
        )
    };
    let mut lines: Vec<_> = settings.settings.iter().map(of_setting).collect();
    if !settings.exceptions.is_empty() {
        let commands = commands(settings.exceptions.iter().copied(), format, language);
        lines.push(EXCEPTIONS.fill(language, commands));
    }
    lines
}

/// The value in force and who set it.
fn in_force(setting: &SettingInForce, language: Language) -> String {
    let value = label(&setting.value, language);
    let origin = origin(setting.origin).to(language);
    let mut words = match language {
        Language::Zh => format!("{value}（{origin}）"),
        Language::En => format!("{value} ({origin})"),
    };
    if let (true, Some(own)) = (setting.is_fixed(), &setting.own) {
        words.push_str(&WITHOUT_EFFECT.fill(language, label(own, language)));
    }
    words
}

fn origin(origin: Origin) -> Bilingual {
    match origin {
        Origin::File => Bilingual::new(
            "机器人管理员为本群设定",
            "set for this group by the bot's admin",
        ),
        Origin::Group => Bilingual::new("本群设定", "set in this group"),
        Origin::Tenant => Bilingual::new("本企业的默认值", "default of the organization"),
        Origin::Default => Bilingual::new("默认值", "default"),
    }
}

/// The group's own value has no effect.
const WITHOUT_EFFECT: Bilingual = Bilingual::new(
    "；本群设定的「{}」不生效",
    "; “{}”, set in this group, has no effect",
);

const EXCEPTIONS: Bilingual = Bilingual::new(
    "机器人管理员对以下命令另有规定：{}",
    "The bot's admin has other rules for: {}",
);

/// How to change a setting, for the settings without buttons.
fn forms(settings: &SettingsInForce, format: TextFormat, language: Language) -> Option<String> {
    let with_form = settings.settings.iter().filter(|setting| match format {
        TextFormat::Text => !setting.is_fixed(),
        TextFormat::Card => setting.setting().spec().choices.is_empty(),
    });
    let forms = with_form.filter_map(|setting| setting.setting().spec().forms.first());
    let forms: Vec<_> = forms.map(|form| format.code(form.to(language))).collect();
    let words = Bilingual::new("修改请发送：{}", "To change it, send: {}");
    (!forms.is_empty()).then(|| words.fill(language, forms.join(COMMA.to(language))))
}

fn label(value: &SettingValue, language: Language) -> String {
    let mut choices = value.setting().spec().choices.iter();
    let known = choices.find(|Choice { value: choice, .. }| choice == value);
    known
        .map_or(value.as_str(), |choice| choice.label.to(language))
        .to_owned()
}

/// A change in words, for `/history`.
pub(super) fn changed(change: &SettingChange, language: Language) -> String {
    let (old, new) = (
        own_label(change.old.as_ref(), language),
        own_label(change.new.as_ref(), language),
    );
    let name = change.setting.spec().name.to(language);
    match language {
        Language::Zh => format!("{name}由「{old}」改为「{new}」"),
        Language::En => format!("{name}, from “{old}” to “{new}”"),
    }
}

/// The setting with its new value, for a button.
fn changed_to(change: &SettingChange, language: Language) -> String {
    let name = capitalized(change.setting.spec().name.to(language));
    labeled(&name, &own_label(change.new.as_ref(), language), language)
}

/// Confirms a change.
pub(super) fn done(change: &SettingChange, language: Language) -> String {
    let changed = changed_to(change, language);
    match language {
        Language::Zh => format!("已修改本群设置。{changed}。"),
        Language::En => format!("Changed the settings of this group. {changed}."),
    }
}

fn own_label(value: Option<&SettingValue>, language: Language) -> String {
    let default = || Bilingual::new("默认值", "default").to(language).to_owned();
    value.map_or_else(default, |value| label(value, language))
}

fn capitalized(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

pub(super) const CARD_OUTDATED: Bilingual = Bilingual::new(
    "该卡片上的设置已过期，未修改。卡片已更新。",
    "The settings on that card were out of date, so nothing was changed. The card is now up to date.",
);

pub(super) const FIXED: Bilingual = Bilingual::new(
    "机器人管理员已在配置文件中为本群设定{}，无法在群内修改，未执行。如需修改，请联系机器人管理员。",
    "The bot's admin has set the {} for this group in the configuration file, so it cannot be changed here and nothing was done. Ask the bot's admin to change it.",
);
