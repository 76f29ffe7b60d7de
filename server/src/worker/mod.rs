//! What runs by itself: sends, the outbox, questions about text messages, recalls, the sealer,
//! expiry, confirmations, sums, whom tokens name for the first time, backups that were vouched for, and
//! forgetting what is old.
//!
//! Each worker repeats one use case and decides nothing. A worker that meets a store that is away
//! waits and tries again; none ever ends before it is told to.

pub mod life;
mod live_events;
mod meetings;
mod outbox;
mod periodic;
mod reports;
mod sums;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::blobs::SWEEP_PAGE;
use crate::metrics::Metrics;
use crate::service::live_queue::LiveEvents;
use crate::service::{REVOCATIONS_PAGE, Services};

/// How the workers are paced.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two runs of the sealer (design: at least one a second).
    pub seal: Duration,
    /// Deliveries under way at the same time.
    pub deliveries: usize,
}

/// Entries that one block of the audit trail binds at most.
const SEAL_ENTRIES_MAX: usize = 2_000;
/// Expired notifications given up in one run.
const EXPIRE_MAX: usize = 500;
/// Idempotency keys forgotten in one run.
const FORGET_MAX: usize = 5_000;
/// Deliveries forgotten in one run, with a few statements each.
const FORGET_DELIVERIES_MAX: usize = 256;

/// Rows looked at together to seal them anew.
const RENEW_MAX: usize = 200;

/// Deliveries of channels without a provider that are ended in one run.
const UNCONFIGURED_MAX: usize = 256;

/// Lessons whose time is over that are deleted in one run, and blobs that are forgotten in one.
const END_MAX: usize = 200;

/// Between two looks for members who are to be told of messages.
const TELL_ABSENT: Duration = Duration::from_millis(500);

/// Between two looks at whether the operator vouched for a backup.
const LOOK_FOR_BACKUP: Duration = Duration::from_secs(15);

/// Starts the workers; they end when `cancel` is, after what they are at.
pub fn start(
    services: &Arc<Services>,
    metrics: &Arc<Metrics>,
    events: LiveEvents,
    pace: Pace,
    cancel: &CancellationToken,
) -> JoinSet<()> {
    let mut workers = JoinSet::new();
    let given = || (Arc::clone(services), cancel.clone());
    let (theirs, stop) = given();
    workers.spawn(expand(theirs, Arc::clone(metrics), stop));
    let (theirs, stop) = given();
    let rounds = metrics.sealer_runs.clone();
    workers.spawn(periodic::every("sealer", paced(pace.seal, SEAL_ENTRIES_MAX), stop, move || {
        let services = Arc::clone(&theirs);
        rounds.inc();
        async move { services.seal(SEAL_ENTRIES_MAX).await }
    }));
    let (theirs, stop) = given();
    workers.spawn(periodic::every(
        "expiry",
        paced(Duration::from_secs(1), EXPIRE_MAX),
        stop,
        move || {
            let services = Arc::clone(&theirs);
            async move { services.expire(EXPIRE_MAX).await }
        },
    ));
    let (theirs, stop) = given();
    workers.spawn(periodic::every(
        "key-sweeper",
        paced(Duration::from_secs(60), FORGET_MAX),
        stop,
        move || {
            let services = Arc::clone(&theirs);
            async move { services.forget_keys(FORGET_MAX).await }
        },
    ));
    care_for_work(services, cancel, &mut workers);
    hear_revocations(services, cancel, &mut workers);
    carry_out(services, metrics, pace.deliveries, cancel, &mut workers);
    sums::start(services, metrics, cancel, &mut workers);
    care_for_people(services, cancel, &mut workers);
    care_for_classes(services, cancel, &mut workers);
    workers.spawn(live_events::store(Arc::clone(services), events));
    workers
}

/// Stores whom tokens name for the first time, and seals anew what older keys sealed.
fn care_for_people(
    services: &Arc<Services>,
    cancel: &CancellationToken,
    workers: &mut JoinSet<()>,
) {
    workers.spawn(meetings::store(Arc::clone(services), cancel.clone()));
    let theirs = Arc::clone(services);
    let pace = paced(Duration::from_secs(3_600), RENEW_MAX);
    workers.spawn(periodic::every("seals", pace, cancel.clone(), move || {
        let services = Arc::clone(&theirs);
        async move { services.renew_seals(RENEW_MAX).await }
    }));
}

