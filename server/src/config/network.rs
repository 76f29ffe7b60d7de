//! A network as settings spell it: `10.0.0.0/8`, or one address.
//!
//! Must never look a name up: a setting means the same whoever answers for the name.

use std::net::IpAddr;

use serde::Deserialize;

/// Addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    /// The bits of the address, an IPv4 one in its IPv6 form.
    bits: u128,
    /// How many of them count, of 128.
    prefix: u32,
}

/// Says that a text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an IP address, or a network such as 10.0.0.0/8")]
pub struct NetworkError;

impl Network {
    /// Reads an address, or an address and how many of its bits count.
    ///
    /// # Errors
    /// When it is neither, or when bits are set that do not count.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(text) => text.parse().ok().filter(|n| *n <= width).ok_or(NetworkError)?,
        };
        let network = Self { bits: bits(address), prefix: prefix + 128 - width };
        if network.bits & !network.mask() == 0 { Ok(network) } else { Err(NetworkError) }
    }

    /// Says whether an address is in it; an IPv4 one in IPv6 form is the same address.
    pub fn contains(self, address: IpAddr) -> bool {
        bits(address) & self.mask() == self.bits
    }

    fn mask(self) -> u128 {
        // A shift by all 128 bits would be none.
        u128::MAX.checked_shl(128 - self.prefix).unwrap_or(0)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl TryFrom<String> for Network {
    type Error = NetworkError;

    fn try_from(text: String) -> Result<Self, NetworkError> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_network_holds_what_begins_like_it() {
        let check = |network: &str, address: &str, expected: bool| {
            let holds = Network::parse(network).unwrap().contains(address.parse().unwrap());
            assert_eq!(holds, expected, "{address} in {network}");
        };
        check("10.0.0.0/8", "10.255.1.2", true);
        check("10.0.0.0/8", "11.0.0.0", false);
        check("10.0.0.0/8", "::ffff:10.1.1.1", true);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.8", false);
        check("0.0.0.0/0", "203.0.113.1", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("2001:db8::/32", "2001:db8:ffff::1", true);
        check("::/0", "2001:db8::1", true);
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "proxy", "10.0.0.0/33", "10.0.0.1/8", "::/129", "10.0.0.0/", "10.0.0.0/-1"]
        {
            assert_eq!(Network::parse(text), Err(NetworkError), "{text}");
        }
    }
}
