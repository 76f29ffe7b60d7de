//! The front door: accepts connections, makes them secure where a certificate is set, and serves HTTP on them.
//!
//! Every connection has its place counted and its beginning timed. Must never let one connection wait for another.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::app::App;
use crate::config::Config;
use crate::http::{FromPeer, Peer};
use crate::sockets::Place;
use crate::tls::Tls;

/// What a connection beyond `limits.connections_max` gets; nothing of it is read.
const NO_ROOM: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Gives how HTTP is spoken.
pub(crate) fn http1(config: &Config) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(config.limits.header_seconds.duration())
        .max_buf_size(config.limits.header_kib.bytes());
    builder
}

/// What a connection meets first.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) router: Router,
    pub(crate) app: Arc<App>,
    pub(crate) http: http1::Builder,
    /// Where a certificate is set.
    pub(crate) tls: Option<Tls>,
    /// How long the TLS handshake may take.
    pub(crate) greeting: Duration,
}

impl Front {
    /// Accepts connections until the drain begins.
    pub(crate) async fn accept(self, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(self.app.limits.connections_max));
        loop {
            let accepted = tokio::select! {
                () = self.app.drain.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: others must end before anybody can come.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let _ = stream.set_nodelay(true);
            let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
                if self.tls.is_none() {
                    // Whatever the socket's buffer does not take is lost with the connection.
                    let _ = stream.try_write(NO_ROOM);
                }
                continue;
            };
            let front = self.clone();
            self.app.tasks.spawn(async move {
                front.serve(stream, peer.ip(), Place::new(permit)).await;
            });
        }
    }

    async fn serve(self, stream: TcpStream, peer: IpAddr, place: Place) {
        match &self.tls {
            None => self.serve_http(stream, peer, place).await,
            // What TLS keeps is large, and would be kept for plain connections too.
            Some(tls) => Box::pin(self.serve_tls(tls, stream, peer, place)).await,
        }
    }

    async fn serve_tls(&self, tls: &Tls, stream: TcpStream, peer: IpAddr, place: Place) {
        let greeted = tokio::select! {
            greeted = tls.greet(stream, self.greeting) => greeted,
            () = self.app.drain.cancelled() => return,
        };
        match greeted {
            Ok(secured) => self.serve_http(secured, peer, place).await,
            Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
        }
    }

    /// Serves one HTTP connection; once the drain begins, only what is under way on it.
    async fn serve_http<S>(&self, stream: S, peer: IpAddr, place: Place)
    where
        TokioIo<S>: Read + Write + Send + Unpin + 'static,
    {
        // This holds the place until HTTP has ended, event streams with it; a socket holds it longer.
        let service = FromPeer { router: self.router.clone(), peer: Peer(peer), place };
        let service = TowerToHyperService::new(service);
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection.with_upgrades());
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.app.drain.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "an HTTP connection ended with an error");
        }
    }
}
