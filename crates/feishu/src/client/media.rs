//! Files: those of messages, and copies of them in docx announcements.
//!
//! Official pages `im-v1/message/get-message-resource`, `drive-v1/media/upload_all` and
//! `group/upgraded-group-announcement/group-announcement-faqs`.

use std::time::Duration;

use reqwest::multipart::{Form, Part};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::Client;
use crate::http::{Download, Request};
use crate::limits::Pace;
use crate::{BlockId, ChatId, Error, MessageId};

/// The largest file that one call uploads, in bytes.
pub const MAX_UPLOAD: u64 = 20 << 20;
/// The longest name of an uploaded file, in characters.
const MAX_NAME: usize = 250;

const UPLOAD: &str = "upload_media";
/// The longest wait for other copies.
const PATIENCE: Duration = Duration::from_millis(300);
/// When to try again after that.
const PAUSE: Duration = Duration::from_secs(1);

/// A file of a message.
#[derive(Debug, Clone, Copy)]
pub struct MessageResource<'a> {
    /// Who downloads it, and must be in the chat of the message.
    pub client: &'a Client,
    /// The message itself, not one that quotes or forwards it.
    pub message: &'a MessageId,
    /// Its key in the content of the message.
    pub key: &'a str,
    /// Whether it is downloaded as a picture or as a file.
    pub kind: UploadKind,
}

/// A file to be uploaded into a block of a docx announcement.
#[derive(Debug, Clone, Copy)]
pub struct MediaUpload<'a> {
    /// The file's name; longer ones than 250 characters are cut.
    pub name: &'a str,
    /// Has to be that of the block.
    pub kind: UploadKind,
    /// The block, which has no content yet.
    pub block: &'a BlockId,
    /// The chat whose announcement is named in `extra`. Whether that is needed is not documented for
    /// announcements.
    pub route: Option<&'a ChatId>,
}

/// A picture or a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadKind {
    /// A picture.
    Image,
    /// Any other file.
    File,
}

impl Client {
    /// Copies a file from a message into a block and returns its token, with which
    /// [`BlockChange::Image`](crate::BlockChange::Image) or
    /// [`BlockChange::File`](crate::BlockChange::File) shows it. The content passes through in small
    /// parts. A few files are copied at a time, and 5 a second, which is the limit of the platform;
    /// others fail with [`Error::Waiting`].
    ///
    /// Tokens: tenant, user, for the upload.
    ///
    /// # Errors
    ///
    /// The [endpoint](Error::endpoint) tells whether the download or the upload failed. A file of more
    /// than [`MAX_UPLOAD`] bytes [is too large](Error::is_too_large); it is not downloaded if the
    /// platform sends its length.
    pub async fn copy_resource(
        &self,
        resource: MessageResource<'_>,
        upload: MediaUpload<'_>,
    ) -> Result<String, Error> {
        let tenant = self.credentials.tenant();
        let turn = timeout(PATIENCE, self.inner.copies.acquire()).await;
        let _turn = turn.map_err(|_| Error::Waiting {
            endpoint: UPLOAD,
            retry_after: PAUSE,
        })?;
        let paces = [Pace::Uploads(tenant.clone())];
        let _slot = self.inner.limits.own_slot((tenant, UPLOAD), &paces).await?;
        let (size, download) = resource.measured().await?;
        let request = Request::post(UPLOAD, &["drive", "v1", "medias", "upload_all"]);
        let token = self.first_token(UPLOAD).await?;
        let form = upload.form(size, download);
        let result = self.http().upload(&request, form, &token).await;
        let answer = match self.second_token(UPLOAD, &token, &result).await? {
            None => result,
            Some(token) => {
                let form = upload.form(size, resource.open().await?);
                let result = self.http().upload(&request, form, &token).await;
                self.after_second(UPLOAD, &token, result).await
            }
        };
        let uploaded: Uploaded = answer?.data()?;
        Ok(uploaded.file_token)
    }
}

#[derive(Deserialize)]
struct Uploaded {
    file_token: String,
}

impl MessageResource<'_> {
    /// Begins the download, and determines the length. If the platform does not send it, the file is
    /// read twice: an upload begins with its length.
    async fn measured(&self) -> Result<(u64, Download), Error> {
        let download = self.open().await?;
        let too_large = download.too_large();
        let (length, download) = match download.length() {
            Some(length) => (length, Some(download)),
            None => (download.count(MAX_UPLOAD).await?, None),
        };
        if length > MAX_UPLOAD {
            return Err(too_large);
        }
        match download {
            Some(download) => Ok((length, download)),
            None => Ok((length, self.open().await?)),
        }
    }

    async fn open(&self) -> Result<Download, Error> {
        const ENDPOINT: &str = "get_message_resource";
        let client = self.client;
        let message = self.message.as_str();
        let path = ["im", "v1", "messages", message, "resources", self.key];
        let kind = match self.kind {
            UploadKind::Image => "image",
            UploadKind::File => "file",
        };
        let query = [("type", kind)];
        let request = Request::get(ENDPOINT, &path).query(&query);
        let token = client.first_token(ENDPOINT).await?;
        let result = client.http().open(&request, &token).await;
        match client.second_token(ENDPOINT, &token, &result).await? {
            None => result,
            Some(token) => {
                let result = client.http().open(&request, &token).await;
                client.after_second(ENDPOINT, &token, result).await
            }
        }
    }
}

/// Cuts a long name before its extension.
fn cut(name: &str) -> String {
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.chars().count() <= 10 => (stem, extension),
        _ => return name.chars().take(MAX_NAME).collect(),
    };
    let most = MAX_NAME - extension.chars().count() - 1;
    let stem: String = stem.chars().take(most).collect();
    format!("{stem}.{extension}")
}

impl MediaUpload<'_> {
    fn form(&self, size: u64, download: Download) -> Form {
        let kind = match self.kind {
            UploadKind::Image => "docx_image",
            UploadKind::File => "docx_file",
        };
        let name = cut(self.name);
        let mut form = Form::new()
            .text("file_name", name)
            .text("parent_type", kind)
            .text("parent_node", self.block.as_str().to_owned())
            .text("size", size.to_string());
        if let Some(chat) = self.route {
            let extra = json!({ "drive_route_token": chat.as_str() });
            form = form.text("extra", extra.to_string());
        }
        let file = Part::stream_with_length(download.into_body(), size);
        form.part("file", file.file_name("file"))
    }
}
