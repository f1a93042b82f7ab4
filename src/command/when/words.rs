//! Words that occur in times; each list is separated by `", "`.

/// Words that join the parts of a time; `true` for "at".
pub(crate) const CONNECTIVES: &[(&str, bool)] = &[
    ("at, @", true),
    ("on, by, this, the, of, in the, on the, at the, 的", false),
];

/// Words of times that the bot does not support.
pub(crate) const TIME_WORDS: &str = "am, pm, a.m., p.m., o'clock, today, tonight, tomorrow, \
    yesterday, noon, midnight, morning, afternoon, evening, weekend, weekday, weekdays, daily, \
    weekly, monthly, monday, mondays, tuesday, tuesdays, wednesday, wednesdays, thursday, \
    thursdays, friday, fridays, saturday, saturdays, sunday, sundays, mon, tue, wed, thu, fri, \
    january, february, april, june, july, august, september, october, november, december, \
    jan, feb, apr, jun, jul, aug, sep, sept, oct, nov, dec, next week, next month, next year, \
    every day, every week, every month, every morning, every evening, every weekday, \
    every monday, every tuesday, every wednesday, every thursday, every friday, every saturday, \
    every sunday, utc, gmt, cst, est, edt, pst, pdt, mst, cet, cest, bst, ist, jst, kst, hkt, \
    sgt, bjt, msk, beijing time, local time, your time, my time, 北京时间, 当地时间, 本地时间, \
    东京时间, 纽约时间";

/// Chinese words of times that the bot does not support. They count only before a blank or
/// punctuation: in `9:00 每天打卡` the text is `每天打卡`.
pub(crate) const CHINESE_TIME_WORDS: &str =
    "每天, 每日, 每周, 每月, 工作日, 周末, 下周, 下个月, 下月, 月初, 年底, 左右, 前后";

/// Names of days that are often misspelt: `friyay`, `wensday`, `tommorow`.
pub(crate) const LONG_WORDS: &str = "monday, tuesday, wednesday, thursday, friday, saturday, \
    sunday, tomorrow, tonight, afternoon, evening, midnight";

/// Words before the end of a range: `9:00 to 10:00`.
pub(crate) const RANGE_WORDS: &str = "to, till, until, 到, 至";

/// Words after a duration that make it a time: `2 hours later`.
pub(crate) const LATER: &str = "later, from now, 后, 以后, 之后, 过后";
