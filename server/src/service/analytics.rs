//! Reading the sums: what became of the notifications of some days (S2).
//!
//! Costs what the days, channels and types are, however many notifications there were.

use std::collections::BTreeMap;

use landfall_core::auth::{Caller, Scope};
use landfall_core::channel::Channel;
use landfall_core::day::Day;
use landfall_core::histogram::{Bucket, Histogram, Percent};
use landfall_core::id::TopicId;
use landfall_core::tally::Measure;
use landfall_core::topic::MemberRole;
use landfall_store::{Tally, TallyFilter, TallyKey};

use super::{ServiceError, Services};

/// What became of the notifications that were accepted on some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analytics {
    /// How many there are.
    pub notifications: u64,
    /// On each channel.
    pub channels: [(Channel, ChannelSums); Channel::ALL.len()],
    /// How many there are of each type, the most frequent ones where there are very many.
    pub types: BTreeMap<String, u64>,
    /// From accepted to first delivered, in milliseconds: on average, of 95 and of 99 in 100.
    pub response_ms: [u64; 3],
    /// How many were read one by one.
    pub reads: u64,
    /// How many a device showed.
    pub shown: u64,
    /// How many were clicked.
    pub clicked: u64,
}

/// Sums of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChannelSums {
    /// For how many it was tried.
    pub sent: u64,
    /// How many its provider took, or a device confirmed.
    pub accepted: u64,
    /// How many arrived.
    pub delivered: u64,
    /// How many are given up.
    pub failed: u64,
}

impl ChannelSums {
    /// Gives the share of what arrived, with two decimals; 0 where nothing was sent.
    pub fn success_rate(&self) -> f64 {
        if self.sent == 0 {
            return 0.0;
        }
        (self.delivered as f64 * 100.0 / self.sent as f64).round() / 100.0
    }
}

/// Types that are named at most.
const TYPES_MAX: usize = 1_000;

impl Services {
    /// Says what became of the notifications that were accepted from one day to another, both
    /// included, by all of the tenant or to one class.
    ///
    /// # Errors
    /// `Forbidden` without `metrics:read`, unless the caller teaches the class; `NotFound` for a
    /// class that the caller may not know.
    pub async fn analytics(
        &self,
        caller: &Caller,
        (from, to): (Day, Day),
        class: Option<TopicId>,
    ) -> Result<Analytics, ServiceError> {
        if !caller.may(&Scope::MetricsRead) {
            let class = class.as_ref().ok_or_else(|| ServiceError::needs("metrics:read"))?;
            self.require_teacher(caller, class).await?;
        }
        let filter = TallyFilter { from: from.0, to: to.0, class };
        Ok(summed(self.store.tallies(&caller.tenant, filter).await?))
    }

    async fn require_teacher(&self, caller: &Caller, class: &TopicId) -> Result<(), ServiceError> {
        let view = self.store.topic(&caller.tenant, class, &caller.user).await?;
        match view.and_then(|view| view.role) {
            Some(MemberRole::Teacher | MemberRole::Owner) => Ok(()),
            Some(MemberRole::Member) => {
                Err(ServiceError::Forbidden("only who teaches the class may see this".into()))
            }
            None => Err(ServiceError::NotFound("class")),
        }
    }
}

/// Puts sums together. A measure that this version does not know is left out.
fn summed(tallies: Vec<Tally>) -> Analytics {
    let mut ones: BTreeMap<Measure, u64> = BTreeMap::new();
    let mut on: BTreeMap<(Measure, Channel), u64> = BTreeMap::new();
    let mut types: BTreeMap<String, u64> = BTreeMap::new();
    let mut histogram = Histogram::default();
    for Tally { key, count } in tallies {
        let TallyKey { measure, channel, notification_type, bucket, day: _, class: _ } = key;
        let Some(measure) = Measure::parse(&measure) else { continue };
        if let Some(channel) = Channel::parse(&channel) {
            *on.entry((measure, channel)).or_default() += count;
            continue;
        }
        *ones.entry(measure).or_default() += count;
        match measure {
            Measure::Notifications => *types.entry(notification_type).or_default() += count,
            Measure::ResponseBuckets => {
                Bucket::new(bucket).into_iter().for_each(|bucket| histogram.add(bucket, count));
            }
            _ => {}
        }
    }
    let one = |measure| ones.get(&measure).copied().unwrap_or_default();
    let average = one(Measure::ResponseMs).checked_div(one(Measure::Responses));
    let percentile = |percent| histogram.percentile(percent).unwrap_or_default();
    Analytics {
        notifications: one(Measure::Notifications),
        channels: Channel::ALL.map(|channel| (channel, channel_sums(&on, channel))),
        types: most_frequent(types),
        response_ms: [
            average.unwrap_or_default(),
            percentile(Percent::P95),
            percentile(Percent::P99),
        ],
        reads: one(Measure::Reads),
        shown: one(Measure::Shown),
        clicked: one(Measure::Clicked),
    }
}

fn channel_sums(on: &BTreeMap<(Measure, Channel), u64>, channel: Channel) -> ChannelSums {
    let sum = |measure| on.get(&(measure, channel)).copied().unwrap_or_default();
    ChannelSums {
        sent: sum(Measure::Sent),
        accepted: sum(Measure::Accepted),
        delivered: sum(Measure::Delivered),
        failed: sum(Measure::Failed).saturating_sub(sum(Measure::Recovered)),
    }
}

fn most_frequent(types: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let mut by_count: Vec<(String, u64)> = types.into_iter().collect();
    by_count.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    by_count.truncate(TYPES_MAX);
    by_count.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_two_decimals() {
        let rate = |sent, delivered| {
            ChannelSums { sent, delivered, ..ChannelSums::default() }.success_rate().to_string()
        };
        let rates = [rate(0, 0), rate(15_420, 12_800), rate(8_500, 8_100), rate(450, 440)];
        assert_eq!(rates, ["0", "0.83", "0.95", "0.98"]);
    }

    #[test]
    fn of_very_many_types_the_most_frequent_are_named() {
        let types = (0..2_000).map(|n| (format!("t{n}"), n)).collect();
        let named = most_frequent(types);
        assert_eq!((named.len(), named.values().min()), (TYPES_MAX, Some(&1_000)));
    }
}
