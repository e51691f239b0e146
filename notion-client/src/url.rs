//! Finding ids in what people paste: Notion URLs, bare ids, `collection://` references.

use crate::id::{DataSourceId, DatabaseId, PageId, parse_uuid};
use ::url::Url;
use uuid::Uuid;

/// Reads what people copy out of Notion.
///
/// A URL can name several things at once, and only a request tells a page from a database, so all candidates are
/// returned with the place they stood in, best first. A view (`?v=`) never counts as a database.
///
/// ```
/// use notion_sync_client::url::{NotionUrl, Place};
/// let url = "https://www.notion.so/ws/Tasks-1b2c3d4e00004000800000000000a001?v=0b2c3d4e00004000800000000000a0ff";
/// let found = NotionUrl::parse(url);
/// assert_eq!(found[0].place, Place::Path);
/// assert_eq!(NotionUrl::best_for_data_source(url).unwrap().id, found[0].id);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct NotionUrl;

/// An id and the place it stood in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The id; what it names is for a request to find out.
    pub id: Uuid,
    /// Where it stood.
    pub place: Place,
}

/// Where an id stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// The text is the id.
    Whole,
    /// `collection://…`: a data source.
    Collection,
    /// The last part of the path: a page, or a database.
    Path,
    /// `?p=`: the page that is open over it.
    P,
    /// `?v=`: a view, never anything else.
    V,
    /// Behind `#`: a block.
    Fragment,
}

impl Candidate {
    /// The id as one of a page.
    #[must_use]
    pub fn page(&self) -> PageId {
        PageId::from_uuid(self.id)
    }

    /// The id as one of a database.
    #[must_use]
    pub fn database(&self) -> DatabaseId {
        DatabaseId::from_uuid(self.id)
    }

    /// The id as one of a data source.
    #[must_use]
    pub fn data_source(&self) -> DataSourceId {
        DataSourceId::from_uuid(self.id)
    }
}

impl NotionUrl {
    /// All ids of a text, in the order whole, collection, path, peek page, view, fragment. Empty when there is none, or
    /// when it is the URL of something else than Notion.
    #[must_use]
    pub fn parse(text: &str) -> Vec<Candidate> {
        let text = text.trim();
        if let Ok(id) = parse_uuid(text) {
            return vec![Candidate {
                id,
                place: Place::Whole,
            }];
        }
        if let Some(rest) = text.strip_prefix("collection://") {
            let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
            return parse_uuid(rest)
                .map(|id| Candidate {
                    id,
                    place: Place::Collection,
                })
                .into_iter()
                .collect();
        }
        let Some(url) = notion_url(text) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let mut add = |id: Option<Uuid>, place| found.extend(id.map(|id| Candidate { id, place }));
        add(last_segment(&url).and_then(trailing_id), Place::Path);
        for (name, place) in [("p", Place::P), ("v", Place::V)] {
            let value = url.query_pairs().find(|(key, _)| key == name);
            add(value.and_then(|(_, value)| parse_uuid(&value).ok()), place);
        }
        let fragment = url
            .fragment()
            .map(|fragment| fragment.strip_prefix("block-").unwrap_or(fragment));
        add(
            fragment.and_then(|fragment| parse_uuid(fragment).ok()),
            Place::Fragment,
        );
        found
    }

    /// The candidate to try first when a database or a data source is wanted: what the text or the path names, never
    /// the view, nor the page that is open over it.
    #[must_use]
    pub fn best_for_data_source(text: &str) -> Option<Candidate> {
        Self::parse(text).into_iter().find(|candidate| {
            matches!(
                candidate.place,
                Place::Whole | Place::Collection | Place::Path
            )
        })
    }

    /// The candidate to try first when a page is wanted: the one that is open, else what the text or the path names.
    #[must_use]
    pub fn best_for_page(text: &str) -> Option<Candidate> {
        let found = Self::parse(text);
        [Place::P, Place::Whole, Place::Path]
            .into_iter()
            .find_map(|place| {
                found
                    .iter()
                    .find(|candidate| candidate.place == place)
                    .copied()
            })
    }

    /// The unique id of a URL such as `https://www.notion.so/TASK-123`: prefix and number. Such a URL holds no id; the row
    /// is found by a filter on the unique-id property.
    #[must_use]
    pub fn unique_id(text: &str) -> Option<(String, u64)> {
        let url = notion_url(text.trim())?;
        let segment = last_segment(&url)?;
        if trailing_id(segment).is_some() {
            return None;
        }
        let (prefix, number) = segment.rsplit_once('-')?;
        let plain = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric());
        // Signs would be taken by the number parser alone.
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if plain && digits {
            Some((prefix.to_owned(), number.parse().ok()?))
        } else {
            None
        }
    }
}

/// The text as a URL of Notion, with or without its scheme.
fn notion_url(text: &str) -> Option<Url> {
    let url = match text.strip_prefix("notion://") {
        Some(rest) => Url::parse(&format!("https://{rest}")).ok()?,
        None if text.contains("://") => Url::parse(text).ok()?,
        None => Url::parse(&format!("https://{text}")).ok()?,
    };
    let host = url.host_str()?;
    let notion = ["notion.so", "notion.com", "notion.site"]
        .iter()
        .any(|domain| {
            host.strip_suffix(domain)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        });
    (notion && matches!(url.scheme(), "https" | "http")).then_some(url)
}

fn last_segment(url: &Url) -> Option<&str> {
    url.path_segments()?.rfind(|segment| !segment.is_empty())
}

/// The id a path part is or ends with. A longer run of hexadecimal digits is not an id with something before it.
fn trailing_id(segment: &str) -> Option<Uuid> {
    let tail = |length: usize| {
        let at = segment.len().checked_sub(length)?;
        let (before, id) = (segment.get(..at)?, segment.get(at..)?);
        let apart = before.is_empty() || before.ends_with('-');
        if apart { parse_uuid(id).ok() } else { None }
    };
    tail(32).or_else(|| tail(36))
}

#[cfg(test)]
mod tests;
