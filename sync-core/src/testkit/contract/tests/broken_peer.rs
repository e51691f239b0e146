//! Every law of peers fails for a peer that breaks it.

use std::future::poll_fn;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use async_trait::async_trait;

use super::{MemoryWorld, sliced, world};
use crate::port::{
    Absence, Atomicity, Batch, Call, Capabilities, Command, CommandKind, Coverage, Cursor,
    Description, FieldSet, Found, Lookup, Next, Outcome, Peer, PeerError, PeerErrorKind, PlaceId,
    Receipt, ScanFrom, ScanPage, Scope, Sighting,
};
use crate::record::{Cell, Key, Lifecycle, Rank, Record};
use crate::schema::{FieldId, SchemaChange, SchemaVersion};
use crate::testkit::contract::peer::{self, Setup};
use crate::testkit::contract::{Deed, PeerWorld};
use crate::value::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    Moves,
    DescribesAnew,
    HidesTheLast,
    ClearsTheUnasked,
    AnswersBackwards,
    SeesNoTrash,
    FindsLoosely,
    StopsAtTheBad,
    ForgetsTheLastChange,
    UsesCursorsUp,
    TakesTheCursorLate,
    MovesRanks,
    MissesTheBorder,
    ComesBackwards,
    BeginsTomorrow,
    SlicesNoChanges,
    NamesOtherKeys,
    Shouts,
    Boasts,
    ClearsTheUnnamed,
    NeverClears,
    Appends,
    OnlyPatches,
    AnswersCommandsBackwards,
    NeverCompares,
    DropsUnknownFields,
    WritesTheComputed,
    MakesWhatIsNotThere,
    StopsAtARefusal,
    NeverTakesBack,
    AltersByLosing,
    SaysItAltered,
    RenamesByReplacing,
    WritesByHalves,
    DeniesWhatItDid,
}

