//! What has to hold once everything has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::TopicId;
use landfall_store::{StandingsAsk, StoredEntity};
use serde_json::Value;

use crate::device::{Fields, Key, Speech};
use crate::edits::{Meant, TOPIC};
use crate::world::{Sums, World};

/// How an operation ended as the store has it: the status, and the conflict.
pub type Outcome = (String, Option<String>);

impl World<'_> {
    /// Checks everything, and counts what happened.
    pub async fn ended(self, sums: &mut Sums) {
        for user in 0..self.users.len() {
            let own = FeedKey::data(&self.tenant, &self.users[user]);
            self.check_feed(&own, (user, None)).await;
            self.check_numbers(&own).await;
        }
        let topic = FeedKey::topic(&self.tenant, &TopicId::parse(TOPIC).unwrap());
        self.check_numbers(&topic).await;
        for user in 0..self.users.len() {
            self.check_feed(&topic, (user, Some(TOPIC))).await;
        }
        let mut outcomes = BTreeMap::new();
        for user in 0..self.users.len() {
            let of_user = self.meant.iter().filter(|(_, meant)| meant.user == user);
            let ids: Vec<String> = of_user.map(|(id, _)| id.clone()).collect();
            let known = self.outcomes(user, &ids).await;
            self.check_conflicts(user, &known).await;
            outcomes.extend(known);
        }
        self.check_none_is_lost(&outcomes);
        self.check_sums(&outcomes, &topic).await;
        let mine = self.sums;
        sums.seeds += mine.seeds;
        sums.requests += mine.requests;
        sums.given_up += mine.given_up;
        sums.passed += mine.passed;
        sums.restarts += mine.restarts;
        sums.restores += mine.restores;
        sums.operations += self.meant.len() as u64;
        let count = |status| outcomes.values().filter(|(of, _)| of == status).count() as u64;
        sums.conflicts += count("conflict");
        sums.rejected += count("rejected");
    }

    /// Gives how a user's operations ended, of those that did.
    pub async fn outcomes(&self, user: usize, ids: &[String]) -> BTreeMap<String, Outcome> {
        let user = &self.users[user];
        let ask = StandingsAsk {
            operations: ids.iter().map(|id| id.as_str().into()).collect(),
            ..StandingsAsk::of(&FeedKey::data(&self.tenant, user), user, "")
        };
        let found = self.ground.store().standings(ask).await.unwrap();
        let read = |json: &str| {
            let outcome: Value = serde_json::from_str(json).unwrap();
            let conflict = outcome["conflict"].as_str().map(ToOwned::to_owned);
            (outcome["status"].as_str().unwrap().to_owned(), conflict)
        };
        let outcome = |one: &landfall_store::StoredOperation| {
            (one.id.to_string(), read(one.outcome.as_ref().expect("nothing is forgotten").as_str()))
        };
        found.operations.iter().map(outcome).collect()
    }

    async fn entities(&self, feed: &FeedKey) -> Vec<StoredEntity> {
        let store = self.ground.store();
        store.changed_entities(feed, Number::ZERO, Vec::new(), 10_000).await.unwrap()
    }

    /// Every device of a user has what the server has of a feed, and nothing else.
    async fn check_feed(&self, feed: &FeedKey, (user, topic): (usize, Option<&str>)) {
        let entities = self.entities(feed).await;
        let may_read = topic.is_none() || self.members.contains(&user);
        let there = entities.iter().filter(|entity| !entity.is_deleted && may_read);
        let expected: BTreeMap<Key, Fields> =
            there.map(|entity| (key(entity, topic), fields(entity))).collect();
        for device in self.devices.iter().filter(|device| device.user == user) {
            assert_eq!(device.waiting(), 0);
            // Who says where it stands by time alone is not told what it may not read any more.
            if device.is_by_time && !may_read {
                continue;
            }
            let rows = device.disk.rows.iter().filter(|(key, _)| key.topic.as_deref() == topic);
            // What is its own alone, though it had effect, it may go on to show.
            let rows = rows.filter(|(_, row)| may_read || row.version > 0);
            let shown: BTreeMap<Key, Fields> =
                rows.filter_map(|(key, _)| Some((key.clone(), device.view(key)?))).collect();
            assert_eq!(shown, expected, "seed {}: {} and the server", self.seed, device.name);
        }
    }

    /// Numbers are given once each; on a user's own feed, of which nothing was forgotten, without a gap.
    async fn check_numbers(&self, feed: &FeedKey) {
        let entities = self.entities(feed).await;
        let every = |entity: &StoredEntity| {
            let name = entity.name.clone();
            (1..=entity.version).map(move |version| (name.clone(), version)).collect::<Vec<_>>()
        };
        let ask = StandingsAsk {
            versions: entities.iter().flat_map(every).collect(),
            ..StandingsAsk::of(feed, &self.users[0], "")
        };
        let count = ask.versions.len();
        let versions = self.ground.store().standings(ask).await.unwrap().versions;
        let numbers: BTreeSet<Number> = versions.iter().map(|version| version.changed).collect();
        assert_eq!((numbers.len(), versions.len()), (count, count), "seed {}: {feed:?}", self.seed);
        let head = self.ground.store().heads(vec![feed.clone().into()]).await.unwrap()[0];
        let is_whole =
            head.horizon == Number::ZERO && feed.kind == landfall_core::feed::FeedKind::Data;
        let last = numbers.last().copied().unwrap_or_default();
        assert!(last <= head.newest);
        if is_whole {
            let expected = (1..=head.newest.0).map(Number).collect();
            assert_eq!(numbers, expected, "seed {}: {feed:?} has a gap", self.seed);
        }
    }

    /// Every operation ended, and its device knows how; or it could not be read, or its device had let go of it when
    /// the server lost it.
    fn check_none_is_lost(&self, outcomes: &BTreeMap<String, Outcome>) {
        for (id, meant) in &self.meant {
            let seed = self.seed;
            let device = &self.devices[meant.device];
            let Some(seen) = device.disk.seen.get(id) else {
                panic!("seed {seed}: nobody was told what became of {id}")
            };
            let is_kept = device.disk.kept.iter().any(|operation| operation.id == *id);
            match outcomes.get(id) {
                Some((status, conflict)) if is_kept || self.sums.restores == 0 => {
                    let told = (&seen.status, &seen.conflict);
                    assert_eq!(
                        (status, conflict),
                        told,
                        "seed {seed}: {id} ended otherwise than was told"
                    );
                }
                Some(_) => {}
                None => assert!(
                    !is_kept && self.sums.restores > 0,
                    "seed {seed}: {id} is lost: {seen:?}"
                ),
            }
            if meant.is_poison && is_kept {
                assert!(
                    ["rejected", "conflict"].contains(&&*seen.status),
                    "seed {seed}: {id} {seen:?}"
                );
            }
        }
    }

    /// What was in the way of something is in a conflict's record.
    async fn check_conflicts(&self, user: usize, outcomes: &BTreeMap<String, Outcome>) {
        let all = self.conflicts(user, "all").await;
        let by_id: BTreeMap<&str, &Value> =
            all.iter().map(|one| (one["id"].as_str().unwrap(), one)).collect();
        for (id, (status, conflict)) in outcomes {
            assert!(status != "conflict" || conflict.is_some());
            let Some(conflict) = conflict else { continue };
            let seed = self.seed;
            let Some(record) = by_id.get(conflict.as_str()) else {
                panic!("seed {seed}: the conflict of {id} is not there")
            };
            // The last that folded into it is there with all that it said.
            if record["operationId"] == **id {
                let client = record["clientData"].as_object();
                for (field, value) in &self.meant[id].data {
                    let kept = client.and_then(|client| client.get(field));
                    assert_eq!(kept, Some(value), "seed {seed}: {id} lost {field}: {record}");
                }
            }
        }
    }

    /// Whether nothing may differ by a step: all devices say what their edits began from, and what they said holds.
    fn is_exact(&self, user: Option<usize>) -> bool {
        let mut devices =
            self.devices.iter().filter(|device| user.is_none_or(|user| user == device.user));
        devices.all(|device| match device.speech {
            Speech::BaseData => true,
            // A version of a life that is no more may be another one in this life.
            Speech::Versions => self.sums.restores == 0,
            Speech::Counts => false,
        })
    }

    /// Counters are what all steps came to that took effect, and sets have what was put on.
    async fn check_sums(&self, outcomes: &BTreeMap<String, Outcome>, topic: &FeedKey) {
        for user in 0..self.users.len() {
            let own = FeedKey::data(&self.tenant, &self.users[user]);
            self.check_sums_of(&self.entities(&own).await, Some(user), outcomes);
        }
        self.check_sums_of(&self.entities(topic).await, None, outcomes);
    }

    fn check_sums_of(
        &self,
        entities: &[StoredEntity],
        user: Option<usize>,
        outcomes: &BTreeMap<String, Outcome>,
    ) {
        let topic = user.is_none().then_some(TOPIC);
        let adds_up = |entity: &&StoredEntity| ["tally", "board"].contains(&&*entity.name.kind);
        for entity in entities.iter().filter(adds_up) {
            let key = key(entity, topic);
            let fields = fields(entity);
            let has_effect = |id: &str| {
                outcomes
                    .get(id)
                    .is_some_and(|(status, _)| ["applied", "merged"].contains(&&**status))
            };
            let about = self.meant.iter().filter(|(id, meant)| {
                meant.key == key && user.is_none_or(|user| user == meant.user) && has_effect(id)
            });
            let about: Vec<_> = about.map(|(_, meant)| meant).collect();
            let in_vain =
                self.meant.iter().filter(|(id, meant)| meant.key == key && !has_effect(id));
            let in_vain: Vec<_> = in_vain.map(|(_, meant)| meant).collect();
            let seed = self.seed;
            // What was made on something that was refused, or lost, counts from there where the server has no
            // count.
            let is_whole = self.sums.restores == 0 && in_vain.iter().all(|meant| meant.step == 0);
            if self.is_exact(user) && is_whole {
                let steps: i64 = about.iter().map(|meant| meant.step).sum();
                let found = fields.get("n").and_then(Value::as_i64).unwrap_or(0);
                assert_eq!(found, steps, "seed {seed}: {key:?} is {found}");
            }
            self.check_tags((user, &key), &fields, &about, &in_vain);
        }
    }

    fn check_tags(
        &self,
        (user, key): (Option<usize>, &Key),
        fields: &Fields,
        about: &[&Meant],
        in_vain: &[&Meant],
    ) {
        let seed = self.seed;
        let tags = about.iter().filter_map(|meant| meant.tag.clone());
        let expected: BTreeSet<String> = tags.collect();
        let found = fields.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
        let count = found.len();
        let found: BTreeSet<String> =
            found.iter().map(|tag| tag.as_str().unwrap().to_owned()).collect();
        assert_eq!(found.len(), count, "seed {seed}: {key:?} has a tag twice");
        // A count may be taken for a server version that its device has, but did not begin from.
        if self.is_exact(user) {
            assert!(found.is_superset(&expected), "seed {seed}: {key:?} {found:?} {expected:?}");
        }
        // Nor may it bring along more than what it was made on.
        let refused = |tag: &&String| in_vain.iter().any(|meant| meant.tag.as_ref() == Some(tag));
        let more: Vec<&String> = found.difference(&expected).filter(|tag| !refused(tag)).collect();
        assert!(more.is_empty(), "seed {seed}: {key:?} has {more:?}");
    }
}

fn key(entity: &StoredEntity, topic: Option<&str>) -> Key {
    Key {
        topic: topic.map(ToOwned::to_owned),
        kind: entity.name.kind.to_string(),
        id: entity.name.id.to_string(),
    }
}

fn fields(entity: &StoredEntity) -> Fields {
    serde_json::from_str(entity.data.as_str()).unwrap()
}
