//! Listings that come in pages.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Client;
use crate::Error;
use crate::http::{Answer, Request};
use crate::wire::or_default;

/// One page of a listing, or several read as one.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: DeserializeOwned"))]
pub(super) struct Page<T> {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) items: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
    /// The token of the next page.
    #[serde(default, rename = "page_token", deserialize_with = "or_default")]
    pub(super) next: String,
}

impl Client {
    /// One page of the listing that `request` asks for; the first one has an empty token.
    pub(super) async fn page(
        &self,
        request: &Request<'_>,
        page_token: &str,
    ) -> Result<Answer, Error> {
        let mut query = request.query.to_vec();
        if !page_token.is_empty() {
            query.push(("page_token", page_token));
        }
        let request = Request {
            query: &query,
            ..request.clone()
        };
        self.call(request).await
    }

    /// At most the first `most` pages.
    pub(super) async fn first_pages<T: DeserializeOwned>(
        &self,
        request: Request<'_>,
        most: usize,
    ) -> Result<Page<T>, Error> {
        let mut all = Page {
            items: Vec::new(),
            has_more: true,
            next: String::new(),
        };
        for _ in 0..most {
            let page: Page<T> = self.page(&request, &all.next).await?.data()?;
            all.items.extend(page.items);
            all.has_more = page.has_more && !page.next.is_empty();
            all.next = page.next;
            if !all.has_more {
                break;
            }
        }
        Ok(all)
    }
}
