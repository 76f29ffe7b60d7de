//! What a store knows of itself.

use landfall_core::feed::Epoch;

use super::{Query, Runner};
use crate::{Answer, StoreError};

/// Reads the store's epoch; a store that was never restored is in its first.
pub(crate) async fn epoch<R: Runner>(runner: &mut R) -> Answer<Epoch> {
    let sql = "select value from setting where name = 'epoch'";
    let value = runner.optional(Query::new(sql, [], |row| row.string(0))).await?;
    let Some(text) = value else { return Ok(Epoch(1)) };
    let unknown = |_| StoreError::Internal("the stored epoch is no number".into());
    text.parse().map(Epoch).map_err(unknown)
}

/// Answers when statements are answered.
pub(crate) async fn check<R: Runner>(runner: &mut R) -> Answer<()> {
    runner.one(Query::new("select 1", [], |_| Ok(()))).await
}
