//! Why something cannot be taken back, cannot be ended, or is not planned any more.

use crate::language::Bilingual;

pub(super) const ENTRY_CHANGED: Bilingual = Bilingual::new(
    "那条内容发布之后有人改过，别人写的内容我不会改动。要撤下，请直接编辑群公告。",
    "Somebody has changed that text since it was announced, and I do not touch what people wrote. To take it out, edit the announcement.",
);

pub(super) const CANNOT_DELETE: Bilingual = Bilingual::new(
    "这个群用的是旧版群公告，飞书不让我从里面删除内容。请直接编辑群公告，把它删掉。",
    "This group has an announcement of the old kind, and Feishu does not let me delete from it. Please edit the announcement and delete the text there.",
);

pub(super) const CANNOT_HOLD: Bilingual = Bilingual::new(
    "这个群用的是旧版群公告，飞书不让我从里面删除内容，所以到了时间我也撤不下来。请去掉 `--限时` 再发一次，到时候手动删除。",
    "This group has an announcement of the old kind, and Feishu does not let me delete from it, so I could not take the text out again. Please announce it without `--for`, and delete it by hand when its time is over.",
);

pub(super) const DISORDERED: Bilingual = Bilingual::new(
    "内容已经写进群公告，但每五十行一段的先后顺序反了，而飞书不让我从这个旧版群公告里删除内容。请直接编辑群公告，把顺序调过来。",
    "Your text stands in the announcement, but its parts of fifty lines came out last to first, and Feishu does not let me delete from this announcement of the old kind. Please edit the announcement and put them in order there.",
);

pub(super) const ANNOUNCEMENT_MOVED: Bilingual = Bilingual::new(
    "那条内容发布之后，这个群的公告换成了新版，我找不到它了。要撤下，请直接编辑群公告。",
    "This group's announcement was moved to the new kind since that text was announced, so I cannot find it there. To take it out, edit the announcement.",
);

pub(super) const NOTHING_TO_UNDO: Bilingual = Bilingual::new(
    "这个群里没有可以撤销的操作。我只能撤销自己最近七天里的操作。",
    "There is nothing to take back in this group. I can only take back what I did myself in the last seven days.",
);

pub(super) const TOP_UNKNOWN: Bilingual = Bilingual::new(
    "我不知道撤下之前置顶的是什么，所以没法恢复。请回复那条消息并发送 `/置顶`。",
    "I do not know what was at the top before I took it off, so I cannot bring it back. Reply to that message with `/pin`.",
);

pub(super) const NOT_LAST: Bilingual = Bilingual::new(
    "这次操作已经撤销过，或者之后又有了别的操作，所以什么也没做。卡片已更新。",
    "That was taken back already, or something was done since, so I did nothing. The card shows how things stand now.",
);

pub(super) const NO_SUCH_PLAN: Bilingual = Bilingual::new(
    "这个群里没有这个编号的计划，或者它已经开始执行了。发送 `/记录` 可查看还有哪些。",
    "Nothing with that number is planned in this group, or it is under way already. `/history` shows what is planned.",
);

#[cfg(test)]
pub(super) mod tests {
    use crate::outcome::Refusal;

    /// Every reason for which nothing is taken back or dropped that depends on
    /// nothing else.
    pub(in crate::reply) fn every_refused_undo() -> [Refusal; 4] {
        [
            Refusal::NoSuchPlan,
            Refusal::NotLast,
            Refusal::NothingToUndo,
            Refusal::TopUnknown,
        ]
    }
}
