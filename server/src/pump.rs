//! Carries the bytes of a connection that was upgraded, between what its client speaks to and the other end of its wire.
//!
//! Keeps little while nothing moves. Must never outlive its wire by more than a moment, however the client behaves.

use std::io;
use std::time::Duration;

use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, Interest, ReadHalf, WriteHalf,
};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// What one direction gets to end when the other has.
const CLOSING: Duration = Duration::from_secs(5);
const OUTWARD_BYTES: usize = 16 * 1_024;
const INWARD_BYTES: usize = 2 * 1_024;

/// Carries until both ends are done: the wire's end closes the client's stream, the client's end closes the wire.
/// `first` goes to the client before all else.
pub async fn pump<S: AsyncRead + AsyncWrite>(stream: S, first: Vec<u8>, wire: UnixStream) {
    let (from_client, to_client) = tokio::io::split(stream);
    {
        let outward = std::pin::pin!(outward(&wire, first, to_client));
        let inward = std::pin::pin!(inward(from_client, &wire));
        let first = futures_util::future::select(outward, inward).await;
        // A client that never answers the end of TLS, or never reads, must not hold on to this.
        let _ = match first {
            futures_util::future::Either::Left((_, inward)) => timeout(CLOSING, inward).await,
            futures_util::future::Either::Right((_, outward)) => {
                let _ = socket2::SockRef::from(&wire).shutdown(std::net::Shutdown::Write);
                timeout(CLOSING, outward).await
            }
        };
    }
}

/// A buffer lives only while there is something to carry.
async fn outward<S: AsyncWrite>(
    wire: &UnixStream,
    first: Vec<u8>,
    mut client: WriteHalf<S>,
) -> io::Result<()> {
    write(&mut client, &first, wire).await?;
    drop(first);
    loop {
        wire.readable().await?;
        let mut bytes = Vec::with_capacity(OUTWARD_BYTES);
        match wire.try_read_buf(&mut bytes) {
            // Who reads nothing any more must not hold on to this.
            Ok(0) => return timeout(CLOSING, client.shutdown()).await?,
            Ok(_) => write(&mut client, &bytes, wire).await?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes as slowly as the client reads, but no longer than the wire has another end.
async fn write<S: AsyncWrite>(
    client: &mut WriteHalf<S>,
    bytes: &[u8],
    wire: &UnixStream,
) -> io::Result<()> {
    let mut written = std::pin::pin!(async {
        client.write_all(bytes).await?;
        client.flush().await
    });
    loop {
        if let Ok(written) = timeout(CLOSING, &mut written).await {
            return written;
        }
        if wire.ready(Interest::READABLE | Interest::WRITABLE).await?.is_write_closed() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
    }
}

async fn inward<S: AsyncRead>(mut client: ReadHalf<S>, wire: &UnixStream) -> io::Result<()> {
    let mut bytes = vec![0; INWARD_BYTES];
    loop {
        let count = client.read(&mut bytes).await?;
        let mut rest = &bytes[..count];
        if rest.is_empty() {
            return Ok(());
        }
        while !rest.is_empty() {
            wire.writable().await?;
            match wire.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}
