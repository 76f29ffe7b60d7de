//! The description tells every route, and nothing that is none.

use std::collections::BTreeSet;

use landfall_server::http::{document, table};
use serde_json::Value;

use crate::harness::{Server, finish};

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &'_ Value)| {
        let path = path.clone();
        let methods: Vec<String> = item.as_object().unwrap().keys().cloned().collect();
        methods
            .into_iter()
            .map(move |method| (method.to_uppercase(), path.clone()))
            .collect::<Vec<_>>()
    };
    paths
        .iter()
        .flat_map(of_path)
        .map(|(method, path)| {
            let operation = &document["paths"][&path][method.to_lowercase()];
            (method, path, operation)
        })
        .collect()
}

#[test]
fn routes_and_description_are_the_same() {
    let document = document();
    let described: BTreeSet<(String, String)> =
        operations(&document).into_iter().map(|(method, path, _)| (method, path)).collect();
    let served: BTreeSet<(String, String)> =
        table().into_iter().map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
    assert_eq!(described, served);
}

#[test]
fn every_operation_tells_its_problems_and_who_may_call_it() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
        assert!(operation["summary"].is_string(), "{method} {path}");
        let responses = operation["responses"].as_object().unwrap();
        let is_open = operation["security"].is_array();
        assert_eq!(responses.contains_key("401"), !is_open, "{method} {path}");
        assert_eq!(responses.contains_key("415"), operation["requestBody"].is_object());
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn check(value: &Value, document: &Value) {
        match value {
            Value::Object(map) => {
                if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                map.values().for_each(|value| check(value, document));
            }
            Value::Array(items) => items.iter().for_each(|item| check(item, document)),
            _ => {}
        }
    }
    let document = document();
    check(&document, &document);
}

#[test]
fn every_documented_call_is_shown() {
    let text = document().to_string();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../protocol/examples/calls");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let example: Value =
            serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let has_body = !example["request"].is_null() || !example["answer"].is_null();
        let name = format!(r#""{}":{{"value""#, path.file_stem().unwrap().to_str().unwrap());
        assert_eq!(text.contains(&name), has_body, "{name}");
    }
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let server = Server::start().await;
    let page = finish(server.request("GET", "/docs")).await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let policy = page.header("content-security-policy").to_owned();
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for (tag, count) in [("<script", 1), ("<style", 1), ("src=", 0), ("http://", 0), (" style=", 0)]
    {
        assert_eq!(page.text.matches(tag).count(), count, "{tag}");
    }
    for (tag, directive) in [("script", "script-src"), ("style", "style-src")] {
        let inside = page.text.split_once(&format!("<{tag}>")).unwrap().1;
        let inside = inside.split_once(&format!("</{tag}>")).unwrap().0;
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, inside.as_bytes());
        use base64::Engine as _;
        let hash = base64::engine::general_purpose::STANDARD.encode(hash);
        assert!(policy.contains(&format!("{directive} 'sha256-{hash}'")), "{policy}");
    }
    let served = finish(server.request("GET", "/openapi.json")).await;
    assert_eq!(served.json(), document());
}
