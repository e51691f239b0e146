//! What people call the records and fields that a report speaks of.

use std::collections::BTreeSet;

use super::RunError;
use super::cycle::{CHUNK, Cycle};
use crate::pair::PairId;
use crate::plan::{RecordName, keys_of, label};
use crate::port::Query;

/// Records that are named in a report, at most.
const NAMED: usize = 1_000;

impl Cycle<'_> {
    /// Names what refusals and undelivered commands are about.
    pub(super) async fn name_what_is_told(&mut self) -> Result<(), RunError> {
        let report = &self.report;
        let refused = report.refusals.iter().filter_map(|refusal| refusal.pair);
        let undelivered = report.undelivered.iter().map(|command| command.pair);
        let pairs: BTreeSet<PairId> = refused.chain(undelivered).take(NAMED).collect();
        let pairs: Vec<PairId> = pairs.into_iter().collect();
        for ids in pairs.chunks(CHUNK as usize) {
            for pair in self.pairs(&Query::Pairs(ids.to_vec()), None).await? {
                let label = self.with_context(&pair, |context, pair, _| label(context, pair));
                let keys = keys_of(&pair);
                let name = RecordName { label, keys };
                self.report.records.insert(pair.id, name);
            }
        }
        let fields = self.report.refusals.iter();
        let fields = fields.filter_map(|refusal| refusal.field.as_ref());
        let names = &self.at_sight.field_names;
        let named = fields.filter_map(|field| names.get_key_value(field));
        self.report.field_names = named.map(|(id, name)| (id.clone(), name.clone())).collect();
        Ok(())
    }
}
