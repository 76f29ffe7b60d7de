//! A sender: an app's backend that repeats what was not answered, with the same key.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::process::token;
use crate::{Answers, Random, USERS, World, user};

/// Sends until the test is over; gives everything that was answered.
pub async fn run(world: Arc<World>, index: usize, mut random: Random) -> Answers {
    let client = reqwest::Client::new();
    let bearer = token(&format!("backend-{index}"), "service");
    let mut answers = Answers::default();
    let mut count = 0u64;
    while !*world.is_over.borrow() {
        count += 1;
        let key = format!("{index}-{count}");
        let to = user(random.below(USERS as u64) as usize);
        let is_send = random.below(12) == 0;
        let body = if is_send {
            let users: Vec<String> = (0..USERS).map(user).collect();
            json!({ "user_ids": users, "notification_type": "bulk", "message": key })
        } else {
            json!({ "user_id": to, "notification_type": "news", "message": key })
        };
        let answer = until_answered(&world, &client, &bearer, &key, &body).await;
        if is_send {
            let send = answer["send_id"].as_str().unwrap().to_owned();
            answers.sends.insert(send, answer["accepted"].as_u64().unwrap());
        } else {
            let id = answer["notification_id"].as_str().unwrap().to_owned();
            let number = answer["replay_id"].as_str().unwrap().parse().unwrap();
            answers.single.insert(id, (to, number));
        }
        world.answered.fetch_add(1, Ordering::SeqCst);
        world.progress.notify_one();
    }
    answers
}

/// Repeats a request over restarts until it is answered.
async fn until_answered(
    world: &World,
    client: &reqwest::Client,
    bearer: &str,
    key: &str,
    body: &Value,
) -> Value {
    let mut address = world.address.clone();
    loop {
        let now = address.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        let request = client
            .post(format!("http://{now}/notify"))
            .bearer_auth(bearer)
            .header("Idempotency-Key", key)
            .json(body);
        let Ok(response) = request.send().await else { continue };
        if response.status() == 202 {
            if let Ok(answer) = response.json().await {
                return answer;
            }
            continue;
        }
        let (status, says_when) =
            (response.status(), response.headers().contains_key("retry-after"));
        assert_eq!(status, 503, "{}", response.text().await.unwrap());
        assert!(says_when, "a 503 does not say when to come back");
        world.refused.fetch_add(1, Ordering::SeqCst);
        world.progress.notify_one();
    }
}
