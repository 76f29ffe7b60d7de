//! Asking what became of text messages of which no report came, a few at a time.
//!
//! Apart from the outbox, so that no question takes the place of a delivery. A round ends early
//! where an answer failed to come: a provider that is ill is not asked for all that waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{paced, periodic};
use crate::service::unreported::Question;
use crate::service::{ServiceError, Services};

/// Messages that are looked at in a round.
const ROUND_MAX: usize = 32;
/// Questions under way at the same time.
const AT_ONCE: usize = 4;
/// Between two rounds, unless more waits.
const PAUSE: Duration = Duration::from_secs(1);

/// Asks until cancelled; questions under way are given up then, and put again later.
pub(super) async fn ask(services: Arc<Services>, cancel: CancellationToken) {
    let stop = cancel.clone();
    let work = move || round(Arc::clone(&services), stop.clone());
    periodic::every("reports", paced(PAUSE, ROUND_MAX), cancel, work).await;
}

/// Asks about what waits longest; tells how many were asked about, of which all were answered, or
/// none.
async fn round(services: Arc<Services>, stop: CancellationToken) -> Result<usize, ServiceError> {
    let overdue = services.unreported(ROUND_MAX).await?;
    let (all, mut left) = (overdue.len(), overdue.into_iter());
    let (mut under_way, mut ended) = (JoinSet::new(), Ok(all));
    loop {
        while ended.as_ref().is_ok_and(|asked| *asked > 0) && under_way.len() < AT_ONCE {
            let Some(sms) = left.next() else { break };
            let (services, stop) = (Arc::clone(&services), stop.clone());
            under_way.spawn(async move { services.ask_about(&sms, &stop).await });
        }
        match under_way.join_next().await {
            None => return ended,
            Some(Ok(Ok(Question::Answered | Question::Dropped))) => {}
            Some(Ok(Ok(Question::Unanswered)) | Err(_)) => ended = ended.map(|_| 0),
            Some(Ok(Err(error))) => ended = ended.and(Err(error)),
        }
    }
}
