//! Chains of a device's edits, one made on the other while it was away, met by what others did meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::{ProptestConfig, prop, prop_assert_eq, proptest};

use super::{kind, object, written};
use crate::json::{Object, Value};
use crate::merge::{Fields, Rule};
use crate::sync::{
    Basis, Branch, Edit, Entity, EntityKind, Follows, Memory, Next, Reason, Said, Stamps, Strategy,
    Verb, basis, decide,
};

/// A server with one entity and one device's branch of it.
struct Server {
    kind: EntityKind,
    entity: Option<Entity>,
    versions: BTreeMap<u64, Object>,
    branch: Option<Branch>,
}

impl Memory for Server {
    fn version(&self) -> u64 {
        self.versions.last_key_value().map_or(0, |(version, _)| *version)
    }

    fn fields(&self, version: u64) -> Option<&Object> {
        self.versions.get(&version)
    }
}

impl Server {
    fn with(kind: EntityKind, data: &str) -> Self {
        let mut server = Self { kind, entity: None, versions: BTreeMap::new(), branch: None };
        server.others(data);
        server
    }

    /// Others change the entity as it stands.
    fn others(&mut self, data: &str) {
        let at = 100 + self.versions.len() as i64;
        self.edit(at, "other", &object(data), Basis::Current);
    }

    fn edit(&mut self, at: i64, device: &str, data: &Object, basis: Basis<'_>) -> Reason {
        let (removed, stamp) = (BTreeSet::new(), written(at, device));
        let edit = Edit { verb: Verb::Update, data, removed: &removed, basis, stamp: &stamp };
        let edit =
            if self.entity.is_none() { Edit { basis: Basis::Nothing, ..edit } } else { edit };
        let found = decide(&self.kind, self.entity.as_ref(), &edit);
        if let Some(Next { data, is_deleted, stamps }) = found.next {
            if self.entity.as_ref().is_none_or(|entity| entity.data != data) {
                self.versions.insert(self.version() + 1, data.clone());
            }
            self.entity = Some(Entity { data, is_deleted, stamps });
        }
        found.reason
    }

    /// The device pushes an edit, as S1's clients do: with its own count of versions alone.
    fn push(&mut self, client_version: u64, data: &str) -> Reason {
        let said = Said { client_version: Some(client_version), ..Said::default() };
        self.push_saying(said, &object(data))
    }

    fn push_saying(&mut self, said: Said<'_>, data: &Object) -> Reason {
        let branch = self.branch.clone();
        let versions = Server {
            kind: self.kind.clone(),
            entity: None,
            versions: self.versions.clone(),
            branch: None,
        };
        let from = basis(said, branch.as_ref(), &versions);
        let mut fields = match from {
            Basis::Fields(fields) => fields.clone(),
            Basis::Current => {
                self.entity.as_ref().map(|entity| entity.data.clone()).unwrap_or_default()
            }
            Basis::Nothing | Basis::Unknown => Object::new(),
        };
        fields.extend(data.clone());
        let base_version = match &branch {
            Some(branch) if matches!(from, Basis::Fields(_)) => branch.base_version,
            _ => self.version(),
        };
        let at = 500 + said.client_version.unwrap_or(0) as i64;
        let reason = self.edit(at, "phone", data, from);
        self.branch = Some(Branch {
            client_version: said.client_version,
            base_version,
            fields: Some(fields),
            is_left: false,
        });
        reason
    }

    fn data(&self) -> String {
        self.entity
            .as_ref()
            .map_or(String::new(), |entity| Value::Object(entity.data.clone()).text())
    }
}

fn counting() -> EntityKind {
    let named = [("n".to_owned(), Rule::Counter)].into();
    kind(Strategy::Merge(Fields { named, other: Box::new(Rule::LastWrite) }))
}

