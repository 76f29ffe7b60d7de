//! Following the store's life: once a second, and a last time when the server stops.
//!
//! A store that is found behind what was known begins a new epoch; one whose epoch changed, whoever
//! began it, makes every session compare itself with the store.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use landfall_core::life::Life;
use tokio_util::sync::CancellationToken;

use super::periodic::Backoff;
use crate::service::{ServiceError, Services};
use crate::witness::{self, Witness};

const UNWITNESSED: &str = "the witness cannot be written: a store that is put back to an earlier \
    state would not be noticed at the next start";

const PAUSE: Duration = Duration::from_secs(1);

/// Compares the store with what its witness says, before anybody is served; gives the life that it
/// is in.
///
/// # Errors
/// When the store is away.
pub async fn meet(services: &Services, data_dir: &Path) -> Result<Life, ServiceError> {
    services.follow_life(witness::read(data_dir).as_ref()).await
}

/// Follows the store from a life that was known until it is cancelled.
pub async fn follow(
    services: Arc<Services>,
    data_dir: PathBuf,
    mut known: Life,
    cancel: CancellationToken,
) {
    let mut witness = open(&data_dir);
    let mut backoff = Backoff::new("life");
    let mut is_over = false;
    while !is_over {
        tokio::select! {
            () = cancel.cancelled() => is_over = true,
            () = tokio::time::sleep(PAUSE) => {}
        }
        match services.follow_life(Some(&known)).await {
            Ok(life) => {
                backoff.succeeded();
                if life.epoch != known.epoch || life.store != known.store {
                    services.start_over().await;
                }
                witness = write(witness, life.clone()).await;
                known = life;
            }
            Err(error) => backoff.failed(&error, &cancel).await,
        }
    }
}

fn open(data_dir: &Path) -> Option<Witness> {
    let opened = Witness::open(data_dir);
    opened.inspect_err(|error| tracing::warn!(%error, "{UNWITNESSED}")).ok()
}

/// Writes off the runtime's threads; a file that cannot be written is told of and left alone.
async fn write(witness: Option<Witness>, life: Life) -> Option<Witness> {
    let mut witness = witness?;
    let written = tokio::task::spawn_blocking(move || match witness.write(&life) {
        Ok(()) => Some(witness),
        Err(error) => {
            tracing::warn!(%error, "{UNWITNESSED}");
            None
        }
    });
    written.await.unwrap_or(None)
}
