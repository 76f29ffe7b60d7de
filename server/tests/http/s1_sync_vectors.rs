//! Chains of edits across pushes, as vectors for whoever writes a client: a phone makes three edits of what it made before,
//! each on the one before; a tablet comes in between, and answers get lost.
//!
//! `protocol/vectors/chains.jsonl` holds one history a line, with each request and its results. It is enumerated here, so that a
//! change of what chains become shows as a change of that file; `LANDFALL_WRITE_VECTORS=1` writes it anew. Of each operation
//! `entityType` and `entityId` are left out, since they are the history's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use landfall_core::merge::{Fields, Rule};
use landfall_core::sync::Strategy;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::kinds::kind;
use crate::harness::{Server, token};
use crate::s1_sync::{CONFLICTS, PULL, PUSH};

/// How an edit says what it began from.
const BASES: [&str; 3] = ["clientVersion", "baseVersion", "baseData"];
/// How the three edits are cut into pushes.
const CUTS: [&[usize]; 4] = [&[3], &[1, 2], &[2, 1], &[1, 1, 1]];
/// Histories that are played at once.
const AT_ONCE: usize = 8;

/// What a phone and a tablet do to a field `x` of an entity.
struct Plot {
    kind: &'static str,
    made: Value,
    tablet: Value,
    phone: [Value; 3],
}

fn plots() -> Vec<Plot> {
    let plot = |kind, made, tablet, phone| Plot { kind, made, tablet, phone };
    let numbers = [json!(6), json!(7), json!(8)];
    let texts =
        ["the black cat", "the big black cat", "the big black cat."].map(|text| json!(text));
    let words = ["first", "second", "third"].map(|text| json!(text));
    vec![
        plot("tally", json!(5), json!(15), numbers.clone()),
        plot("progress", json!(5), json!(7), numbers),
        plot("notes", json!("the cat"), json!("the cat sat"), texts),
        plot("settings", json!("made"), json!("other"), words.clone()),
        plot("response", json!("made"), json!("other"), words.clone()),
        plot("skill_mastery", json!("made"), json!("other"), words.clone()),
        plot("essay", json!("made"), json!("other"), words),
    ]
}

