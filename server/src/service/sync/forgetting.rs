//! What no device that may still come back needs.

use landfall_store::ForgottenWork;

use crate::service::{ServiceError, Services};

impl Services {
    /// Forgets what entities were, how operations ended, what lost against what, and that something was
    /// deleted, of before the longest time that a device may be away; `limit` of each at most. Tells how
    /// much it forgot, with what was deleted as history. Names and digests of operations stay for ever.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn forget_sync(&self, limit: usize) -> Result<ForgottenWork, ServiceError> {
        let before = self.now().plus_ms(-self.settings.away_ms);
        let forgotten = self.store.forget_sync(before, limit).await?;
        let buried = self.store.forget_tombstones(before, limit).await?;
        Ok(ForgottenWork { history: forgotten.history + buried, ..forgotten })
    }
}
