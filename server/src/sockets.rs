//! What the system gives the server: the listening socket with what its connections inherit, and
//! how many files the process may have open.
//!
//! Must hold no protocol.

use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket};

use crate::config::Config;

/// Files that are open beside connections: the store's, and sockets on their way in or out.
const OTHER_FILES: u64 = 256;

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
pub fn raise_open_files(connections_max: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = if raised.is_ok() { maximum } else { current };
    if let Some(limit) = limit {
        tracing::info!(open_files = limit, "limit of open files");
    }
    if let Some(warning) = too_few(limit, connections_max as u64) {
        tracing::warn!("{warning}");
    }
}

fn too_few(limit: Option<u64>, connections_max: u64) -> Option<String> {
    let room = limit?.saturating_sub(OTHER_FILES);
    (room < connections_max).then(|| {
        format!(
            "this process may open files for about {room} connections (a third of that if all are \
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
        assert_eq!(too_few(None, 100_000), None);
        assert_eq!(too_few(Some(100_256), 100_000), None);
        let warning = too_few(Some(1_024), 100_000).unwrap();
        for part in ["768", "100000", "limits.connections_max", "LimitNOFILE"] {
            assert!(warning.contains(part), "{warning}");
        }
        assert!(too_few(Some(10), 1).is_some());
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
