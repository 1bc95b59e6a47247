//! Which addresses a hook may be sent to: the decision is made on the resolved address that is
//! then dialled, so a name cannot point elsewhere between check and use.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether `address` is public: not this machine, not a private or special network.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match (a, b, c) {
        (0 | 10 | 127, ..) | (240..=255, ..) | (224..=239, ..) => true,
        (100, 64..=127, _) => true, // shared address space, RFC 6598
        (169, 254, _) | (192, 168, _) => true, // link-local and private
        (172, 16..=31, _) => true,
        (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) => true, // protocol and documentation
        (198, 18..=19, _) => true,                                // benchmarking
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let s = address.segments();
    let tunnel = (s[0] == 0x64 && s[1] == 0xff9b) // NAT64
        || s[0] == 0x2002                         // 6to4
        || (s[0] == 0x2001 && s[1] < 0x0200); // Teredo and other protocol assignments
    let documentation = s[0] == 0x2001 && s[1] == 0x0db8;
    let global = s[0] & 0xe000 == 0x2000; // 2000::/3, all that is handed out
    global && !tunnel && !documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_networks_are_refused() {
        for refused in [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.254",
            "127.0.0.1",
            "169.254.169.254",
            "255.255.255.255",
            "0.0.0.0",
            "224.0.0.1",
            "ff02::2",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001::1",
            "::ffff:127.0.0.1",
            "198.18.0.1",
            "192.0.2.1",
        ] {
            assert!(!is_public(refused.parse().expect("address")), "{refused}");
        }
    }

    #[test]
    fn neighbours_of_special_networks_pass() {
        for public in ["100.63.255.254", "100.128.0.1", "8.8.8.8", "172.32.0.1", "2606:4700::1"] {
            assert!(is_public(public.parse().expect("address")), "{public}");
        }
    }
}
