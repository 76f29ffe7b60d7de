//! One connection: made with a bound on every wait, and told when it is of no more use.
//!
//! What runs on it is in `runner`, and what is sent together in `volley`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio_postgres::{Client, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::fault;
use super::runner::PostgresRunner;
use super::volley::Volley;
use super::{Settings, tls};
use crate::{Answer, StoreError};

/// Texts whose statements a connection keeps; the house has fewer.
const STATEMENTS_MAX: usize = 512;
/// Pauses between two tries to connect, doubled from the first to the last.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// What the client grants beyond the server's own bound, for an answer's way.
const GRACE: Duration = Duration::from_secs(2);

/// A connection with the statements that it has prepared.
pub(super) struct Connection {
    pub(super) client: Client,
    statements: HashMap<Box<str>, Statement>,
    patience: Duration,
    pub(super) volley: Volley,
}

impl Connection {
    /// Says whether the server is gone.
    pub(super) fn is_lost(&self) -> bool {
        self.client.is_closed()
    }

    /// Gives what runs statements on it.
    pub(super) fn runner(&mut self) -> PostgresRunner<'_> {
        PostgresRunner(self)
    }

    /// Prepares a statement, once per connection. Placeholders are written `?1` or `$1`.
    pub(super) async fn prepare(&mut self, sql: &str) -> Answer<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let text = sql.replace('?', "$");
        let statement = bounded(self.patience, self.client.prepare(&text)).await?;
        if self.statements.len() >= STATEMENTS_MAX {
            self.statements.clear();
        }
        self.statements.insert(sql.into(), statement.clone());
        Ok(statement)
    }

    /// Runs commands without values, such as `begin`.
    pub(super) async fn command(&mut self, sql: &str) -> Answer<()> {
        bounded(self.patience, self.client.batch_execute(sql)).await
    }

    /// Lets statements take as long as they need from here on, for work on the whole store. Such a
    /// connection is not given back.
    pub(super) async fn be_patient(&mut self) -> Answer<()> {
        self.patience = Duration::from_secs(24 * 3_600);
        let sql = "set statement_timeout = 0; set lock_timeout = 0;
                   set idle_in_transaction_session_timeout = 0";
        self.command(sql).await
    }

    /// How long an answer may take.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }
}

/// Waits for an answer, but not for ever: a network can swallow it.
pub(super) async fn bounded<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Answer<T> {
    match tokio::time::timeout(patience, answer).await {
        Ok(answer) => answer.map_err(fault),
        Err(_) => Err(StoreError::Unavailable("PostgreSQL does not answer".into())),
    }
}

/// Makes connections, and remembers for a moment that it could not, so that a store that is away
/// costs its callers no wait.
pub(super) struct Dialer {
    settings: Settings,
    tls: MakeRustlsConnect,
    /// Where connections are driven.
    runtime: Handle,
    /// Shared by all who dial the same store.
    away: Arc<Mutex<Option<Away>>>,
}

struct Away {
    until: Instant,
    pause: Duration,
    why: String,
}

impl Dialer {
    pub(super) fn new(settings: &Settings, runtime: Handle) -> Answer<Self> {
        let tls = tls::connector(&settings.address.protection)?;
        Ok(Self { settings: settings.clone(), tls, runtime, away: Arc::default() })
    }

    /// Makes another one for the same store, whose connections are driven elsewhere.
    pub(super) fn on(&self, runtime: Handle) -> Self {
        let (settings, tls, away) =
            (self.settings.clone(), self.tls.clone(), Arc::clone(&self.away));
        Self { settings, tls, runtime, away }
    }

    /// Makes another one for the same store, whose statements may take longer.
    pub(super) fn patient(&self, statement_timeout: Duration) -> Self {
        let mut patient = self.on(self.runtime.clone());
        patient.settings.statement_timeout = statement_timeout;
        patient
    }

    /// Connects, unless that failed a moment ago.
    pub(super) async fn connect(&self) -> Answer<Connection> {
        if let Some(why) = self.why_away() {
            return Err(StoreError::Unavailable(why));
        }
        // Whatever keeps us out, a wrong password too, may be put right while we run.
        let made = self.dial().await.map_err(|error| StoreError::Unavailable(text_of(&error)));
        self.remember(&made);
        made
    }

    fn why_away(&self) -> Option<String> {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.as_ref().filter(|away| Instant::now() < away.until).map(|away| away.why.clone())
    }

    fn remember(&self, made: &Answer<Connection>) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let Err(error) = made else {
            if away.take().is_some() {
                tracing::info!("PostgreSQL is back");
            }
            return;
        };
        let now = Instant::now();
        if away.as_ref().is_some_and(|away| now < away.until) {
            // Others found it out at the same time.
            return;
        }
        if away.is_none() {
            tracing::warn!(%error, "PostgreSQL cannot be reached; requests are answered with 503");
        }
        let pause = away.as_ref().map_or(PAUSE_MIN, |away| (away.pause * 2).min(PAUSE_MAX));
        *away = Some(Away { until: now + pause, pause, why: text_of(error) });
    }

    async fn dial(&self) -> Answer<Connection> {
        let (config, tls) = (self.settings.address.config.clone(), self.tls.clone());
        let connecting = self.runtime.spawn(async move {
            let (client, connection) = config.connect(tls).await?;
            // Ends with the client, or when the server goes; the client's next call says so.
            tokio::spawn(async move { drop(connection.await) });
            Ok(client)
        });
        let connected = async {
            connecting.await.unwrap_or_else(|_| Err(tokio_postgres::Error::__private_api_timeout()))
        };
        let client = bounded(self.settings.connect_timeout, connected).await?;
        let patience = self.settings.statement_timeout + GRACE;
        let mut connection =
            Connection { client, statements: HashMap::new(), patience, volley: Volley::default() };
        connection.command(&self.session()).await?;
        Ok(connection)
    }

    /// What every session is set to. A commit that is answered has to be on disk, whatever the
    /// database's own default is. Every statement goes through an index whatever its values, so that
    /// planning it anew for each would only cost time.
    fn session(&self) -> String {
        let statement = self.settings.statement_timeout.as_millis();
        format!(
            "set statement_timeout = {statement}; set lock_timeout = {statement};
             set idle_in_transaction_session_timeout = {};
             set synchronous_commit = on; set client_min_messages = error;
             set plan_cache_mode = force_generic_plan;
             set session characteristics as transaction isolation level read committed;",
            statement * 2
        )
    }
}

fn text_of(error: &StoreError) -> String {
    match error {
        StoreError::Unavailable(text) => text.clone(),
        StoreError::Internal(source) => source.to_string(),
        other => other.to_string(),
    }
}
