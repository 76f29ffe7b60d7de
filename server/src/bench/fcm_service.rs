//! Stands for Firebase and the token endpoint of Google's accounts: takes every message and answers after a while. It runs
//! in a thread of its own, checks nothing, and must never be mistaken for one that does.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Where messages go, as Firebase spells it.
pub const PATH: &str = "/v1/projects/school-1/messages:send";
const TOKEN_PATH: &str = "/token";

/// A running stand-in; ends with its handle.
pub struct FcmService {
    addr: SocketAddr,
    taken: Arc<AtomicU64>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl FcmService {
    /// Starts it on a free port; each message is answered after `delay`.
    pub fn start(delay: Duration) -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let (taken, stop) = (Arc::default(), CancellationToken::new());
        let (theirs, ended) = (Arc::clone(&taken), stop.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("fcm".into()).spawn(move || {
            let _ = runtime.block_on(ended.run_until_cancelled(serve(listener, delay, theirs)));
        })?;
        Ok(Self { addr, taken, stop, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Messages that it answered.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// A service account's key file that leads to it.
    pub fn credentials(&self) -> anyhow::Result<String> {
        let key = KeyPair::generate(KeySize::Rsa2048).context("an RSA key")?;
        let der: Pkcs8V1Der<'_> = key.as_der().context("an RSA key")?;
        let key = STANDARD.encode(der.as_ref());
        let file = json!({
            "type": "service_account",
            "project_id": "school-1",
            "private_key_id": "key-1",
            "private_key": format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n"),
            "client_email": "sender@school-1.example",
            "token_uri": format!("http://{}{TOKEN_PATH}", self.addr),
        });
        Ok(file.to_string())
    }
}

impl Drop for FcmService {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

async fn serve(listener: std::net::TcpListener, delay: Duration, taken: Arc<AtomicU64>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(converse(stream, delay, Arc::clone(&taken)));
    }
}

async fn converse(stream: TcpStream, delay: Duration, taken: Arc<AtomicU64>) {
    let _ = stream.set_nodelay(true);
    let take = service_fn(move |request| take(request, delay, Arc::clone(&taken)));
    // A connection that breaks shows on the side that is measured.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), take).await;
}

async fn take(
    request: Request<Incoming>,
    delay: Duration,
    taken: Arc<AtomicU64>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_token = request.uri().path() == TOKEN_PATH;
    let _ = request.into_body().collect().await;
    if is_token {
        let token =
            r#"{"access_token":"a-token-of-this-machine","expires_in":3599,"token_type":"Bearer"}"#;
        return Ok(Response::new(Full::from(token)));
    }
    tokio::time::sleep(delay).await;
    taken.fetch_add(1, Ordering::Relaxed);
    Ok(Response::new(Full::from(r#"{"name":"projects/school-1/messages/0:17"}"#)))
}
