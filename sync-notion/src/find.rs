//! Rows by the value of a text property: markers and match fields.

use notion_sync_client::api::{Filter, QueryDataSource, Sort};
use notion_sync_client::object::PropertyType;
use notion_sync_core::port::{Call, FieldSet, Found, PeerError};
use notion_sync_core::record::Record;
use notion_sync_core::schema::{FieldId, FieldType};
use notion_sync_core::value::Value;
use serde_json::json;

use crate::describe;
use crate::peer::NotionPeer;

/// Most values per query.
pub(crate) const MAX_VALUES: u32 = 100;

impl NotionPeer {
    pub(crate) async fn find_values(
        &self,
        call: &Call<'_>,
        field: &FieldId,
        values: &[Value],
    ) -> Result<Found, PeerError> {
        let known = self.ensure_known().await?;
        let property = known.schema.field(field);
        let kind = match property.map(|field| &field.ty) {
            Some(FieldType::Title) => PropertyType::Title,
            Some(FieldType::RichText) => PropertyType::RichText,
            Some(FieldType::Url) if field.as_str() != describe::URL => PropertyType::Url,
            Some(FieldType::Email) => PropertyType::Email,
            Some(FieldType::Phone) => PropertyType::PhoneNumber,
            Some(_) => {
                return Err(self.protocol("rows can be found by a text property only"));
            }
            None => return Err(self.protocol("there is no such property to find rows by")),
        };
        let called = property.map_or(field.as_str(), |property| {
            describe::called_in(&known.schema, property)
        });
        let wanted: Vec<Option<String>> = values.iter().map(words).collect();
        let mut found = Found {
            records: vec![Vec::new(); values.len()],
            lag: self.options.index_lag,
        };
        let asked: Vec<&str> = wanted.iter().flatten().map(String::as_str).collect();
        let selection = known.decoder.select(&FieldSet::All);
        for chunk in asked.chunks(MAX_VALUES as usize) {
            self.go_on(call)?;
            let mut filters = Vec::with_capacity(chunk.len());
            for text in chunk {
                let filter = json!({"property": called, kind.as_str(): {"equals": text}});
                let filter = Filter::json(filter.to_string());
                filters.push(filter.map_err(|_| self.protocol("a value has no text form"))?);
            }
            let query = QueryDataSource::new(self.data_source)
                .sort(Sort::CREATED)
                .page_size(100)
                .filter(match filters.as_slice() {
                    [one] => one.clone(),
                    many => Filter::any(many),
                });
            let mut pages = self.client.pages(&query);
            let mut budget = self.options.hydrate_per_page;
            while let Some(answer) = pages.next_page().await {
                let list = answer.map_err(|error| self.failed(error))?.value;
                if list.is_capped() {
                    return Err(self.protocol("more rows have these values than Notion hands out"));
                }
                for row in list.into_pages() {
                    // It has one of these values: "not found" would be untrue.
                    let Some(page) = row.ok() else {
                        let why = "a row with one of these values could not be read";
                        return Err(self.protocol(why));
                    };
                    let record = self
                        .whole(&known.decoder, &page, &selection, &mut budget)
                        .await;
                    file(&mut found, field, &wanted, record);
                }
            }
        }
        Ok(found)
    }
}

/// Puts a record where its value was asked for. Notion's own comparison may be looser than equality.
fn file(found: &mut Found, field: &FieldId, wanted: &[Option<String>], record: Record) {
    let Some(text) = record.cells.complete(field).and_then(words) else {
        return;
    };
    for (at, value) in wanted.iter().enumerate() {
        let records = &mut found.records[at];
        let fresh = !records.iter().any(|known| known.key == record.key);
        if value.as_deref() == Some(&text) && fresh {
            records.push(record.clone());
        }
    }
}

/// The words of a value; `None` for what nobody looks for: nothing, and what is not text.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::RichText(text) => Some(text.plain()),
        _ => None,
    }
    .filter(|text| !text.is_empty())
}
