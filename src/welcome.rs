//! What the bot finds in a group that it comes into.

use feishu::{AppId, Chat};

use crate::model::rights::{BotStanding, GroupSetting, Lack};
use crate::policy;

/// What the group's settings keep from the bot.
pub(crate) fn barred_by(group: &Chat, bot: &AppId) -> Vec<Lack> {
    let settings = [GroupSetting::PinManageSetting, GroupSetting::EditPermission];
    let lack = |setting| match policy::bot_standing(bot, setting, group) {
        BotStanding::Barred(setting) => Some(Lack::Barred(setting)),
        BotStanding::Untold(setting) => Some(Lack::Untold(setting)),
        BotStanding::Open | BotStanding::Admin => None,
    };
    settings.into_iter().filter_map(lack).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use GroupSetting::{EditPermission, PinManageSetting};

    #[test]
    fn settings_bar_the_bot_unless_it_is_an_admin() {
        let check = |pin: Option<&str>, edit: &str, admins: &[&str], lacks: &[Lack]| {
            let group = serde_json::from_value(serde_json::json!({
                "pin_manage_setting": pin,
                "edit_permission": edit,
                "bot_manager_id_list": admins,
            }))
            .unwrap();
            let found = barred_by(&group, &AppId::from("cli_1"));
            assert_eq!(found, lacks, "{group:?}");
        };
        let (open, closed) = ("all_members", "only_owner");
        check(Some(open), open, &[], &[]);
        check(Some(closed), closed, &["cli_1"], &[]);
        check(None, closed, &["cli_1"], &[]);
        let pin = [Lack::Barred(PinManageSetting)];
        let edit = [Lack::Barred(EditPermission)];
        check(Some(closed), open, &[], &pin);
        check(Some(open), closed, &["cli_2"], &edit);
        check(Some(closed), closed, &["cli_2"], &[pin, edit].concat());
        check(None, open, &[], &[Lack::Untold(PinManageSetting)]);
    }
}
