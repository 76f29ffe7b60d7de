//! What runs by itself: sends, what is scheduled, the outbox, questions about text messages, recalls, the sealer,
//! expiry, confirmations, sums, whom tokens name for the first time, backups that were vouched for, and
//! forgetting what is old.
//!
//! Each worker repeats one use case and decides nothing. A worker that meets a store that is away
//! waits and tries again; none ever ends before it is told to.

mod forgetting;
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

use crate::metrics::Metrics;
use crate::service::live_queue::LiveEvents;
use crate::service::{REVOCATIONS_PAGE, ServiceError, Services};

/// How the workers are paced.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two runs of the sealer (design: at least one a second).
    pub seal: Duration,
    /// Deliveries under way at the same time.
    pub deliveries: usize,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// Entries that one block of the audit trail binds at most.
const SEAL_ENTRIES_MAX: usize = 2_000;
/// Expired notifications given up in one run.
const EXPIRE_MAX: usize = 500;

/// Rows looked at together to seal them anew.
const RENEW_MAX: usize = 200;

/// Deliveries of channels without a provider that are ended in one run.
const UNCONFIGURED_MAX: usize = 256;

/// Lessons whose time is over that are deleted in one run, and blobs that are forgotten in one.
const END_MAX: usize = 200;

/// Between two looks for what is due, and how many sends are started in one run.
const LOOK_FOR_DUE: Duration = Duration::from_millis(200);
const START_MAX: usize = 1_000;

/// Digests that go out in one run.
const DIGESTS_MAX: usize = 256;

/// Between two looks for members who are to be told of messages.
const TELL_ABSENT: Duration = Duration::from_millis(500);

/// Between two looks at whether the operator vouched for a backup.
const LOOK_FOR_BACKUP: Duration = Duration::from_secs(15);

/// Between two looks at a part of the folder of blobs.
const SWEEP_PAUSE: Duration = Duration::from_secs(5);

/// Starts the workers; they end when `cancel` is, after what they are at.
pub fn start(
    services: &Arc<Services>,
    metrics: &Arc<Metrics>,
    events: LiveEvents,
    pace: Pace,
    cancel: &CancellationToken,
) -> JoinSet<()> {
    let mut crew = Crew { services, cancel, workers: JoinSet::new() };
    let given = || (Arc::clone(services), Arc::clone(metrics), cancel.clone());
    let (theirs, metrics_of_sends, stop) = given();
    crew.workers.spawn(expand(theirs, metrics_of_sends, stop));
    let (theirs, metrics_of_outbox, stop) = given();
    crew.workers.spawn(outbox::deliver(theirs, metrics_of_outbox, pace.deliveries, stop));
    crew.workers.spawn(outbox::recall(Arc::clone(services), cancel.clone()));
    crew.workers.spawn(reports::ask(Arc::clone(services), cancel.clone()));
    crew.workers.spawn(meetings::store(Arc::clone(services), cancel.clone()));
    crew.workers.spawn(live_events::store(Arc::clone(services), events));
    sums::start(services, metrics, cancel, &mut crew.workers);
    crew.seal(pace.seal, metrics);
    crew.begin();
    crew.hear();
    crew.tell_the_time(metrics);
    crew.end();
    crew.forget(metrics);
    crew.workers
}

/// Those who repeat a use case at a steady pace.
struct Crew<'a> {
    services: &'a Arc<Services>,
    cancel: &'a CancellationToken,
    workers: JoinSet<()>,
}

impl Crew<'_> {
    /// Repeats `work` after each `pause`, and at once while it does `full` at a time.
    fn every<T>(
        &mut self,
        name: &'static str,
        (pause, full): (Duration, usize),
        work: impl Fn(Arc<Services>) -> T + Send + 'static,
    ) where
        T: Future<Output = Result<usize, ServiceError>> + Send + 'static,
    {
        let services = Arc::clone(self.services);
        let again = move || work(Arc::clone(&services));
        let pace = paced(pause, full);
        self.workers.spawn(periodic::every(name, pace, self.cancel.clone(), again));
    }

    /// Chains the audit trail, and seals anew what older keys sealed.
    fn seal(&mut self, pause: Duration, metrics: &Metrics) {
        let rounds = metrics.sealer_runs.clone();
        self.every("sealer", (pause, SEAL_ENTRIES_MAX), move |services| {
            rounds.inc();
            async move { services.seal(SEAL_ENTRIES_MAX).await }
        });
        self.every("seals", (HOUR, RENEW_MAX), |services| async move {
            services.renew_seals(RENEW_MAX).await
        });
    }

    /// Begins what is due.
    fn begin(&mut self) {
        self.every("timers", (LOOK_FOR_DUE, START_MAX), |services| async move {
            services.start_sends(START_MAX).await
        });
        self.every("digests", (LOOK_FOR_DUE, DIGESTS_MAX), |services| async move {
            services.close_digests(DIGESTS_MAX).await
        });
    }

    /// Looks for what others said: revocations of other nodes, a vouched backup, messages of which members who
    /// are not there are to be told.
    fn hear(&mut self) {
        self.every("revocations", (SECOND, REVOCATIONS_PAGE), |services| async move {
            services.hear_revocations().await
        });
        self.every("backups", (LOOK_FOR_BACKUP, usize::MAX), |services| async move {
            services.look_for_backup().await
        });
        self.every(
            "notices",
            (TELL_ABSENT, 1),
            |services| async move { services.tell_absent().await },
        );
    }

    /// Tells members of what is scheduled when its time comes.
    fn tell_the_time(&mut self, metrics: &Arc<Metrics>) {
        let metrics = Arc::clone(metrics);
        self.every("schedule", (LOOK_FOR_DUE, 1), move |services| {
            let metrics = Arc::clone(&metrics);
            async move {
                let fired = services.fire_due().await;
                metrics.schedule.done_up_to(services.told_up_to(), services.now());
                let fired = fired?;
                metrics.schedule.fired(fired);
                Ok(fired.pieces)
            }
        });
        self.every(
            "occurrences",
            (SECOND, 1),
            |services| async move { services.expand_events().await },
        );
    }

    /// Ends what has had its time: notifications, lessons, deliveries without a provider.
    fn end(&mut self) {
        self.every("expiry", (SECOND, EXPIRE_MAX), |services| async move {
            services.expire(EXPIRE_MAX).await
        });
        self.every("lessons", (MINUTE, END_MAX), |services| async move {
            services.end_lessons(END_MAX).await
        });
        self.every("unconfigured", (MINUTE, UNCONFIGURED_MAX), |services| async move {
            services.end_unconfigured(UNCONFIGURED_MAX).await
        });
    }
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
