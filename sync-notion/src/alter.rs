//! Additive schema changes: read afresh, change one property, read again.

use notion_sync_client::Error;
use notion_sync_client::api::UpdateDataSource;
use notion_sync_client::object::{
    DataSource, NumberFormat, OptionSchema, PropertyConfig, PropertySchema, plain_text,
};
use notion_sync_client::write::{OptionWrite, PropertyChange, PropertyConfigWrite, RichTextWrite};
use notion_sync_core::port::{Call, Outcome, PeerError, Receipt, Rejection};
use notion_sync_core::record::Key;
use notion_sync_core::schema::{FieldType, SchemaChange, SchemaVersion};
use notion_sync_core::value::Choice;

use crate::describe;
use crate::encode::invalid;
use crate::failure;
use crate::peer::NotionPeer;

impl NotionPeer {
    pub(crate) async fn alter_schema(
        &self,
        call: &Call<'_>,
        expect: &SchemaVersion,
        changes: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        self.go_on(call)?;
        let mut source = self.read_source().await?;
        let known = self.remember(describe::schema(&source));
        if known.schema.version() != *expect {
            return Ok(vec![Outcome::Stale(None); changes.len()]);
        }
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            match self.change(&mut source, change).await {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) if outcomes.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        outcomes.resize(changes.len(), Outcome::NotSent);
        Ok(outcomes)
    }

    async fn change(
        &self,
        source: &mut DataSource,
        change: &SchemaChange,
    ) -> Result<Outcome, PeerError> {
        let request = UpdateDataSource::new(self.data_source);
        let request = match plan(source, change) {
            Ok(Plan::Send(key, write)) => request.property(key, write),
            Ok(Plan::Title(title)) => request.title(vec![RichTextWrite::text(title)]),
            Ok(Plan::Nothing(id)) => return Ok(done(&id)),
            Err(rejection) => return Ok(Outcome::Rejected(rejection)),
        };
        if let Err(error) = self.client.send(&request).await {
            return self.refused(error);
        }
        // The option list is declarative: only a fresh read shows that none was lost.
        let Ok(now) = self.read_source().await else {
            return Ok(Outcome::Ambiguous { key: None });
        };
        let before = std::mem::replace(source, now);
        self.remember(describe::schema(source));
        Ok(match settled(&before, source, change) {
            Some(id) => done(&id),
            None => Outcome::Ambiguous { key: None },
        })
    }

    fn refused(&self, error: Error) -> Result<Outcome, PeerError> {
        failure::write(&self.place, &self.client, None, error)
    }
}

enum Plan {
    Send(String, PropertyChange),
    /// A new name for the data source.
    Title(String),
    /// It is so already.
    Nothing(String),
}

fn done(id: &str) -> Outcome {
    Outcome::Done(Receipt {
        key: Key::durable(id),
        version: None,
        observed: None,
    })
}

fn plan(source: &DataSource, change: &SchemaChange) -> Result<Plan, Rejection> {
    match change {
        SchemaChange::AddField { name, ty } => {
            if source.property_named(name).is_some() {
                return Err(invalid(format!("there is a property {name:?} already")));
            }
            if source.properties.iter().any(|one| one.id.as_str() == name) {
                let why =
                    format!("{name:?} is the id of another property, which Notion would change");
                return Err(invalid(why));
            }
            let set = PropertyChange::set(new_config(ty)?);
            Ok(Plan::Send(name.clone(), set))
        }
        SchemaChange::RenameField { field, name } => {
            let property = property(source, field.as_str())?;
            if property.name == *name {
                return Ok(Plan::Nothing(field.to_string()));
            }
            if source.property_named(name).is_some() {
                return Err(invalid(format!("there is a property {name:?} already")));
            }
            let rename = PropertyChange::Rename(name.clone());
            Ok(Plan::Send(called(source, property).to_owned(), rename))
        }
        SchemaChange::AddOptions { field, names } => {
            let property = property(source, field.as_str())?;
            let old = options(property).ok_or_else(|| {
                invalid(format!(
                    "{:?} has no options that could be added to",
                    property.name
                ))
            })?;
            let mut all = OptionWrite::keep_all(old);
            let mut fresh: Vec<&str> = Vec::new();
            for name in names
                .iter()
                .filter(|name| !old.iter().any(|one| one.name == **name))
            {
                if fresh.contains(&name.as_str()) {
                    continue;
                }
                let twin = old
                    .iter()
                    .map(|one| one.name.as_str())
                    .chain(fresh.iter().copied());
                check_option(name, twin)?;
                fresh.push(name);
                all.push(OptionWrite::new(name));
            }
            if fresh.is_empty() {
                return Ok(Plan::Nothing(field.to_string()));
            }
            let config = match &property.config {
                PropertyConfig::Select { .. } => PropertyConfigWrite::Select(all),
                PropertyConfig::MultiSelect { .. } => PropertyConfigWrite::MultiSelect(all),
                _ => PropertyConfigWrite::Status(Some(all)),
            };
            let set = PropertyChange::set(config);
            Ok(Plan::Send(called(source, property).to_owned(), set))
        }
        SchemaChange::SetTitle { title } if plain_text(&source.title) == *title => {
            Ok(Plan::Nothing(String::new()))
        }
        SchemaChange::SetTitle { title } => Ok(Plan::Title(title.clone())),
        // Notion takes no new name for an option that exists.
        _ => Err(invalid("Notion's schema cannot be changed this way")),
    }
}

