//! The connections that read, and run what is no unit: a bounded number, made as they are needed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::connection::{Connection, Dialer};
use super::runner::PostgresRunner;
use crate::{Answer, StoreError};

/// Questions that may wait for a connection; more are refused as unavailable.
const WAITING_MAX: usize = 16_384;

pub(super) struct Pool {
    dialer: Dialer,
    places: Semaphore,
    waiting: Semaphore,
    idle: Mutex<Vec<Connection>>,
    patience: Duration,
}

impl Pool {
    /// Makes a pool of at most `size` connections for which a question waits at most `patience`.
    pub(super) fn new(dialer: Dialer, size: usize, patience: Duration) -> Self {
        let (places, waiting) = (Semaphore::new(size.max(1)), Semaphore::new(WAITING_MAX));
        Self { dialer, places, waiting, idle: Mutex::default(), patience }
    }

    /// Lends a connection: one that is idle, else a new one.
    pub(super) async fn lend(&self) -> Answer<Loan<'_>> {
        let place = self.place().await?;
        let idle = std::iter::from_fn(|| self.idle().pop()).find(|found| !found.is_lost());
        let (connection, is_fresh) = match idle {
            Some(connection) => (connection, false),
            None => (self.dialer.connect().await?, true),
        };
        Ok(Loan { pool: self, _place: place, connection: Some(connection), is_fresh })
    }

    async fn place(&self) -> Answer<SemaphorePermit<'_>> {
        let unavailable = |text: &str| StoreError::Unavailable(text.into());
        let _waiting =
            self.waiting.try_acquire().map_err(|_| unavailable("too many questions wait"))?;
        match tokio::time::timeout(self.patience, self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(unavailable("it is closed")),
            Err(_) => Err(unavailable("every connection is taken")),
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends nothing any more.
    pub(super) fn close(&self) {
        self.places.close();
        self.idle().clear();
    }
}

/// A borrowed connection. It goes back only when its borrower says that it may: one that was
/// dropped in the middle of a question is closed.
pub(super) struct Loan<'p> {
    pool: &'p Pool,
    _place: SemaphorePermit<'p>,
    connection: Option<Connection>,
    is_fresh: bool,
}

impl Loan<'_> {
    /// Gives what runs statements on it.
    pub(super) fn runner(&mut self) -> PostgresRunner<'_> {
        self.connection().runner()
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("it is given back only with the loan")
    }

    /// Says whether the server had closed the connection while it was idle, so that the same
    /// question on another one may well be answered.
    pub(super) fn was_stale(&mut self) -> bool {
        !self.is_fresh && self.connection().is_lost()
    }

    /// Gives the connection back for the next one.
    pub(super) fn give_back(mut self) {
        let connection = self.connection.take().filter(|connection| !connection.is_lost());
        if let Some(connection) = connection.filter(|_| !self.pool.places.is_closed()) {
            self.pool.idle().push(connection);
        }
    }
}
