//! What the system gives the server: the listening socket with what its connections inherit, and
//! how many files the process may have open.
//!
//! Must hold no protocol.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::OwnedSemaphorePermit;

use crate::config::Config;

/// Files that are open beside connections: the store's, and sockets on their way in or out.
const OTHER_FILES: u64 = 256;
/// Files of an event stream, and of a socket over TLS: the client's, and both ends of its pair.
const FILES_OF_A_PAIR: u64 = 3;

/// A connection's place among `limits.connections_max`. It is given back when the last who holds it
/// lets go, so whoever takes a socket over takes the place with it.
#[derive(Debug, Clone)]
pub struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Place {
    /// Takes the place that a permit stands for.
    pub fn new(permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: Arc::new(permit) }
    }
}

/// What connections are made of, as far as files go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// Plain sockets; only event streams take more.
    Plainly,
    /// TLS: every live connection takes more.
    OverTls,
}

impl Carried {
    fn files(self) -> u64 {
        match self {
            Self::Plainly => 1,
            Self::OverTls => FILES_OF_A_PAIR,
        }
    }
}

/// Listens on the configured address. What is set here every accepted socket inherits, so that
/// accepting costs no call for it.
///
/// # Errors
/// When the address cannot be listened on.
pub fn listen(config: &Config) -> anyhow::Result<TcpListener> {
    let address = config.server.listen;
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // Without a bound, one stalled phone pins megabytes of kernel memory.
    socket.set_send_buffer_size(config.realtime.send_buffer_kib.bytes() as u32)?;
    give_up_the_dead(&SockRef::from(&socket), config.limits.dead_peer_seconds.duration())?;
    socket.bind(address).with_context(|| format!("cannot listen on {address}"))?;
    socket.listen(config.server.backlog).with_context(|| format!("cannot listen on {address}"))
}

/// Has the system end connections whose peer is gone without a word: by probes where nothing is
/// under way, and where something is, once it has been unacknowledged for so long.
fn give_up_the_dead(socket: &SockRef<'_>, after: Duration) -> anyhow::Result<()> {
    let second = Duration::from_secs(1);
    let keepalive = TcpKeepalive::new()
        .with_time((after / 2).max(second))
        .with_interval((after / 8).max(second));
    socket.set_tcp_keepalive(&keepalive)?;
    give_up_the_unacknowledged(socket, after)
}

#[cfg(target_os = "linux")]
fn give_up_the_unacknowledged(socket: &SockRef<'_>, after: Duration) -> anyhow::Result<()> {
    Ok(socket.set_tcp_user_timeout(Some(after))?)
}

/// Elsewhere the system's own, longer patience counts.
#[cfg(not(target_os = "linux"))]
fn give_up_the_unacknowledged(_: &SockRef<'_>, _: Duration) -> anyhow::Result<()> {
    Ok(())
}

/// Raises the process's limit of open files as far as it may, and warns where the connections that
/// the settings allow do not fit.
pub fn raise_open_files(connections_max: usize, carried: Carried) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where the system refuses, what is in force counts, and is told below.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = getrlimit(Resource::Nofile).current;
    if let Some(limit) = limit {
        tracing::info!(open_files = limit, "limit of open files");
    }
    if let Some(warning) = too_few(limit, connections_max as u64, carried) {
        tracing::warn!("{warning}");
    }
}

fn too_few(limit: Option<u64>, connections_max: u64, carried: Carried) -> Option<String> {
    let files = limit?.saturating_sub(OTHER_FILES);
    let (room, least) = (files / carried.files(), files / FILES_OF_A_PAIR);
    (room < connections_max).then(|| {
        format!(
            "this process may open files for about {room} connections ({least} if all are \
             event streams), but limits.connections_max is {connections_max}: raise the hard limit \
             (ulimit -Hn, or LimitNOFILE= of systemd) or lower the setting"
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::Inputs;
    use tokio::net::TcpStream;

    #[test]
    fn too_few_files_are_told_with_what_to_do() {
        let plainly = |limit, max| too_few(limit, max, Carried::Plainly);
        assert_eq!(plainly(None, 100_000), None);
        assert_eq!(plainly(Some(100_256), 100_000), None);
        let warning = plainly(Some(1_024), 100_000).unwrap();
        for part in ["768", "256", "100000", "limits.connections_max", "LimitNOFILE"] {
            assert!(warning.contains(part), "{warning}");
        }
        assert!(plainly(Some(10), 1).is_some());
        // A socket over TLS takes three.
        assert!(too_few(Some(100_256), 100_000, Carried::OverTls).is_some());
        assert_eq!(too_few(Some(300_256), 100_000, Carried::OverTls), None);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn accepted_sockets_give_up_the_dead() {
        let env = [
            ("LANDFALL_SERVER_LISTEN", "127.0.0.1:0"),
            ("LANDFALL_LIMITS_DEAD_PEER_SECONDS", "40"),
        ];
        let inputs = Inputs { env: env.into_iter().collect(), ..Inputs::default() };
        let config = Config::load(inputs).unwrap().config;
        let listener = listen(&config).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let socket = SockRef::from(&accepted);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(40)));
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(20));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(5));
    }
}
