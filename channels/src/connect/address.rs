//! Which addresses lie on the public internet.
//!
//! Pure. Must never let an address through that an IPv6 form of another address hides: what a
//! translator or a relay would connect to is what counts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks of IPv4 that are not the public internet (IANA's special-purpose registry), with the
/// word for each.
const V4: &[(u32, u8, &str)] = &[
    (0x0000_0000, 8, "unspecified"),
    (0x0a00_0000, 8, "private"),
    (0x6440_0000, 10, "carrier-grade NAT"),
    (0x7f00_0000, 8, "loopback"),
    (0xa9fe_0000, 16, "link-local"),
    (0xac10_0000, 12, "private"),
    (0xc000_0000, 24, "reserved"),
    (0xc000_0200, 24, "documentation"),
    (0xc058_6300, 24, "reserved"),
    (0xc0a8_0000, 16, "private"),
    (0xc612_0000, 15, "benchmarking"),
    (0xc633_6400, 24, "documentation"),
    (0xcb00_7100, 24, "documentation"),
    (0xe000_0000, 4, "multicast"),
    (0xf000_0000, 4, "reserved"),
];

/// Gives the word for what an address is instead of public; nothing when it is public.
pub(super) fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => not_public_v4(address),
        IpAddr::V6(address) => not_public_v6(address),
    }
}

fn not_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    let bits = address.to_bits();
    let inside = |&&(network, prefix, _): &&(u32, u8, &str)| (bits ^ network) >> (32 - prefix) == 0;
    V4.iter().find(inside).map(|(.., word)| *word)
}

/// Only 2000::/3 is given out for the public internet; besides it, only the forms that stand for
/// a public IPv4 address pass.
fn not_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    let bits = address.to_bits();
    let low = Ipv4Addr::from_bits((bits & 0xffff_ffff) as u32);
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("loopback"),
        // IPv4-mapped, and the well-known prefix of NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => not_public_v4(low),
        [first, ..] if first & 0xff00 == 0xff00 => Some("multicast"),
        [first, ..] if first & 0xffc0 == 0xfe80 => Some("link-local"),
        [first, ..] if first & 0xfe00 == 0xfc00 => Some("unique-local"),
        [first, ..] if first & 0xe000 != 0x2000 => Some("reserved"),
        // 6to4 (RFC 3056) carries the address of its relay.
        [0x2002, ..] => not_public_v4(Ipv4Addr::from_bits((bits >> 80 & 0xffff_ffff) as u32)),
        [0x2001, 0xdb8, ..] => Some("documentation"),
        [0x3fff, second, ..] if second & 0xf000 == 0 => Some("documentation"),
        [0x2001, 2, 0, ..] => Some("benchmarking"),
        // Teredo, ORCHID and what else IETF protocols hold for themselves.
        [0x2001, second, ..] if second & 0xfe00 == 0 => Some("reserved"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expected: Option<&str>) {
        let parsed = address.parse().expect("an address");
        assert_eq!(not_public(parsed), expected, "{address}");
    }

    #[test]
    fn public_addresses_pass() {
        for address in ["8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.255.255"] {
            check(address, None);
        }
        for address in ["172.32.0.0", "198.20.0.0", "223.255.255.255", "192.0.1.0", "11.0.0.0"] {
            check(address, None);
        }
        for address in ["2606:4700::1111", "2001:4860:4860::8888", "2a00::1", "2001:200::1"] {
            check(address, None);
        }
    }

    #[test]
    fn every_special_network_of_ipv4_is_refused_from_end_to_end() {
        for (first, last, word) in [
            ("0.0.0.0", "0.255.255.255", "unspecified"),
            ("10.0.0.0", "10.255.255.255", "private"),
            ("100.64.0.0", "100.127.255.255", "carrier-grade NAT"),
            ("127.0.0.0", "127.255.255.255", "loopback"),
            ("169.254.0.0", "169.254.255.255", "link-local"),
            ("172.16.0.0", "172.31.255.255", "private"),
            ("192.0.0.0", "192.0.0.255", "reserved"),
            ("192.0.2.0", "192.0.2.255", "documentation"),
            ("192.168.0.0", "192.168.255.255", "private"),
            ("198.18.0.0", "198.19.255.255", "benchmarking"),
            ("198.51.100.0", "198.51.100.255", "documentation"),
            ("203.0.113.0", "203.0.113.255", "documentation"),
            ("224.0.0.0", "239.255.255.255", "multicast"),
            ("240.0.0.0", "255.255.255.255", "reserved"),
        ] {
            check(first, Some(word));
            check(last, Some(word));
        }
    }

    #[test]
    fn special_networks_of_ipv6_are_refused() {
        check("::", Some("unspecified"));
        check("::1", Some("loopback"));
        check("fe80::1", Some("link-local"));
        check("febf::1", Some("link-local"));
        check("fec0::1", Some("reserved"));
        check("fc00::1", Some("unique-local"));
        check("fdff::1", Some("unique-local"));
        check("ff02::1", Some("multicast"));
        check("2001:db8::1", Some("documentation"));
        check("3fff:fff::1", Some("documentation"));
        check("2001:2::1", Some("benchmarking"));
        check("2001::1", Some("reserved"));
        check("100::1", Some("reserved"));
        check("5f00::1", Some("reserved"));
    }

    #[test]
    fn no_ipv6_form_hides_an_ipv4_address() {
        check("::ffff:127.0.0.1", Some("loopback"));
        check("::ffff:8.8.8.8", None);
        check("::127.0.0.1", Some("reserved"));
        check("::8.8.8.8", Some("reserved"));
        check("::ffff:0:127.0.0.1", Some("reserved"));
        check("64:ff9b::10.0.0.1", Some("private"));
        check("64:ff9b::8.8.8.8", None);
        check("64:ff9b:1::8.8.8.8", Some("reserved"));
        check("2002:7f00:1::1", Some("loopback"));
        check("2002:c0a8:101::1", Some("private"));
        check("2002:808:808::1", None);
    }
}
