//! Lists as sets: an element is its canonical text, and each is once.

use std::collections::{BTreeMap, BTreeSet};

use crate::json::Value;

type Elements<'a> = BTreeMap<String, &'a Value>;

/// Gives what either added and neither removed: what was in the base in the base's order, then the
/// new ones in the order of their canonical texts.
pub(super) fn merge(base: Option<&Value>, server: &Value, client: &Value) -> Option<Value> {
    let (Value::List(server), Value::List(client)) = (server, client) else { return None };
    let base = match base {
        Some(Value::List(base)) => base.as_slice(),
        _ => &[],
    };
    let [of_base, of_server, of_client] = [base, server, client].map(elements);
    let mut seen = BTreeSet::new();
    let stays = |name: &String| of_server.contains_key(name) && of_client.contains_key(name);
    let mut merged: Vec<Value> = Vec::new();
    for element in base {
        let name = element.canonical();
        if stays(&name) && seen.insert(name) {
            merged.push(element.clone());
        }
    }
    let mut added: Elements<'_> = of_client;
    // The server's spelling where both added it.
    added.extend(of_server);
    let new = added.into_iter().filter(|(name, _)| !of_base.contains_key(name));
    merged.extend(new.map(|(_, element)| element.clone()));
    Some(Value::List(merged))
}

fn elements(list: &[Value]) -> Elements<'_> {
    list.iter().rev().map(|element| (element.canonical(), element)).collect()
}
