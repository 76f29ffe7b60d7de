//! Feeds: the one ordering (design: gapless numbers in commit order).
//!
//! Everything a device can miss is a row with a number on a feed. This file names feeds and their
//! numbers; it must never give out a number, which only a transaction can do.

use std::fmt;

use crate::id::{Tenant, TopicId, UserId};
use crate::time::Timestamp;

/// What a feed is the order of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FeedKind {
    /// One user's notifications.
    Inbox,
    /// One user's entities and conflicts.
    Data,
    /// One topic's messages, members and shared entities.
    Topic,
}

impl FeedKind {
    /// Every kind, in order.
    pub const ALL: [FeedKind; 3] = [Self::Inbox, Self::Data, Self::Topic];

    /// Names the kind as stores and cursors spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Data => "data",
            Self::Topic => "topic",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Names one feed: the unit of ordering, of access and of sharding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedKey {
    /// Whose server this is.
    pub tenant: Tenant,
    /// What is ordered.
    pub kind: FeedKind,
    /// The user's or the topic's id.
    pub owner: Box<str>,
}

impl FeedKey {
    /// Names a user's inbox.
    pub fn inbox(tenant: &Tenant, user: &UserId) -> Self {
        Self { tenant: tenant.clone(), kind: FeedKind::Inbox, owner: user.as_str().into() }
    }

    /// Names the feed of a user's own entities.
    pub fn data(tenant: &Tenant, user: &UserId) -> Self {
        Self { tenant: tenant.clone(), kind: FeedKind::Data, owner: user.as_str().into() }
    }

    /// Names a topic's feed.
    pub fn topic(tenant: &Tenant, topic: &TopicId) -> Self {
        Self { tenant: tenant.clone(), kind: FeedKind::Topic, owner: topic.as_str().into() }
    }
}

/// A position on a feed: 0 is before the first row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Number(pub u64);

impl Number {
    /// Stands before the first row.
    pub const ZERO: Number = Number(0);

    /// Gives the number that follows.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Gives the number before, or zero.
    pub const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// Reads the decimal form that `replay_id` has (S2).
    pub fn parse(text: &str) -> Option<Self> {
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        // Stores keep 63 bits; more is no number that was ever given out.
        plain.then(|| text.parse().ok().filter(|n| *n <= i64::MAX as u64)).flatten().map(Self)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a feed stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// The highest number given out.
    pub newest: Number,
    /// Numbers below this are of an earlier life, and rows there may be gone: a reader behind it
    /// starts over.
    pub horizon: Number,
}

/// Which life of the store a number belongs to; a restore starts a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The life of a store that was never restored.
    pub const FIRST: Self = Self(1);

    /// Gives the epoch that follows. The time is part of it, so that two restores of one backup
    /// never share an epoch.
    pub fn following(self, now: Timestamp) -> Self {
        Self(self.0.saturating_add(1).max(now.as_ms().max(0) as u64))
    }

    /// Says whether a time is of an earlier life: whatever was told then may not be so any more.
    pub const fn is_after(self, at: Timestamp) -> bool {
        self.0 > Self::FIRST.0 && at.as_ms() <= self.0.cast_signed()
    }

    /// Gives the number above which every feed goes on once this epoch has begun: more than any
    /// earlier life gave out, also one that the restored backup never heard of.
    ///
    /// An epoch is a time in milliseconds, and no feed gives out 1,024 numbers in each, so that
    /// what a life gave out stays below where the next one begins. Until the year 2248 that is
    /// less than 2^53, up to which JavaScript counts exactly.
    pub const fn base(self) -> Number {
        Number(self.0.saturating_mul(1_024))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_later_than_the_one_before_whatever_the_clock_says() {
        let after = |epoch, ms| Epoch(epoch).following(Timestamp::from_ms(ms)).0;
        assert_eq!(after(1, 1_800_000_000_000), 1_800_000_000_000);
        assert_eq!(after(1_800_000_000_000, 1_700_000_000_000), 1_800_000_000_001);
        assert_eq!(after(1, -5), 2);
        let base = Epoch(1_800_000_000_000).base().0;
        assert!(base < 1 << 53 && base < Epoch(1_800_000_000_001).base().0 - 1_000);
    }

    #[test]
    fn numbers_read_only_plain_decimals() {
        assert_eq!(Number::parse("12346"), Some(Number(12_346)));
        assert_eq!(Number::parse("0"), Some(Number::ZERO));
        assert_eq!(Number::parse("9223372036854775807"), Some(Number(i64::MAX as u64)));
        for bad in ["", "-1", "+1", "1.0", "0x1", "9223372036854775808", "99999999999999999999"] {
            assert_eq!(Number::parse(bad), None, "{bad}");
        }
    }
}
