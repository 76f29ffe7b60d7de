//! The handshake (RFC 8446).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificate::Certificate;

/// A connection whose handshake is done.
pub type Secured = TlsStream<TcpStream>;

/// The first byte of every TLS connection: a record of the type `handshake`.
const HANDSHAKE: u8 = 0x16;
/// What somebody gets who speaks plain HTTP here.
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 30\r\nConnection: close\r\n\r\nThis port speaks https alone.\n";
/// How much, and for how long, is read from somebody who is sent away, so that the answer is not thrown away with it.
const REST_BYTES: usize = 64 * 1_024;
const REST_TIME: Duration = Duration::from_secs(2);

/// Makes connections secure.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl Tls {
    /// Prepares the server's side: TLS 1.3 alone, tickets so that devices that come back pay less, no early data, because
    /// that can be replayed.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new(certificate: Arc<Certificate>) -> Result<Self, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_cert_resolver(certificate);
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Does the handshake within `patience`; plain HTTP is told so and sent away.
    ///
    /// # Errors
    /// When it is no TLS, not version 1.3, or takes too long.
    pub async fn greet(&self, stream: TcpStream, patience: Duration) -> io::Result<Secured> {
        let greeted = tokio::time::timeout(patience, async {
            let mut first = [0];
            match stream.peek(&mut first).await? {
                1 if first[0] == HANDSHAKE => self.0.accept(stream).await,
                1 => {
                    send_away(stream).await;
                    Err(io::Error::new(io::ErrorKind::InvalidData, "it is no TLS"))
                }
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            }
        });
        greeted.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

async fn send_away(mut stream: TcpStream) {
    let gone = async {
        stream.write_all(PLAIN).await?;
        stream.shutdown().await?;
        let mut rest = [0; 1_024];
        for _ in 0..REST_BYTES / rest.len() {
            if stream.read(&mut rest).await? == 0 {
                break;
            }
        }
        Ok::<_, io::Error>(())
    };
    let _ = tokio::time::timeout(REST_TIME, gone).await;
}
