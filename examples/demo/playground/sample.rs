//! What a member can attach to a message.

use super::language::Words;

const POSTER: &[u8] = include_bytes!("assets/poster.png");
const CHART: &[u8] = include_bytes!("assets/chart.png");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    Poster,
    Chart,
    BothPictures,
    Roster,
}

impl Sample {
    pub(crate) const ALL: [Self; 4] = [Self::Poster, Self::Chart, Self::BothPictures, Self::Roster];

    /// The name in forms.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Poster => "poster",
            Self::Chart => "chart",
            Self::BothPictures => "both_pictures",
            Self::Roster => "roster",
        }
    }

    pub(crate) fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sample| sample.key() == key)
    }

    /// The name on the page.
    pub(crate) fn label(self, words: &Words) -> String {
        match self {
            Self::Poster => [words.picture, words.colon, words.poster].concat(),
            Self::Chart => [words.picture, words.colon, words.chart].concat(),
            Self::BothPictures => words.both_pictures.to_owned(),
            Self::Roster => [words.file, words.colon, words.roster].concat(),
        }
    }

    /// Empty for a file.
    pub(crate) fn pictures(self) -> &'static [&'static [u8]] {
        match self {
            Self::Poster => &[POSTER],
            Self::Chart => &[CHART],
            Self::BothPictures => &[POSTER, CHART],
            Self::Roster => &[],
        }
    }

    /// The name and the content of a file.
    pub(crate) fn file(self, words: &Words) -> Option<(&'static str, &'static str)> {
        (self == Self::Roster).then_some((words.roster, words.roster_content))
    }
}