type Law = fn(Setup<'_>);

const CAUGHT: [(&str, Law, Defect); 35] = {
    use Defect::*;
    use peer::*;
    macro_rules! table {
        ($($law:ident => $defect:ident),* $(,)?) => { [$((stringify!($law), $law as Law, $defect)),*] };
    }
    table![
        the_place_is_constant => Moves,
        the_description_is_stable_and_names_all_that_scans_show => DescribesAnew,
        a_full_scan_shows_every_live_record_once_whatever_the_page => HidesTheLast,
        cells_not_asked_for_are_unread => ClearsTheUnasked,
        fetch_answers_each_key_in_the_order_asked => AnswersBackwards,
        a_record_in_the_trash_is_seen_there => SeesNoTrash,
        find_is_exact_and_answers_each_value => FindsLoosely,
        one_bad_item_costs_itself => StopsAtTheBad,
        a_cursor_shows_what_changed_since_its_scan => ForgetsTheLastChange,
        a_cursor_can_be_used_twice_and_its_end_shows_nothing_old => UsesCursorsUp,
        an_edit_during_a_scan_is_in_it_or_in_the_next => TakesTheCursorLate,
        a_record_keeps_its_rank => MovesRanks,
        a_slice_shows_what_lies_within_it => MissesTheBorder,
        records_come_in_order_of_their_ranks => ComesBackwards,
        a_scan_given_up_goes_on_in_a_slice => BeginsTomorrow,
        changes_can_be_read_in_slices => SlicesNoChanges,
        a_create_answers_a_key_that_fetch_finds => NamesOtherKeys,
        a_written_value_reads_back => Shouts,
        a_receipt_shows_what_a_direct_read_shows => Boasts,
        cells_not_named_stay_as_they_are => ClearsTheUnnamed,
        empty_clears => NeverClears,
        a_value_written_twice_is_written_once => Appends,
        trash_and_untrash_lead_where_they_say => OnlyPatches,
        outcomes_come_one_per_command_in_order => AnswersCommandsBackwards,
        an_expected_cell_that_does_not_hold_is_stale => NeverCompares,
        an_unknown_field_is_rejected_and_nothing_changes => DropsUnknownFields,
        what_the_place_computes_is_not_changed_by_a_command => WritesTheComputed,
        a_command_on_no_record_does_nothing => MakesWhatIsNotThere,
        one_refused_command_costs_itself => StopsAtARefusal,
        all_or_nothing_is_that_or_refused => NeverTakesBack,
        alter_adds_or_refuses => AltersByLosing,
        a_schema_change_answered_as_done_is_read_back => SaysItAltered,
        a_renamed_option_stays_with_its_records => RenamesByReplacing,
        a_call_dropped_at_any_await_leaves_nothing_half_done => WritesByHalves,
        a_cancelled_call_is_whole_or_says_so => DeniesWhatItDid,
    ]
};

#[test]
fn every_law_of_peers_fails_for_a_peer_that_breaks_it() {
    let passes = CAUGHT.iter().filter(|(_, law, defect)| {
        let run = || law(&|| Box::new(Broken::new(*defect)));
        catch_unwind(AssertUnwindSafe(run)).is_ok()
    });
    let passes: Vec<_> = passes.map(|(name, _, defect)| (name, defect)).collect();
    assert_eq!(passes, [], "laws that pass, and the defect they should see");
}

#[test]
fn the_macro_names_the_laws_that_were_seen_to_fail() {
    let source = include_str!("../peer/mod.rs");
    let listed = source.split("peer:").last().unwrap_or_default();
    let listed = listed
        .split('}')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let caught: Vec<&str> = CAUGHT.iter().map(|(name, ..)| *name).collect();
    assert_eq!(listed.collect::<Vec<_>>(), caught);
}

struct Broken {
    world: MemoryWorld,
    defect: Defect,
    elsewhere: PlaceId,
    calls: AtomicU32,
    used: Mutex<Vec<Cursor>>,
}

impl Broken {
    fn new(defect: Defect) -> Self {
        Self {
            world: world(sliced(Capabilities {
                alter: true,
                ..Capabilities::local()
            })),
            defect,
            elsewhere: PlaceId::new("memory:elsewhere"),
            calls: AtomicU32::new(0),
            used: Mutex::default(),
        }
    }

    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn peer(&self) -> &dyn Peer {
        &self.world.peer
    }

    fn read(&self, mut record: Record, fields: &FieldSet) -> Record {
        if self.is(Defect::MovesRanks) {
            record.rank = Some(Rank::new(record.digest().to_text()));
        }
        if !self.is(Defect::ClearsTheUnasked) {
            return fields.select(record);
        }
        let mut record = fields.select(record);
        let cells = record.cells.iter().map(|(field, cell)| {
            let cell = match cell {
                Cell::Unread => Cell::Complete(Value::Empty),
                other => other.clone(),
            };
            (field.clone(), cell)
        });
        record.cells = cells.collect();
        record
    }

    /// The command as this peer understands it.
    fn bend(&self, command: &Command) -> Command {
        let mut bent = command.clone();
        let known = |field: &FieldId| {
            self.world
                .peer
                .live()
                .iter()
                .any(|record| record.cells.cell(field).is_some())
        };
        match self.defect {
            Defect::Shouts => {
                for cell in &mut bent.cells {
                    if let Value::Text(text) = &cell.desired {
                        cell.desired = Value::text(text.to_uppercase());
                    }
                }
            }
            Defect::ClearsTheUnnamed => {
                let notes = FieldId::new("notes");
                if bent.cells.iter().all(|cell| cell.field != notes) {
                    bent.cells.push(crate::port::CellChange {
                        field: notes,
                        expected: None,
                        desired: Value::Empty,
                    });
                }
            }
            Defect::NeverClears => bent.cells.retain(|cell| !cell.desired.is_empty()),
            Defect::Appends => {
                for cell in &mut bent.cells {
                    let key = bent.key.as_ref();
                    let now = key.and_then(|key| self.world.peer.value(key, cell.field.as_str()));
                    if let (Value::Text(text), true) =
                        (&cell.desired, now.as_ref() == Some(&cell.desired))
                    {
                        cell.desired = Value::text(format!("{text}!"));
                    }
                }
            }
            Defect::OnlyPatches if bent.kind == CommandKind::Trash => {
                bent.kind = CommandKind::Patch
            }
            Defect::NeverCompares => {
                bent.holding.clear();
                bent.cells.iter_mut().for_each(|cell| cell.expected = None);
            }
            Defect::DropsUnknownFields => bent.cells.retain(|cell| known(&cell.field)),
            Defect::WritesTheComputed => {
                if let Some(key) = &bent.key {
                    for cell in bent
                        .cells
                        .iter()
                        .filter(|cell| cell.field.as_str() == "made")
                    {
                        self.world
                            .peer
                            .set_cell(key, "made", Cell::Complete(cell.desired.clone()));
                    }
                }
            }
            Defect::MakesWhatIsNotThere => {
                let there = self.world.peer.records();
                if there
                    .iter()
                    .all(|record| Some(&record.key) != bent.key.as_ref())
                {
                    bent.key = None;
                    bent.kind = CommandKind::Create;
                }
            }
            _ => {}
        }
        bent
    }

    fn tell(&self, outcome: Outcome) -> Outcome {
        let Outcome::Done(mut receipt) = outcome else {
            return outcome;
        };
        match self.defect {
            Defect::NamesOtherKeys => receipt.key = Key::durable("another"),
            Defect::Boasts => {
                if let Some(record) = &mut receipt.observed {
                    let boast = Cell::Complete(Value::text("boast"));
                    record.cells.put(FieldId::new("title"), boast);
                }
            }
            _ => {}
        }
        Outcome::Done(Receipt { ..receipt })
    }
}

impl PeerWorld for Broken {
    fn peer(&self) -> &dyn Peer {
        self
    }

    fn person(&self, deed: &Deed) -> Option<Key> {
        self.world.person(deed)
    }
}

#[async_trait]
impl Peer for Broken {
    fn place(&self) -> &PlaceId {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        match self.is(Defect::Moves) && calls > 1 {
            true => &self.elsewhere,
            false => self.peer().place(),
        }
    }

    async fn describe(&self, call: &Call<'_>) -> Result<Description, PeerError> {
        let mut description = self.peer().describe(call).await?;
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        if self.is(Defect::DescribesAnew) {
            description.schema.title = format!("{calls}");
        }
        if self.is(Defect::AltersByLosing) && calls > 0 {
            description.schema.fields.pop();
        }
        Ok(description)
    }

    async fn scan(
        &self,
        call: &Call<'_>,
        from: &ScanFrom,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        let mut from = from.clone();
        if let ScanFrom::Start { since, scope } = &mut from {
            match (self.defect, &mut *scope) {
                (Defect::MissesTheBorder, Scope::Slice(range)) => {
                    if let Bound::Included(border) = &range.from {
                        range.from = Bound::Excluded(border.clone());
                    }
                }
                (Defect::SlicesNoChanges, _) if since.is_some() => *scope = Scope::All,
                _ => {}
            }
        }
        let mut page = self.peer().scan(call, &from, &FieldSet::All, limit).await?;
        let since = match &from {
            ScanFrom::Start { since, .. } => since.clone(),
            ScanFrom::Next(_) => None,
        };
        let gap = |item: &Sighting| match item {
            Sighting::Seen(record) => record.cells.iter().any(|(_, cell)| cell.gap().is_some()),
            _ => false,
        };
        match self.defect {
            Defect::HidesTheLast if page.items.len() > 1 => {
                page.items.pop();
            }
            Defect::StopsAtTheBad if page.items.iter().any(gap) => {
                page.items.clear();
                page.next = Next::End {
                    coverage: Coverage::Partial("one cannot be read".into()),
                    cursor: None,
                };
            }
            Defect::ComesBackwards => page.items.reverse(),
            Defect::BeginsTomorrow => {
                let began = page.began.take();
                let began = began.and_then(|began| began.0.parse::<u64>().ok());
                page.began = began.map(|began| Cursor((began + 1_000).to_string()));
            }
            Defect::ForgetsTheLastChange if since.is_some() => {
                page.items.pop();
            }
            Defect::UsesCursorsUp => {
                let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
                if since.as_ref().is_some_and(|since| used.contains(since)) {
                    page.items.clear();
                }
                used.extend(since);
            }
            Defect::TakesTheCursorLate => {
                if let Next::End { cursor, .. } = &mut page.next {
                    let whole = self
                        .peer()
                        .scan(call, &ScanFrom::full(), fields, 100)
                        .await?;
                    if let Next::End { cursor: late, .. } = whole.next {
                        *cursor = late;
                    }
                }
            }
            _ => {}
        }
        let items = page.items.into_iter().map(|item| match item {
            Sighting::Seen(record) => Sighting::Seen(self.read(record, fields)),
            other => other,
        });
        Ok(ScanPage {
            items: items.collect(),
            ..page
        })
    }

    async fn fetch(
        &self,
        call: &Call<'_>,
        keys: &[Key],
        fields: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        let answers = self.peer().fetch(call, keys, &FieldSet::All).await?;
        let answers = answers.into_iter().map(|answer| match answer {
            Lookup::Here(record)
                if self.is(Defect::SeesNoTrash) && record.lifecycle != Lifecycle::Live =>
            {
                Lookup::Absent(Absence::Authoritative)
            }
            Lookup::Here(record) => Lookup::Here(self.read(record, fields)),
            other => other,
        });
        let mut answers: Vec<_> = answers.collect();
        if self.is(Defect::AnswersBackwards) {
            answers.reverse();
        }
        Ok(answers)
    }

    async fn find(
        &self,
        call: &Call<'_>,
        field: &FieldId,
        values: &[Value],
    ) -> Result<Found, PeerError> {
        let mut found = self.peer().find(call, field, values).await?;
        if self.is(Defect::FindsLoosely) {
            for (records, value) in found.records.iter_mut().zip(values) {
                *records = self.world.peer.live();
                records.retain(|record| {
                    let here = record.cells.complete(field).map(Value::display);
                    here.is_some_and(|here| here.starts_with(&value.display()))
                });
            }
        }
        Ok(found)
    }

    async fn apply(&self, call: &Call<'_>, batch: &Batch) -> Result<Vec<Outcome>, PeerError> {
        let mut bent = Batch {
            mode: batch.mode,
            commands: batch
                .commands
                .iter()
                .map(|command| self.bend(command))
                .collect(),
        };
        let cancelled = || PeerError::new(self.peer().place(), PeerErrorKind::Cancelled, "stopped");
        match self.defect {
            Defect::NeverTakesBack => bent.mode = Atomicity::PerCommand,
            Defect::StopsAtARefusal => {
                let mut outcomes = Vec::new();
                for command in bent.commands {
                    let refused = |outcome: &Outcome| matches!(outcome, Outcome::Rejected(_));
                    if outcomes.iter().any(refused) {
                        outcomes.push(Outcome::NotSent);
                        continue;
                    }
                    let one = Batch {
                        mode: batch.mode,
                        commands: vec![command],
                    };
                    outcomes.extend(self.peer().apply(call, &one).await?);
                }
                return Ok(outcomes);
            }
            Defect::WritesByHalves => {
                let mut half = bent.clone();
                for command in &mut half.commands {
                    command.cells.truncate(command.cells.len() / 2);
                }
                if half.commands.iter().all(|command| command.key.is_some()) {
                    self.peer().apply(call, &half).await?;
                    pause().await;
                }
            }
            Defect::DeniesWhatItDid if call.cancel.is_cancelled() => {
                self.peer().apply(call, &bent).await?;
                return Err(cancelled());
            }
            _ => {}
        }
        let outcomes = self.peer().apply(call, &bent).await?.into_iter();
        let mut outcomes: Vec<_> = outcomes.map(|outcome| self.tell(outcome)).collect();
        if self.is(Defect::AnswersCommandsBackwards) {
            outcomes.reverse();
        }
        Ok(outcomes)
    }

    async fn alter(
        &self,
        call: &Call<'_>,
        expect: &SchemaVersion,
        changes: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        let done = |change: &SchemaChange| {
            let key = Key::durable(format!("{change:?}"));
            let (version, observed) = (None, None);
            Outcome::Done(Receipt {
                key,
                version,
                observed,
            })
        };
        if self.is(Defect::SaysItAltered) {
            return Ok(changes.iter().map(done).collect());
        }
        let mut bent = changes.to_vec();
        if self.is(Defect::RenamesByReplacing)
            && let [
                SchemaChange::RenameOption {
                    field,
                    option,
                    name,
                },
            ] = changes
        {
            bent = vec![
                SchemaChange::RemoveOption {
                    field: field.clone(),
                    option: option.clone(),
                },
                SchemaChange::AddOptions {
                    field: field.clone(),
                    names: vec![name.clone()],
                },
            ];
        }
        let mut outcomes = self.peer().alter(call, expect, &bent).await?;
        outcomes.truncate(changes.len());
        Ok(outcomes)
    }
}

/// One await that is pending once.
pub(super) async fn pause() {
    let mut paused = false;
    poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
