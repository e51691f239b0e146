//! Which table of the file is meant, and which record of it. Asks nobody but the file.

use anyhow::Result;
use notion_sync::client::url::NotionUrl;
use notion_sync::client::{DataSourceId, PageId};
use notion_sync::core::link::{LinkId, Side};
use notion_sync::core::record::Key;
use notion_sync::notion::Subject;
use notion_sync::sqlite::SqliteStore;

use crate::args::Args;
use crate::exit::UsageError;

/// A table and the data source it follows.
#[derive(Clone)]
pub(crate) struct Linked {
    pub(crate) link: LinkId,
    pub(crate) source: DataSourceId,
    pub(crate) table: String,
}

/// Every table of the file.
pub(crate) async fn known(store: &SqliteStore) -> Result<Vec<Linked>> {
    let mut known = Vec::new();
    for link in store.links().await? {
        let source = link.as_str().parse();
        if let (Ok(source), Some(table)) = (source, store.table_of(&link).await?) {
            known.push(Linked {
                link,
                source,
                table,
            });
        }
    }
    Ok(known)
}

/// The subject of a table about data sources themselves, if it is one of that name.
pub(crate) async fn about(store: &SqliteStore, name: Option<&str>) -> Result<Option<Subject>> {
    let Some(name) = name.map(str::to_lowercase) else {
        return Ok(None);
    };
    let mut subjects = Subject::ALL.into_iter();
    let Some(subject) = subjects.find(|subject| subject.name() == name) else {
        return Ok(None);
    };
    let is_there = store.table_of(&LinkId::new(subject.name())).await?;
    Ok(is_there.map(|_| subject))
}

/// The tables that are meant: the one of that name, those of `--data-source`, else all.
pub(crate) async fn meant(
    args: &Args,
    store: &SqliteStore,
    name: Option<&str>,
) -> Result<Vec<Linked>> {
    let known = known(store).await?;
    let asked = args.data_source.iter();
    let asked: Vec<DataSourceId> = asked
        .filter_map(|text| NotionUrl::best_for_data_source(text))
        .map(|found| found.data_source())
        .collect();
    let is_meant = |linked: &&Linked| {
        let named = name.is_none_or(|name| name.to_lowercase() == linked.table.to_lowercase());
        named && (args.data_source.is_empty() || asked.contains(&linked.source))
    };
    let found: Vec<Linked> = known.iter().filter(is_meant).cloned().collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let mut message = format!("{} holds no such table", args.db.display());
    if known.is_empty() {
        message = format!(
            "{} holds no table yet: `notion-sync run` makes one",
            args.db.display()
        );
    }
    for linked in known {
        message.push_str(&format!("\n  --table {}", linked.table));
    }
    Err(UsageError(message).into())
}

/// A record as people name it.
#[derive(Clone, Copy)]
pub(crate) enum Named {
    Page(PageId),
    Row(i64),
}

impl Named {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        if let Ok(row) = text.trim().parse() {
            return Ok(Self::Row(row));
        }
        match NotionUrl::best_for_page(text) {
            Some(found) => Ok(Self::Page(found.page())),
            None => Err(UsageError(format!(
                "{text:?} is neither a page (its URL or id) nor a row (its number)"
            ))
            .into()),
        }
    }

    pub(crate) fn key(self) -> (Side, Key) {
        match self {
            Self::Page(page) => (Side::Left, Key::durable(page.to_string())),
            Self::Row(row) => (Side::Right, Key::durable(row.to_string())),
        }
    }
}

/// A row number means nothing without its table.
pub(crate) fn one_for_rows(found: &[Linked], named: Named) -> Result<()> {
    if matches!(named, Named::Page(_)) || found.len() == 1 {
        return Ok(());
    }
    let mut message = "which table is the row in? Name it:".to_owned();
    for linked in found {
        message.push_str(&format!("\n  --table {}", linked.table));
    }
    Err(UsageError(message).into())
}
