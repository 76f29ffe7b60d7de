//! Whether the database answers.

use super::{Query, Runner};
use crate::Answer;

/// Answers when statements are answered.
pub(crate) async fn check<R: Runner>(runner: &mut R) -> Answer<()> {
    runner.one(Query::new("select 1", [], |_| Ok(()))).await
}
