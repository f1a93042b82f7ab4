//! Pictures and files in an upgraded announcement (official page
//! `group/upgraded-group-announcement/group-announcement-faqs`).

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// A picture to be created, which is empty.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewImage {}

/// A file to be created, which is empty.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewFile {
    pub(crate) token: String,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Image {
    pub(crate) token: String,
    width: u32,
    height: u32,
    align: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    caption: Option<Caption>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct FileBody {
    pub(crate) token: String,
    pub(crate) name: String,
}

/// The view of a file, which contains its block.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct View {
    view_type: u8,
}

/// The content of a picture.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplaceImage {
    pub(crate) token: String,
    width: Option<u32>,
    height: Option<u32>,
    align: Option<u8>,
    /// What it shows below the picture.
    caption: Option<Caption>,
    /// Not simulated.
    #[serde(rename = "scale")]
    _scale: Option<f64>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Caption {
    content: String,
}

/// The content of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplaceFile {
    pub(crate) token: String,
}

/// Where the file of a token was uploaded.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) block: String,
    pub(crate) name: String,
}

impl Default for Image {
    fn default() -> Self {
        Self {
            token: String::new(),
            width: 100,
            height: 100,
            align: 2,
            caption: None,
        }
    }
}

impl Image {
    /// A picture of a person.
    pub(crate) fn of_person() -> Self {
        Self {
            token: "boxcn-of-a-person".to_owned(),
            ..Self::default()
        }
    }
}

impl Image {
    /// Shows the uploaded picture.
    pub(crate) fn replace(&mut self, new: ReplaceImage) {
        self.token = new.token;
        self.width = new.width.unwrap_or(self.width);
        self.height = new.height.unwrap_or(self.height);
        self.align = new.align.unwrap_or(self.align);
        self.caption = new.caption.or(self.caption.take());
    }

    /// A person changes how the picture is shown.
    pub(crate) fn lay_out(&mut self, (width, height): (u32, u32), align: u8, caption: &str) {
        (self.width, self.height, self.align) = (width, height, align);
        let content = caption.to_owned();
        self.caption = Some(Caption { content });
    }
}

impl View {
    pub(crate) const OF_FILE: Self = Self { view_type: 1 };
}

/// Checks that a file was uploaded for this block.
pub(crate) fn own<'o>(id: &str, origin: Option<&'o Origin>) -> Result<&'o Origin, Refusal> {
    let own = origin.filter(|origin| origin.block == id);
    own.ok_or_else(|| Refusal::code(1_770_013))
}
