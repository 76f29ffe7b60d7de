//! Statements of a transaction that are sent one behind the other, without a wait between them.
//!
//! What nobody reads the answer of stays in the connection's volley until something is asked, and
//! goes out in front of it; the server runs all in their order. A volley is answered as a whole:
//! the first error is the volley's. Nothing is sent behind a statement that could not be sent, so
//! that a `commit` never commits less than what stands before it.

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Row, Statement};

use super::connection::{Connection, bounded};
use super::runner::Values;
use crate::{Answer, StoreError};

/// What waits to be sent with the next question.
#[derive(Default)]
pub(super) struct Volley {
    ahead: Vec<Ahead>,
    has_begun: bool,
}

enum Ahead {
    Command(&'static str),
    Change(Statement, Vec<Encoded>),
}

/// A question whose rows are waited for.
pub(super) struct Ask<'v> {
    /// Its text.
    pub(super) sql: &'v str,
    /// Its values.
    pub(super) values: Values<'v>,
}

/// An answer under way: rows, none of a command.
type Pending<'a> = Pin<Box<dyn Future<Output = Answer<Vec<Row>>> + Send + 'a>>;

impl Connection {
    /// Begins a transaction with its first statement, behind what waits to be sent already.
    pub(super) fn begin(&mut self) {
        self.volley.ahead.push(Ahead::Command("begin"));
    }

    /// Begins, with its first statement, a transaction that reads and sees one snapshot.
    pub(super) fn begin_snapshot(&mut self) {
        let begin = Ahead::Command("begin isolation level repeatable read read only");
        self.volley = Volley { ahead: vec![begin], has_begun: false };
    }

    /// Says whether the server may have heard of the transaction: until then, the same one can be
    /// begun on another connection.
    pub(super) fn has_begun(&self) -> bool {
        self.volley.has_begun
    }

    /// Commits, with whatever was not sent yet.
    ///
    /// The server takes `commit` of a transaction in which a statement failed for `rollback`, and
    /// says so only in a word that nobody reads: that statement's error is the answer.
    pub(super) async fn commit(&mut self) -> Answer<()> {
        self.volley.has_begun = true;
        let commit = &[Ahead::Command("commit")];
        self.fire(commit, &[]).await?;
        self.volley = Volley::default();
        Ok(())
    }

    /// Undoes the transaction, and forgets what was not sent.
    pub(super) async fn rollback(&mut self) -> Answer<()> {
        self.volley = Volley::default();
        self.command("rollback").await
    }

    /// Changes rows with the next question, or with the commit.
    pub(super) async fn change_ahead(&mut self, sql: &str, values: Values<'_>) -> Answer<()> {
        let statement = self.prepare(sql).await?;
        let encoded = values.iter().zip(statement.params()).map(|(value, ty)| {
            let mut bytes = BytesMut::new();
            let null = value.to_sql_checked(ty, &mut bytes).map_err(StoreError::Internal)?;
            Ok(Encoded { bytes, is_null: matches!(null, IsNull::Yes) })
        });
        let encoded = encoded.collect::<Answer<_>>()?;
        self.volley.ahead.push(Ahead::Change(statement, encoded));
        Ok(())
    }

    /// Asks questions together; gives the rows of each, in order.
    pub(super) async fn ask(&mut self, asks: &[Ask<'_>]) -> Answer<Vec<Vec<Row>>> {
        self.fire(&[], asks).await
    }

    async fn fire(&mut self, last: &[Ahead], asks: &[Ask<'_>]) -> Answer<Vec<Vec<Row>>> {
        let mut statements = Vec::with_capacity(asks.len());
        for ask in asks {
            statements.push(self.prepare(ask.sql).await?);
        }
        let ahead = std::mem::take(&mut self.volley.ahead);
        let asked = statements.iter().zip(asks).map(|(statement, ask)| {
            let rows = self.client.query(statement, ask.values);
            Box::pin(bounded(self.patience(), rows)) as Pending<'_>
        });
        let unasked = ahead.iter().chain(last).map(|one| self.pending(one));
        let answers = in_order(unasked.chain(asked)).await?;
        self.volley.has_begun = true;
        Ok(answers.into_iter().skip(ahead.len() + last.len()).collect())
    }

    fn pending<'a>(&'a self, one: &'a Ahead) -> Pending<'a> {
        match one {
            Ahead::Command(sql) => Box::pin(async {
                bounded(self.patience(), self.client.batch_execute(sql)).await?;
                Ok(Vec::new())
            }),
            Ahead::Change(statement, values) => Box::pin(async move {
                let values: Vec<&(dyn ToSql + Sync)> =
                    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
                let changed = self.client.execute(statement, &values);
                bounded(self.patience(), changed).await?;
                Ok(Vec::new())
            }),
        }
    }
}

/// Sends one after the other and waits for all. An answer's first poll sends its statement, or
/// fails to; what would come behind a failure is not sent.
async fn in_order<'a>(pending: impl Iterator<Item = Pending<'a>>) -> Answer<Vec<Vec<Row>>> {
    let mut sent = Vec::new();
    for mut answer in pending {
        let first = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await;
        match first {
            Poll::Ready(answered) => sent.push(Sent::Answered(answered?)),
            Poll::Pending => sent.push(Sent::Pending(answer)),
        }
    }
    let mut answers = Vec::with_capacity(sent.len());
    for one in sent {
        answers.push(match one {
            Sent::Answered(rows) => rows,
            Sent::Pending(answer) => answer.await?,
        });
    }
    Ok(answers)
}

enum Sent<'a> {
    Answered(Vec<Row>),
    Pending(Pending<'a>),
}

/// A value as it goes over the wire, so that it need not live until it is sent.
#[derive(Debug)]
struct Encoded {
    bytes: BytesMut,
    is_null: bool,
}

impl ToSql for Encoded {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.bytes);
        Ok(if self.is_null { IsNull::Yes } else { IsNull::No })
    }

    fn accepts(_: &Type) -> bool {
        // It was made for the type of its place.
        true
    }

    to_sql_checked!();
}
