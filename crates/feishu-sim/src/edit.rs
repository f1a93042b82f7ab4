//! Single edits of an announcement by a person in the client.

/// One edit by a person. `at` counts, from 0, the blocks right below the page (docx) or of the body
/// (doc, whose last empty line is a block like the others). Each edit is one revision; one of a
/// block that is not there changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Types a new line without styles before a block. Beyond the end it becomes the last block,
    /// but stays before an empty line that ends a legacy document.
    Type {
        /// The block that the line comes before.
        at: usize,
        /// The line.
        line: String,
    },
    /// Makes a block a line without styles; a docx block keeps its id and its children. To requests
    /// at an older revision of a legacy document the line is a new one in place of the old.
    Rewrite {
        /// The block.
        at: usize,
        /// Its text from now on.
        line: String,
    },
    /// Deletes a block; of the only one of a legacy document an empty line stays.
    Remove {
        /// The block.
        at: usize,
    },
    /// Puts a picture where [`Edit::Type`] would put a line. No call of the API can make one.
    Picture {
        /// The block that the picture comes before.
        at: usize,
    },
}
