//! Where a request came from: the address at the other end, or what a trusted proxy says of it.
//!
//! Good for counting alone. Nobody is let in because of an address.

use std::net::{IpAddr, SocketAddr};
use std::sync::Once;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName};
use tower::Service;

use crate::config::Network;
use crate::sockets::Place;

const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Told once in the life of the process.
static UNNAMED: Once = Once::new();

/// The address at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// Where a request came from, with every request; nothing where the listener did not say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Origin(pub Option<IpAddr>);

/// Serves one connection, and says with each of its requests where it came from.
#[derive(Debug, Clone)]
pub struct FromPeer {
    /// Serves the requests.
    pub router: Router,
    /// The other end.
    pub peer: Peer,
    /// The connection's place; a request that makes it a socket hands the place on.
    pub place: Place,
}

impl<B> Service<axum::http::Request<B>> for FromPeer
where
    Router: Service<axum::http::Request<B>>,
{
    type Response = <Router as Service<axum::http::Request<B>>>::Response;
    type Error = <Router as Service<axum::http::Request<B>>>::Error;
    type Future = <Router as Service<axum::http::Request<B>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.router.poll_ready(context)
    }

    fn call(&mut self, mut request: axum::http::Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        request.extensions_mut().insert(self.place.clone());
        self.router.call(request)
    }
}

/// Tells where a request came from; nothing where it came through a proxy that nobody named: then
/// all clients have one address, and counting by it would let one of them lock out the others.
pub(super) fn origin_of(request: &Request, trusted: &[Network]) -> Origin {
    let Some(Peer(peer)) = request.extensions().get::<Peer>() else { return Origin(None) };
    if is_unnamed_proxy(*peer, request.headers(), trusted) {
        UNNAMED.call_once(|| {
            tracing::warn!(
                proxy = %peer,
                "a proxy that is not named forwards requests, so tokens that do not hold are not \
                 bounded by address: name it in server.trusted_proxies"
            );
        });
        return Origin(None);
    }
    Origin(Some(origin(*peer, request.headers(), trusted)))
}

/// Says whether the other end looks like a proxy of the house whose word does not count.
fn is_unnamed_proxy(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> bool {
    headers.contains_key(FORWARDED) && is_near(peer) && !is_trusted(peer, trusted)
}

/// Says whether nobody can have this address beyond the machine or the house's own network
/// (RFC 1918, RFC 4193).
fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

/// Reads an address as proxies write it: alone, in brackets, or with a port.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let with_port = || hop.parse().ok().map(|socket: SocketAddr| socket.ip());
    bare.parse().ok().or_else(with_port)
}

/// Goes back from proxy to proxy as long as each is trusted: what stands before the first stranger
/// is that stranger's own word.
fn origin(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let mut nearest = peer;
    let lines = headers.get_all(FORWARDED).iter().rev();
    let hops = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    for hop in hops {
        if !is_trusted(nearest, trusted) {
            break;
        }
        let Some(address) = address(hop) else { break };
        nearest = address;
    }
    nearest
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(peer: &str, lines: &[&str], expected: &str) {
        let trusted = [Network::parse("10.0.0.0/8").unwrap()];
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED, line.parse().unwrap());
        }
        let address = origin(peer.parse().unwrap(), &headers, &trusted);
        assert_eq!(address, expected.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        check("192.0.2.1", &["203.0.113.9"], "192.0.2.1");
        check("10.0.0.1", &["203.0.113.9"], "203.0.113.9");
        check("::ffff:10.0.0.1", &["203.0.113.9"], "203.0.113.9");
        check("10.0.0.1", &[], "10.0.0.1");
    }

    #[test]
    fn what_a_client_wrote_itself_is_not_reached() {
        check("10.0.0.1", &["198.51.100.1, 203.0.113.9"], "203.0.113.9");
        check("10.0.0.1", &["198.51.100.1", "203.0.113.9, 10.2.2.2"], "203.0.113.9");
        check("10.0.0.1", &["203.0.113.9, 10.2.2.2, 10.3.3.3"], "203.0.113.9");
        check("10.0.0.1", &["203.0.113.9, nonsense"], "10.0.0.1");
        check("10.0.0.1", &["203.0.113.9:"], "10.0.0.1");
    }

    #[test]
    fn an_address_may_come_with_its_port() {
        check("10.0.0.1", &["203.0.113.9:1234"], "203.0.113.9");
        check("10.0.0.1", &["203.0.113.9:1234, 10.2.2.2:80"], "203.0.113.9");
        check("10.0.0.1", &["2001:db8::7"], "2001:db8::7");
        check("10.0.0.1", &["[2001:db8::7]"], "2001:db8::7");
        check("10.0.0.1", &["[2001:db8::7]:1234"], "2001:db8::7");
    }

    #[test]
    fn a_near_proxy_that_nobody_named_is_seen() {
        let trusted = [Network::parse("10.0.0.0/8").unwrap()];
        let mut forwarded = HeaderMap::new();
        forwarded.append(FORWARDED, "203.0.113.9".parse().unwrap());
        let check = |peer: &str, headers: &HeaderMap, expected: bool| {
            let found = is_unnamed_proxy(peer.parse().unwrap(), headers, &trusted);
            assert_eq!(found, expected, "{peer} {headers:?}");
        };
        for near in ["127.0.0.1", "::1", "192.168.1.1", "::ffff:172.16.0.1", "fd00::1"] {
            check(near, &forwarded, true);
            check(near, &HeaderMap::new(), false);
        }
        for other in ["10.0.0.1", "192.0.2.1", "2001:db8::1"] {
            check(other, &forwarded, false);
        }
    }
}
