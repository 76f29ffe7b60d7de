//! Committing what a lane took: rounds of units, each round one transaction.
//!
//! A transaction has no savepoints, which would cost more than the statements. What can be refused
//! is refused before anything of its unit is written; a unit of which that cannot be said runs
//! alone. When a statement fails, the halves of the round are tried again, down to the unit that
//! fails by itself, so that it fails nobody else's.

mod apply;
pub(super) mod columns;
mod feeds;
mod guards;
mod keys;
mod operation_rows;
mod operations;
mod outbox;
mod publish;
mod revoked;
mod rounds;
mod settles;
mod trail;

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

use super::connection::{Connection, Dialer};
use super::fault::{refused, told};
use super::lane::Job;
use super::lives::check_home;
use crate::telling::{Complaints, tell};
use crate::{Answer, Change, ChangeSink, Receipt, StoreError, Unit};

/// How often a round is tried in which others were in the way.
const TRIES: usize = 8;

/// What a transaction did.
struct Done {
    /// One per unit, in order.
    answers: Vec<Answer<Receipt>>,
    changes: Vec<Change>,
}

/// Why a transaction did nothing.
enum Trouble {
    /// One of its units, or the only one, cannot be committed.
    OfAUnit(StoreError),
    /// The store is away, or full, or busy.
    OfTheStore(String),
}

/// The end of a lane: it owns the connection that commits.
pub(super) struct Committer {
    dialer: Dialer,
    sink: ChangeSink,
    connection: Option<Connection>,
    complaints: Complaints,
}

impl Committer {
    pub(super) fn new(dialer: Dialer, sink: ChangeSink) -> Self {
        Self { dialer, sink, connection: None, complaints: Complaints::default() }
    }

    /// Commits and answers every job.
    pub(super) async fn commit(&mut self, jobs: Vec<Job>) {
        let mut waiting = jobs;
        while !waiting.is_empty() {
            let (round, later) = rounds::choose(waiting);
            self.commit_round(round).await;
            waiting = later;
        }
    }

    async fn commit_round(&mut self, round: Vec<Job>) {
        let mut parts = vec![round];
        while let Some(mut part) = parts.pop() {
            let units: Vec<&Unit> = part.iter().map(|job| &job.unit).collect();
            match self.attempt(&units).await {
                Ok(done) => self.deliver(part, done),
                Err(Trouble::OfAUnit(_)) if part.len() > 1 => {
                    let second = part.split_off(part.len() / 2);
                    parts.extend([second, part]);
                }
                Err(Trouble::OfAUnit(error)) => {
                    part.into_iter().next().map(|job| job.reply.send(Err(told(error))));
                }
                Err(Trouble::OfTheStore(text)) => self.refuse(part, &text),
            }
        }
    }

    fn deliver(&self, part: Vec<Job>, done: Done) {
        tell(&self.sink, done.changes);
        for (job, answer) in part.into_iter().zip(done.answers) {
            // The one who asked may have gone away meanwhile.
            let _ = job.reply.send(answer);
        }
    }

    fn refuse(&mut self, part: Vec<Job>, text: &str) {
        self.complaints.add(text);
        for job in part {
            let _ = job.reply.send(Err(StoreError::Unavailable(text.to_owned())));
        }
    }

    /// Commits units in one transaction, again as long as others are in the way.
    async fn attempt(&mut self, units: &[&Unit]) -> Result<Done, Trouble> {
        let mut last = String::new();
        for _ in 0..TRIES {
            let (mut connection, is_fresh) = self.connection().await.map_err(trouble)?;
            let work = AssertUnwindSafe(transaction(&mut connection, units)).catch_unwind().await;
            // After a panic the connection is closed, so that what it had begun is undone.
            let panicked = |_| Trouble::OfAUnit(StoreError::Internal("a unit panicked".into()));
            let error = match work.map_err(panicked)? {
                Ok(done) => {
                    self.connection = Some(connection);
                    return Ok(done);
                }
                Err(error) => error,
            };
            if connection.is_lost() && !connection.has_begun() && !is_fresh {
                // The server had closed it while it was idle.
                continue;
            }
            // One that did not answer would keep the next one waiting, too.
            let answers = !matches!(error, StoreError::Unavailable(_)) && !connection.is_lost();
            if answers && connection.rollback().await.is_ok() {
                self.connection = Some(connection);
            }
            match refused(&error) {
                Some(refused) if refused.is_passing() => last = refused.to_string(),
                _ => return Err(trouble(error)),
            }
        }
        Err(Trouble::OfTheStore(format!("others were in the way {TRIES} times: {last}")))
    }

    /// Takes the lane's connection, or makes a new one where the server closed the old one; tells
    /// whether it is new.
    async fn connection(&mut self) -> Answer<(Connection, bool)> {
        if let Some(connection) = self.connection.take().filter(|one| !one.is_lost()) {
            return Ok((connection, false));
        }
        let mut connection = self.dialer.connect().await?;
        check_home(&mut connection.runner()).await?;
        Ok((connection, true))
    }
}

fn trouble(error: StoreError) -> Trouble {
    match error {
        StoreError::Unavailable(text) => Trouble::OfTheStore(text),
        other => Trouble::OfAUnit(other),
    }
}

async fn transaction(connection: &mut Connection, units: &[&Unit]) -> Answer<Done> {
    apply::prepare(&mut connection.runner(), units).await?;
    connection.begin();
    let done = apply::apply(&mut connection.runner(), units).await?;
    connection.commit().await?;
    Ok(done)
}
