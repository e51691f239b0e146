//! Commands: one request each, never sent twice.

use notion_sync_client::api::{CreatePage, UpdatePage};
use notion_sync_client::object::Page;
use notion_sync_client::write::PropertyWrites;
use notion_sync_client::{Error, Object, PageId, Response};
use notion_sync_core::port::{
    Atomicity, Batch, Call, CellChange, Command, CommandKind, FieldSet, Outcome, PeerError,
    PeerErrorKind, Receipt, Rejection,
};
use notion_sync_core::record::{Key, Version};

use crate::describe;
use crate::encode::{self, invalid};
use crate::failure;
use crate::peer::{Known, NotionPeer};

impl NotionPeer {
    pub(crate) async fn apply_batch(
        &self,
        call: &Call<'_>,
        batch: &Batch,
    ) -> Result<Vec<Outcome>, PeerError> {
        if batch.mode == Atomicity::AllOrNothing && batch.commands.len() > 1 {
            let why = "Notion cannot change several pages at once";
            return Err(PeerError::new(&self.place, PeerErrorKind::Local, why));
        }
        self.go_on(call)?;
        let known = self.ensure_known().await?;
        let mut outcomes = Vec::with_capacity(batch.commands.len());
        for command in &batch.commands {
            let outcome = match self.go_on(call) {
                Ok(()) => self.execute(&known, command).await,
                Err(stop) => Err(stop),
            };
            match outcome {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) if outcomes.is_empty() => return Err(error),
                // What is done is done and must be told; the error will meet the next call again.
                Err(_) => break,
            }
        }
        outcomes.resize(batch.commands.len(), Outcome::NotSent);
        Ok(outcomes)
    }

    async fn execute(&self, known: &Known, command: &Command) -> Result<Outcome, PeerError> {
        let properties = match writes(known, &command.cells) {
            Ok(properties) => properties,
            Err(rejection) => return Ok(Outcome::Rejected(rejection)),
        };
        let answer = if command.kind == CommandKind::Create {
            let mut create = CreatePage::row(self.data_source);
            create.properties = properties;
            self.client.send(&create).await
        } else {
            let id = command
                .key
                .as_ref()
                .map(|key| key.as_str().parse::<PageId>());
            let Some(Ok(id)) = id else {
                let why = "the command names no page of Notion";
                return Ok(Outcome::Rejected(invalid(why)));
            };
            let mut update = UpdatePage::new(id);
            update.in_trash = match command.kind {
                CommandKind::Trash => Some(true),
                CommandKind::Untrash => Some(false),
                CommandKind::Patch | CommandKind::Create => None,
            };
            if update.in_trash.is_none() && properties.is_empty() {
                return Ok(Outcome::Rejected(invalid("the command writes nothing")));
            }
            update.properties = properties;
            self.client.send(&update).await
        };
        self.outcome(known, command, answer)
    }

    fn outcome(
        &self,
        known: &Known,
        command: &Command,
        answer: Result<Response<Object<Page>>, Error>,
    ) -> Result<Outcome, PeerError> {
        let page = match answer {
            Ok(answer) => match answer.value {
                Object::Full(page) => page,
                Object::Partial(partial) => {
                    let id = partial.id.parse::<PageId>().ok();
                    let key = id.map(|id| Key::durable(id.to_string()));
                    return Ok(match key.or_else(|| command.key.clone()) {
                        Some(key) => Outcome::Done(Receipt {
                            key,
                            version: None,
                            observed: None,
                        }),
                        None => Outcome::Ambiguous { key: None },
                    });
                }
            },
            Err(error) => {
                return failure::write(&self.place, &self.client, command.key.as_ref(), error);
            }
        };
        let selection = known.decoder.select(&FieldSet::All);
        let record = known.decoder.record(&page, &selection).record;
        // A receipt must show what was written, whole, and here: else the engine reads it itself. A
        // page that was moved a moment ago answers from where it is now.
        let here = self.elsewhere(&page).is_none();
        let whole = command
            .cells
            .iter()
            .all(|change| record.cells.complete(&change.field).is_some());
        Ok(Outcome::Done(Receipt {
            key: record.key.clone(),
            version: Some(Version(page.last_edited_time)),
            observed: (here && whole).then_some(record),
        }))
    }
}

/// The cells as property values, by property id as Notion returned it.
fn writes(known: &Known, cells: &[CellChange]) -> Result<PropertyWrites, Rejection> {
    let mut writes = PropertyWrites::new();
    for change in cells {
        let field = known.schema.field(&change.field).ok_or_else(|| {
            invalid(format!(
                "there is no property with the id {:?}; it may have been removed",
                change.field.as_str()
            ))
        })?;
        let called = describe::called_in(&known.schema, field);
        writes.set(called, encode::write(field, &change.desired)?);
    }
    Ok(writes)
}