/// Notion's rules for names of options (NOTION_API 3.3).
fn check_option<'a>(
    name: &str,
    mut others: impl Iterator<Item = &'a str>,
) -> Result<(), Rejection> {
    if name.contains(',') {
        return Err(invalid(format!(
            "the option {name:?} holds a comma, which Notion refuses"
        )));
    }
    let lower = name.to_lowercase();
    match others.find(|other| other.to_lowercase() == lower) {
        Some(other) => Err(invalid(format!(
            "the option {name:?} differs from {other:?} in case only, which Notion refuses"
        ))),
        None => Ok(()),
    }
}

fn property<'a>(source: &'a DataSource, id: &str) -> Result<&'a PropertySchema, Rejection> {
    source
        .properties
        .iter()
        .find(|property| property.id.as_str() == id)
        .ok_or_else(|| invalid("the property is not there any more"))
}

fn called<'a>(source: &'a DataSource, property: &'a PropertySchema) -> &'a str {
    let names = source.properties.iter().map(|other| other.name.as_str());
    describe::called(property.id.as_str(), &property.name, names)
}

fn options(property: &PropertySchema) -> Option<&[OptionSchema]> {
    match &property.config {
        PropertyConfig::Select { options }
        | PropertyConfig::MultiSelect { options }
        | PropertyConfig::Status { options, .. } => Some(options),
        _ => None,
    }
}

fn new_config(ty: &FieldType) -> Result<PropertyConfigWrite, Rejection> {
    let new = |options: &[Choice]| -> Vec<OptionWrite> {
        options
            .iter()
            .map(|option| OptionWrite::new(option.name.as_str()))
            .collect()
    };
    Ok(match ty {
        FieldType::RichText | FieldType::Text => PropertyConfigWrite::RichText,
        FieldType::Number => PropertyConfigWrite::Number(NumberFormat::Number),
        FieldType::Checkbox => PropertyConfigWrite::Checkbox,
        FieldType::Select(options) => PropertyConfigWrite::Select(new(options)),
        FieldType::MultiSelect(options) => PropertyConfigWrite::MultiSelect(new(options)),
        FieldType::Status(options) if options.is_empty() => PropertyConfigWrite::Status(None),
        FieldType::Status(options) => PropertyConfigWrite::Status(Some(new(options))),
        FieldType::Date => PropertyConfigWrite::Date,
        FieldType::Url => PropertyConfigWrite::Url,
        FieldType::Email => PropertyConfigWrite::Email,
        FieldType::Phone => PropertyConfigWrite::PhoneNumber,
        _ => {
            let why = format!("a {} property cannot be added here", ty.name());
            return Err(invalid(why));
        }
    })
}

/// The id of the changed property, if the fresh schema shows the change and kept everything else.
fn settled(before: &DataSource, now: &DataSource, change: &SchemaChange) -> Option<String> {
    let kept = before.properties.iter().all(|old| {
        now.property(&old.id).is_some_and(|new| {
            let lost = options(old).unwrap_or_default().iter().any(|option| {
                !options(new)
                    .unwrap_or_default()
                    .iter()
                    .any(|one| one.id == option.id)
            });
            new.kind == old.kind && !lost
        })
    });
    let id = match change {
        SchemaChange::AddField { name, .. } => now.property_named(name)?.id.as_str(),
        SchemaChange::RenameField { field, name } => {
            let property = property(now, field.as_str()).ok()?;
            (property.name == *name).then_some(field.as_str())?
        }
        SchemaChange::AddOptions { field, names } => {
            let options = options(property(now, field.as_str()).ok()?)?;
            let has = |name: &String| options.iter().any(|option| option.name == *name);
            names.iter().all(has).then_some(field.as_str())?
        }
        SchemaChange::SetTitle { title } => (plain_text(&now.title) == *title).then_some("")?,
        _ => return None,
    };
    kept.then(|| id.to_owned())
}
