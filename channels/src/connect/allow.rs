//! What the guard lets through besides the public internet: the setting `outbound.allow`.
//!
//! Pure. Must never take an entry for something wider than what it says.

use std::net::IpAddr;
use std::str::FromStr as _;

/// The longest host name (RFC 1035).
const HOST_MAX: usize = 253;

/// Networks and hosts that users' URLs may lead to although they are not public.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allow(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    /// Every address of a network, at every port, also behind any name.
    Network { base: IpAddr, prefix: u8 },
    /// One host as the URL spells it, at one port or at every one.
    Host { host: String, port: Option<u16> },
}

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AllowFault {
    /// Neither an address, a network nor a host.
    #[error("must be a host, a host with a port, an address or a network such as 10.0.0.0/8")]
    NoEntry,
    /// The number behind the slash is none, or too large.
    #[error("has no length from 0 to 32 (IPv6: to 128) behind its slash")]
    Prefix,
    /// The address in front of the slash has bits beyond the length.
    #[error("names an address within its network; write the network's first address")]
    HostBits,
    /// The port is none.
    #[error("has no port from 1 to 65535 behind its colon")]
    Port,
    /// It is a URL.
    #[error("must be a host, not a URL")]
    Url,
}

impl Allow {
    /// Reads entries: `push.internal`, `push.internal:8443`, `10.0.0.0/8`, `10.1.2.3`,
    /// `127.0.0.1:9000`, `fd00::/8`, `[::1]:9000`.
    ///
    /// # Errors
    /// The entry's place in the list, and what is wrong with it.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, (usize, AllowFault)> {
        let parse = |(at, entry): (usize, &S)| parse(entry.as_ref()).map_err(|fault| (at, fault));
        entries.iter().enumerate().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Says whether an address may be connected to, whatever name led to it.
    pub(super) fn has_address(&self, address: IpAddr) -> bool {
        self.0.iter().any(|entry| match entry {
            Entry::Network { base, prefix } => is_within(address.to_canonical(), *base, *prefix),
            Entry::Host { .. } => false,
        })
    }

    /// Says whether a host is named at this port. An address is spelled without brackets.
    pub(super) fn has_host(&self, host: &str, port: u16) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        self.0.iter().any(|entry| match entry {
            Entry::Host { host: allowed, port: at } => {
                allowed.eq_ignore_ascii_case(host) && at.is_none_or(|at| at == port)
            }
            Entry::Network { .. } => false,
        })
    }
}

fn parse(entry: &str) -> Result<Entry, AllowFault> {
    if entry.contains("://") {
        return Err(AllowFault::Url);
    }
    if let Some((base, prefix)) = entry.split_once('/') {
        return network(base, prefix);
    }
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    if let Ok(address) = IpAddr::from_str(bare) {
        let base = address.to_canonical();
        return Ok(Entry::Network { base, prefix: bits(base) });
    }
    match entry.rsplit_once(':') {
        Some((host, port)) => {
            Ok(Entry::Host { host: host_or_address(host)?, port: Some(read_port(port)?) })
        }
        None => Ok(Entry::Host { host: host_name(entry)?, port: None }),
    }
}

fn network(base: &str, prefix: &str) -> Result<Entry, AllowFault> {
    let base = IpAddr::from_str(base).map_err(|_| AllowFault::NoEntry)?;
    let prefix: u8 = prefix.parse().map_err(|_| AllowFault::Prefix)?;
    if prefix > bits(base) {
        return Err(AllowFault::Prefix);
    }
    if host_part(base, prefix) != 0 {
        return Err(AllowFault::HostBits);
    }
    Ok(Entry::Network { base, prefix })
}

fn read_port(port: &str) -> Result<u16, AllowFault> {
    port.parse().ok().filter(|port| *port != 0).ok_or(AllowFault::Port)
}

/// An address is kept as Rust spells it, so that every spelling of it is found.
fn host_or_address(host: &str) -> Result<String, AllowFault> {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address = IpAddr::from_str(inner).map_err(|_| AllowFault::NoEntry)?;
        return Ok(address.to_canonical().to_string());
    }
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => Ok(address.to_string()),
        Ok(IpAddr::V6(_)) => Err(AllowFault::NoEntry),
        Err(_) => host_name(host),
    }
}

