//! Files: the resources of messages, and the media of upgraded announcements.

use std::collections::HashMap;

use bytes::Bytes;

/// What a resource contains that no test has put there: a picture of one pixel.
pub(crate) const SAMPLE: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0,
    1, 0, 0, 0, 1, 8, 4, 0, 0, 0, 0xb5, 0x1c, 0x0c, 2, 0, 0, 0, 0x0b, b'I', b'D', b'A', b'T', 0x78,
    0xda, 0x63, 0x64, 0x60, 0xf8, 0x5f, 0x0f, 0, 2, 0x87, 1, 0x80, 0xeb, 0x47, 0xba, 0x92, 0, 0, 0,
    0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];

/// Whether an upload into an announcement has to name the announcement in `extra`, which the pages
/// leave open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaRoute {
    /// It need not.
    #[default]
    None,
    /// `drive_route_token` has to be the id of the chat; without it, 1061044.
    ChatId,
    /// Every upload is refused with 1061044.
    Never,
}

/// Files in messages and in announcements.
#[derive(Clone, Debug)]
pub struct MediaBehaviour {
    /// How uploads are routed.
    pub route: MediaRoute,
    /// Downloads name their length in a header.
    pub length_is_told: bool,
    /// So many of the next downloads break off halfway.
    pub broken_downloads: u32,
}

impl Default for MediaBehaviour {
    fn default() -> Self {
        Self {
            route: MediaRoute::None,
            length_is_told: true,
            broken_downloads: 0,
        }
    }
}

/// A file that was uploaded into an announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// The file's name.
    pub name: String,
    /// Its content.
    pub bytes: Bytes,
    /// The block that it was uploaded for.
    pub block: String,
    /// The number of calls that were served before.
    pub(crate) served: usize,
}

/// All files.
#[derive(Debug, Default)]
pub(crate) struct Medias {
    /// Of messages, by key.
    pub(crate) resources: HashMap<String, Bytes>,
    /// Of announcements, by token.
    pub(crate) uploaded: HashMap<String, Media>,
}

impl Medias {
    /// The content of a key in a message.
    pub(crate) fn resource(&self, key: &str) -> Bytes {
        let known = self.resources.get(key).cloned();
        known.unwrap_or_else(|| Bytes::from_static(SAMPLE))
    }
}
