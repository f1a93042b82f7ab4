//! The languages of the playground.

/// A language of the page, of its people and groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    En,
    Zh,
}

impl Language {
    pub(crate) fn from_key(key: &str) -> Option<Self> {
        [Self::En, Self::Zh]
            .into_iter()
            .find(|language| language.key() == key)
    }

    /// The name in URLs.
    pub(crate) fn key(self) -> &'static str {
        self.pick("en", "zh")
    }

    /// The BCP 47 tag.
    pub(crate) fn tag(self) -> &'static str {
        self.pick("en", "zh-CN")
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::En => Self::Zh,
            Self::Zh => Self::En,
        }
    }

    /// The first supported language of an `Accept-Language` header.
    pub(crate) fn preferred(accepted: &str) -> Self {
        let mut tags = accepted.split(',').map(str::trim);
        tags.find_map(|tag| Self::from_key(tag.get(..2)?))
            .unwrap_or(Self::En)
    }

    pub(crate) fn pick(self, en: &'static str, zh: &'static str) -> &'static str {
        match self {
            Self::En => en,
            Self::Zh => zh,
        }
    }
}
