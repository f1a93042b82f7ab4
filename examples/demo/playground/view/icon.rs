//! Icons as SVG, so that they look the same on every machine.

use maud::{Markup, html};

#[derive(Clone, Copy)]
pub(super) enum Icon {
    Pin,
    Loudspeaker,
    Done,
    Hourglass,
    Smile,
    File,
}

impl Icon {
    /// The icon of a reaction, by the platform's name.
    pub(super) fn of_reaction(name: &str) -> Self {
        match name {
            "Pin" => Self::Pin,
            "Loudspeaker" => Self::Loudspeaker,
            "DONE" => Self::Done,
            "OneSecond" => Self::Hourglass,
            _ => Self::Smile,
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Pin => {
                "M9.5 1.5 14.5 6.5 12.5 7 9.8 9.7 9.3 13 6.5 10.2 2 14 5.8 9.5 3 6.7 6.3 6.2 9 3.5z"
            }
            Self::Loudspeaker => "M2 6v4h2l1 4h2L6 10h1l6 3V3L7 6zM14 6.5v3",
            Self::Done => "M2.5 8.5 6.5 12.5 13.5 4",
            Self::Hourglass => "M4 1.5h8M4 14.5h8M5 1.5c0 4 6 5 6 8v5M11 1.5c0 4-6 5-6 8v5",
            Self::File => "M3.5 1.5h5.5l3.5 3.5v9.5h-9zM9 1.5v3.5h3.5M6 8.5h4M6 11h4",
            Self::Smile => {
                "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M5 9.5c1.5 2.5 4.5 2.5 6 0M5.5 5.5v1M10.5 5.5v1"
            }
        }
    }
}

/// The icon is decorative: a text next to it has the same meaning.
pub(super) fn icon(icon: Icon) -> Markup {
    html! {
        svg.icon viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" { path d=(icon.path()) {} }
    }
}
