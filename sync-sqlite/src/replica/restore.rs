//! Rows out of the trash, as a person takes them out.

use notion_sync_core::port::StoreError;
use rusqlite::TransactionBehavior;

use super::{SqliteReplica, Table};

impl SqliteReplica {
    /// Takes rows out of the trash, as `UPDATE … SET _trashed = 0` does: an edit that the next run
    /// carries out. Answers those that were in it; the others are left as they are.
    ///
    /// # Errors
    /// When the file cannot be written. Then nothing was.
    pub async fn restore(&self, rows: &[i64]) -> Result<Vec<i64>, StoreError> {
        let (link, rows) = (self.link.clone(), rows.to_vec());
        self.worker
            .ask(move |database| {
                if database.reader()?.is_none() {
                    return Ok(Vec::new());
                }
                let transaction = database
                    .writer()?
                    .transaction_with_behavior(TransactionBehavior::Immediate)?;
                let Some(table) = Table::load(&transaction, &link)? else {
                    return Ok(Vec::new());
                };
                let sql = format!(
                    "UPDATE {} SET _trashed = 0 WHERE _row = ?1 AND _trashed = 1",
                    table.quoted()
                );
                let mut restored = Vec::new();
                for row in rows {
                    if transaction.prepare_cached(&sql)?.execute([row])? > 0 {
                        restored.push(row);
                    }
                }
                transaction.commit()?;
                Ok(restored)
            })
            .await
    }
}