#[test]
fn each_step_of_a_chain_counts_once_whatever_the_step_before_it_became() {
    let mut server = Server::with(counting(), r#"{"n":5}"#);
    server.others(r#"{"n":15}"#);
    // The device had version 1 and counted twice; each edit brings the whole count.
    assert_eq!(server.push(2, r#"{"n":6}"#), Reason::ByRules);
    assert_eq!(server.data(), r#"{"n":16}"#);
    server.push(3, r#"{"n":7}"#);
    assert_eq!(server.data(), r#"{"n":17}"#, "on what the first became it would be 7");
    // Others come in between, and the chain goes on.
    server.others(r#"{"n":20}"#);
    server.push(4, r#"{"n":8}"#);
    assert_eq!(server.data(), r#"{"n":21}"#);
}

#[test]
fn what_follows_an_edit_that_lost_does_not_win_unseen() {
    let mut server = Server::with(kind(Strategy::ServerWins), r#"{"a":1,"b":1}"#);
    server.others(r#"{"a":9}"#);
    assert_eq!(server.push(2, r#"{"a":2}"#), Reason::ServerWins);
    assert_eq!(server.push(3, r#"{"a":3}"#), Reason::ServerWins);
    assert_eq!(server.push(4, r#"{"b":5}"#), Reason::OtherFields);
    assert_eq!(server.data(), r#"{"a":9,"b":5}"#);
}

#[test]
fn a_device_that_pulled_goes_on_from_what_it_pulled() {
    let mut server = Server::with(kind(Strategy::ServerWins), r#"{"a":1}"#);
    server.push(2, r#"{"a":2}"#);
    server.others(r#"{"a":3}"#);
    server.branch.as_mut().unwrap().is_left = true;
    // It has version 3 now and counts on from there.
    assert_eq!(server.push(4, r#"{"a":4}"#), Reason::OnItsBase);
    assert_eq!(server.data(), r#"{"a":4}"#);
}

#[test]
fn what_the_device_says_comes_before_what_the_server_remembers() {
    let branch = Branch {
        client_version: Some(3),
        base_version: 2,
        fields: Some(object(r#"{"a":"branch"}"#)),
        is_left: false,
    };
    let versions =
        [(1, object(r#"{"a":1}"#)), (2, object(r#"{"a":2}"#)), (4, object(r#"{"a":4}"#))].into();
    let server = Server { kind: counting(), entity: None, versions, branch: None };
    let brought = object(r#"{"a":"brought"}"#);
    let shown = |said: Said<'_>| match basis(said, Some(&branch), &server) {
        Basis::Fields(fields) => Value::Object(fields.clone()).text(),
        other => format!("{other:?}"),
    };
    let check = |said: Said<'_>, expected: &str| assert_eq!(shown(said), expected, "{said:?}");
    let by = |base: Option<u64>, client: Option<u64>| Said {
        base_version: base,
        client_version: client,
        ..Said::default()
    };
    check(Said { base_data: Some(&brought), ..by(Some(4), None) }, r#"{"a":"brought"}"#);
    check(by(Some(2), None), r#"{"a":"branch"}"#);
    check(by(None, Some(4)), r#"{"a":"branch"}"#);
    check(by(Some(1), Some(4)), r#"{"a":1}"#);
    check(by(Some(4), Some(9)), "Current");
    check(by(Some(3), None), "Unknown");
    check(by(None, Some(3)), r#"{"a":2}"#);
    check(by(None, Some(1)), "Nothing");
    check(by(Some(0), None), "Nothing");
    check(by(None, None), "Unknown");
    check(Said { follows: Follows::Branch, ..by(Some(4), None) }, r#"{"a":"branch"}"#);
    check(Said { follows: Follows::Other, ..by(Some(2), None) }, r#"{"a":2}"#);
    let empty = Server { kind: counting(), entity: None, versions: BTreeMap::new(), branch: None };
    assert!(matches!(basis(Said::default(), None, &empty), Basis::Nothing));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// A chain pushed edit by edit comes to what its whole would have come to, whatever others did before and
    /// between.
    #[test]
    fn a_chain_is_worth_its_whole(
        first in 0_i64..9,
        others in prop::collection::vec((0_usize..5, 0_i64..40), 0..3),
        steps in prop::collection::vec(-5_i64..6, 1..5),
    ) {
        let before = |server: &mut Server, place: usize| {
            for (_, n) in others.iter().filter(|(at, _)| *at == place) {
                server.others(&format!(r#"{{"n":{n}}}"#));
            }
        };
        let mut server = Server::with(counting(), &format!(r#"{{"n":{first}}}"#));
        let (mut count, mut moved) = (first, 0);
        for (place, step) in steps.iter().enumerate() {
            before(&mut server, place);
            count += step;
            moved += step;
            server.push(place as u64 + 2, &format!(r#"{{"n":{count}}}"#));
        }
        // Without the device, and then all of its steps.
        let mut alone = Server::with(counting(), &format!(r#"{{"n":{first}}}"#));
        let mut expected = first;
        let mut so_far = 0;
        for (place, step) in steps.iter().enumerate() {
            for (_, n) in others.iter().filter(|(at, _)| *at == place) {
                // Others set the count as they see it, with the steps so far.
                expected = *n - so_far;
            }
            before(&mut alone, place);
            so_far += step;
        }
        prop_assert_eq!(server.data(), format!(r#"{{"n":{}}}"#, expected + moved));
    }
}

/// The entity of a server that nobody edited.
#[test]
fn a_first_edit_makes_the_entity() {
    let mut server =
        Server { kind: counting(), entity: None, versions: BTreeMap::new(), branch: None };
    assert_eq!(server.push(1, r#"{"n":1}"#), Reason::OnItsBase);
    let whole = Stamps { whole: written(501, "phone"), fields: BTreeMap::new() };
    assert_eq!(server.entity.as_ref().unwrap().stamps, whole);
    server.push(2, r#"{"n":2}"#);
    assert_eq!(server.data(), r#"{"n":2}"#);
}