/// Forgets what no device that may still come back needs, and hears what devices may forget.
fn care_for_work(services: &Arc<Services>, cancel: &CancellationToken, workers: &mut JoinSet<()>) {
    let theirs = Arc::clone(services);
    let pace = paced(Duration::from_secs(60), FORGET_MAX);
    workers.spawn(periodic::every("sync-sweeper", pace, cancel.clone(), move || {
        let services = Arc::clone(&theirs);
        async move { services.forget_sync(FORGET_MAX).await }
    }));
    let theirs = Arc::clone(services);
    let pace = paced(Duration::from_secs(60), FORGET_MAX);
    workers.spawn(periodic::every("message-sweeper", pace, cancel.clone(), move || {
        let services = Arc::clone(&theirs);
        async move { services.forget_messages(FORGET_MAX).await }
    }));
    let theirs = Arc::clone(services);
    let pace = paced(TELL_ABSENT, 1);
    workers.spawn(periodic::every("notices", pace, cancel.clone(), move || {
        let services = Arc::clone(&theirs);
        async move { services.tell_absent().await }
    }));
    let theirs = Arc::clone(services);
    let pace = paced(LOOK_FOR_BACKUP, usize::MAX);
    workers.spawn(periodic::every("backups", pace, cancel.clone(), move || {
        let services = Arc::clone(&theirs);
        async move { services.look_for_backup().await }
    }));
}

/// Deletes lessons whose time is over, forgets blobs that nobody needs, and sweeps up files that are
/// nobody's, a part of the folder at a time.
fn care_for_classes(
    services: &Arc<Services>,
    cancel: &CancellationToken,
    workers: &mut JoinSet<()>,
) {
    let minute = Duration::from_secs(60);
    let theirs = Arc::clone(services);
    workers.spawn(periodic::every("lessons", paced(minute, END_MAX), cancel.clone(), move || {
        let services = Arc::clone(&theirs);
        async move { services.end_lessons(END_MAX).await }
    }));
    let theirs = Arc::clone(services);
    workers.spawn(periodic::every("blobs", paced(minute, END_MAX), cancel.clone(), move || {
        let services = Arc::clone(&theirs);
        async move { services.forget_blobs(END_MAX).await }
    }));
    let theirs = Arc::clone(services);
    let pace = paced(Duration::from_secs(5), SWEEP_PAGE);
    workers.spawn(periodic::every("blob-sweeper", pace, cancel.clone(), move || {
        let services = Arc::clone(&theirs);
        async move { services.sweep_blobs().await }
    }));
}

/// Hears of what other nodes revoked, and forgets what has had its day.
fn hear_revocations(
    services: &Arc<Services>,
    cancel: &CancellationToken,
    workers: &mut JoinSet<()>,
) {
    let theirs = Arc::clone(services);
    let pace = paced(Duration::from_secs(1), REVOCATIONS_PAGE);
    workers.spawn(periodic::every("revocations", pace, cancel.clone(), move || {
        let services = Arc::clone(&theirs);
        async move { services.hear_revocations().await }
    }));
    let theirs = Arc::clone(services);
    let pace = paced(Duration::from_secs(60), FORGET_MAX);
    workers.spawn(periodic::every("revocation-sweeper", pace, cancel.clone(), move || {
        let services = Arc::clone(&theirs);
        async move { services.forget_revocations(FORGET_MAX).await }
    }));
}

/// Carries deliveries out, asks what became of them, takes sends back, and forgets what ended long ago.
fn carry_out(
    services: &Arc<Services>,
    metrics: &Arc<Metrics>,
    room: usize,
    cancel: &CancellationToken,
    workers: &mut JoinSet<()>,
) {
    workers.spawn(outbox::deliver(Arc::clone(services), Arc::clone(metrics), room, cancel.clone()));
    workers.spawn(outbox::recall(Arc::clone(services), cancel.clone()));
    workers.spawn(reports::ask(Arc::clone(services), cancel.clone()));
    let theirs = Arc::clone(services);
    let pace = paced(Duration::from_secs(60), UNCONFIGURED_MAX);
    workers.spawn(periodic::every("unconfigured", pace, cancel.clone(), move || {
        let services = Arc::clone(&theirs);
        async move { services.end_unconfigured(UNCONFIGURED_MAX).await }
    }));
    let theirs = Arc::clone(services);
    let pace = paced(Duration::from_secs(60), FORGET_DELIVERIES_MAX);
    workers.spawn(periodic::every("delivery-sweeper", pace, cancel.clone(), move || {
        let services = Arc::clone(&theirs);
        async move { services.forget_deliveries(FORGET_DELIVERIES_MAX).await }
    }));
}

fn paced(pause: Duration, full: usize) -> periodic::Pace {
    periodic::Pace { pause, full }
}

/// Expands sends as they are accepted, and those that a crash left behind.
async fn expand(services: Arc<Services>, metrics: Arc<Metrics>, cancel: CancellationToken) {
    let mut backoff = periodic::Backoff::new("sends");
    while !cancel.is_cancelled() {
        match services.expand_sends().await {
            Ok(0) => {
                backoff.succeeded();
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = services.send_accepted.notified() => {}
                    () = tokio::time::sleep(Duration::from_secs(5)) => {}
                }
            }
            Ok(turns) => {
                metrics.sends_expanded.inc_by(turns as u64);
                backoff.succeeded();
            }
            Err(error) => backoff.failed(&error, &cancel).await,
        }
    }
}
