//! Names of time zones.

use jiff::tz::{TimeZone, db};
use serde::{Deserialize, Serialize};

use crate::command::text::{fold, is_blank, split_word};

/// The name of a time zone in the IANA database, which is compiled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ZoneName(String);

/// Names that the database does not have. UTC+8 has no other zone that people mean.
const WORDS: &[(&str, &str)] = &[
    (
        "beijing, beijing time, china, 北京, 北京时间, 上海, 中国, 中国时间, 东八区, utc+8, utc+08:00, gmt+8",
        "Asia/Shanghai",
    ),
    ("香港, 香港时间", "Asia/Hong_Kong"),
    ("澳门, 澳门时间", "Asia/Macau"),
    ("台北, 台北时间", "Asia/Taipei"),
    ("新加坡, 新加坡时间", "Asia/Singapore"),
    ("东京, 东京时间, 日本", "Asia/Tokyo"),
    ("首尔, 首尔时间", "Asia/Seoul"),
    ("伦敦, 伦敦时间", "Europe/London"),
    ("巴黎, 巴黎时间", "Europe/Paris"),
    ("柏林, 柏林时间", "Europe/Berlin"),
    ("纽约, 纽约时间, 美东, 美东时间", "America/New_York"),
    ("洛杉矶, 洛杉矶时间, 美西, 美西时间", "America/Los_Angeles"),
    ("世界协调时, 协调世界时, 世界时", "UTC"),
];

impl ZoneName {
    /// In any case; `None` if the database does not have it.
    pub fn new(name: &str) -> Option<Self> {
        let zone = TimeZone::get(name).ok()?;
        zone.iana_name().map(|name| Self(name.to_owned()))
    }

    /// As members type it: a name of the database, its last part, or one of the words above.
    pub(super) fn typed(text: &str) -> Option<Self> {
        if let Some((name, "")) = split_word(text, WORDS) {
            return Self::new(name);
        }
        let name: String = text
            .chars()
            .map(|c| if is_blank(c) { '_' } else { fold(c) })
            .collect();
        Self::new(&name).or_else(|| Self::of_place(&name))
    }

    /// The only zone whose name ends with that of the place.
    fn of_place(place: &str) -> Option<Self> {
        let known = db().available().map(|name| name.as_str().to_owned());
        let mut found = known.filter(|name| {
            let last = name.rsplit_once('/').map(|(_, last)| last);
            last.is_some_and(|last| last.eq_ignore_ascii_case(place))
        });
        let only = found.next()?;
        found.next().is_none().then_some(Self(only))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn time_zone(&self) -> TimeZone {
        // Every name was found in the database before.
        TimeZone::get(&self.0).unwrap_or(TimeZone::UTC)
    }
}

impl TryFrom<String> for ZoneName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name).ok_or("not a time zone")
    }
}

impl From<ZoneName> for String {
    fn from(zone: ZoneName) -> Self {
        zone.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_found_by_name_place_and_word() {
        for (typed, name) in [
            ("Asia/Shanghai", Some("Asia/Shanghai")),
            ("ASIA/shanghai", Some("Asia/Shanghai")),
            ("Ａｓｉａ／Ｔｏｋｙｏ", Some("Asia/Tokyo")),
            ("america/new york", Some("America/New_York")),
            ("new york", Some("America/New_York")),
            ("tokyo", Some("Asia/Tokyo")),
            ("utc", Some("UTC")),
            ("北京时间", Some("Asia/Shanghai")),
            ("東京", Some("Asia/Tokyo")),
            ("UTC+8", Some("Asia/Shanghai")),
            // Several zones have this last part.
            ("louisville", None),
            ("北京路", None),
            ("Asia", None),
            ("Mars/Olympus", None),
            ("../etc/passwd", None),
            ("", None),
        ] {
            let found = ZoneName::typed(typed);
            assert_eq!(found.as_ref().map(ZoneName::as_str), name, "{typed}");
        }
        assert!(WORDS.iter().all(|(_, name)| ZoneName::new(name).is_some()));
    }
}
