//! Who the people in cells are. A cell keeps their ids; what else a source tells of them is kept here.

use notion_sync_core::link::Side;
use notion_sync_core::pair::SideState;
use notion_sync_core::record::Cell;
use notion_sync_core::schema::FieldId;
use notion_sync_core::value::{Person, Value};

use super::Work;
use crate::error::Result;
use crate::replica::{Form, Table};

/// The source's fields that name people: who is meant, who made a record, who vouches for it.
pub(super) fn fields(table: Option<&Table>) -> Vec<FieldId> {
    let columns = table.into_iter().flat_map(Table::mapped);
    let people =
        columns.filter(|column| matches!(column.form(), Form::People | Form::Verification));
    people.map(|column| column.field.clone()).collect()
}

impl Work<'_> {
    /// Remembers names and addresses of everybody an observation of the source names.
    pub(super) fn know_people(&mut self, side: Side, state: &SideState) -> Result<()> {
        let is_source = self
            .table
            .as_ref()
            .is_some_and(|table| table.source == side);
        let Some(record) = state.shadow.as_ref().filter(|_| is_source) else {
            return Ok(());
        };
        for field in &self.people {
            let Some(Cell::Complete(value) | Cell::Truncated(value)) = record.cells.cell(field)
            else {
                continue;
            };
            let people = match value {
                Value::People(people) => &people[..],
                Value::Verification(verification) => verification.by.as_slice(),
                _ => &[],
            };
            for person in people {
                self.know(person)?;
            }
        }
        Ok(())
    }

    fn know(&self, person: &Person) -> Result<()> {
        let Some(id) = person.id() else {
            return Ok(());
        };
        // An answer that leaves something out takes nothing away.
        self.connection
            .prepare_cached(
                "INSERT INTO _sync_people(id, name, email) VALUES (?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET name = coalesce(excluded.name, name),
                   email = coalesce(excluded.email, email)
                 WHERE (coalesce(excluded.name, name), coalesce(excluded.email, email))
                   IS NOT (name, email)",
            )?
            .execute((id, person.name(), person.email()))?;
        Ok(())
    }
}
