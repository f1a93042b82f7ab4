//! Edits of an announcement by a person in the client.

/// One edit by a person. `at` is the index of a block below the page (docx) or of the body (doc, in
/// which the last empty line is a block, too). Each edit is one revision; an edit of a missing block
/// has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Types a new line without styles before a block. With an index beyond the end, it becomes the
    /// last block, but before the final empty line of a legacy document.
    Type {
        /// The block after the line.
        at: usize,
        /// The line.
        line: String,
    },
    /// Replaces a block with a line without styles. A docx block keeps its id and its children. For
    /// requests at an older revision of a legacy document, the line is a new one.
    Rewrite {
        /// The block.
        at: usize,
        /// Its new text.
        line: String,
    },
    /// Deletes a block. The only block of a legacy document becomes an empty line.
    Remove {
        /// The block.
        at: usize,
    },
    /// Replaces the text of a cell of a docx table.
    Cell {
        /// The table.
        at: usize,
        /// The cell, counted row by row.
        cell: usize,
        /// Its new text.
        line: String,
    },
    /// Inserts a picture, like [`Edit::Type`] a line.
    Picture {
        /// The block after the picture.
        at: usize,
    },
    /// Shows another picture in a docx block, which keeps its id.
    OtherPicture {
        /// The block.
        at: usize,
    },
    /// Changes how a docx block shows its picture.
    Layout {
        /// The block.
        at: usize,
        /// Width and height in pixels.
        size: (u32, u32),
        /// 1 left, 2 centered, 3 right.
        align: u8,
        /// The line below the picture.
        caption: String,
    },
}
