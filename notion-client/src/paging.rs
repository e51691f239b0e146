//! Lists: what one page of a list is, and how to walk one without going in circles.

use std::collections::HashSet;

use futures::Stream;

use crate::client::{Client, Response};
use crate::endpoint::Endpoint;
use crate::error::{Error, PagingError};
use crate::id::Cursor;
use crate::json::{DecodeError, Fields, Json, items, open_enum};

/// One element of a list. An odd one costs itself, never the list.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Item<T> {
    /// An element in full.
    Ok(T),
    /// An element of which the connection may only see that it exists.
    Partial(Partial),
    /// An element this crate could not read.
    Odd(Odd),
}

impl<T> Item<T> {
    /// The element, when it is there in full.
    pub fn ok(self) -> Option<T> {
        match self {
            Self::Ok(value) => Some(value),
            _ => None,
        }
    }

    /// The element by reference, when it is there in full.
    pub fn as_ok(&self) -> Option<&T> {
        match self {
            Self::Ok(value) => Some(value),
            _ => None,
        }
    }
}

/// `{object, id}`: the connection lacks the capability to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Partial {
    /// Its kind, such as `page`.
    pub object: String,
    /// Its id.
    pub id: String,
}

/// An element that could not be read, kept as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Odd {
    /// Its id, when that much could be read.
    pub id: Option<String>,
    /// What it is.
    pub raw: Json,
    /// Why it could not be read.
    pub error: DecodeError,
}

/// An object that was asked for by its id: in full, or as much as the connection may see.
#[derive(Clone, Debug, PartialEq)]
pub enum Object<T> {
    /// In full.
    Full(T),
    /// Only that it exists.
    Partial(Partial),
}

impl<T> Object<T> {
    /// The object, when it is there in full.
    pub fn full(self) -> Option<T> {
        match self {
            Self::Full(value) => Some(value),
            Self::Partial(_) => None,
        }
    }
}

/// How an object is decoded: fully, partially, or not.
pub(crate) enum Decoded<T> {
    Full(T),
    Partial(Partial),
}

impl<T> Decoded<T> {
    pub(crate) fn into_object(self) -> Object<T> {
        match self {
            Self::Full(value) => Object::Full(value),
            Self::Partial(partial) => Object::Partial(partial),
        }
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct List<T> {
    /// The elements, in the server's order. There may be fewer than were asked for, even none, before the end.
    pub results: Vec<Item<T>>,
    /// Where the list goes on; `None` at its end.
    pub next_cursor: Option<Cursor>,
    /// Whether the server holds the result to be complete.
    pub request_status: RequestStatus,
}

impl<T> List<T> {
    /// Whether the server cut the whole result (10,000 rows): its end is then not the end of the data.
    #[must_use]
    pub fn is_capped(&self) -> bool {
        !matches!(
            self.request_status,
            RequestStatus::Unstated | RequestStatus::Complete
        )
    }

    pub(crate) fn decode<'a>(
        text: &'a str,
        mut element: impl FnMut(&'a str) -> Result<Decoded<T>, DecodeError>,
    ) -> Result<Self, DecodeError> {
        let fields = Fields::parse("list", text)?;
        let results = fields
            .raw("results")
            .ok_or_else(|| DecodeError::new("list", "`results` is missing"))?;
        let results = items("list.results", results)?
            .into_iter()
            .map(|raw| match element(raw.get()) {
                Ok(Decoded::Full(value)) => Item::Ok(value),
                Ok(Decoded::Partial(partial)) => Item::Partial(partial),
                Err(error) => {
                    let id = Fields::parse("item", raw.get())
                        .ok()
                        .and_then(|fields| fields.string("id"));
                    Item::Odd(Odd {
                        id,
                        raw: raw.into(),
                        error,
                    })
                }
            })
            .collect();
        Ok(Self {
            results,
            next_cursor: fields.optional("list", "next_cursor")?,
            request_status: RequestStatus::decode(&fields),
        })
    }
}

/// What the server says about the completeness of a whole result. The same on every page of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestStatus {
    /// It says nothing, as endpoints without a cap do.
    Unstated,
    /// Complete.
    Complete,
    /// Cut, and why.
    Incomplete(IncompleteReason),
    /// Something else, which must not be taken for complete.
    Unknown(Json),
}

impl RequestStatus {
    fn decode(fields: &Fields<'_>) -> Self {
        let Some(raw) = fields.present("request_status") else {
            return Self::Unstated;
        };
        let status = Fields::parse("request_status", raw.get()).ok();
        match status
            .as_ref()
            .and_then(|status| status.text("type"))
            .as_deref()
        {
            Some("complete") => Self::Complete,
            Some("incomplete") => {
                let reason = status
                    .as_ref()
                    .and_then(|status| status.text("incomplete_reason"));
                Self::Incomplete(IncompleteReason::from(
                    reason.as_deref().unwrap_or_default(),
                ))
            }
            _ => Self::Unknown(raw.into()),
        }
    }
}

open_enum! {
    /// Why a result was cut.
    IncompleteReason {
        QueryResultLimitReached = "query_result_limit_reached",
    }
}

/// An endpoint that answers a page at a time.
pub trait Paged: Endpoint + Clone {
    /// Asks for the page at this cursor.
    fn set_cursor(&mut self, cursor: Cursor);

