//! A server with a certificate, and clients that trust the authority of these tests.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::{SinkExt as _, StreamExt as _};
use landfall_fixtures::tls::AUTHORITY;
pub use landfall_fixtures::tls::{FIRST, SECOND};
use landfall_server::tls;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::harness::{Landfall, soon};

/// The two files, in a folder that goes with the test.
pub struct Files(PathBuf);

impl Files {
    pub fn new(pair: (&str, &str)) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("tls-{}-{made}", std::process::id());
        let files = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        std::fs::create_dir_all(&files.0).unwrap();
        files.put(pair);
        files
    }

    pub fn put(&self, (cert, key): (&str, &str)) {
        std::fs::write(self.0.join("cert.pem"), cert).unwrap();
        let path = self.0.join("key.pem");
        std::fs::write(&path, key).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Names the two as the server does.
    pub fn names(&self) -> tls::Files {
        tls::Files { cert: self.0.join("cert.pem"), key: self.0.join("key.pem") }
    }

    /// Starts a server with these files and more settings.
    pub async fn serve(&self, settings: &[(&str, &str)]) -> Landfall {
        let (cert, key) = (self.path("cert.pem"), self.path("key.pem"));
        let mut all = vec![("LANDFALL_TLS_CERT", &*cert), ("LANDFALL_TLS_KEY", &*key)];
        all.extend(settings);
        Landfall::with(&all).await
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An HTTP client that trusts nobody but the authority.
pub fn https() -> reqwest::Client {
    let authority = reqwest::Certificate::from_pem(AUTHORITY.as_bytes()).unwrap();
    reqwest::Client::builder().no_proxy().tls_certs_only([authority]).build().unwrap()
}

fn client(versions: &[&'static SupportedProtocolVersion]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(AUTHORITY.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// Does a handshake in these versions.
pub async fn connect(
    address: SocketAddr,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let socket = TcpSocket::new_v4().unwrap();
    // A reader that stops is noticed soon.
    socket.set_recv_buffer_size(8 * 1_024).unwrap();
    let stream = soon("connecting", socket.connect(address)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    soon("the handshake", client(versions).connect(name, stream)).await
}

/// Says which certificate a new connection gets.
pub async fn certificate_of(address: SocketAddr) -> CertificateDer<'static> {
    let stream = connect(address, &[&rustls::version::TLS13]).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

pub fn leaf((cert, _): (&str, &str)) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()
}

/// A WebSocket over TLS.
pub struct Socket(WebSocketStream<TlsStream<TcpStream>>);

impl Socket {
    pub async fn open(landfall: &Landfall, token: &str, query: &str) -> Self {
        let stream = connect(landfall.address, &[&rustls::version::TLS13]).await.unwrap();
        let url = format!("wss://localhost/ws?token={token}&{query}");
        Self(soon("the upgrade", client_async(url, stream)).await.unwrap().0)
    }

    /// Waits for the next frame that is no heartbeat, or the code of the close.
    pub async fn next(&mut self) -> Result<Value, u16> {
        loop {
            match soon("a frame", self.0.next()).await {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    if frame["type"] != "heartbeat" {
                        return Ok(frame);
                    }
                }
                Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("neither a frame nor a close came: {other:?}"),
            }
        }
    }

    pub async fn say(&mut self, frame: &Value) {
        soon("sending", self.0.send(Message::text(frame.to_string()))).await.unwrap();
    }

    /// Takes the socket's end, which has to be a clean one.
    pub async fn ended(mut self) {
        while let Some(message) = soon("the end", self.0.next()).await {
            message.unwrap();
        }
    }
}
