//! Calls whose answer may be a refusal.

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::harness::{Landfall, soon};

/// An answer, read in full.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// Says the status and, of a problem, the code.
    pub fn told(&self) -> String {
        told(self.status, &self.body)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Says a status and the code of a problem.
pub fn told(status: u16, problem: &Value) -> String {
    let code = problem["type"].as_str().and_then(|uri| uri.strip_prefix("/problems/"));
    code.map_or_else(|| status.to_string(), |code| format!("{status} {code}"))
}

/// Calls with a token and headers; a body is JSON unless the headers say otherwise.
pub async fn call(
    landfall: &Landfall,
    (method, path): (&str, &str),
    token: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Answer {
    let url = format!("http://{}{path}", landfall.address);
    let client = reqwest::Client::new();
    let mut request = client.request(method.parse().unwrap(), url).bearer_auth(token).body(body);
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = soon(path, request.send()).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = soon(path, response.text()).await.unwrap();
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null) }
}

/// Asks for something.
pub async fn get(landfall: &Landfall, path: &str, token: &str) -> Answer {
    call(landfall, ("GET", path), token, &[], String::new()).await
}

/// Sends a notification with one more field.
pub async fn send(landfall: &Landfall, token: &str, field: &str, value: Value) -> Answer {
    let mut body = json!({ "notification_type": "news", "message": "m" });
    body[field] = value;
    if field != "user_ids" && field != "topic_id" {
        body["user_id"] = json!("u");
    }
    call(landfall, ("POST", "/api/v1/notify"), token, &[], body.to_string()).await
}
