//! Resolves names for the guarded client and gives out only addresses that were checked.
//!
//! The client connects to what is given out here and asks no other resolver, so a name cannot
//! lead elsewhere between check and use.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::guard::Guard;

/// Says that a name led to an address that must not be connected to.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to a {0} address")]
pub(super) struct Forbidden(pub(super) &'static str);

/// Says that a name led nowhere.
#[derive(Debug, thiserror::Error)]
#[error("the name is not known")]
pub(super) struct Unknown;

pub(super) struct CheckedNames(pub(super) Arc<Guard>);

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Arc::clone(&self.0);
        Box::pin(async move {
            // Port 0 stands for the URL's own.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|_| Unknown)?;
            Ok(Box::new(checked(&guard, found.collect())?.into_iter()) as Addrs)
        })
    }
}

/// One bad address spoils the name: whoever publishes both hopes for the other one.
fn checked(guard: &Guard, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Forbidden> {
    match found.iter().find_map(|address| guard.refuses(address.ip())) {
        Some(word) => Err(Forbidden(word)),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::connect::Allow;

    #[test]
    fn one_bad_address_spoils_the_name() {
        let check = |allow: &[&str], addresses: &[&str], expected: Option<&str>| {
            let guard = Guard::new(Allow::parse(allow).unwrap());
            let found = addresses.iter().map(|address| address.parse().unwrap()).collect();
            let refused = checked(&guard, found).err().map(|Forbidden(word)| word);
            assert_eq!(refused, expected, "{addresses:?}");
        };
        check(&[], &["8.8.8.8:0", "[2606:4700::1]:0"], None);
        check(&[], &["8.8.8.8:0", "127.0.0.1:0"], Some("loopback"));
        check(&[], &["[::ffff:10.0.0.1]:0"], Some("private"));
        check(&["10.0.0.0/8"], &["10.1.2.3:0"], None);
        check(&["10.0.0.0/8"], &["10.1.2.3:0", "192.168.0.1:0"], Some("private"));
    }
}
