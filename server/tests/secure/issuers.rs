//! Tokens of an issuer that publishes its keys, on requests and on sockets, over its outages.

use landfall_server::clock::Clock;
use reqwest::Response;
use serde_json::{Value, json};

use crate::client::Device;
use crate::harness::{Landfall, soon, token, until};
use crate::issuer::{Issuer, Says, Signer, keys};

fn setting(issuer: &Issuer) -> String {
    format!(r#"[{{ id = "school", alg = "EdDSA", jwks_url = "{}" }}]"#, issuer.url)
}

/// Lets tokens bring fetches about once a second.
async fn landfall(issuer: &Issuer) -> Landfall {
    Landfall::with(&[
        ("LANDFALL_AUTH_KEYS", &setting(issuer)),
        ("LANDFALL_AUTH_JWKS_REFETCH_SECONDS", "1"),
    ])
    .await
}

fn claims() -> Value {
    json!({ "sub": "ada", "exp": 4_102_444_800u64 })
}

async fn inbox(landfall: &Landfall, token: &str) -> Response {
    let url = format!("http://{}/api/v1/notifications", landfall.address);
    let request = reqwest::Client::new().get(url).bearer_auth(token);
    soon("the inbox", request.send()).await.unwrap()
}

async fn device(landfall: &Landfall, token: &str) -> Device {
    Device::connect(&format!("ws://{}/ws?token={token}", landfall.address)).await
}

#[tokio::test]
async fn the_server_starts_without_its_issuer_and_logs_nobody_out() {
    let signer = Signer::named("one");
    let issuer = Issuer::start(Says::Status(500)).await;
    let landfall = landfall(&issuer).await;
    let theirs = signer.token(claims());

    let answer = inbox(&landfall, &theirs).await;
    assert_eq!(answer.status().as_u16(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["type"], "/problems/unavailable");
    assert!(problem["detail"].as_str().unwrap().contains("issuer"), "{problem}");
    let closed = device(&landfall, &theirs).await.closed().await;
    assert_eq!(closed.code, 1013, "{closed:?}");

    // Tokens of another key are served meanwhile, and may read how it stands.
    let root = token("root", "admin");
    let health = landfall.call("GET", "/health", &root, None).await;
    let said = (&health["status"], &health["issuers"]);
    assert_eq!(said, (&json!("degraded"), &json!("unavailable")));

    issuer.publish(&[&signer]);
    until("the token holds", async || inbox(&landfall, &theirs).await.status() == 200).await;
    let mut device = device(&landfall, &theirs).await;
    device.say(json!({ "type": "auth", "token": signer.token(claims()) })).await;
    assert_eq!(device.next().await["type"], "authenticated");
    let health = landfall.call("GET", "/health", &root, None).await;
    let said = (&health["status"], &health["issuers"]);
    assert_eq!(said, (&json!("healthy"), &json!("healthy")));
}

#[tokio::test]
async fn a_restart_during_an_outage_refuses_nobody() {
    let signer = Signer::named("one");
    let issuer = Issuer::start(keys(&[&signer])).await;
    let landfall = landfall(&issuer).await;
    let theirs = signer.token(claims());
    assert_eq!(inbox(&landfall, &theirs).await.status(), 200);
    let jwks = landfall.folder.path().join("jwks");
    let is_kept = || {
        let mut all = std::fs::read_dir(&jwks).into_iter().flatten().flatten();
        all.any(|file| file.path().extension().is_some_and(|end| end == "json"))
    };
    until("the set is kept", async || is_kept()).await;
    let folder = landfall.stop().await;

    issuer.say(Says::Status(500));
    let settings = [("LANDFALL_AUTH_KEYS", &*setting(&issuer))];
    let landfall = Landfall::on(folder, &settings, Clock::system()).await;
    assert_eq!(inbox(&landfall, &theirs).await.status(), 200);
    let root = token("root", "admin");
    let is_stale = async || {
        let health = landfall.call("GET", "/health", &root, None).await;
        health["issuers"] == "degraded"
    };
    until("the outage is seen", is_stale).await;
    let url = format!("http://{}/metrics", landfall.address);
    let metrics = reqwest::Client::new().get(url).bearer_auth(&root).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    for line in [r#"landfall_jwks_stale{key="school"} 1"#, r#"landfall_jwks_keys{key="school"} 1"#]
    {
        assert!(metrics.contains(line), "{metrics}");
    }
    assert!(!metrics.contains(&issuer.url), "{metrics}");
}

#[tokio::test]
async fn a_fresh_token_with_a_new_key_is_asked_for_again_and_closes_no_socket() {
    let (old, new) = (Signer::named("old"), Signer::named("new"));
    let issuer = Issuer::start(keys(&[&old])).await;
    let landfall = Landfall::with(&[
        ("LANDFALL_AUTH_KEYS", &setting(&issuer)),
        ("LANDFALL_AUTH_JWKS_REFETCH_SECONDS", "1"),
        ("LANDFALL_REALTIME_HEARTBEAT_SECONDS", "1"),
    ])
    .await;
    let mut device = device(&landfall, &old.token(claims())).await;
    issuer.publish(&[&old, &new]);
    let fresh = new.token(claims());
    let renewed = async || {
        device.say(json!({ "type": "auth", "token": fresh })).await;
        let answer = device.next().await;
        let code = answer["code"].as_str().unwrap_or_default();
        let is_new = answer["type"] == "authenticated";
        assert!(is_new || ["unavailable", "unauthenticated"].contains(&code), "{answer}");
        if !is_new {
            device.next_of("heartbeat").await;
        }
        is_new
    };
    until("the new key is known", renewed).await;
}
