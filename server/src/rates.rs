//! How fast tenants, users and addresses may go; past it is a wait, never a lost request.
//!
//! One node counts what it serves itself. Nothing here knows what a request is made of, and no
//! refusal may cost more than what it refuses.

mod keyed;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use landfall_core::auth::Caller;
use landfall_core::id::{Tenant, UserId};
use landfall_core::rate::Pace;

use crate::clock::Clock;
use crate::config::Limits;
use keyed::Keyed;

/// Whose pace was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// `limits.user_requests_per_second`.
    User,
    /// `limits.tenant_requests_per_second`.
    Tenant,
    /// `limits.tenant_notifications_per_second`.
    Sender,
    /// `limits.refused_tokens_per_second`.
    Address,
    /// A user's test notifications.
    Tester,
}

/// What a user's test notifications are paced by: a bucket that holds 60 and fills with one a
/// second, of which each takes 20. So three come at once, and three a minute after that.
const TEST_PACE: (u32, u32) = (1, 60);
const TEST_COST: u32 = 20;

/// Says that a request came too early, and how much; as text, what its caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFast {
    /// Whose requests.
    pub whose: Whose,
    /// After this time it would be served, if nothing else comes.
    pub wait: Duration,
}

impl TooFast {
    /// Tells the whole seconds after which to try again.
    pub fn retry_seconds(self) -> u64 {
        self.wait.as_secs() + u64::from(self.wait.subsec_nanos() > 0)
    }
}

impl fmt::Display for TooFast {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.whose {
            Whose::User => "You made too many requests",
            Whose::Tenant => "Your tenant made too many requests",
            Whose::Sender => "Your tenant sent too many notifications",
            Whose::Tester => "You sent too many test notifications",
            Whose::Address => "Too many tokens or signatures from your address did not hold",
        };
        let seconds = self.retry_seconds();
        let unit = if seconds == 1 { "second" } else { "seconds" };
        write!(formatter, "{who}. Try again in {seconds} {unit}.")
    }
}

/// Every pace, with who has used how much of it. A pace of 0 is no limit and costs nothing.
#[derive(Debug)]
pub struct Rates {
    clock: Clock,
    user_requests: Option<Keyed<(Tenant, UserId)>>,
    tenant_requests: Option<Keyed<Tenant>>,
    tenant_notifications: Option<Keyed<Tenant>>,
    refused_tokens: Option<Keyed<IpAddr>>,
    tests: Option<Keyed<(Tenant, UserId)>>,
}

impl Rates {
    /// Begins with full buckets.
    pub fn new(limits: &Limits, clock: Clock) -> Self {
        let pace = |per_second| Pace::new(per_second, limits.burst_seconds.0);
        Self {
            clock,
            user_requests: pace(limits.user_requests_per_second).map(Keyed::new),
            tenant_requests: pace(limits.tenant_requests_per_second).map(Keyed::new),
            tenant_notifications: pace(limits.tenant_notifications_per_second).map(Keyed::new),
            refused_tokens: pace(limits.refused_tokens_per_second).map(Keyed::new),
            tests: Pace::new(TEST_PACE.0, TEST_PACE.1).map(Keyed::new),
        }
    }

    /// Counts a request of a caller whose token holds: against their own pace unless they may send
    /// notifications, and against their tenant's.
    ///
    /// # Errors
    /// When it comes too early; it was not counted against the tenant.
    pub fn request(&self, caller: &Caller) -> Result<(), TooFast> {
        let now = self.clock.elapsed();
        if let Some(users) = self.user_requests.as_ref().filter(|_| !caller.sends_at_all()) {
            let user = (caller.tenant.clone(), caller.user.clone());
            users.take(&user, now).map_err(|wait| TooFast { whose: Whose::User, wait })?;
        }
        let Some(tenants) = &self.tenant_requests else { return Ok(()) };
        tenants.take(&caller.tenant, now).map_err(|wait| TooFast { whose: Whose::Tenant, wait })
    }

    /// Counts one notification of a tenant.
    ///
    /// # Errors
    /// When it comes too early.
    pub fn send(&self, tenant: &Tenant) -> Result<(), TooFast> {
        let Some(tenants) = &self.tenant_notifications else { return Ok(()) };
        let taken = tenants.take(tenant, self.clock.elapsed());
        taken.map_err(|wait| TooFast { whose: Whose::Sender, wait })
    }

    /// Counts a test notification of a caller.
    ///
    /// # Errors
    /// When it comes too early.
    pub fn test(&self, caller: &Caller) -> Result<(), TooFast> {
        let Some(tests) = &self.tests else { return Ok(()) };
        let user = (caller.tenant.clone(), caller.user.clone());
        let taken = tests.take_many(&user, self.clock.elapsed(), TEST_COST);
        taken.map_err(|wait| TooFast { whose: Whose::Tester, wait })
    }

    /// Counts the further recipients of a send that was accepted: they delay the tenant's next one.
    pub fn sent_to_more(&self, tenant: &Tenant, more: u32) {
        if let Some(tenants) = &self.tenant_notifications {
            tenants.charge(tenant, self.clock.elapsed(), more);
        }
    }

    /// Counts one notification of a tenant, when its turn has come.
    pub async fn wait_to_send(&self, tenant: &Tenant) {
        while let Err(TooFast { wait, .. }) = self.send(tenant) {
            tokio::time::sleep(wait).await;
        }
    }

    /// Says whether a token or a signature from this address may be looked at.
    ///
    /// # Errors
    /// When too many that did not hold came from there.
    pub fn try_token(&self, from: Option<IpAddr>) -> Result<(), TooFast> {
        let (Some(addresses), Some(from)) = (&self.refused_tokens, from) else { return Ok(()) };
        let asked = addresses.ask(&network(from), self.clock.elapsed());
        asked.map_err(|wait| TooFast { whose: Whose::Address, wait })
    }

    /// Counts a token, or the signature of a callback, that did not hold.
    pub fn token_refused(&self, from: Option<IpAddr>) {
        if let (Some(addresses), Some(from)) = (&self.refused_tokens, from) {
            addresses.charge(&network(from), self.clock.elapsed(), 1);
        }
    }
}

/// Whoever has one IPv6 address usually has 2^64 of them (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_stands_for_its_network() {
        let check = |text: &str, expected: &str| {
            let expected: IpAddr = expected.parse().unwrap();
            assert_eq!(network(text.parse().unwrap()), expected, "{text}");
        };
        check("192.0.2.7", "192.0.2.7");
        check("::ffff:192.0.2.7", "192.0.2.7");
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::");
    }
}
