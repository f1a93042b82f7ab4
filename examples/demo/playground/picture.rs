//! The pictures that the page shows.

/// The content type of a picture, by its first bytes. SVG is not among them: it may contain scripts.
pub(crate) fn content_type(content: &[u8]) -> Option<&'static str> {
    match content {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some("image/webp"),
        _ => None,
    }
}

/// Width and height in pixels, which a PNG has at its start. With them, the page has its final layout
/// before the picture is loaded.
pub(crate) fn size(content: &[u8]) -> Option<(u32, u32)> {
    content_type(content).filter(|kind| *kind == "image/png")?;
    let number = |at: usize| {
        let bytes = content.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    };
    Some((number(16)?, number(20)?))
}
