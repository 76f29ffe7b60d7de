//! Looks at the certificate's files now and then, and at once on SIGHUP.
//!
//! A pair that cannot be used is told once and changes nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::certificate::{Certificate, Fault, Renewal};

/// Takes renewed certificates until cancelled.
pub async fn keep_renewed(
    certificate: Arc<Certificate>,
    every: Duration,
    cancel: CancellationToken,
) {
    let mut hangups = signal(SignalKind::hangup()).ok();
    let mut told = None;
    loop {
        let hangup = async {
            match &mut hangups {
                Some(hangups) => hangups.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(every) => {}
            _ = hangup => told = None,
        }
        let theirs = Arc::clone(&certificate);
        if let Ok(looked) = tokio::task::spawn_blocking(move || theirs.renew()).await {
            tell(looked, &mut told);
        }
    }
}

fn tell(looked: Result<Renewal, Fault>, told: &mut Option<Fault>) {
    match looked {
        Ok(Renewal::Unchanged) => *told = None,
        Ok(Renewal::Taken) => {
            *told = None;
            tracing::info!("a renewed certificate is in use");
        }
        Err(fault) if told.as_ref() == Some(&fault) => {}
        Err(fault) => {
            tracing::error!(%fault, "the certificate's files cannot be used; the old pair stays");
            *told = Some(fault);
        }
    }
}