    /// Where an answer says the list goes on.
    fn next_cursor(output: &Self::Output) -> Option<&Cursor>;
}

/// Remembers a walk over a list: stops it when a cursor comes back, and after a number of pages. Pure.
#[derive(Clone, Debug)]
pub struct PageGuard {
    seen: HashSet<Cursor>,
    pages: u32,
    budget: u32,
}

impl PageGuard {
    /// A walk of at most `budget` pages.
    #[must_use]
    pub fn new(budget: u32) -> Self {
        Self {
            seen: HashSet::new(),
            pages: 0,
            budget,
        }
    }

    /// Counts a page that was read, and says whether its cursor may be followed.
    ///
    /// # Errors
    /// [`PagingError`] when the cursor was used before, or when the budget is spent and the list goes on.
    pub fn follow(&mut self, next: Option<&Cursor>) -> Result<(), PagingError> {
        self.pages += 1;
        let Some(next) = next else { return Ok(()) };
        if !self.seen.insert(next.clone()) {
            return Err(PagingError::CursorRepeated);
        }
        if self.pages >= self.budget {
            Err(PagingError::PageBudget { pages: self.pages })
        } else {
            Ok(())
        }
    }

    /// The pages read so far.
    #[must_use]
    pub fn pages(&self) -> u32 {
        self.pages
    }
}

/// Walks a list page by page. Made by [`Client::pages`].
///
/// It ends with `None`, or with one error and then `None`: an error is never the end of the data.
#[derive(Debug)]
pub struct Pager<E: Paged> {
    client: Client,
    request: Option<E>,
    guard: PageGuard,
    trouble: Option<PagingError>,
}

impl<E: Paged> Pager<E> {
    /// More than any capped query needs: 10,000 rows are 100 full pages, but pages may come back short.
    pub const DEFAULT_BUDGET: u32 = 10_000;

    pub(crate) fn new(client: Client, request: E) -> Self {
        Self {
            client,
            request: Some(request),
            guard: PageGuard::new(Self::DEFAULT_BUDGET),
            trouble: None,
        }
    }

    /// Reads at most this many pages; if the list goes on after them, the walk ends with [`PagingError::PageBudget`].
    #[must_use]
    pub fn page_budget(mut self, pages: u32) -> Self {
        self.guard.budget = pages;
        self
    }

    /// The next page. Dropping the future loses nothing: the same page is asked for again.
    pub async fn next_page(&mut self) -> Option<Result<Response<E::Output>, Error>> {
        if let Some(trouble) = self.trouble.take() {
            return Some(Err(trouble.into()));
        }
        let request = self.request.as_mut()?;
        let response = match self.client.send(request).await {
            Ok(response) => response,
            Err(error) => {
                self.request = None;
                return Some(Err(error));
            }
        };
        let next = E::next_cursor(&response.value);
        match (self.guard.follow(next), next) {
            (Ok(()), Some(next)) => request.set_cursor(next.clone()),
            (Ok(()), None) => self.request = None,
            (Err(trouble), _) => {
                // The page that was read is good: it is handed out first.
                self.request = None;
                self.trouble = Some(trouble);
            }
        }
        Some(Ok(response))
    }

    /// The pages as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<Response<E::Output>, Error>> {
        futures::stream::unfold(self, |mut pager| async move {
            pager.next_page().await.map(|page| (page, pager))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pain_09_a_cursor_that_comes_back_ends_the_walk() {
        let mut guard = PageGuard::new(10);
        assert_eq!(guard.follow(Some(&Cursor::new("a"))), Ok(()));
        assert_eq!(guard.follow(Some(&Cursor::new("b"))), Ok(()));
        assert_eq!(
            guard.follow(Some(&Cursor::new("a"))),
            Err(PagingError::CursorRepeated)
        );
    }

    #[test]
    fn pain_08_a_list_without_end_is_not_a_complete_one() {
        let mut guard = PageGuard::new(2);
        assert_eq!(guard.follow(Some(&Cursor::new("a"))), Ok(()));
        assert_eq!(
            guard.follow(Some(&Cursor::new("b"))),
            Err(PagingError::PageBudget { pages: 2 })
        );
        let mut guard = PageGuard::new(1);
        assert_eq!(guard.follow(None), Ok(()));
    }
}
