//! Finding data sources: all that a connection sees, or the one that a pasted text names.

use std::fmt;

use notion_sync_client::api::{
    RetrieveDataSource, RetrieveDatabase, RetrievePage, Search, SearchFilter,
};
use notion_sync_client::object::{DataSource, DataSourceRef, Parent, plain_text};
use notion_sync_client::url::{Candidate, NotionUrl, Place};
use notion_sync_client::{Client, DataSourceId, DatabaseId, Error, ErrorKind, Object};

/// A data source as a list for people shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataSourceSummary {
    /// What a peer is made with.
    pub id: DataSourceId,
    /// Its name; empty when it has none.
    pub title: String,
    /// Its address, where the answer has one.
    pub url: Option<String>,
    /// The database it is in, where the answer says so.
    pub database: Option<DatabaseId>,
}

/// All data sources that are shared with the connection, as far as Notion's search lists them. The
/// search lags and is not exhaustive: what was shared a moment ago may be missing.
///
/// # Errors
/// What the client met.
pub async fn list_data_sources(client: &Client) -> Result<Vec<DataSourceSummary>, Error> {
    let search = Search::everything()
        .filter(SearchFilter::DataSource)
        .page_size(100);
    let mut pages = client.pages(&search).page_budget(1_000);
    let mut found: Vec<DataSourceSummary> = Vec::new();
    while let Some(page) = pages.next_page().await {
        for item in page?.value.results {
            let source = item.ok().and_then(|item| item.data_source());
            let source = source.filter(|source| !source.in_trash);
            if let Some(source) = source
                && !found.iter().any(|known| known.id == source.id)
            {
                found.push(summary(&source));
            }
        }
    }
    Ok(found)
}

fn summary(source: &DataSource) -> DataSourceSummary {
    let database = match source.parent {
        Some(Parent::Database(id)) => Some(id),
        _ => None,
    };
    DataSourceSummary {
        id: source.id,
        title: plain_text(&source.title),
        url: source.url.clone(),
        database,
    }
}

/// One of several data sources of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSourceChoice {
    /// Its id: paste this to choose it.
    pub id: DataSourceId,
    /// Its name.
    pub name: String,
}

/// Why a text names no data source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// There is no id in it, or only that of a view or block.
    #[error(
        "this is neither a Notion URL of a database nor an id; open the database as a full page and \
         copy its link"
    )]
    NoId,
    /// The database has several data sources.
    #[error("the database has several data sources; choose one by its id: {}", List(.0))]
    Several(Vec<DataSourceChoice>),
    /// The database has no data source that the connection sees.
    #[error(
        "the connection sees no data source in this database; if it is a linked view, share the \
         original database with the connection"
    )]
    Empty,
    /// It is a page.
    #[error("this is a page, not a database; open the database itself and copy its link")]
    IsPage,
    /// Notion does not show it.
    #[error(
        "Notion shows nothing under this id: it does not exist or is not shared; share the database \
         with the connection in Notion, under Connections"
    )]
    NotShared,
    /// It is in the trash.
    #[error("this is in the trash; restore it in Notion first")]
    InTrash,
    /// The request failed.
    #[error("Notion could not be asked")]
    Client(#[from] Error),
}

struct List<'a>(&'a [DataSourceChoice]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, choice) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{:?} ({})", choice.name, choice.id)?;
        }
        Ok(())
    }
}

/// The data source that a URL or an id names: its own id, or that of a database with just one.
///
/// One request for a database's URL or a data source's id, two or three for everything else.
///
/// # Errors
/// [`ResolveError`] with what to do about it.
pub async fn resolve(client: &Client, text: &str) -> Result<DataSourceId, ResolveError> {
    let candidate = NotionUrl::best_for_data_source(text).ok_or(ResolveError::NoId)?;
    // URLs hold ids of databases; what is copied as an id alone is as likely a data source's.
    let found = match candidate.place {
        Place::Path => match database(client, &candidate).await? {
            None => data_source(client, &candidate).await?,
            found => found,
        },
        Place::Collection => data_source(client, &candidate).await?,
        _ => match data_source(client, &candidate).await? {
            None => database(client, &candidate).await?,
            found => found,
        },
    };
    match found {
        Some(id) => Ok(id),
        None => Err(neither(client, &candidate).await?),
    }
}

async fn database(
    client: &Client,
    candidate: &Candidate,
) -> Result<Option<DataSourceId>, ResolveError> {
    let Some(database) = shown(
        client
            .send(&RetrieveDatabase::new(candidate.database()))
            .await,
    )?
    else {
        return Ok(None);
    };
    let Object::Full(database) = database else {
        return Err(ResolveError::Empty);
    };
    if database.in_trash {
        return Err(ResolveError::InTrash);
    }
    match database.data_sources.as_slice() {
        [] => Err(ResolveError::Empty),
        [one] => Ok(Some(one.id)),
        several => Err(ResolveError::Several(several.iter().map(choice).collect())),
    }
}

fn choice(source: &DataSourceRef) -> DataSourceChoice {
    DataSourceChoice {
        id: source.id,
        name: source.name.clone().unwrap_or_default(),
    }
}

async fn data_source(
    client: &Client,
    candidate: &Candidate,
) -> Result<Option<DataSourceId>, ResolveError> {
    let request = RetrieveDataSource::new(candidate.data_source());
    match shown(client.send(&request).await)? {
        Some(Object::Full(source)) if source.in_trash => Err(ResolveError::InTrash),
        Some(_) => Ok(Some(candidate.data_source())),
        None => Ok(None),
    }
}

/// The better of the two reasons why it is no data source.
async fn neither(client: &Client, candidate: &Candidate) -> Result<ResolveError, ResolveError> {
    let page = shown(client.send(&RetrievePage::new(candidate.page())).await)?;
    Ok(match page {
        Some(_) => ResolveError::IsPage,
        None => ResolveError::NotShared,
    })
}

/// An id of another kind is answered with 404 or 400; both mean: not one of these.
fn shown<T>(
    answer: Result<notion_sync_client::Response<T>, Error>,
) -> Result<Option<T>, ResolveError> {
    match answer {
        Ok(answer) => Ok(Some(answer.value)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Rejected) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
