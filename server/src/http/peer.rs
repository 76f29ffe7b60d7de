//! Where a request came from: the address at the other end, or what a trusted proxy says of it.
//!
//! Good for counting alone. Nobody is let in because of an address.

use std::net::IpAddr;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName};
use tower::Service;

use crate::config::Network;

const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

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
        self.router.call(request)
    }
}

/// Tells where a request came from.
pub(super) fn origin_of(request: &Request, trusted: &[Network]) -> Origin {
    let peer = request.extensions().get::<Peer>();
    Origin(peer.map(|Peer(peer)| origin(*peer, request.headers(), trusted)))
}

/// Goes back from proxy to proxy as long as each is trusted: what stands before the first stranger
/// is that stranger's own word.
fn origin(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut nearest = peer;
    let lines = headers.get_all(FORWARDED).iter().rev();
    let hops = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    for hop in hops {
        if !is_trusted(nearest) {
            break;
        }
        let Ok(address) = hop.trim().parse() else { break };
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
        check("10.0.0.1", &["203.0.113.9:1234"], "10.0.0.1");
    }
}