fn host_name(host: &str) -> Result<String, AllowFault> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    // A last label of digits would be read as an address in a URL.
    let is_number = host.rsplit('.').next().is_some_and(|last| last.parse::<u64>().is_ok());
    if host.len() > HOST_MAX || is_number || !host.split('.').all(is_label) {
        return Err(AllowFault::NoEntry);
    }
    Ok(host.to_ascii_lowercase())
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// An address as a number that fills 128 bits from the left.
fn as_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn host_part(address: IpAddr, prefix: u8) -> u128 {
    as_number(address).checked_shl(prefix.into()).unwrap_or(0)
}

fn is_within(address: IpAddr, base: IpAddr, prefix: u8) -> bool {
    let differing = as_number(address) ^ as_number(base);
    address.is_ipv4() == base.is_ipv4() && differing.leading_zeros() >= prefix.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn allow(entry: &str) -> Allow {
        Allow::parse(&[entry]).unwrap()
    }

    #[test]
    fn a_network_has_its_addresses_and_no_other() {
        let check = |entry: &str, address: &str, expected: bool| {
            let is_allowed = allow(entry).has_address(address.parse().unwrap());
            assert_eq!(is_allowed, expected, "{entry} {address}");
        };
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.0", false);
        check("10.0.0.0/8", "::ffff:10.0.0.1", true);
        check("0.0.0.0/0", "127.0.0.1", true);
        check("0.0.0.0/0", "::1", false);
        check("::/0", "::1", true);
        check("::/0", "127.0.0.1", false);
        check("127.0.0.1", "127.0.0.1", true);
        check("127.0.0.1", "127.0.0.2", false);
        check("[::1]", "::1", true);
        check("fd00::/8", "fdff::1", true);
        check("fd00::/8", "fc00::1", false);
        check("127.0.0.1:80", "127.0.0.1", false);
    }

    #[test]
    fn a_host_is_named_at_its_port_or_at_all() {
        let check = |entry: &str, host: &str, port: u16, expected: bool| {
            assert_eq!(allow(entry).has_host(host, port), expected, "{entry} {host} {port}");
        };
        check("push.internal", "push.internal", 443, true);
        check("Push.Internal", "push.internal.", 80, true);
        check("push.internal", "a.push.internal", 443, false);
        check("push.internal:8443", "push.internal", 8443, true);
        check("push.internal:8443", "push.internal", 443, false);
        check("127.0.0.1:9000", "127.0.0.1", 9000, true);
        check("127.0.0.1:9000", "127.0.0.1", 9001, false);
        check("[::1]:9000", "::1", 9000, true);
        check("[0:0::1]:9000", "::1", 9000, true);
    }

    #[test]
    fn what_is_wrong_with_an_entry_has_a_name() {
        let check = |entry: &str, expected: AllowFault| {
            assert_eq!(Allow::parse(&["localhost", entry]), Err((1, expected)), "{entry}");
        };
        check("", AllowFault::NoEntry);
        check("a b", AllowFault::NoEntry);
        check("*.internal", AllowFault::NoEntry);
        check("a..b", AllowFault::NoEntry);
        check("10.0.0.256", AllowFault::NoEntry);
        check("2130706433", AllowFault::NoEntry);
        check("::1:", AllowFault::NoEntry);
        check("x/8", AllowFault::NoEntry);
        check("10.0.0.0/33", AllowFault::Prefix);
        check("10.0.0.0/", AllowFault::Prefix);
        check("10.0.0.0/-1", AllowFault::Prefix);
        check("10.0.0.1/8", AllowFault::HostBits);
        check("fd00::1/8", AllowFault::HostBits);
        check("push:0", AllowFault::Port);
        check("push:70000", AllowFault::Port);
        check("push:", AllowFault::Port);
        check("https://push.internal", AllowFault::Url);
    }
}
