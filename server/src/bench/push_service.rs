//! A push service on this machine that takes everything: HTTP/2 over TLS, in a thread of its own so that its CPU time is
//! told apart. It opens nothing and must never be mistaken for one that checks.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Who vouches for the certificate.
pub const AUTHORITY: &str = include_str!("../../../fixtures/src/tls/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("../../../fixtures/src/tls/first.pem");
const KEY: &[u8] = include_bytes!("../../../fixtures/src/tls/first.key");

/// What the service counted.
#[derive(Debug, Default)]
struct Counts {
    messages: AtomicU64,
    bytes: AtomicU64,
    connections: AtomicU64,
}

/// A running service; ends with its handle.
pub struct PushService {
    addr: SocketAddr,
    counts: Arc<Counts>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl PushService {
    /// Starts it on a free port; fails when there is none.
    pub fn start() -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let (counts, stop, tls) = (Arc::default(), CancellationToken::new(), acceptor()?);
        let (theirs, ended) = (Arc::clone(&counts), stop.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("push-service".into()).spawn(move || {
            let _ = runtime.block_on(ended.run_until_cancelled(serve(listener, tls, theirs)));
        })?;
        Ok(Self { addr, counts, stop, thread: Some(thread) })
    }

    /// Host and port, as the certificate names them.
    pub fn authority(&self) -> String {
        format!("localhost:{}", self.addr.port())
    }

    /// Messages that it took, and the mean of their bytes.
    pub fn taken(&self) -> (u64, f64) {
        let messages = self.counts.messages.load(Ordering::Relaxed);
        let bytes = self.counts.bytes.load(Ordering::Relaxed);
        (messages, bytes as f64 / messages.max(1) as f64)
    }

    /// Connections that were made.
    pub fn connections(&self) -> u64 {
        self.counts.connections.load(Ordering::Relaxed)
    }
}

impl Drop for PushService {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

fn acceptor() -> anyhow::Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(CERTIFICATE).context("the certificate")?],
            PrivateKeyDer::from_pem_slice(KEY).context("the certificate's key")?,
        )?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve(listener: std::net::TcpListener, tls: TlsAcceptor, counts: Arc<Counts>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        counts.connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(converse(stream, tls.clone(), Arc::clone(&counts)));
    }
}

async fn converse(stream: TcpStream, tls: TlsAcceptor, counts: Arc<Counts>) {
    let _ = stream.set_nodelay(true);
    let Ok(stream) = tls.accept(stream).await else { return };
    let take = service_fn(move |request| take(request, Arc::clone(&counts)));
    let builder = http2::Builder::new(TokioExecutor::new());
    // A connection that breaks shows on the side that is measured.
    let _ = builder.serve_connection(TokioIo::new(stream), take).await;
}

async fn take(
    request: Request<Incoming>,
    counts: Arc<Counts>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut response = Response::new(Empty::new());
    match request.into_body().collect().await {
        Ok(body) => {
            counts.bytes.fetch_add(body.to_bytes().len() as u64, Ordering::Relaxed);
            counts.messages.fetch_add(1, Ordering::Relaxed);
            *response.status_mut() = StatusCode::CREATED;
        }
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    Ok(response)
}
