//! How providers are asked over HTTP at addresses that an operator configured.
//!
//! It guards nothing, so a URL that a user supplied must never go through it.

use std::time::Duration;

use landfall_core::time::Timestamp;
use reqwest::RequestBuilder;

use crate::connect::{self, ConnectFault, Connections, Missed, PlainClient};

/// Makes the client for an operator's addresses; `request` bounds a whole attempt.
pub(crate) fn operator_client(request: Duration) -> Result<PlainClient, ConnectFault> {
    PlainClient::new(&Connections { connect: request / 2, request, authorities: vec![] })
}

/// What a provider answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    /// The beginning of it, or what came before the connection was lost.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads the body as JSON; a body that is none is `Null`.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Sends a request and reads its answer; `now` tells how far off a date in `Retry-After` is.
pub(crate) async fn ask(request: RequestBuilder, now: Timestamp) -> Result<Answer, Missed> {
    let answer = connect::Answer::to(request).await?;
    let retry_after = answer.retry_after(now);
    Ok(Answer { status: answer.status, retry_after, body: answer.body })
}
