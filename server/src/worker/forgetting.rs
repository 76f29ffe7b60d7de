//! Forgetting what nobody needs any more, class by class: so much in one run, once a minute or at once while there is
//! more, and counted.

use std::sync::Arc;

use super::{Crew, END_MAX, MINUTE, SWEEP_PAUSE};
use crate::blobs::SWEEP_PAGE;
use crate::metrics::Metrics;
use crate::service::retention::DataClass;
use crate::service::{ServiceError, Services};

/// Rows of one class that are forgotten in one run, with one statement.
const FORGET_MAX: usize = 5_000;
/// Messages forgotten in one run, with the files that they carried.
const FORGET_MESSAGES_MAX: usize = 500;
/// Notifications and deliveries forgotten in one run, with a few statements each.
const FORGET_EACH_MAX: usize = 256;

impl Crew<'_> {
    /// Forgets what is older than it is kept.
    pub(super) fn forget(&mut self, metrics: &Arc<Metrics>) {
        self.forget_what_was_sent(metrics);
        self.forget_offline_work(metrics);
        self.forgets(("key-sweeper", FORGET_MAX), metrics, |services, max| async move {
            Ok([(DataClass::IdempotencyKeys, services.forget_keys(max).await?)])
        });
        self.forgets(("revocation-sweeper", FORGET_MAX), metrics, |services, max| async move {
            Ok([(DataClass::Revocations, services.forget_revocations(max).await?)])
        });
        self.forgets(("trail-sweeper", FORGET_MAX), metrics, |services, max| async move {
            Ok([(DataClass::AuditDetails, services.forget_details(max).await?)])
        });
        self.forgets(("schedule-sweeper", FORGET_MAX), metrics, |services, max| async move {
            Ok([(DataClass::Schedule, services.forget_schedule(max).await?)])
        });
        self.forgets(("blobs", END_MAX), metrics, |services, max| async move {
            Ok([(DataClass::Blobs, services.forget_blobs(max).await?)])
        });
        // Files that are nobody's, a part of the folder at a time.
        self.every("blob-sweeper", (SWEEP_PAUSE, SWEEP_PAGE), |services| async move {
            services.sweep_blobs().await
        });
    }

    fn forget_what_was_sent(&mut self, metrics: &Arc<Metrics>) {
        let each = FORGET_EACH_MAX;
        self.forgets(("notification-sweeper", each), metrics, |services, max| async move {
            // A send outlives its notifications.
            let notifications = services.forget_notifications(max).await?;
            let sends = services.forget_sends(max).await?;
            Ok([(DataClass::Notifications, notifications), (DataClass::Sends, sends)])
        });
        self.forgets(("delivery-sweeper", each), metrics, |services, max| async move {
            Ok([(DataClass::Deliveries, services.forget_deliveries(max).await?)])
        });
        let messages = FORGET_MESSAGES_MAX;
        self.forgets(("message-sweeper", messages), metrics, |services, max| async move {
            Ok([(DataClass::Messages, services.forget_messages(max).await?)])
        });
    }

    fn forget_offline_work(&mut self, metrics: &Arc<Metrics>) {
        self.forgets(("sync-sweeper", FORGET_MAX), metrics, |services, max| async move {
            let forgotten = services.forget_sync(max).await?;
            Ok([
                (DataClass::Activities, forgotten.activities),
                (DataClass::SyncSessions, forgotten.sessions),
                (DataClass::SyncHistory, forgotten.history),
            ])
        });
    }

    /// Repeats a use case that forgets so much at most, and counts what it forgot.
    fn forgets<T, const N: usize>(
        &mut self,
        (name, max): (&'static str, usize),
        metrics: &Arc<Metrics>,
        work: impl Fn(Arc<Services>, usize) -> T + Send + 'static,
    ) where
        T: Future<Output = Result<[(DataClass, usize); N], ServiceError>> + Send + 'static,
    {
        let metrics = Arc::clone(metrics);
        self.every(name, (MINUTE, max), move |services| {
            let (work, metrics) = (work(services, max), Arc::clone(&metrics));
            async move {
                let forgotten = work.await?;
                forgotten.iter().for_each(|(class, count)| metrics.forgotten(*class, *count));
                Ok(forgotten.iter().map(|(_, count)| count).sum())
            }
        });
    }
}
