//! The commands that the panel is to show.

use std::collections::BTreeMap;

use feishu::SlashDescription;

use crate::command::CommandName;
use crate::config::{ActAs, ReplyLanguage};
use crate::language::Language;

/// A command that the panel is to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Without the slash.
    pub(crate) name: &'static str,
    pub(crate) description: SlashDescription,
}

/// In the order of `/help`, under the names of the languages in which the bot replies: choosing a name
/// chooses the language of the reply.
pub(crate) fn wanted(act_as: ActAs, language: ReplyLanguage) -> Vec<Wanted> {
    let languages: &[Language] = match language {
        ReplyLanguage::Auto => &[Language::En, Language::Zh],
        ReplyLanguage::En => &[Language::En],
        ReplyLanguage::Zh => &[Language::Zh],
    };
    let offered = CommandName::offered(act_as);
    offered
        .flat_map(|command| {
            languages
                .iter()
                .map(move |language| one(command, *language))
        })
        .collect()
}

fn one(command: CommandName, language: Language) -> Wanted {
    let brief = command.spec().brief;
    Wanted {
        name: command.spelling(language),
        description: SlashDescription {
            default_value: brief.to(language).to_owned(),
            i18n: BTreeMap::from([
                ("en_us".to_owned(), brief.en.to_owned()),
                ("zh_cn".to_owned(), brief.zh.to_owned()),
            ]),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_language_of_replies() {
        for (language, first) in [
            (ReplyLanguage::Auto, ["pin", "置顶", "unpin"]),
            (ReplyLanguage::En, ["pin", "unpin", "announce"]),
            (ReplyLanguage::Zh, ["置顶", "取消置顶", "公告"]),
        ] {
            let wanted = wanted(ActAs::Bot, language);
            let names: Vec<_> = wanted.iter().map(|one| one.name).collect();
            assert_eq!(names[..3], first);
            assert!(!names.contains(&"login"), "{names:?}");
        }
        let names = wanted(ActAs::Member, ReplyLanguage::En);
        assert!(names.iter().any(|one| one.name == "login"));
    }

    #[test]
    fn descriptions_are_in_both_languages() {
        for one in wanted(ActAs::Member, ReplyLanguage::Auto) {
            let SlashDescription {
                default_value,
                i18n,
            } = &one.description;
            assert_ne!(i18n["zh_cn"], i18n["en_us"], "{}", one.name);
            assert!(i18n.values().any(|text| text == default_value));
            assert_eq!(Language::of(one.name), Language::of(default_value));
        }
    }
}