/// One request of a history.
#[derive(Clone)]
enum Request {
    /// The tablet changes the entity as the server has it.
    Tablet,
    /// The phone brings its edits from one to before another; whether the answer gets lost.
    Phone(usize, usize, Loss),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Loss {
    Answered,
    Lost,
}

/// Gives the pushes of a cut: none lost; or the first or the last, and sent again alone, or the first
/// with what comes next.
fn pushes(cut: &[usize]) -> Vec<Vec<Request>> {
    let mut from = 0;
    let mut sent = Vec::new();
    for count in cut {
        sent.push((from, from + count));
        from += count;
    }
    let answered = |(from, to): &(usize, usize)| Request::Phone(*from, *to, Loss::Answered);
    let lost = |at: usize| Request::Phone(sent[at].0, sent[at].1, Loss::Lost);
    let all = |range: &[(usize, usize)]| range.iter().map(answered).collect::<Vec<_>>();
    let last = sent.len() - 1;
    let mut found = vec![all(&sent), [vec![lost(0)], all(&sent)].concat()];
    if last > 0 {
        let together = Request::Phone(0, sent[1].1, Loss::Answered);
        found.push([vec![lost(0), together], all(&sent[2..])].concat());
        found.push([all(&sent[..last]), vec![lost(last)], all(&sent[last..])].concat());
    }
    found
}

/// Gives histories: the tablet comes before any of the requests, or not at all.
fn histories() -> Vec<Vec<Request>> {
    let mut found = Vec::new();
    for requests in CUTS.into_iter().flat_map(pushes) {
        for at in 0..requests.len() {
            let mut met = requests.clone();
            met.insert(at, Request::Tablet);
            found.push(met);
        }
        found.push(requests);
    }
    found
}

/// Writes an edit of the phone as one that says in this way what it began from.
fn edit(plot: &Plot, number: usize, base: &str) -> Value {
    let (id, at) = (format!("edit-{number}"), format!("2026-01-15T08:{}0:00Z", number + 1));
    let before = if number == 0 { &plot.made } else { &plot.phone[number - 1] };
    let mut edit = json!({
        "id": id, "operation": "UPDATE", "data": {"x": plot.phone[number]}, "timestamp": at,
        "clientVersion": number + 2,
    });
    if number == 1 {
        edit["data"]["y"] = json!(true);
    }
    match base {
        "baseData" => edit["baseData"] = json!({ "x": before }),
        "baseVersion" => {
            edit["baseVersion"] = json!(1);
            let after = if number == 0 { "made".into() } else { format!("edit-{}", number - 1) };
            edit["after"] = json!(after);
        }
        _ => {}
    }
    edit
}

/// A history that was played: what is told of it, and how it ended.
struct Played {
    line: Value,
    end: Value,
    /// The type, and how many edits had taken effect when the tablet came.
    key: (String, Option<usize>),
}

/// Plays a history as a user of its own.
async fn play(server: &Server, user: &str, plot: &Plot, base: &str, history: &[Request]) -> Played {
    let bearer = token(user, &["student"]);
    let made = json!({
        "id": "made", "operation": "CREATE", "data": {"x": plot.made},
        "timestamp": "2026-01-15T08:00:00Z", "clientVersion": 1,
    });
    push(server, &bearer, plot, ("phone", std::slice::from_ref(&made))).await;
    let mut told = vec![json!({"device": "phone", "operations": [made]})];
    let (mut done, mut met, mut results) = (0, None, BTreeMap::new());
    for request in history {
        let (device, operations, loss) = match request {
            Request::Tablet => {
                met = Some(done);
                let version = version(server, &bearer).await;
                ("tablet", vec![change(plot, &version)], Loss::Answered)
            }
            Request::Phone(from, to, loss) => {
                done = done.max(*to);
                ("phone", (*from..*to).map(|number| edit(plot, number, base)).collect(), *loss)
            }
        };
        let answered = push(server, &bearer, plot, (device, &operations)).await;
        for (operation, result) in operations.iter().zip(&answered) {
            let first =
                results.entry(operation["id"].to_string()).or_insert_with(|| result.clone());
            let said =
                |result: &Value| ["status", "reason", "version"].map(|of| result[of].clone());
            assert_eq!(said(first), said(result), "{user}: the same operation ended otherwise");
        }
        let mut request = json!({"device": device, "operations": operations, "results": answered});
        if loss == Loss::Lost {
            request["isLost"] = json!(true);
        }
        told.push(request);
    }
    let end = end(server, &bearer).await;
    let line = json!({"entityType": plot.kind, "base": base, "requests": told, "end": end});
    Played { line, end, key: (plot.kind.into(), met) }
}

/// Writes the tablet's edit, which is on the version that the server has.
fn change(plot: &Plot, version: &Value) -> Value {
    json!({
        "id": "tablet", "operation": "UPDATE", "data": {"x": plot.tablet},
        "timestamp": "2026-01-15T08:15:00Z", "baseVersion": version,
    })
}

/// Pushes operations of a device; gives their results, without what is another one each time.
async fn push(
    server: &Server,
    bearer: &str,
    plot: &Plot,
    (device, operations): (&str, &[Value]),
) -> Vec<Value> {
    let whole = |operation: &Value| {
        let mut whole = operation.clone();
        (whole["entityType"], whole["entityId"]) = (json!(plot.kind), json!("it"));
        whole
    };
    let operations: Vec<Value> = operations.iter().map(whole).collect();
    let body = json!({"deviceId": device, "operations": operations});
    let answer = Server::ok(server.call(bearer, "POST", PUSH, body).await, StatusCode::OK);
    answer["results"].as_array().unwrap().iter().map(brief).collect()
}

fn brief(result: &Value) -> Value {
    let mut brief = result.clone();
    let fields = brief.as_object_mut().unwrap();
    let conflict = fields.remove("conflictId").unwrap();
    if !conflict.is_null() {
        fields.insert("hasConflict".into(), json!(true));
    }
    brief
}

async fn version(server: &Server, bearer: &str) -> Value {
    let pulled = Server::ok(server.call(bearer, "POST", PULL, json!({})).await, StatusCode::OK);
    pulled["changes"][0]["version"].clone()
}

/// What the entity became, and what was kept of what lost.
async fn end(server: &Server, bearer: &str) -> Value {
    let pulled = Server::ok(server.call(bearer, "POST", PULL, json!({})).await, StatusCode::OK);
    let entity = &pulled["changes"][0];
    let path = format!("{CONFLICTS}?status=all");
    let conflicts = server.get(bearer, &path).await.json()["items"].clone();
    let kept = |conflict: &Value| {
        let of = [
            "operationId",
            "status",
            "resolution",
            "baseData",
            "serverData",
            "clientData",
            "resultData",
        ];
        of.map(|of| (of.to_owned(), conflict[of].clone())).into_iter().collect::<Value>()
    };
    let conflicts: Vec<Value> = conflicts.as_array().unwrap().iter().map(kept).collect();
    json!({"version": entity["version"], "data": entity["data"], "conflicts": conflicts})
}

/// Leaves out of an end what depends on how much the edits said: `baseData` names touched fields alone.
fn of_any(end: &Value) -> Value {
    let mut end = end.clone();
    for conflict in end["conflicts"].as_array_mut().unwrap() {
        for of in ["baseData", "clientData"] {
            conflict.as_object_mut().unwrap().remove(of);
        }
    }
    end
}

async fn played() -> Vec<Played> {
    let named = [("x".to_owned(), Rule::Counter)].into();
    let fields = Fields { named, other: Box::new(Rule::LastWrite) };
    let started = Server::start().await;
    let server = Arc::new(started.knowing(kind("tally", Strategy::Merge(fields))).await);
    let (plots, histories) = (Arc::new(plots()), Arc::new(histories()));
    let mut all = Vec::new();
    for plot in 0..plots.len() {
        for base in BASES {
            all.extend((0..histories.len()).map(|history| (plot, base, history)));
        }
    }
    let mut running = tokio::task::JoinSet::new();
    let mut found = BTreeMap::new();
    for (number, (plot, base, history)) in all.into_iter().enumerate() {
        let (server, plots, histories) = (server.clone(), plots.clone(), histories.clone());
        running.spawn(async move {
            let user = format!("u{number}");
            (number, play(&server, &user, &plots[plot], base, &histories[history]).await)
        });
        if running.len() >= AT_ONCE {
            found.extend(running.join_next().await.map(Result::unwrap));
        }
    }
    while let Some(ended) = running.join_next().await {
        found.extend([ended.unwrap()]);
    }
    found.into_values().collect()
}

#[tokio::test]
async fn a_chain_ends_the_same_however_it_is_cut_and_whatever_answer_is_lost() {
    let played = played().await;
    let mut ends: BTreeMap<(String, Option<usize>), Value> = BTreeMap::new();
    for Played { line, end, key } in &played {
        let expected = ends.entry(key.clone()).or_insert_with(|| of_any(end));
        assert_eq!(*expected, of_any(end), "{line}");
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../protocol/vectors/chains.jsonl");
    let lines: Vec<String> = played.iter().map(|played| played.line.to_string()).collect();
    if std::env::var_os("LANDFALL_WRITE_VECTORS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    let differing = kept.lines().zip(&lines).find(|(kept, line)| kept != line);
    assert_eq!(differing, None);
    assert_eq!(kept.lines().count(), lines.len());
}
