//! What a schema change does to a collection in memory.

use super::rows::Inner;
use crate::port::{Outcome, Receipt, Rejection, RejectionKind};
use crate::record::{Cell, Key};
use crate::schema::{Access, Field, FieldId, FieldIds, FieldType, Limits, SchemaChange};
use crate::value::{Choice, Value};

pub(super) fn rejected(message: &str) -> Outcome {
    Outcome::Rejected(Rejection {
        kind: RejectionKind::Invalid,
        message: message.to_owned(),
    })
}

impl Inner {
    /// Carries out one change. Renaming or removing an option changes what rows show and, as with
    /// Notion, counts as no edit of theirs.
    pub(super) fn alter(&mut self, change: &SchemaChange) -> Outcome {
        match self.altered(change) {
            Ok(field) => Outcome::Done(Receipt {
                key: Key::durable(field.as_str()),
                version: None,
                observed: None,
            }),
            Err(message) => rejected(message),
        }
    }

    fn altered(&mut self, change: &SchemaChange) -> Result<FieldId, &'static str> {
        match change {
            SchemaChange::AddField { name, ty } => self.add_field(name, ty),
            SchemaChange::RenameField { field, name } => {
                let taken = self.schema.by_name(name);
                if taken.is_some_and(|other| other.id != *field) {
                    return Err("there is a field of that name");
                }
                if self.capabilities.field_ids == FieldIds::NameOnly {
                    return Err("a field is its name here");
                }
                self.field(field)?.name.clone_from(name);
                Ok(field.clone())
            }
            SchemaChange::AddOptions { field, names } => {
                if names.iter().any(|name| name.contains(',')) {
                    return Err("an option holds a comma");
                }
                let ids = self.capabilities.field_ids;
                let options = self.options(field)?;
                for name in names {
                    if options.iter().any(|option| option.name == *name) {
                        continue;
                    }
                    let made = format!("option-{}-{name}", options.len());
                    options.push(match ids {
                        FieldIds::Stable => Choice::with_id(made, name),
                        FieldIds::NameOnly => Choice::named(name),
                    });
                }
                Ok(field.clone())
            }
            SchemaChange::RenameOption {
                field,
                option,
                name,
            } => {
                if name.contains(',') {
                    return Err("an option holds a comma");
                }
                let options = self.options(field)?;
                if options.iter().any(|other| other.name == *name) {
                    return Err("there is an option of that name");
                }
                let there = options.iter_mut().find(|there| there.is_same(option));
                there.ok_or("there is no such option")?.name = name.into();
                self.each_choice(field, |choice| {
                    if choice.is_same(option) {
                        choice.name = name.into();
                    }
                    true
                });
                Ok(field.clone())
            }
            SchemaChange::SetTitle { title } => {
                self.schema.title.clone_from(title);
                Ok(FieldId::new(""))
            }
            SchemaChange::RemoveField { field } => {
                self.field(field)?;
                self.schema.fields.retain(|there| there.id != *field);
                for row in self.rows.all_mut() {
                    let cells = &mut row.record.cells;
                    let kept = cells.iter().filter(|(id, _)| *id != field);
                    *cells = kept.map(|(id, cell)| (id.clone(), cell.clone())).collect();
                }
                Ok(field.clone())
            }
            SchemaChange::RemoveOption { field, option } => {
                self.options(field)?.retain(|there| !there.is_same(option));
                self.each_choice(field, |choice| !choice.is_same(option));
                Ok(field.clone())
            }
            SchemaChange::RetypeField { field, ty } => {
                self.field(field)?.ty = ty.clone();
                for row in self.rows.all_mut() {
                    let empty = Cell::Complete(Value::Empty);
                    row.record.cells.put(field.clone(), empty);
                }
                Ok(field.clone())
            }
        }
    }

    fn add_field(&mut self, name: &str, ty: &FieldType) -> Result<FieldId, &'static str> {
        if self.schema.by_name(name).is_some() {
            return Err("there is a field of that name");
        }
        let id = match self.capabilities.field_ids {
            FieldIds::Stable => FieldId::new(format!("f{}", self.schema.fields.len() + 1)),
            FieldIds::NameOnly => FieldId::new(name),
        };
        self.schema.fields.push(Field {
            id: id.clone(),
            name: name.to_owned(),
            ty: ty.clone(),
            access: Access::Writable,
            limits: Limits::default(),
        });
        for row in self.rows.all_mut() {
            let empty = Cell::Complete(Value::Empty);
            row.record.cells.put(id.clone(), empty);
        }
        Ok(id)
    }

    fn field(&mut self, id: &FieldId) -> Result<&mut Field, &'static str> {
        let mut fields = self.schema.fields.iter_mut();
        fields
            .find(|field| field.id == *id)
            .ok_or("there is no such field")
    }

    fn options(&mut self, id: &FieldId) -> Result<&mut Vec<Choice>, &'static str> {
        match &mut self.field(id)?.ty {
            FieldType::Select(all) | FieldType::Status(all) | FieldType::MultiSelect(all) => {
                Ok(all)
            }
            _ => Err("the field has no options"),
        }
    }

    /// Changes the options that rows hold in a field; those for which it is false go.
    fn each_choice(&mut self, field: &FieldId, mut keep: impl FnMut(&mut Choice) -> bool) {
        for row in self.rows.all_mut() {
            let changed = match row.record.cells.complete(field) {
                Some(Value::Choice(choice)) => {
                    let mut choice = choice.clone();
                    match keep(&mut choice) {
                        true => Value::Choice(choice),
                        false => Value::Empty,
                    }
                }
                Some(Value::Choices(choices)) => {
                    let mut choices = choices.clone();
                    choices.retain_mut(&mut keep);
                    Value::choices(choices)
                }
                _ => continue,
            };
            let cell = Cell::Complete(changed);
            row.record.cells.put(field.clone(), cell);
        }
    }
}
