//! What came of replacing an announcement.

use feishu::Unwritable;

use crate::content::thing_in_words;
use crate::language::{Bilingual, Language};

pub(super) const REPLACED: Bilingual = Bilingual::new(
    "好了，群公告已换成新的内容。",
    "Done: your text is the whole announcement now.",
);

pub(super) const FORMER_BACK: Bilingual = Bilingual::new(
    "已撤销，替换之前的内容又回到群公告里了。",
    "Taken back: what the announcement held before it was replaced is back in it.",
);

pub(super) const BUT_NOT_DELETED: Bilingual = Bilingual::new(
    "内容已加在群公告最前面，但没能删掉原有的内容，它还在下面。",
    "Your text now comes first in the announcement, but I could not remove what was there before; it is still below. ",
);

pub(super) const NOTHING_CAN_BE_DELETED: Bilingual = Bilingual::new(
    "内容已加在群公告最前面，原有的内容还在下面：这个群用的是旧版群公告，飞书不让我从里面删除内容，刚加的内容以后我也撤不下来。请直接编辑群公告，把不要的删掉。",
    "Your text now comes first in the announcement, and what was there before is still below it: this announcement is of the old kind, and Feishu does not let me delete from it, so I cannot take your text out later either. Please edit the announcement and delete what is not wanted.",
);

pub(super) const UNCLEAR: Bilingual = Bilingual::new(
    "我已请飞书替换群公告，但没有收到答复，之后又有人改过群公告，所以无法确认是否替换成功。请看一下群公告：如果没有替换而且还需要，请再发送一次；如果替换了而且少了什么，发送 `/撤销` 会把原有的内容写回来。",
    "I asked Feishu to replace the announcement and got no answer, and somebody has changed it since, so I cannot tell whether it was replaced. Please look at the announcement. If it was not and you still want it, send the command again; if something is missing there, `/undo` writes back what stood there before.",
);

/// Taken back, but for what could not be brought back.
pub(super) fn former_back_but(lost: &[Unwritable], language: Language) -> String {
    let (back, names) = (FORMER_BACK.to(language), names(lost, language));
    match language {
        Language::Zh => format!("{back}其中有些内容我没法写回去，只留下了名称：{names}。"),
        Language::En => {
            format!(
                "{back} Some of it I could not write back, and only its name is there: {names}."
            )
        }
    }
}

fn names(things: &[Unwritable], language: Language) -> String {
    let names = things
        .iter()
        .map(|thing| thing_in_words(*thing).to(language));
    let comma = Bilingual::new("、", ", ").to(language);
    names.collect::<Vec<_>>().join(comma)
}

/// Replaced, but for what people typed meanwhile.
pub(super) fn replaced_beside(others: usize, language: Language) -> String {
    match language {
        Language::Zh => format!(
            "已替换群公告。替换的同时有人在编辑，他们写的 {others} 段内容我没有动，还在群公告里。"
        ),
        Language::En => {
            let blocks = match others {
                1 => "one line".to_owned(),
                _ => format!("{others} lines"),
            };
            format!(
                "The announcement is replaced. Somebody was editing it at the same time, and I left {blocks} of theirs in it."
            )
        }
    }
}

/// Why an announcement that holds these things is not replaced.
pub(super) fn cannot_write_back(things: &[Unwritable], language: Language) -> String {
    let names = names(things, language);
    match language {
        Language::Zh => format!(
            "群公告里有以后没法原样恢复的内容（{names}），所以没有替换。仍要替换，请发送 `/公告 --替换! 内容`，但撤销时这些地方只会剩下名称；也可以用 `/公告 内容` 加在前面。"
        ),
        Language::En => format!(
            "The announcement holds things that I could not bring back later ({names}), so I did not replace it. To replace it anyway, send `/announce --replace! text`; `/undo` would then bring back only the names of those things. Or add your text above them with `/announce text`."
        ),
    }
}

/// Why an announcement of so many lines is not replaced.
pub(super) fn former_too_long(limit: usize, language: Language) -> String {
    match language {
        Language::Zh => format!(
            "群公告超过 {limit} 行，太长了，我没法先保存下来，所以没有替换。请手动删减后再试，或者用 `/公告 内容` 加在前面。"
        ),
        Language::En => format!(
            "The announcement has more than {limit} lines, too many for me to save first, so I did not replace it. Shorten it by hand and try again, or add your text above with `/announce text`."
        ),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::outcome::Refusal;

    pub(in crate::reply) const UNWRITABLE: [Unwritable; 13] = [
        Unwritable::Image,
        Unwritable::File,
        Unwritable::Table,
        Unwritable::Sheet,
        Unwritable::Base,
        Unwritable::Callout,
        Unwritable::Board,
        Unwritable::EmbeddedPage,
        Unwritable::GroupCard,
        Unwritable::Poll,
        Unwritable::Task,
        Unwritable::Comment,
        Unwritable::Other,
    ];

    /// Every reason for which an announcement is not replaced.
    pub(in crate::reply) fn every_replacement() -> [Refusal; 5] {
        [
            Refusal::NotReplaced(Box::new(Refusal::BotOutside)),
            Refusal::NotReplaced(Box::new(Refusal::CannotDelete)),
            Refusal::CannotWriteBack {
                things: UNWRITABLE.to_vec(),
            },
            Refusal::FormerTooLong { limit: 450 },
            Refusal::Unclear,
        ]
    }
}
